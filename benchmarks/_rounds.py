"""Kinds of measurement: the same work by every side, ways down to a goal, fresh processes.

All sides of a row run in one process, one after another, round by round, so that a neighbour's load
on the machine meets all of them. What they made is judged once, untimed.
"""

import math
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks._measure import best_and_median, timed

# Given a clock and the seconds it may take, yields effort, seconds and what was learnt by then.
Curve = Callable[[Callable, float], Iterator[tuple[int, float, object]]]


@dataclass(frozen=True)
class Effort:
    """How much to spend: tiny problems, rounds, seconds after which a side is not run again."""

    tiny: bool = False
    repeat: int = 5
    budget: float = 60.0


@dataclass(frozen=True)
class Job:
    """What one side does.

    Parameters
    ----------
    run : callable
        What is timed, without arguments.
    read : callable
        Turns what `run` returned into what the judge reads; not timed.
    n_signals : int
        How many signals or values it works on.
    """

    run: Callable
    read: Callable = lambda output: output
    n_signals: int = 0


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
        learnt)``, a dict with "objective".
    """

    measure: Callable
    load: Callable = None
    sides: dict[str, Callable] = None
    judge: Callable = None


def run_row(tasks: dict[str, Task], row: Any, sides: list[str], effort: Effort) -> dict:
    """Return the record of a row: data, and for each side its seconds and quality."""
    with warnings.catch_warnings():
        # Few iterations and empty rows are the point here; the judge says what came of them.
        warnings.simplefilter("ignore")
        task = tasks[row.task]
        found, source = task.measure(task, row, sides, effort)
    return {"row": row.name, "data": source, "sides": found}


def same_work(task: Task, row: Any, sides: list[str], effort: Effort) -> tuple[dict, str]:
    """Time one call of every side, round by round."""
    row = row.tiny() if effort.tiny else row
    found = _after_a_tiny_run(task, row, sides)
    case, source = task.load(row, effort.tiny)
    jobs: dict[str, Job] = {}
    for name in sides:
        if name not in found:
            with _noted(found, name):
                jobs[name] = task.sides[name](row, case)
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(effort.repeat):
        for name, job in jobs.items():
            if "error" in found.get(name, {}) or sum(seconds[name]) > effort.budget:
                continue
            with _noted(found, name):
                spent, output = timed(job.run, clock_of(row))
                if name not in found:
                    counts = {j.n_signals for j in jobs.values() if j.n_signals <= job.n_signals}
                    found[name] = task.judge(row, case, job.read(output), sorted(counts))
                    found[name]["n_signals"] = job.n_signals
                seconds[name].append(spent)
            output = None
    for name in jobs:
        if seconds[name] and "error" not in found[name]:
            best, median = best_and_median(seconds[name])
            found[name] |= {"best": best, "median": median, "rounds": len(seconds[name])}
    return found, source


def way_down(task: Task, row: Any, sides: list[str], effort: Effort) -> tuple[dict, str]:
    """Time every side's way down: seconds and figures after some steps, round by round."""
    row = row.tiny() if effort.tiny else row
    found = _after_a_tiny_run(task, row, sides)
    case, source = task.load(row, effort.tiny)
    seconds: dict[str, dict[int, list[float]]] = {name: {} for name in sides}
    figures: dict[str, dict[int, dict]] = {name: {} for name in sides}
    for _ in range(effort.repeat):
        for name in sides:
            if name in found or sum(map(sum, seconds[name].values())) > effort.budget:
                continue
            with _noted(found, name):
                for count, spent, learnt in task.sides[name](row, case)(
                    clock_of(row), effort.budget
                ):
                    seconds[name].setdefault(count, []).append(spent)
                    if count not in figures[name]:
                        figures[name][count] = task.judge(row, case, learnt)
    for name in sides:
        if name not in found:
            found[name] = {"points": _points(seconds[name], figures[name])}
    return found, source


def in_processes(measure: Callable[[str, bool], dict], source: str = "") -> Task:
    """Return the task whose sides ``measure(name, tiny)`` describes, one after another."""

    def each(task: Task, row: Any, sides: list[str], effort: Effort) -> tuple[dict, str]:
        found: dict[str, dict] = {}
        for name in sides:
            with _noted(found, name):
                found[name] = measure(name, effort.tiny)
        return found, source

    return Task(each)


def clock_of(row: Any) -> Callable[[], float]:
    """Return the clock of a row: the wall's where it has more than one thread."""
    return time.perf_counter if row.threads > 1 else time.process_time


def ladder(last: int, first: int = 5) -> list[int]:
    """Return efforts up to `last`, each about the square root of two times the one before."""
    efforts = [last]
    while efforts[-1] > first:
        efforts.append(min(round(efforts[-1] / math.sqrt(2.0)), efforts[-1] - 1))
    return efforts[::-1]


def fresh_fits(fit: Callable, efforts: list[int]) -> Curve:
    """Return the curve of ``fit(effort)``, one run from the beginning per effort."""

    def curve(clock, limit):
        for effort in efforts:
            seconds, learnt = timed(lambda effort=effort: fit(effort), clock)
            yield effort, seconds, learnt
            if seconds > limit:
                return

    return curve


@contextmanager
def _noted(found: dict[str, dict], name: str) -> Iterator[None]:
    """Note a side's failure, so that it does not hide the others' figures."""
    try:
        yield
    except Exception as error:
        found[name] = {"error": f"{type(error).__name__}: {error}"}


def _after_a_tiny_run(task: Task, row: Any, sides: list[str]) -> dict[str, dict]:
    """Have each side compile what it needs, on a tiny problem; return those that failed."""
    found: dict[str, dict] = {}
    tiny = row.tiny()
    case = task.load(tiny, True)[0]
    for name in sides:
        with _noted(found, name):
            work = task.sides[name](tiny, case)
            if callable(work):
                list(work(clock_of(row), 60.0))
            else:
                work.run()
    return found


def _points(seconds, figures):
    """Return effort, seconds and figures, by rising effort."""
    points = []
    for effort in sorted(figures):
        best, median = best_and_median(seconds[effort])
        point = {"effort": effort, "best": best, "median": median}
        points.append(point | {"rounds": len(seconds[effort])} | figures[effort])
    return points
