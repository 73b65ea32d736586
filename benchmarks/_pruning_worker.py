"""Some rows in one process; prints one JSON record per row."""

from functools import partial

from benchmarks._command import run_worker
from benchmarks._pruning_rows import ROWS
from benchmarks._pruning_tasks import TASKS
from benchmarks._rounds import run_row

if __name__ == "__main__":
    run_worker(ROWS, partial(run_row, TASKS))
