"""The data of the transformers' tests."""

import functools

import numpy as np
import pytest
from scipy import sparse

from tests.conftest import read_only
from tests.transformers._estimators import N_FEATURES, make, suited


def pytest_runtest_setup(item):
    name = getattr(item, "callspec", None) and item.callspec.params.get("name", "")
    if isinstance(name, str) and name.startswith("WaveletShrinkage"):
        pytest.importorskip("pywt", reason="PyWavelets is not installed (extra wavelet)")


@pytest.fixture(scope="session")
def rows():
    """Return 60 rows of rank three with noise; two thirds of the entries are zero."""
    rng = np.random.default_rng(7)
    X = rng.standard_normal((60, 3)) @ rng.standard_normal((3, N_FEATURES))
    X += 0.1 * rng.standard_normal(X.shape)
    return read_only(X * (rng.random(X.shape) < 0.4))


@pytest.fixture(scope="session")
def data(rows):
    """A function from an estimator's name to read-only dense X that suits it."""
    return functools.cache(lambda name: read_only(suited(name, rows)))


@pytest.fixture(scope="session")
def fitted(data):
    """A function from an estimator's name to one fitted to dense X, which nobody may change."""
    return functools.cache(lambda name: make(name).fit(data(name)))


@pytest.fixture(scope="session")
def data_csr(data):
    """The same as CSR."""

    def stored(name):
        X = sparse.csr_array(data(name))
        for part in (X.data, X.indices, X.indptr):
            read_only(part)
        return X

    return stored
