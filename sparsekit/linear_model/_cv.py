"""Least squares that chooses its penalty strength by cross-validation, on one shared X."""

import numpy as np
from numpy.typing import ArrayLike

from sparsekit._sklearn import Interval, Real
from sparsekit.linear_model._base import SparseLinearModel, TrainingData
from sparsekit.linear_model._cross_validation import CV_CONSTRAINTS, CrossValidatedModel, Splitter
from sparsekit.linear_model._folds import Folds, squared_errors
from sparsekit.linear_model._predictors import SparseRegressor
from sparsekit.linear_model._regression import ElasticNet, Lasso


class CrossValidatedRegressor(SparseRegressor, CrossValidatedModel):
    """Scores a fold by its mean squared error; y has one column."""

    _multi_output = False

    def _scores(
        self,
        model: SparseLinearModel,
        data: TrainingData,
        folds: Folds,
        alphas: np.ndarray,
    ) -> np.ndarray:
        return squared_errors(model, data, folds, alphas)


class LassoCV(CrossValidatedRegressor):
    """Lasso that chooses its penalty strength by cross-validation.

    The largest strength of the grid comes from all samples. Every fold and the fit of all samples
    walk the grid downward, each strength started from the one before.

    Parameters
    ----------
    eps : float, default=1e-3
        Smallest strength divided by the largest, where `alphas` is a number; in (0, 1).
    alphas : int or array-like of shape (n_alphas,), default=100
        Number of strengths, evenly spaced in logarithm from
        :func:`~sparsekit.linear_model.alpha_max` down; or the strengths themselves.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    feature_weights : array-like of shape (n_features,), default=None
        Factors of the penalty, one per feature, non-negative and used as given. A feature of
        weight 0 is not penalised.
    positive : bool, default=False
        Whether coefficients must not be negative.
    max_iter : int, default=1000
        Most outer iterations per strength; at least 1.
    tol : float, default=1e-4
        A fit ends when its duality gap is at most `tol` times the objective at zero coefficients;
        positive.
    cv : int, splitter or iterable of (train, test), default=None
        Folds; None is 5. Not shuffled where it is a number.
    cv_rule : {"min", "1se"}, default="min"
        Which strength is behind `coef_`: the one of the best mean score, or the largest whose mean
        score is within one standard error of the best.
    n_jobs : int, default=None
        Threads over the folds; None is 1, -1 all cores. They share one X.
    verbose : bool or int, default=0
        Whether to print one line per strength of the path.

    Attributes
    ----------
    alpha_ : float
        The strength behind `coef_`.
    alpha_min_, alpha_1se_ : float
        The strength of the best mean score, and the largest within one standard error of it.
    alphas_ : ndarray of shape (n_alphas,)
        Strengths tried, falling.
    mse_path_ : ndarray of shape (n_alphas, n_folds)
        Mean squared error of each strength on each fold.
    coef_ : ndarray of shape (n_features,)
        Coefficients at `alpha_`, fitted to all samples.
    sparse_coef_ : sparse matrix of shape (1, n_features)
        The same, sparse.
    intercept_ : float
        Intercept at `alpha_`.
    coef_path_ : tuple of three ndarrays
        Values, row indices and column pointers of the coefficients along the path, as compressed
        columns of shape (n_features, n_alphas).
    intercept_path_ : ndarray of shape (n_alphas,)
        Intercepts along the path.
    deviance_ratio_path_ : ndarray of shape (n_alphas,)
        Share of the null deviance that is explained, along the path.
    n_iter_ : int
        Outer iterations at `alpha_`.
    dual_gap_ : float
        Duality gap at `alpha_`.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names.

    See Also
    --------
    Lasso : The same of a given strength.
    sparsekit.model_selection.PathGridSearchCV : The same for pipelines and any score.

    References
    ----------
    Friedman, Hastie, Tibshirani (2010), "Regularization paths for generalized linear models via
    coordinate descent".

    Examples
    --------
    >>> from sparsekit.datasets import make_sparse_regression
    >>> from sparsekit.linear_model import LassoCV
    >>> X, y = make_sparse_regression(n_samples=100, n_features=50, random_state=0)
    >>> model = LassoCV(alphas=20, cv_rule="1se").fit(X, y)
    >>> bool(model.alpha_ == model.alpha_1se_ >= model.alpha_min_)
    True
    """

    _parameter_constraints: dict = {**CV_CONSTRAINTS, "positive": ["boolean"]}
    _model = Lasso

    def __init__(
        self,
        *,
        eps: float = 1e-3,
        alphas: int | ArrayLike = 100,
        fit_intercept: bool = True,
        feature_weights: ArrayLike | None = None,
        positive: bool = False,
        max_iter: int = 1000,
        tol: float = 1e-4,
        cv: Splitter = None,
        cv_rule: str = "min",
        n_jobs: int | None = None,
        verbose: int = 0,
    ):
        self.eps = eps
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.feature_weights = feature_weights
        self.positive = positive
        self.max_iter = max_iter
        self.tol = tol
        self.cv = cv
        self.cv_rule = cv_rule
        self.n_jobs = n_jobs
        self.verbose = verbose


