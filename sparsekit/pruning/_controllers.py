"""What changes masks while a network is trained."""

from dataclasses import replace
from typing import Any

import numpy as np

from sparsekit.pruning._criteria import score_weights
from sparsekit.pruning._masks import build_masks, share_by_level
from sparsekit.pruning._network import History, Network

# Steps after which Adam's moments say more than a look at some samples.
FIRST_STEPS = 100


class GradualPruning:
    """Prunes a network in training along a schedule's steps.

    Parameters
    ----------
    network : Network
        As training began: activations, and the shapes of the weights.
    criterion, granularity, schedule : objects
        What matters, what goes together, how fast.
    allocation : str or sequence of float
        As in `build_masks`; shares given by layer grow as the sparsity of the whole does.
    sparsity : float
        The target.
    X, Y : array
        Samples for criteria that need some.
    """

    def __init__(
        self,
        network: Network,
        criterion: Any,
        granularity: Any,
        schedule: Any,
        allocation: Any,
        sparsity: float,
        X: Any,
        Y: np.ndarray,
    ):
        self.network, self.criterion, self.granularity = network, criterion, granularity
        self.allocation, self.sparsity, self.X, self.Y = allocation, sparsity, X, Y
        self.levels, self.until = schedule.steps(sparsity), schedule.until
        self.taken = 0
        self.movement = None

    @property
    def settled(self) -> bool:
        """Return whether the target is reached."""
        return self.taken == len(self.levels)

    def update(self, step: int, n_steps: int, state: Any) -> None:
        """Change the masks of the state where the schedule says so."""
        self._follow(state)
        due = _steps_due(step, n_steps, self.until, len(self.levels))
        # An epoch that diverged is seen twice.
        if due <= self.taken:
            return
        self.taken, level = due, self.levels[due - 1]
        second = (state.second or None) if step >= FIRST_STEPS else None
        network = replace(
            self.network.with_weights(state.weights), history=History(second, self.movement)
        )
        scores = score_weights(self.criterion, network, self.X, self.Y)
        # What has gone stays away.
        scores = [np.where(mask, S, -np.inf) for mask, S in zip(state.masks, scores)]
        masks = build_masks(
            scores, self.granularity, share_by_level(self.allocation, level, self.sparsity), level
        )
        for mask, new in zip(state.masks, masks):
            mask[...] = new

    def _follow(self, state: Any) -> None:
        """Sum up how weights move, if that is what the criterion asks for."""
        if not getattr(self.criterion, "needs_movement", False):
            return
        if self.movement is None:
            self.movement = [np.zeros_like(W) for W in state.weights]
        for M, W, G in zip(self.movement, state.weights, state.gradients):
            M -= W * G


class RewiringInTraining:
    """Lets a schedule replace units of a network in training.

    Parameters
    ----------
    schedule : object
        With ``rewire``.
    granularity : object
        What is replaced as one.
    rng : numpy.random.Generator
        For schedules of chance.
    """

    def __init__(self, schedule: Any, granularity: Any, rng: np.random.Generator):
        self.schedule, self.granularity, self.rng = schedule, granularity, rng
        self.taken = 0

    def update(self, step: int, n_steps: int, state: Any) -> None:
        """Change the masks of the state where the schedule says so."""
        due = _steps_due(step, n_steps, self.schedule.until, self.schedule.n_steps)
        if due <= self.taken or due == self.schedule.n_steps:
            return
        self.taken = due
        progress = due / self.schedule.n_steps
        units = self.granularity.units
        for W, G, mask in zip(state.weights, state.gradients, state.masks):
            kept = units(mask.astype(np.float32)) > 0
            new = self.schedule.rewire(units(np.abs(W)), units(np.abs(G)), kept, progress, self.rng)
            mask[...] = self.granularity.spread(new, mask.shape)


def _steps_due(step: int, n_steps: int, until: float, levels: int) -> int:
    """Return how many of the levels, evenly spaced over a share of the training, are reached.

    The last one is reached before the training ends, whatever its length.
    """
    last = max(int(until * n_steps) - 1, 0)
    if step >= last:
        return levels
    return int(levels * (step + 1) / (last + 1))
