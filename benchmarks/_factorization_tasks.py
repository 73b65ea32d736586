"""The kinds of measurement of factors; each is judged by ``_factorization_quality.py``."""

from collections.abc import Callable
from functools import partial

from benchmarks import _factorization_columns as columns
from benchmarks import _factorization_products as products
from benchmarks import _factorization_quality as quality
from benchmarks._factorization_alone import measure_alone
from benchmarks._factorization_data import load_case
from benchmarks._factorization_ratings import RATERS, SAMPLERS, predicted
from benchmarks._factorization_rows import Row
from benchmarks._factorization_start import DATA, KINDS
from benchmarks._factorization_svd import run_svd_row, svd_rows
from benchmarks._factorization_sweeps import CONFIDENCE, SWEEPERS
from benchmarks._first_calls import first_calls
from benchmarks._rounds import Effort, Task, in_processes, same_work, way_down


def _alone(task: Task, row: Row, sides: list[str], effort: Effort) -> tuple[dict, str]:
    """Measure every side in a process of its own."""
    # What is not in the cache is made here: it would leave traces in a process's memory.
    source = load_case(row, effort.tiny)[1]
    each = in_processes(partial(measure_alone, row), source)
    return each.measure(each, row, sides, effort)


def _first_calls(side, tiny):
    kinds = {"implicit factorisation": KINDS["implicit factorisation"]} if tiny else KINDS
    return {"start": first_calls(kinds, DATA, side)}


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
    "als": Task(way_down, load_case, SWEEPERS, _judge_sweeps),
    "ratings": Task(way_down, load_case, RATERS, _judge_ratings),
    "gibbs": Task(way_down, load_case, SAMPLERS, _judge_draws),
    "bpr": Task(way_down, load_case, columns.PAIRWISE, columns.judge_bpr),
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
    "start": in_processes(_first_calls),
}
