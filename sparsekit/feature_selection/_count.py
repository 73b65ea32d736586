"""Walk a path until a wanted number of features has a coefficient."""

import warnings
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsekit.linear_model._base import SparseLinearModel, TrainingData
from sparsekit.linear_model._strengths import strength_grid
from sparsekit.solvers import Solution

GRID_SIZE = 100
GRID_END = 1e-4
# A grid step of ten per cent, halved so often, is down to where only exact ties are left.
MOST_HALVINGS = 24


@dataclass(frozen=True)
class Point:
    """One strength of a path, and how much of a coefficient each feature has there."""

    alpha: float
    solutions: Sequence[Solution]
    size: np.ndarray

    @property
    def count(self) -> int:
        """Number of features with a coefficient."""
        return int(np.count_nonzero(self.size))

    @classmethod
    def of(cls, alpha: float, solutions: Sequence[Solution]) -> "Point":
        """Return the point of the solutions of all outputs."""
        return cls(float(alpha), solutions, np.sum([abs(s.coef) for s in solutions], axis=0))


def fit_to_count(
    model: SparseLinearModel, X: Any, y: Any, sample_weight: Any, n_wanted: int
) -> tuple[SparseLinearModel, np.ndarray]:
    """Return the model at the largest strength found that has `n_wanted` features, and its support.

    Where features enter together, however finely the path is walked, the support keeps those
    with the largest coefficients. Where the path ends too early, it keeps fewer, with a warning.
    """
    data = model._read(X, y, sample_weight)
    n_features = data.X.shape[1]
    if n_wanted > n_features:
        raise ValueError(
            f"`n_features_to_select` must be at most the number of features; got {n_wanted}, but "
            f"n_features = {n_features}."
        )
    point = _point_with(model, data, n_wanted)
    if point.count < n_wanted:
        warnings.warn(
            f"Only {point.count} of {n_wanted} features have a coefficient at "
            f"alpha={point.alpha:.4g}, where the path ends.",
            UserWarning,
            stacklevel=3,
        )
    largest = np.argsort(-point.size, kind="stable")[:n_wanted]
    support = np.zeros(n_features, dtype=bool)
    support[largest] = point.size[largest] > 0
    fitted = copy(model)
    fitted.alpha = point.alpha
    vars(fitted).update(model._dress(data, point.solutions))
    return fitted, support


def _point_with(model: SparseLinearModel, data: TrainingData, n_wanted: int) -> Point:
    """Return the first point with `n_wanted` features, or the next best."""
    grid = strength_grid(model._problems(data), GRID_SIZE, GRID_END)
    before = None
    for alpha, solutions in zip(grid, model._path_points(data, grid)):
        point = Point.of(alpha, solutions)
        if point.count >= n_wanted:
            break
        before = point
    if point.count <= n_wanted or before is None:
        return point
    return _halve_between(model, data, before.alpha, point, n_wanted)


def _halve_between(
    model: SparseLinearModel, data: TrainingData, too_strong: float, beyond: Point, n_wanted: int
) -> Point:
    """Return a point with `n_wanted` features between two strengths, or the least one beyond."""
    for _ in range(MOST_HALVINGS):
        alpha = np.sqrt(too_strong * beyond.alpha)
        point = Point.of(alpha, next(model._path_points(data, np.array([alpha]))))
        if point.count == n_wanted:
            return point
        if point.count > n_wanted:
            beyond = point
        else:
            too_strong = alpha
    return beyond
