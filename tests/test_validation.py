"""The checks of X at the estimator's door, on their own."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse

from sparsekit._validation import check_fit_input, check_predict_input, check_sparse_structure
from tests._door import Door, fitted_X

FORMATS = ["csr", "csc", "coo", "lil", "dok", "dia", "bsr"]


@pytest.fixture
def table(rng):
    return np.round(rng.standard_normal((6, 4)) * (rng.random((6, 4)) < 0.6), 2)


@pytest.fixture
def y():
    return np.arange(6.0)


def malformed(kind, **arrays):
    """Return a compressed matrix whose arrays were replaced after it was built."""
    X = kind(np.eye(6, 4))
    for name, values in arrays.items():
        setattr(X, name, np.asarray(values))
    return X


# Sparse matrices that are right already


def test_canonical_csc_is_passed_on_without_a_copy(table, y):
    given = sparse.csc_array(table)
    X = fitted_X(given, y)
    assert X is not given
    assert np.shares_memory(X.data, given.data)
    assert np.shares_memory(X.indices, given.indices)
    assert np.shares_memory(X.indptr, given.indptr)


def test_dense_float_array_is_passed_on_without_a_copy(table, y):
    for given in (table, np.asfortranarray(table), table.astype(np.float32)):
        assert fitted_X(given, y) is given


def test_int64_indices_are_narrowed_and_values_are_shared(table, y):
    given = sparse.csc_array(table)
    given.indices, given.indptr = given.indices.astype(np.int64), given.indptr.astype(np.int64)
    X = fitted_X(given, y)
    assert X.indices.dtype == X.indptr.dtype == np.int32
    assert given.indices.dtype == given.indptr.dtype == np.int64
    assert np.shares_memory(X.data, given.data)


# Sparse matrices that need work


@pytest.mark.parametrize("interface", ["array", "matrix"])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_becomes_canonical_csc(name, interface, table, y):
    given = getattr(sparse, f"{name}_{interface}")(sparse.coo_array(table))
    X = fitted_X(given, y)
    assert X.format == "csc"
    assert X.has_canonical_format
    assert X.indices.dtype == np.int32
    np.testing.assert_array_equal(X.toarray(), table)


def matrix_of(table, name):
    """Return `table` with its own dtype in a format; SciPy's converters refuse some dtypes."""
    if name not in ("csr", "csc", "coo"):
        return sparse.coo_array(table).asformat(name)
    coordinates = np.nonzero(table)
    X = sparse.coo_array((np.ones(len(coordinates[0])), coordinates), shape=table.shape)
    X = X.asformat(name)
    X.data = table[X.tocoo().coords]
    return X


EXOTIC = ["f2", ">f4", ">f8", ">i4"]
PLAIN = ["?", "u1", "i8", "f4", "f8"]


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, dtype) for name in FORMATS for dtype in PLAIN]
    + [(name, dtype) for name in ("csr", "csc", "coo") for dtype in EXOTIC],
)
def test_values_become_native_float32_or_float64(name, dtype, table, y):
    table = table.astype(dtype)
    given = matrix_of(table, name)
    assert given.dtype == dtype
    expected = np.float32 if dtype in ("f2", "f4", ">f4") else np.float64
    for X in (fitted_X(given, y), check_predict_input(fitted_door(table), given)):
        assert X.dtype == expected
        assert X.dtype.isnative
        np.testing.assert_array_equal(X.toarray(), table.astype(expected))


def fitted_door(X):
    door = Door()
    door.n_features_in_ = X.shape[1]
    return door


@pytest.mark.parametrize("kind", [sparse.csc_array, sparse.csr_matrix])
def test_unsorted_duplicate_entries_are_summed_on_a_copy(kind, table, y):
    whole = kind(table)
    runs = [np.arange(a, b) for a, b in zip(whole.indptr[:-1], whole.indptr[1:])]
    order = np.concatenate([np.r_[run[::-1], run] for run in runs])
    given = kind((whole.data[order] / 2, whole.indices[order], 2 * whole.indptr), shape=table.shape)
    before = given.data.copy(), given.indices.copy(), given.indptr.copy()
    X = fitted_X(given, y)
    assert X.has_canonical_format
    np.testing.assert_array_equal(X.toarray(), table)
    for was, now in zip(before, (given.data, given.indices, given.indptr)):
        np.testing.assert_array_equal(was, now)


def test_a_stale_flag_on_the_users_matrix_is_not_believed(y):
    given = sparse.csc_array(np.ones((6, 1)))
    assert given.has_canonical_format
    given.indices[:] = [5, 5, 4, 4, 3, 3]
    np.testing.assert_array_equal(fitted_X(given, y).toarray().ravel(), [0, 0, 0, 2, 2, 2])


def test_duplicate_booleans_stay_true(y):
    arrays = np.ones(12, dtype=bool), np.repeat(np.arange(6), 2), np.array([0, 12])
    given = sparse.csc_array(arrays, shape=(6, 1))
    np.testing.assert_array_equal(fitted_X(given, y).toarray(), np.ones((6, 1)))
    np.testing.assert_array_equal(
        check_predict_input(fitted_door(given), given).toarray(), np.ones((6, 1))
    )


def test_values_beyond_the_last_index_pointer_are_ignored(y):
    given = sparse.csc_array(np.eye(6, 4))
    given.data, given.indices = np.r_[given.data, np.nan], np.r_[given.indices, 99]
    np.testing.assert_array_equal(fitted_X(given, y).toarray(), np.eye(6, 4))


