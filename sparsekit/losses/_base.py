"""What every loss promises: array functions of the target y and the linear predictor eta.

``value(y, eta)``, ``gradient(y, eta)`` and ``curvature(y, eta)`` answer per sample, the last two
as derivatives in eta. ``conjugate(y, u)`` is the Fenchel conjugate in eta, on the values u that
the gradient takes and on their multiples by factors in [0, 1]. ``inverse_link(eta)`` gives the
mean of y. ``quadratic`` says whether the curvature is one everywhere.
"""

from typing import ClassVar, Protocol

import numpy as np


class Loss(Protocol):
    """The shape of a loss, for type checkers and readers; nothing inherits from it."""

    quadratic: ClassVar[bool]

    def value(self, y: np.ndarray, eta: np.ndarray) -> np.ndarray:
        """Return the loss of each sample."""

    def gradient(self, y: np.ndarray, eta: np.ndarray) -> np.ndarray:
        """Return the first derivative in eta of each sample."""

    def curvature(self, y: np.ndarray, eta: np.ndarray) -> np.ndarray:
        """Return the second derivative in eta of each sample."""

    def curvature_bound(self) -> float | None:
        """Return a bound of the curvature over all y and eta, or None."""

    def conjugate(self, y: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return the largest ``u * eta - value(y, eta)`` over eta, per sample."""

    def inverse_link(self, eta: np.ndarray) -> np.ndarray:
        """Return the mean of y at eta."""
