"""Which step the outer loop makes next, and over which features: one visible table.

| loss      | members                                            | step                        |
|-----------|----------------------------------------------------|-----------------------------|
| quadratic | p <= min(n, WHOLE), and more problems follow or    | `step_on_kept_gram`         |
|           | nearly all features are in                         | on all features             |
| quadratic | fit a Gram matrix                                  | `step_on_kept_gram`         |
| other     | fit a Gram matrix                                  | `step_on_fresh_gram`        |
| any       | do not                                             | `step_on_data`              |
"""

import numpy as np

from sparsekit.solvers._steps import step_on_data, step_on_fresh_gram, step_on_kept_gram
from sparsekit.solvers._working_set import always_in, growth_size, nearest, violators

WHOLE = 4000
WHOLE_SHARE = 0.8
LARGEST_GRAM = 4000
# Cost of one elementary step on contiguous and on scattered entries.
VECTOR_STEP, GATHER_STEP = 0.125, 1.5

STEPS = (step_on_kept_gram, step_on_fresh_gram, step_on_data)


def choose_step(iterate, penalty, scale, n_more, proposed=None):
    """Return the step function and the features it works on.

    `proposed` are features to take in whatever their distance, or None to take the nearest.
    """
    if iterate.gram.whole and iterate.loss.quadratic:
        return step_on_kept_gram, iterate.design.all_features
    always = always_in(iterate, penalty)
    if iterate.loss.quadratic:
        members = _members_of_gram(iterate, penalty, scale, n_more, always, proposed)
        if members is not None:
            return step_on_kept_gram, members
    inside = iterate.coef != 0
    inside[always] = True
    members = np.concatenate([always, _joining(iterate, penalty, scale, inside, proposed)])
    if iterate.loss.quadratic or not _fits_gram(iterate, members, len(members)):
        return step_on_data, members
    return step_on_fresh_gram, members


def _members_of_gram(iterate, penalty, scale, n_more, always, proposed):
    """Return what is to join the kept Gram matrix, or None if that makes it too large."""
    n_samples, n_features = iterate.design.shape
    inside = iterate.gram.known.copy()
    inside[always] = True
    n_inside = int(np.count_nonzero(inside))
    if n_features <= min(n_samples, WHOLE):
        joining = violators(iterate, penalty, inside) if proposed is None else proposed
        # At zero coefficients nearly every feature would move: that tells nothing yet.
        nearly_all = iterate.coef.any() and n_inside + len(joining) > WHOLE_SHARE * n_features
        if n_more > 0 or nearly_all:
            everything = iterate.design.all_features
            return everything if _fits_gram(iterate, everything, n_features) else None
    members = np.concatenate([always, _joining(iterate, penalty, scale, inside, proposed)])
    size = len(iterate.gram) + len(iterate.gram.missing(members))
    return members if _fits_gram(iterate, members, size) else None


def _fits_gram(iterate, members, size):
    """Say whether a Gram matrix of `size` is small, and its sweeps cheap beside those on the data.

    A sweep costs the support times the size there, and two passes over the members' entries here.
    """
    n_support = int(np.count_nonzero(iterate.coef))
    on_gram = n_support * size * VECTOR_STEP
    on_data = 2 * iterate.design.work(members) * size / max(len(members), 1)
    on_data *= GATHER_STEP if iterate.design.sparse else VECTOR_STEP
    return size <= LARGEST_GRAM and on_gram <= on_data


def _joining(iterate, penalty, scale, inside, proposed):
    if proposed is not None:
        return proposed[~inside[proposed]]
    n_support = int(np.count_nonzero(iterate.coef))
    outside = violators(iterate, penalty, inside)
    return nearest(iterate, penalty, scale, outside, growth_size(iterate, penalty, n_support))
