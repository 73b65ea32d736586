"""Sides of models of columns by columns, SLIM and EASE, and of descent on pairs, BPR."""

from collections.abc import Callable

import numpy as np
from scipy import sparse

from benchmarks import _factorization_quality as quality
from benchmarks._factorization_data import Case
from benchmarks._factorization_rows import N_RECOMMENDED, OURS, Row
from benchmarks._problems import SEED
from benchmarks._rounds import Curve, Job, fresh_fits

# Sums over rows: strength of absolute values and of half the squares.
PENALTIES = {"gowalla": (0.5, 50.0), "lastfm": (0.5, 5.0)}
DEFAULT_PENALTY = 5.0, 50.0
# implicit's steps have one length, ours become shorter.
BPR_PENALTY, IMPLICIT_RATE = 0.01, 0.05


def elastic_net(row: Row, case: Case) -> tuple[float, float]:
    """Return strength and share of absolute values, as scikit-learn's ElasticNet has them."""
    l1, l2 = PENALTIES.get(row.data, DEFAULT_PENALTY)
    return (l1 + l2) / case.X.shape[0], l1 / (l1 + l2)


def measured_columns(row: Row, case: Case) -> np.ndarray:
    """Return some columns that have entries, drawn evenly."""
    popular = np.flatnonzero(np.bincount(case.X.indices, minlength=case.X.shape[1]))
    return np.sort(np.random.default_rng(SEED).choice(popular, row.steps, replace=False))


def _our_slim(row: Row, case: Case, n_jobs: int) -> Job:
    from sparsekit.factorization import SparseLinearMethod

    alpha, l1_ratio = elastic_net(row, case)

    def run():
        return SparseLinearMethod(alpha, l1_ratio=l1_ratio, n_jobs=n_jobs).fit(case.X).coef_

    # All columns: they share one Gram matrix.
    columns = measured_columns(row, case)
    return Job(run, lambda W: sparse.csc_array(W)[:, columns], case.X.shape[1])


def _sklearn_slim(row: Row, case: Case) -> Job:
    from sklearn.linear_model import ElasticNet

    alpha, l1_ratio = elastic_net(row, case)
    columns = measured_columns(row, case)
    model = ElasticNet(
        alpha=alpha, l1_ratio=l1_ratio, positive=True, fit_intercept=False, copy_X=False
    )
    X = sparse.csc_matrix(case.X)

    def run():
        # As users do: a column predicts itself unless its entries are zeros meanwhile.
        weights = []
        for j in columns:
            part = slice(X.indptr[j], X.indptr[j + 1])
            y, held = X[:, [j]].toarray().ravel(), X.data[part].copy()
            X.data[part] = 0
            weights.append(sparse.csc_array(model.fit(X, y).coef_[:, None]))
            X.data[part] = held
        return sparse.hstack(weights, format="csc")

    return Job(run, n_signals=len(columns))


SLIMS: dict[str, Callable[[Row, Case], Job]] = {
    "sparsekit": lambda row, case: _our_slim(row, case, row.threads),
    "sparsekit-1": lambda row, case: _our_slim(row, case, 1),
    "sklearn": _sklearn_slim,
}


def judge_slim(row: Row, case: Case, W, counts) -> dict:
    """Return the mean objective of the measured columns, and how many weights they have."""
    columns = measured_columns(row, case)
    objective = quality.slim_objective(case.X, W, columns, elastic_net(row, case))
    bits = {"bits": quality.digest([W.data])} if row.threads > 1 else {}
    return {"quality": objective, "n_weights": W.nnz / len(columns), **bits}


def _our_ease(row: Row, case: Case) -> Job:
    from sparsekit.factorization import EASE

    return Job(lambda: EASE(row.alpha / case.X.shape[0]).fit(case.X).coef_)


def _numpy_ease(row: Row, case: Case) -> Job:
    return Job(lambda: _inverted(row, case))


def _inverted(row, case):
    """Return EASE's weights as its paper writes them, in float64."""
    X = case.X.astype(np.float64)
    gram = (X.T @ X).toarray()
    gram[np.diag_indices_from(gram)] += row.alpha
    inverse = np.linalg.inv(gram)
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights


EASES: dict[str, Callable[[Row, Case], Job]] = {"sparsekit": _our_ease, "numpy": _numpy_ease}


def judge_ease(row: Row, case: Case, weights, counts) -> dict:
    """Return the largest difference to the weights in float64."""
    return {"quality": quality.largest_difference(weights, _inverted(row, case))}


def _our_bpr(row: Row, case: Case, n_jobs: int, n_negatives: int = 1) -> Curve:
    """Return the curve of fits; each solves the rows once more, exactly, at its end."""
    from sparsekit.factorization import RankingFactorization

    def fit(n_passes):
        model = RankingFactorization(
            row.n_components,
            loss="bpr",
            alpha=BPR_PENALTY,
            n_negatives=n_negatives,
            max_iter=n_passes,
            random_state=0,
            n_jobs=n_jobs,
        ).fit(case.X)
        ones = np.ones(len(model.row_factors_), dtype=np.float32)
        rows = np.column_stack((model.row_factors_, ones))
        return rows, np.column_stack((model.components_.T, model.column_bias_))

    return fresh_fits(fit, [row.steps // 4, row.steps])


def _implicit_bpr(row: Row, case: Case) -> Curve:
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    def fit(n_passes):
        model = BayesianPersonalizedRanking(
            row.n_components,
            regularization=BPR_PENALTY,
            iterations=n_passes,
            num_threads=row.threads,
            learning_rate=IMPLICIT_RATE,
            random_state=0,
        )
        model.fit(case.X, show_progress=False)
        return model.user_factors, model.item_factors

    return fresh_fits(fit, [row.steps // 4, row.steps])


PAIRWISE: dict[str, Callable[[Row, Case], Curve]] = {
    OURS: lambda row, case: _our_bpr(row, case, row.threads),
    "sparsekit-1": lambda row, case: _our_bpr(row, case, 1),
    "sparsekit-4": lambda row, case: _our_bpr(row, case, row.threads, n_negatives=4),
    "implicit": _implicit_bpr,
}


def judge_bpr(row: Row, case: Case, factors) -> dict:
    """Return one minus the recall of held-out entries, and the recall and NDCG."""
    n = min(N_RECOMMENDED, case.X.shape[1] // 4)
    ranked = quality.ranked(case.held_out, quality.recommended(*factors, case.X, n))
    bits = {"bits": quality.digest(factors)} if row.threads > 1 else {}
    return {"objective": 1 - ranked[f"recall@{n}"], **ranked, **bits}
