"""SparseSVD beside full decompositions: what is captured, centred, scaled, and stopped at."""

import re
import tracemalloc

import numpy as np
import pytest
from scipy import linalg, sparse
from scipy.sparse.linalg import svds
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.utils.estimator_checks import estimator_checks_generator

from sparsekit._validation import _memory
from sparsekit.decomposition import SparseSVD
from sparsekit.decomposition._svd import _estimator
from sparsekit.decomposition._svd._basis import cholesky, orthonormalized
from sparsekit.decomposition._svd._operator import centered_data
from sparsekit.decomposition._svd._subspace import PowerIteration, block_width, needed_memory

SHAPES = {"tall": (400, 120), "wide": (120, 400), "square": (200, 200), "small": (90, 30)}
EXACT = {"tol": 0, "max_iter": 60, "random_state": 0}


def with_spectrum(values, shape, seed=0):
    """Return a dense matrix with these singular values."""
    rng = np.random.default_rng(seed)
    left, right = (
        linalg.qr(rng.standard_normal((n, len(values))), mode="economic")[0] for n in shape
    )
    return (left * values) @ right.T


@pytest.fixture(scope="module", params=SHAPES)
def X(request):
    """Return sparse data with a decaying spectrum."""
    n_samples, n_features = SHAPES[request.param]
    rng = np.random.default_rng(3)
    weight = np.outer(rng.gamma(0.5, size=n_samples), rng.gamma(0.5, size=n_features))
    return sparse.csr_array(rng.poisson(weight).astype(np.float64))


def oracle(X, center):
    """Return the full decomposition of X, centred or not."""
    dense = X.toarray()
    return linalg.svd(dense - dense.mean(axis=0) if center else dense, full_matrices=False)


@pytest.mark.parametrize("form", ["sparse", "dense"])
@pytest.mark.parametrize("center", [False, True])
def test_a_long_fit_is_the_full_decomposition_cut_off(X, center, form):
    left, values, right = oracle(X, center)
    given = X if form == "sparse" else X.toarray()
    svd = SparseSVD(5, center=center, **EXACT)
    scores = svd.fit_transform(given)
    np.testing.assert_allclose(svd.singular_values_, values[:5], rtol=1e-10)
    alignment = np.abs(np.sum(svd.components_ * right[:5], axis=1))
    np.testing.assert_allclose(alignment, 1, atol=1e-8)
    signs = np.sign(np.sum(svd.components_ * right[:5], axis=1))
    np.testing.assert_allclose(scores, left[:, :5] * values[:5] * signs, atol=1e-6 * values[0])


def test_it_equals_arpack_and_propack(X):
    svd = SparseSVD(5, **EXACT).fit(X)
    for solver in ("arpack", "propack"):
        values = svds(X, 5, solver=solver, random_state=0, return_singular_vectors=False)
        np.testing.assert_allclose(svd.singular_values_, np.sort(values)[::-1], rtol=1e-10)


