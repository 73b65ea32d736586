"""The displays read models and searches, and draw what these hold."""

import numpy as np
import pytest
from sklearn import linear_model as sk
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from sparsekit.datasets import make_sparse_regression
from sparsekit.inspection import CoefficientPathDisplay, CVCurveDisplay
from sparsekit.linear_model import (
    ElasticNet,
    ElasticNetCV,
    Lasso,
    LassoCV,
    SparseLogisticRegression,
    SparseLogisticRegressionCV,
    lasso_path,
)
from sparsekit.model_selection import PathGridSearchCV

ALPHAS = np.geomspace(3.0, 0.03, 8)
TEXTS = ["free prize now", "call me later", "free call now", "see you later"] * 6
LABELS = np.array(["spam", "ham", "spam", "ham"] * 6)


@pytest.fixture(scope="module")
def regression():
    return make_sparse_regression(
        n_samples=90, n_features=40, n_informative=6, snr=5.0, random_state=0
    )


@pytest.fixture(scope="module")
def labels(regression):
    _, y = regression
    return np.array(["low", "middle", "high"])[np.digitize(y, np.quantile(y, [1 / 3, 2 / 3]))]


@pytest.fixture(scope="module")
def lasso(regression):
    return LassoCV(alphas=15, cv=4).fit(*regression)


@pytest.fixture(scope="module")
def search(regression):
    pipeline = make_pipeline(MaxAbsScaler(), ElasticNet())
    grid = {"elasticnet__l1_ratio": [0.5, 1.0], "elasticnet__alpha": ALPHAS[::-1].tolist()}
    scoring = "neg_mean_squared_error"
    return PathGridSearchCV(pipeline, grid, scoring=scoring, cv=4).fit(*regression)


def full_coefs(display, n_features):
    """Return the display's coefficients with the rows of zeros put back."""
    coefs = np.zeros((n_features, len(display.alphas)))
    coefs[display.features] = display.coefs
    return coefs


def test_the_path_of_lasso_cv_is_drawn(pyplot, lasso):
    display = CoefficientPathDisplay.from_estimator(lasso)
    expected = np.column_stack([lasso.coef_at(alpha) for alpha in lasso.alphas_])
    np.testing.assert_array_equal(display.alphas, lasso.alphas_)
    np.testing.assert_array_equal(full_coefs(display, 40), expected)
    assert display.min_line_.get_xdata()[0] == lasso.alpha_min_
    assert display.one_se_line_.get_xdata()[0] == lasso.alpha_1se_


def test_the_curve_of_lasso_cv_is_drawn(pyplot, lasso):
    display = CVCurveDisplay.from_estimator(lasso)
    np.testing.assert_array_equal(display.line_.get_xdata(), lasso.alphas_)
    np.testing.assert_allclose(display.line_.get_ydata(), lasso.mse_path_.mean(axis=1))
    np.testing.assert_array_equal(
        display.n_nonzero, [np.count_nonzero(lasso.coef_at(alpha)) for alpha in lasso.alphas_]
    )
    assert (display.alpha_min, display.alpha_1se) == (lasso.alpha_min_, lasso.alpha_1se_)
    assert "mean squared error" in display.ax_.get_ylabel()


@pytest.mark.parametrize("alphas", [6, ALPHAS])
def test_every_l1_ratio_has_a_curve(pyplot, regression, alphas):
    model = ElasticNetCV(l1_ratio=[0.3, 0.7, 1.0], alphas=alphas, cv=3).fit(*regression)
    display = CVCurveDisplay.from_estimator(model)
    others = [name for name, _, _ in display.others]
    drawn = dict(zip([display.name, *others], [display.line_, *display.other_lines_]))
    grids = np.broadcast_to(model.alphas_, model.mse_path_.shape[:2])
    assert display.name == f"l1_ratio={model.l1_ratio_:g}"
    for ratio, grid, scores in zip([0.3, 0.7, 1.0], grids, model.mse_path_):
        line = drawn[f"l1_ratio={ratio:g}"]
        np.testing.assert_array_equal(line.get_xdata(), grid)
        np.testing.assert_allclose(line.get_ydata(), scores.mean(axis=1))


def test_a_log_likelihood_is_drawn_as_the_loss_it_negates(pyplot, regression, labels):
    X, _ = regression
    model = SparseLogisticRegressionCV(alphas=6, cv=3).fit(X, labels == "low")
    display = CVCurveDisplay.from_estimator(model)
    drawn = display.line_.get_ydata()
    np.testing.assert_allclose(drawn, -model.scores_.mean(axis=1))
    assert display.ax_.get_ylabel().startswith("log loss")
    assert display.alphas[drawn.argmin()] == display.alpha_min == model.alpha_min_


