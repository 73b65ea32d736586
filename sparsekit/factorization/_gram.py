"""The Gram matrix X'X of a sparse X, whole."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from sparsekit._compile import kernel
from sparsekit._parallel import run_blocks

# Products that one kernel call adds up, some 20 ms.
CALL_WORK = 1e7


class BothOrders(NamedTuple):
    """The entries of a canonical X by row and by column, and what a row of X'X costs.

    Attributes
    ----------
    data, indices, indptr : ndarray
        X by row.
    column_data, column_rows, column_start : ndarray
        X by column.
    cost : ndarray of shape (n_columns,)
        Number of products that a row of X'X adds up.
    """

    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    column_data: np.ndarray
    column_rows: np.ndarray
    column_start: np.ndarray
    cost: np.ndarray

    @classmethod
    def of(cls, X: sparse.csr_array) -> "BothOrders":
        """Return the entries of X."""
        by_column = X.tocsc()
        lengths = np.diff(X.indptr)[by_column.indices].astype(np.float64)
        cost = np.diff(np.concatenate([[0.0], np.cumsum(lengths)])[by_column.indptr])
        by_row = X.data, X.indices, X.indptr
        return cls(*by_row, by_column.data, by_column.indices, by_column.indptr, cost)


def gram_matrix(entries: BothOrders, n_jobs: int | None = None) -> np.ndarray:
    """Return X'X, in the data type of X; the number of threads does not change a bit of it."""
    n = len(entries.cost)
    gram = np.zeros((n, n), dtype=entries.data.dtype)

    def fill(start: int, stop: int) -> None:
        add_products(*entries[:6], start, stop, gram)

    # Memory that nobody has touched costs a few products a number.
    run_blocks(fill, blocks_of_work(entries.cost + 4.0 * n), n_jobs)
    return gram


def blocks_of_work(cost: np.ndarray) -> list[tuple[int, int]]:
    """Return (start, stop) pairs over items whose costs add up to about one call's in each."""
    if not len(cost):
        return []
    number = ((np.cumsum(cost) - cost) // CALL_WORK).astype(np.int64)
    edges = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(cost)]
    return list(zip(edges[:-1], edges[1:], strict=True))


@kernel
def add_products(data, indices, indptr, column_data, column_rows, column_start, start, stop, gram):
    """Add rows start..stop of X'X to those of `gram`."""
    for j in range(start, stop):
        for t in range(column_start[j], column_start[j + 1]):
            i, x = column_rows[t], column_data[t]
            for s in range(indptr[i], indptr[i + 1]):
                gram[j, indices[s]] += x * data[s]
