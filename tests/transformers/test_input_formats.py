"""One matrix in many clothes: the fit is the same, X is untouched, and nothing is made dense."""

import tracemalloc
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from tests.conftest import read_only
from tests.transformers._estimators import (
    ABSENT_IS_UNKNOWN,
    CLASSES,
    TAKES_SPARSE,
    TRANSFORMERS,
    assert_same_state,
    attributes,
    dense,
    make,
)


def on_arrays(X, data, indices, indptr):
    """Return a matrix of X's shape on arrays of our own, which SciPy does not look at."""
    other = sparse.csr_array(X.shape)
    other.data, other.indices, other.indptr = (read_only(a) for a in (data, indices, indptr))
    return other


def with_int64_indices(X):
    return on_arrays(X, X.data, X.indices.astype(np.int64), X.indptr.astype(np.int64))


def unsorted(X):
    runs = [np.arange(a, b)[::-1] for a, b in zip(X.indptr[:-1], X.indptr[1:])]
    order = np.concatenate(runs)
    return on_arrays(X, X.data[order], X.indices[order], X.indptr)


def with_duplicates(X):
    """Return X with every entry stored as two halves."""
    return on_arrays(X, np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), 2 * X.indptr)


def with_slack(X):
    """Return X on arrays that are longer than what they store."""
    return on_arrays(X, np.r_[X.data, np.nan], np.r_[X.indices, 10**6], X.indptr)


def with_explicit_zeros(X):
    coo = X.tocoo()
    empty = np.argwhere(X.toarray() == 0)[::7].T
    coordinates = np.hstack([np.vstack([coo.row, coo.col]), empty])
    values = np.r_[coo.data, np.zeros(empty.shape[1])]
    return sparse.coo_array((values, coordinates), shape=X.shape).tocsr()


# Their entries, once sorted and summed, are those of X exactly, so the fit is the same to the bit.
SAME_ENTRIES = {
    "csr_matrix": sparse.csr_matrix,
    "csc_array": sparse.csc_array,
    "csc_matrix": sparse.csc_matrix,
    "coo_array": sparse.coo_array,
    "coo_matrix": sparse.coo_matrix,
    "lil": lambda X: X.tolil(),
    "dok": lambda X: X.todok(),
    "int64 indices": with_int64_indices,
    "unsorted": unsorted,
    "duplicates": with_duplicates,
    "coo duplicates": lambda X: with_duplicates(X).tocoo(),
    "slack": with_slack,
    "pandas": pd.DataFrame.sparse.from_spmatrix,
}
# These store zeros, or all entries, so that sums run over other terms.
SAME_VALUES = {
    "explicit zeros": with_explicit_zeros,
    "bsr": lambda X: X.tobsr(blocksize=(2, 2)),
    "dia": lambda X: X.todia(),
    "dense": lambda X: read_only(X.toarray()),
}


def parts(X):
    """Return copies of all that a fit could change in a sparse matrix."""
    names = "data", "indices", "indptr", "row", "col"
    return {name: np.copy(getattr(X, name)) for name in names if hasattr(X, name)}


@pytest.fixture(scope="module")
def csr_fit(data_csr):
    """A function from an estimator's name to one fitted to CSR, and what it makes of it."""
    kept = {}

    def fit(name):
        if name not in kept:
            X = data_csr(name)
            estimator = make(name).fit(X)
            kept[name] = estimator, dense(estimator.transform(X))
        return kept[name]

    return fit


# One estimator of each class meets all forms, the others those that are easiest to get wrong.
CLOTHES = [
    (name, form)
    for name in TAKES_SPARSE
    for form in (SAME_ENTRIES if name in CLASSES else ("csc_matrix", "duplicates"))
]


@pytest.mark.filterwarnings("ignore:X has feature names:UserWarning")
@pytest.mark.parametrize(("name", "form"), CLOTHES)
def test_same_entries_give_the_same_result_to_the_bit(name, form, data_csr, csr_fit):
    X = SAME_ENTRIES[form](data_csr(name))
    before = parts(X)
    expected, codes = csr_fit(name)
    estimator = make(name).fit(X)
    found = dense(estimator.transform(X))
    if form != "pandas":
        assert_same_state(estimator, expected)
    elif name.startswith("SparseLinearMethod"):
        # Scores of a table are dense, and are summed otherwise.
        found = np.where(np.isclose(found, codes, rtol=1e-12, atol=1e-14), codes, found)
    np.testing.assert_array_equal(found, codes)
    for part, value in before.items():
        np.testing.assert_array_equal(getattr(X, part), value)


