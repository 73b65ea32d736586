"""Wavelet shrinkage as a transformer: what it keeps, what it removes, what it refuses."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsekit.thresholding import WaveletShrinkage, choose_threshold, denoise, shrink

pywt = pytest.importorskip("pywt", reason="PyWavelets is not installed (extra wavelet)")

RULES = ["universal", "minimax", "sure", "hybrid", "bayes", "ebayes", "fdr"]
# For a threshold that is a discovery, or that noise alone seldom exceeds, soft shrinks too much.
BEST_SHAPE = {"universal": "hard", "fdr": "hard", "minimax": "firm", "ebayes": "hard"}
MODES = sorted(pywt.Modes.modes)


def smooth_and_steps(n_samples):
    """Return a signal with a wave and two jumps, of standard deviation near five."""
    t = np.arange(n_samples) / n_samples
    return 6.0 * np.sin(4 * np.pi * t) - 4.0 * np.sign(t - 0.3) - 4.0 * np.sign(0.72 - t)


@pytest.fixture(scope="module")
def noisy():
    """Clean rows, and the same rows with noise of standard deviation one."""
    clean = np.tile(smooth_and_steps(512), (6, 1))
    return clean, clean + np.random.default_rng(3).standard_normal(clean.shape)


def error(denoised, clean):
    return float(np.mean((denoised - clean) ** 2))


@parametrize_with_checks(
    [
        WaveletShrinkage(),
        WaveletShrinkage("haar", rule="universal", shape="hard", mode="periodization"),
        WaveletShrinkage("db2", rule="ebayes", noise=0.1, n_shifts=3, by_level=False),
        WaveletShrinkage("bior2.2", rule="top_k", n_nonzero_coefs=1, noise_band="each"),
    ]
)
def test_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_removes_most_of_the_noise(noisy, rule):
    clean, X = noisy
    model = WaveletShrinkage("sym4", rule=rule, shape=BEST_SHAPE.get(rule, "soft"))
    assert error(model.fit_transform(X), clean) < 0.35 * error(X, clean)


@pytest.mark.parametrize("shape", ["soft", "hard", "firm", "garrote"])
@pytest.mark.parametrize("rule", ["universal", "minimax", "sure", "bayes", "ebayes"])
def test_every_shape_removes_noise(noisy, rule, shape):
    clean, X = noisy
    denoised = WaveletShrinkage("sym4", rule=rule, shape=shape).fit_transform(X)
    assert error(denoised, clean) < 0.9 * error(X, clean)


@pytest.mark.parametrize("mode", ["symmetric", "periodization"])
@pytest.mark.parametrize("rule", ["universal", "sure", "bayes"])
def test_cycle_spinning_is_better_than_one_transform(noisy, rule, mode):
    clean, X = noisy
    once, spun = (
        error(WaveletShrinkage("haar", rule=rule, mode=mode, n_shifts=n).fit_transform(X), clean)
        for n in (1, 8)
    )
    assert spun < 0.8 * once


def test_all_shifts_of_a_periodic_signal_make_the_result_indifferent_to_shifts(noisy):
    _, X = noisy
    model = WaveletShrinkage("sym4", mode="periodization", n_levels=3, n_shifts=8)
    turned = model.fit_transform(np.roll(X, 5, axis=1))
    np.testing.assert_allclose(turned, np.roll(model.fit_transform(X), 5, axis=1), atol=1e-10)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(1,), (2,), (3,), (7,), (64,), (101,), (1, 1), (5, 1), (7, 12)])
@pytest.mark.parametrize("n_shifts", [1, 3])
def test_with_the_threshold_zero_the_input_comes_back(rng, mode, shape, n_shifts):
    x = rng.standard_normal(shape)
    options = {"rule": "fixed", "threshold": 0.0, "mode": mode, "n_shifts": n_shifts}
    for wavelet in ("haar", "sym8", "bior3.5"):
        np.testing.assert_allclose(denoise(x, wavelet, **options), x, atol=1e-10)


@pytest.mark.parametrize("mode", MODES)
def test_a_threshold_without_end_leaves_the_approximation(rng, mode):
    x = rng.standard_normal(64)
    coefficients = pywt.wavedec(x, "haar", mode=mode, level=2)
    coefficients[1:] = [np.zeros_like(band) for band in coefficients[1:]]
    expected = pywt.waverec(coefficients, "haar", mode=mode)
    found = denoise(x, "haar", rule="fixed", threshold=1e6, n_levels=2, mode=mode)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("n_samples", [1, 2, 3, 15, 16, 17, 100, 1000])
@pytest.mark.parametrize("wavelet", ["haar", "sym4", "sym8", "dmey"])
def test_by_default_it_goes_as_deep_as_pywavelets_advises_but_once_at_least(n_samples, wavelet):
    advised = pywt.dwt_max_level(n_samples, wavelet)
    model = WaveletShrinkage(wavelet).fit(np.zeros((1, n_samples)))
    assert model.n_levels_ == min(max(advised, 1), n_samples - 1)


def test_an_image_is_as_deep_as_its_shorter_side():
    model = WaveletShrinkage("sym4", image_shape=(300, 40)).fit(np.zeros((1, 12000)))
    assert model.n_levels_ == pywt.dwt_max_level(40, "sym4")


@pytest.mark.parametrize("shape", [(1,), (2,), (37,), (128,), (9, 16)])
@pytest.mark.parametrize("rule", [*RULES, "quantile", "energy"])
def test_a_constant_stays(shape, rule):
    x = np.full(shape, 2.5)
    np.testing.assert_allclose(denoise(x, rule=rule), x, rtol=1e-9)


def test_signals_of_one_and_two_samples_pass():
    assert denoise([3.0]) == [3.0]
    assert np.isfinite(denoise([3.0, -1.0])).all()


@pytest.mark.parametrize("options", [{}, {"n_shifts": 3}, {"by_level": False, "rule": "ebayes"}])
def test_rows_do_not_meet(noisy, options):
    _, X = noisy
    X = X * np.array([1.0, 5.0, 0.1, 0.0, 2.0, 1.0])[:, None]
    model = WaveletShrinkage(**options).fit(X)
    one_by_one = np.vstack([model.transform(row[None]) for row in X])
    np.testing.assert_array_equal(model.transform(X), one_by_one)


def test_many_rows_are_one_row_after_another(noisy):
    _, X = noisy
    # More values than are transformed together.
    many = np.tile(X, (200, 1))
    expected = np.tile(WaveletShrinkage().fit_transform(X), (200, 1))
    np.testing.assert_array_equal(WaveletShrinkage().fit_transform(many), expected)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_the_result_scales_with_the_data(noisy, rule, factor):
    _, X = noisy
    model = WaveletShrinkage(rule=rule)
    scaled = model.fit_transform(factor * X)
    np.testing.assert_allclose(
        scaled, factor * model.fit_transform(X), rtol=1e-6, atol=1e-8 * factor
    )


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("options", [{}, {"n_shifts": 2}, {"shape": "garrote"}])
def test_float32_stays_and_is_near_float64(noisy, rule, options):
    _, X = noisy
    single = WaveletShrinkage(rule=rule, **options).fit_transform(X.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(
        single, WaveletShrinkage(rule=rule, **options).fit_transform(X), atol=1e-3
    )


def details(x, n_levels, mode="periodization"):
    """Return PyWavelets' details, finest first, and a way back from them."""
    approximation, *bands = pywt.wavedec(x, "sym4", mode=mode, level=n_levels)

    def back(shrunk):
        return pywt.waverec([approximation, *shrunk[::-1]], "sym4", mode=mode)

    return bands[::-1], back


