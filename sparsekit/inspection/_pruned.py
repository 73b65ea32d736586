"""Networks without most of their weights, found in fitted estimators, and what they keep."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted


def find_network(estimator: BaseEstimator, names: tuple[str, ...]) -> Any:
    """Return the last step that has one of the attributes `names`."""
    if hasattr(estimator, "cv_results_"):
        check_is_fitted(estimator, "best_estimator_")
        estimator = estimator.best_estimator_
    while isinstance(estimator, Pipeline):
        check_is_fitted(estimator)
        steps = [step for _, step in estimator.steps]
        holding = [step for step in steps if _holds(step, names)]
        estimator = (holding or steps)[-1]
    check_is_fitted(estimator)
    if not _holds(estimator, names):
        wanted = " or ".join(f"`{name}`" for name in names)
        raise TypeError(
            f"{type(estimator).__name__} has no {wanted}. Pass a fitted "
            "sparsekit.pruning.MLPPruner, or a pipeline or search with one."
        )
    return estimator


def _holds(estimator: Any, names: tuple[str, ...]) -> bool:
    """Return whether an estimator has one of the attributes, or is a pipeline, which may."""
    return isinstance(estimator, Pipeline) or any(hasattr(estimator, name) for name in names)


def kept_shares(mask: Any, most_cells: int) -> tuple[np.ndarray, tuple[int, int]]:
    """Return the share of weights kept in each cell of a grid, and the height and width of a cell.

    The grid has at most `most_cells` cells along either side; cells at the far ends may be smaller.
    """
    sizes = tuple(-(-n // most_cells) for n in mask.shape)
    shape = tuple(-(-n // size) for n, size in zip(mask.shape, sizes))
    row, column = (places // size for places, size in zip(mask.nonzero(), sizes))
    kept = np.bincount(row * shape[1] + column, minlength=shape[0] * shape[1]).reshape(shape)
    heights, widths = (
        np.diff(np.append(np.arange(0, n, size), n)) for n, size in zip(mask.shape, sizes)
    )
    return kept / np.outer(heights, widths), sizes


def kept_by_input(mask: Any) -> np.ndarray:
    """Return how many weights of each input are kept."""
    return np.bincount(mask.nonzero()[0], minlength=mask.shape[0])


def share_kept(mask: Any) -> float:
    """Return the share of weights that are kept."""
    return len(mask.nonzero()[0]) / (mask.shape[0] * mask.shape[1])
