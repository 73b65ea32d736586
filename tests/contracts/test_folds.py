"""All ways to score the folds of one shared matrix equal plain refits on the training rows."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.model_selection import KFold, RepeatedKFold, ShuffleSplit

from sparsekit.losses import Logistic, Quadratic
from sparsekit.penalties import L1, ElasticNet, Positive
from sparsekit.solvers import Start, alpha_max, solve, solve_folds
from tests.contracts._problems import LOSSES, STORAGES, make_matrix, make_problem, some_weights

TOL = 1e-13
TALL, WIDE = np.delete(make_matrix(48, 9), 1, axis=1), make_matrix(24, 40, density=0.3)
PENALTIES = [L1(1.0), ElasticNet(1.0, 0.5), Positive(L1(1.0))]

SPLITS = {
    "in order": KFold(4),
    "shuffled": KFold(4, shuffle=True, random_state=0),
    "repeated": RepeatedKFold(n_splits=3, n_repeats=2, random_state=0),
    "not all rows": ShuffleSplit(3, train_size=0.6, test_size=0.2, random_state=0),
}

each_storage = pytest.mark.parametrize("storage", STORAGES)
each_split = pytest.mark.parametrize("name", SPLITS)
each_intercept = pytest.mark.parametrize("fit_intercept", [True, False], ids=["b", "no b"])


def squared_error(y, eta, weight):
    """Return the weighted mean squared error."""
    return np.average((y - eta) ** 2, weights=weight)


def log_loss(y, eta, weight):
    """Return the weighted mean logistic loss."""
    return np.average(np.logaddexp(0.0, eta) - y * eta, weights=weight)


def refit(X, problem, splits, alphas, score):
    """Return the scores of separate fits on copies of the training rows."""
    every = np.ones(len(X)) if problem.sample_weight is None else problem.sample_weight
    scores = np.empty((len(alphas), len(splits)))
    for fold, (train, test) in enumerate(splits):
        _, part = make_problem(
            X[train],
            problem.loss,
            problem.penalty,
            y=problem.y[train],
            sample_weight=every[train],
            feature_weight=problem.feature_weight,
            fit_intercept=problem.fit_intercept,
        )
        for k, alpha in enumerate(alphas):
            found = solve(replace(part, penalty=problem.penalty.with_alpha(alpha)), tol=TOL)
            eta = X[test] @ found.coef + found.intercept
            scores[k, fold] = score(problem.y[test], eta, every[test])
    return scores


def falling(problem, n_alphas=4):
    """Return a few strengths, the first of them beyond the fold's own largest."""
    return alpha_max(problem) * np.geomspace(1.2, 0.02, n_alphas)


def without_products(monkeypatch):
    """Make folds of masked rows, as for a matrix too wide for its Gram matrix."""
    monkeypatch.setattr("sparsekit.solvers._folds.GRAM_BYTES", 0)


# Scores are smooth in the coefficients: about the root of `TOL`, on scores of order one.
CLOSE = {"rtol": 3e-6, "atol": 3e-6}


@each_storage
@each_split
@each_intercept
@pytest.mark.parametrize("weighted", [True, False], ids=["weights", "no weights"])
@pytest.mark.parametrize("products", [True, False], ids=["products", "masks"])
def test_fold_scores_equal_refits(storage, name, fit_intercept, weighted, products, monkeypatch):
    if not products:
        without_products(monkeypatch)
    weight = some_weights(len(TALL), 3) if weighted else None
    _, problem = make_problem(
        TALL, Quadratic(), L1(1.0), storage, sample_weight=weight, fit_intercept=fit_intercept
    )
    splits, alphas = list(SPLITS[name].split(TALL)), falling(problem)
    found = solve_folds(problem, splits, alphas, tol=TOL)
    assert found.shape == (len(alphas), len(splits))
    np.testing.assert_allclose(found, refit(TALL, problem, splits, alphas, squared_error), **CLOSE)


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
@pytest.mark.parametrize("products", [True, False], ids=["products", "masks"])
def test_folds_take_every_penalty_and_feature_weights(penalty, products, monkeypatch):
    if not products:
        without_products(monkeypatch)
    feature_weight = np.linspace(0.0, 2.0, TALL.shape[1])
    _, problem = make_problem(TALL, Quadratic(), penalty, feature_weight=feature_weight)
    splits, alphas = list(SPLITS["shuffled"].split(TALL)), falling(problem)
    found = solve_folds(problem, splits, alphas, tol=TOL)
    np.testing.assert_allclose(found, refit(TALL, problem, splits, alphas, squared_error), **CLOSE)


@each_storage
def test_folds_of_classes_equal_refits(storage):
    weight = some_weights(len(TALL), 3)
    _, problem = make_problem(TALL, Logistic(), L1(1.0), storage, sample_weight=weight)
    splits, alphas = list(SPLITS["shuffled"].split(TALL)), falling(problem)
    found = solve_folds(problem, splits, alphas, tol=TOL, score=log_loss)
    np.testing.assert_allclose(found, refit(TALL, problem, splits, alphas, log_loss), **CLOSE)


