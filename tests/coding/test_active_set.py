"""Lasso codes: optimal by their own conditions, whatever the atoms look like."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparsekit.coding import ActiveSetLasso, Atoms, encode

STRENGTHS = [2.0, 0.5, 0.05, 0.002]
TOLERANCE = {np.float64: 1e-7, np.float32: 2e-4}


def violation(X, D, codes, alpha, l1_ratio=1.0, weights=None, positive=False):
    """Return by how much any coefficient misses its optimality condition, in float64."""
    X, D, C = X.astype(np.float64), D.astype(np.float64), codes.toarray().astype(np.float64)
    weights = np.ones(len(D)) if weights is None else weights
    l1, l2 = alpha * l1_ratio * weights, alpha * (1 - l1_ratio) * weights
    gradient = (X - C @ D) @ D.T - l2 * C
    size = gradient if positive else np.abs(gradient)
    at_zero = np.maximum(size - l1, 0)
    away = np.abs(gradient - l1 * np.sign(C))
    worst = np.where(C == 0, at_zero, away).max()
    return max(worst, -C.min() if positive else 0.0) / np.abs(X @ D.T).max()


def codes_of(X, D, encoder):
    return encode(X, Atoms.from_dictionary(D), encoder)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("alpha", STRENGTHS)
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.6])
def test_codes_are_optimal(signals, dictionary, alpha, positive, l1_ratio, dtype):
    X, D = signals.astype(dtype), dictionary.astype(dtype)
    codes = codes_of(X, D, ActiveSetLasso(alpha, l1_ratio, positive=positive))
    assert codes.dtype == dtype
    assert violation(X, D, codes, alpha, l1_ratio, positive=positive) < TOLERANCE[dtype]


@pytest.mark.parametrize("alpha", STRENGTHS)
def test_codes_are_optimal_with_weights(signals, dictionary, alpha):
    weights = np.linspace(0, 2, len(dictionary))
    codes = codes_of(signals, dictionary, ActiveSetLasso(alpha, weights=weights))
    assert violation(signals, dictionary, codes, alpha, weights=weights) < 1e-7


@given(
    seed=st.integers(0, 10_000),
    n_atoms=st.integers(1, 40),
    n_features=st.integers(1, 10),
    alpha=st.sampled_from([1.0, 0.1, 0.01, 1e-3]),
    positive=st.booleans(),
)
def test_codes_are_optimal_for_any_dictionary(seed, n_atoms, n_features, alpha, positive):
    rng = np.random.default_rng(seed)
    # Whole numbers: many ties, repeated atoms, atoms of zeros.
    D = rng.integers(-2, 3, (n_atoms, n_features)).astype(np.float64)
    X = rng.integers(-3, 4, (8, n_features)).astype(np.float64)
    codes = codes_of(X, D, ActiveSetLasso(alpha, positive=positive))
    C = codes.toarray()
    assert (C[:, ~D.any(axis=1)] == 0).all()
    if (X @ D.T).any():
        assert violation(X, D, codes, alpha, positive=positive) < 1e-6


def test_a_code_has_no_more_atoms_than_dimensions(signals, dictionary):
    codes = codes_of(signals, dictionary, ActiveSetLasso(1e-4))
    assert np.diff(codes.indptr).max() <= signals.shape[1]


def test_rows_are_stored_in_order(signals, dictionary):
    codes = codes_of(signals, dictionary, ActiveSetLasso(0.1))
    for start, stop in zip(codes.indptr[:-1], codes.indptr[1:]):
        assert (np.diff(codes.indices[start:stop]) > 0).all()
    assert (codes.data != 0).all()


def test_many_entries_outgrow_the_first_space(signals):
    # Far more entries than the space that is expected to do.
    atoms = np.eye(200)
    X = np.arange(1.0, 2001.0).reshape(10, 200)
    codes = codes_of(X, atoms, ActiveSetLasso(0.5))
    np.testing.assert_allclose(codes.toarray(), X - 0.5)


def test_spams_reaches_no_lower_objective(signals, dictionary):
    spams = pytest.importorskip("spams", reason="spams is not installed")
    D = dictionary / np.linalg.norm(dictionary, axis=1, keepdims=True)
    ours = codes_of(signals, D, ActiveSetLasso(0.1)).toarray()
    theirs = spams.lasso(
        np.asfortranarray(signals.T), D=np.asfortranarray(D.T), lambda1=0.1, mode=2, numThreads=1
    )
    np.testing.assert_allclose(ours, theirs.T.toarray(), atol=1e-7)


@pytest.mark.parametrize("seed", range(20))
def test_float32_codes_stay_bounded_where_atoms_depend_on_one_another(seed):
    rng = np.random.default_rng(seed)
    D = (rng.random((60, 8)) < 0.3).astype(np.float32)
    X = (rng.random((20, 8)) < 0.3).astype(np.float32)
    weights = rng.uniform(0, 2, 60)
    weights[rng.random(60) < 0.2] = 0
    encoder = ActiveSetLasso(1e-3, 0.5, weights)
    codes = codes_of(X, D, encoder).toarray()
    exact = codes_of(X.astype(np.float64), D.astype(np.float64), encoder).toarray()
    misfits = [((X - C @ D) ** 2).sum(axis=1) for C in (codes, exact)]
    np.testing.assert_allclose(*misfits, atol=1e-4)


def test_positive_codes_use_atoms_that_point_the_other_way():
    X = np.array([[1.0], [-1.0]])
    codes = codes_of(X, X, ActiveSetLasso(0.1, positive=True)).toarray()
    np.testing.assert_allclose(codes, [[0.9, 0.0], [0.0, 0.9]])
