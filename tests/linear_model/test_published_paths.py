"""The paths that R's glmnet and lars print, under the conventions stated beside them."""

import numpy as np
import pytest

from sparsekit.linear_model import ElasticNet, Lasso, LassoCV, SparseLogisticRegression, lasso_path

pandas = pytest.importorskip("pandas")

TIGHT = 1e-12
# Most strengths of a path compared, from near its begin to its end.
MOST_POINTS = 12


@pytest.fixture
def published(shared):
    """Return a function that reads one of the result files."""
    return lambda name: pandas.read_csv(shared / "truth" / "r_outputs" / name)


@pytest.fixture
def load(shared):
    """Return a function that reads X and y of a data set."""

    def load_npz(name):
        with np.load(shared / "data" / f"{name}.npz") as data:
            return data[data.files[0]].astype(float), np.ravel(data["y"])

    return load_npz


@pytest.fixture
def diabetes(shared):
    """Ten columns of unit norm, and y."""
    table = pandas.read_csv(shared / "data" / "classics" / "diabetes_lars.csv")
    return table.drop(columns="y").to_numpy(), table["y"].to_numpy()


class GlmnetPath:
    """Strengths, intercepts and dense coefficients of a result file."""

    def __init__(self, published, name, n_features):
        path = published(f"{name}_path.csv.gz")
        stored = published(f"{name}_coef.csv.gz")
        coefs = np.zeros((len(path), n_features))
        coefs[stored["step"], stored["feature"]] = stored["coef"]
        places = np.unique(np.linspace(3, len(path) - 1, MOST_POINTS).astype(int))
        self.strengths = path["lambda"].to_numpy()[places]
        self.intercepts = path["intercept"].to_numpy()[places]
        self.deviance_ratios = path["dev_ratio"].to_numpy()[places]
        self.coefs = coefs[places]


def scales(X, weight=None):
    """Return the standard deviations of the columns, divided by n as glmnet does."""
    mean = np.average(X, axis=0, weights=weight)
    return np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weight))


def assert_same_path(found, expected, rtol):
    """Compare fitted copies with a result file, relative to the largest coefficient."""
    coefs = np.array([np.ravel(model.coef_) for model in found])
    size = abs(expected.coefs).max(axis=1, keepdims=True)
    np.testing.assert_allclose(coefs / size, expected.coefs / size, atol=rtol)
    intercepts = np.array([np.ravel(model.intercept_)[0] for model in found])
    np.testing.assert_allclose(intercepts, expected.intercepts, rtol=10 * rtol, atol=10 * rtol)


class Rescaled:
    """Fit on scaled columns, and give coefficients of the columns as they were."""

    def __init__(self, model, scale):
        self.model, self.scale = model, scale

    def fit_path(self, X, y, alphas, sample_weight=None):
        for fitted in self.model.fit_path(X / self.scale, y, alphas, sample_weight):
            fitted.coef_ = fitted.coef_ / self.scale
            yield fitted


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lasso", {}),
        ("positive", {"positive": True}),
        ("penfactor", {"feature_weights": np.tile([1, 0.5, 2, 0, 1], 4) * 20 / 18}),
        ("lasso_nostd", {}),
    ],
)
def test_the_lasso_of_glmnet(load, published, name, options):
    X, y = load("glmnet_examples/QuickStartExample")
    expected = GlmnetPath(published, f"glmnet_quickstart_{name}", X.shape[1])
    scale = np.ones(X.shape[1]) if name == "lasso_nostd" else scales(X)
    found = Rescaled(Lasso(tol=TIGHT, **options), scale).fit_path(X, y, expected.strengths)
    assert_same_path(list(found), expected, 1e-6)


