"""EASE: the closed form, and the inverse below it."""

import numpy as np
import pytest
from scipy import sparse

from sparsekit._validation import _memory
from sparsekit.factorization import EASE
from sparsekit.factorization._dense_inverse import BAND, PIVOTS, STRIP, negated_inverse


def closed_form(X, alpha):
    """Return the weights by the formula of the paper."""
    X = X.toarray().astype(np.float64)
    inverse = np.linalg.inv(X.T @ X + alpha * len(X) * np.eye(X.shape[1]))
    weights = -inverse / np.diagonal(inverse)
    np.fill_diagonal(weights, 0)
    return weights


def ratings(rng, shape=(80, 30), dtype=np.float64):
    """Return ratings with an empty row and an empty column."""
    X = rng.integers(1, 6, shape) * (rng.random(shape) < 0.3)
    X[3], X[:, 4] = 0, 0
    return sparse.csr_array(X.astype(dtype))


@pytest.mark.parametrize(("dtype", "atol"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("shape", [(80, 30), (20, 60), (5, 1), (1, 5), (30, 600), (300, 350)])
def test_the_weights_are_the_closed_form(rng, shape, dtype, atol):
    X = sparse.csr_array((rng.random(shape) * (rng.random(shape) < 0.4)).astype(dtype))
    model = EASE(0.1).fit(X)
    assert model.coef_.dtype == dtype
    np.testing.assert_allclose(model.coef_, closed_form(X, 0.1), atol=atol)


def test_the_weights_minimise_the_objective(rng):
    X, alpha = ratings(rng), 0.3
    weights, dense = EASE(alpha).fit(X).coef_, X.toarray()
    slope = dense.T @ (dense @ weights - dense) / len(dense) + alpha * weights
    np.fill_diagonal(slope, 0)
    np.testing.assert_allclose(slope, 0, atol=1e-12)


def test_a_weight_of_two_is_the_row_twice(rng):
    X, weight = ratings(rng, (20, 10)), rng.integers(0, 3, 20)
    weighted = EASE(0.05).fit(X, sample_weight=weight)
    repeated = EASE(0.05).fit(X[np.repeat(np.arange(20), weight)])
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_that_are_fewer_than_columns_lead_to_the_same_weights(rng, dtype, monkeypatch):
    X = ratings(rng, (70, 3 * BAND + 5), dtype)
    by_rows = EASE(1.0).fit(X).coef_
    # Where there is no memory for both matrices, the one of the columns is inverted.
    monkeypatch.setattr(_memory, "_physical_memory", lambda: X.shape[1] ** 2 * X.dtype.itemsize)
    by_columns = EASE(1.0).fit(X).coef_
    atol = 1e-12 if dtype is np.float64 else 1e-5
    np.testing.assert_allclose(by_rows, by_columns, atol=atol)
    assert np.any(by_rows != by_columns)


@pytest.mark.parametrize("n_rows", [100, 1000])
def test_threads_do_not_change_a_bit(rng, n_rows):
    X = ratings(rng, (n_rows, 2 * PIVOTS + 100), np.float32)
    one, two = (EASE(0.1, n_jobs=n).fit(X) for n in (1, 2))
    np.testing.assert_array_equal(one.coef_, two.coef_)
    np.testing.assert_array_equal(one.transform(X), two.transform(X))
    np.testing.assert_array_equal(one.predict_entries(X).data, two.predict_entries(X).data)


def test_where_float32_is_not_enough_the_inverse_is_found_in_float64(rng):
    X = ratings(rng, (40, 60), np.float32)
    X.data *= 1000
    model = EASE(1e-3).fit(X)
    assert model.coef_.dtype == np.float32
    np.testing.assert_allclose(model.coef_, closed_form(X, 1e-3), atol=1e-3)


def test_a_penalty_of_nothing_is_refused(rng):
    X = ratings(rng, (10, 40))
    X.data *= 1e6
    with pytest.raises(ValueError, match="Increase `alpha`"):
        EASE(1e-14).fit(X)


def test_what_does_not_fit_the_memory_is_refused_before_any_work(rng, monkeypatch):
    monkeypatch.setattr(_memory, "_physical_memory", lambda: 2**20)
    X = sparse.random_array((10, 1000), density=0.01, random_state=rng, format="csr")
    model = EASE()
    with pytest.raises(MemoryError, match="1000 x 1000 matrix of float64"):
        model.fit(X)
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("n", [1, 2, 7, BAND - 1, BAND, PIVOTS + 1, STRIP + BAND + 3])
def test_the_inverse_is_an_inverse(rng, n, n_jobs):
    factor = rng.standard_normal((n, n))
    matrix = factor @ factor.T / n + np.eye(n)
    given = matrix.copy()
    given[np.triu_indices(n, 1)] = np.nan
    assert negated_inverse(given, n_jobs)
    np.testing.assert_allclose(given @ matrix, -np.eye(n), atol=1e-10)
    np.testing.assert_array_equal(given, given.T)


@pytest.mark.parametrize("n", [3, PIVOTS + 5])
def test_what_is_not_positive_definite_has_no_inverse(n):
    matrix = np.eye(n)
    matrix[-1, -1] = -1.0
    assert not negated_inverse(matrix)
