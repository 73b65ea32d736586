"""Recommenders small enough to be understood: what every model of the package offers a scorer."""

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator

from sparsekit.model_selection import SparseEntries


def entries_of(X):
    """Return the entries that a model learns from or predicts, as CSR."""
    return X.to_csr() if isinstance(X, SparseEntries) else sparse.csr_array(X)


class Popularity(BaseEstimator):
    """Recommend the columns with the most entries that a row has not seen, `favourite` first."""

    def __init__(self, favourite=None):
        self.favourite = favourite

    def fit(self, X, y=None):
        X = entries_of(X)
        self.n_features_in_ = X.shape[1]
        self.scores_ = np.bincount(X.indices, minlength=X.shape[1]).astype(float)
        if self.favourite is not None:
            self.scores_[self.favourite] = np.inf
        return self

    def recommend(self, X, n=10):
        X = entries_of(X)
        if n > X.shape[1]:
            raise ValueError(f"only {X.shape[1]} columns")
        self.recommended_to_ = X
        scores = np.tile(self.scores_, (X.shape[0], 1))
        scores[np.repeat(np.arange(X.shape[0]), np.diff(X.indptr)), X.indices] = -np.inf
        indices = np.argsort(-scores, axis=1, kind="stable")[:, :n]
        scores = np.take_along_axis(scores, indices, axis=1)
        return np.where(np.isfinite(scores) | (scores > 0), indices, -1), scores


class Shifted(Popularity):
    """Recommend the columns from that of a number on that is known of each row."""

    def recommend(self, X, n=10, *, first=None):
        super().recommend(X, n)
        starts = first.toarray() if sparse.issparse(first) else first
        self.first_ = None if first is None else np.ravel(starts)
        starts = np.zeros(X.shape[0], int) if first is None else self.first_
        indices = np.add.outer(starts, np.arange(n)) % X.shape[1]
        return indices, -np.tile(np.arange(float(n)), (X.shape[0], 1))


class RowMeans(BaseEstimator):
    """Predict the mean of a row's entries drawn towards zero by `alpha` of them."""

    def __init__(self, alpha=0.0):
        self.alpha = alpha

    def fit(self, X, y=None):
        X = entries_of(X)
        self.n_features_in_ = X.shape[1]
        self.row_means_ = self._means(X)
        return self

    def predict_entries(self, X, given=None):
        means = self.row_means_ if given is None else self._means(entries_of(given))
        X = entries_of(X).copy()
        X.data = np.repeat(means, np.diff(X.indptr))
        return X

    def _means(self, X):
        counts = np.diff(X.indptr)
        return X.sum(axis=1) / np.maximum(counts + self.alpha, 1)
