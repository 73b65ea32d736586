"""CoefficientPathDisplay: every coefficient over the strength of the penalty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, column_or_1d

from sparsekit.inspection._axes import (
    add_count_axis,
    alpha_axes,
    limit_alphas,
    limit_values,
    mark_strengths,
    require_pyplot,
)
from sparsekit.inspection._fitted_path import find_path
from sparsekit.inspection._labels import add_labels, measure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike
    from sklearn.base import BaseEstimator

_BACKGROUND = {"colors": "0.6", "linewidths": 0.6, "zorder": 2.0}
_FOREGROUND = {"linewidths": 1.5, "zorder": 3.0}


class CoefficientPathDisplay:
    """Picture of a regularisation path: coefficients over the strength of the penalty.

    The penalty falls from left to right on a logarithmic axis, so features enter one after the
    other; the axis on top counts the non-zero coefficients. Only coefficients that are non-zero
    somewhere on the path are kept and drawn, which makes the picture as quick for 100 000 features
    as for 10. The largest on average over the path are coloured and named, the others are grey.

    Create it with :meth:`from_estimator` or :meth:`from_arrays`.

    Parameters
    ----------
    alphas : ndarray of shape (n_alphas,)
        Strengths of the penalty, falling, positive.
    coefs : ndarray of shape (n_active, n_alphas)
        The coefficients that are non-zero for at least one strength.
    features : ndarray of shape (n_active,)
        The column of X each row of `coefs` belongs to, rising.
    names : list of str of length n_active
        What each row of `coefs` is called.
    alpha_min, alpha_1se : float or None, default=None
        Strengths chosen by cross-validation, marked by vertical lines.
    target_name : str or None, default=None
        The class or target whose coefficients these are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the path is drawn.
    figure_ : matplotlib Figure
        The figure around it.
    lines_ : matplotlib LineCollection
        The lines without a name, in the order of `features`.
    labelled_lines_ : matplotlib LineCollection
        The lines with a name, the largest coefficient first.
    labelled_features_ : ndarray of int
        The column of X of each labelled line.
    labels_ : list of matplotlib Annotation
        The names, in the order of `labelled_features_`.
    min_line_, one_se_line_ : matplotlib Line2D or None
        The marks at `alpha_min` and `alpha_1se`.
    count_ax_ : matplotlib SecondaryAxis
        The axis that counts the non-zero coefficients.

    See Also
    --------
    CVCurveDisplay : The cross-validated error over the same axis.

    References
    ----------
    Friedman, Hastie, Tibshirani (2010), "Regularization paths for generalized linear models via
    coordinate descent": the picture as R's glmnet draws it.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsekit.inspection import CoefficientPathDisplay
    >>> alphas = np.array([1.0, 0.5, 0.25])
    >>> coefs = np.array([[0.0, 0.4, 0.6], [0.0, 0.0, 0.0], [0.0, 0.0, -0.3]])
    >>> display = CoefficientPathDisplay.from_arrays(
    ...     alphas, coefs, feature_names=["age", "height", "weight"]
    ... )
    >>> display.names
    ['age', 'weight']
    """

    def __init__(
        self,
        *,
        alphas: np.ndarray,
        coefs: np.ndarray,
        features: np.ndarray,
        names: list[str],
        alpha_min: float | None = None,
        alpha_1se: float | None = None,
        target_name: str | None = None,
    ) -> None:
        self.alphas = alphas
        self.coefs = coefs
        self.features = features
        self.names = names
        self.alpha_min = alpha_min
        self.alpha_1se = alpha_1se
        self.target_name = target_name

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Any = None,
        y: ArrayLike | None = None,
        *,
        alphas: ArrayLike | None = None,
        target: Any = None,
        feature_names: Sequence[str] | None = None,
        n_labels: int = 10,
        ax: Axes | None = None,
        line_kw: dict[str, Any] | None = None,
    ) -> CoefficientPathDisplay:
        """Draw the path of a model.

        Parameters
        ----------
        estimator : estimator object
            A fitted model with built-in cross-validation, such as
            :class:`~sparsekit.linear_model.LassoCV`, which holds its path; or any model with
            ``fit_path``, whose path is then walked on `X` and `y`; or a fitted search over such
            models, whose ``best_estimator_`` walks the strengths that were tried. The model may
            be the last step of a fitted pipeline.
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features), default=None
            Data for a model that holds no path, in the form the pipeline takes them.
        y : array-like of shape (n_samples,), default=None
            Target values or class labels.
        alphas : array-like of shape (n_alphas,), default=None
            Strengths for a model that holds no path. If None, those of the search, else 100
            from :func:`~sparsekit.linear_model.alpha_max` down to a thousandth of it.
        target : class label or int, default=None
            Which coefficients to draw, where there is a set per class or per column of `y`.
        feature_names : sequence of str of length n_features, default=None
            Names of the features of the model. If None, those of the pipeline's steps or of the
            data it was fitted to, else ``x0``, ``x1``, ...
        n_labels : int, default=10
            How many features to name at most, the largest on average over the path first.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure if None.
        line_kw : dict, default=None
            Further arguments for matplotlib's ``LineCollection``.

        Returns
        -------
        display : CoefficientPathDisplay
            With the picture in `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the model neither holds a path nor can walk one.
        ValueError
            If it holds none and `X` or `y` is missing, or `target` is needed or unknown.
        """
        require_pyplot(f"{cls.__name__}.from_estimator")
        path = find_path(estimator, X, y, alphas)
        coefs, target_name = path.of_target(target)
        display = cls._of_columns(
            path.alphas,
            coefs,
            path.feature_names if feature_names is None else feature_names,
            alpha_min=path.alpha_min,
            alpha_1se=path.alpha_1se,
            target_name=target_name,
        )
        return display.plot(ax=ax, n_labels=n_labels, line_kw=line_kw)

    @classmethod
    def from_arrays(
        cls,
        alphas: ArrayLike,
        coefs: ArrayLike,
        *,
        feature_names: Sequence[str] | None = None,
        alpha_min: float | None = None,
        alpha_1se: float | None = None,
        n_labels: int = 10,
        ax: Axes | None = None,
        line_kw: dict[str, Any] | None = None,
    ) -> CoefficientPathDisplay:
        """Draw the path that `lasso_path`, `enet_path` or another program returned.

        Parameters
        ----------
        alphas : array-like of shape (n_alphas,)
            Strengths of the penalty, in any order, not negative. Strength 0 has no place on a
            logarithmic axis and is left out.
        coefs : array-like or scipy.sparse array of shape (n_features, n_alphas)
            One row per feature, one column per strength.
        feature_names : sequence of str of length n_features, default=None
            Names of the features; ``x0``, ``x1``, ... if None.
        alpha_min, alpha_1se : float, default=None
            Strengths to mark.
        n_labels : int, default=10
            How many features to name at most, the largest on average over the path first. Fewer are
            named where the axes are too low for so many lines of text.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure if None.
        line_kw : dict, default=None
            Further arguments for matplotlib's ``LineCollection``.

        Returns
        -------
        display : CoefficientPathDisplay
            With the picture in `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the shapes do not agree, or no strength is positive.
        """
        require_pyplot(f"{cls.__name__}.from_arrays")
        alphas = column_or_1d(alphas, dtype=np.float64)
        coefs = check_array(coefs, accept_sparse="csr", dtype=np.float64, input_name="coefs")
        display = cls._of_columns(
            alphas, coefs, feature_names, alpha_min=alpha_min, alpha_1se=alpha_1se
        )
        return display.plot(ax=ax, n_labels=n_labels, line_kw=line_kw)

    @classmethod
    def _of_columns(
        cls,
        alphas: np.ndarray,
        coefs: Any,
        feature_names: Sequence[str] | None,
        **options: Any,
    ) -> CoefficientPathDisplay:
        """Return a display, not drawn yet, of the features that are ever non-zero."""
        alphas, coefs = _falling(alphas, coefs)
        features = _ever_nonzero(coefs)
        active = coefs[features]
        return cls(
            alphas=alphas,
            coefs=active.toarray() if sparse.issparse(active) else active,
            features=features,
            names=_names(feature_names, features, coefs.shape[0]),
            **options,
        )

    def plot(
        self,
        ax: Axes | None = None,
        *,
        n_labels: int = 10,
        line_kw: dict[str, Any] | None = None,
    ) -> CoefficientPathDisplay:
        """Draw the path.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure if None.
        n_labels : int, default=10
            How many features to name at most.
        line_kw : dict, default=None
            Further arguments for matplotlib's ``LineCollection``.

        Returns
        -------
        display : CoefficientPathDisplay
            This object, with its attributes renewed.
        """
        ax = alpha_axes(ax, f"{type(self).__name__}.plot")
        ax.set_ylabel(f"coefficient ({self.target_name})" if self.target_name else "coefficient")
        limit_values(ax, min(self.coefs.min(initial=0.0), 0.0), self.coefs.max(initial=0.0))
        limit_alphas(ax, self.alphas)
        self.ax_, self.figure_ = ax, ax.figure
        self.count_ax_ = add_count_axis(ax, self.alphas, np.count_nonzero(self.coefs, axis=0))
        largest = self._largest(n_labels)
        names, share, line_height = self._measured(largest)
        largest = largest[: int(1.0 / line_height)] if line_height else largest
        limit_alphas(ax, self.alphas, share)
        self._draw_lines(largest, line_kw or {})
        self.labels_ = add_labels(
            ax,
            self.alphas[-1],
            self.coefs[largest, -1],
            names[: len(largest)],
            self._colors(len(largest)),
            line_height,
        )
        self.min_line_, self.one_se_line_ = mark_strengths(
            ax, self.alphas, self.alpha_min, self.alpha_1se
        )
        return self

    def _largest(self, n_labels: int) -> np.ndarray:
        """Return the rows that are largest on average over the path."""
        # At the end alone, noise outgrows features that entered first and matter most.
        size = np.abs(self.coefs).mean(axis=1)
        return np.argsort(-size, kind="stable")[:n_labels]

    def _measured(self, rows: np.ndarray) -> tuple[list[str], float, float]:
        """Return the rows' names cut to fit, their share of the width, the height of one."""
        # A layout engine moves the axes when the figure is drawn; sizes are final only then.
        self.figure_.draw_without_rendering()
        return measure(self.ax_, [self.names[row] for row in rows])

    def _colors(self, n_colors: int) -> list:
        """Return the first `n_colors` of the user's colour cycle, begun again where it ends."""
        cycle = require_pyplot(type(self).__name__).rcParams["axes.prop_cycle"]
        colors = cycle.by_key().get("color", ["C0"])
        return [colors[k % len(colors)] for k in range(n_colors)]

    def _draw_lines(self, labelled: np.ndarray, line_kw: dict[str, Any]) -> None:
        """Draw the labelled rows above the others, all above the line of zero."""
        from matplotlib.collections import LineCollection

        rest = np.setdiff1d(np.arange(len(self.features)), labelled)
        self.labelled_features_ = self.features[labelled]
        self.ax_.plot(self.alphas[[0, -1]], [0.0, 0.0], color="0.65", linewidth=0.6, zorder=1.9)
        # A thousand opaque lines are a block of grey; thinned ones show where they are dense.
        opacity = {"alpha": float(np.clip((60 / max(len(rest), 1)) ** 0.5, 0.1, 1.0))}
        self.lines_ = LineCollection(self._segments(rest), **(_BACKGROUND | opacity | line_kw))
        colors = {"colors": self._colors(len(labelled))}
        self.labelled_lines_ = LineCollection(
            self._segments(labelled), **(_FOREGROUND | colors | line_kw)
        )
        # The limits are set already; to scan every vertex for them again costs seconds.
        self.ax_.add_collection(self.lines_, autolim=False)
        self.ax_.add_collection(self.labelled_lines_, autolim=False)

    def _segments(self, rows: np.ndarray) -> list[np.ndarray]:
        """Return each row's points, from the last zero before it enters to the first after."""
        return [
            np.column_stack([self.alphas[span], self.coefs[row, span]])
            for row, span in ((row, _nonzero_span(self.coefs[row])) for row in rows)
        ]


