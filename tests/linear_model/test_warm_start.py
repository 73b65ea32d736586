"""A warm start changes how long a fit takes, not what it finds."""

import numpy as np
import pytest

from sparsekit.linear_model import ElasticNet, Lasso, SparseLogisticRegression

MODELS = [Lasso(), ElasticNet(), SparseLogisticRegression()]


def by_name(model):
    return type(model).__name__


@pytest.fixture
def X(rng):
    return rng.standard_normal((60, 40))


@pytest.fixture
def y(X, rng):
    return (X[:, 0] - X[:, 1] + rng.standard_normal(60) > 0).astype(float)


@pytest.mark.parametrize("model", MODELS, ids=by_name)
def test_a_second_fit_begins_at_the_first(model, X, y):
    model.set_params(alpha=0.01, warm_start=True, tol=1e-9)
    first = model.fit(X, y).coef_
    model.set_params(tol=1e-8).fit(X, y)
    assert np.max(model.n_iter_) == 1
    np.testing.assert_allclose(model.coef_, first, atol=1e-4)


@pytest.mark.parametrize("model", MODELS, ids=by_name)
def test_a_warm_fit_finds_what_a_cold_one_finds(model, X, y):
    model.set_params(alpha=0.05, warm_start=True, tol=1e-12)
    warm = model.fit(X, y).set_params(alpha=0.01).fit(X, y).coef_
    cold = model.set_params(warm_start=False).fit(X, y).coef_
    np.testing.assert_allclose(warm, cold, atol=1e-5)


def test_a_start_of_another_shape_is_no_start(X, y):
    model = Lasso(0.01, warm_start=True).fit(X, y)
    model.fit(X[:, :7], np.column_stack([y, -y]))
    assert model.coef_.shape == (2, 7)


def test_negative_coefficients_are_no_start_for_positive_ones(X, y):
    model = Lasso(0.01, warm_start=True, tol=1e-12).fit(X, y)
    assert model.coef_.min() < 0
    warm = model.set_params(positive=True).fit(X, y).coef_
    cold = Lasso(0.01, positive=True, tol=1e-12).fit(X, y).coef_
    np.testing.assert_allclose(warm, cold, atol=1e-5)
