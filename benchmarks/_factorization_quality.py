"""What the sides are judged by, written down once more in NumPy and float64."""

import csv
import hashlib

import numpy as np
from scipy import sparse

from benchmarks._problems import SHARED

# Entries at a time whose factors are gathered.
BLOCK = 2**18
PUBLISHED = SHARED / "gowalla" / "published_results.csv"


def entry_products(X, left, right) -> np.ndarray:
    """Return the inner products of factors at the stored places of X.

    Parameters
    ----------
    X : csr_matrix of shape (n_rows, n_columns)
    left, right : ndarray of shape (n_rows, k) and (n_columns, k)

    Returns
    -------
    products : ndarray of shape (n_stored,), float64
    """
    rows = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    products = np.empty(X.nnz)
    for start in range(0, X.nnz, BLOCK):
        part = slice(start, start + BLOCK)
        ours = left[rows[part]].astype(np.float64)
        products[part] = np.einsum("ij,ij->i", ours, right[X.indices[part]].astype(np.float64))
    return products


def implicit_objective(X, P, Q, confidence: float, alpha: float) -> float:
    """Return the objective of implicit factorisation, entries that are not stored weighing one.

    Parameters
    ----------
    X : csr_matrix of shape (n_rows, n_columns)
        Ones.
    P, Q : ndarray of shape (n_rows, k) and (n_columns, k)
        Factors.
    confidence : float
        What a stored entry weighs beside the one that all do.
    alpha : float
        Regularisation.
    """
    P, Q = P.astype(np.float64), Q.astype(np.float64)
    products = entry_products(X, P, Q)
    weighted = (1.0 + confidence) * (1.0 - products) ** 2
    everywhere = np.sum((P.T @ P) * (Q.T @ Q))
    penalty = alpha * (np.sum(P**2) + np.sum(Q**2))
    return 0.5 * float(everywhere + np.sum(weighted - products**2) + penalty)


def rmse(held_out, predicted: np.ndarray) -> float:
    """Return the root of the mean squared error of entries."""
    errors = held_out.data.astype(np.float64) - predicted
    return float(np.sqrt(np.mean(errors**2)))


def biased_predictions(held_out, P, Q, row_bias, column_bias, mean: float) -> np.ndarray:
    """Return predictions at stored places from factors, biases and a mean."""
    rows = np.repeat(np.arange(held_out.shape[0]), np.diff(held_out.indptr))
    offsets = mean + row_bias.astype(np.float64)[rows]
    return (
        offsets + column_bias.astype(np.float64)[held_out.indices] + entry_products(held_out, P, Q)
    )


def slim_objective(X, W, columns, penalty: tuple[float, float]) -> float:
    """Return the mean objective of some columns of a sparse linear method.

    Parameters
    ----------
    X : csr_matrix of shape (n_rows, n_columns)
    W : sparse matrix of shape (n_columns, len(columns))
        Weights that predict these columns.
    columns : ndarray
        Their numbers.
    penalty : tuple of float
        Strength and share of the absolute values.
    """
    alpha, l1_ratio = penalty
    X, W = sparse.csc_array(X, dtype=np.float64), sparse.csc_array(W, dtype=np.float64)
    errors = X[:, columns] - X @ W
    loss = 0.5 * (errors.data**2).sum() / X.shape[0]
    size = l1_ratio * np.abs(W.data).sum() + 0.5 * (1 - l1_ratio) * (W.data**2).sum()
    return float(loss + alpha * size) / len(columns)


def ranked(held_out, recommended: np.ndarray) -> dict[str, float]:
    """Return recall and NDCG of recommendations, as LightGCN and the BARS leaderboard have them.

    Parameters
    ----------
    held_out : csr_matrix of shape (n_rows, n_columns)
        What is relevant. Rows without any do not count.
    recommended : ndarray of shape (n_rows, n)
        Columns, best first.
    """
    n = recommended.shape[1]
    n_relevant = np.diff(held_out.indptr)
    rows = np.repeat(np.arange(len(recommended)), n)
    keys = np.repeat(np.arange(held_out.shape[0]), n_relevant) * held_out.shape[1]
    hits = np.isin(rows * held_out.shape[1] + recommended.ravel(), keys + held_out.indices)
    hits = hits.reshape(recommended.shape)[n_relevant > 0]
    n_relevant = n_relevant[n_relevant > 0]
    gains = 1.0 / np.log2(np.arange(2, n + 2))
    ideal = np.cumsum(gains)[np.minimum(n_relevant, n) - 1]
    recall = float(np.mean(hits.sum(axis=1) / n_relevant))
    return {f"recall@{n}": recall, f"ndcg@{n}": float(np.mean(hits @ gains / ideal))}


def recommended(P, Q, seen, n: int) -> np.ndarray:
    """Return the `n` columns of the largest products of each row that were not seen, in order."""
    found = np.empty((len(P), n), dtype=np.int64)
    for start in range(0, len(P), 512):
        scores = P[start : start + 512] @ Q.T
        head = seen[start : start + 512]
        scores[np.repeat(np.arange(len(scores)), np.diff(head.indptr)), head.indices] = -np.inf
        best = np.argpartition(-scores, n - 1, axis=1)[:, :n]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
        found[start : start + 512] = np.take_along_axis(best, order, axis=1)
    return found


def mean_of_largest(P, Q, seen, recommended: np.ndarray) -> float:
    """Return the mean score of what was recommended; NaN if something seen is among it."""
    rows = np.arange(len(recommended))
    indptr = np.arange(0, recommended.size + 1, recommended.shape[1])
    chosen = sparse.csr_matrix(
        (np.ones(recommended.size), recommended.ravel(), indptr),
        shape=(len(rows), seen.shape[1]),
    )
    if chosen.multiply(seen[: len(rows)]).nnz:
        return float("nan")
    return float(np.mean(entry_products(chosen, P, Q)))


def largest_difference(found, expected) -> float:
    """Return the largest difference to what is expected, as a share of the largest number."""
    if sparse.issparse(expected):
        same = np.array_equal(found.indices, expected.indices)
        same &= np.array_equal(found.indptr, expected.indptr)
        return largest_difference(found.data, expected.data) if same else float("inf")
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def digest(arrays) -> str:
    """Return a digest of every bit of some arrays."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def published_results() -> dict[str, dict[str, float]]:
    """Return recall and NDCG of twenty recommendations by model, of the leaderboard of gowalla."""
    if not PUBLISHED.exists():
        return {}
    with PUBLISHED.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    names = {"recall@20": "Recall@20", "ndcg@20": "NDCG@20"}
    return {row["Model"]: {key: float(row[name]) for key, name in names.items()} for row in rows}
