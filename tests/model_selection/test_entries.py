"""Entries as samples, and entries held out of each row."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold, TimeSeriesSplit, train_test_split
from sklearn.utils import _safe_indexing, check_array, indexable, resample, shuffle

import sparsekit.matrix._entries as entries_module
from sparsekit.model_selection import SparseEntries, hold_out_entries
from tests.conftest import read_only


@pytest.fixture
def X():
    """Five entries, one an explicit zero, an empty row and an empty column."""
    rows, columns = [0, 0, 1, 3, 3], [1, 3, 0, 1, 3]
    return sparse.csr_array(([5.0, 3.0, 4.0, 0.0, 1.0], (rows, columns)), shape=(4, 5))


def test_samples_are_the_entries_by_row_and_column(X):
    entries = SparseEntries(X)
    assert (len(entries), entries.shape) == (5, (5, 2))
    np.testing.assert_array_equal(entries.rows, [0, 0, 1, 3, 3])
    np.testing.assert_array_equal(entries.columns, [1, 3, 0, 1, 3])
    np.testing.assert_array_equal(entries.values, [5, 3, 4, 0, 1])


def test_it_converts_to_coordinates(X):
    np.testing.assert_array_equal(SparseEntries(X)[[1, 3]], [[0, 3], [3, 1]])
    assert check_array(SparseEntries(X), dtype="numeric").shape == (5, 2)


@pytest.mark.parametrize(
    ("key", "chosen"),
    [
        (slice(1, 4), [1, 2, 3]),
        (slice(None, None, -1), [4, 3, 2, 1, 0]),
        ([2, 0], [2, 0]),
        (np.array([-1]), [4]),
        (np.array([True, False, True, False, False]), [0, 2]),
        (range(2), [0, 1]),
        (3, [3]),
        (np.int64(-2), [3]),
        ([], []),
        ((np.array([1, 2]), ...), [1, 2]),
    ],
)
def test_it_is_indexed_like_an_array(X, key, chosen):
    part = SparseEntries(X)[key]
    np.testing.assert_array_equal(part.values, X.data[chosen])
    expected = np.zeros(X.shape)
    expected[part.rows, part.columns] = part.values
    found = part.to_csr()
    assert found.shape == X.shape and found.nnz == len(chosen) == len(part)
    np.testing.assert_array_equal(found.toarray(), expected)


@pytest.mark.parametrize(
    "key", [5, [7], [0.5], [True, False], [[0, 1]], (0, 1), np.array([1.0]), "a", True]
)
def test_bad_indices_are_refused(X, key):
    with pytest.raises(IndexError):
        SparseEntries(X)[key]


@pytest.mark.parametrize("key", [[0, 0], [3, 1, 3], [-1, 4]])
def test_an_entry_is_chosen_once(X, key):
    with pytest.raises(ValueError, match="without replacement"):
        SparseEntries(X)[key]


def test_tools_of_scikit_learn_take_it(X):
    entries = SparseEntries(X)
    assert indexable(entries)[0] is entries
    assert len(_safe_indexing(entries, [0, 1])) == len(_safe_indexing(entries, slice(2))) == 2
    assert len(_safe_indexing(entries, entries.values > 1)) == 3
    assert sorted(shuffle(entries, random_state=0).values) == sorted(X.data)
    assert len(resample(entries, replace=False, n_samples=2, random_state=0)) == 2
    with pytest.raises(ValueError, match="without replacement"):
        resample(entries, n_samples=50, random_state=0)


def test_a_search_around_it_can_be_cloned(X):
    search = GridSearchCV(None, {"alpha": [SparseEntries(X)]})
    assert len(clone(search).param_grid["alpha"][0]) == 5


def test_parts_keep_explicit_zeros(X):
    part = SparseEntries(X)[[3]].to_csr()
    assert part.nnz == 1 and part.data[0] == 0.0


def test_train_and_test_parts_make_the_whole(X):
    entries = SparseEntries(X)
    for train, test in KFold(2, shuffle=True, random_state=0).split(entries):
        kept, hidden = entries[train], entries[test]
        assert kept.matrix is hidden.matrix
        np.testing.assert_array_equal((kept.to_csr() + hidden.to_csr()).toarray(), X.toarray())
        np.testing.assert_array_equal(hidden.complement().to_csr().indices, kept.columns)


def test_the_whole_has_nothing_beside_it(X):
    entries = SparseEntries(X)
    assert len(entries.complement()) == 0
    assert len(entries[:0].complement()) == 5
    assert len(entries.complement().complement()) == 5


def test_a_part_of_a_part_is_completed_within_it(X):
    outer = SparseEntries(X)[[0, 2, 4]]
    inner = outer[[1]]
    np.testing.assert_array_equal(inner.values, [4.0])
    np.testing.assert_array_equal(inner.complement().values, [5.0, 1.0])


def test_whole_parts_do_not_copy(X):
    assert np.shares_memory(SparseEntries(X).to_csr().data, X.data)
    assert np.shares_memory(SparseEntries(X)[:].to_csr().data, X.data)


@pytest.mark.parametrize("form", ["csr_matrix", "csc_array", "coo_array", "lil_array", "dok_array"])
def test_any_form_has_the_same_samples(X, form):
    Z = getattr(sparse, form)(X.toarray())
    entries = SparseEntries(Z)
    np.testing.assert_array_equal(entries.values, X.data[X.data != 0])


def test_duplicates_are_summed_on_a_copy():
    rows, columns, values = (
        read_only(np.array(a)) for a in ([0, 0, 1], [1, 1, 0], [1.0, 2.0, 4.0])
    )
    X = sparse.coo_array((values, (rows, columns)), shape=(2, 2))
    np.testing.assert_array_equal(SparseEntries(X).values, [3.0, 4.0])
    csr = sparse.csr_array((values, columns, np.array([0, 2, 3])), shape=(2, 2))
    np.testing.assert_array_equal(SparseEntries(csr).values, [3.0, 4.0])
    assert csr.nnz == 3 and np.shares_memory(csr.data, values)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_types_are_kept_and_indices_as_narrow_as_they_can_be(X, dtype, index):
    X = sparse.csr_array((X.data.astype(dtype), X.indices.astype(index), X.indptr.astype(index)))
    part = SparseEntries(X)[[0, 2]].to_csr()
    assert part.dtype == dtype
    assert part.indices.dtype == part.indptr.dtype == np.int32


def test_integers_become_floats(X):
    assert SparseEntries(X.astype(int)).values.dtype == np.float64


def test_an_empty_matrix_has_no_samples():
    entries = SparseEntries(sparse.csr_array((3, 4)))
    assert len(entries) == 0
    assert entries.to_csr().shape == entries.complement().to_csr().shape == (3, 4)
    assert np.asarray(entries).shape == (0, 2)


@pytest.mark.parametrize("dense", [np.eye(3), [[1.0, 0.0]]])
def test_dense_arrays_are_refused_with_advice(dense):
    with pytest.raises(TypeError, match="which of its zeros are entries"):
        SparseEntries(dense)
    with pytest.raises(TypeError, match="which of its zeros are entries"):
        hold_out_entries(dense)


def test_indices_out_of_bounds_are_refused(X):
    X.indices[0] = 99
    with pytest.raises(ValueError, match="malformed"):
        SparseEntries(X)


def test_repr_says_how_much_it_holds(X):
    assert repr(SparseEntries(X)[1:3]) == "SparseEntries(2 of 5 entries, 4 rows, 5 columns)"


def test_pickles(X):
    part = SparseEntries(X, order=[4, 3, 2, 1, 0])[[0, 2]]
    twin = pickle.loads(pickle.dumps(part))
    np.testing.assert_array_equal(twin.values, part.values)
    np.testing.assert_array_equal(twin.complement().values, part.complement().values)


# In order


def test_samples_come_in_the_order_of_their_times(X):
    entries = SparseEntries(X, order=[30, 10, 40, 10, 20])
    np.testing.assert_array_equal(entries.values, [3, 0, 1, 5, 4])
    np.testing.assert_array_equal(entries.rows, [0, 3, 3, 0, 1])


@pytest.mark.parametrize("form", ["coo", "csc", "csr"])
def test_times_follow_the_data_of_any_form(X, form, rng):
    Z = X.asformat(form)
    if form == "coo":
        mixed = rng.permutation(5)
        Z = sparse.coo_array((Z.data[mixed], (Z.row[mixed], Z.col[mixed])), shape=X.shape)
    entries = SparseEntries(Z, order=Z.data)
    np.testing.assert_array_equal(entries.values, [0, 1, 3, 4, 5])
    before = Z.copy()
    assert (before != Z).nnz == 0


def test_times_may_be_dates(X):
    dates = np.array(["2024-05", "2024-01", "2023-12", "2025-01", "2024-02"], dtype="datetime64[M]")
    np.testing.assert_array_equal(SparseEntries(X, order=dates).values, [4, 3, 1, 5, 0])


def test_times_may_be_a_matrix_beside(X):
    times = X.copy()
    times.data = np.array([3.0, 0.0, 4.0, 1.0, 2.0])
    np.testing.assert_array_equal(SparseEntries(X, order=times.tocsc()).values, [3, 0, 1, 5, 4])
    np.testing.assert_array_equal(SparseEntries(X.tolil(), order=X.tolil()).values, np.sort(X.data))


def test_in_order_only_what_came_before_is_seen(X):
    entries = SparseEntries(X, order=[30, 10, 40, 15, 20])
    for train, test in TimeSeriesSplit(2, test_size=1).split(entries):
        seen = entries[test].complement()
        np.testing.assert_array_equal(seen.values, entries[train].values)
    assert len(entries[:0].complement()) == 5


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ([1, 2], "one time for each stored entry"),
        (np.eye(5), "one time for each stored entry"),
        ([1.0, np.nan, 2.0, 3.0, 4.0], "NaN"),
        (sparse.csr_array((4, 5)), "got 0 times"),
        (sparse.csr_array((5, 5)), "got 0 times in shape"),
    ],
)
def test_times_that_do_not_fit_are_refused(X, order, message):
    with pytest.raises(ValueError, match=message):
        SparseEntries(X, order=order)


def test_duplicates_cannot_be_ordered():
    X = sparse.coo_array(([1.0, 2.0], ([0, 0], [1, 1])), shape=(2, 2))
    with pytest.raises(ValueError, match="1 duplicate"):
        SparseEntries(X, order=[1, 2])


def test_times_of_other_formats_come_as_a_matrix(X):
    with pytest.raises(ValueError, match="LIL"):
        SparseEntries(X.tolil(), order=[1, 2, 3, 4])


# Held out


@given(seed=st.integers(0, 1000), size=st.sampled_from([0.1, 0.25, 0.5, 0.99, 1, 3]))
def test_each_row_loses_its_share_and_keeps_an_entry(seed, size):
    rng = np.random.default_rng(seed)
    X = sparse.random_array((9, 11), density=rng.random(), random_state=rng, format="csr")
    kept, held = hold_out_entries(X, size, random_state=seed)
    counts = np.diff(X.indptr)
    share = size if isinstance(size, int) else np.ceil(size * counts - 1e-9)
    expected = np.minimum(share, np.maximum(counts - 1, 0))
    np.testing.assert_array_equal(np.diff(held.indptr), expected)
    np.testing.assert_array_equal((kept + held).toarray(), X.toarray())
    assert kept.nnz + held.nnz == X.nnz
    assert kept.has_canonical_format and held.has_canonical_format


def test_shares_are_not_rounded_up_by_rounding_errors():
    X = sparse.csr_array(np.ones((1, 30)))
    assert hold_out_entries(X, 0.1, random_state=0)[1].nnz == 3


def test_every_entry_is_as_likely():
    X = sparse.csr_array(np.ones((4000, 5)))
    _, held = hold_out_entries(X, 2, random_state=0)
    counts = held.sum(axis=0)
    # Five standard deviations of a count that is nearly binomial.
    assert np.all(np.abs(counts - 1600) < 5 * np.sqrt(4000 * 0.4 * 0.6))


def test_rows_are_drawn_in_blocks(monkeypatch):
    X = sparse.csr_array(np.ones((50, 6)))
    monkeypatch.setattr(entries_module, "BLOCK_ENTRIES", 13)
    kept, held = hold_out_entries(X, 0.5, random_state=0)
    np.testing.assert_array_equal(np.diff(held.indptr), 3)
    np.testing.assert_array_equal((kept + held).toarray(), X.toarray())
    assert len(np.unique(held.toarray(), axis=0)) > 10


def test_the_seed_decides(X):
    X = sparse.csr_array(np.ones((20, 6)))
    first, again = (hold_out_entries(X, random_state=4)[1] for _ in range(2))
    np.testing.assert_array_equal(first.indices, again.indices)
    stream = np.random.RandomState(4)
    parts = [hold_out_entries(X, random_state=stream)[1].indices for _ in range(2)]
    np.testing.assert_array_equal(parts[0], first.indices)
    assert (parts[0] != parts[1]).any()


def test_none_is_the_generator_of_numpy():
    X = sparse.csr_array(np.ones((20, 6)))
    parts = []
    for _ in range(2):
        np.random.seed(7)  # noqa: NPY002
        parts.append(hold_out_entries(X)[1].indices)
    np.testing.assert_array_equal(*parts)
    assert (hold_out_entries(X)[1].indices != parts[0]).any()


def test_the_kind_is_that_of_X(X):
    assert isinstance(hold_out_entries(X)[0], sparse.csr_array)
    assert isinstance(hold_out_entries(sparse.coo_matrix(X))[1], sparse.csr_matrix)
    kept, held = hold_out_entries(SparseEntries(X)[[0, 1]], random_state=0)
    assert isinstance(kept, sparse.csr_array) and kept.nnz == held.nnz == 1


def test_the_matrix_stays_as_it_is():
    X = sparse.csr_array(np.ones((3, 4), dtype=np.float32))
    for array in (X.data, X.indices, X.indptr):
        read_only(array)
    kept, held = hold_out_entries(X, 0.5, random_state=0)
    assert X.nnz == 12 and kept.dtype == held.dtype == np.float32
    kept.data[:] = 7
    assert X.data.max() == 1


def test_parts_with_nothing_held_out_are_copies_too():
    X = sparse.csr_array(np.eye(3))
    kept, held = hold_out_entries(X)
    kept.data[:] = 7
    assert held.nnz == 0 and X.max() == 1


@pytest.mark.parametrize("size", [0, 0.0, 1.0, -1, 1.5, True, "half", None, np.nan])
def test_bad_sizes_are_refused(X, size):
    with pytest.raises(ValueError, match="test_size"):
        hold_out_entries(X, size)


@pytest.mark.parametrize("seed", ["a", 1.5])
def test_bad_seeds_are_refused(X, seed):
    with pytest.raises(ValueError, match="random_state"):
        hold_out_entries(X, random_state=seed)


def test_it_splits_with_train_test_split(X):
    train, test = train_test_split(SparseEntries(X), test_size=2, random_state=0)
    assert (len(train), len(test)) == (3, 2)
