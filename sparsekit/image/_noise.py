"""The level of white noise in an image, read from its finest differences."""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING

import numpy as np

from sparsekit.image._grid import check_finite_image

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_ORDER = 4  # of the differences: smooth parts and straight edges vanish, most texture too
_NORMAL_MEDIAN = 0.6744897501960817  # of the absolute value of a standard normal number


def estimate_sigma(image: ArrayLike) -> float:
    """Estimate the standard deviation of white noise in an image.

    The median of the absolute fourth differences down and across, scaled so that it is right for
    normal noise alone. A picture adds to few of them, so its share in the median is small; what
    remains makes the estimate too large where noise is weak or fine texture fills the image.
    Differences that are exactly zero do not count: they come from areas without noise, such as
    the empty background of a scan.

    Parameters
    ----------
    image : array-like of shape (height, width) or (height, width, n_channels)
        At least 2 pixels high and wide. The noise of all channels counts as alike.

    Returns
    -------
    sigma : float
        In the units of the image; 0 for an image that is smooth throughout.

    Raises
    ------
    ValueError
        If the image has no such shape, or holds NaN or infinity.

    References
    ----------
    Donoho, Johnstone (1994), "Ideal spatial adaptation by wavelet shrinkage": the median of the
    finest details. Immerkaer (1996), "Fast noise variance estimation": differences down and across
    instead of wavelets.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsekit.image import estimate_sigma
    >>> down, across = np.mgrid[:128, :128] / 128
    >>> noise = np.random.default_rng(0).standard_normal((128, 128))
    >>> round(estimate_sigma(100 * np.sin(6 * down) * across + 5 * noise), 1)
    5.0
    """
    image = check_finite_image(image)
    order = min(_ORDER, image.shape[0] - 1, image.shape[1] - 1)
    if order < 1:
        raise ValueError(
            f"`image` must be at least 2 pixels high and wide; got shape {image.shape}."
        )
    details = np.diff(np.diff(image, order, axis=0), order, axis=1)
    sizes = np.abs(details[details != 0])
    if sizes.size == 0:
        return 0.0
    # The squared weights of an order's differences sum to comb(2 order, order), on each axis.
    return float(np.median(sizes) / (_NORMAL_MEDIAN * comb(2 * order, order)))
