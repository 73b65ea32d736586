"""The kinds of measurement: the same work by every side, and the time a side needs to a goal.

All sides of a row run in one process, one after another, round by round, so that a neighbour's
load on the machine meets all of them. Each is judged by ``_coding_quality.py``, once, untimed.
"""

import hashlib
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from benchmarks import _coding_quality as quality
from benchmarks._coding_data import load_signals, load_text, load_values, load_wide_patches
from benchmarks._coding_encoders import ENCODERS, SHRINKERS
from benchmarks._coding_factors import NMF_SIDES, SPCA_SIDES
from benchmarks._coding_rows import Row
from benchmarks._coding_start import first_calls
from benchmarks._coding_trainers import KSVD, LEARNERS
from benchmarks._measure import best_and_median, timed

# So many of the values of a shrinkage are compared with the formula.
N_COMPARED = 1_000_000
# The optimality of so many lasso codes is certified.
N_CERTIFIED = 1000


@dataclass(frozen=True)
class Effort:
    """How much to spend: tiny problems, rounds, seconds after which a side is not run again."""

    tiny: bool = False
    repeat: int = 5
    budget: float = 60.0


@dataclass(frozen=True)
class Task:
    """One kind of row.

    Parameters
    ----------
    measure : callable
        ``measure(task, row, sides, effort)`` returns the record of every side, and the source.
    load : callable
        ``load(row, tiny)`` returns the data and where they are from.
    sides : dict of str to callable
        ``sides[name](row, case)`` returns a Job or a Curve.
    judge : callable
        Of Jobs: ``judge(row, case, output, counts)``, a dict; of Curves: ``judge(row, case,
        learnt)``, the objective.
    """

    measure: Callable
    load: Callable = None
    sides: dict[str, Callable] = None
    judge: Callable = None


def run_row(row: Row, sides: list[str], effort: Effort) -> dict:
    """Return the record of a row: data, and for each side its seconds and quality."""
    with warnings.catch_warnings():
        # Few iterations and zero signals are the point here; the judge says what came of them.
        warnings.simplefilter("ignore")
        task = TASKS[row.task]
        found, source = task.measure(task, row, sides, effort)
    return {"row": row.name, "data": source, "sides": found}


def _clock(row):
    return time.perf_counter if row.threads > 1 else time.process_time


def _described(error):
    return {"error": f"{type(error).__name__}: {error}"}


def _prepared(task, row, sides, case, found):
    """Return what each side will do, after it has compiled what it needs on a tiny problem."""
    ready, tiny = {}, row.tiny()
    tiny_case = task.load(tiny, True)[0]
    for name in sides:
        try:
            _exhaust(task.sides[name](tiny, tiny_case), _clock(row))
            ready[name] = task.sides[name](row, case)
        except Exception as error:  # one side's failure must not hide the others' figures
            found[name] = _described(error)
    return ready


def _exhaust(work, clock):
    return list(work(clock, 60.0)) if callable(work) else work.run()


def same_work(task: Task, row: Row, sides: list[str], effort: Effort) -> tuple[dict, str]:
    """Time one call of every side, round by round."""
    row = row.tiny() if effort.tiny else row
    case, source = task.load(row, effort.tiny)
    found: dict[str, dict] = {}
    jobs = _prepared(task, row, sides, case, found)
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(effort.repeat):
        for name, job in jobs.items():
            if "error" in found.get(name, {}) or sum(seconds[name]) > effort.budget:
                continue
            try:
                spent, output = timed(job.run, _clock(row))
                if name not in found:
                    counts = {j.n_signals for j in jobs.values() if j.n_signals <= job.n_signals}
                    found[name] = task.judge(row, case, job.read(output), sorted(counts))
                    found[name]["n_signals"] = job.n_signals
            except Exception as error:
                found[name] = _described(error)
                continue
            del output
            seconds[name].append(spent)
    for name in jobs:
        if seconds[name]:
            best, median = best_and_median(seconds[name])
            found[name] |= {"best": best, "median": median, "rounds": len(seconds[name])}
    return found, source


