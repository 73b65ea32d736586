"""Ranking metrics against loops over rows and ranks, and against scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import label_ranking_average_precision_score, ndcg_score

import sparsekit.metrics._ranking as ranking
from sparsekit.metrics import map_at_k, ndcg_at_k, recall_at_k
from sparsekit.model_selection import SparseEntries

METRICS = [recall_at_k, ndcg_at_k, map_at_k]


def brute_force(metric, relevant, recommended, k, graded=False):
    """Return the value of a metric by its definition, one recommendation at a time."""
    scores = []
    for truth, listed in zip(relevant, recommended):
        wanted = {j: v for j, v in enumerate(truth) if v > 0}
        if not wanted:
            continue
        hits, dcg, precision = 0, 0.0, 0.0
        for rank, column in enumerate(listed[:k], start=1):
            if column in wanted:
                hits += 1
                precision += hits / rank
                dcg += (wanted[column] if graded else 1.0) / math.log2(rank + 1)
        best = sorted(wanted.values() if graded else [1.0] * len(wanted), reverse=True)[:k]
        ideal = sum(gain / math.log2(rank + 1) for rank, gain in enumerate(best, start=1))
        scores.append(
            {
                recall_at_k: hits / len(wanted),
                ndcg_at_k: dcg / ideal,
                map_at_k: precision / min(k, len(wanted)),
            }[metric]
        )
    return sum(scores) / len(scores)


@st.composite
def cases(draw):
    """Draw truth with empty rows, zeros and negatives, and lists with gaps, and a cutoff."""
    n_rows, n_columns = draw(st.integers(1, 6)), draw(st.integers(1, 7))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    relevant = rng.integers(-2, 5, (n_rows, n_columns)) * (rng.random((n_rows, n_columns)) < 0.6)
    relevant[0, 0] = 3
    recommended = np.argsort(rng.random((n_rows, n_columns)), axis=1)
    recommended[rng.random(recommended.shape) < 0.2] = -1
    return relevant.astype(float), recommended, draw(st.integers(1, n_columns))


@pytest.mark.parametrize("metric", METRICS)
@given(case=cases())
def test_the_definition_by_brute_force(metric, case):
    relevant, recommended, k = case
    expected = brute_force(metric, *case)
    assert metric(sparse.csr_array(relevant), recommended, k) == pytest.approx(expected, abs=1e-12)


@given(case=cases())
def test_graded_gains_by_brute_force(case):
    relevant, recommended, k = case
    expected = brute_force(ndcg_at_k, *case, graded=True)
    assert ndcg_at_k(relevant, recommended, k, graded=True) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("graded", [False, True])
def test_ndcg_is_that_of_scikit_learn(graded, rng):
    relevant = rng.integers(0, 4, (20, 9)) * (rng.random((20, 9)) < 0.5)
    relevant[:, 0] = 1
    scores = rng.random((20, 9))
    truth = relevant if graded else relevant > 0
    listed = np.argsort(-scores, axis=1)
    expected = ndcg_score(truth.astype(float), scores, k=4)
    assert ndcg_at_k(relevant, listed, 4, graded=graded) == pytest.approx(expected)


def test_map_of_whole_lists_is_the_ranking_precision_of_scikit_learn(rng):
    relevant = (rng.random((20, 9)) < 0.4).astype(int)
    relevant[:, 3] = 1
    scores = rng.random((20, 9))
    expected = label_ranking_average_precision_score(relevant, scores)
    assert map_at_k(relevant, np.argsort(-scores, axis=1), 9) == pytest.approx(expected)


@pytest.mark.parametrize("metric", [ndcg_at_k, map_at_k])
def test_the_best_list_scores_one_whatever_is_relevant(metric):
    relevant = [[1, 0, 0, 0], [1, 1, 1, 1]]
    assert metric(relevant, [[0, 1, 2], [2, 0, 1]], 3) == pytest.approx(1.0)


def test_recall_divides_by_all_that_is_relevant():
    assert recall_at_k([[1, 1, 1, 1]], [[2, 0]], 2) == 0.5


@pytest.mark.parametrize("metric", METRICS)
def test_blocks_of_rows_do_not_show(metric, rng, monkeypatch):
    relevant = sparse.random_array((50, 12), density=0.3, random_state=rng, format="csr")
    recommended = np.argsort(rng.random((50, 12)), axis=1)
    whole = metric(relevant, recommended, 5)
    monkeypatch.setattr(ranking, "BLOCK_ROWS", 7)
    assert metric(relevant, recommended, 5) == pytest.approx(whole)


@pytest.mark.parametrize("metric", METRICS)
def test_rows_are_weighted(metric):
    relevant, recommended = [[1, 0], [0, 1], [0, 0]], [[0], [0], [0]]
    assert metric(relevant, recommended, 1, sample_weight=[3.0, 1.0, 5.0]) == 0.75


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("form", ["csr_matrix", "csc_array", "coo_array", "lil_array"])
def test_any_sparse_form_means_the_same(metric, form, rng):
    dense = (rng.random((6, 8)) < 0.5).astype(float)
    recommended = np.argsort(rng.random((6, 8)), axis=1)
    assert metric(getattr(sparse, form)(dense), recommended, 4) == metric(dense, recommended, 4)


@pytest.mark.parametrize("dtype", [bool, np.int64, np.float32])
def test_any_type_of_number_means_the_same(dtype):
    relevant = sparse.csr_array(np.array([[1, 0, 1], [0, 0, 1]], dtype=dtype))
    assert ndcg_at_k(relevant, np.array([[0, 1], [2, 0]], dtype=np.int32), 2) == pytest.approx(
        (1 / (1 + 1 / math.log2(3)) + 1) / 2
    )


def test_entries_are_taken_as_their_matrix():
    X = sparse.csr_array(np.array([[1.0, 0.0, 1.0], [0.0, 2.0, 3.0]]))
    assert recall_at_k(SparseEntries(X)[[0, 3]], [[0], [0]], 1) == 0.5


def test_stored_zeros_are_not_relevant():
    stored = sparse.csr_array(([1.0, 0.0], ([0, 0], [0, 1])), shape=(1, 3))
    assert recall_at_k(stored, [[0]], 1) == 1.0
    assert stored.nnz == 2


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("weights", [None, [0.0, 1.0]])
def test_without_a_row_to_judge_it_is_undefined(metric, weights):
    relevant = [[int(weights is not None), 0], [0, 0]]
    with pytest.warns(UndefinedMetricWarning, match="no row of `relevant`"):
        assert math.isnan(metric(relevant, [[0], [1]], 1, sample_weight=weights))


@pytest.mark.parametrize(
    ("recommended", "message"),
    [
        ([[0.0, 1.0]], "two-dimensional array of column numbers"),
        ([0, 1], "two-dimensional array of column numbers"),
        ([[0]], "at least k=2 columns"),
        ([[0, 1], [1, 0]], "must have 1 rows"),
        ([[0, 3]], "got 3"),
        ([[0, -2]], "got -2"),
        ([[1, 1]], "twice"),
    ],
)
def test_bad_lists_are_refused(recommended, message):
    with pytest.raises(ValueError, match=message):
        ndcg_at_k([[1, 0, 1]], recommended, 2)


def test_the_pair_that_recommend_returns_is_refused_with_advice():
    indices = np.array([[0, 1]])
    with pytest.raises(ValueError, match="the first of the two arrays"):
        ndcg_at_k([[1, 0, 1]], (indices, indices / 2), 2)


def test_no_recommendation_may_stand_more_than_once():
    assert recall_at_k([[1, 0, 1]], [[0, -1, -1]], 3) == 0.5


@pytest.mark.parametrize(("k", "error"), [(0, ValueError), (1.5, TypeError)])
def test_k_is_a_positive_number(k, error):
    with pytest.raises(error, match="k"):
        map_at_k([[1, 0]], [[0]], k)


def test_nan_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        recall_at_k(sparse.csr_array([[np.nan, 1.0]]), [[0]], 1)
    with pytest.raises(ValueError, match="NaN"):
        recall_at_k([[np.nan, 1.0]], [[0]], 1)
