"""Losses for targets that are classes."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import expit, xlogy


@dataclass(frozen=True)
class Logistic:
    """Logistic loss of a target in [0, 1], ``log(1 + exp(eta)) - y * eta``.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsekit.losses import Logistic
    >>> Logistic().gradient(np.array([1.0]), np.array([0.0]))
    array([-0.5])
    """

    quadratic: ClassVar[bool] = False

    def value(self, y, eta):
        """Return ``log(1 + exp(eta)) - y * eta``."""
        # Split by sign so that neither a large eta nor a small loss loses its digits.
        return np.log1p(np.exp(-abs(eta))) + np.where(eta > 0, (1.0 - y) * eta, -y * eta)

    def gradient(self, y, eta):
        """Return ``expit(eta) - y``."""
        return expit(eta) - y

    def curvature(self, y, eta):
        """Return ``mean * (1 - mean)`` with ``mean = expit(eta)``."""
        mean = expit(eta)
        return mean * (1.0 - mean)

    def curvature_bound(self):
        """Return one quarter."""
        return 0.25

    def conjugate(self, y, u):
        """Return the negative entropy of ``u + y``."""
        mean = np.clip(u + y, 0.0, 1.0)
        return xlogy(mean, mean) + xlogy(1.0 - mean, 1.0 - mean)

    def inverse_link(self, eta):
        """Return ``expit(eta)``."""
        return expit(eta)
