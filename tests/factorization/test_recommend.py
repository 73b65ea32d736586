"""Recommendations, similar columns and predicted entries, of models that are right by design."""

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.metrics.pairwise import cosine_similarity

from sparsekit.factorization._input import check_entries
from sparsekit.factorization._recommend import RecommenderMixin
from sparsekit.matrix._entries import SparseEntries
from sparsekit.matrix._top import WeightedSums


class Projection(RecommenderMixin, BaseEstimator):
    """Leading right singular vectors, whose scores are those of the projected rows."""

    def __init__(self, n_jobs=None):
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        X = check_entries(self, X, reset=True)
        self.components_ = np.linalg.svd(X.toarray(), full_matrices=False)[2][:3]
        self.row_factors_ = self._fold_in(X)
        return self

    def _check_rows(self, X):
        return check_entries(self, X, reset=False)

    def _fold_in(self, X, scale=1.0):
        return scale * (X @ self.components_.T)

    def _scorer(self):
        return lambda estimator, X, y: (estimator, X, y)


class Neighbors(RecommenderMixin, BaseEstimator):
    """Counts of common entries as weights of one column for another."""

    def __init__(self, n_jobs=None):
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        X = check_entries(self, X, reset=True)
        self.coef_ = sparse.csr_array(X.T @ X)
        return self

    def _check_rows(self, X):
        return check_entries(self, X, reset=False)

    def _scores(self, codes, columns):
        return WeightedSums(codes, self.coef_ if columns is None else self.coef_[:, columns])

    def _entry_scores(self, codes, X):
        # Not X.nonzero(), which leaves out explicit zeros.
        return (codes @ self.coef_).toarray()[X.tocoo().coords]

    def _column_vectors(self):
        return self.coef_


def all_scores(model, X):
    """Return the matrix of all scores of the rows of X."""
    weights = model.coef_ if hasattr(model, "coef_") else model.components_.T @ model.components_
    return np.asarray((X @ weights).todense() if sparse.issparse(X @ weights) else X @ weights)


def ranked(scores, n, left_out=()):
    """Return the columns of the n largest scores of each row, -1 for those left out."""
    scores = scores.copy()
    scores[left_out] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :n]
    return np.where(np.take_along_axis(scores, order, axis=1) == -np.inf, -1, order)


@pytest.fixture(scope="module")
def X():
    """A matrix of small counts with an empty row, a full one, and an empty column."""
    rng = np.random.default_rng(3)
    dense = rng.poisson(0.3, size=(40, 25)).astype(float)
    dense[4], dense[7] = 0, 1
    dense[:, 9] = 0
    return sparse.csr_array(dense)


@pytest.fixture(params=[Projection, Neighbors], scope="module")
def model(request, X):
    """A fitted model of each kind."""
    return request.param().fit(X)


def test_seen_columns_are_not_recommended(model, X):
    indices, values = model.recommend(X, 5)
    seen = X.toarray() != 0
    expected = ranked(all_scores(model, X), 5, seen)
    np.testing.assert_array_equal(indices, expected)
    assert (values[indices < 0] == -np.inf).all()


def test_scores_are_those_of_the_columns(model, X):
    indices, values = model.recommend(X, 5, exclude_seen=False)
    expected = np.take_along_axis(all_scores(model, X), indices, axis=1)
    np.testing.assert_allclose(values, expected, atol=1e-12)


def test_a_row_of_all_columns_is_recommended_none_but_what_it_misses(model, X):
    indices, _ = model.recommend(X, 3)
    assert indices[7].tolist() == [9, -1, -1]


@pytest.mark.parametrize("as_mask", [False, True])
def test_recommendations_may_be_chosen_from_some_columns(model, X, as_mask):
    columns = np.array([20, 3, 5, 9, 20])
    mask = np.zeros(25, dtype=bool)
    mask[columns] = True
    indices, _ = model.recommend(X, 3, columns=mask if as_mask else columns)
    left_out = (X.toarray() != 0) | ~mask
    np.testing.assert_array_equal(indices, ranked(all_scores(model, X), 3, left_out))


