"""Orthonormal bases of tall blocks of columns, from their Gram matrix where that is safe."""

import numpy as np
from scipy import linalg

from sparsekit._parallel import run_blocks
from sparsekit.matrix._products import DENSE_ROWS, cut_rows, self_product

# Columns with a pivot below this many rounding errors of their length count as dependent.
DEPENDENT = 100
# Rows of a block that stays in the cache between steps.
CACHED_ROWS = 512
# Reflections that LAPACK joins, at most.
REFLECTIONS = 64


def orthonormalized(
    columns: np.ndarray, *followers: np.ndarray, n_jobs: int | None
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return a basis Q of the columns, which are overwritten, and R with ``columns = Q R``.

    Followers of the same width are multiplied by the inverse of R in place; not so where the
    columns depend on one another, which the third answer tells: then Q comes from reflections.

    References
    ----------
    Fukaya, Nakatsukasa, Yanagisawa, Yamamoto (2014), "CholeskyQR2: a simple and
    communication-avoiding algorithm for computing a tall-skinny QR factorization on a large-scale
    parallel system".
    """
    gram = self_product(columns, n_jobs=n_jobs)
    lower = cholesky(gram.astype(np.float64), np.finfo(columns.dtype).eps)
    if lower is None:
        basis, upper = linalg.qr(columns, mode="economic", lwork=_room(columns))
        columns[:] = basis
        return columns, upper.astype(np.float64), False
    for block in (columns, *followers):
        divide(block, lower, n_jobs)
    return columns, lower.T, True


def singular_values(columns: np.ndarray, n_jobs: int | None) -> np.ndarray:
    """Return the singular values of columns, falling; zeros for those that rounding decides."""
    gram = self_product(columns, n_jobs=n_jobs).astype(np.float64)
    eps = np.finfo(columns.dtype).eps
    lower = cholesky(gram, eps)
    if lower is not None:
        return linalg.svdvals(lower)
    squares = linalg.eigvalsh(gram)[::-1]
    return np.sqrt(np.where(squares > DEPENDENT * eps * squares[0], squares, 0))


def cholesky(gram: np.ndarray, eps: float) -> np.ndarray | None:
    """Return the lower Cholesky factor; None where rounding errors of size `eps` decide it."""
    lower, failed = linalg.lapack.dpotrf(gram, lower=1, clean=1)
    # The factor does not depend on the columns' lengths, so nor may the test.
    if failed or (np.diag(lower) ** 2 <= DEPENDENT * eps * np.diag(gram)).any():
        return None
    return lower


def divide(columns: np.ndarray, lower: np.ndarray, n_jobs: int | None) -> None:
    """Multiply columns by the inverse of the transpose of `lower`, in place."""
    # A product with the inverse takes half the time of solving with so few columns.
    inverse, _ = linalg.lapack.dtrtri(lower, lower=1)
    inverse = np.ascontiguousarray(inverse.T, dtype=columns.dtype)

    def fill(start, stop):
        columns[start:stop] = columns[start:stop] @ inverse

    run_blocks(fill, cut_rows(len(columns), CACHED_ROWS), n_jobs)


def triangular_factor(columns: np.ndarray) -> np.ndarray:
    """Return R of a QR decomposition, in double precision."""
    gram = np.zeros((columns.shape[1],) * 2)
    for start, stop in cut_rows(len(columns), DENSE_ROWS):
        rows = columns[start:stop].astype(np.float64, copy=False)
        gram += rows.T @ rows
    lower = cholesky(gram, np.finfo(np.float64).eps)
    if lower is not None:
        return lower.T
    # Mode "r" would make another array of the shape of the columns.
    _, upper = linalg.qr(columns, mode="raw", lwork=_room(columns))
    return upper[: columns.shape[1]].astype(np.float64)


def _room(columns: np.ndarray) -> int:
    """Return the size of LAPACK's work array, which SciPy would ask for with another copy."""
    return REFLECTIONS * columns.shape[1]
