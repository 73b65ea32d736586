"""RankingFactorization: what it comes to, threads, odd rows, formats, searches, errors."""

import itertools

import numpy as np
import pytest
from scipy import optimize, sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsekit.factorization import RankingFactorization, _ranking_blocks
from sparsekit.metrics import ndcg_at_k
from sparsekit.model_selection import SparseEntries, hold_out_entries

LOSSES = ["bpr", "logistic"]


def ranking(**parameters):
    defaults = {"n_components": 3, "max_iter": 5, "random_state": 0}
    return RankingFactorization(**defaults | parameters)


@pytest.fixture
def many_strata(monkeypatch):
    """Cut small data into blocks, too."""
    monkeypatch.setattr(_ranking_blocks, "BLOCK_PAIRS", 40)
    monkeypatch.setattr(_ranking_blocks, "LEAST_COLUMNS", 4)


def expected_objective(model, X, U, V, b):
    """Return the mean over all pairs, each row's pairs weighing as much as its entries."""
    seen = X.toarray() != 0
    total, weight = 0.0, 0
    for i in np.flatnonzero(seen.any(axis=1) & ~seen.all(axis=1)):
        scores = V @ U[i] + b
        first, second = scores[seen[i]][:, None], scores[~seen[i]][None]
        if model.loss == "bpr":
            losses = np.logaddexp(0, second - first)
        else:
            losses = np.logaddexp(0, -first) / model.n_negatives + np.logaddexp(0, second)
        squares = (V**2).sum(axis=1) + b**2
        penalty = (U[i] ** 2).sum() + squares[seen[i]].mean() + squares[~seen[i]].mean()
        total += seen[i].sum() * (losses.mean() + model.alpha / 2 * penalty)
        weight += seen[i].sum()
    return total / weight


def best_objective(model, X, n_starts=3):
    """Return the least objective that a quasi-Newton method finds from some starts."""
    n_rows, n_columns = X.shape
    k = model.n_components

    def unpacked(z):
        return np.split(z[: (n_rows + n_columns) * k].reshape(-1, k), [n_rows]) + [z[-n_columns:]]

    def objective(z):
        return expected_objective(model, X, *unpacked(z))

    rng = np.random.default_rng(0)
    starts = 0.5 * rng.standard_normal((n_starts, (n_rows + n_columns) * k + n_columns))
    return min(optimize.minimize(objective, start, method="L-BFGS-B").fun for start in starts)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_long_fit_comes_near_the_minimum(loss, rng):
    X = sparse.csr_array((rng.random((7, 6)) < 0.4).astype(float))
    model = ranking(n_components=2, loss=loss, alpha=0.05, max_iter=3000, n_negatives=2).fit(X)
    U, V, b = model.row_factors_, model.components_.T, model.column_bias_
    assert expected_objective(model, X, U, V, b) < 1.02 * best_objective(model, X)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("loss", LOSSES)
def test_threads_do_not_change_a_bit(loss, dtype, early_stopping, plays, many_strata):
    results = []
    for n_jobs in (1, 2, 3):
        model = ranking(loss=loss, n_jobs=n_jobs, early_stopping=early_stopping)
        codes = model.fit_transform(plays.astype(dtype))
        assert codes.dtype == model.components_.dtype == model.column_bias_.dtype == dtype
        results.append((codes, model.components_, model.column_bias_, model.loss_curve_))
    for other, (found, first) in itertools.product(results[1:], zip(*results[:2], strict=True)):
        np.testing.assert_array_equal(found, first)
        assert len(other) == 4
    for first, third in zip(results[0], results[2], strict=True):
        np.testing.assert_array_equal(first, third)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_fit_falls_and_learns_the_groups(loss, plays):
    kept, held = hold_out_entries(plays, 0.3, random_state=0)
    model = ranking(loss=loss, alpha=0.03, max_iter=30).fit(kept)
    assert model.loss_curve_[-1] < 0.9 * model.loss_curve_[0]
    assert model.n_iter_ == len(model.loss_curve_) == 30
    popular = np.argsort(-(kept > 0).sum(axis=0), kind="stable")
    by_count = [popular[~np.isin(popular, kept.indices[a:b])][:5] for a, b in rows_of(kept)]
    by_count = np.array([np.pad(r, (0, 5 - len(r)), constant_values=-1) for r in by_count])
    found, _ = model.recommend(kept, n=5)
    assert ndcg_at_k(held, found, 5) > ndcg_at_k(held, by_count, 5) + 0.1


