"""What SparsityAccuracyDisplay draws are the scores, times and sparsities it was given."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sparsekit.inspection import SparsityAccuracyDisplay
from sparsekit.pruning import MLPPruner

POINTS = {"sparsity": [0.9, 0.5, 0.98], "score": [0.8, 0.9, 0.5], "milliseconds": [0.2, 0.5, 0.1]}


class Pruned(ClassifierMixin, BaseEstimator):
    """A pruner whose measurements are known."""

    def __init__(self, sparsity=0.5, held_out=False):
        self.sparsity = sparsity
        self.held_out = held_out

    def fit(self, X, y=None):
        return self

    @property
    def sparsity_(self):
        return self.sparsity

    @property
    def report_(self):
        times = {batch: {"dense": 4.0 * batch, "compiled": batch / 2} for batch in (1, 64)}
        return SimpleNamespace(
            score_dense=0.99,
            score_pruned=1.0 - self.sparsity,
            held_out=self.held_out,
            milliseconds=times,
        )

    def score(self, X, y):
        return float(np.mean(X)) - self.sparsity / 10

    def __sklearn_is_fitted__(self):
        return True


class PrunedRegressor(RegressorMixin, Pruned):
    """The same for targets."""


class Unmeasured(Pruned):
    """A pruner whose report would take seconds."""

    @property
    def report_(self):
        raise AssertionError("the report was asked for")


@pytest.fixture(scope="module")
def pruner():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 6)).astype(np.float32)
    y = (X[:, 0] > X[:, 1]).astype(int)
    network = MLPClassifier((8,), max_iter=20, tol=1.0, random_state=0).fit(X, y)
    pruner = MLPPruner(FrozenEstimator(network), sparsity=0.5, random_state=0)
    return make_pipeline(StandardScaler(), pruner).fit(X, y)


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def points(line):
    return line.get_xdata().tolist(), line.get_ydata().tolist()


def test_points_stand_by_rising_sparsity(pyplot):
    display = SparsityAccuracyDisplay.from_results(POINTS)
    assert points(display.lines_["pruned"]) == ([0.5, 0.9, 0.98], [0.9, 0.8, 0.5])
    assert points(display.time_lines_["pruned"]) == ([0.5, 0.9, 0.98], [0.5, 0.2, 0.1])


def test_every_series_has_a_line_and_a_name(pyplot):
    short = {"sparsity": [0.5], "score": [0.7]}
    display = SparsityAccuracyDisplay.from_results({"a": POINTS, "b": short}, dense_score=0.95)
    assert legend(display.ax_) == ["a", "b", "dense"]
    assert list(display.time_lines_) == ["a"]
    looks = {(line.get_color(), line.get_marker()) for line in display.lines_.values()}
    assert len(looks) == 2


def test_a_series_looks_the_same_in_both_panels(pyplot):
    display = SparsityAccuracyDisplay.from_results({"a": POINTS, "b": POINTS})
    for name, line in display.lines_.items():
        other = display.time_lines_[name]
        assert other.get_color() == line.get_color()
        assert other.get_marker() == line.get_marker()


def test_the_dense_network_is_dashed(pyplot):
    display = SparsityAccuracyDisplay.from_results(POINTS, dense_score=0.95, dense_milliseconds=2.0)
    for line, value in ((display.dense_line_, 0.95), (display.dense_time_line_, 2.0)):
        assert set(line.get_ydata()) == {value}
        assert line.get_linestyle() == "--"


def test_what_is_not_known_of_the_dense_network_is_not_drawn(pyplot):
    display = SparsityAccuracyDisplay.from_results(POINTS)
    assert display.dense_line_ is None and display.dense_time_line_ is None
    assert not display.time_ax_.child_axes


def test_halves_of_what_is_kept_are_equally_far(pyplot):
    display = SparsityAccuracyDisplay.from_results(POINTS)
    places = display.ax_.transData.transform([(s, 0.5) for s in (0.6, 0.8, 0.9, 0.95)])[:, 0]
    np.testing.assert_allclose(np.diff(places), places[1] - places[0])


@pytest.mark.parametrize("sparsity", [[0.0, 0.98], [0.0, 0.999], [0.5, 0.9999], [0.9, 0.98]])
def test_names_of_sparsities_do_not_meet(pyplot, sparsity):
    display = SparsityAccuracyDisplay.from_results({"sparsity": sparsity, "score": [0.9, 0.8]})
    display.figure_.draw_without_rendering()
    boxes = [label.get_window_extent() for label in display.ax_.get_xticklabels()]
    assert len(boxes) >= 3
    assert all(left.x1 < right.x0 for left, right in zip(boxes, boxes[1:]))


def test_the_other_side_tells_the_gain(pyplot):
    display = SparsityAccuracyDisplay.from_results(POINTS, dense_milliseconds=2.0)
    display.figure_.draw_without_rendering()
    (gains,) = display.time_ax_.child_axes
    for gain in (1.0, 5.0):
        _, height = display.time_ax_.transData.transform((0.5, 2.0 / gain))
        assert gains.transData.transform((0.5, gain))[1] == pytest.approx(height)


@pytest.mark.parametrize("sparsity", [0.0, 0.98, 0.9999])
def test_a_single_point_is_drawn(pyplot, sparsity):
    found = {"sparsity": [sparsity], "score": [0.9], "milliseconds": [0.1]}
    display = SparsityAccuracyDisplay.from_results(found, dense_milliseconds=0.1)
    display.figure_.draw_without_rendering()
    low, high = display.ax_.get_xlim()
    assert low < sparsity < high


def test_without_times_there_is_one_panel(pyplot):
    display = SparsityAccuracyDisplay.from_results({"sparsity": [0.5], "score": [0.9]})
    display.figure_.draw_without_rendering()
    assert display.time_ax_ is None and display.figure_.axes == [display.ax_]


def test_a_single_axes_shows_scores_alone(pyplot):
    _, ax = pyplot.subplots()
    display = SparsityAccuracyDisplay.from_results(POINTS, ax=ax)
    assert display.ax_ is ax and display.time_ax_ is None


def test_displays_on_the_same_axes_share_the_dense_lines(pyplot):
    options = {"dense_score": 0.95, "dense_milliseconds": 2.0}
    first = SparsityAccuracyDisplay.from_results({"a": POINTS}, **options)
    axes = first.ax_, first.time_ax_
    second = SparsityAccuracyDisplay.from_results({"b": POINTS}, ax=axes, **options)
    assert second.dense_line_ is first.dense_line_
    assert len(second.time_ax_.child_axes) == 1
    assert legend(second.ax_) == ["a", "dense", "b"]
    assert second.lines_["b"].get_color() != first.lines_["a"].get_color()


def test_columns_of_a_frame_are_results(pyplot):
    pandas = pytest.importorskip("pandas", reason="a frame needs pandas")
    display = SparsityAccuracyDisplay.from_results(pandas.DataFrame(POINTS))
    assert points(display.lines_["pruned"])[0] == [0.5, 0.9, 0.98]


def test_pruners_are_scored_on_what_is_given(pyplot):
    pruners = [Unmeasured(0.9), Unmeasured(0.5)]
    display = SparsityAccuracyDisplay.from_pruners(pruners, np.ones((3, 2)), np.ones(3))
    assert points(display.lines_["pruned"]) == ([0.5, 0.9], [0.95, 0.91])
    assert display.dense_line_ is None
    assert display.ax_.get_ylabel() == "accuracy"


def test_reports_tell_the_scores_where_no_samples_are_given(pyplot):
    display = SparsityAccuracyDisplay.from_pruners([Pruned(0.5), Pruned(0.75)])
    assert points(display.lines_["pruned"]) == ([0.5, 0.75], [0.5, 0.25])
    assert set(display.dense_line_.get_ydata()) == {0.99}
    assert display.ax_.get_ylabel() == "accuracy on training samples"


def test_held_out_samples_are_called_so(pyplot):
    display = SparsityAccuracyDisplay.from_pruners([PrunedRegressor(held_out=True)])
    assert display.ax_.get_ylabel() == "R2 on held-out samples"


def test_reports_tell_the_times_of_a_batch(pyplot):
    display = SparsityAccuracyDisplay.from_pruners({"a": [Pruned(0.5)]}, batch=64)
    assert points(display.time_lines_["a"]) == ([0.5], [32.0])
    assert set(display.dense_time_line_.get_ydata()) == {256.0}
    assert display.time_ax_.get_ylabel() == "milliseconds for a batch of 64"


def test_a_dense_score_that_is_given_comes_first(pyplot):
    display = SparsityAccuracyDisplay.from_pruners([Pruned()], dense_score=0.5)
    assert set(display.dense_line_.get_ydata()) == {0.5}


def test_a_fitted_pruner_in_a_pipeline_is_scored_through_it(pyplot, pruner):
    X = np.random.default_rng(1).normal(5.0, 3.0, (40, 6))
    y = (X[:, 0] > X[:, 1]).astype(int)
    display = SparsityAccuracyDisplay.from_pruners([pruner], X, y)
    assert points(display.lines_["pruned"]) == ([pruner[-1].sparsity_], [pruner.score(X, y)])


def test_a_fitted_pruner_is_drawn_with_its_own_report(pyplot, pruner):
    display = SparsityAccuracyDisplay.from_pruners([pruner], batch=1)
    report = pruner[-1].report_
    assert points(display.lines_["pruned"])[1] == [report.score_pruned]
    assert points(display.time_lines_["pruned"])[1] == [report.milliseconds[1]["compiled"]]


def test_the_sensitivity_of_each_layer_is_drawn(pyplot, pruner):
    display = SparsityAccuracyDisplay.from_estimator(pruner)
    measured = pruner[-1].sensitivity_
    assert list(display.lines_) == ["layer 0: 6 × 8", "layer 1: 8 × 1"]
    for line, score in zip(display.lines_.values(), measured["score"], strict=True):
        assert points(line) == (measured["sparsity"].tolist(), score.tolist())
    assert set(display.dense_line_.get_ydata()) == {measured["score"][0, 0]}


def test_further_arguments_reach_matplotlib(pyplot):
    display = SparsityAccuracyDisplay.from_results(POINTS, line_kw={"color": "k", "marker": "+"})
    for line in (display.lines_["pruned"], display.time_lines_["pruned"]):
        assert (line.get_color(), line.get_marker()) == ("k", "+")


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ({}, "at least one series"),
        ({"a": {"sparsity": [0.5]}}, "'a' of `results` has no score"),
        ({"sparsity": [0.5, 0.6], "score": [1.0]}, "as many of each"),
        ({"sparsity": [[0.5]], "score": [[1.0]]}, "in one dimension"),
        ({"sparsity": [0.5, 1.0], "score": [1.0, 1.0]}, r"in \[0, 1\); .* has 0.5 to 1"),
        ({"sparsity": [-0.1], "score": [1.0]}, r"in \[0, 1\)"),
        ({"sparsity": [0.5], "score": [np.nan]}, "score contains NaN"),
        ({"sparsity": [0.5], "score": [1.0], "milliseconds": [0.0]}, "must be positive"),
    ],
)
def test_results_that_do_not_fit_are_refused(pyplot, results, message):
    with pytest.raises(ValueError, match=message):
        SparsityAccuracyDisplay.from_results(results)


@pytest.mark.parametrize(
    ("pruners", "options", "message"),
    [
        ([], {}, "at least one fitted pruner"),
        ([Pruned()], {"X": np.ones((2, 2))}, "both `X` and `y`"),
        ([Pruned()], {"batch": 7}, r"one of \[1, 64\]; got 7"),
    ],
)
def test_pruners_that_do_not_fit_are_refused(pyplot, pruners, options, message):
    with pytest.raises(ValueError, match=message):
        SparsityAccuracyDisplay.from_pruners(pruners, **options)


def test_what_is_no_pruner_is_refused(pyplot):
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(TypeError, match="LogisticRegression has no `sparsity_`"):
        SparsityAccuracyDisplay.from_pruners([model])
    with pytest.raises(TypeError, match="LogisticRegression has no `sensitivity_`"):
        SparsityAccuracyDisplay.from_estimator(model)


def test_a_pruner_that_is_not_fitted_is_refused(pyplot):
    with pytest.raises(NotFittedError):
        SparsityAccuracyDisplay.from_estimator(MLPPruner(MLPClassifier()))
