"""Wavelet shrinkage against wavethresh and waveslim, and on signals and images of the papers."""

import numpy as np
import pytest
from scipy.special import ndtri

from sparsekit.thresholding import WaveletShrinkage, denoise
from sparsekit.thresholding._wavelet_transform import WaveletTransform

pywt = pytest.importorskip("pywt", reason="PyWavelets is not installed (extra wavelet)")

SIGNALS = ["blocks", "bumps", "heavi", "doppler"]
# R's packages place the same coefficients differently along the circle.
WAVETHRESH_ROLL, WAVESLIM_ROLL = 7, 13
WAVETHRESH = {"wavelet": "sym8", "mode": "periodization", "n_levels": 7}
WAVESLIM = {"wavelet": "sym4", "mode": "periodization", "n_levels": 4}
POOLED = {"noise": "mad", "noise_band": "all", "by_level": False}


def read(shared, name):
    """Return a table of R's results."""
    path = shared / "truth" / "r_outputs" / name
    return np.genfromtxt(path, delimiter=",", names=True)


@pytest.fixture(scope="module")
def noisy(shared):
    """The four signals of Donoho and Johnstone, of standard deviation 7, with unit noise."""
    return read(shared, "wavethresh_DJEX_1024_noisy.csv.gz")


@pytest.fixture(scope="module")
def universal(shared):
    """wavethresh's universal threshold of each signal."""
    lines = (shared / "truth" / "r_outputs" / "wavethresh_thresholds.csv").read_text().splitlines()
    cells = [[cell.strip() for cell in line.split(",")] for line in lines]
    return {row[0]: float(row[2]) for row in cells if row[1] == "universal"}


def on_circle(x, roll, **options):
    """Return x denoised after a turn, turned back."""
    return np.roll(denoise(np.roll(x, roll), **options), -roll)


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("shape", ["soft", "hard"])
def test_wavethresh_shrinks_the_same_at_its_threshold(shared, noisy, universal, name, shape):
    expected = read(shared, f"wavethresh_denoised_{name}.csv.gz")[f"universal_{shape}"]
    fixed = {"rule": "fixed", "threshold": universal[name], "shape": shape}
    found = on_circle(noisy[name], WAVETHRESH_ROLL, **WAVETHRESH, **fixed)
    np.testing.assert_allclose(found, expected, atol=1e-9)


# R's `mad` multiplies by 1.4826, which is 1.5e-6 less than the reciprocal of the quartile.
R_ROUNDING = 1e-4


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("shape", ["soft", "hard"])
def test_wavethresh_chooses_the_same_universal_threshold(shared, noisy, name, shape):
    expected = read(shared, f"wavethresh_denoised_{name}.csv.gz")[f"universal_{shape}"]
    options = {**WAVETHRESH, **POOLED, "rule": "universal", "shape": shape}
    found = on_circle(noisy[name], WAVETHRESH_ROLL, **options)
    np.testing.assert_allclose(found, expected, atol=R_ROUNDING)


@pytest.mark.parametrize("name", SIGNALS)
def test_wavethresh_makes_the_same_discoveries(shared, noisy, name):
    # It takes the noise for this rule from the finest level.
    expected = read(shared, f"wavethresh_denoised_{name}.csv.gz")["fdr_soft"]
    options = {**WAVETHRESH, **POOLED, "noise_band": "finest", "rule": "fdr"}
    found = on_circle(noisy[name], WAVETHRESH_ROLL, **options)
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("name", SIGNALS)
def test_the_hard_shape_keeps_the_smallest_discovery_that_wavethresh_drops(shared, noisy, name):
    expected = read(shared, f"wavethresh_denoised_{name}.csv.gz")["fdr_hard"]
    options = {**WAVETHRESH, **POOLED, "noise_band": "finest", "rule": "fdr", "shape": "hard"}
    found = on_circle(noisy[name], WAVETHRESH_ROLL, **options)
    difference = pywt.wavedec(
        np.roll(found - expected, WAVETHRESH_ROLL), "sym8", mode="periodization", level=6
    )
    assert np.sum(np.abs(np.hstack(difference)) > 1e-8) == 1


@pytest.mark.parametrize("name", SIGNALS)
def test_waveslim_estimates_the_same_risk(shared, noisy, name):
    expected = read(shared, f"waveslim_denoised_la8_{name}.csv.gz")["sure_soft"]
    options = {**WAVESLIM, "rule": "sure", "noise": "mad_zero", "noise_band": "each"}
    found = on_circle(noisy[name], WAVESLIM_ROLL, **options)
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("column", ["universal_soft", "universal_hard", "manual3_soft"])
def test_waveslim_shrinks_the_same_at_its_thresholds(shared, noisy, name, column):
    finest = pywt.dwt(np.roll(noisy[name], WAVESLIM_ROLL), "sym4", mode="periodization")[1]
    # waveslim counts the samples, not the details.
    factor = 3.0 if column.startswith("manual") else np.sqrt(2.0 * np.log(1024))
    threshold = factor * np.median(np.abs(finest)) / 0.6745
    expected = read(shared, f"waveslim_denoised_la8_{name}.csv.gz")[column]
    fixed = {"rule": "fixed", "threshold": threshold, "shape": column.partition("_")[2]}
    found = on_circle(noisy[name], WAVESLIM_ROLL, **WAVESLIM, **fixed)
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize(
    ("file", "wavelet", "roll"), [("haar", "haar", 0), ("la8", "sym4", 29), ("la16", "sym8", 25)]
)
def test_waveslim_finds_the_same_coefficients(shared, noisy, file, wavelet, roll):
    path = shared / "truth" / "r_outputs" / f"waveslim_dwt_{file}.csv.gz"
    expected = np.split(np.loadtxt(path, skiprows=1), [512, 768, 896, 960, 992])
    transform = WaveletTransform(wavelet, "periodization", n_levels=5, n_axes=1)
    approximation, levels = transform.decompose(np.roll(noisy["blocks"], roll)[None])
    found = [*(level.bands["d"][0] for level in levels), approximation[0]]
    for ours, theirs in zip(found, expected):
        # Places along the circle and signs are each program's own.
        np.testing.assert_allclose(np.sort(abs(ours)), np.sort(abs(theirs)), atol=1e-9)


