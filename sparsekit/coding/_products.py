"""Products of sparse or dense rows with a dense factor; threads do not change a bit of them."""

import numpy as np
from scipy import sparse

from sparsekit._compile import kernel
from sparsekit._parallel import run_blocks, single_blas_thread

# Multiplications of one kernel call: some 30 ms.
CALL_WORK = 3e7
# Least number of blocks of a product worth a second thread, and most partial sums.
BLOCKS = 16
DENSE_ROWS = 2048


def multiply(X, factor, *, n_jobs=None):
    """Return ``X @ factor`` as an array in C order.

    Parameters
    ----------
    X : ndarray or csr_array of shape (n, m)
        In the dtype of `factor`.
    factor : ndarray of shape (m, k)
        Contiguous by row. Rows of a multiple of 8 numbers are read fastest.
    n_jobs : int, default=None
        Threads; the result does not depend on them.

    Returns
    -------
    product : ndarray of shape (n, k)
        The product.
    """
    product = np.empty((X.shape[0], factor.shape[1]), dtype=factor.dtype)
    if sparse.issparse(X):

        def fill(start, stop):
            multiply_rows(X.data, X.indices, X.indptr, factor, product, start, stop)

        run_blocks(fill, cut_stored(X.indptr, factor.shape[1]), n_jobs)
        return product

    def fill_dense(start, stop):
        np.matmul(X[start:stop], factor, out=product[start:stop])

    with single_blas_thread():
        run_blocks(fill_dense, cut_rows(X.shape[0], DENSE_ROWS), n_jobs)
    return product


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


def cut_rows(n_rows, size):
    """Return blocks of `size` rows, the last one shorter."""
    return [(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


def cut_stored(indptr, work_per_entry):
    """Return blocks of rows that hold about the same number of entries, whatever the threads."""
    n_rows, n_entries = len(indptr) - 1, int(indptr[-1])
    n_blocks = max(n_entries * work_per_entry / CALL_WORK, BLOCKS)
    n_blocks = int(min(n_blocks, max(n_rows, 1)))
    # A row counts as an entry too, so that empty rows are shared out.
    weight = indptr + np.arange(n_rows + 1)
    edges = np.searchsorted(weight, np.arange(1, n_blocks) * (weight[-1] / n_blocks))
    edges = np.unique(np.concatenate(([0], edges, [n_rows])))
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


@kernel
def multiply_rows(data, indices, indptr, factor, product, start, stop):
    """Overwrite rows start..stop of `product`; eight entries share a pass over the row."""
    width = factor.shape[1]
    for i in range(start, stop):
        for k in range(width):
            product[i, k] = 0
        t, last = indptr[i], indptr[i + 1]
        while t + 8 <= last:
            a, b, c, d = data[t], data[t + 1], data[t + 2], data[t + 3]
            e, f, g, h = data[t + 4], data[t + 5], data[t + 6], data[t + 7]
            ja, jb, jc, jd = indices[t], indices[t + 1], indices[t + 2], indices[t + 3]
            je, jf, jg, jh = indices[t + 4], indices[t + 5], indices[t + 6], indices[t + 7]
            for k in range(width):
                left = (a * factor[ja, k] + b * factor[jb, k]) + (
                    c * factor[jc, k] + d * factor[jd, k]
                )
                right = (e * factor[je, k] + f * factor[jf, k]) + (
                    g * factor[jg, k] + h * factor[jh, k]
                )
                product[i, k] += left + right
            t += 8
        while t < last:
            a = data[t]
            ja = indices[t]
            for k in range(width):
                product[i, k] += a * factor[ja, k]
            t += 1
