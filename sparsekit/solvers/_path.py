"""One problem, and the path of problems from strong to weak penalties."""

import numpy as np

from sparsekit.solvers._certificate import slack
from sparsekit.solvers._iterate import Iterate
from sparsekit.solvers._minimize import Options, minimize

# A strength at which only unpenalised coefficients move, whatever the data.
FORBIDDING = 1e150


def solve(problem, start=None, *, tol=1e-4, max_iter=1000, callback=None):
    """Solve one problem.

    Parameters
    ----------
    problem : Problem
        What to minimise.
    start : Start, default=None
        Where to begin; zero coefficients by default.
    tol : float, default=1e-4
        The duality gap to reach, as a share of the objective at zero coefficients.
    max_iter : int, default=1000
        Most outer iterations.
    callback : callable, default=None
        ``callback(iteration, objective, gap)`` before each outer iteration; a true answer stops.

    Returns
    -------
    solution : Solution
        With its duality gap and status; nothing is raised or warned where it did not converge.
    """
    iterate = Iterate(problem)
    if start is not None:
        iterate.start_at(start)
    return minimize(iterate, problem.penalty, Options(tol, max_iter, callback))


def alpha_max(problem, products=None):
    """Return the smallest strength at which every penalised coefficient is zero.

    Parameters
    ----------
    problem : Problem
        Its penalty's strength does not matter. Features of weight zero are fitted first.
    products : FoldProducts, default=None
        Products of the same data, used instead of the data where they are as exact.

    Returns
    -------
    alpha : float
        Infinite where no strength gives zeros.
    """
    iterate = Iterate(problem) if products is None else products.iterate_of_all(problem)
    weight = iterate.feature_weight
    if weight is not None and (weight == 0).any():
        minimize(iterate, problem.penalty.with_alpha(FORBIDDING), Options(tol=1e-12))
    held = np.ones(len(iterate.coef), dtype=bool) if weight is None else weight > 0
    v = iterate.gradient[held] / (1.0 if weight is None else weight[held])
    return float(np.max(problem.penalty.critical_alpha(v), initial=0.0))


def alpha_grid(alpha_max, n_alphas=100, eps=1e-3):
    """Return penalty strengths from `alpha_max` downward, evenly spaced in logarithm.

    Parameters
    ----------
    alpha_max : float
        Smallest strength at which every coefficient is zero; positive.
    n_alphas : int, default=100
        Length of the grid; at least 1.
    eps : float, default=1e-3
        Last strength divided by the first; in (0, 1).

    Returns
    -------
    alphas : ndarray of shape (n_alphas,)
        Decreasing.

    References
    ----------
    Friedman, Hastie, Tibshirani (2010), "Regularization paths for generalized linear models via
    coordinate descent", section 2.5.
    """
    return np.geomspace(alpha_max, eps * alpha_max, n_alphas)


def solve_path(
    problem, alphas, start=None, *, tol=1e-4, max_iter=1000, callback=None, products=None
):
    """Yield the Solution at each strength of `alphas`, which falls; each starts at the last.

    Parameters
    ----------
    problem : Problem
        Its penalty is taken at every strength in turn.
    alphas : sequence of float
        Falling strengths.
    start : Start, default=None
        Where the first begins; zero by default.
    tol, max_iter, callback : float, int, callable
        As for `solve`.
    products : FoldProducts, default=None
        Products of the same data, used instead of the data where they are as exact.

    Yields
    ------
    solution : Solution
        One per strength.
    """
    options = {"tol": tol, "max_iter": max_iter, "callback": callback}
    if products is not None and start is None and not problem.design.sparse:
        yield from products.solve_all(problem, alphas, **options)
        return
    iterate = Iterate(problem)
    if start is not None:
        iterate.start_at(start)
    yield from walk(iterate, problem.penalty, alphas, **options)


def walk(iterate, penalty, alphas, *, tol=1e-4, max_iter=1000, callback=None):
    """Yield the Solution at each strength, moving `iterate` from one to the next.

    The sequential strong rule proposes what to add before each strength; the outer loop's
    certificate looks at all features and mends what the rule missed.

    References
    ----------
    Tibshirani et al. (2012), "Strong rules for discarding predictors in lasso-type problems".
    """
    options = Options(tol, max_iter, callback)
    previous = None
    for k, alpha in enumerate(alphas):
        proposed = None if previous is None else _strong_features(iterate, penalty, alpha, previous)
        follows, previous = previous is not None, alpha
        now = penalty.with_alpha(alpha)
        yield minimize(iterate, now, options, len(alphas) - 1 - k, proposed, follows)


def _strong_features(iterate, penalty, alpha, previous):
    if iterate.gram.whole:
        return None
    strong = penalty.with_alpha(max(2.0 * alpha - previous, 0.0))
    held = slack(strong, iterate.feature_weight, iterate.gradient)
    return np.flatnonzero((held < 0) & (iterate.curvature > 0))
