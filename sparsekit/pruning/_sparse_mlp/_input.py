"""What sparse networks are given: X in float32, y as it came, weights of samples that count."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import column_or_1d
from sklearn.utils.validation import validate_data

from sparsekit._validation import check_rows, check_sample_weight
from sparsekit._validation._arrays import refuse_foreign, refuse_range, working_dtypes
from sparsekit._validation._sparse import canonical
from sparsekit.pruning._network import as_float32


def check_samples(
    estimator: Any, X: Any, y: Any, sample_weight: Any, *, reset: bool, numeric: bool
) -> tuple[Any, Any, np.ndarray | None]:
    """Return X, y and the weights of a fit; rows of weight zero count as absent.

    Parameters
    ----------
    estimator : estimator
        Named in messages; gets `n_features_in_` and `feature_names_in_` where `reset` is true.
    X : array-like, sparse matrix or dataframe of shape (n_samples, n_features)
        Finite and real.
    y : array-like or sparse matrix of shape (n_samples,) or (n_samples, n_outputs)
        Labels, an indicator of several labels, or numbers.
    sample_weight : float or array-like of shape (n_samples,) or None
        Finite, not negative, not all zero.
    reset : bool
        Whether X defines the features.
    numeric : bool
        Whether y must hold numbers.

    Returns
    -------
    X : ndarray in C order, or csr_array
        float32.
    y : ndarray or csr_matrix
        Of the rows that count.
    sample_weight : ndarray of shape (n_samples,) or None
        float32.
    """
    refuse_foreign(X, "X")
    refuse_foreign(y, "y")
    given = X
    if sparse.issparse(X):
        X = canonical(X, "csr")
    X, y = validate_data(
        estimator,
        X,
        y,
        reset=reset,
        accept_sparse="csr",
        dtype=working_dtypes(X),
        order="C",
        ensure_all_finite=False,
        multi_output=True,
        y_numeric=numeric,
    )
    # A dataframe of sparse columns became a matrix only now: its names had to be read first.
    if sparse.issparse(X) and not sparse.issparse(given):
        X = canonical(X, "csr")
    X = _narrow(X, estimator)
    if not sparse.issparse(y) and y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    weights = check_sample_weight(sample_weight, X.shape[0])
    if weights is None:
        return X, y, None
    counted = np.flatnonzero(weights)
    if len(counted) < len(weights):
        X, y, weights = X[counted], y[counted], weights[counted]
    return X, y, weights.astype(np.float32)


def check_new_samples(estimator: Any, X: Any) -> tuple[Any, np.dtype]:
    """Return the X of a prediction in float32, and the dtype of the answer."""
    X = check_rows(estimator, X, reset=False)
    return _narrow(X, estimator), X.dtype


def _narrow(X: Any, estimator: Any) -> Any:
    """Return X in float32, refusing what has no squares there."""
    with np.errstate(over="ignore"):
        narrow = as_float32(X)
    refuse_range(X.data if sparse.issparse(X) else X, "X", estimator)
    refuse_range(narrow.data if sparse.issparse(X) else narrow, "X", estimator)
    return narrow
