"""Coordinate descent of many codes on one Gram matrix."""

import numpy as np
import pytest
from scipy.optimize import nnls

from sparsekit.coding._descent import LANES, descend_rows
from sparsekit.penalties import L1, Box, ElasticNet, Positive

PENALTIES = [L1(0.3), Positive(ElasticNet(0.5, 0.4)), Box(-0.1, 0.4)]
DTYPES = [np.float64, np.float32]


def problem(n_rows=150, n_atoms=7, n_features=12, dtype=np.float64, seed=0):
    """Return codes, correlations and the Gram matrix of a random dictionary and random rows."""
    rng = np.random.default_rng(seed)
    dictionary = rng.standard_normal((n_atoms, n_features))
    X = rng.standard_normal((n_rows, n_features))
    codes = np.abs(rng.standard_normal((n_rows, n_atoms)))
    codes[rng.random(codes.shape) < 0.5] = 0
    arrays = codes, X @ dictionary.T, dictionary @ dictionary.T
    return tuple(np.ascontiguousarray(array, dtype=dtype) for array in arrays)


def swept(codes, correlations, gram, penalty, n_sweeps):
    """Return the codes after plain cyclic coordinate descent, row by row."""
    codes = codes.astype(np.float64)
    for c, p in zip(codes, correlations.astype(np.float64), strict=True):
        for _ in range(n_sweeps):
            for j in range(len(c)):
                v = c[j] + (p[j] - gram[j] @ c) / gram[j, j]
                c[j] = penalty.prox(v, 1 / gram[j, j])
    return codes


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
@pytest.mark.parametrize("n_atoms", [1, 4, 7, 13])
def test_sweeps_are_those_of_plain_coordinate_descent(penalty, n_atoms, dtype):
    codes, correlations, gram = problem(n_atoms=n_atoms, dtype=dtype)
    expected = swept(codes, correlations, gram.astype(np.float64), penalty, 3)
    descend_rows(codes, correlations, gram, penalty, n_sweeps=3)
    assert codes.dtype == dtype
    tolerance = 1e-10 if dtype == np.float64 else 1e-3
    np.testing.assert_allclose(codes, expected, rtol=tolerance, atol=tolerance)


def test_converged_codes_are_non_negative_least_squares():
    rng = np.random.default_rng(1)
    dictionary, X = rng.random((6, 15)), rng.random((20, 15))
    codes = np.zeros((20, 6))
    free = Positive(L1(0.0))
    descend_rows(codes, X @ dictionary.T, dictionary @ dictionary.T, free, n_sweeps=5000, tol=1e-13)
    expected = np.array([nnls(dictionary.T, x)[0] for x in X])
    np.testing.assert_allclose(codes, expected, atol=1e-9)


def test_a_row_within_tol_is_left_alone():
    codes, correlations, gram = problem()
    violation = descend_rows(codes, correlations, gram, L1(0.3), n_sweeps=500, tol=1e-6)
    before = codes.copy()
    descend_rows(codes, correlations, gram, L1(0.3), n_sweeps=1)
    assert (violation <= 1e-6).all()
    assert np.abs(codes - before).max() <= 1e-6 * np.abs(correlations).max() / gram.diagonal().min()


def test_a_row_does_not_depend_on_the_others():
    codes, correlations, gram = problem(n_rows=2 * LANES + 5)
    alone = codes.copy()
    descend_rows(codes, correlations, gram, L1(0.3), n_sweeps=40, tol=1e-4)
    for i in range(0, len(codes), 17):
        descend_rows(
            alone[i : i + 1], correlations[i : i + 1], gram, L1(0.3), n_sweeps=40, tol=1e-4
        )
        np.testing.assert_array_equal(alone[i], codes[i])


@pytest.mark.parametrize("dtype", DTYPES)
def test_threads_do_not_change_a_bit(dtype):
    start, correlations, gram = problem(n_rows=3000, dtype=dtype)
    results = []
    for n_jobs in (1, 2, 3):
        codes = start.copy()
        descend_rows(codes, correlations, gram, L1(0.3), n_sweeps=30, tol=1e-5, n_jobs=n_jobs)
        results.append(codes)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_coefficients_of_an_atom_of_zero_stay():
    codes, correlations, gram = problem()
    gram[2], gram[:, 2], correlations[:, 2] = 0, 0, 0
    before = codes[:, 2].copy()
    descend_rows(codes, correlations, gram, L1(0.3), n_sweeps=3)
    np.testing.assert_array_equal(codes[:, 2], before)


def test_rows_of_zeros_stay_zero_without_a_violation():
    codes, correlations, gram = problem()
    codes[:], correlations[:] = 0, 0
    violation = descend_rows(codes, correlations, gram, L1(0.3), n_sweeps=3)
    assert not codes.any() and not violation.any()


def test_no_rows_are_no_work():
    codes, correlations, gram = problem(n_rows=0)
    assert descend_rows(codes, correlations, gram, L1(0.3), n_sweeps=3).shape == (0,)
