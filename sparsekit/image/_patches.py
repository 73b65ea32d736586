"""Patches of an image as rows of a matrix, and the image that overlapping patches agree on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state

from sparsekit.image._grid import BATCH_SIZE, PatchGrid, check_image, check_image_shape

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def extract_patches(
    image: ArrayLike,
    patch_size: int | tuple[int, int],
    *,
    step: int | tuple[int, int] = 1,
    max_patches: int | float | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> np.ndarray:
    """Copy patches of an image into the rows of a matrix.

    The rows are those of :func:`sklearn.feature_extraction.image.extract_patches_2d`, flattened:
    an estimator takes them as its X.

    Parameters
    ----------
    image : array-like of shape (height, width) or (height, width, n_channels)
        The image, of any real dtype.
    patch_size : int or tuple of (int, int)
        Height and width of a patch; one number for square patches.
    step : int or tuple of (int, int), default=1
        Pixels from one patch to the next, down and across. The last patches of a row or column end
        at the border of the image whatever the step, so that no pixel is left out as long as
        `step` does not exceed `patch_size`.
    max_patches : int or float, default=None
        At most how many patches to take, at random and without replacement, or which share of them
        if it is a float between 0 and 1. If None, all.
    random_state : int, RandomState instance or None, default=None
        Seed or generator of the random choice.

    Returns
    -------
    patches : ndarray of shape (n_patches, height * width * n_channels of a patch)
        A copy, in the dtype of the image. Row by row of the image, also where `max_patches` takes
        some of them.

    Raises
    ------
    ValueError
        If the image has no such shape, or the patches do not fit into it.

    See Also
    --------
    iterate_patches : The same rows block by block, for images whose patches fill the memory.
    reconstruct_from_patches : The way back.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsekit.image import extract_patches
    >>> extract_patches(np.arange(12).reshape(3, 4), (2, 3))
    array([[ 0,  1,  2,  4,  5,  6],
           [ 1,  2,  3,  5,  6,  7],
           [ 4,  5,  6,  8,  9, 10],
           [ 5,  6,  7,  9, 10, 11]])
    """
    image = check_image(image)
    grid = PatchGrid.over(image.shape, patch_size, step)
    return grid.gather(image, choose_places(grid, max_patches, random_state))


def iterate_patches(
    image: ArrayLike,
    patch_size: int | tuple[int, int],
    *,
    step: int | tuple[int, int] = 1,
    batch_size: int = BATCH_SIZE,
) -> Iterator[np.ndarray]:
    """Yield the patches of an image block by block.

    All patches of an image take as many times its memory as a patch has pixels. This copies
    `batch_size` of them at a time, for `partial_fit` or for :func:`reconstruct_from_patches`.

    Parameters
    ----------
    image : array-like of shape (height, width) or (height, width, n_channels)
        The image, of any real dtype.
    patch_size : int or tuple of (int, int)
        Height and width of a patch.
    step : int or tuple of (int, int), default=1
        Pixels from one patch to the next, as in :func:`extract_patches`.
    batch_size : int, default=8192
        Most patches of a block; at least 1.

    Returns
    -------
    blocks : iterator of ndarray of shape (n_patches, n_features)
        One after another, the rows of what :func:`extract_patches` returns.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsekit.image import iterate_patches
    >>> image = np.zeros((64, 48))
    >>> [len(patches) for patches in iterate_patches(image, 8, batch_size=1000)]
    [1000, 1000, 337]
    """
    image = check_image(image)
    grid = PatchGrid.over(image.shape, patch_size, step)
    _refuse_less_than_one(batch_size, "batch_size")
    # Checked at the call already, not at the first `next`.
    return (grid.gather(image, np.arange(*block)) for block in grid.blocks(batch_size))


def reconstruct_from_patches(
    patches: ArrayLike | Iterator[ArrayLike],
    image_shape: Sequence[int],
    patch_size: int | tuple[int, int],
    *,
    step: int | tuple[int, int] = 1,
    weights: ArrayLike | None = None,
) -> np.ndarray:
    """Put overlapping patches back together: each pixel is the mean over the patches it is in.

    Parameters
    ----------
    patches : array-like of shape (n_patches, ...), or iterator over such blocks
        All patches of the image in the order of :func:`extract_patches`; each may be flattened
        or have the shape of a patch. An iterator need not hold more than one block at a time: see
        :func:`iterate_patches`.
    image_shape : tuple of int
        (height, width) or (height, width, n_channels) of the image.
    patch_size : int or tuple of (int, int)
        Height and width of a patch.
    step : int or tuple of (int, int), default=1
        Pixels from one patch to the next, as the patches were extracted; at most `patch_size`.
    weights : array-like of shape (n_patches,), default=None
        How much each patch counts in the means; not negative, and positive for at least one patch
        over each pixel. If None, all count the same.

    Returns
    -------
    image : ndarray of shape `image_shape`
        float32 if all patches are, else float64. Sums are taken in float64.

    Raises
    ------
    ValueError
        If the patches or weights are not as many, or not of the size, that the image has; or if
        a pixel is in no patch, or in none with a positive weight.

    See Also
    --------
    extract_patches : The way here.

    Examples
    --------
    The means over patches, each replaced by its own mean, make a smooth image:

    >>> import numpy as np
    >>> from sparsekit.image import iterate_patches, reconstruct_from_patches
    >>> image = np.zeros((5, 5))
    >>> image[2, 2] = 9.0
    >>> blocks = iterate_patches(image, 3)
    >>> smooth = (np.repeat(p.mean(axis=1, keepdims=True), 9, axis=1) for p in blocks)
    >>> reconstruct_from_patches(smooth, image.shape, 3)[2]
    array([1., 1., 1., 1., 1.])
    """
    check_image_shape(image_shape, "image_shape")
    grid = PatchGrid.over(image_shape, patch_size, step)
    if weights is not None:
        weights = _check_patch_weights(weights, grid)
    total, coverage, dtype, start = np.zeros(grid.shape), np.zeros(grid.shape), np.float32, 0
    for block in _as_blocks(patches, grid):
        rows = _check_block(block, grid, start)
        dtype = np.result_type(dtype, rows.dtype)
        places = np.arange(start, start + len(rows))
        if weights is not None:
            heavy = np.repeat(weights[places, None], grid.n_features, axis=1)
            grid.paste(heavy, places, coverage)
            rows = rows * heavy
        grid.paste(rows, places, total)
        start += len(rows)
    if start != grid.n_patches:
        raise ValueError(f"The image has {grid.n_patches} patches; got {start} in `patches`.")
    total /= _divisors(grid.coverage if weights is None else coverage)
    return total.reshape(tuple(image_shape)).astype(dtype, copy=False)


def choose_places(
    grid: PatchGrid, max_patches: int | float | None, random_state: Any
) -> np.ndarray:
    """Return the numbers of the patches to take, rising."""
    if max_patches is None:
        return np.arange(grid.n_patches)
    share = isinstance(max_patches, Real) and not isinstance(max_patches, Integral)
    if share and 0 < max_patches <= 1:
        wanted = max(int(max_patches * grid.n_patches), 1)
    else:
        _refuse_less_than_one(max_patches, "max_patches")
        wanted = max_patches
    if wanted >= grid.n_patches:
        return np.arange(grid.n_patches)
    chosen = check_random_state(random_state).choice(grid.n_patches, wanted, replace=False)
    return np.sort(chosen)


def _refuse_less_than_one(value: Any, name: str) -> None:
    """Raise ValueError unless the value is a positive integer."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral) or value < 1:
        extra = ", or a share in (0, 1]" if name == "max_patches" else ""
        raise ValueError(f"`{name}` must be a positive integer{extra}; got {value!r}.")


