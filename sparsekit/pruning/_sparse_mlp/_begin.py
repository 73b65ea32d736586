"""How a fit begins: shares of weights, layers, streams of random numbers, samples held out."""

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from sparsekit._validation._memory import refuse_memory
from sparsekit.pruning._allocation import BY_SHAPE
from sparsekit.pruning._sparse_mlp._layer import Layer, first_layer
from sparsekit.pruning._sparse_mlp._support import draw_supports

# Bytes of a weight while it is drawn and trained: its place, value, slope and moments.
WEIGHT_BYTES = 48
# What random numbers are for; streams do not meet, so that no mask depends on a first weight.
STREAMS = ("supports", "weights", "order", "growth", "held")


def random_streams(random_state: Any, epoch: int) -> dict[str, np.random.SeedSequence]:
    """Return a seed for each purpose, others after so many epochs of `partial_fit`."""
    entropy = check_random_state(random_state).randint(2**32, size=4, dtype=np.uint32)
    seeds = np.random.SeedSequence([epoch, *entropy.tolist()]).spawn(len(STREAMS))
    return dict(zip(STREAMS, seeds, strict=True))


def count_weights(shapes: list[tuple[int, int]], density: float, allocation: str) -> list[int]:
    """Return the weights of each layer: ``round(density * n)`` of n in all, each at least one."""
    sizes = np.array([inputs * outputs for inputs, outputs in shapes])
    shares = 1 - np.array(BY_SHAPE[allocation](shapes, 1 - density))
    wanted = shares * sizes
    counts = np.clip(np.floor(wanted).astype(np.int64), 1, sizes)
    missing = round(density * int(sizes.sum())) - int(counts.sum())
    # What rounding leaves over goes, one by one, to those that it took the most from.
    while missing:
        step = 1 if missing > 0 else -1
        free = counts < sizes if missing > 0 else counts > 1
        if not free.any():
            break
        counts[np.argmax(np.where(free, step * (wanted - counts), -np.inf))] += step
        missing -= step
    return counts.tolist()


def begin_layers(
    estimator: Any, units: list[int], seeds: dict[str, np.random.SeedSequence]
) -> list[Layer]:
    """Return layers with weights drawn where they are, and nowhere else."""
    shapes = list(zip(units[:-1], units[1:], strict=True))
    counts = count_weights(shapes, float(estimator.density), estimator.allocation)
    refuse_memory(
        float(sum(counts)) * WEIGHT_BYTES,
        f"{type(estimator).__name__} with density={estimator.density!r} and layers of {units} "
        "units",
        "Decrease `density`, or choose smaller layers.",
    )
    places, numbers = (np.random.default_rng(seeds[name]) for name in ("supports", "weights"))
    supports = draw_supports(shapes, counts, places)
    return [first_layer(support, estimator.activation, numbers) for support in supports]
