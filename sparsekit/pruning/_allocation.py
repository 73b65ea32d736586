"""Allocations: how the weights that stay are shared out among the layers."""

import numpy as np

ALLOCATIONS = ("auto", "erk", "global", "uniform")


def erdos_renyi_sparsity(shapes: list[tuple[int, int]], sparsity: float) -> list[float]:
    """Return the sparsity of each layer by which density goes with ``1 / inputs + 1 / outputs``.

    Small layers stay denser; those that would have to be more than dense are dense, and the others
    make up for it.

    References
    ----------
    Evci, Gale, Menick, Castro, Elsen (2020), "Rigging the lottery: making all tickets winners",
    section 3.
    """
    sizes = np.array([inputs * outputs for inputs, outputs in shapes], dtype=np.float64)
    raw = np.array([(inputs + outputs) / (inputs * outputs) for inputs, outputs in shapes])
    wanted = (1 - sparsity) * sizes.sum()
    dense = np.zeros(len(sizes), dtype=bool)
    scale = 0.0
    while not dense.all():
        scale = (wanted - sizes[dense].sum()) / (raw * sizes)[~dense].sum()
        over = ~dense & (scale * raw > 1)
        if not over.any():
            break
        dense |= over
    density = np.where(dense, 1.0, scale * raw)
    return (1 - density).tolist()


def uniform_sparsity(shapes: list[tuple[int, int]], sparsity: float) -> list[float]:
    """Return the same sparsity for each layer."""
    return [sparsity] * len(shapes)


BY_SHAPE = {"erk": erdos_renyi_sparsity, "uniform": uniform_sparsity}


def sensitive_sparsity(
    curve: dict[str, np.ndarray], sizes: list[int], sparsity: float
) -> list[float]:
    """Return the sparsity of each layer that changes outputs least for so many weights in all.

    Weights are taken where each of them changes the outputs least, from one level of the curve to
    a next one; what is asked for beyond a level is taken between the levels.

    Parameters
    ----------
    curve : dict
        "sparsity", (levels,), rising from zero, and "change", (layers, levels), of the outputs with
        only that layer pruned.
    sizes : list of int
        Weights of each layer.
    sparsity : float
        Share of all weights to remove.
    """
    levels = np.asarray(curve["sparsity"], dtype=np.float64)
    changes = np.maximum.accumulate(curve["change"], axis=1)
    reached = np.zeros(len(sizes), dtype=int)
    found = np.zeros(len(sizes))
    missing = sparsity * sum(sizes)
    while missing > 1e-9:
        steps = [_best_step(changes[k], levels, reached[k], size) for k, size in enumerate(sizes)]
        k = int(np.argmin([price for price, _ in steps]))
        price, level = steps[k]
        if not np.isfinite(price):
            # Every layer is at the last level: the rest is taken from all of them alike.
            rest = sum(size * (1 - s) for size, s in zip(sizes, found))
            return [float(s + (1 - s) * missing / rest) for s in found]
        gained = min((levels[level] - found[k]) * sizes[k], missing)
        found[k] += gained / sizes[k]
        missing -= gained
        reached[k] = level
    return found.tolist()


def _best_step(
    changes: np.ndarray, levels: np.ndarray, reached: int, size: int
) -> tuple[float, int]:
    """Return the least change per weight removed from here on, and the level it leads to."""
    further = np.arange(reached + 1, len(levels))
    if not len(further):
        return np.inf, reached
    prices = (changes[further] - changes[reached]) / ((levels[further] - levels[reached]) * size)
    best = int(np.argmin(prices))
    return float(prices[best]), int(further[best])
