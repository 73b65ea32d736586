"""The kinds of measurement: training curves, single calls, memory, quality, fresh processes.

All sides of a row run in one process, one after another, round by round, so that a neighbour's
load on the machine meets all of them. Each is judged by ``_factorization_quality.py``, untimed.
"""

import time
import warnings
from collections.abc import Callable

from benchmarks import _factorization_columns as columns
from benchmarks import _factorization_products as products
from benchmarks import _factorization_quality as quality
from benchmarks._coding_tasks import Effort, Task, same_work
from benchmarks._factorization_alone import measure_alone
from benchmarks._factorization_data import load_case
from benchmarks._factorization_ratings import RATERS, SAMPLERS, predicted
from benchmarks._factorization_rows import Row
from benchmarks._factorization_start import first_calls
from benchmarks._factorization_svd import run_svd_row, svd_rows
from benchmarks._factorization_sweeps import CONFIDENCE, SWEEPERS
from benchmarks._measure import best_and_median


def run_row(row: Row, sides: list[str], effort: Effort) -> dict:
    """Return the record of a row: data, and for each side its seconds and quality."""
    with warnings.catch_warnings():
        # Few sweeps are the point here; the judge says what came of them.
        warnings.simplefilter("ignore")
        task = TASKS[row.task]
        found, source = task.measure(task, row, sides, effort)
    return {"row": row.name, "data": source, "sides": found}


def training(task: Task, row: Row, sides: list[str], effort: Effort) -> tuple[dict, str]:
    """Time every side's way down: seconds and figures after some sweeps, round by round."""
    row = row.tiny() if effort.tiny else row
    clock = time.perf_counter if row.threads > 1 else time.process_time
    found: dict[str, dict] = {}
    tiny, tiny_case = row.tiny(), load_case(row.tiny(), True)[0]
    for name in sides:
        try:
            # Compiles.
            list(task.sides[name](tiny, tiny_case)(clock, 60.0))
        except Exception as error:  # one side's failure must not hide the others' figures
            found[name] = _described(error)
    case, source = task.load(row, effort.tiny)
    seconds: dict[str, dict[int, list[float]]] = {name: {} for name in sides}
    figures: dict[str, dict[int, dict]] = {name: {} for name in sides}
    for _ in range(effort.repeat):
        for name in sides:
            if name in found or sum(map(sum, seconds[name].values())) > effort.budget:
                continue
            try:
                for count, spent, learnt in task.sides[name](row, case)(clock, effort.budget):
                    seconds[name].setdefault(count, []).append(spent)
                    if count not in figures[name]:
                        figures[name][count] = task.judge(row, case, learnt)
            except Exception as error:
                found[name] = _described(error)
    for name in sides:
        if name not in found:
            found[name] = {"points": _points(seconds[name], figures[name])}
    return found, source


def _points(seconds, figures):
    """Return sweeps, seconds and figures, by rising sweeps."""
    points = []
    for effort in sorted(figures):
        best, median = best_and_median(seconds[effort])
        point = {"effort": effort, "best": best, "median": median}
        points.append(point | {"rounds": len(seconds[effort])} | figures[effort])
    return points


def _described(error):
    return {"error": f"{type(error).__name__}: {error}"}


def _alone(task: Task, row: Row, sides: list[str], effort: Effort) -> tuple[dict, str]:
    """Measure every side in a process of its own."""
    # What is not in the cache is made here: it would leave traces in a process's memory.
    source = load_case(row, effort.tiny)[1]
    found = {}
    for name in sides:
        try:
            found[name] = measure_alone(row, name, effort.tiny)
        except Exception as error:
            found[name] = _described(error)
    return found, source


def _processes(task: Task, row: Row, sides: list[str], effort: Effort) -> tuple[dict, str]:
    """Time what fresh processes pay."""
    found = {}
    for name in sides:
        try:
            found[name] = {"start": first_calls(name, effort.tiny)}
        except Exception as error:
            found[name] = _described(error)
    return found, ""


def _svd(task: Task, row: Row, sides: list[str], effort: Effort) -> tuple[dict, str]:
    """Time truncated decompositions, by all the sides that they have."""
    record = run_svd_row(svd_rows()[row.name], effort.repeat, effort.budget, effort.tiny)
    return record["sides"], record["data"]


def _judge_sweeps(row, case, factors):
    objective = quality.implicit_objective(case.X, *factors, CONFIDENCE, row.alpha)
    bits = {"bits": quality.digest(factors)} if row.threads > 1 else {}
    return {"objective": objective} | bits


def _judge_ratings(row, case, learnt):
    bits = {"bits": quality.digest(learnt[:4])} if row.threads > 1 else {}
    return {"objective": quality.rmse(case.held_out, predicted(case, learnt))} | bits


def _judge_draws(row, case, predict):
    return {"objective": quality.rmse(case.held_out, predict())}


def _work(sides: dict[str, Callable], judge: Callable) -> Task:
    return Task(same_work, load_case, sides, judge)


TASKS: dict[str, Task] = {
    "als": Task(training, load_case, SWEEPERS, _judge_sweeps),
    "ratings": Task(training, load_case, RATERS, _judge_ratings),
    "gibbs": Task(training, load_case, SAMPLERS, _judge_draws),
    "bpr": Task(training, load_case, columns.PAIRWISE, columns.judge_bpr),
    "slim": _work(columns.SLIMS, columns.judge_slim),
    "ease": _work(columns.EASES, columns.judge_ease),
    "spmm": _work(products.MULTIPLIERS, products.judge_product),
    "spmm-transposed": _work(products.MULTIPLIERS, products.judge_product),
    "sddmm": _work(products.MULTIPLIERS, products.judge_product),
    "spmv": _work(products.MULTIPLIERS, products.judge_product),
    "csc": _work(products.MULTIPLIERS, products.judge_product),
    "gram": _work(products.MULTIPLIERS, products.judge_product),
    "top": _work(products.TOPS, products.judge_top),
    "recommend": _work(products.RECOMMENDERS, products.judge_recommendations),
    "memory": Task(_alone),
    "quality": Task(_alone),
    "svd": Task(_svd),
    "start": Task(_processes),
}
