"""Losses of a network's outputs.

Each goes with an output activation that makes its gradient in the last layer's sums ``P - Y``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, logit, xlogy

from sparsekit.pruning._activations import softmax


class Loss(NamedTuple):
    """A loss.

    Attributes
    ----------
    rows : callable
        Takes outputs P and targets Y, (n, outputs); returns the loss of each row.
    soften : callable or None
        Takes probabilities and a temperature; returns those of logarithms divided by it. None where
        outputs are no probabilities.
    out_activation : str
        What makes its gradient in the sums of the last layer ``P - Y``.
    """

    rows: Callable[[np.ndarray, np.ndarray], np.ndarray]
    soften: Callable[[np.ndarray, float], np.ndarray] | None
    out_activation: str


def clipped(P: np.ndarray) -> np.ndarray:
    """Return probabilities whose logarithms are finite."""
    eps = np.finfo(P.dtype).eps
    return np.clip(P, eps, 1 - eps)


def softmax_rows(P: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Return ``-sum(Y * log(P))``."""
    return -xlogy(Y, clipped(P)).sum(axis=1)


def logistic_rows(P: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Return ``-sum(Y * log(P) + (1 - Y) * log(1 - P))``."""
    P = clipped(P)
    return -(xlogy(Y, P) + xlogy(1 - Y, 1 - P)).sum(axis=1)


def squared_rows(P: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Return half the sum of squared differences; scikit-learn reports its mean over outputs."""
    return 0.5 * np.square(P - Y).sum(axis=1)


def poisson_rows(P: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Return ``sum(Y * log(Y / P) - Y + P)``, half the deviance."""
    rates = np.maximum(P, np.finfo(P.dtype).tiny)
    return (xlogy(Y, Y / rates) - Y + P).sum(axis=1)


def soften_softmax(P: np.ndarray, temperature: float) -> np.ndarray:
    """Return the probabilities of logarithms divided by the temperature."""
    return softmax(np.log(clipped(P)) / np.float32(temperature))


def soften_logistic(P: np.ndarray, temperature: float) -> np.ndarray:
    """Return the probabilities of log odds divided by the temperature."""
    return expit(logit(clipped(P)) / np.float32(temperature))


LOSSES = {
    "logistic": Loss(logistic_rows, soften_logistic, "logistic"),
    "poisson": Loss(poisson_rows, None, "exp"),
    "softmax": Loss(softmax_rows, soften_softmax, "softmax"),
    "squared_error": Loss(squared_rows, None, "identity"),
}


@dataclass(frozen=True)
class Objective:
    """A loss against the targets, mixed with one against a teacher's answers.

    Parameters
    ----------
    loss : str
        A name in `LOSSES`.
    distill : float, default=0.0
        Share of the second.
    temperature : float, default=2.0
        Of the second, for probabilities. Its loss is multiplied by the square, so that gradients
        keep their size.
    """

    loss: str
    distill: float = 0.0
    temperature: float = 2.0

    @property
    def _heat(self) -> float:
        return self.temperature if LOSSES[self.loss].soften is not None else 1.0

    def soften(self, P: np.ndarray) -> np.ndarray:
        """Return outputs as the teacher's are compared with them."""
        soften = LOSSES[self.loss].soften
        return P if soften is None else soften(P, self.temperature)

    def rows(self, P: np.ndarray, Y: np.ndarray, T: Any = None) -> np.ndarray:
        """Return the loss of each row; T holds the teacher's answers, softened."""
        rows = LOSSES[self.loss].rows
        if T is None:
            return rows(P, Y)
        taught = self._heat**2 * rows(self.soften(P), T)
        return (1 - self.distill) * rows(P, Y) + self.distill * taught

    def slope(self, P: np.ndarray, Y: np.ndarray, T: Any, out: np.ndarray) -> np.ndarray:
        """Overwrite `out` by the gradient of `rows` in the sums of the last layer."""
        np.subtract(P, Y, out=out)
        if T is not None:
            out *= np.float32(1 - self.distill)
            out += np.float32(self.distill * self._heat) * (self.soften(P) - T)
        return out