def absent_as_nan(X):
    """Return dense X with NaN for what is not stored."""
    stored = sparse.csr_array((np.ones(X.nnz), X.indices, X.indptr), shape=X.shape).toarray()
    return np.where(stored > 0, X.toarray(), np.nan)


@pytest.mark.filterwarnings("ignore:.* takes zeros that X stores:UserWarning")
@pytest.mark.parametrize(
    ("name", "form"),
    [
        (name, form)
        for name in TAKES_SPARSE
        for form in (SAME_VALUES if name in CLASSES else ("explicit zeros", "dense"))
        # What is stored is observed, zero or not.
        if name not in ABSENT_IS_UNKNOWN or form == "dense"
    ],
)
def test_same_values_give_the_same_result(name, form, data_csr, csr_fit):
    X = data_csr(name)
    X = absent_as_nan(X) if name in ABSENT_IS_UNKNOWN else SAME_VALUES[form](X)
    expected, codes = csr_fit(name)
    estimator = make(name).fit(X)
    scale = np.abs(codes).max()
    # Sums in another order; a fit takes them through many iterations.
    np.testing.assert_allclose(dense(estimator.transform(X)), codes, atol=1e-5 * scale)
    for key, value in attributes(expected).items():
        value, found = dense(value), dense(getattr(estimator, key))
        if value.dtype.kind == "f" and value.shape == found.shape:
            np.testing.assert_allclose(found, value, rtol=1e-5, atol=1e-5)


ODD = {
    "Fortran order": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "negative strides": lambda X: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
    "byte-swapped": lambda X: X.astype(X.dtype.newbyteorder("S")),
    "objects": lambda X: X.astype(object),
    "list": lambda X: X.tolist(),
    "pandas": pd.DataFrame,
    "polars": lambda X: pl.DataFrame(X, schema=[f"x{j}" for j in range(X.shape[1])]),
}


@pytest.mark.filterwarnings("ignore:X has feature names:UserWarning")
@pytest.mark.parametrize("form", ODD)
@pytest.mark.parametrize("name", CLASSES)
def test_odd_arrays_give_the_same_result_to_the_bit(name, form, data, fitted):
    X = ODD[form](data(name))
    estimator = make(name).fit(X)
    expected = fitted(name)
    np.testing.assert_array_equal(
        dense(estimator.transform(X)), dense(expected.transform(data(name)))
    )
    if form != "polars":
        assert_same_state(estimator, expected)


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_a_memory_map_is_read_only_and_fits_the_same(name, data, fitted, tmp_path):
    np.save(tmp_path / "X.npy", data(name))
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    estimator = make(name)
    once = estimator.fit_transform(X)
    assert_same_state(estimator, fitted(name))
    codes = estimator.transform(X)
    assert not np.shares_memory(dense(codes), X)
    np.testing.assert_allclose(dense(once), dense(codes), rtol=1e-6, atol=1e-8)
    if hasattr(estimator, "inverse_transform"):
        stored = codes.data if sparse.issparse(codes) else codes
        read_only(stored)
        assert estimator.inverse_transform(codes).shape == X.shape
    if hasattr(estimator, "partial_fit"):
        make(name).partial_fit(X).partial_fit(X[:20])


# Number types


def floats(estimator):
    """Return the attributes that hold real numbers in arrays."""
    in_double = (
        "error_",
        "loss_curve_",
        "validation_scores_",
        "column_observations_",
        "column_counts_",
        "dual_gap_",
    )
    # Of a distribution that a handful of numbers describes.
    in_double += "row_prior_means_", "row_prior_precisions_", "noise_precisions_"
    return {
        name: value
        for name, value in attributes(estimator).items()
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and name not in in_double
    }


