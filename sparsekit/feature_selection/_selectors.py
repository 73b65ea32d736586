"""Selectors on top of the sparse linear models."""

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted

from sparsekit._sklearn import Integral, Interval, Real, StrOptions
from sparsekit._validation import check_parameters
from sparsekit.feature_selection._count import fit_to_count
from sparsekit.linear_model import (
    ElasticNet,
    ElasticNetCV,
    Lasso,
    LassoCV,
    SparseLogisticRegression,
    SparseLogisticRegressionCV,
)
from sparsekit.linear_model._base import COMMON_CONSTRAINTS, SparseLinearModel
from sparsekit.linear_model._cross_validation import CV_CONSTRAINTS, Splitter

SELECTOR_CONSTRAINTS: dict[str, list] = {
    "alpha": [Interval(Real, 0, None, closed="left"), StrOptions({"cv"}), None],
    "n_features_to_select": [Interval(Integral, 1, None, closed="left"), None],
    **{name: rule for name, rule in COMMON_CONSTRAINTS.items() if name != "verbose"},
    **{name: CV_CONSTRAINTS[name] for name in ("cv", "cv_rule", "n_jobs")},
}


class SparseSelector(SelectorMixin, BaseEstimator):
    """Keeps the features with a coefficient; subclasses say which models give it."""

    _model: type[SparseLinearModel]
    _cv_model: type[SparseLinearModel]

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the model behind the selection.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,)
            Target values or class labels.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Non-negative weights.

        Returns
        -------
        self : object
            The fitted selector.
        """
        check_parameters(self)
        if self.alpha is not None and self.n_features_to_select is not None:
            raise ValueError(
                "`alpha` and `n_features_to_select` both say how many features to keep; got "
                f"alpha={self.alpha!r} and n_features_to_select={self.n_features_to_select!r}. "
                "Leave one of them at None."
            )
        estimator, support = self._selection(X, y, sample_weight)
        for name in ("n_features_in_", "feature_names_in_"):
            vars(self).pop(name, None)
            if hasattr(estimator, name):
                setattr(self, name, getattr(estimator, name))
        self.estimator_ = estimator
        self.n_iter_ = int(np.max(estimator.n_iter_))
        self.support_ = support
        self.alpha_ = float(getattr(estimator, "alpha_", getattr(estimator, "alpha", np.nan)))
        return self

    def _selection(
        self, X: Any, y: Any, sample_weight: Any
    ) -> tuple[SparseLinearModel, np.ndarray]:
        """Return the fitted model and the support."""
        if self.n_features_to_select is not None:
            model = self._configured(self._model)
            return fit_to_count(model, X, y, sample_weight, self.n_features_to_select)
        by_folds = self.alpha is None or self.alpha == "cv"
        model = self._configured(self._cv_model if by_folds else self._model)
        if not by_folds:
            model.set_params(alpha=self.alpha)
        model.fit(X, y, sample_weight)
        return model, np.atleast_2d(model.coef_).any(axis=0)

    def _configured(self, model: type[SparseLinearModel]) -> SparseLinearModel:
        """Return a model with those of its parameters that the selector has too."""
        own = self.get_params(deep=False)
        names = model().get_params(deep=False)
        return model(**{name: own[name] for name in names if name in own and name != "alpha"})

    def _get_support_mask(self) -> np.ndarray:
        check_is_fitted(self)
        return self.support_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "support_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class LassoSelector(SparseSelector):
    """Keep the features to which the Lasso gives a coefficient.

    Parameters
    ----------
    alpha : float, "cv" or None, default=None
        Strength of the penalty, in [0, inf); "cv" chooses it by cross-validation, as
        `LassoCV` does. None is "cv", unless `n_features_to_select` is set.
    n_features_to_select : int, default=None
        Number of features to keep: the path is walked from its strong end until so many have a
        coefficient. Not together with `alpha`.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    feature_weights : array-like of shape (n_features,), default=None
        Factors of the penalty, one per feature, non-negative and used as given. A feature of
        weight 0 is not penalised, and therefore kept.
    positive : bool, default=False
        Whether coefficients must not be negative.
    max_iter : int, default=1000
        Most outer iterations per strength; at least 1.
    tol : float, default=1e-4
        Largest duality gap, relative to the objective at zero coefficients; positive.
    cv : int, splitter or iterable of (train, test), default=None
        Folds of "cv"; None is 5.
    cv_rule : {"min", "1se"}, default="min"
        Which strength "cv" takes: the one of the best mean score, or the largest whose mean score
        is within one standard error of the best, which keeps fewer features.
    n_jobs : int, default=None
        Threads over the folds of "cv"; None is 1, -1 all cores.

    Attributes
    ----------
    support_ : ndarray of shape (n_features,)
        Whether each feature is kept.
    alpha_ : float
        The strength behind `support_`.
    estimator_ : Lasso or LassoCV
        The fitted model.
    n_iter_ : int
        Outer iterations of the fit behind `support_`; the most over its outputs.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names.

    See Also
    --------
    sparsekit.linear_model.Lasso : The model behind the selection.
    sklearn.feature_selection.SelectFromModel : Selection by the size of any model's coefficients.

    Examples
    --------
    >>> from sparsekit.datasets import make_sparse_regression
    >>> from sparsekit.feature_selection import LassoSelector
    >>> X, y = make_sparse_regression(n_samples=100, n_features=50, random_state=0)
    >>> LassoSelector(n_features_to_select=5).fit_transform(X, y).shape
    (100, 5)
    """

    _parameter_constraints: dict = {**SELECTOR_CONSTRAINTS, "positive": ["boolean"]}
    _model = Lasso
    _cv_model = LassoCV

    def __init__(
        self,
        alpha: float | str | None = None,
        *,
        n_features_to_select: int | None = None,
        fit_intercept: bool = True,
        feature_weights: ArrayLike | None = None,
        positive: bool = False,
        max_iter: int = 1000,
        tol: float = 1e-4,
        cv: Splitter = None,
        cv_rule: str = "min",
        n_jobs: int | None = None,
    ):
        self.alpha = alpha
        self.n_features_to_select = n_features_to_select
        self.fit_intercept = fit_intercept
        self.feature_weights = feature_weights
        self.positive = positive
        self.max_iter = max_iter
        self.tol = tol
        self.cv = cv
        self.cv_rule = cv_rule
        self.n_jobs = n_jobs


class ElasticNetSelector(SparseSelector):
    """Keep the features to which the elastic net gives a coefficient.

    Parameters
    ----------
    alpha : float, "cv" or None, default=None
        Strength of the penalty, in [0, inf); "cv" chooses it by cross-validation, as
        `ElasticNetCV` does. None is "cv", unless `n_features_to_select` is set.
    n_features_to_select : int, default=None
        Number of features to keep: the path is walked from its strong end until so many have a
        coefficient. Not together with `alpha`.
    l1_ratio : float, default=0.5
        Share of the L1 penalty, in [0, 1]; 1 is the L1 penalty alone.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    feature_weights : array-like of shape (n_features,), default=None
        Factors of the penalty, one per feature, non-negative and used as given. A feature of
        weight 0 is not penalised, and therefore kept.
    positive : bool, default=False
        Whether coefficients must not be negative.
    max_iter : int, default=1000
        Most outer iterations per strength; at least 1.
    tol : float, default=1e-4
        Largest duality gap, relative to the objective at zero coefficients; positive.
    cv : int, splitter or iterable of (train, test), default=None
        Folds of "cv"; None is 5.
    cv_rule : {"min", "1se"}, default="min"
        Which strength "cv" takes: the one of the best mean score, or the largest whose mean score
        is within one standard error of the best, which keeps fewer features.
    n_jobs : int, default=None
        Threads over the folds of "cv"; None is 1, -1 all cores.

    Attributes
    ----------
    support_ : ndarray of shape (n_features,)
        Whether each feature is kept.
    alpha_ : float
        The strength behind `support_`.
    estimator_ : ElasticNet or ElasticNetCV
        The fitted model.
    n_iter_ : int
        Outer iterations of the fit behind `support_`; the most over its outputs.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names.

    See Also
    --------
    sparsekit.linear_model.ElasticNet : The model behind the selection.
    sklearn.feature_selection.SelectFromModel : Selection by the size of any model's coefficients.

    Examples
    --------
    >>> from sparsekit.datasets import make_sparse_regression
    >>> from sparsekit.feature_selection import ElasticNetSelector
    >>> X, y = make_sparse_regression(n_samples=100, n_features=50, random_state=0)
    >>> ElasticNetSelector(n_features_to_select=5).fit_transform(X, y).shape
    (100, 5)
    """

    _parameter_constraints: dict = {
        **LassoSelector._parameter_constraints,
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
    }
    _model = ElasticNet
    _cv_model = ElasticNetCV

    def __init__(
        self,
        alpha: float | str | None = None,
        *,
        n_features_to_select: int | None = None,
        l1_ratio: float = 0.5,
        fit_intercept: bool = True,
        feature_weights: ArrayLike | None = None,
        positive: bool = False,
        max_iter: int = 1000,
        tol: float = 1e-4,
        cv: Splitter = None,
        cv_rule: str = "min",
        n_jobs: int | None = None,
    ):
        self.alpha = alpha
        self.n_features_to_select = n_features_to_select
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.feature_weights = feature_weights
        self.positive = positive
        self.max_iter = max_iter
        self.tol = tol
        self.cv = cv
        self.cv_rule = cv_rule
        self.n_jobs = n_jobs


class LogisticSelector(SparseSelector):
    """Keep the features to which sparse logistic regression gives a coefficient.

    With more than two classes, a feature is kept if it has a coefficient for any of them.

    Parameters
    ----------
    alpha : float, "cv" or None, default=None
        Strength of the penalty, in [0, inf); "cv" chooses it by cross-validation, as
        `SparseLogisticRegressionCV` does. None is "cv", unless `n_features_to_select` is set.
    n_features_to_select : int, default=None
        Number of features to keep: the path is walked from its strong end until so many have a
        coefficient. Not together with `alpha`.
    l1_ratio : float, default=1.0
        Share of the L1 penalty, in [0, 1]; 1 is the L1 penalty alone.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    class_weight : dict or "balanced", default=None
        Factors of the sample weights, one per class label.
    feature_weights : array-like of shape (n_features,), default=None
        Factors of the penalty, one per feature, non-negative and used as given. A feature of
        weight 0 is not penalised, and therefore kept.
    max_iter : int, default=1000
        Most outer iterations per strength; at least 1.
    tol : float, default=1e-4
        Largest duality gap, relative to the objective at zero coefficients; positive.
    cv : int, splitter or iterable of (train, test), default=None
        Folds of "cv"; None is 5.
    cv_rule : {"min", "1se"}, default="min"
        Which strength "cv" takes: the one of the best mean score, or the largest whose mean score
        is within one standard error of the best, which keeps fewer features.
    n_jobs : int, default=None
        Threads over the folds of "cv"; None is 1, -1 all cores.
    scoring : str, callable or None, default="neg_log_loss"
        Score of "cv"; see :class:`~sparsekit.linear_model.SparseLogisticRegressionCV`.

    Attributes
    ----------
    support_ : ndarray of shape (n_features,)
        Whether each feature is kept.
    alpha_ : float
        The strength behind `support_`.
    estimator_ : SparseLogisticRegression or SparseLogisticRegressionCV
        The fitted model.
    n_iter_ : int
        Outer iterations of the fit behind `support_`; the most over its outputs.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names.

    See Also
    --------
    sparsekit.linear_model.SparseLogisticRegression : The model behind the selection.
    sklearn.feature_selection.SelectFromModel : Selection by the size of any model's coefficients.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import scale
    >>> from sparsekit.feature_selection import LogisticSelector
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> LogisticSelector(n_features_to_select=5).fit_transform(scale(X), y).shape
    (569, 5)
    """

    _parameter_constraints: dict = {
        **SELECTOR_CONSTRAINTS,
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "class_weight": SparseLogisticRegression._parameter_constraints["class_weight"],
        "scoring": SparseLogisticRegressionCV._parameter_constraints["scoring"],
    }
    _model = SparseLogisticRegression
    _cv_model = SparseLogisticRegressionCV

    def __init__(
        self,
        alpha: float | str | None = None,
        *,
        n_features_to_select: int | None = None,
        l1_ratio: float = 1.0,
        fit_intercept: bool = True,
        class_weight: Mapping[Any, float] | str | None = None,
        feature_weights: ArrayLike | None = None,
        max_iter: int = 1000,
        tol: float = 1e-4,
        cv: Splitter = None,
        cv_rule: str = "min",
        n_jobs: int | None = None,
        scoring: str | Callable | None = "neg_log_loss",
    ):
        self.alpha = alpha
        self.n_features_to_select = n_features_to_select
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.feature_weights = feature_weights
        self.max_iter = max_iter
        self.tol = tol
        self.cv = cv
        self.cv_rule = cv_rule
        self.n_jobs = n_jobs
        self.scoring = scoring
