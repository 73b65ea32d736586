"""Whole-matrix operations on dense arrays, stored by columns or by rows.

All of them centre the columns as they read them, so that a column far from zero loses no digits.
"""

from functools import cached_property

import numpy as np

from sparsekit._compile import kernel, reduction
from sparsekit._parallel import check_cancelled, run_blocks
from sparsekit.matrix._blocks import add_products, cut, mirror_lower, row_blocks
from sparsekit.matrix._columns import DenseColumns, DenseRows

# Entries gathered at a time for a product of columns: long enough runs of each column to read at
# the speed of memory, few enough to stay in the cache.
GATHER_ENTRIES = 1 << 18


@reduction
def _dot(columns, j, centre, r):
    total = 0.0
    for i in range(r.shape[0]):
        total += (columns.rows[j, i] - centre) * r[i]
    return total


@reduction
def _square(columns, j, centre, h):
    total = 0.0
    for i in range(h.shape[0]):
        deviation = columns.rows[j, i] - centre
        total += h[i] * deviation * deviation
    return total


@kernel
def moments_by_column(columns, h, mass, centered, target, mean, curvature, product, j0, j1):
    """Overwrite mean, weighted centred square and product with `target` of columns j0..j1."""
    for j in range(j0, j1):
        centre = _dot(columns, j, 0.0, h) / mass if centered else 0.0
        mean[j] = centre
        curvature[j] = _square(columns, j, centre, h)
        product[j] = _dot(columns, j, centre, target)


@kernel
def dot_by_column(columns, features, mean, r, out):
    """Overwrite `out` with the products of the given centred columns with `r`."""
    for k in range(features.shape[0]):
        out[k] = _dot(columns, features[k], mean[features[k]], r)


@kernel
def accumulate_by_column(columns, features, mean, coef, eta):
    """Add ``coef[k]`` times the centred column ``features[k]`` to `eta`."""
    for k in range(features.shape[0]):
        j = features[k]
        centre = mean[j]
        w = coef[k]
        for i in range(eta.shape[0]):
            eta[i] += w * (columns.rows[j, i] - centre)


@kernel
def gather_by_column(columns, features, mean, scale, i0, block):
    """Overwrite row k of `block` with centred column ``features[k]`` from row i0 on, scaled."""
    for k in range(features.shape[0]):
        j = features[k]
        centre = mean[j]
        for i in range(block.shape[1]):
            block[k, i] = scale[i0 + i] * (columns.rows[j, i0 + i] - centre)


@kernel
def add_rows(rows, weight, mean, out, i0, i1):
    """Add to `out` the rows i0..i1 less `mean`, each times its weight."""
    for i in range(i0, i1):
        w = weight[i]
        for j in range(out.shape[0]):
            out[j] += w * (rows.X[i, j] - mean[j])


@kernel
def add_squares(rows, weight, mean, out, i0, i1):
    """Add to `out` the squares of rows i0..i1 less `mean`, each times its weight."""
    for i in range(i0, i1):
        w = weight[i]
        for j in range(out.shape[0]):
            deviation = rows.X[i, j] - mean[j]
            out[j] += w * deviation * deviation


@kernel
def accumulate_by_row(rows, features, mean, coef, eta, i0, i1):
    """Add to ``eta[i0:i1]`` the given centred columns times `coef`."""
    for i in range(i0, i1):
        total = 0.0
        for k in range(features.shape[0]):
            total += coef[k] * (rows.X[i, features[k]] - mean[features[k]])
        eta[i] += total


@kernel
def gather_by_row(rows, features, mean, scale, i0, block):
    """Overwrite `block` with rows of the given centred columns from row i0 on, scaled."""
    for i in range(block.shape[0]):
        for k in range(features.shape[0]):
            j = features[k]
            block[i, k] = scale[i0 + i] * (rows.X[i0 + i, j] - mean[j])