def _falling(alphas: np.ndarray, coefs: Any) -> tuple[np.ndarray, Any]:
    """Return the positive strengths in falling order, and the columns of `coefs` they belong to."""
    if coefs.shape[1] != len(alphas):
        raise ValueError(
            f"`coefs` must have one column for each of the {len(alphas)} alphas; "
            f"got shape {coefs.shape}."
        )
    if np.any(alphas < 0.0) or not np.any(alphas > 0.0) or not np.all(np.isfinite(alphas)):
        raise ValueError("`alphas` must be finite and not negative, and at least one positive.")
    order = np.argsort(-alphas, kind="stable")
    order = order[alphas[order] > 0.0]
    return alphas[order], coefs[:, order]


def _ever_nonzero(coefs: Any) -> np.ndarray:
    """Return the rows that hold at least one value other than zero."""
    if sparse.issparse(coefs):
        rows, _ = coefs.nonzero()
        return np.unique(rows)
    return np.flatnonzero(coefs.any(axis=1))


def _nonzero_span(coef: np.ndarray) -> slice:
    """Return the stretch of `coef` around its non-zero values, one zero more at each side."""
    nonzero = np.flatnonzero(coef)
    return slice(max(nonzero[0] - 1, 0), nonzero[-1] + 2)


def _names(feature_names: Sequence[str] | None, features: np.ndarray, n_features: int) -> list[str]:
    """Return the names of the active features only."""
    if feature_names is None:
        return [f"x{j}" for j in features]
    if len(feature_names) != n_features:
        raise ValueError(
            f"`feature_names` must name each of the {n_features} features; "
            f"got {len(feature_names)} names."
        )
    return [str(feature_names[j]) for j in features]
