"""CVCurveDisplay: the cross-validated score over the strength of the penalty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_array, column_or_1d

from sparsekit.inspection._axes import (
    add_count_axis,
    alpha_axes,
    limit_alphas,
    limit_values,
    mark_strengths,
    require_pyplot,
)
from sparsekit.inspection._fitted_path import find_path, unwrap
from sparsekit.inspection._searched import Curve, Score, read_model, read_search
from sparsekit.linear_model._folds import choose_strengths, mean_and_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike
    from sklearn.base import BaseEstimator

_LINE = {"color": "C0", "marker": ".", "markersize": 4, "linewidth": 1.5, "zorder": 3.0}
_BAND = {"color": "C0", "alpha": 0.2, "linewidth": 0.0, "zorder": 2.0}
_OTHER = {"linewidth": 0.9, "zorder": 2.2}
_MAX_NAMED = 8  # more curves are drawn grey, since nobody matches so many colours to a legend


class CVCurveDisplay:
    """Picture of a cross-validation: mean score and its standard error over the penalty.

    The penalty falls from left to right on a logarithmic axis; the band is one standard error of
    the mean over the folds wide on each side. Vertical lines mark the strength with the best mean
    and the largest strength whose mean is within one standard error of it; the axis on top counts
    the non-zero coefficients.

    Create it with :meth:`from_estimator` or :meth:`from_arrays`.

    Parameters
    ----------
    alphas : ndarray of shape (n_alphas,)
        Strengths of the penalty, falling, positive.
    mean : ndarray of shape (n_alphas,)
        Mean of the score over the folds.
    standard_error : ndarray of shape (n_alphas,)
        Standard error of that mean.
    greater_is_better : bool, default=False
        Whether the score is to be large (accuracy) or small (mean squared error).
    alpha_min, alpha_1se : float or None, default=None
        Strength with the best mean, and the largest one within a standard error of it.
    n_nonzero : ndarray of shape (n_alphas,) or None, default=None
        Number of non-zero coefficients at each strength.
    score_name : str, default="mean squared error"
        What is drawn.
    name : str or None, default=None
        Name of this curve among `others`.
    others : sequence of (str, ndarray, ndarray), default=()
        Name, alphas and mean of further curves, drawn as thin lines.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the curve is drawn.
    figure_ : matplotlib Figure
        The figure around it.
    line_ : matplotlib Line2D
        The mean.
    band_ : matplotlib PolyCollection
        One standard error on each side of the mean.
    other_lines_ : list of matplotlib Line2D
        The curves of `others`.
    min_line_, one_se_line_ : matplotlib Line2D or None
        The marks at `alpha_min` and `alpha_1se`.
    count_ax_ : matplotlib SecondaryAxis or None
        The axis that counts the non-zero coefficients; None if they are not known.

    See Also
    --------
    CoefficientPathDisplay : The coefficients over the same axis.

    References
    ----------
    Hastie, Tibshirani, Friedman (2009), "The Elements of Statistical Learning", section 7.10: the
    one-standard-error rule.

    Examples
    --------
    >>> from sparsekit.inspection import CVCurveDisplay
    >>> errors = [[4.0, 5.0, 4.5], [1.0, 2.0, 1.5], [0.9, 2.0, 1.3]]
    >>> display = CVCurveDisplay.from_arrays([1.0, 0.1, 0.01], errors)
    >>> display.alpha_min, display.alpha_1se
    (0.01, 0.1)
    """

    def __init__(
        self,
        *,
        alphas: np.ndarray,
        mean: np.ndarray,
        standard_error: np.ndarray,
        greater_is_better: bool = False,
        alpha_min: float | None = None,
        alpha_1se: float | None = None,
        n_nonzero: np.ndarray | None = None,
        score_name: str = "mean squared error",
        name: str | None = None,
        others: Sequence[tuple[str, np.ndarray, np.ndarray]] = (),
    ) -> None:
        self.alphas = alphas
        self.mean = mean
        self.standard_error = standard_error
        self.greater_is_better = greater_is_better
        self.alpha_min = alpha_min
        self.alpha_1se = alpha_1se
        self.n_nonzero = n_nonzero
        self.score_name = score_name
        self.name = name
        self.others = others

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Any = None,
        y: ArrayLike | None = None,
        *,
        ax: Axes | None = None,
        line_kw: dict[str, Any] | None = None,
        band_kw: dict[str, Any] | None = None,
    ) -> CVCurveDisplay:
        """Draw the scores by which a model or a search chose its penalty.

        Parameters
        ----------
        estimator : estimator object
            A fitted model with built-in cross-validation, such as
            :class:`~sparsekit.linear_model.LassoCV`, also as the last step of a pipeline; or a
            fitted :class:`~sparsekit.model_selection.PathGridSearchCV` or `GridSearchCV` over
            ``alpha`` of the last step. Where other parameters were tried too, the curve is the
            one through the best candidate and the rest are thin lines.
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features), default=None
            Data on which to count the non-zero coefficients of a search's best estimator, which
            holds no path; without them there is no axis of counts. A model with built-in
            cross-validation needs none.
        y : array-like of shape (n_samples,), default=None
            Target values or class labels that belong to `X`.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure if None.
        line_kw, band_kw : dict, default=None
            Further arguments for matplotlib's ``plot`` and ``fill_between``.

        Returns
        -------
        display : CVCurveDisplay
            With the picture in `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator holds no cross-validated scores.
        ValueError
            If a search tried no strength that can be drawn.

        Notes
        -----
        Scores whose name begins with ``neg_`` are drawn with their sign turned, as the losses
        they are.
        """
        require_pyplot(f"{cls.__name__}.from_estimator")
        if hasattr(estimator, "cv_results_"):
            searched = read_search(estimator)
            n_nonzero = None if X is None else find_path(estimator, X, y, None).n_nonzero()
        else:
            model = unwrap(estimator).model
            searched = read_model(model)
            n_nonzero = model.path_summary().n_nonzero if hasattr(model, "path_summary") else None
        display = cls._of_curve(searched.curve, searched.score, n_nonzero)
        display.others = [
            (other.name, other.alphas, mean_and_error(other.fold_scores)[0])
            for other in searched.others
        ]
        return display.plot(ax=ax, line_kw=line_kw, band_kw=band_kw)

    @classmethod
    def from_arrays(
        cls,
        alphas: ArrayLike,
        fold_scores: ArrayLike,
        *,
        greater_is_better: bool = False,
        alpha_min: float | None = None,
        alpha_1se: float | None = None,
        n_nonzero: ArrayLike | None = None,
        score_name: str = "mean squared error",
        ax: Axes | None = None,
        line_kw: dict[str, Any] | None = None,
        band_kw: dict[str, Any] | None = None,
    ) -> CVCurveDisplay:
        """Draw the curve of scores measured elsewhere.

        Parameters
        ----------
        alphas : array-like of shape (n_alphas,)
            Strengths of the penalty, positive, in any order.
        fold_scores : array-like of shape (n_alphas, n_folds)
            The score of each strength on each fold; NaN where a fit failed.
        greater_is_better : bool, default=False
            Whether the score is to be large.
        alpha_min, alpha_1se : float, default=None
            Strengths to mark; taken from the scores if None.
        n_nonzero : array-like of shape (n_alphas,), default=None
            Number of non-zero coefficients at each strength, for the axis on top.
        score_name : str, default="mean squared error"
            What the scores are.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure if None.
        line_kw, band_kw : dict, default=None
            Further arguments for matplotlib's ``plot`` and ``fill_between``.

        Returns
        -------
        display : CVCurveDisplay
            With the picture in `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the shapes do not agree, or a strength is not positive.
        """
        require_pyplot(f"{cls.__name__}.from_arrays")
        alphas = column_or_1d(alphas, dtype=np.float64)
        fold_scores = check_array(
            fold_scores, dtype=np.float64, ensure_all_finite="allow-nan", input_name="fold_scores"
        )
        _check_lengths(alphas, fold_scores, n_nonzero)
        order = np.argsort(-alphas, kind="stable")
        display = cls._of_curve(
            Curve(alphas[order], fold_scores[order], None, alpha_min, alpha_1se),
            Score(score_name, greater_is_better),
            None if n_nonzero is None else np.asarray(n_nonzero)[order],
        )
        return display.plot(ax=ax, line_kw=line_kw, band_kw=band_kw)

    @classmethod
    def _of_curve(cls, curve: Curve, score: Score, n_nonzero: np.ndarray | None) -> CVCurveDisplay:
        """Return a display, not drawn yet; strengths to mark are found where they are not known."""
        mean, standard_error = mean_and_error(curve.fold_scores)
        known = np.flatnonzero(~np.isnan(mean))
        errors = -curve.fold_scores if score.greater_is_better else curve.fold_scores
        best, one_se = curve.alphas[known[list(choose_strengths(errors[known]))]].tolist()
        return cls(
            alphas=curve.alphas,
            mean=mean,
            standard_error=standard_error,
            greater_is_better=score.greater_is_better,
            alpha_min=best if curve.alpha_min is None else curve.alpha_min,
            alpha_1se=one_se if curve.alpha_1se is None else curve.alpha_1se,
            n_nonzero=n_nonzero,
            score_name=score.name,
            name=curve.name,
        )

    def plot(
        self,
        ax: Axes | None = None,
        *,
        line_kw: dict[str, Any] | None = None,
        band_kw: dict[str, Any] | None = None,
    ) -> CVCurveDisplay:
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure if None.
        line_kw, band_kw : dict, default=None
            Further arguments for matplotlib's ``plot`` and ``fill_between``.

        Returns
        -------
        display : CVCurveDisplay
            This object, with its attributes renewed.
        """
        ax = alpha_axes(ax, f"{type(self).__name__}.plot")
        self.ax_, self.figure_ = ax, ax.figure
        low, high = self.mean - self.standard_error, self.mean + self.standard_error
        # Bands of zero width (one fold) are drawn too, so that the attribute always exists.
        self.band_ = ax.fill_between(self.alphas, low, high, **(_BAND | (band_kw or {})))
        line_kw = {"label": self.name or self.score_name} | (line_kw or {})
        (self.line_,) = ax.plot(self.alphas, self.mean, **(_LINE | line_kw))
        self._draw_others()
        means = [low, high, *(mean for _, _, mean in self.others)]
        limit_values(ax, min(map(np.nanmin, means)), max(map(np.nanmax, means)))
        every = np.concatenate([self.alphas, *(alphas for _, alphas, _ in self.others)])
        limit_alphas(ax, np.sort(every)[::-1])
        ax.set_ylabel(f"{self.score_name} (mean ± 1 SE)")
        self.count_ax_ = None
        if self.n_nonzero is not None:
            self.count_ax_ = add_count_axis(ax, self.alphas, self.n_nonzero)
        self.min_line_, self.one_se_line_ = mark_strengths(
            ax,
            self.alphas,
            self.alpha_min,
            self.alpha_1se,
            "best" if self.greater_is_better else "min",
        )
        return self

    def _draw_others(self) -> None:
        """Draw the further curves, with a legend where there are few enough to tell apart."""
        few = len(self.others) < _MAX_NAMED
        self.other_lines_ = []
        for k, (name, alphas, mean) in enumerate(self.others, start=1):
            look = {"color": f"C{k}", "label": name} if few else {"color": "0.65"}
            self.other_lines_ += self.ax_.plot(alphas, mean, **_OTHER, **look)
        if self.others:
            self.ax_.legend(fontsize="small", framealpha=0.8)


def _check_lengths(
    alphas: np.ndarray, fold_scores: np.ndarray, n_nonzero: ArrayLike | None
) -> None:
    """Refuse strengths that are not positive, and scores or counts of another length."""
    if not np.all((alphas > 0.0) & np.isfinite(alphas)):
        raise ValueError("`alphas` must be positive and finite: the axis is logarithmic.")
    if len(fold_scores) != len(alphas):
        raise ValueError(
            f"`fold_scores` must have one row for each of the {len(alphas)} alphas; "
            f"got shape {fold_scores.shape}."
        )
    if n_nonzero is not None and np.shape(n_nonzero) != alphas.shape:
        raise ValueError(
            f"`n_nonzero` must hold one count for each of the {len(alphas)} alphas; "
            f"got shape {np.shape(n_nonzero)}."
        )
    if np.all(np.isnan(fold_scores).any(axis=1)):
        raise ValueError("`fold_scores` must hold one alpha at least whose scores are all numbers.")