class _DenseDesign:
    """What both storage orders share: the whole feature list, work estimates, Gram matrices."""

    sparse = False

    def __init__(self, X, n_jobs=None):
        self.X = X
        self.n_jobs = n_jobs
        self.shape = X.shape
        self.dtype = X.dtype
        self.n_entries = X.size

    @cached_property
    def all_features(self):
        """Every column, in order."""
        return np.arange(self.shape[1])

    def work(self, features):
        """Return the number of entries that one pass over the given columns touches."""
        return self.shape[0] * len(features)

    def gram(self, features, n_old, h, mean):
        """Return the products of ``features[n_old:]`` with all `features`, centred by `mean`."""
        n_all, n_new = len(features), len(features) - n_old
        gram = np.zeros((n_new, n_all))
        scale = np.sqrt(h)
        n_rows = max(GATHER_ENTRIES // n_all, n_new // 4, 32)
        for here, rows in self._gathered(n_rows, n_all):
            self._gather(features, mean, scale, here.start, rows)
            add_products(rows, n_old, gram)
        mirror_lower(gram, n_old)
        return gram

    def gram_by_label(self, labels, n_labels, h, mean, extra):
        """Return one Gram matrix for the rows of each label: all columns less `mean`, then `extra`.

        `extra`, of shape (n_samples, n_extra), holds further columns.
        """
        n_features = self.shape[1]
        size = n_features + extra.shape[1]
        grams = np.zeros((n_labels, size, size))
        scale = np.sqrt(h)
        for here, rows in self._gathered(max(GATHER_ENTRIES // size, 256), size):
            self._gather(self.all_features, mean, scale, here.start, rows)
            rows[:, n_features:] = scale[here, None] * extra[here]
            found = labels[here]
            for label in np.unique(found):
                chosen = found == label
                add_products(rows if chosen.all() else rows[chosen], 0, grams[label])
        for gram in grams:
            mirror_lower(gram, 0)
        return grams

    def _gathered(self, n_rows, size):
        """Yield slices of rows and an array for each, of `size` columns, used again and again."""
        n_samples = self.shape[0]
        room = self._room(min(n_rows, n_samples), size)
        for i0 in range(0, n_samples, n_rows):
            check_cancelled()
            here = slice(i0, min(i0 + n_rows, n_samples))
            n_here = here.stop - i0
            yield here, room if n_here == len(room) else self._room(n_here, size)


class ColumnMajorDesign(_DenseDesign):
    """A dense array whose columns are contiguous (Fortran order).

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Not copied, not changed.
    n_jobs : int, default=None
        Threads of a pass over the matrix; they do not change a result.
    """

    def __init__(self, X, n_jobs=None):
        super().__init__(X, n_jobs)
        self.columns = DenseColumns(X.T)

    def moments(self, h, target, *, center):
        """Return column means, centred squares weighted by `h`, and products with `target`."""
        n_features = self.shape[1]
        mean, curvature, product = (np.empty(n_features) for _ in range(3))
        mass = h.sum()

        def fill(j0, j1):
            moments_by_column(
                self.columns, h, mass, center, target, mean, curvature, product, j0, j1
            )

        run_blocks(fill, cut(n_features, 2 * self.n_entries, self.n_jobs), self.n_jobs)
        return mean, curvature, product

    def dot(self, r, mean, features=None):
        """Return the products of the given columns, less `mean`, with `r`."""
        features = self.all_features if features is None else features
        out = np.empty(len(features))

        def fill(a, b):
            dot_by_column(self.columns, features[a:b], mean, r, out[a:b])

        run_blocks(fill, cut(len(features), self.work(features), self.n_jobs), self.n_jobs)
        return out

    def accumulate(self, features, mean, coef, eta):
        """Add the given columns, less `mean`, times `coef` to `eta`, in place."""
        for a, b in row_blocks(len(features), self.work(features)):
            accumulate_by_column(self.columns, features[a:b], mean, coef[a:b], eta)

    def compact(self, features, mean):
        """Return a record of columns, the place of each given feature in it, and means by place."""
        return self.columns, features, mean

    def _room(self, n_rows, size):
        return np.empty((size, n_rows)).T

    def _gather(self, features, mean, scale, i0, rows):
        gather_by_column(self.columns, features, mean, scale, i0, rows.T)


class RowMajorDesign(_DenseDesign):
    """A dense array whose rows are contiguous (C order).

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Not copied, not changed.
    n_jobs : int, default=None
        Threads of a pass over the matrix; they do not change a result.
    """

    def __init__(self, X, n_jobs=None):
        super().__init__(X, n_jobs)
        self.rows = DenseRows(X)

    def moments(self, h, target, *, center):
        """Return column means, centred squares weighted by `h`, and products with `target`."""
        zero, mass = np.zeros(self.shape[1]), h.sum()
        mean = self.dot(h, zero) / mass if center else zero
        curvature = np.zeros(self.shape[1])
        for i0, i1 in row_blocks(self.shape[0], self.n_entries):
            add_squares(self.rows, h, mean, curvature, i0, i1)
        return mean, curvature, self.dot(target, mean)

    def dot(self, r, mean, features=None):
        """Return the products of the given columns, less `mean`, with `r`."""
        out = np.zeros(self.shape[1])
        for i0, i1 in row_blocks(self.shape[0], self.n_entries):
            add_rows(self.rows, r, mean, out, i0, i1)
        return out if features is None else out[features]

    def accumulate(self, features, mean, coef, eta):
        """Add the given columns, less `mean`, times `coef` to `eta`, in place."""

        def fill(i0, i1):
            accumulate_by_row(self.rows, features, mean, coef, eta, i0, i1)

        run_blocks(fill, cut(self.shape[0], self.work(features), self.n_jobs), self.n_jobs)

    def compact(self, features, mean):
        """Return a record of columns, the place of each given feature in it, and means by place."""
        columns = np.empty((len(features), self.shape[0]), dtype=self.dtype)
        for i0, i1 in row_blocks(self.shape[0], self.work(features)):
            columns[:, i0:i1] = self.X[i0:i1, features].T
        return DenseColumns(columns), np.arange(len(features)), mean[features]

    def _room(self, n_rows, size):
        return np.empty((n_rows, size))

    def _gather(self, features, mean, scale, i0, rows):
        gather_by_row(self.rows, features, mean, scale, i0, rows)
