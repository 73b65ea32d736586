"""Progress, early stop and `verbose`: what a running fit tells, and when it listens."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sparsekit._sklearn import HAS_CALLBACKS
from sparsekit.linear_model import (
    ElasticNetCV,
    Lasso,
    LassoCV,
    SparseLogisticRegression,
    SparseLogisticRegressionCV,
)

needs_callbacks = pytest.mark.skipif(
    not HAS_CALLBACKS, reason="this scikit-learn has no callback interface"
)
MODELS = [
    Lasso(0.01, tol=1e-10),
    SparseLogisticRegression(0.01, tol=1e-10),
    LassoCV(alphas=6),
    ElasticNetCV(alphas=6, l1_ratio=[0.5, 1.0]),
    SparseLogisticRegressionCV(alphas=6, eps=0.1),
]


def by_name(model):
    return type(model).__name__


class Recorder:
    """Writes down every hook, and asks to stop at the end of the n-th task of a name."""

    def __init__(self, task=None, stop_after=None):
        self.task, self.stop_after = task, stop_after
        self.events, self.fitted = [], []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.events.append(("end", context.task_name))
        if fitted_estimator is not None:
            self.fitted.append(fitted_estimator.predict(X))
        ended = self.events.count(("end", self.task))
        return context.task_name == self.task and ended == self.stop_after


@pytest.fixture
def X(rng):
    return rng.standard_normal((60, 25))


@pytest.fixture
def y(X, rng):
    return (X[:, 0] - X[:, 1] + rng.standard_normal(60) > 0).astype(int)


@needs_callbacks
@pytest.mark.parametrize("model", MODELS, ids=by_name)
def test_every_task_begins_once_and_ends_once(model, X, y):
    recorder = Recorder()
    model.set_callbacks(recorder).fit(X, y)
    model.set_callbacks()
    events = recorder.events
    assert (events[0], events[-1]) == ("setup", "teardown")
    names = {event[1] for event in events[1:-1]}
    assert names >= {"fit", "alpha" if hasattr(model, "alphas") else "iteration"}
    for name in names:
        assert events.count(("begin", name)) == events.count(("end", name)) > 0


@needs_callbacks
@pytest.mark.parametrize("model", MODELS[2:], ids=by_name)
def test_path_points_come_fitted(model, X, y):
    recorder = Recorder()
    model.set_callbacks(recorder).fit(X, y)
    model.set_callbacks()
    assert recorder.events.count(("end", "alpha")) == 6
    assert [prediction.shape for prediction in recorder.fitted] == [(60,)] * 7
    np.testing.assert_array_equal(recorder.fitted[-1], model.predict(X))


@needs_callbacks
@pytest.mark.parametrize("model", MODELS[:2], ids=by_name)
def test_a_callback_can_stop_the_iterations(model, X, y):
    full = int(np.max(model.fit(X, y).n_iter_))
    assert full > 1
    model.set_callbacks(Recorder("iteration", stop_after=1)).fit(X, y)
    model.set_callbacks()
    assert np.max(model.n_iter_) == 1


@needs_callbacks
@pytest.mark.parametrize("model", MODELS[2:], ids=by_name)
def test_a_callback_can_stop_the_path(model, X, y):
    model.set_callbacks(Recorder("alpha", stop_after=4)).fit(X, y)
    model.set_callbacks()
    assert model.alphas_.shape[-1] == 4
    assert len(model.path_summary()) == 4
    assert model.alpha_ in model.alphas_
    assert model.coef_at("1se").shape == model.coef_.shape


@needs_callbacks
def test_scores_can_be_watched_along_the_path(X, y):
    from sklearn.callback import ScoringMonitor

    pytest.importorskip("pandas")
    monitor = ScoringMonitor(scoring="r2")
    model = LassoCV(alphas=6).set_callbacks(monitor).fit(X, y)
    log = monitor.get_logs().data_as_pandas
    explained = log.loc[log["task_name"] == "alpha", "r2"] if "task_name" in log else log["r2"][1:]
    np.testing.assert_allclose(explained, model.deviance_ratio_path_, atol=1e-9)


@needs_callbacks
def test_a_progress_bar_reaches_its_end(X, y, capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    LassoCV(alphas=6).set_callbacks(ProgressBar()).fit(X, y)
    assert "100%" in capsys.readouterr().out


@needs_callbacks
def test_callbacks_do_not_change_the_solution(X, y):
    plain = Lasso(0.05).fit(X, y).coef_
    watched = Lasso(0.05).set_callbacks(Recorder()).fit(X, y).coef_
    np.testing.assert_array_equal(plain, watched)


@needs_callbacks
def test_an_error_still_tears_down(X, y):
    recorder = Recorder()
    with pytest.raises(ValueError, match="NaN"):
        Lasso().set_callbacks(recorder).fit(np.full_like(X, np.nan), y)
    assert recorder.events in ([], ["setup", "teardown"])


def test_a_search_up_to_alpha_max_does_not_warn_of_zeros(X, y):
    if not HAS_CALLBACKS:
        pytest.skip("this scikit-learn does not tell a fit that it is one of many")
    model = make_pipeline(StandardScaler(), Lasso())
    search = GridSearchCV(model, {"lasso__alpha": [10.0, 1.0, 0.01]}, cv=3).fit(X, y)
    assert search.best_params_ == {"lasso__alpha": 0.01}


@pytest.mark.parametrize("model", MODELS, ids=by_name)
def test_verbose_prints_lines_and_silence_is_the_default(model, X, y, capsys):
    model.fit(X, y)
    assert capsys.readouterr().out == ""
    model.set_params(verbose=1).fit(X, y)
    model.set_params(verbose=0)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 2
    assert all(line.startswith(f"[{type(model).__name__}] ") for line in lines)
