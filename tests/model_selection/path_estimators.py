"""Small estimators that keep the contract of `fit_path`, for the tests of the search."""

from collections.abc import Iterator
from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted, validate_data


class Calls:
    """How often something happened, in this process."""

    def __init__(self):
        self.counts = {}

    def add(self, name):
        self.counts[name] = self.counts.get(name, 0) + 1

    def reset(self):
        self.counts.clear()


CALLS = Calls()


def _walk(estimator, X, y, alphas, **fit_params) -> Iterator[BaseEstimator]:
    CALLS.add("fit_path")
    for alpha in alphas:
        CALLS.add("point")
        yield clone(estimator).set_params(alpha=alpha)._solve(X, y, **fit_params)


class PathRidge(RegressorMixin, BaseEstimator):
    """Ridge regression by its normal equations; alpha must be a number of at least 0."""

    def __init__(self, alpha=1.0, scale=1.0):
        self.alpha = alpha
        self.scale = scale

    def fit(self, X, y, sample_weight=None):
        CALLS.add("fit")
        return self._solve(X, y, sample_weight)

    def fit_path(self, X, y, alphas, sample_weight=None):
        return _walk(self, X, y, alphas, sample_weight=sample_weight)

    def _solve(self, X, y, sample_weight=None):
        if not isinstance(self.alpha, Real) or self.alpha < 0:
            raise ValueError(f"alpha must be at least 0; got {self.alpha!r}")
        X, y = validate_data(self, X, y, accept_sparse=True, dtype=float, y_numeric=True)
        X = X.toarray() if hasattr(X, "toarray") else X
        w = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
        w = w / w.sum()
        centre, target = w @ X, w @ y
        A, b = X - centre, y - target
        gram = A.T @ (w[:, None] * A) + self.alpha * self.scale * np.eye(X.shape[1])
        self.coef_ = np.linalg.solve(gram, A.T @ (w * b))
        self.intercept_ = target - centre @ self.coef_
        return self

    def predict(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=True, dtype=float, reset=False)
        return X @ self.coef_ + self.intercept_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class BrittlePathRidge(PathRidge):
    """Ridge regression whose path breaks at alpha = `breaks_at`, as its plain fit may."""

    def __init__(self, alpha=1.0, scale=1.0, breaks_at=None, fit_breaks=True):
        super().__init__(alpha, scale)
        self.breaks_at = breaks_at
        self.fit_breaks = fit_breaks

    def fit(self, X, y, sample_weight=None):
        if self.fit_breaks and self.alpha == self.breaks_at:
            raise ArithmeticError(f"no fit at alpha={self.alpha}")
        return super().fit(X, y, sample_weight)

    def fit_path(self, X, y, alphas, sample_weight=None):
        for fitted in super().fit_path(X, y, alphas, sample_weight):
            if fitted.alpha == self.breaks_at:
                raise ArithmeticError(f"no path at alpha={fitted.alpha}")
            yield fitted


class PathLogistic(ClassifierMixin, BaseEstimator):
    """L2 logistic regression with C = 1 / alpha."""

    def __init__(self, alpha=1.0, fit_intercept=True):
        self.alpha = alpha
        self.fit_intercept = fit_intercept

    def fit(self, X, y, sample_weight=None):
        CALLS.add("fit")
        return self._solve(X, y, sample_weight)

    def fit_path(self, X, y, alphas, sample_weight=None):
        return _walk(self, X, y, alphas, sample_weight=sample_weight)

    def _solve(self, X, y, sample_weight=None):
        self.model_ = LogisticRegression(
            C=1 / self.alpha, fit_intercept=self.fit_intercept, solver="newton-cholesky", tol=1e-10
        ).fit(X, y, sample_weight)
        self.classes_ = self.model_.classes_
        return self

    def predict(self, X):
        return self.model_.predict(X)

    def predict_proba(self, X):
        return self.model_.predict_proba(X)

    def decision_function(self, X):
        return self.model_.decision_function(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class CountingScaler(TransformerMixin, BaseEstimator):
    """Divide by a number, and count the fits and the transformations."""

    def __init__(self, by=1.0):
        self.by = by

    def fit(self, X, y=None, sample_weight=None):
        CALLS.add("pre_fit")
        self.by_ = self.by * np.abs(X).max()
        return self

    def transform(self, X):
        CALLS.add("transform")
        return X / self.by_

    def fit_transform(self, X, y=None, sample_weight=None):
        return X / self.fit(X).by_
