"""Images by formula, with edges, stripes and slopes, and their noisy twins."""

import numpy as np
import pytest

SIGMA = 20.0


def make_image(height=96, width=80):
    """Return an image in [0, 255]: a slope, stripes of two directions and a bright disc."""
    down, across = np.mgrid[:height, :width] / 1.0
    image = 60.0 + 0.5 * across
    stripes = 50.0 * (np.floor((down + across) / 16) % 2)
    image = np.where(down > height / 2, image + stripes, image)
    image = np.where(across > width / 2, image + 30.0 * np.sin(down / 3), image)
    disc = (down - height / 3) ** 2 + (across - width / 3) ** 2 < (height / 5) ** 2
    return np.clip(np.where(disc, 220.0, image), 0.0, 255.0)


@pytest.fixture(scope="session")
def clean():
    image = make_image()
    image.setflags(write=False)
    return image


@pytest.fixture(scope="session")
def noisy(clean):
    image = clean + SIGMA * np.random.default_rng(0).standard_normal(clean.shape)
    image.setflags(write=False)
    return image


@pytest.fixture
def read_image(shared):
    """Return a function that reads a standard image as an array of bytes."""
    pillow = pytest.importorskip("PIL.Image", reason="the test images need Pillow to be read")
    folder = shared / "data" / "test_images"
    if not folder.is_dir():
        pytest.skip(f"needs the images in {folder}, which are not there")

    def read(name):
        with pillow.open(folder / f"{name}.png") as image:
            return np.asarray(image)

    return read
