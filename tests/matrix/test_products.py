"""Products of matrices that are sparse or dense."""

import numpy as np
import pytest
from scipy import sparse

from sparsekit.matrix import _products
from sparsekit.matrix._blocks import cut_rows, cut_stored, cut_triangle
from sparsekit.matrix._products import (
    entry_products,
    multiply,
    multiply_transposed,
    multiply_vector,
    pad_rows,
    self_product,
    sparse_gram,
    to_csc,
)

DTYPES = [np.float32, np.float64]
INDICES = [np.int32, np.int64]
THREADS = [2, 3]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Let small matrices take the ways of large ones."""
    monkeypatch.setattr(_products, "THREAD_ENTRIES", 0)
    monkeypatch.setattr(_products, "FEW_ENTRIES", 0)


def draw(n, m, share, dtype=np.float64, index=np.int32, seed=0):
    """Return random rows, some of them empty, with indices of one type."""
    rng = np.random.default_rng(seed)
    dense = np.where(rng.random((n, m)) < share, rng.standard_normal((n, m)), 0).astype(dtype)
    dense[n // 3 : n // 2] = 0
    X = sparse.csr_array(dense)
    X.indices, X.indptr = X.indices.astype(index), X.indptr.astype(index)
    return X


def factor_of(n, k, dtype=np.float64, seed=1):
    """Return a random dense matrix."""
    return np.random.default_rng(seed).standard_normal((n, k)).astype(dtype)


def close(found, expected):
    """Assert that numbers agree as far as their dtype goes."""
    tolerance = 1e-4 if found.dtype == np.float32 else 1e-12
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=10 * tolerance)


SHAPES = [(0, 0, 0), (0, 5, 3), (5, 0, 3), (5, 4, 0), (1, 1, 1), (3, 200, 5), (200, 3, 17)]
SHAPES += [tuple(np.random.default_rng(s).integers(1, 200, 3).tolist()) for s in range(12)]


@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_products_agree_with_numpy_on_any_shape(shape, dtype, index):
    n, m, k = shape
    for share in (0, 0.01, 0.3, 1):
        X = draw(n, m, share, dtype, index)
        dense, right, left = X.toarray(), factor_of(m, k, dtype), factor_of(n, k, dtype)
        rows, v = np.repeat(np.arange(n), np.diff(X.indptr)), factor_of(m, 1, dtype)[:, 0]
        found = {
            "multiply": (multiply(X, right), dense @ right),
            "multiply_transposed": (multiply_transposed(to_csc(X), left), dense.T @ left),
            "multiply_vector": (multiply_vector(X, v, n_jobs=2), dense @ v),
            "entry_products": (
                entry_products(X, left, right),
                (left[rows] * right[X.indices]).sum(1),
            ),
            "self_product": (self_product(left), left.T @ left),
            "sparse_gram": (sparse_gram(X), dense.T @ dense),
        }
        for name, (product, expected) in found.items():
            assert product.dtype == dtype, name
            assert product.flags.c_contiguous, name
            close(product.reshape(expected.shape), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_gram_matrix_is_the_same_mirrored_and_not(dtype, monkeypatch):
    X = draw(300, 80, 0.2, dtype)
    found = []
    for pays in (0.0, np.inf):
        monkeypatch.setattr(_products, "MIRROR_PAYS", pays)
        found.append(sparse_gram(X))
    np.testing.assert_array_equal(*found)
    np.testing.assert_array_equal(found[1], found[1].T)


@pytest.mark.parametrize("dtype", DTYPES)
def test_threads_do_not_change_a_bit(dtype):
    X = draw(300, 80, 0.2, dtype)
    right, left = factor_of(80, 24, dtype), factor_of(300, 24, dtype)
    calls = [
        lambda n_jobs: multiply(X, right, n_jobs=n_jobs),
        lambda n_jobs: multiply(X.toarray(), right, n_jobs=n_jobs),
        lambda n_jobs: multiply_transposed(sparse.csc_array(X), left, n_jobs=n_jobs),
        lambda n_jobs: multiply_vector(X, right[:, 0], n_jobs=n_jobs),
        lambda n_jobs: entry_products(X, left, right, n_jobs=n_jobs),
        lambda n_jobs: self_product(left, n_jobs=n_jobs),
        lambda n_jobs: sparse_gram(X, n_jobs=n_jobs),
        lambda n_jobs: to_csc(X, n_jobs=n_jobs).data,
        lambda n_jobs: to_csc(X, n_jobs=n_jobs).indices,
        lambda n_jobs: to_csc(X, n_jobs=n_jobs).indptr,
    ]
    for call in calls:
        expected = call(1)
        for n_jobs in THREADS:
            found = call(n_jobs)
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("n_jobs", [1, 2, 5])
def test_columns_are_those_of_scipy(n_jobs, index):
    X = draw(190, 37, 0.3, index=index)
    X.data[::7] = 0
    columns, expected = to_csc(X, n_jobs=n_jobs), X.tocsc()
    assert columns.format == "csc"
    assert columns.nnz == X.nnz
    for name in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(columns, name), getattr(expected, name))
        assert getattr(columns, name).dtype == getattr(expected, name).dtype


def test_many_blocks_of_one_thread_call_turn_the_same(monkeypatch):
    X = draw(190, 7, 0.5)
    monkeypatch.setattr(_products, "CALL_ENTRIES", 20)
    np.testing.assert_array_equal(to_csc(X, n_jobs=2).toarray(), X.toarray())


def test_a_gram_matrix_is_symmetric_and_whole():
    gram = sparse_gram(draw(50, 150, 0.1), n_jobs=2)
    np.testing.assert_array_equal(gram, gram.T)


@pytest.mark.parametrize("dtype", DTYPES)
def test_factors_of_any_layout_have_the_same_products(dtype):
    X, plain = draw(60, 90, 0.3, dtype), factor_of(90, 16, dtype)
    expected = multiply(X, plain)
    wide = np.zeros((90, 40), dtype)
    wide[:, 3:19] = plain
    shifted = np.zeros(90 * 16 + 1, dtype)[1:].reshape(90, 16)
    shifted[:] = plain
    closed = plain.copy()
    closed.flags.writeable = False
    left = factor_of(60, 16, dtype)
    at_entries = entry_products(X, left, plain)
    for factor in (np.asfortranarray(plain), wide[:, 3:19], shifted, closed):
        np.testing.assert_array_equal(multiply(X, factor), expected)
        np.testing.assert_array_equal(entry_products(X, left, factor), at_entries)


def test_entries_with_gaps_in_memory_are_read_in_their_order():
    X = draw(60, 90, 0.3)
    gaps = sparse.csr_array(X.shape)
    gaps.data = np.repeat(X.data, 2)[::2]
    gaps.indices, gaps.indptr = np.repeat(X.indices, 3)[::3], np.repeat(X.indptr, 2)[::2]
    assert not gaps.data.flags.c_contiguous
    right, left = factor_of(90, 5), factor_of(60, 5)
    np.testing.assert_array_equal(multiply(gaps, right), multiply(X, right))
    np.testing.assert_array_equal(
        multiply_vector(gaps, right[:, 2]), multiply_vector(X, right[:, 2])
    )
    np.testing.assert_array_equal(entry_products(gaps, left, right), entry_products(X, left, right))
    np.testing.assert_array_equal(to_csc(gaps, n_jobs=2).toarray(), X.toarray())
    np.testing.assert_array_equal(sparse_gram(gaps), sparse_gram(X))


def test_dense_rows_have_the_products_of_sparse_ones():
    X = draw(300, 80, 0.2)
    right, left = factor_of(80, 8), factor_of(300, 8)
    for rows in (X.toarray(), np.asfortranarray(X.toarray())):
        close(multiply(rows, right), multiply(X, right))
        close(multiply_vector(rows, right[:, 0]), multiply_vector(X, right[:, 0]))
        close(multiply_transposed(rows, left), multiply_transposed(to_csc(X), left))


def test_nothing_is_written_to_what_is_multiplied():
    X, right, left = draw(60, 90, 0.3), factor_of(90, 5), factor_of(60, 5)
    for array in (X.data, X.indices, X.indptr, right, left):
        array.flags.writeable = False
    multiply(X, right)
    multiply_vector(X, right[:, 0].copy())
    entry_products(X, left, right)
    to_csc(X, n_jobs=2)
    sparse_gram(X)


def test_what_is_not_finite_stays_in_its_row():
    X, right = draw(60, 90, 0.3), factor_of(90, 5)
    X.data[X.indptr[7]] = np.inf
    finite = np.isfinite(multiply(X, right)).all(axis=1)
    assert np.flatnonzero(~finite).tolist() == [7]


def test_padded_rows_hold_zeros_behind_and_are_not_copied_again():
    factor = factor_of(6, 5, np.float32)
    rows = pad_rows(factor)
    assert rows.shape == (6, 16)
    np.testing.assert_array_equal(rows[:, :5], factor)
    assert not rows[:, 5:].any()
    assert pad_rows(rows) is rows


def test_blocks_cover_the_rows_and_share_the_entries():
    lengths = np.array([0, 1000, 0, 10, 10, 10, 10] + [1] * 500)
    indptr = np.concatenate(([0], np.cumsum(lengths)))
    blocks = cut_stored(indptr, 1)
    assert blocks[0][0] == 0 and blocks[-1][1] == len(lengths)
    assert all(first[1] == second[0] for first, second in zip(blocks[:-1], blocks[1:], strict=True))
    assert max(indptr[stop] - indptr[start] for start, stop in blocks) <= 1000 + 200


@pytest.mark.parametrize("n", [0, 1, 31, 32, 33, 1000, 12345])
def test_blocks_of_a_triangle_are_whole_squares_of_rows(n):
    blocks = cut_triangle(n, 32)
    assert sum(stop - start for start, stop in blocks) == n
    assert all(start % 32 == 0 for start, _ in blocks)
    assert cut_rows(n, 32)[-1:] == ([] if n == 0 else [(n - (n - 1) % 32 - 1, n)])
