"""Patches are the windows of the image, and put together they are the image again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction import image as sk

from sparsekit.image import extract_patches, iterate_patches, reconstruct_from_patches

SHAPES = [(13, 17), (13, 17, 3), (13, 17, 1), (5, 4)]
DTYPES = [np.uint8, np.int32, np.float32, np.float64, np.bool_, ">f4"]


@pytest.fixture
def make(rng):
    """Return a function that makes a random image of a shape and a dtype."""
    return lambda shape, dtype=np.float64: (200 * rng.random(shape)).astype(dtype)


@st.composite
def layouts(draw):
    """Return the shape of an image, the size of patches and steps that leave no pixel out."""
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    size = tuple(draw(st.integers(1, length)) for length in shape)
    step = tuple(draw(st.integers(1, edge)) for edge in size)
    channels = draw(st.sampled_from([(), (1,), (2,)]))
    return shape + channels, size, step


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_they_are_those_of_scikit_learn_flattened(make, shape, dtype):
    image = make(shape, dtype)
    expected = sk.extract_patches_2d(image, (4, 3))
    patches = extract_patches(image, (4, 3))
    np.testing.assert_array_equal(patches, expected.reshape(len(expected), -1))
    assert patches.dtype == np.dtype(dtype).newbyteorder("=")


def test_one_number_makes_square_patches(make):
    image = make((9, 8))
    np.testing.assert_array_equal(extract_patches(image, 3), extract_patches(image, (3, 3)))


def test_steps_skip_patches_but_not_the_border(make):
    image = make((10, 9))
    patches = extract_patches(image, (4, 3), step=(3, 4))
    corners = [(i, j) for i in (0, 3, 6) for j in (0, 4, 6)]
    expected = [image[i : i + 4, j : j + 3].ravel() for i, j in corners]
    np.testing.assert_array_equal(patches, expected)


@given(layouts(), st.integers(0, 2**32 - 1))
def test_putting_patches_together_gives_the_image(layout, seed):
    shape, size, step = layout
    image = np.random.default_rng(seed).standard_normal(shape)
    patches = extract_patches(image, size, step=step)
    back = reconstruct_from_patches(patches, shape, size, step=step)
    np.testing.assert_allclose(back, image, rtol=1e-14, atol=1e-14)


def test_overlapping_patches_are_averaged_as_by_scikit_learn(rng):
    patches = rng.standard_normal((10 * 15, 4, 3))
    expected = sk.reconstruct_from_patches_2d(patches, (13, 17))
    np.testing.assert_allclose(reconstruct_from_patches(patches, (13, 17), (4, 3)), expected)


def test_colour_patches_are_averaged_as_by_scikit_learn(rng):
    patches = rng.standard_normal((10 * 15, 4, 3, 3))
    expected = sk.reconstruct_from_patches_2d(patches, (13, 17, 3))
    np.testing.assert_allclose(reconstruct_from_patches(patches, (13, 17, 3), (4, 3)), expected)


def test_weights_weigh_patches(rng):
    image_shape, size, step = (7, 8), (3, 4), (2, 3)
    patches = rng.standard_normal((3 * 3, 12))
    weights = rng.random(9)
    total, weight = np.zeros(image_shape), np.zeros(image_shape)
    corners = [(i, j) for i in (0, 2, 4) for j in (0, 3, 4)]
    for (i, j), patch, w in zip(corners, patches, weights):
        total[i : i + 3, j : j + 4] += w * patch.reshape(size)
        weight[i : i + 3, j : j + 4] += w
    back = reconstruct_from_patches(patches, image_shape, size, step=step, weights=weights)
    np.testing.assert_allclose(back, total / weight)


def test_equal_weights_are_no_weights(rng):
    patches = rng.standard_normal((36, 9)).astype(np.float32)
    plain = reconstruct_from_patches(patches, (8, 8), 3)
    weighted = reconstruct_from_patches(patches, (8, 8), 3, weights=np.full(36, 0.5))
    assert plain.dtype == weighted.dtype == np.float32
    np.testing.assert_allclose(weighted, plain, rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_blocks_of_patches_are_all_patches(make, shape):
    image = make(shape)
    blocks = list(iterate_patches(image, (4, 3), step=2, batch_size=5))
    assert max(map(len, blocks)) <= 5
    np.testing.assert_array_equal(np.concatenate(blocks), extract_patches(image, (4, 3), step=2))


def test_blocks_are_put_together_like_all_patches(make):
    image = make((20, 30, 3), np.float32)
    blocks = iterate_patches(image, 5, batch_size=64)
    back = reconstruct_from_patches(blocks, image.shape, 5)
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, image, rtol=1e-6)


def test_a_block_of_another_precision_makes_the_image_double(rng):
    blocks = [rng.random((2, 4)).astype(np.float32), rng.random((2, 4))]
    assert reconstruct_from_patches(iter(blocks), (3, 3), 2).dtype == np.float64


def test_integers_average_to_floats():
    patches = np.array([[0, 1], [2, 4]], dtype=np.uint8)
    assert reconstruct_from_patches(patches, (1, 3), (1, 2)).tolist() == [[0.0, 1.5, 4.0]]


@pytest.mark.parametrize("max_patches", [20, 0.1, np.int64(20)])
def test_some_patches_are_drawn_without_repetition(rng, max_patches):
    image = np.arange(600.0).reshape(20, 30)  # every patch has another first value
    patches = extract_patches(image, 3, max_patches=max_patches, random_state=0)
    everything = extract_patches(image, 3)
    assert len(patches) == (20 if max_patches != 0.1 else int(0.1 * len(everything)))
    assert np.all(np.diff(patches[:, 0]) > 0)
    assert set(patches[:, 0]) <= set(everything[:, 0])


def test_the_draw_depends_on_the_seed_only(make):
    image = make((20, 30))
    draws = [extract_patches(image, 3, max_patches=9, random_state=s) for s in (0, 0, 1)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_as_many_as_there_are_is_all(make):
    image = make((6, 6))
    np.testing.assert_array_equal(
        extract_patches(image, 3, max_patches=99), extract_patches(image, 3)
    )


def test_patches_are_a_copy(make):
    image = make((4, 4))
    extract_patches(image, 4)[:] = -1.0
    assert image.min() >= 0.0


@pytest.mark.parametrize(
    ("image", "size", "options", "message"),
    [
        (np.zeros(5), 2, {}, "must have shape"),
        (np.zeros((2, 2, 2, 2)), 2, {}, "must have shape"),
        (np.zeros((0, 4)), 2, {}, "must have shape"),
        (np.zeros((4, 4), complex), 2, {}, "real numbers"),
        (np.zeros((4, 4)), 5, {}, "must fit into the image of 4 x 4"),
        (np.zeros((4, 4)), (2, 5), {}, "must fit"),
        (np.zeros((4, 4)), 0, {}, "positive integers"),
        (np.zeros((4, 4)), (2, 2, 2), {}, "positive integers"),
        (np.zeros((4, 4)), 2.0, {}, "positive integers"),
        (np.zeros((4, 4)), True, {}, "positive integers"),
        (np.zeros((4, 4)), 2, {"step": 0}, "`step` must be"),
        (np.zeros((4, 4)), 2, {"max_patches": 0}, "`max_patches` must be"),
        (np.zeros((4, 4)), 2, {"max_patches": 1.5}, "`max_patches` must be"),
        (np.zeros((4, 4)), 2, {"max_patches": True}, "`max_patches` must be"),
    ],
)
def test_what_has_no_patches_is_refused(image, size, options, message):
    with pytest.raises(ValueError, match=message):
        extract_patches(image, size, **options)


def test_a_mask_is_not_lost_in_silence():
    with pytest.raises(TypeError, match="masked array"):
        extract_patches(np.ma.masked_equal(np.eye(4), 0.0), 2)


@pytest.mark.parametrize("batch_size", [0, 2.5, True])
def test_a_batch_holds_at_least_one_patch(batch_size):
    with pytest.raises(ValueError, match="`batch_size` must be"):
        iterate_patches(np.zeros((4, 4)), 2, batch_size=batch_size)


@pytest.mark.parametrize(
    ("patches", "options", "message"),
    [
        (np.zeros((8, 4)), {}, "has 9 patches; got 8"),
        (np.zeros((10, 4)), {}, "has 9 patches; got at least 10"),
        (np.zeros((9, 5)), {}, "must have 4 values"),
        (np.zeros(9), {}, "must have 4 values"),
        (np.zeros((9, 4), complex), {}, "real numbers"),
        (np.zeros((9, 4)), {"weights": np.ones(8)}, "one weight for each patch"),
        (np.zeros((9, 4)), {"weights": -np.ones(9)}, "finite and non-negative"),
        (np.zeros((9, 4)), {"weights": np.zeros(9)}, "in no patch"),
    ],
)
def test_patches_of_another_image_are_refused(patches, options, message):
    with pytest.raises(ValueError, match=message):
        reconstruct_from_patches(patches, (4, 4), 2, **options)


def test_a_gap_between_patches_is_refused():
    patches = extract_patches(np.ones((7, 7)), 2, step=3)
    with pytest.raises(ValueError, match="in no patch"):
        reconstruct_from_patches(patches, (7, 7), 2, step=3)
