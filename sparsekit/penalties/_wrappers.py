"""Penalties made from other penalties."""

from typing import NamedTuple

import numpy as np

from sparsekit._compile import record, where


@record
class Positive(NamedTuple):
    """Another penalty, with coefficients held at zero or above.

    Parameters
    ----------
    base : record
        A symmetric penalty, such as ``L1(0.1)``.

    Examples
    --------
    >>> from sparsekit.penalties import L1, Positive
    >>> float(Positive(L1(0.5)).prox(-2.0, 1.0))
    0.0
    """

    base: object

    def value(self, w):
        """Return the base's value, or infinity below zero."""
        return where(w < 0.0, np.inf, self.base.value(w))

    def prox(self, v, step):
        """Return the base's prox of the part of `v` above zero."""
        return self.base.prox(where(v > 0.0, v, 0.0), step)

    def conjugate(self, v):
        """Return the base's conjugate of the part of `v` above zero."""
        return self.base.conjugate(np.maximum(v, 0.0))

    @property
    def reach(self):
        """Half width of the interval where the base's conjugate is finite."""
        return self.base.reach

    def dual_scale(self, v, w):
        """Return the base's factor for the part of `v` above zero."""
        return self.base.dual_scale(np.maximum(v, 0.0), w)

    def slack(self, v):
        """Return the base's slack for the part of `v` above zero."""
        below = np.maximum(-v, 0.0)
        return self.base.slack(np.maximum(v, 0.0)) + below

    def slope(self, w):
        """Return the base's slope."""
        return self.base.slope(w)

    def bend(self, w):
        """Return the base's bend."""
        return self.base.bend(w)

    @property
    def kink(self):
        """Infinite: a coefficient cannot pass below zero."""
        return np.inf

    def critical_alpha(self, v):
        """Return the base's answer for the part of `v` above zero."""
        return self.base.critical_alpha(np.maximum(v, 0.0))

    def with_alpha(self, alpha):
        """Return the same constraint over the base with strength `alpha`."""
        return Positive(self.base.with_alpha(alpha))
