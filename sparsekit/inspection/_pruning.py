"""PruningMaskDisplay: which weights of a network are kept, layer by layer."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_array, check_scalar

from sparsekit.inspection._axes import load_ticker, require_pyplot
from sparsekit.inspection._pruned import find_network, kept_by_input, kept_shares, share_kept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage
    from sklearn.base import BaseEstimator

_PER_ROW = 4  # panels side by side
_PANEL_WIDTH, _PANEL_HEIGHT = 3.1, 3.1  # inches
_LOOK = {"cmap": "Blues", "interpolation": "nearest"}


class PruningMaskDisplay:
    """Picture of a pruned network: which weights of each layer are kept.

    Every layer has a panel, inputs from top to bottom and outputs from left to right. Of a layer
    with few units every weight is drawn; a larger one is drawn as a grid, each cell as dark as the
    share of its weights that is kept. Blank rows are inputs that nothing reads, blank columns units
    that nothing feeds.

    Where inputs are pixels, a panel before the others shows how many weights of each pixel are
    kept: what the network still looks at.

    Create it with :meth:`from_estimator` or :meth:`from_masks`.

    Parameters
    ----------
    masks : list of {ndarray, sparse array} of shape (inputs, outputs)
        Of each layer, what is kept: true, or not zero.
    image_shape : (int, int) or None, default=None
        Height and width of the images that are the inputs; None if they are none.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One for each layer.
    images_ : list of matplotlib AxesImage
        What is kept of each layer.
    pixel_ax_ : matplotlib Axes or None
        Where the weights of each pixel are drawn.
    pixel_image_ : matplotlib AxesImage or None
        How many weights of each pixel are kept.
    figure_ : matplotlib Figure
        The figure around them.

    See Also
    --------
    SparsityAccuracyDisplay : What the removed weights cost, and what they bring.
    sparsekit.pruning.MLPPruner : Makes the masks.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsekit.inspection import PruningMaskDisplay
    >>> masks = [np.eye(4, 6, dtype=bool), np.ones((6, 2), dtype=bool)]
    >>> display = PruningMaskDisplay.from_masks(masks, image_shape=(2, 2))
    >>> display.pixel_image_.get_array().tolist()
    [[1, 1], [1, 1]]
    >>> display.images_[0].get_array().shape
    (4, 6)
    """

    def __init__(self, *, masks: list[Any], image_shape: tuple[int, int] | None = None) -> None:
        self.masks = masks
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        *,
        image_shape: tuple[int, int] | None = None,
        max_cells: int = 64,
        ax: Axes | Sequence[Axes] | None = None,
        image_kw: dict[str, Any] | None = None,
    ) -> PruningMaskDisplay:
        """Draw what a fitted estimator keeps.

        Parameters
        ----------
        estimator : estimator object
            A fitted :class:`~sparsekit.pruning.MLPPruner`, or a network with ``coefs_``, also as a
            step of a fitted pipeline or as the best estimator of a search.
        image_shape : (int, int), default=None
            Height and width of the images that are the inputs. Given, the weights of each pixel
            are drawn as well.
        max_cells : int, default=64
            At most how many cells stand along a side of a panel; layers with more units than that
            are drawn as shares.
        ax : matplotlib Axes or sequence of them, default=None
            One for each layer, after one for the pixels if `image_shape` is given; a new figure if
            None.
        image_kw : dict, default=None
            Further arguments for matplotlib's ``imshow``.

        Returns
        -------
        display : PruningMaskDisplay
            With the picture in `axes_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If there is no network in the estimator.
        ValueError
            If the inputs are no images of `image_shape`.
        """
        require_pyplot(f"{cls.__name__}.from_estimator")
        network = find_network(estimator, ("masks_", "coefs_"))
        masks = network.masks_ if hasattr(network, "masks_") else network.coefs_
        display = cls(masks=masks, image_shape=_check_image_shape(image_shape, masks[0].shape[0]))
        return display.plot(ax=ax, max_cells=max_cells, image_kw=image_kw)

    @classmethod
    def from_masks(
        cls,
        masks: Sequence,
        *,
        image_shape: tuple[int, int] | None = None,
        max_cells: int = 64,
        ax: Axes | Sequence[Axes] | None = None,
        image_kw: dict[str, Any] | None = None,
    ) -> PruningMaskDisplay:
        """Draw masks, or weights, from anywhere.

        Parameters
        ----------
        masks : sequence of {array-like, sparse matrix, sparse array} of shape (inputs, outputs)
            Of each layer, what is kept: true, or not zero.
        image_shape : (int, int), default=None
            Height and width of the images that are the inputs. Given, the weights of each pixel
            are drawn as well.
        max_cells : int, default=64
            At most how many cells stand along a side of a panel; layers with more units than that
            are drawn as shares.
        ax : matplotlib Axes or sequence of them, default=None
            One for each layer, after one for the pixels if `image_shape` is given; a new figure if
            None.
        image_kw : dict, default=None
            Further arguments for matplotlib's ``imshow``.

        Returns
        -------
        display : PruningMaskDisplay
            With the picture in `axes_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are no masks, or the inputs are no images of `image_shape`.
        """
        require_pyplot(f"{cls.__name__}.from_masks")
        masks = [
            check_array(mask, accept_sparse="csr", dtype=None, input_name="masks") for mask in masks
        ]
        if not masks:
            raise ValueError("`masks` must hold one matrix for each layer; got none.")
        display = cls(masks=masks, image_shape=_check_image_shape(image_shape, masks[0].shape[0]))
        return display.plot(ax=ax, max_cells=max_cells, image_kw=image_kw)

    def plot(
        self,
        ax: Axes | Sequence[Axes] | None = None,
        *,
        max_cells: int = 64,
        image_kw: dict[str, Any] | None = None,
    ) -> PruningMaskDisplay:
        """Draw a panel for each layer.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, default=None
            One for each layer, after one for the pixels if there are any; a new figure if None.
        max_cells : int, default=64
            At most how many cells stand along a side of a panel.
        image_kw : dict, default=None
            Further arguments for matplotlib's ``imshow``.

        Returns
        -------
        display : PruningMaskDisplay
            This object, with its attributes renewed.
        """
        pyplot = require_pyplot(f"{type(self).__name__}.plot")
        check_scalar(max_cells, "max_cells", Integral, min_val=1)
        n_before = int(self.image_shape is not None)
        n_panels = n_before + len(self.masks)
        panels = _new_panels(pyplot, n_panels) if ax is None else ax
        panels = np.atleast_1d(np.asarray(panels, dtype=object)).ravel()
        if len(panels) != n_panels:
            raise ValueError(
                f"`ax` must hold one matplotlib Axes for each of the {n_panels} panels; got "
                f"{len(panels)}."
            )
        self.axes_, self.figure_ = panels[n_before:], panels[0].figure
        look = _LOOK | (image_kw or {})
        self.pixel_ax_ = self.pixel_image_ = None
        if n_before:
            self.pixel_ax_ = panels[0]
            self.pixel_image_ = self._draw_pixels(panels[0], look)
        self.images_ = [
            _draw_layer(panel, k, mask, max_cells, look)
            for k, (panel, mask) in enumerate(zip(self.axes_, self.masks, strict=True))
        ]
        return self

    def _draw_pixels(self, ax: Axes, look: dict[str, Any]) -> AxesImage:
        """Draw how many weights of each pixel are kept."""
        counts = kept_by_input(self.masks[0])
        limits = {"vmin": 0, "vmax": max(counts.max(), 1)}
        image = ax.imshow(counts.reshape(self.image_shape), **(limits | look))
        ax.set_xticks([])
        ax.set_yticks([])
        unread = int(np.count_nonzero(counts == 0))
        ax.set_title(f"{len(counts):,} inputs\n{unread:,} without weights", fontsize="medium")
        bar = ax.figure.colorbar(image, ax=ax, shrink=0.8)
        bar.set_label("weights kept, by pixel", fontsize="small")
        bar.set_ticks(load_ticker().MaxNLocator("auto", integer=True))
        return image


def _draw_layer(ax: Axes, layer: int, mask: Any, max_cells: int, look: dict[str, Any]) -> AxesImage:
    """Draw the weights of a layer, or the shares of them that its cells keep."""
    shares, (height, width) = kept_shares(mask, max_cells)
    n_inputs, n_outputs = mask.shape
    ends = (-0.5, shares.shape[1] * width - 0.5, shares.shape[0] * height - 0.5, -0.5)
    limits = {"vmin": 0.0, "vmax": shares.max() or 1.0, "extent": ends, "aspect": "auto"}
    image = ax.imshow(shares, **(limits | look))
    ax.set_xlim(-0.5, n_outputs - 0.5)
    ax.set_ylim(n_inputs - 0.5, -0.5)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(load_ticker().MaxNLocator("auto", integer=True))
    ax.set_xlabel("output")
    ax.set_ylabel("input")
    kept = share_kept(mask)
    ax.set_title(f"layer {layer}: {n_inputs:,} × {n_outputs:,}\n{kept:.1%} kept", fontsize="medium")
    if height * width > 1:
        bar = ax.figure.colorbar(image, ax=ax, shrink=0.8, format="{x:.0%}")
        bar.set_label(f"kept of {height} × {width} weights", fontsize="small")
    return image


def _check_image_shape(
    image_shape: tuple[int, int] | None, n_inputs: int
) -> tuple[int, int] | None:
    """Return the shape of the images that the inputs are."""
    if image_shape is None:
        return None
    shape = tuple(image_shape)
    if len(shape) != 2 or shape[0] * shape[1] != n_inputs:
        raise ValueError(
            f"`image_shape` must be (height, width) with {n_inputs} pixels; got {image_shape!r}."
        )
    return shape


def _new_panels(pyplot: Any, n_panels: int) -> np.ndarray:
    """Return the axes of a new figure, as many as there are panels."""
    n_columns = min(n_panels, _PER_ROW)
    n_rows = -(-n_panels // n_columns)
    size = _PANEL_WIDTH * n_columns, _PANEL_HEIGHT * n_rows
    _, grid = pyplot.subplots(n_rows, n_columns, figsize=size, layout="constrained", squeeze=False)
    for empty in grid.ravel()[n_panels:]:
        empty.remove()
    return grid.ravel()[:n_panels]
