"""Rows of which nothing is known: they are recommended what is popular."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

from sparsekit.factorization import EASE, ImplicitFactorization, SparseLinearMethod
from sparsekit.model_selection import SparseEntries

IMPLICIT = ImplicitFactorization(3, random_state=0)
MODELS = {"implicit": IMPLICIT, "EASE": EASE(0.1), "SLIM": SparseLinearMethod(0.05, l1_ratio=0.1)}
BY_COLUMNS = [MODELS["EASE"], MODELS["SLIM"]]


@pytest.fixture(params=MODELS)
def model(request, plays):
    """A fitted model of each kind, without features."""
    return clone(MODELS[request.param]).fit(plays)


def most_popular(popularity, n, left_out=()):
    """Return the columns of the n largest numbers, the lower one first where they are equal."""
    allowed = [j for j in range(len(popularity)) if j not in set(left_out)]
    return sorted(allowed, key=lambda j: (-popularity[j], j))[:n]


def nothing(n_rows, n_columns=25):
    return sparse.csr_array((n_rows, n_columns))


@pytest.mark.parametrize("n", [1, 6, 25])
def test_they_are_recommended_the_most_popular_columns(model, n):
    indices, scores = model.recommend(nothing(3), n)
    assert indices.tolist() == 3 * [most_popular(model.column_counts_, n)]
    assert (scores == 0).all()


@pytest.mark.parametrize("exclude_seen", [False, True])
def test_they_are_so_among_other_rows(model, plays, exclude_seen):
    cold, known = np.flatnonzero(np.diff(plays.indptr) == 0), np.flatnonzero(np.diff(plays.indptr))
    assert cold.tolist() == [5]
    indices, _ = model.recommend(plays, 4, exclude_seen=exclude_seen)
    assert indices[5].tolist() == most_popular(model.column_counts_, 4)
    alone, _ = model.recommend(plays[known], 4, exclude_seen=exclude_seen)
    np.testing.assert_array_equal(indices[known], alone)


def test_they_are_recommended_the_most_popular_of_the_candidates(model):
    columns = [24, 3, 4, 7, 11, 12]
    indices, scores = model.recommend(nothing(2), 5, columns=columns)
    others = set(range(25)) - set(columns)
    assert indices.tolist() == 2 * [most_popular(model.column_counts_, 5, others)]
    assert (scores == 0).all()


@pytest.mark.parametrize("estimator", BY_COLUMNS)
def test_popularity_is_the_number_of_rows_with_an_entry(estimator, plays):
    model = clone(estimator).fit(plays)
    np.testing.assert_array_equal(model.column_counts_, (plays.toarray() != 0).sum(axis=0))


@pytest.mark.parametrize("estimator", BY_COLUMNS)
def test_popularity_counts_a_row_as_often_as_it_weighs(estimator, plays, rng):
    weight = rng.integers(0, 4, 40)
    model = clone(estimator).fit(plays, sample_weight=weight)
    expected = weight @ (plays.toarray() != 0)
    np.testing.assert_array_equal(model.column_counts_, expected)
    found, _ = model.recommend(nothing(1), 25)
    assert found[0].tolist() == most_popular(expected, 25)


def test_a_row_of_columns_unknown_to_the_fit_is_not_recommended_them(plays):
    model = clone(IMPLICIT).fit(plays)
    assert model.column_counts_[7] == model.column_counts_.min()
    row = sparse.csr_array(([2.0], ([0], [7])), shape=(1, 25))
    assert not model.transform(row).any()
    indices, scores = model.recommend(row, 25)
    assert indices[0].tolist() == [*most_popular(model.column_counts_, 24, [7]), -1]
    assert scores[0].tolist() == 24 * [0.0] + [-np.inf]


def test_a_row_with_features_is_known_by_them(plays, row_features):
    model = clone(IMPLICIT).fit(plays, row_features=row_features)
    indices, scores = model.recommend(nothing(1), 4, row_features=row_features[:1])
    expected = model.transform(nothing(1), row_features=row_features[:1]) @ model.components_
    assert indices[0].tolist() == np.argsort(-expected[0], kind="stable")[:4].tolist()
    np.testing.assert_allclose(scores[0], -np.sort(-expected[0])[:4], rtol=1e-12)
    without, _ = model.recommend(nothing(1), 4)
    assert without[0].tolist() == most_popular(model.column_counts_, 4)


def test_popularity_grows_with_the_model(plays):
    model = clone(IMPLICIT).fit(plays[:20])
    model.partial_fit(plays[20:])
    np.testing.assert_array_equal(model.column_counts_, (plays.toarray() > 0).sum(axis=0))
    assert model.mean_count_ == pytest.approx(model.column_counts_.mean())
    model.add_columns(sparse.csr_array(np.full((40, 1), 50.0)))
    assert model.column_counts_[25] == 40
    indices, _ = model.recommend(nothing(1, 26), 26)
    assert indices[0].tolist() == most_popular(model.column_counts_, 26)
    assert indices[0, 0] == 25


def test_rows_whose_entries_are_all_hidden_are_scored_by_what_is_popular(model, plays):
    entries = SparseEntries(plays)
    hidden = entries[entries.rows < 2]
    train = entries[entries.rows >= 2]
    fitted = clone(model).fit(train)
    found = fitted._recommend_beside(hidden, np.array([0, 1]), 3)
    assert found.tolist() == 2 * [most_popular(fitted.column_counts_, 3)]
