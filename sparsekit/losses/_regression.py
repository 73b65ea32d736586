"""Losses for real targets."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np


@dataclass(frozen=True)
class Quadratic:
    """Half the squared error, ``(y - eta)**2 / 2``.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsekit.losses import Quadratic
    >>> Quadratic().value(np.array([1.0]), np.array([3.0]))
    array([2.])
    """

    quadratic: ClassVar[bool] = True

    def value(self, y, eta):
        """Return ``(y - eta)**2 / 2``."""
        return 0.5 * (y - eta) ** 2

    def gradient(self, y, eta):
        """Return ``eta - y``."""
        return eta - y

    def curvature(self, y, eta):
        """Return one for every sample."""
        return np.ones_like(eta)

    def curvature_bound(self):
        """Return one."""
        return 1.0

    def conjugate(self, y, u):
        """Return ``u**2 / 2 + u * y``."""
        return u * (0.5 * u + y)

    def inverse_link(self, eta):
        """Return `eta`."""
        return eta
