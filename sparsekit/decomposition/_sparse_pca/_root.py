"""Centred data as sparse PCA reads them: a root of their scatter matrix, or the data themselves."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import linalg, sparse
from scipy.sparse.linalg import LinearOperator, svds

from sparsekit.matrix import as_design

# Passes over the data that a fit is taken to make, when it is asked whether a root is worth it.
PASSES = 50
# Operations of a product with sparse data that take as long as one with dense data.
SPARSE_COST = 4
# Leading singular vectors are found one by one where there are at most this share of them.
FEW = 0.1
# Variation of a feature, relative to its mean, that is rounding error.
CONSTANT = 32 * np.finfo(np.float64).eps


@dataclass(frozen=True)
class DenseRoot:
    """A matrix whose Gram matrix is the scatter matrix of the data.

    Parameters
    ----------
    matrix : ndarray of shape (n_rows, n_features)
        The centred data, or a smaller matrix with the same products of columns.
    """

    matrix: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of features."""
        return self.matrix.shape

    @property
    def dtype(self) -> np.dtype:
        """Data type of the products."""
        return self.matrix.dtype

    @cached_property
    def squares(self) -> np.ndarray:
        """Squared norm of each column."""
        return np.einsum("ij,ij->j", self.matrix, self.matrix, dtype=np.float64)

    def correlations(self, atoms: np.ndarray) -> np.ndarray:
        """Return the products of the columns with atoms (k, n_rows), as (n_features, k)."""
        return self.matrix.T @ atoms.T

    def scores(self, codes: np.ndarray) -> np.ndarray:
        """Return the products of the rows with codes (n_features, k), as (k, n_rows)."""
        return codes.T @ self.matrix.T

    def take(self, features: Any) -> "DenseRoot":
        """Return the root of some columns."""
        return DenseRoot(self.matrix[:, features])

    def columns(self, features: np.ndarray) -> np.ndarray:
        """Return some columns as rows."""
        return np.ascontiguousarray(self.matrix[:, features].T)

    def dense(self) -> "DenseRoot":
        """Return the root itself."""
        return self

    def gram(self) -> np.ndarray:
        """Return the products of the columns with one another."""
        return self.matrix.T @ self.matrix

    def outer(self) -> np.ndarray:
        """Return the products of the rows with one another."""
        return self.matrix @ self.matrix.T


@dataclass(frozen=True)
class SparseRoot:
    """A sparse matrix less its column means, which are subtracted from products alone.

    Parameters
    ----------
    data : csr_array or csc_array of shape (n_rows, n_features)
        Not changed.
    mean : ndarray of shape (n_features,)
        Column means.
    """

    data: Any
    mean: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of features."""
        return self.data.shape

    @property
    def dtype(self) -> np.dtype:
        """Data type of the products."""
        return self.data.dtype

    @cached_property
    def squares(self) -> np.ndarray:
        """Squared norm of each centred column."""
        # Sums of (x - m)**2 - m**2 over what is stored: columns without zeros lose no digits.
        columns = self._by_column
        mean = np.asarray(self.mean, dtype=np.float64)
        stored = np.diff(columns.indptr)
        feature = np.repeat(np.arange(self.shape[1]), stored)
        deviation = (columns.data - mean[feature]) ** 2
        sums = np.bincount(feature, weights=deviation, minlength=self.shape[1])
        return sums + (self.shape[0] - stored) * mean**2

    @cached_property
    def _by_column(self) -> Any:
        return self.data.tocsc()

    def correlations(self, atoms: np.ndarray) -> np.ndarray:
        """Return the products of the columns with atoms (k, n_rows), as (n_features, k)."""
        products = self.data.T @ np.ascontiguousarray(atoms.T)
        products -= np.outer(self.mean, atoms.sum(axis=1))
        return products

    def scores(self, codes: np.ndarray) -> np.ndarray:
        """Return the products of the rows with codes (n_features, k), as (k, n_rows)."""
        products = np.ascontiguousarray((self.data @ codes).T)
        products -= (self.mean @ codes)[:, None]
        return products

    def take(self, features: Any) -> "SparseRoot":
        """Return the root of some columns."""
        return SparseRoot(self._by_column[:, features], self.mean[features])

    def columns(self, features: np.ndarray) -> np.ndarray:
        """Return some columns as rows."""
        return self._by_column[:, features].T.toarray() - self.mean[features, None]

    def dense(self) -> DenseRoot:
        """Return a dense root, with as many rows as the rank."""
        return root_of_gram(self.gram())

    def gram(self) -> np.ndarray:
        """Return the products of the columns with one another."""
        design = as_design(self._by_column)
        ones = np.ones(self.shape[0])
        mean = np.asarray(self.mean, dtype=np.float64)
        return design.gram(design.all_features, 0, ones, mean).astype(self.dtype, copy=False)

    def outer(self) -> np.ndarray:
        """Return the products of the rows with one another."""
        products = (self.data @ self.data.T).toarray()
        cross = self.data @ self.mean
        products -= cross[:, None] + cross - self.mean @ self.mean
        return products


Root = DenseRoot | SparseRoot


def center(X: Any) -> tuple[np.ndarray, Root]:
    """Return the column means of X in float64, and the centred data in the dtype of X."""
    mean = column_means(X)
    if sparse.issparse(X):
        return mean, SparseRoot(X, mean.astype(X.dtype))
    centered = np.empty_like(X)
    np.subtract(X, mean, out=centered, casting="same_kind")
    root = DenseRoot(centered)
    constant = _constant(root.squares, mean, len(X))
    if not constant.any():
        return mean, root
    centered[:, constant] = 0
    return mean, DenseRoot(centered)


def column_means(X: Any) -> np.ndarray:
    """Return the column means, in float64."""
    return np.asarray(X.mean(axis=0, dtype=np.float64)).ravel()


def _constant(squares: np.ndarray, mean: np.ndarray, n_samples: int) -> np.ndarray:
    """Return which features vary by no more than rounding errors of their means."""
    return squares <= n_samples * (CONSTANT * np.abs(mean)) ** 2


def scatter(X: Any, n_jobs: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the column means and the products of the centred columns, in float64.

    No centred copy of X is made.
    """
    mean = column_means(X)
    columns = X.tocsc() if sparse.issparse(X) else X
    design = as_design(columns, n_jobs)
    gram = design.gram(design.all_features, 0, np.ones(X.shape[0]), mean)
    constant = _constant(np.diag(gram), mean, X.shape[0])
    gram[constant] = 0
    gram[:, constant] = 0
    return mean, gram


