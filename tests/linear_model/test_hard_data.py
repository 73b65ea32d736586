"""Data on which solvers go wrong: saturated classes, outliers, offsets, large supports."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from sparsekit.linear_model import (
    AllZeroWarning,
    ElasticNet,
    Lasso,
    LassoCV,
    SparseLogisticRegression,
    alpha_max,
)
from sparsekit.solvers import _choose


def text_like(rng, n, p, per_row):
    rows = np.repeat(np.arange(n), per_row)
    X = sparse.coo_array((rng.random(n * per_row), (rows, rng.integers(0, p, n * per_row))), (n, p))
    X = X.tocsc()
    X.sum_duplicates()
    return X


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_cold_logistic_fit_survives_saturated_samples(fit_intercept, rng, monkeypatch):
    monkeypatch.setattr(_choose, "LARGEST_GRAM", 100)
    X = text_like(rng, 400, 3000, 15)
    labels = X @ rng.standard_normal(3000) > 0
    alpha = alpha_max(X, labels, loss="logistic", fit_intercept=fit_intercept) / 1000
    model = SparseLogisticRegression(alpha, fit_intercept=fit_intercept, tol=1e-6).fit(X, labels)
    eta = X @ model.coef_[0] + model.intercept_
    force = X.T @ (labels - 1 / (1 + np.exp(-eta))) / 400
    assert abs(eta).max() > 5
    # At the optimum |force| is alpha on the support and at most alpha elsewhere.
    assert abs(force).max() < 1.02 * alpha
    np.testing.assert_allclose(abs(force[model.coef_[0] != 0]), alpha, rtol=0.05)


def test_an_outlying_row_does_not_hold_a_cross_validation_up(rng):
    X = rng.standard_normal((200, 20))
    y = X[:, 0] + rng.standard_normal(200)
    X[7] *= 1e6
    model = LassoCV(alphas=[0.1, 0.01], max_iter=20, cv=5)
    with np.errstate(all="raise"):
        try:
            model.fit(X, y)
        except ConvergenceWarning as warning:
            assert "max_iter" in str(warning) or "Rounding" in str(warning)
        else:
            assert np.isfinite(model.mse_path_).all()


def test_a_large_support_takes_few_iterations(rng):
    X = text_like(rng, 500, 6000, 20)
    y = X @ rng.standard_normal(6000) + rng.standard_normal(500)
    model = ElasticNet(1e-4, l1_ratio=0.01, tol=1e-6).fit(X, y)
    assert np.count_nonzero(model.coef_) > 4000
    assert model.n_iter_ < 50


@pytest.mark.parametrize("offset", [1e6, 1e8])
def test_full_sparse_columns_far_from_zero_are_centred_as_dense_ones(offset, rng):
    X = rng.standard_normal((200, 30))
    y = X[:, 0] + rng.standard_normal(200)
    X += offset
    dense = Lasso(0.05, tol=1e-8).fit(X, y)
    stored = Lasso(0.05, tol=1e-8).fit(sparse.csc_array(X), y)
    np.testing.assert_allclose(stored.coef_, dense.coef_, atol=1e-6)


@pytest.mark.parametrize("place", [slice(0, 20), slice(20, 100)])
def test_a_fold_without_weight_is_refused_by_name(place, rng):
    X, y, weight = rng.standard_normal((100, 5)), rng.standard_normal(100), np.ones(100)
    weight[place] = 0.0
    with pytest.raises(ValueError, match=r"`sample_weight` is zero for every .* sample of fold 0"):
        LassoCV(cv=5).fit(X, y, sample_weight=weight)


@pytest.mark.filterwarnings("ignore::sparsekit.linear_model.AllZeroWarning")
def test_folds_that_miss_the_tolerance_are_reported(rng):
    X = rng.standard_normal((30, 200))
    y = X[:, 0] + rng.standard_normal(30)
    with pytest.warns(ConvergenceWarning, match=r"in \d+ of 24 fits"):
        LassoCV(alphas=[1e-2, 1e-3, 1e-4, 1e-5], max_iter=1, cv=5, tol=1e-12).fit(X, y)


def test_a_choice_of_no_feature_is_said(rng):
    X, y = rng.standard_normal((60, 5)), rng.standard_normal(60)
    with pytest.warns(AllZeroWarning, match="all coefficients are zero at alpha="):
        LassoCV(cv_rule="1se").fit(X, y)


def test_zero_within_the_tolerance_is_told_from_a_strong_penalty(rng):
    X = rng.standard_normal((60, 5))
    y = X[:, 0] + rng.standard_normal(60)
    with pytest.warns(AllZeroWarning, match="within `tol` of the optimum"):
        Lasso(0.9999 * alpha_max(X, y), tol=1e-2).fit(X, y)
