"""Pieces of work small enough that Ctrl-C is honoured between them, and Gram products by blocks."""

import numpy as np
from joblib import effective_n_jobs
from scipy.linalg.blas import dsyrk

from sparsekit._compile import kernel
from sparsekit._parallel import check_cancelled

# Elementary steps of one call: some 50 ms on a slow core.
BLOCK_WORK = 3e7

# Least number of blocks of a product worth a second thread, and most partial sums.
BLOCKS = 16

# Below this a second thread costs more than it brings.
THREAD_WORK = 1e6


def cut(n_items, work, n_jobs=None):
    """Return (start, stop) pairs that cover ``range(n_items)`` in calls of equal, bounded work.

    With several threads there are enough pairs for all of them.
    """
    n_blocks = np.ceil(work / BLOCK_WORK)
    if n_jobs not in (None, 1) and work > THREAD_WORK:
        n_blocks = max(n_blocks, 4 * effective_n_jobs(n_jobs))
    n_blocks = int(np.clip(n_blocks, 1, max(n_items, 1)))
    edges = [n_items * k // n_blocks for k in range(n_blocks + 1)]
    return list(zip(edges[:-1], edges[1:], strict=True))


def row_blocks(n_items, work):
    """Yield the same pairs for work that runs in one thread, where Ctrl-C comes in between."""
    for block in cut(n_items, work):
        check_cancelled()
        yield block


def cut_rows(n_rows, size):
    """Return blocks of `size` rows, the last one shorter."""
    return [(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


def cut_stored(indptr, work_per_entry, n_blocks=BLOCKS):
    """Return blocks of rows that hold about the same number of entries, whatever the threads."""
    n_rows, n_entries = len(indptr) - 1, int(indptr[-1])
    n_blocks = max(n_entries * work_per_entry / BLOCK_WORK, n_blocks)
    n_blocks = int(min(n_blocks, max(n_rows, 1)))
    # A row counts as an entry too, so that empty rows are shared out.
    weight = indptr + np.arange(n_rows + 1)
    edges = np.searchsorted(weight, np.arange(1, n_blocks) * (weight[-1] / n_blocks))
    edges = np.unique(np.concatenate(([0], edges, [n_rows])))
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def cut_triangle(n, side):
    """Return blocks of rows, of whole squares, with about the same part of a lower triangle."""
    n_blocks = max(BLOCKS, int(n * n / BLOCK_WORK))
    edges = side * np.round(n / side * np.sqrt(np.arange(n_blocks) / n_blocks)).astype(int)
    edges = np.unique(np.append(np.minimum(edges, n), n))
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


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
