"""Whole-matrix operations on sparse columns (CSC), without ever making them dense."""

from functools import cached_property

import numpy as np

from sparsekit._compile import kernel
from sparsekit._parallel import run_blocks
from sparsekit.matrix._blocks import add_products, cut, mirror_lower, row_blocks
from sparsekit.matrix._columns import CSCColumns

# Above this share of stored entries a row-wise sum of products loses to a dense product.
DENSE_SHARE = 0.15


@kernel
def sparse_moments(columns, h, mass, centered, target, mean, curvature, product, j0, j1):
    """Overwrite mean, weighted centred square and product with `target` of columns j0..j1."""
    for j in range(j0, j1):
        first = 0.0
        seen = 0.0
        total = 0.0
        for k in range(columns.indptr[j], columns.indptr[j + 1]):
            i = columns.indices[k]
            first += h[i] * columns.data[k]
            seen += h[i]
            total += target[i] * columns.data[k]
        centre = first / mass if centered else 0.0
        square = 0.0
        for k in range(columns.indptr[j], columns.indptr[j + 1]):
            deviation = columns.data[k] - centre
            square += h[columns.indices[k]] * deviation * deviation
        mean[j] = centre
        curvature[j] = square + max(mass - seen, 0.0) * centre * centre
        product[j] = total


@kernel
def sparse_dot(columns, features, mean, r, total, out):
    """Overwrite `out` with the products of the given columns, less `mean`, with `r`.

    `total` is the sum of `r`. Of a column without zeros, which may lie far from zero, the mean is
    subtracted entry by entry.
    """
    for k in range(features.shape[0]):
        j = features[k]
        start, stop = columns.indptr[j], columns.indptr[j + 1]
        if stop - start == r.shape[0]:
            product = 0.0
            for m in range(start, stop):
                product += (columns.data[m] - mean[j]) * r[columns.indices[m]]
            out[k] = product
        else:
            out[k] = columns.column_dot(j, r) - mean[j] * total


@kernel
def sparse_accumulate(columns, features, mean, coef, eta):
    """Add ``coef[k]`` times column ``features[k]``, less its mean, to `eta`, but for a number.

    Returns the number that is still to be added to all of `eta`.
    """
    rest = 0.0
    for k in range(features.shape[0]):
        j = features[k]
        w = coef[k]
        start, stop = columns.indptr[j], columns.indptr[j + 1]
        centre = mean[j] if stop - start == eta.shape[0] else 0.0
        rest -= w * (mean[j] - centre)
        for m in range(start, stop):
            eta[columns.indices[m]] += w * (columns.data[m] - centre)
    return rest


@kernel
def count_rows(columns, features, row_start):
    """Add to ``row_start[i + 1]`` the number of entries of row i in the given columns."""
    for k in range(features.shape[0]):
        j = features[k]
        for m in range(columns.indptr[j], columns.indptr[j + 1]):
            row_start[columns.indices[m] + np.uint32(1)] += 1


@kernel
def fill_rows(columns, features, reference, cursor, members, values):
    """Write columns less `reference` row by row; overwrites `cursor`, each row's next place."""
    for k in range(features.shape[0]):
        j = features[k]
        for m in range(columns.indptr[j], columns.indptr[j + 1]):
            i = columns.indices[m]
            place = cursor[i]
            members[place] = k
            values[place] = columns.data[m] - reference[j]
            cursor[i] = place + 1


@kernel
def add_row_products(row_start, members, values, h, n_old, gram, i0, i1):
    """Add the weighted products of rows i0..i1 to the rows of `gram` from `n_old` on."""
    for i in range(i0, i1):
        if h[i] != 0.0:
            for a in range(row_start[i], row_start[i + 1]):
                row = members[a]
                if row >= n_old:
                    scaled = h[i] * values[a]
                    for b in range(row_start[i], a + 1):
                        gram[row - n_old, members[b]] += scaled * values[b]


@kernel
def spread_rows(row_start, members, values, scale, dense, i0, i1):
    """Write rows i0..i1, each times its `scale`, into the zeroed array `dense`."""
    for i in range(i0, i1):
        for a in range(row_start[i], row_start[i + 1]):
            dense[i - i0, members[a]] = scale[i] * values[a]


