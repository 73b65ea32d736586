"""Paths, and the strength they begin at, as functions of X and y."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sparsekit._sklearn import Integral, Interval, Real, StrOptions, validate_parameter_constraints
from sparsekit._validation import check_parameters
from sparsekit.linear_model._base import SparseLinearModel, TrainingData
from sparsekit.linear_model._classification import SparseLogisticRegression
from sparsekit.linear_model._regression import ElasticNet, Lasso
from sparsekit.linear_model._reporting import warn_unconverged
from sparsekit.linear_model._strengths import critical_alpha, strength_grid
from sparsekit.solvers import Solution, Start

GRID_CONSTRAINTS: dict[str, list] = {
    "eps": [Interval(Real, 0, 1, closed="neither")],
    "alphas": [Interval(Integral, 1, None, closed="left"), "array-like"],
}
MODELS = {"quadratic": ElasticNet, "logistic": SparseLogisticRegression}


def alpha_max(
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: str = "quadratic",
    l1_ratio: float = 1.0,
    fit_intercept: bool = True,
    positive: bool = False,
    sample_weight: ArrayLike | None = None,
    feature_weights: ArrayLike | None = None,
    class_weight: Mapping[Any, float] | str | None = None,
) -> float:
    """Return the smallest penalty strength at which every coefficient is zero.

    Parameters
    ----------
    X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
        Training data.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Target values, or labels for the logistic loss.
    loss : {"quadratic", "logistic"}, default="quadratic"
        The loss of :class:`Lasso` and :class:`ElasticNet`, or of
        :class:`SparseLogisticRegression`.
    l1_ratio : float, default=1.0
        Share of the L1 penalty, in [0, 1].
    fit_intercept : bool, default=True
        Whether the model has an intercept.
    positive : bool, default=False
        Whether coefficients must not be negative; for the quadratic loss.
    sample_weight : float or array-like of shape (n_samples,), default=None
        Non-negative weights.
    feature_weights : array-like of shape (n_features,), default=None
        Factors of the penalty. Features of weight 0 are fitted first, and do not count.
    class_weight : dict or "balanced", default=None
        Factors of the sample weights; for the logistic loss.

    Returns
    -------
    alpha : float
        The largest over all targets or classes; infinite where `l1_ratio` is 0.

    Examples
    --------
    >>> from sparsekit.linear_model import alpha_max
    >>> float(alpha_max([[-1.0], [1.0]], [-2.0, 2.0]))
    2.0
    """
    choice = {"loss": [StrOptions(set(MODELS))]}
    validate_parameter_constraints(choice, {"loss": loss}, caller_name="alpha_max")
    given = {"positive": positive, "class_weight": class_weight}
    model = MODELS[loss](
        l1_ratio=l1_ratio, fit_intercept=fit_intercept, feature_weights=feature_weights
    )
    extra = {name: value for name, value in given.items() if value not in (None, False)}
    if unknown := extra.keys() - model.get_params():
        raise ValueError(f"`{unknown.pop()}` has no meaning with loss={loss!r}. Leave it out.")
    model.set_params(**extra)
    check_parameters(model)
    data = model._read(X, y, sample_weight)
    return critical_alpha(model._problems(data))


def lasso_path(
    X: ArrayLike,
    y: ArrayLike,
    *,
    eps: float = 1e-3,
    alphas: int | ArrayLike = 100,
    coef_init: ArrayLike | None = None,
    verbose: int = False,
    return_n_iter: bool = False,
    positive: bool = False,
    sample_weight: ArrayLike | None = None,
    feature_weights: ArrayLike | None = None,
    max_iter: int = 1000,
    tol: float = 1e-4,
) -> tuple[np.ndarray, ...]:
    """Compute the coefficients of the Lasso along falling penalty strengths.

    The model has no intercept: centre `X` and `y`, or use :meth:`Lasso.fit_path`.

    Parameters
    ----------
    X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
        Training data.
    y : array-like of shape (n_samples,)
        Target values.
    eps : float, default=1e-3
        Smallest strength divided by the largest, where `alphas` is a number; in (0, 1).
    alphas : int or array-like of shape (n_alphas,), default=100
        Number of strengths, or the strengths in any order.
    coef_init : array-like of shape (n_features,), default=None
        Where the first strength starts.
    verbose : bool or int, default=False
        Whether to print one line per strength.
    return_n_iter : bool, default=False
        Whether to return the iterations too.
    positive : bool, default=False
        Whether coefficients must not be negative.
    sample_weight : float or array-like of shape (n_samples,), default=None
        Non-negative weights.
    feature_weights : array-like of shape (n_features,), default=None
        Factors of the penalty.
    max_iter : int, default=1000
        Most outer iterations per strength.
    tol : float, default=1e-4
        Largest duality gap, relative to the objective at zero coefficients.

    Returns
    -------
    alphas : ndarray of shape (n_alphas,)
        Strengths, falling.
    coefs : ndarray of shape (n_features, n_alphas)
        Coefficients.
    dual_gaps : ndarray of shape (n_alphas,)
        Duality gaps, in units of the objective.
    n_iters : list of int
        Outer iterations; only if `return_n_iter`.

    Examples
    --------
    >>> from sparsekit.linear_model import lasso_path
    >>> alphas, coefs, gaps = lasso_path([[-1.0], [1.0]], [-2.0, 2.0], alphas=[1.0, 0.5])
    >>> coefs.round(6)
    array([[1. , 1.5]])
    """
    model = Lasso(
        fit_intercept=False,
        positive=positive,
        feature_weights=feature_weights,
        max_iter=max_iter,
        tol=tol,
        verbose=verbose,
    )
    return _least_squares_path(model, X, y, sample_weight, eps, alphas, coef_init, return_n_iter)


def enet_path(
    X: ArrayLike,
    y: ArrayLike,
    *,
    l1_ratio: float = 0.5,
    eps: float = 1e-3,
    alphas: int | ArrayLike = 100,
    coef_init: ArrayLike | None = None,
    verbose: int = False,
    return_n_iter: bool = False,
    positive: bool = False,
    sample_weight: ArrayLike | None = None,
    feature_weights: ArrayLike | None = None,
    max_iter: int = 1000,
    tol: float = 1e-4,
) -> tuple[np.ndarray, ...]:
    """Compute the coefficients of the elastic net along falling penalty strengths.

    The model has no intercept: centre `X` and `y`, or use :meth:`ElasticNet.fit_path`.

    Parameters
    ----------
    X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
        Training data.
    y : array-like of shape (n_samples,)
        Target values.
    l1_ratio : float, default=0.5
        Share of the L1 penalty, in [0, 1].
    eps : float, default=1e-3
        Smallest strength divided by the largest, where `alphas` is a number; in (0, 1).
    alphas : int or array-like of shape (n_alphas,), default=100
        Number of strengths, or the strengths in any order.
    coef_init : array-like of shape (n_features,), default=None
        Where the first strength starts.
    verbose : bool or int, default=False
        Whether to print one line per strength.
    return_n_iter : bool, default=False
        Whether to return the iterations too.
    positive : bool, default=False
        Whether coefficients must not be negative.
    sample_weight : float or array-like of shape (n_samples,), default=None
        Non-negative weights.
    feature_weights : array-like of shape (n_features,), default=None
        Factors of the penalty.
    max_iter : int, default=1000
        Most outer iterations per strength.
    tol : float, default=1e-4
        Largest duality gap, relative to the objective at zero coefficients.

    Returns
    -------
    alphas : ndarray of shape (n_alphas,)
        Strengths, falling.
    coefs : ndarray of shape (n_features, n_alphas)
        Coefficients.
    dual_gaps : ndarray of shape (n_alphas,)
        Duality gaps, in units of the objective.
    n_iters : list of int
        Outer iterations; only if `return_n_iter`.

    Examples
    --------
    >>> from sparsekit.linear_model import enet_path
    >>> alphas, coefs, gaps = enet_path([[-1.0], [1.0]], [-2.0, 2.0], alphas=[1.0])
    >>> coefs.round(6)
    array([[1.]])
    """
    model = ElasticNet(
        l1_ratio=l1_ratio,
        fit_intercept=False,
        positive=positive,
        feature_weights=feature_weights,
        max_iter=max_iter,
        tol=tol,
        verbose=verbose,
    )
    return _least_squares_path(model, X, y, sample_weight, eps, alphas, coef_init, return_n_iter)


def logistic_path(
    X: ArrayLike,
    y: ArrayLike,
    *,
    l1_ratio: float = 1.0,
    eps: float = 1e-3,
    alphas: int | ArrayLike = 100,
    fit_intercept: bool = True,
    verbose: int = False,
    sample_weight: ArrayLike | None = None,
    class_weight: Mapping[Any, float] | str | None = None,
    feature_weights: ArrayLike | None = None,
    max_iter: int = 1000,
    tol: float = 1e-4,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Compute the coefficients of sparse logistic regression along falling penalty strengths.

    Parameters
    ----------
    X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
        Training data.
    y : array-like of shape (n_samples,)
        Class labels; more than two are fitted one against the rest.
    l1_ratio : float, default=1.0
        Share of the L1 penalty, in [0, 1].
    eps : float, default=1e-3
        Smallest strength divided by the largest, where `alphas` is a number; in (0, 1).
    alphas : int or array-like of shape (n_alphas,), default=100
        Number of strengths, or the strengths in any order.
    fit_intercept : bool, default=True
        Whether to fit an unpenalised intercept.
    verbose : bool or int, default=False
        Whether to print one line per strength.
    sample_weight : float or array-like of shape (n_samples,), default=None
        Non-negative weights.
    class_weight : dict or "balanced", default=None
        Factors of the sample weights, one per class label.
    feature_weights : array-like of shape (n_features,), default=None
        Factors of the penalty.
    max_iter : int, default=1000
        Most outer iterations per strength.
    tol : float, default=1e-4
        Largest duality gap, relative to the objective at zero coefficients.

    Returns
    -------
    alphas : ndarray of shape (n_alphas,)
        Strengths, falling.
    coefs : ndarray of shape (n_features, n_alphas) or (n_classes, n_features, n_alphas)
        Coefficients.
    intercepts : ndarray of shape (n_alphas,) or (n_classes, n_alphas)
        Intercepts.
    dual_gaps : ndarray of shape (n_alphas,) or (n_classes, n_alphas)
        Duality gaps, in units of the objective.

    Examples
    --------
    >>> from sparsekit.linear_model import logistic_path
    >>> X, y = [[-1.0], [1.0], [2.0]], ["no", "yes", "yes"]
    >>> alphas, coefs, intercepts, gaps = logistic_path(X, y, alphas=[0.2, 0.1])
    >>> coefs.shape
    (1, 2)
    """
    model = SparseLogisticRegression(
        l1_ratio=l1_ratio,
        fit_intercept=fit_intercept,
        class_weight=class_weight,
        feature_weights=feature_weights,
        max_iter=max_iter,
        tol=tol,
        verbose=verbose,
    )
    data, strengths = _open_path(model, X, y, sample_weight, eps, alphas)
    points = list(_points(model, data, strengths))
    coefs = np.stack([[s.coef for s in point] for point in points], axis=-1).astype(data.X.dtype)
    intercepts = np.array([[s.intercept for s in point] for point in points]).T
    gaps = np.array([[s.gap for s in point] for point in points]).T
    if len(coefs) == 1:
        return strengths, coefs[0], intercepts[0], gaps[0]
    return strengths, coefs, intercepts, gaps


