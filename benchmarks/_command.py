"""The command line of a benchmark whose rows each compare several sides, and of its worker.

A benchmark is a table of rows, by name. A row has a `name`, `sides` and a number of `threads`; what
else it has is between the benchmark and its tasks. Every row is measured in a process of its own,
the *worker*, which prints a record: ``{"row": name, "data": source, "sides": {side: figures}}``.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks._measure import machine, some_threads
from benchmarks._rounds import Effort

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Benchmark:
    """What a command line measures.

    Parameters
    ----------
    rows : dict of str to row
        By name; a name up to its first dash is a family.
    worker : str
        Module that calls `run_worker`.
    markdown : callable
        ``markdown(records, machine, judged=...)`` returns the tables of all records.
    versions : tuple of str
        Packages whose versions are shown.
    packages : dict of str to str
        Of a side, the package without which it is left out, where that is not its name up to the
        first dash.
    environment : callable
        From a number of threads to the environment of a worker.
    """

    rows: dict[str, Any]
    worker: str
    markdown: Callable[..., str]
    versions: tuple[str, ...]
    packages: dict[str, str] = field(default_factory=dict)
    environment: Callable[[int], dict[str, str]] = some_threads


def run_benchmark(benchmark: Benchmark, description: str, argv: list[str] | None = None) -> int:
    """Measure the rows that the command line names, and print the tables.

    Returns the exit status: 1 if a row has no record or a side of it failed.
    """
    arguments = _parser(benchmark, description).parse_args(argv)
    rows = choose_rows(benchmark.rows, arguments.rows)
    records = json.loads(arguments.reuse.read_text()) if arguments.reuse else {}
    for group in _processes(rows, arguments.quick):
        for record in _records_of_rows(benchmark, group, arguments):
            records[record["row"]] = record
        # After each process, so that a run cut short keeps what it measured.
        if arguments.json:
            arguments.json.write_text(json.dumps(records, indent=1))
    table = benchmark.markdown(records, machine(benchmark.versions), judged=not arguments.quick)
    print(table)
    if arguments.output:
        arguments.output.write_text(table)
    missing = [row.name for row in rows if row.name not in records]
    failed = [r["row"] for r in records.values() for s in r["sides"].values() if "error" in s]
    if missing or failed:
        print(f"no record: {missing}; a side failed: {failed}", file=sys.stderr)
    return int(bool(missing or failed))


def run_worker(rows: dict[str, Any], run_row: Callable[[Any, list[str], Effort], dict]) -> None:
    """Measure what the command line names, and print one record per row.

    ``run_row(row, sides, effort)`` returns the record.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("rows")
    parser.add_argument("sides")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--budget", type=float, default=60.0)
    arguments = parser.parse_args()
    effort = Effort(arguments.tiny, arguments.repeat, arguments.budget)
    wanted = set(arguments.sides.split(","))
    for name in arguments.rows.split(","):
        row = rows[name]
        record = run_row(row, [side for side in row.sides if side in wanted], effort)
        print(json.dumps(record), flush=True)


def choose_rows(rows: dict[str, Any], words: str | None) -> list[Any]:
    """Return the rows whose names are given or begin with one of the comma-separated words."""
    if not words:
        return list(rows.values())
    chosen: list[Any] = []
    for word in words.split(","):
        matches = [row for row in rows.values() if row.name == word]
        matches = matches or [row for row in rows.values() if row.name.startswith(word)]
        if not matches:
            raise ValueError(f"No row is called {word!r}; rows are {', '.join(rows)}.")
        chosen += [row for row in matches if row not in chosen]
    return chosen


def printed_records(command: Iterable[str], environment: dict[str, str]) -> list[dict]:
    """Return the records that a process prints; what a killed one had finished still counts."""
    with tempfile.TemporaryFile("w+") as said:
        subprocess.run(list(command), cwd=ROOT, env=environment, stdout=said)
        said.seek(0)
        # Peers print too, and a killed worker leaves half a line.
        whole = [line for line in said if line.startswith('{"row"') and line.endswith("}\n")]
    return [json.loads(line) for line in whole]


def _parser(benchmark, description):
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    families = ", ".join(dict.fromkeys(name.split("-")[0] for name in benchmark.rows))
    parser.add_argument("--rows", help=f"names or beginnings, comma-separated; {families}")
    parser.add_argument("--sides", help="only these, comma-separated")
    parser.add_argument("--quick", action="store_true", help="tiny synthetic problems, one round")
    parser.add_argument("--repeat", type=int, default=5, help="rounds in which each side runs once")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds per side and row")
    parser.add_argument("--output", type=Path, help="write the markdown tables here")
    parser.add_argument("--json", type=Path, help="write all records here")
    parser.add_argument("--reuse", type=Path, help="records of an earlier --json to begin with")
    return parser


def _processes(rows, quick):
    """Return the rows of each process: one, or, where only running matters, many."""
    if not quick:
        return [[row] for row in rows]
    return [list(group) for _, group in groupby(rows, key=lambda row: row.threads)]


def _sides(benchmark, rows, wanted):
    """Return the sides that are asked for and whose package is there."""
    names = dict.fromkeys(name for row in rows for name in row.sides)
    allowed = wanted.split(",") if wanted else names
    packages = {name: benchmark.packages.get(name, name.split("-")[0]) for name in names}
    return [name for name in names if name in allowed and find_spec(packages[name])]


def _records_of_rows(benchmark, rows, arguments):
    names = ",".join(row.name for row in rows)
    sides = ",".join(_sides(benchmark, rows, arguments.sides))
    command = [sys.executable, "-m", benchmark.worker, names, sides]
    command += ["--budget", str(arguments.budget)]
    command += ["--tiny", "--repeat=1"] if arguments.quick else [f"--repeat={arguments.repeat}"]
    print(f"{names}: {sides}", file=sys.stderr, flush=True)
    return printed_records(command, benchmark.environment(rows[0].threads))
