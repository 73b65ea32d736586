"""Orthogonal matching pursuit of targets: scikit-learn's on features of equal length, and more."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn import linear_model as sklearn_models
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, KFold
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsekit.linear_model import (
    OrthogonalMatchingPursuit,
    OrthogonalMatchingPursuitCV,
    _pursuit_folds,
)
from tests.conftest import read_only

PRECOMPUTE = pytest.mark.parametrize("precompute", [False, True, "auto"])
INTERCEPT = pytest.mark.parametrize("fit_intercept", [True, False])

MODELS = [
    OrthogonalMatchingPursuit(),
    OrthogonalMatchingPursuit(n_nonzero_coefs=2, fit_intercept=False, precompute=True),
    OrthogonalMatchingPursuit(tol=0.1),
    OrthogonalMatchingPursuitCV(),
    OrthogonalMatchingPursuitCV(max_iter=3, cv=3, n_jobs=2),
]


# A residual may be unreachable, and a fit says so.
@pytest.mark.filterwarnings("ignore:OrthogonalMatchingPursuit stopped")
@parametrize_with_checks(MODELS)
def test_check(estimator, check):
    check(estimator)


def make_data(n_samples=80, n_features=30, n_targets=None, seed=0):
    """Return features of mean zero and unit length, and targets of a few of them."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, n_features)) + rng.standard_normal((n_samples, 1))
    X -= X.mean(axis=0)
    X /= np.linalg.norm(X, axis=0)
    coef = rng.standard_normal((n_features, n_targets or 1)) * (
        rng.random((n_features, n_targets or 1)) < 0.3
    )
    y = 5 * X @ coef + 0.2 * rng.standard_normal((n_samples, n_targets or 1)) + 3
    return read_only(X), read_only(y if n_targets else y[:, 0])


def make_signs(n_samples=60, n_features=40, seed=0):
    """Return features of equal length in any rows, and a target of five of them."""
    rng = np.random.default_rng(seed)
    X = rng.choice([-1.0, 1.0], (n_samples, n_features))
    y = X[:, :5] @ np.arange(1.0, 6.0) + 3 * rng.standard_normal(n_samples)
    return read_only(X), read_only(y)


def assert_same_model(found, expected, **tolerance):
    tolerance = {"rtol": 1e-8, "atol": 1e-10} | tolerance
    assert np.shape(found.coef_) == np.shape(expected.coef_)
    assert np.shape(found.intercept_) == np.shape(expected.intercept_)
    np.testing.assert_allclose(found.coef_, expected.coef_, **tolerance)
    np.testing.assert_allclose(found.intercept_, expected.intercept_, **tolerance)
    np.testing.assert_array_equal(found.n_iter_, expected.n_iter_)


@PRECOMPUTE
@INTERCEPT
@pytest.mark.parametrize("n_nonzero_coefs", [None, 1, 7, 30])
@pytest.mark.parametrize("n_targets", [None, 1, 4])
def test_equals_scikit_learn_on_features_of_equal_length(
    precompute, fit_intercept, n_nonzero_coefs, n_targets
):
    X, y = make_data(n_targets=n_targets)
    options = {"n_nonzero_coefs": n_nonzero_coefs, "fit_intercept": fit_intercept}
    expected = sklearn_models.OrthogonalMatchingPursuit(**options).fit(X, y)
    found = OrthogonalMatchingPursuit(precompute=precompute, **options).fit(X, y)
    assert_same_model(found, expected)
    assert found.n_nonzero_coefs_ == expected.n_nonzero_coefs_
    np.testing.assert_allclose(found.predict(X), expected.predict(X))


@PRECOMPUTE
@pytest.mark.parametrize("n_targets", [None, 3])
def test_stops_at_the_residual_asked_for(precompute, n_targets):
    X, y = make_data(n_targets=n_targets)
    tol = 0.3 * float(((y - y.mean(axis=0)) ** 2).sum(axis=0).min())
    expected = sklearn_models.OrthogonalMatchingPursuit(tol=tol, precompute=False).fit(X, y)
    found = OrthogonalMatchingPursuit(tol=tol, precompute=precompute).fit(X, y)
    assert_same_model(found, expected)
    assert found.n_nonzero_coefs_ is None
    assert (((y - found.predict(X)) ** 2).sum(axis=0) <= tol * (1 + 1e-12)).all()


@PRECOMPUTE
def test_the_scale_of_features_does_not_matter(precompute):
    X, y = make_data()
    scale = np.geomspace(1e-4, 1e4, X.shape[1])
    model = OrthogonalMatchingPursuit(n_nonzero_coefs=6, precompute=precompute)
    plain, scaled = clone(model).fit(X, y), clone(model).fit(X * scale, y)
    np.testing.assert_allclose(scaled.coef_ * scale, plain.coef_)


