"""Scorers in the searches of scikit-learn, on hidden entries and on hidden parts of new rows."""

import copy
import math
import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_score,
    cross_validate,
    train_test_split,
)

from sparsekit.metrics import (
    make_map_scorer,
    make_ndcg_scorer,
    make_recall_scorer,
    make_rmse_scorer,
    map_at_k,
    ndcg_at_k,
    recall_at_k,
    rmse,
    rmse_scorer,
)
from sparsekit.model_selection import PathGridSearchCV, SparseEntries, hold_out_entries
from tests.metrics._models import Popularity, RowMeans, Shifted

MAKERS = {
    make_ndcg_scorer: ndcg_at_k,
    make_recall_scorer: recall_at_k,
    make_map_scorer: map_at_k,
}
SCORERS = [rmse_scorer, make_rmse_scorer(holdout=0.5), *(make(k=4) for make in MAKERS)]


@pytest.fixture(scope="module")
def X():
    """Ratings from 1 to 5 of 30 rows and 12 columns, each row with at least two."""
    rng = np.random.default_rng(3)
    dense = rng.integers(1, 6, (30, 12)) * (rng.random((30, 12)) < 0.4)
    dense[:, :2] = 3
    return sparse.csr_array(dense.astype(float))


@pytest.mark.parametrize("make", MAKERS)
def test_hidden_entries_are_ranked_among_those_not_seen(make, X):
    train, test = train_test_split(SparseEntries(X), test_size=0.25, random_state=0)
    model = Popularity().fit(train)
    recommended, _ = model.recommend(train.to_csr(), n=4)
    expected = MAKERS[make](test.to_csr(), recommended, 4)
    assert make(k=4)(model, test) == pytest.approx(expected)


@pytest.mark.parametrize("make", MAKERS)
def test_a_part_of_new_rows_is_hidden(make, X):
    model = Popularity().fit(X[:20])
    kept, hidden = hold_out_entries(X[20:], 0.5, random_state=3)
    recommended, _ = model.recommend(kept, n=4)
    expected = MAKERS[make](hidden, recommended, 4)
    assert make(k=4, holdout=0.5, random_state=3)(model, X[20:]) == pytest.approx(expected)


def test_hidden_entries_of_known_rows_are_predicted(X):
    train, test = train_test_split(SparseEntries(X), test_size=0.25, random_state=0)
    model = RowMeans().fit(train)
    assert rmse_scorer(model, test) == -rmse(test, model.predict_entries(test))


def test_hidden_entries_of_new_rows_are_predicted_from_the_others(X):
    model = RowMeans().fit(X[:20])
    kept, hidden = hold_out_entries(X[20:], 0.2, random_state=0)
    expected = -rmse(hidden, model.predict_entries(hidden, given=kept))
    assert rmse_scorer(model, X[20:]) == pytest.approx(expected)


def test_graded_gains_are_an_option(X):
    kept, hidden = hold_out_entries(X, 0.2, random_state=0)
    model = Popularity().fit(X)
    recommended, _ = model.recommend(kept, n=4)
    expected = ndcg_at_k(hidden, recommended, 4, graded=True)
    assert make_ndcg_scorer(k=4, graded=True)(model, X) == pytest.approx(expected)


def test_fewer_columns_than_k_are_all_ranked(X):
    model = Popularity().fit(X)
    assert make_recall_scorer(k=50)(model, X) == 1.0
    assert make_ndcg_scorer(k=50)(model, X) == pytest.approx(make_ndcg_scorer(k=12)(model, X))


def test_only_rows_with_something_hidden_are_asked_for(X):
    model = Popularity().fit(X)
    some = SparseEntries(X)
    make_ndcg_scorer(k=3)(model, some[some.rows < 4][[0, 5]])
    assert model.recommended_to_.shape[0] == 2


@pytest.mark.parametrize("as_entries", [False, True])
@pytest.mark.parametrize("form", [np.asarray, list, lambda x: sparse.coo_array(x[:, None])])
def test_what_is_known_of_rows_beside_their_entries_is_passed_on(form, as_entries, X):
    model, first = Shifted().fit(X), np.arange(30) % 12
    some = SparseEntries(X)
    test = some[(some.rows % 7 == 2) & (some.columns > 4)] if as_entries else X[:, :5]
    score = make_recall_scorer(k=4)(model, test, first=form(first))
    if as_entries:
        kept, hidden = test.complement().to_csr(), test.to_csr()
    else:
        kept, hidden = hold_out_entries(test, 0.2, random_state=0)
    rows = np.flatnonzero(np.diff(hidden.indptr))
    assert 0 < len(rows) and (as_entries is False or len(rows) < 30)
    np.testing.assert_array_equal(model.first_, first[rows])
    recommended, _ = model.recommend(kept[rows], 4, first=first[rows])
    assert score == recall_at_k(hidden[rows], recommended, 4)
    assert make_recall_scorer(k=4)(model, test, first=None) >= 0 and model.first_ is None


def test_it_must_be_known_of_every_row(X):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make_recall_scorer(k=4)(Shifted().fit(X), X, first=np.arange(29))


def test_dense_new_rows_mean_their_entries(X):
    model, means = Popularity().fit(X), RowMeans().fit(X)
    dense = X.toarray()
    rated = np.where(dense == 0, np.nan, dense)
    ndcg = make_ndcg_scorer(k=4)
    assert ndcg(model, dense) == ndcg(model, rated) == ndcg(model, X)
    assert rmse_scorer(means, rated) == rmse_scorer(means, X)
    every = sparse.csr_array(np.ones_like(dense))
    every.data = dense.ravel()
    assert rmse_scorer(means, dense) == rmse_scorer(means, every)


