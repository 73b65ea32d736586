"""Records through which kernels read the columns of X, one coefficient at a time.

The residual `r` that the methods take and change is weighted: it holds ``h * (target - eta)``
for sample weights `h`, so that a column product needs no weights.
"""

from typing import NamedTuple

import numpy as np

from sparsekit._compile import helper, protocol, record, reduction


@protocol
def column_dot(self, j, r):
    """Product of column `j` with the weighted residual `r`."""


@protocol
def column_axpy(self, j, step, h, r):
    """Move coefficient `j` by `step`: overwrites `r` with the residual that follows."""


@reduction
def row_dot(rows, j, r):
    """Inner product of row `j` with `r`, vectorised."""
    total = 0.0
    for i in range(r.shape[0]):
        total += rows[j, i] * r[i]
    return total


@helper
def gathered_dot(data, indices, start, stop, r):
    """Inner product of one stored sparse column with `r`; four sums hide the latency of loads."""
    a = 0.0
    b = 0.0
    c = 0.0
    d = 0.0
    k = start
    while k + 4 <= stop:
        a += data[k] * r[indices[k]]
        b += data[k + 1] * r[indices[k + 1]]
        c += data[k + 2] * r[indices[k + 2]]
        d += data[k + 3] * r[indices[k + 3]]
        k += 4
    while k < stop:
        a += data[k] * r[indices[k]]
        k += 1
    return (a + b) + (c + d)


@record
class DenseColumns(NamedTuple):
    """Columns of a dense array, stored as the rows of its transpose.

    Parameters
    ----------
    rows : ndarray of shape (n_features, n_samples)
        The transpose, contiguous by row.
    """

    rows: np.ndarray

    def column_dot(self, j, r):
        """Product of column `j` with `r`."""
        return row_dot(self.rows, j, r)

    def column_axpy(self, j, step, h, r):
        """Subtract ``step * h * column`` from `r`."""
        for i in range(r.shape[0]):
            r[i] -= step * h[i] * self.rows[j, i]


@record
class DenseRows(NamedTuple):
    """Rows of a dense array, for kernels that pass over all columns at once.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Contiguous by row.
    """

    X: np.ndarray


@record
class CSCColumns(NamedTuple):
    """Columns of a sparse array in CSC form.

    Parameters
    ----------
    data : ndarray of shape (n_entries,)
        Stored values.
    indices : ndarray of shape (n_entries,)
        Their rows, unsigned; each row at most once in a column.
    indptr : ndarray of shape (n_features + 1,)
        Where each column begins.
    """

    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray

    def column_dot(self, j, r):
        """Product of column `j` with `r`."""
        return gathered_dot(self.data, self.indices, self.indptr[j], self.indptr[j + 1], r)

    def column_axpy(self, j, step, h, r):
        """Subtract ``step * h * column`` from `r` where the column has entries."""
        for k in range(self.indptr[j], self.indptr[j + 1]):
            i = self.indices[k]
            r[i] -= step * h[i] * self.data[k]


@record
class CenteredColumns(NamedTuple):
    """Columns less their weighted means, at the cost of the stored columns.

    ``r + shift * h`` is the true residual, whose sum is zero when it begins at zero; `r` is what
    is stored. So a step changes `r` where the column has entries, and one number.

    Parameters
    ----------
    base : record
        The columns as stored.
    mean : ndarray of shape (n_features,)
        Means weighted by `h`.
    mass : float
        Sum of `h`.
    shift : ndarray of shape (1,)
        Running shift, overwritten.
    """

    base: object
    mean: np.ndarray
    mass: float
    shift: np.ndarray

    def column_dot(self, j, r):
        """Product of the centred column `j` with the true residual."""
        return self.base.column_dot(j, r) + self.shift[0] * self.mass * self.mean[j]

    def column_axpy(self, j, step, h, r):
        """Subtract ``step * h * (column - mean)`` from the true residual."""
        self.base.column_axpy(j, step, h, r)
        self.shift[0] += step * self.mean[j]


@record
class GramColumns(NamedTuple):
    """Columns of a Gram matrix; here `r` is the gradient of every column it holds.

    Parameters
    ----------
    matrix : ndarray of shape (n_columns, n_columns)
        May be larger than `r` is long; what lies beyond is not read.
    """

    matrix: np.ndarray

    def column_dot(self, j, r):
        """Return the gradient of column `j`."""
        return r[j]

    def column_axpy(self, j, step, h, r):
        """Subtract ``step`` times row `j` of the Gram matrix from the gradient."""
        for i in range(r.shape[0]):
            r[i] -= step * self.matrix[j, i]