@PRECOMPUTE
@INTERCEPT
@pytest.mark.parametrize("kind", [sparse.csc_array, sparse.csr_matrix, sparse.coo_array])
def test_sparse_equals_dense(sparse_problem, precompute, fit_intercept, kind):
    X, dense, y, _ = sparse_problem
    model = OrthogonalMatchingPursuit(
        n_nonzero_coefs=6, fit_intercept=fit_intercept, precompute=precompute
    )
    found, expected = clone(model).fit(kind(X), y), clone(model).fit(dense, y)
    assert_same_model(found, expected)
    np.testing.assert_allclose(found.predict(kind(X)), expected.predict(dense))


def test_sparse_is_never_made_dense():
    # Dense it would take 160 GB.
    rng = np.random.default_rng(0)
    shape, n_stored = (100_000, 200_000), 400_000
    places = rng.integers(shape[0], size=n_stored), np.arange(n_stored) % shape[1]
    X = sparse.coo_array((rng.random(n_stored), places), shape=shape).tocsc()
    y = X[:, :4] @ np.array([4.0, 3.0, 2.0, 1.0])
    model = OrthogonalMatchingPursuit(n_nonzero_coefs=4).fit(X, y)
    np.testing.assert_array_equal(np.flatnonzero(model.coef_), np.arange(4))
    OrthogonalMatchingPursuitCV(max_iter=2, cv=2).fit(X, y)


@PRECOMPUTE
def test_columns_far_from_zero_lose_no_digits(precompute):
    X, y = make_data()
    far = X * 1e3 + 1e6
    model = OrthogonalMatchingPursuit(n_nonzero_coefs=5, precompute=precompute)
    expected = clone(model).fit(X, y)
    for given in (far, sparse.csc_array(far)):
        np.testing.assert_allclose(
            clone(model).fit(given, y).coef_ * 1e3, expected.coef_, rtol=1e-6
        )


def test_single_precision_is_kept():
    X, y = make_data()
    found = OrthogonalMatchingPursuit(n_nonzero_coefs=5).fit(X.astype(np.float32), y)
    assert found.coef_.dtype == np.float32
    expected = OrthogonalMatchingPursuit(n_nonzero_coefs=5).fit(X, y)
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-5)


@PRECOMPUTE
def test_constant_repeated_and_dependent_features_are_left_out(precompute):
    X, y = make_data(n_features=6)
    wide = np.column_stack([np.full(len(X), 3.7), X, X, -2 * X, X @ np.ones(6), np.zeros(len(X))])
    model = OrthogonalMatchingPursuit(n_nonzero_coefs=20, precompute=precompute)
    with pytest.warns(RuntimeWarning, match="chose 6 instead of n_nonzero_coefs=20 features"):
        model.fit(wide, y)
    assert model.n_iter_ == np.count_nonzero(model.coef_) == 6
    assert model.coef_[0] == model.coef_[-1] == 0
    ols = sklearn_models.LinearRegression().fit(X, y)
    np.testing.assert_allclose(model.predict(wide), ols.predict(X))


@PRECOMPUTE
@pytest.mark.parametrize("value", [0.0, 3.7, -1e9])
def test_a_constant_target_needs_no_feature(precompute, value):
    X, _ = make_data()
    for options in ({"n_nonzero_coefs": 5}, {"tol": 0.0}):
        model = OrthogonalMatchingPursuit(precompute=precompute, **options)
        model.fit(X, np.full(len(X), value))
        assert not model.coef_.any()
        assert model.n_iter_ == 0
        assert model.intercept_ == value


def test_an_exact_fit_ends_the_pursuit():
    X, _ = make_data()
    y = X[:, 3] - 2 * X[:, 7] + 1
    with pytest.warns(RuntimeWarning, match="chose 2 instead"):
        model = OrthogonalMatchingPursuit(n_nonzero_coefs=10).fit(X, y)
    np.testing.assert_array_equal(np.flatnonzero(model.coef_), [3, 7])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert OrthogonalMatchingPursuit(tol=0.0).fit(X, y).n_iter_ == 2


