"""Transform a fold once, however many estimators of a path are scored on it."""

from copy import copy
from time import perf_counter
from typing import Any

from sklearn.pipeline import Pipeline

from sparsekit.model_selection._candidates import with_steps


class FoldMemory:
    """What the fitted steps made of the data of one fold, and the seconds they took.

    Only the very objects given at the start, and what steps made of them, are recognised: data
    that a scorer cuts or alters itself is transformed afresh.
    """

    def __init__(self, *folds: Any):
        self._known = {id(X): X for X in folds}
        self._made: dict[tuple[int, int], Any] = {}
        self.seconds = 0.0

    def watch(self, estimator: Any) -> Any:
        """Return a pipeline of the same fitted steps that remembers what it made of the folds."""
        if not isinstance(estimator, Pipeline):
            return estimator
        *before, (name, last) = estimator.steps
        steps = [(step_name, self._watch_step(step)) for step_name, step in before]
        return with_steps(estimator, [*steps, (name, self.watch(last))])

    def _watch_step(self, step: Any) -> Any:
        if not hasattr(step, "transform"):
            return step
        try:
            twin = copy(step)
            twin.transform = _RememberedTransform(self, twin.transform)
        except (AttributeError, TypeError):
            # Not every object can be copied or carry an attribute; such a step works each time.
            return step
        return twin

    def recall(self, transform: Any, X: Any) -> Any:
        """Return what a step makes of `X`, from memory where it can."""
        if self._known.get(id(X)) is not X:
            return transform(X)
        key = (id(transform), id(X))
        if key not in self._made:
            start = perf_counter()
            made = transform(X)
            self.seconds += perf_counter() - start
            self._made[key] = made
            self._known[id(made)] = made
        return self._made[key]


class _RememberedTransform:
    """A step's `transform`, asked of the memory first."""

    def __init__(self, memory: FoldMemory, transform: Any):
        self._memory = memory
        self._transform = transform

    def __call__(self, X: Any, *args: Any, **params: Any) -> Any:
        # Routed metadata may differ from call to call, so such calls are never remembered.
        if args or params:
            return self._transform(X, *args, **params)
        return self._memory.recall(self._transform, X)
