"""From a dense network to a pruned one: scores, masks, repair and training, level by level."""

import warnings
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from sparsekit.pruning._controllers import GradualPruning, RewiringInTraining
from sparsekit.pruning._criteria import score_weights
from sparsekit.pruning._granularity import Neurons
from sparsekit.pruning._held_out import spread_rows
from sparsekit.pruning._masks import build_masks, share_by_level
from sparsekit.pruning._network import Network
from sparsekit.pruning._repair._neurons import (
    count_units,
    keep_neurons,
    rank_by_scores,
    rank_neurons,
    remove_neurons,
)
from sparsekit.pruning._repair._reconstruct import Grams, reconstruct, reselect
from sparsekit.pruning._schedules import OneShot
from sparsekit.pruning._trainer import TrainingOptions, train

# Samples that a criterion sees again and again while a network is trained.
CRITERION_SAMPLES = 2048


class Samples(NamedTuple):
    """What a network learns from: X in float32, dense or CSR, encoded targets and weights."""

    X: Any
    Y: np.ndarray
    weight: np.ndarray | None

    def some(self, n: int) -> "Samples":
        """Return at most so many samples, spread evenly, in proportion to their weights."""
        known = np.arange(self.X.shape[0])
        if self.weight is not None:
            known = np.flatnonzero(self.weight)
            w = self.weight[known].astype(np.float64)
            if np.ptp(w) > 0:
                steps = (np.arange(n) + 0.5) / n
                return self.rows(known[np.searchsorted(w.cumsum() / w.sum(), steps)])
        known = known[spread_rows(len(known), n)]
        return self if len(known) == self.X.shape[0] else self.rows(known)

    def rows(self, rows: np.ndarray) -> "Samples":
        """Return some samples."""
        weight = None if self.weight is None else self.weight[rows]
        return Samples(self.X[rows], self.Y[rows], weight)


class Pruned(NamedTuple):
    """A pruned network, which weights of the dense one it kept, and how training went."""

    network: Network
    masks: list[np.ndarray]
    loss_curve: list[float]


@dataclass(frozen=True)
class Recipe:
    """How a network is pruned.

    Parameters
    ----------
    criterion, granularity, schedule : objects
        What matters, what goes together, how fast.
    allocation : str or sequence of float
        As in `build_masks`.
    reconstruct : bool
        Whether layers are repaired by least squares.
    loss : str
        What the trainer calls the loss.
    options : TrainingOptions or None
        Of all epochs of fine-tuning together; None does without.
    l1 : float
        Strength of the penalty on units in a training before masks are drawn, which takes half of
        the epochs.
    seed : int
        Of orders and chances.
    watch : object
        Listens to the training.
    n_jobs : int or None
        Threads.
    """

    criterion: Any
    granularity: Any
    schedule: Any
    allocation: Any
    reconstruct: bool
    loss: str
    options: TrainingOptions | None = None
    l1: float = 0.0
    seed: int = 0
    watch: Any = None
    n_jobs: int | None = None

    def prune(self, dense: Network, samples: Samples, sparsity: float, grams: Grams) -> Pruned:
        """Return the network without that share of its weights.

        Parameters
        ----------
        dense : Network
            Is not changed.
        samples : Samples
            To learn from.
        sparsity : float
            Share of the weights to remove, in [0, 1).
        grams : Grams
            What repairs know of the samples before any mask.
        """
        return _Run(self, dense, samples, grams).prune(sparsity)

    def without_training(self) -> "Recipe":
        """Return the recipe that only cuts and repairs, at once."""
        return replace(self, options=None, l1=0.0, schedule=OneShot())