class ElasticNetCV(CrossValidatedRegressor):
    """Elastic net that chooses its penalty by cross-validation.

    The largest strength of the grid comes from all samples. Every fold and the fit of all samples
    walk the grid downward, each strength started from the one before.

    Parameters
    ----------
    l1_ratio : float or array-like of float, default=0.5
        Share of the L1 penalty, in [0, 1]; the best of several is kept.
    eps : float, default=1e-3
        Smallest strength divided by the largest, where `alphas` is a number; in (0, 1).
    alphas : int or array-like of shape (n_alphas,), default=100
        Number of strengths, evenly spaced in logarithm from
        :func:`~sparsekit.linear_model.alpha_max` down; or the strengths themselves.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    feature_weights : array-like of shape (n_features,), default=None
        Factors of the penalty, one per feature, non-negative and used as given. A feature of
        weight 0 is not penalised.
    positive : bool, default=False
        Whether coefficients must not be negative.
    max_iter : int, default=1000
        Most outer iterations per strength; at least 1.
    tol : float, default=1e-4
        A fit ends when its duality gap is at most `tol` times the objective at zero coefficients;
        positive.
    cv : int, splitter or iterable of (train, test), default=None
        Folds; None is 5. Not shuffled where it is a number.
    cv_rule : {"min", "1se"}, default="min"
        Which strength is behind `coef_`: the one of the best mean score, or the largest whose mean
        score is within one standard error of the best.
    n_jobs : int, default=None
        Threads over the folds; None is 1, -1 all cores. They share one X.
    verbose : bool or int, default=0
        Whether to print one line per strength of the path.

    Attributes
    ----------
    alpha_ : float
        The strength behind `coef_`.
    alpha_min_, alpha_1se_ : float
        The strength of the best mean score, and the largest within one standard error of it.
    l1_ratio_ : float
        The share of the L1 penalty behind `coef_`.
    alphas_ : ndarray of shape (n_alphas,) or (n_l1_ratio, n_alphas)
        Strengths tried, falling; a grid per `l1_ratio` if there are several and `alphas` is an int.
    mse_path_ : ndarray of shape (n_alphas, n_folds) or (n_l1_ratio, n_alphas, n_folds)
        Mean squared error of each strength on each fold.
    coef_ : ndarray of shape (n_features,)
        Coefficients at `alpha_`, fitted to all samples.
    sparse_coef_ : sparse matrix of shape (1, n_features)
        The same, sparse.
    intercept_ : float
        Intercept at `alpha_`.
    coef_path_ : tuple of three ndarrays
        Values, row indices and column pointers of the coefficients along the path, as compressed
        columns of shape (n_features, n_alphas).
    intercept_path_ : ndarray of shape (n_alphas,)
        Intercepts along the path.
    deviance_ratio_path_ : ndarray of shape (n_alphas,)
        Share of the null deviance that is explained, along the path.
    n_iter_ : int
        Outer iterations at `alpha_`.
    dual_gap_ : float
        Duality gap at `alpha_`.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names.

    See Also
    --------
    ElasticNet : The same of a given strength and mixture.
    sparsekit.model_selection.PathGridSearchCV : The same for pipelines and any score.

    References
    ----------
    Friedman, Hastie, Tibshirani (2010), "Regularization paths for generalized linear models via
    coordinate descent".

    Examples
    --------
    >>> from sparsekit.datasets import make_sparse_regression
    >>> from sparsekit.linear_model import ElasticNetCV
    >>> X, y = make_sparse_regression(n_samples=100, n_features=50, random_state=0)
    >>> model = ElasticNetCV(l1_ratio=[0.5, 1.0], alphas=20).fit(X, y)
    >>> model.mse_path_.shape
    (2, 20, 5)
    """

    _parameter_constraints: dict = {
        **LassoCV._parameter_constraints,
        "l1_ratio": [Interval(Real, 0, 1, closed="both"), "array-like"],
    }
    _model = ElasticNet

    def __init__(
        self,
        *,
        l1_ratio: float | ArrayLike = 0.5,
        eps: float = 1e-3,
        alphas: int | ArrayLike = 100,
        fit_intercept: bool = True,
        feature_weights: ArrayLike | None = None,
        positive: bool = False,
        max_iter: int = 1000,
        tol: float = 1e-4,
        cv: Splitter = None,
        cv_rule: str = "min",
        n_jobs: int | None = None,
        verbose: int = 0,
    ):
        self.l1_ratio = l1_ratio
        self.eps = eps
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.feature_weights = feature_weights
        self.positive = positive
        self.max_iter = max_iter
        self.tol = tol
        self.cv = cv
        self.cv_rule = cv_rule
        self.n_jobs = n_jobs
        self.verbose = verbose
