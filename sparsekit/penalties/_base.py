"""What every penalty promises to kernels, and the formulas that penalties share."""

from sparsekit._compile import helper, protocol, where


@protocol
def value(self, w):
    """Penalty of one coefficient."""


@protocol
def prox(self, v, step):
    """Minimiser over w of ``value(w) + (w - v)**2 / (2 * step)``."""


@helper
def soft_threshold(v, threshold):
    """Shrink `v` towards zero by `threshold`, and no further than zero."""
    return where(v > threshold, v - threshold, where(v < -threshold, v + threshold, 0.0))


@helper
def clip(v, low, high):
    """Move `v` to the nearest point of [low, high]."""
    return where(v < low, low, where(v > high, high, v))
