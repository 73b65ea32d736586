"""How far predicted entries are from the true ones."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_array

from sparsekit._validation import check_sample_weight
from sparsekit._validation._arrays import refuse_foreign
from sparsekit._validation._sparse import canonical
from sparsekit.matrix._entries import SparseEntries
from sparsekit.metrics._undefined import undefined


def rmse(x_true: Any, x_pred: Any, *, sample_weight: Any = None) -> float:
    r"""Compute the root of the mean squared error of predicted entries.

    .. math:: \sqrt{\frac{\sum_e s_e (x_e - \hat x_e)^2}{\sum_e s_e}}

    over the stored entries of sparse matrices, or all numbers of arrays.

    Parameters
    ----------
    x_true : sparse matrix, SparseEntries or array-like
        True values. Explicit zeros are entries.
    x_pred : sparse matrix or array-like
        Predicted values: sparse with entries where `x_true` has them, or an array of its shape.
    sample_weight : sparse matrix or array-like, default=None
        Weight of each entry, in the form of `x_true` or as an array in the order of its entries by
        row and column. Finite and non-negative.

    Returns
    -------
    error : float
        Zero is best. NaN, with an `UndefinedMetricWarning`, if there is no entry.

    Raises
    ------
    ValueError
        If the entries are not the same, or a value is NaN or infinite.

    See Also
    --------
    rmse_scorer : For cross-validation; the negated error.

    Examples
    --------
    >>> from sparsekit.metrics import rmse
    >>> rmse([1.0, 2.0], [1.0, 4.0])
    1.414...
    """
    true, same = _entries(x_true, "x_true")
    pred = _entries_beside(x_pred, "x_pred", true, same)
    if sparse.issparse(sample_weight):
        sample_weight = _entries_beside(sample_weight, "sample_weight", true, same)
    if true.size == 0:
        return undefined("RMSE", "there are no entries")
    weights = check_sample_weight(
        None if sample_weight is None else np.ravel(sample_weight), true.size
    )
    with np.errstate(over="ignore"):
        error = (true - pred).ravel()
    # Squares of large errors overflow where their root does not.
    scale = np.max(np.abs(error))
    if scale == 0 or not np.isfinite(scale):
        return float(scale)
    return float(scale * np.sqrt(np.average(np.square(error / scale), weights=weights)))


def _entries(x: Any, name: str) -> tuple[np.ndarray, sparse.csr_array | None]:
    """Return finite values in double precision, and the matrix that they are stored in."""
    if isinstance(x, SparseEntries):
        x = x.to_csr()
    refuse_foreign(x, name)
    stored = None
    if sparse.issparse(x):
        stored = canonical(x, "csr")
        x = stored.data
    options = {"ensure_2d": False, "allow_nd": True, "ensure_min_samples": 0}
    return check_array(
        x, dtype=np.float64, input_name=name, ensure_min_features=0, **options
    ), stored


def _entries_beside(
    x: Any, name: str, true: np.ndarray, same: sparse.csr_array | None
) -> np.ndarray:
    """Return finite values that stand where those of `x_true` do."""
    values, stored = _entries(x, name)
    if (stored is None) != (same is None):
        kinds = ["an array" if X is None else "sparse" for X in (same, stored)]
        raise ValueError(
            f"`x_true` and `{name}` must both be sparse or both be arrays; got {kinds[0]} and "
            f"{kinds[1]}."
        )
    if stored is None and values.shape != true.shape:
        raise ValueError(
            f"`{name}` must have the shape of `x_true`, {true.shape}; got {values.shape}."
        )
    if stored is not None and not _alike(stored, same):
        raise ValueError(
            f"`{name}` must have its entries where `x_true` has them; got {stored.nnz} entries in "
            f"shape {stored.shape} for {same.nnz} in shape {same.shape}, or other positions. "
            "`predict_entries` predicts at the positions of the matrix it is given."
        )
    return values


def _alike(X: sparse.csr_array, Z: sparse.csr_array) -> bool:
    """Return whether two canonical matrices store the same positions."""
    return (
        X.shape == Z.shape
        and np.array_equal(X.indptr, Z.indptr)
        and np.array_equal(X.indices, Z.indices)
    )
