"""Names at the ends of lines, moved apart so that none covers another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.isotonic import isotonic_regression

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

MAX_SHARE = 0.35  # names take at most this share of the width
_LEADER = 14.0  # points between the end of a line and its name
_PAD = 4.0  # points between the longest name and the frame
_LEADER_STYLE = {
    "arrowstyle": "-",
    "linewidth": 0.6,
    "shrinkA": 1,
    "shrinkB": 0,
    "relpos": (0.0, 0.5),
}
_LINE_HEIGHT = 1.15  # distance between two names, in heights of one


def shorten(name: str, n_characters: int) -> str:
    """Return `name`, its middle replaced by an ellipsis where it is longer than allowed.

    The middle goes, since generated names (``country_of_birth=Norway``) differ at both ends.
    """
    if len(name) <= n_characters:
        return name
    kept = max(n_characters - 1, 2)
    return name[: kept - kept // 2] + "…" + name[-(kept // 2) :]


def spread(targets: np.ndarray, gap: float, low: float, high: float) -> np.ndarray:
    """Move sorted `targets` the least (in squares) so that neighbours are `gap` apart.

    Subtracting the gaps turns the problem into isotonic regression. Where they do not fit between
    `low` and `high` they run over `high`.
    """
    offsets = gap * np.arange(len(targets))
    if not len(targets):
        return offsets
    room = max(low, high - offsets[-1])
    return isotonic_regression(targets - offsets, y_min=low, y_max=room) + offsets


def measure(ax: Axes, names: list[str]) -> tuple[list[str], float, float]:
    """Return the names cut to fit, the share of the width they need, and one name's height.

    Heights are shares of the height of `ax`.
    """
    box = ax.get_window_extent()
    pixels = ax.figure.dpi / 72.0
    available = MAX_SHARE * box.width - (_LEADER + _PAD) * pixels
    probe = ax.text(0.0, 0.0, "", fontsize="small", parse_math=False)
    widths, height = [], 0.0
    fitted = []
    for name in names:
        fitted.append(_fit(probe, name, available))
        extent = probe.get_window_extent()
        widths.append(extent.width)
        height = max(height, extent.height)
    probe.remove()
    needed = max(widths, default=0.0) + (_LEADER + _PAD) * pixels
    return fitted, min(needed / box.width, MAX_SHARE), height * _LINE_HEIGHT / box.height


def _fit(probe, name: str, available: float) -> str:
    """Cut `name` until it is no wider than `available` pixels; `probe` is left showing it."""
    length = len(name)
    probe.set_text(name)
    while probe.get_window_extent().width > available and length > 3:
        ratio = available / probe.get_window_extent().width
        length = max(3, min(length - 1, int(length * ratio)))
        probe.set_text(shorten(name, length))
    return shorten(name, length)


def add_labels(
    ax: Axes, x: float, heights: np.ndarray, names: list[str], colors: list, line_height: float
) -> list[Annotation]:
    """Write each name to the right of (x, height), joined to its line by a thin leader."""
    low, high = ax.get_ylim()
    fractions = (heights - low) / (high - low)
    order = np.argsort(fractions, kind="stable")
    placed = np.empty(len(names))
    placed[order] = spread(fractions[order], line_height, line_height / 2, 1.0 - line_height / 2)
    start = ax.transAxes.inverted().transform(ax.transData.transform((x, low)))[0]
    shift = _LEADER * ax.figure.dpi / 72.0 / ax.get_window_extent().width
    return [
        ax.annotate(
            name,
            xy=(x, height),
            xytext=(start + shift, place),
            textcoords="axes fraction",
            ha="left",
            va="center",
            fontsize="small",
            color=color,
            parse_math=False,
            arrowprops={"color": color} | _LEADER_STYLE,
        )
        for name, height, place, color in zip(names, heights, placed, colors, strict=True)
    ]
