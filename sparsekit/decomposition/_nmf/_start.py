"""Where NMF starts: from singular vectors, or at random."""

from typing import Any

import numpy as np
from scipy import linalg

from sparsekit._parallel import single_blas_thread
from sparsekit._validation import check_array_parameter
from sparsekit.decomposition._nmf._steps import Steps, mean_entry
from sparsekit.matrix._products import multiply

# Vectors beyond the wanted ones, and rounds, of the search for the leading singular vectors.
EXTRA_VECTORS = 10
POWER_ROUNDS = 3
# Entries of the split vectors below it count as zeros.
SMALLEST = 1e-6
# What the Kullback-Leibler divergence starts from instead of zeros, as a share of the mean.
POSITIVE_SHARE = 1e-2


def start_factors(
    steps: Steps, n_components: int, init: str, random_state: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Return a first W and the transpose of a first H.

    Parameters
    ----------
    steps : Steps
        The data.
    n_components : int
        Number of components.
    init : {"random", "nndsvd", "nndsvda", "nndsvdar"}
        Method.
    random_state : RandomState
        Drawn from.

    Returns
    -------
    codes : ndarray of shape (n_samples, n_components)
        W.
    components : ndarray of shape (n_features, n_components)
        The transpose of H.
    """
    factors = STARTS[init](steps, n_components, random_state)
    if steps.needs_positive_start:
        for factor in factors:
            np.maximum(factor, POSITIVE_SHARE * factor.mean(), out=factor)
    return factors


def given_start(
    steps: Steps, n_components: int | str | None, W: Any, H: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return copies of the W and of the transpose of the H that the user gave."""
    if W is None or H is None:
        raise ValueError("init='custom' starts from `W` and `H`; pass both to `fit`.")
    if n_components is None or isinstance(n_components, str):
        n_components = np.shape(H)[0]
    n_samples, n_features = steps.shape
    shapes = {"W": (n_samples, n_components), "H": (n_components, n_features)}
    given = []
    for name, value in {"W": W, "H": H}.items():
        factor = check_array_parameter(value, name, dtype=steps.dtype)
        if factor.shape != shapes[name]:
            raise ValueError(f"`{name}` must have shape {shapes[name]}; got {factor.shape}.")
        if factor.min() < 0:
            raise ValueError(f"`{name}` must not be negative; got {float(factor.min())!r}.")
        given.append(factor)
    return np.array(given[0], order="C"), np.array(given[1].T, order="C")


def random_start(steps, n_components, random_state):
    """Return absolute values of normal numbers, scaled by the mean entry."""
    scale = mean_factor(steps, n_components)
    # H is drawn first, by its rows, as scikit-learn does.
    components = scale * np.abs(random_state.standard_normal((n_components, steps.shape[1])))
    codes = scale * np.abs(random_state.standard_normal((steps.shape[0], n_components)))
    return codes.astype(steps.dtype), np.ascontiguousarray(components.T, dtype=steps.dtype)


def split_start(steps, n_components, random_state):
    """Return the larger of the positive and the negative part of each pair of singular vectors.

    References
    ----------
    Boutsidis, Gallopoulos (2008), "SVD based initialization: a head start for nonnegative matrix
    factorization".
    """
    left, values, right = leading_vectors(steps, n_components, random_state)
    parts = []
    for sign in (1, -1):
        u, v = np.maximum(sign * left, 0), np.maximum(sign * right, 0)
        parts.append((u, v, np.linalg.norm(u, axis=0), np.linalg.norm(v, axis=0)))
    (u, v, a, b), (other_u, other_v, other_a, other_b) = parts
    swap = other_a * other_b > a * b
    u, v = np.where(swap, other_u, u), np.where(swap, other_v, v)
    a, b = np.where(swap, other_a, a), np.where(swap, other_b, b)
    # Each part takes half of the logarithm of what the pair explains.
    sizes = np.sqrt(values * a * b)
    codes = u * np.divide(sizes, a, out=np.zeros_like(a), where=a > 0)
    components = v * np.divide(sizes, b, out=np.zeros_like(b), where=b > 0)
    for factor in (codes, components):
        factor[factor < SMALLEST * factor.max(initial=0.0)] = 0
    return codes, components


def filled_start(steps, n_components, random_state):
    """Return the split vectors with a middling number for zeros."""
    factors = split_start(steps, n_components, random_state)
    for factor in factors:
        factor[factor == 0] = mean_factor(steps, n_components)
    return factors


def randomly_filled_start(steps, n_components, random_state):
    """Return the split vectors with small random numbers for zeros."""
    factors = split_start(steps, n_components, random_state)
    for factor in factors:
        zeros = factor == 0
        draws = np.abs(random_state.standard_normal(np.count_nonzero(zeros)))
        factor[zeros] = mean_factor(steps, n_components) / 100 * draws
    return factors


STARTS = {
    "random": random_start,
    "nndsvd": split_start,
    "nndsvda": filled_start,
    "nndsvdar": randomly_filled_start,
}


def leading_vectors(
    steps: Any, n_components: int, random_state: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the leading singular vectors as columns, and their values, by random projections.

    References
    ----------
    Halko, Martinsson, Tropp (2011), "Finding structure with randomness", algorithm 4.4.
    """
    n_samples, n_features = steps.shape
    n_vectors = min(n_components + EXTRA_VECTORS, n_samples, n_features)
    start = random_state.standard_normal((n_features, n_vectors)).astype(steps.dtype)

    def across(X, factor):
        return multiply(X, np.ascontiguousarray(factor), n_jobs=steps.n_jobs)

    with single_blas_thread():
        basis = orthonormal(across(steps.X, start))
        for _ in range(POWER_ROUNDS):
            basis = orthonormal(across(steps.transposed, basis))
            basis = orthonormal(across(steps.X, basis))
        right, values, turn = linalg.svd(across(steps.transposed, basis), full_matrices=False)
        left = basis @ turn.T
    return left[:, :n_components], values[:n_components], right[:, :n_components]


def orthonormal(columns: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis of the columns."""
    return linalg.qr(columns, mode="economic")[0]


def mean_factor(steps, n_components):
    """Return the number with which both factors would be constant and give the mean entry."""
    return np.sqrt(mean_entry(steps) / n_components)
