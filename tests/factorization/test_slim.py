"""SparseLinearMethod: the optimum of every column, whichever way its products are known."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet

from sparsekit.factorization import SparseLinearMethod
from sparsekit.factorization import _slim_fit as slim_fit
from sparsekit.factorization import _slim_products as slim_products
from sparsekit.factorization._slim_products import EntryProducts, GramProducts, new_space
from sparsekit.linear_model import AllZeroWarning

WAYS = {"gram": (1000, GramProducts), "entries": (0, EntryProducts)}


def counts(rng, shape=(60, 25), density=0.3, dtype=np.float64):
    """Return a matrix of small counts with an empty row and an empty column."""
    X = rng.integers(1, 4, shape) * (rng.random(shape) < density)
    X[3], X[:, 4] = 0, 0
    return sparse.csr_array(X.astype(dtype))


def signed(rng, shape=(60, 25), density=0.3, dtype=np.float64):
    """Return a matrix of numbers of both signs with an empty row and an empty column."""
    X = rng.standard_normal(shape) * (rng.random(shape) < density)
    X[3], X[:, 4] = 0, 0
    return sparse.csr_array(X.astype(dtype))


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """The way products are known: the size of the cache that leads to it."""
    monkeypatch.setattr(slim_fit, "GRAM_PAYS", 0.0)
    return WAYS[request.param][0]


def worst_violation(X, W, alpha, l1_ratio, positive):
    """Return by how much W misses the conditions of optimality most, in units of the pulls."""
    X, W = X.toarray().astype(np.float64), W.toarray().astype(np.float64)
    pull = X.T @ (X - X @ W) / len(X) - alpha * (1 - l1_ratio) * W
    np.fill_diagonal(pull, 0)
    l1 = alpha * l1_ratio
    idle = pull - l1 if positive else abs(pull) - l1
    missed = np.where(W != 0, abs(pull - l1 * np.sign(W)), np.maximum(idle, 0))
    np.fill_diagonal(missed, 0)
    return missed.max() / (abs(X.T @ X).max() / len(X))


@pytest.mark.parametrize("way", WAYS)
def test_the_way_is_the_one_that_was_meant(way, rng, monkeypatch):
    monkeypatch.setattr(slim_fit, "GRAM_PAYS", 0.0)
    cache_size, kind = WAYS[way]
    assert type(slim_fit.products_of(counts(rng), cache_size, None)) is kind


def test_the_gram_matrix_is_kept_where_columns_are_long(rng):
    long = sparse.random_array((400, 20), density=0.5, random_state=rng, format="csr")
    short = sparse.random_array((400, 2000), density=0.002, random_state=rng, format="csr")
    assert type(slim_fit.products_of(long, 1000, None)) is GramProducts
    assert type(slim_fit.products_of(long, 1e-6, None)) is EntryProducts
    assert type(slim_fit.products_of(short, 1000, None)) is EntryProducts


@pytest.mark.parametrize("l1_ratio", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("data", [counts, signed])
def test_every_column_meets_the_conditions_of_optimality(rng, way, data, positive, l1_ratio):
    X = data(rng)
    model = SparseLinearMethod(
        0.1, l1_ratio=l1_ratio, positive=positive, tol=1e-12, max_iter=1000, cache_size=way
    ).fit(X)
    assert model.coef_.diagonal().max() == 0
    assert not positive or (model.coef_.data > 0).all()
    assert worst_violation(X, model.coef_, 0.1, l1_ratio, positive) < 1e-5


@pytest.mark.parametrize("positive", [True, False])
def test_each_column_is_an_elastic_net(rng, way, positive):
    X = counts(rng)
    model = SparseLinearMethod(
        0.2, l1_ratio=0.3, positive=positive, tol=1e-12, max_iter=1000, cache_size=way
    ).fit(X)
    for j in range(0, X.shape[1], 6):
        others = X.toarray()
        others[:, j] = 0
        net = ElasticNet(
            0.2, l1_ratio=0.3, positive=positive, fit_intercept=False, tol=1e-12, max_iter=100_000
        ).fit(others, X[:, [j]].toarray().ravel())
        np.testing.assert_allclose(model.coef_[:, [j]].toarray().ravel(), net.coef_, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_duality_gap_bounds_what_is_missed(rng, way, dtype):
    X = counts(rng, (200, 60), dtype=dtype)
    options = {"alpha": 0.05, "l1_ratio": 0.2, "cache_size": way}
    rough = SparseLinearMethod(tol=1e-2, **options).fit(X)
    exact = SparseLinearMethod(tol=1e-12, max_iter=1000, **options).fit(X.astype(np.float64))
    assert rough.coef_.dtype == dtype
    missed = objectives(X, rough.coef_) - objectives(X, exact.coef_)
    null = 0.5 * (X.toarray().astype(np.float64) ** 2).sum(axis=0) / len(X.toarray())
    assert (missed <= rough.dual_gap_ + 1e-6 * null).all()
    assert (rough.dual_gap_ <= 1e-2 * null).all()
    assert rough.dual_gap_.max() > 0


def objectives(X, W, alpha=0.05, l1_ratio=0.2):
    """Return the objective of each column."""
    X, W = X.toarray().astype(np.float64), W.toarray().astype(np.float64)
    penalty = l1_ratio * abs(W) + (1 - l1_ratio) / 2 * W**2
    return ((X - X @ W) ** 2).sum(axis=0) / (2 * len(X)) + alpha * penalty.sum(axis=0)


def test_working_sets_that_are_full_start_again(rng, monkeypatch):
    monkeypatch.setattr(slim_fit, "GRAM_PAYS", 0.0)
    monkeypatch.setattr(slim_products, "MOST_MEMBERS", 20)
    X = counts(rng, (300, 90), density=0.5)
    model = SparseLinearMethod(0.01, l1_ratio=0.01, tol=1e-9, max_iter=10_000).fit(X)
    assert np.diff(model.coef_.tocsc().indptr).max() > 20
    assert worst_violation(X, model.coef_, 0.01, 0.01, True) < 1e-4


def test_more_weights_than_a_block_has_room_for(rng, way):
    X = signed(rng, (40, 130), density=0.9)
    options = {"l1_ratio": 0.0, "positive": False, "tol": 1e-8, "max_iter": 1000}
    model = SparseLinearMethod(1.0, cache_size=way, **options).fit(X)
    assert model.coef_.nnz > 0.9 * 128 * 127
    assert worst_violation(X, model.coef_, 1.0, 0.0, False) < 1e-3


def test_threads_do_not_change_a_bit(rng, way):
    X = counts(rng, (150, 200), dtype=np.float32)
    one, two = (
        SparseLinearMethod(0.02, l1_ratio=0.1, cache_size=way, n_jobs=n).fit(X) for n in (1, 2)
    )
    for name in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(one.coef_, name), getattr(two.coef_, name))
    np.testing.assert_array_equal(one.dual_gap_, two.dual_gap_)
    np.testing.assert_array_equal(one.transform(X).toarray(), two.transform(X).toarray())
    assert one.coef_.has_canonical_format


def test_a_column_is_solved_alike_whatever_came_before(rng, way):
    X = counts(rng, (80, 70))
    model = SparseLinearMethod(0.02, l1_ratio=0.1, cache_size=way).fit(X)
    products = slim_fit.products_of(X, way, None)
    space = new_space(products)
    problem = slim_fit.Problem(0.02 * 80 * 0.1, 0.02 * 80 * 0.9, True, True, 1e-4, 100)
    found = slim_fit.solve_block(products, problem, 69, 70, space)
    np.testing.assert_array_equal(
        np.sort(found.values), np.sort(model.coef_[:, [69]].toarray().ravel()[found.indices])
    )
    for name in ("pull", "weight", "residual", "histogram"):
        assert not getattr(space, name).any(), name
    assert (space.slot == -1).all()


def test_a_weight_of_two_is_the_row_twice(rng):
    X = counts(rng, (20, 10))
    weight = rng.integers(0, 3, 20)
    options = {"alpha": 0.05, "l1_ratio": 0.2, "tol": 1e-10, "max_iter": 1000}
    weighted = SparseLinearMethod(**options).fit(X, sample_weight=weight)
    repeated = SparseLinearMethod(**options).fit(X[np.repeat(np.arange(20), weight)])
    np.testing.assert_allclose(weighted.coef_.toarray(), repeated.coef_.toarray(), atol=1e-5)


def test_it_warns_of_columns_short_of_their_tolerance(rng, way):
    X = counts(rng, (200, 60), density=0.6)
    model = SparseLinearMethod(1e-4, max_iter=1, tol=1e-8, cache_size=way)
    with pytest.warns(ConvergenceWarning, match="missed its tolerance in .* of 60 columns"):
        model.fit(X)
    assert model.n_iter_ == 1


@pytest.mark.parametrize("positive", [True, False])
def test_it_says_from_which_strength_on_all_weights_are_zero(rng, way, positive):
    X = signed(rng)
    gram = X.toarray().T @ X.toarray() / 60
    np.fill_diagonal(gram, 0)
    critical = (gram if positive else abs(gram)).max() / 0.5
    model = SparseLinearMethod(l1_ratio=0.5, positive=positive, cache_size=way)
    with pytest.warns(AllZeroWarning, match=f"alpha_max is {critical:.4g}"):
        model.set_params(alpha=1.001 * critical).fit(X)
    assert model.set_params(alpha=0.99 * critical, tol=1e-12).fit(X).coef_.nnz > 0


def test_data_without_two_entries_in_a_row_have_no_weights(way):
    model = SparseLinearMethod(cache_size=way).fit(sparse.eye_array(4, format="csr"))
    assert model.coef_.nnz == 0 and model.n_iter_ == 1


def test_one_column(way):
    model = SparseLinearMethod(cache_size=way).fit(sparse.csr_array(np.ones((5, 1))))
    assert model.coef_.shape == (1, 1) and model.coef_.nnz == 0


def test_index_types_do_not_matter(rng):
    X = counts(rng)
    wide = X.copy()
    wide.indices, wide.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    narrow, wide = (SparseLinearMethod(0.05).fit(x).coef_ for x in (X, wide))
    np.testing.assert_array_equal(narrow.toarray(), wide.toarray())
