"""One tiny row of every kind of the coding benchmarks, in processes as the script starts them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROWS = (
    "omp-64-5-f64",
    "lasso-64-0.15-f64",
    "online-100-f64",
    "ksvd-256-f64",
    "soft-f64",
    "nmf-f64",
    "spca-f64",
    "threads-omp-f64",
)

if not (ROOT / "benchmarks" / "coding.py").exists():
    pytest.skip("the benchmarks are not part of this copy", allow_module_level=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    records, table = folder / "records.json", folder / "table.md"
    command = [sys.executable, "benchmarks/coding.py", "--quick", "--repeat", "1"]
    command += ["--rows", ",".join(ROWS), "--sides", "sparsekit,sparsekit-1,sklearn,copyto"]
    command += ["--json", str(records), "--output", str(table)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(records.read_text()), table.read_text()


@pytest.mark.parametrize("name", ROWS)
def test_every_row_is_measured_and_shown(run, name):
    records, table = run
    side = records[name]["sides"]["sparsekit"]
    assert side.get("quality") or side.get("points")
    assert f"| {name} |" in table


def test_threads_leave_every_bit(run):
    sides = run[0]["threads-omp-f64"]["sides"]
    assert sides["sparsekit"]["bits"] == sides["sparsekit-1"]["bits"]
