"""What every view of the matrix promises: the answers of its dense twin, centred without loss."""

import numpy as np
import pytest
from scipy import sparse

from sparsekit._compile import kernel
from sparsekit.matrix import CenteredColumns, CSCColumns, DenseColumns, GramColumns, as_design

EPS = np.finfo(np.float64).eps
N_SAMPLES, N_FEATURES = 75, 8
# What a sum over the samples may lose, as a share of the sum of its terms' sizes.
ROUNDING = N_SAMPLES * EPS
EMPTY, CONSTANT, FAR = 2, 4, 6
FEATURES = np.array([7, 0, 2, 6, 4, 1])


def strided(X):
    """Return a view with the content of `X` that is contiguous in neither order."""
    wide = np.zeros((X.shape[0], 2 * X.shape[1]), dtype=X.dtype)
    wide[:, ::2] = X
    return wide[:, ::2]


def wide_indices(X):
    """Return a CSC matrix whose indices take 64 bits."""
    found = sparse.csc_array(X)
    found.indices, found.indptr = found.indices.astype(np.int64), found.indptr.astype(np.int64)
    return found


STORAGES = {
    "column-major": np.asfortranarray,
    "row-major": np.ascontiguousarray,
    "strided": strided,
    "csc": sparse.csc_array,
    "csc_matrix": sparse.csc_matrix,
    "csc, int64": wide_indices,
}
CASES = [(name, np.float64) for name in STORAGES]
CASES += [(name, np.float32) for name in ("column-major", "row-major", "csc")]
EVERY = pytest.mark.parametrize(
    ("storage", "dtype"), CASES, ids=[f"{name}, {dtype.__name__}" for name, dtype in CASES]
)
CENTER = pytest.mark.parametrize("center", [True, False])


