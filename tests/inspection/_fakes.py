"""Estimators with a dictionary in closed form."""

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin

from sparsekit.thresholding import shrink


class AxisCoder(TransformerMixin, BaseEstimator):
    """Codes on multiples of the coordinate axes: soft-thresholded values."""

    def __init__(self, alpha=0.5, mean=0.0, sparse_output=False, split_sign=False):
        self.alpha = alpha
        self.mean = mean
        self.sparse_output = sparse_output
        self.split_sign = split_sign

    def fit(self, X, y=None):
        self.components_ = np.diag(np.arange(1.0, X.shape[1] + 1.0))
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        X = X.toarray() if sparse.issparse(X) else np.asarray(X)
        codes = shrink(X - self.mean, self.alpha) / self.components_.diagonal()
        if self.split_sign:
            codes = np.hstack([np.maximum(codes, 0.0), np.maximum(-codes, 0.0)])
        return sparse.csr_array(codes) if self.sparse_output else codes

    def inverse_transform(self, codes):
        if self.split_sign:
            codes = codes[:, : self.n_features_in_] - codes[:, self.n_features_in_ :]
        dense = codes.toarray() if sparse.issparse(codes) else codes
        return dense @ self.components_ + self.mean
