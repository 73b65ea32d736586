"""Least squares with sparse penalties."""

from typing import Any

from numpy.typing import ArrayLike

from sparsekit import penalties
from sparsekit._sklearn import Interval, Real
from sparsekit.linear_model._base import COMMON_CONSTRAINTS, SparseLinearModel
from sparsekit.linear_model._predictors import SparseRegressor
from sparsekit.losses import Quadratic


class Lasso(SparseRegressor, SparseLinearModel):
    """Least squares with an L1 penalty.

    Minimises, with weights ``s`` (ones unless `sample_weight` is given) and feature weights ``f``,

    .. math::

        \\frac{1}{2 \\sum_i s_i} \\sum_i s_i (y_i - x_i^T w - b)^2
        + \\alpha \\sum_j f_j |w_j|

    Parameters
    ----------
    alpha : float, default=1.0
        Strength of the penalty, in [0, inf). Every coefficient is zero from
        :func:`~sparsekit.linear_model.alpha_max` on.
    fit_intercept : bool, default=True
        Whether to fit the intercept ``b``. Sparse X is centred implicitly.
    feature_weights : array-like of shape (n_features,), default=None
        Factors of the penalty, one per feature, non-negative and used as given. A feature of
        weight 0 is not penalised.
    positive : bool, default=False
        Whether coefficients must not be negative.
    max_iter : int, default=1000
        Most outer iterations, each of which looks at all features once; at least 1.
    tol : float, default=1e-4
        The fit ends when the duality gap is at most `tol` times the objective at zero
        coefficients, which makes it independent of the scale of y; positive.
    warm_start : bool, default=False
        Whether to start from the coefficients of the previous fit.
    verbose : bool or int, default=0
        Whether to print one line per outer iteration.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients ``w``, of the floating type of X.
    sparse_coef_ : sparse matrix of shape (1, n_features) or (n_targets, n_features)
        The same, sparse.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept ``b``.
    n_iter_ : int or ndarray of shape (n_targets,)
        Outer iterations.
    dual_gap_ : float or ndarray of shape (n_targets,)
        Duality gap, in units of the objective: how far, at most, it is from its minimum.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names.

    See Also
    --------
    LassoCV : Chooses `alpha` by cross-validation.
    ElasticNet : Adds an L2 penalty.
    sparsekit.feature_selection.LassoSelector : Keeps the columns that the Lasso keeps.

    Notes
    -----
    A y of two dimensions is fitted column by column.

    References
    ----------
    Tibshirani (1996), "Regression shrinkage and selection via the lasso".

    Examples
    --------
    >>> from sparsekit.linear_model import Lasso
    >>> model = Lasso(alpha=0.1).fit([[0, 0], [1, 1], [2, 2]], [0, 1, 2])
    >>> model.coef_.round(2)
    array([0.85, 0.  ])
    >>> round(model.intercept_, 2)
    0.15
    """

    _parameter_constraints: dict = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        **COMMON_CONSTRAINTS,
        "positive": ["boolean"],
        "warm_start": ["boolean"],
    }

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        fit_intercept: bool = True,
        feature_weights: ArrayLike | None = None,
        positive: bool = False,
        max_iter: int = 1000,
        tol: float = 1e-4,
        warm_start: bool = False,
        verbose: int = 0,
    ):
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.feature_weights = feature_weights
        self.positive = positive
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose

    def _loss(self) -> Quadratic:
        return Quadratic()

    def _penalty(self) -> Any:
        penalty = penalties.L1(self.alpha)
        return penalties.Positive(penalty) if self.positive else penalty


class ElasticNet(SparseRegressor, SparseLinearModel):
    """Least squares with a mixture of L1 and L2 penalties.

    Minimises, with weights ``s`` (ones unless `sample_weight` is given) and feature weights ``f``,

    .. math::

        \\frac{1}{2 \\sum_i s_i} \\sum_i s_i (y_i - x_i^T w - b)^2
        + \\alpha \\sum_j f_j \\left( \\rho |w_j| + \\frac{1 - \\rho}{2} w_j^2 \\right)

    Parameters
    ----------
    alpha : float, default=1.0
        Strength of the penalty, in [0, inf).
    l1_ratio : float, default=0.5
        Share ``rho`` of the L1 penalty, in [0, 1]; 1 is the Lasso.
    fit_intercept : bool, default=True
        Whether to fit the intercept ``b``. Sparse X is centred implicitly.
    feature_weights : array-like of shape (n_features,), default=None
        Factors of the penalty, one per feature, non-negative and used as given. A feature of
        weight 0 is not penalised.
    positive : bool, default=False
        Whether coefficients must not be negative.
    max_iter : int, default=1000
        Most outer iterations, each of which looks at all features once; at least 1.
    tol : float, default=1e-4
        The fit ends when the duality gap is at most `tol` times the objective at zero
        coefficients, which makes it independent of the scale of y; positive.
    warm_start : bool, default=False
        Whether to start from the coefficients of the previous fit.
    verbose : bool or int, default=0
        Whether to print one line per outer iteration.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients ``w``, of the floating type of X.
    sparse_coef_ : sparse matrix of shape (1, n_features) or (n_targets, n_features)
        The same, sparse.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept ``b``.
    n_iter_ : int or ndarray of shape (n_targets,)
        Outer iterations.
    dual_gap_ : float or ndarray of shape (n_targets,)
        Duality gap, in units of the objective: how far, at most, it is from its minimum.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names.

    See Also
    --------
    ElasticNetCV : Chooses `alpha` and `l1_ratio` by cross-validation.
    Lasso : The L1 penalty alone.

    Notes
    -----
    A y of two dimensions is fitted column by column.

    References
    ----------
    Zou, Hastie (2005), "Regularization and variable selection via the elastic net".

    Examples
    --------
    >>> from sparsekit.linear_model import ElasticNet
    >>> model = ElasticNet(alpha=0.1).fit([[0, 0], [1, 1], [2, 2]], [0, 1, 2])
    >>> bool(abs(model.coef_[0] - model.coef_[1]) < 1e-2)
    True
    """

    _parameter_constraints: dict = {
        **Lasso._parameter_constraints,
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
    }

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        l1_ratio: float = 0.5,
        fit_intercept: bool = True,
        feature_weights: ArrayLike | None = None,
        positive: bool = False,
        max_iter: int = 1000,
        tol: float = 1e-4,
        warm_start: bool = False,
        verbose: int = 0,
    ):
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.feature_weights = feature_weights
        self.positive = positive
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose

    def _loss(self) -> Quadratic:
        return Quadratic()

    def _penalty(self) -> Any:
        penalty = penalties.ElasticNet(self.alpha, self.l1_ratio)
        return penalties.Positive(penalty) if self.positive else penalty
