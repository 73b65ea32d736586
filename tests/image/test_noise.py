"""The noise level that is read from an image is the one that was put in."""

import numpy as np
import pytest

from sparsekit.image import estimate_sigma


@pytest.mark.parametrize("sigma", [0.02, 3.0, 500.0])
def test_noise_alone_is_measured(rng, sigma):
    # The median of n absolute values has a relative error of about 1.2 / sqrt(n); neighbouring
    # differences share pixels, so that fewer count.
    image = 7.0 + sigma * rng.standard_normal((200, 200))
    assert estimate_sigma(image) == pytest.approx(sigma, rel=0.03)


@pytest.mark.parametrize("sigma", [10.0, 40.0])
def test_a_picture_adds_little(clean, rng, sigma):
    noisy = clean + sigma * rng.standard_normal(clean.shape)
    assert estimate_sigma(noisy) == pytest.approx(sigma, rel=0.15)


@pytest.mark.parametrize("name", ["house", "couple", "peppers", "barbara"])
def test_photographs_add_little(read_image, rng, name):
    image = read_image(name)
    assert estimate_sigma(image + 25.0 * rng.standard_normal(image.shape)) == pytest.approx(
        25.0, rel=0.03
    )


def test_channels_share_their_noise(rng):
    image = 4.0 * rng.standard_normal((150, 150, 3))
    assert estimate_sigma(image) == pytest.approx(4.0, rel=0.03)


def test_an_empty_background_does_not_count(rng):
    image = np.zeros((200, 200))
    image[60:140, 60:140] = 100.0 + 5.0 * rng.standard_normal((80, 80))
    assert estimate_sigma(image) == pytest.approx(5.0, rel=0.2)


@pytest.mark.parametrize("image", [np.full((9, 9), 3.0), np.add.outer(np.arange(9), np.arange(9))])
def test_a_smooth_image_has_no_noise(image):
    assert estimate_sigma(image) == 0.0


def test_it_scales_with_the_image(noisy):
    assert estimate_sigma(noisy / 255.0) == pytest.approx(estimate_sigma(noisy) / 255.0)


@pytest.mark.parametrize("shape", [(2, 2), (2, 50), (3, 3)])
def test_small_images_have_an_estimate(rng, shape):
    assert estimate_sigma(rng.standard_normal(shape)) > 0.0


@pytest.mark.parametrize("image", [np.zeros((1, 9)), np.full((9, 9), np.nan), np.zeros(9)])
def test_what_is_no_image_is_refused(image):
    with pytest.raises(ValueError, match="`image`"):
        estimate_sigma(image)