def rows_of(X):
    return itertools.pairwise(X.indptr)


@pytest.mark.parametrize("loss", LOSSES)
def test_fit_transform_is_transform(loss, plays):
    model = ranking(loss=loss)
    codes = model.fit_transform(plays)
    np.testing.assert_array_equal(codes, model.row_factors_)
    np.testing.assert_array_equal(codes, model.transform(plays))
    np.testing.assert_array_equal(codes[[5, 2]], model.transform(plays[[5, 2]]))


def test_codes_are_in_the_type_of_the_rows(plays):
    model = ranking().fit(plays.astype(np.float32))
    codes = model.transform(plays)
    assert codes.dtype == np.float64
    np.testing.assert_array_equal(codes, model.row_factors_)


@pytest.mark.parametrize("loss", LOSSES)
def test_odd_rows_and_columns_are_no_trouble(loss, plays, many_strata):
    full = plays.toarray()
    full[9] = 1
    model = ranking(loss=loss).fit(sparse.csr_array(full))
    for row in (5, 9):
        np.testing.assert_array_equal(model.row_factors_[row], 0)
    assert np.isfinite(model.components_).all()
    # Nothing speaks for a column that nobody has seen.
    assert model.column_bias_[7] == model.column_bias_.min()
    indices, scores = model.recommend(full[[5, 9]], n=3)
    np.testing.assert_array_equal(indices[0], np.argsort(-model.column_bias_, kind="stable")[:3])
    np.testing.assert_array_equal(indices[1], -1)
    np.testing.assert_array_equal(scores[1], -np.inf)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (3, 2)])
@pytest.mark.parametrize("fill", [0.0, 1.0])
def test_x_without_a_pair_teaches_nothing(shape, fill):
    model = ranking().fit(sparse.csr_array(np.full(shape, fill)))
    np.testing.assert_array_equal(model.row_factors_, 0)
    np.testing.assert_array_equal(model.loss_curve_, 0)


def test_only_where_x_has_entries_matters(plays):
    other = plays.copy()
    other.data = np.random.default_rng(0).random(plays.nnz) + 0.1
    for name in ("components_", "row_factors_", "column_bias_"):
        one, two = (getattr(ranking().fit(X), name) for X in (plays, other))
        np.testing.assert_array_equal(one, two)


def test_scores_are_products_and_biases(plays):
    model = ranking().fit(plays)
    scores = model.row_factors_ @ model.components_ + model.column_bias_
    np.testing.assert_allclose(model.inverse_transform(model.row_factors_), scores)
    indices, values = model.recommend(plays, n=4, exclude_seen=False)
    np.testing.assert_allclose(values, -np.sort(-scores, axis=1)[:, :4])
    np.testing.assert_allclose(np.take_along_axis(scores, indices, axis=1), values)
    predicted = model.predict_entries(plays)
    np.testing.assert_allclose(predicted.data, scores[plays.nonzero()])
    alike, cosines = model.similar_items(0, n=3)
    V = model.components_.T / np.linalg.norm(model.components_, axis=0)[:, None]
    np.testing.assert_allclose(cosines, (V @ V[0])[alike])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_column_without_entries_is_like_none(loss, dtype, plays):
    model = ranking(loss=loss).fit(plays.astype(dtype))
    counts = (plays.toarray() != 0).sum(axis=0)
    np.testing.assert_array_equal(model.column_counts_, counts)
    assert model.components_[:, 7].any() and counts[7] == 0
    _, to_others = model.similar_items(7, n=24)
    np.testing.assert_array_equal(to_others, 0)
    others, cosines = model.similar_items(0, n=24)
    assert cosines.dtype == dtype
    assert cosines[others == 7] == 0 and (cosines[others != 7] != 0).all()
    # What is recommended is as before, scores and all.
    scores = model.row_factors_ @ model.components_ + model.column_bias_
    _, values = model.recommend(plays, n=25, exclude_seen=False)
    np.testing.assert_allclose(values, -np.sort(-scores, axis=1), rtol=1e-4, atol=1e-5)


