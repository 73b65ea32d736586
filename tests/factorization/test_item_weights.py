"""What EASE and SparseLinearMethod do with rows: scores, recommendations, predicted entries."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsekit.factorization import EASE, SparseLinearMethod
from sparsekit.metrics import rmse_scorer
from sparsekit.model_selection import SparseEntries

MODELS = {"EASE": EASE(0.1), "SLIM": SparseLinearMethod(0.05, l1_ratio=0.1)}


@pytest.fixture(params=MODELS)
def model(request):
    """An estimator that is not fitted."""
    return clone(MODELS[request.param])


def liked(rng, dtype=np.float64):
    """Return two groups of rows with tastes of their own; a row and a column are empty."""
    taste = np.kron(np.eye(2), np.ones((20, 6)))
    X = (rng.random((40, 12)) < 0.1 + 0.5 * taste).astype(dtype)
    X[3], X[:, 4] = 0, 0
    return sparse.csr_array(X)


def dense(X):
    return X.toarray() if sparse.issparse(X) else np.asarray(X)


@parametrize_with_checks(list(MODELS.values()))
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def test_transform_multiplies_by_the_weights(rng, model):
    X = liked(rng)
    model.fit(X)
    expected = X.toarray() @ dense(model.coef_)
    assert isinstance(model.transform(X.toarray()), np.ndarray)
    assert sparse.issparse(model.transform(X)) == sparse.issparse(model.coef_)
    for given in (X, X.toarray(), SparseEntries(X)):
        np.testing.assert_allclose(dense(model.transform(given)), expected, atol=1e-12)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_predicted_entries_are_those_of_the_scores(rng, model, n_jobs):
    X, other = liked(rng), liked(rng)
    model.set_params(n_jobs=n_jobs).fit(X)
    scores = dense(model.transform(other))
    predicted = model.predict_entries(X, given=other)
    np.testing.assert_array_equal(predicted.indices, X.indices)
    np.testing.assert_allclose(predicted.data, scores[X.tocoo().coords], atol=1e-12)


def test_an_entry_does_not_predict_itself(rng, model):
    X = liked(rng)
    model.fit(X)
    rows, columns = (places[:3] for places in X.tocoo().coords)
    for i, j in zip(rows, columns, strict=True):
        without = X.toarray()
        without[i, j] = 0
        alone = sparse.csr_array(([1.0], ([i], [j])), shape=X.shape)
        np.testing.assert_allclose(
            model.predict_entries(alone, given=X).data,
            model.predict_entries(alone, given=without).data,
            atol=1e-12,
        )


def test_a_row_is_recommended_what_its_group_likes(rng, model):
    X = liked(rng)
    indices, scores = model.fit(X).recommend(X[[0, 39]], n=2, exclude_seen=False)
    assert (indices[0] < 6).all() and (indices[1] >= 6).all()
    expected = -np.sort(-dense(model.transform(X[[0, 39]])), axis=1)[:, :2]
    np.testing.assert_allclose(scores, expected, atol=1e-12)


def test_columns_of_a_group_are_alike(rng, model):
    X = liked(rng)
    model.fit(X)
    indices, similarities = model.similar_items([0, 11], n=2)
    assert (indices[0] < 6).all() and (indices[1] >= 6).all()
    assert (similarities > 0).all()


def test_recommendations_of_some_columns(rng, model):
    X = liked(rng)
    indices, _ = model.fit(X).recommend(X, n=2, columns=[1, 5, 9], exclude_seen=False)
    assert set(np.unique(indices)) <= {1, 5, 9}


def test_a_search_over_hidden_entries(rng, model):
    X = SparseEntries(liked(rng))
    search = GridSearchCV(
        model, {"alpha": [0.05, 0.5]}, cv=KFold(3, shuffle=True, random_state=0),
        scoring=rmse_scorer,
    ).fit(X)  # fmt: skip
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_search_over_new_rows_uses_the_default_score(rng, model):
    search = GridSearchCV(model, {"alpha": [0.05, 0.5]}, cv=3).fit(liked(rng))
    assert (search.cv_results_["mean_test_score"] > 0.3).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_results_have_the_type_of_the_data(rng, model, dtype):
    X = liked(rng, dtype)
    model.fit(X)
    assert model.coef_.dtype == dtype
    assert model.transform(X).dtype == dtype
    assert model.predict_entries(X).dtype == dtype
    assert model.recommend(X, n=2)[1].dtype == dtype


def test_it_survives_a_pickle(rng, model):
    X = liked(rng)
    model.fit(X)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(dense(loaded.transform(X)), dense(model.transform(X)))


def test_duplicates_count_as_their_sum_and_stay(rng, model):
    X = liked(rng).tocoo()
    halves = np.r_[X.data, X.data] / 2
    coords = tuple(np.r_[places, places] for places in X.coords)
    twice = sparse.coo_array((halves, coords), shape=X.shape)
    kept = twice.copy()
    np.testing.assert_allclose(dense(model.fit(twice).coef_), dense(clone(model).fit(X).coef_))
    np.testing.assert_array_equal(twice.data, kept.data)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_entries_that_are_not_finite_are_refused(rng, model, bad):
    X = liked(rng)
    X.data[5] = bad
    with pytest.raises(ValueError, match="NaN|infinity"):
        model.fit(X)


def test_explicit_zeros_are_no_entries(rng, model):
    X = liked(rng)
    plain = clone(model).fit(X)
    stored = sparse.csr_array(
        (np.r_[X.data, 0.0], (np.r_[X.tocoo().row, 3], np.r_[X.indices, 4])), shape=X.shape
    )
    with pytest.warns(UserWarning, match="zeros that X"):
        model.fit(stored)
    np.testing.assert_array_equal(dense(model.coef_), dense(plain.coef_))


def test_feature_names_go_through(rng, model):
    pandas = pytest.importorskip("pandas")
    names = [f"song {j}" for j in range(12)]
    frame = pandas.DataFrame(liked(rng).toarray(), columns=names)
    assert list(model.fit(frame).get_feature_names_out()) == names
    scores = clone(model).set_output(transform="pandas").fit_transform(frame)
    assert list(scores.columns) == names
