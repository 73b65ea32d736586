"""What a running fit tells those who listen, and when it is told to stop."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from sparsekit._sklearn import NullCallbackContext


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
        # Iterations of earlier loops of the same fit, which numbers count on from.
        self.before = 0
        self.task: Any = NullCallbackContext()
        # From components to the attributes of a model that had stopped there; only scikit-learn's
        # callbacks ask for it.
        self.reconstruction: Callable[[np.ndarray], dict[str, Any]] | None = getattr(
            estimator, "_reconstruction", None
        )

    def begin(self) -> None:
        """Say that an iteration begins."""
        self.task = self.context.subcontext(task_name="iteration")
        self.task.call_on_fit_task_begin(estimator=self.estimator, **self.hook_arguments)

    def end(self, components: Callable[[], np.ndarray]) -> bool:
        """Say that an iteration ended; return whether a listener asks to stop."""
        told = dict(self.hook_arguments)
        if not isinstance(self.task, NullCallbackContext):
            told["reconstruction_attributes"] = lambda: self.reconstruction(components())
        return bool(self.task.call_on_fit_task_end(estimator=self.estimator, **told))

    def say(self, what: str, number: int, objective: float, more: str = "") -> None:
        """Print the objective."""
        name = type(self.estimator).__name__
        print(f"[{name}] {what} {self.before + number}: objective {objective:.6g}{more}")

    def wants_to_stop(
        self, number: int, objective: float, components: Callable[[], np.ndarray], **more: Any
    ) -> bool:
        """Call `callback`; return whether it or the clock says stop.

        `components` returns a copy of what is found so far; it is asked only if somebody listens.
        """
        elapsed = time.perf_counter() - self.start
        asked = False
        if self.estimator.callback is not None:
            state = {
                "estimator": self.estimator,
                "n_iter": self.before + number,
                "objective": objective,
                "components": components(),
                "elapsed": elapsed,
            }
            asked = bool(self.estimator.callback(state | more))
        limit = self.estimator.max_time
        return asked or (limit is not None and elapsed >= limit)
