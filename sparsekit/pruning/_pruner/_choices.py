"""What a pruner's parameters ask for, checked before anything is computed."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.frozen import FrozenEstimator

from sparsekit._parallel import effective_n_jobs
from sparsekit._sklearn import Integral, Real
from sparsekit.pruning._criteria import CRITERIA, Random
from sparsekit.pruning._granularity import Blocks, Neurons, NofM, Weights
from sparsekit.pruning._network import is_network
from sparsekit.pruning._schedules import SCHEDULES, check_steps

GRANULARITIES = {"n:m": NofM(), "neuron": Neurons(), "weight": Weights()}


class Choices(NamedTuple):
    """Objects in place of names, and the shares to remove by layer, if they are given."""

    criterion: Any
    granularity: Any
    schedule: Any
    shares: list[float] | None


def inner_network(estimator: Any) -> Any:
    """Return the network that a pruner was given, out of its `FrozenEstimator` if it is in one."""
    inner = estimator.estimator if isinstance(estimator, FrozenEstimator) else estimator
    if not is_network(inner):
        raise TypeError(
            "`estimator` must be an MLPClassifier or MLPRegressor of scikit-learn, or one of them "
            f"in a FrozenEstimator; got {inner!r}. Put "
            "other steps into a Pipeline around the pruner."
        )
    return inner


def read_choices(pruner: Any, seed: int) -> Choices:
    """Return what a pruner is to do; raises where parameters do not go together."""
    effective_n_jobs(pruner.n_jobs)
    n_layers = len(np.atleast_1d(inner_network(pruner.estimator).hidden_layer_sizes)) + 1
    granularity = pruner.granularity
    if isinstance(granularity, str):
        known = GRANULARITIES | (
            {"block": Blocks(pruner.block_shape)} if granularity == "block" else {}
        )
        granularity = known[granularity]
    criterion, schedule = pruner.criterion, pruner.schedule
    if isinstance(criterion, str):
        criterion = Random(seed) if criterion == "random" else CRITERIA[criterion]
    if isinstance(schedule, str):
        schedule = SCHEDULES[schedule]
    for name, part in zip(
        ("criterion", "granularity", "schedule"), (criterion, granularity, schedule)
    ):
        if isinstance(part, type):
            raise TypeError(f"`{name}` must be an object; got the class {part.__name__}. Call it.")
    check_steps(schedule, 0.9 if isinstance(pruner.sparsity, str | dict) else pruner.sparsity)
    shares = None
    if isinstance(pruner.sparsity, dict):
        shares = shares_by_layer(pruner.sparsity, n_layers)
    choices = Choices(criterion, granularity, schedule, shares)
    _check_training(pruner, choices)
    _check_shares(pruner, granularity, n_layers)
    return choices


def _check_training(pruner: Any, choices: Choices) -> None:
    """Refuse what needs epochs where there are none, and units that cannot change in training."""
    gradual = getattr(choices.schedule, "in_training", False)
    needs = {
        f"schedule={pruner.schedule!r}": gradual,
        f"distill={pruner.distill!r}": pruner.distill > 0,
        f"l1={pruner.l1!r}": pruner.l1 > 0,
    }
    for name, needed in needs.items():
        if needed and not pruner.fine_tune_epochs:
            raise ValueError(
                f"`{name}` works while the network is trained; got fine_tune_epochs=0. Set "
                "`fine_tune_epochs` to the number of epochs."
            )
    if gradual and isinstance(choices.granularity, Neurons):
        raise ValueError(
            "`granularity='neuron'` changes the shape of the network, which schedule="
            f"{pruner.schedule!r} cannot do in training. Use schedule='one-shot' or 'iterative'."
        )
    if hasattr(choices.schedule, "rewire") and isinstance(choices.granularity, NofM):
        raise ValueError(
            f"schedule={pruner.schedule!r} replaces weights one by one, which breaks the pattern "
            f"of granularity={pruner.granularity!r}. Use another schedule."
        )


def _check_shares(pruner: Any, granularity: Any, n_layers: int) -> None:
    """Refuse shares of weights that a granularity cannot keep, or that layers cannot have."""
    by_layer = isinstance(pruner.sparsity, dict)
    if by_layer and pruner.allocation != "global":
        raise ValueError(
            f"`sparsity` names layers, so `allocation={pruner.allocation!r}` has nothing to share "
            "out. Leave `allocation` at 'global'."
        )
    if isinstance(granularity, Neurons | NofM) and (
        by_layer or pruner.allocation not in ("global", "uniform")
    ):
        why = (
            "Neurons that go take weights of two layers along"
            if isinstance(granularity, Neurons)
            else "A pattern removes weights from every layer"
        )
        raise ValueError(
            f"{why}: with granularity={pruner.granularity!r} `sparsity` must be a number or "
            "'auto', and `allocation` 'global' or 'uniform'; got "
            f"sparsity={pruner.sparsity!r} and allocation={pruner.allocation!r}."
        )
    if isinstance(granularity, Neurons) and n_layers == 1:
        raise ValueError(
            f"`granularity={pruner.granularity!r}` removes hidden neurons, but the network has no "
            "hidden layer. Use granularity='weight'."
        )
    if isinstance(granularity, NofM) and isinstance(pruner.sparsity, Real):
        least = 1 - granularity.n / granularity.m
        if pruner.sparsity < least:
            raise ValueError(
                f"`sparsity={pruner.sparsity!r}` keeps more than {granularity.n} of "
                f"{granularity.m} weights; with this granularity it must be at least {least:g}."
            )


def shares_by_layer(sparsity: dict[int, float], n_layers: int) -> list[float]:
    """Return the share of weights to remove from each layer; those not named stay dense."""
    shares = [0.0] * n_layers
    for layer, share in sparsity.items():
        if not isinstance(layer, Integral) or not -n_layers <= layer < n_layers:
            raise ValueError(
                f"`sparsity` names layer {layer!r}; the network has the layers 0 to "
                f"{n_layers - 1}, or -1 and so on from the last."
            )
        if shares[layer] != 0:
            raise ValueError(f"`sparsity` names layer {layer % n_layers} twice: {sparsity!r}.")
        if not isinstance(share, Real) or not 0 <= share < 1:
            raise ValueError(f"`sparsity[{layer!r}]` must be in [0, 1); got {share!r}.")
        shares[layer] = float(share)
    return shares