class SparseDesign:
    """A canonical CSC matrix: indices in bounds, each row at most once in a column.

    Parameters
    ----------
    X : scipy sparse matrix or array in CSC form
        Not copied, not changed.
    n_jobs : int, default=None
        Threads of a pass over the matrix; they do not change a result.
    """

    sparse = True

    def __init__(self, X, n_jobs=None):
        unsigned = np.uint32 if X.indices.dtype.itemsize == 4 else np.uint64
        self.shape = X.shape
        self.n_jobs = n_jobs
        # Unsigned indices spare the kernels the test for negative ones.
        self.columns = CSCColumns(X.data, X.indices.view(unsigned), X.indptr)
        self.dtype = X.data.dtype

    @cached_property
    def all_features(self):
        """Every column, in order."""
        return np.arange(self.shape[1])

    @cached_property
    def entries(self):
        """Number of stored entries of each column."""
        return np.diff(self.columns.indptr).astype(np.int64)

    @property
    def n_entries(self):
        """Number of stored entries."""
        return len(self.columns.data)

    def moments(self, h, target, *, center):
        """Return column means, centred squares weighted by `h`, and products with `target`."""
        n_features = self.shape[1]
        mean, curvature, product = (np.empty(n_features) for _ in range(3))
        mass = h.sum()

        def fill(j0, j1):
            sparse_moments(self.columns, h, mass, center, target, mean, curvature, product, j0, j1)

        run_blocks(fill, cut(n_features, 2 * self.n_entries, self.n_jobs), self.n_jobs)
        return mean, curvature, product

    def dot(self, r, mean, features=None):
        """Return the products of the given columns, less `mean`, with `r`."""
        features = self.all_features if features is None else features
        out, total = np.empty(len(features)), float(r.sum())

        def fill(a, b):
            sparse_dot(self.columns, features[a:b], mean, r, total, out[a:b])

        run_blocks(fill, cut(len(features), self.work(features), self.n_jobs), self.n_jobs)
        return out

    def accumulate(self, features, mean, coef, eta):
        """Add the given columns, less `mean`, times `coef` to `eta`, in place."""
        for a, b in row_blocks(len(features), self.work(features)):
            eta += sparse_accumulate(self.columns, features[a:b], mean, coef[a:b], eta)

    def compact(self, features, mean):
        """Return a record of columns, the place of each given feature in it, and means by place."""
        return self.columns, features, mean

    def work(self, features):
        """Return the number of entries that one pass over the given columns touches."""
        if len(features) == self.shape[1]:
            return self.n_entries
        return int(self.entries[features].sum())

    def gram(self, features, n_old, h, mean):
        """Return the products of ``features[n_old:]`` with all `features`, centred by `mean`."""
        rows = self._rows_of(features, self._reference(mean))
        gram = np.zeros((len(features) - n_old, len(features)))
        self._add_gram(rows, n_old, h, gram)
        self._center_gram(gram, features, n_old, h, mean)
        return gram

    def gram_by_label(self, labels, n_labels, h, mean, extra):
        """Return one Gram matrix for the rows of each label: all columns less `mean`, then `extra`.

        `extra`, of shape (n_samples, n_extra), holds further columns.
        """
        n_features, n_extra = self.shape[1], extra.shape[1]
        rows = self._rows_of(self.all_features, self._reference(mean))
        size = n_features + n_extra
        grams = np.empty((n_labels, size, size))
        for label in range(n_labels):
            chosen = np.where(labels == label, h, 0.0)
            gram = np.zeros((n_features, n_features))
            self._add_gram(rows, 0, chosen, gram)
            self._center_gram(gram, self.all_features, 0, chosen, mean)
            grams[label, :n_features, :n_features] = gram
            weighted = chosen[:, None] * extra
            for k in range(n_extra):
                cross = self.dot(np.ascontiguousarray(weighted[:, k]), mean)
                grams[label, :n_features, n_features + k] = cross
                grams[label, n_features + k, :n_features] = cross
            grams[label, n_features:, n_features:] = extra.T @ weighted
        return grams

    def _add_gram(self, rows, n_old, h, gram):
        n_new, n_all = gram.shape
        counts = np.diff(rows[0]).astype(float)
        pairs = 0.5 * float(counts @ counts)
        if pairs > DENSE_SHARE**2 * 0.5 * self.shape[0] * n_all**2:
            self._add_gram_by_blocks(rows, n_old, h, gram)
        else:
            for i0, i1 in row_blocks(self.shape[0], pairs):
                add_row_products(*rows, h, n_old, gram, i0, i1)
        mirror_lower(gram, n_old)

    def _center_gram(self, gram, features, n_old, h, mean):
        reference = self._reference(mean)
        centre = (mean - reference)[features]
        if centre.any():
            # The rows of `h` need not be those that `mean` is the mean of.
            total = self.dot(h, reference, features)
            excess = total - h.sum() * centre
            gram -= np.outer(total[n_old:], centre)
            gram -= np.outer(centre[n_old:], excess)

    def _reference(self, mean):
        """Return what is subtracted entry by entry: the means of columns without zeros."""
        return np.where(self.entries == self.shape[0], mean, 0.0)

    def _rows_of(self, features, reference):
        # Small integers: what is written out of order should stay in the cache.
        wide = self.work(features) > np.iinfo(np.int32).max
        row_start = np.zeros(self.shape[0] + 1, dtype=np.int64 if wide else np.int32)
        count_rows(self.columns, features, row_start)
        np.cumsum(row_start, out=row_start)
        many = len(features) > np.iinfo(np.uint16).max
        members = np.empty(row_start[-1], dtype=np.uint32 if many else np.uint16)
        values = np.empty(row_start[-1])
        fill_rows(self.columns, features, reference, row_start[:-1].copy(), members, values)
        return row_start, members, values

    def _add_gram_by_blocks(self, rows, n_old, h, gram):
        n_new, n_all = gram.shape
        scale = np.sqrt(h)
        work = float(self.shape[0]) * n_all * n_new / 8
        for i0, i1 in row_blocks(self.shape[0], work):
            dense = np.zeros((i1 - i0, n_all))
            spread_rows(*rows, scale, dense, i0, i1)
            add_products(dense, n_old, gram)