def _least_squares_path(
    model: SparseLinearModel,
    X: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None,
    eps: float,
    alphas: int | ArrayLike,
    coef_init: ArrayLike | None,
    return_n_iter: bool,
) -> tuple[np.ndarray, ...]:
    """Return strengths, coefficients, gaps and perhaps iterations of a model without intercept."""
    # Several targets would mean another model in scikit-learn: one whose targets share features.
    model._multi_output = False
    data, strengths = _open_path(model, X, y, sample_weight, eps, alphas)
    start = None
    if coef_init is not None:
        start = Start(np.array(coef_init, dtype=np.float64).reshape(data.X.shape[1]))
    points = [point for (point,) in _points(model, data, strengths, start)]
    coefs = np.stack([s.coef for s in points], axis=-1).astype(data.X.dtype)
    gaps = np.array([s.gap for s in points])
    if return_n_iter:
        return strengths, coefs, gaps, [s.n_iter for s in points]
    return strengths, coefs, gaps


def _open_path(
    model: SparseLinearModel,
    X: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None,
    eps: float,
    alphas: int | ArrayLike,
) -> tuple[TrainingData, np.ndarray]:
    """Check everything; return the data and the strengths, falling."""
    given = {"eps": eps, "alphas": alphas}
    validate_parameter_constraints(GRID_CONSTRAINTS, given, caller_name="path")
    check_parameters(model)
    data = model._read(X, y, sample_weight)
    return data, strength_grid(model._problems(data), alphas, eps)


def _points(
    model: SparseLinearModel, data: TrainingData, alphas: np.ndarray, start: Start | None = None
) -> Iterator[tuple[Solution, ...]]:
    """Yield the solutions of all outputs at each strength; warn at the end."""
    points = []
    for alpha, point in zip(alphas, model._path_points(data, alphas, start)):
        if model.verbose:
            n_nonzero = sum(np.count_nonzero(s.coef) for s in point)
            print(f"alpha {alpha:.4g}: {n_nonzero} non-zero coefficients")
        points += point
        yield point
    warn_unconverged(model, points, stacklevel=4)
