"""The rows of an epoch, cut into batches; nothing sparse becomes dense."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from sparsekit._simd import aligned_empty


class Batch(NamedTuple):
    """Some rows.

    Attributes
    ----------
    X : ndarray or csr_array of shape (n, features)
        Inputs.
    Y : ndarray of shape (n, outputs)
        Targets.
    T : ndarray of shape (n, outputs) or None
        The teacher's answers.
    weights : ndarray of shape (n,) or None
        Weights of the rows; None if all are one.
    total : float
        Sum of the weights.
    """

    X: Any
    Y: np.ndarray
    T: np.ndarray | None
    weights: np.ndarray | None
    total: float


# Share of entries that are not zero up to which a dense matrix is read as a sparse one: products
# with compressed rows take as long where a third is not zero.
DENSEST = 0.25
BLOCK = 4096  # rows that are compressed at a time


def without_zeros(X: np.ndarray) -> Any:
    """Return a dense matrix as CSR if that makes its products faster, else as it is."""
    if np.count_nonzero(X) > DENSEST * X.size or X.size > np.iinfo(np.int32).max:
        return X
    counts, indices, data = [np.zeros(1, np.int64)], [], []
    for start in range(0, len(X), BLOCK):
        rows = X[start : start + BLOCK]
        places = np.flatnonzero(rows)
        counts.append(np.count_nonzero(rows, axis=1))
        indices.append((places % X.shape[1]).astype(np.int32))
        data.append(rows.reshape(-1)[places])
    indptr = np.cumsum(np.concatenate(counts)).astype(np.int32)
    return sparse.csr_array((np.concatenate(data), np.concatenate(indices), indptr), shape=X.shape)


def short_indices(X: Any) -> Any:
    """Return a CSR matrix in canonical form, with indices of 32 bits where they fit."""
    if not sparse.issparse(X):
        return X
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    indices, indptr = X.indices, X.indptr
    if max(X.nnz, *X.shape) <= np.iinfo(np.int32).max:
        indices, indptr = (a.astype(np.int32, copy=False) for a in (indices, indptr))
    return sparse.csr_array((X.data, indices, indptr), shape=X.shape)


class Rows:
    """Reads rows of one array into the same memory over and over.

    Parameters
    ----------
    values : ndarray or csr_array
        What is read; None gives None.
    size : int
        Most rows at a time.
    """

    def __init__(self, values: Any, size: int):
        self.values = values
        dense = values is not None and not sparse.issparse(values)
        self.memory = aligned_empty((size, *values.shape[1:]), values.dtype) if dense else None

    def read(self, rows: np.ndarray | slice) -> Any:
        """Return rows; what was returned before may be overwritten."""
        if self.values is None or self.memory is None or isinstance(rows, slice):
            return None if self.values is None else self.values[rows]
        return np.take(self.values, rows, axis=0, out=self.memory[: len(rows)], mode="clip")


class Batches:
    """Deals the rows of each epoch.

    Parameters
    ----------
    X, Y, T, weights : ndarray, csr_array or None
        As in `Batch`, of all rows.
    rows : ndarray of int or None
        Those to deal; None for all.
    size : int
        Rows of a batch; the last may have fewer.
    generator : numpy.random.Generator or None
        Shuffles the rows before each epoch; None leaves their order.
    """

    def __init__(self, X, Y, T, weights, rows, size: int, generator):
        self.sources = [Rows(values, size) for values in (X, Y, T, weights)]
        self.rows, self.size, self.generator = rows, size, generator
        self.n_rows = X.shape[0] if rows is None else len(rows)

    def __len__(self) -> int:
        return -(-self.n_rows // self.size)

    def deal(self) -> Iterator[Batch]:
        """Yield the batches of an epoch, each good until the next is asked for."""
        order = self.rows
        if self.generator is not None:
            order = self.generator.permutation(self.n_rows if order is None else order)
        for start in range(0, self.n_rows, self.size):
            rows = slice(start, min(start + self.size, self.n_rows))
            n = rows.stop - rows.start
            rows = rows if order is None else order[rows]
            X, Y, T, weights = (source.read(rows) for source in self.sources)
            yield Batch(X, Y, T, weights, float(n) if weights is None else float(weights.sum()))
