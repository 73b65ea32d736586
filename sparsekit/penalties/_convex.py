"""Convex separable penalties: L1, L2, elastic net and box constraints.

Beside `value` and `prox`, which kernels compile, a convex penalty answers in array code what a
certificate and a Newton step ask of it. All of it is stated for feature weight one:

``conjugate(v)``
    Fenchel conjugate, the largest ``v * w - value(w)`` over w; finite on ``|v| <= reach``.
``reach``
    Half width of the interval where the conjugate is finite; infinite for strongly convex ones.
``dual_scale(v, w)``
    A factor in [0, 1] that brings ``factor * v`` to where the conjugate is finite and small.
``slack(v)``
    How far the gradient `v` of a coefficient at zero is from moving it; negative if it moves it.
``slope(w)``, ``bend(w)``, ``kink``
    First and second derivative for w other than zero, and the jump of the first at zero.
``critical_alpha(v)``
    Smallest strength that holds a coefficient with gradient `v` at zero.
``with_alpha(alpha)``
    The same penalty with another strength.
"""

from typing import NamedTuple

import numpy as np

from sparsekit._compile import record, where
from sparsekit.penalties._base import clip, soft_threshold


@record
class L1(NamedTuple):
    """Absolute value, ``alpha * |w|``.

    Parameters
    ----------
    alpha : float, default=1.0
        Strength, non-negative.

    Examples
    --------
    >>> from sparsekit.penalties import L1
    >>> float(L1(alpha=0.5).prox(2.0, 1.0))
    1.5
    """

    alpha: float = 1.0

    def value(self, w):
        """Return ``alpha * |w|``."""
        return self.alpha * abs(w)

    def prox(self, v, step):
        """Return `v` shrunk towards zero by ``alpha * step``."""
        return soft_threshold(v, self.alpha * step)

    def conjugate(self, v):
        """Return zero, the conjugate on ``|v| <= alpha``."""
        return np.zeros_like(v)

    @property
    def reach(self):
        """Half width of the interval where the conjugate is finite."""
        return self.alpha

    def dual_scale(self, v, w):
        """Return the factor that brings `v` into [-alpha, alpha]."""
        return self.alpha / np.maximum(abs(v), self.alpha)

    def slack(self, v):
        """Return ``alpha - |v|``."""
        return self.alpha - abs(v)

    def slope(self, w):
        """Return ``alpha * sign(w)``."""
        return self.alpha * np.sign(w)

    def bend(self, w):
        """Return zero."""
        return np.zeros_like(w)

    @property
    def kink(self):
        """Jump of the derivative at zero."""
        return 2.0 * self.alpha

    def critical_alpha(self, v):
        """Return ``|v|``."""
        return abs(v)

    def with_alpha(self, alpha):
        """Return L1 with strength `alpha`."""
        return L1(alpha)


@record
class L2(NamedTuple):
    """Half the square, ``alpha / 2 * w**2``.

    Parameters
    ----------
    alpha : float, default=1.0
        Strength, non-negative.

    Examples
    --------
    >>> from sparsekit.penalties import L2
    >>> float(L2(alpha=1.0).prox(2.0, 1.0))
    1.0
    """

    alpha: float = 1.0

    def value(self, w):
        """Return ``alpha / 2 * w**2``."""
        return 0.5 * self.alpha * w * w

    def prox(self, v, step):
        """Return ``v / (1 + alpha * step)``."""
        return v / (1.0 + self.alpha * step)

    def conjugate(self, v):
        """Return ``v**2 / (2 * alpha)``, or zero, at v = 0 alone, without strength."""
        return v * v / (2.0 * self.alpha) if self.alpha > 0 else np.zeros_like(v)

    @property
    def reach(self):
        """Half width of the interval where the conjugate is finite."""
        return np.inf if self.alpha > 0 else 0.0

    def dual_scale(self, v, w):
        """Return one: the conjugate is finite everywhere."""
        return np.ones_like(v)

    def slack(self, v):
        """Return ``-|v|``: any gradient moves the coefficient."""
        return -abs(v)

    def slope(self, w):
        """Return ``alpha * w``."""
        return self.alpha * w

    def bend(self, w):
        """Return `alpha`."""
        return np.full_like(w, self.alpha)

    @property
    def kink(self):
        """Jump of the derivative at zero."""
        return 0.0

    def critical_alpha(self, v):
        """Return infinity where `v` is not zero: no strength makes a coefficient zero."""
        return np.where(v == 0, 0.0, np.inf)

    def with_alpha(self, alpha):
        """Return L2 with strength `alpha`."""
        return L2(alpha)


