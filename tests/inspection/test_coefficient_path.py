"""What CoefficientPathDisplay draws is what it was given."""

import numpy as np
import pytest
from scipy import sparse

from sparsekit.inspection import CoefficientPathDisplay


def drawn_curves(display):
    """Map each feature to the vertices of its line."""
    rest = np.setdiff1d(display.features, display.labelled_features_)
    return dict(
        zip(
            [*display.labelled_features_, *rest],
            display.labelled_lines_.get_segments() + display.lines_.get_segments(),
            strict=True,
        )
    )


def text_box(label):
    """Return the pixels the words of `label` cover, without those of its leader."""
    from matplotlib.text import Text

    return Text.get_window_extent(label)


def test_every_vertex_equals_the_arrays(pyplot, make_path):
    alphas, coefs, active = make_path(40, 15)
    curves = drawn_curves(CoefficientPathDisplay.from_arrays(alphas, coefs, n_labels=5))
    assert sorted(curves) == active.tolist()
    for feature, vertices in curves.items():
        full = np.interp(-np.log(alphas), -np.log(vertices[:, 0]), vertices[:, 1])
        np.testing.assert_allclose(full, coefs[feature], rtol=1e-12, atol=1e-15)


def test_a_line_begins_at_the_last_zero_before_its_feature_enters(pyplot):
    coefs = [[0.0, 0.0, 0.0, 2.0, 3.0]]
    display = CoefficientPathDisplay.from_arrays([16.0, 8.0, 4.0, 2.0, 1.0], coefs)
    (vertices,) = display.labelled_lines_.get_segments()
    np.testing.assert_array_equal(vertices, [[4.0, 0.0], [2.0, 2.0], [1.0, 3.0]])


def test_only_features_that_are_ever_nonzero_are_kept(pyplot, make_path):
    alphas, coefs, active = make_path(100_000, 300)
    display = CoefficientPathDisplay.from_arrays(alphas, coefs)
    np.testing.assert_array_equal(display.features, active)
    assert display.coefs.shape == (300, len(alphas))


def test_the_largest_on_average_are_named(pyplot, make_path):
    alphas, coefs, _ = make_path(60, 30)
    names = [f"gene {j}" for j in range(60)]
    display = CoefficientPathDisplay.from_arrays(alphas, coefs, feature_names=names, n_labels=4)
    largest = np.argsort(-np.abs(coefs).mean(axis=1), kind="stable")[:4]
    np.testing.assert_array_equal(display.labelled_features_, largest)
    assert [label.get_text() for label in display.labels_] == [names[j] for j in largest]


def test_features_without_names_are_called_as_scikit_learn_calls_them(pyplot):
    display = CoefficientPathDisplay.from_arrays([2.0, 1.0], [[0, 0], [0, 1.0], [0, -2.0]])
    assert display.names == ["x1", "x2"]


@pytest.mark.parametrize("figsize", [(6.4, 4.8), (3.0, 2.0)])
def test_labels_do_not_overlap_and_stay_inside_the_axes(pyplot, make_path, figsize):
    alphas, coefs, _ = make_path(300, 200)
    coefs[:, -1] *= 1e-3  # all lines end in nearly the same place
    figure, ax = pyplot.subplots(figsize=figsize, layout="constrained")
    display = CoefficientPathDisplay.from_arrays(alphas, coefs, n_labels=30, ax=ax)
    figure.draw_without_rendering()
    assert len(display.labels_) > 3
    boxes = sorted(map(text_box, display.labels_), key=lambda box: box.y0)
    assert all(low.y1 <= high.y0 + 1.0 for low, high in zip(boxes, boxes[1:], strict=False))
    frame = ax.get_window_extent()
    assert all(box.x1 <= frame.x1 + 1.0 for box in boxes)
    end = ax.transData.transform((alphas[-1], 0.0))[0]
    assert all(box.x0 > end for box in boxes)


def test_a_long_name_is_cut_in_the_middle(pyplot):
    name = "country_of_birth=" + "a" * 200 + "=Norway"
    display = CoefficientPathDisplay.from_arrays([2.0, 1.0], [[0.0, 1.0]], feature_names=[name])
    text = display.labels_[0].get_text()
    assert text.startswith("country") and text.endswith("Norway") and "…" in text
    assert text_box(display.labels_[0]).width < 0.4 * display.ax_.bbox.width


def test_a_dollar_sign_in_a_name_is_no_mathematics(pyplot):
    display = CoefficientPathDisplay.from_arrays(
        [2.0, 1.0], [[0.0, 1.0]], feature_names=[r"$\frac$"]
    )
    display.figure_.canvas.draw()
    assert display.labels_[0].get_text() == r"$\frac$"


