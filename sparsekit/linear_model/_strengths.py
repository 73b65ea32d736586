"""Where a path of penalty strengths begins, and the grid from there down."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from sparsekit._sklearn import Integral
from sparsekit._validation import check_alphas
from sparsekit.solvers import FoldProducts, Problem, alpha_grid, alpha_max


def critical_alpha(problems: Sequence[Problem], products: FoldProducts | None = None) -> float:
    """Return the smallest strength at which the coefficients of all outputs are zero."""
    return max(0.0 if _is_constant(p) else alpha_max(p, products) for p in problems)


def strength_grid(
    problems: Sequence[Problem],
    alphas: int | ArrayLike,
    eps: float,
    products: FoldProducts | None = None,
) -> np.ndarray:
    """Return the strengths to try, falling.

    Raises
    ------
    ValueError
        If the strengths are to be found, but no strength makes all coefficients zero.
    """
    if not isinstance(alphas, Integral):
        return np.unique(check_alphas(alphas))[::-1]
    top = critical_alpha(problems, products)
    if np.isinf(top):
        raise ValueError(
            "Without an L1 part no strength makes all coefficients zero, so there is no grid to "
            "start from. Pass `alphas` as an array, or a larger `l1_ratio`."
        )
    # Where the target is constant any grid will do: every coefficient is zero.
    return alpha_grid(top if top > 0 else 1.0, alphas, eps)


def _is_constant(problem: Problem) -> bool:
    """Return whether the intercept alone fits the target, so that gradients are rounding errors."""
    if not (problem.fit_intercept and problem.loss.quadratic):
        return False
    weight = problem.sample_weight
    return np.ptp(problem.y if weight is None else problem.y[weight > 0]) == 0
