"""What estimators are given: X and y of a fit, X of a prediction."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from sparsekit._validation._arrays import refuse_foreign, refuse_overflow, working_dtypes
from sparsekit._validation._sparse import canonical, compressed, with_float_values
from sparsekit._validation._weights import check_sample_weight


def check_fit_input(
    estimator: Any, X: Any, y: Any, sample_weight: Any = None, *, multi_output: bool = False
) -> tuple[Any, np.ndarray, np.ndarray | None]:
    """Return X, y and the weights of a regression as the solvers want them.

    Sets `n_features_in_` and `feature_names_in_` on the estimator. Nothing that the user passed is
    changed, and nothing is copied that is right already.

    Parameters
    ----------
    estimator : estimator
        Named in messages.
    X : array-like, sparse matrix or dataframe of shape (n_samples, n_features)
        Finite and real.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Finite and real. A column is flattened with a warning, unless `multi_output`.
    sample_weight : float or array-like of shape (n_samples,), default=None
        Finite, non-negative, not all zero.
    multi_output : bool, default=False
        Whether y may have two dimensions.

    Returns
    -------
    X : ndarray or csc_array
        float32 or float64. Sparse X has sorted indices without duplicates, all of them inside the
        shape, int32 unless the number of stored entries needs more.
    y : ndarray
        float64, of one dimension, or of two where `multi_output` let it pass.
    sample_weight : ndarray of shape (n_samples,) or None
        float64.
    """
    X, y = _validate(estimator, X, y, multi_output=multi_output, y_numeric=True)
    try:
        y = np.ascontiguousarray(y, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`y` must be numeric for {type(estimator).__name__}, got dtype {y.dtype}. For labels "
            "use a classifier."
        ) from error
    refuse_overflow(y, "y", estimator)
    return X, y, check_sample_weight(sample_weight, X.shape[0])


def check_classifier_input(
    estimator: Any, X: Any, y: Any, sample_weight: Any = None
) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray | None]:
    """Return X, class codes, the classes and the weights of a classification.

    As `check_fit_input`, but y holds labels of any kind: the codes (intp) are their places among
    the sorted classes, at least two. Rows of weight zero count as absent: a label seen in such
    rows only is no class, and these rows carry the code 0.
    """
    X, y = _validate(estimator, X, y)
    check_classification_targets(y)
    sample_weight = check_sample_weight(sample_weight, X.shape[0])
    present = slice(None) if sample_weight is None else sample_weight > 0
    classes, present_codes = np.unique(y[present], return_inverse=True)
    if len(classes) < 2:
        where = "y" if sample_weight is None else "y, where `sample_weight` is not zero,"
        raise ValueError(
            f"{type(estimator).__name__} needs samples of at least two classes, but {where} holds "
            f"one class only: {classes.tolist()[0]!r}. Add samples of another class."
        )
    codes = np.zeros(len(y), dtype=np.intp)
    codes[present] = present_codes
    return X, codes, classes, sample_weight


def check_predict_input(estimator: Any, X: Any) -> Any:
    """Return X for a product with coefficients: an ndarray, or CSR or CSC with indices in bounds.

    Feature names and their number must be those of the fit. Order and duplicates of the stored
    entries do not matter to a product, so they stay.
    """
    refuse_foreign(X, "X")
    if sparse.issparse(X):
        X = with_float_values(compressed(X))
    return validate_data(
        estimator, X, reset=False, accept_sparse=("csr", "csc"), dtype=working_dtypes(X)
    )


def _validate(estimator: Any, X: Any, y: Any, **options: Any) -> tuple[Any, Any]:
    """Run scikit-learn's checks on X and y; a sparse X comes out as canonical CSC."""
    refuse_foreign(X, "X")
    refuse_foreign(y, "y")
    if sparse.issparse(y):
        raise TypeError("`y` must be dense, got a sparse matrix. Use `y.toarray()`.")
    given = X
    if sparse.issparse(X):
        X = canonical(X)
    X, y = validate_data(
        estimator,
        X,
        y,
        accept_sparse=("csc", "csr"),
        dtype=working_dtypes(X),
        ensure_all_finite=False,
        **options,
    )
    # A dataframe of sparse columns became a matrix only now: its names had to be read first.
    if sparse.issparse(X) and not sparse.issparse(given):
        X = canonical(X)
    refuse_overflow(X.data if sparse.issparse(X) else X, "X", estimator)
    return X, y
