"""Rules and noise estimates against other packages' numbers, brute force and special cases."""

import csv
import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import integrate, sparse, special, stats

from sparsekit.coding._select import drop_excess, ranked_magnitudes
from sparsekit.thresholding import choose_threshold, estimate_noise, hard, shrink, soft
from sparsekit.thresholding._bayes import (
    CauchyPrior,
    LaplacePrior,
    likely_rates,
    likely_weights,
    threshold_at,
)
from sparsekit.thresholding._rules import RULES
from sparsekit.thresholding._vectors import Vectors

PARAMETERS = {"fixed": {"threshold": 0.7}, "top_k": {"n_nonzero_coefs": 3}}
RULE_CASES = [(rule, PARAMETERS.get(rule, {})) for rule in RULES]
RULE_CASES += [("ebayes", {"prior": "cauchy"}), ("ebayes", {"prior_scale": None})]
KEEPING = [("top_k", {"n_nonzero_coefs": 3}), ("quantile", {"quantile": 0.6}), ("energy", {})]
READ_NOISE = ["universal", "minimax", "sure", "hybrid", "bayes", "ebayes", "fdr"]


def standard_sample(n):
    """A sample of nearly normal values that needs no generator of random numbers."""
    u = ((np.arange(n) + 1) * 0.6180339887498949) % 1
    return special.ndtri(0.998 * u + 0.001)


@pytest.fixture
def z():
    """Noise, and four values of about six."""
    values = standard_sample(64)
    values[:4] += 6
    return values


@pytest.fixture
def columns(rng):
    """Columns of several densities; the last one is empty, the first one full."""
    X = rng.standard_normal((40, 7)) * (rng.random((40, 7)) < [1, 0.9, 0.6, 0.5, 0.2, 0.05, 0])
    X[::9] *= 5
    return X


@pytest.mark.parametrize(
    "rule, parameters, expected, tolerance",
    [
        ("universal", {}, 2.884053773202, 1e-12),
        # Own formula in R, the same as waveslim's code.
        ("sure", {}, 1.516226922408, 1e-12),
        ("hybrid", {}, 1.516226922408, 1e-12),
        # scikit-image.
        ("bayes", {}, 0.662314914195, 1e-12),
        # R's pnorm and qnorm; the value is the fourth magnitude, to the precision of qnorm.
        ("fdr", {}, 5.282704337636, 1e-10),
        # EbayesThresh 1.4, which halves its interval thirty times.
        ("ebayes", {}, 2.48915792839, 1e-8),
    ],
)
def test_values_of_other_packages(rule, parameters, expected, tolerance, z):
    assert z[:4] == pytest.approx([6.29970241222, 5.28270433758, 7.05110041097, 5.93023834313])
    assert choose_threshold(z, rule, 1.0, **parameters) == pytest.approx(expected, rel=tolerance)


def test_noise_of_the_reference_vector():
    # The reference divides by 0.6745, which is the quartile rounded.
    expected = 0.994045680583 * 0.6745 / stats.norm.ppf(0.75)
    assert estimate_noise(standard_sample(512), "mad_zero") == pytest.approx(expected, rel=1e-11)


def test_the_formulas_of_ebayesthresh(z):
    laplace, cauchy = LaplacePrior(0.5), CauchyPrior()
    assert laplace.beta(np.array([-2.0, 1, 0, -4, 5])) == pytest.approx(
        [0.889852029651, -0.380041716606, -0.561817771773, 285.459466672, 15639.8849145], rel=1e-9
    )
    weights = np.array([0.1, 0.3, 0.5])
    assert threshold_at(laplace, weights, 9.0) == pytest.approx(
        [2.81630593375, 2.17233548895, 1.67439861805], rel=1e-8
    )
    assert laplace.weight_at(np.array([1.0, 2, 3])) == pytest.approx(
        [0.734187187789, 0.368633767549, 0.0661925474440], rel=1e-10
    )
    assert threshold_at(cauchy, weights, 9.0) == pytest.approx(
        [2.96839916765, 2.31826140322, 1.79713777799], rel=1e-8
    )
    vector = Vectors.from_rows(z[None])
    assert likely_weights(vector, laplace) == pytest.approx([0.186944087344], rel=1e-8)
    # Its search for the rate stops at a looser tolerance than for the weight.
    (rate,) = likely_rates(vector)
    assert rate == pytest.approx(0.277093214648, rel=1e-4)
    assert likely_weights(vector, LaplacePrior(rate)) == pytest.approx([0.120925527285], rel=1e-4)


