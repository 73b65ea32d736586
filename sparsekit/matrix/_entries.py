"""The stored entries of a sparse matrix as samples, and a share of each row's entries held out."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from sparsekit._validation._arrays import refuse_foreign
from sparsekit._validation._sparse import canonical
from sparsekit.matrix._entry_order import positions_in_order

# Entries that are drawn at a time: keys and their order stay in the cache.
BLOCK_ENTRIES = 1 << 16

# A share times a count may exceed a whole number by rounding alone.
ROUNDING = 1e-9


class SparseEntries:
    """View a sparse matrix as samples, one for each stored entry.

    Cross-validation that hides entries instead of rows: scikit-learn's splitters and searches index
    this view as they index an array of samples, and each part keeps the shape of the whole matrix.
    An estimator of `sparsekit.factorization` that is fitted to a part learns from its entries only,
    and the scorers of `sparsekit.metrics` score the entries of a test part.

    Parameters
    ----------
    X : sparse matrix of shape (n_rows, n_columns)
        Its stored entries are the samples, by row and within a row by column, unless `order` is
        given. Explicit zeros are entries. Duplicates are summed on a copy. Integers and booleans
        become float64.
    order : sparse matrix with the structure of X, or array-like of shape (n_entries,), default=None
        When each entry came, as numbers or dates, in a matrix beside X or in the order of `X.data`.
        The samples are then in this order, as `TimeSeriesSplit` wants them, and equal times stay in
        the order of rows and columns.

    Attributes
    ----------
    matrix : csr_array of shape (n_rows, n_columns)
        The whole matrix, of which this may be a part. It may share memory with X: do not change it.
    shape : tuple
        Number of samples, and 2: a sample has a row and a column.
    rows : ndarray of shape (n_samples,)
        Row of each sample, for instance as `groups` of `GroupKFold`.
    columns : ndarray of shape (n_samples,)
        Column of each sample.
    values : ndarray of shape (n_samples,)
        Value of each sample.

    Raises
    ------
    TypeError
        If X is not sparse: zeros of a dense array do not say whether they were observed.
    ValueError
        If `order` does not fit X, has NaN or comes with duplicates.

    See Also
    --------
    hold_out_entries : Hide a share of the entries of each row.

    Notes
    -----
    Indexing takes integers, arrays of integers or booleans, and slices; an entry may be chosen only
    once. Converted to an array, the view is the rows and columns of its samples.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from sklearn.model_selection import KFold
    >>> from sparsekit.model_selection import SparseEntries
    >>> X = sparse.csr_array(np.array([[5.0, 0.0, 3.0], [0.0, 4.0, 1.0]]))
    >>> entries = SparseEntries(X)
    >>> entries
    SparseEntries(4 of 4 entries, 2 rows, 3 columns)
    >>> train, test = next(KFold(2).split(entries))
    >>> entries[train].to_csr().toarray()
    array([[0., 0., 0.],
           [0., 4., 1.]])
    """

    def __init__(self, X: Any, order: ArrayLike | sparse.sparray | None = None) -> None:
        if not sparse.issparse(X):
            raise TypeError(
                f"`X` must be a sparse matrix, got {type(X).__name__}: a dense array does not say "
                "which of its zeros are entries. Build one from coordinates, "
                "`scipy.sparse.coo_array((values, (rows, columns)))`."
            )
        refuse_foreign(X, "X")
        self._matrix = canonical(X, "csr")
        self._ordered = order is not None
        self._positions = positions_in_order(X, self._matrix, order) if self._ordered else None
        # What `complement` is taken from: the entries that this view was chosen from.
        self._among = self._positions

    @property
    def matrix(self) -> sparse.csr_array:
        """Whole matrix, of which this may be a part."""
        return self._matrix

    @property
    def shape(self) -> tuple[int, int]:
        """Number of samples, and 2: a sample has a row and a column."""
        return len(self), 2

    @property
    def rows(self) -> np.ndarray:
        """Row of each sample."""
        indptr = self._matrix.indptr
        rows = np.repeat(np.arange(len(indptr) - 1, dtype=indptr.dtype), np.diff(indptr))
        return rows if self._positions is None else rows[self._positions]

    @property
    def columns(self) -> np.ndarray:
        """Column of each sample."""
        return self._matrix.indices[self._at()]

    @property
    def values(self) -> np.ndarray:
        """Value of each sample."""
        return self._matrix.data[self._at()]

    def to_csr(self) -> sparse.csr_array:
        """Return the entries of this view as a matrix of the whole shape.

        Returns
        -------
        X : csr_array of shape (n_rows, n_columns)
            Canonical, with explicit zeros. It may share memory with `matrix`: do not change it.
        """
        if len(self) == self._matrix.nnz:
            return self._matrix
        return _take(self._matrix, self._mask())

    def complement(self) -> "SparseEntries":
        """Return what was known beside these entries: those that a test part may be predicted from.

        These are the other entries of the view that this one was chosen from by indexing, so that
        inside a nested cross-validation the outer test part stays hidden. Choose a test part in one
        step: ``entries[test][liked]`` would have seen the rest of ``entries[test]`` only. With
        `order`, they are those of them that came before the first entry of this view: nothing is
        predicted from what came later.

        Returns
        -------
        entries : SparseEntries
            View of the same matrix; empty if this view is the whole of it.
        """
        mine = self._mask()
        among = _stored_positions(self._matrix) if self._among is None else self._among
        if self._ordered:
            first = int(np.argmax(mine[among])) if len(self) else len(among)
            return self._part(among[:first], among)
        return self._part(among[~mine[among]], among)

    def __len__(self) -> int:
        return self._matrix.nnz if self._positions is None else len(self._positions)

    def __getitem__(self, key: Any) -> "SparseEntries":
        # scikit-learn asks for `entries[rows, ...]`, as it asks arrays.
        if isinstance(key, tuple):
            if len(key) != 2 or key[1] is not Ellipsis:
                raise IndexError(
                    "SparseEntries has one axis to choose from, its samples; got the index "
                    f"{key!r}."
                )
            key = key[0]
        if not isinstance(key, slice | Integral):
            key = np.asarray(key)
            key = key.astype(np.intp) if key.size == 0 and key.dtype != bool else key
        chosen = np.atleast_1d(self._at()[key])
        if chosen.ndim != 1:
            raise IndexError(
                f"SparseEntries is indexed by one dimension; got an index of shape {np.shape(key)}."
            )
        part = self._part(chosen, self._positions)
        if np.any(chosen[1:] <= chosen[:-1]) and np.count_nonzero(part._mask()) < len(chosen):
            raise ValueError(
                "An entry was chosen twice, but a matrix holds an entry once. Resample without "
                "replacement."
            )
        return part

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("SparseEntries has no array to share; pass copy=None or copy=True.")
        return np.column_stack((self.rows, self.columns)).astype(dtype or np.int64, copy=False)

    def __repr__(self) -> str:
        n_rows, n_columns = self._matrix.shape
        return (
            f"SparseEntries({len(self)} of {self._matrix.nnz} entries, {n_rows} rows, "
            f"{n_columns} columns)"
        )

    def _at(self) -> np.ndarray:
        """Return the positions of the samples among the stored entries."""
        return _stored_positions(self._matrix) if self._positions is None else self._positions

    def _mask(self) -> np.ndarray:
        """Return for each stored entry whether it is a sample."""
        mask = np.zeros(self._matrix.nnz, dtype=bool)
        mask[self._at()] = True
        return mask

    def _part(self, positions: np.ndarray, among: np.ndarray | None) -> "SparseEntries":
        """Return a view of the same matrix."""
        part = object.__new__(type(self))
        part._matrix, part._ordered = self._matrix, self._ordered
        part._positions, part._among = positions, among
        return part


def hold_out_entries(
    X: Any, test_size: float | int = 0.2, *, random_state: int | np.random.RandomState | None = None
) -> tuple[Any, Any]:
    """Split the stored entries of each row at random into those kept and those held out.

    For rows that a model is to be tested on: it folds them in from what is kept, and what is held
    out shows how well it predicts.

    Parameters
    ----------
    X : sparse matrix of shape (n_rows, n_columns) or SparseEntries
        Never changed; duplicates are summed on a copy. Explicit zeros are entries.
    test_size : float or int, default=0.2
        Share of the entries of each row to hold out, in (0, 1), rounded up; or their number, at
        least 1. At least one entry of each row is kept, so that a row of one entry keeps it.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw. The same seed and structure give the same split.

    Returns
    -------
    kept : sparse matrix of shape (n_rows, n_columns)
        CSR; array or matrix as X is.
    held_out : sparse matrix of shape (n_rows, n_columns)
        The other entries, likewise.

    Raises
    ------
    ValueError
        If `test_size` is out of its range.

    See Also
    --------
    SparseEntries : View a sparse matrix as samples, one for each stored entry.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from sparsekit.model_selection import hold_out_entries
    >>> X = sparse.csr_array(np.arange(1.0, 11.0).reshape(2, 5))
    >>> kept, held_out = hold_out_entries(X, 0.4, random_state=0)
    >>> kept.shape, kept.nnz, held_out.nnz
    ((2, 5), 6, 4)
    >>> (kept + held_out).toarray()
    array([[ 1.,  2.,  3.,  4.,  5.],
           [ 6.,  7.,  8.,  9., 10.]])
    """
    check_test_size(test_size)
    as_matrix = sparse.issparse(X) and not isinstance(X, sparse.sparray)
    X = (X if isinstance(X, SparseEntries) else SparseEntries(X)).to_csr()
    n_held = _numbers_held_out(np.diff(X.indptr), test_size)
    mask = _draw_per_row(X.indptr, n_held, _random_numbers(random_state))
    parts = _take(X, ~mask), _take(X, mask)
    return tuple(map(sparse.csr_matrix, parts)) if as_matrix else parts


def _stored_positions(X: sparse.csr_array) -> np.ndarray:
    """Return the positions of all stored entries, as narrow as the indices of X."""
    return np.arange(X.nnz, dtype=X.indices.dtype)


def _take(X: sparse.csr_array, mask: np.ndarray) -> sparse.csr_array:
    """Return the stored entries of X that a mask over them chooses."""
    before = np.zeros(len(mask) + 1, dtype=X.indptr.dtype)
    np.cumsum(mask, out=before[1:])
    arrays = X.data[mask], X.indices[mask], before[X.indptr]
    return sparse.csr_array(arrays, shape=X.shape, copy=False)


def check_test_size(test_size: Any, name: str = "test_size") -> None:
    """Raise ValueError unless `test_size` is a share in (0, 1) or a number of at least 1."""
    number = isinstance(test_size, Integral) and not isinstance(test_size, bool)
    share = isinstance(test_size, Real) and not isinstance(test_size, Integral)
    if not (number and test_size >= 1) and not (share and 0 < test_size < 1):
        raise ValueError(
            f"`{name}` must be a share of each row's entries, a float in (0, 1), or their "
            f"number, an int of at least 1; got {test_size!r}."
        )


def _numbers_held_out(counts: np.ndarray, test_size: float | int) -> np.ndarray:
    """Return how many entries of each row are held out; one at least is kept."""
    if isinstance(test_size, Integral):
        wanted = np.full(len(counts), min(int(test_size), np.iinfo(np.int32).max))
    else:
        wanted = np.ceil(float(test_size) * counts - ROUNDING).astype(np.int64)
    return np.minimum(wanted, np.maximum(counts - 1, 0))


def _random_numbers(random_state: Any) -> np.random.RandomState:
    """Return the generator that scikit-learn's rules say: None is NumPy's global one."""
    if isinstance(random_state, np.random.RandomState):
        return random_state
    if random_state is None:
        return np.random.RandomState(np.random.get_bit_generator())
    if not isinstance(random_state, Integral):
        raise ValueError(
            f"`random_state` must be an int, a RandomState instance or None; got {random_state!r}."
        )
    return np.random.RandomState(random_state)


def _draw_per_row(
    indptr: np.ndarray, n_drawn: np.ndarray, random_state: np.random.RandomState
) -> np.ndarray:
    """Return a mask that chooses `n_drawn[i]` of the entries of row i, any as likely as another."""
    mask = np.zeros(int(indptr[-1]), dtype=bool)
    start, n_rows = 0, len(n_drawn)
    while start < n_rows:
        reach = int(indptr[start]) + BLOCK_ENTRIES
        stop = max(int(np.searchsorted(indptr, reach, side="right")) - 1, start + 1)
        first, last = int(indptr[start]), int(indptr[stop])
        counts = np.diff(indptr[start : stop + 1])
        # Keys are sorted by row; within a row the order is random.
        bits = 64 - (stop - start).bit_length()
        rows = np.repeat(np.arange(stop - start, dtype=np.uint64), counts)
        keys = (rows << np.uint64(bits)) | random_state.randint(
            0, 1 << bits, size=last - first, dtype=np.uint64
        )
        drawn, local = n_drawn[start:stop], indptr[start:stop] - first
        largest = np.zeros(stop - start, dtype=np.uint64)
        some = drawn > 0
        largest[some] = np.sort(keys)[(local + drawn - 1)[some]]
        mask[first:last] = (keys <= np.repeat(largest, counts)) & np.repeat(some, counts)
        start = stop
    return mask
