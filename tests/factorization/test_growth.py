"""Fitted models that grow: rows that come later, and columns that the fit did not know."""

import copy

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError

from sparsekit.factorization import ImplicitFactorization, MatrixFactorization
from sparsekit.model_selection import SparseEntries
from tests.factorization._brute_force import codes_of_columns
from tests.transformers._estimators import assert_same_state

MODELS = {
    "ratings": lambda **options: MatrixFactorization(3, random_state=0, **options),
    "ratings without biases": lambda **options: MatrixFactorization(
        3, fit_bias=False, random_state=0, **options
    ),
    "plays": lambda **options: ImplicitFactorization(3, random_state=0, **options),
    "plays, rare columns first": lambda **options: ImplicitFactorization(
        3, popularity_exponent=0.5, random_state=0, **options
    ),
}


@pytest.fixture
def data(ratings, plays):
    """A function from a model's name to a matrix it is for."""
    return lambda name: plays if name.startswith("plays") else ratings


def cells(model, X, columns_are_new=False):
    """Return curvature and pull of each cell, by definition, at offsets of zero."""
    stored = np.zeros(X.shape, dtype=bool)
    stored[X.tocoo().coords] = True
    if isinstance(model, ImplicitFactorization):
        scale = 1.0
        if model.popularity_exponent > 0:
            counts = stored.sum(axis=0) if columns_are_new else model.column_counts_
            counts = np.where(counts > 0, counts, model.mean_count_)
            scale = (counts / model.mean_count_) ** -model.popularity_exponent
        weights = model.unobserved_weight + model.confidence * X.toarray() * scale
        return weights, weights * stored
    return stored.astype(float), stored * (X.toarray() - getattr(model, "intercept_", 0.0))


def as_vectors(model, codes):
    """Return what the codes of columns are multiplied by, and what is added."""
    if not hasattr(model, "column_bias_"):
        return codes, np.zeros(len(codes))
    return np.column_stack((codes[:, :-1], np.ones(len(codes)))), codes[:, -1]


