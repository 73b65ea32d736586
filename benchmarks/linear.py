"""Time sparsekit's linear models beside scikit-learn, skglm and celer; print the table of ratios.

    python benchmarks/linear.py                                  every row, about an hour
    python benchmarks/linear.py --rows text100 --repeat 3        one row
    python benchmarks/linear.py --rows text --solvers sparsekit --reuse peers.json
    python benchmarks/linear.py --quick                          tiny problems, to see that it runs

Every solver runs in a process of its own with one thread, and is timed in CPU seconds of that
process, compilation apart. Peers need ``pip install "sparsekit[bench]"``; absent ones are left out.
"""

import argparse
import json
import sys
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

# Where the name in the tables is not the package's.
PACKAGES = dict.fromkeys(("liblinear", "sklearn-gram", "sklearn-grid"), "sklearn")
PACKAGES["sparsekit-grid"] = "sparsekit"
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks._command import choose_rows, printed_records  # noqa: E402
from benchmarks._ladder import cheapest_times  # noqa: E402
from benchmarks._measure import machine, one_thread  # noqa: E402
from benchmarks._report import markdown  # noqa: E402
from benchmarks._rows import ROWS  # noqa: E402


def main(argv: list[str] | None = None) -> int:
    """Run the rows that the command line names and print the table."""
    arguments = _parser().parse_args(argv)
    rows = choose_rows(ROWS, arguments.rows)
    plan = _plan(rows, arguments.solvers)
    results = _reused(arguments.reuse, rows, plan)
    for solver, group in plan * arguments.rounds:
        for record in _run_worker(solver, group, arguments):
            found = results[record["row"]]
            found[solver] = _merged(found.get(solver, {}), record)
        # After each worker, so that a run cut short keeps what it measured.
        if arguments.json:
            arguments.json.write_text(json.dumps(results, indent=1))
    shown = {name: found for name, found in results.items() if found}
    table = markdown(shown, machine(), judged=not arguments.quick)
    print(table)
    if arguments.output:
        arguments.output.write_text(table)
    return int(any("error" in record for found in results.values() for record in found.values()))


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = ", ".join(ROWS)
    parser.add_argument("--rows", help=f"names or beginnings, comma-separated, of {names}")
    parser.add_argument("--solvers", help="only these, comma-separated")
    parser.add_argument("--quick", action="store_true", help="tiny synthetic problems")
    parser.add_argument("--repeat", type=int, default=3, help="timings of each run")
    parser.add_argument("--rounds", type=int, default=1, help="whole runs; the better one counts")
    parser.add_argument("--budget", type=float, default=60.0, help="CPU seconds per solver and row")
    parser.add_argument("--output", type=Path, help="write the markdown table here")
    parser.add_argument("--json", type=Path, help="write all records here")
    parser.add_argument("--reuse", type=Path, help="records of an earlier --json to begin with")
    return parser


def _reused(path, rows, plan):
    """Return earlier records of what is not measured again."""
    held = json.loads(path.read_text()) if path else {}
    again = {(row.name, solver) for solver, group in plan for row in group}
    return {
        row.name: {s: r for s, r in held.get(row.name, {}).items() if (row.name, s) not in again}
        for row in rows
    }


def _plan(rows, solvers):
    """Return solvers and the rows that one process measures: same task, problem and loss."""
    wanted, plan = solvers.split(",") if solvers else None, []
    for _, family in groupby(rows, key=lambda row: (row.task, row.problem, row.loss)):
        group = list(family)
        for solver in wanted or group[0].solvers:
            if solver in group[0].solvers and find_spec(PACKAGES.get(solver, solver)):
                plan.append((solver, group))
    return plan


def _merged(before, after):
    """Keep the better timing of two rounds: a neighbour's load comes and goes."""
    if "error" in after or not before.get("times"):
        return after
    pairs = [(before["times"].get(key), time) for key, time in after["times"].items()]
    best = [min(filter(None, pair), key=lambda time: time["best"]) for pair in pairs]
    return {**after, "times": before["times"] | dict(zip(after["times"], best, strict=True))}


def _run_worker(solver, rows, arguments):
    """Return the last record of each row; what a killed worker had finished still counts."""
    names = ",".join(row.name for row in rows)
    command = [sys.executable, "-m", "benchmarks._worker", solver, names]
    command += ["--repeat", str(arguments.repeat), "--budget", str(arguments.budget)]
    command += ["--tiny"] if arguments.quick else []
    print(f"{solver}: {names}", file=sys.stderr, flush=True)
    records = printed_records(command, one_thread())
    return [_last_record(solver, row.name, records) for row in rows]


def _last_record(solver, name, records):
    """Return the row's result, or what its runs add up to where the worker did not finish."""
    mine = [record for record in records if record["row"] == name]
    if mine and "seconds" not in mine[-1]:
        return mine[-1]
    runs = [record for record in mine if "gap" in record and "probe" not in record]
    if not runs:
        return {
            "row": name,
            "solver": solver,
            "error": "no run ended within the CPU seconds allowed",
        }
    tightest = min(run["gap"] for run in runs)
    times = cheapest_times(runs)
    return {"row": name, "solver": solver, "times": times, "tightest_gap": tightest, "cut": True}


if __name__ == "__main__":
    sys.exit(main())
