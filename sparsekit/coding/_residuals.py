"""What codes leave of each signal."""

import numpy as np
from scipy import sparse

from sparsekit._compile import kernel, reduction
from sparsekit._parallel import run_blocks, single_blas_thread

# Rows of one kernel call, at most, and its elementary steps: some 50 ms.
BLOCK_ROWS = 2048
CALL_WORK = 3e7


def residuals(
    X: np.ndarray, codes: sparse.csr_array, dictionary: np.ndarray, *, n_jobs: int | None = None
) -> np.ndarray:
    """Return ``x - cD`` of every row.

    Parameters
    ----------
    X : ndarray in C order, of shape (n_signals, n_features)
        The signals.
    codes : csr_array of shape (n_signals, n_atoms)
        Their codes.
    dictionary : ndarray of shape (n_atoms, n_features)
        The atoms, in C order.
    n_jobs : int, default=None
        Threads; the result does not depend on them.

    Returns
    -------
    rows : ndarray of shape (n_signals, n_features)
        New.
    """
    rows = np.empty_like(X)
    entries = codes.data, codes.indices, codes.indptr

    def visit(start: int, stop: int) -> None:
        subtract(X, *entries, dictionary, rows, start, stop)

    run_blocks(visit, _blocks(X, codes), n_jobs)
    return rows


def squared_residuals(
    X: np.ndarray | sparse.csr_array,
    codes: sparse.csr_array,
    dictionary: np.ndarray,
    *,
    n_jobs: int | None = None,
) -> np.ndarray:
    """Return ``|x - cD|^2`` of every row.

    Where X is sparse, from products of what is stored: the time does not depend on the number of
    features, and a residual is known up to rounding errors of ``|x|^2``.

    Parameters
    ----------
    X : ndarray in C order or csr_array, of shape (n_signals, n_features)
        The signals.
    codes : csr_array of shape (n_signals, n_atoms)
        Their codes.
    dictionary : ndarray of shape (n_atoms, n_features)
        The atoms, in C order.
    n_jobs : int, default=None
        Threads; the result does not depend on them.

    Returns
    -------
    squares : ndarray of shape (n_signals,)
        float64.
    """
    squares = np.empty(X.shape[0])
    entries = codes.data, codes.indices, codes.indptr

    if sparse.issparse(X):
        signals = X.data, X.indices, X.indptr
        gram = _exact_gram(dictionary)

        def visit(start: int, stop: int) -> None:
            measure_sparse(*signals, *entries, dictionary, gram, squares, start, stop)

    else:

        def visit(start: int, stop: int) -> None:
            row = np.empty((1, X.shape[1]), X.dtype)
            measure_dense(X, *entries, dictionary, row, squares, start, stop)

    run_blocks(visit, _blocks(X, codes), n_jobs)
    return squares


def _exact_gram(dictionary: np.ndarray) -> np.ndarray:
    """Return the products of the atoms in double precision: differences of them are left."""
    gram = np.zeros((len(dictionary), len(dictionary)))
    with single_blas_thread():
        for start in range(0, dictionary.shape[1], BLOCK_ROWS):
            part = dictionary[:, start : start + BLOCK_ROWS].astype(np.float64)
            gram += part @ part.T
    return gram


def _blocks(X: np.ndarray | sparse.csr_array, codes: sparse.csr_array) -> list[tuple[int, int]]:
    """Return (start, stop) pairs that cover the rows in calls of bounded work."""
    n_signals, n_values = X.shape
    row_entries = codes.nnz / max(n_signals, 1) + 2
    if sparse.issparse(X):
        n_values = X.nnz / max(n_signals, 1) + row_entries
    row_work = row_entries * n_values
    step = int(np.clip(CALL_WORK / row_work, 1, BLOCK_ROWS))
    return [(start, min(start + step, n_signals)) for start in range(0, n_signals, step)]


@kernel
def subtract(X, data, indices, indptr, dictionary, rows, start, stop):
    """Overwrite `rows` from start to stop with the residuals."""
    for i in range(start, stop):
        for j in range(X.shape[1]):
            rows[i, j] = X[i, j]
        for a in range(indptr[i], indptr[i + 1]):
            k, value = indices[a], data[a]
            for j in range(X.shape[1]):
                rows[i, j] -= value * dictionary[k, j]


@kernel
def measure_dense(X, data, indices, indptr, dictionary, row, squares, start, stop):
    """Overwrite `squares` from start to stop; `row` is overwritten by each residual."""
    for i in range(start, stop):
        for j in range(X.shape[1]):
            row[0, j] = X[i, j]
        for a in range(indptr[i], indptr[i + 1]):
            k, value = indices[a], data[a]
            for j in range(row.shape[1]):
                row[0, j] -= value * dictionary[k, j]
        squares[i] = square_sum(row)


@kernel
def measure_sparse(
    x_data, x_indices, x_indptr, data, indices, indptr, dictionary, gram, squares, start, stop
):
    """Overwrite `squares` from start to stop."""
    for i in range(start, stop):
        total = 0.0
        for t in range(x_indptr[i], x_indptr[i + 1]):
            value = float(x_data[t])
            total += value * value
        for a in range(indptr[i], indptr[i + 1]):
            k = indices[a]
            product = 0.0
            for t in range(x_indptr[i], x_indptr[i + 1]):
                product += float(x_data[t]) * float(dictionary[k, x_indices[t]])
            overlap = 0.0
            for b in range(indptr[i], indptr[i + 1]):
                overlap += float(data[b]) * gram[k, indices[b]]
            total += data[a] * (overlap - 2.0 * product)
        squares[i] = max(total, 0.0)


@reduction
def square_sum(row):
    """Return the sum of squares of a row, in double precision."""
    total = 0.0
    for j in range(row.shape[1]):
        value = float(row[0, j])
        total += value * value
    return total