def test_any_form_of_rows_is_understood(model, X):
    expected = model.recommend(X, 4)
    for rows in (X.toarray(), X.tocsc(), sparse.coo_matrix(X), SparseEntries(X)):
        found = model.recommend(rows, 4)
        np.testing.assert_array_equal(found[0], expected[0])


def test_rows_keep_their_recommendations_in_any_company(model, X):
    np.testing.assert_array_equal(model.recommend(X[10:20], 4)[0], model.recommend(X, 4)[0][10:20])


def test_threads_do_not_change_recommendations(X):
    many = sparse.csr_array(sparse.vstack([X] * 60))
    one, two = (Projection(n_jobs).fit(X).recommend(many, 4) for n_jobs in (1, 2))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])


def test_float32_scores_stay_so(X):
    model = Projection().fit(X.astype(np.float32))
    assert model.recommend(X.astype(np.float32), 2)[1].dtype == np.float32
    assert model.similar_items(2, 2)[1].dtype == np.float32
    assert model.predict_entries(X.astype(np.float32)).dtype == np.float32


def test_what_transform_takes_beside_rows_is_passed_on(X):
    model = Projection().fit(X)
    plain, scaled = model.recommend(X, 4), model.recommend(X, 4, scale=2.0)
    np.testing.assert_array_equal(scaled[1], 2 * plain[1])
    predicted = model.predict_entries(X, scale=2.0)
    np.testing.assert_array_equal(predicted.data, 2 * model.predict_entries(X).data)


@pytest.mark.parametrize("n", [0, -1, 26, 2.0, True, None])
def test_a_number_of_recommendations_out_of_range_is_refused(model, X, n):
    with pytest.raises(ValueError, match="`n` must be an integer from 1 to .* 25; got"):
        model.recommend(X, n)


def test_no_more_recommendations_than_candidates(model, X):
    with pytest.raises(ValueError, match="columns to choose from, 2; got 3"):
        model.recommend(X, 3, columns=[4, 4, 5])
    with pytest.raises(ValueError, match="columns to choose from, 0; got 1"):
        model.recommend(X, 1, columns=[])


@pytest.mark.parametrize("columns, message", [
    ([3, 25], "in .0, 25., the columns of the fit; got 25"),
    ([-1], "got -1"),
    ([1.0], "dtype float64"),
    (["a"], "numbers of columns"),
    ([[1]], "one dimension"),
    ([True, False], "mask .* 25 columns; got shape .2,."),
])  # fmt: skip
def test_columns_that_are_none_are_refused(model, X, columns, message):
    with pytest.raises(ValueError, match=message):
        model.recommend(X, 1, columns=columns)


@pytest.mark.parametrize("columns", [25, [-1], 0.5, [[2]]])
def test_no_column_is_like_one_that_is_none(model, columns):
    with pytest.raises(ValueError, match="`columns` must"):
        model.similar_items(columns)


def test_a_model_must_be_fitted(X):
    model = Projection()
    calls = [
        lambda: model.recommend(X),
        lambda: model.similar_items(0),
        lambda: model.predict_entries(X),
        lambda: model.score(X),
    ]
    for call in calls:
        with pytest.raises(NotFittedError):
            call()


def test_rows_of_another_width_are_refused(model, X):
    for call in (model.recommend, model.predict_entries):
        with pytest.raises(ValueError, match="24 features"):
            call(X[:, :24])
    with pytest.raises(ValueError, match="24 features"):
        model.predict_entries(X, given=X[:, :24])


def test_nan_in_rows_is_refused(model, X):
    bad = X.copy()
    bad.data[3] = np.nan
    for call in (model.recommend, model.predict_entries):
        with pytest.raises(ValueError, match="NaN"):
            call(bad)


def test_similar_columns_are_those_of_largest_cosine(model):
    vectors = model._column_vectors()
    cosines = cosine_similarity(vectors)
    indices, values = model.similar_items([3, 8, 3], 6)
    expected = cosines[[3, 8, 3]]
    np.testing.assert_allclose(values, np.take_along_axis(expected, indices, axis=1), atol=1e-12)
    np.fill_diagonal(cosines, -np.inf)
    best = -np.sort(-cosines[[3, 8, 3]], axis=1)[:, :6]
    np.testing.assert_allclose(values, best, atol=1e-12)
    assert not (indices == [[3], [8], [3]]).any()


