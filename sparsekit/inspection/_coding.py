"""CodeDisplay: how often atoms are used, and what codes of each size leave over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array

from sparsekit.inspection._axes import require_pyplot
from sparsekit.inspection._codes import count_nonzero, count_use, find_coder, relative_residual

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike
    from sklearn.base import BaseEstimator

_MOST_POINTS = 5000  # more are a block of colour, and slow
_FEWEST = 5  # samples of a median
_WIDTH, _HEIGHT = 9.0, 3.8  # inches of both panels

_POINTS = {"s": 6.0, "color": "C0", "linewidths": 0.0, "zorder": 2.0}
_MEDIAN = {"color": "C3", "marker": ".", "linewidth": 1.5, "zorder": 3.0, "label": "median"}
_BARS = {"color": "C0", "fill": True, "alpha": 0.8}


class CodeDisplay:
    """Picture of sparse codes: how often each atom is used, and what is left over.

    On the left, atoms stand by falling use, each with the share of the samples whose code holds
    it; a dashed line marks the mean. A dictionary at work falls gently, one with idle atoms drops
    to zero early. On the right, every sample is a point: the number of atoms in its code, and the
    norm of its residual over its own norm; the line joins the medians.

    Create it with :meth:`from_estimator` or :meth:`from_codes`.

    Parameters
    ----------
    use : ndarray of shape (n_atoms,)
        How many samples use each atom.
    n_nonzero : ndarray of shape (n_samples,)
        How many atoms the code of each sample holds.
    residual : ndarray of shape (n_samples,) or None, default=None
        Norm of each sample's residual divided by that of the sample; NaN for samples of zeros.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the use of the atoms is drawn.
    residual_ax_ : matplotlib Axes or None
        Where the residuals are drawn; None where they are not known.
    figure_ : matplotlib Figure
        The figure around them.
    order_ : ndarray of int
        The atoms by falling use.
    use_ : matplotlib StepPatch
        The use of the atoms, in this order.
    mean_line_ : matplotlib Line2D
        The mean use.
    points_ : matplotlib PathCollection or None
        The samples; where there are more than 5000, as many of them at even distances.
    median_line_ : matplotlib Line2D or None
        The median residual of all samples with as many atoms, where they are five or more.

    See Also
    --------
    DictionaryDisplay : The atoms themselves.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsekit.inspection import CodeDisplay
    >>> atoms = np.eye(3)
    >>> X = np.array([[2.0, 0.0, 0.0], [3.0, 4.0, 0.0]])
    >>> display = CodeDisplay.from_codes([[2.0, 0.0, 0.0], [0.0, 4.0, 0.0]], X, atoms)
    >>> display.use, display.n_nonzero, display.residual
    (array([1, 1, 0]), array([1, 1]), array([0. , 0.6]))
    """

    def __init__(
        self,
        *,
        use: np.ndarray,
        n_nonzero: np.ndarray,
        residual: np.ndarray | None = None,
    ) -> None:
        self.use = use
        self.n_nonzero = n_nonzero
        self.residual = residual

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Any,
        *,
        ax: Axes | Sequence[Axes] | None = None,
        use_kw: dict[str, Any] | None = None,
        point_kw: dict[str, Any] | None = None,
        line_kw: dict[str, Any] | None = None,
    ) -> CodeDisplay:
        """Draw the codes that a fitted estimator gives to data.

        Parameters
        ----------
        estimator : estimator object
            A fitted estimator with ``components_`` and ``transform``, such as
            :class:`~sparsekit.decomposition.DictionaryLearning`, also as a step of a fitted
            pipeline or as the best estimator of a search.
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Data, in the form the pipeline takes them.
        ax : matplotlib Axes or pair of them, default=None
            Axes to draw on: a pair for use and residuals, or one for the use alone. A new figure
            if None.
        use_kw, point_kw, line_kw : dict, default=None
            Further arguments for matplotlib's ``stairs``, ``scatter`` and, for the medians,
            ``plot``.

        Returns
        -------
        display : CodeDisplay
            With the picture in `ax_`, `residual_ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If there is no dictionary in the estimator.
        """
        require_pyplot(f"{cls.__name__}.from_estimator")
        coder = find_coder(estimator, X)
        X = check_array(coder.X, accept_sparse="csr", ensure_all_finite="allow-nan")
        codes = _by_rows(coder.codes())
        display = cls(
            use=count_use(codes, len(coder.components)),
            n_nonzero=count_nonzero(codes),
            residual=relative_residual(X, codes, coder.reconstruct),
        )
        return display.plot(ax=ax, use_kw=use_kw, point_kw=point_kw, line_kw=line_kw)

    @classmethod
    def from_codes(
        cls,
        codes: Any,
        X: Any = None,
        components: ArrayLike | None = None,
        *,
        ax: Axes | Sequence[Axes] | None = None,
        use_kw: dict[str, Any] | None = None,
        point_kw: dict[str, Any] | None = None,
        line_kw: dict[str, Any] | None = None,
    ) -> CodeDisplay:
        """Draw codes from anywhere.

        Parameters
        ----------
        codes : {array-like, sparse matrix, sparse array} of shape (n_samples, n_atoms)
            One code per row.
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features), default=None
            The samples that the codes stand for. Without them there are no residuals.
        components : array-like of shape (n_atoms, n_features), default=None
            The dictionary; needed with `X`.
        ax : matplotlib Axes or pair of them, default=None
            Axes to draw on: a pair for use and residuals, or one for the use alone. A new figure
            if None.
        use_kw, point_kw, line_kw : dict, default=None
            Further arguments for matplotlib's ``stairs``, ``scatter`` and, for the medians,
            ``plot``.

        Returns
        -------
        display : CodeDisplay
            With the picture in `ax_`, `residual_ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the shapes do not agree, or one of `X` and `components` is missing.
        """
        require_pyplot(f"{cls.__name__}.from_codes")
        codes = _by_rows(check_array(codes, accept_sparse="csr", input_name="codes"))
        residual = None
        if X is not None or components is not None:
            X, components = _check_pair(codes, X, components)
            residual = relative_residual(X, codes, lambda rows: rows @ components)
        display = cls(
            use=count_use(codes, codes.shape[1]),
            n_nonzero=count_nonzero(codes),
            residual=residual,
        )
        return display.plot(ax=ax, use_kw=use_kw, point_kw=point_kw, line_kw=line_kw)

    def plot(
        self,
        ax: Axes | Sequence[Axes] | None = None,
        *,
        use_kw: dict[str, Any] | None = None,
        point_kw: dict[str, Any] | None = None,
        line_kw: dict[str, Any] | None = None,
    ) -> CodeDisplay:
        """Draw the use of the atoms, and the residuals where they are known.

        Parameters
        ----------
        ax : matplotlib Axes or pair of them, default=None
            Axes to draw on; a new figure if None.
        use_kw, point_kw, line_kw : dict, default=None
            Further arguments for matplotlib's ``stairs``, ``scatter`` and ``plot``.

        Returns
        -------
        display : CodeDisplay
            This object, with its attributes renewed.
        """
        pyplot = require_pyplot(f"{type(self).__name__}.plot")
        n_panels = 1 if self.residual is None else 2
        if ax is None:
            size = (_WIDTH * n_panels / 2, _HEIGHT)
            _, ax = pyplot.subplots(1, n_panels, figsize=size, layout="constrained")
        panels = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        self.ax_, self.figure_ = panels[0], panels[0].figure
        self._draw_use(use_kw or {})
        self.residual_ax_ = self.points_ = self.median_line_ = None
        if self.residual is not None and len(panels) > 1:
            self.residual_ax_ = panels[1]
            self._draw_residuals(point_kw or {}, line_kw or {})
        return self

    def _draw_use(self, use_kw: dict[str, Any]) -> None:
        """Draw the share of the samples that use each atom, the most used first."""
        self.order_ = np.argsort(-self.use, kind="stable")
        shares = self.use[self.order_] / max(len(self.n_nonzero), 1)
        ax, n_atoms = self.ax_, len(self.use)
        edges = np.arange(n_atoms + 1) + 0.5
        self.use_ = ax.stairs(shares, edges, **(_BARS | use_kw))
        mean = float(shares.mean())
        self.mean_line_ = ax.axhline(mean, color="0.35", linestyle="--", linewidth=1.0, zorder=2.5)
        ax.set_xlim(edges[0], edges[-1])
        ax.set_ylim(0.0, 1.08 * max(shares.max(initial=0.0), 1e-12))
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_xlabel("atoms, most used first")
        ax.set_ylabel("share of samples that use the atom")
        unused = np.count_nonzero(self.use == 0)
        rows = [f"mean {mean:.3g}: {self.n_nonzero.mean():.3g} atoms per sample"]
        rows += [f"{unused:,} of {n_atoms:,} atoms unused"] if unused else []
        ax.annotate(
            "\n".join(rows),
            xy=(1.0, 1.0),
            xycoords="axes fraction",
            xytext=(-5, -5),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize="small",
            color="0.25",
        )

    def _draw_residuals(self, point_kw: dict[str, Any], line_kw: dict[str, Any]) -> None:
        """Draw the residual of every sample over the number of its atoms, and the medians."""
        ax = self.residual_ax_
        known = np.flatnonzero(~np.isnan(self.residual))
        counts, residual = self.n_nonzero[known], self.residual[known]
        shown = np.unique(np.linspace(0, len(known) - 1, _MOST_POINTS).astype(int))
        shown = shown[: len(known)]
        # Points of one count lie side by side; the golden ratio spreads any number of them.
        aside = 0.6 * (np.arange(len(shown)) * 0.6180339887498949 % 1.0 - 0.5)
        opacity = {"alpha": float(np.clip((200 / max(len(shown), 1)) ** 0.5, 0.15, 0.8))}
        look = _POINTS | opacity | point_kw
        self.points_ = ax.scatter(counts[shown] + aside, residual[shown], **look)
        sizes, n_samples = np.unique(counts, return_counts=True)
        # The median of a few samples is one of them.
        sizes = sizes[n_samples >= min(_FEWEST, n_samples.max(initial=0))]
        medians = [float(np.median(residual[counts == size])) for size in sizes]
        (self.median_line_,) = ax.plot(sizes, medians, **(_MEDIAN | line_kw))
        ax.set_ylim(0.0, 1.05 * max(residual.max(initial=0.0), 1e-12))
        if len(counts):
            ax.set_xlim(counts.min() - 1.0, counts.max() + 1.0)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_xlabel("atoms in the code of a sample")
        ax.set_ylabel("norm of residual / norm of sample")
        ax.legend(fontsize="small", framealpha=0.8)


def _by_rows(codes: Any) -> Any:
    """Return codes in a form that can be cut by rows."""
    return sparse.csr_array(codes) if sparse.issparse(codes) else np.asarray(codes)


def _check_pair(codes: Any, X: Any, components: Any) -> tuple[Any, np.ndarray]:
    """Return samples and dictionary that fit the codes."""
    if X is None or components is None:
        raise ValueError("Residuals need both `X` and `components`; got one of them.")
    X = check_array(X, accept_sparse="csr", input_name="X")
    components = check_array(components, dtype=np.float64, input_name="components")
    wanted = (codes.shape[0], components.shape[1])
    if X.shape != wanted or len(components) != codes.shape[1]:
        raise ValueError(
            f"`codes` of shape {codes.shape}, `components` of shape {components.shape} and `X` "
            f"of shape {X.shape} do not fit together: X is near codes @ components."
        )
    return X, components
