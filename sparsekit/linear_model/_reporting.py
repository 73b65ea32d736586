"""What a fit says while it runs and when it ends: progress, callbacks and warnings that teach."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sparsekit._sklearn import HAS_CALLBACKS, NullCallbackContext
from sparsekit.linear_model._strengths import critical_alpha
from sparsekit.solvers import Problem, Solution, Status

# Frames between a warning and the user's call of `fit`; scikit-learn's callback wrapper is one.
STACK_LEVEL = 5 + HAS_CALLBACKS

ADVICE = {
    Status.MAX_ITER: "Increase `max_iter`, increase `alpha`, or scale the features.",
    Status.STAGNATED: "Rounding errors allow no smaller gap: increase `tol`, or scale features.",
}


class AllZeroWarning(UserWarning):
    """Every coefficient of a fit is zero, because the penalty is too strong for the data.

    Silence it with ``warnings.simplefilter("ignore", AllZeroWarning)``.
    """


def iteration_listener(
    estimator: Any, context: Any, hook_arguments: dict[str, Any]
) -> Callable[[int, float, float], bool] | None:
    """Return what a solver calls after each outer iteration, or None where nobody listens."""
    if isinstance(context, NullCallbackContext) and not estimator.verbose:
        return None

    def listen(iteration: int, objective: float, gap: float) -> bool:
        if estimator.verbose:
            print(
                f"[{type(estimator).__name__}] iteration {iteration}: "
                f"objective {objective:.6g}, duality gap {gap:.1e}"
            )
        task = context.subcontext(task_name="iteration")
        task.call_on_fit_task_begin(estimator=estimator, **hook_arguments)
        return task.call_on_fit_task_end(estimator=estimator, **hook_arguments)

    return listen


def is_one_of_many(context: Any) -> bool:
    """Return whether a search runs this fit as one of several, in any order."""
    while context is not None:
        if getattr(context, "sequential_subtasks", True) is False:
            return True
        context = getattr(context, "parent", None)
    return False


def warn_unconverged(
    estimator: Any, solutions: Sequence[Solution], stacklevel: int = STACK_LEVEL
) -> bool:
    """Warn, with the figures, of the solution that missed its tolerance by most; say if any did."""
    missed = [solution for solution in solutions if solution.status in ADVICE]
    if not missed:
        return False
    worst = max(missed, key=_excess)
    subject = type(estimator).__name__
    if len(solutions) > 1:
        subject += f" missed its tolerance in {len(missed)} of {len(solutions)} fits; the worst"
    warnings.warn(
        f"{subject} stopped after {worst.n_iter} iterations with a duality gap of {worst.gap:.1e}, "
        f"but tol={estimator.tol:g} asks for {estimator.tol * worst.null_objective:.1e}. "
        + ADVICE[worst.status],
        ConvergenceWarning,
        stacklevel=stacklevel,
    )
    return True


def warn_all_zero(solutions: Sequence[Solution], problems: Sequence[Problem], alpha: float) -> None:
    """Warn if the penalty left no coefficient, and say from which strength on there is one."""
    if any(s.status is not Status.CONVERGED or s.coef.any() for s in solutions):
        return
    critical = critical_alpha(problems)
    # `alpha` itself is left out, so that a search shows equal warnings once.
    if 0.0 < critical < np.inf:
        advice = "Choose `alpha` below it."
        if alpha < critical:
            advice = (
                "Zero is within `tol` of the optimum: lower `tol`, or choose a smaller `alpha`."
            )
        warnings.warn(
            f"all coefficients are zero; alpha_max is {critical:.4g}. {advice}",
            AllZeroWarning,
            stacklevel=STACK_LEVEL,
        )


def warn_none_chosen(estimator: Any, fitted: dict[str, Any], problems: Sequence[Problem]) -> None:
    """Warn if cross-validation chose a strength that leaves no coefficient of a varying target."""
    if np.any(fitted["coef_"]) or critical_alpha(problems) == 0:
        return
    warnings.warn(
        f"all coefficients are zero at alpha={fitted['alpha_']:.4g}, which "
        f"{type(estimator).__name__} chose: on held-out samples no weaker penalty of the path did "
        "better by its rule.",
        AllZeroWarning,
        stacklevel=STACK_LEVEL,
    )


def without_coef(solution: Solution) -> Solution:
    """Return what a report needs of a solution, without its longest array."""
    return replace(solution, coef=np.empty(0))


def _excess(solution: Solution) -> float:
    """Return the gap relative to the objective at zero coefficients."""
    return solution.gap / max(solution.null_objective, np.finfo(float).tiny)