def test_one_column_has_one_row_of_similar_ones(model):
    one, many = model.similar_items(5, 4), model.similar_items([5], 4)
    assert one[0].shape == one[1].shape == (4,)
    np.testing.assert_array_equal(one[0], many[0][0])
    np.testing.assert_array_equal(one[1], many[1][0])


def test_a_column_of_which_nothing_is_known_is_like_none(X):
    model = Neighbors().fit(X)
    _, values = model.similar_items(9, 24)
    assert (values == 0).all()


def test_cosines_stay_within_their_range():
    model = Neighbors().fit(sparse.csr_array(np.full((3, 9), 0.1, dtype=np.float32)))
    _, values = model.similar_items(0, 8)
    assert (values <= 1).all()
    np.testing.assert_allclose(values, 1, rtol=1e-6)


def test_no_more_similar_columns_than_others(model):
    with pytest.raises(ValueError, match="other columns, 24; got 25"):
        model.similar_items(3, 25)


def test_entries_are_predicted_where_they_are_stored(model, X):
    predicted = model.predict_entries(X)
    np.testing.assert_array_equal(predicted.indptr, X.indptr)
    np.testing.assert_array_equal(predicted.indices, X.indices)
    np.testing.assert_allclose(predicted.data, all_scores(model, X)[X.nonzero()], atol=1e-12)


def test_entries_are_predicted_from_what_is_given(model, X):
    given = X[::-1]
    predicted = model.predict_entries(X, given=given)
    expected = all_scores(model, sparse.csr_array(given))[X.nonzero()]
    np.testing.assert_allclose(predicted.data, expected, atol=1e-12)


def test_an_explicit_zero_is_a_position_to_predict_at(model, X):
    zeros = X.copy()
    zeros.data[:] = 0
    predicted = model.predict_entries(zeros, given=X)
    np.testing.assert_allclose(predicted.data, all_scores(model, X)[X.nonzero()], atol=1e-12)


def test_entries_of_fitted_rows_are_predicted_from_the_fit(X):
    entries = SparseEntries(X)
    train, test = entries[::2], entries[1::2]
    model = Projection().fit(train)
    predicted = model.predict_entries(test)
    expected = model.row_factors_ @ model.components_
    np.testing.assert_allclose(predicted.data, expected[test.to_csr().nonzero()], atol=1e-12)


def test_without_row_factors_they_are_predicted_from_the_other_entries(X):
    entries = SparseEntries(X)
    train, test = entries[::2], entries[1::2]
    model = Neighbors().fit(train)
    expected = model.predict_entries(test.to_csr(), given=train.to_csr())
    np.testing.assert_array_equal(model.predict_entries(test).data, expected.data)


def test_predictions_share_nothing_with_what_was_passed(model, X):
    before = X.copy()
    predicted = model.predict_entries(X)
    predicted.indices[:], predicted.indptr[1:], predicted.data[:] = 0, 0, 0
    for name in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(X, name), getattr(before, name))


def test_rows_to_predict_must_be_those_that_are_known(X):
    model = Projection().fit(X)
    with pytest.raises(ValueError, match="X has 40 rows, but `given` has 3"):
        model.predict_entries(X, given=X[:3])
    with pytest.raises(ValueError, match="X has 3 rows, but the fit has 40"):
        model.predict_entries(SparseEntries(X[:3]))


def test_predictions_come_as_scikit_learn_is_set(model, X):
    assert isinstance(model.predict_entries(X), sparse.spmatrix)
    try:
        context = config_context(sparse_interface="sparray")
    except TypeError:
        pytest.skip("this scikit-learn has no such setting")
    with context:
        assert isinstance(model.predict_entries(X), sparse.sparray)


def test_a_score_is_that_of_the_scorer(X):
    model = Projection().fit(X)
    scored, known, y = model.score(X.toarray(), y=3)
    assert scored is model and y == 3
    np.testing.assert_array_equal(known.toarray(), X.toarray())
    entries = SparseEntries(X)
    assert model.score(entries) == (model, entries, None)


def test_rows_of_another_width_are_not_scored(X):
    with pytest.raises(ValueError, match="expecting 25 features"):
        Projection().fit(X).score(X[:, :3])
