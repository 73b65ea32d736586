"""One tiny row of every kind of the pruning benchmarks, in processes as the script starts them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TIMED = (
    "random-90-64",
    "threads-random-90-1024",
    "blocks-90-64",
    "removed-80-64",
    "small-dense-1",
    "prune-lenet-90",
    "epoch-lenet",
    "sparse-mlp-lenet-10",
)
ROWS = (*TIMED, "never-small-64", "file-90", "accuracy-digits-90")
SIDES = "sparsekit,sparsekit-1,sparsekit-int8,sparsekit-masked,numpy,sklearn,scipy,onnxruntime-int8"

if not (ROOT / "benchmarks" / "pruning.py").exists():
    pytest.skip("the benchmarks are not part of this copy", allow_module_level=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    records, table = folder / "records.json", folder / "table.md"
    command = [sys.executable, "benchmarks/pruning.py", "--quick", "--repeat", "1"]
    command += ["--rows", ",".join(ROWS), "--sides", SIDES]
    command += ["--json", str(records), "--output", str(table)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(records.read_text()), table.read_text()


@pytest.mark.parametrize("name", TIMED)
def test_every_side_is_timed_and_shown(run, name):
    records, table = run
    assert all(side["best"] > 0 for side in records[name]["sides"].values())
    assert f"| {name} |" in table


@pytest.mark.parametrize("name", ["random-90-64", "threads-random-90-1024", "removed-80-64"])
def test_outputs_in_float32_are_those_of_float64(run, name):
    sides = run[0][name]["sides"]
    exact = {key: side["quality"] for key, side in sides.items() if "int8" not in key}
    assert max(exact.values()) < 1e-5


def test_bytes_stay_near_float64(run):
    sides = run[0]["blocks-90-64"]["sides"]
    assert max(sides[name]["quality"] for name in sides if "int8" in name) < 0.1


def test_ladder_times_both_sides_at_every_sparsity(run):
    records, table = run
    ours, dense = (records["never-small-64"]["sides"][name] for name in ("sparsekit", "numpy"))
    assert ours["seconds"].keys() == dense["seconds"].keys()
    assert "50: " in table


def test_packed_files_are_smaller_than_the_pickle(run):
    sides = run[0]["file-90"]["sides"]
    assert sides["sparsekit-int8"]["bytes"] < sides["sklearn"]["bytes"]
    assert sides["sparsekit"]["bytes"] < sides["sklearn"]["bytes"]


def test_accuracy_is_compared_with_the_dense_network(run):
    sides = run[0]["accuracy-digits-90"]["sides"]
    lost = sides["dense"]["score"] - sides["sparsekit"]["score"]
    assert sides["sparsekit"]["points"] == pytest.approx(lost)
    assert sides["dense"]["score"] > 50.0
