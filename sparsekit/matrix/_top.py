"""The largest scores of each row, without the matrix of all scores.

A *scores* object has a `shape`, a `dtype`, a `column_block` and a method
``fill(start, stop, first, last, out)``, which overwrites `out` by the scores of rows start..stop in
columns first..last. Where there are many rows it is asked for `column_block` columns at a time.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from sparsekit._compile import helper, kernel
from sparsekit._parallel import check_cancelled, run_blocks, single_blas_thread

# Scores at hand at a time, in each thread: about what a core's own cache holds.
BLOCK_SCORES = 2**19
# Rows are cut into so many blocks at least, so that threads share them, of so many rows at least:
# every block reads all vectors of columns.
BLOCKS = 32
LEAST_ROWS = 256
# Steps of one kernel call: some 30 ms.
CALL_WORK = 1e7


def top_per_row(
    scores: Any,
    n: int,
    *,
    exclude: sparse.csr_array | None = None,
    n_jobs: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of the `n` largest scores of every row, and these scores.

    Scores are made for some rows and some columns at a time, and forgotten.

    Parameters
    ----------
    scores : ProductScores or WeightedSums
        Or what is like them. A score of NaN or minus infinity is never among the largest.
    n : int
        From 1 to the number of columns.
    exclude : csr_array, default=None
        Of the shape of the scores, with sorted indices. Its stored entries are left out.
    n_jobs : int, default=None
        Threads; the result does not depend on them.

    Returns
    -------
    indices : ndarray of shape (n_rows, n)
        Columns by falling score, the lower one first where scores are equal; -1 where there are no
        more.
    values : ndarray of shape (n_rows, n)
        The scores; minus infinity where there are no more.
    """
    n_rows, n_columns = scores.shape
    indices = np.full((n_rows, n), -1, dtype=np.int64)
    values = np.full((n_rows, n), -np.inf, dtype=scores.dtype)
    if exclude is None:
        exclude = sparse.csr_array(scores.shape, dtype=scores.dtype)
    size, width = _cut(scores)

    def choose(start, stop):
        scratch = np.empty((stop - start) * width, dtype=scores.dtype)
        passed = exclude.indptr[start:stop].copy()
        for first in range(0, n_columns, width):
            check_cancelled()
            last = min(first + width, n_columns)
            block = scratch[: (stop - start) * (last - first)].reshape(stop - start, -1)
            scores.fill(start, stop, first, last, block)
            leave_out(block, first, exclude.indices, exclude.indptr, passed, start)
            keep_largest(block, first, start, values, indices)
        step = max(int(CALL_WORK / (n * (4 + n.bit_length()))), 1)
        for row in range(start, stop, step):
            check_cancelled()
            sort_heaps(values, indices, row, min(row + step, stop))

    blocks = [(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]
    with single_blas_thread():
        run_blocks(choose, blocks, n_jobs)
    return indices, values


def _cut(scores: Any) -> tuple[int, int]:
    """Return the numbers of rows and of columns of a block of scores, whatever the threads."""
    n_rows, n_columns = scores.shape
    width = max(min(scores.column_block, n_columns), 1)
    size = min(BLOCK_SCORES // width, max(-(-n_rows // BLOCKS), LEAST_ROWS), n_rows)
    size = max(size, 1)
    # Few rows have room for more columns, which takes fewer turns.
    return size, max(width, min(BLOCK_SCORES // size, n_columns))


@dataclass(frozen=True)
class ProductScores:
    """Inner products of codes with the vectors of columns.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, k)
        Of the rows.
    vectors : ndarray of shape (n_columns, k)
        Of the columns.
    """

    codes: np.ndarray
    vectors: np.ndarray
    # A block of scores then has many rows, so that each vector is fetched few times.
    column_block = 256

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of columns."""
        return len(self.codes), len(self.vectors)

    @property
    def dtype(self) -> np.dtype:
        """Data type of the scores."""
        return np.result_type(self.codes, self.vectors)

    def fill(self, start: int, stop: int, first: int, last: int, out: np.ndarray) -> None:
        """Overwrite `out` by the scores of some rows in some columns."""
        np.matmul(self.codes[start:stop], self.vectors[first:last].T, out=out)


@dataclass(frozen=True)
class WeightedSums:
    """Sums of rows of weights, each times a stored value.

    Parameters
    ----------
    X : csr_array of shape (n_rows, m)
        Stored values.
    weights : ndarray or csr_array of shape (m, n_columns)
        Rows to add up; an array is read fastest in C order.
    """

    X: sparse.csr_array
    weights: np.ndarray | sparse.csr_array

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of columns."""
        return self.X.shape[0], self.weights.shape[1]

    @property
    def dtype(self) -> np.dtype:
        """Data type of the scores."""
        return self.weights.dtype

    @property
    def column_block(self) -> int:
        """Most columns at a time: where rows of weights are short they are added up whole."""
        return max(self.shape[1], 1) if sparse.issparse(self.weights) else 2**15

    def fill(self, start: int, stop: int, first: int, last: int, out: np.ndarray) -> None:
        """Overwrite `out` by the scores of some rows in some columns."""
        X, weights = self.X, self.weights
        length = last - first
        if sparse.issparse(weights):
            length = int(np.diff(weights.indptr).max(initial=1))
        longest = int(np.diff(X.indptr[start : stop + 1]).max(initial=1))
        step = max(int(CALL_WORK / (longest * max(length, 1) + last - first)), 1)
        for row in range(start, stop, step):
            check_cancelled()
            rows = X.data, X.indices, X.indptr, row, min(row + step, stop)
            if sparse.issparse(weights):
                add_sparse_rows(
                    *rows, weights.data, weights.indices, weights.indptr, out[row - start :]
                )
            else:
                add_dense_rows(*rows, weights, first, out[row - start :])


@kernel
def leave_out(block, first, excluded, indptr, passed, start):
    """Overwrite excluded scores by minus infinity; `passed` counts the entries done in each row."""
    last = first + block.shape[1]
    for r in range(block.shape[0]):
        t, end = passed[r], indptr[start + r + 1]
        while t < end and excluded[t] < last:
            block[r, excluded[t] - first] = -np.inf
            t += 1
        passed[r] = t


@kernel
def keep_largest(block, first, start, values, indices):
    """Put what belongs among the largest of its row into the heaps, rows of `values`.

    At the root of a heap is the entry to go next: the least, and of equal ones the last column.
    """
    width = block.shape[1]
    for r in range(block.shape[0]):
        i = start + r
        least = values[i, 0]
        j = 0
        while j + 64 <= width:
            # Few blocks hold anything: a test without branches passes over the others in vectors.
            found = 0
            for t in range(64):
                found |= block[r, j + t] > least
            if found:
                for t in range(64):
                    if block[r, j + t] > least:
                        sift(values, indices, i, values.shape[1], block[r, j + t], first + j + t)
                        least = values[i, 0]
            j += 64
        while j < width:
            if block[r, j] > least:
                sift(values, indices, i, values.shape[1], block[r, j], first + j)
                least = values[i, 0]
            j += 1


@kernel
def sort_heaps(values, indices, start, stop):
    """Overwrite the heaps of rows start..stop by their entries, those to go last in front."""
    for i in range(start, stop):
        size = values.shape[1] - 1
        while size > 0:
            value, index = values[i, size], indices[i, size]
            values[i, size], indices[i, size] = values[i, 0], indices[i, 0]
            sift(values, indices, i, size, value, index)
            size -= 1


@helper
def sift(values, indices, i, size, value, index):
    """Replace the root of the heap of row `i`, of its first `size` entries."""
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        other = child + 1
        if other < size and goes_before(
            values, indices, i, other, values[i, child], indices[i, child]
        ):
            child = other
        if not goes_before(values, indices, i, child, value, index):
            break
        values[i, place], indices[i, place] = values[i, child], indices[i, child]
        place = child
    values[i, place], indices[i, place] = value, index


@helper
def goes_before(values, indices, i, place, value, index):
    """Tell whether the entry at `place` leaves row `i` before the other one does."""
    own = values[i, place]
    return own < value or (own == value and indices[i, place] > index)


@kernel
def add_dense_rows(data, indices, indptr, start, stop, weights, first, out):
    """Overwrite the first rows of `out` by weighted sums; four entries share a pass over a row."""
    # Unsigned, lest the compiler look out for indices that count from the end.
    width, shift = np.uintp(out.shape[1]), np.uintp(first)
    for i in range(start, stop):
        r = i - start
        for k in range(width):
            out[r, k] = 0
        t, end = indptr[i], indptr[i + 1]
        while t + 4 <= end:
            a, b, c, d = data[t], data[t + 1], data[t + 2], data[t + 3]
            ja, jb, jc, jd = indices[t], indices[t + 1], indices[t + 2], indices[t + 3]
            for k in range(width):
                left = a * weights[ja, shift + k] + b * weights[jb, shift + k]
                right = c * weights[jc, shift + k] + d * weights[jd, shift + k]
                out[r, k] += left + right
            t += 4
        while t < end:
            a, ja = data[t], indices[t]
            for k in range(width):
                out[r, k] += a * weights[ja, shift + k]
            t += 1


@kernel
def add_sparse_rows(
    data, indices, indptr, start, stop, weight_data, weight_indices, weight_indptr, out
):
    """Overwrite the first rows of `out` by weighted sums of sparse rows."""
    for i in range(start, stop):
        r = i - start
        for k in range(out.shape[1]):
            out[r, k] = 0
        for t in range(indptr[i], indptr[i + 1]):
            value, j = data[t], indices[t]
            for s in range(weight_indptr[j], weight_indptr[j + 1]):
                out[r, weight_indices[s]] += value * weight_data[s]
