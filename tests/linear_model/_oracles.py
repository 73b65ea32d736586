"""Optimality, checked by formulas that share nothing with the solvers."""

import numpy as np
from scipy.special import expit


def gradient(X, y, coef, intercept, sample_weight=None, logistic=False):
    """Return the loss's gradient in the coefficients, and its derivative in the intercept."""
    weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    weight = weight / weight.sum()
    eta = X @ coef + intercept
    residual = weight * ((expit(eta) if logistic else eta) - y)
    return X.T @ residual, residual.sum()


def violation(gradient, coef, alpha, l1_ratio=1.0, feature_weights=None, positive=False):
    """Return the largest distance of zero from the objective's subdifferential."""
    weight = np.ones(len(coef)) if feature_weights is None else np.asarray(feature_weights)
    l1, l2 = alpha * l1_ratio * weight, alpha * (1.0 - l1_ratio) * weight
    smooth = gradient + l2 * coef
    at_zero = np.maximum(-smooth - l1 if positive else abs(smooth) - l1, 0.0)
    return np.where(coef == 0, at_zero, abs(smooth + l1 * np.sign(coef))).max()


def allowed_violation(X, gap):
    """Return the largest violation that a duality gap allows.

    A coordinate step from a violation v lowers the objective by at least v**2 / (2 c) with the
    column's curvature c, and a gap bounds what is left to lower.
    """
    curvature = np.asarray((X * X).mean(axis=0)).max()
    return np.sqrt(2.0 * curvature * gap)


def quadratic_objective(X, y, coef, intercept, alpha, l1_ratio=1.0):
    """Return the elastic net's objective."""
    residual = y - X @ coef - intercept
    penalty = l1_ratio * abs(coef).sum() + 0.5 * (1.0 - l1_ratio) * (coef**2).sum()
    return 0.5 * np.mean(residual**2) + alpha * penalty
