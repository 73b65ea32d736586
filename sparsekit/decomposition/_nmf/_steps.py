"""Half a step of NMF: improve the rows of one factor against the other, and say what is left.

The rows of W and the columns of H, kept as the rows of its transpose, are the same problem for X
and its transpose: minimise over each row w >= 0 what ``w @ factor.T`` misses of the row of X, plus
``l1 * sum(w) + 1/2 * sum(ridge * w**2)``.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy import sparse

from sparsekit.coding._descent import descend_rows
from sparsekit.decomposition._nmf._entries import (
    descend_divergence,
    descend_entries,
    descend_squares,
)
from sparsekit.matrix._products import multiply, self_product
from sparsekit.penalties import L1, Positive

# Rows of a sparse product are read fastest if they hold a multiple of so many numbers.
LANES = 8


class Steps(Protocol):
    """The data and the loss of one factorisation."""

    X: np.ndarray | sparse.csr_array
    shape: tuple[int, int]
    dtype: np.dtype
    n_jobs: int | None
    # Whether entries that are not stored count, as zeros.
    everywhere: bool
    # Whether a coefficient of zero cannot move, or only slowly.
    needs_positive_start: bool
    # The number of components is padded to a multiple of it, by zeros.
    lanes: int
    # Sweeps that one pass over the data is worth.
    sweeps: int

    def update_codes(self, codes, components, l1, ridge, *, n_sweeps, tol=0.0):
        """Overwrite W by coordinate descent; return a function that gives the loss."""

    def update_components(self, components, codes, l1, ridge, *, n_sweeps, tol=0.0):
        """Overwrite the transpose of H by coordinate descent; return the same."""

    def start_codes(self, components):
        """Return codes to start from where nothing is known of them."""


class ProductSteps:
    """Half the squared error over all entries of X, by products with X and small Gram matrices.

    Parameters
    ----------
    X : ndarray or csr_array of shape (n_samples, n_features)
        Entries that are not stored are zeros.
    n_jobs : int or None
        Threads.
    """

    sweeps = 2
    everywhere = True
    needs_positive_start = False

    def __init__(self, X, n_jobs):
        self.X, self.n_jobs = X, n_jobs
        self.shape, self.dtype = X.shape, X.dtype
        self.lanes = LANES if sparse.issparse(X) else 1
        values = (X.data if sparse.issparse(X) else X).ravel()
        self.half_square = 0.5 * float(np.einsum("i,i->", values, values, dtype=np.float64))

    @cached_property
    def transposed(self):
        """The transpose of X, by rows."""
        return self.X.T.tocsr() if sparse.issparse(self.X) else self.X.T

    def update_codes(self, codes, components, l1, ridge, *, n_sweeps, tol=0.0):
        """Overwrite W by coordinate descent; return a function that gives the loss."""
        return self._update(self.X, codes, components, l1, ridge, n_sweeps, tol)

    def update_components(self, components, codes, l1, ridge, *, n_sweeps, tol=0.0):
        """Overwrite the transpose of H by coordinate descent; return the same."""
        return self._update(self.transposed, components, codes, l1, ridge, n_sweeps, tol)

    def start_codes(self, components):
        """Return zeros."""
        return np.zeros((self.shape[0], components.shape[1]), dtype=self.dtype)

    def _update(self, X, codes, factor, l1, ridge, n_sweeps, tol):
        gram = self_product(factor, n_jobs=self.n_jobs)
        products = multiply(X, factor, n_jobs=self.n_jobs)
        ridged = gram + np.diag(ridge).astype(gram.dtype)
        descend_rows(
            codes, products, ridged, Positive(L1(float(l1))),
            n_sweeps=n_sweeps, tol=tol, n_jobs=self.n_jobs,
        )  # fmt: skip

        def loss():
            cross = float(np.einsum("ik,ik->i", codes, products).sum(dtype=np.float64))
            own = self_product(codes, n_jobs=self.n_jobs)
            square = float(np.einsum("kl,kl->", gram, own, dtype=np.float64))
            return max(self.half_square - cross + 0.5 * square, 0.0)

        return loss


class EntrySteps:
    """A loss that needs the model at stored entries only, one by one.

    Parameters
    ----------
    X : csr_array of shape (n_samples, n_features)
        Canonical.
    n_jobs : int or None
        Threads.
    """

    lanes = 1

    def __init__(self, X, n_jobs):
        self.X, self.n_jobs = X, n_jobs
        self.shape, self.dtype = X.shape, X.dtype

    @cached_property
    def transposed(self):
        """The transpose of X, by rows."""
        return self.X.T.tocsr()

    def update_codes(self, codes, components, l1, ridge, *, n_sweeps, tol=0.0):
        """Overwrite W by coordinate descent; return a function that gives the loss."""
        return self._update(self.X, codes, components, l1, ridge, n_sweeps, tol)

    def update_components(self, components, codes, l1, ridge, *, n_sweeps, tol=0.0):
        """Overwrite the transpose of H by coordinate descent; return the same."""
        return self._update(self.transposed, components, codes, l1, ridge, n_sweeps, tol)

    def _update(self, X, codes, factor, l1, ridge, n_sweeps, tol):
        step = self._kernel(X, codes, factor, codes.dtype.type(l1), ridge.astype(codes.dtype))
        losses = descend_entries(
            step, X, codes, factor, n_sweeps=n_sweeps, tol=tol, n_jobs=self.n_jobs
        )
        return lambda: max(float(losses.sum()), 0.0)


class ObservedSquares(EntrySteps):
    """Half the squared error over stored entries."""

    sweeps = 2
    everywhere = False
    needs_positive_start = False

    def start_codes(self, components):
        """Return zeros."""
        return np.zeros((self.shape[0], components.shape[1]), dtype=self.dtype)

    def _kernel(self, X, codes, factor, l1, ridge):
        return bind(descend_squares, X, codes, factor, l1, ridge)


class Divergence(EntrySteps):
    """The Kullback-Leibler divergence over all entries; those that are not stored are zeros."""

    sweeps = 1
    everywhere = True
    needs_positive_start = True

    def start_codes(self, components):
        """Return rows of equal numbers that give each row of X the right sum."""
        if self.everywhere:
            totals = float(components.sum(dtype=np.float64))
        else:
            ones = np.ones_like(self.X.data)
            seen = sparse.csr_array((ones, self.X.indices, self.X.indptr), shape=self.shape)
            totals = seen @ components.sum(axis=1)
        sums = np.asarray(self.X.sum(axis=1), dtype=np.float64).ravel()
        level = np.divide(sums, totals, out=np.zeros_like(sums), where=totals > 0)
        return np.repeat(level[:, None], components.shape[1], axis=1).astype(self.dtype)

    def _kernel(self, X, codes, factor, l1, ridge):
        totals = factor.sum(axis=0, dtype=np.float64).astype(factor.dtype)
        return bind(descend_divergence, X, codes, factor, totals, self.everywhere, l1, ridge)


class ObservedDivergence(Divergence):
    """The Kullback-Leibler divergence over stored entries."""

    everywhere = False


STEPS: dict[tuple[str, str], Callable[..., Steps]] = {
    ("frobenius", "zero"): ProductSteps,
    ("frobenius", "unobserved"): ObservedSquares,
    ("kullback-leibler", "zero"): Divergence,
    ("kullback-leibler", "unobserved"): ObservedDivergence,
}


def make_steps(X, beta_loss, missing, n_jobs):
    """Return the steps for one loss and one meaning of entries that are not stored, or NaN."""
    kind = STEPS[beta_loss, missing]
    if kind is ProductSteps:
        return ProductSteps(X, n_jobs)
    return kind(stored_entries(X, missing), n_jobs)


def stored_entries(X, missing):
    """Return the entries that count: all that are stored but NaN, or all of dense X but those.

    Where absent entries are zeros, zeros need not be stored.
    """
    if missing == "zero":
        return X if sparse.issparse(X) else sparse.csr_array(X)
    if not sparse.issparse(X):
        rows, columns = np.nonzero(~np.isnan(X))
        indptr = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=X.shape[0]))))
        return sparse.csr_array((X[rows, columns], columns, indptr), shape=X.shape)
    known = ~np.isnan(X.data)
    if known.all():
        return X
    indptr = np.concatenate(([0], np.cumsum(known)))[X.indptr]
    return sparse.csr_array((X.data[known], X.indices[known], indptr), shape=X.shape)


def mean_entry(steps: Steps) -> float:
    """Return the mean of the entries that count."""
    values = steps.X.data if sparse.issparse(steps.X) else steps.X
    n_entries = steps.shape[0] * steps.shape[1] if steps.everywhere else values.size
    return float(values.sum(dtype=np.float64)) / max(n_entries, 1)


def bind(kernel, X, *arguments):
    """Return `kernel` with the structure and the values of X and further arguments in front."""

    def step(*rest):
        kernel(X.data, X.indices, X.indptr, *arguments, *rest)

    return step