@record
class ElasticNet(NamedTuple):
    """Elastic net, ``alpha * (l1_ratio * |w| + (1 - l1_ratio) / 2 * w**2)``.

    Parameters
    ----------
    alpha : float, default=1.0
        Strength, non-negative.
    l1_ratio : float, default=0.5
        Share of the absolute value, in [0, 1].

    References
    ----------
    Zou, Hastie (2005), "Regularization and variable selection via the elastic net".

    Examples
    --------
    >>> from sparsekit.penalties import ElasticNet
    >>> float(ElasticNet(alpha=1.0, l1_ratio=0.5).prox(2.0, 1.0))
    1.0
    """

    alpha: float = 1.0
    l1_ratio: float = 0.5

    def value(self, w):
        """Return the penalty of `w`."""
        return self.alpha * (self.l1_ratio * abs(w) + 0.5 * (1.0 - self.l1_ratio) * w * w)

    def prox(self, v, step):
        """Return `v` shrunk by the absolute part, then divided by the square part."""
        shrunk = soft_threshold(v, self.alpha * self.l1_ratio * step)
        return shrunk / (1.0 + self.alpha * (1.0 - self.l1_ratio) * step)

    @property
    def _l1(self):
        return self.alpha * self.l1_ratio

    @property
    def _l2(self):
        return self.alpha * (1.0 - self.l1_ratio)

    def conjugate(self, v):
        """Return ``max(|v| - l1, 0)**2 / (2 * l2)``, or zero without a square part."""
        beyond = np.maximum(abs(v) - self._l1, 0.0)
        return beyond**2 / (2.0 * self._l2) if self._l2 > 0 else np.zeros_like(v)

    @property
    def reach(self):
        """Half width of the interval where the conjugate is finite."""
        return np.inf if self._l2 > 0 else self._l1

    def dual_scale(self, v, w):
        """Return the factor that brings ``v - l2 * w``, the absolute part's share, within l1."""
        if self._l1 == 0:
            return np.ones_like(v)
        return self._l1 / np.maximum(abs(v - self._l2 * w), self._l1)

    def slack(self, v):
        """Return ``l1 - |v|``."""
        return self._l1 - abs(v)

    def slope(self, w):
        """Return ``l1 * sign(w) + l2 * w``."""
        return self._l1 * np.sign(w) + self._l2 * w

    def bend(self, w):
        """Return ``l2``."""
        return np.full_like(w, self._l2)

    @property
    def kink(self):
        """Jump of the derivative at zero."""
        return 2.0 * self._l1

    def critical_alpha(self, v):
        """Return ``|v| / l1_ratio``."""
        if self.l1_ratio == 0:
            return np.where(v == 0, 0.0, np.inf)
        return abs(v) / self.l1_ratio

    def with_alpha(self, alpha):
        """Return the elastic net of the same ratio with strength `alpha`."""
        return ElasticNet(alpha, self.l1_ratio)


@record
class Box(NamedTuple):
    """Constraint ``low <= w <= high``; costs nothing inside.

    Parameters
    ----------
    low : float, default=0.0
        Lower bound; at most zero.
    high : float, default=inf
        Upper bound; at least zero.

    Examples
    --------
    >>> from sparsekit.penalties import Box
    >>> float(Box(low=-1.0, high=1.0).prox(2.0, 1.0))
    1.0
    """

    low: float = 0.0
    high: float = np.inf

    def value(self, w):
        """Return zero inside the box and infinity outside."""
        return where((w < self.low) | (w > self.high), np.inf, 0.0)

    def prox(self, v, step):
        """Return the nearest point of the box."""
        return clip(v, self.low, self.high)

    def conjugate(self, v):
        """Return the larger of ``low * v`` and ``high * v``."""
        bound = np.where(v < 0, self.low, np.where(v > 0, self.high, 0.0))
        return bound * v

    @property
    def reach(self):
        """Half width of the interval where the conjugate is finite."""
        return np.inf if np.isfinite([self.low, self.high]).all() else 0.0

    def dual_scale(self, v, w):
        """Return one: scaling a gradient does not bring it nearer to the box."""
        return np.ones_like(v)

    def slack(self, v):
        """Return minus the gradient that a coefficient at zero would follow."""
        return -np.maximum(np.where(self.high > 0, v, 0.0), np.where(self.low < 0, -v, 0.0))
