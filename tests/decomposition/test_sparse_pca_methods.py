"""Deflation and elastic nets of SparsePCA, and explained variance, against R and brute force."""

import numpy as np
import pytest
from scipy import linalg, optimize, sparse

from sparsekit.decomposition import SparsePCA
from sparsekit.decomposition._sparse_pca import _elastic_loadings as elastic
from sparsekit.decomposition._sparse_pca._deflation import bounded_unit
from sparsekit.decomposition._sparse_pca._loadings import adjusted_variance, unit_components
from sparsekit.decomposition._sparse_pca._root import (
    DenseRoot,
    center,
    leading_atoms,
    reduced,
    root_of_gram,
)


@pytest.fixture(scope="module")
def pitprops(shared):
    """The correlation matrix of 13 measures of pit props, and data that have it."""
    table = np.genfromtxt(shared / "data/classics/pitprops.csv", delimiter=",", skip_header=1)
    correlation = table[:, 1:]
    rows = np.random.default_rng(0).standard_normal((40, 13))
    rows = np.column_stack([np.ones(40), rows])
    centred_orthonormal = linalg.qr(rows, mode="economic")[0][:, 1:]
    return correlation, centred_orthonormal @ linalg.cholesky(correlation)


@pytest.fixture(scope="module")
def r_outputs(shared):
    """Return a function that reads a table of results of R."""
    folder = shared / "truth/r_outputs"
    return lambda name: np.genfromtxt(folder / f"{name}.csv.gz", delimiter=",", skip_header=1)


@pytest.fixture(scope="module")
def golub(shared, r_outputs):
    """Log expressions of the 500 genes of largest variance."""
    expression = np.load(shared / "data/golub/golub.npz")["X"]
    features = r_outputs("golub500_features").astype(int)
    return np.log2(np.maximum(expression, 20))[:, features]


def flipped(components, reference):
    """Return components with the signs of the columns of a reference."""
    return components * np.sign((components * reference.T).sum(axis=1))[:, None]


@pytest.mark.parametrize("name", ["pitprops", "pitprops_varnum"])
def test_explained_variance_is_that_of_elasticnet(pitprops, r_outputs, name):
    loadings = r_outputs(f"elasticnet_spca_{name}_loadings")
    expected = r_outputs(f"elasticnet_spca_{name}_pev")
    for root in (center(pitprops[1])[1], reduced(pitprops[1])[1], root_of_gram(pitprops[0])):
        np.testing.assert_allclose(adjusted_variance(root, loadings.T) / 13, expected, rtol=1e-10)


def test_loadings_are_those_of_elasticnet(pitprops, r_outputs):
    # The package's criterion is twice ours, its lambda therefore twice our alpha.
    alpha = np.array([0.06, 0.16, 0.1, 0.5, 0.5, 0.5]) / 2
    model = SparsePCA(6, method="elastic_net", alpha=alpha, l2_alpha=1e-6, tol=1e-13)
    model.fit(pitprops[1])
    expected = r_outputs("elasticnet_spca_pitprops_loadings")
    np.testing.assert_allclose(flipped(model.components_, expected).T, expected, atol=1e-5)
    share = r_outputs("elasticnet_spca_pitprops_pev")
    np.testing.assert_allclose(model.explained_variance_ratio_, share, atol=1e-6)
    published = [28.0, 14.0, 13.3, 7.4, 6.8, 6.2]
    np.testing.assert_allclose(100 * model.explained_variance_ratio_, published, atol=0.06)


@pytest.mark.parametrize("bound", [2, 4, 8])
def test_deflation_is_the_decomposition_of_pma(golub, r_outputs, bound):
    model = SparsePCA(3, method="deflation", l1_bound=bound).fit(golub)
    expected = r_outputs(f"PMA_SPC_golub500_sumabsv{bound}_v")
    np.testing.assert_allclose(flipped(model.components_, expected).T, expected, atol=1e-6)
    total = ((golub - golub.mean(axis=0)) ** 2).sum()
    sizes = np.sqrt(-2 * np.diff(model.error_, prepend=total / 2))
    table = r_outputs(f"PMA_SPC_golub500_sumabsv{bound}_d")
    np.testing.assert_allclose(sizes, table[:, 0], rtol=1e-6)
    # Its share of variance is that of the projection on the components found so far.
    for k in range(3):
        basis = linalg.orth(model.components_[: k + 1].T)
        share = (((golub - golub.mean(axis=0)) @ basis) ** 2).sum() / total
        np.testing.assert_allclose(share, table[k, 1], rtol=1e-5)


