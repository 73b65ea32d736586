"""How popular columns are, and what their entries count for it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class Popularity:
    """How many entries columns have, and weights that fall with it.

    Parameters
    ----------
    counts : ndarray of shape (n_columns,)
        Number of entries of each column.
    mean : float
        Where the weight is one.
    exponent : float
        Power of the fall; with 0 all weights are one.
    """

    counts: np.ndarray
    mean: float
    exponent: float

    @classmethod
    def of(
        cls, X: sparse.csr_array, row_weight: np.ndarray | None, exponent: float
    ) -> "Popularity":
        """Return what the columns of X have; their mean has a weight of one."""
        counts = column_counts(X, row_weight)
        return cls(counts, float(counts.mean()) or 1.0, exponent)

    @classmethod
    def of_fitted(cls, estimator: Any) -> "Popularity | None":
        """Return what the columns of a model's fit had; None where it did not ask."""
        if not hasattr(estimator, "mean_count_"):
            return None
        exponent = float(estimator.popularity_exponent)
        return cls(estimator.column_counts_, estimator.mean_count_, exponent)

    def of_others(self, X: sparse.csr_array) -> "Popularity":
        """Return what other columns, those of X, have beside these."""
        return replace(self, counts=column_counts(X))

    def with_rows(self, X: sparse.csr_array) -> "Popularity":
        """Return what the columns have with more rows."""
        added = column_counts(X)
        return replace(self, counts=self.counts + added, mean=self.mean + float(added.mean()))

    def weighted(self, X: sparse.csr_array) -> sparse.csr_array:
        """Return X, each value times the weight of its column."""
        if self.exponent == 0:
            return X
        # A column without entries weighs one: nothing is known of it.
        shares = np.where(self.counts > 0, self.counts / self.mean, 1.0)
        data = (shares**-self.exponent).astype(X.dtype)[X.indices]
        data *= X.data
        return sparse.csr_array((data, X.indices, X.indptr), shape=X.shape)

    def attributes(self) -> dict[str, Any]:
        """Return what a fitted model keeps."""
        return {"column_counts_": self.counts, "mean_count_": self.mean}


def column_counts(X: sparse.csr_array, row_weight: np.ndarray | None = None) -> np.ndarray:
    """Return how many entries each column has; in a row of weight two they count twice."""
    if row_weight is not None:
        row_weight = np.repeat(row_weight.astype(np.float64), np.diff(X.indptr))
    return np.bincount(X.indices, row_weight, minlength=X.shape[1]).astype(np.float64)
