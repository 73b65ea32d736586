"""The state of training, weights, masks and moments, and the step that moves it."""

from collections.abc import Sequence

import numpy as np

from sparsekit.pruning._trainer._options import TrainingOptions
from sparsekit.pruning._trainer._update import (
    SMALLEST,
    AdamStep,
    MomentumStep,
    adam_numbers,
    adam_step,
    add_group_spreads,
    add_group_squares,
    kept_squares,
    momentum_numbers,
    momentum_step,
    shrink_groups,
)


class Optimizer:
    """Moves weights and biases, in place, along their gradients.

    Parameters
    ----------
    weights, biases : list of ndarray
        In float32 and C order; changed.
    masks : list of ndarray of bool
        True where a weight is kept; whoever changes them calls `obey`.
    groups : list of ndarray of int32, or None
        For the penalty `l1`: the number of each weight's group. None for weights on their own.
    options : TrainingOptions
        How far to go.
    """

    # Arrays of weights and biases that `keep` copies.
    STATE = ("weights", "biases", "masks", "first", "second", "of_biases")

    def __init__(
        self,
        weights: list[np.ndarray],
        biases: list[np.ndarray],
        masks: list[np.ndarray],
        groups: Sequence[np.ndarray] | None,
        options: TrainingOptions,
    ):
        self.weights, self.biases, self.masks, self.options = weights, biases, masks, options
        self.method = METHODS[options.solver](options)
        self.first = [np.zeros_like(W) for W in weights]
        self.second = [np.zeros_like(W) for W in weights] if self.method.n_moments > 1 else []
        self.of_biases = [np.zeros_like(b) for b in biases for _ in range(self.method.n_moments)]
        self.whole = [np.ones(b.shape, np.uint8) for b in biases]
        self.obeyed = [mask.copy() for mask in masks]
        self.groups = [Groups(numbers) for numbers in groups] if groups is not None else None
        for W, mask in zip(weights, masks):
            W[~mask] = 0

    def obey(self) -> None:
        """Set to zero all that belongs to weights whose mask has changed: what left, what came."""
        for layer, (mask, before) in enumerate(zip(self.masks, self.obeyed)):
            if np.array_equal(mask, before):
                continue
            changed = mask != before
            for arrays in filter(None, (self.weights, self.first, self.second)):
                arrays[layer][changed] = 0
            before[:] = mask

    def step(
        self, slopes: Sequence[np.ndarray], of_biases: Sequence[np.ndarray], rate: float, n: float
    ) -> bool:
        """Take a step; return False, and take none, if the gradient is not finite.

        `n` is the weight of the batch, by which the penalty `alpha` is divided.
        """
        scale = 1.0
        limit = self.options.clip_norm
        if limit is not None:
            norm = self._norm(slopes, of_biases)
            if not np.isfinite(norm):
                return False
            scale = limit / norm if norm > limit else 1.0
        self.method.advance(rate)
        l1 = self.options.l1
        decay = self.options.alpha / n
        step = self.method.numbers(rate, scale, decay, l1 if self.groups is None else 0.0)
        for layer, (W, slope) in enumerate(zip(self.weights, slopes)):
            moments = [flat(held[layer]) for held in (self.first, self.second) if held]
            mask = flat(self.masks[layer]).view(np.uint8)
            self.method.kernel(step, flat(slope), mask, flat(W), *moments)
        step = self.method.numbers(rate, scale, 0.0, 0.0)
        k = self.method.n_moments
        for layer, (b, slope) in enumerate(zip(self.biases, of_biases)):
            moments = self.of_biases[k * layer : k * layer + k]
            self.method.kernel(step, slope, self.whole[layer], b, *moments)
        if self.groups is not None and l1 > 0:
            self._shrink(self.method.shrink(rate, l1))
        return True

    def _norm(self, slopes: Sequence[np.ndarray], of_biases: Sequence[np.ndarray]) -> float:
        """Return the norm of the gradient in all that is kept."""
        squares = sum(
            kept_squares(flat(slope), flat(mask).view(np.uint8))
            for slope, mask in zip(slopes, self.masks)
        )
        return float(np.sqrt(squares + sum(float(np.dot(slope, slope)) for slope in of_biases)))

    def _shrink(self, shrink: float) -> None:
        """Step towards zero with every group."""
        for layer, groups in enumerate(self.groups):
            second = self.second[layer] if self.second else None
            groups.shrink(self.weights[layer], second, self.options.epsilon, shrink)

    def squares(self) -> float:
        """Return the sum of the squares of the weights."""
        return sum(float(np.dot(flat(W), flat(W))) for W in self.weights)

    def is_finite(self) -> bool:
        """Return whether no weight or bias has become infinite or NaN."""
        return bool(np.isfinite(self.squares() + sum(float(np.dot(b, b)) for b in self.biases)))

    def keep(self) -> dict:
        """Return a copy of the state, to `restore`."""
        kept = {name: [values.copy() for values in getattr(self, name)] for name in self.STATE}
        return kept | {"clock": self.method.clock}

    def restore(self, kept: dict) -> None:
        """Go back to a state."""
        for name in self.STATE:
            for values, before in zip(getattr(self, name), kept[name]):
                values[:] = before
        for before, mask in zip(self.obeyed, self.masks):
            before[:] = mask
        self.method.clock = kept["clock"]


