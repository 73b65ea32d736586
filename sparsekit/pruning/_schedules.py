"""Schedules: how fast weights go, and whether they may come back."""

import math
from dataclasses import dataclass

import numpy as np

from sparsekit.pruning._fields import check_count, check_share


class Schedule:
    """What the schedules have in common: steps to a target.

    A user's own is any object with `steps`, and with `in_training` and `until` if it works while
    the network is trained; to derive it from this class is not needed. One that rewires has
    ``rewire(W, G, mask, progress, rng)`` too, as `RigL` has, and `n_steps`, how often.
    """

    # Whether masks change while the network is trained, else between trainings.
    in_training = False

    def steps(self, target: float) -> list[float]:
        """Give the sparsities on the way to a target.

        Parameters
        ----------
        target : float
            Share of the weights to remove in the end, in [0, 1).

        Returns
        -------
        steps : list of float
            Rising; the last one is the target.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class OneShot(Schedule):
    """Remove all at once.

    Examples
    --------
    >>> from sparsekit.pruning import OneShot
    >>> OneShot().steps(0.9)
    [0.9]
    """

    def steps(self, target: float) -> list[float]:
        return [target]


@dataclass(frozen=True)
class Iterative(Schedule):
    """Remove the same share of what is left in each of some steps, with repair after each.

    Parameters
    ----------
    n_steps : int, default=5
        Number of steps; at least 1.

    References
    ----------
    Han, Pool, Tran, Dally (2015), "Learning both weights and connections for efficient neural
    networks".

    Examples
    --------
    >>> from sparsekit.pruning import Iterative
    >>> [round(s, 3) for s in Iterative(n_steps=2).steps(0.75)]
    [0.5, 0.75]
    """

    n_steps: int = 5

    def __post_init__(self):
        check_count(self, "n_steps")

    def steps(self, target: float) -> list[float]:
        steps = range(1, self.n_steps)
        return [1 - (1 - target) ** (k / self.n_steps) for k in steps] + [target]


@dataclass(frozen=True)
class Cubic(Schedule):
    """Remove weights while the network is trained, fast at first and ever more slowly.

    Parameters
    ----------
    n_steps : int, default=50
        How often masks are drawn anew; at least 1.
    until : float, default=0.75
        Share of the training after which the target is reached; in (0, 1].

    References
    ----------
    Zhu, Gupta (2018), "To prune, or not to prune: exploring the efficacy of pruning for model
    compression", equation 1.

    Examples
    --------
    >>> from sparsekit.pruning import Cubic
    >>> [round(s, 3) for s in Cubic(n_steps=2).steps(0.8)]
    [0.7, 0.8]
    """

    n_steps: int = 50
    until: float = 0.75
    in_training = True

    def __post_init__(self):
        check_count(self, "n_steps")
        check_share(self, "until", whole=True)

    def steps(self, target: float) -> list[float]:
        steps = range(1, self.n_steps)
        return [target * (1 - (1 - k / self.n_steps) ** 3) for k in steps] + [target]


@dataclass(frozen=True)
class Rewiring(Schedule):
    """What the schedules that rewire have in common: at once, then new weights for old."""

    fraction: float = 0.3
    n_steps: int = 20
    until: float = 0.75
    in_training = True

    def __post_init__(self):
        check_share(self, "fraction")
        check_count(self, "n_steps")
        check_share(self, "until", whole=True)

    def steps(self, target: float) -> list[float]:
        return [target]

    def rewire(
        self,
        W: np.ndarray,
        G: np.ndarray,
        mask: np.ndarray,
        progress: float,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Replace weights of a layer by as many others.

        Parameters
        ----------
        W, G : ndarray of shape (inputs, outputs)
            Sizes of the weights, and of the gradient of the loss in all of them; of units, where
            weights go together.
        mask : ndarray of bool of shape (inputs, outputs)
            Which weights there are.
        progress : float
            Share of the rewiring that is done, in [0, 1].
        rng : numpy.random.Generator
            Chance, where a rule needs it.

        Returns
        -------
        mask : ndarray of bool of shape (inputs, outputs)
            Which weights there are from now on, as many as before.
        """
        return rewired(W, self._calls(G, rng), mask, falling_share(self.fraction, progress))

    def _calls(self, G: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return how much each absent weight is called for."""
        raise NotImplementedError


@dataclass(frozen=True)
class RigL(Rewiring):
    """Replace the smallest weights by those with the largest gradients while training goes on.

    Parameters
    ----------
    fraction : float, default=0.3
        Share of a layer's weights that are replaced at first; falls by a cosine. In (0, 1).
    n_steps : int, default=20
        How often.
    until : float, default=0.75
        Share of the training after which nothing is replaced any more; in (0, 1].

    References
    ----------
    Evci, Gale, Menick, Castro, Elsen (2020), "Rigging the lottery: making all tickets winners".

    Examples
    --------
    >>> from sparsekit.pruning import RigL
    >>> RigL(fraction=0.2).steps(0.9)
    [0.9]
    """

    def _calls(self, G: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return np.abs(G)


@dataclass(frozen=True)
class SET(Rewiring):
    """Replace the smallest weights by others drawn by chance while training goes on.

    Parameters
    ----------
    fraction : float, default=0.3
        Share of a layer's weights that are replaced at first; falls by a cosine. In (0, 1).
    n_steps : int, default=20
        How often.
    until : float, default=0.75
        Share of the training after which nothing is replaced any more; in (0, 1].

    References
    ----------
    Mocanu et al. (2018), "Scalable training of artificial neural networks with adaptive sparse
    connectivity inspired by network science".

    Examples
    --------
    >>> from sparsekit.pruning import SET
    >>> SET(n_steps=5)
    SET(fraction=0.3, n_steps=5, until=0.75)
    """

    def _calls(self, G: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return rng.random(G.shape, dtype=np.float32)


SCHEDULES = {
    "cubic": Cubic(),
    "iterative": Iterative(),
    "one-shot": OneShot(),
    "rigl": RigL(),
    "set": SET(),
}


def check_steps(schedule: Schedule, target: float) -> None:
    """Refuse steps that do not rise to a target."""
    levels = list(schedule.steps(target))
    rising = all(a <= b for a, b in zip(levels, levels[1:]))
    if not levels or levels[-1] != target or levels[0] < 0 or not rising:
        raise ValueError(
            f"{schedule!r} must return sparsities that rise to the target, {target!r}; got "
            f"{levels!r}."
        )


def falling_share(fraction: float, progress: float) -> float:
    """Return the share of weights to replace: a cosine from `fraction` down to zero."""
    return fraction * (1 + math.cos(math.pi * progress)) / 2


def rewired(W: np.ndarray, calls: np.ndarray, mask: np.ndarray, share: float) -> np.ndarray:
    """Return a mask without a share of the smallest weights, and with the absent ones that call.

    What has just left may not come back at once.
    """
    absent = mask.size - int(np.count_nonzero(mask))
    n = min(int(share * np.count_nonzero(mask)), absent)
    if n == 0:
        return mask
    leaving = np.argpartition(np.where(mask, np.abs(W), np.inf), n - 1, axis=None)[:n]
    coming = np.argpartition(np.where(mask, -np.inf, calls), -n, axis=None)[-n:]
    new = mask.copy()
    new.flat[leaving] = False
    new.flat[coming] = True
    return new
