"""Every fit is optimal, as formulas of its own say."""

import numpy as np
import pytest
from scipy import sparse

from sparsekit.linear_model import ElasticNet, Lasso, SparseLogisticRegression
from tests.linear_model._oracles import (
    allowed_violation,
    gradient,
    quadratic_objective,
    violation,
)

TOL = 1e-10
FORMATS = {"dense": np.asarray, "csc": sparse.csc_array, "csr": sparse.csr_matrix}


@pytest.fixture(params=FORMATS)
def as_format(request):
    return FORMATS[request.param]


@pytest.fixture(params=["tall", "wide"])
def X(request, rng):
    shape = {"tall": (80, 12), "wide": (30, 60)}[request.param]
    X = rng.standard_normal(shape) * (rng.random(shape) < 0.6)
    # Columns of means other than zero and of scales three decades apart.
    return (X + 0.5) * np.geomspace(0.1, 100.0, 12) if request.param == "tall" else X


@pytest.fixture
def y(X, rng):
    return X[:, 0] - 2.0 * X[:, 3] + 5.0 + rng.standard_normal(len(X))


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.4, 0.0])
def test_least_squares_satisfies_the_optimality_conditions(
    X, y, as_format, l1_ratio, positive, fit_intercept
):
    model = ElasticNet(
        alpha=0.1, l1_ratio=l1_ratio, positive=positive, fit_intercept=fit_intercept, tol=TOL
    ).fit(as_format(X), y)
    slopes, at_intercept = gradient(X, y, model.coef_, model.intercept_)
    allowed = allowed_violation(X, model.dual_gap_) + 1e-9
    assert violation(slopes, model.coef_, 0.1, l1_ratio, positive=positive) <= allowed
    assert not fit_intercept or abs(at_intercept) < 1e-9
    assert fit_intercept or model.intercept_ == 0.0
    assert not positive or model.coef_.min() >= 0.0


@pytest.mark.parametrize("alpha", [0.5, 0.05])
def test_the_lasso_satisfies_the_optimality_conditions(X, y, as_format, alpha):
    model = Lasso(alpha=alpha, tol=TOL).fit(as_format(X), y)
    slopes, _ = gradient(X, y, model.coef_, model.intercept_)
    assert violation(slopes, model.coef_, alpha) <= allowed_violation(X, model.dual_gap_) + 1e-9


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.4])
def test_logistic_regression_satisfies_the_optimality_conditions(
    X, y, as_format, l1_ratio, fit_intercept
):
    labels = (y > np.median(y)).astype(int)
    model = SparseLogisticRegression(
        alpha=0.05, l1_ratio=l1_ratio, fit_intercept=fit_intercept, tol=TOL
    ).fit(as_format(X), labels)
    slopes, at_intercept = gradient(X, labels, model.coef_[0], model.intercept_[0], logistic=True)
    allowed = allowed_violation(X, model.dual_gap_) + 1e-9
    assert violation(slopes, model.coef_[0], 0.05, l1_ratio) <= allowed
    assert not fit_intercept or abs(at_intercept) < 1e-6


@pytest.mark.parametrize("tol", [1e-1, 1e-3, 1e-6])
def test_the_gap_bounds_what_is_left_to_gain_and_meets_the_tolerance(X, y, tol):
    best = Lasso(alpha=0.1, tol=1e-13).fit(X, y)
    least = quadratic_objective(X, y, best.coef_, best.intercept_, 0.1)
    null = quadratic_objective(X, y, np.zeros(X.shape[1]), y.mean(), 0.1)
    model = Lasso(alpha=0.1, tol=tol).fit(X, y)
    left = quadratic_objective(X, y, model.coef_, model.intercept_, 0.1) - least
    assert left - 1e-12 * null <= model.dual_gap_ <= tol * null


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_the_stop_does_not_depend_on_the_scale_of_y(X, y, scale):
    model = Lasso(alpha=0.1).fit(X, y)
    scaled = Lasso(alpha=0.1 * scale).fit(X, scale * y)
    least, reached = (
        quadratic_objective(X, y, m.coef_ / k, m.intercept_ / k, 0.1)
        for m, k in ((model, 1.0), (scaled, scale))
    )
    null = quadratic_objective(X, y, np.zeros(X.shape[1]), y.mean(), 0.1)
    assert abs(reached - least) <= 1e-4 * null


def test_float32_is_kept_and_close_to_float64(X, y):
    model = Lasso(alpha=0.1, tol=1e-6).fit(X.astype(np.float32), y)
    exact = Lasso(alpha=0.1, tol=1e-12).fit(X, y)
    assert model.coef_.dtype == np.float32
    left = quadratic_objective(X, y, model.coef_, model.intercept_, 0.1)
    least = quadratic_objective(X, y, exact.coef_, exact.intercept_, 0.1)
    null = quadratic_objective(X, y, np.zeros(X.shape[1]), y.mean(), 0.1)
    assert left - least < 1e-5 * null


def test_a_constant_column_and_an_empty_one_get_no_coefficient(rng):
    X = rng.standard_normal((40, 6))
    X[:, 1], X[:, 4] = 3.0, 0.0
    model = Lasso(alpha=0.01).fit(X, X[:, 0] + 1.0)
    assert model.coef_[1] == model.coef_[4] == 0.0
    assert model.coef_[0] > 0.5


def test_a_constant_target_gives_zeros_and_its_value(X):
    model = Lasso(alpha=0.1).fit(X, np.full(len(X), 7.5))
    assert not model.coef_.any()
    assert model.intercept_ == pytest.approx(7.5)
