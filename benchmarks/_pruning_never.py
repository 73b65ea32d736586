"""Compiled networks beside dense ones, from no sparsity to nearly all."""

from dataclasses import replace

from benchmarks._measure import timed
from benchmarks._pruning_data import load_random
from benchmarks._pruning_inference import RUNNERS
from benchmarks._pruning_rows import LADDER, Row
from benchmarks._rounds import Effort, Task, clock_of


def measure_ladder(task: Task, row: Row, sides: list[str], effort: Effort) -> tuple[dict, str]:
    """Return by side the seconds at each sparsity, and the largest error."""
    row = row.tiny() if effort.tiny else row
    found: dict[str, dict] = {name: {"seconds": {}, "quality": 0.0} for name in sides}
    for sparsity in (0.5, 0.9) if effort.tiny else LADDER:
        rung = replace(row, sparsity=sparsity)
        case, source = load_random(rung)
        jobs = {name: RUNNERS[name](rung, case) for name in sides}
        for name, job in jobs.items():
            found[name]["quality"] = max(found[name]["quality"], job.read(job.run()))
        for _ in range(effort.repeat):
            for name, job in jobs.items():
                spent = timed(job.run, clock_of(row))[0] / row.batch
                kept = found[name]["seconds"]
                kept[str(sparsity)] = min(kept.get(str(sparsity), spent), spent)
    return found, source
