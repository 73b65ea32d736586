"""Entries: what every model of this package is given, in the one form that kernels read."""

import warnings
from typing import Any

import numpy as np
from scipy import sparse

from sparsekit._validation import check_rows
from sparsekit._validation._sparse import canonical
from sparsekit.matrix._entries import SparseEntries

# What to do about NaN in sparse X.
LEAVE_OUT = {
    "nan": "Leave out the entries that are not known: what X does not store is not observed",
    "zero": "Leave it out",
}


def check_entries(
    estimator: Any,
    X: Any,
    *,
    reset: bool,
    missing: str = "zero",
    non_negative: bool = False,
) -> sparse.csr_array:
    """Return the entries of X, checked; nothing that the user passed is changed.

    Parameters
    ----------
    estimator : estimator
        Named in messages; gets `n_features_in_` and `feature_names_in_` where `reset` is true.
    X : sparse matrix, SparseEntries or array-like of shape (n_rows, n_columns)
        Entries; duplicates count as their sum.
    reset : bool
        Whether X defines the columns (a fit) or must have those of the fit.
    missing : {"zero", "nan"}, default="zero"
        What is no entry: a zero, stored or not, or, in dense X, NaN; zeros are entries then.
    non_negative : bool, default=False
        Whether a negative value is an error.

    Returns
    -------
    X : csr_array of shape (n_rows, n_columns)
        Canonical; float32 or float64.
    """
    if isinstance(X, SparseEntries):
        X = X.to_csr()
    X = check_rows(
        estimator,
        X,
        reset=reset,
        allow_nan=missing == "nan" and not sparse.issparse(X),
        non_negative=non_negative,
        nan_remedy=LEAVE_OUT[missing] if sparse.issparse(X) else "",
    )
    if not sparse.issparse(X):
        return _observed(X) if missing == "nan" else sparse.csr_array(X)
    if missing == "zero" and not X.data.all():
        warnings.warn(
            f"{type(estimator).__name__} takes zeros that X stores as entries that are not there: "
            f"{np.count_nonzero(X.data == 0)} of {X.nnz}. Remove them with `X.eliminate_zeros()`.",
            UserWarning,
            stacklevel=4,
        )
        X = X.copy()
        X.eliminate_zeros()
    return X


def check_entry_weight(weight: Any, X: sparse.csr_array) -> np.ndarray | None:
    """Return the weights of the entries of X, in their order, or None where each has weight one.

    Parameters
    ----------
    weight : sparse matrix of the shape of X, or None
        With a value wherever X has an entry; what it stores beside that is not looked at.
    X : csr_array
        Canonical entries.

    Returns
    -------
    weight : ndarray of shape (n_entries,), or None
        Non-negative and finite, in the type of X.
    """
    if weight is None:
        return None
    if not sparse.issparse(weight) or weight.shape != X.shape:
        shape = getattr(weight, "shape", None)
        raise ValueError(
            f"`entry_weight` must be a sparse matrix of the shape of X, {X.shape}; got "
            f"{type(weight).__name__} of shape {shape}."
        )
    values = _stored_beside(canonical(weight, "csr"), X).astype(X.dtype)
    if not np.isfinite(values).all() or (values < 0).any():
        raise ValueError(
            "`entry_weight` must be non-negative and finite; got values from "
            f"{float(values.min())!r} to {float(values.max())!r}."
        )
    if values.size and not values.any():
        raise ValueError(
            "`entry_weight` must contain at least one non-zero number, but is zero at every entry "
            "of X. Pass None to weigh all entries alike."
        )
    return values


def _stored_beside(weight: sparse.csr_array, X: sparse.csr_array) -> np.ndarray:
    """Return what a canonical matrix stores where X has its entries, in their order."""
    if np.array_equal(weight.indptr, X.indptr) and np.array_equal(weight.indices, X.indices):
        return weight.data
    numbers = np.arange(1.0, weight.nnz + 1)
    numbered = sparse.csr_array((numbers, weight.indices, weight.indptr), shape=X.shape)
    stored = sparse.csr_array((np.ones(X.nnz), X.indices, X.indptr), shape=X.shape)
    places = stored.multiply(numbered).tocsr().data
    if len(places) != X.nnz:
        raise ValueError(
            f"`entry_weight` must store a value wherever X does; {X.nnz - len(places)} of the "
            f"{X.nnz} entries of X have none. Build both from the same coordinates."
        )
    return weight.data[places.astype(np.intp) - 1]


def _observed(X: np.ndarray) -> sparse.csr_array:
    """Return what is not NaN as entries, zeros included."""
    known = ~np.isnan(X)
    columns = np.nonzero(known)[1].astype(np.int32)
    indptr = np.concatenate(([0], np.cumsum(known.sum(axis=1)))).astype(np.int32)
    return sparse.csr_array((X[known], columns, indptr), shape=X.shape)
