"""Newton's step on the support of a quadratic model, with an exact search along it.

On the support, as long as no sign changes, a separable penalty with smooth pieces leaves a
linear system. The step to its solution may cross zeros; the objective along the step is then
piecewise quadratic, and its minimum is found by walking the crossings in order.
"""

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

# Largest system solved in one call: about 0.1 s, so that Ctrl-C is honoured.
MAX_SUPPORT = 2500
# Shares of the largest curvature added to all, tried in turn: rounding alone, then enough that
# equal columns leave a solvable system.
RIDGES = 1e-15, 1e-12, 1e-9


def newton_step(matrix, penalty, feature_weight, coef, gradient, ridge):
    """Return the support and the new coefficients on it, or None where no step can be made.

    `matrix` is the Gram matrix, `gradient` the smooth part's negative gradient, and `ridge` a share
    of the largest curvature added to all.
    """
    support = np.flatnonzero(coef)
    if not 0 < len(support) <= MAX_SUPPORT:
        return None
    weight, w = feature_weight[support], coef[support]
    system = matrix[np.ix_(support, support)]
    diagonal = system.reshape(-1)[:: len(support) + 1]
    diagonal += weight * penalty.bend(w) + ridge * diagonal.max()
    force = gradient[support] - weight * penalty.slope(w)
    try:
        step = cho_solve(cho_factor(system, check_finite=False), force, check_finite=False)
    except LinAlgError:
        return None
    if not np.isfinite(step).all():
        return None
    steepness = float(force @ step)
    if not steepness > 0:
        return None
    return support, _search(w, step, steepness, _kinks(penalty, weight))


def _kinks(penalty, weight):
    """Return the jump of each derivative at zero; a wall stays a wall at weight zero."""
    if np.isinf(penalty.kink):
        return np.full_like(weight, np.inf)
    return weight * penalty.kink


def _search(w, step, steepness, kink):
    """Return the minimiser of the piecewise quadratic from `w` along `step`.

    Along the Newton step the derivative is ``steepness * (t - 1)`` until the first crossing; each
    crossing adds ``kink * |step|``.
    """
    crosses = np.flatnonzero(w * step < 0)
    times = -w[crosses] / step[crosses]
    order = np.argsort(times)
    order = order[times[order] < 1.0]
    crossed, times = crosses[order], times[order]
    jumps = kink[crossed] * abs(step[crossed])
    gathered = np.cumsum(jumps)
    rising = np.flatnonzero(steepness * (times - 1.0) + gathered >= 0)
    if len(rising) == 0:
        return w + (1.0 - jumps.sum() / steepness) * step
    first = rising[0]
    already = gathered[first - 1] if first > 0 else 0.0
    if steepness * (times[first] - 1.0) + already > 0:
        return w + (1.0 - already / steepness) * step
    new = w + times[first] * step
    new[crossed[first]] = 0.0
    return new
