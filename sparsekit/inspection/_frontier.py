"""SparsityAccuracyDisplay: what a network scores, and how long it takes, by its sparsity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sparsekit.inspection._axes import require_pyplot
from sparsekit.inspection._frontier_axes import (
    draw_dense,
    log_times,
    mark_sparsities,
    sparsity_axis,
)
from sparsekit.inspection._frontier_read import check_results, read_pruners, score_name_of
from sparsekit.inspection._pruned import find_network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike
    from sklearn.base import BaseEstimator

_WIDTH, _HEIGHT = 5.0, 3.8  # inches of a panel
_MARKERS = "osD^vP*X"
_LINE = {"markersize": 4.5, "linewidth": 1.5, "zorder": 3.0}


class SparsityAccuracyDisplay:
    """Picture of a frontier: the score of a network, and its milliseconds, by sparsity.

    On the left is the score, one line for each way of pruning, with that of the dense network
    dashed. On the right, where times are known, are the milliseconds, with those of the dense
    network dashed, and how many times as fast as it that is. The axis of the sparsity is
    logarithmic in the share of weights that is kept, so that 98% stands as far from 96% as 96% from
    92%.

    Create it with :meth:`from_pruners` or :meth:`from_results`. :meth:`from_estimator` draws
    something else of the kind: how sensitive each layer of one network is. Pass the axes of one
    display to the next to compare.

    Parameters
    ----------
    series : dict
        By name, dicts of arrays of shape (n_networks,): "sparsity" rising, "score", and
        "milliseconds" where they are known.
    dense_score : float or None, default=None
        Score of the dense network.
    dense_milliseconds : float or None, default=None
        Time of the dense network.
    batch : int or None, default=None
        How many samples the times are for.
    score_name : str, default="score"
        What the score is called.
    sparsity_name : str, default="sparsity"
        What the sparsity is called.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where scores are drawn.
    time_ax_ : matplotlib Axes or None
        Where times are drawn.
    figure_ : matplotlib Figure
        The figure around them.
    lines_ : dict of matplotlib Line2D
        Scores, by the names of the series.
    time_lines_ : dict of matplotlib Line2D
        Times, by the names of the series that have some.
    dense_line_, dense_time_line_ : matplotlib Line2D or None
        Score and time of the dense network.

    See Also
    --------
    PruningMaskDisplay : Which weights are kept.
    sparsekit.pruning.PruningReport : All that is measured of one network.

    References
    ----------
    Blalock, Gonzalez Ortiz, Frankle, Guttag (2020), "What is the state of neural network pruning?":
    why a frontier, and not a point.

    Examples
    --------
    >>> from sparsekit.inspection import SparsityAccuracyDisplay
    >>> found = {"sparsity": [0.9, 0.5], "score": [0.95, 0.97], "milliseconds": [0.1, 0.3]}
    >>> display = SparsityAccuracyDisplay.from_results(found, dense_score=0.97, batch=64)
    >>> display.lines_["pruned"].get_ydata()
    array([0.97, 0.95])
    >>> display.time_ax_.get_ylabel()
    'milliseconds for a batch of 64'
    """

    def __init__(
        self,
        *,
        series: dict[str, dict[str, np.ndarray]],
        dense_score: float | None = None,
        dense_milliseconds: float | None = None,
        batch: int | None = None,
        score_name: str = "score",
        sparsity_name: str = "sparsity",
    ) -> None:
        self.series = series
        self.dense_score = dense_score
        self.dense_milliseconds = dense_milliseconds
        self.batch = batch
        self.score_name = score_name
        self.sparsity_name = sparsity_name

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        *,
        ax: Axes | None = None,
        line_kw: dict[str, Any] | None = None,
    ) -> SparsityAccuracyDisplay:
        """Draw how sensitive the layers of one network are.

        Each line is a layer: the score with this layer pruned to a sparsity and the others dense,
        as the pruner has measured it in ``sensitivity_``.

        Parameters
        ----------
        estimator : estimator object
            A fitted :class:`~sparsekit.pruning.MLPPruner`, also as a step of a fitted pipeline or
            as the best estimator of a search.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure if None.
        line_kw : dict, default=None
            Further arguments for matplotlib's ``plot``.

        Returns
        -------
        display : SparsityAccuracyDisplay
            With the picture in `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If there is no pruner in the estimator.
        """
        require_pyplot(f"{cls.__name__}.from_estimator")
        pruner = find_network(estimator, ("sensitivity_",))
        measured = pruner.sensitivity_
        names = [
            "layer {}: {:,} × {:,}".format(k, *mask.shape) for k, mask in enumerate(pruner.masks_)
        ]
        display = cls(
            series={
                name: {"sparsity": measured["sparsity"], "score": score}
                for name, score in zip(names, measured["score"], strict=True)
            },
            dense_score=float(measured["score"][0, 0]),
            score_name=score_name_of(pruner),
            sparsity_name="sparsity of one layer, the others dense",
        )
        return display.plot(ax=ax, line_kw=line_kw)

    @classmethod
    def from_pruners(
        cls,
        pruners: Sequence[BaseEstimator] | Mapping[str, Sequence[BaseEstimator]],
        X: Any = None,
        y: ArrayLike | None = None,
        *,
        batch: int | None = None,
        dense_score: float | None = None,
        ax: Axes | Sequence[Axes] | None = None,
        line_kw: dict[str, Any] | None = None,
    ) -> SparsityAccuracyDisplay:
        """Draw fitted pruners.

        Parameters
        ----------
        pruners : sequence of estimators, or dict of them
            Fitted :class:`~sparsekit.pruning.MLPPruner`, or pipelines that end in one. A dict has
            a sequence for each line.
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features), default=None
            Samples to score on. If None, the scores of the pruners' reports are drawn, which may be
            those of training samples.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Their labels or targets.
        batch : int, default=None
            Draw the milliseconds of the pruners' reports at this batch, such as 1, 64 or 1024.
            A report that nobody has asked for yet takes seconds.
        dense_score : float, default=None
            Score of the dense network on the same samples. If None, that of the reports where
            `X` is None, else not drawn.
        ax : matplotlib Axes or pair of them, default=None
            Axes to draw on: a pair for scores and times, or one for scores alone. A new figure if
            None.
        line_kw : dict, default=None
            Further arguments for matplotlib's ``plot``.

        Returns
        -------
        display : SparsityAccuracyDisplay
            With the picture in `ax_`, `time_ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If reports have no times at `batch`, or there is `X` without `y`.
        """
        require_pyplot(f"{cls.__name__}.from_pruners")
        found = read_pruners(pruners, X, y, batch)
        if dense_score is not None:
            found["dense_score"] = dense_score
        return cls(batch=batch, **found).plot(ax=ax, line_kw=line_kw)

    @classmethod
    def from_results(
        cls,
        results: Mapping[str, Any],
        *,
        dense_score: float | None = None,
        dense_milliseconds: float | None = None,
        batch: int | None = None,
        score_name: str = "score",
        ax: Axes | Sequence[Axes] | None = None,
        line_kw: dict[str, Any] | None = None,
    ) -> SparsityAccuracyDisplay:
        """Draw results from anywhere.

        Parameters
        ----------
        results : dict, DataFrame, or dict of them
            "sparsity" and "score", and "milliseconds" if they are known, each array-like of shape
            (n_networks,). A dict of such has one for each line.
        dense_score : float, default=None
            Score of the dense network.
        dense_milliseconds : float, default=None
            Time of the dense network; positive.
        batch : int, default=None
            How many samples the times are for.
        score_name : str, default="score"
            What the score is called.
        ax : matplotlib Axes or pair of them, default=None
            Axes to draw on: a pair for scores and times, or one for scores alone. A new figure if
            None.
        line_kw : dict, default=None
            Further arguments for matplotlib's ``plot``.

        Returns
        -------
        display : SparsityAccuracyDisplay
            With the picture in `ax_`, `time_ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If lengths do not agree, or a sparsity is outside [0, 1).
        """
        require_pyplot(f"{cls.__name__}.from_results")
        display = cls(
            series=check_results(results),
            dense_score=dense_score,
            dense_milliseconds=dense_milliseconds,
            batch=batch,
            score_name=score_name,
        )
        return display.plot(ax=ax, line_kw=line_kw)

    def plot(
        self,
        ax: Axes | Sequence[Axes] | None = None,
        *,
        line_kw: dict[str, Any] | None = None,
    ) -> SparsityAccuracyDisplay:
        """Draw scores and times.

        Parameters
        ----------
        ax : matplotlib Axes or pair of them, default=None
            Axes to draw on: a pair for scores and times, or one for scores alone. A new figure if
            None.
        line_kw : dict, default=None
            Further arguments for matplotlib's ``plot``.

        Returns
        -------
        display : SparsityAccuracyDisplay
            This object, with its attributes renewed.
        """
        pyplot = require_pyplot(f"{type(self).__name__}.plot")
        timed = {name: found for name, found in self.series.items() if "milliseconds" in found}
        if ax is None:
            n_panels = 1 + bool(timed)
            size = _WIDTH * n_panels, _HEIGHT
            _, ax = pyplot.subplots(1, n_panels, figsize=size, layout="constrained")
        panels = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        self.ax_, self.figure_ = panels[0], panels[0].figure
        self.time_ax_ = self.dense_time_line_ = None
        self.time_lines_: dict[str, Any] = {}
        self._draw_scores(line_kw or {})
        if timed and len(panels) > 1:
            self.time_ax_ = panels[1]
            self._draw_times(timed, line_kw or {})
        return self

    def _draw_scores(self, line_kw: dict[str, Any]) -> None:
        """Draw the score of each series, and name them."""
        ax = self.ax_
        sparsity_axis(ax, self.sparsity_name)
        self.lines_ = {}
        for name, found in self.series.items():
            # On axes that hold lines already, new ones look otherwise.
            marker = _MARKERS[len(ax.lines) % len(_MARKERS)]
            look = {"marker": marker, "label": name} | _LINE | line_kw
            (self.lines_[name],) = ax.plot(found["sparsity"], found["score"], **look)
        self.dense_line_ = draw_dense(ax, self.dense_score)
        mark_sparsities(ax)
        ax.set_ylabel(self.score_name)
        ax.legend(fontsize="small", framealpha=0.8)

    def _draw_times(self, timed: dict[str, dict[str, np.ndarray]], line_kw: dict[str, Any]) -> None:
        """Draw the times of each series in the colour and with the marker of its scores."""
        ax = self.time_ax_
        sparsity_axis(ax, self.sparsity_name)
        for name, found in timed.items():
            line = self.lines_[name]
            look = {"color": line.get_color(), "marker": line.get_marker(), "label": name} | _LINE
            times = found["milliseconds"]
            (self.time_lines_[name],) = ax.plot(found["sparsity"], times, **(look | line_kw))
        self.dense_time_line_ = draw_dense(ax, self.dense_milliseconds)
        log_times(ax, self.dense_milliseconds)
        mark_sparsities(ax)
        many = "" if self.batch is None else f" for a batch of {self.batch:,}"
        ax.set_ylabel(f"milliseconds{many}")