def test_an_accuracy_is_drawn_as_it_is(pyplot, regression, labels):
    X, _ = regression
    model = SparseLogisticRegressionCV(alphas=6, cv=3, scoring="accuracy").fit(X, labels == "low")
    display = CVCurveDisplay.from_estimator(model)
    drawn = display.line_.get_ydata()
    np.testing.assert_allclose(drawn, model.scores_.mean(axis=1))
    assert display.greater_is_better
    assert display.alphas[drawn.argmax()] == display.alpha_min == model.alpha_min_


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_coefficients_of_one_class_are_drawn(pyplot, regression, labels, place):
    X, _ = regression
    model = SparseLogisticRegressionCV(alphas=6, cv=3).fit(X, labels)
    label = model.classes_[place]
    display = CoefficientPathDisplay.from_estimator(model, target=label)
    expected = np.column_stack([model.coef_at(alpha)[place] for alpha in model.alphas_])
    np.testing.assert_array_equal(full_coefs(display, 40), expected)
    assert f"class {label}" in display.ax_.get_ylabel()


def test_several_classes_need_a_target(pyplot, regression, labels):
    X, _ = regression
    model = SparseLogisticRegression()
    with pytest.raises(ValueError, match=r"`target` must be one of \['high', 'low', 'middle'\]"):
        CoefficientPathDisplay.from_estimator(model, X, labels, alphas=[0.1, 0.05])


def test_two_classes_are_named_by_the_second(pyplot):
    X = CountVectorizer().fit_transform(TEXTS)
    model = SparseLogisticRegression()
    display = CoefficientPathDisplay.from_estimator(model, X, LABELS, alphas=[0.1, 0.01])
    assert "class spam" in display.ax_.get_ylabel()


def test_a_model_without_a_path_walks_one(pyplot, regression):
    X, y = regression
    display = CoefficientPathDisplay.from_estimator(Lasso(tol=1e-8), X, y, alphas=ALPHAS[::-1])
    # lasso_path fits no intercept, which centring makes up for.
    _, centred, _ = lasso_path(X - X.mean(axis=0), y - y.mean(), alphas=ALPHAS, tol=1e-8)
    np.testing.assert_array_equal(display.alphas, ALPHAS)
    np.testing.assert_allclose(full_coefs(display, 40), centred, atol=1e-3)


@pytest.mark.parametrize("model", [Lasso(), ElasticNet(l1_ratio=0.3), Lasso(fit_intercept=False)])
def test_a_path_begins_where_the_first_feature_enters(pyplot, regression, model):
    display = CoefficientPathDisplay.from_estimator(model, *regression)
    assert len(display.alphas) == 100
    assert not display.coefs[:, 0].any() and display.coefs[:, 1].any()


def test_one_column_of_several_targets_is_drawn(pyplot, regression):
    X, y = regression
    display = CoefficientPathDisplay.from_estimator(
        Lasso(), X, np.column_stack([-y, y]), alphas=ALPHAS, target=1
    )
    alone = CoefficientPathDisplay.from_estimator(Lasso(), X, y, alphas=ALPHAS)
    np.testing.assert_allclose(full_coefs(display, 40), full_coefs(alone, 40), atol=1e-6)


def test_the_words_of_a_pipeline_name_the_lines(pyplot):
    pipeline = make_pipeline(CountVectorizer(), SparseLogisticRegressionCV(alphas=5, cv=3))
    display = CoefficientPathDisplay.from_estimator(pipeline.fit(TEXTS, LABELS))
    vocabulary = pipeline[0].get_feature_names_out()
    assert display.names == vocabulary[display.features].tolist()
    assert {label.get_text() for label in display.labels_} <= set(vocabulary)


def test_names_given_come_before_names_found(pyplot):
    pipeline = make_pipeline(CountVectorizer(), SparseLogisticRegressionCV(alphas=5, cv=3))
    pipeline.fit(TEXTS, LABELS)
    names = [f"word {j}" for j in range(len(pipeline[0].vocabulary_))]
    display = CoefficientPathDisplay.from_estimator(pipeline, feature_names=names)
    assert set(display.names) <= set(names)


def test_columns_of_a_frame_name_the_lines(pyplot, regression):
    pandas = pytest.importorskip("pandas")
    X, y = regression
    frame = pandas.DataFrame(X, columns=[f"gene {j}" for j in range(40)])
    display = CoefficientPathDisplay.from_estimator(LassoCV(alphas=6, cv=3).fit(frame, y))
    assert display.names == [f"gene {j}" for j in display.features]


