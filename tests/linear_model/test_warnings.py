"""What a fit warns of, in which words, and what it leaves behind when it fails."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from sparsekit.linear_model import (
    AllZeroWarning,
    ElasticNet,
    Lasso,
    LassoCV,
    SparseLogisticRegression,
    alpha_max,
)


@pytest.fixture
def X(rng):
    return rng.standard_normal((40, 10))


@pytest.fixture
def y(X, rng):
    return X[:, 0] + 0.1 * rng.standard_normal(40)


@pytest.mark.parametrize("model", [Lasso(), ElasticNet()], ids=repr)
def test_an_all_zero_fit_says_where_coefficients_begin(model, X, y):
    top = alpha_max(X, y, l1_ratio=getattr(model, "l1_ratio", 1.0))
    with pytest.warns(AllZeroWarning, match=f"all coefficients are zero; alpha_max is {top:.4g}"):
        model.set_params(alpha=2 * top).fit(X, y)
    assert not model.coef_.any()


def test_an_all_zero_classifier_says_where_coefficients_begin(X, y):
    labels = np.digitize(y, [-0.5, 0.5])
    top = alpha_max(X, labels, loss="logistic")
    with pytest.warns(AllZeroWarning, match=f"alpha_max is {top:.4g}"):
        SparseLogisticRegression(alpha=2 * top).fit(X, labels)


@pytest.mark.parametrize("model", [LassoCV(alphas=[100.0, 0.1])], ids=repr)
def test_paths_and_cross_validation_do_not_warn_of_zeros(model, X, y):
    model.fit(X, y)
    strong, weak = Lasso().fit_path(X, y, [100.0, 0.1])
    assert not strong.coef_.any()
    assert weak.coef_.any()


def test_a_constant_target_does_not_warn_of_zeros(X):
    assert not Lasso().fit(X, np.ones(40)).coef_.any()


@pytest.mark.parametrize("model", [Lasso(0), SparseLogisticRegression(0)], ids=repr)
def test_no_penalty_suggests_another_model(model, X, rng):
    noise = rng.integers(0, 2, size=40)
    with pytest.warns(UserWarning, match=r"With alpha=0 .* Use sklearn\.linear_model\.L"):
        model.fit(X, noise)


def test_a_fit_that_stops_early_says_how_far_it_came(X, y):
    with pytest.warns(ConvergenceWarning) as record:
        model = Lasso(0.01, max_iter=1, tol=1e-14).fit(X, y)
    message = str(record[0].message)
    assert "Lasso stopped after 1 iterations" in message
    assert f"duality gap of {model.dual_gap_:.1e}" in message
    assert "tol=1e-14" in message
    assert "Increase `max_iter`" in message


def test_a_tolerance_below_rounding_says_so(rng):
    X = rng.standard_normal((100, 50))
    y = X[:, 0] + rng.standard_normal(100)
    with pytest.warns(ConvergenceWarning, match="no smaller gap: increase `tol`"):
        Lasso(0.01, tol=1e-30).fit(X, y)


@pytest.mark.filterwarnings("always")
def test_warnings_point_to_the_line_that_calls_fit(X, y):
    with pytest.warns() as record:
        Lasso(100.0).fit(X, y)
        Lasso(0.01, max_iter=1, tol=1e-14).fit(X, y)
        LassoCV(alphas=[0.01], max_iter=1, tol=1e-14).fit(X, y)
        Lasso(0.0).fit(X, y)
    assert {warning.filename for warning in record} == {__file__}


def test_a_failed_fit_leaves_no_trace(X, y):
    model = Lasso(0.01, feature_weights=[-1.0] * 10)
    before = dict(vars(model))
    with pytest.raises(ValueError, match="feature_weights"):
        model.fit(X, y)
    assert vars(model) == before
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_a_failed_refit_leaves_the_earlier_fit(X, y, monkeypatch):
    model = Lasso(0.01).fit(X, y)
    before = model.predict(X)

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("sparsekit.linear_model._base.solve", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[:, :3], y)
    np.testing.assert_array_equal(model.predict(X), before)


def test_sparse_coefficients_need_a_fit():
    with pytest.raises(NotFittedError):
        _ = Lasso().sparse_coef_
