"""What scorers learn of rows: by what the fit found out about them, or by features given anew."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.model_selection import GridSearchCV, KFold, cross_validate, train_test_split

from sparsekit.factorization import (
    EASE,
    BayesianFactorization,
    ImplicitFactorization,
    MatrixFactorization,
    RankingFactorization,
    SparseLinearMethod,
)
from sparsekit.metrics import make_ndcg_scorer, make_recall_scorer, ndcg_at_k, rmse, rmse_scorer
from sparsekit.model_selection import SparseEntries, hold_out_entries

IMPLICIT = ImplicitFactorization(3, alpha=0.05, random_state=0)
EXPLICIT = MatrixFactorization(3, random_state=0)
SHORT = {"random_state": 0, "max_iter": 5}
WITHOUT_FEATURES = [
    IMPLICIT,
    ImplicitFactorization(3, popularity_exponent=0.5, **SHORT),
    RankingFactorization(3, **SHORT),
    EASE(0.1),
    SparseLinearMethod(0.05, l1_ratio=0.1),
]
NDCG = make_ndcg_scorer(5)


@pytest.fixture(scope="module")
def parts(plays):
    """A training and a test part of the entries of plays."""
    return train_test_split(SparseEntries(plays), test_size=0.3, random_state=0)


@pytest.mark.parametrize("estimator", [IMPLICIT, EXPLICIT])
def test_rows_of_the_fit_are_ranked_by_what_it_found_out(estimator, parts, row_features):
    train, test = parts
    model = clone(estimator).fit(train, row_features=row_features)
    scores = model.inverse_transform(model.row_factors_)
    scores[train.rows, train.columns] = -np.inf
    recommended = np.argsort(-scores, axis=1, kind="stable")[:, :5]
    expected = ndcg_at_k(test, recommended, 5)
    assert NDCG(model, test) == pytest.approx(expected, rel=1e-12)
    assert NDCG(model, test, row_features=row_features) == NDCG(model, test)
    folded_in, _ = model.recommend(train, 5)
    assert NDCG(model, test) != ndcg_at_k(test, folded_in, 5)


@pytest.mark.parametrize("estimator", WITHOUT_FEATURES, ids=repr)
def test_without_features_that_is_what_a_fold_in_finds(estimator, parts):
    train, test = parts
    model = clone(estimator).fit(train)
    for scorer in (NDCG, make_recall_scorer(25)):
        rows = np.unique(test.rows)
        folded_in, _ = model.recommend(train.to_csr()[rows], scorer.k)
        assert scorer(model, test) == scorer.metric(test.to_csr()[rows], folded_in, scorer.k)


def test_draws_of_rows_rank_them(parts):
    train, test = parts
    model = BayesianFactorization(2, max_iter=8, burn_in=2, random_state=0).fit(train)
    draws = zip(model.row_draws_, model.column_draws_, strict=True)
    scores = np.mean([p[:, :2] @ q[:, :2].T + p[:, 2:] + q[:, 2] for p, q in draws], axis=0)
    scores[train.rows, train.columns] = -np.inf
    recommended = np.argsort(-scores, axis=1, kind="stable")[:, :5]
    assert NDCG(model, test) == pytest.approx(ndcg_at_k(test, recommended, 5), rel=1e-12)


def test_only_the_complement_is_left_out(parts, row_features):
    train, test = parts
    model = clone(IMPLICIT).fit(train, row_features=row_features)
    rows = np.unique(test.rows)
    known = np.zeros((40, 25), dtype=bool)
    known[train.rows, train.columns] = True
    every = model._recommend_beside(test, rows, 25)
    for i, found in zip(rows, every, strict=True):
        assert sorted(found[found >= 0]) == np.flatnonzero(~known[i]).tolist()


@pytest.mark.parametrize("estimator", [IMPLICIT, EXPLICIT, RankingFactorization(3, **SHORT)])
def test_rows_that_the_fit_did_not_have_are_no_entries_to_rank(estimator, plays):
    model = clone(estimator).fit(plays)
    with pytest.raises(ValueError, match="X has 3 rows, but the fit has 40: .* as a matrix"):
        NDCG(model, SparseEntries(plays[:3])[1:])


@pytest.mark.parametrize("form", [np.asarray, list])
def test_features_of_new_rows_reach_the_fold_in(form, plays, row_features):
    model = clone(IMPLICIT).fit(plays[:25], row_features=row_features[:25])
    kept, hidden = hold_out_entries(plays[25:], 0.2, random_state=0)
    rows = np.flatnonzero(np.diff(hidden.indptr))
    own = row_features[25:]
    recommended, _ = model.recommend(kept[rows], 10, row_features=own[rows])
    expected = ndcg_at_k(hidden[rows], recommended, 10)
    assert model.score(plays[25:], row_features=form(own)) == expected
    assert make_ndcg_scorer(10)(model, plays[25:], row_features=form(own)) == expected
    assert model.score(plays[25:]) != expected


def test_features_of_new_rows_reach_predictions(ratings, row_features):
    model = clone(EXPLICIT).fit(ratings[:25], row_features=row_features[:25])
    kept, hidden = hold_out_entries(ratings[25:], 0.2, random_state=0)
    own = row_features[25:]
    expected = -rmse(hidden, model.predict_entries(hidden, given=kept, row_features=own))
    assert model.score(ratings[25:], row_features=own) == pytest.approx(expected, rel=1e-12)
    assert model.score(ratings[25:]) != pytest.approx(expected, rel=1e-6)


def test_entries_of_the_fit_are_scored_as_before_whatever_features_come(ratings, row_features):
    train, test = train_test_split(SparseEntries(ratings), test_size=0.3, random_state=0)
    model = clone(EXPLICIT).fit(train, row_features=row_features)
    assert model.score(test, row_features=row_features) == rmse_scorer(model, test)


@pytest.mark.parametrize("estimator, data", [(IMPLICIT, "plays"), (EXPLICIT, "ratings")])
def test_as_many_features_as_rows(estimator, data, row_features, request):
    X = request.getfixturevalue(data)
    model = clone(estimator).fit(X, row_features=row_features)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.score(X[:9], row_features=row_features)


def test_a_search_over_entries_scores_with_the_features_of_the_fit(plays, row_features):
    entries, cv = SparseEntries(plays), KFold(3, shuffle=True, random_state=0)
    found = cross_validate(
        IMPLICIT, entries, cv=cv, scoring=NDCG, params={"row_features": row_features}
    )
    for (train, test), score in zip(cv.split(entries), found["test_score"], strict=True):
        model = clone(IMPLICIT).fit(entries[train], row_features=row_features)
        assert score == NDCG(model, entries[test])


@pytest.mark.parametrize("estimator, data", [(IMPLICIT, "plays"), (EXPLICIT, "ratings")])
def test_a_scorer_gets_the_features_it_asks_for(estimator, data, row_features, request):
    X, cv = request.getfixturevalue(data), KFold(3, shuffle=True, random_state=0)
    scorer = NDCG if data == "plays" else rmse_scorer
    asking = scorer.set_score_request(row_features=True)
    with config_context(enable_metadata_routing=True):
        model = clone(estimator).set_fit_request(row_features=True)
        given = {"params": {"row_features": row_features}, "cv": cv}
        found = cross_validate(model, X, scoring=asking, **given)["test_score"]
        with pytest.raises(UnsetMetadataPassedError, match="row_features"):
            cross_validate(model, X, scoring=scorer, **given)
        declining = scorer.set_score_request(row_features=False)
        without = cross_validate(model, X, scoring=declining, **given)["test_score"]
    for (train, test), score, plain in zip(cv.split(X), found, without, strict=True):
        fitted = clone(estimator).fit(X[train], row_features=row_features[train])
        assert score == scorer(fitted, X[test], row_features=row_features[test])
        assert plain == scorer(fitted, X[test]) != score


@pytest.mark.parametrize("estimator, data", [(IMPLICIT, "plays"), (EXPLICIT, "ratings")])
def test_metadata_routing_cuts_features_as_it_cuts_rows(estimator, data, row_features, request):
    X, cv = request.getfixturevalue(data), KFold(3, shuffle=True, random_state=0)
    with config_context(enable_metadata_routing=True):
        model = clone(estimator).set_fit_request(row_features=True)
        model.set_score_request(row_features=True)
        found = cross_validate(model, X, cv=cv, params={"row_features": row_features})
        search = GridSearchCV(model, {"n_components": [3]}, cv=cv)
        search.fit(X, row_features=row_features)
        searched = [search.cv_results_[f"split{i}_test_score"][0] for i in range(3)]
        whole = search.score(X, row_features=row_features)
    expected = []
    for train, test in cv.split(X):
        fitted = clone(estimator).fit(X[train], row_features=row_features[train])
        expected.append(fitted.score(X[test], row_features=row_features[test]))
    assert found["test_score"].tolist() == searched == expected
    refitted = clone(estimator).fit(X, row_features=row_features)
    assert whole == refitted.score(X, row_features=row_features)
