"""FactorDisplay: the columns in which each factor is largest, by name."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_array, check_scalar

from sparsekit.inspection._axes import require_pyplot
from sparsekit.inspection._codes import find_coder
from sparsekit.inspection._labels import shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike
    from sklearn.base import BaseEstimator

_MOST_CHARACTERS = 28
_PER_ROW = 3  # panels side by side
_PANEL_WIDTH, _BAR_HEIGHT, _PANEL_REST = 3.2, 0.22, 0.5  # inches
_COLORS = np.array(["C3", "C0"])  # below and above zero


class FactorDisplay:
    """Picture of factors: for each, the columns in which it is largest, with their names.

    Factors that a penalty on squares has found can be rotated at will without a change of any
    prediction, so that a single one means nothing. They are therefore drawn along the principal
    axes of the product of both sides' factors, the strongest first, each with its share of the
    squared predictions. Where the axes matter, with `positive`, `l1_ratio` or in a sparse
    decomposition, factors are drawn as they are.

    Create it with :meth:`from_estimator` or :meth:`from_components`.

    Parameters
    ----------
    components : ndarray of shape (n_factors, n_features)
        The factors.
    strength : ndarray of shape (n_factors,) or None, default=None
        Singular value of each, if these are principal axes.
    feature_names : ndarray of str or None, default=None
        Names of the columns; x0, x1, ... if None.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One for each factor that is drawn.
    figure_ : matplotlib Figure
        The figure around them.
    factors_ : ndarray of int
        The factors that are drawn.
    bars_ : list of matplotlib BarContainer
        Their largest columns, the largest first.

    See Also
    --------
    DictionaryDisplay : Components that are images.
    PopularityRecallDisplay : What a recommender finds, by popularity.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsekit.inspection import FactorDisplay
    >>> components = np.array([[3.0, 0.0, 1.0], [0.0, -2.0, 1.0]])
    >>> display = FactorDisplay.from_components(components, n_labels=2, feature_names=list("abc"))
    >>> [label.get_text() for label in display.axes_[1].get_yticklabels()]
    ['b', 'c']
    """

    def __init__(
        self,
        *,
        components: np.ndarray,
        strength: np.ndarray | None = None,
        feature_names: np.ndarray | None = None,
    ) -> None:
        self.components = components
        self.strength = strength
        self.feature_names = feature_names

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        *,
        factors: int | ArrayLike = 6,
        n_labels: int = 8,
        rotate: bool | None = None,
        feature_names: ArrayLike | None = None,
        ax: Sequence[Axes] | None = None,
        bar_kw: dict[str, Any] | None = None,
    ) -> FactorDisplay:
        """Draw factors of a fitted estimator.

        Parameters
        ----------
        estimator : estimator object
            A fitted estimator with ``components_``, such as
            :class:`~sparsekit.factorization.ImplicitFactorization` or
            :class:`~sparsekit.decomposition.SparseNMF`, also as a step of a fitted pipeline or as
            the best estimator of a search.
        factors : int or array-like of int, default=6
            How many factors to draw, the first ones, or which.
        n_labels : int, default=8
            How many columns of each to name.
        rotate : bool, default=None
            Whether to turn factors to principal axes, which needs the estimator's ``row_factors_``.
            If None, where they are there and no penalty or sign tells the axes.
        feature_names : array-like of str, default=None
            Names of the columns; if None, those that the estimator saw in its fit.
        ax : sequence of matplotlib Axes, default=None
            One for each factor; a new figure if None.
        bar_kw : dict, default=None
            Further arguments for matplotlib's ``barh``.

        Returns
        -------
        display : FactorDisplay
            With the picture in `axes_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If there are no components in the estimator.
        ValueError
            If it has no ``row_factors_`` to rotate with, or names do not fit.
        """
        require_pyplot(f"{cls.__name__}.from_estimator")
        model = find_coder(estimator).model
        rotate = _leaves_axes_open(model) if rotate is None else rotate
        if rotate and not hasattr(model, "row_factors_"):
            raise ValueError(
                f"{type(model).__name__} has no `row_factors_`, which principal axes are made "
                "from. Pass rotate=False."
            )
        components = np.asarray(model.components_)
        # What the biases of rows are multiplied by is no factor.
        n_factors = len(components) - int(hasattr(model, "column_bias_") and _is_ones(components))
        if feature_names is None:
            feature_names = getattr(model, "feature_names_in_", None)
        return cls.from_components(
            components[:n_factors],
            row_factors=model.row_factors_[:, :n_factors] if rotate else None,
            factors=factors,
            n_labels=n_labels,
            feature_names=feature_names,
            ax=ax,
            bar_kw=bar_kw,
        )

    @classmethod
    def from_components(
        cls,
        components: ArrayLike,
        *,
        row_factors: ArrayLike | None = None,
        factors: int | ArrayLike = 6,
        n_labels: int = 8,
        feature_names: ArrayLike | None = None,
        ax: Sequence[Axes] | None = None,
        bar_kw: dict[str, Any] | None = None,
    ) -> FactorDisplay:
        """Draw factors from anywhere.

        Parameters
        ----------
        components : array-like of shape (n_factors, n_features)
            Factors of the columns.
        row_factors : array-like of shape (n_rows, n_factors), default=None
            Factors of the rows. With them the principal axes of the product are drawn.
        factors : int or array-like of int, default=6
            How many factors to draw, the first ones, or which.
        n_labels : int, default=8
            How many columns of each to name.
        feature_names : array-like of str, default=None
            Names of the columns; x0, x1, ... if None.
        ax : sequence of matplotlib Axes, default=None
            One for each factor; a new figure if None.
        bar_kw : dict, default=None
            Further arguments for matplotlib's ``barh``.

        Returns
        -------
        display : FactorDisplay
            With the picture in `axes_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the shapes do not agree, or a factor does not exist.
        """
        require_pyplot(f"{cls.__name__}.from_components")
        components = check_array(components, dtype=np.float64, input_name="components")
        strength = None
        if row_factors is not None:
            components, strength = principal_axes(_check_rows(row_factors, components), components)
        display = cls(
            components=components,
            strength=strength,
            feature_names=_check_names(feature_names, components.shape[1]),
        )
        return display.plot(ax=ax, factors=factors, n_labels=n_labels, bar_kw=bar_kw)

    def plot(
        self,
        ax: Sequence[Axes] | None = None,
        *,
        factors: int | ArrayLike = 6,
        n_labels: int = 8,
        bar_kw: dict[str, Any] | None = None,
    ) -> FactorDisplay:
        """Draw the factors.

        Parameters
        ----------
        ax : sequence of matplotlib Axes, default=None
            One for each factor; a new figure if None.
        factors : int or array-like of int, default=6
            How many factors to draw, the first ones, or which.
        n_labels : int, default=8
            How many columns of each to name.
        bar_kw : dict, default=None
            Further arguments for matplotlib's ``barh``.

        Returns
        -------
        display : FactorDisplay
            This object, with its attributes renewed.
        """
        pyplot = require_pyplot(f"{type(self).__name__}.plot")
        self.factors_ = _chosen(factors, len(self.components))
        check_scalar(n_labels, "n_labels", Integral, min_val=1)
        n_labels = min(n_labels, self.components.shape[1])
        if ax is None:
            ax = _new_panels(pyplot, len(self.factors_), n_labels)
        self.axes_ = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        if len(self.axes_) != len(self.factors_):
            raise ValueError(
                f"`ax` must hold one matplotlib Axes for each of the {len(self.factors_)} factors; "
                f"got {len(self.axes_)}."
            )
        self.figure_ = self.axes_[0].figure
        self.bars_ = [
            self._draw(panel, factor, n_labels, bar_kw or {})
            for panel, factor in zip(self.axes_, self.factors_.tolist(), strict=True)
        ]
        return self

    def _draw(self, ax: Axes, factor: int, n_labels: int, bar_kw: dict[str, Any]) -> Any:
        """Draw the largest columns of one factor from top to bottom."""
        values = self.components[factor]
        largest = np.argsort(-np.abs(values), kind="stable")[:n_labels]
        shown = values[largest]
        places = np.arange(len(largest))
        colors = _COLORS[(shown >= 0).astype(int)]
        bars = ax.barh(places, shown, **({"color": colors} | bar_kw))
        ax.set_yticks(places, [self._name(column) for column in largest.tolist()])
        for label in ax.get_yticklabels():
            label.set(parse_math=False, fontsize="small")
        ax.invert_yaxis()
        ax.set_xticks([])
        if shown.min(initial=0.0) < 0.0 < shown.max(initial=0.0):
            ax.axvline(0.0, color="0.35", linewidth=0.8)
        ax.set_title(self._title(factor), fontsize="medium")
        return bars

    def _name(self, column: int) -> str:
        """Return the name of a column, short enough to stand beside a bar."""
        if self.feature_names is None:
            return f"x{column}"
        return shorten(str(self.feature_names[column]), _MOST_CHARACTERS)

    def _title(self, factor: int) -> str:
        """Return the number of a factor, and its share where that is known."""
        if self.strength is None:
            return f"factor {factor}"
        squares = np.square(self.strength)
        return f"factor {factor}: {squares[factor] / max(squares.sum(), 1e-300):.0%}"


def principal_axes(
    row_factors: np.ndarray, components: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the right singular vectors of a product of factors, as rows, and its singular values.

    In each vector the entry of the largest magnitude is positive.
    """
    small = np.linalg.qr(row_factors, mode="r")
    _, strength, axes = np.linalg.svd(small @ components, full_matrices=False)
    largest = np.abs(axes).argmax(axis=1)
    return axes * np.where(axes[np.arange(len(axes)), largest] < 0, -1.0, 1.0)[:, None], strength


