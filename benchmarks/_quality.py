"""How good a solution is: duality gaps in float64, from NumPy and SciPy alone.

Nothing here comes from sparsekit or a peer, so no solver is judged by its own stopping rule. The
intercept a solver reports is not looked at: for given coefficients the best one is found here.
"""

import numpy as np
from scipy.special import expit, xlogy


def alpha_max(X, y, loss="quadratic", fit_intercept=True) -> float:
    """Return the smallest strength at which all coefficients are zero."""
    residual = RESIDUALS[loss](np.zeros(len(y)), y, fit_intercept)[0]
    return float(np.abs(X.T @ residual).max() / len(y))


def null_objective(y, loss="quadratic", fit_intercept=True) -> float:
    """Return the objective at zero coefficients and the best intercept."""
    return float(RESIDUALS[loss](np.zeros(len(y)), y, fit_intercept)[1])


def relative_gap(X, y, coef, alpha, loss="quadratic", fit_intercept=True) -> float:
    """Return the duality gap of `coef` divided by the objective at zero coefficients.

    The problem is ``mean_i loss(y_i, x_i w + b) + alpha * |w|_1`` with ``loss`` either
    ``(y - eta)^2 / 2`` or ``log(1 + exp(-y eta))`` for y in -1, +1.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    coef : ndarray of shape (n_features,)
    alpha : float
        Penalty strength; positive.
    loss : {"quadratic", "logistic"}
    fit_intercept : bool
        Whether the problem has an unpenalised intercept.

    Returns
    -------
    gap : float
        Not below the true relative suboptimality; infinite if `coef` is not finite.

    References
    ----------
    Massias, Gramfort, Salmon (2018), "Celer: a fast solver for the Lasso with dual extrapolation",
    for the rescaled residual as a dual point.
    """
    coef = np.asarray(coef, dtype=np.float64).ravel()
    if not np.isfinite(coef).all():
        return float("inf")
    residual, value = RESIDUALS[loss](X @ coef, y, fit_intercept)
    primal = value + alpha * np.abs(coef).sum()
    bound = np.abs(X.T @ residual).max() / len(y)
    # The largest scale at which the rescaled residual is dual feasible.
    limit = alpha / bound if bound > 0 else np.inf
    dual = DUALS[loss](residual, y, limit)
    return float((primal - dual) / null_objective(y, loss, fit_intercept))


def _quadratic_residual(eta, y, fit_intercept):
    residual = y - eta
    if fit_intercept:
        residual = residual - residual.mean()
    return residual, 0.5 * (residual @ residual) / len(y)


def _quadratic_dual(residual, y, limit):
    """Return the dual value at the best feasible multiple of the residual."""
    square = residual @ residual
    if square == 0.0:
        return 0.0
    # With a centred residual, y @ residual needs no centring of y.
    scale = np.clip(y @ residual / square, -limit, limit)
    return (scale * (y @ residual) - 0.5 * scale**2 * square) / len(y)


def _logistic_residual(eta, y, fit_intercept):
    """Return minus the gradient per sample in `eta`, and the mean loss, at the best intercept."""
    if fit_intercept:
        eta = eta + _logistic_intercept(eta, y)
    return y * expit(-y * eta), np.logaddexp(0.0, -y * eta).mean()


def _logistic_intercept(eta, y):
    """Return the intercept at which the gradients sum to zero, by Newton inside a bracket."""
    low, high = -np.abs(eta).max() - 40.0, np.abs(eta).max() + 40.0
    intercept = 0.0
    for _ in range(200):
        probability = expit(eta + intercept)
        slope = np.sum(y > 0) - probability.sum()
        low, high = (intercept, high) if slope > 0 else (low, intercept)
        curvature = (probability * (1.0 - probability)).sum()
        step = slope / curvature if curvature > 0 else np.inf
        trial = intercept + step
        if not low < trial < high:
            trial = 0.5 * (low + high)
        if abs(trial - intercept) <= 1e-15 * max(1.0, abs(trial)):
            break
        intercept = trial
    return intercept


def _logistic_dual(residual, y, limit):
    """Return the dual value (mean entropy) at the largest feasible multiple of the gradients."""
    theta = np.clip(y * residual * min(1.0, limit), 0.0, 1.0)
    return -(xlogy(theta, theta) + xlogy(1.0 - theta, 1.0 - theta)).mean()


RESIDUALS = {"quadratic": _quadratic_residual, "logistic": _logistic_residual}
DUALS = {"quadratic": _quadratic_dual, "logistic": _logistic_dual}
