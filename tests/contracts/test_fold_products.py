"""Products of folds serve every penalty, say None where they would not do, and keep the digits."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.model_selection import KFold

from sparsekit.losses import Logistic, Quadratic
from sparsekit.matrix import as_design
from sparsekit.penalties import L1, ElasticNet, Positive
from sparsekit.solvers import (
    Problem,
    alpha_grid,
    alpha_max,
    fold_products,
    solve_folds,
    solve_path,
)

TOL = 1e-12
KINDS = [np.asfortranarray, np.ascontiguousarray, sparse.csc_array]
ROWS = np.arange(100)


@pytest.fixture
def X(rng):
    return rng.standard_normal((100, 8)) * (rng.random((100, 8)) < 0.6)


@pytest.fixture
def y(X, rng):
    return X[:, 0] - 2 * X[:, 3] + rng.standard_normal(100) + 5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("penalty", [L1(), ElasticNet(1.0, 0.7), Positive(L1())])
def test_products_score_and_solve_as_the_data_do(kind, fit_intercept, penalty, X, y, rng):
    weight, factors = rng.random(100), np.r_[0.0, rng.random(7)]
    problem = Problem(as_design(kind(X)), y, Quadratic(), penalty, weight, factors, fit_intercept)
    alphas = alpha_grid(alpha_max(problem), 8, 1e-3)
    splits = list(KFold(5, shuffle=True, random_state=0).split(X))
    products = fold_products(problem, splits)
    found = solve_folds(problem, splits, alphas, tol=TOL, products=products)
    np.testing.assert_allclose(found, solve_folds(problem, splits, alphas, tol=TOL), rtol=1e-6)
    paths = products.solve_all(problem, alphas, tol=TOL), solve_path(problem, alphas, tol=TOL)
    for one, other in zip(*paths, strict=True):
        np.testing.assert_allclose(one.coef, other.coef, atol=1e-6)
        np.testing.assert_allclose(one.intercept, other.intercept, atol=1e-6)


NOT_COMPLEMENTS = {
    "bootstrap": [(np.repeat(ROWS[:40], 2), ROWS[80:]), (np.repeat(ROWS[:40], 2), ROWS[60:80])],
    "overlap": [(ROWS[:80], ROWS[10:30]), (ROWS[:80], ROWS[40:60])],
    "test rows twice": [(ROWS[20:], np.repeat(ROWS[:10], 2))],
    "tested again": [(ROWS[20:], ROWS[:20]), (ROWS[20:], ROWS[:20])],
}


@pytest.mark.parametrize("name", NOT_COMPLEMENTS)
def test_there_are_none_where_training_rows_are_not_the_rest(name, X, y):
    problem = Problem(as_design(X), y, Quadratic(), L1())
    assert fold_products(problem, NOT_COMPLEMENTS[name]) is None


def test_there_are_none_for_other_losses_and_wide_data(X, y):
    splits = list(KFold(5).split(X))
    assert fold_products(Problem(as_design(X), (y > 5) * 1.0, Logistic(), L1()), splits) is None
    wide = np.tile(X, (1, 20))
    assert fold_products(Problem(as_design(wide), y, Quadratic(), L1()), splits) is None


def test_there_are_none_for_sparse_columns_far_from_zero(X, y):
    far = sparse.csc_array(np.where(X == 0, 0.1, X) + 1e6)
    splits = list(KFold(5).split(X))
    assert fold_products(Problem(as_design(far), y, Quadratic(), L1()), splits) is None


def test_a_column_constant_on_a_training_fold_takes_no_coefficient(X, y):
    X[:, 7] = 0.0
    X[[3, 5], 7] = 1.0
    factors = np.r_[np.ones(7), 0.0]
    problem = Problem(as_design(X), y, Quadratic(), L1(), feature_weight=factors)
    splits = list(KFold(5).split(X))
    found = solve_folds(
        problem, splits, [0.1, 0.05], tol=TOL, products=fold_products(problem, splits)
    )
    expected = solve_folds(problem, splits, [0.1, 0.05], tol=TOL)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
