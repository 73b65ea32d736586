"""Where scikit-learn solves the same problem, the solutions and their shapes agree."""

import numpy as np
import pytest
import sklearn
import sklearn.linear_model as peers
from scipy import sparse

import sparsekit.linear_model as ours

LEFT_OUT = {"precompute", "copy_X", "selection", "random_state", "n_alphas"}
ADDED = {"feature_weights", "verbose", "cv_rule"}
VERSION = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
PURE_L1 = {"l1_ratio": 1.0} if VERSION >= (1, 8) else {"penalty": "l1"}


def grid(alphas):
    """Return the arguments by which the installed scikit-learn takes a number of strengths."""
    by_number = isinstance(alphas, int) and VERSION < (1, 7)
    return {"n_alphas" if by_number else "alphas": alphas}


@pytest.fixture
def X(rng):
    return rng.standard_normal((70, 25)) + 1.0


@pytest.fixture
def y(X, rng):
    return X @ np.r_[3.0, -2.0, 1.0, np.zeros(22)] + rng.standard_normal(70)


@pytest.mark.parametrize("name", ["Lasso", "ElasticNet", "LassoCV", "ElasticNetCV"])
def test_parameters_and_defaults_are_those_of_the_namesake(name):
    theirs = getattr(peers, name)().get_params()
    mine = getattr(ours, name)().get_params()
    assert theirs.keys() - mine.keys() <= LEFT_OUT
    assert mine.keys() - theirs.keys() <= ADDED
    shared = mine.keys() & theirs.keys() - {"alphas"}
    assert {k: mine[k] for k in shared} == {k: theirs[k] for k in shared}


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("name", ["Lasso", "ElasticNet"])
def test_fits_agree(X, y, name, fit_intercept, positive):
    options = {"alpha": 0.05, "fit_intercept": fit_intercept, "positive": positive}
    theirs = getattr(peers, name)(tol=1e-12, max_iter=100_000, **options).fit(X, y)
    mine = getattr(ours, name)(tol=1e-10, **options).fit(X, y)
    np.testing.assert_allclose(mine.coef_, theirs.coef_, atol=2e-5)
    assert mine.intercept_ == pytest.approx(theirs.intercept_, abs=1e-4)
    assert type(mine.intercept_) is float


@pytest.mark.parametrize("name", ["Lasso", "ElasticNet"])
@pytest.mark.parametrize("n_targets", [1, 3])
def test_targets_in_columns_agree(X, y, name, n_targets):
    Y = np.column_stack([y, 2.0 * y + X[:, 5], -X[:, 7]])[:, :n_targets]
    theirs = getattr(peers, name)(alpha=0.05, tol=1e-12).fit(X, Y)
    mine = getattr(ours, name)(alpha=0.05, tol=1e-10).fit(X, Y)
    for attribute in ("coef_", "intercept_", "dual_gap_", "n_iter_"):
        ours_, theirs_ = getattr(mine, attribute), getattr(theirs, attribute)
        assert np.shape(ours_) == np.shape(theirs_), attribute
    np.testing.assert_allclose(mine.coef_, theirs.coef_, atol=2e-5)
    np.testing.assert_allclose(mine.predict(X), theirs.predict(X), atol=1e-3)
    assert mine.sparse_coef_.shape == theirs.sparse_coef_.shape


def test_weighted_fits_agree(X, y, rng):
    weight = rng.random(70)
    theirs = peers.Lasso(0.05, tol=1e-12).fit(X, y, sample_weight=weight)
    mine = ours.Lasso(0.05, tol=1e-10).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(mine.coef_, theirs.coef_, atol=2e-5)


def test_a_single_weight_means_all_alike(X, y):
    one, none = (ours.Lasso(0.05).fit(X, y, sample_weight=w) for w in (2.0, None))
    np.testing.assert_allclose(one.coef_, none.coef_, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("function", ["lasso_path", "enet_path"])
def test_paths_agree(X, y, function):
    X, y = X - X.mean(axis=0), y - y.mean()
    strengths = [0.01, 1.0, 0.1]
    theirs = getattr(peers, function)(X, y, alphas=strengths, tol=1e-12)
    mine = getattr(ours, function)(X, y, alphas=strengths, tol=1e-10)
    np.testing.assert_allclose(mine[0], theirs[0])
    np.testing.assert_allclose(mine[1], theirs[1], atol=2e-5)
    assert mine[2].shape == theirs[2].shape


def test_the_grid_of_a_path_agrees(X, y):
    X, y = X - X.mean(axis=0), y - y.mean()
    theirs, _, _ = peers.lasso_path(X, y, eps=0.01)
    mine, _, _ = ours.lasso_path(X, y, eps=0.01)
    np.testing.assert_allclose(mine, theirs)


@pytest.mark.parametrize("to_format", [np.asarray, sparse.csr_array])
def test_cross_validated_lasso_agrees(X, y, to_format):
    theirs = peers.LassoCV(**grid(20), tol=1e-10).fit(X, y)
    mine = ours.LassoCV(alphas=20, tol=1e-10).fit(to_format(X), y)
    np.testing.assert_allclose(mine.alphas_, theirs.alphas_)
    np.testing.assert_allclose(mine.mse_path_, theirs.mse_path_, rtol=1e-5)
    assert mine.alpha_ == pytest.approx(theirs.alpha_)
    np.testing.assert_allclose(mine.coef_, theirs.coef_, atol=2e-5)


@pytest.mark.parametrize("alphas", [7, [0.3, 0.01, 0.1]])
@pytest.mark.parametrize("l1_ratio", [0.3, [0.3, 0.9]])
def test_cross_validated_elastic_net_agrees(X, y, l1_ratio, alphas):
    theirs = peers.ElasticNetCV(l1_ratio=l1_ratio, **grid(alphas), tol=1e-10).fit(X, y)
    mine = ours.ElasticNetCV(l1_ratio=l1_ratio, alphas=alphas, tol=1e-10).fit(X, y)
    np.testing.assert_allclose(mine.alphas_, theirs.alphas_)
    assert mine.mse_path_.shape == theirs.mse_path_.shape
    np.testing.assert_allclose(mine.mse_path_, theirs.mse_path_, rtol=1e-5)
    assert mine.l1_ratio_ == theirs.l1_ratio_
    np.testing.assert_allclose(mine.coef_, theirs.coef_, atol=2e-5)


def test_logistic_regression_agrees_through_the_stated_c(X, y):
    labels = y > y.mean()
    theirs = peers.LogisticRegression(
        C=1.0 / (len(y) * 0.02), solver="saga", tol=1e-12, max_iter=1_000_000, **PURE_L1
    )
    theirs.fit(X, labels)
    mine = ours.SparseLogisticRegression(alpha=0.02, tol=1e-12).fit(X, labels)
    np.testing.assert_allclose(mine.coef_, theirs.coef_, atol=1e-5)
    np.testing.assert_allclose(mine.intercept_, theirs.intercept_, atol=1e-5)
    np.testing.assert_allclose(mine.predict_proba(X), theirs.predict_proba(X), atol=1e-5)
