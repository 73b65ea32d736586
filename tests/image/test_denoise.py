"""Denoising follows the published recipe, and removes what it should."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.image import extract_patches_2d, reconstruct_from_patches_2d
from sklearn.linear_model import orthogonal_mp

from sparsekit.image import denoise_image, estimate_sigma
from sparsekit.image._cosines import cosine_dictionary
from tests.image.conftest import SIGMA

# Elad & Aharon (2006), table I. These figures were written down from memory and could not be
# checked against a copy of the paper.
PUBLISHED = {
    ("barbara", 15): 32.37,
    ("boat", 15): 31.73,
    ("house", 15): 34.32,
    ("peppers", 15): 32.22,
    ("barbara", 25): 29.60,
    ("boat", 25): 29.28,
    ("house", 25): 32.15,
    ("peppers", 25): 29.73,
}


def psnr(image, clean):
    """Return the peak signal-to-noise ratio of an image in [0, 255], in decibels."""
    error = np.asarray(image, dtype=np.float64) - clean
    return 10.0 * np.log10(255.0**2 / np.mean(error**2))


class Fitted(BaseEstimator):
    """An estimator that has learned the given atoms."""

    def __init__(self, atoms=None):
        self.atoms = atoms

    def fit(self, X=None, y=None):
        self.components_ = self.atoms
        return self


@pytest.fixture(scope="module")
def atoms():
    """Overcomplete cosines for patches of 4 x 4 pixels."""
    return cosine_dictionary(36, (4, 4, 1))


@pytest.mark.parametrize(("name", "sigma"), PUBLISHED)
def test_the_published_quality_is_reached(read_image, name, sigma):
    clean = read_image(name).astype(np.float64)
    noisy = clean + sigma * np.random.default_rng(0).standard_normal(clean.shape)
    denoised = denoise_image(noisy, sigma=sigma, random_state=0)
    assert psnr(denoised, clean) == pytest.approx(PUBLISHED[name, sigma], abs=0.15)


def test_k_svd_and_block_coordinate_descent_are_equally_good(read_image):
    clean = read_image("house").astype(np.float64)
    noisy = clean + 25.0 * np.random.default_rng(0).standard_normal(clean.shape)
    options = {"sigma": 25.0, "random_state": 0}
    by_codes, by_svd = (denoise_image(noisy, update=u, **options) for u in ("bcd", "ksvd"))
    assert psnr(by_svd, clean) == pytest.approx(psnr(by_codes, clean), abs=0.1)


def test_it_is_the_recipe_step_by_step(noisy, atoms):
    crop, gain, weight = noisy[:20, :24], 1.15, 0.7
    dictionary = atoms / np.linalg.norm(atoms, axis=1, keepdims=True)
    patches = extract_patches_2d(crop, (4, 4)).reshape(-1, 16)
    means = patches.mean(axis=1, keepdims=True)
    clean, tol = np.empty_like(patches), 16 * (gain * SIGMA) ** 2
    for i, patch in enumerate(patches - means):
        code = np.zeros(36)
        if patch @ patch > tol:
            code = orthogonal_mp(dictionary.T, patch, tol=tol)
        clean[i] = code @ dictionary + means[i]
    total = reconstruct_from_patches_2d(clean.reshape(-1, 4, 4), crop.shape)
    count = np.minimum(np.arange(1, 21), np.arange(20, 0, -1)).clip(max=4)[:, None]
    count = count * np.minimum(np.arange(1, 25), np.arange(24, 0, -1)).clip(max=4)
    expected = (weight * crop + count * total) / (weight + count)
    denoised = denoise_image(
        crop, sigma=SIGMA, dictionary=atoms, patch_size=4, noisy_weight=weight, error_gain=gain
    )
    np.testing.assert_allclose(denoised, expected, atol=1e-3)


@pytest.mark.parametrize("dictionary", [None, "dct"])
def test_most_of_the_noise_is_removed(clean, noisy, dictionary):
    denoised = denoise_image(noisy, sigma=SIGMA, dictionary=dictionary, random_state=0)
    assert psnr(denoised, clean) > psnr(noisy, clean) + 6.0


def test_learning_beats_cosines(clean, noisy):
    learned, fixed = (
        denoise_image(noisy, sigma=SIGMA, dictionary=d, random_state=0) for d in (None, "dct")
    )
    assert psnr(learned, clean) > psnr(fixed, clean) + 1.0


def test_the_noise_level_is_estimated_where_it_is_not_given(noisy):
    estimated = denoise_image(noisy, dictionary="dct")
    given = denoise_image(noisy, sigma=estimate_sigma(noisy), dictionary="dct")
    np.testing.assert_array_equal(estimated, given)


@pytest.mark.parametrize("n_jobs", [2, 3, -1])
@pytest.mark.parametrize("update", ["bcd", "ksvd"])
def test_threads_do_not_change_a_bit(noisy, n_jobs, update):
    options = {"sigma": SIGMA, "random_state": 0, "n_components": 64, "max_iter": 3}
    alone = denoise_image(noisy, update=update, **options)
    np.testing.assert_array_equal(
        denoise_image(noisy, update=update, n_jobs=n_jobs, **options), alone
    )


def test_bands_of_rows_join_without_seams(noisy, monkeypatch, atoms):
    options = {"sigma": SIGMA, "dictionary": atoms, "patch_size": 4}
    whole = denoise_image(noisy, **options)
    monkeypatch.setattr("sparsekit.image._grid.BATCH_SIZE", 100)
    np.testing.assert_allclose(denoise_image(noisy, **options), whole, rtol=1e-5)


def test_the_seed_chooses_the_patches_to_learn_from(noisy):
    options = {"sigma": SIGMA, "n_components": 64, "max_iter": 2, "max_train_patches": 500}
    first, again, other = (denoise_image(noisy, random_state=s, **options) for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("factor", [1 / 255, 1e6])
def test_units_do_not_matter(noisy, factor):
    denoised = denoise_image(noisy, sigma=SIGMA, dictionary="dct")
    scaled = denoise_image(factor * (noisy + 1000.0), sigma=factor * SIGMA, dictionary="dct")
    np.testing.assert_allclose(scaled / factor - 1000.0, denoised, atol=0.05)


def test_bytes_are_numbers_and_come_back_as_floats(clean, noisy):
    image = np.clip(np.round(noisy), 0, 255).astype(np.uint8)
    denoised = denoise_image(image, sigma=SIGMA, dictionary="dct")
    assert denoised.dtype == np.float32
    np.testing.assert_allclose(
        denoised, denoise_image(image.astype(np.float64), sigma=SIGMA, dictionary="dct"), atol=1e-3
    )


@pytest.mark.parametrize(
    ("dtype", "result"),
    [
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.uint16, np.float32),
        (np.int64, np.float64),
    ],
)
def test_the_precision_of_the_image_is_kept(noisy, dtype, result):
    image = np.clip(noisy, 0, 255).astype(dtype)
    assert denoise_image(image, sigma=SIGMA, dictionary="dct").dtype == result


def test_the_image_stays_as_it_is(noisy):
    given = noisy.copy()
    denoise_image(given, sigma=SIGMA, dictionary="dct")
    np.testing.assert_array_equal(given, noisy)


@pytest.mark.parametrize("sigma", [0.01, 1.0])
def test_hardly_any_noise_changes_hardly_anything(clean, sigma):
    # Codes stop at residuals of 1.15 sigma per value, and half as many atoms as values at most.
    denoised = denoise_image(clean, sigma=sigma, dictionary="dct")
    assert np.sqrt(np.mean((denoised - clean) ** 2)) < 1.15 * sigma


def test_no_noise_changes_nothing(clean):
    denoised = denoise_image(clean, sigma=0.0)
    np.testing.assert_array_equal(denoised, clean)
    assert not np.shares_memory(denoised, clean)


def test_a_smooth_image_stays_as_it_is():
    image = np.add.outer(np.arange(20.0), np.arange(30.0))
    np.testing.assert_array_equal(denoise_image(image), image)


def test_a_constant_image_stays_as_it_is():
    np.testing.assert_allclose(denoise_image(np.full((20, 20), 7.0), sigma=3.0), 7.0)


def test_pure_noise_becomes_flat(rng):
    denoised = denoise_image(50.0 + 10.0 * rng.standard_normal((64, 64)), sigma=10.0)
    assert denoised.std() < 2.5


def test_colours_are_denoised_together(clean, rng):
    colours = np.stack([clean, 0.8 * clean + 20.0, 200.0 - 0.5 * clean], axis=-1)
    noisy = colours + SIGMA * rng.standard_normal(colours.shape)
    options = {"sigma": SIGMA, "random_state": 0}
    together = denoise_image(noisy, **options)
    alone = [denoise_image(noisy[..., k], **options) for k in range(3)]
    assert together.shape == colours.shape
    assert psnr(together, colours) > psnr(np.stack(alone, axis=-1), colours) + 0.5


def test_one_channel_is_no_channel(noisy):
    flat = denoise_image(noisy, sigma=SIGMA, random_state=0, max_iter=2)
    channel = denoise_image(noisy[..., None], sigma=SIGMA, random_state=0, max_iter=2)
    np.testing.assert_array_equal(channel[..., 0], flat)


@pytest.mark.parametrize("step", [2, (1, 3), 4])
def test_larger_steps_denoise_too(clean, noisy, atoms, step):
    denoised = denoise_image(noisy, sigma=SIGMA, dictionary=atoms, patch_size=4, step=step)
    assert psnr(denoised, clean) > psnr(noisy, clean) + 3.0


def test_an_estimator_brings_its_atoms(noisy, atoms):
    options = {"sigma": SIGMA, "patch_size": 4}
    given = denoise_image(noisy, dictionary=atoms, **options)
    fitted = denoise_image(noisy, dictionary=Fitted(atoms).fit(), **options)
    np.testing.assert_array_equal(fitted, given)


def test_the_length_of_atoms_does_not_matter(noisy, atoms):
    options = {"sigma": SIGMA, "patch_size": 4}
    longer = atoms * np.geomspace(0.1, 10.0, len(atoms))[:, None]
    np.testing.assert_allclose(
        denoise_image(noisy, dictionary=longer, **options),
        denoise_image(noisy, dictionary=atoms, **options),
        atol=1e-2,
    )


def test_atoms_of_zeros_are_ignored(noisy, atoms):
    options = {"sigma": SIGMA, "patch_size": 4}
    more = np.vstack([atoms, np.zeros((2, 16))])
    np.testing.assert_array_equal(
        denoise_image(noisy, dictionary=more, **options),
        denoise_image(noisy, dictionary=atoms, **options),
    )


@pytest.mark.parametrize("patch_size", [(1, 6), (6, 1), (3, 5), 1])
def test_patches_of_any_shape_are_learned(clean, noisy, patch_size):
    denoised = denoise_image(
        noisy, sigma=SIGMA, patch_size=patch_size, n_components=20, max_iter=2, random_state=0
    )
    assert denoised.shape == noisy.shape
    assert psnr(denoised, clean) >= psnr(noisy, clean) - 1e-3


def test_more_atoms_than_patches_are_no_error(noisy):
    small = noisy[:9, :9]
    assert denoise_image(small, sigma=SIGMA, random_state=0).shape == (9, 9)


@pytest.mark.parametrize("n_components", [1, 10, 16, 36, 50])
def test_cosines_are_unit_atoms_of_mean_zero(n_components):
    atoms = cosine_dictionary(n_components, (4, 4, 1))
    assert atoms.shape == (n_components, 16)
    np.testing.assert_allclose(np.linalg.norm(atoms, axis=1), 1.0)
    np.testing.assert_allclose(atoms[1:].sum(axis=1), 0.0, atol=1e-12)
    assert np.linalg.matrix_rank(atoms) == min(n_components, 16)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sigma": -1.0}, "'sigma' parameter"),
        ({"sigma": np.nan}, "'sigma' parameter"),
        ({"n_components": 0}, "'n_components' parameter"),
        ({"update": "svd"}, "'update' parameter"),
        ({"error_gain": 0.0}, "'error_gain' parameter"),
        ({"noisy_weight": -1.0}, "'noisy_weight' parameter"),
        ({"max_iter": -1}, "'max_iter' parameter"),
        ({"dictionary": "wavelets"}, '`dictionary` must be "dct"'),
        ({"dictionary": np.ones((3, 5))}, "must have 64 values, as many as a patch; got 5"),
        ({"dictionary": np.full((3, 64), np.nan)}, "NaN"),
        ({"patch_size": 200}, "must fit into the image"),
        ({"step": 9}, "`step` must be at most `patch_size`"),
    ],
)
def test_what_cannot_be_done_is_refused(noisy, options, message):
    with pytest.raises(ValueError, match=message):
        denoise_image(noisy, **options)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_image_that_is_not_finite_is_refused(noisy, bad):
    image = noisy.copy()
    image[3, 4] = bad
    with pytest.raises(ValueError, match="`image` contains NaN or infinity"):
        denoise_image(image)


def test_an_estimator_that_is_not_fitted_is_refused(noisy):
    with pytest.raises(NotFittedError):
        denoise_image(noisy, dictionary=Fitted())
