"""The parts every picture over the penalty shares: axes, counts on top, marked strengths."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_COUNT_SPACING = 0.8  # inches from one count to the next: five digits and a gap

_NEAR_FRAME = 0.2  # share of the path in which a name is longer than the way to the frame
_NAME_BOX = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}


def require_pyplot(caller: str) -> Any:
    """Import ``matplotlib.pyplot``, or say which extra brings it."""
    try:
        return import_module("matplotlib.pyplot")
    except ImportError as error:
        raise ImportError(
            f'{caller} needs matplotlib. Install it with: pip install "sparsekit[plot]"'
        ) from error


def load_ticker() -> Any:
    """Import ``matplotlib.ticker``, where something is drawn already."""
    return import_module("matplotlib.ticker")


def alpha_axes(ax: Axes | None, caller: str) -> Axes:
    """Return `ax`, or the axes of a new figure, with a falling logarithmic axis for alpha."""
    pyplot = require_pyplot(caller)
    if ax is None:
        _, ax = pyplot.subplots(layout="constrained")
    ax.set_xscale("log")
    ax.set_xlabel("alpha (log scale)")
    return ax


def limit_alphas(ax: Axes, alphas: np.ndarray, label_share: float = 0.0) -> None:
    """Run the alpha axis from the largest to the smallest, `label_share` of its width left free.

    The frame and the ticks end where the data end; names stand outside the frame, but inside the
    axes, so that they cover no neighbour whatever the layout of the figure.
    """
    start, end = np.log(alphas[0]), np.log(alphas[-1])
    span = start - end or np.log(2.0)
    margin = 0.02 * span
    room = (span + 2 * margin) * label_share / (1.0 - label_share)
    left, right = np.exp(start + margin), np.exp(end - margin)
    ax.set_xlim(left, np.exp(end - margin - room))
    if label_share:
        _end_frame(ax, left, right)


def _end_frame(ax: Axes, left: float, right: float) -> None:
    """Draw frame and ticks of the alpha axis between `left` and `right` only."""
    for minor in (False, True):
        ticks = ax.get_xticks(minor=minor)
        ax.set_xticks(ticks[(ticks <= left) & (ticks >= right)], minor=minor)
    ax.spines["right"].set_position(("data", right))
    for axes in (ax, *ax.child_axes):
        axes.spines["top"].set_bounds(right, left)
    ax.spines["bottom"].set_bounds(right, left)


def limit_values(ax: Axes, low: float, high: float) -> None:
    """Give the vertical axis the range of the values, and room for the names of marks below."""
    height = high - low or 1.0
    ax.set_ylim(low - 0.09 * height, high + 0.05 * height)


def add_count_axis(ax: Axes, alphas: np.ndarray, n_nonzero: np.ndarray) -> Axes:
    """Write the number of non-zero coefficients above the strengths it belongs to."""
    width = ax.get_window_extent().width / ax.figure.dpi
    n_counts = int(np.clip(width / _COUNT_SPACING, 2, 7))
    positions = np.log(alphas)
    wanted = np.linspace(positions[0], positions[-1], n_counts)
    shown = np.unique(np.abs(positions[:, None] - wanted).argmin(axis=0))
    count_axis = ax.secondary_xaxis("top")
    count_axis.set_xticks(alphas[shown], [f"{count:,}" for count in n_nonzero[shown].tolist()])
    count_axis.minorticks_off()
    count_axis.set_xlabel("non-zero coefficients")
    return count_axis


def mark_strengths(
    ax: Axes,
    alphas: np.ndarray,
    alpha_min: float | None,
    alpha_1se: float | None,
    best: str = "min",
) -> tuple[Line2D | None, Line2D | None]:
    """Draw the best and the one-standard-error strength, with names inside the frame."""
    if alpha_min is not None and alpha_min == alpha_1se:
        line = _mark(ax, alpha_min, f"{best} = 1 SE", "--", _side(alphas, alpha_min, "left"), 0)
        return line, line
    sides = [
        None if alpha is None else _side(alphas, alpha, wanted)
        for alpha, wanted in ((alpha_min, "left"), (alpha_1se, "right"))
    ]
    # Names on one side of two near lines would cover each other, so one stands higher.
    level = int(sides[0] == sides[1])
    return (
        None if alpha_min is None else _mark(ax, alpha_min, best, "--", sides[0], 0),
        None if alpha_1se is None else _mark(ax, alpha_1se, "1 SE", ":", sides[1], level),
    )


def _side(alphas: np.ndarray, alpha: float, wanted: str) -> str:
    """Return the end of the name that touches its line: near the frame the one that fits."""
    span = np.log(alphas[0] / alphas[-1])
    place = np.log(alphas[0] / alpha) / span if span else 0.5
    if place < _NEAR_FRAME:
        return "left"
    return "right" if place > 1.0 - _NEAR_FRAME else wanted


def _mark(ax: Axes, alpha: float, name: str, linestyle: str, side: str, level: int) -> Line2D:
    """Draw one vertical line and its name beside its foot, `level` lines of text above it."""
    line = ax.axvline(alpha, color="0.35", linestyle=linestyle, linewidth=1.0, zorder=2.5)
    ax.annotate(
        name,
        xy=(alpha, 0.0),
        xycoords=("data", "axes fraction"),
        xytext=(3 if side == "left" else -3, 3 + 12 * level),
        textcoords="offset points",
        ha=side,
        va="bottom",
        fontsize="small",
        color="0.25",
        bbox=_NAME_BOX,
        zorder=4,
    )
    return line
