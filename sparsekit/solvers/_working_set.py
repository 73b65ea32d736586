"""Which features join the working set: those nearest to leaving zero come first."""

import numpy as np

from sparsekit.solvers._certificate import free_features, slack

SMALLEST_GROWTH, LARGEST_FIRST = 32, 128


def growth_size(iterate, penalty, n_support):
    """Return how many features may join at once.

    At first as many as cost, in products, about what one pass over a dense matrix costs; later
    twice the support. The number of samples bounds a lasso's support, so that there the set does
    not grow far beyond it.
    """
    n_samples, n_features = iterate.design.shape
    first = int(np.clip(4.0 * np.sqrt(n_features), SMALLEST_GROWTH, LARGEST_FIRST))
    room = n_samples - n_support if np.isfinite(penalty.reach) else n_features
    return max(first, min(2 * n_support, room))


def always_in(iterate, penalty):
    """Return the features that always belong in: those at work and those that nothing holds."""
    always = iterate.coef != 0
    free = free_features(penalty, iterate.feature_weight, len(always))
    if free is not None:
        always = always | free
    return np.flatnonzero(always & (iterate.curvature > 0))


def violators(iterate, penalty, inside):
    """Return the features outside that the present residual would move from zero."""
    moved = slack(penalty, iterate.feature_weight, iterate.gradient) < 0
    moved[inside] = False
    return np.flatnonzero(moved & (iterate.curvature > 0))


def nearest(iterate, penalty, scale, candidates, size):
    """Return up to `size` of the candidates, by distance from the edge of what holds them at zero.

    The distance, in units of the residual, is that of Fercoq, Gramfort and Salmon (2015),
    section 3.
    """
    if len(candidates) <= size:
        return candidates
    weight = iterate.weight_of(candidates)
    scaled = scale * iterate.gradient[candidates]
    distance = slack(penalty, weight, scaled) / np.sqrt(iterate.curvature[candidates])
    return candidates[np.argpartition(distance, size)[:size]]
