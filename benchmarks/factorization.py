"""Time sparsekit's factorisations and kernels beside implicit, cmfrec, MKL, scikit-learn, others.

    python benchmarks/factorization.py                                  every row, an hour or two
    python benchmarks/factorization.py --rows als-gowalla,spmm          two families
    python benchmarks/factorization.py --rows slim --json new.json --reuse old.json
    python benchmarks/factorization.py --quick                          tiny, to see that it runs

All sides of a row run in one process, round by round, and are judged by figures computed here in
float64; memory and quality are measured in processes of their own. Peers need ``pip install
"sparsekit[bench]"``; absent ones are left out.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks._factorization_report import markdown  # noqa: E402
from benchmarks._factorization_rows import ROWS, choose_rows  # noqa: E402
from benchmarks._measure import machine, some_threads  # noqa: E402

VERSIONS = ("sparsekit", "implicit", "cmfrec", "libmf", "scikit-surprise", "myfm")
VERSIONS += ("sparse_dot_mkl", "mkl", "scikit-learn", "numpy", "scipy", "numba")


def main(argv: list[str] | None = None) -> int:
    """Run the rows that the command line names and print the tables."""
    arguments = _parser().parse_args(argv)
    rows = choose_rows(arguments.rows)
    records = json.loads(arguments.reuse.read_text()) if arguments.reuse else {}
    for group in _processes(rows, arguments.quick):
        for record in _run_worker(group, arguments):
            records[record["row"]] = record
        # After each process, so that a run cut short keeps what it measured.
        if arguments.json:
            arguments.json.write_text(json.dumps(records, indent=1))
    table = markdown(records, machine(VERSIONS), judged=not arguments.quick)
    print(table)
    if arguments.output:
        arguments.output.write_text(table)
    missing = [row.name for row in rows if row.name not in records]
    failed = [r["row"] for r in records.values() for s in r["sides"].values() if "error" in s]
    if missing or failed:
        print(f"no record: {missing}; a side failed: {failed}", file=sys.stderr)
    return int(bool(missing or failed))


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    families = ", ".join(dict.fromkeys(name.split("-")[0] for name in ROWS))
    parser.add_argument("--rows", help=f"names or beginnings, comma-separated; {families}")
    parser.add_argument("--sides", help="only these, comma-separated")
    parser.add_argument("--quick", action="store_true", help="tiny synthetic problems")
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


def _sides(rows, wanted):
    """Return the sides that are asked for and whose package is there."""
    names = dict.fromkeys(name for row in rows for name in row.sides)
    allowed = wanted.split(",") if wanted else names
    return [name for name in names if name in allowed and find_spec(name.split("-")[0])]


def _environment(threads):
    """Return the environment of a worker; MKL's wheel lies where its wrapper does not look."""
    environment = some_threads(threads)
    libraries = sorted(Path(sys.prefix, "lib").glob("libmkl_rt.so*"))
    environment |= {"MKL_RT": str(libraries[-1])} if libraries else {}
    # A progress bar of a peer.
    return environment | {"TQDM_DISABLE": "1"}


def _run_worker(rows, arguments):
    """Return the records of some rows; what a killed worker had finished still counts."""
    names = ",".join(row.name for row in rows)
    sides = ",".join(_sides(rows, arguments.sides))
    command = [sys.executable, "-m", "benchmarks._factorization_worker", names, sides]
    command += ["--budget", str(arguments.budget)]
    command += ["--tiny", "--repeat=1"] if arguments.quick else [f"--repeat={arguments.repeat}"]
    print(f"{names}: {sides}", file=sys.stderr, flush=True)
    with tempfile.TemporaryFile("w+") as said:
        environment = _environment(rows[0].threads)
        subprocess.run(command, cwd=ROOT, env=environment, stdout=said)
        said.seek(0)
        # Peers print too, and a killed worker leaves half a line.
        whole = [line for line in said if line.startswith('{"row"') and line.endswith("}\n")]
    return [json.loads(line) for line in whole]


if __name__ == "__main__":
    sys.exit(main())
