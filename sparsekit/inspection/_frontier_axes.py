"""The axes of a frontier: sparsity by what is kept, times beside gains, the dense network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sparsekit.inspection._axes import load_ticker

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_LEAST_KEPT = 1e-6  # what is left of the scale at a sparsity of one
# What is marked where there is room for it, the first before the others.
_TICKS = (0.0, 0.5, 0.9, 0.99, 0.999, 0.8, 0.95, 0.98, 0.997, 0.7)
_LEAST_GAP = 0.09  # between two of them, in widths of the axis
_STEPS = (1.0, 2.0, 3.0, 5.0)  # in a decade of times
_DENSE_NAME = "dense"
_DENSE = {"color": "0.35", "linestyle": "--", "linewidth": 1.0, "zorder": 2.5}


def sparsity_axis(ax: Axes, name: str) -> None:
    """Make the horizontal axis one of sparsities, logarithmic in the share that is kept."""
    ax.set_xscale("function", functions=(_to_scale, _from_scale))
    ax.xaxis.set_major_formatter(lambda sparsity, place: f"{100 * sparsity:g}%")
    ax.set_xlabel(name)


def mark_sparsities(ax: Axes) -> None:
    """Put ticks at round sparsities of what is drawn, so that their names do not meet."""
    low, high = ax.get_xlim()
    marked: list[float] = []
    for tick in _TICKS:
        places = _to_scale(np.array([*marked, tick]))
        apart = np.abs(places[:-1] - places[-1]).min(initial=np.inf)
        if low <= tick <= high and apart >= _LEAST_GAP * np.ptp(_to_scale(np.array([low, high]))):
            marked.append(tick)
    # Not `set_xticks`, which would widen the axis where lines come later.
    ax.xaxis.set_major_locator(load_ticker().FixedLocator(sorted(marked)))


def draw_dense(ax: Axes, value: float | None) -> Line2D | None:
    """Draw a dashed line at what the dense network reaches, once."""
    if value is None:
        return None
    drawn = [line for line in ax.lines if line.get_label() == _DENSE_NAME]
    return drawn[0] if drawn else ax.axhline(value, label=_DENSE_NAME, **_DENSE)


def log_times(ax: Axes, dense: float | None) -> None:
    """Make the vertical axis logarithmic, with gains over `dense` on its other side."""
    ax.set_yscale("log")
    _plain_numbers(ax.yaxis, "{:g}")
    if dense is None or ax.child_axes:
        return
    gains = ax.secondary_yaxis("right", functions=(_over(dense), _over(dense)))
    gains.set_ylabel("times as fast as dense")
    _plain_numbers(gains.yaxis, "{:g}x")


def _plain_numbers(axis: Any, form: str) -> None:
    """Write 1, 2 and 5 of each decade in plain figures."""
    axis.set_major_locator(load_ticker().LogLocator(subs=_STEPS))
    axis.set_major_formatter(lambda value, place: form.format(value))
    axis.set_minor_locator(load_ticker().NullLocator())


def _over(dense: float) -> Any:
    """Return the function from times to gains, which is its own inverse."""
    return lambda times: dense / np.maximum(times, 1e-300)


def _to_scale(sparsity: np.ndarray) -> np.ndarray:
    """Return places on the axis."""
    return -np.log(np.maximum(1.0 - np.asarray(sparsity), _LEAST_KEPT))


def _from_scale(place: np.ndarray) -> np.ndarray:
    """Return the sparsities of places on the axis."""
    return 1.0 - np.exp(-np.asarray(place))
