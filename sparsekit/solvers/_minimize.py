"""The one outer loop: certify on all features, grow the working set, minimise over it, repeat."""

from dataclasses import dataclass

import numpy as np

from sparsekit._parallel import single_blas_thread
from sparsekit.solvers._choose import choose_step
from sparsekit.solvers._problem import Solution, Status

STALLED_ITERATIONS = 4
# Share of the tolerance within which a path may leave a point where the last one left it.
PATH_SHARE = 1e-3


@dataclass(frozen=True)
class Options:
    """When to stop.

    Parameters
    ----------
    tol : float, default=1e-4
        The gap to reach, as a share of the objective at zero coefficients.
    max_iter : int, default=1000
        Most outer iterations.
    callback : callable, default=None
        ``callback(iteration, objective, gap)``; a true answer stops.
    """

    tol: float = 1e-4
    max_iter: int = 1000
    callback: object = None


@single_blas_thread()
def minimize(iterate, penalty, options, n_more=0, proposed=None, follows=False):
    """Move `iterate` to the minimum under `penalty` and return it as a Solution.

    `n_more` is the number of problems on the same matrix that are to follow; `proposed` are
    features that the first step takes in whatever their distance. `follows` says that the iterate
    comes from the point before on a path: it then makes a step unless it stands very well.
    """
    iterate.bound = -np.inf
    goal = max(options.tol * iterate.null_objective, iterate.rounding)
    best, stalled = np.inf, 0
    for n_iter in range(1, options.max_iter + 1):
        found = iterate.certify(penalty)
        gap = max(found.objective - iterate.bound, 0.0)
        # A path whose next point starts within the tolerance must not stand still there.
        eager = follows and n_iter == 1 < options.max_iter
        near = gap <= (PATH_SHARE * goal if eager else goal)
        status = _status(near, stalled, n_iter, found.objective, gap, options)
        if status is not None:
            return _solution(iterate, n_iter, found.objective, gap, status)
        # Rounding alone may still move the objective by a few units in its last place.
        fell = best - found.objective > 4 * np.finfo(float).eps * iterate.null_objective
        stalled = 0 if fell else stalled + 1
        best = min(best, found.objective)
        step, members = choose_step(iterate, penalty, found.scale, n_more, proposed)
        proposed = None
        if len(members) == 0:
            return _solution(iterate, n_iter, found.objective, gap, Status.STAGNATED)
        step(iterate, penalty, members, max(0.3 * goal, 0.03 * gap) if stalled == 0 else 0.0)
    raise AssertionError("the loop returns")


def _status(near, stalled, n_iter, objective, gap, options):
    if not np.isfinite(objective):
        return Status.STAGNATED
    if near:
        return Status.CONVERGED
    if stalled >= STALLED_ITERATIONS:
        return Status.STAGNATED
    if options.callback is not None and options.callback(n_iter, objective, gap):
        return Status.STOPPED
    if n_iter == options.max_iter:
        return Status.MAX_ITER
    return None


def _solution(iterate, n_iter, objective, gap, status):
    return Solution(
        coef=iterate.coef.copy(),
        intercept=iterate.intercept,
        n_iter=n_iter,
        objective=objective,
        null_objective=iterate.null_objective,
        gap=gap,
        status=status,
    )
