"""Sides that find factors of clicks by alternating least squares, all at one objective.

Stored entries weigh eleven, all others one. A curve is a callable: given a clock and the seconds it
may take, it yields sweeps, seconds and the factors found by then.
"""

from collections.abc import Callable

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from benchmarks._factorization_data import Case
from benchmarks._factorization_rows import Row
from benchmarks._rounds import Curve, fresh_fits

CONFIDENCE = 10.0


def efforts(row: Row) -> list[int]:
    """Return the sweeps after which sides that cannot be watched are looked at.

    All of the last ones, where the target is reached; two where only a sweep's seconds matter.
    """
    if row.threads > 1:
        return [max(row.steps // 3, 1), row.steps]
    return [n for n in (1, 2, 4, 8) if n < row.steps - 3] + list(
        range(max(row.steps - 3, 1), row.steps + 1)
    )


def _ours(row: Row, case: Case, n_jobs: int) -> Curve:
    """Return the curve of fits; each solves the rows once more, exactly, at its end."""
    from sparsekit.factorization import ImplicitFactorization

    def fit(n_sweeps):
        model = ImplicitFactorization(
            row.n_components,
            alpha=row.alpha,
            confidence=CONFIDENCE,
            unobserved_weight=1.0,
            frequency_exponent=0.0,
            solver=row.solver,
            max_iter=n_sweeps,
            tol=None,
            warm_start=True,
            n_jobs=n_jobs,
        )
        model.row_factors_, model.components_ = case.P, case.Q.T
        model.fit(case.X)
        return model.row_factors_, model.components_.T

    return fresh_fits(fit, efforts(row))


def _sparsekit(row, case):
    return _ours(row, case, row.threads)


def _sparsekit_one(row, case):
    return _ours(row, case, 1)


def _implicit(row: Row, case: Case, use_cg: bool = True) -> Curve:
    """Return the curve of one fit; the seconds of copying factors do not count."""
    from implicit.cpu.als import AlternatingLeastSquares

    # Its confidence is the stored value, all of it.
    X = sparse.csr_matrix(case.X * np.float32(1.0 + CONFIDENCE))

    def curve(clock, limit):
        model = AlternatingLeastSquares(
            row.n_components,
            regularization=row.alpha,
            iterations=row.steps,
            use_cg=use_cg,
            num_threads=row.threads,
        )
        model.user_factors, model.item_factors = case.P.copy(), case.Q.copy()
        kept, copying = [], 0.0

        def keep(iteration, *_):
            nonlocal copying
            now = clock()
            factors = model.user_factors.copy(), model.item_factors.copy()
            kept.append((iteration + 1, now - start - copying, factors))
            copying += clock() - now

        # Its threads each call BLAS, whose own threads would be in each other's way.
        with threadpool_limits(1, "blas"):
            start = clock()
            model.fit(X, show_progress=False, callback=keep)
        yield from kept

    return curve


def _implicit_exact(row, case):
    return _implicit(row, case, use_cg=False)


def _cmfrec(row: Row, case: Case, use_cg: bool = True) -> Curve:
    """Return the curve of fits from a start of its own, which cannot be given to it."""
    from cmfrec import CMF_implicit

    X = sparse.coo_matrix(case.X)

    def fit(n_sweeps):
        model = CMF_implicit(
            row.n_components,
            lambda_=row.alpha,
            alpha=CONFIDENCE,
            use_cg=use_cg,
            niter=n_sweeps,
            precompute_for_predictions=False,
            nthreads=row.threads,
            handle_interrupt=False,
        ).fit(X)
        return model.A_, model.B_

    return fresh_fits(fit, [max(row.steps // 3, 1), row.steps])


def _cmfrec_exact(row, case):
    return _cmfrec(row, case, use_cg=False)


SWEEPERS: dict[str, Callable[[Row, Case], Curve]] = {
    "sparsekit": _sparsekit,
    "sparsekit-1": _sparsekit_one,
    "implicit": _implicit,
    "implicit-cholesky": _implicit_exact,
    "cmfrec": _cmfrec,
    "cmfrec-cholesky": _cmfrec_exact,
}
