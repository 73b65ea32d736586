"""Wavelet coefficients shrunk: the noise and the threshold of each band of each signal."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from sparsekit.thresholding._noise import NOISE
from sparsekit.thresholding._rules import NOISELESS, RuleOptions, thresholds_of
from sparsekit.thresholding._shapes import shrink
from sparsekit.thresholding._vectors import Vectors
from sparsekit.thresholding._wavelet_transform import WaveletTransform

# Values of signals that are transformed together: what is in flight stays in the cache.
BLOCK = 1 << 18
# Modes that take a signal for one period, so that a shift of it runs round.
CIRCULAR_MODES = {"periodic", "periodization"}


@dataclass(frozen=True)
class Shrinkage:
    """What becomes of the bands of details, each a matrix with one row for each signal."""

    rule: str
    options: RuleOptions
    shape: str
    firm_ratio: float
    noise: str | float
    noise_band: str
    by_level: bool

    def __call__(self, bands: list[np.ndarray], finest: np.ndarray) -> list[np.ndarray]:
        """Return the bands shrunk; `finest` is the one that is noise for the most part."""
        return [
            shrink(band, threshold[:, None], self.shape, firm_ratio=self.firm_ratio)
            for band, threshold in zip(bands, self._thresholds(bands, finest))
        ]

    def _thresholds(self, bands: list[np.ndarray], finest: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the thresholds of each band, one for each signal."""
        if self.noise_band == "each":
            for vectors in map(Vectors.from_rows, bands):
                yield self._threshold(vectors, self._sigma(vectors))
            return
        sample = np.hstack(bands) if self.noise_band == "all" else finest
        sigma = self._sigma(Vectors.from_rows(sample))
        if self.by_level:
            for vectors in map(Vectors.from_rows, bands):
                yield self._threshold(vectors, sigma)
            return
        common = self._threshold(Vectors.from_rows(np.hstack(bands)), sigma)
        yield from [common] * len(bands)

    def _sigma(self, vectors: Vectors) -> np.ndarray:
        """Return the noise of each signal, as seen in these vectors."""
        if self.rule in NOISELESS:
            return np.zeros(len(vectors))
        if isinstance(self.noise, str):
            return NOISE[self.noise](vectors)
        return np.full(len(vectors), float(self.noise))

    def _threshold(self, vectors: Vectors, sigma: np.ndarray) -> np.ndarray:
        """Return the threshold of each vector."""
        fixed = self.options.threshold
        own = None if fixed is None else np.full(len(vectors), fixed, dtype=np.float64)
        return thresholds_of(vectors, self.rule, sigma, replace(self.options, threshold=own))


def denoise_signals(
    signals: np.ndarray, transform: WaveletTransform, shrinkage: Shrinkage, n_shifts: int
) -> np.ndarray:
    """Return the signals, along the first axis, with less noise; a mean over shifts.

    Coifman, Donoho (1995), "Translation-invariant de-noising".
    """
    if transform.n_levels == 0:
        return signals.copy()
    shifted = _rolled if transform.mode in CIRCULAR_MODES else _padded
    denoised = np.zeros_like(signals)
    step = max(BLOCK // signals[0].size, 1)
    for start in range(0, len(signals), step):
        block, total = signals[start : start + step], denoised[start : start + step]
        for shift in product(range(n_shifts), repeat=transform.n_axes):
            total += shifted(block, shift, lambda x: _denoise(x, transform, shrinkage))
        total /= n_shifts**transform.n_axes
    return denoised


def _denoise(signals: np.ndarray, transform: WaveletTransform, shrinkage: Shrinkage) -> np.ndarray:
    """Transform, shrink and transform back."""
    approximation, levels = transform.decompose(signals)
    places = [(level.bands, name) for level in levels for name in level.bands]
    rows = [bands[name].reshape(len(signals), -1) for bands, name in places]
    finest = levels[0].bands["d" * transform.n_axes].reshape(len(signals), -1)
    for (bands, name), shrunk in zip(places, shrinkage(rows, finest)):
        bands[name] = shrunk.reshape(bands[name].shape)
    return transform.reconstruct(approximation, levels)


Denoiser = Callable[[np.ndarray], np.ndarray]


def _rolled(signals: np.ndarray, shift: tuple[int, ...], denoise: Denoiser) -> np.ndarray:
    """Denoise the signals shifted with their ends joined, and shift back."""
    axes = tuple(range(1, signals.ndim))
    return np.roll(denoise(np.roll(signals, shift, axes)), [-step for step in shift], axes)


def _padded(signals: np.ndarray, shift: tuple[int, ...], denoise: Denoiser) -> np.ndarray:
    """Denoise the signals with a mirror image in front, and cut it off: no jump where ends meet."""
    widths = [(0, 0), *((step, 0) for step in shift)]
    denoised = denoise(np.pad(signals, widths, mode="symmetric"))
    return denoised[(slice(None), *(slice(step, None) for step in shift))]
