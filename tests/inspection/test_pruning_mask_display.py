"""What PruningMaskDisplay draws are the shares of weights that are kept, cell by cell."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sparsekit.inspection import PruningMaskDisplay
from sparsekit.pruning import MLPPruner


@pytest.fixture
def masks(rng):
    return [rng.random((70, 45)) < 0.2, rng.random((45, 3)) < 0.6]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 6)).astype(np.float32)
    return X, (X[:, 0] > X[:, 1]).astype(int)


@pytest.fixture(scope="module")
def network(data):
    return MLPClassifier((8,), max_iter=20, tol=1.0, random_state=0).fit(*data)


@pytest.fixture
def pruner(network, data):
    return MLPPruner(FrozenEstimator(network), sparsity=0.5, random_state=0).fit(*data)


def shown(image):
    return np.asarray(image.get_array())


def test_small_layers_are_drawn_weight_by_weight(pyplot, masks):
    display = PruningMaskDisplay.from_masks(masks, max_cells=70)
    for mask, image in zip(masks, display.images_, strict=True):
        np.testing.assert_array_equal(shown(image), mask)


@pytest.mark.parametrize("max_cells", [1, 7, 20, 64])
def test_cells_of_large_layers_are_shares(pyplot, masks, max_cells):
    display = PruningMaskDisplay.from_masks(masks, max_cells=max_cells)
    for mask, image in zip(masks, display.images_, strict=True):
        height, width = (-(-n // max_cells) for n in mask.shape)
        expected = [
            [mask[i : i + height, j : j + width].mean() for j in range(0, mask.shape[1], width)]
            for i in range(0, mask.shape[0], height)
        ]
        assert max(shown(image).shape) <= max_cells
        np.testing.assert_allclose(shown(image), expected)


def test_cells_stand_where_their_units_do(pyplot):
    mask = np.zeros((70, 45), dtype=bool)
    mask[68:, 44] = True
    display = PruningMaskDisplay.from_masks([mask], max_cells=10)
    left, right, bottom, top = display.images_[0].get_extent()
    height, width = shown(display.images_[0]).shape
    assert ((bottom - top) / height, (right - left) / width) == (7.0, 5.0)
    assert display.axes_[0].get_xlim() == (-0.5, 44.5)
    assert display.axes_[0].get_ylim() == (69.5, -0.5)


def test_pixels_count_their_weights(pyplot, masks):
    display = PruningMaskDisplay.from_masks(masks, image_shape=(7, 10))
    np.testing.assert_array_equal(shown(display.pixel_image_), masks[0].sum(axis=1).reshape(7, 10))
    assert display.pixel_ax_ is display.figure_.axes[0]
    assert len(display.axes_) == 2


def test_pixels_without_weights_are_counted(pyplot):
    mask = np.ones((6, 4), dtype=bool)
    mask[[0, 5]] = False
    display = PruningMaskDisplay.from_masks([mask], image_shape=(2, 3))
    assert display.pixel_ax_.get_title() == "6 inputs\n2 without weights"


def test_inputs_that_are_no_images_have_no_panel(pyplot, masks):
    display = PruningMaskDisplay.from_masks(masks)
    assert display.pixel_ax_ is None and display.pixel_image_ is None


def test_titles_tell_shapes_and_shares(pyplot, masks):
    titles = [ax.get_title() for ax in PruningMaskDisplay.from_masks(masks).axes_]
    assert titles == [
        f"layer 0: 70 × 45\n{masks[0].mean():.1%} kept",
        f"layer 1: 45 × 3\n{masks[1].mean():.1%} kept",
    ]


def test_sparse_weights_are_drawn_without_their_explicit_zeros(pyplot, masks):
    weights = sparse.csr_array(masks[0] * 2.0)
    weights.data[:5] = 0.0
    expected = PruningMaskDisplay.from_masks([weights.toarray()])
    display = PruningMaskDisplay.from_masks([weights])
    np.testing.assert_array_equal(shown(display.images_[0]), shown(expected.images_[0]))


def test_entries_given_twice_count_once(pyplot):
    weights = sparse.coo_array(([1.0, 1.0], ([0, 0], [1, 1])), shape=(2, 2))
    display = PruningMaskDisplay.from_masks([weights])
    assert shown(display.images_[0]).tolist() == [[0.0, 1.0], [0.0, 0.0]]


def test_a_wide_sparse_layer_is_never_dense(pyplot):
    weights = sparse.csr_array(([1.0], ([0], [3])), shape=(10**6, 10**5))
    display = PruningMaskDisplay.from_masks([weights], max_cells=10)
    assert shown(display.images_[0]).argmax() == 0


def test_empty_and_whole_layers_are_drawn(pyplot):
    display = PruningMaskDisplay.from_masks([np.zeros((3, 4)), np.ones((4, 2))])
    display.figure_.draw_without_rendering()
    assert not shown(display.images_[0]).any() and shown(display.images_[1]).all()


def test_the_masks_of_a_pruner_are_drawn(pyplot, pruner):
    display = PruningMaskDisplay.from_estimator(pruner, image_shape=(2, 3))
    for mask, image in zip(pruner.masks_, display.images_, strict=True):
        np.testing.assert_array_equal(shown(image), mask)


def test_a_pruner_is_found_in_a_search_over_pipelines(pyplot, network, data):
    pipeline = make_pipeline(StandardScaler(), MLPPruner(FrozenEstimator(network), random_state=0))
    search = GridSearchCV(pipeline, {"mlppruner__sparsity": [0.3, 0.5]}, cv=2).fit(*data)
    display = PruningMaskDisplay.from_estimator(search)
    expected = search.best_estimator_[-1].masks_
    np.testing.assert_array_equal(shown(display.images_[0]), expected[0])


def test_weights_of_any_network_are_drawn(pyplot, network):
    display = PruningMaskDisplay.from_estimator(network)
    np.testing.assert_array_equal(shown(display.images_[0]), network.coefs_[0] != 0)


def test_given_axes_are_drawn_on(pyplot, masks):
    figure, axes = pyplot.subplots(1, 3)
    display = PruningMaskDisplay.from_masks(masks, image_shape=(10, 7), ax=axes)
    assert display.figure_ is figure
    assert [display.pixel_ax_, *display.axes_] == list(axes)


def test_a_new_figure_has_no_empty_axes(pyplot, rng):
    masks = [rng.random((5, 5)) < 0.5 for _ in range(6)]
    display = PruningMaskDisplay.from_masks(masks)
    assert display.figure_.axes == list(display.axes_)


def test_further_arguments_reach_matplotlib(pyplot, masks):
    display = PruningMaskDisplay.from_masks(masks, image_kw={"cmap": "gray", "vmax": 0.5})
    assert {image.get_cmap().name for image in display.images_} == {"gray"}
    assert display.images_[0].get_clim() == (0.0, 0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_shape": (7, 9)}, r"with 70 pixels; got \(7, 9\)"),
        ({"image_shape": (70,)}, "must be .height, width."),
        ({"max_cells": 0}, "max_cells == 0, must be >= 1"),
    ],
)
def test_what_does_not_fit_is_refused(pyplot, masks, options, message):
    with pytest.raises(ValueError, match=message):
        PruningMaskDisplay.from_masks(masks, **options)


def test_axes_of_another_number_are_refused(pyplot, masks):
    _, axes = pyplot.subplots(1, 2)
    with pytest.raises(ValueError, match="each of the 3 panels; got 2"):
        PruningMaskDisplay.from_masks(masks, image_shape=(7, 10), ax=axes)


def test_no_masks_are_refused(pyplot):
    with pytest.raises(ValueError, match="one matrix for each layer; got none"):
        PruningMaskDisplay.from_masks([])


def test_what_is_no_network_is_refused(pyplot, data):
    with pytest.raises(TypeError, match="LogisticRegression has no `masks_` or `coefs_`"):
        PruningMaskDisplay.from_estimator(LogisticRegression().fit(*data))


def test_a_pruner_that_is_not_fitted_is_refused(pyplot):
    with pytest.raises(NotFittedError):
        PruningMaskDisplay.from_estimator(MLPPruner(MLPClassifier()))
