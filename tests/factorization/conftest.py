"""The data of the factorisations' tests."""

import numpy as np
import pytest
from scipy import sparse

from tests.conftest import read_only


def read_only_csr(X):
    """Return X as a csr_array nobody can write to."""
    X = sparse.csr_array(X)
    for part in (X.data, X.indices, X.indptr):
        read_only(part)
    return X


@pytest.fixture(scope="session")
def ratings():
    """Ratings of rank two with biases and noise: 40 rows, 25 columns, a third of the cells known.

    Row 5 and column 7 have none; row 9 has rated all columns but that one.
    """
    rng = np.random.default_rng(3)
    dense = 3 + rng.standard_normal((40, 2)) @ rng.standard_normal((2, 25))
    dense += 0.5 * rng.standard_normal((40, 1)) + 0.5 * rng.standard_normal(25)
    dense += 0.1 * rng.standard_normal(dense.shape)
    known = rng.random(dense.shape) < 0.35
    known[9] = True
    known[5] = known[:, 7] = False
    rows, columns = np.nonzero(known)
    return read_only_csr(sparse.coo_array((dense[known], (rows, columns)), shape=dense.shape))


@pytest.fixture(scope="session")
def plays():
    """Counts of two groups of rows that like two groups of columns, 40 by 25.

    Row 5 and column 7 have none; row 9 has played all columns but that one.
    """
    rng = np.random.default_rng(4)
    likes = np.equal.outer(np.arange(40) % 2, np.arange(25) % 2)
    counts = rng.poisson(np.where(likes, 0.9, 0.1)).astype(float)
    counts[9] = 1 + rng.poisson(1.0, 25)
    counts[5] = counts[:, 7] = 0
    return read_only_csr(counts)


@pytest.fixture(scope="session")
def row_features():
    """Dense side information on the forty rows."""
    return read_only(np.random.default_rng(5).standard_normal((40, 4)) + 2)


@pytest.fixture(scope="session")
def column_features():
    """Sparse side information on the 25 columns."""
    rng = np.random.default_rng(6)
    return read_only_csr(rng.standard_normal((25, 3)) * (rng.random((25, 3)) < 0.6))
