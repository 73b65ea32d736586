"""Sides that learn a dictionary from signals, all from the same first atoms.

Efforts are mini-batches or iterations.
"""

import math
from collections.abc import Callable

from benchmarks._coding_data import Signals
from benchmarks._coding_rows import Row
from benchmarks._rounds import Curve, Job, fresh_fits, ladder

BATCH_SIZE = 512
# SPAMS's names for its penalised lasso and for greedy codes of a given number of atoms.
SPAMS_LASSO, SPAMS_GREEDY = 2, 3


class _Enough(Exception):
    """Raised in a callback, where there is no other way to end a fit."""


def _observed_fit(make: Callable, X, steps: int) -> Curve:
    """Return the curve of one fit whose callback keeps the dictionary of some steps."""

    def curve(clock, limit):
        wanted, kept = set(ladder(steps, 1)), []
        count, start = 0, 0.0

        def keep(state):
            nonlocal count
            count += 1
            seconds = clock() - start
            if count in wanted or seconds > limit:
                # scikit-learn hands over its local variables, ours has a name for it.
                atoms = state["components" if "components" in state else "dictionary"]
                kept.append((count, seconds, atoms.copy()))
            if count >= steps or seconds > limit:
                raise _Enough

        estimator = make(keep)
        start = clock()
        try:
            estimator.fit(X)
        except _Enough:
            pass
        yield from kept

    return curve


def _online(row: Row, case: Signals) -> dict:
    """Return what scikit-learn's estimator and ours are told in the same words."""
    batch_size = min(BATCH_SIZE, len(case.X))
    return {
        "n_components": row.n_atoms,
        "alpha": row.alpha,
        "batch_size": batch_size,
        "max_iter": math.ceil(row.steps / math.ceil(len(case.X) / batch_size)),
        "dict_init": case.D,
        "tol": 0.0,
        "max_no_improvement": None,
        "random_state": 0,
    }


def _sparsekit_online(row: Row, case: Signals) -> Curve:
    from sparsekit.decomposition import MiniBatchDictionaryLearning

    options = _online(row, case) | {"fit_algorithm": "lasso"}

    def make(callback):
        return MiniBatchDictionaryLearning(**options, callback=callback)

    return _observed_fit(make, case.X, row.steps)


def _sklearn_online(row: Row, case: Signals) -> Curve:
    from sklearn.decomposition import MiniBatchDictionaryLearning

    options = _online(row, case) | {"fit_algorithm": "cd"}

    def make(callback):
        return MiniBatchDictionaryLearning(**options, callback=callback)

    return _observed_fit(make, case.X, row.steps)


def _spams_online(row: Row, case: Signals) -> Curve:
    import spams

    options = {
        "D": case.D.T,
        "lambda1": row.alpha,
        "mode": SPAMS_LASSO,
        "batchsize": min(BATCH_SIZE, len(case.X)),
        "numThreads": 1,
        "verbose": False,
    }

    # Its number of iterations is given, never its seconds, which are whole ones.
    def fit(steps):
        return spams.trainDL(case.X.T, iter=steps, **options).T

    return fresh_fits(fit, ladder(row.steps))


LEARNERS: dict[str, Callable[[Row, Signals], Curve]] = {
    "sparsekit": _sparsekit_online,
    "spams": _spams_online,
    "sklearn": _sklearn_online,
}


def _sparsekit_batch(row: Row, case: Signals, update: str) -> Job:
    from sparsekit.decomposition import DictionaryLearning

    options = {
        "n_components": row.n_atoms,
        "fit_algorithm": "omp",
        "update": update,
        "fit_n_nonzero_coefs": row.n_nonzero_coefs,
        "max_iter": row.steps,
        "tol": 0.0,
        "dict_init": case.D,
        "random_state": 0,
    }
    return Job(lambda: DictionaryLearning(**options).fit(case.X), _components, len(case.X))


def _sparsekit_ksvd(row, case):
    return _sparsekit_batch(row, case, "ksvd")


def _sparsekit_bcd(row, case):
    return _sparsekit_batch(row, case, "bcd")


def _components(estimator):
    return estimator.components_


def _spams_batch(row: Row, case: Signals) -> Job:
    import spams

    options = {
        "D": case.D.T,
        "lambda1": float(row.n_nonzero_coefs),
        "mode": SPAMS_GREEDY,
        "batch": True,
        "iter": row.steps,
        "numThreads": 1,
        "verbose": False,
    }
    return Job(lambda: spams.trainDL(case.X.T, **options), lambda D: D.T, len(case.X))


def _dictlearn_ksvd(row: Row, case: Signals) -> Job:
    from dictlearn import DictionaryLearning

    options = {
        "n_components": row.n_atoms,
        "fit_algorithm": "aksvd",
        "n_nonzero_coefs": row.n_nonzero_coefs,
        "max_iter": row.steps,
        "dict_init": case.D,
        "random_state": 0,
    }
    return Job(lambda: DictionaryLearning(**options).fit(case.X), _components, len(case.X))


KSVD: dict[str, Callable[[Row, Signals], Job]] = {
    "sparsekit": _sparsekit_ksvd,
    "sparsekit-bcd": _sparsekit_bcd,
    "spams": _spams_batch,
    "dictlearn": _dictlearn_ksvd,
}