def make_dense(dtype):
    """Return columns of many kinds: sparse, empty, constant, and far from zero."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N_SAMPLES, N_FEATURES))
    X[rng.random(X.shape) > 0.3] = 0.0
    X[:, EMPTY], X[:, CONSTANT] = 0.0, 3.7
    X[:, FAR] = 1e6 + rng.standard_normal(N_SAMPLES)
    return X.astype(dtype)


class Twin:
    """A design and what dense float64 arithmetic says of it."""

    def __init__(self, storage, dtype, center=True):
        rng = np.random.default_rng(1)
        X = make_dense(dtype)
        self.stored = STORAGES[storage](X)
        self.design = as_design(self.stored)
        self.X = X.astype(np.float64)
        self.h = rng.integers(0, 4, N_SAMPLES) / 7.0
        self.r = rng.standard_normal(N_SAMPLES)
        self.target = self.r - self.r.mean()
        self.mean = self.h @ self.X / self.h.sum() if center else np.zeros(N_FEATURES)
        self.centered = self.X - self.mean
        # What a sum may lose: sparse columns meet their means only after the sum.
        self.size = abs(self.X) + abs(self.mean)

    def gram(self, features, h):
        return (self.centered[:, features] * h[:, None]).T @ self.centered[:, features]

    def gram_rounding(self, features, h):
        size = self.size[:, features]
        return ROUNDING * (size * h[:, None]).T @ size


def assert_close(found, expected, rounding):
    """Compare entry by entry, each with what its own sum may lose to rounding."""
    assert found.dtype == np.float64
    assert found.shape == expected.shape
    beyond = abs(found - expected) - rounding
    assert beyond.max() <= 0, beyond.max()


def small_blocks(monkeypatch):
    """Cut all work into many calls, as a large matrix would."""
    monkeypatch.setattr("sparsekit.matrix._blocks.BLOCK_WORK", 40.0)
    monkeypatch.setattr("sparsekit.matrix._dense.GATHER_ENTRIES", 64)


# Whole-matrix operations


@EVERY
@CENTER
@pytest.mark.parametrize("blocks", ["one block", "many blocks"])
def test_moments_equal_those_of_the_dense_twin(storage, dtype, center, blocks, monkeypatch):
    if blocks == "many blocks":
        small_blocks(monkeypatch)
    twin = Twin(storage, dtype, center)
    mean, curvature, product = twin.design.moments(twin.h, twin.target, center=center)
    mass = twin.h.sum()
    assert_close(mean, twin.mean, ROUNDING * (twin.h @ twin.size) / mass)
    # Squares are taken of centred entries, so that means far from zero cost no digits.
    error = ROUNDING * abs(twin.mean)
    expected, spread = twin.h @ twin.centered**2, twin.h @ abs(twin.centered)
    lost = ROUNDING * expected + 2 * error * spread + mass * error**2
    assert_close(curvature, expected, lost)
    assert_close(product, twin.target @ twin.centered, ROUNDING * (abs(twin.target) @ twin.size))


@EVERY
@CENTER
@pytest.mark.parametrize("blocks", ["one block", "many blocks"])
def test_dot_equals_the_dense_twin_s(storage, dtype, center, blocks, monkeypatch):
    if blocks == "many blocks":
        small_blocks(monkeypatch)
    twin = Twin(storage, dtype, center)
    expected, rounding = twin.r @ twin.centered, ROUNDING * (abs(twin.r) @ twin.size)
    assert_close(twin.design.dot(twin.r, twin.mean), expected, rounding)
    some = twin.design.dot(twin.r, twin.mean, FEATURES)
    assert_close(some, expected[FEATURES], rounding[FEATURES])


@EVERY
@CENTER
@pytest.mark.parametrize("blocks", ["one block", "many blocks"])
def test_accumulate_adds_columns_to_the_predictor(storage, dtype, center, blocks, monkeypatch):
    if blocks == "many blocks":
        small_blocks(monkeypatch)
    twin = Twin(storage, dtype, center)
    coef = np.array([0.5, -2.0, 3.0, 1e-3, 1.0, -0.25])
    eta = twin.r.copy()
    twin.design.accumulate(FEATURES, twin.mean, coef, eta)
    rounding = ROUNDING * (twin.size[:, FEATURES] @ abs(coef) + abs(twin.r))
    assert_close(eta, twin.r + twin.centered[:, FEATURES] @ coef, rounding)


@EVERY
@CENTER
@pytest.mark.parametrize("blocks", ["one block", "many blocks"])
@pytest.mark.parametrize("n_old", [0, 2])
@pytest.mark.parametrize("share", [0.0, np.inf], ids=["dense blocks", "row by row"])
def test_gram_equals_the_dense_twin_s(storage, dtype, center, blocks, n_old, share, monkeypatch):
    if blocks == "many blocks":
        small_blocks(monkeypatch)
    monkeypatch.setattr("sparsekit.matrix._sparse.DENSE_SHARE", share)
    twin = Twin(storage, dtype, center)
    found = twin.design.gram(FEATURES, n_old, twin.h, twin.mean)
    expected, rounding = (f(FEATURES, twin.h)[n_old:] for f in (twin.gram, twin.gram_rounding))
    assert_close(found, expected, rounding)


@EVERY
@pytest.mark.parametrize("blocks", ["one block", "many blocks"])
def test_gram_by_label_sums_the_rows_of_each_label(storage, dtype, blocks, monkeypatch):
    if blocks == "many blocks":
        small_blocks(monkeypatch)
    twin = Twin(storage, dtype)
    labels = np.random.default_rng(2).permutation(np.arange(N_SAMPLES) % 3)
    labels[labels == 2] = 3
    extra = np.column_stack([twin.r, np.ones(N_SAMPLES)])
    found = twin.design.gram_by_label(labels, 4, twin.h, twin.mean, extra)
    columns, size = np.hstack([twin.centered, extra]), np.hstack([twin.size, abs(extra)])
    for label, gram in enumerate(found):
        chosen = np.where(labels == label, twin.h, 0.0)[:, None]
        rounding = ROUNDING * (size * chosen).T @ size
        assert_close(gram, (columns * chosen).T @ columns, rounding)
    assert not found[2].any()


@pytest.mark.parametrize("storage", ["column-major", "row-major"])
def test_gram_by_label_reads_more_rows_than_one_block_holds(storage, monkeypatch):
    small_blocks(monkeypatch)
    X, none = np.random.default_rng(3).standard_normal((700, 3)), np.empty((700, 0))
    labels, h = np.repeat([1, 0, 1, 0], [300, 100, 200, 100]), np.ones(700)
    found = as_design(STORAGES[storage](X)).gram_by_label(labels, 2, h, np.zeros(3), none)
    for label, gram in enumerate(found):
        np.testing.assert_allclose(gram, X[labels == label].T @ X[labels == label], rtol=1e-12)


@pytest.mark.parametrize("storage", ["column-major", "row-major"])
def test_a_dense_column_far_from_zero_loses_no_digits_in_a_gram(storage):
    twin = Twin(storage, np.float64)
    found = twin.design.gram(FEATURES, 0, twin.h, twin.mean)
    expected = twin.gram(FEATURES, twin.h)
    scale = np.sqrt(np.outer(expected.diagonal(), expected.diagonal()))
    assert (abs(found - expected) <= ROUNDING * scale).all()


@EVERY
def test_work_counts_the_entries_a_pass_touches(storage, dtype):
    twin = Twin(storage, dtype)
    entries = np.full(N_FEATURES, N_SAMPLES)
    if sparse.issparse(twin.stored):
        entries = np.count_nonzero(twin.X, axis=0)
    assert twin.design.work(FEATURES) == entries[FEATURES].sum()
    assert twin.design.work(np.arange(N_FEATURES)) == entries.sum() == twin.design.n_entries


@EVERY
def test_a_design_shares_the_memory_of_its_matrix(storage, dtype):
    twin = Twin(storage, dtype)
    held = twin.stored.data if sparse.issparse(twin.stored) else twin.stored
    record, _, _ = twin.design.compact(np.arange(N_FEATURES), twin.mean)
    parts = [part for part in (*vars(twin.design).values(), *record) if hasattr(part, "dtype")]
    shared = any(np.shares_memory(held, part) for part in parts if isinstance(part, np.ndarray))
    assert shared or storage == "strided"
    assert twin.design.dtype == dtype
    assert twin.design.shape == (N_SAMPLES, N_FEATURES)


@EVERY
def test_a_matrix_closed_to_writing_gives_the_same(storage, dtype):
    twin, closed = Twin(storage, dtype), Twin(storage, dtype)
    X = closed.stored
    for array in (X.data, X.indices, X.indptr) if sparse.issparse(X) else (X,):
        array.setflags(write=False)
    design = as_design(X)
    np.testing.assert_array_equal(design.dot(twin.r, twin.mean), twin.design.dot(twin.r, twin.mean))


@pytest.mark.parametrize("storage", ["column-major", "csc"])
def test_a_matrix_without_entries_has_no_products(storage):
    design = as_design(STORAGES[storage](np.zeros((5, 3))))
    h = np.full(5, 0.2)
    for answer in design.moments(h, h - 0.2, center=True):
        np.testing.assert_array_equal(answer, np.zeros(3))
    np.testing.assert_array_equal(design.gram(np.arange(3), 0, h, np.zeros(3)), np.zeros((3, 3)))


# Records, as kernels see them


@kernel
def visit(columns, places, steps, h, r, products):
    """Overwrite `products` with each column's product with `r` and move `r` along the column."""
    for k in range(places.shape[0]):
        products[k] = columns.column_dot(places[k], r)
        columns.column_axpy(places[k], steps[k], h, r)


