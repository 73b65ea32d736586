"""Which features join the working set: those nearest to leaving zero come first."""

import numpy as np

from sparsekit.solvers._certificate import free_features, slack

FIRST_SIZE = 64


def first_features(iterate, penalty):
    """Return the features that always belong in: those at work and those that nothing holds."""
    always = iterate.coef != 0
    free = free_features(penalty, iterate.feature_weight, len(always))
    if free is not None:
        always = always | free
    return np.flatnonzero(always & (iterate.curvature > 0))


def growth(iterate, penalty, scale, inside, size):
    """Return up to `size` features outside, by distance from the edge of what holds them at zero.

    The distance, in units of the residual, is that of Fercoq, Gramfort and Salmon (2015),
    section 3; only features that the present residual itself would move are returned.
    """
    weight = iterate.feature_weight
    violated = slack(penalty, weight, iterate.gradient) < 0
    candidates = np.flatnonzero(violated & ~inside & (iterate.curvature > 0))
    if len(candidates) <= size:
        return candidates
    weight = None if weight is None else weight[candidates]
    scaled = scale * iterate.gradient[candidates]
    distance = slack(penalty, weight, scaled) / np.sqrt(iterate.curvature[candidates])
    return candidates[np.argpartition(distance, size)[:size]]
