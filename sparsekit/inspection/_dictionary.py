"""DictionaryDisplay: the atoms of a dictionary as a mosaic of small images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_array, column_or_1d

from sparsekit.inspection._axes import require_pyplot
from sparsekit.inspection._codes import count_use, find_coder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike
    from sklearn.base import BaseEstimator

# Inches: of a pixel where there is room, of the shorter and the longer side, and of the title.
_INCHES_PER_PIXEL = 0.04
_SMALLEST, _LARGEST, _TITLE = 3.0, 7.0, 0.35


class DictionaryDisplay:
    """Picture of a dictionary: every atom is an image, and the images make a mosaic.

    Where it is known how many samples use each atom, the most used stand first, row by row, and
    atoms that none uses stand last. Each atom has its own contrast: grey is zero where
    atoms have both signs, black where they have one. Colour atoms are shown in colour.

    Create it with :meth:`from_estimator` or :meth:`from_components`.

    Parameters
    ----------
    components : ndarray of shape (n_atoms, n_features)
        The atoms.
    image_shape : tuple of int
        (height, width) or (height, width, 3) of an atom.
    use : ndarray of shape (n_atoms,) or None, default=None
        How many samples use each atom.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the mosaic is drawn.
    figure_ : matplotlib Figure
        The figure around it.
    image_ : matplotlib AxesImage
        The mosaic.
    order_ : ndarray of int
        The atoms as they are drawn, row by row.

    See Also
    --------
    CodeDisplay : How often atoms are used, and what they leave over.

    References
    ----------
    Olshausen, Field (1996), "Emergence of simple-cell receptive field properties by learning a
    sparse code for natural images": such a mosaic.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsekit.inspection import DictionaryDisplay
    >>> atoms = np.random.default_rng(0).standard_normal((6, 16))
    >>> display = DictionaryDisplay.from_components(atoms, use=[3, 0, 8, 1, 9, 4])
    >>> display.image_shape
    (4, 4)
    >>> display.order_
    array([4, 2, 5, 0, 3, 1])
    """

    def __init__(
        self,
        *,
        components: np.ndarray,
        image_shape: tuple[int, ...],
        use: np.ndarray | None = None,
    ) -> None:
        self.components = components
        self.image_shape = image_shape
        self.use = use

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Any = None,
        *,
        image_shape: tuple[int, ...] | None = None,
        max_atoms: int | None = None,
        n_columns: int | None = None,
        ax: Axes | None = None,
        image_kw: dict[str, Any] | None = None,
    ) -> DictionaryDisplay:
        """Draw the atoms of a fitted estimator.

        Parameters
        ----------
        estimator : estimator object
            A fitted estimator with ``components_``, such as
            :class:`~sparsekit.decomposition.DictionaryLearning`, also as a step of a fitted
            pipeline or as the best estimator of a search.
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features), default=None
            Data, in the form the pipeline takes them: their codes tell how often each atom is used.
            If None, atoms are drawn in their own order.
        image_shape : tuple of int, default=None
            (height, width) of an atom, or (height, width, 3) if it has colours. If None, a square,
            in grey or in colour, of as many values as there are features.
        max_atoms : int, default=None
            At most how many atoms to draw, the most used; all if None.
        n_columns : int, default=None
            How many atoms stand in a row; about as many as there are rows if None.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure if None.
        image_kw : dict, default=None
            Further arguments for matplotlib's ``imshow``.

        Returns
        -------
        display : DictionaryDisplay
            With the picture in `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If there is no dictionary in the estimator.
        ValueError
            If atoms are no images of `image_shape`.
        """
        require_pyplot(f"{cls.__name__}.from_estimator")
        coder = find_coder(estimator, X)
        components = coder.components
        display = cls(
            components=components,
            image_shape=_image_shape(image_shape, components.shape[1]),
            use=None if X is None else count_use(coder.codes(), len(components)),
        )
        return display.plot(ax=ax, max_atoms=max_atoms, n_columns=n_columns, image_kw=image_kw)

    @classmethod
    def from_components(
        cls,
        components: ArrayLike,
        *,
        use: ArrayLike | None = None,
        image_shape: tuple[int, ...] | None = None,
        max_atoms: int | None = None,
        n_columns: int | None = None,
        ax: Axes | None = None,
        image_kw: dict[str, Any] | None = None,
    ) -> DictionaryDisplay:
        """Draw atoms from anywhere.

        Parameters
        ----------
        components : array-like of shape (n_atoms, n_features)
            One atom per row.
        use : array-like of shape (n_atoms,), default=None
            How often each atom is used; the most used are drawn first.
        image_shape : tuple of int, default=None
            (height, width) or (height, width, 3) of an atom; a square if None.
        max_atoms : int, default=None
            At most how many atoms to draw, the most used; all if None.
        n_columns : int, default=None
            How many atoms stand in a row; about as many as there are rows if None.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure if None.
        image_kw : dict, default=None
            Further arguments for matplotlib's ``imshow``.

        Returns
        -------
        display : DictionaryDisplay
            With the picture in `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the shapes do not agree.
        """
        require_pyplot(f"{cls.__name__}.from_components")
        components = check_array(components, dtype=np.float64, input_name="components")
        if use is not None:
            use = column_or_1d(use)
            if len(use) != len(components):
                raise ValueError(
                    f"`use` must have one count for each of the {len(components)} atoms; "
                    f"got {len(use)}."
                )
        display = cls(
            components=components,
            image_shape=_image_shape(image_shape, components.shape[1]),
            use=use,
        )
        return display.plot(ax=ax, max_atoms=max_atoms, n_columns=n_columns, image_kw=image_kw)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        max_atoms: int | None = None,
        n_columns: int | None = None,
        image_kw: dict[str, Any] | None = None,
    ) -> DictionaryDisplay:
        """Draw the mosaic.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure if None.
        max_atoms : int, default=None
            At most how many atoms to draw.
        n_columns : int, default=None
            How many atoms stand in a row.
        image_kw : dict, default=None
            Further arguments for matplotlib's ``imshow``.

        Returns
        -------
        display : DictionaryDisplay
            This object, with its attributes renewed.
        """
        pyplot = require_pyplot(f"{type(self).__name__}.plot")
        self.order_ = self._order()[:max_atoms]
        mosaic = self._mosaic(n_columns)
        if ax is None:
            _, ax = pyplot.subplots(figsize=self._figure_size(mosaic.shape), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        low = -1.0 if self._signed() else 0.0
        look = {"cmap": "gray", "vmin": low, "vmax": 1.0, "interpolation": "nearest"}
        self.image_ = ax.imshow(mosaic, **(look | (image_kw or {})))
        ax.set_axis_off()
        ax.set_title(self._title(), fontsize="medium")
        return self

    def _order(self) -> np.ndarray:
        """Return the atoms by falling use, or as they come."""
        if self.use is None:
            return np.arange(len(self.components))
        return np.argsort(-self.use, kind="stable")

    def _signed(self) -> bool:
        """Return whether atoms have values below zero."""
        return bool(self.components.min(initial=0.0) < 0.0)

    def _mosaic(self, n_columns: int | None) -> np.ndarray:
        """Return the atoms side by side in one image, with transparent lines between them."""
        height, width, *_ = self.image_shape
        gap = max(1, round(min(height, width) / 12))
        if n_columns is None:
            # About as high as wide, whatever the shape of an atom.
            n_columns = int(np.ceil(np.sqrt(len(self.order_) * (height + gap) / (width + gap))))
        n_columns = min(n_columns, len(self.order_))
        n_rows = -(-len(self.order_) // n_columns)
        tiles = self._tiles()
        shape = n_rows * (height + gap) - gap, n_columns * (width + gap) - gap, *tiles.shape[3:]
        mosaic = np.full(shape, 0.0 if tiles.ndim == 4 else np.nan)
        for k, tile in enumerate(tiles):
            row, column = divmod(k, n_columns)
            top, left = row * (height + gap), column * (width + gap)
            mosaic[top : top + height, left : left + width] = tile
        return mosaic

    def _tiles(self) -> np.ndarray:
        """Return the atoms as images with full contrast: grey in [-1, 1], or red-green-blue."""
        atoms = np.asarray(self.components, dtype=np.float64)[self.order_]
        largest = np.abs(atoms).max(axis=1, keepdims=True)
        atoms = (atoms / np.where(largest > 0.0, largest, 1.0)).reshape(-1, *self.image_shape)
        if len(self.image_shape) == 2:
            return atoms
        colours = 0.5 * (atoms + 1.0) if self._signed() else atoms
        return np.concatenate([colours, np.ones_like(colours[..., :1])], axis=-1)

    def _figure_size(self, shape: tuple[int, ...]) -> tuple[float, float]:
        """Return inches that show every pixel, within what a page takes."""
        height, width = shape[:2]
        scale = min(max(_INCHES_PER_PIXEL * max(height, width), _SMALLEST), _LARGEST)
        scale /= max(height, width)
        return max(scale * width, _SMALLEST), scale * height + _TITLE

    def _title(self) -> str:
        """Say how many atoms there are, and how they stand."""
        n_atoms, n_drawn = len(self.components), len(self.order_)
        words = f"{n_atoms:,} atoms" if n_drawn == n_atoms else f"{n_drawn:,} of {n_atoms:,} atoms"
        if self.use is None:
            return words
        unused = np.count_nonzero(np.asarray(self.use) == 0)
        return f"{words}, most used first" + (f" ({unused:,} unused)" if unused else "")


def _image_shape(image_shape: tuple[int, ...] | None, n_features: int) -> tuple[int, ...]:
    """Return the shape of an atom as an image, by default a square in grey or in colour."""
    if image_shape is None:
        for edge, colours in ((round(n_features**0.5), ()), (round((n_features / 3) ** 0.5), (3,))):
            if np.prod((edge, edge, *colours)) == n_features:
                return (edge, edge, *colours)
        raise ValueError(
            f"Atoms of {n_features} features are no squares. Pass `image_shape`, the height and "
            "width of an atom."
        )
    shape = tuple(image_shape)
    if len(shape) not in (2, 3) or shape[2:] not in ((), (3,)) or np.prod(shape) != n_features:
        raise ValueError(
            f"`image_shape` must be (height, width) or (height, width, 3) with {n_features} "
            f"values; got {image_shape!r}."
        )
    return shape
