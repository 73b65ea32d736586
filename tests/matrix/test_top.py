"""The largest scores of each row, against sorting all of them."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse

from sparsekit.matrix import _top
from sparsekit.matrix._top import ProductScores, WeightedSums, top_per_row


def sort_all(scores, n, exclude=None):
    """Return the largest entries of a dense matrix of scores, and their columns."""
    scores = scores.copy()
    if exclude is not None:
        scores[exclude.toarray() != 0] = -np.inf
    scores[np.isnan(scores)] = -np.inf
    indices = np.argsort(-scores, axis=1, kind="stable")[:, :n]
    values = np.take_along_axis(scores, indices, axis=1)
    return np.where(values == -np.inf, -1, indices), values


def assert_same(found, expected):
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def small_integers(rng, shape, dtype):
    """Return numbers whose products are exact and often equal."""
    return rng.integers(-2, 3, size=shape).astype(dtype)


def some_entries(rng, shape, density=0.1, dtype=np.float64):
    return sparse.random_array(shape, density=density, format="csr", random_state=rng, dtype=dtype)


def sparse_integers(rng, shape, dtype):
    X = some_entries(rng, shape, 0.3)
    X.data = rng.integers(1, 4, size=X.nnz)
    return X.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_rows, n_columns, n", [
    (1, 1, 1), (5, 3, 3), (70, 63, 10), (70, 64, 1), (33, 65, 65), (130, 300, 20), (3, 1000, 400),
])  # fmt: skip
def test_products_are_ranked_as_by_sorting(n_rows, n_columns, n, dtype):
    rng = np.random.default_rng(n_rows + n_columns)
    codes = small_integers(rng, (n_rows, 4), dtype)
    vectors = small_integers(rng, (n_columns, 4), dtype)
    exclude = some_entries(rng, (n_rows, n_columns))
    found = top_per_row(ProductScores(codes, vectors), n, exclude=exclude)
    assert found[1].dtype == dtype
    assert_same(found, sort_all(codes @ vectors.T, n, exclude))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("stored", [np.asarray, sparse.csr_array])
def test_weighted_sums_are_ranked_as_by_sorting(stored, dtype):
    rng = np.random.default_rng(0)
    X = sparse_integers(rng, (90, 40), dtype)
    weights = sparse_integers(rng, (40, 150), dtype)
    scores = WeightedSums(X, stored(weights.toarray()))
    assert_same(top_per_row(scores, 12), sort_all((X @ weights).toarray(), 12))


def test_rows_of_weights_longer_than_a_block_are_cut():
    rng = np.random.default_rng(0)
    X = sparse_integers(rng, (3, 5), np.float32)
    weights = small_integers(rng, (5, 2**15 + 7), np.float32)
    assert_same(top_per_row(WeightedSums(X, weights), 6), sort_all(X @ weights, 6))


def test_long_rows_are_added_up_over_several_calls(monkeypatch):
    monkeypatch.setattr(_top, "CALL_WORK", 1)
    rng = np.random.default_rng(0)
    X, weights = sparse_integers(rng, (7, 9), np.float64), sparse_integers(rng, (9, 11), np.float64)
    expected = sort_all((X @ weights).toarray(), 4)
    assert_same(top_per_row(WeightedSums(X, weights), 4), expected)
    assert_same(top_per_row(WeightedSums(X, weights.toarray()), 4), expected)


def test_of_equal_scores_the_lower_columns_win():
    vectors = np.ones((500, 1))
    indices, _ = top_per_row(ProductScores(np.ones((2, 1)), vectors), 5)
    assert indices.tolist() == [[0, 1, 2, 3, 4]] * 2


def test_where_columns_run_out_there_is_none():
    exclude = sparse.csr_array([[1.0, 0, 1], [1, 1, 1], [0, 0, 0]])
    scores = ProductScores(np.ones((3, 1)), np.array([[1.0], [2], [3]]))
    indices, values = top_per_row(scores, 2, exclude=exclude)
    assert indices.tolist() == [[1, -1], [-1, -1], [2, 1]]
    assert values.tolist() == [[2, -np.inf], [-np.inf, -np.inf], [3, 2]]


def test_an_explicit_zero_is_excluded():
    exclude = sparse.csr_array((np.zeros(1), [1], [0, 1]), shape=(1, 3))
    scores = ProductScores(np.ones((1, 1)), np.array([[1.0], [2], [3]]))
    assert top_per_row(scores, 2, exclude=exclude)[0].tolist() == [[2, 0]]


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_what_is_no_score_is_never_chosen(bad):
    vectors = np.array([[1.0], [bad], [-3]])
    indices, values = top_per_row(ProductScores(np.ones((1, 1)), vectors), 3)
    assert indices.tolist() == [[0, 2, -1]]
    assert values.tolist() == [[1, -3, -np.inf]]


def test_an_infinite_score_comes_first():
    vectors = np.array([[1.0], [np.inf], [3]])
    assert top_per_row(ProductScores(np.ones((1, 1)), vectors), 2)[0].tolist() == [[1, 2]]


def test_no_rows_have_no_recommendations():
    indices, values = top_per_row(ProductScores(np.empty((0, 2)), np.ones((4, 2))), 3)
    assert indices.shape == values.shape == (0, 3)


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_excluded_entries_may_have_long_indices(index_dtype):
    rng = np.random.default_rng(0)
    exclude = some_entries(rng, (20, 90), 0.5)
    exclude.indices = exclude.indices.astype(index_dtype)
    exclude.indptr = exclude.indptr.astype(index_dtype)
    codes, vectors = rng.standard_normal((20, 1)), rng.standard_normal((90, 1))
    found = top_per_row(ProductScores(codes, vectors), 10, exclude=exclude)
    assert_same(found, sort_all(codes * vectors.T, 10, exclude))


def test_excluded_entries_stay_as_they_are():
    rng = np.random.default_rng(0)
    exclude = some_entries(rng, (20, 90), 0.5)
    before = exclude.copy()
    top_per_row(ProductScores(np.ones((20, 1)), np.ones((90, 1))), 10, exclude=exclude)
    for name in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(exclude, name), getattr(before, name))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_do_not_change_a_bit(dtype):
    rng = np.random.default_rng(0)
    codes = rng.standard_normal((3001, 17)).astype(dtype)
    vectors = rng.standard_normal((1111, 17)).astype(dtype)
    exclude = some_entries(rng, (3001, 1111), 0.01)
    scores = ProductScores(codes, vectors)
    one, four = (top_per_row(scores, 9, exclude=exclude, n_jobs=n_jobs) for n_jobs in (1, 4))
    assert_same(four, one)


def test_codes_and_vectors_may_be_views():
    rng = np.random.default_rng(0)
    codes, vectors = small_integers(rng, (40, 8), float), small_integers(rng, (3, 300), float)
    found = top_per_row(ProductScores(codes[:, 1:4], vectors.T), 7)
    assert_same(found, sort_all(codes[:, 1:4] @ vectors, 7))


@pytest.mark.parametrize("kind", ["product", "dense", "sparse"])
def test_all_scores_are_never_held_at_once(kind):
    n_rows, n_columns = 4000, 8000
    X = sparse.eye_array(n_rows, 2, format="csr", dtype=np.float32)
    weights = np.zeros((2, n_columns), dtype=np.float32)
    scores = {
        "product": ProductScores(X.toarray(), weights.T),
        "dense": WeightedSums(X, weights),
        "sparse": WeightedSums(X, sparse.csr_array(weights)),
    }[kind]
    tracemalloc.start()
    try:
        top_per_row(scores, 3)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < n_rows * n_columns * 4 / 20
