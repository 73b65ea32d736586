"""ThresholdDisplay: where thresholds fall among the data, and what the shapes make of values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from sparsekit.inspection._axes import require_pyplot
from sparsekit.inspection._fitted_path import unwrap
from sparsekit.thresholding import Thresholder, choose_threshold, shrink

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike
    from sklearn.base import BaseEstimator

_WIDTH, _HEIGHT = 9.0, 3.8  # inches of both panels
_MOST_BINS = 80
_FARTHEST = 1.5  # largest magnitudes, at which a threshold still widens the axis
_REACH = 3.0  # thresholds that the curves run to
_POINTS = 1201

_HISTOGRAM = {"color": "0.75", "fill": True}
# What rules read beside the data and the noise; parameters of a Thresholder, too.
_RULE_OPTIONS = (
    "threshold",
    "n_nonzero_coefs",
    "fdr_level",
    "quantile",
    "energy",
    "prior",
    "prior_scale",
)
_IDENTITY = {"color": "0.6", "linestyle": ":", "linewidth": 1.0, "zorder": 1.9}


class ThresholdDisplay:
    """Picture of thresholds: where they fall among the data, and the curves of the shapes.

    On the left, a histogram of the magnitudes of the data with a line for each threshold; the
    legend tells how many values it keeps, one that equals it only if hard is the only shape. On
    the right, the shapes: what becomes of a value, both in units of the threshold.

    Create it with :meth:`from_estimator` or :meth:`from_data`.

    Parameters
    ----------
    magnitudes : ndarray of shape (n_stored,)
        Absolute values of the data.
    thresholds : dict of str to float
        What each threshold is called, and its value in the units of the magnitudes.
    n_values : int or None, default=None
        Number of values, the zeros that `magnitudes` leaves out included; None where it holds
        all.
    shapes : sequence of str, default=("soft", "hard", "firm", "garrote")
        Shapes to draw, by the names of :func:`~sparsekit.thresholding.shrink`.
    firm_ratio : float, default=2.0
        Upper threshold of the firm shape, divided by the lower.
    unit : str, default="magnitude"
        What the magnitudes are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the histogram is drawn.
    shape_ax_ : matplotlib Axes or None
        Where the shapes are drawn; None without a place for them.
    figure_ : matplotlib Figure
        The figure around them.
    histogram_ : matplotlib StepPatch
        Counts of magnitudes, on a logarithmic axis.
    lines_ : dict of str to matplotlib Line2D
        The lines of the thresholds in sight.
    curves_ : dict of str to matplotlib Line2D
        The curves of the shapes.

    See Also
    --------
    sparsekit.thresholding.choose_threshold : The rules.
    sparsekit.thresholding.shrink : The shapes.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsekit.inspection import ThresholdDisplay
    >>> x = np.random.default_rng(0).standard_normal(1000)
    >>> x[:20] += 6.0
    >>> display = ThresholdDisplay.from_data(x, rules=["universal", "fdr"], sigma=1.0)
    >>> {rule: round(threshold, 2) for rule, threshold in display.thresholds.items()}
    {'universal': 3.72, 'fdr': 3.67}
    """

    def __init__(
        self,
        *,
        magnitudes: np.ndarray,
        thresholds: dict[str, float],
        n_values: int | None = None,
        shapes: Sequence[str] = ("soft", "hard", "firm", "garrote"),
        firm_ratio: float = 2.0,
        unit: str = "magnitude",
    ) -> None:
        self.magnitudes = magnitudes
        self.thresholds = thresholds
        self.n_values = n_values
        self.shapes = shapes
        self.firm_ratio = firm_ratio
        self.unit = unit

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Any,
        *,
        ax: Axes | Sequence[Axes] | None = None,
        hist_kw: dict[str, Any] | None = None,
        line_kw: dict[str, Any] | None = None,
    ) -> ThresholdDisplay:
        """Draw the threshold of a fitted thresholder among data, and its shape.

        Where each feature or each sample has a threshold of its own, magnitudes are drawn in units
        of it.

        Parameters
        ----------
        estimator : Thresholder
            Fitted; also as the last step of a fitted pipeline.
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Data, in the form the pipeline takes them.
        ax : matplotlib Axes or pair of them, default=None
            Axes to draw on: a pair for histogram and shape, or one for the histogram alone. A new
            figure if None.
        hist_kw, line_kw : dict, default=None
            Further arguments for matplotlib's ``stairs`` and, for lines and curves, ``Line2D``.

        Returns
        -------
        display : ThresholdDisplay
            With the picture in `ax_`, `shape_ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator is no thresholder.
        """
        require_pyplot(f"{cls.__name__}.from_estimator")
        source = unwrap(estimator, X)
        model = source.model
        if not isinstance(model, Thresholder):
            raise TypeError(
                f"{type(model).__name__} is no Thresholder. Pass one, or data to `from_data`."
            )
        check_is_fitted(model)
        X = check_array(source.X, accept_sparse="csr")
        threshold, unit = _thresholds_of(model, X)
        display = cls(
            magnitudes=_magnitudes(X, threshold if np.ndim(threshold) else None),
            thresholds={model.rule: 1.0 if np.ndim(threshold) else float(threshold)},
            n_values=int(np.prod(X.shape)),
            shapes=(model.shape,),
            firm_ratio=model.firm_ratio,
            unit=unit,
        )
        return display.plot(ax=ax, hist_kw=hist_kw, line_kw=line_kw)

    @classmethod
    def from_data(
        cls,
        x: ArrayLike,
        *,
        rules: Sequence[str] | Mapping[str, dict[str, Any]] = ("universal", "sure", "bayes", "fdr"),
        sigma: float | str = "mad",
        shapes: Sequence[str] = ("soft", "hard", "firm", "garrote"),
        firm_ratio: float = 2.0,
        ax: Axes | Sequence[Axes] | None = None,
        hist_kw: dict[str, Any] | None = None,
        line_kw: dict[str, Any] | None = None,
    ) -> ThresholdDisplay:
        """Draw the thresholds that rules choose for the same data.

        Parameters
        ----------
        x : {array-like, sparse matrix, sparse array}
            Data of any shape; all values are taken together.
        rules : sequence of str, or dict of str to dict
            Names of rules for :func:`~sparsekit.thresholding.choose_threshold`; with options as
            the values of a dict, such as ``{"universal": {}, "top_k": {"n_nonzero_coefs": 10}}``.
        sigma : float or {"mad", "mad_zero", "std"}, default="mad"
            Standard deviation of the noise, or how to estimate it.
        shapes : sequence of str, default=("soft", "hard", "firm", "garrote")
            Shapes to draw. If it is one, the rules choose for it.
        firm_ratio : float, default=2.0
            Upper threshold of the firm shape, divided by the lower.
        ax : matplotlib Axes or pair of them, default=None
            Axes to draw on: a pair for histogram and shapes, or one for the histogram alone. A new
            figure if None.
        hist_kw, line_kw : dict, default=None
            Further arguments for matplotlib's ``stairs`` and, for lines and curves, ``Line2D``.

        Returns
        -------
        display : ThresholdDisplay
            With the picture in `ax_`, `shape_ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If a rule, an option or a shape is unknown.
        """
        require_pyplot(f"{cls.__name__}.from_data")
        options = rules if isinstance(rules, Mapping) else dict.fromkeys(rules, {})
        x, shapes = x if sparse.issparse(x) else np.asarray(x), tuple(shapes)
        shape = {"shape": shapes[0]} if len(shapes) == 1 else {}
        display = cls(
            magnitudes=_magnitudes(x),
            thresholds={
                rule: choose_threshold(x, rule, sigma, **(shape | own))
                for rule, own in options.items()
            },
            n_values=int(np.prod(x.shape)),
            shapes=shapes,
            firm_ratio=firm_ratio,
        )
        return display.plot(ax=ax, hist_kw=hist_kw, line_kw=line_kw)

    def plot(
        self,
        ax: Axes | Sequence[Axes] | None = None,
        *,
        hist_kw: dict[str, Any] | None = None,
        line_kw: dict[str, Any] | None = None,
    ) -> ThresholdDisplay:
        """Draw the histogram, the thresholds and the shapes.

        Parameters
        ----------
        ax : matplotlib Axes or pair of them, default=None
            Axes to draw on; a new figure if None.
        hist_kw, line_kw : dict, default=None
            Further arguments for matplotlib's ``stairs`` and ``Line2D``.

        Returns
        -------
        display : ThresholdDisplay
            This object, with its attributes renewed.
        """
        pyplot = require_pyplot(f"{type(self).__name__}.plot")
        if ax is None:
            _, ax = pyplot.subplots(1, 2, figsize=(_WIDTH, _HEIGHT), layout="constrained")
        panels = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        self.ax_, self.figure_ = panels[0], panels[0].figure
        self._draw_histogram(hist_kw or {})
        self._draw_thresholds(line_kw or {})
        self.shape_ax_, self.curves_ = None, {}
        if len(panels) > 1:
            self.shape_ax_ = panels[1]
            self._draw_shapes(line_kw or {})
        return self

    def _draw_histogram(self, hist_kw: dict[str, Any]) -> None:
        """Draw the counts of the magnitudes, on a logarithmic axis."""
        thresholds = np.array([t for t in self.thresholds.values() if np.isfinite(t)])
        # One whose own threshold is zero has no place, but it is kept.
        finite = self.magnitudes[np.isfinite(self.magnitudes)]
        largest = float(finite.max(initial=0.0)) or thresholds.max(initial=0.0) or 1.0
        n_bins = int(np.clip(2 * self._n_values() ** 0.4, 10, _MOST_BINS))
        edges = np.linspace(0.0, largest, n_bins + 1)
        counts, _ = np.histogram(finite, edges)
        counts[0] += self._n_values() - len(self.magnitudes)
        # On a logarithmic axis a bar needs a foot above zero.
        self.histogram_ = self.ax_.stairs(counts, edges, baseline=0.5, **(_HISTOGRAM | hist_kw))
        self.ax_.set_yscale("log")
        self.ax_.set_ylim(0.5, 2.0 * max(counts.max(), 1))
        near = thresholds[thresholds <= _FARTHEST * largest]
        self.ax_.set_xlim(0.0, 1.03 * near.max(initial=largest))
        self.ax_.set_xlabel(self.unit)
        self.ax_.set_ylabel("number of values (log scale)")

    def _draw_thresholds(self, line_kw: dict[str, Any]) -> None:
        """Draw a line at each threshold in sight, and tell how many values all of them keep."""
        self.lines_ = {}
        n_values, (_, farthest) = self._n_values(), self.ax_.get_xlim()
        for k, (name, threshold) in enumerate(self.thresholds.items()):
            kept = f"keeps {self._n_kept(threshold):,} of {n_values:,}"
            inside = threshold <= farthest
            look = {
                "color": f"C{k}",
                "linewidth": 1.5,
                "linestyle": ("-", "--", "-.", ":")[k % 4],
                "label": f"{name} {threshold:.4g} {kept}",
            }
            # One out of sight has a place in the legend only.
            line = self.ax_.axvline(threshold if inside else np.nan, **(look | line_kw))
            if inside:
                self.lines_[name] = line
        if self.thresholds:
            self.ax_.legend(fontsize="small", framealpha=0.9, loc="upper right")

    def _n_kept(self, threshold: float) -> int:
        """Return how many values do not become zero."""
        keeps_equal = tuple(self.shapes) == ("hard",)
        kept = self.magnitudes >= threshold if keeps_equal else self.magnitudes > threshold
        return int(np.count_nonzero(kept & (self.magnitudes > 0.0)))

    def _draw_shapes(self, line_kw: dict[str, Any]) -> None:
        """Draw what each shape makes of a value, in units of the threshold."""
        ax = self.shape_ax_
        values = np.linspace(-_REACH, _REACH, _POINTS)
        ax.plot(values, values, **_IDENTITY)
        for k, shape in enumerate(self.shapes):
            shrunk = shrink(values, 1.0, shape, firm_ratio=self.firm_ratio)
            # A jump is no steep line.
            jumps = np.flatnonzero(np.abs(np.diff(shrunk)) > 0.5) + 1
            points = np.insert(values, jumps, np.nan), np.insert(shrunk, jumps, np.nan)
            look = {
                "color": f"C{k}",
                "linewidth": 1.5,
                "linestyle": ("-", "--", "-.", (0, (5, 1)))[k % 4],
                "label": shape,
            }
            (self.curves_[shape],) = ax.plot(*points, **(look | line_kw))
        ax.set_xlim(-_REACH, _REACH)
        ax.set_ylim(-_REACH, _REACH)
        ax.set_aspect("equal")
        ax.set_xlabel("value / threshold")
        ax.set_ylabel("shrunk value / threshold")
        if self.shapes:
            ax.legend(fontsize="small", framealpha=0.9, loc="upper left")

    def _n_values(self) -> int:
        """Return the number of values, zeros that are not held included."""
        return len(self.magnitudes) if self.n_values is None else self.n_values


def _thresholds_of(model: Thresholder, X: Any) -> tuple[Any, str]:
    """Return the threshold, or a column or row of them, and what magnitudes are drawn as."""
    if model.axis is None:
        return model.threshold_, "magnitude"
    if model.axis == 0:
        return np.asarray(model.threshold_)[None, :], "magnitude / threshold of its feature"
    parameters = model.get_params()
    options = {name: parameters[name] for name in _RULE_OPTIONS}
    found = choose_threshold(X, model.rule, model.noise, axis=1, shape=model.shape, **options)
    return found[:, None], "magnitude / threshold of its sample"


def _magnitudes(x: Any, thresholds: np.ndarray | None = None) -> np.ndarray:
    """Return the absolute values that are held, in units of their own thresholds if there are."""
    if sparse.issparse(x):
        stored = sparse.coo_array(sparse.csr_array(x))
        held, places = stored.data, (stored.row, stored.col)
    else:
        held, places = np.asarray(x), slice(None)
    sizes = np.abs(held.astype(np.float64))
    if thresholds is not None:
        units = np.broadcast_to(thresholds, x.shape)[places]
        with np.errstate(divide="ignore", invalid="ignore"):
            sizes = np.where(sizes > 0.0, sizes / units, 0.0)
    return sizes.ravel()