@pytest.mark.parametrize("noise", ["mad", "mad_zero", "std"])
def test_noise_of_each_band_is_estimated_in_that_band(noisy, noise):
    x = noisy[1][0]
    bands, back = details(x, 3)
    expected = back([shrink(band, choose_threshold(band, "sure", noise)) for band in bands])
    options = {"mode": "periodization", "n_levels": 3, "noise_band": "each", "noise": noise}
    np.testing.assert_allclose(denoise(x, "sym4", **options), expected, atol=1e-10)


@pytest.mark.parametrize("rule", ["universal", "fdr", "ebayes"])
def test_one_threshold_for_all_levels(noisy, rule):
    x = noisy[1][0]
    bands, back = details(x, 4)
    sigma = np.median(np.abs(np.hstack(bands))) / 0.6744897501960817
    threshold = choose_threshold(np.hstack(bands), rule, sigma)
    expected = back([shrink(band, threshold) for band in bands])
    options = {"mode": "periodization", "n_levels": 4, "noise_band": "all", "by_level": False}
    np.testing.assert_allclose(denoise(x, "sym4", rule=rule, **options), expected, atol=1e-10)


def test_the_noise_of_an_image_is_that_of_the_finest_diagonal_band(rng):
    x = rng.standard_normal((32, 48))
    approximation, bands = pywt.dwt2(x, "sym4", mode="periodization")
    sigma = np.median(np.abs(bands[2])) / 0.6744897501960817
    shrunk = [shrink(b, choose_threshold(b, "sure", sigma)) for b in bands]
    expected = pywt.idwt2((approximation, shrunk), "sym4", mode="periodization")
    found = denoise(x, "sym4", n_levels=1, mode="periodization")
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_top_k_of_all_levels_is_the_best_approximation_by_so_many_details(noisy):
    x = noisy[0][0]
    bands, back = details(x, 5)
    limit = np.sort(np.abs(np.hstack(bands)))[-20]
    expected = back([np.where(np.abs(band) >= limit, band, 0.0) for band in bands])
    options = {"rule": "top_k", "n_nonzero_coefs": 20, "shape": "hard", "by_level": False}
    found = denoise(x, "sym4", mode="periodization", n_levels=5, **options)
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_correlated_noise_wants_its_estimate_in_each_band(rng):
    clean = 6.0 * np.sin(4 * np.pi * np.arange(1024) / 1024)
    correlated = np.convolve(rng.standard_normal(1026), [0.5, 0.7, 0.5], "valid")
    finest, each = (
        error(denoise(clean + correlated, rule="universal", noise_band=band), clean)
        for band in ("finest", "each")
    )
    assert each < 0.5 * finest