class Groups:
    """The groups of one layer's weights.

    Parameters
    ----------
    numbers : ndarray of int
        The group of each weight, from zero.
    """

    def __init__(self, numbers: np.ndarray):
        self.numbers = np.ascontiguousarray(numbers, dtype=np.int32).reshape(-1)
        self.sizes = np.bincount(self.numbers).astype(np.float32)
        self.squares = np.empty_like(self.sizes)
        self.spreads = np.empty_like(self.sizes)

    def shrink(self, W: np.ndarray, second: np.ndarray | None, epsilon: float, by: float) -> None:
        """Bring the norm of each group nearer to zero, by its root size over its mean spread."""
        self.squares[:] = 0
        add_group_squares(self.numbers, flat(W), self.squares)
        if second is None:
            self.spreads[:] = self.sizes
        else:
            self.spreads[:] = 0
            epsilon = np.float32(max(epsilon, SMALLEST))
            add_group_spreads(self.numbers, flat(second), epsilon, self.spreads)
        reach = np.sqrt(self.squares) * self.spreads
        pull = np.float32(by) * self.sizes**1.5
        factors = np.where(reach > pull, 1 - pull / np.maximum(reach, SMALLEST), np.float32(0))
        shrink_groups(self.numbers, factors.astype(np.float32), flat(W))


class Adam:
    """Adam, as scikit-learn has it; its clock counts steps."""

    kernel = staticmethod(adam_step)
    n_moments = 2

    def __init__(self, options: TrainingOptions):
        self.options, self.clock = options, 0

    def advance(self, rate: float) -> None:
        """Count a step."""
        self.clock += 1

    def numbers(self, rate: float, scale: float, decay: float, l1: float) -> AdamStep:
        """Return the numbers of a step at a learning rate."""
        o = self.options
        shrink = self.shrink(rate, l1)
        # Both moments begin at zero; the shrinkage is divided by the root of the second only.
        rate *= np.sqrt(1 - o.beta_2**self.clock) / (1 - o.beta_1**self.clock)
        return adam_numbers(o, rate, scale, decay, shrink)

    def shrink(self, rate: float, l1: float) -> float:
        """Return the shrinkage, before it is divided by the spread of a weight or group."""
        return rate * np.sqrt(1 - self.options.beta_2**self.clock) * l1


class Momentum:
    """Gradient descent with momentum, Nesterov's or plain, as scikit-learn has it.

    Its clock is the velocity that a gradient of minus one would have made.
    """

    kernel = staticmethod(momentum_step)
    n_moments = 1

    def __init__(self, options: TrainingOptions):
        self.options, self.clock = options, 0.0

    def advance(self, rate: float) -> None:
        """Add a step."""
        self.clock = self.options.momentum * self.clock + rate

    def numbers(self, rate: float, scale: float, decay: float, l1: float) -> MomentumStep:
        """Return the numbers of a step at a learning rate."""
        return momentum_numbers(self.options, rate, scale, decay, self.shrink(rate, l1))

    def shrink(self, rate: float, l1: float) -> float:
        """Return the shrinkage that balances a gradient of this size, added up by momentum."""
        if self.options.nesterovs_momentum:
            return l1 * (self.options.momentum * self.clock + rate)
        return l1 * self.clock


METHODS = {"adam": Adam, "sgd": Momentum}


def flat(values: np.ndarray) -> np.ndarray:
    """Return an array in C order as one of one axis, on the same memory."""
    return values.reshape(-1)