class _Run:
    """One network on its way through a recipe."""

    def __init__(self, recipe: Recipe, dense: Network, samples: Samples, grams: Grams):
        self.recipe, self.dense, self.samples, self.grams = recipe, dense, samples, grams
        self.seeds = np.random.SeedSequence(recipe.seed)
        options = recipe.options
        self.teacher = dense.decide(samples.X) if options is not None and options.distill else None
        self.epochs = 0 if options is None else options.epochs
        self.losses: list[float] = []
        self.stopped = False
        # Which neurons of the dense network there are in each hidden layer.
        self.units = [np.arange(W.shape[1]) for W in dense.weights[:-1]]

    def prune(self, sparsity: float) -> Pruned:
        """Return the pruned network."""
        recipe = self.recipe
        network = self._shrink() if recipe.l1 > 0 else self.dense
        masks = [np.ones(W.shape, dtype=bool) for W in network.weights]
        gradual = getattr(recipe.schedule, "in_training", False)
        if gradual and not hasattr(recipe.schedule, "rewire"):
            controller = GradualPruning(
                network,
                recipe.criterion,
                recipe.granularity,
                recipe.schedule,
                recipe.allocation,
                sparsity,
                *self.samples.some(CRITERION_SAMPLES)[:2],
            )
            network, masks = self._train(network, masks, self.epochs, controller)
            if not controller.settled:
                network, masks = self._cut(network, masks, sparsity, sparsity)
            return self._result(network, masks)
        levels = recipe.schedule.steps(sparsity)
        for level, epochs in zip(levels, share_out(self.epochs, len(levels))):
            network, masks = self._cut(network, masks, level, sparsity)
            if epochs and not self.stopped:
                controller = None
                if gradual:
                    rng = np.random.default_rng(self._seed())
                    controller = RewiringInTraining(recipe.schedule, recipe.granularity, rng)
                network, masks = self._train(network, masks, epochs, controller)
        return self._result(network, masks)

    def _shrink(self) -> Network:
        """Return the dense network after a training that penalises its units."""
        half = self.epochs // 2 + self.epochs % 2
        self.epochs -= half
        masks = [np.ones(W.shape, dtype=bool) for W in self.dense.weights]
        options = replace(self.recipe.options, epochs=half, l1=self.recipe.l1)
        groups = groups_of(self.recipe.granularity, self.dense)
        network, _ = self._train(self.dense, masks, half, options=options, groups=groups)
        return network

    def _cut(self, network: Network, masks: list, level: float, sparsity: float) -> tuple:
        """Return the network and its masks at a sparsity, repaired."""
        recipe = self.recipe
        if isinstance(recipe.granularity, Neurons):
            network = self._cut_neurons(network, level)
            return network, [np.ones(W.shape, dtype=bool) for W in network.weights]
        scores = self._score(network)
        scores = [np.where(mask, S, -np.inf) for mask, S in zip(masks, scores)]
        shares = share_by_level(recipe.allocation, level, sparsity)
        masks = build_masks(scores, recipe.granularity, shares, level)
        if not recipe.reconstruct:
            return network.masked(masks), masks
        if getattr(recipe.criterion, "reselect", False):
            return reselect(
                network, self.dense, masks, self.grams, recipe.granularity, n_jobs=recipe.n_jobs
            )
        network = network.masked(masks)
        return reconstruct(network, self.dense, masks, self.grams, n_jobs=recipe.n_jobs), masks

    def _cut_neurons(self, network: Network, level: float) -> Network:
        """Return the network without so many neurons that a share of the dense weights is gone."""
        recipe = self.recipe
        if recipe.granularity.choice == "criterion":
            scores = self._score(network)[:-1]
            rankings = [rank_by_scores(recipe.granularity.units(S)[0]) for S in scores]
        else:
            rankings = rank_neurons(network, self.grams, recipe.n_jobs)
        left = sum(network.sizes)
        share = max(1 - (1 - level) * sum(self.dense.sizes) / left, 0.0)
        counts = count_units(network.sizes, rankings, recipe.allocation, share)
        if max(counts) == 1:
            warnings.warn(
                f"Each hidden layer keeps one neuron, its best, at a sparsity of {level:g}. Lower "
                "`sparsity`.",
                UserWarning,
                stacklevel=2,
            )
        kept = [np.sort(ranking.order[:n]) for ranking, n in zip(rankings, counts)]
        self.units = [units[k] for units, k in zip(self.units, kept)]
        if not recipe.reconstruct:
            return keep_neurons(network, kept)
        return remove_neurons(network, kept, self.grams, n_jobs=recipe.n_jobs)

    def _score(self, network: Network) -> list[np.ndarray]:
        """Return what the criterion says of a network."""
        samples = self.samples.some(CRITERION_SAMPLES)
        return score_weights(self.recipe.criterion, network, samples.X, samples.Y)

    def _result(self, network: Network, masks: list) -> Pruned:
        """Return what was found, with masks of the dense network's weights."""
        if isinstance(self.recipe.granularity, Neurons):
            masks = masks_of_units(self.dense, self.units)
        return Pruned(network, masks, self.losses)

    def _train(
        self,
        network: Network,
        masks: list,
        epochs: int,
        controller: Any = None,
        options: TrainingOptions | None = None,
        groups: list[np.ndarray] | None = None,
    ) -> tuple:
        """Return the network after so many epochs, and its masks."""
        recipe = self.recipe
        options = options or replace(recipe.options, epochs=epochs)
        trained = train(
            network,
            self.samples.X,
            self.samples.Y,
            loss=recipe.loss,
            options=options,
            masks=masks,
            sample_weight=self.samples.weight,
            teacher=self.teacher,
            groups=groups,
            controller=controller,
            random_state=int(self._seed().generate_state(1)[0]),
            watch=recipe.watch,
        )
        self.losses.extend(trained.loss_curve)
        recipe.watch.before += trained.n_epochs
        # It goes on to the end unless somebody says stop.
        self.stopped = self.stopped or trained.n_epochs < options.epochs
        return trained.network, trained.masks

    def _seed(self) -> np.random.SeedSequence:
        """Return a seed for one training, apart from all others."""
        return self.seeds.spawn(1)[0]


def groups_of(granularity: Any, network: Network) -> list[np.ndarray] | None:
    """Return the number of each weight's unit, or None where each weight is one."""
    groups = []
    for W in network.weights:
        shape = granularity.sizes(W.shape).shape
        numbers = np.arange(np.prod(shape)).reshape(shape)
        groups.append(granularity.spread(numbers, W.shape))
    return groups if any(g.max() + 1 < g.size for g in groups) else None


def share_out(epochs: int, parts: int) -> list[int]:
    """Return so many epochs for each part; the last ones get what is left over."""
    return [epochs * (k + 1) // parts - epochs * k // parts for k in range(parts)]


def masks_of_units(network: Network, units: list[np.ndarray]) -> list[np.ndarray]:
    """Return masks of the weights between units that are kept."""
    n_inputs, n_outputs = network.weights[0].shape[0], network.weights[-1].shape[1]
    levels = [np.arange(n_inputs), *units, np.arange(n_outputs)]
    masks = [np.zeros(W.shape, dtype=bool) for W in network.weights]
    for mask, rows, columns in zip(masks, levels, levels[1:]):
        mask[np.ix_(rows, columns)] = True
    return masks