SPLITTERS = {
    "KFold": KFold(3, shuffle=True, random_state=0),
    "GroupKFold": GroupKFold(3),
    "StratifiedKFold": StratifiedKFold(2),
    "TimeSeriesSplit": TimeSeriesSplit(3),
}


@pytest.mark.parametrize("name", SPLITTERS)
@pytest.mark.parametrize("scorer", SCORERS, ids=repr)
def test_entries_are_searched_with_stock_splitters(name, scorer, X, rng):
    order = rng.permutation(X.nnz) if name == "TimeSeriesSplit" else None
    entries = SparseEntries(X, order=order)
    model = Popularity() if "k=" in repr(scorer) else RowMeans()
    (parameter,) = model.get_params()
    search = GridSearchCV(model, {parameter: [1, 5]}, cv=SPLITTERS[name], scoring=scorer)
    groups = {"groups": entries.columns} if name == "GroupKFold" else {}
    search.fit(entries, entries.rows if name == "StratifiedKFold" else None, **groups)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.n_features_in_ == X.shape[1]


def test_the_better_candidate_wins(X):
    search = GridSearchCV(
        RowMeans(), {"alpha": [0.0, 50.0]}, cv=KFold(3, shuffle=True), scoring=rmse_scorer
    )
    assert search.fit(SparseEntries(X)).best_params_ == {"alpha": 0.0}
    assert search.best_score_ < 0


@pytest.mark.parametrize("scorer", SCORERS, ids=repr)
def test_rows_are_searched_with_stock_splitters(scorer, X):
    model = Popularity() if "k=" in repr(scorer) else RowMeans()
    (parameter,) = model.get_params()
    search = GridSearchCV(model, {parameter: [1, 5]}, cv=3, scoring=scorer).fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.score(X[:9]) == scorer(search.best_estimator_, X[:9])


def test_two_processes_find_what_one_finds(X):
    entries = SparseEntries(X)
    scores = [
        cross_val_score(
            Popularity(), entries, cv=KFold(3, shuffle=True, random_state=1),
            scoring=make_ndcg_scorer(k=4), n_jobs=n_jobs,
        )
        for n_jobs in (1, 2)
    ]  # fmt: skip
    np.testing.assert_array_equal(*scores)


def test_several_scorers_at_once(X):
    scoring = {"ndcg": make_ndcg_scorer(k=4), "recall": make_recall_scorer(k=4)}
    found = cross_validate(Popularity(), SparseEntries(X), scoring=scoring, cv=3)
    assert {"test_ndcg", "test_recall"} <= set(found)


def test_random_search_and_metadata_routing(X):
    with config_context(enable_metadata_routing=True):
        search = RandomizedSearchCV(
            RowMeans(), {"alpha": [0.0, 1.0]}, n_iter=1, scoring=rmse_scorer, random_state=0
        )
        search.fit(SparseEntries(X))
    assert search.best_score_ < 0


@pytest.mark.parametrize("scorer", SCORERS, ids=repr)
def test_halving_and_path_searches(scorer, X):
    model = Popularity() if "k=" in repr(scorer) else RowMeans()
    (parameter,) = model.get_params()
    options = {"scoring": scorer, "cv": KFold(3, shuffle=True, random_state=0)}
    for kind in (HalvingGridSearchCV, PathGridSearchCV):
        search = kind(model, {parameter: [0, 1, 5]}, **options).fit(SparseEntries(X))
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_nested_cross_validation_keeps_the_outer_test_part_hidden(X):
    entries = SparseEntries(X)
    outer_train, outer_test = train_test_split(entries, test_size=0.3, random_state=0)
    _, test = train_test_split(outer_train, test_size=0.3, random_state=0)
    model = Popularity().fit(outer_train)
    make_recall_scorer(k=3)(model, test)
    seen = model.recommended_to_
    rows = np.unique(test.rows)
    assert seen.nnz == sum(np.isin(outer_train.rows, rows)) - len(test)
    assert (seen * outer_test.to_csr()[rows]).nnz == 0


@pytest.mark.parametrize("scorer", SCORERS, ids=repr)
def test_scorers_survive_pickle_and_copies(scorer):
    for twin in (pickle.loads(pickle.dumps(scorer)), copy.deepcopy(scorer)):
        assert twin == scorer
        assert repr(twin) == repr(scorer)


@pytest.mark.parametrize("scorer", SCORERS, ids=repr)
def test_the_repr_makes_the_scorer(scorer):
    assert eval(repr(scorer)) == scorer


@pytest.mark.parametrize("scorer", SCORERS, ids=repr)
def test_where_nothing_can_be_hidden_it_is_undefined(scorer, X):
    one_each = sparse.csr_array(np.eye(5, 12))
    model = (Popularity() if "k=" in repr(scorer) else RowMeans()).fit(X)
    for nothing in (one_each, SparseEntries(X)[:0]):
        with pytest.warns(UndefinedMetricWarning, match="no entry is hidden"):
            assert math.isnan(scorer(model, nothing))


def test_the_same_seed_hides_the_same_entries(X):
    model = Popularity().fit(X)
    scores = {make_ndcg_scorer(k=3, random_state=seed)(model, X) for seed in (0, 0, 1, 2)}
    assert 1 < len(scores) <= 3


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("bad", [{"k": 0}, {"holdout": 0.0}, {"holdout": 1.0}, {"holdout": True}])
def test_bad_parameters_are_refused_when_the_scorer_is_made(make, bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        make(**bad)


def test_masked_arrays_are_refused(X):
    masked = np.ma.masked_equal(X.toarray(), 0)
    with pytest.raises(TypeError, match="masked array"):
        rmse_scorer(RowMeans().fit(X), masked)
