"""Where the patches of an image lie, and the kernel that pastes them back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from sparsekit._compile import kernel
from sparsekit._validation._arrays import refuse_foreign

# Most patches, and most values of patches, that are worked on together.
BATCH_SIZE = 8192
BATCH_VALUES = 1 << 21


@dataclass(frozen=True)
class PatchGrid:
    """Corners of all patches of an image, row by row of the image.

    Channels are folded into the width, so that an image is a matrix and a row of a patch one run
    of memory: a colour image of width w has a matrix of width 3 w, and columns of patches stand
    3 steps apart.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the matrix.
    size : tuple of int
        Height and width of a patch in the matrix.
    n_channels : int
        Number of channels.
    tops : ndarray of shape (n_rows,)
        First row of each row of patches.
    lefts : ndarray of shape (n_columns,)
        First column of the matrix of each column of patches.
    """

    shape: tuple[int, int]
    size: tuple[int, int]
    n_channels: int
    tops: np.ndarray
    lefts: np.ndarray

    @classmethod
    def over(cls, image_shape: Sequence[int], patch_size: Any, step: Any) -> "PatchGrid":
        """Lay patches over an image, the last ones at its border whatever the step."""
        height, width, *channels = image_shape
        n_channels = channels[0] if channels else 1
        size = as_pair(patch_size, "patch_size")
        steps = as_pair(step, "step")
        if size[0] > height or size[1] > width:
            raise ValueError(
                f"`patch_size` must fit into the image of {height} x {width} pixels; "
                f"got {patch_size!r}."
            )
        tops, lefts = (
            _starts(length, edge, stride)
            for length, edge, stride in zip((height, width), size, steps)
        )
        shape, size = ((rows, columns * n_channels) for rows, columns in ((height, width), size))
        return cls(shape, size, n_channels, tops, lefts * n_channels)

    @property
    def n_patches(self) -> int:
        """Number of patches."""
        return len(self.tops) * len(self.lefts)

    @property
    def n_features(self) -> int:
        """Number of values of one patch."""
        return self.size[0] * self.size[1]

    @property
    def batch_size(self) -> int:
        """How many patches to work on together: their values stay in the cache, or nearly so."""
        return max(1, min(BATCH_SIZE, BATCH_VALUES // self.n_features))

    @cached_property
    def coverage(self) -> np.ndarray:
        """How many patches each value of the image belongs to, as a matrix."""
        rows, columns = (
            _counts(length, edge, starts)
            for length, edge, starts in zip(self.shape, self.size, (self.tops, self.lefts))
        )
        # Columns step by whole pixels, so channels beyond the first count as their pixel does.
        return np.multiply.outer(rows, columns)

    def corners(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return first rows and first columns of the patches with the given numbers."""
        rows, columns = np.divmod(places, len(self.lefts))
        return self.tops[rows], self.lefts[columns]

    def blocks(self, batch_size: int) -> Iterable[tuple[int, int]]:
        """Return (start, stop) of blocks of patches."""
        starts = range(0, self.n_patches, batch_size)
        return [(start, min(start + batch_size, self.n_patches)) for start in starts]

    def gather(self, image: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Copy the patches with the given numbers, one per row."""
        windows = sliding_window_view(image.reshape(self.shape), self.size)
        return windows[self.corners(places)].reshape(len(places), self.n_features)

    def paste(self, patches: np.ndarray, places: np.ndarray, total: np.ndarray) -> None:
        """Add patches, one per row, to the matrix `total` of this shape."""
        paste_patches(patches, *self.corners(places), *self.size, total)


@kernel
def paste_patches(patches, tops, lefts, height, width, total):
    """Add each row of `patches` to the window of `total` whose corner is given."""
    for p in range(patches.shape[0]):
        top, left = tops[p], lefts[p]
        for i in range(height):
            for j in range(width):
                total[top + i, left + j] += patches[p, i * width + j]


def as_pair(value: Any, name: str) -> tuple[int, int]:
    """Return a positive number for both axes as a pair; pairs stay."""
    pair = (value, value) if isinstance(value, Integral) else value
    try:
        pair = tuple(pair)
    except TypeError:
        pair = ()
    whole = all(isinstance(v, Integral) and not isinstance(v, bool | np.bool_) for v in pair)
    if len(pair) != 2 or not whole or min(pair) < 1:
        raise ValueError(f"`{name}` must be one or two positive integers; got {value!r}.")
    return int(pair[0]), int(pair[1])


def check_image(image: Any, name: str = "image") -> np.ndarray:
    """Return an image of real numbers as a C-contiguous array of two or three dimensions."""
    refuse_foreign(image, name)
    image = np.asarray(image)
    if image.dtype.kind not in "buif":
        raise ValueError(f"`{name}` must hold real numbers; got dtype {image.dtype}.")
    check_image_shape(image.shape, name)
    # A big-endian file read by memory map is no dtype that kernels know.
    return np.ascontiguousarray(image, dtype=image.dtype.newbyteorder("="))


def check_finite_image(image: Any, name: str = "image") -> np.ndarray:
    """Return an image as float32 or float64, refusing NaN and infinity."""
    image = check_image(image, name)
    image = image.astype(float_dtype(image.dtype), copy=False)
    if not np.isfinite(image).all():
        raise ValueError(f"`{name}` contains NaN or infinity. Fill in these pixels first.")
    return image


def float_dtype(dtype: np.dtype) -> type:
    """Return float32 for values that it holds exactly, else float64."""
    return np.float32 if np.can_cast(dtype, np.float32, "safe") else np.float64


def check_image_shape(shape: Sequence[int], name: str) -> None:
    """Raise ValueError unless a shape is (height, width) or (height, width, n_channels)."""
    if len(shape) not in (2, 3) or min(shape) < 1:
        raise ValueError(
            f"`{name}` must have shape (height, width) or (height, width, n_channels); "
            f"got {tuple(shape)}."
        )


def _starts(length: int, edge: int, stride: int) -> np.ndarray:
    """Return where patches start along one axis; the last one ends at the border."""
    starts = np.arange(0, length - edge + 1, stride)
    return starts if starts[-1] == length - edge else np.append(starts, length - edge)


def _counts(length: int, edge: int, starts: np.ndarray) -> np.ndarray:
    """Return how many of the stretches of one length hold each place of an axis."""
    change = np.zeros(length + 1, dtype=np.intp)
    np.add.at(change, starts, 1)
    np.add.at(change, starts + edge, -1)
    return np.cumsum(change[:-1])
