"""Alternating least squares: sweeps over rows, then columns, until they have settled."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from sparsekit.factorization._features import FeatureMap
from sparsekit.factorization._rows import (
    ConjugateGradients,
    CoordinateDescent,
    Exact,
    RowMethod,
)
from sparsekit.factorization._sides import Model, Opposite, Side
from sparsekit.matrix._products import to_csc

# Sweeps of coordinate descent that end by themselves, at the minimum of a row.
TO_THE_END = 10_000
SWEEPS = 3
# How far conjugate gradients go once a sweep lowers the objective by no more than this share.
RELAXATION, SLOW = 1.5, 0.05
# Of the first factors, times the root of the rank.
FIRST_DEVIATION = 0.1


@dataclass
class Alternation:
    """A factorisation on its way.

    Parameters
    ----------
    model : Model
        What is minimised.
    rows, columns : Side
        The two sides; their codes move.
    method : callable
        Given a side and whether sweeps have become slow, returns how it is solved.
    side_weight : float
        Weight of the features.
    n_jobs : int or None
        Threads.
    objective : float, default=nan
        After the last sweep.
    slow : bool, default=False
        Whether it lowered the objective by little.
    """

    model: Model
    rows: Side
    columns: Side
    method: Callable[[Model, Side, bool], RowMethod]
    side_weight: float
    n_jobs: int | None
    objective: float = math.nan
    slow: bool = False

    def sweep(self) -> float:
        """Solve rows, then columns; return the objective."""
        model, rows, columns = self.model, self.rows, self.columns
        rows.solve(model, columns, self.method(model, rows, self.slow), self.n_jobs)
        rows.learn_features(model, self.side_weight, self.n_jobs)
        known = columns.feature_map
        method = self.method(model, columns, self.slow)
        objective = columns.solve(model, rows, method, self.n_jobs)
        columns.learn_features(model, self.side_weight, self.n_jobs)
        before = self.objective
        self.objective = 0.5 * (objective + rows.penalty(model) + self._features_cost(known))
        self.slow = before - self.objective <= SLOW * abs(before)
        return self.objective

    def finish(self) -> None:
        """Solve the rows exactly, as `transform` does: in the axes of the columns, from zero."""
        model, rows, columns = self.model, self.rows, self.columns
        opposite = Opposite.of(model, columns.codes, columns.row_weight, self.n_jobs)
        systems, start = rows.rows(model, opposite, self.n_jobs), np.zeros_like(rows.codes)
        rows.codes, _ = exact_method(model, rows).solve(systems, start, self.n_jobs)

    def keep(self) -> tuple[Any, ...]:
        """Return what a later sweep changes."""
        return (
            self.rows.codes.copy(),
            self.columns.codes.copy(),
            self.rows.feature_map,
            self.columns.feature_map,
        )

    def restore(self, kept: tuple[Any, ...]) -> None:
        """Go back to what `keep` returned."""
        self.rows.codes, self.columns.codes = kept[:2]
        self.rows.feature_map, self.columns.feature_map = kept[2:]

    def _features_cost(self, known: FeatureMap | None) -> float:
        """Return what features cost beside what the systems of the columns, with `known`, hold."""
        rows, columns = self.rows, self.columns
        cost = 0.0
        if rows.feature_map is not None:
            codes = rows.codes[:, : self.model.n_components]
            cost += rows.feature_map.cost(rows.features, codes, rows.row_weight)
        if known is not None:
            cost += known.fixed_cost(columns.features, columns.row_weight)
        elif columns.feature_map is not None:
            codes = columns.codes[:, : self.model.n_components]
            cost += columns.feature_map.cost(columns.features, codes, columns.row_weight)
        return cost


def exact_method(model: Model, side: Side) -> RowMethod:
    """Return the method that solves each row of a side to the end."""
    return _descent(model, side, TO_THE_END) if model.constrained else Exact()


def sweep_method(solver: str, cg_steps: int) -> Callable[[Model, Side, bool], RowMethod]:
    """Return what solves a side within a sweep.

    A side is solved for where the other one stands, and then the other moves the same way: so
    conjugate gradients go further at once, where sweeps are slow (successive over-relaxation).
    """
    return {
        "pcg": lambda model, side, slow: ConjugateGradients(cg_steps, RELAXATION if slow else 1.0),
        "cholesky": lambda model, side, slow: Exact(),
        "cd": lambda model, side, slow: _descent(model, side, SWEEPS),
    }[solver]


def first_codes(
    n: int, model: Model, dtype: np.dtype, random_state: np.random.RandomState
) -> np.ndarray:
    """Return small random codes without bias."""
    codes = np.zeros((n, model.rank), dtype)
    deviation = FIRST_DEVIATION / np.sqrt(model.n_components)
    codes[:, : model.n_components] = deviation * random_state.standard_normal(
        (n, model.n_components)
    )
    return np.abs(codes) if model.positive else codes


def transposed(X: sparse.csr_array, values: np.ndarray | None, n_jobs: int | None) -> Any:
    """Return the entries by column, and values beside them in their new order."""
    turned = to_csc(X, n_jobs=n_jobs)
    by_column = sparse.csr_array(
        (turned.data, turned.indices, turned.indptr), shape=X.shape[::-1], copy=False
    )
    if values is None:
        return by_column, None
    beside = to_csc(sparse.csr_array((values, X.indices, X.indptr), shape=X.shape), n_jobs=n_jobs)
    return by_column, beside.data


def _descent(model: Model, side: Side, n_sweeps: int) -> CoordinateDescent:
    thresholds = model.l1_ratio * model.strengths(side.observations)
    return CoordinateDescent(thresholds, model.positive, model.n_components, n_sweeps)