def test_the_weighted_lasso_of_glmnet(load, published):
    X, y = load("glmnet_examples/QuickStartExample")
    weight = np.tile([1.0, 2.0, 0.5, 1.0], len(y) // 4)
    expected = GlmnetPath(published, "glmnet_quickstart_weights", X.shape[1])
    model = Rescaled(Lasso(tol=TIGHT), scales(X, weight))
    assert_same_path(list(model.fit_path(X, y, expected.strengths, weight)), expected, 1e-6)


@pytest.mark.parametrize(("name", "mixture"), [("enet05", 0.5), ("ridge", 0.0)])
def test_the_elastic_net_of_glmnet(load, published, name, mixture):
    X, y = load("glmnet_examples/QuickStartExample")
    expected = GlmnetPath(published, f"glmnet_quickstart_{name}", X.shape[1])
    # glmnet divides y by its standard deviation, so that the square's strength is divided too.
    total = mixture + (1.0 - mixture) / y.std()
    model = Rescaled(ElasticNet(l1_ratio=mixture / total, tol=TIGHT), scales(X))
    found = model.fit_path(X, y, expected.strengths * total)
    assert_same_path(list(found), expected, 1e-6)


@pytest.mark.parametrize("name", ["lasso", "enet05"])
def test_the_diabetes_paths_of_glmnet(diabetes, published, name):
    X, y = diabetes
    expected = GlmnetPath(published, f"glmnet_diabetes_{name}", X.shape[1])
    mixture = 1.0 if name == "lasso" else 0.5
    total = mixture + (1.0 - mixture) / y.std()
    model = ElasticNet(l1_ratio=mixture / total, tol=TIGHT)
    # Three columns are nearly dependent, so that the files are good to 2e-5 only.
    assert_same_path(list(model.fit_path(X, y, expected.strengths * total)), expected, 5e-5)


def test_the_riboflavin_path_of_glmnet(load, published):
    X, y = load("riboflavin/riboflavin")
    expected = GlmnetPath(published, "glmnet_riboflavin_lasso", X.shape[1])
    model = Rescaled(Lasso(tol=1e-10), scales(X))
    # The file itself is good to 3e-5.
    assert_same_path(list(model.fit_path(X, y, expected.strengths)), expected, 3e-4)


@pytest.mark.parametrize(("name", "mixture"), [("lasso", 1.0), ("enet05", 0.5)])
def test_the_logistic_regression_of_glmnet(load, published, name, mixture):
    X, y = load("glmnet_examples/BinomialExample")
    expected = GlmnetPath(published, f"glmnet_binomial_{name}", X.shape[1])
    model = Rescaled(SparseLogisticRegression(l1_ratio=mixture, tol=1e-10), scales(X))
    # The files are good to 2e-9 at strong penalties and to 1e-5 at weak ones.
    assert_same_path(list(model.fit_path(X, y, expected.strengths)), expected, 1e-4)


def test_the_leukaemia_path_of_glmnet(load, published):
    X, y = load("golub/golub")
    expected = GlmnetPath(published, "glmnet_golub_logistic", X.shape[1])
    scale = scales(X)
    scale[scale == 0] = 1.0
    model = Rescaled(SparseLogisticRegression(tol=1e-11), scale)
    assert_same_path(list(model.fit_path(X, y, expected.strengths)), expected, 1e-3)


def test_the_folds_of_glmnet(diabetes, published):
    X, y = diabetes
    expected = published("cvglmnet_diabetes_path.csv.gz")
    best = published("cvglmnet_diabetes_best.csv").set_index("name")["value"]
    fold = np.arange(len(y)) % 10
    splits = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(10)]
    model = LassoCV(alphas=expected["lambda"].to_numpy(), cv=splits, tol=1e-9).fit(X, y)
    sizes = np.bincount(fold)
    mean = np.average(model.mse_path_, axis=1, weights=sizes)
    # Each fold of glmnet walks strengths of its own and interpolates between them.
    np.testing.assert_allclose(mean, expected["cvm"], rtol=5e-3)
    spread = np.average((model.mse_path_ - mean[:, None]) ** 2, axis=1, weights=sizes)
    np.testing.assert_allclose(np.sqrt(spread / 9), expected["cvsd"], rtol=3e-2)
    assert model.alpha_1se_ == pytest.approx(best["lambda_1se"])


def test_the_summary_of_glmnet(diabetes, published):
    X, y = diabetes
    path = published("glmnet_diabetes_lasso_path.csv.gz")
    model = LassoCV(alphas=path["lambda"].to_numpy(), cv=3, tol=1e-10).fit(X, y)
    summary = model.path_summary()
    np.testing.assert_allclose(summary.deviance_ratio, path["dev_ratio"], atol=1e-6)
    np.testing.assert_array_equal(summary.n_nonzero[1:], path["df"][1:])


def test_the_knots_of_lars(diabetes, published):
    X, y = diabetes
    knots = published("lars_diabetes_lasso.csv.gz")
    X, y = X - X.mean(axis=0), y - y.mean()
    strengths = knots["lambda"].to_numpy()[1:-1] / len(y)
    _, coefs, _ = lasso_path(X, y, alphas=strengths, tol=1e-13)
    expected = knots.iloc[1:-1, 4:].to_numpy().T
    np.testing.assert_allclose(coefs, expected, atol=1e-5 * abs(expected).max())
