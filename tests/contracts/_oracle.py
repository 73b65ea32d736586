"""Optimality from its definitions, in dense float64 NumPy; shares nothing with the solvers.

The problem is ``sum_i h_i loss(y_i, x_i w + b) + sum_j f_j penalty(w_j)`` with h summing to one.
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, xlogy

from sparsekit.losses import Logistic, Quadratic
from sparsekit.penalties import L1, L2, Box, ElasticNet, Positive


def entropy(mean):
    """Return the negative entropy of a coin."""
    return xlogy(mean, mean) + xlogy(1 - mean, 1 - mean)


# Value, derivative, second derivative and conjugate.
LOSSES = {
    Quadratic: (
        lambda y, eta: 0.5 * (eta - y) ** 2,
        lambda y, eta: eta - y,
        lambda y, eta: np.ones_like(eta),
        lambda y, u: 0.5 * u**2 + u * y,
    ),
    Logistic: (
        lambda y, eta: np.logaddexp(0.0, eta) - y * eta,
        lambda y, eta: expit(eta) - y,
        lambda y, eta: expit(eta) * expit(-eta),
        lambda y, u: entropy(np.clip(u + y, 0.0, 1.0)),
    ),
}

# Weights of the absolute value and of half the square.
PARTS = {
    L1: lambda penalty: (penalty.alpha, 0.0),
    L2: lambda penalty: (0.0, penalty.alpha),
    ElasticNet: lambda penalty: (
        penalty.alpha * penalty.l1_ratio,
        penalty.alpha * (1.0 - penalty.l1_ratio),
    ),
    Box: lambda penalty: (0.0, 0.0),
}


def parts(penalty):
    """Return (l1, l2, low, high): any penalty here is both parts on an interval."""
    if isinstance(penalty, Positive):
        l1, l2, _, high = parts(penalty.base)
        return l1, l2, 0.0, high
    low, high = (penalty.low, penalty.high) if isinstance(penalty, Box) else (-np.inf, np.inf)
    return *PARTS[type(penalty)](penalty), low, high


class Oracle:
    """All that is known of a problem at a point."""

    def __init__(self, X, problem, coef, intercept):
        self.problem, self.coef = problem, coef
        self.X = np.asarray(X.toarray() if hasattr(X, "toarray") else X, dtype=np.float64)
        n_samples, n_features = self.X.shape
        h = np.ones(n_samples) if problem.sample_weight is None else problem.sample_weight
        f = np.ones(n_features) if problem.feature_weight is None else problem.feature_weight
        self.h, self.f = h / h.sum(), f
        self.value, self.slope, self.bend, self.conjugate = LOSSES[type(problem.loss)]
        self.eta = self.X @ coef + intercept
        self.force = self.slope(problem.y, self.eta)
        self.gradient = self.X.T @ (self.h * self.force)

    @property
    def objective(self):
        """Objective here; infinite where a constraint is broken."""
        l1, l2, low, high = parts(self.problem.penalty)
        if ((self.coef < low) | (self.coef > high)).any():
            return np.inf
        penalty = self.f @ (l1 * abs(self.coef) + 0.5 * l2 * self.coef**2)
        return self.h @ self.value(self.problem.y, self.eta) + penalty

    @property
    def violation(self):
        """Distance of zero from the subdifferential, per coefficient."""
        l1, l2, low, high = parts(self.problem.penalty)
        smooth = self.gradient + self.f * l2 * self.coef
        down = smooth + self.f * l1 * np.where(self.coef > 0, 1.0, -1.0)
        up = smooth + self.f * l1 * np.where(self.coef < 0, -1.0, 1.0)
        down = np.where(self.coef <= low, -np.inf, down)
        up = np.where(self.coef >= high, np.inf, up)
        return np.maximum(np.maximum(down, -up), 0.0)

    @property
    def intercept_violation(self):
        """Derivative in the intercept."""
        return abs(self.h @ self.force) if self.problem.fit_intercept else 0.0

    def allowed_violation(self, gap):
        """Return what a gap leaves: a step from violation v gains at least v**2 / (2 c)."""
        return np.sqrt(2.0 * gap * (self.h @ self.X**2))

    @property
    def dual(self):
        """Largest dual value on the ray through the gradient: a lower bound of the objective."""
        u = -self.gradient
        l1, l2, low, high = parts(self.problem.penalty)
        if low == 0:
            u = np.maximum(u, 0.0)
        bounded = np.isfinite([low, high]).all()
        held = self.f * l1
        longest = 1.0
        if l2 == 0 and not bounded:
            longest = np.min(held / np.maximum(abs(u), held), initial=1.0)

        def negative_dual(scale):
            loss = self.h @ self.conjugate(self.problem.y, scale * self.force)
            v = scale * u
            if bounded:
                return loss + self.f @ np.maximum(low * v, high * v)
            if l2 == 0:
                return loss
            return loss + (np.maximum(abs(v) - held, 0.0) ** 2 / (2 * l2 * self.f)).sum()

        inside = minimize_scalar(negative_dual, bounds=(0.0, longest), method="bounded")
        return -min(inside.fun, negative_dual(longest))

    def strong_convexity(self):
        """Return the smallest curvature of the objective here, in any direction of (w, b)."""
        columns = self.X
        if self.problem.fit_intercept:
            columns = np.column_stack([columns, np.ones(len(columns))])
        weight = self.h * self.bend(self.problem.y, self.eta)
        return np.linalg.eigvalsh((columns * weight[:, None]).T @ columns)[0]


def allowed_distance(oracle, gap):
    """Return how far the minimiser can be from a point whose gap is `gap`; twice that for two.

    The curvature elsewhere may be smaller than here, by half for points this near.
    """
    return 2.0 * np.sqrt(2.0 * gap / (0.5 * oracle.strong_convexity()))