# Table 2 of Donoho and Johnstone (1994), the equation solved, and the usual approximation.
@pytest.mark.parametrize(
    "n, printed, solved",
    [(64, 1.474, 1.4741), (256, 1.860, 1.8590), (1024, 2.232, 2.2262), (65536, 3.310, 3.2212)],
)
def test_minimax_solves_the_equation_that_the_table_approximates(n, printed, solved):
    found = choose_threshold(np.ones(n), "minimax", 1.0)
    assert found == pytest.approx(solved, abs=6e-5)
    assert found == pytest.approx(printed, abs=0.09)
    assert found == pytest.approx(0.3936 + 0.1829 * np.log2(n), abs=0.1)


def test_minimax_has_the_least_worst_relative_risk():
    n = 200
    means = np.append(np.linspace(0, 6, 400), 1e3)[:, None]
    t = np.linspace(1.0, 2.6, 321)
    cdf, density = stats.norm.cdf, stats.norm.pdf
    risk = 1 + t**2 + (means**2 - t**2 - 1) * (cdf(t - means) - cdf(-t - means))
    risk += -(t - means) * density(t + means) - (t + means) * density(t - means)
    worst = (risk / (1 / n + np.minimum(means**2, 1))).max(axis=0)
    found = choose_threshold(np.ones(n), "minimax", 1.0)
    assert found == pytest.approx(t[worst.argmin()], abs=0.005)


def read_wavethresh(folder, signal):
    """Return the coefficients of each level, the noise and the thresholds that R found."""
    with gzip.open(folder / f"wavethresh_wd_{signal}.csv.gz", "rt") as file:
        d = np.array([float(row["d"]) for row in csv.DictReader(file)])
    thresholds = {}
    for line in (folder / "wavethresh_thresholds.csv").read_text().splitlines():
        name, rule, *values = [part.strip() for part in line.strip().strip(",").split(",")]
        thresholds[name, rule] = [float(value) for value in values if value]
    levels = {level: d[1024 - 2 * 2**level :][: 2**level] for level in range(3, 10)}
    return levels, thresholds[signal, "universal"], thresholds[signal, "sure"]


@pytest.mark.parametrize("signal", ["blocks", "bumps", "heavi", "doppler"])
def test_wavethresh_agrees(signal, shared):
    levels, universal, sure = read_wavethresh(shared / "truth" / "r_outputs", signal)
    details = np.concatenate(list(levels.values()))
    # It takes the deviation from the median, over 0.6745.
    sigma = estimate_noise(details) * stats.norm.ppf(0.75) / 0.6745
    assert choose_threshold(details, "universal", sigma) == pytest.approx(universal[0], rel=1e-4)
    sigma = universal[0] / np.sqrt(2 * np.log(len(details)))
    n_equal = 0
    for level, expected in zip(levels, sure):
        # Its policy "sure" is the hybrid rule, of coefficients over the noise.
        found = choose_threshold(levels[level] / sigma, "hybrid", 1.0)
        if found > 0:
            assert found == pytest.approx(expected, rel=1e-10)
            n_equal += 1
        else:
            # It never tries zero, which is better where all coefficients are large.
            x = levels[level] / sigma
            assert len(x) < stein_risk(x, expected)
    assert n_equal >= 4


def stein_risk(x, t):
    return len(x) - 2 * np.sum(np.abs(x) <= t) + np.sum(np.minimum(np.abs(x), t) ** 2)


def test_sure_is_the_least_risk_on_a_fine_grid(rng):
    for scale in (0.3, 1.0, 4.0):
        x = scale * rng.standard_t(2, size=50)
        candidates = np.concatenate([[0.0], np.abs(x), np.linspace(0, np.abs(x).max(), 500)])
        found = choose_threshold(x, "sure", 1.0)
        assert stein_risk(x, found) <= min(stein_risk(x, t) for t in candidates) + 1e-9


def test_hybrid_takes_the_universal_threshold_of_noise(rng):
    noise, signal = rng.standard_normal(1000), 3 * rng.standard_normal(1000)
    assert choose_threshold(noise, "hybrid", 1.0) == choose_threshold(noise, "universal", 1.0)
    assert choose_threshold(signal, "hybrid", 1.0) == choose_threshold(signal, "sure", 1.0)


