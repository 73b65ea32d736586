"""What is kept of data that come in batches: their number, means, and a root of their scatter."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg

from sparsekit._parallel import check_cancelled
from sparsekit.decomposition._sparse_pca._root import center, root_of_gram, scatter

# With at most so many features the scatter matrix is kept as it is.
MOST_FEATURES = 2048
# Otherwise its leading directions: so many per component, and in all no fewer than these.
KEPT_PER_COMPONENT = 5
LEAST_KEPT = 100
# Rows merged at a time into leading directions.
BATCH_ROWS = 1000


@dataclass(frozen=True)
class Summary:
    """Rows seen so far, none of them kept.

    Parameters
    ----------
    n_samples : int
        Their number.
    mean : ndarray of shape (n_features,)
        Their mean.
    root : ndarray of shape (n_rows, n_features)
        Its Gram matrix is their scatter matrix, or the leading part of it.
    total : float
        Trace of the whole scatter matrix.
    """

    n_samples: int
    mean: np.ndarray
    root: np.ndarray
    total: float

    @classmethod
    def empty(cls, n_features: int) -> "Summary":
        """Return the summary of no rows."""
        return cls(0, np.zeros(n_features), np.zeros((0, n_features)), 0.0)

    def merged(self, X: Any, n_components: int) -> "Summary":
        """Return the summary of these rows and those of X; the batches make no difference to it.

        References
        ----------
        Chan, Golub, LeVeque (1983), "Algorithms for computing the sample variance".
        """
        if X.shape[1] <= MOST_FEATURES:
            return self._with_scatter(X)
        n_kept = max(KEPT_PER_COMPONENT * n_components, LEAST_KEPT)
        summary = self
        for start in range(0, X.shape[0], BATCH_ROWS):
            check_cancelled()
            summary = summary._with_rows(X[start : start + BATCH_ROWS], n_kept)
        return summary

    def _with_scatter(self, X: Any) -> "Summary":
        """Add the scatter matrices."""
        mean, gram = scatter(X)
        n_samples, shift, mean = self._moved(X.shape[0], mean)
        gram += self.root.T @ self.root
        gram += np.outer(shift, shift)
        root = root_of_gram(gram).matrix
        return Summary(n_samples, mean, root, float(np.trace(gram)))

    def _with_rows(self, X: Any, n_kept: int) -> "Summary":
        """Keep the leading directions of what was kept, of X, and of the change of the mean."""
        mean, centered = center(X.astype(np.float64, copy=False))
        n_samples, shift, mean = self._moved(X.shape[0], mean)
        kept = np.vstack([self.root, shift])
        cross = centered.scores(np.ascontiguousarray(kept.T))
        products = np.block([[kept @ kept.T, cross], [cross.T, centered.outer()]])
        total = self.total + float(np.trace(products)) - float((self.root**2).sum())
        _, vectors = linalg.eigh(products)
        chosen = vectors[:, ::-1][:, :n_kept].T
        left, right = np.ascontiguousarray(chosen[:, : len(kept)]), chosen[:, len(kept) :]
        root = left @ kept + centered.correlations(np.ascontiguousarray(right)).T
        return Summary(n_samples, mean, root, total)

    def _moved(self, n_new: int, mean: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
        """Return the number of rows in all, the row that the change of mean adds, and the mean."""
        n_samples = self.n_samples + n_new
        step = mean - self.mean
        shift = step * np.sqrt(self.n_samples * n_new / n_samples)
        return n_samples, shift, self.mean + step * (n_new / n_samples)
