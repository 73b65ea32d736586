"""The first layer's part of the passes, by the kind of X that it reads."""

from typing import Any

import numpy as np
from scipy import sparse

from sparsekit.pruning._sparse_mlp._blocks import (
    add_up,
    even_pieces,
    find_slopes,
    in_blocks,
    width_of,
    zeros,
)
from sparsekit.pruning._sparse_mlp._layer import Layer
from sparsekit.pruning._sparse_mlp._products import (
    all_slopes,
    count_features,
    entry_slopes,
    entry_slopes_exactly,
    exchange_axes,
    fill_columns,
    group_entries,
    list_active,
    sum_entries,
)

# Share of entries from which on a batch of a sparse X is filled up with zeros, and the most numbers
# that it may have then.
FULL_SHARE, MOST_FILLED = 1 / 32, 2**22
# Multiplications one after another take as long as so many side by side.
SCALAR = 16


class DenseRows:
    """The first layer's part of the passes for a dense X."""

    is_sparse = False

    def __init__(self, X: np.ndarray, layer: Layer, n_rows: int, n_jobs: int | None):
        self.X, self.layer, self.n_rows, self.n_jobs = X, layer, n_rows, n_jobs
        self.batch: np.ndarray | None = None
        self.A = zeros((X.shape[1], width_of(n_rows)))
        self.listed = np.empty(X.shape[1], layer.support.outputs.dtype)
        self.active = self.listed[:0]

    def add_up(self, rows: np.ndarray, Z: np.ndarray) -> None:
        """Write the first layer's sums for some rows of X."""
        self.read(rows)
        add_up(self.layer, self.A, Z, self.n_jobs)

    def read(self, rows: np.ndarray) -> None:
        """Take some rows of X."""
        if self.batch is None:
            self.batch = np.empty((self.n_rows, self.X.shape[1]), np.float32)
        # Indices are in bounds, so "clip" only spares a copy.
        batch = np.take(self.X, rows, axis=0, out=self.batch[: len(rows)], mode="clip")
        exchange_axes(batch, self.A, *batch.shape)
        self.A[:, len(rows) :] = 0

    def slopes(self, delta: np.ndarray, weights: np.ndarray | None, slopes: np.ndarray) -> None:
        """Write the slopes of the first layer's weights, those of active inputs only."""
        self.active = self.listed[: list_active(self.A, self.listed)]
        find_slopes(self.layer, self.A, delta, weights, self.active, slopes, self.n_jobs)

    def every_slope(self, start: int, stop: int, delta: np.ndarray) -> np.ndarray:
        """Return the slopes of all weights, stored or not, of some of the active inputs."""
        return self.A[self.active[start:stop]] @ delta.T


class FilledRows(DenseRows):
    """As `DenseRows`, for a sparse X of which a batch is quicker as a dense one."""

    def __init__(self, X: sparse.csr_array, layer: Layer, n_rows: int, n_jobs: int | None):
        super().__init__(X, layer, n_rows, n_jobs)
        self.entries = X.data, X.indices, X.indptr

    def read(self, rows: np.ndarray) -> None:
        """Take some rows of X."""
        self.A[:] = 0
        fill_columns(self.entries, rows, self.A)


class SparseRows:
    """The first layer's part of the passes for a sparse X."""

    is_sparse = True

    def __init__(self, X: sparse.csr_array, layer: Layer, n_rows: int, n_jobs: int | None):
        self.X, self.layer, self.n_jobs = (X.data, X.indices, X.indptr), layer, n_jobs
        self.counts = np.zeros(X.shape[1], np.int32)
        self.Z = np.empty((n_rows, layer.shape[1]), np.float32)
        self.rows = self.active = np.empty(0, X.indices.dtype)
        self.grouped: tuple[np.ndarray, ...] = ()

    def add_up(self, rows: np.ndarray, Z: np.ndarray) -> None:
        """Write the first layer's sums for some rows of X."""
        self.rows, layer = rows, self.layer
        weights = (layer.support.begins, layer.support.outputs, layer.values)
        by_rows = self.Z[: len(rows)]

        def add(start, stop):
            sum_entries(self.X, rows, weights, layer.biases, by_rows, start, stop)

        work = self._n_entries() * (1 + layer.support.n_weights / layer.shape[0])
        in_blocks(add, even_pieces(len(rows), SCALAR * work), self.n_jobs)
        exchange_axes(by_rows, Z, *by_rows.shape)

    def slopes(self, delta: np.ndarray, weights: np.ndarray | None, slopes: np.ndarray) -> None:
        """Write the slopes of the first layer's weights, those of active inputs only."""
        self._group()
        by_rows, support = self.Z[: len(self.rows)], self.layer.support
        exchange_axes(delta, by_rows, len(delta), len(by_rows))
        given = support.begins, support.outputs, self.active, self.grouped, by_rows

        def find(start, stop):
            if weights is None:
                entry_slopes(*given, slopes, start, stop)
            else:
                entry_slopes_exactly(*given, weights, slopes, start, stop)

        work = self._n_entries() * (1 + support.n_weights / self.layer.shape[0])
        in_blocks(find, even_pieces(len(self.active), SCALAR * work), self.n_jobs)

    def every_slope(self, start: int, stop: int, delta: np.ndarray) -> np.ndarray:
        """Return the slopes of all weights, stored or not, of some of the active inputs."""
        found = np.empty((stop - start, len(delta)), np.float32)
        by_rows = np.ascontiguousarray(delta[:, : len(self.rows)].T)
        all_slopes(self.active, self.grouped, by_rows, found, start, stop)
        return found

    def _n_entries(self) -> int:
        indptr = self.X[2]
        return int((indptr[self.rows + 1] - indptr[self.rows]).sum())

    def _group(self) -> None:
        """Order the batch's entries by feature."""
        n = self._n_entries()
        listed = np.empty(min(n, len(self.counts)), self.X[1].dtype)
        self.active = listed[: count_features(self.X, self.rows, self.counts, listed)]
        self.active.sort()
        begins = np.empty(len(self.active) + 1, np.int64)
        samples, numbers = np.empty(n, np.int32), np.empty(n, np.float32)
        self.grouped = begins, samples, numbers
        group_entries(self.X, self.rows, self.counts, self.active, *self.grouped)


def source_of(X: Any, layer: Layer, n_rows: int, n_jobs: int | None) -> Any:
    """Return the first layer's part of the passes for an X."""
    if not sparse.issparse(X):
        return DenseRows(X, layer, n_rows, n_jobs)
    full = X.nnz >= FULL_SHARE * X.shape[0] * X.shape[1]
    if full and X.shape[1] * width_of(n_rows) <= MOST_FILLED:
        return FilledRows(X, layer, n_rows, n_jobs)
    return SparseRows(X, layer, n_rows, n_jobs)
