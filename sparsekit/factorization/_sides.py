"""The two sides of a factorisation, rows and columns, and half a sweep: to solve one of them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from sparsekit.factorization._features import FeatureMap
from sparsekit.factorization._popularity import Popularity
from sparsekit.factorization._rows import RowMethod, Rows, padded_factors
from sparsekit.matrix._products import pad_rows, self_product


@dataclass(frozen=True)
class Model:
    """What does not change while a factorisation is fitted.

    Parameters
    ----------
    loss : record
        Of an entry, from `_entry_losses`.
    n_components : int
        Rank of the product.
    biased : bool
        Whether rows and columns have a bias, the last number of their codes.
    unobserved : float
        Confidence of entries that are not stored.
    alpha : float
        Strength of the regularisation.
    exponent : float
        Power of the observations by which a row's, or column's, regularisation grows.
    l1_ratio : float, default=0.0
        Share of the absolute values in it.
    positive : bool, default=False
        Whether factors must not be negative.
    popularity : Popularity, default=None
        What the columns' entries were weighted by before the loss reads them.
    """

    loss: Any
    n_components: int
    biased: bool
    unobserved: float
    alpha: float
    exponent: float
    l1_ratio: float = 0.0
    positive: bool = False
    popularity: Popularity | None = None

    @property
    def constrained(self) -> bool:
        """Whether a row's problem is more than a linear system."""
        return self.positive or self.l1_ratio > 0

    @property
    def free_axes(self) -> bool:
        """Whether the axes of the codes mean nothing, and all systems share a form."""
        return self.unobserved > 0 and not self.biased and not self.constrained

    @property
    def rank(self) -> int:
        """How many numbers a code has."""
        return self.n_components + self.biased

    def strengths(self, observations: np.ndarray) -> np.ndarray:
        """Return the regularisation of rows or columns with so many observations."""
        counted = np.where(observations > 0, observations, 1.0)
        return self.alpha * counted**self.exponent

    def ridge(self, observations: np.ndarray) -> np.ndarray:
        """Return the part of it that is squared."""
        return (1 - self.l1_ratio) * self.strengths(observations)


@dataclass(frozen=True)
class Opposite:
    """Codes of one side as the other side's systems see them.

    Parameters
    ----------
    vectors : ndarray of shape (n, width)
        Padded; where there are biases, the last number is one, for the bias to be found.
    offset : ndarray of shape (n,) or None
        The biases that are known.
    form : ndarray of shape (rank, rank) or None
        What all entries that are not stored add to every system.
    weight : ndarray of shape (n,), default=None
        Sample weights.
    """

    vectors: np.ndarray
    offset: np.ndarray | None
    form: np.ndarray | None
    weight: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        model: Model,
        codes: np.ndarray,
        row_weight: np.ndarray | None = None,
        n_jobs: int | None = None,
    ) -> "Opposite":
        """Return what a side with these codes and weights shows the other one."""
        # Nothing writes to them but what follows.
        vectors = padded_factors(codes, codes.dtype) if model.biased else pad_rows(codes)
        offset, form = None, None
        if model.biased:
            offset = codes[:, -1].copy()
            vectors[:, model.n_components] = 1
        if model.unobserved > 0:
            seen = np.ascontiguousarray(vectors[:, : model.rank])
            if row_weight is not None:
                seen = seen * np.sqrt(row_weight)[:, None]
            form = model.unobserved * self_product(seen, n_jobs=n_jobs)
        return cls(vectors, offset, form, row_weight)


@dataclass
class Side:
    """Rows, or columns: their entries, and where they stand.

    Parameters
    ----------
    X : csr_array
        Entries, by row of this side.
    codes : ndarray of shape (n, rank)
        The factors, and last the biases, if any.
    observations : ndarray of shape (n,)
        How much each was observed, in entries.
    weight : ndarray of shape (n_entries,), default=None
        Weights of the entries.
    row_weight : ndarray of shape (n,), default=None
        Sample weights.
    features : array or csr_array of shape (n, n_features), default=None
        Side information.
    feature_map : FeatureMap, default=None
        How codes explain it.
    """

    X: sparse.csr_array
    codes: np.ndarray
    observations: np.ndarray
    weight: np.ndarray | None = None
    row_weight: np.ndarray | None = None
    features: Any = None
    feature_map: FeatureMap | None = None

    def rows(self, model: Model, opposite: Opposite, n_jobs: int | None) -> Rows:
        """Return the systems of this side, the other side's factors fixed."""
        rows = Rows(
            X=self.X,
            loss=model.loss,
            factors=opposite.vectors,
            rank=model.rank,
            ridge=model.ridge(self.observations),
            weight=self.weight,
            offset=opposite.offset,
            base=opposite.form,
            column_weight=opposite.weight,
        )
        if self.features is None or self.feature_map is None:
            return rows
        form = self.feature_map.form(model.rank)
        return replace(
            rows,
            base=form if rows.base is None else rows.base + form,
            linear=self.feature_map.linear(self.features, model.rank, n_jobs),
        )

    def solve(self, model: Model, other: "Side", method: RowMethod, n_jobs: int | None) -> float:
        """Move the codes to where they lower the objective; return it, less what the other pays.

        The factors of the other side stay as they are, but for their axes: those of the form that
        is shared by all systems serve both sides, since products do not depend on them.
        """
        opposite = Opposite.of(model, other.codes, other.row_weight, n_jobs)
        rows = self.rows(model, opposite, n_jobs)
        axes = None
        if model.free_axes:
            # Loadings may be large where codes are all but nothing.
            rows, axes = rows.turned(n_jobs, keep_axes=other.feature_map is not None)
            other.codes = rows.factors[:, : model.rank]
            self.turn_features(axes)
            other.turn_features(axes)
        self.codes, objective = method.solve(rows, self.codes, n_jobs, axes)
        return objective

    def turn_features(self, axes: np.ndarray) -> None:
        """Take the features' loadings to other axes, where the codes are, or are about to be."""
        if self.feature_map is not None:
            loadings = self.feature_map.loadings @ axes
            self.feature_map = replace(self.feature_map, loadings=loadings)

    def learn_features(self, model: Model, weight: float, n_jobs: int | None) -> None:
        """Fit the map from codes to features, if there are any."""
        if self.features is not None:
            w = self.row_weight
            total = float(len(self.codes)) if w is None else float(w.sum(dtype=np.float64))
            ridge = float(model.strengths(np.array([total]))[0])
            self.feature_map = FeatureMap.fitted(
                self.features,
                np.ascontiguousarray(self.codes[:, : model.n_components]),
                self.row_weight,
                weight,
                ridge,
                n_jobs,
            )

    def penalty(self, model: Model) -> float:
        """Return what the codes pay: squares and absolute values."""
        w = 1.0 if self.row_weight is None else self.row_weight
        strengths = model.strengths(self.observations) * w
        paid = (1 - model.l1_ratio) * np.einsum("ij,ij->i", self.codes, self.codes)
        if model.l1_ratio > 0:
            paid += 2 * model.l1_ratio * np.abs(self.codes[:, : model.n_components]).sum(axis=1)
        return float(strengths @ paid)
