"""What a dictionary needs to know of the codes: their Gram matrix and their products with the data.

Sums run over blocks of rows that depend on the shapes alone, and are added in a fixed order, in
double precision: the number of threads does not change a bit of them.
"""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from sparsekit._compile import kernel
from sparsekit._parallel import run_blocks, single_blas_thread

# Rows per block where there are few; most blocks, and most numbers in their partial sums.
BLOCK_ROWS = 2048
MOST_BLOCKS = 16
MOST_PARTIAL = 1 << 23
# Elementary steps of one kernel call: some 50 ms.
CALL_WORK = 3e7
# Above this share of stored codes a product of dense blocks is faster.
DENSE_SHARE = 0.3
# Rows and columns of a tile that is mirrored within the cache.
TILE = 16


class CodeStatistics(NamedTuple):
    """Sums over signals.

    Parameters
    ----------
    gram : ndarray of shape (n_atoms, n_atoms)
        ``C.T @ C``, C being the codes.
    cross : ndarray of shape (n_atoms, n_features)
        ``C.T @ X``.
    """

    gram: np.ndarray
    cross: np.ndarray

    def scaled(self, dtype: np.dtype) -> "CodeStatistics":
        """Return a copy, divided by one number so that it fits a data type.

        Its `gram` is the mirrored lower triangle of this one. The dictionary that suits it best is
        the same.

        Parameters
        ----------
        dtype : dtype
            Of the copy.

        Returns
        -------
        statistics : CodeStatistics
            The copy; the largest diagonal entry of `gram` is one.
        """
        largest = self.gram.diagonal().max(initial=0.0)
        factor = 1.0 / largest if largest > 0 else 1.0
        gram = np.multiply(self.gram, factor, dtype=np.float64).astype(dtype)
        mirror_lower(gram)
        return CodeStatistics(gram, (self.cross * factor).astype(dtype))


def no_statistics(n_atoms: int, n_features: int) -> CodeStatistics:
    """Return the sums over no signal, in double precision.

    Parameters
    ----------
    n_atoms, n_features : int
        Shape of the dictionary.

    Returns
    -------
    statistics : CodeStatistics
        Zeros.
    """
    return CodeStatistics(np.zeros((n_atoms, n_atoms)), np.zeros((n_atoms, n_features)))


def code_statistics(
    codes: sparse.csr_array, X: np.ndarray | sparse.csr_array, *, n_jobs: int | None = None
) -> CodeStatistics:
    """Return the Gram matrix of the codes and their products with the data.

    Parameters
    ----------
    codes : csr_array of shape (n_signals, n_atoms)
        Sorted indices, no duplicates.
    X : ndarray in C order or csr_array, of shape (n_signals, n_features)
        The signals.
    n_jobs : int, default=None
        Threads; None is 1.

    Returns
    -------
    statistics : CodeStatistics
        The sums, in double precision.
    """
    statistics = no_statistics(codes.shape[1], X.shape[1])
    add_statistics(statistics, codes, X, n_jobs=n_jobs)
    mirror_lower(statistics.gram)
    return statistics


def add_statistics(
    statistics: CodeStatistics,
    codes: sparse.csr_array,
    X: np.ndarray | sparse.csr_array,
    *,
    weight: float = 1.0,
    n_jobs: int | None = None,
) -> None:
    """Add the sums over signals in place; of `gram` only the lower triangle.

    Parameters
    ----------
    statistics : CodeStatistics
        In double precision; changed.
    codes : csr_array of shape (n_signals, n_atoms)
        Sorted indices, no duplicates.
    X : ndarray in C order or csr_array, of shape (n_signals, n_features)
        The signals.
    weight : float, default=1.0
        Weight of each signal.
    n_jobs : int, default=None
        Threads; None is 1.
    """
    blocks = _blocks(codes.shape[0], statistics.gram.size + statistics.cross.size)
    sums = {start: no_statistics(*statistics.cross.shape) for start, _ in blocks[1:]}
    sums[0] = statistics
    dense = codes.nnz > DENSE_SHARE * codes.shape[0] * codes.shape[1]
    add = _add_by_product if dense else _add_by_row
    with single_blas_thread():
        run_blocks(
            lambda start, stop: add(codes, X, weight, sums[start], start, stop), blocks, n_jobs
        )
    for start, _ in blocks[1:]:
        statistics.gram[:] += sums[start].gram
        statistics.cross[:] += sums[start].cross


