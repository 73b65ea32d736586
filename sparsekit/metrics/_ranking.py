"""How good lists of recommended columns are, row by row."""

from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.utils.validation import check_array, check_scalar

from sparsekit._validation import check_sample_weight
from sparsekit._validation._arrays import refuse_foreign
from sparsekit._validation._sparse import canonical
from sparsekit.matrix._entries import SparseEntries
from sparsekit.metrics._undefined import undefined

# Rows that are judged at a time, so that no array holds all rows times k.
BLOCK_ROWS = 8192


def recall_at_k(
    relevant: Any, recommended: ArrayLike, k: int = 10, *, sample_weight: ArrayLike | None = None
) -> float:
    r"""Compute the share of the relevant columns that are among the first k recommended.

    .. math:: \frac{\text{relevant columns among the first } k}{\text{relevant columns}}

    for each row, and the mean over the rows. A row of more than k relevant columns cannot reach 1.

    Parameters
    ----------
    relevant : sparse matrix, SparseEntries or array-like of shape (n_rows, n_columns)
        Entries above zero are relevant; others are not, stored or not. Rows without relevant
        columns are left out of the mean.
    recommended : array-like of shape (n_rows, n_recommended)
        Different columns for each row, the best first, as `recommend` returns them; at least k. -1
        is no recommendation.
    k : int, default=10
        How many recommendations count.
    sample_weight : array-like of shape (n_rows,), default=None
        Weight of each row in the mean.

    Returns
    -------
    recall : float
        In [0, 1]. NaN, with an `UndefinedMetricWarning`, if no row has relevant columns.

    See Also
    --------
    make_recall_scorer : For cross-validation.

    Notes
    -----
    This is the Recall@20 of the published results on the splits of LightGCN and BARS. Other
    definitions divide by the lesser of k and the number of relevant columns.

    Examples
    --------
    >>> from sparsekit.metrics import recall_at_k
    >>> recall_at_k([[1, 0, 1, 1]], [[2, 1]], k=2)
    0.333...
    """
    return _mean_over_rows(_recall, relevant, recommended, k, sample_weight)


