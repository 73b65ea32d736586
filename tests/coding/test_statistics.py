"""Sums over codes and what codes leave of signals, against dense products."""

import numpy as np
import pytest
from scipy import sparse

from sparsekit.coding._residuals import residuals, squared_residuals
from sparsekit.coding._statistics import add_statistics, code_statistics, no_statistics

SHAPES = {"few rows": 40, "several blocks": 4500}
SHARES = {"few codes": 0.05, "many codes": 0.6}


def some_codes(rng, n_signals, n_atoms, share, dtype=np.float64):
    dense = rng.standard_normal((n_signals, n_atoms)) * (rng.random((n_signals, n_atoms)) < share)
    return sparse.csr_array(dense.astype(dtype))


def as_given(X, kind):
    return X if kind == "dense" else sparse.csr_array(X)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("share", SHARES.values(), ids=SHARES)
@pytest.mark.parametrize("n_signals", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_statistics_are_products_of_dense_matrices(rng, kind, share, n_signals, dtype):
    codes = some_codes(rng, n_signals, 12, share, dtype)
    X = (rng.standard_normal((n_signals, 9)) * (rng.random((n_signals, 9)) < 0.5)).astype(dtype)
    dense, signals = codes.toarray().astype(float), X.astype(float)
    found = code_statistics(codes, as_given(X, kind))
    assert found.gram.dtype == found.cross.dtype == np.float64
    tolerance = 1e-12 if dtype == np.float64 else 1e-6
    np.testing.assert_allclose(found.gram, dense.T @ dense, atol=tolerance * n_signals)
    np.testing.assert_allclose(found.cross, dense.T @ signals, atol=tolerance * n_signals)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("share", SHARES.values(), ids=SHARES)
def test_threads_do_not_change_a_bit(rng, kind, share):
    codes, X = some_codes(rng, 9000, 10, share), as_given(rng.standard_normal((9000, 7)), kind)
    one = code_statistics(codes, X)
    for n_jobs in (2, 3):
        several = code_statistics(codes, X, n_jobs=n_jobs)
        np.testing.assert_array_equal(one.gram, several.gram)
        np.testing.assert_array_equal(one.cross, several.cross)


@pytest.mark.parametrize("share", SHARES.values(), ids=SHARES)
def test_a_weight_counts_a_signal_so_often(rng, share):
    codes, X = some_codes(rng, 50, 6, share), rng.standard_normal((50, 4))
    weighted, repeated = no_statistics(6, 4), no_statistics(6, 4)
    add_statistics(weighted, codes, X, weight=3.0)
    for _ in range(3):
        add_statistics(repeated, codes, X)
    np.testing.assert_allclose(np.tril(weighted.gram), np.tril(repeated.gram), atol=1e-12)
    np.testing.assert_allclose(weighted.cross, repeated.cross, atol=1e-12)


def test_scaling_mirrors_the_lower_triangle_and_keeps_float32_in_range(rng):
    statistics = no_statistics(40, 3)
    add_statistics(statistics, some_codes(rng, 50, 40, 0.2), rng.standard_normal((50, 3)))
    for sums in statistics:
        sums *= 1e60
    narrow = statistics.scaled(np.dtype(np.float32))
    assert narrow.gram.dtype == narrow.cross.dtype == np.float32
    assert narrow.gram.diagonal().max() == 1
    np.testing.assert_array_equal(narrow.gram, narrow.gram.T)
    largest = statistics.gram.diagonal().max()
    np.testing.assert_allclose(np.tril(narrow.gram), np.tril(statistics.gram) / largest, atol=1e-7)
    np.testing.assert_allclose(narrow.cross, statistics.cross / largest, rtol=1e-6)


def test_no_codes_give_zeros(rng):
    codes = sparse.csr_array((30, 4))
    found = code_statistics(codes, rng.standard_normal((30, 5)))
    assert not found.gram.any() and not found.cross.any()
    narrow = found.scaled(np.dtype(np.float32))
    assert np.isfinite(narrow.gram).all() and not narrow.cross.any()


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_squared_residuals_are_those_of_dense_products(rng, kind, dtype):
    X = (rng.standard_normal((5000, 8)) * (rng.random((5000, 8)) < 0.4)).astype(dtype)
    codes = some_codes(rng, 5000, 6, 0.3, dtype)
    dictionary = rng.standard_normal((6, 8)).astype(dtype)
    expected = ((X.astype(float) - codes.toarray() @ dictionary.astype(float)) ** 2).sum(axis=1)
    found = squared_residuals(as_given(X, kind), codes, dictionary)
    np.testing.assert_allclose(found, expected, rtol=1e-5 if dtype == np.float32 else 1e-12)
    threaded = squared_residuals(as_given(X, kind), codes, dictionary, n_jobs=2)
    np.testing.assert_array_equal(found, threaded)


def test_residuals_are_those_of_dense_products(rng):
    X, codes = rng.standard_normal((300, 8)), some_codes(rng, 300, 6, 0.3)
    dictionary = rng.standard_normal((6, 8))
    expected = X - codes.toarray() @ dictionary
    np.testing.assert_allclose(residuals(X, codes, dictionary), expected, atol=1e-13)
