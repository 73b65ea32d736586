"""Sides that encode signals on a given dictionary, and sides that shrink plain numbers."""

from collections.abc import Callable

import numpy as np
from scipy import sparse

from benchmarks._coding_data import Signals
from benchmarks._coding_rows import Row
from benchmarks._rounds import Job


def _sparsekit(row: Row, case: Signals, n_jobs: int | None) -> Job:
    from sparsekit.decomposition import sparse_encode

    size = {"alpha": row.alpha} if row.algorithm == "lasso" else {}
    size = size or {"n_nonzero_coefs": row.n_nonzero_coefs}

    def run():
        # SPAMS returns its codes sparse too.
        options = {"algorithm": row.algorithm, "sparse_output": True, "n_jobs": n_jobs, **size}
        return sparse_encode(case.X, case.D, **options)

    return Job(run, n_signals=len(case.X))


def _sparsekit_all(row, case):
    return _sparsekit(row, case, row.threads)


def _sparsekit_one(row, case):
    return _sparsekit(row, case, 1)


def _spams(row: Row, case: Signals) -> Job:
    import spams

    # Signals and atoms are its columns, in Fortran order: views, no copies.
    X, D, scalar = case.X.T, case.D.T, case.X.dtype.type
    if row.algorithm == "lasso":
        options = {"lambda1": row.alpha, "mode": 2, "numThreads": row.threads}
        return Job(lambda: spams.lasso(X, D=D, **options), _transposed, len(case.X))
    # Without these two zeros its float32 codes are wrong, and differ from call to call.
    zeros = {"eps": scalar(0), "lambda1": scalar(0)}
    options = {"L": row.n_nonzero_coefs, "numThreads": row.threads, **zeros}
    return Job(lambda: spams.omp(X, D, **options), _transposed, len(case.X))


def _transposed(codes):
    return sparse.csr_matrix(codes.T)


def _sklearn(row: Row, case: Signals) -> Job:
    from sklearn.decomposition import sparse_encode

    case = case.head(row.head)
    options = {"algorithm": "omp", "n_nonzero_coefs": row.n_nonzero_coefs}
    if row.algorithm == "lasso":
        options = {"algorithm": "lasso_cd", "alpha": row.alpha}
    return Job(lambda: sparse_encode(case.X, case.D, **options), n_signals=len(case.X))


def _dictlearn(row: Row, case: Signals) -> Job:
    from dictlearn import sparse_encode

    options = {"algorithm": "omp", "n_nonzero_coefs": row.n_nonzero_coefs}
    return Job(lambda: sparse_encode(case.X, case.D, **options), n_signals=len(case.X))


ENCODERS: dict[str, Callable[[Row, Signals], Job]] = {
    "sparsekit": _sparsekit_all,
    "sparsekit-1": _sparsekit_one,
    "spams": _spams,
    "sklearn": _sklearn,
    "dictlearn": _dictlearn,
}


def _shape_of(row):
    from sparsekit import thresholding

    shape = getattr(thresholding, row.algorithm)
    # `firm` keeps what is above its second threshold.
    return shape, (row.alpha, 2.0 * row.alpha) if row.algorithm == "firm" else (row.alpha,)


def _shape_into(row: Row, x: np.ndarray) -> Job:
    shape, thresholds = _shape_of(row)
    out = np.zeros_like(x)
    return Job(lambda: shape(x, *thresholds, out=out), lambda _: out, x.size)


def _shape_anew(row: Row, x: np.ndarray) -> Job:
    shape, thresholds = _shape_of(row)
    return Job(lambda: shape(x, *thresholds), n_signals=x.size)


def _copy_into(row: Row, x: np.ndarray) -> Job:
    out = np.zeros_like(x)
    return Job(lambda: np.copyto(out, x), _nothing, x.size)


def _copy_anew(row: Row, x: np.ndarray) -> Job:
    return Job(x.copy, _nothing, x.size)


def _nothing(output):
    return None


def _pywt(row: Row, x: np.ndarray) -> Job:
    import pywt

    if row.algorithm == "firm":
        return Job(lambda: pywt.threshold_firm(x, row.alpha, 2.0 * row.alpha), n_signals=x.size)
    return Job(lambda: pywt.threshold(x, row.alpha, row.algorithm), n_signals=x.size)


SHRINKERS: dict[str, Callable[[Row, np.ndarray], Job]] = {
    "sparsekit": _shape_into,
    "sparsekit-new": _shape_anew,
    "copyto": _copy_into,
    "copy": _copy_anew,
    "pywt": _pywt,
}
