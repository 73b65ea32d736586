"""What the components are: means over epochs, which rank better than any one epoch's factors."""

from dataclasses import dataclass

import numpy as np

from sparsekit._compile import kernel
from sparsekit._parallel import run_blocks
from sparsekit.matrix._blocks import cut_rows

# The higher, the more the last epochs count.
DEGREE = 3
# Numbers that one call of the kernel reads, about.
CALL_NUMBERS = 2**20


@dataclass
class Average:
    """Means of arrays over epochs, epoch t in proportion to t to the power of `DEGREE`, about.

    Polynomial-decay averaging of Shamir and Zhang (2013).

    Parameters
    ----------
    current : tuple of ndarrays of shape (n, m)
        What moves.
    n_jobs : int or None
        Threads.
    """

    current: tuple[np.ndarray, ...]
    n_jobs: int | None

    def __post_init__(self):
        self.means = tuple(array.copy() for array in self.current)
        self.n_epochs = 0

    def add(self) -> None:
        """Let the arrays count as they are now."""
        self.n_epochs += 1
        share = (DEGREE + 1) / (DEGREE + self.n_epochs)
        for mean, array in zip(self.means, self.current, strict=True):
            self._blend(mean, array, array.dtype.type(share))

    def _blend(self, mean, array, share):
        def move(start, stop):
            blend(mean, array, share, start, stop)

        run_blocks(move, cut_rows(len(mean), -(-CALL_NUMBERS // mean.shape[1])), self.n_jobs)


@kernel
def blend(mean, array, share, start, stop):
    """Move rows start..stop of the mean towards the array by this share."""
    for i in range(start, stop):
        for k in range(mean.shape[1]):
            mean[i, k] += share * (array[i, k] - mean[i, k])
