"""Sides that factorise a matrix: sparse NMF from a given start, sparse principal components."""

from collections.abc import Callable

from benchmarks._coding_data import Table
from benchmarks._coding_rows import Row
from benchmarks._rounds import Curve, fresh_fits, ladder

# A first fit of scikit-learn's at this share of the iterations, and three between it and the last.
FIRST = 5


def _nmf_options(row: Row) -> dict:
    """Return what scikit-learn's estimator and ours are told in the same words."""
    return {
        "n_components": row.n_atoms,
        "init": "custom",
        "alpha_W": row.alpha,
        "alpha_H": "same",
        "l1_ratio": 1.0,
        "tol": 0.0,
    }


def _factors(estimator, case):
    W = estimator.fit_transform(case.X, W=case.W.copy(), H=case.H.copy())
    return W, estimator.components_


def _sklearn_nmf(row: Row, case: Table) -> Curve:
    from sklearn.decomposition import NMF

    def fit(steps):
        return _factors(NMF(**_nmf_options(row), solver="cd", max_iter=steps), case)

    return fresh_fits(fit, ladder(row.steps, FIRST))


def _sparsekit_nmf(row: Row, case: Table, n_jobs: int) -> Curve:
    from sparsekit.decomposition import SparseNMF

    def fit(steps):
        return _factors(SparseNMF(**_nmf_options(row), max_iter=steps, n_jobs=n_jobs), case)

    return fresh_fits(fit, ladder(row.steps, FIRST))


def _sparsekit_nmf_all(row, case):
    return _sparsekit_nmf(row, case, row.threads)


def _sparsekit_nmf_one(row, case):
    return _sparsekit_nmf(row, case, 1)


NMF_SIDES: dict[str, Callable[[Row, Table], Curve]] = {
    "sparsekit": _sparsekit_nmf_all,
    "sparsekit-1": _sparsekit_nmf_one,
    "sklearn": _sklearn_nmf,
}


def _spca_options(row: Row) -> dict:
    return {"n_components": row.n_atoms, "alpha": row.alpha, "tol": 0.0, "random_state": 0}


def _sparsekit_spca(row: Row, case: Table) -> Curve:
    from sparsekit.decomposition import SparsePCA

    def fit(steps):
        return SparsePCA(**_spca_options(row), max_iter=steps).fit(case.X).components_

    return fresh_fits(fit, ladder(row.steps, 1))


def _sklearn_spca(row: Row, case: Table, method: str) -> Curve:
    from sklearn.decomposition import SparsePCA

    def fit(steps):
        estimator = SparsePCA(**_spca_options(row), max_iter=steps, method=method)
        return estimator.fit(case.X).components_

    return fresh_fits(fit, ladder(row.steps, FIRST))


def _sklearn_cd(row, case):
    return _sklearn_spca(row, case, "cd")


def _sklearn_lars(row, case):
    return _sklearn_spca(row, case, "lars")


SPCA_SIDES: dict[str, Callable[[Row, Table], Curve]] = {
    "sparsekit": _sparsekit_spca,
    "sklearn": _sklearn_cd,
    "sklearn-lars": _sklearn_lars,
}
