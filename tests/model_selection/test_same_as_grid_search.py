"""PathGridSearchCV gives what GridSearchCV gives: layout, order, scores, choice."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, make_scorer, mean_squared_error
from sklearn.model_selection import GridSearchCV, GroupKFold, PredefinedSplit, ShuffleSplit
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from sparsekit.model_selection import PathGridSearchCV
from tests.model_selection.path_estimators import PathLogistic, PathRidge

ALPHAS = [0.01, 10.0, 1.0, 0.1]


@pytest.fixture(scope="module")
def regression():
    return make_regression(n_samples=60, n_features=8, noise=5.0, random_state=0)


@pytest.fixture(scope="module")
def classification():
    X, y = make_classification(n_samples=90, n_features=8, flip_y=0.2, random_state=0)
    return X, np.array(["ham", "spam"])[y]


@pytest.fixture(scope="module")
def texts():
    words = np.array("win cash now hello friend lunch today prize call home".split())
    draw = np.random.default_rng(0)
    spam = draw.random(80) < 0.4
    odds = np.where(spam[:, None], [4, 4, 2, 1, 1, 1, 1, 4, 2, 1], [1, 1, 2, 4, 4, 3, 2, 1, 2, 3])
    docs = [" ".join(draw.choice(words, 12, p=p / p.sum())) for p in odds]
    return np.array(docs), spam.astype(int)


def assert_same_results(ours, theirs, rtol=1e-6):
    assert list(ours) == list(theirs)
    for key, expected in theirs.items():
        found = ours[key]
        if key == "params":
            assert found == expected
        elif key.startswith("param_"):
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found.mask, expected.mask)
            assert list(found.compressed()) == list(expected.compressed())
        elif key.startswith("rank_"):
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)
        elif key.endswith("_time"):
            assert found.shape == expected.shape and (found >= 0).all()
        else:
            np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol)


def assert_same_search(estimator, grid, X, y, fit_params=None, **options):
    theirs = GridSearchCV(clone(estimator), grid, **options).fit(X, y, **(fit_params or {}))
    ours = PathGridSearchCV(clone(estimator), grid, **options).fit(X, y, **(fit_params or {}))
    assert_same_results(ours.cv_results_, theirs.cv_results_)
    assert ours.n_splits_ == theirs.n_splits_
    assert ours.multimetric_ == theirs.multimetric_
    for name in ("best_index_", "best_params_", "best_score_", "best_estimator_", "classes_"):
        assert hasattr(ours, name) == hasattr(theirs, name), name
    if hasattr(theirs, "best_index_"):
        assert ours.best_index_ == theirs.best_index_
    if hasattr(theirs, "best_estimator_"):
        np.testing.assert_array_equal(ours.predict(X[:9]), theirs.predict(X[:9]))
        assert ours.score(X, y) == pytest.approx(theirs.score(X, y))
    return ours


GRIDS = {
    "alpha": {"alpha": ALPHAS},
    "array": {"alpha": np.logspace(1, -2, 5)},
    "mixed numbers": {"alpha": [np.float32(0.5), 1, np.int64(2), 0.25]},
    "alpha and another": {"alpha": ALPHAS, "scale": [1.0, 3.0]},
    "without alpha": {"scale": [1.0, 3.0]},
    "list": [{"alpha": ALPHAS, "scale": [2.0]}, {"scale": [1.0, 5.0]}, {"alpha": [3.0]}],
    "repeated": [{"alpha": [1.0, 1.0, 0.1]}, {"alpha": [1.0], "scale": [1.0]}],
    "empty": [{}],
}


@pytest.mark.parametrize("name", GRIDS)
def test_grids_of_a_bare_estimator(name, regression):
    assert_same_search(PathRidge(), GRIDS[name], *regression)


PIPELINES = {
    "plain": (make_pipeline(StandardScaler(), PathRidge()), {"pathridge__alpha": ALPHAS}),
    "pre-step in the grid": (
        Pipeline([("best", SelectKBest(f_regression)), ("last", PathRidge())]),
        {"last__alpha": ALPHAS, "best__k": [2, 5], "last__scale": [1.0, 2.0]},
    ),
    "passthrough": (
        Pipeline([("scale", "passthrough"), ("last", PathRidge())]),
        {"scale": ["passthrough", StandardScaler(), MaxAbsScaler()], "last__alpha": ALPHAS},
    ),
    "only one step": (make_pipeline(PathRidge()), {"pathridge__alpha": ALPHAS}),
    "nested": (
        make_pipeline(StandardScaler(), make_pipeline(MaxAbsScaler(), PathRidge())),
        {"pipeline__pathridge__alpha": ALPHAS, "pipeline__maxabsscaler": [MaxAbsScaler(), None]},
    ),
    "nested before the last": (
        make_pipeline(make_pipeline(StandardScaler(), SelectKBest(f_regression, k=3)), PathRidge()),
        {"pathridge__alpha": ALPHAS, "pipeline__selectkbest__k": [2, 4]},
    ),
    "union": (
        make_pipeline(
            FeatureUnion([("all", StandardScaler()), ("few", SelectKBest(f_regression, k=2))]),
            PathRidge(),
        ),
        {"pathridge__alpha": ALPHAS, "featureunion__few__k": [1, 2]},
    ),
    "last step in the grid": (
        Pipeline([("scale", StandardScaler()), ("last", Ridge())]),
        [
            {"last": [PathRidge(), PathRidge(scale=2.0), Ridge()], "last__alpha": ALPHAS},
            {"last": [DecisionTreeRegressor(random_state=0)], "last__max_depth": [1, 2]},
        ],
    ),
    "steps in the grid": (
        Pipeline([("last", PathRidge())]),
        {"steps": [[("last", PathRidge())], [("s", StandardScaler()), ("last", PathRidge())]]},
    ),
    "inner pipeline in the grid": (
        Pipeline([("scale", StandardScaler()), ("model", make_pipeline(PathRidge()))]),
        {
            "model": [make_pipeline(PathRidge()), make_pipeline(MaxAbsScaler(), PathRidge())],
            "model__pathridge__alpha": ALPHAS,
        },
    ),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_pipelines(name, regression):
    assert_same_search(*PIPELINES[name], *regression, return_train_score=True)


def test_pipeline_with_a_cache(tmp_path, regression):
    pipeline = make_pipeline(StandardScaler(), PathRidge(), memory=str(tmp_path))
    assert_same_search(pipeline, {"pathridge__alpha": ALPHAS}, *regression)


@pytest.mark.parametrize("convert", [sparse.csr_matrix, sparse.csc_array, pd.DataFrame, list])
def test_kinds_of_data(convert, regression):
    X, y = regression
    assert_same_search(PathRidge(), {"alpha": ALPHAS}, convert(X), list(y))


def test_text_pipeline_shares_nothing_it_should_not(texts):
    pipeline = Pipeline(
        [("count", CountVectorizer()), ("tfidf", TfidfTransformer()), ("last", PathLogistic())]
    )
    grid = {
        "last__alpha": ALPHAS,
        "count__ngram_range": [(1, 1), (1, 2)],
        "tfidf__use_idf": [True, False],
        "last__fit_intercept": [True, False],
    }
    assert_same_search(pipeline, grid, *texts, cv=3)


def test_estimator_without_a_path(regression):
    assert_same_search(Ridge(), {"alpha": ALPHAS, "fit_intercept": [True, False]}, *regression)


def _two_metrics(estimator, X, y):
    found = estimator.predict(X)
    return {"error": -mean_squared_error(y, found), "largest": -np.abs(found - y).max()}


def _worst_of_two(results):
    return int(results["mean_test_score"].argmin())


SCORINGS = {
    "name": {"scoring": "neg_mean_absolute_error"},
    "scorer": {"scoring": make_scorer(mean_squared_error, greater_is_better=False)},
    "function": {"scoring": lambda e, X, y: -np.abs(e.predict(X) - y).max()},
    "names": {"scoring": ["r2", "neg_mean_squared_error"], "refit": "r2"},
    "names, no refit": {"scoring": ["r2", "neg_mean_squared_error"], "refit": False},
    "dict": {"scoring": {"a": "r2", "b": make_scorer(mean_squared_error)}, "refit": "b"},
    "function of several": {"scoring": _two_metrics, "refit": "largest"},
    "no refit": {"refit": False},
    "callable refit": {"refit": _worst_of_two},
}


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("name", SCORINGS)
def test_scorings(name, train, regression):
    pipeline = make_pipeline(StandardScaler(), PathRidge())
    grid = {"pathridge__alpha": ALPHAS}
    assert_same_search(pipeline, grid, *regression, return_train_score=train, **SCORINGS[name])


@pytest.mark.parametrize(
    "scoring", ["roc_auc", "neg_log_loss", "f1_macro", ["accuracy", "roc_auc", "neg_log_loss"]]
)
def test_scorings_of_classes(scoring, classification):
    refit = "roc_auc" if isinstance(scoring, list) else True
    pipeline = make_pipeline(StandardScaler(), PathLogistic())
    grid = {"pathlogistic__alpha": ALPHAS}
    assert_same_search(pipeline, grid, *classification, scoring=scoring, refit=refit)


class _RowsAndSteps:
    """Scorer that looks at the rows, at the steps, and at rows that it makes itself."""

    def __call__(self, estimator, X, y):
        assert X.shape[1] == 8 and isinstance(estimator, Pipeline)
        scaler, last = estimator[0], estimator[-1]
        by_hand = last.predict(scaler.transform(np.array(X)))
        np.testing.assert_allclose(by_hand, estimator.predict(X))
        shifted = estimator.predict(X + 1.0) - estimator.predict(X)
        return float(
            np.mean(scaler.mean_) + X.sum() + last.alpha * shifted.mean() - np.ptp(y - by_hand)
        )


def test_scorer_that_looks_at_rows_and_steps(regression):
    pipeline = make_pipeline(StandardScaler(), PathRidge())
    assert_same_search(
        pipeline,
        {"pathridge__alpha": ALPHAS, "pathridge__scale": [1.0, 2.0]},
        *regression,
        scoring=_RowsAndSteps(),
    )


def test_train_scores_come_from_transform_not_from_fit_transform(texts):
    class OtherAtFit(TfidfVectorizer):
        def fit_transform(self, raw_documents, y=None):
            return 3.0 * super().fit_transform(raw_documents, y)

    assert_same_search(
        Pipeline([("tfidf", OtherAtFit()), ("last", PathLogistic())]),
        {"last__alpha": ALPHAS},
        *texts,
        scoring="neg_log_loss",
        return_train_score=True,
    )


@pytest.mark.parametrize(
    "cv",
    [3, ShuffleSplit(4, random_state=1), PredefinedSplit(np.arange(60) % 3)],
    ids=["int", "shuffled", "predefined"],
)
def test_splitters(cv, regression):
    assert_same_search(PathRidge(), {"alpha": ALPHAS}, *regression, cv=cv)


def test_splits_as_a_generator(regression):
    rows = np.arange(60)
    for search in (GridSearchCV, PathGridSearchCV):
        splits = ((rows[rows % 3 != k], rows[rows % 3 == k]) for k in range(3))
        fitted = search(PathRidge(), {"alpha": ALPHAS}, cv=splits).fit(*regression)
        if search is GridSearchCV:
            expected = fitted.cv_results_
    assert_same_results(fitted.cv_results_, expected)


def test_groups_reach_the_splitter(regression):
    groups = np.repeat(np.arange(12), 5)
    assert_same_search(
        PathRidge(), {"alpha": ALPHAS}, *regression, {"groups": groups}, cv=GroupKFold(4)
    )


def test_jobs_in_other_processes(regression):
    assert_same_search(
        make_pipeline(StandardScaler(), PathRidge()),
        {"pathridge__alpha": ALPHAS, "standardscaler__with_mean": [True, False]},
        *regression,
        n_jobs=2,
    )


def test_transformer_without_labels():
    X = np.random.default_rng(0).normal(size=(30, 4))
    grid = {"by": [1.0, 2.0]}

    class Spread(PathRidge):
        def __init__(self, alpha=1.0, by=1.0):
            self.alpha = alpha
            self.by = by

        def fit(self, X, y=None):
            self.spread_ = self.by * np.std(X) + self.alpha
            return self

        def fit_path(self, X, y, alphas):
            assert y is None
            return (clone(self).set_params(alpha=alpha).fit(X) for alpha in alphas)

        def score(self, X, y=None):
            return -abs(self.spread_ - np.std(X))

    for extra in ({}, {"alpha": [0.1, 1.0]}):
        theirs = GridSearchCV(Spread(), grid | extra).fit(X)
        ours = PathGridSearchCV(Spread(), grid | extra).fit(X)
        assert_same_results(ours.cv_results_, theirs.cv_results_)


def test_accuracy_by_a_plain_function_of_the_fold(classification):
    def accuracy(estimator, X, y):
        return accuracy_score(y, estimator.predict(X))

    pipeline = make_pipeline(StandardScaler(), PathLogistic())
    assert_same_search(pipeline, {"pathlogistic__alpha": ALPHAS}, *classification, scoring=accuracy)
