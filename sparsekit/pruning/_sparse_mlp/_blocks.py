"""What a layer does with a batch: its sums and slopes, block by block of its weights."""

from typing import Any

import numpy as np

from sparsekit._parallel import run_blocks
from sparsekit._simd import aligned_empty, padded_width
from sparsekit.pruning._sparse_mlp._layer import Layer
from sparsekit.pruning._sparse_mlp._products import (
    pull_back,
    sum_units,
    weight_slopes,
    weight_slopes_exactly,
)

# Multiplications of one call of a kernel, a millisecond or so.
CALL_WORK = 2**24
# Rows that a batch has room for at least.
FEWEST_ROWS = 17


def add_up(layer: Layer, A: np.ndarray, Z: np.ndarray, n_jobs: int | None) -> None:
    """Write a layer's sums for the activations before it."""
    copy = layer.by_outputs

    def add(start, stop):
        sum_units(copy.begins, copy.inputs, copy.values, layer.biases, A, Z, start, stop)

    in_blocks(add, pieces(copy.begins, A.shape[1]), n_jobs)


def pull(layer: Layer, delta: np.ndarray, pulled: np.ndarray, n_jobs: int | None) -> None:
    """Write the gradients in the activations before a layer."""
    support, values = layer.support, layer.values

    def pull_some(start, stop):
        pull_back(support.begins, support.outputs, values, delta, pulled, start, stop)

    in_blocks(pull_some, pieces(support.begins, delta.shape[1]), n_jobs)


def find_slopes(
    layer: Layer,
    A: np.ndarray,
    delta: np.ndarray,
    weights: np.ndarray | None,
    active: np.ndarray,
    slopes: np.ndarray,
    n_jobs: int | None,
) -> None:
    """Write the slopes of the weights of active inputs."""
    given = layer.support.begins, layer.support.outputs, A, delta

    def find(start, stop):
        first, last = np.searchsorted(active, (start, stop))
        if weights is None:
            weight_slopes(*given, active, slopes, first, last)
        else:
            weight_slopes_exactly(*given, weights, active, slopes, first, last)

    in_blocks(find, pieces(layer.support.begins, A.shape[1]), n_jobs)


def every(layer: Layer) -> np.ndarray:
    """Return all inputs of a layer."""
    return np.arange(layer.shape[0], dtype=layer.support.outputs.dtype)


def pieces(begins: np.ndarray, width: int) -> list[tuple[int, int]]:
    """Return blocks of rows of compressed weights, each little enough for one call of a kernel."""
    n_pieces = 1 + int(begins[-1]) * width // CALL_WORK
    if n_pieces == 1:
        return [(0, len(begins) - 1)]
    targets = np.linspace(0, begins[-1], n_pieces + 1)[1:-1]
    cuts = np.unique([0, *np.searchsorted(begins, targets), len(begins) - 1]).tolist()
    return list(zip(cuts[:-1], cuts[1:], strict=True))


def even_pieces(n: int, work: float) -> list[tuple[int, int]]:
    """Return blocks of `n` pieces of work that take so many multiplications in all."""
    n_pieces = int(min(1 + work // CALL_WORK, max(n, 1)))
    cuts = np.linspace(0, n, n_pieces + 1).astype(int).tolist()
    return list(zip(cuts[:-1], cuts[1:], strict=True))


def in_blocks(function: Any, blocks: list[tuple[int, int]], n_jobs: int | None) -> None:
    """Call a function on every block; on a single one without asking for threads."""
    if len(blocks) == 1:
        function(*blocks[0])
    else:
        run_blocks(function, blocks, n_jobs)


def width_of(n_rows: int) -> int:
    """Return the width of rows of units.

    Never a single vector, whose sums would have another order.
    """
    return padded_width(max(n_rows, FEWEST_ROWS), np.float32)


def zeros(shape: tuple[int, ...]) -> np.ndarray:
    """Return zeros that begin a cache line, float32."""
    room = aligned_empty(shape, np.float32)
    room[:] = 0
    return room