def time_to_goal(task: Task, row: Row, sides: list[str], effort: Effort) -> tuple[dict, str]:
    """Time every side's way down: seconds and objective after some steps, round by round."""
    row = row.tiny() if effort.tiny else row
    case, source = task.load(row, effort.tiny)
    found: dict[str, dict] = {}
    curves = _prepared(task, row, sides, case, found)
    seconds: dict[str, dict[int, list[float]]] = {name: {} for name in curves}
    values: dict[str, dict[int, float]] = {name: {} for name in curves}
    for _ in range(effort.repeat):
        for name, curve in curves.items():
            if name in found or sum(map(sum, seconds[name].values())) > effort.budget:
                continue
            try:
                for count, spent, learnt in curve(_clock(row), effort.budget):
                    seconds[name].setdefault(count, []).append(spent)
                    if count not in values[name]:
                        values[name][count] = task.judge(row, case, learnt)
            except Exception as error:
                found[name] = _described(error)
    for name in curves:
        if name not in found:
            found[name] = {"points": _points(seconds[name], values[name])}
    return found, source


def _points(seconds, values):
    """Return effort, seconds and objective, by rising effort."""
    points = []
    for effort in sorted(values):
        best, median = best_and_median(seconds[effort])
        point = {"effort": effort, "best": best, "median": median}
        points.append({**point, "rounds": len(seconds[effort]), "objective": values[effort]})
    return points


def processes(task: Task, row: Row, sides: list[str], effort: Effort) -> tuple[dict, str]:
    """Time what fresh processes pay."""
    found = {}
    for name in sides:
        try:
            found[name] = {"start": first_calls(name, effort.tiny)}
        except Exception as error:
            found[name] = _described(error)
    return found, "500 x 16"


def _judge_codes(row, case, codes, counts):
    """Return residual or objective on the first signals, as many as any two sides have coded."""
    by_count = {}
    for count in counts:
        X, head = case.X[:count], codes[:count]
        if row.algorithm == "lasso":
            by_count[str(count)] = quality.lasso_objective(X, head, case.D, row.alpha)
        else:
            by_count[str(count)] = quality.relative_residual(X, head, case.D)
    used = (codes != 0).sum(axis=1)
    record = {"quality": by_count, "mean_atoms": float(used.mean()), "most_atoms": int(used.max())}
    if row.algorithm == "lasso":
        count = min(N_CERTIFIED, codes.shape[0])
        X, head = case.X[:count], codes[:count]
        record["gap"] = quality.lasso_gap(X, head, case.D, row.alpha)
    return record | ({"bits": _digest(codes)} if row.threads > 1 else {})


def _digest(codes):
    """Return a digest of every bit of some codes."""
    parts = (codes.data, codes.indices, codes.indptr) if sparse.issparse(codes) else (codes,)
    digest = hashlib.sha256()
    for part in parts:
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def _judge_dictionary(row, case, D, counts):
    residual = quality.pursuit_residual(case.X, D, row.n_nonzero_coefs)
    return {"quality": {str(len(case.X)): residual}}


def _judge_shrunk(row, x, output, counts):
    """Return the largest distance to the formula; copies hand over nothing to compare."""
    if output is None:
        return {}
    expected = quality.shrunk(x[:N_COMPARED], row.algorithm, row.alpha)
    return {"quality": {str(x.size): float(np.abs(output[:N_COMPARED] - expected).max())}}


def _judge_learnt(row, case, D):
    return quality.held_out_objective(case.held_out, D, row.alpha)


def _judge_factors(row, case, factors):
    return quality.nmf_objective(case.X, *factors, alpha=row.alpha)


def _judge_components(row, case, components):
    return quality.sparse_pca_objective(case.X, components, row.alpha)


def _sourced(load):
    """Return a loader that gives the source beside the case."""

    def both(row, tiny):
        case = load(row, tiny)
        return case, case.source

    return both


def _values(row, tiny):
    return load_values(row), f"{row.n_signals:,} standard normal numbers, threshold {row.alpha:g}"


TASKS: dict[str, Task] = {
    "encode": Task(same_work, _sourced(load_signals), ENCODERS, _judge_codes),
    "ksvd": Task(same_work, _sourced(load_signals), KSVD, _judge_dictionary),
    "shrink": Task(same_work, _values, SHRINKERS, _judge_shrunk),
    "learn": Task(time_to_goal, _sourced(load_signals), LEARNERS, _judge_learnt),
    "nmf": Task(time_to_goal, _sourced(load_text), NMF_SIDES, _judge_factors),
    "spca": Task(time_to_goal, _sourced(load_wide_patches), SPCA_SIDES, _judge_components),
    "start": Task(processes),
}
