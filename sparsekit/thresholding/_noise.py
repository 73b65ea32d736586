"""The standard deviation of the noise, estimated from the data."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sparsekit.thresholding._vectors import Vectors, along_axis

# The upper quartile of the standard normal distribution.
QUARTILE = 0.6744897501960817


def median_deviation(vectors: Vectors) -> np.ndarray:
    """Return the median distance from the median, scaled to the noise of a normal sample."""
    places, rows = vectors.at_least_half_full()
    rows -= np.median(rows, axis=1, keepdims=True)
    return _scaled_medians(vectors, places, np.abs(rows, out=rows))


def median_magnitude(vectors: Vectors) -> np.ndarray:
    """Return the median distance from zero, scaled to the noise of a normal sample."""
    places, rows = vectors.at_least_half_full()
    return _scaled_medians(vectors, places, np.abs(rows, out=rows))


def standard_deviation(vectors: Vectors) -> np.ndarray:
    """Return the root mean square distance from the mean."""
    mean = vectors.sums(vectors.values) / vectors.size
    centred = vectors.values - np.repeat(mean, vectors.counts)
    total = vectors.sums(centred**2) + (vectors.size - vectors.counts) * mean**2
    return np.sqrt(total / vectors.size)


def _scaled_medians(vectors: Vectors, places: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return medians over the quartile; of vectors with a majority of zeros both medians are 0."""
    noise = np.zeros(len(vectors))
    noise[places] = np.median(rows, axis=1, overwrite_input=True) / QUARTILE
    return noise


NOISE = {"mad": median_deviation, "mad_zero": median_magnitude, "std": standard_deviation}


def estimate_noise(x: ArrayLike, method: str = "mad", axis: int | None = None) -> Any:
    """Estimate the standard deviation of the noise in data that are mostly noise.

    Parameters
    ----------
    x : {array-like, sparse matrix, sparse array}
        Finite real values, at least one. Zeros that a sparse matrix does not store count as well.
    method : {"mad", "mad_zero", "std"}, default="mad"
        "mad" is the median distance from the median, over 0.6745, the same for normal noise;
        "mad_zero" the median distance from zero, over 0.6745, for noise known to have mean zero,
        as wavelet coefficients have; "std" the standard deviation (over n, not n - 1), which
        large values inflate. Where more than half of the values are equal (for "mad_zero": are
        zero) the medians are zero.
    axis : int, default=None
        Axis along which to estimate; None takes all values together.

    Returns
    -------
    sigma : float or ndarray
        One float64 for each vector along `axis`.

    References
    ----------
    Donoho, Johnstone (1994), "Ideal spatial adaptation by wavelet shrinkage".

    Examples
    --------
    >>> import numpy as np
    >>> from sparsekit.thresholding import estimate_noise
    >>> x = np.random.default_rng(0).normal(scale=2.0, size=1000)
    >>> x[:20] += 100.0
    >>> round(estimate_noise(x), 1)
    2.0
    """
    if method not in NOISE:
        raise ValueError(f"`method` must be one of {sorted(NOISE)}; got {method!r}.")
    return along_axis(lambda vectors, own: NOISE[method](vectors), x, axis)
