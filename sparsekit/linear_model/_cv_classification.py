"""Sparse logistic regression that chooses its penalty strength by cross-validation."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import get_scorer_names

from sparsekit._sklearn import Interval, Real, StrOptions
from sparsekit.linear_model._base import SparseLinearModel, TrainingData
from sparsekit.linear_model._classification import SparseLogisticRegression
from sparsekit.linear_model._cross_validation import CV_CONSTRAINTS, CrossValidatedModel, Splitter
from sparsekit.linear_model._folds import Folds, classification_scores
from sparsekit.linear_model._predictors import SparseClassifier


class SparseLogisticRegressionCV(SparseClassifier, CrossValidatedModel):
    """Sparse logistic regression that chooses its penalty by cross-validation.

    The largest strength of the grid comes from all samples. Every fold and the fit of all samples
    walk the grid downward, each strength started from the one before.

    Parameters
    ----------
    l1_ratio : float or array-like of float, default=1.0
        Share of the L1 penalty, in [0, 1]; the best of several is kept.
    eps : float, default=1e-3
        Smallest strength divided by the largest, where `alphas` is a number; in (0, 1).
    alphas : int or array-like of shape (n_alphas,), default=100
        Number of strengths, evenly spaced in logarithm from
        :func:`~sparsekit.linear_model.alpha_max` down; or the strengths themselves.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    class_weight : dict or "balanced", default=None
        Factors of the sample weights in the fits, one per class label; they do not enter the
        scores.
    feature_weights : array-like of shape (n_features,), default=None
        Factors of the penalty, one per feature, non-negative and used as given. A feature of
        weight 0 is not penalised.
    max_iter : int, default=1000
        Most outer iterations per strength; at least 1.
    tol : float, default=1e-4
        A fit ends when its duality gap is at most `tol` times the objective at zero coefficients;
        positive.
    cv : int, splitter or iterable of (train, test), default=None
        Folds; None is 5. Stratified where it is a number.
    cv_rule : {"min", "1se"}, default="min"
        Which strength is behind `coef_`: the one of the best mean score, or the largest whose mean
        score is within one standard error of the best.
    n_jobs : int, default=None
        Threads over the folds; None is 1, -1 all cores. They share one X.
    verbose : bool or int, default=0
        Whether to print one line per strength of the path.
    scoring : str, callable or None, default="neg_log_loss"
        Name of a scikit-learn scorer, or one made by :func:`sklearn.metrics.make_scorer`; None is
        accuracy. It is called with linear predictors in place of X.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted class labels.
    alpha_ : float
        The strength behind `coef_`.
    alpha_min_, alpha_1se_ : float
        The strength of the best mean score, and the largest within one standard error of it.
    l1_ratio_ : float
        The share of the L1 penalty behind `coef_`.
    alphas_ : ndarray of shape (n_alphas,) or (n_l1_ratio, n_alphas)
        Strengths tried, falling; a grid per `l1_ratio` if there are several and `alphas` is an int.
    scores_ : ndarray of shape (n_alphas, n_folds) or (n_l1_ratio, n_alphas, n_folds)
        Score of each strength on each fold; large is good.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients at `alpha_`, fitted to all samples.
    sparse_coef_ : sparse matrix of the shape of `coef_`
        The same, sparse.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts at `alpha_`.
    coef_path_ : tuple of three ndarrays
        Values, row indices and column pointers of the coefficients along the path, as compressed
        columns of shape (n_outputs * n_features, n_alphas).
    intercept_path_ : ndarray of shape (n_alphas,) or (n_classes, n_alphas)
        Intercepts along the path.
    deviance_ratio_path_ : ndarray of shape (n_alphas,)
        Share of the null deviance that is explained, along the path.
    n_iter_ : ndarray of shape (1,) or (n_classes,)
        Outer iterations at `alpha_`.
    dual_gap_ : float or ndarray of shape (n_classes,)
        Duality gap at `alpha_`.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names.

    See Also
    --------
    SparseLogisticRegression : The same of a given strength.
    sparsekit.model_selection.PathGridSearchCV : The same for pipelines.

    References
    ----------
    Friedman, Hastie, Tibshirani (2010), "Regularization paths for generalized linear models via
    coordinate descent".

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import scale
    >>> from sparsekit.linear_model import SparseLogisticRegressionCV
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = SparseLogisticRegressionCV(alphas=10, eps=0.01, cv_rule="1se").fit(scale(X), y)
    >>> bool(model.score(scale(X), y) > 0.95)
    True
    """

    _parameter_constraints: dict = {
        **CV_CONSTRAINTS,
        "l1_ratio": [Interval(Real, 0, 1, closed="both"), "array-like"],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
    }
    _model = SparseLogisticRegression
    _scores_name = "scores_"
    _greater_is_better = True

    def __init__(
        self,
        *,
        l1_ratio: float | ArrayLike = 1.0,
        eps: float = 1e-3,
        alphas: int | ArrayLike = 100,
        fit_intercept: bool = True,
        class_weight: Mapping[Any, float] | str | None = None,
        feature_weights: ArrayLike | None = None,
        max_iter: int = 1000,
        tol: float = 1e-4,
        cv: Splitter = None,
        cv_rule: str = "min",
        n_jobs: int | None = None,
        verbose: int = 0,
        scoring: str | Callable | None = "neg_log_loss",
    ):
        self.l1_ratio = l1_ratio
        self.eps = eps
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.feature_weights = feature_weights
        self.max_iter = max_iter
        self.tol = tol
        self.cv = cv
        self.cv_rule = cv_rule
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.scoring = scoring

    def _scores(
        self,
        model: SparseLinearModel,
        data: TrainingData,
        folds: Folds,
        alphas: np.ndarray,
    ) -> np.ndarray:
        return classification_scores(model, data, folds, alphas, self.scoring)
