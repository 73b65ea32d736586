"""Products of rows with a dense factor."""

import numpy as np
import pytest
from scipy import sparse

from sparsekit.coding._products import cut_stored, multiply


@pytest.fixture
def X():
    """Return sparse rows, some of them empty."""
    rng = np.random.default_rng(0)
    dense = np.where(rng.random((300, 80)) < 0.2, rng.random((300, 80)), 0)
    dense[5:9] = 0
    return sparse.csr_array(dense)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("width", [1, 8, 11])
def test_sparse_and_dense_rows_have_the_same_products(X, width, dtype):
    X = X.astype(dtype)
    factor = np.random.default_rng(1).random((80, width)).astype(dtype)
    expected = X.toarray().astype(np.float64) @ factor
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    for rows in (X, X.toarray(), np.asfortranarray(X.toarray())):
        product = multiply(rows, factor)
        assert product.dtype == dtype
        np.testing.assert_allclose(product, expected, rtol=tolerance)


def test_threads_do_not_change_a_bit(X):
    factor = np.random.default_rng(1).random((80, 8))
    for rows in (X, X.toarray()):
        products = [multiply(rows, factor, n_jobs=n_jobs) for n_jobs in (1, 2, 3)]
        np.testing.assert_array_equal(products[0], products[1])
        np.testing.assert_array_equal(products[0], products[2])


def test_a_matrix_without_rows_or_entries_has_a_product():
    factor = np.ones((4, 2))
    assert multiply(sparse.csr_array((0, 4)), factor).shape == (0, 2)
    assert not multiply(sparse.csr_array((3, 4)), factor).any()


def test_blocks_cover_the_rows_and_share_the_entries():
    lengths = np.array([0, 1000, 0, 10, 10, 10, 10] + [1] * 500)
    indptr = np.concatenate(([0], np.cumsum(lengths)))
    blocks = cut_stored(indptr, 1)
    assert blocks[0][0] == 0 and blocks[-1][1] == len(lengths)
    assert all(first[1] == second[0] for first, second in zip(blocks[:-1], blocks[1:], strict=True))
    assert max(indptr[stop] - indptr[start] for start, stop in blocks) <= 1000 + 200