def test_a_residual_out_of_reach_is_told():
    X, y = make_data(n_features=4)
    with pytest.warns(RuntimeWarning, match="stopped at a squared residual of .* not tol=1e-05"):
        OrthogonalMatchingPursuit(tol=1e-5).fit(X, y)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("n_nonzero_coefs", 0), ("n_nonzero_coefs", 2.5), ("tol", -1.0), ("precompute", "always")],
)
def test_bad_parameters_are_refused(parameter, value):
    X, y = make_data()
    model = OrthogonalMatchingPursuit(**{parameter: value})
    with pytest.raises(ValueError, match=f"'{parameter}' parameter"):
        model.fit(X, y)
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize("model", [OrthogonalMatchingPursuit(), OrthogonalMatchingPursuitCV()])
def test_a_fit_that_fails_leaves_the_model_as_it_was(model):
    X, y = make_data()
    model = clone(model).fit(X, y)
    before = dict(vars(model))
    bad = np.array(X[:, :5])
    bad[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        model.fit(bad, y)
    assert vars(model).keys() == before.keys()
    assert model.n_features_in_ == X.shape[1]
    assert model.coef_ is before["coef_"]


def test_cross_validation_chooses_what_scikit_learn_chooses():
    X, y = make_signs()
    options = {"fit_intercept": False, "max_iter": 15, "cv": KFold(4, shuffle=True, random_state=0)}
    expected = sklearn_models.OrthogonalMatchingPursuitCV(**options).fit(X, y)
    found = OrthogonalMatchingPursuitCV(**options).fit(X, y)
    assert found.n_nonzero_coefs_ == expected.n_nonzero_coefs_
    assert_same_model(found, expected)


@INTERCEPT
@pytest.mark.parametrize("storage", [np.asarray, sparse.csc_array])
def test_errors_of_folds_are_those_of_single_fits(fit_intercept, storage):
    X, y = make_data(n_samples=50, n_features=8)
    model = OrthogonalMatchingPursuitCV(fit_intercept=fit_intercept, cv=3, max_iter=8)
    model.fit(storage(X), y)
    for fold, (train, test) in enumerate(KFold(3).split(X)):
        for k in range(1, 9):
            single = OrthogonalMatchingPursuit(n_nonzero_coefs=k, fit_intercept=fit_intercept)
            errors = y[test] - single.fit(X[train], y[train]).predict(X[test])
            np.testing.assert_allclose(model.mse_path_[k - 1, fold], np.mean(errors**2))


@INTERCEPT
@pytest.mark.parametrize("storage", [np.asarray, sparse.csc_array])
def test_products_of_folds_change_nothing(monkeypatch, fit_intercept, storage):
    X, y = make_data(n_samples=100, n_features=20)
    model = OrthogonalMatchingPursuitCV(fit_intercept=fit_intercept, max_iter=20)
    with_products = clone(model).fit(storage(X), y)
    monkeypatch.setattr(_pursuit_folds, "fold_products", lambda problem, splits: None)
    without = clone(model).fit(storage(X), y)
    np.testing.assert_allclose(with_products.mse_path_, without.mse_path_)
    assert with_products.n_nonzero_coefs_ == without.n_nonzero_coefs_


def test_threads_over_folds_change_no_bit():
    X, y = make_data(n_samples=40, n_features=60)
    one, two = (OrthogonalMatchingPursuitCV(n_jobs=n).fit(X, y) for n in (1, 2))
    np.testing.assert_array_equal(one.mse_path_, two.mse_path_)
    np.testing.assert_array_equal(one.coef_, two.coef_)


def test_a_fold_that_is_fitted_early_keeps_its_error():
    X, _ = make_data(n_samples=60)
    y = X[:, 3] - 2 * X[:, 7] + 1
    model = OrthogonalMatchingPursuitCV(max_iter=6).fit(X, y)
    assert model.mse_path_.shape == (6, 5)
    assert model.n_iter_ == 2
    np.testing.assert_allclose(model.mse_path_[1:], 0, atol=1e-15)


def test_a_constant_target_is_no_trouble_to_folds():
    X, _ = make_data()
    model = OrthogonalMatchingPursuitCV().fit(X, np.full(len(X), 3.7))
    assert not model.coef_.any()
    np.testing.assert_allclose(model.mse_path_, 0, atol=1e-15)


def test_groups_reach_the_splitter_by_routing_only():
    from sklearn import config_context

    X, y = make_data()
    groups = np.arange(len(X)) % 7
    with pytest.raises(ValueError, match="enable_metadata_routing"):
        OrthogonalMatchingPursuitCV(cv=GroupKFold(3)).fit(X, y, groups=groups)
    with config_context(enable_metadata_routing=True):
        found = OrthogonalMatchingPursuitCV(cv=GroupKFold(3)).fit(X, y, groups=groups)
    splits = list(GroupKFold(3).split(X, y, groups))
    expected = OrthogonalMatchingPursuitCV(cv=splits).fit(X, y)
    np.testing.assert_array_equal(found.mse_path_, expected.mse_path_)


def test_verbose_prints_the_errors(capsys):
    X, y = make_data()
    OrthogonalMatchingPursuitCV(max_iter=3, verbose=True).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("[OrthogonalMatchingPursuitCV] 2 features: mean squared error")
