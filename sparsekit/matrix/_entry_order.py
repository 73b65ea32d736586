"""The order in which the stored entries of a matrix came."""

from typing import Any

import numpy as np
from scipy import sparse

from sparsekit._validation._sparse import canonical


def positions_in_order(X: Any, stored: sparse.csr_array, order: Any) -> np.ndarray:
    """Return the positions of the stored entries of X in the order of their times."""
    times = _times_beside(stored, order) if sparse.issparse(order) else _times_of(X, stored, order)
    if np.any(times != times):
        raise ValueError("`order` must say when each entry came, but contains NaN.")
    index = np.argsort(times, kind="stable")
    return index.astype(stored.indices.dtype, copy=False)


def _times_beside(stored: sparse.csr_array, order: Any) -> np.ndarray:
    """Return the values of a sparse `order` at the stored entries."""
    times = canonical(order, "csr")
    same = times.shape == stored.shape and times.nnz == stored.nnz
    if not (
        same
        and np.array_equal(times.indptr, stored.indptr)
        and np.array_equal(times.indices, stored.indices)
    ):
        raise ValueError(
            f"`order` must store a time at each entry of `X` and nowhere else; got {times.nnz} "
            f"times in shape {times.shape} for {stored.nnz} entries in shape {stored.shape}."
        )
    return times.data


def _times_of(X: Any, stored: sparse.csr_array, order: Any) -> np.ndarray:
    """Return the times of the stored entries from an array in the order of `X.data`."""
    times = np.asarray(order)
    if X.format not in ("coo", "csr", "csc"):
        raise ValueError(
            f"`order` must be a sparse matrix where `X` is in {X.format.upper()} format: only COO, "
            "CSR and CSC have an order of entries."
        )
    if times.shape != X.data.shape:
        raise ValueError(
            f"`order` must have shape {X.data.shape}, one time for each stored entry of `X`; got "
            f"shape {times.shape}."
        )
    # Where each stored entry stood: numbers of entries are exact in double precision.
    source = X.copy()
    source.data = np.arange(len(times), dtype=np.float64)
    source = canonical(source, "csr").data
    if len(source) != len(times):
        raise ValueError(
            f"`X` has {len(times) - len(source)} duplicate entries, which `order` gives different "
            "times. Keep one of each, for instance the last."
        )
    return times[source.astype(np.intp)]
