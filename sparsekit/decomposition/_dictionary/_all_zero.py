"""What a running dictionary fit tells, and when it is told to stop."""

import time
import warnings
from typing import Any

import numpy as np
from scipy import sparse

from sparsekit._sklearn import HAS_CALLBACKS, NullCallbackContext
from sparsekit.linear_model import AllZeroWarning

# Frames between a warning and the user's call of `fit`; scikit-learn's callback wrapper is one.
STACK_LEVEL = 5 + HAS_CALLBACKS
BLOCK_ROWS = 2048


class Watch:
    """`verbose`, `callback`, `max_time` and scikit-learn's callbacks, for one fit.

    Parameters
    ----------
    estimator : estimator
        With these parameters; `_reconstruction` says what a fit that stopped now would store.
    context : object
        The root of scikit-learn's callbacks.
    hook_arguments : dict
        What every hook is told.
    """

    def __init__(self, estimator: Any, context: Any, hook_arguments: dict[str, Any]):
        self.estimator, self.context, self.hook_arguments = estimator, context, hook_arguments
        self.start = time.perf_counter()
        self.task: Any = NullCallbackContext()

    def begin(self) -> None:
        """Say that an iteration begins."""
        self.task = self.context.subcontext(task_name="iteration")
        self.task.call_on_fit_task_begin(estimator=self.estimator, **self.hook_arguments)

    def end(self, dictionary: np.ndarray) -> bool:
        """Say that an iteration ended; return whether a listener asks to stop."""
        told = dict(self.hook_arguments)
        if not isinstance(self.task, NullCallbackContext):
            told["reconstruction_attributes"] = self.estimator._reconstruction(dictionary)
        return bool(self.task.call_on_fit_task_end(estimator=self.estimator, **told))

    def say(self, what: str, number: int, objective: float) -> None:
        """Print the objective."""
        print(f"[{type(self.estimator).__name__}] {what} {number}: objective {objective:.6g}")

    def wants_to_stop(self, number: int, objective: float, dictionary: np.ndarray) -> bool:
        """Call `callback`; return whether it or the clock says stop."""
        elapsed = time.perf_counter() - self.start
        asked = False
        if self.estimator.callback is not None:
            state = {
                "estimator": self.estimator,
                "n_iter": number,
                "objective": objective,
                "components": dictionary.copy(),
                "elapsed": elapsed,
            }
            asked = bool(self.estimator.callback(state))
        limit = self.estimator.max_time
        return asked or (limit is not None and elapsed >= limit)


def warn_all_zero(X: np.ndarray | sparse.csr_array, dictionary: np.ndarray, positive: bool) -> None:
    """Warn that no signal has a code, and say below which `alpha` one has."""
    if not (X.data if sparse.issparse(X) else X).any():
        return
    critical = 0.0
    for start in range(0, X.shape[0], BLOCK_ROWS):
        products = X[start : start + BLOCK_ROWS] @ dictionary.T
        critical = max(critical, float((products if positive else np.abs(products)).max()))
    advice = f"with these atoms alpha_max is {critical:.4g}. Choose `alpha` below it."
    if critical == 0:
        advice = "no signal has a positive product with an atom, so no `alpha` leaves any."
    warnings.warn(f"all codes are zero; {advice}", AllZeroWarning, stacklevel=STACK_LEVEL)
