"""Weights and other metadata reach the steps, the path, the scorers and the splitter."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.datasets import make_regression
from sklearn.metrics import make_scorer, mean_squared_error
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sparsekit._sklearn import HAS_CALLBACKS
from sparsekit.model_selection import PathGridSearchCV
from tests.model_selection.path_estimators import PathRidge
from tests.model_selection.test_same_as_grid_search import assert_same_results

ALPHAS = [0.1, 10.0, 1.0]


@pytest.fixture(scope="module")
def data():
    return make_regression(n_samples=48, n_features=4, noise=30.0, random_state=0)


@pytest.fixture(scope="module")
def weight():
    return np.random.default_rng(0).integers(0, 4, 48) + 0.5


def assert_same(estimator, grid, data, options=None, **fit_params):
    theirs = GridSearchCV(estimator, grid, **(options or {})).fit(*data, **fit_params)
    ours = PathGridSearchCV(estimator, grid, **(options or {})).fit(*data, **fit_params)
    assert_same_results(ours.cv_results_, theirs.cv_results_)
    np.testing.assert_allclose(ours.predict(data[0]), theirs.predict(data[0]))
    return ours


def test_weights_of_a_bare_estimator(data, weight):
    weighted = assert_same(PathRidge(), {"alpha": ALPHAS}, data, sample_weight=weight)
    plain = PathGridSearchCV(PathRidge(), {"alpha": ALPHAS}).fit(*data)
    assert not np.allclose(
        weighted.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"]
    )


def test_weights_of_steps(data, weight):
    pipeline = Pipeline([("scale", StandardScaler()), ("last", PathRidge())])
    metadata = {"last__sample_weight": weight, "scale__sample_weight": weight**2}
    assert_same(pipeline, {"last__alpha": ALPHAS}, data, **metadata)


def test_weights_of_a_nested_last_step(data, weight):
    inner = Pipeline([("scale", StandardScaler()), ("last", PathRidge())])
    assert_same(
        Pipeline([("inner", inner)]),
        {"inner__last__alpha": ALPHAS},
        data,
        inner__last__sample_weight=weight,
    )


def test_weights_that_a_pipeline_cannot_place_are_an_error(data, weight):
    pipeline = Pipeline([("scale", StandardScaler()), ("last", PathRidge())])
    with pytest.raises(ValueError, match="stepname__parameter"):
        PathGridSearchCV(pipeline, {"last__alpha": ALPHAS}).fit(*data, sample_weight=weight)


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routing")
def test_routed_weights_and_groups(data, weight):
    pipeline = Pipeline(
        [
            ("scale", StandardScaler().set_fit_request(sample_weight="first")),
            ("last", PathRidge().set_fit_request(sample_weight=True)),
        ]
    )
    scorer = make_scorer(mean_squared_error, greater_is_better=False)
    assert_same(
        pipeline,
        {"last__alpha": ALPHAS, "scale__with_mean": [True, False]},
        data,
        {"scoring": scorer.set_score_request(sample_weight=True), "cv": GroupKFold(4)},
        sample_weight=weight,
        first=weight**2,
        groups=np.repeat(np.arange(12), 4),
    )


@pytest.mark.usefixtures("routing")
def test_routed_weights_follow_the_last_step_in_the_grid(data, weight):
    asks = PathRidge().set_fit_request(sample_weight=True)
    declines = PathRidge().set_fit_request(sample_weight=False)
    pipeline = Pipeline(
        [
            ("scale", StandardScaler().set_fit_request(sample_weight=True)),
            ("last", PathRidge().set_fit_request(sample_weight=True)),
        ]
    )
    grid = {"last": [asks, declines], "last__alpha": ALPHAS}
    ours = assert_same(
        pipeline, grid, data, {"scoring": "neg_max_error"}, sample_weight=weight
    ).cv_results_["mean_test_score"]
    assert not np.allclose(ours[:3], ours[3:])


@pytest.mark.usefixtures("routing")
def test_metadata_nobody_asked_for_is_an_error(data, weight):
    with pytest.raises(TypeError, match="unexpected argument"):
        PathGridSearchCV(PathRidge(), {"alpha": ALPHAS}).fit(*data, colour=weight)


@pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn has callbacks from 1.9 on")
class TestCallbacks:
    """The tasks told to callbacks are those of GridSearchCV."""

    def tasks(self, search, data):
        told = []

        class Listener:
            def setup(self, estimator, context):
                told.append(("setup",))

            def teardown(self, estimator, context):
                told.append(("teardown",))

            def on_fit_task_begin(self, estimator, context):
                told.append(("begin", context.task_name, context.task_id))

            def on_fit_task_end(self, estimator, context, *, X=None, metadata=None):
                told.append(("end", context.task_name, context.task_id, X is None))

        search.set_callbacks(Listener()).fit(*data)
        return told

    @pytest.mark.parametrize("refit", [True, False])
    def test_tasks(self, refit, data):
        pipeline = Pipeline([("scale", StandardScaler()), ("last", PathRidge())])
        grid = {"last__alpha": ALPHAS, "scale__with_mean": [True, False]}
        ours, theirs = (
            self.tasks(search(pipeline, grid, cv=3, refit=refit), data)
            for search in (PathGridSearchCV, GridSearchCV)
        )
        assert sorted(ours, key=repr) == sorted(theirs, key=repr)
        assert ours[0] == theirs[0] and ours[-1] == theirs[-1]

    def test_a_failing_path_begins_each_task_once(self, data):
        class Short(PathRidge):
            def fit_path(self, X, y, alphas, sample_weight=None):
                return super().fit_path(X, y, alphas[:1], sample_weight)

        with pytest.warns(RuntimeWarning, match="ended early"):
            ours = self.tasks(PathGridSearchCV(Short(), {"alpha": ALPHAS}, cv=2), data)
        evaluated = [
            task[2] for task in ours if task[:2] == ("begin", "candidate-split-evaluation")
        ]
        assert sorted(evaluated) == list(range(6))

    def test_callbacks_work_across_processes(self, data, capsys):
        progress = pytest.importorskip("sklearn.callback").ProgressBar
        pytest.importorskip("rich")
        search = PathGridSearchCV(PathRidge(), {"alpha": ALPHAS}, n_jobs=2, cv=2)
        search.set_callbacks(progress(max_propagation_depth=0)).fit(*data)
        assert "search" in capsys.readouterr().out