def test_attributes_are_those_of_truncated_svd(X):
    ours = SparseSVD(4, **EXACT).fit(X)
    theirs = TruncatedSVD(4, algorithm="arpack", random_state=0).fit(X)
    for name in ("singular_values_", "explained_variance_", "explained_variance_ratio_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-8)
    np.testing.assert_allclose(ours.components_, theirs.components_, atol=1e-6)
    assert not ours.mean_.any()


def test_attributes_are_those_of_pca_where_centred(X):
    ours = SparseSVD(4, center=True, **EXACT).fit(X)
    theirs = PCA(4, svd_solver="full").fit(X.toarray())
    names = "singular_values_", "explained_variance_", "explained_variance_ratio_", "mean_"
    for name in names:
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-8)
    np.testing.assert_allclose(ours.components_, theirs.components_, atol=1e-6)
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X.toarray()), atol=1e-6)


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_fit_by_default_captures_nearly_all_that_can_be(X, center, dtype):
    values = oracle(X, center)[1]
    svd = SparseSVD(8, center=center, random_state=0).fit(X.astype(dtype))
    residual = X.toarray() - svd.mean_
    kept = np.linalg.norm(residual @ svd.components_.T) ** 2
    assert kept >= (1 - 1e-3) * np.sum(values[:8] ** 2)
    # What the fit says it captures is what it captures.
    assert np.sum(svd.singular_values_.astype(float) ** 2) == pytest.approx(kept, rel=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_components_are_orthonormal_with_largest_entries_positive(X, dtype):
    svd = SparseSVD(6, random_state=0).fit(X.astype(dtype))
    eps = np.finfo(dtype).eps
    gram = svd.components_ @ svd.components_.T
    np.testing.assert_allclose(gram, np.eye(6), atol=50 * eps)
    largest = np.abs(svd.components_).argmax(axis=1)
    assert (svd.components_[np.arange(6), largest] > 0).all()


@pytest.mark.parametrize("center", [False, True])
def test_scores_times_components_are_the_best_approximation(X, center):
    _, values, _ = oracle(X, center)
    svd = SparseSVD(7, center=center, **EXACT)
    rows = svd.inverse_transform(svd.fit_transform(X))
    error = np.linalg.norm(X.toarray() - rows)
    assert error == pytest.approx(np.sqrt(np.sum(values[7:] ** 2)), rel=1e-6)


@pytest.mark.parametrize("center", [False, True])
def test_all_components_give_the_data_back(X, center):
    svd = SparseSVD(min(X.shape), center=center)
    np.testing.assert_allclose(svd.inverse_transform(svd.fit_transform(X)), X.toarray(), atol=1e-12)
    assert svd.n_iter_ == 1
    if center:
        assert svd.explained_variance_ratio_.sum() == pytest.approx(1)


def test_with_half_of_the_vectors_nothing_is_random():
    X = with_spectrum(np.linspace(1, 2, 50), (300, 50))
    fits = [SparseSVD(10, n_oversamples=15, random_state=seed).fit(X) for seed in (0, 1)]
    np.testing.assert_array_equal(fits[0].components_, fits[1].components_)
    values = linalg.svdvals(X)[:10]
    np.testing.assert_allclose(fits[0].singular_values_, values, rtol=1e-12)


# Iterations


SPECTRA = {
    "flat": np.ones(300),
    "slow": 1 / np.arange(1, 301) ** 0.3,
    "power law": 1 / np.arange(1.0, 301),
    "exponential": 0.9 ** np.arange(300),
    "gap": np.r_[np.full(20, 10.0), np.ones(280)],
    "low rank": np.r_[np.arange(30.0, 0, -1), np.zeros(270)],
    "steep": 10.0 ** -np.linspace(0, 12, 300),
}


@pytest.mark.parametrize("shape", [(900, 300), (300, 900)], ids=["tall", "wide"])
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_what_is_damped_is_below_what_is_wanted(spectrum, shape):
    """Were the damping too strong, wanted vectors would vanish among unwanted ones."""
    values = SPECTRA[spectrum]
    X = with_spectrum(values, shape, seed=4)
    start = np.random.default_rng(0).standard_normal((300, 40))

    def product(vectors):
        there, back = (X, X.T) if shape[0] > shape[1] else (X.T, X)
        return back @ (there @ vectors)

    power = PowerIteration(product, start, None)
    power.run(20, 30, 0)
    assert power.damped <= values[39] ** 2 * (1 + 1e-8) + 1e-12
    basis, _, _ = orthonormalized(power.basis.copy(), n_jobs=None)
    kept = linalg.svdvals((X if shape[0] > shape[1] else X.T) @ basis)[:20]
    assert np.sum(kept**2) >= (1 - 1e-4) * np.sum(values[:20] ** 2)


def test_iterations_end_when_little_is_gained():
    X = with_spectrum(SPECTRA["exponential"], (400, 300))
    loose, tight = (SparseSVD(5, tol=tol, random_state=0, max_iter=50) for tol in (0.1, 1e-12))
    assert loose.fit(X).n_iter_ < tight.fit(X).n_iter_ < 50
    assert SparseSVD(5, tol=0, random_state=0, max_iter=7).fit(X).n_iter_ == 7


def test_more_oversamples_capture_more():
    X = with_spectrum(SPECTRA["slow"], (400, 300))
    options = {"max_iter": 1, "random_state": 0}
    few, many = (SparseSVD(6, n_oversamples=n, **options).fit(X) for n in (10, 90))
    assert np.sum(few.singular_values_**2) < np.sum(many.singular_values_**2)


def test_it_captures_more_than_as_many_iterations_without_acceleration():
    X = with_spectrum(SPECTRA["slow"], (400, 300))
    theirs = TruncatedSVD(6, n_iter=5, n_oversamples=10, random_state=0).fit(X)
    ours = SparseSVD(6, max_iter=5, tol=0, n_oversamples=10, random_state=0).fit(X)
    assert np.sum(ours.singular_values_**2) > np.sum(theirs.singular_values_**2)


@pytest.mark.parametrize(
    ("wanted", "smaller", "width"), [(64, 1000, 80), (6, 1000, 16), (64, 150, 150), (7, 1000, 32)]
)
def test_vectors_come_in_whole_lanes_or_all(wanted, smaller, width):
    assert block_width(wanted, 10, smaller) == width


# Bases


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_basis_is_orthonormal_and_spans_the_columns(dtype, n_jobs):
    columns = np.random.default_rng(0).standard_normal((3000, 20)).astype(dtype)
    columns *= np.logspace(0, 10, 20, dtype=dtype)
    follower = np.ones_like(columns)
    given = columns.copy()
    basis, upper, independent = orthonormalized(columns, follower, n_jobs=n_jobs)
    assert independent and basis.dtype == dtype
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(basis.T @ basis, np.eye(20), atol=1000 * eps)
    lengths = np.linalg.norm(given.astype(float), axis=0)
    np.testing.assert_allclose(basis @ (upper / lengths), given / lengths, atol=100 * eps)
    expected = linalg.solve_triangular(upper, np.ones(20), trans="T")
    np.testing.assert_allclose(follower[0], expected, atol=1000 * eps * np.abs(expected).max())


@pytest.mark.parametrize("columns", [np.zeros((50, 4)), np.ones((50, 4)), np.eye(50, 4) * 0])
def test_dependent_columns_have_a_basis_too(columns):
    given = columns.copy()
    basis, upper, independent = orthonormalized(columns, n_jobs=None)
    assert not independent
    np.testing.assert_allclose(basis.T @ basis, np.eye(4), atol=1e-14)
    np.testing.assert_allclose(basis @ upper, given, atol=1e-14)


def test_a_gram_matrix_that_rounding_decides_has_no_factor():
    columns = np.random.default_rng(0).standard_normal((50, 3))
    gram = columns.T @ columns
    assert cholesky(gram, np.finfo(float).eps) is not None
    columns[:, 2] = columns[:, 0] + 1e-7 * columns[:, 1]
    assert cholesky(columns.T @ columns, np.finfo(float).eps) is None


# Data


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("to_format", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
def test_products_are_those_of_the_centred_matrix(X, center, to_format, rng):
    dense = X.toarray()
    data = centered_data(to_format(dense), center, None)
    expected = dense - dense.mean(axis=0) if center else dense
    right, left = (rng.standard_normal((n, 16)) for n in X.shape[::-1])
    np.testing.assert_allclose(data.times(right), expected @ right, atol=1e-10)
    np.testing.assert_allclose(data.transposed_times(left), expected.T @ left, atol=1e-10)
    assert data.variation == pytest.approx(np.sum((dense - dense.mean(axis=0)) ** 2))


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("scale", [1e-120, 1e-12, 1e12, 1e120])
def test_results_scale_with_the_data(X, scale, center):
    one, other = (SparseSVD(3, center=center, **EXACT).fit(A) for A in (X, X * scale))
    np.testing.assert_allclose(other.components_, one.components_, atol=1e-6)
    np.testing.assert_allclose(other.singular_values_, scale * one.singular_values_, rtol=1e-8)
    ratios = other.explained_variance_ratio_, one.explained_variance_ratio_
    np.testing.assert_allclose(*ratios, rtol=1e-8)


def test_means_far_from_zero_cost_dense_data_no_digits():
    X = with_spectrum(SPECTRA["exponential"], (400, 300)) + 1e7
    values = linalg.svdvals(X - X.mean(axis=0))
    svd = SparseSVD(4, center=True, **EXACT).fit(X)
    np.testing.assert_allclose(svd.singular_values_, values[:4], rtol=1e-6)


@pytest.mark.parametrize("center", [False, True])
def test_more_components_than_the_rank_are_orthonormal_and_empty(center):
    X = sparse.csr_array(with_spectrum(np.array([3.0, 2.0]), (200, 100)))
    svd = SparseSVD(8, center=center, random_state=0).fit(X)
    np.testing.assert_allclose(svd.components_ @ svd.components_.T, np.eye(8), atol=1e-12)
    np.testing.assert_allclose(svd.singular_values_[2 + center :], 0, atol=1e-10)


def test_more_components_than_the_smaller_side_are_refused():
    X = sparse.random_array((30, 20), density=0.2, rng=0)
    for given in (X, X.T):
        with pytest.raises(ValueError, match=r"n_components=21 must be at most.*n_samples="):
            SparseSVD(21).fit(given)


def test_a_fit_changes_neither_data_nor_shared_memory(X):
    before = X.copy()
    dense = X.toarray()
    for given in (X, dense):
        SparseSVD(3, center=True, random_state=0).fit_transform(given)
    np.testing.assert_array_equal(X.data, before.data)
    np.testing.assert_array_equal(dense, before.toarray())


@pytest.mark.parametrize("to_format", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("shape", [(5000, 150), (150, 5000)], ids=["tall", "wide"])
def test_threads_at_work_change_no_bit(shape, center, to_format, monkeypatch):
    monkeypatch.setattr(_estimator, "THREAD_WORK", 0)
    rng = np.random.default_rng(0)
    X = to_format(rng.standard_normal(shape) * (rng.random(shape) < 0.1))
    fits = [SparseSVD(4, center=center, random_state=0, n_jobs=n).fit(X) for n in (1, 2, 3)]
    for fit in fits[1:]:
        for name in ("components_", "singular_values_", "explained_variance_ratio_", "mean_"):
            np.testing.assert_array_equal(getattr(fit, name), getattr(fits[0], name))
        np.testing.assert_array_equal(fit.transform(X), fits[0].transform(X))


@pytest.mark.parametrize("center", [False, True])
def test_scikit_learn_finds_no_fault(center):
    for estimator, check in estimator_checks_generator(SparseSVD(center=center)):
        try:
            check(estimator)
        except Exception as error:
            if type(error).__name__ != "SkipTest":
                raise


# Memory


@pytest.mark.parametrize("to_format", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
def test_what_does_not_fit_into_memory_is_refused_before_any_work(to_format, X, monkeypatch):
    monkeypatch.setattr(_memory, "_physical_memory", lambda: 2**14)
    monkeypatch.setattr(_estimator, "centered_data", None)
    svd = SparseSVD(10)
    before = dict(vars(svd))
    message = re.escape(f"n_components=10 and n_oversamples=10 on X of shape {X.shape} in float64")
    with pytest.raises(MemoryError, match=f"{message} would need .* GiB.* Choose fewer components"):
        svd.fit(to_format(X.toarray()))
    assert vars(svd) == before
    monkeypatch.undo()
    svd.fit(X)


def test_so_many_components_of_so_large_a_matrix_are_refused(monkeypatch):
    monkeypatch.setattr(_memory, "_physical_memory", lambda: 2.0**37)
    X = sparse.csr_array((2_000_000, 3_000_000), dtype=np.float32)
    with pytest.raises(MemoryError, match="machine has 128.0 GiB"):
        SparseSVD(20_000).fit(X)


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("form", ["sparse", "low rank", "dense"])
@pytest.mark.parametrize(
    ("shape", "n_components"),
    [((9000, 700), 80), ((700, 9000), 80), ((3000, 2000), 250), ((5000, 300), 200)],
)
def test_no_more_memory_is_used_than_was_asked_about(shape, n_components, form, center):
    X = sparse.random_array(shape, density=0.01, rng=0, format="csr", dtype=np.float32)
    if form == "low rank":
        # Bases come from reflections then, which need another array.
        X = sparse.csr_array(sparse.vstack([X[:100]] * (shape[0] // 100)))
    elif form == "dense":
        X = X.toarray()
    svd = SparseSVD(n_components, center=center, max_iter=3, tol=0, random_state=0)
    needed = needed_memory(X, block_width(n_components, 10, min(shape)), center)
    tracemalloc.start()
    try:
        svd.fit(X)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 0.4 * needed < peak < needed
