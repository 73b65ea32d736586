"""Orthogonal matching pursuit that chooses its number of features by cross-validation."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.model_selection import check_cv
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

from sparsekit._parallel import single_blas_thread
from sparsekit._sklearn import Integral, Interval
from sparsekit._validation import check_fit_input, check_parameters, unchanged_on_error
from sparsekit.linear_model._cross_validation import CV_CONSTRAINTS, Splitter
from sparsekit.linear_model._folds import Split
from sparsekit.linear_model._pursuit import PursuitModel
from sparsekit.linear_model._pursuit_folds import pursuit_errors
from sparsekit.linear_model._pursuit_targets import by_column, dress, pursue_targets
from sparsekit.matrix import as_design


class OrthogonalMatchingPursuitCV(PursuitModel):
    """Orthogonal matching pursuit that chooses the number of features by cross-validation.

    Every fold is pursued once; the test error is known after each feature. The number of least mean
    error is then used on all samples.

    Parameters
    ----------
    copy : bool, default=True
        Without effect, as data are never overwritten; there for scikit-learn's sake.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    max_iter : int, default=None
        Largest number of features to try. None and 0 mean a tenth of the features, at least five if
        there are as many.
    cv : int, splitter or iterable of (train, test), default=None
        Folds; None is 5. Not shuffled where it is a number.
    n_jobs : int, default=None
        Threads over the folds; None is 1, -1 all cores. They share one X.
    verbose : bool or int, default=False
        Whether to print the error of each number of features.

    Attributes
    ----------
    n_nonzero_coefs_ : int
        The number of features of least mean squared error.
    mse_path_ : ndarray of shape (max_iter, n_folds)
        Mean squared error with up to 1, 2, ... features on each fold.
    coef_ : ndarray of shape (n_features,)
        Coefficients, fitted to all samples.
    intercept_ : float
        Intercept.
    n_iter_ : int
        Number of features chosen on all samples.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names.

    See Also
    --------
    OrthogonalMatchingPursuit : The same with a given number of features.
    LassoCV : Chooses the strength of a penalty instead.

    References
    ----------
    Pati, Rezaiifar, Krishnaprasad (1993), "Orthogonal matching pursuit".

    Examples
    --------
    >>> from sparsekit.datasets import make_sparse_regression
    >>> from sparsekit.linear_model import OrthogonalMatchingPursuitCV
    >>> X, y = make_sparse_regression(n_samples=100, n_features=50, random_state=0)
    >>> model = OrthogonalMatchingPursuitCV(max_iter=10).fit(X, y)
    >>> model.mse_path_.shape
    (10, 5)
    """

    _parameter_constraints: dict = {
        "copy": ["boolean"],
        "fit_intercept": ["boolean"],
        "max_iter": [Interval(Integral, 0, None, closed="left"), None],
        "cv": CV_CONSTRAINTS["cv"],
        "n_jobs": CV_CONSTRAINTS["n_jobs"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        copy: bool = True,
        fit_intercept: bool = True,
        max_iter: int | None = None,
        cv: Splitter = None,
        n_jobs: int | None = None,
        verbose: int = False,
    ):
        self.copy = copy
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.cv = cv
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X: ArrayLike, y: ArrayLike, **params: Any) -> Self:
        """Choose the number of features by cross-validation, and fit them to all samples.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Training data. No fold copies it.
        y : array-like of shape (n_samples,)
            Target values.
        **params : dict
            Passed to the splitter, for instance `groups`; needs scikit-learn's metadata routing.

        Returns
        -------
        self : object
            The fitted model.
        """
        check_parameters(self)
        split_params = self._split_params(params)
        with unchanged_on_error(self):
            X, y, _ = check_fit_input(self, X, y)
            most = min(self.max_iter or max(X.shape[1] // 10, 5), X.shape[1])
            splits = self._splits(y, split_params)
            X = by_column(X, most * len(splits))
            fit = {"fit_intercept": self.fit_intercept}
            with single_blas_thread():
                errors = pursuit_errors(as_design(X), y, splits, most, n_jobs=self.n_jobs, **fit)
                means = errors.mean(axis=1)
                best = int(np.argmin(means)) + 1
                columns, ends = pursue_targets(X, y, best, None, precompute=False, **fit)
            fitted = dress(X, y, columns, ends)
        vars(self).update(fitted | {"n_nonzero_coefs_": best, "mse_path_": errors})
        if self.verbose:
            for k, mean in enumerate(means, start=1):
                print(f"[{type(self).__name__}] {k} features: mean squared error {mean:.6g}")
        return self

    def get_metadata_routing(self) -> MetadataRouter:
        """Return what metadata goes where: all of it to the splitter.

        Returns
        -------
        routing : MetadataRouter
            Read by scikit-learn.
        """
        return MetadataRouter(owner=self).add(
            splitter=check_cv(self.cv),
            method_mapping=MethodMapping().add(caller="fit", callee="split"),
        )

    def _split_params(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the part of `params` that is for the splitter."""
        if get_config().get("enable_metadata_routing", False):
            return process_routing(self, "fit", **params).splitter.split
        if params:
            raise ValueError(
                f"{type(self).__name__}.fit got {sorted(params)}, which only "
                "`sklearn.set_config(enable_metadata_routing=True)` can pass to the splitter."
            )
        return {}

    def _splits(self, y: np.ndarray, split_params: dict[str, Any]) -> Sequence[Split]:
        """Return the rows of each fold; splitters only count the rows of X."""
        rows = np.arange(len(y))
        splits = check_cv(self.cv).split(np.zeros((len(y), 1)), y, **split_params)
        return [(rows[train], rows[test]) for train, test in splits]
