"""Logistic regression with sparse penalties."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import ArrayLike

from sparsekit import penalties
from sparsekit._sklearn import Interval, Real, StrOptions
from sparsekit.linear_model._base import COMMON_CONSTRAINTS, SparseLinearModel
from sparsekit.linear_model._predictors import SparseClassifier
from sparsekit.losses import Logistic


class SparseLogisticRegression(SparseClassifier, SparseLinearModel):
    """Logistic regression with an L1 penalty or a mixture of L1 and L2.

    Minimises, with weights ``s`` (ones, unless `sample_weight` or `class_weight` are given) and
    feature weights ``f``,

    .. math::

        \\frac{1}{\\sum_i s_i} \\sum_i s_i \\left( \\log(1 + e^{\\eta_i}) - y_i \\eta_i \\right)
        + \\alpha \\sum_j f_j \\left( \\rho |w_j| + \\frac{1 - \\rho}{2} w_j^2 \\right),
        \\qquad \\eta_i = x_i^T w + b

    for ``y`` in {0, 1}. The intercept ``b`` is not penalised. With more than two classes, one
    model per class tells it from the rest.

    Parameters
    ----------
    alpha : float, default=0.01
        Strength of the penalty, in [0, inf). scikit-learn's ``C`` is ``1 / (n_samples * alpha)``,
        with the sum of the weights in place of `n_samples` where there are weights.
    l1_ratio : float, default=1.0
        Share ``rho`` of the L1 penalty, in [0, 1].
    fit_intercept : bool, default=True
        Whether to fit the intercept ``b``.
    class_weight : dict or "balanced", default=None
        Factors of the sample weights, one per class label. "balanced" gives every class the same
        total.
    feature_weights : array-like of shape (n_features,), default=None
        Factors of the penalty, one per feature, non-negative and used as given. A feature of
        weight 0 is not penalised.
    max_iter : int, default=1000
        Most outer iterations, each of which looks at all features once; at least 1.
    tol : float, default=1e-4
        The fit ends when the duality gap is at most `tol` times the objective at zero
        coefficients; positive.
    warm_start : bool, default=False
        Whether to start from the coefficients of the previous fit.
    verbose : bool or int, default=0
        Whether to print one line per outer iteration.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted class labels.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients ``w`` of the second of two classes, or of each class against the rest.
    sparse_coef_ : sparse matrix of the same shape
        The same, sparse.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts ``b``.
    n_iter_ : ndarray of shape (1,) or (n_classes,)
        Outer iterations.
    dual_gap_ : float or ndarray of shape (n_classes,)
        Duality gap, in units of the objective: how far, at most, it is from its minimum.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names.

    See Also
    --------
    SparseLogisticRegressionCV : Chooses `alpha` and `l1_ratio` by cross-validation.
    sparsekit.feature_selection.LogisticSelector : Keeps the columns that this model keeps.

    References
    ----------
    Lee, Sun, Saunders (2014), "Proximal Newton-type methods for minimizing composite functions".

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import scale
    >>> from sparsekit.linear_model import SparseLogisticRegression
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = SparseLogisticRegression(alpha=0.05).fit(scale(X), y)
    >>> int((model.coef_ != 0).sum())
    4
    """

    _parameter_constraints: dict = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        **COMMON_CONSTRAINTS,
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "warm_start": ["boolean"],
    }

    def __init__(
        self,
        alpha: float = 0.01,
        *,
        l1_ratio: float = 1.0,
        fit_intercept: bool = True,
        class_weight: Mapping[Any, float] | str | None = None,
        feature_weights: ArrayLike | None = None,
        max_iter: int = 1000,
        tol: float = 1e-4,
        warm_start: bool = False,
        verbose: int = 0,
    ):
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.feature_weights = feature_weights
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose

    def _loss(self) -> Logistic:
        return Logistic()

    def _penalty(self) -> Any:
        # The Lasso's penalty where it suffices: its compiled kernels are there already.
        if self.l1_ratio == 1:
            return penalties.L1(self.alpha)
        return penalties.ElasticNet(self.alpha, self.l1_ratio)