def ndcg_at_k(
    relevant: Any,
    recommended: ArrayLike,
    k: int = 10,
    *,
    graded: bool = False,
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Compute the normalised discounted cumulative gain of the first k recommendations.

    .. math:: \frac{\sum_{r=1}^{k} g_r / \log_2(r + 1)}{\sum_{r=1}^{k} g^*_r / \log_2(r + 1)}

    for each row, and the mean over the rows. :math:`g_r` is the gain of the r-th recommendation: 1
    if it is relevant, or its value if `graded`, and 0 otherwise. :math:`g^*` are the largest gains
    in falling order, so that the best list scores 1 even where fewer than k columns are relevant.

    Parameters
    ----------
    relevant : sparse matrix, SparseEntries or array-like of shape (n_rows, n_columns)
        Entries above zero are relevant; others are not, stored or not. Rows without relevant
        columns are left out of the mean.
    recommended : array-like of shape (n_rows, n_recommended)
        Different columns for each row, the best first, as `recommend` returns them; at least k. -1
        is no recommendation.
    k : int, default=10
        How many recommendations count.
    graded : bool, default=False
        Whether the gain of a relevant column is its value in `relevant`, as in scikit-learn's
        :func:`~sklearn.metrics.ndcg_score`, or 1.
    sample_weight : array-like of shape (n_rows,), default=None
        Weight of each row in the mean.

    Returns
    -------
    ndcg : float
        In [0, 1]. NaN, with an `UndefinedMetricWarning`, if no row has relevant columns.

    See Also
    --------
    make_ndcg_scorer : For cross-validation.

    Notes
    -----
    Without `graded` this is the NDCG@20 of the published results on the splits of LightGCN and
    BARS, and that of implicit.

    References
    ----------
    Järvelin, Kekäläinen (2002), "Cumulated gain-based evaluation of IR techniques".

    Examples
    --------
    >>> from sparsekit.metrics import ndcg_at_k
    >>> ndcg_at_k([[1, 0, 1, 1]], [[2, 1]], k=2)
    0.613...
    """
    formula = _graded_ndcg if graded else _ndcg
    return _mean_over_rows(formula, relevant, recommended, k, sample_weight)


def map_at_k(
    relevant: Any, recommended: ArrayLike, k: int = 10, *, sample_weight: ArrayLike | None = None
) -> float:
    r"""Compute the mean average precision of the first k recommendations.

    .. math:: \frac{1}{\min(k, n)} \sum_{r=1}^{k} h_r \frac{h_1 + \dots + h_r}{r}

    for each row with n relevant columns, and the mean over the rows. :math:`h_r` is 1 if the r-th
    recommendation is relevant, and 0 otherwise.

    Parameters
    ----------
    relevant : sparse matrix, SparseEntries or array-like of shape (n_rows, n_columns)
        Entries above zero are relevant; others are not, stored or not. Rows without relevant
        columns are left out of the mean.
    recommended : array-like of shape (n_rows, n_recommended)
        Different columns for each row, the best first, as `recommend` returns them; at least k. -1
        is no recommendation.
    k : int, default=10
        How many recommendations count.
    sample_weight : array-like of shape (n_rows,), default=None
        Weight of each row in the mean.

    Returns
    -------
    precision : float
        In [0, 1]. NaN, with an `UndefinedMetricWarning`, if no row has relevant columns.

    See Also
    --------
    make_map_scorer : For cross-validation.

    Notes
    -----
    The divisor is that of implicit and of Spark, with which the best list scores 1. Other
    definitions divide by n, or by the number of relevant columns that were found.

    Examples
    --------
    >>> from sparsekit.metrics import map_at_k
    >>> map_at_k([[1, 0, 1, 1]], [[1, 2]], k=2)
    0.25
    """
    return _mean_over_rows(_average_precision, relevant, recommended, k, sample_weight)


def _recall(found: np.ndarray, relevant: sparse.csr_array) -> np.ndarray:
    """Return the recall of each row."""
    return np.count_nonzero(found, axis=1) / np.diff(relevant.indptr)


def _ndcg(found: np.ndarray, relevant: sparse.csr_array) -> np.ndarray:
    """Return the NDCG of each row where all relevant columns gain one."""
    discount = _discounts(found.shape[1])
    n_ideal = np.minimum(np.diff(relevant.indptr), len(discount))
    return (found > 0) @ discount / np.cumsum(discount)[n_ideal - 1]


def _graded_ndcg(found: np.ndarray, relevant: sparse.csr_array) -> np.ndarray:
    """Return the NDCG of each row where a relevant column gains its value."""
    discount = _discounts(found.shape[1])
    counts = np.diff(relevant.indptr)
    rows = np.repeat(np.arange(len(counts)), counts)
    falling = relevant.data[np.lexsort((-relevant.data, rows))]
    rank = np.arange(relevant.nnz) - np.repeat(relevant.indptr[:-1], counts)
    top = rank < len(discount)
    ideal = np.bincount(rows[top], falling[top] * discount[rank[top]], minlength=len(counts))
    return found @ discount / ideal


def _average_precision(found: np.ndarray, relevant: sparse.csr_array) -> np.ndarray:
    """Return the average precision of each row."""
    hits = found > 0
    precision = np.cumsum(hits, axis=1) / np.arange(1, found.shape[1] + 1)
    best = np.minimum(np.diff(relevant.indptr), found.shape[1])
    return np.sum(precision * hits, axis=1) / best


def _discounts(k: int) -> np.ndarray:
    """Return how much each of the first k ranks counts."""
    return 1 / np.log2(np.arange(2, k + 2))


def _mean_over_rows(
    formula: Callable[[np.ndarray, sparse.csr_array], np.ndarray],
    relevant: Any,
    recommended: Any,
    k: int,
    sample_weight: Any,
) -> float:
    """Return the weighted mean of a formula over the rows that have relevant columns."""
    check_scalar(k, "k", Integral, min_val=1)
    relevant = _check_relevant(relevant)
    recommended = _check_recommended(recommended, k, relevant.shape)
    weights = check_sample_weight(sample_weight, relevant.shape[0])
    judged = np.flatnonzero(np.diff(relevant.indptr))
    weights = None if weights is None else weights[judged]
    if len(judged) == 0 or (weights is not None and not weights.any()):
        return undefined("The metric", "no row of `relevant` that counts has an entry above zero")
    scores = np.empty(len(judged))
    for start in range(0, len(judged), BLOCK_ROWS):
        rows = judged[start : start + BLOCK_ROWS]
        block = relevant[rows]
        found = _values_at(block, recommended[rows])
        scores[start : start + len(rows)] = formula(found, block)
    return float(np.average(scores, weights=weights))


def _check_relevant(relevant: Any) -> sparse.csr_array:
    """Return the entries above zero as canonical CSR in double precision."""
    if isinstance(relevant, SparseEntries):
        relevant = relevant.to_csr()
    refuse_foreign(relevant, "relevant")
    if not sparse.issparse(relevant):
        relevant = sparse.csr_array(check_array(relevant, input_name="relevant"))
    stored = canonical(relevant, "csr")
    if np.isnan(stored.data).any():
        raise ValueError("`relevant` contains NaN. Leave out entries that are unknown.")
    positive = stored.copy()
    positive.data = np.where(stored.data > 0, stored.data, 0).astype(np.float64)
    positive.eliminate_zeros()
    return positive


def _check_recommended(recommended: Any, k: int, shape: tuple[int, int]) -> np.ndarray:
    """Return the first k recommendations of each row, all of them columns, none twice, or -1."""
    refuse_foreign(recommended, "recommended")
    recommended = np.asarray(recommended)
    if recommended.ndim != 2 or recommended.dtype.kind not in "iu":
        raise ValueError(
            "`recommended` must be a two-dimensional array of column numbers, as the first of the "
            f"two arrays that `recommend` returns; got {recommended.ndim} dimensions of dtype "
            f"{recommended.dtype}."
        )
    if len(recommended) != shape[0] or recommended.shape[1] < k:
        raise ValueError(
            f"`recommended` must have {shape[0]} rows, those of `relevant`, and at least k={k} "
            f"columns; got shape {recommended.shape}."
        )
    recommended = recommended[:, :k].astype(np.int64, copy=False)
    outside = (recommended < -1) | (recommended >= shape[1])
    if outside.any():
        raise ValueError(
            f"`recommended` must hold columns in [0, {shape[1]}), or -1 for none; got "
            f"{int(recommended[outside][0])}."
        )
    ranked = np.sort(recommended, axis=1)
    if np.any((ranked[:, 1:] == ranked[:, :-1]) & (ranked[:, 1:] >= 0)):
        raise ValueError(
            "`recommended` must not name a column twice in a row: it would count twice."
        )
    return recommended


def _values_at(relevant: sparse.csr_array, columns: np.ndarray) -> np.ndarray:
    """Return the stored values of each row at some columns of it, 0 where there is none."""
    n_rows, n_columns = relevant.shape
    first = np.arange(n_rows, dtype=np.int64) * n_columns
    stored = np.repeat(first, np.diff(relevant.indptr)) + relevant.indices
    wanted = (first[:, np.newaxis] + columns).ravel()
    place = np.minimum(np.searchsorted(stored, wanted), len(stored) - 1)
    hit = (stored[place] == wanted) & (columns.ravel() >= 0)
    return np.where(hit, relevant.data[place], 0.0).reshape(columns.shape)