@pytest.mark.parametrize("level", [0.01, 0.05, 0.3])
def test_fdr_keeps_the_discoveries_of_benjamini_and_hochberg(level, z, rng):
    for x in (z, 2 * rng.standard_t(3, 200)):
        adjusted = stats.false_discovery_control(2 * stats.norm.sf(np.abs(x)))
        t = choose_threshold(x, "fdr", 1.0, fdr_level=level)
        np.testing.assert_array_equal(hard(x, t) != 0, adjusted <= level)


@pytest.mark.parametrize("name, prior", [("laplace", LaplacePrior(0.5)), ("cauchy", None)])
def test_at_the_ebayes_threshold_the_posterior_median_leaves_zero(name, prior, z):
    prior = CauchyPrior() if prior is None else prior
    t = choose_threshold(z, "ebayes", 1.0, prior=name)
    (weight,) = likely_weights(Vectors.from_rows(z[None]), prior)

    def density(mean):
        if name == "laplace":
            return 0.25 * np.exp(-0.5 * abs(mean))
        # The quasi-Cauchy density, by Mills' ratio.
        u = abs(mean)
        return (1 - u * stats.norm.sf(u) / stats.norm.pdf(u)) / np.sqrt(2 * np.pi)

    def mass(low, high):
        return integrate.quad(lambda m: density(m) * stats.norm.pdf(t - m), low, high)[0]

    positive, negative = mass(0, 30), mass(-30, 0)
    zero = (1 - weight) * stats.norm.pdf(t) / weight
    assert positive == pytest.approx(zero + negative, rel=1e-6)


@pytest.mark.parametrize("prior", [LaplacePrior(0.5), LaplacePrior(0.1), CauchyPrior()])
def test_the_ebayes_weight_is_the_likeliest(prior, z):
    (weight,) = likely_weights(Vectors.from_rows(z[None]), prior)
    # Among those whose threshold is not above the universal one.
    grid = np.linspace(float(prior.weight_at(np.sqrt(2 * np.log(64)))), 1, 2000)
    likelihood = np.log1p(grid[:, None] * prior.beta(z)).sum(axis=1)
    assert weight == pytest.approx(grid[likelihood.argmax()], abs=1e-3)


@pytest.mark.parametrize("shape", ["soft", "hard", "firm", "garrote"])
@pytest.mark.parametrize("rule, parameters", KEEPING)
def test_what_a_rule_keeps_does_not_depend_on_the_shape(rule, parameters, shape, z):
    t = choose_threshold(z, rule, shape=shape, **parameters)
    kept = np.sort(np.abs(z))[::-1][np.flatnonzero(np.sort(-np.abs(shrink(z, t, shape))))]
    squares = np.cumsum(np.sort(z**2)[::-1]) / (z @ z)
    count = {"top_k": 3, "quantile": 64 - 38, "energy": 1 + np.argmax(squares >= 0.95)}[rule]
    assert np.count_nonzero(shrink(z, t, shape)) == len(kept) == count


@pytest.mark.parametrize("quantile", [0.0, 0.29, 0.3, 0.7, 0.9, 0.99])
def test_the_quantile_counts_without_rounding_errors(quantile, rng):
    x = rng.permutation(100) + 1.0
    for shape in ("hard", "soft"):
        t = choose_threshold(x, "quantile", quantile=quantile, shape=shape)
        assert np.count_nonzero(shrink(x, t, shape) == 0) == round(100 * quantile)


def test_all_energy_is_every_value_however_small():
    x = np.array([1e-30, 3.0, 0.0, 1e-200])
    for shape in ("hard", "soft"):
        t = choose_threshold(x, "energy", energy=1.0, shape=shape)
        assert np.count_nonzero(shrink(x, t, shape)) == 3
    assert choose_threshold(1e-200 * x, "energy", energy=0.9, shape="hard") == 3e-200


# Special cases.
@pytest.mark.parametrize("rule, parameters", RULE_CASES)
@pytest.mark.parametrize("x", [[0.0, 0.0, 0.0], [2.0], [-1.5] * 6, [0.0]], ids=str)
def test_constant_and_single_values_give_a_number(x, rule, parameters):
    for sigma in (0.0, 1.0, "mad", "mad_zero", "std"):
        assert choose_threshold(x, rule, sigma, **parameters) >= 0


