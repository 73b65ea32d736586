"""Pieces of work small enough that Ctrl-C is honoured between them, and Gram products by blocks."""

import numpy as np
from scipy.linalg.blas import dsyrk

from sparsekit._compile import kernel
from sparsekit._parallel import check_cancelled

# Elementary steps of one call: some 50 ms on a slow core.
BLOCK_WORK = 3e7


def row_blocks(n_items, work):
    """Yield (start, stop) pairs that cover ``range(n_items)`` in calls of equal, bounded work."""
    n_blocks = int(min(max(np.ceil(work / BLOCK_WORK), 1), max(n_items, 1)))
    for k in range(n_blocks):
        check_cancelled()
        yield n_items * k // n_blocks, n_items * (k + 1) // n_blocks


@kernel
def mirror_lower(gram, n_old):
    """Copy the lower triangle of the trailing square of `gram` to its upper triangle."""
    for a in range(gram.shape[0]):
        for b in range(a):
            gram[b, n_old + a] = gram[a, n_old + b]


def add_products(rows, n_old, gram):
    """Add ``rows[:, n_old:].T @ rows`` to `gram`; of its trailing square only the lower triangle.

    Either order of `rows` reaches the BLAS without a copy when `n_old` is zero.
    """
    by_column = rows.flags.f_contiguous
    new = rows[:, n_old:] if by_column else np.ascontiguousarray(rows[:, n_old:])
    square = gram if n_old == 0 else np.zeros((new.shape[1], new.shape[1]))
    oriented = new if by_column else new.T
    dsyrk(1.0, oriented, beta=1.0, c=square.T, trans=by_column, lower=0, overwrite_c=1)
    if n_old > 0:
        gram[:, n_old:] += square
        gram[:, :n_old] += new.T @ rows[:, :n_old]
