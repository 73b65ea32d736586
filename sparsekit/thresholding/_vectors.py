"""Many vectors of one length, of which only what is not zero is held.

Rules and noise estimates see data as vectors: the columns of a matrix, its rows, or all of it. A
zero counts the same whether it was stored or not, so dense and sparse data give the same bits.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.lib.array_utils import normalize_axis_index
from scipy import sparse

from sparsekit._validation._sparse import canonical
from sparsekit.coding._select import ranked_magnitudes
from sparsekit.thresholding._shapes import as_real_array

# Values of dense data that are looked at together.
BLOCK = 1 << 22


@dataclass(frozen=True)
class Vectors:
    """Vectors of `size` values each; those of vector i that are not zero follow ``starts[i]``."""

    values: np.ndarray
    starts: np.ndarray
    size: int

    @classmethod
    def from_stored(cls, stored: np.ndarray, starts: np.ndarray, size: int) -> Self:
        """Return the vectors whose stored values, which may be zero, lie one after another."""
        kept = stored != 0
        if not kept.all():
            before = np.concatenate([[0], np.cumsum(kept)])
            stored, starts = stored[kept], before[starts]
        return cls(stored.astype(np.float64, copy=False), np.asarray(starts, dtype=np.intp), size)

    @classmethod
    def from_rows(cls, rows: np.ndarray) -> Self:
        """Return the rows of a dense matrix."""
        n_rows, size = rows.shape
        return cls.from_stored(rows.reshape(-1), size * np.arange(n_rows + 1), size)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def counts(self) -> np.ndarray:
        """Number of values of each vector that are not zero."""
        return np.diff(self.starts)

    @cached_property
    def magnitudes(self) -> np.ndarray:
        """Absolute values, rising within each vector."""
        magnitudes = abs(self.values)
        for start, stop in pairwise(self.starts):
            magnitudes[start:stop].sort()
        return magnitudes

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return, for each vector, the sum of what stands in `values` at its places."""
        owner = np.repeat(np.arange(len(self)), self.counts)
        return np.bincount(owner, values, minlength=len(self))

    @cached_property
    def mean_squares(self) -> np.ndarray:
        """Mean of the squares of each vector."""
        return self.sums(self.values**2) / self.size

    def divided(self, by: np.ndarray) -> Self:
        """Return the vectors, each divided by a positive number."""
        return type(self)(self.values / np.repeat(by, self.counts), self.starts, self.size)

    def ranked(self, rank: np.ndarray | int) -> np.ndarray:
        """Return the magnitude of the given rank in each vector; rank 1 is the largest."""
        return ranked_magnitudes(self.values, self.starts, np.broadcast_to(rank, len(self)))

    def at_least_half_full(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the vectors without a majority of zeros: their places, and their values in rows.

        The order of the values is not that of the data.
        """
        if len(self.values) == len(self) * self.size:
            return np.arange(len(self)), self.values.reshape(len(self), self.size).copy()
        (places,) = np.nonzero(2 * self.counts >= self.size)
        rows = np.zeros((len(places), self.size))
        filled = np.arange(self.size) < self.counts[places, None]
        rows[filled] = self.values[np.repeat(2 * self.counts >= self.size, self.counts)]
        return places, rows


# Gives the part, for the vectors at hand, of a number for all or an array of one for each.
Own = Callable[[Any], Any]


def iter_vectors(X: np.ndarray | sparse.csr_array, axis: int | None) -> Iterator[Vectors]:
    """Yield the columns (axis 0) or rows (axis 1) of a matrix, some at a time, or all as one."""
    if sparse.issparse(X):
        yield from _iter_stored(X.tocsc() if axis == 0 else X, axis)
        return
    rows = X.reshape(1, -1) if axis is None else X.T if axis == 0 else X
    step = max(BLOCK // max(rows.shape[1], 1), 1)
    for start in range(0, len(rows), step):
        yield Vectors.from_rows(rows[start : start + step])


def _iter_stored(X: Any, axis: int | None) -> Iterator[Vectors]:
    """Yield the vectors along which a compressed matrix is stored, or all of it as one."""
    if axis is None:
        ends = np.array([0, len(X.data)])
        yield Vectors.from_stored(X.data, ends, X.shape[0] * X.shape[1])
        return
    size, n_vectors = X.shape if axis == 0 else X.shape[::-1]
    step = max(BLOCK // max(size, 1), 1)
    for start in range(0, n_vectors, step):
        ends = X.indptr[start : start + step + 1].astype(np.intp)
        yield Vectors.from_stored(X.data[ends[0] : ends[-1]], ends - ends[0], size)


def map_vectors(
    function: Callable[[Vectors, Own], Any], X: Any, axis: int | None, shape: tuple[int, ...]
) -> list[Any]:
    """Call a function on the vectors of a matrix, some at a time; there are as many as in `shape`.

    `function` gets the vectors, and what cuts out of a given number or array of that shape the
    part that belongs to them.
    """
    results, start = [], 0
    for vectors in iter_vectors(X, axis):
        part = slice(start, start + len(vectors))

        def own(given: Any, part: slice = part) -> Any:
            return None if given is None else _per_vector(given, shape)[part]

        results.append(function(vectors, own))
        start = part.stop
    return results


def _per_vector(given: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return a number, or an array of one number for each vector, as one number for each."""
    try:
        return np.broadcast_to(given, shape).reshape(-1)
    except ValueError as error:
        raise ValueError(
            f"Expected one number for all, or an array of shape {shape} with one for each vector; "
            f"got shape {np.shape(given)}."
        ) from error


def along_axis(function: Callable[[Vectors, Own], np.ndarray], x: Any, axis: int | None) -> Any:
    """Return a number for each vector of x along `axis`, in the shape that NumPy would give it."""
    x = _finite(x)
    shape: tuple[int, ...] = ()
    if axis is not None:
        axis = normalize_axis_index(axis, x.ndim)
        shape = x.shape[:axis] + x.shape[axis + 1 :]
    if axis is not None and not sparse.issparse(x):
        x, axis = np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis]), 1
    result = np.concatenate(map_vectors(function, x, axis, shape)).reshape(shape)
    return result if result.ndim else float(result)


def _finite(x: Any) -> Any:
    """Return x as a real array or a canonical CSR array; refuse what is empty or not finite."""
    if sparse.issparse(x):
        if x.dtype.kind not in "biuf":
            raise TypeError(f"`x` must hold real numbers, got dtype {x.dtype}.")
        x = canonical(x, "csr")
    else:
        x = as_real_array(x)
    if 0 in x.shape:
        raise ValueError(f"`x` holds no values; its shape is {x.shape}.")
    if not np.isfinite(x.data if sparse.issparse(x) else x).all():
        raise ValueError("`x` must be finite, but holds NaN or infinity. Replace or drop it.")
    return x
