"""Sides that factorise ratings: alternating least squares, stochastic descent, Gibbs sampling.

What they learn is read as predictions of the entries held out.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy import sparse

from benchmarks._factorization_data import Case
from benchmarks._factorization_quality import biased_predictions
from benchmarks._factorization_rows import Row
from benchmarks._factorization_sweeps import efforts
from benchmarks._rounds import Curve, fresh_fits

# Steps of stochastic descent, by its authors' defaults, where ours are sweeps of least squares.
PASSES = 20


def _ours(row: Row, case: Case, n_jobs: int, solver: str = "pcg") -> Curve:
    from sparsekit.factorization import MatrixFactorization

    def fit(n_sweeps):
        model = MatrixFactorization(
            row.n_components,
            alpha=row.alpha,
            solver=solver,
            max_iter=n_sweeps,
            tol=None,
            random_state=0,
            n_jobs=n_jobs,
        ).fit(case.X)
        rows, columns = model.row_factors_, model.components_.T
        return (rows[:, :-1], columns[:, :-1], rows[:, -1], model.column_bias_, model.intercept_)

    return fresh_fits(fit, efforts(row))


def _sparsekit(row, case):
    return _ours(row, case, row.threads)


def _sparsekit_one(row, case):
    return _ours(row, case, 1)


def _sparsekit_exact(row, case):
    return _ours(row, case, row.threads, "cholesky")


def _cmfrec(row: Row, case: Case, use_cg: bool = True) -> Curve:
    from cmfrec import CMF

    X = sparse.coo_matrix(case.X)

    def fit(n_sweeps):
        model = CMF(
            row.n_components,
            lambda_=row.alpha,
            scale_lam=True,
            use_cg=use_cg,
            finalize_chol=False,
            niter=n_sweeps,
            precompute_for_predictions=False,
            nthreads=row.threads,
            handle_interrupt=False,
        ).fit(X)
        return model.A_, model.B_, model.user_bias_, model.item_bias_, model.glob_mean_

    return fresh_fits(fit, efforts(row))


def _cmfrec_exact(row, case):
    return _cmfrec(row, case, use_cg=False)


def _libmf(row: Row, case: Case) -> Curve:
    from libmf import mf

    places = case.X.tocoo()
    entries = np.column_stack((places.row, places.col, places.data)).astype(np.float32)
    zeros = [np.zeros(n) for n in case.X.shape]

    def fit(n_passes):
        model = mf.MF(
            k=row.n_components,
            nr_threads=row.threads,
            nr_iters=n_passes,
            lambda_p2=row.alpha,
            lambda_q2=row.alpha,
            quiet=True,
        )
        model.fit(entries)
        # The model ends at the last row and column that have an entry.
        factors = [_filled(part, n) for part, n in zip(_factors(model), case.X.shape)]
        return (*factors, *zeros, 0.0)

    return fresh_fits(fit, [PASSES // 2, PASSES])


def _factors(model):
    return model.p_factors(), model.q_factors()


def _filled(part, n):
    filled = np.zeros((n, part.shape[1]), dtype=part.dtype)
    filled[: len(part)] = part
    return filled


def _surprise(row: Row, case: Case) -> Curve:
    from surprise import SVD

    known = _surprise_set(case.X)

    def fit(n_passes):
        model = SVD(row.n_components, n_epochs=n_passes, reg_all=0.05, random_state=0).fit(known)
        return model.pu, model.qi, model.bu, model.bi, known.global_mean

    return fresh_fits(fit, [PASSES // 2, PASSES])


def _surprise_set(X):
    from surprise import Trainset

    by_column = X.tocsc()
    lists = [
        {
            i: list(zip(part.indices[start:stop].tolist(), part.data[start:stop].tolist()))
            for i, (start, stop) in enumerate(zip(part.indptr[:-1], part.indptr[1:]))
        }
        for part in (X, by_column)
    ]
    numbers = [{i: i for i in range(n)} for n in X.shape]
    scale = float(X.data.min()), float(X.data.max())
    return Trainset(*lists, *X.shape, X.nnz, scale, *numbers)


RATERS: dict[str, Callable[[Row, Case], Curve]] = {
    "sparsekit": _sparsekit,
    "sparsekit-1": _sparsekit_one,
    "sparsekit-cholesky": _sparsekit_exact,
    "cmfrec": _cmfrec,
    "cmfrec-cholesky": _cmfrec_exact,
    "libmf": _libmf,
    "surprise": _surprise,
}


def predicted(case: Case, learnt: tuple) -> np.ndarray:
    """Return predictions of what was held out, from factors, biases and a mean."""
    return biased_predictions(case.held_out, *learnt)


def _sparsekit_gibbs(row: Row, case: Case) -> Curve:
    from sparsekit.factorization import BayesianFactorization

    def fit(n_sweeps):
        model = BayesianFactorization(
            row.n_components, max_iter=n_sweeps, burn_in=n_sweeps // 4, random_state=0
        ).fit(case.X)
        return partial(_posterior_means, model, case)

    return fresh_fits(fit, [row.steps // 3, row.steps])


def _posterior_means(model, case):
    from sparsekit.model_selection import SparseEntries

    return model.predict_entries(SparseEntries(case.held_out)).data


def _myfm(row: Row, case: Case) -> Curve:
    from myfm import MyFMRegressor

    known, wanted = (_indicators(X) for X in (case.X, case.held_out))
    groups = list(case.X.shape)

    def fit(n_sweeps):
        model = MyFMRegressor(row.n_components, random_seed=0)
        kept = n_sweeps - n_sweeps // 4
        model.fit(known, case.X.data, n_iter=n_sweeps, n_kept_samples=kept, group_shapes=groups)
        return partial(model.predict, wanted)

    return fresh_fits(fit, [row.steps // 3, row.steps])


def _indicators(X):
    """Return a row for each entry: a one for its row, and a one for its column."""
    places = X.tocoo()
    columns = np.column_stack((places.row, places.col + X.shape[0])).ravel()
    indptr = np.arange(0, 2 * X.nnz + 1, 2)
    return sparse.csr_matrix((np.ones(2 * X.nnz), columns, indptr), shape=(X.nnz, sum(X.shape)))


SAMPLERS: dict[str, Callable[[Row, Case], Curve]] = {
    "sparsekit": _sparsekit_gibbs,
    "myfm": _myfm,
}
