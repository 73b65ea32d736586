"""Products with data less their column means, which are subtracted from products alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from sparsekit._parallel import run_blocks
from sparsekit.decomposition._svd._basis import CACHED_ROWS
from sparsekit.matrix._products import cut_rows, multiply

# A norm outside these is scaled to one, so that its fourth power is a float32 too.
SMALL, LARGE = 1e-2, 1e6


@dataclass(frozen=True)
class CenteredData:
    """A matrix less its column means, times a power of two.

    Parameters
    ----------
    rows : ndarray or csr_array of shape (n_samples, n_features)
        The data.
    columns : ndarray or csr_array of shape (n_features, n_samples)
        Their transpose.
    shift : ndarray of shape (n_features,) or None
        What is still to be subtracted from every row.
    mean : ndarray of shape (n_features,)
        Column means of the data as they were given, in float64.
    scale : float
        What the data as they were given are divided by.
    variation : float
        Sum of squares less the column means, subtracted or not.
    n_jobs : int or None
        Threads.
    """

    rows: Any
    columns: Any
    shift: np.ndarray | None
    mean: np.ndarray
    scale: float
    variation: float
    n_jobs: int | None

    @property
    def shape(self) -> tuple[int, int]:
        """Number of samples and of features."""
        return self.rows.shape

    @property
    def dtype(self) -> np.dtype:
        """Data type of the products."""
        return self.rows.dtype

    def times(self, vectors: np.ndarray) -> np.ndarray:
        """Return the product with columns of shape (n_features, k)."""
        product = multiply(self.rows, vectors, n_jobs=self.n_jobs)
        if self.shift is not None:
            ones = np.ones(self.shape[0])
            self._subtract(product, ones, self.shift @ vectors)
        return product

    def transposed_times(self, vectors: np.ndarray) -> np.ndarray:
        """Return the product of the transpose with columns of shape (n_samples, k)."""
        product = multiply(self.columns, vectors, n_jobs=self.n_jobs)
        if self.shift is not None:
            sums = vectors.sum(axis=0, dtype=np.float64)
            self._subtract(product, self.shift, sums)
        return product

    def _subtract(self, product: np.ndarray, column: np.ndarray, row: np.ndarray) -> None:
        """Subtract the product of a column and a row."""
        column = column.astype(self.dtype, copy=False)[:, None]
        row = row.astype(self.dtype, copy=False)

        def fill(start, stop):
            product[start:stop] -= column[start:stop] * row

        run_blocks(fill, cut_rows(len(product), CACHED_ROWS), self.n_jobs)


def centered_data(X: Any, center: bool, n_jobs: int | None) -> CenteredData:
    """Return products with X, and what is known of its columns; sparse X stays sparse."""
    mean = np.asarray(X.mean(axis=0, dtype=np.float64)).ravel()
    exponent = _exponent(X)
    if exponent:
        X = _scaled(X, -exponent)
    offset = np.ldexp(mean, -exponent)
    shift = offset.astype(X.dtype) if center else None
    if center and not sparse.issparse(X):
        # Digits that the means share with the data would be lost in products.
        X = np.subtract(X, offset, out=np.empty_like(X), casting="same_kind")
        shift, offset = None, np.zeros_like(mean)
    values = X.data if sparse.issparse(X) else X.ravel()
    squares = float(np.einsum("i,i->", values, values, dtype=np.float64))
    return CenteredData(
        rows=X,
        columns=sparse.csr_array(X.T) if sparse.issparse(X) else X.T,
        shift=shift,
        mean=mean,
        scale=2.0**exponent,
        variation=max(squares - X.shape[0] * float(offset @ offset), 0.0),
        n_jobs=n_jobs,
    )


def _exponent(X: Any) -> int:
    """Return the power of two to divide X by: zero unless its squares are extreme."""
    values = X.data if sparse.issparse(X) else X
    # Not of absolute values, which would be a second array of all.
    largest = max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))
    if largest == 0 or SMALL <= largest * np.sqrt(values.size) <= LARGE:
        return 0
    return int(np.frexp(largest)[1])


def _scaled(X: Any, exponent: int) -> Any:
    """Return X times a power of two."""
    if not sparse.issparse(X):
        return np.ldexp(X, exponent)
    values = np.ldexp(X.data, exponent)
    return sparse.csr_array((values, X.indices, X.indptr), shape=X.shape, copy=False)
