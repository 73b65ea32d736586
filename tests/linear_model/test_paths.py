"""A path is the fits at its strengths, one after another."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sparsekit.linear_model import (
    ElasticNet,
    Lasso,
    LassoCV,
    SparseLogisticRegression,
    alpha_max,
    enet_path,
    lasso_path,
    logistic_path,
)
from tests.linear_model._oracles import gradient

TIGHT = 1e-12
MODELS = [
    Lasso(tol=TIGHT),
    Lasso(tol=TIGHT, positive=True, fit_intercept=False),
    ElasticNet(l1_ratio=0.3, tol=TIGHT),
    SparseLogisticRegression(tol=TIGHT),
]
STRENGTHS = [0.05, 0.3, 0.02, 0.3]


def by_name(model):
    return type(model).__name__


@pytest.fixture
def X(rng):
    return rng.standard_normal((60, 20))


@pytest.fixture
def y(X, rng):
    return X @ np.r_[2.0, -1.0, np.zeros(18)] + 0.5 * rng.standard_normal(60)


def target_for(model, y, n_classes=2):
    if isinstance(model, SparseLogisticRegression):
        return np.digitize(y, np.quantile(y, np.arange(1, n_classes) / n_classes))
    return y


@pytest.mark.parametrize("to_format", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("model", MODELS, ids=by_name)
def test_fit_path_is_separate_fits_in_the_given_order(model, to_format, X, y):
    y = target_for(model, y)
    walked = list(model.fit_path(to_format(X), y, STRENGTHS))
    assert [m.alpha for m in walked] == STRENGTHS
    for m in walked:
        alone = clone(model).set_params(alpha=m.alpha).fit(to_format(X), y)
        np.testing.assert_allclose(m.coef_, alone.coef_, atol=1e-5)
        np.testing.assert_allclose(m.intercept_, alone.intercept_, atol=1e-5)
        np.testing.assert_allclose(m.predict(X), alone.predict(X), atol=1e-4)


def test_fit_path_serves_classes_and_targets_in_columns(X, y):
    labels = np.array(["a", "b", "c"])[target_for(MODELS[-1], y, 3)]
    for m in MODELS[-1].fit_path(X, labels, [0.1, 0.05]):
        alone = clone(m).fit(X, labels)
        np.testing.assert_allclose(m.coef_, alone.coef_, atol=1e-5)
        assert m.classes_.tolist() == ["a", "b", "c"]
    for m in MODELS[0].fit_path(X, np.column_stack([y, -y]), [0.1, 0.05]):
        np.testing.assert_allclose(m.coef_[0], -m.coef_[1], atol=1e-6)


def test_fit_path_leaves_the_model_itself_unfitted(X, y):
    model = Lasso()
    before = dict(vars(model))
    models = model.fit_path(X, y, [0.1])
    assert vars(model) == before
    assert next(models).n_features_in_ == 20


def test_fit_path_solves_when_asked(X, y):
    models = Lasso().fit_path(X, y, [0.5, 0.1, 0.01])
    assert next(models).alpha == 0.5
    assert next(models).alpha == 0.1


def test_fit_path_keeps_feature_names(X, y):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=[f"gene {j}" for j in range(20)])
    (model,) = Lasso().fit_path(frame, y, [0.1])
    assert model.feature_names_in_[3] == "gene 3"


@pytest.mark.parametrize("alphas", [[], [[0.1]], [-0.1], [np.nan], ["x"]])
def test_impossible_strengths_are_refused_at_once(alphas, X, y):
    with pytest.raises(ValueError, match="`alphas`"):
        Lasso().fit_path(X, y, alphas)


def test_cross_validated_models_have_no_fit_path():
    assert not hasattr(LassoCV(), "fit_path")


def test_a_path_that_does_not_converge_warns_once(X, y):
    models = Lasso(max_iter=1, tol=1e-15).fit_path(X, y, [0.1, 0.01, 0.001])
    with pytest.warns(ConvergenceWarning, match="Increase `max_iter`") as record:
        assert len(list(models)) == 3
    assert len(record) == 1


@pytest.mark.parametrize("function", [lasso_path, enet_path])
def test_path_functions_are_separate_fits_without_intercept(function, X, y):
    model = Lasso if function is lasso_path else ElasticNet
    alphas, coefs, gaps, n_iter = function(X, y, alphas=5, tol=TIGHT, return_n_iter=True)
    assert coefs.shape == (20, 5)
    assert gaps.shape == (5,)
    assert len(n_iter) == 5
    for alpha, coef in zip(alphas[1:], coefs.T[1:]):
        alone = model(alpha, fit_intercept=False, tol=TIGHT).fit(X, y)
        np.testing.assert_allclose(coef, alone.coef_, atol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_logistic_path_is_separate_fits(n_classes, X, y):
    labels = target_for(MODELS[-1], y, n_classes)
    alphas, coefs, intercepts, gaps = logistic_path(X, labels, alphas=[0.1, 0.02], tol=TIGHT)
    for place, alpha in enumerate(alphas):
        alone = SparseLogisticRegression(alpha, tol=TIGHT).fit(X, labels)
        np.testing.assert_allclose(np.atleast_2d(coefs[..., place]), alone.coef_, atol=1e-5)
        np.testing.assert_allclose(intercepts[..., place], alone.intercept_.squeeze(), atol=1e-5)
    assert gaps.shape == intercepts.shape


def test_a_path_starts_where_it_is_told(X, y):
    exact = Lasso(0.1, fit_intercept=False, tol=1e-14).fit(X, y).coef_
    *_, cold = lasso_path(X, y, alphas=[0.1], tol=1e-10, return_n_iter=True)
    *_, warm = lasso_path(X, y, alphas=[0.1], tol=1e-10, coef_init=exact, return_n_iter=True)
    assert warm[0] < cold[0]


def test_path_functions_print_a_line_per_strength(X, y, capsys):
    lasso_path(X, y, alphas=3, verbose=True)
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.parametrize(
    "options", [{"eps": 2.0}, {"alphas": 0}, {"alphas": [-1.0]}, {"tol": 0.0}, {"max_iter": 0}]
)
def test_path_functions_refuse_impossible_options(options, X, y):
    with pytest.raises(ValueError, match=next(iter(options))):
        lasso_path(X, y, **options)


def test_path_functions_refuse_several_targets(X, y):
    with pytest.raises(ValueError, match="y should be a 1d array"):
        lasso_path(X, np.column_stack([y, y]))


def test_ridge_has_no_grid_of_its_own(X, y):
    with pytest.raises(ValueError, match="Pass `alphas`"):
        enet_path(X, y, l1_ratio=0.0)
    _, coefs, _ = enet_path(X, y, l1_ratio=0.0, alphas=[0.5], tol=TIGHT)
    ridge = np.linalg.solve(X.T @ X / 60 + 0.5 * np.eye(20), X.T @ y / 60)
    np.testing.assert_allclose(coefs[:, 0], ridge, atol=1e-5)


@pytest.mark.parametrize("to_format", [np.asarray, sparse.csc_array])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
def test_alpha_max_is_the_largest_gradient_at_zero(X, y, to_format, l1_ratio, fit_intercept, rng):
    weight = rng.random(60)
    feature_weights = 0.5 + rng.random(20)
    found = alpha_max(
        to_format(X),
        y,
        l1_ratio=l1_ratio,
        fit_intercept=fit_intercept,
        sample_weight=weight,
        feature_weights=feature_weights,
    )
    intercept = np.average(y, weights=weight) if fit_intercept else 0.0
    slopes, _ = gradient(X, y, np.zeros(20), intercept, weight)
    assert found == pytest.approx((abs(slopes) / feature_weights).max() / l1_ratio)


def test_alpha_max_of_classes_is_the_largest_gradient_at_zero(X, y):
    labels = y > 1.0
    at_zero = np.log(labels.mean() / (1.0 - labels.mean()))
    slopes, _ = gradient(X, labels, np.zeros(20), at_zero, logistic=True)
    assert alpha_max(X, labels, loss="logistic") == pytest.approx(abs(slopes).max())
    balanced = alpha_max(X, labels, loss="logistic", class_weight="balanced")
    weight = np.where(labels, 1.0 / labels.sum(), 1.0 / (~labels).sum())
    slopes, _ = gradient(X, labels, np.zeros(20), 0.0, weight, logistic=True)
    assert balanced == pytest.approx(abs(slopes).max())


@pytest.mark.parametrize("model", [Lasso(tol=1e-12), SparseLogisticRegression(tol=1e-12)])
@pytest.mark.filterwarnings("ignore:all coefficients are zero")
def test_alpha_max_is_where_the_first_coefficient_comes(model, X, y):
    loss = "logistic" if isinstance(model, SparseLogisticRegression) else "quadratic"
    y = target_for(model, y)
    top = alpha_max(X, y, loss=loss)
    assert not model.set_params(alpha=top * (1.0 + 1e-9)).fit(X, y).coef_.any()
    assert np.count_nonzero(model.set_params(alpha=0.99 * top).fit(X, y).coef_) == 1


def test_alpha_max_of_positive_coefficients_counts_one_sign(X, y):
    slopes, _ = gradient(X, y, np.zeros(20), y.mean())
    assert alpha_max(X, y, positive=True) == pytest.approx((-slopes).max())


@pytest.mark.parametrize(
    "options", [{"loss": "hinge"}, {"class_weight": "balanced"}, {"l1_ratio": 2.0}]
)
def test_alpha_max_refuses_what_has_no_meaning(options, X, y):
    with pytest.raises(ValueError, match=next(iter(options))):
        alpha_max(X, y, **options)
