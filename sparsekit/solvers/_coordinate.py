"""Coordinate descent: one kernel for every view of the matrix and every penalty."""

import numpy as np

from sparsekit._compile import kernel
from sparsekit._parallel import check_cancelled

# Elementary steps of one kernel call: some 50 ms, so that Ctrl-C is honoured.
CALL_WORK = 3e7
# Sweeps between two extrapolations, and points an extrapolation combines.
MEMORY = 5


@kernel
def descend(
    columns, penalty, feature_weight, curvature, coef, residual, h,
    features, places, n_sweeps, enough,
):  # fmt: skip
    """Minimise over each coefficient in turn; overwrites `coef` and `residual`.

    Coefficient ``features[k]`` belongs to column ``places[k]`` of `columns`. Stops after
    `n_sweeps`, or after a sweep that gains no more than `enough`; returns the last sweep's gain.
    """
    gain = 0.0
    for _ in range(n_sweeps):
        gain = 0.0
        for k in range(features.shape[0]):
            j = features[k]
            c = curvature[j]
            if c > 0.0:
                old = coef[j]
                v = old + columns.column_dot(places[k], residual) / c
                new = penalty.prox(v, feature_weight[j] / c)
                step = new - old
                if step != 0.0:
                    columns.column_axpy(places[k], step, h, residual)
                    coef[j] = new
                    gain += 0.5 * c * step * step
        if gain <= enough:
            break
    return gain


def sweep(columns, penalty, feature_weight, curvature, coef, residual, h, features, places, work):
    """Make one sweep in calls of bounded length; return its gain. `work` is the cost of a sweep."""
    n_calls = int(max(np.ceil(work / CALL_WORK), 1))
    gain = 0.0
    for k in range(n_calls):
        check_cancelled()
        part = slice(len(features) * k // n_calls, len(features) * (k + 1) // n_calls)
        gain += descend(
            columns, penalty, feature_weight, curvature, coef, residual, h,
            features[part], places[part], 1, 0.0,
        )  # fmt: skip
    return gain


def extrapolate(points):
    """Return the combination of successive points whose fixed-point residual is smallest.

    References
    ----------
    Bertrand, Massias (2021), "Anderson acceleration of coordinate descent".
    """
    steps = np.diff(points, axis=0)
    system = steps @ steps.T
    system.flat[:: len(system) + 1] += 1e-12 * np.trace(system)
    try:
        weights = np.linalg.solve(system, np.ones(len(system)))
    except np.linalg.LinAlgError:
        return points[-1]
    total = weights.sum()
    if not np.isfinite(total) or total == 0:
        return points[-1]
    return (weights / total) @ points[1:]
