"""Set small values to zero: shapes, rules that choose the threshold, and transformers."""

from sparsekit.thresholding._noise import estimate_noise
from sparsekit.thresholding._rules import choose_threshold
from sparsekit.thresholding._shapes import firm, garrote, hard, shrink, soft
from sparsekit.thresholding._thresholder import Thresholder
from sparsekit.thresholding._wavelet import WaveletShrinkage, denoise

__all__ = [
    "Thresholder",
    "WaveletShrinkage",
    "choose_threshold",
    "denoise",
    "estimate_noise",
    "firm",
    "garrote",
    "hard",
    "shrink",
    "soft",
]
