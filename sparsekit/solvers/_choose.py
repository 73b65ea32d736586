"""Which step the outer loop makes next, and over which features: one visible table.

| loss      | working set                                            | step                 |
|-----------|--------------------------------------------------------|----------------------|
| quadratic | p <= min(n, WHOLE), more problems follow or it is large | `step_on_kept_gram`, all features |
| quadratic | at most LARGEST_GRAM features                          | `step_on_kept_gram`  |
| other     | at most LARGEST_GRAM features                          | `step_on_fresh_gram` |
| any       | larger                                                 | `step_on_data`       |
"""

import numpy as np

from sparsekit.solvers._steps import step_on_data, step_on_fresh_gram, step_on_kept_gram
from sparsekit.solvers._working_set import FIRST_SIZE, first_features, growth

WHOLE = 4000
WHOLE_SHARE = 0.25
LARGEST_GRAM = 4000


def choose_step(iterate, penalty, scale, n_more, proposed=None):
    """Return the step function and the features it works on."""
    n_samples, n_features = iterate.design.shape
    inside = iterate.coef != 0
    n_support = int(np.count_nonzero(inside))
    always = first_features(iterate, penalty)
    if iterate.loss.quadratic:
        inside[iterate.gram.features] = True
    inside[always] = True
    if proposed is None:
        n_new = max(FIRST_SIZE, n_support)
        new = growth(iterate, penalty, scale, inside, n_new)
    else:
        new = proposed[~inside[proposed]]
    if not iterate.loss.quadratic:
        members = np.concatenate([always, new])
        if len(members) <= LARGEST_GRAM:
            return step_on_fresh_gram, members
        return step_on_data, members
    members = np.concatenate([always, new])
    size = len(iterate.gram) + len(iterate.gram.missing(members))
    if n_features <= min(n_samples, WHOLE) and (n_more > 0 or size > WHOLE_SHARE * n_features):
        return step_on_kept_gram, np.arange(n_features)
    if size <= LARGEST_GRAM:
        return step_on_kept_gram, members
    return step_on_data, members