@pytest.mark.parametrize("rule", READ_NOISE)
def test_without_noise_nothing_is_removed(rule, z):
    assert choose_threshold(z, rule, 0.0) == 0.0
    assert choose_threshold([1.0] * 9 + [50.0], rule, "mad") == 0.0


def test_bayes_removes_what_varies_no_more_than_the_noise():
    x = np.array([0.5, -0.9, 0.1])
    assert choose_threshold(x, "bayes", 1.0) == 0.9
    assert not soft(x, choose_threshold(x, "bayes", 1.0)).any()
    assert choose_threshold([1.0, -1.0], "bayes", 1.0) == 1.0


def test_fdr_without_a_discovery_removes_everything():
    x = np.array([0.5, -0.9, 0.1])
    assert choose_threshold(x, "fdr", 1.0) == np.inf
    assert not hard(x, choose_threshold(x, "fdr", 1.0)).any()


def test_keeping_more_than_there_is_keeps_all():
    for shape in ("hard", "soft"):
        t = choose_threshold([1.0, 0.0, -2.0], "top_k", n_nonzero_coefs=9, shape=shape)
        assert t == 0.0


@pytest.mark.parametrize("method", ["mad", "mad_zero", "std"])
def test_noise_estimates_by_their_formulas(method, rng):
    x = 3 * rng.standard_normal((4, 5, 31)) + 1
    formulas = {
        "mad": lambda a, axis: stats.median_abs_deviation(a, axis=axis, scale="normal"),
        "mad_zero": lambda a, axis: np.median(np.abs(a), axis=axis) / stats.norm.ppf(0.75),
        "std": lambda a, axis: np.std(a, axis=axis),
    }
    for axis in (None, 0, 1, 2, -1):
        got = estimate_noise(x, method, axis=axis)
        np.testing.assert_allclose(got, formulas[method](x, axis), rtol=1e-12)
    X = rng.standard_normal((30, 6)) * (rng.random((30, 6)) < [0, 0.2, 0.5, 0.6, 0.9, 1])
    X[:15, 0], X[15:, 0] = 0, 1
    for axis in (None, 0, 1):
        got = estimate_noise(sparse.coo_array(X), method, axis=axis)
        np.testing.assert_allclose(got, formulas[method](X, axis), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("rule, parameters", RULE_CASES)
@pytest.mark.parametrize("noise", [0.8, "mad", "std"])
def test_sparse_and_dense_give_the_same_bits(rule, parameters, noise, columns):
    for axis in (None, 0, 1, -1):
        expected = choose_threshold(columns, rule, noise, axis=axis, **parameters)
        for kind in (sparse.csr_matrix, sparse.csc_array, sparse.coo_array):
            got = choose_threshold(kind(columns), rule, noise, axis=axis, **parameters)
            np.testing.assert_array_equal(got, expected)
        if axis == 0:
            single = [choose_threshold(c, rule, noise, **parameters) for c in columns.T]
            np.testing.assert_array_equal(expected, single)


def test_blocks_of_vectors_are_no_different(columns, monkeypatch):
    X = np.where(columns == 0, 0.1, columns)
    expected = [choose_threshold(X, "sure", np.arange(7), axis=0), estimate_noise(X, axis=1)]
    monkeypatch.setattr("sparsekit.thresholding._vectors.BLOCK", 90)
    monkeypatch.setattr("sparsekit.coding._select.BLOCK", 90)
    np.testing.assert_array_equal(choose_threshold(X, "sure", np.arange(7), axis=0), expected[0])
    np.testing.assert_array_equal(estimate_noise(sparse.csr_array(X), axis=1), expected[1])
    ranks = choose_threshold(X, "top_k", axis=1, n_nonzero_coefs=2, shape="hard")
    np.testing.assert_array_equal(ranks, np.sort(np.abs(X), axis=1)[:, -2])


def test_each_vector_may_have_its_own_noise_and_threshold(columns):
    sigma = np.arange(7) / 4
    got = choose_threshold(columns, "universal", sigma, axis=0)
    np.testing.assert_allclose(got, sigma * np.sqrt(2 * np.log(40)))
    np.testing.assert_array_equal(
        choose_threshold(columns, "fixed", axis=0, threshold=sigma), sigma
    )


odd_values = st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0, 5e-324, -1e308, 0.1, 7.5, np.inf])


