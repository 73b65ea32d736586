"""What transformers are given: rows to represent, shrink or factorise."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.validation import validate_data

from sparsekit._validation._arrays import refuse_foreign, refuse_range, working_dtypes
from sparsekit._validation._sparse import canonical


def check_rows(
    estimator: Any,
    X: Any,
    *,
    reset: bool,
    accept_sparse: bool = True,
    allow_nan: bool = False,
    non_negative: bool = False,
    min_samples: int = 1,
    nan_remedy: str = "",
) -> np.ndarray | sparse.csr_array:
    """Return the X of an unsupervised fit or of a transform as kernels over rows want it.

    Nothing that the user passed is changed, and nothing is copied that is right already.

    Parameters
    ----------
    estimator : estimator
        Named in messages; gets `n_features_in_` and `feature_names_in_` where `reset` is true.
    X : array-like, sparse matrix or dataframe of shape (n_samples, n_features)
        Finite and real.
    reset : bool
        Whether X defines the features (a fit) or must have those of the fit (a transform).
    accept_sparse : bool, default=True
        Whether X may be sparse.
    allow_nan : bool, default=False
        Whether X may hold NaN.
    non_negative : bool, default=False
        Whether a negative value is an error.
    min_samples : int, default=1
        Least number of rows.
    nan_remedy : str, default=""
        What the message on NaN advises, where the estimator can be told to allow it.

    Returns
    -------
    X : ndarray in C order, or csr_array
        float32 or float64. Sparse X has sorted indices without duplicates, all of them inside the
        shape, int32 unless the number of stored entries needs more.
    """
    refuse_foreign(X, "X")
    given = X
    if sparse.issparse(X) and accept_sparse:
        X = canonical(X, "csr")
    X = validate_data(
        estimator,
        X,
        reset=reset,
        accept_sparse="csr" if accept_sparse else False,
        dtype=working_dtypes(X),
        order="C",
        ensure_all_finite="allow-nan" if allow_nan else False,
        ensure_min_samples=min_samples,
    )
    # A dataframe of sparse columns became a matrix only now: its names had to be read first.
    if sparse.issparse(X) and not sparse.issparse(given):
        X = canonical(X, "csr")
    values = X.data if sparse.issparse(X) else X
    refuse_range(values, "X", estimator, allow_nan=allow_nan, nan_remedy=nan_remedy)
    if non_negative and (values < 0).any():
        raise ValueError(
            f"Negative values in data passed to {type(estimator).__name__}: `X` holds "
            f"{float(np.nanmin(values))!r}. Shift or clip `X` to non-negative values."
        )
    return X
