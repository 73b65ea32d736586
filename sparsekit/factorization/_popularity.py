"""How popular columns are, and what their entries count for it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class Popularity:
    """Weights of columns that fall as their number of entries grows.

    Parameters
    ----------
    exponent : float
        Of the fall; with 0 all weights are one.
    mean : float
        Entries of a column of weight one.
    weights : ndarray of shape (n_columns,)
        The weights.
    """

    exponent: float
    mean: float
    weights: np.ndarray

    @classmethod
    def of(
        cls, X: sparse.csr_array, row_weight: np.ndarray | None, exponent: float
    ) -> "Popularity":
        """Return the weights of the columns of X; the mean column has a weight of one."""
        counts = _counts(X, row_weight)
        mean = float(counts.mean()) or 1.0
        return cls(exponent, mean, _weights(counts, mean, exponent))

    @classmethod
    def of_fitted(cls, estimator: Any) -> "Popularity | None":
        """Return the weights that a model was fitted with; None without any."""
        if not hasattr(estimator, "popularity_weights_"):
            return None
        exponent = float(estimator.popularity_exponent)
        return cls(exponent, estimator.mean_popularity_, estimator.popularity_weights_)

    def of_others(self, X: sparse.csr_array) -> "Popularity":
        """Return what other columns, those of X, weigh beside these."""
        return replace(self, weights=_weights(_counts(X, None), self.mean, self.exponent))

    def weighted(self, X: sparse.csr_array) -> sparse.csr_array:
        """Return X, each value times the weight of its column."""
        data = self.weights.astype(X.dtype, copy=False)[X.indices]
        data *= X.data
        return sparse.csr_array((data, X.indices, X.indptr), shape=X.shape)

    def attributes(self) -> dict[str, Any]:
        """Return what a fitted model keeps."""
        return {"popularity_weights_": self.weights, "mean_popularity_": self.mean}


def _counts(X: sparse.csr_array, row_weight: np.ndarray | None) -> np.ndarray:
    """Return how many entries each column stores; a row of weight two counts twice."""
    if row_weight is not None:
        row_weight = np.repeat(row_weight.astype(np.float64), np.diff(X.indptr))
    return np.bincount(X.indices, row_weight, minlength=X.shape[1]).astype(np.float64)


def _weights(counts: np.ndarray, mean: float, exponent: float) -> np.ndarray:
    # A column without entries weighs one: nothing is known of it.
    return (np.where(counts > 0, counts, mean) / mean) ** -exponent