@given(st.lists(st.lists(odd_values, max_size=9), min_size=1, max_size=5), st.integers(1, 6))
def test_ranks_are_those_of_sorting(rows, rank):
    starts = np.cumsum([0] + [len(row) for row in rows])
    for dtype in (np.float64, np.float32):
        with np.errstate(over="ignore"):
            values = np.concatenate([np.array(row) for row in rows]).astype(dtype)
        got = ranked_magnitudes(values, starts, np.full(len(rows), rank))
        for i, found in enumerate(got):
            row = np.sort(np.abs(values[starts[i] : starts[i + 1]]))[::-1]
            assert found == (row[rank - 1] if rank <= len(row) else 0)


def test_excess_ties_go_from_the_end():
    values = np.array([2.0, -3.0, 2.0, 2.0, 0.0, 1.0, 1.0])
    n_dropped = drop_excess(values, np.array([0, 5, 7]), np.array([2.0, 1.0]), 2)
    assert n_dropped == 2 and values.tolist() == [2.0, -3.0, 0.0, 0.0, 0.0, 1.0, 1.0]


samples = hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(-9, 9, width=16))
chosen_rules = st.sampled_from(RULE_CASES[:-1])


@given(samples, chosen_rules, st.sampled_from([-3, 2]))
def test_thresholds_scale_with_the_data(x, case, exponent):
    rule, parameters = case
    # By a power of two, which no sum rounds differently; a fixed threshold is what it is.
    factor = 2.0**exponent if rule != "fixed" else 1.0
    got = choose_threshold(factor * x, rule, factor * 0.5, **parameters)
    assert got == pytest.approx(factor * choose_threshold(x, rule, 0.5, **parameters), rel=1e-12)


@given(samples, chosen_rules, st.randoms(use_true_random=False))
def test_neither_order_nor_sign_matters(x, case, random):
    rule, parameters = case
    shuffled = x.copy()
    random.shuffle(shuffled)
    shuffled[::2] *= -1
    expected = choose_threshold(x, rule, 0.5, **parameters)
    assert choose_threshold(shuffled, rule, 0.5, **parameters) == pytest.approx(expected, rel=1e-9)


@given(samples, chosen_rules)
def test_float32_data_give_nearly_the_same(x, case):
    rule, parameters = case
    # Half-precision values are exact in both.
    expected = choose_threshold(x, rule, 0.5, **parameters)
    assert choose_threshold(x.astype(np.float32), rule, 0.5, **parameters) == expected


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: choose_threshold(x, "largest"), "'rule' parameter of choose_threshold"),
        (lambda x: choose_threshold(x, shape="round"), "'shape' parameter of choose_threshold"),
        (lambda x: choose_threshold(x, "fixed"), "rule='fixed' needs `threshold`"),
        (lambda x: choose_threshold(x, "top_k"), "rule='top_k' needs `n_nonzero_coefs`"),
        (lambda x: choose_threshold(x, threshold=1.0), "`threshold` is read by rule='fixed' only"),
        (lambda x: choose_threshold(x, n_nonzero_coefs=1), "read by rule='top_k' only"),
        (lambda x: choose_threshold(x, "fixed", threshold=-1), "'threshold' parameter"),
        (lambda x: choose_threshold(x, "fdr", fdr_level=0), "'fdr_level' parameter"),
        (lambda x: choose_threshold(x, "quantile", quantile=1.0), "'quantile' parameter"),
        (lambda x: choose_threshold(x, "energy", energy=0.0), "'energy' parameter"),
        (lambda x: choose_threshold(x, "ebayes", prior="normal"), "'prior' parameter"),
        (lambda x: choose_threshold(x, sigma=-1.0), "`sigma` must be non-negative"),
        (lambda x: choose_threshold(x, sigma=np.inf), "`sigma` must be one of"),
        (lambda x: choose_threshold(x, sigma="iqr"), "`sigma` must be one of"),
        (lambda x: choose_threshold(x, sigma=[1.0, 2.0]), "Expected one number for all"),
        (lambda x: choose_threshold([1.0, np.nan]), "`x` must be finite"),
        (lambda x: choose_threshold([]), "`x` holds no values"),
        (lambda x: estimate_noise(np.empty((0, 3)), axis=0), "`x` holds no values"),
        (lambda x: estimate_noise(x, "iqr"), "`method` must be one of"),
        (lambda x: estimate_noise(x, axis=1), "axis 1 is out of bounds"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.arange(5.0))