def test_deflation_without_an_active_bound_finds_principal_components(rng):
    X = rng.standard_normal((50, 8)) * np.arange(1, 9)
    model = SparsePCA(8, method="deflation", l1_bound=3.0).fit(X)
    principal = linalg.svd(X - X.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(model.components_, unit_components(principal[2]), atol=1e-6)
    np.testing.assert_allclose(model.explained_variance_ratio_.sum(), 1.0)


def test_deflation_beyond_the_rank_gives_zeros(rng):
    X = np.outer(rng.standard_normal(30), np.arange(1.0, 6.0))
    components = (
        SparsePCA(3, method="deflation", l1_bound=1.5).fit(X[:, :1] * [1.0, 0, 0]).components_
    )
    np.testing.assert_array_equal(components, [[1, 0, 0], [0, 0, 0], [0, 0, 0]])
    assert SparsePCA(2, method="deflation").fit(X).components_.any(axis=1).all()


@pytest.mark.parametrize("bound", [1.0, 1.3, 2.0, 2.9])
@pytest.mark.parametrize("a", [[3.0, -2.0, 1.5, 0.2, -0.1], [1.0, 1, 1, 1, 1], [2.0, 2.0, 1, 0, 0]])
def test_the_bounded_unit_vector_is_the_best_one(a, bound):
    a = np.array(a)
    v = bounded_unit(a, bound)
    assert np.abs(v).sum() <= bound * (1 + 1e-9) and np.isclose(v @ v, 1)

    def loss(w):
        w = w / max(np.abs(w).sum() / bound, linalg.norm(w))
        return -(w @ a)

    starts = np.random.default_rng(0).standard_normal((8, 5))
    options = {"maxiter": 600}
    best = min(
        optimize.minimize(loss, np.sign(a) * np.abs(s), method="Nelder-Mead", options=options).fun
        for s in starts
    )
    assert v @ a >= -best - 1e-6


def test_the_bound_may_be_huge_or_the_vector_zero():
    np.testing.assert_allclose(bounded_unit(np.array([3.0, -4.0]), 1e6), [0.6, -0.8])
    np.testing.assert_array_equal(bounded_unit(np.zeros(3), 2.0), 0)
    np.testing.assert_array_equal(bounded_unit(np.array([-2.0]), 1.0), [-1])


def regressions(X, alpha, l2_alpha):
    """Return what the two ways of solving the elastic nets give on a random rotation."""
    root = center(X)[1]
    settings = SparsePCA(3, method="elastic_net", alpha=alpha, l2_alpha=l2_alpha)
    settings = settings._checked_settings(X.shape[1])
    rotation = linalg.qr(
        np.random.default_rng(1).standard_normal((X.shape[1], 3)), mode="economic"
    )[0]
    scores, start = root.scores(rotation), np.zeros((X.shape[1], 3))
    ways = elastic.GramRegression, elastic.DataRegression
    return rotation, [way(root, settings)(rotation, scores, start) for way in ways]


@pytest.mark.parametrize("shape", [(60, 12), (10, 30)])
@pytest.mark.parametrize("l2_alpha", [0.0, 1e-6, 5.0])
def test_elastic_nets_meet_their_conditions_either_way(rng, shape, l2_alpha):
    X = rng.standard_normal(shape) + 1.0
    centred = X - X.mean(axis=0)
    alpha = np.array([0.5, 2.0, 8.0])
    for data in (X, sparse.csr_array(X)):
        rotation, found = regressions(data, alpha, l2_alpha)
        for loadings in found:
            gradient = centred.T @ (centred @ (rotation - loadings)) - l2_alpha * loadings
            assert (np.abs(gradient) <= alpha * (1 + 1e-4)).all()
            active = loadings != 0
            signs = (alpha * np.sign(loadings))[active]
            np.testing.assert_allclose(gradient[active], signs, rtol=1e-4)


def test_the_criterion_of_elastic_nets_is_what_error_holds(rng):
    X = rng.standard_normal((40, 10)) * np.arange(1, 11)
    root = center(X)[1]
    settings = SparsePCA(3, method="elastic_net", alpha=20.0, l2_alpha=3.0)._checked_settings(10)
    found = elastic.regress_and_rotate(root, settings)
    B = found.components.T
    left, _, right = linalg.svd(root.gram() @ B, full_matrices=False)
    A = left @ right
    by_hand = 0.5 * ((root.matrix - root.matrix @ B @ A.T) ** 2).sum()
    by_hand += 20.0 * np.abs(B).sum() + 1.5 * (B**2).sum()
    np.testing.assert_allclose(found.errors[-1], by_hand, rtol=1e-10)
    assert (np.diff(found.errors) <= 1e-9 * by_hand).all()


def test_soft_thresholding_is_the_limit_of_a_strong_squared_penalty(rng):
    X = rng.standard_normal((50, 10)) * np.arange(1, 11)
    large = 1e9
    options = {"method": "elastic_net", "tol": 1e-12}
    limit = SparsePCA(2, alpha=500.0, l2_alpha=np.inf, **options).fit(X)
    near = SparsePCA(2, alpha=500.0, l2_alpha=large, **options).fit(X)
    assert (limit.components_ == 0).any()
    np.testing.assert_allclose(limit.components_, near.components_, atol=1e-4)


def test_wide_data_need_no_gram_matrix(rng, monkeypatch):
    X = rng.standard_normal((20, 60)) * (rng.random(60) + 0.5)
    model = SparsePCA(2, method="elastic_net", alpha=8.0, tol=1e-10)
    expected = model.fit(X).components_.copy()
    monkeypatch.setattr(elastic, "MOST_FEATURES", 10)
    monkeypatch.setattr(DenseRoot, "gram", None)
    np.testing.assert_allclose(model.fit(X).components_, expected, atol=1e-4)


def test_variance_of_orthogonal_components_is_that_of_their_scores(rng):
    X = rng.standard_normal((70, 6)) * np.arange(1, 7)
    model = SparsePCA(6, alpha=0.0).fit(X)
    np.testing.assert_allclose(model.explained_variance_ratio_.sum(), 1.0)
    principal = np.sort(linalg.eigvalsh(np.cov(X.T)))[::-1]
    np.testing.assert_allclose(model.explained_variance_, principal, rtol=1e-5)


def test_a_component_counts_once(rng):
    root = center(rng.standard_normal((30, 4)))[1]
    twice = np.array([[1.0, 0, 0, 0], [1.0, 0, 0, 0], [0, 1.0, 0, 0]])
    first, again, _ = adjusted_variance(root, twice)
    assert first > 1 and again < 1e-20


@pytest.mark.parametrize("shape", [(300, 40), (40, 300), (12, 5), (5, 12), (200, 200)])
@pytest.mark.parametrize("rank", [3, 200])
def test_starts_are_singular_vectors(rng, shape, rank):
    X = rng.standard_normal((shape[0], min(rank, *shape))) * 3.0 ** -np.arange(min(rank, *shape))
    X = X @ rng.standard_normal((X.shape[1], shape[1])) + 2.0
    left, values, _ = linalg.svd(X - X.mean(axis=0), full_matrices=False)
    for data in (X, sparse.csr_array(X)):
        root = center(data)[1]
        found = leading_atoms(root, 3, np.random.RandomState(0))
        np.testing.assert_allclose(np.abs(found @ left[:, :3]), np.eye(3), atol=1e-6)
        products = root.correlations(found)
        np.testing.assert_allclose(linalg.norm(products, axis=0), values[:3], rtol=1e-8)
        assert (products.max(axis=0) == np.abs(products).max(axis=0)).all()


def test_more_starts_than_directions_are_zero_or_orthonormal(rng):
    X = np.outer(rng.standard_normal(200), rng.standard_normal(150))
    for n_components in (4, 40, 170):
        found = leading_atoms(center(X)[1], n_components, np.random.RandomState(0))
        assert np.isfinite(found).all() and found.shape == (n_components, 200)
        gram = found @ found.T
        np.testing.assert_allclose(gram[:2, :2], np.eye(2), atol=1e-8)


def test_a_root_keeps_digits_of_small_features(rng):
    scales = 10.0 ** -np.arange(0, 16, 2)
    X = rng.standard_normal((60, 8)) * scales
    root = reduced(X)[1]
    centred = X - X.mean(axis=0)
    np.testing.assert_allclose(
        root.gram() / np.outer(scales, scales),
        (centred / scales).T @ (centred / scales),
        rtol=1e-9,
        atol=1e-9,
    )
    np.testing.assert_allclose(root.squares, (centred**2).sum(axis=0), rtol=1e-12)