@pytest.mark.parametrize("name", MODELS)
def test_columns_move_as_documented(name, data):
    X = data(name)
    model = MODELS[name]().fit(X[:30])
    before, observed = codes_of_columns(model), model.column_observations_
    vectors, offset = as_vectors(model, model.transform(X[30:]))
    everyone = np.vstack((as_vectors(model, model.row_factors_)[0], vectors))
    mean_product = everyone.T @ everyone / len(everyone)
    curvatures, pulls = cells(model, X[30:])
    unobserved = getattr(model, "unobserved_weight", 0.0)
    model.partial_fit(X[30:])
    known = observed + unobserved * 10
    np.testing.assert_allclose(
        model.column_observations_, observed + curvatures.sum(axis=0), atol=1e-12
    )
    for j, code in enumerate(codes_of_columns(model)):
        # What was not observed is regularised as what was observed once.
        old, new = (
            model.alpha * (count[j] if count[j] > 0 else 1.0)
            for count in (observed, model.column_observations_)
        )
        gram = known[j] * mean_product + new * np.eye(len(code))
        right = observed[j] * mean_product @ before[j] + old * before[j]
        extra = curvatures[:, j] - unobserved
        gram += (vectors.T * extra) @ vectors
        right = right + vectors.T @ (pulls[:, j] - (curvatures[:, j] - unobserved) * offset)
        np.testing.assert_allclose(code, np.linalg.solve(gram, right), atol=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_the_first_call_is_a_fit(name, data):
    X = data(name)
    assert_same_state(MODELS[name]().partial_fit(X), MODELS[name]().fit(X))


@pytest.mark.parametrize("name", MODELS)
def test_rows_are_appended_with_their_codes(name, data):
    X = data(name)
    model = MODELS[name]().fit(X[:30])
    before = model.row_factors_.copy()
    assert model.partial_fit(X[30:]) is model
    assert model.row_factors_.shape == (40, before.shape[1])
    np.testing.assert_array_equal(model.row_factors_[:30], before)
    np.testing.assert_array_equal(model.row_factors_[30:], model.transform(X[30:]))
    # Entries of all rows can be predicted from what the fits found out about them.
    assert model.predict_entries(SparseEntries(X)).nnz == X.nnz


@pytest.mark.parametrize("options", [{}, {"l1_ratio": 0.5}, {"positive": True}])
def test_rows_of_which_nothing_is_known_leave_the_components(options, ratings):
    model = MatrixFactorization(3, alpha=0.02, max_iter=300, tol=None, random_state=0, **options)
    before = model.fit(ratings).components_.copy()
    model.partial_fit(sparse.csr_array((3, 25)))
    np.testing.assert_allclose(model.components_, before, atol=1e-5)
    assert not model.row_factors_[40:].any()


def test_sparse_and_signed_factors_stay_so(ratings):
    model = MatrixFactorization(3, alpha=0.05, l1_ratio=0.8, positive=True, random_state=0)
    model.fit(ratings[:30]).partial_fit(ratings[30:])
    factors = model.components_[:-1]
    assert (factors >= 0).all() and (factors == 0).any() and factors.any()


@pytest.mark.parametrize("name", MODELS)
def test_what_new_rows_say_is_learnt(name, data):
    X = data(name)
    model = MODELS[name]().fit(X[:15])
    before = copy.deepcopy(model)
    model.partial_fit(X[15:]).partial_fit(X[15:])
    whole = MODELS[name]().fit(X)
    assert len(model.row_factors_) == 65

    def error(fitted):
        wanted = 1.0 if name.startswith("plays") else X.data
        weights = cells(before, X)[0][X.tocoo().coords]
        return np.average((wanted - fitted.predict_entries(X).data) ** 2, weights=weights)

    assert error(model) < error(before)
    assert error(model) < 3 * error(whole)


@pytest.mark.parametrize("name", MODELS)
def test_threads_and_the_form_of_rows_do_not_change_growth(name, data):
    X = data(name)
    grown = [
        MODELS[name](n_jobs=n_jobs).fit(X[:30]).partial_fit(form(X[30:]))
        for n_jobs, form in ((1, sparse.csr_array), (2, sparse.coo_array), (3, sparse.csc_matrix))
    ]
    for model in grown[1:]:
        assert_same_state(model, grown[0])


@pytest.mark.parametrize("name", MODELS)
def test_a_stream_goes_on_in_its_type(name, data):
    X = data(name)
    model = MODELS[name]().fit(X[:30].astype(np.float32))
    for start in range(30, 40, 2):
        model.partial_fit(X[start : start + 2])
    assert len(model.row_factors_) == 40
    for value in vars(model).values():
        if isinstance(value, np.ndarray) and value.ndim == 2:
            assert value.dtype == np.float32 and np.isfinite(value).all()


@pytest.mark.parametrize("name", MODELS)
def test_rows_that_are_wrong_change_nothing(name, data):
    X = data(name)
    model = MODELS[name]().fit(X)
    before = copy.deepcopy(model)
    bad = X.copy()
    bad.data = np.full(X.nnz, np.nan)
    for rows in (X[:, :3], bad):
        with pytest.raises(ValueError, match="expecting 25 features|NaN"):
            model.partial_fit(rows)
    assert_same_state(model, before)


def test_rows_come_with_their_features(ratings, row_features):
    model = MatrixFactorization(3, random_state=0).fit(ratings[:30], row_features=row_features[:30])
    model.partial_fit(ratings[30:], row_features=row_features[30:])
    np.testing.assert_array_equal(
        model.row_factors_[30:], model.transform(ratings[30:], row_features=row_features[30:])
    )


# Columns


@pytest.mark.parametrize("name", MODELS)
def test_new_columns_fit_their_entries_best(name, data):
    X = data(name)
    model = MODELS[name]().fit(X[:, :20])
    old = codes_of_columns(model)
    rows = model.row_factors_.copy()
    assert model.add_columns(X[:, 20:]) is model
    assert model.n_features_in_ == 25 and model.components_.shape[1] == 25
    np.testing.assert_array_equal(codes_of_columns(model)[:20], old)
    np.testing.assert_array_equal(model.row_factors_, rows)
    vectors, offset = as_vectors(model, rows)
    curvatures, pulls = cells(model, X[:, 20:], columns_are_new=True)
    np.testing.assert_allclose(model.column_observations_[20:], curvatures.sum(axis=0))
    for j, code in enumerate(codes_of_columns(model)[20:]):
        gram = (vectors.T * curvatures[:, j]) @ vectors
        gram += model.alpha * curvatures[:, j].sum() * np.eye(len(code))
        right = vectors.T @ (pulls[:, j] - curvatures[:, j] * offset)
        np.testing.assert_allclose(code, np.linalg.solve(gram, right), atol=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_with_more_columns_does_all_it_did(name, data):
    X = data(name)
    model = MODELS[name]().fit(X[:, :20]).add_columns(X[:, 20:])
    codes = model.transform(X)
    assert model.inverse_transform(codes).shape == (40, 25)
    assert model.recommend(X, 5)[0].max() >= 20
    assert model.similar_items(22, 24)[0].shape == (24,)
    assert np.isfinite(model.score(X))
    model.partial_fit(X[:3])
    assert model.row_factors_.shape[0] == 43
    if name.startswith("plays"):
        assert model.column_counts_.shape == (25,)
    with pytest.raises(ValueError, match="expecting 25 features"):
        model.transform(X[:, :20])


def test_columns_come_with_entries_features_or_both(ratings, column_features):
    model = MatrixFactorization(3, random_state=0)
    model.fit(ratings[:, :20], column_features=column_features[:20])
    given = {
        "entries": {"X": ratings[:, 20:]},
        "features": {"column_features": column_features[20:]},
        "both": {"X": ratings[:, 20:], "column_features": column_features[20:]},
    }
    found = {
        case: copy.deepcopy(model).add_columns(**known).components_[:, 20:]
        for case, known in given.items()
    }
    assert not np.allclose(found["entries"], found["both"])
    assert not np.allclose(found["features"], found["both"])
    # A column with its features has the code that the fit would give it.
    again = model.add_columns(ratings[:, :5], column_features=column_features[:5]).components_
    np.testing.assert_allclose(again[:, 20:], again[:, :5], atol=0.05)


def test_names_of_columns_are_lost_where_some_have_none(ratings):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(ratings.toarray()).rename(columns=str)
    model = MatrixFactorization(3, random_state=0).fit(X)
    assert hasattr(model, "feature_names_in_")
    model.add_columns(ratings[:, :2])
    assert not hasattr(model, "feature_names_in_")


def test_columns_that_are_wrong_change_nothing(ratings, column_features):
    model = MatrixFactorization(3, random_state=0).fit(ratings)
    before = copy.deepcopy(model)
    bad = ratings.copy()
    bad.data = np.full(ratings.nnz, np.inf)
    for given, message in (
        ({}, "needs `X`, `column_features`, or both"),
        ({"X": ratings[:7]}, "must have the 40 rows of `row_factors_`.*got 7"),
        ({"X": bad}, "infinity"),
        ({"column_features": column_features}, "was fitted without `column_features`"),
    ):
        with pytest.raises(ValueError, match=message):
            model.add_columns(**given)
        assert_same_state(model, before)
    with pytest.raises(NotFittedError):
        MatrixFactorization(3).add_columns(ratings)
