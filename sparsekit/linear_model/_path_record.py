"""The points of a path as they are solved, kept as compressed columns."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sparsekit.linear_model._reporting import without_coef
from sparsekit.solvers import Solution

# Values, row indices and column pointers of a matrix with one column per strength.
CompressedColumns = tuple[np.ndarray, np.ndarray, np.ndarray]


class PathRecord:
    """Collects the solutions of all outputs, one point after another.

    Parameters
    ----------
    penalty : penalty
        Of any strength.
    feature_weight : ndarray of shape (n_features,) or None
        Factors of the penalty.
    dtype : dtype
        Of the coefficients.
    """

    def __init__(self, penalty: Any, feature_weight: np.ndarray | None, dtype: np.dtype):
        self._penalty = penalty
        self._feature_weight = 1.0 if feature_weight is None else feature_weight
        self._dtype = dtype
        self._columns: list[tuple[np.ndarray, np.ndarray]] = []
        self._n_rows = 0
        self.alphas: list[float] = []
        self.solutions: list[tuple[Solution, ...]] = []
        self.deviance_ratios: list[float] = []

    def add(self, alpha: float, solutions: Sequence[Solution]) -> None:
        """Keep the point at `alpha`; coefficients of all outputs form one column."""
        coef = np.concatenate([solution.coef for solution in solutions])
        rows = np.flatnonzero(coef)
        self._n_rows = len(coef)
        self._columns.append((coef[rows].astype(self._dtype), rows))
        self.alphas.append(alpha)
        self.deviance_ratios.append(self._deviance_ratio(alpha, solutions))
        self.solutions.append(tuple(without_coef(solution) for solution in solutions))

    def compressed(self) -> CompressedColumns:
        """Return the coefficients as compressed columns."""
        sizes = [len(rows) for _, rows in self._columns]
        return (
            np.concatenate([values for values, _ in self._columns]),
            np.concatenate([rows for _, rows in self._columns]),
            np.concatenate([[0], np.cumsum(sizes)]),
        )

    def solutions_at(self, place: int) -> list[Solution]:
        """Return the solutions of all outputs at one point, coefficients included."""
        coef = column(self.compressed(), place, self._n_rows)
        outputs = np.split(coef, len(self.solutions[place]))
        return [replace(s, coef=w) for s, w in zip(self.solutions[place], outputs)]

    def intercepts(self) -> np.ndarray:
        """Return the intercepts, of shape (n_outputs, n_alphas)."""
        return np.array([[s.intercept for s in point] for point in self.solutions]).T

    def _deviance_ratio(self, alpha: float, solutions: Sequence[Solution]) -> float:
        """Return the share of the null deviance that the losses of all outputs explain."""
        penalty = self._penalty.with_alpha(alpha)
        null = sum(solution.null_objective for solution in solutions)
        left = sum(
            solution.objective - (self._feature_weight * penalty.value(solution.coef)).sum()
            for solution in solutions
        )
        return float(1.0 - left / null) if null > 0 else 0.0


def column(columns: CompressedColumns, place: int, n_rows: int) -> np.ndarray:
    """Return one column, dense."""
    data, indices, indptr = columns
    stored = slice(indptr[place], indptr[place + 1])
    dense = np.zeros(n_rows, dtype=data.dtype)
    dense[indices[stored]] = data[stored]
    return dense


def column_at(
    columns: CompressedColumns, alphas: np.ndarray, alpha: float, n_rows: int
) -> np.ndarray:
    """Return the column at a strength, interpolated between its neighbours among `alphas`.

    Raises
    ------
    ValueError
        If `alpha` is not between the ends of `alphas`, which fall.
    """
    if not alphas[-1] <= alpha <= alphas[0]:
        raise ValueError(
            f"`alpha` must be on the path, in [{alphas[-1]:.4g}, {alphas[0]:.4g}]; got {alpha!r}."
        )
    below = int(np.argmax(alphas <= alpha))
    if alphas[below] == alpha:
        return column(columns, below, n_rows)
    share = (alpha - alphas[below]) / (alphas[below - 1] - alphas[below])
    above = column(columns, below - 1, n_rows)
    return ((1.0 - share) * column(columns, below, n_rows) + share * above).astype(above.dtype)


def count_active(columns: CompressedColumns, n_features: int) -> np.ndarray:
    """Return, per column, how many features have a coefficient in any output."""
    _, indices, indptr = columns
    return np.array(
        [len(np.unique(indices[a:b] % n_features)) for a, b in zip(indptr[:-1], indptr[1:])]
    )
