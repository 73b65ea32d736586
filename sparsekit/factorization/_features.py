"""Side information: features of rows, or of columns, that the same factors explain."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy import linalg, sparse
from sklearn.utils.validation import check_array

from sparsekit._parallel import single_blas_thread
from sparsekit._validation._arrays import refuse_foreign
from sparsekit._validation._sparse import canonical
from sparsekit.matrix._products import multiply, self_product


@dataclass(frozen=True)
class FeatureMap:
    """Linear map from codes to features: ``U ~ mean + P C'``, with weight in the objective.

    Parameters
    ----------
    mean : ndarray of shape (n_features,)
        Means of the features, fixed.
    loadings : ndarray of shape (n_features, n_components)
        The matrix C.
    weight : float
        What the squared error of a feature counts, beside that of an entry.
    ridge : float, default=0.0
        What the squares of the loadings cost.
    """

    mean: np.ndarray
    loadings: np.ndarray
    weight: float
    ridge: float = 0.0

    @classmethod
    def fitted(
        cls,
        features: np.ndarray | sparse.csr_array,
        codes: np.ndarray,
        row_weight: np.ndarray | None,
        weight: float,
        ridge: float,
        n_jobs: int | None,
    ) -> Self:
        """Return the map with the least ridge-penalised error for these codes."""
        w = np.ones(len(codes), codes.dtype) if row_weight is None else row_weight
        mean = features.T @ w / w.sum()
        weighted = np.ascontiguousarray(codes * w[:, None])
        turned = features.T.tocsr() if sparse.issparse(features) else features.T
        with single_blas_thread():
            products = multiply(turned, weighted, n_jobs=n_jobs) - np.outer(
                mean, weighted.sum(axis=0)
            )
            gram = (weighted.T @ codes).astype(np.float64) * weight
            gram[np.diag_indices_from(gram)] += ridge
            loadings = linalg.solve(gram, weight * products.T.astype(np.float64), assume_a="pos")
        loadings = np.ascontiguousarray(loadings.T, dtype=codes.dtype)
        return cls(mean.astype(codes.dtype), loadings, weight, ridge)

    def form(self, rank: int) -> np.ndarray:
        """Return the quadratic form that every row's system gets, zero beyond the components."""
        k = self.loadings.shape[1]
        whole = np.zeros((rank, rank), self.loadings.dtype)
        whole[:k, :k] = self.weight * self_product(self.loadings)
        return whole

    def linear(self, features: Any, rank: int, n_jobs: int | None) -> np.ndarray:
        """Return what the features add to the right sides, (n_rows, rank)."""
        product = multiply(features, self.loadings, n_jobs=n_jobs) - self.mean @ self.loadings
        whole = np.zeros((product.shape[0], rank), self.loadings.dtype)
        whole[:, : product.shape[1]] = self.weight * product
        return whole

    def fixed_cost(self, features: Any, row_weight: np.ndarray | None) -> float:
        """Return what the features cost where all codes are zero, and what the loadings do."""
        w = np.ones(features.shape[0]) if row_weight is None else row_weight.astype(np.float64)
        squares = features.multiply(features) if sparse.issparse(features) else features**2
        by_row = np.asarray(squares.sum(axis=1)).ravel() - 2 * (features @ self.mean)
        lengths = self.weight * float(w @ (by_row + float(self.mean @ self.mean)))
        return lengths + self.ridge * float((self.loadings.astype(np.float64) ** 2).sum())

    def cost(self, features: Any, codes: np.ndarray, row_weight: np.ndarray | None) -> float:
        """Return the weighted sum of squared errors of the features, and what the loadings cost."""
        w = np.ones(len(codes)) if row_weight is None else row_weight.astype(np.float64)
        k = self.loadings.shape[1]
        pulls = np.einsum("ij,ij->i", self.linear(features, k, None), codes)
        forms = np.einsum("ij,ij->i", codes @ self.form(k), codes)
        return self.fixed_cost(features, row_weight) + float(w @ (forms - 2 * pulls))


def own_features(features: Any, name: str, n_rows: int, dtype: np.dtype) -> Any:
    """Return features, checked, in the type of X: dense in C order or a csr_array.

    Parameters
    ----------
    features : {array-like, sparse matrix} of shape (n_rows, n_features)
        Finite numbers.
    name : str
        Of the parameter, for messages.
    n_rows : int
        How many rows they must have.
    dtype : dtype
        That of X.
    """
    refuse_foreign(features, name)
    if sparse.issparse(features):
        features = canonical(features, "csr")
    checked = check_array(
        features, accept_sparse="csr", dtype=dtype, order="C", input_name=name, ensure_min_samples=0
    )
    if checked.shape[0] != n_rows:
        raise ValueError(
            f"`{name}` must have one row for each of the {n_rows} it describes; got "
            f"{checked.shape[0]}."
        )
    return sparse.csr_array(checked) if sparse.issparse(checked) else checked
