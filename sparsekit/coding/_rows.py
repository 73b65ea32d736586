"""Codes of a block of signals: rows of a sparse matrix, written one after another by a kernel."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

from sparsekit._compile import record
from sparsekit._parallel import check_cancelled, run_tasks

INT32_MAX = np.iinfo(np.int32).max


@record
class CodeRows(NamedTuple):
    """Rows in CSR form, with the atoms of each row in rising order.

    Parameters
    ----------
    data : ndarray of shape (n_entries,)
        Coefficients.
    indices : ndarray of shape (n_entries,)
        Their atoms, int32.
    indptr : ndarray of shape (n_rows + 1,)
        Where each row begins, int64.
    n_unfinished : int, default=0
        Rows that a limit of steps kept from their tolerance.
    """

    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    n_unfinished: int = 0


def empty_rows(n_rows: int, capacity: int, dtype: np.dtype) -> CodeRows:
    """Return rows for a kernel to fill."""
    return CodeRows(
        np.empty(capacity, dtype), np.empty(capacity, np.int32), np.zeros(n_rows + 1, np.int64)
    )


def trimmed(rows: CodeRows) -> CodeRows:
    """Return the rows without the capacity that was not used."""
    n_entries = int(rows.indptr[-1])
    if n_entries == len(rows.data):
        return rows
    return CodeRows(rows.data[:n_entries].copy(), rows.indices[:n_entries].copy(), rows.indptr)


def rows_of_dense(codes: np.ndarray, n_unfinished: int = 0) -> CodeRows:
    """Return a dense block of codes as rows."""
    stored = sparse.csr_array(codes)
    indices = stored.indices.astype(np.int32, copy=False)
    return CodeRows(stored.data, indices, stored.indptr, n_unfinished)


def write_rows(
    fill: Callable[[int, CodeRows], int], n_rows: int, width: int, most: int, dtype: np.dtype
) -> CodeRows:
    """Call a kernel that appends rows, with more space where it needs it, until all are written.

    Parameters
    ----------
    fill : callable
        ``fill(start, rows)`` writes rows from `start` on, and sets `indptr` behind each. It
        returns the row before which it stopped, at the latest where `most` more entries might not
        fit.
    n_rows : int
        Number of rows.
    width : int
        Expected number of entries per row.
    most : int
        Largest number of entries of one row.
    dtype : dtype
        Data type of the coefficients.

    Returns
    -------
    rows : CodeRows
        All rows.
    """
    rows = empty_rows(n_rows, n_rows * width + most, dtype)
    start = 0
    while (start := fill(start, rows)) < n_rows:
        check_cancelled()
        if len(rows.data) - rows.indptr[start] >= most:
            continue
        longer = empty_rows(0, 2 * len(rows.data) + most, dtype)
        n_entries = rows.indptr[start]
        longer.data[:n_entries] = rows.data[:n_entries]
        longer.indices[:n_entries] = rows.indices[:n_entries]
        rows = CodeRows(longer.data, longer.indices, rows.indptr)
    return trimmed(rows)


def replace_rows(rows: CodeRows, places: np.ndarray, others: CodeRows) -> CodeRows:
    """Return the rows with those at `places`, which rise, replaced by the others in their order."""
    lengths = np.diff(rows.indptr)
    is_old = np.repeat(~np.isin(np.arange(len(lengths)), places), lengths)
    lengths[places] = np.diff(others.indptr)
    is_new = np.repeat(np.isin(np.arange(len(lengths)), places), lengths)
    replaced = empty_rows(len(lengths), len(is_new), rows.data.dtype)
    np.cumsum(lengths, out=replaced.indptr[1:])
    for target, old, new in zip(replaced[:2], rows[:2], others[:2]):
        target[is_new] = new
        target[~is_new] = old[is_old]
    return replaced


def stack_rows(
    blocks: Sequence[CodeRows], n_atoms: int, n_jobs: int | None = None
) -> sparse.csr_array:
    """Return the rows of all blocks below one another as a sparse matrix."""
    lengths = np.concatenate([np.diff(rows.indptr) for rows in blocks])
    indptr = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=indptr[1:])
    index_dtype = np.int32 if max(indptr[-1], n_atoms) <= INT32_MAX else np.int64
    data = np.empty(indptr[-1], dtype=blocks[0].data.dtype)
    indices = np.empty(indptr[-1], dtype=index_dtype)
    ends = np.cumsum([len(rows.data) for rows in blocks])

    def place(number: int) -> None:
        rows = blocks[number]
        inside = slice(ends[number] - len(rows.data), ends[number])
        data[inside], indices[inside] = rows.data, rows.indices

    run_tasks(place, range(len(blocks)), n_jobs)
    arrays = data, indices, indptr.astype(index_dtype)
    codes = sparse.csr_array(arrays, shape=(len(lengths), n_atoms))
    codes.has_sorted_indices = True
    codes.has_canonical_format = True
    return codes
