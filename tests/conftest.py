"""Fixtures and settings shared by all tests."""

import importlib.util
import os
import pathlib

import hypothesis
import numpy as np
import pytest
from scipy import sparse

# Pictures are drawn to memory: a test machine has no screen.
os.environ.setdefault("MPLBACKEND", "Agg")

# The same examples every time: a failure seen once is a failure that stays.
hypothesis.settings.register_profile(
    "sparsekit", deadline=None, derandomize=True, database=None, max_examples=40, print_blob=True
)
hypothesis.settings.load_profile("sparsekit")


def pytest_runtest_setup(item):
    if item.get_closest_marker("gpu") and importlib.util.find_spec("cupy") is None:
        pytest.skip("needs CuPy and a CUDA device")


@pytest.fixture(scope="session")
def repository():
    """The checkout that these tests belong to."""
    return pathlib.Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared(repository):
    """The folder of real data and published results beside the checkout."""
    folder = repository.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs the folder {folder}, which is not there")
    return folder


@pytest.fixture
def rng():
    """A generator with a fixed seed."""
    return np.random.default_rng(20)


def read_only(array):
    """Return `array` closed to writing, so that a fit which writes into it fails."""
    array.setflags(write=False)
    return array


@pytest.fixture(scope="session")
def sparse_problem():
    """A CSC matrix of shape (60, 40) with empty rows and columns, its dense twin, y and labels."""
    rng = np.random.default_rng(7)
    dense = rng.standard_normal((60, 40)) * (rng.random((60, 40)) < 0.3)
    dense[[3, 17]] = 0.0
    dense[:, [5, 20]] = 0.0
    coefficients = np.zeros(40)
    coefficients[[0, 7, 12, 30]] = 2.0, -3.0, 1.5, 4.0
    y = dense @ coefficients + 0.3 * rng.standard_normal(60) + 1.0
    X = sparse.csc_matrix(dense)
    for array in (dense, y, X.data, X.indices, X.indptr):
        read_only(array)
    return X, dense, y, read_only((y > np.median(y)).astype(int))