def reduced(X: Any, n_jobs: int | None = None) -> tuple[np.ndarray, DenseRoot]:
    """Return the column means, and a root of the scatter matrix with as many rows as its rank."""
    mean, gram = scatter(X, n_jobs)
    return mean, root_of_gram(gram)


def root_of_gram(gram: np.ndarray) -> DenseRoot:
    """Return a root of a positive semidefinite matrix.

    The pivoted Cholesky factor keeps the digits of features that vary little beside others.
    """
    scale = np.sqrt(np.maximum(np.diag(gram), 0))
    divisor = np.where(scale > 0, scale, 1)
    factor, pivots, rank, _ = linalg.lapack.dpstrf(gram / np.outer(divisor, divisor))
    matrix = np.zeros((max(rank, 1), len(gram)))
    matrix[:rank, pivots - 1] = np.triu(factor)[:rank]
    return DenseRoot(matrix * scale)


def worth_reducing(X: Any, n_components: int) -> bool:
    """Return whether a root of the scatter matrix takes less work than products with X."""
    n_samples, n_features = X.shape
    if n_samples <= n_features:
        return False
    if sparse.issparse(X):
        stored, gram = SPARSE_COST * X.nnz, 2 * X.nnz**2 / n_samples
    else:
        stored, gram = n_samples * n_features, n_samples * n_features**2
    passes = 4 * PASSES * n_components
    return gram + 8 * n_features**3 + passes * n_features**2 < passes * stored


def leading_atoms(root: Root, n_components: int, random_state: Any) -> np.ndarray:
    """Return the left singular vectors of the largest singular values as rows; then zero rows.

    Their signs are those that make the right singular vectors' largest entries positive.
    """
    n_rows, n_features = root.shape
    smaller = min(n_rows, n_features)
    n_found = min(n_components, smaller)
    atoms = np.zeros((n_components, n_rows), dtype=root.dtype)
    if n_found == 0 or not root.squares.any():
        return atoms
    find = _leading_by_iteration if n_found < FEW * smaller else _leading_by_gram
    found = find(root, n_found, random_state)
    products = root.correlations(found)
    largest = np.abs(products).argmax(axis=0)
    signs = np.where(products[largest, np.arange(n_found)] < 0, -1, 1)
    atoms[:n_found] = found * signs[:, None].astype(root.dtype)
    return atoms


def _leading_by_iteration(root: Root, n_found: int, random_state: Any) -> np.ndarray:
    n_rows, n_features = root.shape
    operator = LinearOperator(
        root.shape,
        dtype=root.dtype,
        matvec=lambda v: root.scores(v.reshape(-1, 1)).ravel(),
        rmatvec=lambda u: root.correlations(u.reshape(1, -1)).ravel(),
    )
    start = random_state.uniform(-1, 1, min(root.shape)).astype(root.dtype)
    left, values, _ = svds(operator, n_found, v0=start, return_singular_vectors="u")
    return np.ascontiguousarray(left.T[np.argsort(values)[::-1]])


def _leading_by_gram(root: Root, n_found: int, random_state: Any) -> np.ndarray:
    if root.shape[0] <= root.shape[1]:
        _, vectors = linalg.eigh(root.outer())
        return np.ascontiguousarray(vectors[:, ::-1][:, :n_found].T)
    _, vectors = linalg.eigh(root.gram())
    found, _ = linalg.qr(root.scores(vectors[:, ::-1][:, :n_found]).T, mode="economic")
    return np.ascontiguousarray(found.T)
