"""Small problems in every storage, for the contracts of the solvers."""

import numpy as np
from scipy import sparse

from sparsekit.losses import Logistic, Quadratic
from sparsekit.matrix import as_design
from sparsekit.solvers import Problem

STORAGES = {
    "column-major": np.asfortranarray,
    "row-major": np.ascontiguousarray,
    "csc": sparse.csc_array,
}


def make_matrix(n_samples, n_features, seed=0, density=0.5):
    """Return a dense array with zeros, an empty column at 1, and columns of unequal scale."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, n_features)) * rng.uniform(0.5, 2.0, n_features)
    X[rng.random(X.shape) > density] = 0.0
    X[:, 3] += 2.0
    if n_features > 4:
        X[:, 1] = 0.0
    return X.astype(np.float32).astype(np.float64)


def make_target(X, loss, seed=1):
    """Return a noisy target of a few features, of both signs; classes for a logistic loss."""
    rng = np.random.default_rng(seed)
    coef = np.zeros(X.shape[1])
    coef[:4] = 1.0, 3.0, -1.5, 2.0
    y = X @ coef + 1.0 + 1.5 * rng.standard_normal(len(X))
    return y if isinstance(loss, Quadratic) else (y > np.median(y)).astype(np.float64)


def make_problem(X, loss, penalty, storage="column-major", dtype=np.float64, y=None, **options):
    """Return the stored matrix and the problem on it."""
    y = make_target(X, loss) if y is None else y
    stored = STORAGES[storage](X.astype(dtype))
    return stored, Problem(as_design(stored), y, loss, penalty, **options)


def some_weights(n, seed):
    """Return uneven weights, some of them zero."""
    weight = np.random.default_rng(seed).uniform(0.2, 3.0, n)
    weight[:: max(n // 4, 2)] = 0.0
    return weight


LOSSES = (Quadratic(), Logistic())
