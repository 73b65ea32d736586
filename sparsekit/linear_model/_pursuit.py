"""Linear models of few features, chosen one after another: orthogonal matching pursuit."""

import warnings
from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin

from sparsekit._parallel import single_blas_thread
from sparsekit._sklearn import Integral, Interval, Real, StrOptions
from sparsekit._validation import check_fit_input, check_parameters, unchanged_on_error
from sparsekit.linear_model._predictors import linear_predictor
from sparsekit.linear_model._pursuit_steps import NEGLIGIBLE
from sparsekit.linear_model._pursuit_targets import PursuitEnd, dress, pursue_targets


class PursuitModel(RegressorMixin, BaseEstimator):
    """Linear model of chosen features; predicts, and tells scikit-learn what it accepts."""

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict the targets of samples.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predicted values.
        """
        return linear_predictor(self, X)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coef_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class OrthogonalMatchingPursuit(PursuitModel):
    """Least squares on few features, chosen one after another.

    Each time the feature that correlates most with the residual joins, and the coefficients of all
    chosen features are fitted anew.

    Parameters
    ----------
    n_nonzero_coefs : int, default=None
        Number of features to choose, at least 1; ignored if `tol` is set. None means a tenth of
        the features, at least one. There are at most as many as X has, and fewer where no other
        feature could improve the fit, which gives a warning.
    tol : float, default=None
        Squared norm of the residual at which to stop; non-negative.
    fit_intercept : bool, default=True
        Whether to fit an intercept. Sparse X is centred without being made dense.
    precompute : {"auto"} or bool, default="auto"
        Whether to compute the Gram matrix of all features, which pays for many targets. "auto"
        decides by the size of the problem.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients, zero but for the chosen features.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept.
    n_iter_ : int or ndarray of shape (n_targets,)
        Number of chosen features.
    n_nonzero_coefs_ : int or None
        Number of features asked for; None if `tol` is set.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names.

    See Also
    --------
    OrthogonalMatchingPursuitCV : The same with the number of features chosen by cross-validation.
    Lasso : Chooses features by a penalty instead.

    Notes
    -----
    Features are compared by their correlation with the residual, so that their scale, for instance
    their unit, does not matter. scikit-learn's estimator compares products, which favours features
    of large variance; on features of equal variance both choose the same.

    References
    ----------
    Pati, Rezaiifar, Krishnaprasad (1993), "Orthogonal matching pursuit".

    Examples
    --------
    >>> from sparsekit.datasets import make_sparse_regression
    >>> from sparsekit.linear_model import OrthogonalMatchingPursuit
    >>> X, y = make_sparse_regression(n_samples=100, n_features=50, random_state=0)
    >>> model = OrthogonalMatchingPursuit(n_nonzero_coefs=5).fit(X, y)
    >>> int((model.coef_ != 0).sum())
    5
    """

    _parameter_constraints: dict = {
        "n_nonzero_coefs": [Interval(Integral, 1, None, closed="left"), None],
        "tol": [Interval(Real, 0, None, closed="left"), None],
        "fit_intercept": ["boolean"],
        "precompute": [StrOptions({"auto"}), "boolean"],
    }

    def __init__(
        self,
        *,
        n_nonzero_coefs: int | None = None,
        tol: float | None = None,
        fit_intercept: bool = True,
        precompute: bool | str = "auto",
    ):
        self.n_nonzero_coefs = n_nonzero_coefs
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.precompute = precompute

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Choose features and fit their coefficients.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Target values. Each target has its own features.

        Returns
        -------
        self : object
            The fitted model.
        """
        check_parameters(self)
        with unchanged_on_error(self):
            X, y, _ = check_fit_input(self, X, y, multi_output=True)
            wanted = None
            if self.tol is None:
                wanted = self.n_nonzero_coefs or max(X.shape[1] // 10, 1)
            with single_blas_thread():
                columns, ends = pursue_targets(
                    X,
                    y,
                    wanted,
                    self.tol,
                    fit_intercept=self.fit_intercept,
                    precompute=self.precompute,
                )
            fitted = dress(X, y, columns, ends) | {"n_nonzero_coefs_": wanted}
            _warn_of_early_end(self, ends)
        vars(self).update(fitted)
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _warn_of_early_end(estimator: OrthogonalMatchingPursuit, ends: Sequence[PursuitEnd]) -> None:
    """Warn, with the figures, where no feature was left that could improve a fit."""
    ends = [end for end in ends if end.square > 0]
    if not ends:
        return
    if estimator.tol is None:
        fewest = min(len(end.step.support) for end in ends)
        asked = estimator.n_nonzero_coefs
        if asked is None or fewest >= asked:
            return
        what = f"chose {fewest} instead of n_nonzero_coefs={asked} features"
    else:
        worst = max(ends, key=lambda end: end.step.squared_residual)
        left = worst.step.squared_residual
        if left <= max(estimator.tol, NEGLIGIBLE * worst.square):
            return
        what = f"stopped at a squared residual of {left:.4g}, not tol={estimator.tol:.4g}"
    warnings.warn(
        f"OrthogonalMatchingPursuit {what}: no other feature could improve the fit.",
        RuntimeWarning,
        stacklevel=3,
    )
