"""Coordinate descent with late Newton steps, on a Gram matrix."""

import numpy as np

from sparsekit._parallel import check_cancelled
from sparsekit.matrix import GramColumns
from sparsekit.solvers._certificate import slack
from sparsekit.solvers._coordinate import descend
from sparsekit.solvers._gram import subtract_rows
from sparsekit.solvers._newton import RIDGES, newton_step

# Sweeps of a round: as many as cost about what the checks between rounds cost.
SWEEPS, MOST_SWEEPS, ROUND_WORK = 4, 20, 4e5
MAX_ROUNDS = 400
# Rounds after which Newton is tried although signs still change, and support size per round
# that a factorisation is worth.
PATIENCE = 15
SUPPORT_PER_ROUND = 160
# Share of active features above which no copy is worth it.
COMPACT_SHARE = 0.6
NO_WEIGHTS = np.empty(0)


def descend_on_gram(matrix, penalty, feature_weight, curvature, coef, gradient, test, negligible):
    """Minimise over all features of a Gram matrix; overwrites `coef` and `gradient`.

    Works on the features that are not zero or would move, in a compact copy of their Gram
    matrix, and on more of them as they begin to move. `matrix` may be larger than the number of
    features. ``test.stops(active)`` gives what ends the work on some features, and
    ``test.holds(coef, gradient, more)`` says whether the whole is done; `more` is whether other
    features begin to move. A sweep that gains no more than `negligible` ends it too.
    """
    size = len(coef)
    weight = None if (feature_weight == 1.0).all() else feature_weight
    rounds = MAX_ROUNDS
    while rounds > 0:
        active = np.flatnonzero((coef != 0) | (slack(penalty, weight, gradient) < 0))
        if len(active) == 0:
            return
        if len(active) > COMPACT_SHARE * size:
            active = np.arange(size)
            block = matrix
        else:
            block = matrix[np.ix_(active, active)]
        part, force = coef[active], gradient[active]
        rounds -= _descend_block(
            block, penalty, feature_weight[active], curvature[active], part, force,
            test.stops(active), negligible, rounds,
        )  # fmt: skip
        change = part - coef[active]
        if len(active) == size:
            gradient[:] = force
        else:
            subtract_rows(matrix, active, change, gradient)
        coef[active] = part
        moving = slack(penalty, weight, gradient) < 0
        moving[active] = False
        if not change.any() or test.holds(coef, gradient, moving.any()):
            return


def _descend_block(
    matrix, penalty, feature_weight, curvature, coef, gradient, done, negligible, max_rounds
):
    """Minimise over all features of `matrix` by sweeps and late Newton steps.

    ``done(coef, gradient, gain, exact)`` says when to stop; `gain` is what the last sweep brought
    or, if `exact`, a Newton step on the support. Returns the number of rounds made.
    """
    size = len(coef)
    columns, features = GramColumns(matrix), np.arange(size)
    smooth = hasattr(penalty, "slope")
    signs, since_newton, failures = np.sign(coef), 0, 0
    for n_rounds in range(1, max_rounds + 1):
        check_cancelled()
        n_support = max(int(np.count_nonzero(coef)), 1)
        n_sweeps = int(np.clip(ROUND_WORK / (size * (n_support + 4.0)), SWEEPS, MOST_SWEEPS))
        gain = descend(
            columns, penalty, feature_weight, curvature, coef, gradient, NO_WEIGHTS,
            features, features, n_sweeps, 0.0,
        )  # fmt: skip
        if gain <= negligible or done(coef, gradient, gain, False):
            return n_rounds
        before, signs = signs, np.sign(coef)
        since_newton += 1
        settled = np.array_equal(before, signs)
        worth = since_newton >= (1 + n_support / SUPPORT_PER_ROUND) * 2**failures
        if smooth and worth and (settled or since_newton >= PATIENCE * 2**failures):
            since_newton = 0
            ridge = RIDGES[min(failures, len(RIDGES) - 1)]
            gain = _newton(matrix, penalty, feature_weight, coef, gradient, ridge)
            if gain > 0.0:
                signs = np.sign(coef)
                if done(coef, gradient, gain, True):
                    return n_rounds
            else:
                failures += 1
    return max_rounds


def _newton(matrix, penalty, feature_weight, coef, gradient, ridge):
    """Make a Newton step on the support if the objective falls; return by how much it fell."""
    found = newton_step(matrix, penalty, feature_weight, coef, gradient, ridge)
    if found is None:
        return 0.0
    support, new = found
    old, weight = coef[support], feature_weight[support]
    trial = gradient.copy()
    subtract_rows(matrix, support, new - old, trial)
    gain = 0.5 * (gradient[support] + trial[support]) @ (new - old)
    gain -= weight @ (penalty.value(new) - penalty.value(old))
    if not gain > 0.0:
        return 0.0
    coef[support] = new
    gradient[:] = trial
    return gain
