"""What the classifier and the regressor of sparse weights share."""

from collections.abc import Iterable
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sparsekit._parallel import run_blocks, single_blas_thread
from sparsekit._sklearn import (
    CallbackSupportMixin,
    Integral,
    Interval,
    Real,
    StrOptions,
    open_callback_context,
)
from sparsekit._validation import check_parameters, unchanged_on_error
from sparsekit._watch import Watch
from sparsekit.pruning._activations import ACTIVATIONS
from sparsekit.pruning._allocation import BY_SHAPE
from sparsekit.pruning._sparse_mlp._begin import begin_layers, random_streams
from sparsekit.pruning._sparse_mlp._fitting import fit_layers
from sparsekit.pruning._sparse_mlp._input import check_new_samples, check_samples
from sparsekit.pruning._sparse_mlp._layer import Layer
from sparsekit.pruning._sparse_mlp._passes import Passes
from sparsekit.pruning._sparse_mlp._rewire import GROWTH
from sparsekit.pruning._trainer._rates import RATES

# Rows of a block of a prediction, and those whose activations are in the cache together.
PREDICTED_ROWS, TILE_ROWS = 4096, 256
SHARE = Interval(Real, 0, 1, closed="left")

CONSTRAINTS: dict[str, list] = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "density": [Interval(Real, 0, 1, closed="right")],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "allocation": [StrOptions(set(BY_SHAPE))],
    "rewire": [StrOptions(set(GROWTH)), None],
    "rewire_fraction": [Interval(Real, 0, 1, closed="neither")],
    "rewire_interval": [Interval(Integral, 1, None, closed="left")],
    "rewire_until": [Interval(Real, 0, 1, closed="right")],
    "solver": [StrOptions({"adam", "sgd"})],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions(set(RATES))],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "momentum": [Interval(Real, 0, 1, closed="left")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "beta_1": [SHARE],
    "beta_2": [SHARE],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "max_time": [Interval(Real, 0, None, closed="neither"), None],
    "callback": [callable, None],
    "n_jobs": [Integral, None],
}


class SparseMLP(CallbackSupportMixin, BaseEstimator):
    """A multilayer perceptron whose weights are sparse from the first step to the last."""

    _numeric_targets = False

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, classes: Any = None, *, one_epoch: bool = False
    ) -> Self:
        """Fit to data, or go on for an epoch."""
        check_parameters(self)
        if one_epoch and self.early_stopping:
            raise ValueError(
                "partial_fit does not support early_stopping=True: it never stops. Hold out "
                "samples yourself, or use `fit`."
            )
        hook_arguments = {"X": X, "y": y}
        with unchanged_on_error(self):
            goes_on = one_epoch and hasattr(self, "coefs_")
            X, y, weights = check_samples(
                self, X, y, sample_weight, reset=not goes_on, numeric=self._numeric_targets
            )
            if not goes_on:
                self._forget()
                self._describe(y, classes, one_epoch)
            context = open_callback_context(self, max_subtasks=1 if one_epoch else self.max_iter)
            context.call_on_fit_task_begin(estimator=self, **hook_arguments)
            watch = Watch(self, context, hook_arguments)
            found = fit_layers(self, self._layers(X.shape[1]), X, y, weights, watch, one_epoch)
            vars(self).update(found)
            context.call_on_fit_task_end(
                estimator=self,
                reconstruction_attributes=self._reconstruction(self.coefs_),
                **hook_arguments,
            )
        return self

    def _forget(self) -> None:
        """Drop what an earlier fit found, but not what the check of X has set."""
        kept = "n_features_in_", "feature_names_in_"
        for name in [name for name in vars(self) if name.endswith("_") and name not in kept]:
            delattr(self, name)
        vars(self).pop("_training_state", None)

    def _layers(self, n_features: int) -> list[Layer]:
        """Return the layers of the fit so far, or new ones."""
        if hasattr(self, "coefs_"):
            return [Layer.of(W, b) for W, b in zip(self.coefs_, self.intercepts_, strict=True)]
        hidden = self.hidden_layer_sizes
        hidden = list(hidden) if isinstance(hidden, Iterable) else [hidden]
        if not all(isinstance(n, Integral) and n >= 1 for n in hidden):
            raise ValueError(
                "`hidden_layer_sizes` must be whole numbers from 1 on; got "
                f"{self.hidden_layer_sizes!r}."
            )
        units = [n_features, *hidden, self.n_outputs_]
        return begin_layers(self, units, random_streams(self.random_state, 0))

    def _outputs(self, X: Any, dtype: np.dtype) -> np.ndarray:
        """Return the outputs for checked rows, (n, outputs)."""
        layers = [Layer.view(W, b) for W, b in zip(self.coefs_, self.intercepts_, strict=True)]
        found = np.empty((X.shape[0], self.n_outputs_), dtype)
        # Once, before threads share the copies by outputs.
        Passes(layers, X, self.activation, 1, None)

        def answer(start, stop):
            size = min(TILE_ROWS, stop - start)
            passes = Passes(layers, X, self.activation, size, 1)
            passes.answer(self.out_activation_, start, stop, found)

        starts = range(0, len(found), PREDICTED_ROWS)
        blocks = [(start, min(start + PREDICTED_ROWS, len(found))) for start in starts]
        with single_blas_thread(), np.errstate(over="ignore"):
            run_blocks(answer, blocks, self.n_jobs)
        return found

    def _check_and_answer(self, X: Any) -> np.ndarray:
        """Return the outputs for new rows."""
        check_is_fitted(self)
        check_parameters(self)
        return self._outputs(*check_new_samples(self, X))

    def _reconstruction(self, coefs: list) -> dict[str, Any]:
        """Return the attributes of a model that had stopped here."""
        found = {name: value for name, value in vars(self).items() if name.endswith("_")}
        return found | {"coefs_": coefs}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
