"""What CVCurveDisplay draws is what it was given."""

import numpy as np
import pytest

from sparsekit.inspection import CVCurveDisplay

ALPHAS = np.geomspace(1.0, 1e-2, 9)


@pytest.fixture
def fold_errors():
    """Return errors whose mean is lowest at the sixth strength."""
    rng = np.random.default_rng(0)
    shape = 1.0 + 0.03 * (np.arange(9.0) - 5.0) ** 2
    folds = rng.normal(scale=0.3, size=6)
    return shape[:, None] + folds + rng.normal(scale=0.01, size=(9, 6))


def band_edges(display):
    """Return the lower and upper edge of the band, in the order of the alphas."""
    vertices = display.band_.get_paths()[0].vertices
    edges = {}
    for alpha, value in vertices:
        edges.setdefault(alpha, []).append(value)
    return np.array([[min(edges[alpha]), max(edges[alpha])] for alpha in display.alphas]).T


def test_the_line_is_the_mean_over_the_folds(pyplot, fold_errors):
    display = CVCurveDisplay.from_arrays(ALPHAS, fold_errors)
    np.testing.assert_allclose(display.line_.get_xdata(), ALPHAS)
    np.testing.assert_allclose(display.line_.get_ydata(), fold_errors.mean(axis=1))


def test_the_band_is_one_standard_error_of_the_mean(pyplot, fold_errors):
    display = CVCurveDisplay.from_arrays(ALPHAS, fold_errors)
    mean = fold_errors.mean(axis=1)
    deviations = np.sum((fold_errors - mean[:, None]) ** 2, axis=1)
    standard_error = np.sqrt(deviations / (6 * 5))
    np.testing.assert_allclose(band_edges(display), [mean - standard_error, mean + standard_error])


def test_the_marks_follow_the_one_standard_error_rule(pyplot, fold_errors):
    display = CVCurveDisplay.from_arrays(ALPHAS, fold_errors)
    mean = fold_errors.mean(axis=1)
    best = int(mean.argmin())
    limit = mean[best] + np.std(fold_errors[best], ddof=1) / np.sqrt(6)
    one_se = max(alpha for alpha, error in zip(ALPHAS, mean, strict=True) if error <= limit)
    assert display.min_line_.get_xdata()[0] == ALPHAS[best]
    assert display.one_se_line_.get_xdata()[0] == one_se > ALPHAS[best]


def test_a_score_is_best_where_it_is_largest(pyplot, fold_errors):
    errors = CVCurveDisplay.from_arrays(ALPHAS, fold_errors)
    scores = CVCurveDisplay.from_arrays(ALPHAS, -fold_errors, greater_is_better=True)
    assert (scores.alpha_min, scores.alpha_1se) == (errors.alpha_min, errors.alpha_1se)
    np.testing.assert_allclose(scores.line_.get_ydata(), -errors.line_.get_ydata())


def test_marks_given_are_drawn_as_given(pyplot, fold_errors):
    display = CVCurveDisplay.from_arrays(ALPHAS, fold_errors, alpha_min=0.03, alpha_1se=0.3)
    assert display.min_line_.get_xdata()[0] == 0.03
    assert display.one_se_line_.get_xdata()[0] == 0.3


@pytest.mark.parametrize("places", [(0, 0), (1, 0), (8, 7), (8, 8), (8, 0)])
def test_names_of_marks_stay_inside_the_frame_and_apart(pyplot, fold_errors, places):
    display = CVCurveDisplay.from_arrays(
        ALPHAS, fold_errors, alpha_min=ALPHAS[places[0]], alpha_1se=ALPHAS[places[1]]
    )
    display.figure_.draw_without_rendering()
    frame = display.ax_.get_window_extent()
    boxes = [text.get_window_extent() for text in display.ax_.texts]
    assert len(boxes) == len(set(places))
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 for box in boxes)
    assert len(boxes) == 1 or not boxes[0].overlaps(boxes[1])


