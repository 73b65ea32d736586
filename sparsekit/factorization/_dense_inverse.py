"""The inverse of a symmetric positive definite matrix, in place, in pieces of some milliseconds."""

import numpy as np
from scipy.linalg.lapack import get_lapack_funcs

from sparsekit._parallel import check_cancelled, run_blocks, single_blas_thread
from sparsekit.matrix._blocks import cut_rows

# Pivots swept at once, rows of a band, and columns of one product.
PIVOTS, BAND, STRIP = 256, 256, 1024


def negated_inverse(matrix: np.ndarray, n_jobs: int | None = None) -> bool:
    """Overwrite `matrix` by minus its inverse; return whether it was positive definite.

    Blocks of pivots are swept one after another. A sweep is one product over the whole matrix, so
    threads share it by bands of rows, and no product takes long. Only the lower triangle is read.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        In C order. Of no use if the answer is False.
    n_jobs : int, default=None
        Threads; the result does not depend on them.

    Returns
    -------
    definite : bool
        Whether every pivot was positive.

    References
    ----------
    Goodnight (1979), "A tutorial on the SWEEP operator".
    """
    n = len(matrix)
    with single_blas_thread():
        for first in range(0, n, PIVOTS):
            if not _sweep(matrix, first, min(first + PIVOTS, n), n_jobs):
                return False
    mirror_lower(matrix)
    return True


def mirror_lower(matrix: np.ndarray) -> None:
    """Overwrite what lies above the diagonal by what lies below it."""
    n = len(matrix)
    for start in range(0, n, BAND):
        check_cancelled()
        stop = min(start + BAND, n)
        for left in range(0, start, BAND):
            matrix[left : left + BAND, start:stop] = matrix[start:stop, left : left + BAND].T
        square = matrix[start:stop, start:stop]
        square[:] = np.tril(square) + np.tril(square, -1).T


def _sweep(matrix: np.ndarray, first: int, last: int, n_jobs: int | None) -> bool:
    """Sweep the pivots from `first` to `last`; return whether they were positive."""
    n = len(matrix)
    pivot = _inverse_of_lower(matrix[first:last, first:last])
    if pivot is None:
        return False
    across = np.zeros((last - first, n), dtype=matrix.dtype)
    across[:, :first] = matrix[first:last, :first]
    across[:, last:] = matrix[last:, first:last].T
    swept = np.empty_like(across)

    def scale(start: int, stop: int) -> None:
        np.matmul(pivot, across[:, start:stop], out=swept[:, start:stop])

    def subtract(start: int, stop: int) -> None:
        scratch = np.empty((stop - start) * STRIP, dtype=matrix.dtype)
        for left in range(0, stop, STRIP):
            check_cancelled()
            right = min(left + STRIP, stop)
            product = scratch[: (stop - start) * (right - left)].reshape(stop - start, -1)
            np.matmul(across[:, start:stop].T, swept[:, left:right], out=product)
            matrix[start:stop, left:right] -= product

    bands = cut_rows(n, BAND)
    run_blocks(scale, bands, n_jobs)
    run_blocks(subtract, bands, n_jobs)
    matrix[first:last, :first] = swept[:, :first]
    matrix[last:, first:last] = swept[:, last:].T
    matrix[first:last, first:last] = -pivot
    return True


def _inverse_of_lower(block: np.ndarray) -> np.ndarray | None:
    """Return the inverse of a block whose lower triangle is given, or None."""
    factorise, invert = get_lapack_funcs(("potrf", "potri"), (block,))
    factor, failed = factorise(np.asfortranarray(block), lower=1, overwrite_a=1, clean=0)
    if failed:
        return None
    inverse, failed = invert(factor, lower=1, overwrite_c=1)
    if failed or not np.isfinite(np.diagonal(inverse)).all():
        return None
    lower = np.tril(inverse)
    return np.ascontiguousarray(lower + np.tril(inverse, -1).T)
