"""One solver on some rows, in a process of its own; prints one JSON record per line."""

import argparse
import json

from benchmarks._rows import ROWS
from benchmarks._tasks import Effort, run_task

try:
    import resource
except ImportError:  # Windows
    resource = None


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("solver")
    parser.add_argument("rows")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--budget", type=float, default=60.0)
    arguments = parser.parse_args()
    effort = Effort(arguments.tiny, arguments.repeat, arguments.budget)
    rows = [ROWS[name] for name in arguments.rows.split(",")]
    _limit_cpu(60.0 + 3.0 * effort.budget * sum(row.patience for row in rows))
    for row in rows:
        _measure(row, arguments.solver, effort)


def _limit_cpu(seconds):
    """Have the system end this process: a solver's loop in C heeds no budget."""
    if resource is not None:
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), hard))


def _measure(row, solver, effort):
    label = {"row": row.name, "solver": solver}
    try:
        for record in run_task(row, solver, effort):
            print(json.dumps(label | record), flush=True)
    except Exception as error:  # one solver's failure must not hide the others' figures
        failure = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(label | failure), flush=True)


if __name__ == "__main__":
    main()