def _as_blocks(patches: Any, grid: PatchGrid) -> Iterable[Any]:
    """Return an array as one block cut into pieces; an iterator of blocks as it is."""
    if not isinstance(patches, Iterator):
        patches = np.asarray(patches)
        size = grid.batch_size
        return (patches[start : start + size] for start in range(0, len(patches), size))
    return patches


def _check_block(block: Any, grid: PatchGrid, start: int) -> np.ndarray:
    """Return a block of patches as rows of float32 or float64."""
    block = np.asarray(block)
    if block.dtype.kind not in "buif":
        raise ValueError(f"`patches` must hold real numbers; got dtype {block.dtype}.")
    if block.ndim < 2 or int(np.prod(block.shape[1:])) != grid.n_features:
        raise ValueError(
            f"Each patch must have {grid.n_features} values; got `patches` of shape {block.shape}."
        )
    if start + len(block) > grid.n_patches:
        raise ValueError(
            f"The image has {grid.n_patches} patches; got at least {start + len(block)} in "
            "`patches`."
        )
    dtype = np.float32 if block.dtype == np.float32 else np.float64
    return np.ascontiguousarray(block.reshape(len(block), -1), dtype=dtype)


def _check_patch_weights(weights: Any, grid: PatchGrid) -> np.ndarray:
    """Return one finite, non-negative float64 weight per patch."""
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (grid.n_patches,):
        raise ValueError(
            f"`weights` must have shape ({grid.n_patches},), one weight for each patch; got "
            f"shape {weights.shape}."
        )
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError("`weights` must be finite and non-negative.")
    return weights


def _divisors(coverage: np.ndarray) -> np.ndarray:
    """Return the weight behind each pixel, refusing a pixel behind which there is none."""
    if not (coverage > 0).all():
        raise ValueError(
            "Some pixels are in no patch, or in none with a positive weight. Use a `step` of at "
            "most `patch_size`, and positive `weights`."
        )
    return coverage