def _blocks(n_signals: int, size: int) -> list[tuple[int, int]]:
    """Return (start, stop) pairs for partial sums of `size` numbers each."""
    most = int(np.clip(MOST_PARTIAL // size, 1, MOST_BLOCKS))
    n_blocks = int(np.clip(n_signals // BLOCK_ROWS, 1, most))
    edges = [n_signals * b // n_blocks for b in range(n_blocks + 1)]
    return list(zip(edges[:-1], edges[1:]))


def _add_by_product(codes, X, weight, sums, start, stop):
    """Add rows start..stop by products of dense codes, a block at a time."""
    for first in range(start, stop, BLOCK_ROWS):
        rows = slice(first, min(first + BLOCK_ROWS, stop))
        block = codes[rows].toarray()
        product = (X[rows].T @ block).T if sparse.issparse(X) else block.T @ X[rows]
        # Weighted in double precision, where large numbers do not overflow.
        sums.gram[:] += np.multiply(block.T @ block, weight, dtype=np.float64)
        sums.cross[:] += np.multiply(product, weight, dtype=np.float64)


def _add_by_row(codes, X, weight, sums, start, stop):
    """Add rows start..stop one by one, in calls of bounded length."""
    entries = codes.data, codes.indices, codes.indptr
    row_cost = X.nnz / X.shape[0] if sparse.issparse(X) else X.shape[1]
    work = (codes.indptr[stop] - codes.indptr[start]) * (row_cost + codes.nnz / codes.shape[0])
    step = max(1, int((stop - start) * CALL_WORK / max(work, 1)))
    for first in range(start, stop, step):
        last = min(first + step, stop)
        if sparse.issparse(X):
            signals = X.data, X.indices, X.indptr
            add_sparse_rows(*entries, *signals, weight, *sums, first, last)
        else:
            add_dense_rows(*entries, X, weight, *sums, first, last)


@kernel
def add_dense_rows(data, indices, indptr, X, weight, gram, cross, start, stop):
    """Add the products of rows start..stop to the lower triangle of `gram`, and to `cross`."""
    for i in range(start, stop):
        for a in range(indptr[i], indptr[i + 1]):
            k = indices[a]
            value = weight * data[a]
            for b in range(indptr[i], a + 1):
                gram[k, indices[b]] += value * data[b]
            for j in range(X.shape[1]):
                cross[k, j] += value * X[i, j]


@kernel
def add_sparse_rows(
    data, indices, indptr, x_data, x_indices, x_indptr, weight, gram, cross, start, stop
):
    """Add the products of rows start..stop to the lower triangle of `gram`, and to `cross`."""
    for i in range(start, stop):
        for a in range(indptr[i], indptr[i + 1]):
            k = indices[a]
            value = weight * data[a]
            for b in range(indptr[i], a + 1):
                gram[k, indices[b]] += value * data[b]
            for t in range(x_indptr[i], x_indptr[i + 1]):
                cross[k, x_indices[t]] += value * x_data[t]


@kernel
def mirror_lower(square):
    """Overwrite the upper triangle of `square` with its lower triangle, tile by tile."""
    n = square.shape[0]
    for first in range(0, n, TILE):
        for start in range(0, first + TILE, TILE):
            for b in range(start, min(start + TILE, n)):
                for a in range(max(first, b + 1), min(first + TILE, n)):
                    square[b, a] = square[a, b]