def test_the_order_of_alphas_does_not_matter(pyplot, fold_errors):
    counts = np.arange(9)
    forward = CVCurveDisplay.from_arrays(ALPHAS, fold_errors, n_nonzero=counts)
    back = CVCurveDisplay.from_arrays(ALPHAS[::-1], fold_errors[::-1], n_nonzero=counts[::-1])
    np.testing.assert_array_equal(back.line_.get_xydata(), forward.line_.get_xydata())
    np.testing.assert_array_equal(back.n_nonzero, counts)
    assert back.alpha_1se == forward.alpha_1se


def test_the_top_axis_counts_nonzero_coefficients(pyplot, fold_errors):
    counts = np.arange(9) * 1000
    display = CVCurveDisplay.from_arrays(ALPHAS, fold_errors, n_nonzero=counts)
    display.figure_.canvas.draw()
    written = [label.get_text() for label in display.count_ax_.get_xticklabels()]
    ticks = display.count_ax_.get_xticks()
    expected = dict(zip(ALPHAS, counts, strict=True))
    assert written == [f"{expected[tick]:,}" for tick in ticks]


def test_there_is_no_top_axis_without_counts(pyplot, fold_errors):
    assert CVCurveDisplay.from_arrays(ALPHAS, fold_errors).count_ax_ is None


def test_alpha_falls_to_the_right_on_a_logarithmic_axis(pyplot, fold_errors):
    ax = CVCurveDisplay.from_arrays(ALPHAS, fold_errors).ax_
    left, right = ax.get_xlim()
    assert ax.get_xscale() == "log" and left > right


def test_one_fold_draws_a_band_of_no_width(pyplot, fold_errors):
    display = CVCurveDisplay.from_arrays(ALPHAS, fold_errors[:, :1])
    np.testing.assert_array_equal(display.standard_error, np.zeros(9))
    assert display.alpha_min == display.alpha_1se


def test_a_failed_fit_leaves_a_gap_and_is_never_chosen(pyplot, fold_errors):
    fold_errors[5, 2] = np.nan
    display = CVCurveDisplay.from_arrays(ALPHAS, fold_errors)
    display.figure_.canvas.draw()
    assert np.isnan(display.line_.get_ydata()[5])
    assert display.alpha_min != ALPHAS[5]


def test_other_curves_are_drawn_and_named(pyplot, fold_errors):
    mean = fold_errors.mean(axis=1)
    display = CVCurveDisplay(
        alphas=ALPHAS,
        mean=mean,
        standard_error=np.zeros(9),
        name="l1_ratio=1",
        others=[("l1_ratio=0.5", ALPHAS / 2, mean + 1.0)],
    ).plot()
    np.testing.assert_array_equal(display.other_lines_[0].get_xdata(), ALPHAS / 2)
    np.testing.assert_array_equal(display.other_lines_[0].get_ydata(), mean + 1.0)
    entries = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert entries == ["l1_ratio=1", "l1_ratio=0.5"]
    low, high = display.ax_.get_ylim()
    assert low < mean.min() and high > mean.max() + 1.0


@pytest.mark.parametrize(
    ("alphas", "scores", "counts", "message"),
    [
        ([1.0, 0.0], [[1.0], [2.0]], None, "must be positive and finite"),
        ([2.0, 1.0], [[1.0]], None, "one row for each of the 2 alphas"),
        ([2.0, 1.0], [[1.0], [2.0]], [1, 2, 3], "one count for each of the 2 alphas"),
        ([2.0, 1.0], [[np.nan], [np.nan]], None, "whose scores are all numbers"),
    ],
)
def test_what_cannot_be_drawn_is_refused(pyplot, alphas, scores, counts, message):
    with pytest.raises(ValueError, match=message):
        CVCurveDisplay.from_arrays(alphas, scores, n_nonzero=counts)
