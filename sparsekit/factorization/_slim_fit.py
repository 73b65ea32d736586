"""The sparse linear method on all columns, in blocks that threads share."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from sparsekit._parallel import check_cancelled, run_blocks
from sparsekit.factorization._slim_columns import solve_columns
from sparsekit.factorization._slim_products import EntryProducts, GramProducts, new_space
from sparsekit.factorization._slim_space import COLUMN, N_WRITTEN, Problem, Space
from sparsekit.matrix._products import sparse_gram, to_csc

BLOCK_COLUMNS = 64
# A pass over a row of the Gram matrix meets every column once, in order. It pays where a product of
# the columns that meet a target with its residual would read this many entries for each column.
GRAM_PAYS = 2.0
MEGABYTE = 1e6
ARRAYS = "data", "indices", "indptr"


class Columns(NamedTuple):
    """Solutions of consecutive columns: their entries, and how they were found.

    Attributes
    ----------
    indices, values : ndarray
        Entries, column by column.
    counts : ndarray of shape (n_columns,)
        Number of entries of each.
    gaps : ndarray of shape (n_columns,)
        Duality gaps.
    n_rounds : ndarray of shape (n_columns,)
        Rounds.
    strongest : ndarray of shape (n_columns,)
        Smallest `l1` at which all weights are zero.
    """

    indices: np.ndarray
    values: np.ndarray
    counts: np.ndarray
    gaps: np.ndarray
    n_rounds: np.ndarray
    strongest: np.ndarray


def products_of(
    X: sparse.csr_array, cache_size: float, n_jobs: int | None
) -> GramProducts | EntryProducts:
    """Return products of the columns of X.

    They come from the Gram matrix where it pays and fits into `cache_size` megabytes.
    """
    n, dtype, by_column = X.shape[1], X.dtype, to_csc(X, n_jobs=n_jobs)
    diagonal = np.bincount(X.indices, X.data.astype(np.float64) ** 2, n).astype(dtype)
    lengths = np.diff(X.indptr)[by_column.indices].astype(np.float64)
    products = np.diff(np.concatenate([[0.0], np.cumsum(lengths)])[by_column.indptr])
    columns_met = np.minimum(products, n).mean()
    fits = n * n * dtype.itemsize <= cache_size * MEGABYTE
    if fits and columns_met * (X.nnz / n) > GRAM_PAYS * n:
        return GramProducts(sparse_gram(X, n_jobs=n_jobs), diagonal)
    arrays = (getattr(order, name) for order in (X, by_column) for name in ARRAYS)
    return EntryProducts(*arrays, diagonal)


def solve_all(
    products: GramProducts | EntryProducts, problem: Problem, n_jobs: int | None
) -> Columns:
    """Return the solutions of all columns."""
    n = len(products.diagonal)
    parts: dict[int, Columns] = {}

    def solve(start: int, stop: int) -> None:
        parts[start] = solve_block(products, problem, start, stop, new_space(products))

    blocks = [(start, min(start + BLOCK_COLUMNS, n)) for start in range(0, n, BLOCK_COLUMNS)]
    run_blocks(solve, blocks, n_jobs)
    ordered = [parts[start] for start, _ in blocks]
    return Columns(*map(np.concatenate, zip(*ordered, strict=True)))


def as_matrix(found: Columns) -> sparse.csr_array:
    """Return the solutions as columns of a CSR matrix."""
    n = len(found.counts)
    indptr = np.concatenate([[0], np.cumsum(found.counts)])
    arrays = found.values, found.indices, indptr
    return sparse.csc_array(arrays, shape=(n, n)).tocsr()


def solve_block(
    products: GramProducts | EntryProducts, problem: Problem, start: int, stop: int, space: Space
) -> Columns:
    """Return the solutions of columns start..stop."""
    n, dtype, size = len(space.weight), space.weight.dtype, stop - start
    space.progress[COLUMN] = start
    indices, values = np.empty(2 * n, dtype=np.int32), np.empty(2 * n, dtype=dtype)
    counts, n_rounds = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    gaps, strongest = np.zeros(size), np.zeros(size)
    while space.progress[COLUMN] < stop:
        check_cancelled()
        is_full = solve_columns(
            products, problem, space, stop,
            indices, values, counts, gaps, n_rounds, strongest, start,
        )  # fmt: skip
        if is_full:
            indices, values = (
                np.concatenate([array, np.empty_like(array)]) for array in (indices, values)
            )
    written = space.progress[N_WRITTEN]
    return Columns(
        indices[:written].copy(), values[:written].copy(), counts, gaps, n_rounds, strongest
    )