@pytest.mark.parametrize("storage", ["column-major", "csc"])
def test_folds_of_a_wide_matrix_equal_refits(storage):
    _, problem = make_problem(WIDE, Quadratic(), L1(1.0), storage)
    splits = list(SPLITS["in order"].split(WIDE))
    alphas = alpha_max(problem) * np.array([0.9, 0.4, 0.2])
    found = solve_folds(problem, splits, alphas, tol=TOL)
    np.testing.assert_allclose(found, refit(WIDE, problem, splits, alphas, squared_error), **CLOSE)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
@pytest.mark.parametrize("products", [True, False], ids=["products", "masks"])
def test_the_number_of_threads_changes_no_bit(loss, products, monkeypatch):
    if not products:
        without_products(monkeypatch)
    _, problem = make_problem(TALL, loss, L1(1.0))
    splits, alphas = list(SPLITS["repeated"].split(TALL)), falling(problem)
    one, two = (solve_folds(problem, splits, alphas, n_jobs=n_jobs) for n_jobs in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_the_score_function_sees_test_rows_and_their_weights():
    weight = some_weights(len(TALL), 3)
    _, problem = make_problem(TALL, Quadratic(), L1(1.0), sample_weight=weight)
    splits, seen = list(SPLITS["in order"].split(TALL)), []

    def note(y, eta, weight):
        seen.append((y, weight))
        assert eta.shape == y.shape
        return float(len(seen))

    found = solve_folds(problem, splits, [0.1], score=note)
    np.testing.assert_array_equal(found, [[1.0, 2.0, 3.0, 4.0]])
    for (y, given), (_, test) in zip(seen, splits):
        np.testing.assert_array_equal(y, problem.y[test])
        np.testing.assert_array_equal(given, weight[test])


def test_a_training_row_named_twice_counts_twice():
    _, problem = make_problem(TALL, Quadratic(), L1(1.0))
    rows = np.random.default_rng(0).integers(0, 40, 35)
    splits = [(rows, np.arange(40, len(TALL)))]
    alphas = falling(problem)
    found = solve_folds(problem, splits, alphas, tol=TOL)
    np.testing.assert_allclose(found, refit(TALL, problem, splits, alphas, squared_error), **CLOSE)


def test_a_training_row_named_twice_in_folds_that_cover_all_counts_twice():
    """Counts of rows alone do not tell such folds from plain ones."""
    _, problem = make_problem(TALL, Quadratic(), L1(1.0))
    half = len(TALL) // 2
    first, second = np.arange(half), np.arange(half, len(TALL))
    repeated = np.concatenate([second[:-1], second[:1]])
    splits, alphas = [(repeated, first), (first, second)], falling(problem)
    found = solve_folds(problem, splits, alphas, tol=TOL)
    np.testing.assert_allclose(found, refit(TALL, problem, splits, alphas, squared_error), **CLOSE)


@pytest.mark.parametrize("products", [True, False], ids=["products", "masks"])
def test_folds_far_from_zero_keep_their_scores(products, monkeypatch):
    if not products:
        without_products(monkeypatch)
    _, problem = make_problem(TALL, Quadratic(), L1(1.0))
    _, shifted = make_problem(TALL + 1e5, Quadratic(), L1(1.0), y=problem.y + 1e5)
    splits, alphas = list(SPLITS["shuffled"].split(TALL)), falling(problem)
    near, far = (solve_folds(p, splits, alphas, tol=1e-10) for p in (problem, shifted))
    np.testing.assert_allclose(far, near, rtol=1e-4)


@pytest.mark.parametrize("products", [True, False], ids=["products", "masks"])
def test_a_column_constant_in_one_fold_is_left_out_there(products, monkeypatch):
    if not products:
        without_products(monkeypatch)
    X = TALL.copy()
    X[:, 2] = 0.3
    X[:4, 2] = [5.0, -5.0, 4.0, 3.0]
    _, problem = make_problem(X, Quadratic(), L1(1.0), y=make_problem(TALL, Quadratic(), None)[1].y)
    splits, alphas = list(SPLITS["in order"].split(X)), falling(problem)
    found = solve_folds(problem, splits, alphas, tol=1e-10)
    expected = refit(X, problem, splits, alphas, squared_error)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_start_serves_every_fold():
    _, problem = make_problem(TALL, Quadratic(), L1(1.0))
    splits, alphas = list(SPLITS["in order"].split(TALL)), falling(problem)
    start = Start(np.ones(TALL.shape[1]))
    found = solve_folds(problem, splits, alphas, tol=TOL, start=start)
    np.testing.assert_allclose(found, solve_folds(problem, splits, alphas, tol=TOL), **CLOSE)