def test_images_in_rows_are_denoised_as_images(rng):
    images = rng.standard_normal((3, 20, 33))
    model = WaveletShrinkage("db2", image_shape=(20, 33), rule="bayes")
    found = model.fit_transform(images.reshape(3, -1))
    expected = [denoise(image, "db2", rule="bayes").ravel() for image in images]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, np.uint8, bool])
@pytest.mark.parametrize("shape", [(60,), (12, 17)])
def test_denoise_keeps_shape_and_input(rng, dtype, shape):
    x = rng.integers(0, 2, shape).astype(dtype)
    before = x.copy()
    x.setflags(write=False)
    found = denoise(x, "haar")
    assert found.shape == shape
    assert found.dtype == (
        np.float32 if np.dtype(dtype) in (np.float16, np.float32) else np.float64
    )
    np.testing.assert_array_equal(x, before)


def test_transform_does_not_return_its_input():
    X = np.ones((2, 1))
    assert not np.may_share_memory(WaveletShrinkage().fit_transform(X), X)


def test_it_survives_pickling(noisy):
    _, X = noisy
    model = WaveletShrinkage(rule="hybrid", n_shifts=2).fit(X)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform(X), model.transform(X))


BAD = {
    "wavelet='nope' is not a discrete wavelet": {"wavelet": "nope"},
    "wavelet='morl' is not a discrete wavelet": {"wavelet": "morl"},
    r"image_shape=\(8, 9\) makes 72 pixels, but X has 64 features": {"image_shape": (8, 9)},
    "two positive integers, height and width; got": {"image_shape": (64,)},
    "two positive integers": {"image_shape": (6.4, 10.0)},
    "n_levels=7 is too deep for signals of length 64, which can be halved 6": {"n_levels": 7},
    "too deep for images of 4 x 16 pixels": {"n_levels": 3, "image_shape": (4, 16)},
    "noise_band='each' needs by_level=True": {"noise_band": "each", "by_level": False},
    "'noise_band' parameter": {"noise_band": "coarsest"},
    "'mode' parameter": {"mode": "mirror"},
    "'rule' parameter": {"rule": "visu"},
    "'n_shifts' parameter": {"n_shifts": 0},
    "'noise' parameter": {"noise": -1.0},
    "'threshold' parameter": {"rule": "fixed", "threshold": [1.0]},
    "needs `threshold`": {"rule": "fixed"},
    "needs `n_nonzero_coefs`": {"rule": "top_k"},
    "`threshold` is read by": {"threshold": 1.0},
}


@pytest.mark.parametrize("message", BAD)
def test_what_is_wrong_is_said(message):
    with pytest.raises(ValueError, match=message):
        WaveletShrinkage(**BAD[message]).fit(np.zeros((2, 64)))


def test_a_failed_fit_changes_nothing():
    model = WaveletShrinkage(image_shape=(4, 8)).fit(np.zeros((2, 32)))
    before = dict(vars(model))
    with pytest.raises(ValueError, match="makes 32 pixels, but X has 33 features"):
        model.fit(np.zeros((2, 33)))
    assert vars(model) == before


def test_sparse_rows_are_refused_with_the_remedy():
    with pytest.raises(TypeError, match="toarray"):
        WaveletShrinkage().fit(sparse.eye_array(8, format="csr"))
    with pytest.raises(TypeError, match="toarray"):
        denoise(sparse.eye_array(8, format="csr"))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(bad):
    with pytest.raises(ValueError, match="Input x contains"):
        denoise([1.0, bad, 2.0])
    with pytest.raises(ValueError, match="Input X contains"):
        WaveletShrinkage().fit([[1.0, bad, 2.0]])


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (3.0, "at least 1 dimension"),
        (np.zeros((2, 3, 4)), r"one or two dimensions; got shape \(2, 3, 4\)"),
        ([], "minimum of 1"),
    ],
)
def test_denoise_takes_a_signal_or_an_image(x, message):
    with pytest.raises((TypeError, ValueError), match=message):
        denoise(x)


def test_denoise_refuses_what_numpy_would_convert_in_silence():
    with pytest.raises(TypeError, match="masked"):
        denoise(np.ma.masked_array([1.0, 2.0], [True, False]))
    with pytest.raises(TypeError, match="image_shapes"):
        denoise([1.0, 2.0], image_shapes=(1, 2))


@pytest.mark.parametrize(
    "call", [lambda: WaveletShrinkage().fit(np.zeros((1, 4))), lambda: denoise([1.0, 2.0])]
)
def test_without_pywavelets_the_error_names_the_extra(monkeypatch, call):
    monkeypatch.setitem(sys.modules, "pywt", None)
    with pytest.raises(ImportError, match=r'pip install "sparsekit\[wavelet\]"'):
        call()


def test_importing_the_package_does_not_import_pywavelets():
    code = "import sys, sparsekit.thresholding; print('pywt' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