def test_a_search_draws_the_curve_through_its_best_candidate(pyplot, search):
    display = CVCurveDisplay.from_estimator(search)
    results = search.cv_results_
    mean = {
        (params["elasticnet__l1_ratio"], params["elasticnet__alpha"]): -score
        for params, score in zip(results["params"], results["mean_test_score"])
    }
    best = search.best_params_["elasticnet__l1_ratio"]
    (other,) = {0.5, 1.0} - {best}
    (other_line,) = display.other_lines_
    assert display.name == f"l1_ratio={best}"
    for ratio, line in [(best, display.line_), (other, other_line)]:
        np.testing.assert_array_equal(line.get_xdata(), ALPHAS)
        np.testing.assert_allclose(line.get_ydata(), [mean[ratio, alpha] for alpha in ALPHAS])
    assert display.alpha_min == search.best_params_["elasticnet__alpha"]
    chosen = results["params"][search.best_index_1se_]
    assert display.alpha_1se == chosen["elasticnet__alpha"]
    assert display.count_ax_ is None


def test_a_search_counts_coefficients_on_the_data_given(pyplot, search, regression):
    display = CVCurveDisplay.from_estimator(search, *regression)
    path = CoefficientPathDisplay.from_estimator(search, *regression)
    np.testing.assert_array_equal(path.alphas, ALPHAS)
    np.testing.assert_array_equal(display.n_nonzero, np.count_nonzero(path.coefs, axis=0))
    chosen = path.coefs[:, path.alphas == search.best_params_["elasticnet__alpha"]].ravel()
    fitted = search.best_estimator_[-1].coef_[path.features]
    np.testing.assert_allclose(chosen, fitted, atol=0.01 * np.abs(fitted).max())
    assert (path.alpha_min, path.alpha_1se) == (display.alpha_min, display.alpha_1se)


def test_a_plain_grid_search_is_drawn(pyplot, regression):
    search = GridSearchCV(sk.Lasso(), {"alpha": ALPHAS.tolist()}, cv=3).fit(*regression)
    display = CVCurveDisplay.from_estimator(search)
    np.testing.assert_allclose(display.line_.get_ydata(), search.cv_results_["mean_test_score"])
    assert display.greater_is_better and display.alpha_min == search.best_params_["alpha"]


def test_one_metric_of_several_is_drawn(pyplot, regression):
    search = PathGridSearchCV(
        Lasso(), {"alpha": ALPHAS.tolist()}, scoring=["r2", "neg_mean_squared_error"], refit="r2"
    ).fit(*regression)
    display = CVCurveDisplay.from_estimator(search)
    np.testing.assert_allclose(display.line_.get_ydata(), search.cv_results_["mean_test_r2"])
    assert display.score_name == "r2"


def test_the_curve_of_scikit_learns_lasso_cv_is_drawn(pyplot, regression):
    model = sk.LassoCV(cv=3).fit(*regression)
    display = CVCurveDisplay.from_estimator(model)
    np.testing.assert_allclose(display.line_.get_ydata(), model.mse_path_.mean(axis=1))
    assert display.alpha_min == model.alpha_ <= display.alpha_1se


@pytest.mark.parametrize("display", [CoefficientPathDisplay, CVCurveDisplay])
def test_a_model_that_is_not_fitted_is_refused(pyplot, display):
    with pytest.raises(NotFittedError):
        display.from_estimator(LassoCV())


def test_a_model_that_holds_no_path_asks_for_data(pyplot, regression):
    with pytest.raises(ValueError, match="Lasso holds no path. Pass `X` and `y`"):
        CoefficientPathDisplay.from_estimator(Lasso(alpha=0.1).fit(*regression))


@pytest.mark.parametrize("display", [CoefficientPathDisplay, CVCurveDisplay])
def test_a_model_of_another_kind_is_refused(pyplot, display, regression):
    with pytest.raises(TypeError, match="LinearRegression"):
        display.from_estimator(sk.LinearRegression().fit(*regression), *regression)


def test_a_search_without_alpha_is_refused(pyplot, regression):
    search = GridSearchCV(sk.ElasticNet(alpha=0.1), {"l1_ratio": [0.5, 1.0]}).fit(*regression)
    with pytest.raises(ValueError, match="must try positive values of 'alpha'"):
        CVCurveDisplay.from_estimator(search)


def test_a_penalty_without_an_l1_part_needs_alphas(pyplot, regression):
    with pytest.raises(ValueError, match="Pass `alphas`, or a larger `l1_ratio`"):
        CoefficientPathDisplay.from_estimator(ElasticNet(l1_ratio=0.0), *regression)
