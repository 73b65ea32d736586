"""The error of predicted entries."""

import math

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import root_mean_squared_error

from sparsekit.metrics import rmse
from sparsekit.model_selection import SparseEntries


@pytest.fixture
def pair(rng):
    """Two matrices with the same entries."""
    true = sparse.random_array((9, 7), density=0.4, random_state=rng, format="csr")
    pred = true.copy()
    pred.data = rng.random(true.nnz)
    return true, pred


def test_arrays_have_the_error_of_scikit_learn(rng):
    true, pred, weight = rng.random((3, 8))
    assert rmse(true, pred) == pytest.approx(root_mean_squared_error(true, pred))
    expected = root_mean_squared_error(true, pred, sample_weight=weight)
    assert rmse(true, pred, sample_weight=weight) == pytest.approx(expected)


def test_only_stored_entries_count(pair):
    true, pred = pair
    expected = root_mean_squared_error(true.data, pred.data)
    assert rmse(true, pred) == pytest.approx(expected)
    assert rmse(SparseEntries(true), pred) == pytest.approx(expected)


@pytest.mark.parametrize("form", ["csc_array", "coo_array", "csr_matrix"])
def test_the_order_of_storage_does_not_matter(pair, form):
    true, pred = pair
    assert rmse(true, getattr(sparse, form)(pred)) == rmse(true, pred)


def test_stored_zeros_count():
    true = sparse.csr_array(([0.0, 1.0], ([0, 0], [0, 1])), shape=(1, 2))
    pred = sparse.csr_array(([2.0, 1.0], ([0, 0], [0, 1])), shape=(1, 2))
    assert rmse(true, pred) == pytest.approx(math.sqrt(2))


def test_weights_of_entries_come_as_a_matrix_or_in_order(pair, rng):
    true, pred = pair
    weight = pred.copy()
    weight.data = rng.random(true.nnz)
    expected = root_mean_squared_error(true.data, pred.data, sample_weight=weight.data)
    assert rmse(true, pred, sample_weight=weight) == pytest.approx(expected)
    assert rmse(true, pred, sample_weight=weight.data) == pytest.approx(expected)


def test_float32_is_computed_in_double_precision():
    true = np.full(1000, 1e4, dtype=np.float32)
    assert rmse(true, true + np.float32(1e-2)) == pytest.approx(
        float(np.float32(1e4) + np.float32(1e-2)) - 1e4, rel=1e-12
    )


def test_large_errors_do_not_overflow():
    assert rmse([1e200, -1e200], [0.0, 0.0]) == pytest.approx(1e200)
    assert rmse([1.0], [1.0]) == 0.0


def test_other_positions_are_refused(pair):
    true, pred = pair
    with pytest.raises(ValueError, match="must have its entries where `x_true` has them"):
        rmse(true, pred[:, ::-1])
    with pytest.raises(ValueError, match="other positions"):
        rmse(sparse.csr_array([[1.0, 0.0]]), sparse.csr_array([[0.0, 1.0]]))
    with pytest.raises(ValueError, match=r"the shape of `x_true`, \(2,\); got \(3,\)"):
        rmse([1.0, 2.0], [1.0, 2.0, 3.0])


def test_a_matrix_is_not_compared_with_an_array(pair):
    true, pred = pair
    with pytest.raises(ValueError, match="both be sparse or both be arrays"):
        rmse(true, pred.toarray())
    with pytest.raises(ValueError, match="got an array and sparse"):
        rmse(true.toarray(), true.toarray(), sample_weight=true)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_refused(bad):
    with pytest.raises(ValueError, match="x_pred contains"):
        rmse([1.0, 2.0], [1.0, bad])
    with pytest.raises(ValueError, match="x_true contains"):
        rmse(sparse.csr_array([[bad]]), sparse.csr_array([[1.0]]))


def test_bad_weights_are_refused():
    with pytest.raises(ValueError, match="non-negative"):
        rmse([1.0, 2.0], [1.0, 2.0], sample_weight=[1.0, -1.0])
    with pytest.raises(ValueError, match="at least one non-zero"):
        rmse([1.0, 2.0], [1.0, 2.0], sample_weight=[0.0, 0.0])


def test_without_entries_it_is_undefined():
    empty = sparse.csr_array((3, 4))
    with pytest.warns(UndefinedMetricWarning, match="no entries"):
        assert math.isnan(rmse(empty, empty))
