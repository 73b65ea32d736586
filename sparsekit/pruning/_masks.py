"""Masks: which weights stay, exactly as many as were asked for."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from sparsekit.pruning._allocation import BY_SHAPE


def build_masks(scores: Sequence, granularity, allocation, sparsity: float) -> list[np.ndarray]:
    """Return a mask for each layer that keeps the units with the best scores.

    Parameters
    ----------
    scores : sequence of ndarray of shape (inputs, outputs)
        What a criterion says; finite.
    granularity : granularity
        Which weights go together.
    allocation : "global", "erk", "uniform" or sequence of float
        All layers compete; or the share of weights removed from each layer follows from the shapes,
        is the same, or is given.
    sparsity : float
        Share of all weights to remove, in [0, 1); not read where `allocation` gives the shares.

    Returns
    -------
    masks : list of ndarray of bool
        With single weights, ``round((1 - sparsity) * n)`` of n are True. Blocks are taken until the
        next would be one too many. At least one unit stays in each layer.
    """
    shapes = [S.shape for S in scores]
    units = [granularity.units(S) for S in scores]
    sizes = [granularity.sizes(shape) for shape in shapes]
    if isinstance(allocation, str) and allocation == "global":
        kept = _keep_best(units, sizes, sparsity)
    else:
        if isinstance(allocation, str):
            allocation = BY_SHAPE[allocation](shapes, sparsity)
        kept = [
            _keep_best([u], [size], share)[0] for u, size, share in zip(units, sizes, allocation)
        ]
    _fill_empty(kept, units)
    return [granularity.spread(k, shape) for k, shape in zip(kept, shapes)]


def share_by_level(allocation: Any, level: float, sparsity: float) -> Any:
    """Return the allocation for a sparsity on the way to another one."""
    if isinstance(allocation, str) or sparsity == 0:
        return allocation
    return [share * level / sparsity for share in allocation]


def mask_layer(scores: np.ndarray, granularity: Any, sparsity: float) -> np.ndarray:
    """Return the mask of one layer by itself; nothing of it may be left."""
    (kept,) = _keep_best([granularity.units(scores)], [granularity.sizes(scores.shape)], sparsity)
    return granularity.spread(kept, scores.shape)


def shares_removed(masks: Sequence[np.ndarray]) -> float:
    """Return the share of weights that masks remove."""
    kept = sum(int(np.count_nonzero(mask)) for mask in masks)
    return 1 - kept / sum(mask.size for mask in masks)


def _keep_best(units: list, sizes: list, sparsity: float) -> list[np.ndarray]:
    """Return which units stay when all compete; ties go to the first."""
    pooled = np.concatenate([u.ravel() for u in units])
    weights = np.concatenate([size.ravel() for size in sizes])
    wanted = round((1 - sparsity) * int(weights.sum()))
    order = np.argsort(-pooled, kind="stable")
    order = order[: np.searchsorted(weights[order].cumsum(), wanted, side="right")]
    chosen = np.zeros(len(pooled), dtype=bool)
    chosen[order] = pooled[order] > -np.inf
    ends = np.cumsum([u.size for u in units])[:-1]
    return [part.reshape(u.shape) for part, u in zip(np.split(chosen, ends), units)]


def _fill_empty(kept: list[np.ndarray], units: list) -> None:
    """Give an empty layer its best unit back, at the cost of the worst that stays elsewhere."""
    for layer, chosen in enumerate(kept):
        if chosen.any():
            continue
        warnings.warn(
            f"Layer {layer} would lose all of its weights; its best one is kept. Lower `sparsity`, "
            'or choose `allocation="erk"`.',
            UserWarning,
            stacklevel=3,
        )
        chosen.flat[np.argmax(units[layer])] = True
        _drop_worst(kept, units)


def _drop_worst(kept: list[np.ndarray], units: list) -> None:
    """Drop the unit with the least score from the layers that keep more than one."""
    worst = None
    for layer, chosen in enumerate(kept):
        if np.count_nonzero(chosen) > 1:
            scores = np.where(chosen, units[layer], np.inf)
            place = int(np.argmin(scores))
            if worst is None or scores.flat[place] < worst[0]:
                worst = scores.flat[place], layer, place
    if worst is not None:
        kept[worst[1]].flat[worst[2]] = False