def _leaves_axes_open(model: Any) -> bool:
    """Return whether factors could be rotated without a change of the objective."""
    told = getattr(model, "positive", False) or getattr(model, "l1_ratio", 0) > 0
    return hasattr(model, "row_factors_") and not told


def _is_ones(components: np.ndarray) -> bool:
    """Return whether the last component is one everywhere."""
    return bool(np.all(components[-1] == 1.0))


def _chosen(factors: int | ArrayLike, n_factors: int) -> np.ndarray:
    """Return the factors that are meant."""
    chosen = np.asarray(factors)
    if chosen.ndim == 0 and chosen.dtype.kind in "iu":
        chosen = np.arange(min(chosen, n_factors))
    outside = (chosen < 0) | (chosen >= n_factors)
    if chosen.ndim != 1 or chosen.dtype.kind not in "iu" or outside.any() or not len(chosen):
        raise ValueError(
            "`factors` must be how many to draw, at least 1, or numbers from 0 to "
            f"{n_factors - 1}; got {factors!r}."
        )
    return chosen


def _check_rows(row_factors: ArrayLike, components: np.ndarray) -> np.ndarray:
    """Return factors of rows that fit those of the columns."""
    rows = check_array(row_factors, dtype=np.float64, input_name="row_factors")
    if rows.shape[1] != len(components):
        raise ValueError(
            f"`row_factors` must have one column for each of the {len(components)} factors; got "
            f"shape {rows.shape}."
        )
    return rows


def _check_names(names: ArrayLike | None, n_features: int) -> np.ndarray | None:
    """Return one name for each column."""
    if names is None:
        return None
    names = np.asarray(names, dtype=object)
    if names.shape != (n_features,):
        raise ValueError(
            f"`feature_names` must hold one name for each of the {n_features} columns; got shape "
            f"{names.shape}."
        )
    return names


def _new_panels(pyplot: Any, n_factors: int, n_labels: int) -> np.ndarray:
    """Return the axes of a new figure, as many as there are factors."""
    n_columns = min(n_factors, _PER_ROW)
    n_rows = -(-n_factors // n_columns)
    size = _PANEL_WIDTH * n_columns, (_BAR_HEIGHT * n_labels + _PANEL_REST) * n_rows
    _, grid = pyplot.subplots(n_rows, n_columns, figsize=size, layout="constrained", squeeze=False)
    for empty in grid.ravel()[n_factors:]:
        empty.remove()
    return grid.ravel()[:n_factors]
