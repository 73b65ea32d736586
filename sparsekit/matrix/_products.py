"""Products of sparse or dense rows with a dense factor; threads do not change a bit of them.

Indices become unsigned before they are used: numba would ask of each whether it is negative.
"""

import numpy as np
from scipy import sparse

from sparsekit._compile import kernel
from sparsekit._parallel import run_blocks, single_blas_thread
from sparsekit._simd import CACHE_LINE, aligned_empty, padded, product_entries, product_row

# Multiplications of one kernel call: some 30 ms at most.
CALL_WORK = 3e7
# Least number of blocks of a product worth a second thread, and most partial sums.
BLOCKS = 16
DENSE_ROWS = 2048
# Entries below which SciPy has multiplied a vector before blocks are cut.
FEW_ENTRIES = 50_000


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
    # Of few entries most rows of the factor are not read, so a copy would cost more than it brings.
    whole = _is_padded(factor) or X.nnz > X.shape[1] // 2
    factor = pad_rows(factor) if whole else np.ascontiguousarray(factor)
    multiply_rows = multiply_padded_rows if whole else multiply_any_rows

    entries = stored(X)

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
    if not sparse.issparse(X) or X.nnz < FEW_ENTRIES:
        with single_blas_thread():
            return X @ v
    product, v = np.empty(X.shape[0], dtype=v.dtype), np.ascontiguousarray(v)
    entries = stored(X)

    def fill(start, stop):
        multiply_vector_rows(*entries, v, product, start, stop)

    run_blocks(fill, cut_stored(X.indptr, 1), n_jobs)
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
    products = np.empty(X.nnz, dtype=left.dtype)
    whole = (_is_padded(left) and _is_padded(right)) or 4 * X.nnz > sum(X.shape)
    left, right = map(pad_rows if whole else np.ascontiguousarray, (left, right))
    fill_rows = fill_padded_products if whole else fill_any_products

    _, indices, indptr = stored(X)

    def fill(start, stop):
        fill_rows(indices, indptr, left, right, products, start, stop)

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


def cut_rows(n_rows, size):
    """Return blocks of `size` rows, the last one shorter."""
    return [(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


def cut_stored(indptr, work_per_entry, n_blocks=BLOCKS):
    """Return blocks of rows that hold about the same number of entries, whatever the threads."""
    n_rows, n_entries = len(indptr) - 1, int(indptr[-1])
    n_blocks = max(n_entries * work_per_entry / CALL_WORK, n_blocks)
    n_blocks = int(min(n_blocks, max(n_rows, 1)))
    # A row counts as an entry too, so that empty rows are shared out.
    weight = indptr + np.arange(n_rows + 1)
    edges = np.searchsorted(weight, np.arange(1, n_blocks) * (weight[-1] / n_blocks))
    edges = np.unique(np.concatenate(([0], edges, [n_rows])))
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


@kernel
def multiply_padded_rows(data, indices, indptr, factor, product, start, stop):
    """Overwrite rows start..stop of `product`; the rows of `factor` are padded."""
    for i in range(start, stop):
        product_row(data, indices, indptr[i], indptr[i + 1] - indptr[i], factor, product, i)


@kernel
def multiply_any_rows(data, indices, indptr, factor, product, start, stop):
    """Overwrite rows start..stop of `product`."""
    for i in range(start, stop):
        for k in range(product.shape[1]):
            product[i, k] = 0
        for t in range(indptr[i], indptr[i + 1]):
            a, j = data[t], np.uintp(indices[t])
            for k in range(product.shape[1]):
                product[i, k] += a * factor[j, k]


@kernel
def multiply_vector_rows(data, indices, indptr, v, product, start, stop):
    """Overwrite numbers start..stop of `product`."""
    step = np.uintp(4)
    for i in range(start, stop):
        a = b = c = d = data.dtype.type(0)
        t, last = np.uintp(indptr[i]), np.uintp(indptr[i + 1])
        while t + step <= last:
            u, w, x = t + np.uintp(1), t + np.uintp(2), t + np.uintp(3)
            a += data[t] * v[np.uintp(indices[t])]
            b += data[u] * v[np.uintp(indices[u])]
            c += data[w] * v[np.uintp(indices[w])]
            d += data[x] * v[np.uintp(indices[x])]
            t += step
        while t < last:
            a += data[t] * v[np.uintp(indices[t])]
            t += np.uintp(1)
        product[i] = (a + b) + (c + d)


@kernel
def fill_padded_products(indices, indptr, left, right, products, start, stop):
    """Overwrite the products of the entries of rows start..stop; rows are padded."""
    for i in range(start, stop):
        product_entries(indices, indptr[i], indptr[i + 1] - indptr[i], left, i, right, products)


@kernel
def fill_any_products(indices, indptr, left, right, products, start, stop):
    """Overwrite the products of the entries of rows start..stop."""
    for i in range(start, stop):
        for t in range(indptr[i], indptr[i + 1]):
            j, total = np.uintp(indices[t]), left.dtype.type(0)
            for k in range(left.shape[1]):
                total += left[i, k] * right[j, k]
            products[t] = total
