"""The wavelet transform of many signals or images at once, and its way back."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

MODES = (
    "antireflect",
    "antisymmetric",
    "constant",
    "periodic",
    "periodization",
    "reflect",
    "smooth",
    "symmetric",
    "zero",
)


def require_pywt() -> Any:
    """Import ``pywt``, or say which extra brings it."""
    try:
        return import_module("pywt")
    except ImportError as error:
        raise ImportError(
            'WaveletShrinkage needs PyWavelets. Install it with: pip install "sparsekit[wavelet]"'
        ) from error


class Level(NamedTuple):
    """The details of one level."""

    shape: tuple[int, ...]  # of the array that was split
    bands: dict[str, np.ndarray]  # PyWavelets' keys: "d", or "ad", "da", "dd" of images


@dataclass(frozen=True)
class WaveletTransform:
    """Splits the last axes of an array `n_levels` times; levels count from the finest."""

    wavelet: str
    mode: str
    n_levels: int
    n_axes: int

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes that are split."""
        return tuple(range(-self.n_axes, 0))

    def decompose(self, signals: np.ndarray) -> tuple[np.ndarray, list[Level]]:
        """Return the coarse approximations and the levels of details, new arrays all of them."""
        dwtn = require_pywt().dwtn
        approximation, levels = signals, []
        for _ in range(self.n_levels):
            shape = approximation.shape
            bands = dwtn(approximation, self.wavelet, mode=self.mode, axes=self.axes)
            approximation = bands.pop("a" * self.n_axes)
            levels.append(Level(shape, bands))
        return approximation, levels

    def reconstruct(self, approximation: np.ndarray, levels: list[Level]) -> np.ndarray:
        """Return the signals with these approximations and details."""
        idwtn = require_pywt().idwtn
        for shape, bands in reversed(levels):
            bands = {**bands, "a" * self.n_axes: approximation}
            signals = idwtn(bands, self.wavelet, mode=self.mode, axes=self.axes)
            # Odd lengths come back one too long.
            approximation = signals[tuple(slice(size) for size in shape)]
        return approximation


def find_wavelet(name: str) -> Any:
    """Return PyWavelets' filters of that name, or raise ValueError."""
    pywt = require_pywt()
    try:
        return pywt.Wavelet(name)
    except ValueError as error:
        raise ValueError(
            f"wavelet={name!r} is not a discrete wavelet of PyWavelets. Take one of "
            '`pywt.wavelist(kind="discrete")`, for instance "sym8", "db4" or "haar".'
        ) from error


def choose_n_levels(n_levels: int | None, shape: tuple[int, ...], filters: Any) -> int:
    """Return the number of levels for signals of that shape, by default as deep as makes sense.

    That is down to where an approximation is no longer than the filter, but one level at least;
    the most that may be asked for leaves one value.
    """
    size = min(shape)
    most = (size - 1).bit_length()
    if n_levels is None:
        deepest = (size // (filters.dec_len - 1)).bit_length() - 1
        return min(max(deepest, 1), most)
    if n_levels > most:
        raise ValueError(
            f"n_levels={n_levels} is too deep for {_describe(shape)}, which can be halved {most} "
            f"times. Pass a smaller `n_levels`, or None."
        )
    return n_levels


def _describe(shape: tuple[int, ...]) -> str:
    if len(shape) == 1:
        return f"signals of length {shape[0]}"
    return f"images of {shape[0]} x {shape[1]} pixels"
