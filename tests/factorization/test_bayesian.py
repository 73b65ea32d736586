"""BayesianFactorization: draws against the distributions they claim to come from."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator

from sparsekit.factorization import BayesianFactorization, MatrixFactorization, _drawn_codes
from sparsekit.factorization._gibbs import draw_precision, draw_prior
from sparsekit.model_selection import SparseEntries, hold_out_entries


def make_ratings(n_rows=60, n_columns=40, rank=2, noise=0.3, seed=0):
    rng = np.random.default_rng(seed)
    rows, columns = rng.standard_normal((n_rows, rank)), rng.standard_normal((n_columns, rank))
    places = np.nonzero(rng.random((n_rows, n_columns)) < 0.4)
    values = 3 + (rows @ columns.T)[places] + noise * rng.standard_normal(len(places[0]))
    return sparse.csr_array((values, places), shape=(n_rows, n_columns))


def test_draws_of_the_prior_have_the_moments_of_the_normal_wishart():
    # Murphy (2007), "Conjugate Bayesian analysis of the Gaussian distribution", section 8.
    codes = np.random.default_rng(1).standard_normal((50, 3)) @ np.diag([1.0, 0.5, 2.0]) + 1.0
    random_state = np.random.RandomState(0)
    draws = [draw_prior(codes, random_state) for _ in range(4000)]
    n, rank = codes.shape
    centre = codes.mean(axis=0)
    spread = (codes - centre).T @ (codes - centre)
    scatter = rank * np.eye(rank) + spread + (2 * n / (2 + n)) * np.outer(centre, centre)
    precision = np.mean([draw.precision for draw in draws], axis=0)
    np.testing.assert_allclose(precision, (rank + n) * np.linalg.inv(scatter), rtol=0.05, atol=0.02)
    means = np.array([draw.mean for draw in draws])
    np.testing.assert_allclose(means.mean(axis=0), n * centre / (2 + n), atol=0.03)
    # A Student distribution with `n` degrees of freedom (rank + n - rank + 1 less one).
    expected = scatter / (2 + n) / (n - 1)
    np.testing.assert_allclose(np.cov(means.T), expected, rtol=0.2, atol=2e-3)


def test_draws_of_the_noise_have_the_moments_of_the_gamma():
    random_state = np.random.RandomState(0)
    draws = [draw_precision(50.0, 100, random_state) for _ in range(5000)]
    shape, rate = 0.5 + 50, 0.5 + 25.0
    assert np.mean(draws) == pytest.approx(shape / rate, rel=0.02)
    assert np.var(draws) == pytest.approx(shape / rate**2, rel=0.1)


@pytest.fixture(scope="module")
def fitted():
    ratings = make_ratings()
    kept, held = hold_out_entries(ratings, 0.2, random_state=0)
    model = BayesianFactorization(4, max_iter=150, burn_in=50, random_state=0).fit(kept)
    return model, kept, held


def test_the_noise_is_found():
    ratings = make_ratings(300, 200)
    model = BayesianFactorization(4, max_iter=60, burn_in=30, random_state=0).fit(ratings)
    assert 1 / np.sqrt(model.noise_precisions_.mean()) == pytest.approx(0.3, rel=0.05)


def test_standard_deviations_cover_what_was_held_out(fitted):
    model, kept, held = fitted
    mean, std = model.predict_entries(held, given=kept, return_std=True)
    scores = (held.data - mean.data) / std.data
    assert 0.85 < np.mean(np.abs(scores) < 1.96) <= 1.0
    assert 0.7 < scores.std() < 1.4


def test_predictions_are_no_worse_than_those_of_the_mode(fitted):
    model, kept, held = fitted
    mode = MatrixFactorization(4, alpha=0.02, random_state=0, max_iter=100).fit(kept)
    errors = [
        np.sqrt(np.mean((held.data - m.predict_entries(held, given=kept).data) ** 2))
        for m in (model, mode)
    ]
    assert errors[0] < 1.05 * errors[1]
    assert errors[0] < 0.6 * held.data.std()


def test_entries_of_the_fit_are_predicted_from_its_draws(fitted):
    model, kept, _ = fitted
    predicted = model.predict_entries(SparseEntries(kept)).data
    draws = zip(model.row_draws_, model.column_draws_, strict=True)
    rows, columns = kept.tocoo().coords
    each = []
    for p, q in draws:
        product = np.einsum("ij,ij->i", p[rows][:, :-1], q[columns][:, :-1])
        each.append(model.intercept_ + product + p[rows, -1] + q[columns, -1])
    np.testing.assert_allclose(predicted, np.mean(each, axis=0), atol=1e-10)
    _, std = model.predict_entries(SparseEntries(kept), return_std=True)
    variance = np.var(each, axis=0) + np.mean(1 / model.noise_precisions_)
    np.testing.assert_allclose(std.data, np.sqrt(variance), atol=1e-8)


@pytest.mark.parametrize("n_jobs", [2, 3])
def test_threads_do_not_change_a_bit(n_jobs):
    ratings = make_ratings(30, 20)
    options = {"n_components": 3, "max_iter": 8, "burn_in": 2, "random_state": 0}
    one = BayesianFactorization(**options).fit(ratings)
    many = BayesianFactorization(**options, n_jobs=n_jobs).fit(ratings)
    np.testing.assert_array_equal(one.row_draws_, many.row_draws_)
    np.testing.assert_array_equal(one.components_, many.components_)


def test_fit_transform_is_fit_and_transform(fitted):
    model, kept, _ = fitted
    np.testing.assert_array_equal(model.row_factors_, model.transform(kept))
    whole = model.inverse_transform(model.row_factors_)
    assert whole.shape == kept.shape


def test_draws_are_evenly_kept_after_the_burn_in():
    model = BayesianFactorization(2, max_iter=10, burn_in=4, n_draws=3, random_state=0)
    model.fit(make_ratings(20, 15))
    assert len(model.row_draws_) == len(model.noise_precisions_) == 3
    assert model.n_iter_ == len(model.loss_curve_) == 10


def test_a_burn_in_of_everything_is_refused():
    with pytest.raises(ValueError, match="`burn_in` must be less than `max_iter`"):
        BayesianFactorization(burn_in=100).fit(make_ratings(10, 8))


def test_weights_of_entries_are_precisions():
    ratings = make_ratings(40, 30, noise=0.0)
    wrong = ratings.copy()
    noisy = np.random.default_rng(0).random(ratings.nnz) < 0.3
    wrong.data[noisy] += 4.0
    weight = ratings.copy()
    weight.data[:] = np.where(noisy, 1e-4, 1.0)
    options = {"n_components": 3, "max_iter": 80, "random_state": 0}
    errors = [
        np.abs(model.predict_entries(ratings, given=ratings).data - ratings.data).mean()
        for model in (
            BayesianFactorization(**options).fit(wrong, entry_weight=weight),
            BayesianFactorization(**options).fit(wrong),
        )
    ]
    assert errors[0] < 0.5 * errors[1]


@pytest.mark.parametrize(
    ("estimator", "check"),
    list(estimator_checks_generator(BayesianFactorization(2, max_iter=6, burn_in=2))),
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("unit", [4.0**-30, 4.0**-3, 4.0**40])
def test_the_posterior_is_in_the_unit_of_the_entries(unit):
    ratings = make_ratings()
    one = BayesianFactorization(2, max_iter=8, burn_in=2, random_state=0).fit(ratings)
    other = clone(one).fit(unit * ratings)
    np.testing.assert_allclose(other.loss_curve_, unit * one.loss_curve_, rtol=1e-9)
    expected = one.predict_entries(ratings, return_std=True)
    found = other.predict_entries(unit * ratings, return_std=True)
    for actual, desired in zip(found, expected):
        np.testing.assert_allclose(actual.data, unit * desired.data, rtol=1e-7)


def answers(model, X, few):
    """Return everything that codes under all draws lead to, and recommended scores last."""
    columns, scores = model.recommend(X, 5)
    chosen, of_chosen = model.recommend(X, 5, columns=[3, 8, 1, 9, 4, 22], exclude_seen=False)
    asked = (X, None), (SparseEntries(X), None), (few, X)
    predicted = [model.predict_entries(*each, return_std=True) for each in asked]
    exact = [part.data for pair in predicted for part in pair]
    return [columns, chosen, *exact], [scores, of_chosen]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_blocks", [2, 7])
def test_blocks_of_rows_do_not_change_a_bit(dtype, n_blocks, monkeypatch):
    X = make_ratings().astype(dtype)
    few = sparse.csr_array(([1.0, 1.0, 1.0], ([0, 31, 59], [5, 5, 39])), shape=X.shape)
    options = {"n_components": 3, "max_iter": 9, "burn_in": 3, "random_state": 0}
    model = BayesianFactorization(**options).fit(X)
    whole, whole_scores = answers(model, X, few)
    row_bytes = model._fold_in(X).row_bytes
    monkeypatch.setattr(_drawn_codes, "BLOCK_BYTES", row_bytes * -(-60 // n_blocks))
    counted = model._fold_in(X).by_block(lambda codes, rows: len(codes))
    assert len(counted) == n_blocks and sum(counted) == 60
    parts, part_scores = answers(model, X, few)
    for found, expected in zip(parts, whole, strict=True):
        np.testing.assert_array_equal(found, expected)
    # Of the sums of a matrix product, BLAS rounds by how many rows there are.
    for found, expected in zip(part_scores, whole_scores, strict=True):
        assert found.dtype == expected.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=100 * np.finfo(dtype).eps)


def test_predictions_are_means_over_draws_of_folded_in_rows(fitted):
    model, kept, held = fitted
    codes = model._fold_in(kept).by_block(lambda own, rows: own)[0]
    n_draws, n_columns, rank = model.column_draws_.shape
    expected = np.zeros((60, n_columns))
    for d, q in enumerate(model.column_draws_):
        own = codes[:, d * (rank + 1) :][:, : rank + 1]
        expected += own[:, : rank - 1] @ q[:, : rank - 1].T
        expected += own[:, rank - 1 : rank] + own[:, rank:] * (q[:, rank - 1] + model.intercept_)
    predicted = model.predict_entries(held, given=kept)
    np.testing.assert_allclose(predicted.data, expected[held.tocoo().coords], rtol=1e-10)
    indices, scores = model.recommend(kept, 3, exclude_seen=False)
    order = np.argsort(-expected, axis=1)[:, :3]
    np.testing.assert_array_equal(indices, order)
    np.testing.assert_allclose(scores, np.take_along_axis(expected, order, 1), rtol=1e-10)


def test_memory_does_not_grow_with_the_codes_of_all_rows(monkeypatch):
    X = make_ratings(100, 30)
    options = {"n_components": 3, "max_iter": 42, "burn_in": 2, "random_state": 0}
    model = BayesianFactorization(**options).fit(X)
    n_rows = 20_000
    many = sparse.csr_array(
        (np.ones(n_rows), np.arange(n_rows) % 30, np.arange(n_rows + 1)), shape=(n_rows, 30)
    )
    row_bytes = model._fold_in(many).row_bytes
    monkeypatch.setattr(_drawn_codes, "BLOCK_BYTES", 2**20)
    calls = [
        lambda: model.recommend(many, 3),
        lambda: model.predict_entries(many, return_std=True),
    ]
    for call in calls:
        call()
        tracemalloc.start()
        call()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < n_rows * row_bytes / 4


def test_nothing_is_like_a_column_without_entries(ratings):
    X = ratings.tolil()
    X[:, 7] = 0
    model = BayesianFactorization(3, max_iter=6, burn_in=2, random_state=0).fit(sparse.csr_array(X))
    assert model.column_counts_[7] == 0
    assert not model.similar_items(7, 24)[1].any()
    indices, similarities = model.similar_items(3, 24)
    assert similarities[indices == 7] == 0