def misfit(estimator, X):
    """Return the norm of what codes leave of X."""
    return np.linalg.norm(X - estimator.inverse_transform(estimator.transform(X)))


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_single_precision_stays_and_is_near_double_precision(name, data, data_csr, fitted):
    expected = fitted(name).transform(data(name))
    scale = np.abs(expected).max()
    for X in (data(name), data_csr(name))[: 1 + (name in TAKES_SPARSE)]:
        estimator = make(name).fit(X.astype(np.float32))
        assert {key: value.dtype for key, value in floats(estimator).items()} == dict.fromkeys(
            floats(estimator), np.float32
        )
        codes = estimator.transform(X.astype(np.float32))
        assert codes.dtype == np.float32
        if hasattr(estimator, "inverse_transform"):
            assert estimator.inverse_transform(codes).dtype == np.float32
        if name in ABSENT_IS_UNKNOWN and sparse.issparse(X):
            continue  # Another problem than that of dense X.
        codes_go_back = hasattr(estimator, "inverse_transform")
        if codes_go_back and (hasattr(estimator, "score") or "iht" in name):
            # Rounding may lead to another minimum, which must be as good.
            near = pytest.approx(misfit(fitted(name), data(name)), rel=0.05)
            assert misfit(estimator, data(name)) == near
        else:
            np.testing.assert_allclose(dense(codes), dense(expected), atol=2e-3 * scale)


@pytest.mark.parametrize("name", CLASSES)
def test_a_transform_is_in_the_type_of_its_data_not_of_the_fit(name, data):
    X = data(name)
    single, double = make(name).fit(X.astype(np.float32)), make(name).fit(X)
    assert single.transform(X).dtype == np.float64
    assert double.transform(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("kind", ["f2", "?", "u1", "i4", "i8"])
@pytest.mark.parametrize("name", CLASSES)
def test_other_number_types_are_widened(name, kind, data):
    X = np.abs(np.round(4 * data(name))).astype(kind)
    becomes = np.float32 if kind == "f2" else np.float64
    expected = make(name).fit(X.astype(becomes))
    # What sparse X does not store may not be a zero, which is another problem.
    also_sparse = name in TAKES_SPARSE and name not in ABSENT_IS_UNKNOWN and kind != "f2"
    for narrow in (X, sparse.csr_array(X)) if also_sparse else (X,):
        estimator = make(name).fit(narrow)
        codes = estimator.transform(narrow)
        assert codes.dtype == becomes
        np.testing.assert_allclose(
            dense(codes), dense(expected.transform(X.astype(becomes))), rtol=1e-4, atol=1e-5
        )


# Memory

TALL, WIDE = 20_000, 5000
# Few components and iterations: what is measured is memory. `top_k` codes without a Gram matrix.
LARGE = {
    "DictionaryLearning lasso": {"max_iter": 2},
    "DictionaryLearning mod": {"max_iter": 2},
    "MiniBatchDictionaryLearning lasso": {"max_iter": 1, "batch_size": 2000},
    "SparsePCA cd": {"max_iter": 2, "tol": 0},
    "MiniBatchSparsePCA cd": {"max_iter": 1, "tol": 0, "batch_size": 500},
    "SparsePCA deflation": {"max_iter": 2, "tol": 0},
    "SparsePCA elastic_net": {"max_iter": 2, "tol": 0, "alpha": 0.1},
    "SparseNMF frobenius": {"max_iter": 2, "tol": 0},
    "SparseNMF divergence": {"max_iter": 2, "tol": 0},
    "SparseNMF unobserved": {"max_iter": 2, "tol": 0},
    "SparseNMF unobserved divergence": {"max_iter": 2, "tol": 0},
    "SparseSVD truncated": {"max_iter": 2, "tol": 0},
    "SparseSVD centered": {"max_iter": 2, "tol": 0},
    "MatrixFactorization pcg": {"max_iter": 2, "tol": 0},
    "MatrixFactorization sparse": {"max_iter": 2, "tol": 0},
    "ImplicitFactorization early": {"max_iter": 2, "tol": 0},
    "BayesianFactorization biased": {"max_iter": 2, "n_draws": 1},
    "RankingFactorization logistic": {"max_iter": 2},
    "SparseLinearMethod positive": {},
    "Thresholder universal": {},
    "Thresholder sure": {},
    "Thresholder top_k": {},
}


@pytest.fixture(scope="module")
def large():
    """Return CSR of which the dense twin would take 763 MiB."""
    rng = np.random.default_rng(0)
    n_stored = TALL * WIDE // 1000
    coordinates = rng.integers(0, TALL, n_stored), rng.integers(0, WIDE, n_stored)
    X = sparse.coo_array((rng.random(n_stored), coordinates), shape=(TALL, WIDE)).tocsr()
    X.sum_duplicates()
    return X


@pytest.mark.parametrize("name", LARGE)
def test_sparse_data_are_never_made_dense(name, large):
    estimator = make(name, **LARGE[name])
    tracemalloc.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimator.fit(large)
            codes = estimator.transform(large)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert codes.shape[0] == TALL
    assert peak < 100e6, f"{peak / 1e6:.0f} MB"