def test_the_top_axis_counts_nonzero_coefficients(pyplot, make_path):
    alphas, coefs, _ = make_path(50, 30)
    display = CoefficientPathDisplay.from_arrays(alphas, coefs)
    display.figure_.canvas.draw()
    counts = dict(zip(alphas, np.count_nonzero(coefs, axis=0), strict=True))
    ticks = display.count_ax_.get_xticks()
    labels = [int(label.get_text()) for label in display.count_ax_.get_xticklabels()]
    assert len(ticks) >= 3
    assert labels == [counts[tick] for tick in ticks]


def test_alpha_falls_to_the_right_on_a_logarithmic_axis(pyplot, make_path):
    alphas, coefs, _ = make_path(10, 5)
    ax = CoefficientPathDisplay.from_arrays(alphas, coefs).ax_
    left, right = ax.get_xlim()
    assert ax.get_xscale() == "log"
    assert left > alphas[0] and right < alphas[-1]


def test_the_order_of_alphas_does_not_matter(pyplot, make_path):
    alphas, coefs, _ = make_path(30, 12)
    shuffled = np.random.default_rng(1).permutation(len(alphas))
    display = CoefficientPathDisplay.from_arrays(alphas[shuffled], coefs[:, shuffled])
    np.testing.assert_array_equal(display.alphas, alphas)
    np.testing.assert_array_equal(display.coefs, coefs[display.features])


@pytest.mark.parametrize("container", [sparse.csc_array, sparse.csr_matrix, sparse.coo_array])
def test_sparse_coefs_draw_the_same_picture(pyplot, make_path, container):
    alphas, coefs, _ = make_path(30, 12)
    dense = drawn_curves(CoefficientPathDisplay.from_arrays(alphas, coefs))
    drawn = drawn_curves(CoefficientPathDisplay.from_arrays(alphas, container(coefs)))
    assert dense.keys() == drawn.keys()
    for feature, vertices in dense.items():
        np.testing.assert_array_equal(drawn[feature], vertices)


def test_strength_zero_is_left_out(pyplot):
    display = CoefficientPathDisplay.from_arrays([2.0, 1.0, 0.0], [[0.0, 1.0, 5.0]])
    np.testing.assert_array_equal(display.alphas, [2.0, 1.0])
    np.testing.assert_array_equal(display.coefs, [[0.0, 1.0]])


@pytest.mark.parametrize("n_alphas", [1, 5])
def test_a_path_of_zeros_draws_no_line_and_no_name(pyplot, n_alphas):
    alphas = np.linspace(2.0, 1.0, n_alphas)
    display = CoefficientPathDisplay.from_arrays(alphas, np.zeros((3, n_alphas)))
    display.figure_.canvas.draw()
    assert drawn_curves(display) == {} and display.labels_ == []


def test_chosen_strengths_are_marked(pyplot, make_path):
    alphas, coefs, _ = make_path(10, 5)
    display = CoefficientPathDisplay.from_arrays(
        alphas, coefs, alpha_min=alphas[9], alpha_1se=alphas[6]
    )
    assert display.min_line_.get_xdata()[0] == alphas[9]
    assert display.one_se_line_.get_xdata()[0] == alphas[6]


def test_one_line_marks_two_equal_strengths(pyplot, make_path):
    alphas, coefs, _ = make_path(10, 5)
    display = CoefficientPathDisplay.from_arrays(
        alphas, coefs, alpha_min=alphas[9], alpha_1se=alphas[9]
    )
    assert display.min_line_ is display.one_se_line_


def test_nothing_is_marked_unless_asked(pyplot, make_path):
    alphas, coefs, _ = make_path(10, 5)
    display = CoefficientPathDisplay.from_arrays(alphas, coefs)
    assert display.min_line_ is None and display.one_se_line_ is None


def test_plot_draws_again_on_the_axes_given(pyplot, make_path):
    alphas, coefs, _ = make_path(10, 5)
    display = CoefficientPathDisplay.from_arrays(alphas, coefs)
    first = display.ax_
    _, ax = pyplot.subplots()
    assert display.plot(ax=ax, line_kw={"linestyle": "--"}) is display
    assert display.ax_ is ax and display.ax_ is not first and display.figure_ is ax.figure


@pytest.mark.parametrize(
    ("alphas", "coefs", "names", "message"),
    [
        ([2.0, 1.0], [[0.0, 1.0, 2.0]], None, "one column for each of the 2 alphas"),
        ([1.0, -1.0], [[0.0, 1.0]], None, "must be finite and not negative"),
        ([0.0], [[1.0]], None, "at least one positive"),
        ([2.0, 1.0], [[0.0, 1.0]], ["a", "b"], "name each of the 1 features; got 2"),
        ([2.0, 1.0], [[0.0, np.nan]], None, "coefs contains NaN"),
    ],
)
def test_what_cannot_be_drawn_is_refused(pyplot, alphas, coefs, names, message):
    with pytest.raises(ValueError, match=message):
        CoefficientPathDisplay.from_arrays(alphas, coefs, feature_names=names)
