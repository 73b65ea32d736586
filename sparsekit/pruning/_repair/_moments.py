"""Means and centred products of a layer's inputs and targets, over weighted rows."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.utils import check_random_state

from sparsekit._parallel import check_cancelled, run_blocks, single_blas_thread

# Rows of a block, and columns of a band of the products.
ROWS, BAND = 2048, 256
# Share of stored entries below which products of sparse rows cost less than those of dense ones.
SPARSE = 0.05
# Most inputs whose products with one another are held: 200 MB.
MOST_INPUTS = 5000


@dataclass(frozen=True)
class Moments:
    """What least squares reads of a layer's inputs, all averages by weight, in float64.

    Attributes
    ----------
    mean : ndarray of shape (inputs,)
        Means.
    gram : ndarray of shape (inputs, inputs) or None
        Products of the centred inputs; None where there are too many.
    """

    mean: np.ndarray
    gram: np.ndarray | None


@dataclass(frozen=True)
class Grams:
    """What repairs of a network on the same rows share, whatever the masks.

    Attributes
    ----------
    X : ndarray or CSR array of shape (samples, features)
        The rows.
    shares : ndarray of shape (samples,)
        Their weights, of sum one.
    first : Moments
        Of the first layer's inputs.
    """

    X: np.ndarray
    shares: np.ndarray
    first: Moments


def measure_grams(
    X,
    sample_weight: np.ndarray | None = None,
    *,
    max_samples: int | None = None,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> Grams:
    """Return what repairs on rows of X share; on so many of them, drawn at random, at most."""
    n_samples = X.shape[0]
    if max_samples is not None and n_samples > max_samples:
        rows = np.sort(check_random_state(random_state).permutation(n_samples)[:max_samples])
        X = X[rows]
        sample_weight = None if sample_weight is None else np.asarray(sample_weight)[rows]
    shares = shares_of(sample_weight, X.shape[0])
    return Grams(X, shares, measure_inputs(X, shares, n_jobs))


def shares_of(sample_weight: np.ndarray | None, n_samples: int) -> np.ndarray:
    """Return what each row contributes to an average."""
    if sample_weight is None:
        return np.full(n_samples, 1.0 / n_samples)
    sample_weight = np.asarray(sample_weight, dtype=np.float64)
    return sample_weight / sample_weight.sum()


def weighted_mean(A, shares: np.ndarray) -> np.ndarray:
    """Return the means of columns in float64, of which only blocks of rows are copied."""
    total = np.zeros(A.shape[1])
    for start in range(0, A.shape[0], ROWS):
        rows = slice(start, start + ROWS)
        total += A[rows].astype(np.float64).T @ shares[rows]
    return total


def measure_inputs(
    A, shares: np.ndarray, n_jobs: int | None = None, *, most: float | None = None
) -> Moments:
    """Return the moments of inputs, dense or CSR; no products of more than so many of them."""
    with single_blas_thread():
        mean = weighted_mean(A, shares)
        if A.shape[1] > (MOST_INPUTS if most is None else most):
            return Moments(mean, None)
        if sparse.issparse(A) and A.nnz < SPARSE * A.shape[0] * A.shape[1]:
            double = A.astype(np.float64)
            gram = (double.T @ scale_rows(double, shares)).toarray() - np.outer(mean, mean)
        else:
            gram = _add_up(A, A, shares, (mean, mean), n_jobs)
    return Moments(mean, gram)


def scale_rows(A, factors: np.ndarray):
    """Return a CSR matrix whose rows are multiplied by numbers."""
    return A.__class__(
        (A.data * np.repeat(factors, np.diff(A.indptr)), A.indices, A.indptr), shape=A.shape
    )


def measure_cross(
    A, T: np.ndarray, shares: np.ndarray, mean: np.ndarray, n_jobs: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the targets' means, and the products of centred inputs and targets."""
    with single_blas_thread():
        target_mean = weighted_mean(T, shares)
        return target_mean, _add_up(A, T, shares, (mean, target_mean), n_jobs)


def _add_up(A, T, shares: np.ndarray, means, n_jobs: int | None) -> np.ndarray:
    """Return the weighted products of the centred columns of A and T, by blocks of rows."""
    # Products of A with itself are symmetric: of each band only what is right of it.
    same = T is A
    products = np.zeros((A.shape[1], T.shape[1]))
    bands = [(at, min(at + BAND, A.shape[1])) for at in range(0, A.shape[1], BAND)]
    roots = np.sqrt(shares).astype(np.float32)[:, None]
    for start in range(0, A.shape[0], ROWS):
        rows = slice(start, start + ROWS)
        left = _centred(A[rows], means[0], roots[rows])
        right = left if same else _centred(T[rows], means[1], roots[rows])

        def add(first: int, last: int, left=left, right=right) -> None:
            check_cancelled()
            begin = first if same else 0
            products[first:last, begin:] += left[:, first:last].T @ right[:, begin:]

        run_blocks(add, bands, n_jobs)
    if same:
        for first, last in bands:
            products[last:, first:last] = products[first:last, last:].T
    return products


def _centred(block, mean: np.ndarray, roots: np.ndarray) -> np.ndarray:
    """Return rows less the mean, times the roots of their weights."""
    block = block.toarray() if sparse.issparse(block) else block
    block = block - mean.astype(np.float32)
    block *= roots
    return block
