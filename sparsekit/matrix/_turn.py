"""From rows to columns: a sparse matrix stored by column, and the products of its columns."""

import numpy as np
from joblib import effective_n_jobs
from scipy import sparse

from sparsekit._compile import kernel
from sparsekit._parallel import run_blocks
from sparsekit.matrix._products import BLOCKS, CALL_WORK, cut_stored

# Entries from which two threads are faster than SciPy, and most of one kernel call.
THREAD_ENTRIES, CALL_ENTRIES = 2_000_000, 5_000_000
# Side of the squares that are mirrored at a time: both fit into the first cache.
SQUARE = 32


def to_csc(X, *, n_jobs=None):
    """Return X stored by column, rows in order.

    Parameters
    ----------
    X : csr_array of shape (n, m)
        Stored by row.
    n_jobs : int, default=None
        Threads; the result does not depend on them.

    Returns
    -------
    columns : csc_array of shape (n, m)
        The same entries.
    """
    n_jobs = effective_n_jobs(n_jobs)
    n_blocks = max(n_jobs, X.nnz // CALL_ENTRIES)
    # Each block counts the entries of every column.
    if n_jobs == 1 or X.nnz < max(THREAD_ENTRIES, n_blocks * X.shape[1]):
        return sparse.csc_array(X)
    blocks = cut_stored(X.indptr, 0, n_blocks)
    places = np.zeros((len(blocks), X.shape[1]), dtype=X.indptr.dtype)
    numbers = {start: b for b, (start, _) in enumerate(blocks)}

    def count(start, stop):
        count_columns(X.indices, X.indptr[start], X.indptr[stop], places[numbers[start]])

    run_blocks(count, blocks, n_jobs)
    indptr = np.zeros(X.shape[1] + 1, dtype=X.indptr.dtype)
    lay_out(places, indptr)
    data, rows = np.empty_like(X.data), np.empty_like(X.indices)

    def fill(start, stop):
        into = places[numbers[start]]
        scatter_rows(X.data, X.indices, X.indptr, into, data, rows, start, stop)

    run_blocks(fill, blocks, n_jobs)
    return sparse.csc_array((data, rows, indptr), shape=X.shape)


def sparse_gram(X, *, n_jobs=None):
    """Return ``X.T @ X`` as an array.

    Parameters
    ----------
    X : csr_array of shape (n, m)
        Stored by row, without duplicates, columns in order.
    n_jobs : int, default=None
        Threads; the result does not depend on them.

    Returns
    -------
    gram : ndarray of shape (m, m)
        The products of the columns, in the dtype of X.
    """
    places = sparse.csr_array(
        (np.arange(X.nnz, dtype=X.indptr.dtype), X.indices, X.indptr), X.shape
    )
    columns = to_csc(places, n_jobs=n_jobs)
    gram = np.zeros((X.shape[1], X.shape[1]), dtype=X.dtype)

    def fill(start, stop):
        entries = columns.data, columns.indices, columns.indptr
        multiply_columns(X.data, X.indices, X.indptr, *entries, gram, start, stop)

    run_blocks(fill, cut_work(X, columns), n_jobs)
    # Of a block of rows what lies left of the diagonal.
    run_blocks(lambda start, stop: mirror_upper(gram, start, stop), cut_triangle(len(gram)), n_jobs)
    return gram


def cut_work(X, columns):
    """Return blocks of columns with about the same number of products."""
    ahead = np.zeros(X.nnz + 1, dtype=np.int64)
    np.cumsum(X.indptr[columns.indices + 1] - columns.data, out=ahead[1:])
    return cut_stored(ahead[columns.indptr], 1)


def cut_triangle(n):
    """Return blocks of rows, of whole squares, with about the same part of a triangle."""
    n_blocks = max(BLOCKS, int(n * n / CALL_WORK))
    edges = SQUARE * np.round(n / SQUARE * np.sqrt(np.arange(n_blocks) / n_blocks)).astype(int)
    edges = np.unique(np.append(np.minimum(edges, n), n))
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


@kernel
def count_columns(indices, first, last, counts):
    """Add one to the count of a column for each of its entries."""
    for t in range(np.uintp(first), np.uintp(last)):
        counts[np.uintp(indices[t])] += 1


@kernel
def lay_out(places, indptr):
    """Overwrite each block's counts by where its entries go; write where columns begin."""
    place = indptr[0]
    for j in range(places.shape[1]):
        for b in range(places.shape[0]):
            count = places[b, j]
            places[b, j] = place
            place += count
        indptr[j + 1] = place


@kernel
def scatter_rows(data, indices, indptr, places, by_column, rows, start, stop):
    """Write the entries of rows start..stop by column; `places` moves on behind them."""
    for i in range(start, stop):
        for t in range(np.uintp(indptr[i]), np.uintp(indptr[i + 1])):
            j = np.uintp(indices[t])
            place = np.uintp(places[j])
            places[j] += 1
            by_column[place] = data[t]
            rows[place] = i


@kernel
def multiply_columns(data, indices, indptr, places, rows, starts, gram, start, stop):
    """Overwrite rows start..stop of `gram`, from the diagonal on."""
    one = np.uintp(1)
    for j in range(start, stop):
        # The rest of each row that has an entry here, from that entry on.
        for e in range(np.uintp(starts[j]), np.uintp(starts[j + 1])):
            first, last = np.uintp(places[e]), np.uintp(indptr[np.uintp(rows[e]) + one])
            factor = data[first]
            for t in range(first, last):
                gram[np.uintp(j), np.uintp(indices[t])] += factor * data[t]


@kernel
def mirror_upper(gram, start, stop):
    """Copy to rows start..stop what lies right of the diagonal, square by square."""
    for top in range(start, stop, SQUARE):
        bottom = min(top + SQUARE, stop)
        for left in range(0, bottom, SQUARE):
            for i in range(top, bottom):
                for j in range(left, min(left + SQUARE, i)):
                    gram[i, j] = gram[j, i]
