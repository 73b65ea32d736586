"""Products of matrices that are sparse or dense; threads do not change a bit of them.

Indices become unsigned before they are used: numba would ask of each whether it is negative.
"""

import numpy as np
from joblib import effective_n_jobs
from scipy import sparse

from sparsekit._compile import kernel
from sparsekit._parallel import run_blocks, single_blas_thread
from sparsekit._simd import CACHE_LINE, aligned_empty, padded, product_entries, product_row
from sparsekit.matrix._blocks import BLOCKS, cut_rows, cut_stored, cut_triangle

# Rows of a block of dense ones.
DENSE_ROWS = 2048
# Entries below which a vector is multiplied before threads have begun.
FEW_ENTRIES = 4_000_000
# Entries from which two threads turn a matrix faster than SciPy, and most of one kernel call.
THREAD_ENTRIES, CALL_ENTRIES = 2_000_000, 5_000_000
# Products per place of a Gram matrix from which half of it is mirrored.
MIRROR_PAYS = 1.5
# Side of the squares that are mirrored at a time: both fit into the first cache.
SQUARE = 32


def multiply(X, factor, *, n_jobs=None):
    """Return ``X @ factor`` as an array in C order.

    Parameters
    ----------
    X : ndarray or csr_array of shape (n, m)
        In the dtype of `factor`.
    factor : ndarray of shape (m, k)
        Read fastest where rows are contiguous and whole cache lines long.
    n_jobs : int, default=None
        Threads; the result does not depend on them.

    Returns
    -------
    product : ndarray of shape (n, k)
        The product.
    """
    product = aligned_empty((X.shape[0], factor.shape[1]), factor.dtype)
    if not sparse.issparse(X):
        _fill_dense(X, factor, product, n_jobs)
        return product
    if not _is_padded(factor) and X.nnz < X.shape[1]:
        # Few rows of the factor are read, so a copy of it would cost more than it brings.
        product[:] = X @ factor
        return product
    entries, factor = stored(X), pad_rows(factor)

    def fill(start, stop):
        multiply_rows(*entries, factor, product, start, stop)

    run_blocks(fill, cut_stored(X.indptr, product.shape[1]), n_jobs)
    return product


def _fill_dense(X, factor, product, n_jobs):
    """Overwrite `product` by that of dense rows, block by block."""

    def fill(start, stop):
        np.matmul(X[start:stop], factor, out=product[start:stop])

    with single_blas_thread():
        run_blocks(fill, cut_rows(X.shape[0], DENSE_ROWS), n_jobs)


def multiply_transposed(X, factor, *, n_jobs=None):
    """Return ``X.T @ factor`` as an array in C order.

    Parameters
    ----------
    X : ndarray or csc_array of shape (n, m)
        In the dtype of `factor`. A sparse matrix is stored by column, as `to_csc` does.
    factor : ndarray of shape (n, k)
        Read fastest where rows are contiguous and whole cache lines long.
    n_jobs : int, default=None
        Threads; the result does not depend on them.

    Returns
    -------
    product : ndarray of shape (m, k)
        The product.
    """
    return multiply(X.T, factor, n_jobs=n_jobs)


def multiply_vector(X, v, *, n_jobs=None):
    """Return ``X @ v``.

    Parameters
    ----------
    X : ndarray or csr_array of shape (n, m)
        In the dtype of `v`.
    v : ndarray of shape (m,)
        The vector.
    n_jobs : int, default=None
        Threads; the result does not depend on them.

    Returns
    -------
    product : ndarray of shape (n,)
        The product.
    """
    if not sparse.issparse(X):
        with single_blas_thread():
            return X @ v
    n_jobs = effective_n_jobs(n_jobs)
    if n_jobs == 1 or X.nnz < FEW_ENTRIES:
        return X @ v
    product = np.empty(X.shape[0], dtype=v.dtype)

    def fill(start, stop):
        # SciPy's loop is as fast as one can be, and leaves the interpreter to other threads. Its
        # constructor would copy what is a view.
        rows = sparse.csr_array((stop - start, X.shape[1]), dtype=X.dtype)
        rows.data, rows.indices, rows.indptr = X.data, X.indices, X.indptr[start : stop + 1]
        product[start:stop] = rows @ v

    # A row's sum is the same in whatever block it is.
    run_blocks(fill, cut_stored(X.indptr, 0, 2 * n_jobs), n_jobs)
    return product


