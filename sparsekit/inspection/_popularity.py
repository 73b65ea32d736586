"""PopularityRecallDisplay: what a recommender finds among popular and among rare columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sparsekit.inspection._axes import require_pyplot
from sparsekit.inspection._popular import PopularityCounts, count_by_popularity
from sparsekit.matrix._entries import SparseEntries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike
    from sklearn.base import BaseEstimator

_WIDTH, _HEIGHT = 9.0, 3.8  # inches of both panels
_LINE = {"marker": "o", "markersize": 4.0, "linewidth": 1.5, "zorder": 3.0}
_HIDDEN = {"color": "0.35", "linestyle": "--", "linewidth": 1.0, "zorder": 2.5}
_HIDDEN_NAME = "what is hidden"


class PopularityRecallDisplay:
    """Picture of recommendations by popularity: recall, and where recommendations go.

    Columns stand in groups of equal size, from those with the fewest entries to those with the
    most. On the left is the share of each group's hidden entries that were recommended. On the
    right is the share of all recommendations that each group receives, beside the share of the
    hidden entries that it has, dashed: above that line a recommender prefers a group.

    Create it with :meth:`from_estimator` or :meth:`from_recommendations`. Pass the axes of one
    display to the next to compare models.

    Parameters
    ----------
    popularity : ndarray of shape (n_groups, 2)
        Least and most entries of a column in each group.
    n_relevant : ndarray of shape (n_groups,)
        Hidden entries in each group.
    n_recommended : ndarray of shape (n_groups,)
        Recommendations in each group.
    n_found : ndarray of shape (n_groups,)
        Hidden entries that were recommended.
    name : str or None, default=None
        What the recommendations are called in a legend.

    Attributes
    ----------
    recall : ndarray of shape (n_groups,)
        Share of the hidden entries that were recommended; NaN where there are none.
    ax_ : matplotlib Axes
        Where recall is drawn.
    share_ax_ : matplotlib Axes or None
        Where the shares are drawn.
    figure_ : matplotlib Figure
        The figure around them.
    line_ : matplotlib Line2D
        Recall.
    share_line_ : matplotlib Line2D or None
        Shares of the recommendations.
    hidden_line_ : matplotlib Line2D or None
        Shares of the hidden entries.

    See Also
    --------
    FactorDisplay : What the factors of a model stand for.
    sparsekit.metrics.recall_at_k : One number, a mean over rows.

    References
    ----------
    Steck (2011), "Item popularity and recommendation accuracy".

    Examples
    --------
    >>> import numpy as np
    >>> from sparsekit.inspection import PopularityRecallDisplay
    >>> relevant = np.array([[1, 0, 1, 0], [0, 1, 0, 1]])
    >>> recommended = np.array([[2, 3], [3, 2]])
    >>> display = PopularityRecallDisplay.from_recommendations(
    ...     relevant, recommended, popularity=[1, 2, 7, 9], n_groups=2
    ... )
    >>> display.recall
    array([0., 1.])
    """

    def __init__(
        self,
        *,
        popularity: np.ndarray,
        n_relevant: np.ndarray,
        n_recommended: np.ndarray,
        n_found: np.ndarray,
        name: str | None = None,
    ) -> None:
        self.popularity = popularity
        self.n_relevant = n_relevant
        self.n_recommended = n_recommended
        self.n_found = n_found
        self.name = name

    @property
    def recall(self) -> np.ndarray:
        """Share of the hidden entries that were recommended, for each group."""
        with np.errstate(invalid="ignore"):
            return self.n_found / self.n_relevant

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Any,
        relevant: Any = None,
        *,
        k: int = 20,
        popularity: Any = None,
        n_groups: int = 10,
        name: str | None = None,
        ax: Axes | Sequence[Axes] | None = None,
        line_kw: dict[str, Any] | None = None,
    ) -> PopularityRecallDisplay:
        """Draw the recommendations of a fitted estimator.

        Parameters
        ----------
        estimator : estimator object
            Fitted, with ``recommend``.
        X : {sparse matrix, SparseEntries} of shape (n_rows, n_columns)
            What is known of each row. Without `relevant`, a test part of
            :class:`~sparsekit.model_selection.SparseEntries`: its entries are hidden, and those
            beside them, its `complement`, are known.
        relevant : sparse matrix of shape (n_rows, n_columns), default=None
            The hidden entries of the same rows.
        k : int, default=20
            How many columns to recommend to each row with hidden entries.
        popularity : array-like of shape (n_columns,) or sparse matrix, default=None
            How popular each column is, or a matrix whose entries are counted; X if None.
        n_groups : int, default=10
            Number of groups of columns.
        name : str, default=None
            Name in the legend; the estimator's class if None.
        ax : matplotlib Axes or pair of them, default=None
            Axes to draw on: a pair for recall and shares, or one for recall alone. A new figure if
            None.
        line_kw : dict, default=None
            Further arguments for matplotlib's ``plot``.

        Returns
        -------
        display : PopularityRecallDisplay
            With the picture in `ax_`, `share_ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If there is nothing to tell hidden entries from.
        """
        require_pyplot(f"{cls.__name__}.from_estimator")
        if relevant is None and not isinstance(X, SparseEntries):
            raise TypeError(
                "Pass the hidden entries as `relevant`, or a test part of SparseEntries as `X`; "
                f"got `X` of {type(X).__name__} alone."
            )
        hidden = X if relevant is None else relevant
        known = X.complement() if relevant is None else X
        hidden, known = (
            entries if isinstance(entries, SparseEntries) else SparseEntries(entries)
            for entries in (hidden, known)
        )
        hidden, known = hidden.to_csr(), known.to_csr()
        rows = np.flatnonzero(np.diff(hidden.indptr))
        n = min(k, hidden.shape[1])
        recommended, _ = estimator.recommend(known[rows], n=n)
        return cls.from_recommendations(
            hidden[rows],
            recommended,
            known if popularity is None else popularity,
            n_groups=n_groups,
            name=type(estimator).__name__ if name is None else name,
            ax=ax,
            line_kw=line_kw,
        )

    @classmethod
    def from_recommendations(
        cls,
        relevant: Any,
        recommended: ArrayLike,
        popularity: Any,
        *,
        k: int | None = None,
        n_groups: int = 10,
        name: str | None = None,
        ax: Axes | Sequence[Axes] | None = None,
        line_kw: dict[str, Any] | None = None,
    ) -> PopularityRecallDisplay:
        """Draw recommendations from anywhere.

        Parameters
        ----------
        relevant : sparse matrix, SparseEntries or array-like of shape (n_rows, n_columns)
            Entries above zero are to be found.
        recommended : array-like of shape (n_rows, n_recommended)
            Columns for each row, the best first, as `recommend` returns them. -1 is none.
        popularity : array-like of shape (n_columns,) or sparse matrix
            How popular each column is, or a matrix, that of the fit for instance, whose entries
            are counted.
        k : int, default=None
            How many recommendations count; all if None.
        n_groups : int, default=10
            Number of groups of columns.
        name : str, default=None
            Name in the legend.
        ax : matplotlib Axes or pair of them, default=None
            Axes to draw on: a pair for recall and shares, or one for recall alone. A new figure if
            None.
        line_kw : dict, default=None
            Further arguments for matplotlib's ``plot``.

        Returns
        -------
        display : PopularityRecallDisplay
            With the picture in `ax_`, `share_ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the shapes do not agree.
        """
        require_pyplot(f"{cls.__name__}.from_recommendations")
        counts: PopularityCounts = count_by_popularity(
            relevant, recommended, popularity, k, n_groups
        )
        return cls(**vars(counts), name=name).plot(ax=ax, line_kw=line_kw)

    def plot(
        self,
        ax: Axes | Sequence[Axes] | None = None,
        *,
        line_kw: dict[str, Any] | None = None,
    ) -> PopularityRecallDisplay:
        """Draw recall and shares.

        Parameters
        ----------
        ax : matplotlib Axes or pair of them, default=None
            Axes to draw on: a pair for recall and shares, or one for recall alone. A new figure if
            None.
        line_kw : dict, default=None
            Further arguments for matplotlib's ``plot``.

        Returns
        -------
        display : PopularityRecallDisplay
            This object, with its attributes renewed.
        """
        pyplot = require_pyplot(f"{type(self).__name__}.plot")
        if ax is None:
            _, ax = pyplot.subplots(1, 2, figsize=(_WIDTH, _HEIGHT), layout="constrained")
        panels = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        look = _LINE | {"label": self.name} | (line_kw or {})
        self.ax_, self.figure_ = panels[0], panels[0].figure
        self.share_ax_ = self.share_line_ = self.hidden_line_ = None
        places = np.arange(len(self.recall))
        (self.line_,) = self.ax_.plot(places, self.recall, **look)
        self._label(self.ax_, "recall")
        if len(panels) > 1:
            self.share_ax_ = panels[1]
            self._draw_shares(places, {"color": self.line_.get_color()} | look)
        return self

    def _draw_shares(self, places: np.ndarray, look: dict[str, Any]) -> None:
        """Draw where recommendations go, and where hidden entries are, once."""
        ax = self.share_ax_
        shares = self.n_recommended / max(self.n_recommended.sum(), 1)
        (self.share_line_,) = ax.plot(places, shares, **look)
        drawn = [line for line in ax.lines if line.get_label() == _HIDDEN_NAME]
        if not drawn:
            hidden = self.n_relevant / max(self.n_relevant.sum(), 1)
            drawn = ax.plot(places, hidden, label=_HIDDEN_NAME, **_HIDDEN)
        self.hidden_line_ = drawn[0]
        self._label(ax, "share of the recommendations")
        ax.legend(fontsize="small", framealpha=0.8)

    def _label(self, ax: Axes, value: str) -> None:
        """Name both axes; groups are called by their popularity."""
        names = [
            f"{low:,}" if low == high else f"{low:,}\u2013{high:,}"
            for low, high in self.popularity.tolist()
        ]
        ax.set_xticks(np.arange(len(names)), names, rotation=45, ha="right", fontsize="small")
        ax.set_xlabel("popularity: entries of a column")
        ax.set_ylabel(value)
        ax.set_ylim(bottom=0.0, auto=True)
