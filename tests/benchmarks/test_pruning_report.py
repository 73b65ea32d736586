"""The pruning benchmarks: how networks are made, and what the tables say of them."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]

if not (ROOT / "benchmarks" / "_pruning_report.py").exists():
    pytest.skip("the benchmarks are not part of this copy", allow_module_level=True)


@pytest.fixture(scope="module")
def load():
    sys.path.insert(0, str(ROOT))
    try:
        yield lambda name: importlib.import_module(f"benchmarks.{name}")
    finally:
        sys.path.remove(str(ROOT))


@pytest.fixture(scope="module")
def data(load):
    return load("_pruning_data")


@pytest.fixture(scope="module")
def report(load):
    return load("_pruning_report")


@pytest.fixture(scope="module")
def rows(load):
    return load("_pruning_rows").ROWS


def timed(seconds, quality=1e-7, n_signals=1):
    return {"best": seconds, "median": seconds, "quality": quality, "n_signals": n_signals}


def test_exact_outputs_are_those_of_a_plain_loop(data):
    net = data.random_net((5, 4, 3, 2), 0.3)
    X = np.random.default_rng(0).standard_normal((6, 5), dtype=np.float32)
    for x, out in zip(X, net.exact(X), strict=True):
        units = x
        for k, (W, b) in enumerate(zip(net.weights, net.biases, strict=True)):
            sums = [float(b[j]) for j in range(len(b))]
            for (i, j), weight in np.ndenumerate(W):
                sums[j] += float(units[i]) * float(weight)
            units = [max(value, 0.0) for value in sums] if k < 2 else sums
        np.testing.assert_allclose(out, units, rtol=1e-12)


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.9])
def test_random_networks_are_as_sparse_as_asked(data, sparsity):
    net = data.random_net((300, 200, 10), sparsity)
    zeros = np.mean(np.concatenate([W.ravel() for W in net.weights]) == 0)
    assert zeros == pytest.approx(sparsity, abs=0.02)


def test_blocks_are_gone_as_a_whole(data):
    W = data.random_net((40, 30), 0.8, side=4).weights[0]
    for i in range(0, 40, 4):
        for j in range(0, 30, 4):
            block = W[i : i + 4, j : j + 4]
            assert not block.any() or block.all()


def test_labels_of_both_files_of_incomes_are_the_same(data):
    split = data.load_split("a9a")
    assert set(split.y) == set(split.y_test) == {0, 1}
    assert split.X.shape[1] == split.X_test.shape[1]


def test_dense_forward_is_the_exact_one(data, load):
    inference, net = load("_pruning_inference"), data.random_net((20, 16, 10), 0.5)
    X = np.random.default_rng(0).standard_normal((7, 20), dtype=np.float32)
    assert inference.error_of(inference.dense_forward(net, X), net.exact(X)) < 1e-6


def test_verdict_names_goals_and_wrong_results(report, rows):
    row = rows["random-90-1"]
    sides = {"sparsekit": timed(1.0), "numpy": timed(5.0), "scipy": timed(0.5)}
    assert report.verdicts(row, sides) == [
        "met over numpy: 5.00 (goal 4.5)",
        "MISSED over scipy: 0.50 (goal 1)",
    ]
    wrong = report.verdicts(row, {"sparsekit": timed(1.0, quality=0.1)})
    assert wrong == ["sparsekit is WRONG by 1e-01"]
    failed = {"sparsekit": timed(1.0), "numpy": {"error": "no"}}
    assert report.verdicts(row, failed) == ["numpy: no ratio"]


def test_verdict_of_a_ladder_is_that_of_its_worst_step(report, rows):
    sides = {
        "sparsekit": {"seconds": {"0.0": 2.0, "0.9": 1.0}, "quality": 0.0},
        "numpy": {"seconds": {"0.0": 1.8, "0.9": 2.0}, "quality": 0.0},
    }
    words = report.verdicts(rows["never-wide-1"], sides)
    assert words == ["MISSED over numpy: 0.90 (goal 0.95) at 0 %"]


def test_verdict_of_accuracy_allows_so_many_points(report, rows):
    sides = {
        "dense": {"scores": [98.0], "score": 98.0, "points": 0.0},
        "sparsekit": {"scores": [97.5], "score": 97.5, "points": 0.5, "seconds": 1.0},
        "sparsekit-cubic-16": {"scores": [97.9], "score": 97.9, "points": 0.1, "seconds": 9.0},
    }
    assert report.verdicts(rows["accuracy-mnist-90"], sides) == [
        "met by sparsekit: 0.50 points (goal 0.6)",
        "MISSED by sparsekit-cubic-16: 0.10 points (goal 0)",
    ]


def test_verdict_of_files_compares_bytes(report, rows):
    sides = {
        "sparsekit": {"bytes": 100, "quality": 97.0},
        "sparsekit-int8": {"bytes": 50, "quality": 97.0},
        "sklearn": {"bytes": 2400, "quality": 98.0},
    }
    assert report.verdicts(rows["file-90"], sides) == [
        "met over sklearn in bytes: 24.00 (goal 20)",
        "MISSED over sklearn in bytes by sparsekit-int8: 48.00 (goal 50)",
    ]


def test_every_goal_is_between_sides_that_are_measured(rows):
    for row in rows.values():
        for goal in row.goals:
            assert {goal.peer, goal.ours} <= {"dense", *row.sides}


def test_every_side_of_every_row_is_known(load, rows):
    tasks, accuracy = load("_pruning_tasks").TASKS, load("_pruning_accuracy")
    for row in rows.values():
        known = tasks[row.task].sides or (accuracy.SIDES if row.task == "accuracy" else row.sides)
        assert set(row.sides) <= set(known)
