"""From samples to the attributes of a fitted estimator."""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sparsekit._watch import Watch
from sparsekit.pruning._sparse_mlp._begin import random_streams
from sparsekit.pruning._sparse_mlp._layer import Layer
from sparsekit.pruning._sparse_mlp._rewire import GROWTH, Rewiring
from sparsekit.pruning._sparse_mlp._train import Samples, Trained, Training
from sparsekit.pruning._sparse_mlp._update import SOLVERS
from sparsekit.pruning._trainer._options import options_of
from sparsekit.pruning._trainer._progress import hold_out
from sparsekit.pruning._trainer._targets import encode_targets

# What nothing went before.
BEGINNING = {"n_steps": 0, "n_epochs": 0, "n_seen": 0}


def fit_layers(
    estimator: Any,
    layers: list[Layer],
    X: Any,
    y: Any,
    weights: np.ndarray | None,
    watch: Watch,
    one_epoch: bool,
) -> dict[str, Any]:
    """Train layers; return the attributes of the fit.

    After an epoch on its own, attributes hold what the next one goes on from.
    """
    state = getattr(estimator, "_training_state", BEGINNING)
    n_epochs = state["n_epochs"]
    options = options_of(estimator)
    Y, loss = encode_targets(estimator, y)
    samples, held = Samples(X, Y, weights), None
    seeds = random_streams(estimator.random_state, n_epochs)
    if options.early_stopping:
        seed = int(seeds["held"].generate_state(1)[0])
        kept, held = hold_out(Y, loss, options.validation_fraction, seed)
        samples, held = samples[kept], samples[held]
    _begin(layers, state, SOLVERS[options.solver].n_moments)
    training = Training(
        layers=layers,
        samples=samples,
        held=held,
        loss=loss,
        activation=estimator.activation,
        options=options,
        rewiring=_rewiring(estimator, samples, seeds),
        generator=np.random.default_rng(seeds["order"]),
        step=state["n_steps"],
        n_seen=state["n_seen"],
        n_jobs=estimator.n_jobs,
    )
    trained = training.run(watch, 1 if one_epoch else options.epochs)
    found = _attributes(layers, trained)
    if one_epoch:
        return (
            found
            | _epochs_so_far(estimator, trained)
            | {"_training_state": _state(layers, trained, n_epochs + 1)}
        )
    if not trained.ended:
        _warn(estimator, trained)
    return found


def _epochs_so_far(estimator: Any, trained: Trained) -> dict[str, Any]:
    """Return what is stored of an epoch and of those before it."""
    losses = [*getattr(estimator, "loss_curve_", []), *trained.loss_curve]
    return {"loss_curve_": losses, "best_loss_": min(losses), "n_iter_": len(losses)}


def _begin(layers: list[Layer], state: dict, n_moments: int) -> None:
    """Give layers the moments of earlier epochs, or zeros."""
    for k, layer in enumerate(layers):
        layer.begin(n_moments)
        if "moments" in state and len(state["moments"][k]) == n_moments:
            layer.moments = tuple(m.copy() for m in state["moments"][k])
            layer.bias_moments = tuple(m.copy() for m in state["bias_moments"][k])
            layer.ticks = state["ticks"][k].copy()


def _state(layers: list[Layer], trained: Trained, n_epochs: int) -> dict[str, Any]:
    """Return what the next epoch goes on from."""
    return {
        "n_steps": trained.n_steps,
        "n_epochs": n_epochs,
        "n_seen": trained.n_seen,
        "moments": [list(layer.moments) for layer in layers],
        "bias_moments": [list(layer.bias_moments) for layer in layers],
        "ticks": [layer.ticks for layer in layers],
    }


def _rewiring(estimator: Any, samples: Samples, seeds: dict) -> Rewiring | None:
    """Return what rewires the layers, for as many epochs as there may be."""
    if estimator.rewire is None:
        return None
    n = len(samples.Y)
    n_steps = estimator.max_iter * -(-n // options_of(estimator).batch_rows(n))
    return Rewiring(
        GROWTH[estimator.rewire],
        float(estimator.rewire_fraction),
        int(estimator.rewire_interval),
        float(estimator.rewire_until) * n_steps,
        np.random.default_rng(seeds["growth"]),
    )


def _attributes(layers: list[Layer], trained: Trained) -> dict[str, Any]:
    """Return what a fit stores."""
    n_weights = sum(layer.support.n_weights for layer in layers)
    n_places = sum(layer.shape[0] * layer.shape[1] for layer in layers)
    scores = trained.validation_scores
    return {
        "coefs_": [layer.matrix() for layer in layers],
        "intercepts_": [layer.biases for layer in layers],
        "sparsity_": 1 - n_weights / n_places,
        "n_layers_": len(layers) + 1,
        "n_iter_": trained.n_epochs,
        "t_": trained.n_seen,
        "loss_": trained.loss_curve[-1],
        "best_loss_": min(trained.loss_curve) if scores is None else None,
        "loss_curve_": trained.loss_curve,
        "validation_scores_": scores,
        "best_validation_score_": None if scores is None else max(scores),
    }


def _warn(estimator: Any, trained: Trained) -> None:
    """Warn of a fit that was still improving, with its figures."""
    warnings.warn(
        f"{type(estimator).__name__} stopped after {trained.n_epochs} epochs at a loss of "
        f"{trained.loss_curve[-1]:.3g}, still improving (tol={estimator.tol!r}). Increase "
        f"`max_iter` ({estimator.max_iter!r}), `tol` or `learning_rate_init`.",
        ConvergenceWarning,
        stacklevel=5,
    )