def test_entries_held_out_are_not_observed(plays):
    model = ranking(early_stopping=True, validation_fraction=0.3).fit(plays)
    counts = (plays.toarray() != 0).sum(axis=0)
    assert (model.column_counts_ <= counts).all()
    assert 0.5 * plays.nnz < model.column_counts_.sum() < 0.8 * plays.nnz


def test_early_stopping_keeps_the_best_epoch(plays):
    model = ranking(early_stopping=True, max_iter=200, n_iter_no_change=3, validation_fraction=0.3)
    model.fit(plays)
    scores = model.validation_scores_
    assert len(scores) == model.n_iter_ == len(model.loss_curve_) < 200
    assert model.best_iter_ == np.argmax(scores) + 1
    # The same draws, ended at that epoch.
    again = ranking(early_stopping=True, max_iter=model.best_iter_, validation_fraction=0.3)
    np.testing.assert_array_equal(again.fit(plays).components_, model.components_)


def test_tol_ends_a_fit(plays):
    model = ranking(max_iter=500, tol=1e-3).fit(plays)
    falls = -np.diff(model.loss_curve_) / model.loss_curve_[:-1]
    assert 2 < model.n_iter_ < 500
    assert falls[-1] <= 1e-3 < falls[:-1].min()


def test_a_callback_ends_a_fit(plays):
    states = []
    model = ranking(callback=lambda state: states.append(state) or len(states) == 2).fit(plays)
    assert model.n_iter_ == 2
    first, last = (state["components"] for state in states)
    np.testing.assert_array_equal(last, model.components_)
    assert not np.array_equal(first, last)


def test_steps_too_long_are_told(plays):
    with pytest.warns(ConvergenceWarning, match="Decrease `learning_rate`"):
        ranking(learning_rate=3.0, n_components=8).fit(plays)


def test_steps_beyond_numbers_are_an_error(plays):
    model = ranking().fit(plays)
    before = dict(vars(model))
    with pytest.raises(ValueError, match="diverged"):
        model.set_params(learning_rate=300.0).fit(plays.astype(np.float32))
    assert vars(model) == before | {"learning_rate": 300.0}


def test_entries_are_searched(plays):
    search = GridSearchCV(
        ranking(max_iter=20), {"loss": LOSSES, "alpha": [0.01, 1.0]}, cv=KFold(3, shuffle=True)
    )
    search.fit(SparseEntries(plays))
    assert search.best_params_["alpha"] == 0.01
    assert search.best_score_ > 0.3
    rows = GridSearchCV(ranking(), {"alpha": [0.01, 0.1]}, cv=2).fit(plays)
    assert np.isfinite(rows.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.array([[1.0, -1.0], [0.0, 1.0]]), "Negative values"),
        (np.array([[1.0, np.nan], [0.0, 1.0]]), "NaN"),
    ],
)
def test_what_cannot_be_seen_is_refused(X, message):
    for given in (X, sparse.csr_array(X)):
        with pytest.raises(ValueError, match=message):
            ranking().fit(given)


def test_explicit_zeros_are_not_seen(plays):
    zeros = plays.copy()
    zeros.data[::3] = 0
    without = zeros.copy()
    without.eliminate_zeros()
    with pytest.warns(UserWarning, match="zeros that X stores"):
        found = ranking().fit(zeros)
    np.testing.assert_array_equal(found.components_, ranking().fit(without).components_)


# The checks' own data are dense: rows have seen all columns.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        ranking(),
        ranking(loss="logistic", n_jobs=2),
    ]
)
def test_check(estimator, check):
    check(estimator)