def walk(X, features, steps, h, r):
    """Do the same in NumPy on dense columns."""
    r, products = r.copy(), []
    for j, step in zip(features, steps):
        products.append(X[:, j] @ r)
        r -= step * h * X[:, j]
    return np.array(products), r


COLUMNS = {
    "DenseColumns": lambda X: DenseColumns(np.ascontiguousarray(X.T)),
    "CSCColumns": lambda X: as_design(sparse.csc_array(X)).columns,
    "CSCColumns, signed": lambda X: CSCColumns(*csc_parts(X)),
}


def csc_parts(X):
    """Return data, indices and indptr of the columns of `X`."""
    stored = sparse.csc_array(X)
    return stored.data, stored.indices, stored.indptr


STEPS = np.array([0.5, -1.0, 2.0, 1e-7, -0.1, 0.75])


@pytest.mark.parametrize("call", [visit, visit.py_func], ids=["compiled", "plain"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("name", COLUMNS)
def test_columns_in_a_kernel_equal_dense_columns(name, dtype, call):
    twin = Twin("column-major", dtype)
    columns, r, products = COLUMNS[name](twin.X.astype(dtype)), twin.r.copy(), np.empty(6)
    call(columns, FEATURES, STEPS, twin.h, r, products)
    expected, left = walk(twin.X, FEATURES, STEPS, twin.h, twin.r)
    reach = abs(twin.X[:, FEATURES]) @ abs(STEPS) + 1.0
    assert_close(r, left, ROUNDING * reach)
    assert_close(products, expected, ROUNDING * (reach @ twin.size[:, FEATURES]))


@pytest.mark.parametrize("call", [visit, visit.py_func], ids=["compiled", "plain"])
@pytest.mark.parametrize("name", ["DenseColumns", "CSCColumns"])
def test_centred_columns_keep_the_true_residual_in_two_parts(name, call):
    twin = Twin("column-major", np.float64)
    h = twin.h / twin.h.sum()
    # A weighted residual that sums to zero, as at the best intercept.
    start = h * (twin.r - h @ twin.r)
    shift = np.zeros(1)
    columns = CenteredColumns(COLUMNS[name](twin.X), twin.mean, h.sum(), shift)
    r, products = start.copy(), np.empty(6)
    call(columns, FEATURES, STEPS, h, r, products)
    expected, left = walk(twin.centered, FEATURES, STEPS, h, start)
    reach = twin.size[:, FEATURES] @ abs(STEPS) + 1.0
    assert shift[0] != 0
    assert_close(r + shift[0] * h, left, ROUNDING * reach)
    assert_close(products, expected, ROUNDING * (h * reach @ twin.size[:, FEATURES]))


@pytest.mark.parametrize("call", [visit, visit.py_func], ids=["compiled", "plain"])
def test_gram_columns_move_the_gradient_of_every_column(call):
    twin = Twin("column-major", np.float64)
    matrix = twin.gram(FEATURES, twin.h)
    gradient, products = twin.centered[:, FEATURES].T @ (twin.h * twin.r), np.empty(6)
    left = gradient.copy()
    call(GramColumns(matrix), np.arange(6), STEPS, np.empty(0), left, products)
    residual = twin.h * (twin.r - twin.centered[:, FEATURES] @ STEPS)
    rounding = ROUNDING * (abs(matrix) @ abs(STEPS) + twin.h * abs(twin.r) @ twin.size[:, FEATURES])
    assert_close(left, twin.centered[:, FEATURES].T @ residual, rounding)
    before = gradient - np.tril(matrix, -1) @ STEPS
    assert_close(products, before, rounding)


@EVERY
@pytest.mark.parametrize("features", [FEATURES, np.arange(N_FEATURES)], ids=["some", "all"])
def test_compact_says_where_each_feature_lies(storage, dtype, features):
    twin = Twin(storage, dtype)
    columns, places, means = twin.design.compact(features, twin.mean)
    for j, place in zip(features, places):
        assert columns.column_dot(place, twin.r) == pytest.approx(
            twin.X[:, j] @ twin.r, rel=1e-12, abs=ROUNDING * (abs(twin.r) @ twin.size[:, j])
        )
        assert means[place] == twin.mean[j]
