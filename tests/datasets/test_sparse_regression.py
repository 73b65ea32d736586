"""Generated problems have the stated support, density, correlation and noise."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from sparsekit.datasets import make_sparse_regression

DENSITIES = [1.0, 0.2]


def _dense(X):
    return X.toarray() if sparse.issparse(X) else X


def _lagged_correlation(X, lag):
    """Correlation of column j and j + lag, pooled over j; means are zero by construction."""
    return np.mean(X[:, :-lag] * X[:, lag:]) / np.mean(X**2)


@pytest.mark.parametrize("density", DENSITIES)
def test_shapes_and_types(density):
    X, y, w = make_sparse_regression(30, 40, density=density, coef=True, random_state=0)
    assert X.shape == (30, 40) and y.shape == (30,) and w.shape == (40,)
    assert X.dtype == y.dtype == w.dtype == np.float64


def test_full_density_is_an_array_in_fortran_order():
    X, _ = make_sparse_regression(30, 40, random_state=0)
    assert isinstance(X, np.ndarray) and X.flags.f_contiguous


@pytest.mark.parametrize("correlation", [0.0, 0.8, -0.8])
def test_lower_density_is_a_canonical_csc_matrix(correlation):
    X, _ = make_sparse_regression(30, 40, density=0.2, correlation=correlation, random_state=0)
    assert X.format == "csc" and X.indices.dtype == np.int32
    fresh = sparse.csc_array((X.data, X.indices, X.indptr), shape=X.shape)
    assert fresh.has_canonical_format
    assert np.all(X.data != 0)


@pytest.mark.parametrize("correlation", [0.0, 0.9])
@pytest.mark.parametrize("density", [0.01, 0.3, 0.95])
def test_share_of_entries_is_the_density(density, correlation):
    n_samples, n_features = 2000, 300
    X, _ = make_sparse_regression(
        n_samples, n_features, density=density, correlation=correlation, random_state=0
    )
    # Runs of kept entries lower the number of independent draws by (1 + rho) / (1 - rho).
    n_draws = n_samples * n_features * (1 - correlation) / (1 + correlation)
    deviation = np.sqrt(density * (1 - density) / n_draws)
    assert abs(X.nnz / (n_samples * n_features) - density) < 5 * deviation


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9, -0.6])
@pytest.mark.parametrize("density", DENSITIES)
@pytest.mark.parametrize("lag", [1, 3])
def test_columns_correlate_by_their_distance(density, correlation, lag):
    X, _ = make_sparse_regression(
        4000, 100, density=density, correlation=correlation, random_state=0
    )
    assert _lagged_correlation(_dense(X), lag) == pytest.approx(correlation**lag, abs=0.03)


@pytest.mark.parametrize("density", DENSITIES)
@pytest.mark.parametrize("column", [0, 25])
def test_first_and_later_columns_have_the_same_scale(density, column):
    X, _ = make_sparse_regression(20000, 26, density=density, correlation=0.7, random_state=0)
    # The fourth moment of an entry is 3 * density: that bounds the error of its second moment.
    tolerance = 5 * np.sqrt(3 * density / 20000)
    assert np.mean(_dense(X)[:, column] ** 2) == pytest.approx(density, abs=tolerance)


def test_rows_are_independent():
    X, _ = make_sparse_regression(4000, 100, density=0.2, correlation=0.9, random_state=0)
    assert abs(_lagged_correlation(_dense(X).T, 1)) < 0.03


@pytest.mark.parametrize("density", DENSITIES)
@pytest.mark.parametrize("n_informative", [0, 1, 7, 40])
def test_support_has_the_stated_size(density, n_informative):
    _, _, w = make_sparse_regression(
        20, 40, n_informative=n_informative, density=density, coef=True, random_state=0
    )
    magnitudes = np.abs(w[w != 0])
    assert len(magnitudes) == n_informative
    assert np.all((magnitudes >= 0.5) & (magnitudes <= 1.5))


@pytest.mark.parametrize("density", DENSITIES)
@pytest.mark.parametrize("snr", [0.5, 20.0])
def test_noise_has_its_share_of_the_variance(density, snr):
    X, y, w = make_sparse_regression(20000, 30, density=density, snr=snr, coef=True, random_state=0)
    signal = X @ w
    assert signal.var() / (y - signal).var() == pytest.approx(snr, rel=0.06)


def test_infinite_snr_means_no_noise():
    X, y, w = make_sparse_regression(50, 30, snr=np.inf, coef=True, random_state=0)
    np.testing.assert_array_equal(y, X @ w)


def test_without_signal_the_target_is_noise_of_variance_one():
    _, y = make_sparse_regression(20000, 5, n_informative=0, random_state=0)
    assert y.var() == pytest.approx(1.0, rel=0.06)


@pytest.mark.parametrize("density", DENSITIES)
def test_a_seed_makes_the_problem_repeatable(density):
    first = make_sparse_regression(30, 40, density=density, correlation=0.5, random_state=3)
    again = make_sparse_regression(
        30, 40, density=density, correlation=0.5, random_state=np.random.RandomState(3)
    )
    other = make_sparse_regression(30, 40, density=density, correlation=0.5, random_state=4)
    np.testing.assert_array_equal(_dense(first[0]), _dense(again[0]))
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])


@settings(max_examples=40, deadline=None)
@given(
    n_samples=st.integers(1, 6),
    n_features=st.integers(1, 6),
    density=st.floats(1e-18, 1.0, exclude_min=True),
    correlation=st.floats(-1, 1, exclude_min=True, exclude_max=True),
)
def test_small_and_extreme_requests_stay_well_formed(n_samples, n_features, density, correlation):
    X, y = make_sparse_regression(
        n_samples,
        n_features,
        n_informative=1,
        density=density,
        correlation=correlation,
        random_state=0,
    )
    assert X.shape == (n_samples, n_features)
    assert np.all(np.isfinite(_dense(X))) and np.all(np.isfinite(y))
    if sparse.issparse(X):
        X.check_format(full_check=True)


def test_memory_follows_the_entries_not_the_shape():
    tracemalloc.start()
    try:
        make_sparse_regression(2000, 200_000, density=1e-4, correlation=0.5, random_state=0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40e6  # the dense design would take 3.2e9


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_samples", 0),
        ("n_samples", 10.0),
        ("n_features", 0),
        ("n_informative", -1),
        ("density", 0.0),
        ("density", 1.5),
        ("density", float("nan")),
        ("correlation", 1.0),
        ("correlation", -1.0),
        ("snr", 0.0),
        ("snr", -1.0),
        ("coef", "yes"),
        ("random_state", "seed"),
    ],
)
def test_parameters_out_of_range_are_named(name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of make_sparse_regression"):
        make_sparse_regression(**{name: value})


def test_more_informative_features_than_features_are_refused():
    with pytest.raises(ValueError, match="`n_informative` must be at most `n_features`=5; got 6"):
        make_sparse_regression(10, 5, n_informative=6)
