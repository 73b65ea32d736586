"""What ThresholdDisplay draws are the thresholds that the rules choose, and the shapes."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sparsekit.inspection import ThresholdDisplay
from sparsekit.thresholding import Thresholder, choose_threshold, shrink


@pytest.fixture
def x(rng):
    x = rng.standard_normal((20, 25))
    x[:3, :5] += 7.0
    return x


def legend(ax):
    """Return the entries of the legend."""
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_lines_stand_at_the_thresholds_of_the_rules(pyplot, x):
    rules = ["universal", "sure", "bayes", "fdr"]
    display = ThresholdDisplay.from_data(x, rules=rules, sigma=1.0)
    expected = {rule: choose_threshold(x, rule, 1.0) for rule in rules}
    assert display.thresholds == expected
    assert {rule: line.get_xdata()[0] for rule, line in display.lines_.items()} == expected


def test_the_legend_tells_how_many_values_each_keeps(pyplot, x):
    display = ThresholdDisplay.from_data(x, rules=["universal", "fdr"], sigma=1.0)
    for entry, threshold in zip(legend(display.ax_), display.thresholds.values()):
        assert entry.endswith(f"keeps {np.count_nonzero(shrink(x, threshold))} of 500")


@pytest.mark.parametrize("shape", ["soft", "hard"])
def test_rules_choose_for_the_only_shape(pyplot, x, shape):
    rules = {"top_k": {"n_nonzero_coefs": 12}}
    display = ThresholdDisplay.from_data(x, rules=rules, shapes=[shape])
    assert np.count_nonzero(shrink(x, display.thresholds["top_k"], shape)) == 12
    assert "keeps 12 of 500" in legend(display.ax_)[0]


def test_options_reach_the_rule(pyplot, x):
    rules = {"fdr": {"fdr_level": 0.5}, "universal": {}}
    display = ThresholdDisplay.from_data(x, rules=rules, sigma=1.0)
    assert display.thresholds["fdr"] == choose_threshold(x, "fdr", 1.0, fdr_level=0.5)


def test_bars_count_all_magnitudes(pyplot, x):
    counts, edges, _ = ThresholdDisplay.from_data(x).histogram_.get_data()
    expected, _ = np.histogram(np.abs(x), edges)
    np.testing.assert_array_equal(counts, expected)
    assert counts.sum() == 500


@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_matrix, sparse.coo_array])
def test_zeros_that_are_not_stored_count_too(pyplot, x, form):
    few = np.where(np.abs(x) > 1.0, x, 0.0)
    dense, thin = (ThresholdDisplay.from_data(data, sigma=1.0) for data in (few, form(few)))
    assert thin.thresholds == dense.thresholds
    bars = [display.histogram_.get_data().values for display in (dense, thin)]
    np.testing.assert_array_equal(*bars)
    assert legend(thin.ax_) == legend(dense.ax_)


def test_curves_are_the_shapes_at_threshold_one(pyplot, x):
    display = ThresholdDisplay.from_data(x, firm_ratio=1.5)
    assert set(display.curves_) == {"soft", "hard", "firm", "garrote"}
    for shape, curve in display.curves_.items():
        values, shrunk = curve.get_data()
        np.testing.assert_array_equal(shrunk, shrink(values, 1.0, shape, firm_ratio=1.5))
        assert {-3.0, 3.0} <= set(values[~np.isnan(values)])
    assert legend(display.shape_ax_) == ["soft", "hard", "firm", "garrote"]


def test_a_jump_is_a_gap_and_a_slope_is_none(pyplot, x):
    curves = ThresholdDisplay.from_data(x).curves_
    gaps = {shape: np.count_nonzero(np.isnan(c.get_ydata())) for shape, c in curves.items()}
    assert gaps == {"soft": 0, "hard": 2, "firm": 0, "garrote": 0}


def test_an_infinite_threshold_stands_in_the_legend_only(pyplot):
    display = ThresholdDisplay.from_data(0.1 * np.ones(9), rules=["fdr"], sigma=1.0)
    assert display.thresholds == {"fdr": np.inf} and display.lines_ == {}
    assert legend(display.ax_) == ["fdr inf keeps 0 of 9"]
    display.figure_.draw_without_rendering()


def test_a_threshold_far_outside_does_not_squeeze_the_data(pyplot, x):
    display = ThresholdDisplay.from_data(x, rules=["universal"], sigma=100.0)
    assert display.lines_ == {}
    assert display.ax_.get_xlim()[1] < 1.1 * np.abs(x).max()


def test_a_threshold_near_the_data_widens_the_axis(pyplot, rng):
    x = rng.uniform(-1.0, 1.0, 100)
    display = ThresholdDisplay.from_data(x, rules={"fixed": {"threshold": 1.2}})
    assert display.ax_.get_xlim()[1] > display.lines_["fixed"].get_xdata()[0] == 1.2


@pytest.mark.parametrize("x", [np.zeros(5), np.ones(1), np.arange(6).reshape(2, 3)])
def test_odd_data_are_drawn(pyplot, x):
    display = ThresholdDisplay.from_data(x, sigma=1.0)
    display.figure_.draw_without_rendering()
    assert display.histogram_.get_data().values.sum() == x.size


def test_a_pair_of_axes_takes_both_pictures(pyplot, x):
    figure, axes = pyplot.subplots(1, 2)
    display = ThresholdDisplay.from_data(x, ax=axes)
    assert (display.ax_, display.shape_ax_) == tuple(axes) and display.figure_ is figure


def test_one_axes_takes_the_histogram(pyplot, x):
    _, ax = pyplot.subplots()
    display = ThresholdDisplay.from_data(x, ax=ax)
    assert display.ax_ is ax and display.shape_ax_ is None and display.curves_ == {}


def test_further_arguments_reach_matplotlib(pyplot, x):
    display = ThresholdDisplay.from_data(x, hist_kw={"alpha": 0.4}, line_kw={"linewidth": 5.0})
    assert display.histogram_.get_alpha() == 0.4
    lines = [*display.lines_.values(), *display.curves_.values()]
    assert {line.get_linewidth() for line in lines} == {5.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rules": ["visu"]}, "rule"),
        ({"shapes": ["bent"]}, "shape"),
        ({"shapes": ["soft", "bent"]}, "shape"),
        ({"sigma": "iqr"}, "sigma"),
        ({"firm_ratio": 0.5}, "firm_ratio"),
    ],
)
def test_what_is_unknown_is_refused(pyplot, x, options, message):
    with pytest.raises(ValueError, match=message):
        ThresholdDisplay.from_data(x, **options)


def test_a_thresholder_shows_its_threshold_and_its_shape(pyplot, x):
    model = Thresholder("sure", "firm", noise=1.0, firm_ratio=1.5).fit(x)
    display = ThresholdDisplay.from_estimator(model, x)
    assert display.thresholds == {"sure": model.threshold_}
    assert display.shapes == ("firm",) and display.firm_ratio == 1.5
    assert display.ax_.get_xlabel() == "magnitude"
    assert f"keeps {np.count_nonzero(model.transform(x))} of 500" in legend(display.ax_)[0]


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("shape", ["soft", "hard"])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array, sparse.csc_matrix])
@pytest.mark.parametrize(
    ("rule", "options"),
    [("universal", {"noise": 1.0}), ("top_k", {"n_nonzero_coefs": 2}), ("quantile", {})],
)
def test_own_thresholds_are_the_unit(pyplot, x, axis, shape, form, rule, options):
    model = Thresholder(rule, shape, axis=axis, **options).fit(form(x))
    display = ThresholdDisplay.from_estimator(model, form(x))
    assert display.thresholds == {rule: 1.0}
    assert display.ax_.get_xlabel().endswith(["feature", "sample"][axis])
    kept = np.count_nonzero(model.set_params(sparse_output=False).transform(x))
    assert f"keeps {kept} of 500" in legend(display.ax_)[0]


def test_a_threshold_of_zero_keeps_everything(pyplot, x):
    model = Thresholder("fixed", threshold=[0.0] * 24 + [2.0], axis=0).fit(x)
    display = ThresholdDisplay.from_estimator(model, x)
    assert (
        f"keeps {480 + np.count_nonzero(np.abs(x[:, -1]) > 2.0)} of 500" in legend(display.ax_)[0]
    )
    display.figure_.draw_without_rendering()


def test_the_steps_before_a_thresholder_transform_the_data(pyplot, x):
    pipeline = make_pipeline(StandardScaler(), Thresholder()).fit(x)
    display = ThresholdDisplay.from_estimator(pipeline, x)
    alone = ThresholdDisplay.from_estimator(pipeline[1], pipeline[0].transform(x))
    assert display.thresholds == alone.thresholds
    np.testing.assert_array_equal(display.magnitudes, alone.magnitudes)


def test_what_is_no_thresholder_is_refused(pyplot, x):
    with pytest.raises(TypeError, match="StandardScaler is no Thresholder"):
        ThresholdDisplay.from_estimator(StandardScaler().fit(x), x)


def test_a_thresholder_that_is_not_fitted_is_refused(pyplot, x):
    with pytest.raises(NotFittedError):
        ThresholdDisplay.from_estimator(Thresholder(), x)
