"""Relevant, recommended and found columns, counted in groups of equal popularity."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, check_scalar, column_or_1d

from sparsekit.matrix._entries import SparseEntries


@dataclass(frozen=True)
class PopularityCounts:
    """Sums over groups of columns, from the least popular to the most popular.

    Parameters
    ----------
    popularity : ndarray of shape (n_groups, 2)
        Least and most entries of a column in each group.
    n_relevant, n_recommended, n_found : ndarray of shape (n_groups,)
        Entries to be found, recommendations, and those of them that are both.
    """

    popularity: np.ndarray
    n_relevant: np.ndarray
    n_recommended: np.ndarray
    n_found: np.ndarray


def count_by_popularity(
    relevant: Any, recommended: Any, popularity: Any, k: int | None, n_groups: int
) -> PopularityCounts:
    """Return counts in groups of equally many columns; equals are cut in the order of columns."""
    relevant = _check_relevant(relevant)
    n_rows, n_columns = relevant.shape
    recommended = _check_recommended(recommended, k, n_rows, n_columns)
    popularity = _column_counts(popularity, n_columns)
    check_scalar(n_groups, "n_groups", Integral, min_val=1)
    n_groups = min(n_groups, n_columns)
    order = np.argsort(popularity, kind="stable")
    group = np.empty(n_columns, dtype=np.int64)
    group[order] = np.arange(n_columns) * n_groups // n_columns
    edges = np.searchsorted(group[order], np.arange(n_groups + 1))
    given = recommended >= 0
    places = (np.arange(n_rows)[:, None] * n_columns + recommended)[given]
    found = np.isin(places, _places(relevant))
    columns = recommended[given]

    def count(of: np.ndarray) -> np.ndarray:
        return np.bincount(group[of], minlength=n_groups)

    return PopularityCounts(
        popularity=np.column_stack(
            (popularity[order][edges[:-1]], popularity[order][edges[1:] - 1])
        ),
        n_relevant=count(relevant.indices),
        n_recommended=count(columns),
        n_found=count(columns[found]),
    )


def _places(X: sparse.csr_array) -> np.ndarray:
    """Return row times the number of columns plus column, for each entry."""
    rows = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    return rows * X.shape[1] + X.indices


def _check_relevant(relevant: Any) -> sparse.csr_array:
    """Return the entries above zero."""
    if not sparse.issparse(relevant) and not isinstance(relevant, SparseEntries):
        relevant = sparse.csr_array(check_array(relevant, input_name="relevant"))
    if not isinstance(relevant, SparseEntries):
        relevant = SparseEntries(relevant)
    positive = relevant.to_csr().copy()
    positive.data = (positive.data > 0).astype(np.float64)
    positive.eliminate_zeros()
    return positive


def _check_recommended(recommended: Any, k: int | None, n_rows: int, n_columns: int) -> np.ndarray:
    """Return the first k recommendations of each row, all of them columns or -1."""
    recommended = np.asarray(recommended)
    if recommended.ndim != 2 or recommended.dtype.kind not in "iu" or len(recommended) != n_rows:
        raise ValueError(
            f"`recommended` must hold column numbers for each of the {n_rows} rows of `relevant`; "
            f"got shape {recommended.shape} and dtype {recommended.dtype}."
        )
    if recommended.min(initial=-1) < -1 or recommended.max(initial=-1) >= n_columns:
        raise ValueError(
            f"`recommended` must hold columns from 0 to {n_columns - 1}, or -1 for none; got "
            f"numbers from {recommended.min()} to {recommended.max()}."
        )
    if k is not None:
        check_scalar(k, "k", Integral, min_val=1, max_val=recommended.shape[1])
    return recommended[:, :k].astype(np.int64)


def _column_counts(popularity: Any, n_columns: int) -> np.ndarray:
    """Return how popular each column is: the number of its entries, where a matrix is given."""
    if isinstance(popularity, SparseEntries):
        popularity = popularity.to_csr()
    if sparse.issparse(popularity):
        shape = popularity.shape
        popularity = np.bincount(sparse.coo_array(popularity).col, minlength=shape[1])
    else:
        popularity = column_or_1d(popularity)
        shape = popularity.shape
    if len(popularity) != n_columns:
        raise ValueError(
            f"`popularity` must tell of each of the {n_columns} columns; got shape {shape}."
        )
    return popularity
