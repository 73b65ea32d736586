"""What the estimators of sparse PCA share: parameters, scores of new rows, fitted attributes."""

import warnings
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg, sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted

from sparsekit._parallel import single_blas_thread
from sparsekit._sklearn import Integral, Interval, Real
from sparsekit._validation import check_parameters, check_rows, unchanged_on_error
from sparsekit.decomposition._sparse_pca._loadings import (
    Loadings,
    Settings,
    adjusted_variance,
    unit_components,
)
from sparsekit.decomposition._sparse_pca._root import Root
from sparsekit.linear_model import AllZeroWarning

CONSTRAINTS: dict[str, list] = {
    "n_components": [None, Interval(Integral, 1, None, closed="left")],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "ridge_alpha": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 0, None, closed="left")],
    "tol": [Interval(Real, 0, None, closed="left")],
    "n_jobs": [Integral, None],
    "verbose": ["verbose"],
    "random_state": ["random_state"],
}


class SparseComponents(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Components of which each uses few features; subclasses find them in `_fit`."""

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Find the components of X.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Training data. Sparse X is centred in products alone, and never made dense.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        check_parameters(self)
        with unchanged_on_error(self):
            X = check_rows(self, X, reset=True)
            with single_blas_thread():
                fitted = self._fit(X)
            vars(self).update(fitted)
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the scores of X: coefficients of a ridge regression on the components.

        Components need not be orthogonal, so a product with them would count twice what they
        share. The scores of a row depend on no other row.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_components)
            Scores, float32 where X is float32.
        """
        check_is_fitted(self)
        check_parameters(self)
        X = check_rows(self, X, reset=False)
        components = self.components_.astype(X.dtype, copy=False)
        mean = self.mean_.astype(X.dtype, copy=False)
        with single_blas_thread():
            if sparse.issparse(X):
                products = X @ np.ascontiguousarray(components.T) - mean @ components.T
            else:
                products = (X - mean) @ components.T
            return products @ self._ridge_inverse().astype(X.dtype)

    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
        """Return rows from their scores; what the components leave out is lost.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Scores.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            The scores times the components, plus the mean.
        """
        check_is_fitted(self)
        scores = check_array(X, dtype=[np.float64, np.float32])
        if scores.shape[1] != self.n_components_:
            raise ValueError(
                f"`X` holds scores on {scores.shape[1]} components, but {type(self).__name__} "
                f"found {self.n_components_}. Pass what `transform` returned."
            )
        return scores @ self.components_.astype(scores.dtype) + self.mean_.astype(scores.dtype)

    @property
    def _n_features_out(self) -> int:
        """Number of scores, for their names."""
        return self.components_.shape[0]

    def _fit(self, X: Any) -> dict[str, Any]:
        """Return the attributes that X gives."""
        raise NotImplementedError

    def _ridge_inverse(self) -> np.ndarray:
        """Return the pseudoinverse of the components' Gram matrix plus `ridge_alpha`."""
        components = self.components_.astype(np.float64)
        values, vectors = linalg.eigh(components @ components.T)
        values = np.maximum(values, 0) + self.ridge_alpha
        negligible = values <= np.finfo(np.float64).eps * len(values) * values.max(initial=0)
        inverse = np.where(negligible, 0, 1 / np.where(negligible, 1, values))
        return (vectors * inverse) @ vectors.T

    def _settings(self, n_features: int, **options: Any) -> Settings:
        """Return the options of a fit on so many features."""
        n_components = n_features if self.n_components is None else int(self.n_components)
        defaults = {
            "n_components": n_components,
            "alpha": np.full(n_components, self.alpha),
            "l2_alpha": 0.0,
            "l1_bound": np.inf,
            "max_iter": self.max_iter,
            "tol": self.tol,
            "n_jobs": self.n_jobs,
            "random_state": check_random_state(self.random_state),
            "report": self._reporter(),
        }
        return Settings(**defaults | options)

    def _reporter(self) -> Callable[[int, float], None]:
        """Return what prints the objective, or keeps silent."""

        def report(iteration: int, objective: float) -> None:
            if self.verbose:
                name = type(self).__name__
                print(f"[{name}] iteration {iteration}: objective {objective:.6g}")

        return report

    def _dressed(
        self,
        loadings: Loadings,
        root: Root,
        mean: np.ndarray,
        *,
        n_samples: int,
        total: float,
        dtype: np.dtype,
    ) -> dict[str, Any]:
        """Return the fitted attributes; `total` is the sum of squares of the centred data."""
        components = unit_components(loadings.components)
        explained = adjusted_variance(root, components)
        scale = max(n_samples - 1, 1)
        return {
            "components_": components.astype(dtype),
            "n_components_": len(components),
            "mean_": mean.astype(dtype),
            "n_iter_": loadings.n_iter,
            "explained_variance_": (explained / scale).astype(dtype),
            "explained_variance_ratio_": (explained / (total or 1.0)).astype(dtype),
        }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def warn_if_all_zero(
    components: np.ndarray, largest_alpha: Callable[[], float], stacklevel: int
) -> None:
    """Warn where no component has a loading, and say below which `alpha` one has."""
    if components.any():
        return
    critical = largest_alpha()
    if critical == 0:
        advice = "no feature varies."
    else:
        advice = f"alpha_max is {critical:.4g}. Choose `alpha` below it."
    warnings.warn(f"all components are zero; {advice}", AllZeroWarning, stacklevel=stacklevel)