def test_sum_of_duplicates_that_overflows_is_refused(y):
    arrays = np.full(2, 1e308), np.zeros(2, dtype=np.int32), np.array([0, 2], dtype=np.int32)
    with pytest.raises(ValueError, match="infinity"):
        fitted_X(sparse.csc_array(arrays, shape=(6, 1)), y)


def test_dataframe_of_sparse_columns_stays_sparse_and_names_are_kept(table, y):
    frame = pd.DataFrame.sparse.from_spmatrix(sparse.csc_matrix(table), columns=list("abcd"))
    door = Door()
    X = check_fit_input(door, frame, y)[0]
    assert sparse.issparse(X)
    assert list(door.feature_names_in_) == list("abcd")
    np.testing.assert_array_equal(X.toarray(), table)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"indices": [0, 1, 2, 6]}, "index 6"),
        ({"indices": [0, 1, -1, 3]}, "index -1"),
        ({"indptr": [0, 2, 1, 3, 4]}, "rise from 0"),
        ({"indptr": [1, 1, 2, 3, 4]}, "rise from 0"),
        ({"indptr": [0, 1, 2, 3]}, "5 entries"),
        ({"indptr": [0, 1, 2, 3, 9]}, "ends at 9"),
        ({"indices": np.array([0, 1, 2, 2**40])}, "index 1099511627776"),
    ],
)
def test_malformed_csc_is_refused_before_anything_follows_its_indices(arrays, message, y):
    X = malformed(sparse.csc_matrix, **arrays)
    with pytest.raises(ValueError, match=message):
        fitted_X(X, y)
    with pytest.raises(ValueError, match=message):
        check_sparse_structure(X)


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csr_matrix, sparse.bsr_array])
def test_malformed_rows_are_refused_at_fit_and_at_predict(kind, y):
    for bad in ([0, 1, 2, 400_000_000], [0, 1, 2, -400_000_000]):
        X = kind(np.eye(6, 4), **({"blocksize": (1, 1)} if kind is sparse.bsr_array else {}))
        X.indices = np.array(bad, dtype=np.int32)
        with pytest.raises(ValueError, match="ind(ex|ices)"):
            fitted_X(X, y)
        with pytest.raises(ValueError, match="ind(ex|ices)"):
            check_predict_input(fitted_door(X), X)


def test_malformed_coordinates_are_refused(y):
    X = sparse.coo_array(np.eye(6, 4))
    X.coords[1][2] = 400_000_000
    with pytest.raises(ValueError, match="COO matrix: it holds the index 400000000"):
        fitted_X(X, y)


def test_index_arrays_must_be_signed_integers(y):
    with pytest.raises(TypeError, match="signed integers"):
        fitted_X(malformed(sparse.csc_array, indices=np.arange(4, dtype=np.uint64)), y)


def test_predict_input_keeps_rows_as_rows_without_a_copy(table):
    given = sparse.csr_array(table)
    X = check_predict_input(fitted_door(table), given)
    assert X.format == "csr"
    assert np.shares_memory(X.data, given.data)


# Arrays of other kinds


def foreign(package):
    """Return an instance of a class that seems to come from `package`."""
    return type("Array", (), {"__module__": f"{package}.core", "shape": (6, 4)})()


@pytest.mark.parametrize("package", ["dask", "cupy", "cupyx"])
def test_arrays_from_elsewhere_are_refused_with_the_way_to_convert_them(package, table, y):
    remedy = {"dask": r"X.compute\(\)", "cupy": r"asnumpy\(X\)", "cupyx": r"X.get\(\)"}[package]
    with pytest.raises(TypeError, match=f"`X` is .*{remedy}"):
        fitted_X(foreign(package), y)
    with pytest.raises(TypeError, match="`y` is "):
        fitted_X(table, foreign(package))


def test_masked_arrays_are_refused(table, y):
    masked = np.ma.masked_equal(table, 0)
    with pytest.raises(TypeError, match="`X` is a masked array"):
        fitted_X(masked, y)
    with pytest.raises(TypeError, match="`y` is a masked array"):
        fitted_X(table, np.ma.masked_equal(y, 0))


def test_half_precision_widens_to_float32(table, y):
    assert fitted_X(table.astype(np.float16), y).dtype == np.float32


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="no longer float here")
def test_extended_precision_is_refused_rather_than_cut(table, y):
    for X in (table.astype(np.longdouble), sparse.csr_array(table.astype(np.longdouble))):
        with pytest.raises(TypeError, match="float64"):
            fitted_X(X, y)


# Values


LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "sparse": sparse.csc_array,
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("value", "message"), [(np.nan, "NaN"), (-np.inf, "infinity")])
def test_values_that_are_not_finite_are_refused(layout, value, message, dtype, table, y):
    table[3, 2] = value
    with pytest.raises(ValueError, match=f"Input X contains {message}"):
        fitted_X(LAYOUTS[layout](table.astype(dtype)), y)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_values_whose_squares_overflow_are_refused_with_their_size(layout, table, y):
    table[3, 2] = -3e200
    with pytest.raises(ValueError, match=r"`X` holds values up to 3\.0e\+200.* Scale `X`"):
        fitted_X(LAYOUTS[layout](table), y)
    with pytest.raises(ValueError, match=r"`y` holds values up to 1\.0e\+300"):
        check_fit_input(Door(), LAYOUTS[layout](np.eye(6)), np.full(6, 1e300))


def test_large_single_precision_values_pass(table, y):
    given = np.full((6, 4), 1e30, dtype=np.float32)
    assert fitted_X(given, y) is given


def test_scikit_learns_setting_switches_the_check_of_values_off(table, y):
    table[3, 2] = np.nan
    with sklearn.config_context(assume_finite=True):
        assert fitted_X(table, y) is table