def entry_products(X, left, right, *, n_jobs=None):
    """Return ``left[i] @ right[j]`` for every stored entry (i, j) of X, in the order of its data.

    Parameters
    ----------
    X : csr_array of shape (n, m)
        Only its structure is read.
    left : ndarray of shape (n, k)
        Vectors of the rows.
    right : ndarray of shape (m, k)
        Vectors of the columns, in the dtype of `left`. Both are read fastest where their rows are
        contiguous and whole cache lines long.
    n_jobs : int, default=None
        Threads; the result does not depend on them.

    Returns
    -------
    products : ndarray of shape (X.nnz,)
        The products.
    """
    if X.nnz < sum(X.shape) and not (_is_padded(left) and _is_padded(right)):
        # Few rows of the factors are read: only those are copied.
        rows = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
        return np.einsum("tk,tk->t", left[rows], right[X.indices])
    products = np.empty(X.nnz, dtype=left.dtype)
    left, right = pad_rows(left), pad_rows(right)
    _, indices, indptr = stored(X)

    def fill(start, stop):
        fill_products(indices, indptr, left, right, products, start, stop)

    run_blocks(fill, cut_stored(X.indptr, left.shape[1]), n_jobs)
    return products


def self_product(factor, *, n_jobs=None):
    """Return ``factor.T @ factor``.

    Parameters
    ----------
    factor : ndarray of shape (m, k)
        Contiguous by row.
    n_jobs : int, default=None
        Threads; the result does not depend on them.

    Returns
    -------
    product : ndarray of shape (k, k)
        The product.
    """
    blocks = cut_rows(len(factor), max(DENSE_ROWS, -(-len(factor) // BLOCKS)))
    partial = np.zeros((max(len(blocks), 1), factor.shape[1], factor.shape[1]), factor.dtype)
    places = {start: b for b, (start, _) in enumerate(blocks)}

    def fill(start, stop):
        rows = factor[start:stop]
        np.matmul(rows.T, rows, out=partial[places[start]])

    with single_blas_thread():
        run_blocks(fill, blocks, n_jobs)
    return partial.sum(axis=0)


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
    in_rows = np.diff(X.indptr).astype(np.float64)
    # Few products cost less twice than what lies on one side of the diagonal does to be copied.
    mirrored = in_rows @ in_rows > MIRROR_PAYS * gram.size
    begins = columns.data if mirrored else X.indptr[columns.indices]

    def fill(start, stop):
        entries = columns.data, begins, columns.indices, columns.indptr
        multiply_columns(X.data, X.indices, X.indptr, *entries, gram, start, stop)

    run_blocks(fill, cut_work(X, columns, begins), n_jobs)
    if mirrored:
        blocks = cut_triangle(len(gram), SQUARE)
        run_blocks(lambda start, stop: mirror_upper(gram, start, stop), blocks, n_jobs)
    return gram


def cut_work(X, columns, begins):
    """Return blocks of columns with about the same number of products."""
    ahead = np.zeros(X.nnz + 1, dtype=np.int64)
    np.cumsum(X.indptr[columns.indices + 1] - begins, out=ahead[1:])
    return cut_stored(ahead[columns.indptr], 1)


def stored(X):
    """Return data, indices and indptr of a sparse matrix, each without gaps in memory."""
    return tuple(map(np.ascontiguousarray, (X.data, X.indices, X.indptr)))


def pad_rows(factor):
    """Return the factor with rows of whole cache lines, zeros behind; itself if it has such."""
    if _is_padded(factor):
        return factor
    n_rows, width = factor.shape
    rows = aligned_empty((n_rows, padded(width, factor.dtype)), factor.dtype)
    rows[:, :width] = factor
    rows[:, width:] = 0
    return rows


def _is_padded(factor):
    """Return whether rows follow one another and hold whole cache lines, wherever they begin."""
    return factor.flags.c_contiguous and factor.shape[1] * factor.itemsize % CACHE_LINE == 0


@kernel
def multiply_rows(data, indices, indptr, factor, product, start, stop):
    """Overwrite rows start..stop of `product`; the rows of `factor` are padded."""
    for i in range(start, stop):
        product_row(data, indices, indptr[i], indptr[i + 1] - indptr[i], factor, product, i)


@kernel
def fill_products(indices, indptr, left, right, products, start, stop):
    """Overwrite the products of the entries of rows start..stop; rows are padded."""
    for i in range(start, stop):
        product_entries(indices, indptr[i], indptr[i + 1] - indptr[i], left, i, right, products)


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
def multiply_columns(data, indices, indptr, places, begins, rows, starts, gram, start, stop):
    """Add products to rows start..stop of `gram`: of a column's entries with those of their rows.

    The entry at `places[e]` meets those of its row from `begins[e]` on.
    """
    one = np.uintp(1)
    for j in range(start, stop):
        for e in range(np.uintp(starts[j]), np.uintp(starts[j + 1])):
            factor = data[np.uintp(places[e])]
            first, last = np.uintp(begins[e]), np.uintp(indptr[np.uintp(rows[e]) + one])
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
