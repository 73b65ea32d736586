"""Rewiring: weights that matter least leave, and as many come where there were none."""

from dataclasses import dataclass

import numpy as np

from sparsekit._compile import kernel
from sparsekit.pruning._schedules import falling_share
from sparsekit.pruning._sparse_mlp._layer import Layer
from sparsekit.pruning._sparse_mlp._passes import Passes
from sparsekit.pruning._sparse_mlp._support import Support, draw_distinct


@dataclass(frozen=True)
class Rewiring:
    """When and how much is rewired.

    Parameters
    ----------
    grow : callable
        Returns places where weights come, rising: a value of `GROWTH`.
    fraction : float
        Share of a layer's weights that leave the first time; less later, by half a cosine.
    interval : int
        Steps from one time to the next.
    until : float
        Steps after which nothing is rewired.
    generator : numpy.random.Generator
        Draws what grows by chance.
    """

    grow: object
    fraction: float
    interval: int
    until: float
    generator: np.random.Generator

    def after(self, step: int, passes: Passes) -> None:
        """Rewire after so many steps, the last batch still in `passes`, if it is time."""
        if step % self.interval or step >= self.until:
            return
        share = falling_share(self.fraction, step / self.until)
        for k, layer in enumerate(passes.layers):
            support = layer.support
            n = min(round(share * support.n_weights), support.n_absent)
            if n > 0:
                exchange(layer, self.grow(passes, k, n, self.generator))


def grow_steepest(passes: Passes, k: int, n: int, generator: np.random.Generator) -> np.ndarray:
    """Return up to `n` absent weights of a layer that have the steepest slopes, as RigL does.

    The slopes are seen in blocks, and only those that may be among the steepest are kept.
    """
    support = passes.layers[k].support
    places, sizes, floor = np.empty(0, np.int64), np.empty(0, np.float32), np.float32(0)
    for inputs, slopes in passes.every_slope(k):
        more_places, more_sizes = np.empty(slopes.size, np.int64), np.empty_like(slopes).ravel()
        found = steep_places(
            support.begins, support.outputs, inputs, slopes, floor, more_places, more_sizes
        )
        places = np.concatenate((places, more_places[:found]))
        sizes = np.concatenate((sizes, more_sizes[:found]))
        if len(places) > n:
            best = np.sort(np.argpartition(sizes, len(sizes) - n)[len(sizes) - n :])
            places, sizes = places[best], sizes[best]
            floor = sizes.min()
    return places


def grow_anywhere(passes: Passes, k: int, n: int, generator: np.random.Generator) -> np.ndarray:
    """Return `n` absent weights of a layer, drawn by chance, as SET does."""
    support = passes.layers[k].support
    return support.absent(draw_distinct(support.n_absent, n, generator))


GROWTH = {"rigl": grow_steepest, "set": grow_anywhere}


def exchange(layer: Layer, grown: np.ndarray) -> None:
    """Let the smallest weights go and as many come at the places `grown`, with the value zero."""
    n = len(grown)
    if n == 0:
        return
    kept = np.ones(layer.support.n_weights, bool)
    kept[np.argpartition(np.abs(layer.values), n - 1)[:n]] = False
    places = np.concatenate((layer.support.places()[kept], grown))
    # Two rising runs, which a stable sort merges.
    order = np.argsort(places, kind="stable")
    layer.support = Support.of_places(places[order], layer.shape)

    def carried(numbers):
        return np.concatenate((numbers[kept], np.zeros(n, numbers.dtype)))[order]

    layer.values = carried(layer.values)
    layer.moments = tuple(carried(moment) for moment in layer.moments)
    if layer.by_outputs is not None:
        layer.order()


@kernel
def steep_places(begins, outputs, inputs, slopes, floor, places, sizes):
    """Write the places and sizes of slopes of absent weights above `floor`; return how many."""
    n_outputs = slopes.shape[1]
    found = 0
    for a in range(len(inputs)):
        j = np.int64(inputs[a])
        t, last = begins[j], begins[j + 1]
        for o in range(n_outputs):
            if t < last and outputs[t] == o:
                t += 1
                continue
            size = abs(slopes[a, o])
            if size > floor:
                places[found] = j * n_outputs + o
                sizes[found] = size
                found += 1
    return found