@pytest.fixture(scope="module")
def formula_signal():
    """A signal with noise made by a formula, on which wavethresh 4.7.2 was run."""
    i = np.arange(512)
    noise = ndtri(0.998 * ((i + 1) * 0.6180339887498949 % 1.0) + 0.001)
    t = i / 512
    y = 4 * np.sin(4 * np.pi * t) - np.sign(t - 0.3) - np.sign(0.72 - t) + 0.5 * noise
    known = [0.149851206112, -0.260482917118, 0.721820902795, 0.259377425965]
    np.testing.assert_allclose(y[:4], known, atol=1e-12)
    return y


def test_the_noise_of_the_finest_level_is_known(formula_signal):
    options = {"wavelet": "sym4", "mode": "periodization", "rule": "universal", "n_levels": 3}
    known = 0.845679497844 * 0.6745 / 0.6744897501960817
    expected = denoise(formula_signal, **options, noise=known)
    np.testing.assert_allclose(denoise(formula_signal, **options), expected, atol=1e-10)


@pytest.mark.parametrize(
    ("rule", "noise_band", "known"),
    [("universal", "all", 2.4884690051), ("fdr", "finest", 2.61782644071)],
)
def test_wavethresh_chose_these_thresholds(formula_signal, rule, noise_band, known):
    # The order of its filters is the other way round.
    x = np.roll(formula_signal[::-1], -3)
    plain = {"wavelet": "sym4", "mode": "periodization", "n_levels": 6}
    chosen = denoise(x, **plain, **{**POOLED, "noise_band": noise_band}, rule=rule)
    expected = denoise(x, **plain, rule="fixed", threshold=known)
    np.testing.assert_allclose(chosen, expected, atol=1e-5)


@pytest.fixture(scope="module")
def wavelab(shared):
    """Clean and noisy rows of each signal of Donoho and Johnstone, as WaveLab made them."""
    stored = np.load(shared / "data" / "signals" / "wavelab_test_signals.npz")
    rng = np.random.default_rng(0)
    rows = {}
    for name in ("blocks", "bumps", "heavisine", "doppler"):
        clean = stored[name][:: len(stored[name]) // 1024]
        clean = clean * 7.0 / clean.std()
        rows[name] = clean, clean + rng.standard_normal((10, 1024))
    return rows


def mean_error(rows, **options):
    clean, X = rows
    return float(np.mean((WaveletShrinkage(**options).fit_transform(X) - clean) ** 2))


# By the default shape. Soft shrinkage by a threshold as large as the universal one, or as a
# discovery, leaves more error than unit noise on signals with many large details.
LIMITS = {"universal": 1.5, "fdr": 1.4, "minimax": 0.7, "sure": 0.45, "hybrid": 0.6, "bayes": 0.55}


@pytest.mark.parametrize("name", ["blocks", "bumps", "heavisine", "doppler"])
@pytest.mark.parametrize("rule", [*LIMITS, "ebayes"])
def test_rules_denoise_the_signals_of_donoho_and_johnstone(wavelab, name, rule):
    assert mean_error(wavelab[name], rule=rule) < LIMITS.get(rule, 0.7)


@pytest.mark.parametrize("name", ["blocks", "bumps", "heavisine", "doppler"])
@pytest.mark.parametrize("rule", ["universal", "fdr", "ebayes"])
def test_large_thresholds_want_the_hard_shape(wavelab, name, rule):
    hard = mean_error(wavelab[name], rule=rule, shape="hard")
    assert hard < 0.5
    assert hard < mean_error(wavelab[name], rule=rule)


@pytest.mark.parametrize("name", ["blocks", "bumps", "heavisine", "doppler"])
@pytest.mark.parametrize("rule", ["sure", "bayes", "minimax"])
def test_shifts_lessen_the_error(wavelab, name, rule):
    once, spun = (mean_error(wavelab[name], rule=rule, n_shifts=n) for n in (1, 8))
    assert spun < 0.97 * once


def peak_ratio(found, clean):
    """Return the ratio of the peak to the error, in decibels."""
    return 20.0 * np.log10(255.0 / np.sqrt(np.mean((found - clean) ** 2)))


@pytest.fixture(scope="module")
def images(shared):
    """Test images and their noisy copies, standard deviation 25."""
    image = pytest.importorskip("matplotlib.image", reason="matplotlib is not installed")
    rng = np.random.default_rng(0)
    found = {}
    for name in ("house", "barbara"):
        clean = image.imread(shared / "data" / "test_images" / f"{name}.png").astype(float) * 255.0
        found[name] = clean, clean + 25.0 * rng.standard_normal(clean.shape)
    return found


def test_full_depth_is_what_one_level_is_not(images):
    clean, noisy = images["house"]
    one = peak_ratio(denoise(noisy, rule="bayes", n_levels=1), clean)
    full = peak_ratio(denoise(noisy, rule="bayes"), clean)
    assert one < 25.8
    assert full > 28.8


@pytest.mark.parametrize(("name", "least"), [("house", 29.0), ("barbara", 26.2)])
def test_images_lose_their_noise(images, name, least):
    clean, noisy = images[name]
    once = peak_ratio(denoise(noisy), clean)
    assert once > least
    assert peak_ratio(denoise(noisy, n_shifts=3), clean) > once + 0.4
