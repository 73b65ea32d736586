"""Scorers of recommenders: of hidden entries of known rows, and of hidden parts of new rows."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_array, check_consistent_length, check_scalar

from sparsekit._validation._arrays import refuse_foreign
from sparsekit.matrix._entries import SparseEntries, check_test_size, hold_out_entries
from sparsekit.metrics._errors import rmse
from sparsekit.metrics._ranking import map_at_k, ndcg_at_k, recall_at_k
from sparsekit.metrics._requests import RoutedScorer
from sparsekit.metrics._undefined import undefined


@dataclass(frozen=True)
class EntryScorer(RoutedScorer):
    """Score predicted entries by minus the root of their mean squared error.

    Parameters
    ----------
    estimator : estimator
        Fitted, with `predict_entries`.
    X : SparseEntries, sparse matrix or array-like
        Test part.
    y : object, default=None
        Not used.
    **fold_in_params : dict
        What `predict_entries` takes beside X, a value for each row of X.
    """

    holdout: float | int
    random_state: int | np.random.RandomState | None

    def __call__(self, estimator: Any, X: Any, y: Any = None, **fold_in_params: Any) -> float:
        if isinstance(X, SparseEntries):
            true = X.to_csr()
            if true.nnz:
                return -rmse(true, estimator.predict_entries(X, **fold_in_params))
        else:
            X = _as_entries(X, zeros_are_entries=True)
            kept, hidden = hold_out_entries(X, self.holdout, random_state=self.random_state)
            rows, true = _rows_with_entries(hidden)
            if true.nnz:
                own = _of_rows(fold_in_params, rows, hidden)
                return -rmse(true, estimator.predict_entries(true, given=kept[rows], **own))
        return undefined("RMSE", "no entry is hidden")

    def __repr__(self) -> str:
        return f"make_rmse_scorer(holdout={self.holdout!r}, random_state={self.random_state!r})"


@dataclass(frozen=True)
class RankingScorer(RoutedScorer):
    """Score recommended columns by how many hidden entries are among them, and how early.

    Parameters
    ----------
    estimator : estimator
        Fitted, with `recommend`.
    X : SparseEntries, sparse matrix or array-like
        Test part.
    y : object, default=None
        Not used.
    **fold_in_params : dict
        What `recommend` takes to know rows better, a value for each row of X.
    """

    maker: str
    metric: Callable[..., float]
    options: tuple[tuple[str, Any], ...]
    k: int
    holdout: float | int
    random_state: int | np.random.RandomState | None

    def __call__(self, estimator: Any, X: Any, y: Any = None, **fold_in_params: Any) -> float:
        if isinstance(X, SparseEntries):
            seen, hidden = X, X.to_csr()
            recommend = _recommend_beside
        else:
            X = _as_entries(X, zeros_are_entries=False)
            seen, hidden = hold_out_entries(X, self.holdout, random_state=self.random_state)
            recommend = _recommend
        rows, relevant = _rows_with_entries(hidden)
        if relevant.nnz == 0:
            return undefined(f"{self.metric.__name__}", "no entry is hidden")
        # Where there are fewer columns than k, all of them are ranked.
        n = min(self.k, hidden.shape[1])
        recommended = recommend(estimator, seen, rows, n, fold_in_params)
        recommended = np.pad(recommended, ((0, 0), (0, self.k - n)), constant_values=-1)
        return self.metric(relevant, recommended, self.k, **dict(self.options))

    def __repr__(self) -> str:
        options = "".join(f", {name}={value!r}" for name, value in self.options)
        return (
            f"{self.maker}(k={self.k!r}, holdout={self.holdout!r}, "
            f"random_state={self.random_state!r}{options})"
        )


def make_rmse_scorer(
    *,
    holdout: float | int = 0.2,
    random_state: int | np.random.RandomState | None = 0,
) -> EntryScorer:
    """Make a scorer that returns minus the root of the mean squared error of predictions.

    What is scored depends on the test part that it is given:

    - entries of known rows (:class:`~sparsekit.model_selection.SparseEntries`): all entries of the
      part, by ``estimator.predict_entries(X)``;
    - new rows (a sparse matrix, or an array whose NaN are no entries): a share of the entries of
      each row is hidden, and predicted from the others by
      ``estimator.predict_entries(hidden, given=kept)``, and from what `fold_in_params`, such as
      `row_features`, tell about the rows.

    Parameters
    ----------
    holdout : float or int, default=0.2
        Of new rows, the share of the entries of each that is hidden, in (0, 1), or their number; as
        `test_size` of :func:`~sparsekit.model_selection.hold_out_entries`.
    random_state : int, RandomState instance or None, default=0
        Seed of what is hidden of new rows. With an int all candidates of a search are scored on the
        same entries.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y=None, **fold_in_params)`` returns a float, at most zero; higher is
        better. To be passed as `scoring` to whatever takes a scorer; where that has `row_features`
        to pass on by metadata routing, ask with ``scorer.set_score_request(row_features=True)``.

    See Also
    --------
    rmse : The error of given predictions.

    Notes
    -----
    ``rmse_scorer`` is the scorer with the defaults.

    Examples
    --------
    >>> from sparsekit.metrics import make_rmse_scorer
    >>> make_rmse_scorer(holdout=0.5)
    make_rmse_scorer(holdout=0.5, random_state=0)
    """
    check_test_size(holdout, "holdout")
    return EntryScorer(holdout, random_state)


def make_ndcg_scorer(
    k: int = 10,
    *,
    holdout: float | int = 0.2,
    random_state: int | np.random.RandomState | None = 0,
    graded: bool = False,
) -> RankingScorer:
    """Make a scorer that returns the normalised discounted cumulative gain of recommendations.

    What is scored depends on the test part that it is given:

    - entries of known rows (:class:`~sparsekit.model_selection.SparseEntries`): the entries of the
      part are hidden, and those beside them, its `complement`, are seen;
    - new rows (a sparse matrix, or an array whose zeros are no entries, or, where it has NaN, whose
      NaN are none): a share of the entries of each row is hidden, and the others are seen.

    The estimator recommends k columns that are not seen to each row that something is hidden of. A
    model of `sparsekit.factorization` knows of known rows what its fit found out about them, from
    `row_features` too. New rows, and any rows where the estimator is another, are folded in: its
    `recommend` is given what is seen of them, and the `fold_in_params`, such as `row_features`.

    Parameters
    ----------
    k : int, default=10
        How many recommendations count.
    holdout : float or int, default=0.2
        Of new rows, the share of the entries of each that is hidden, in (0, 1), or their number; as
        `test_size` of :func:`~sparsekit.model_selection.hold_out_entries`.
    random_state : int, RandomState instance or None, default=0
        Seed of what is hidden of new rows. With an int all candidates of a search are scored on the
        same entries.
    graded : bool, default=False
        Whether the gain of a hidden column is its value, or 1.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y=None, **fold_in_params)`` returns a float in [0, 1]; higher is
        better. To be passed as `scoring` to whatever takes a scorer; where that has `row_features`
        to pass on by metadata routing, ask with ``scorer.set_score_request(row_features=True)``.

    See Also
    --------
    ndcg_at_k : The metric, of given recommendations.

    Examples
    --------
    >>> from sparsekit.metrics import make_ndcg_scorer
    >>> make_ndcg_scorer(k=20)
    make_ndcg_scorer(k=20, holdout=0.2, random_state=0, graded=False)
    """
    return _ranking_scorer("make_ndcg_scorer", ndcg_at_k, k, holdout, random_state, graded=graded)


def make_recall_scorer(
    k: int = 10,
    *,
    holdout: float | int = 0.2,
    random_state: int | np.random.RandomState | None = 0,
) -> RankingScorer:
    """Make a scorer that returns the share of the hidden columns that are recommended.

    What is hidden and what is seen is as in :func:`make_ndcg_scorer`.

    Parameters
    ----------
    k : int, default=10
        How many recommendations count.
    holdout : float or int, default=0.2
        Of new rows, the share of the entries of each that is hidden, in (0, 1), or their number; as
        `test_size` of :func:`~sparsekit.model_selection.hold_out_entries`.
    random_state : int, RandomState instance or None, default=0
        Seed of what is hidden of new rows. With an int all candidates of a search are scored on the
        same entries.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y=None, **fold_in_params)`` returns a float in [0, 1]; higher is
        better. To be passed as `scoring` to whatever takes a scorer; where that has `row_features`
        to pass on by metadata routing, ask with ``scorer.set_score_request(row_features=True)``.

    See Also
    --------
    recall_at_k : The metric, of given recommendations.

    Examples
    --------
    >>> from sparsekit.metrics import make_recall_scorer
    >>> make_recall_scorer(k=20)
    make_recall_scorer(k=20, holdout=0.2, random_state=0)
    """
    return _ranking_scorer("make_recall_scorer", recall_at_k, k, holdout, random_state)


def make_map_scorer(
    k: int = 10,
    *,
    holdout: float | int = 0.2,
    random_state: int | np.random.RandomState | None = 0,
) -> RankingScorer:
    """Make a scorer that returns the mean average precision of recommendations.

    What is hidden and what is seen is as in :func:`make_ndcg_scorer`.

    Parameters
    ----------
    k : int, default=10
        How many recommendations count.
    holdout : float or int, default=0.2
        Of new rows, the share of the entries of each that is hidden, in (0, 1), or their number; as
        `test_size` of :func:`~sparsekit.model_selection.hold_out_entries`.
    random_state : int, RandomState instance or None, default=0
        Seed of what is hidden of new rows. With an int all candidates of a search are scored on the
        same entries.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y=None, **fold_in_params)`` returns a float in [0, 1]; higher is
        better. To be passed as `scoring` to whatever takes a scorer; where that has `row_features`
        to pass on by metadata routing, ask with ``scorer.set_score_request(row_features=True)``.

    See Also
    --------
    map_at_k : The metric, of given recommendations.

    Examples
    --------
    >>> from sparsekit.metrics import make_map_scorer
    >>> make_map_scorer(k=20)
    make_map_scorer(k=20, holdout=0.2, random_state=0)
    """
    return _ranking_scorer("make_map_scorer", map_at_k, k, holdout, random_state)


rmse_scorer = make_rmse_scorer()


def _ranking_scorer(
    maker: str,
    metric: Callable[..., float],
    k: int,
    holdout: float | int,
    random_state: Any,
    **options: Any,
) -> RankingScorer:
    """Return a scorer with checked parameters."""
    check_scalar(k, "k", Integral, min_val=1)
    check_test_size(holdout, "holdout")
    return RankingScorer(maker, metric, tuple(options.items()), k, holdout, random_state)


def _as_entries(X: Any, *, zeros_are_entries: bool) -> Any:
    """Return X as a sparse matrix of its entries: NaN is never one, a zero beside NaN is."""
    refuse_foreign(X, "X")
    if sparse.issparse(X):
        return X
    dense = check_array(X, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan")
    missing = np.isnan(dense)
    is_entry = ~missing if zeros_are_entries or missing.any() else dense != 0
    return sparse.coo_array((dense[is_entry], np.nonzero(is_entry)), shape=dense.shape).tocsr()


def _rows_with_entries(hidden: Any) -> tuple[np.ndarray, Any]:
    """Return the numbers of the rows that have an entry, and these rows."""
    rows = np.flatnonzero(np.diff(hidden.indptr))
    return rows, hidden[rows]


def _of_rows(fold_in_params: dict[str, Any], rows: np.ndarray, X: Any) -> dict[str, Any]:
    """Return what parameters hold for some rows of X; None stays."""
    check_consistent_length(X, *fold_in_params.values())
    return {
        name: value
        if value is None
        else (value.tocsr() if sparse.issparse(value) else np.asarray(value))[rows]
        for name, value in fold_in_params.items()
    }


def _recommend(
    estimator: Any, seen: Any, rows: np.ndarray, n: int, fold_in_params: dict[str, Any]
) -> np.ndarray:
    """Return columns for some rows of what is seen."""
    own = _of_rows(fold_in_params, rows, seen)
    return estimator.recommend(seen[rows], n=n, **own)[0]


def _recommend_beside(
    estimator: Any,
    entries: SparseEntries,
    rows: np.ndarray,
    n: int,
    fold_in_params: dict[str, Any],
) -> np.ndarray:
    """Return columns for some rows that the estimator was fitted to, but for the entries."""
    if hasattr(estimator, "_recommend_beside"):
        return estimator._recommend_beside(entries, rows, n, **fold_in_params)
    return _recommend(estimator, entries.complement().to_csr(), rows, n, fold_in_params)
