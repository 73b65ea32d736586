"""The duality gap of any loss with any convex separable penalty, and what it says of each feature.

With predictor eta, per-sample gradient g = loss'(eta) and feature gradient v = -X' (h g), every
factor s in [0, 1] gives a dual point, and the objective less the dual value

    - sum_i h_i loss*(s g_i) - sum_j f_j penalty*(s v_j / f_j)

bounds what is left to gain [1]_. s is the largest factor at which the penalty's conjugate is
finite. The intercept is exact, so the g sum to zero and any s keeps them so.

A feature whose conjugate is finite at zero only (weight or strength zero) cannot be bounded so:
in the gap, its share ``- s v_j w_j`` gives way to what one exact coordinate step would gain.

References
----------
.. [1] Fercoq, Gramfort, Salmon (2015), "Mind the duality gap: safer rules for the Lasso".
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Certificate:
    """Objective, the best known lower bound, and the factor `scale` that gave the bound here."""

    objective: float
    bound: float
    scale: float

    @property
    def gap(self):
        """Upper bound of what is left to gain."""
        return max(self.objective - self.bound, 0.0)


@dataclass(frozen=True, eq=False)
class DataPoint:
    """The smooth part of the objective at a predictor, from the data."""

    loss: object
    y: np.ndarray
    h: np.ndarray
    eta: np.ndarray
    gradient: np.ndarray

    def value(self):
        """Return the weighted loss."""
        return float(self.h @ self.loss.value(self.y, self.eta))

    def dual(self, scale):
        """Return the dual value of `scale` times the gradient, without the penalty's part."""
        return -float(self.h @ self.loss.conjugate(self.y, scale * self.gradient))


@dataclass(frozen=True, eq=False)
class GramPoint:
    """The same for a quadratic loss, from products alone: with e = y - X w and h inside,

    ``energy`` = y'y, ``fit`` = w'X'y and ``left`` = w'X'e give e'e = energy - fit - left.
    """

    energy: float
    fit: float
    left: float

    def value(self):
        """Return half the squared residual."""
        return 0.5 * max(self.energy - self.fit - self.left, 0.0)

    def dual(self, scale):
        """Return the dual value of `scale` times the residual, without the penalty's part."""
        return scale * (self.energy - self.fit) - scale**2 * self.value()


def certify(point, penalty, feature_weight, curvature, coef, gradient):
    """Return the certificate at a point whose feature gradient is `gradient`.

    `feature_weight` may be None for weights of one.
    """
    objective = point.value() + penalty_value(penalty, feature_weight, coef)
    bounded, relative, weight = _bounded_features(penalty, feature_weight, gradient)
    kept = coef if bounded is None else coef[bounded]
    scale = float(penalty.dual_scale(relative, kept).min(initial=1.0))
    bound = point.dual(scale) - float((weight * penalty.conjugate(scale * relative)).sum())
    if bounded is not None:
        bound -= scale * float(gradient[~bounded] @ coef[~bounded])
        bound -= _coordinate_gain(penalty, feature_weight, curvature, coef, gradient, ~bounded)
    return Certificate(objective, bound, scale)


def penalty_value(penalty, feature_weight, coef):
    """Return the penalty of all coefficients."""
    values = penalty.value(coef)
    return float(values.sum() if feature_weight is None else feature_weight @ values)


def slack(penalty, feature_weight, gradient):
    """Return how far each feature at zero is from moving, in units of its gradient."""
    if feature_weight is None:
        return penalty.slack(gradient)
    safe = np.where(feature_weight > 0, feature_weight, 1.0)
    return np.where(
        feature_weight > 0, feature_weight * penalty.slack(gradient / safe), -abs(gradient)
    )


def free_features(penalty, feature_weight, n_features):
    """Return a mask of the features that nothing holds at zero, or None where there are none."""
    if feature_weight is None:
        return None if penalty.reach > 0 else np.ones(n_features, dtype=bool)
    free = feature_weight * penalty.reach == 0 if penalty.reach < np.inf else feature_weight == 0
    return free if free.any() else None


def _bounded_features(penalty, feature_weight, gradient):
    free = free_features(penalty, feature_weight, len(gradient))
    if free is None:
        if feature_weight is None:
            return None, gradient, 1.0
        return None, gradient / feature_weight, feature_weight
    weight = 1.0 if feature_weight is None else feature_weight[~free]
    return ~free, gradient[~free] / weight, weight


def _coordinate_gain(penalty, feature_weight, curvature, coef, gradient, free):
    movable = free & (curvature > 0)
    c, w = curvature[movable], coef[movable]
    step = (1.0 if feature_weight is None else feature_weight[movable]) / c
    change = penalty.prox(w + gradient[movable] / c, step) - w
    return 0.5 * float(c @ (change * change))
