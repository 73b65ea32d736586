"""Weights of samples and of features mean what they say."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LinearRegression

from sparsekit.linear_model import ElasticNet, Lasso, LassoCV, SparseLogisticRegression
from tests.linear_model._oracles import gradient, violation

TIGHT = 1e-12
MODELS = [Lasso(0.02, tol=TIGHT), ElasticNet(0.02, tol=TIGHT), SparseLogisticRegression(tol=TIGHT)]
FORMATS = [np.asarray, sparse.csr_array, sparse.csc_matrix]


def by_name(value):
    return getattr(value, "__name__", type(value).__name__)


def target_for(model, y):
    return y > 0 if isinstance(model, SparseLogisticRegression) else y


@pytest.fixture
def X(rng):
    return rng.standard_normal((50, 8)) * (rng.random((50, 8)) < 0.7)


@pytest.fixture
def y(X, rng):
    return X @ np.r_[2.0, -1.0, 0.5, np.zeros(5)] + 0.3 * rng.standard_normal(50)


@pytest.mark.parametrize("to_format", FORMATS, ids=by_name)
@pytest.mark.parametrize("model", MODELS, ids=by_name)
def test_a_weight_is_a_sample_given_so_many_times(model, to_format, X, y, rng):
    weight = rng.integers(0, 4, size=50)
    y = target_for(model, y)
    model.fit(to_format(X.repeat(weight, axis=0)), y.repeat(weight))
    repeated = model.coef_, model.intercept_
    model.fit(to_format(X), y, sample_weight=weight)
    np.testing.assert_allclose(model.coef_, repeated[0], atol=1e-5)
    np.testing.assert_allclose(model.intercept_, repeated[1], atol=1e-5)


@pytest.mark.parametrize("model", MODELS, ids=by_name)
def test_the_scale_of_the_weights_does_not_matter(model, X, y, rng):
    weight = rng.random(50)
    first = model.fit(X, target_for(model, y), weight).coef_
    second = model.fit(X, target_for(model, y), 1e6 * weight).coef_
    np.testing.assert_allclose(second, first, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("to_format", FORMATS, ids=by_name)
def test_feature_weights_are_factors_of_the_penalty(to_format, X, y, rng):
    weight = 3.0 * rng.random(8)
    model = Lasso(0.1, feature_weights=weight, tol=TIGHT).fit(to_format(X), y)
    slopes, _ = gradient(X, y, model.coef_, model.intercept_)
    assert violation(slopes, model.coef_, 0.1, feature_weights=weight) < 1e-6


@pytest.mark.parametrize("model", MODELS, ids=by_name)
def test_feature_weights_are_not_rescaled(model, X, y):
    model.set_params(feature_weights=None)
    strong = model.set_params(alpha=0.06).fit(X, target_for(model, y)).coef_
    model.set_params(alpha=0.02, feature_weights=np.full(8, 3.0))
    weighted = model.fit(X, target_for(model, y)).coef_
    model.set_params(feature_weights=None)
    np.testing.assert_allclose(weighted, strong, atol=1e-6)


def test_weight_zero_leaves_a_feature_unpenalised(X, y):
    weight = np.ones(8)
    weight[[4, 6]] = 0.0
    model = Lasso(1e3, feature_weights=weight, tol=TIGHT).fit(X, y)
    least_squares = LinearRegression().fit(X[:, [4, 6]], y)
    np.testing.assert_allclose(model.coef_[[4, 6]], least_squares.coef_, atol=1e-6)
    assert not np.delete(model.coef_, [4, 6]).any()


def test_weight_zero_leaves_a_feature_of_a_classifier_unpenalised(X, y):
    weight = np.r_[0.0, np.ones(7)]
    model = SparseLogisticRegression(1e3, feature_weights=weight, tol=TIGHT).fit(X, y > 0.5)
    slopes, at_intercept = gradient(X, y > 0.5, model.coef_[0], model.intercept_[0], logistic=True)
    assert abs(slopes[0]) < 1e-6
    assert abs(at_intercept) < 1e-6
    assert np.flatnonzero(model.coef_[0]).tolist() == [0]


@pytest.mark.parametrize("bad", [np.inf, np.nan, -1.0])
@pytest.mark.parametrize("model", [Lasso(), SparseLogisticRegression(), LassoCV()], ids=by_name)
def test_impossible_feature_weights_are_refused(model, bad, X, y):
    model.set_params(feature_weights=[bad] + [1.0] * 7)
    with pytest.raises(ValueError, match="feature_weights"):
        model.fit(X, target_for(model, y))
    model.set_params(feature_weights=None)


def test_feature_weights_of_a_wrong_length_are_refused(X, y):
    with pytest.raises(ValueError, match=r"`feature_weights` must have shape \(8,\)"):
        Lasso(feature_weights=[1.0, 2.0]).fit(X, y)


def test_weighted_cross_validation_scores_weighted_folds(X, y, rng):
    weight = rng.random(50)
    test = np.arange(20)
    train = np.arange(20, 50)
    model = LassoCV(alphas=[0.1, 0.01], cv=[(train, test)], tol=TIGHT).fit(X, y, weight)
    for row, alpha in zip(model.mse_path_.reshape(2, 1), model.alphas_):
        fold = Lasso(alpha, tol=TIGHT).fit(X[train], y[train], weight[train])
        error = np.average((y[test] - fold.predict(X[test])) ** 2, weights=weight[test])
        assert row[0] == pytest.approx(error, rel=1e-6)


def test_balanced_classes_weigh_alike(X, y):
    labels = y > 1.0
    model = SparseLogisticRegression(class_weight="balanced", tol=TIGHT).fit(X, labels)
    weight = np.where(labels, 0.5 / labels.sum(), 0.5 / (~labels).sum())
    same = SparseLogisticRegression(tol=TIGHT).fit(X, labels, weight)
    np.testing.assert_allclose(model.coef_, same.coef_, atol=1e-6)


def test_class_weights_multiply_sample_weights(X, y, rng):
    labels = np.where(y > 1.0, "high", "low")
    weight = rng.random(50)
    model = SparseLogisticRegression(class_weight={"high": 5.0}, tol=TIGHT)
    model.fit(X, labels, weight)
    same = SparseLogisticRegression(tol=TIGHT).fit(
        X, labels, weight * np.where(labels == "high", 5.0, 1.0)
    )
    np.testing.assert_allclose(model.coef_, same.coef_, atol=1e-6)
