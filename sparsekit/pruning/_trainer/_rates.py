"""Learning rates: what they are at a step, and what becomes of them when nothing improves."""

import math
from dataclasses import dataclass

from sparsekit.pruning._trainer._options import TrainingOptions

SMALLEST = 1e-6  # where "adaptive" stops, as in scikit-learn


@dataclass
class Constant:
    """The same rate at every step."""

    options: TrainingOptions
    n_steps: int
    factor: float = 1.0

    def at(self, step: int) -> float:
        """Return the rate of a step, counted from zero."""
        rise = self.options.warm_up * self.n_steps
        warm = min((step + 1) / rise, 1.0) if rise > 0 else 1.0
        return self.options.learning_rate_init * self.factor * warm * self.share(step)

    def share(self, step: int) -> float:
        """Return what share of the first rate is left at a step."""
        return 1.0

    def end_epoch(self, n_seen: int) -> None:
        """Take note of the samples seen so far."""

    def goes_on(self) -> bool:
        """Return whether training goes on, at a lower rate, where nothing improves any more."""
        return False


class Cosine(Constant):
    """Half a period of a cosine at the end, down to zero behind the last step."""

    def share(self, step: int) -> float:
        """Return what share of the first rate is left at a step."""
        fall = self.options.cool_down * self.n_steps
        fallen = max(1 - (self.n_steps - step) / fall, 0.0) if fall > 0 else 0.0
        return 0.5 * (1 + math.cos(math.pi * fallen))


class InverseScaling(Constant):
    """The rate divided by a power of the samples seen, epoch by epoch."""

    n_seen = 0

    def share(self, step: int) -> float:
        """Return what share of the first rate is left."""
        return (self.n_seen + 1) ** -self.options.power_t if self.n_seen else 1.0

    def end_epoch(self, n_seen: int) -> None:
        """Take note of the samples seen so far."""
        self.n_seen = n_seen


class Adaptive(Constant):
    """The same rate until nothing improves; then a fifth of it."""

    def goes_on(self) -> bool:
        """Return whether the rate was lowered rather than too small already."""
        if self.options.learning_rate_init * self.factor <= SMALLEST:
            return False
        self.factor /= 5
        return True


RATES = {
    "adaptive": Adaptive,
    "constant": Constant,
    "cosine": Cosine,
    "invscaling": InverseScaling,
}
