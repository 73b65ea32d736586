"""Networks of bytes: exact integers in every edition, bounds of their errors, bad input."""

import copy
import os
import pickle
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from sparsekit._simd import BYTE_LANES
from sparsekit.pruning import CompiledMLP, compile_mlp
from sparsekit.pruning._engine import _int8
from sparsekit.pruning._engine._int8 import Int8Runner
from sparsekit.pruning._engine._int8_bounds import error_bounds
from sparsekit.pruning._engine._int8_kernels import BLOCKS, KIND, LINES, TILE_ROWS
from sparsekit.pruning._engine._layers import Layer, layer_of
from sparsekit.pruning._engine._quantize import weights_as_bytes, weights_from_bytes
from tests.pruning._int8_fuzz import BATCHES, make_layers

ACTIVATIONS = ["identity", "logistic", "relu", "tanh"]
VECTOR_FILES = {"_bytes.py", "_emit.py"}
EDITIONS = {
    "by hand": ({}, ACTIVATIONS),
    "plain": ({"SPARSEKIT_SIMD": "0"}, ["relu", "tanh"]),
    "half as wide": (
        {
            "NUMBA_CPU_NAME": "haswell",
            "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma,+avx512vl,+avx512vnni",
        },
        ["relu"],
    ),
}


def processor_multiplies_bytes():
    """Return whether this processor has what the half as wide edition is compiled to."""
    try:
        return "avx512_vnni" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


half = pytest.param(
    "half as wide",
    marks=pytest.mark.skipif(
        platform.machine().lower() not in {"x86_64", "amd64"} or not processor_multiplies_bytes(),
        reason="needs an x86 processor with AVX-512 VNNI",
    ),
)


@pytest.mark.skipif(os.name != "posix", reason="needs pages that can be closed")
@pytest.mark.parametrize("name", ["by hand", "plain", half])
def test_every_edition_computes_the_integers_of_numpy_within_its_arrays(name, repository):
    environment, activations = EDITIONS[name]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"from tests.pruning._int8_fuzz import fuzz; fuzz({activations}, {BATCHES})",
        ],
        cwd=repository,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(repository), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    *reached, by_hand, lanes = done.stdout.split()
    files = VECTOR_FILES if by_hand == "True" else {"_bytes_plain.py"}
    # Kernels of the two editions differ in the files that their cache knows them by.
    assert {Path(file).name for file in reached} & (VECTOR_FILES | {"_bytes_plain.py"}) == files
    assert by_hand == "False" or name != "plain"
    assert name != "half as wide" or (by_hand, lanes) == ("True", "8")


def run(runner, X, n_layers=None):
    """Return what a runner makes of X."""
    n_layers = n_layers or len(runner.layers)
    out = np.full((X.shape[0], runner.widths[n_layers]), np.nan, dtype=np.float32)
    runner.run(X, out, n_layers)
    return out


def real_outputs(layers, activation, X):
    """Return what a network makes of X, in double precision."""
    bend = {
        "identity": lambda Z: Z,
        "logistic": lambda Z: 1 / (1 + np.exp(-Z)),
        "relu": lambda Z: np.maximum(Z, 0),
        "tanh": np.tanh,
    }[activation]
    A = X.astype(np.float64)
    for layer in layers[:-1]:
        A = bend(A @ layer.to_dense().astype(np.float64) + layer.bias)
    return A @ layers[-1].to_dense().astype(np.float64) + layers[-1].bias


@pytest.fixture
def layers(rng):
    return make_layers((50, 40, 30, 3), 0.4, (4, 4), rng)


@pytest.fixture
def X(rng):
    return rng.standard_normal((150, 50)).astype(np.float32)


# Errors


@pytest.mark.parametrize("reach", [1, 3])
@pytest.mark.parametrize("unit", [(4, 4), (1, 1)])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_errors_stay_within_their_bounds(activation, unit, reach, rng):
    """Inputs beyond the calibration data (reach 3) are cut off, and the bounds know it."""
    layers = make_layers((60, 30, 20, 4), 0.3, unit, rng)
    X = rng.standard_normal((200, 60)).astype(np.float32)
    runner = Int8Runner.calibrated(layers, activation, X)
    errors = np.abs(run(runner, reach * X) - real_outputs(layers, activation, reach * X))
    bounds = error_bounds(layers, runner, reach * X)
    assert (errors <= bounds).all()


def test_the_bound_of_one_layer_is_reached_nearly():
    """Two inputs half a step off their grid, in the direction of their weights."""
    layers = [layer_of(np.array([[1.0], [-1.0]]), np.zeros(1))]
    runner = Int8Runner.calibrated(layers, "relu", np.array([[0, 0], [255, 255]], dtype=np.float32))
    X = np.array([[100.499, 100.501]], dtype=np.float32)
    error = np.abs(run(runner, X) - real_outputs(layers, "relu", X))[0, 0]
    assert 0.9 < error < error_bounds(layers, runner, X)[0, 0]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_errors_are_a_few_percent_of_what_outputs_vary(activation, layers, X):
    real = real_outputs(layers, activation, X)
    errors = run(Int8Runner.calibrated(layers, activation, X), X) - real
    assert np.sqrt(np.mean(errors**2)) < 0.05 * real.std()


def test_a_digit_classifier_keeps_its_accuracy():
    X, y = load_digits(return_X_y=True)
    X = X.astype(np.float32) / 16
    mlp = MLPClassifier((64, 32), max_iter=60, random_state=0, tol=10, n_iter_no_change=25)
    mlp.fit(X[:1000], y[:1000])
    small = compile_mlp(mlp, quantize="int8", calibration_data=X[:1000])
    found = mlp.classes_[small(X[1000:]).argmax(axis=1)]
    assert np.mean(found == y[1000:]) > mlp.score(X[1000:], y[1000:]) - 0.01


def test_grids_without_errors_give_exact_results(rng):
    """Whole numbers up to 255 by whole weights up to 127 are bytes already."""
    W = rng.integers(-127, 128, (30, 6)).astype(np.float32)
    W[0] = 127
    layers = [layer_of(W, rng.integers(-500, 500, 6))]
    X = rng.integers(0, 256, (70, 30)).astype(np.float32)
    X[0, 0], X[1, 0] = 0, 255
    runner = Int8Runner.calibrated(layers, "relu", X)
    np.testing.assert_allclose(run(runner, X), real_outputs(layers, "relu", X), rtol=1e-5, atol=0.1)


# What must not matter


def test_hidden_activations_are_multiples_of_their_step(layers, X):
    runner = Int8Runner.calibrated(layers, "relu", X)
    hidden = run(runner, X, 2)
    step = runner.layers[1].outputs.step
    q = hidden / np.float32(step)
    np.testing.assert_allclose(q, np.rint(q), atol=1e-4)
    assert hidden.min() == 0 and np.rint(q).max() <= 255


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_row_does_not_depend_on_its_batch(activation, layers, X):
    runner = Int8Runner.calibrated(layers, activation, X)
    every = run(runner, X)
    for first, last in [(0, 1), (3, 20), (7, 7 + TILE_ROWS), (149, 150)]:
        np.testing.assert_array_equal(run(runner, X[first:last]), every[first:last])


def test_sparse_rows_give_the_same_bits(layers, X):
    X = np.where(X > 0.8, X, 0)
    runner = Int8Runner.calibrated(layers, "relu", X)
    ready = sparse.csr_array(X)
    twice = sparse.csr_array(
        (np.repeat(ready.data / 2, 2), np.repeat(ready.indices, 2), 2 * ready.indptr),
        shape=X.shape,
    )
    for rows in ready, twice:
        np.testing.assert_array_equal(run(runner, rows), run(runner, X))
    assert twice.nnz == 2 * ready.nnz


def test_blocks_and_lists_give_the_same_bits(layers, X, monkeypatch):
    found, formats = [], []
    for cost in 0, np.inf:
        monkeypatch.setattr(_int8, "TILE_WAYS", {4: 4.0, 1: cost})
        runner = Int8Runner.calibrated(layers, "relu", X)
        found.append(run(runner, X))
        formats.append(set(runner.formats))
    assert formats == [{"int8 4x1"}, {"int8 4x4"}]
    np.testing.assert_array_equal(*found)


def test_blocks_and_lines_give_the_same_bits(layers, X, monkeypatch):
    found, kinds = [], []
    for cost in 0, np.inf:
        monkeypatch.setattr(_int8, "ROW_WAYS", {4: 1.0, BYTE_LANES: cost})
        runner = Int8Runner.calibrated(layers, "relu", X)
        found.append([run(runner, X[i : i + 1]) for i in range(20)])
        kinds.append(set(runner.row_program.layers[:, KIND]))
    assert kinds == [{LINES}, {BLOCKS}]
    np.testing.assert_array_equal(*found)


def test_blocks_are_chosen_for_blocks_and_lists_for_single_weights(rng, X):
    for unit, name in [((4, 4), "int8 4x4"), ((4, 1), "int8 4x1"), ((1, 1), "int8 4x1")]:
        layers = make_layers((100, 64), 0.1, unit, rng)
        runner = Int8Runner.calibrated(layers, "relu", rng.random((20, 100)))
        assert runner.formats == [name]


def test_many_calls_of_the_kernel_give_the_same_bits(layers, X, monkeypatch):
    every = run(Int8Runner.calibrated(layers, "relu", X), X)
    monkeypatch.setattr(_int8, "MOST_PRODUCTS", 1)
    runner = Int8Runner.calibrated(layers, "relu", X)
    assert runner.rows_at_once == TILE_ROWS < len(X)
    np.testing.assert_array_equal(run(runner, X), every)


def test_state_restores_the_same_bits(layers, X):
    runner = Int8Runner.calibrated(layers, "tanh", X)
    again = Int8Runner.from_state(layers, "tanh", runner.state())
    np.testing.assert_array_equal(run(again, X), run(runner, X))


def test_bytes_in_place_of_weights_restore_the_same_bits(layers, X):
    runner, restored = Int8Runner.calibrated(layers, "relu", X), []
    for layer, small in zip(layers, runner.layers):
        q = weights_as_bytes(layer, small.steps)
        assert q.dtype == np.int8 and q.shape == layer.values.shape
        values = weights_from_bytes(q, layer.indptr, small.steps)
        restored.append(Layer(layer.n_inputs, layer.bias, values, layer.indices, layer.indptr))
    again = Int8Runner.from_state(restored, "relu", runner.state())
    np.testing.assert_array_equal(run(again, X), run(runner, X))


# Odd networks


def test_sums_of_very_many_inputs_do_not_wrap_around(rng):
    """70000 products of 127 by 255 are more than 31 bits hold."""
    layers = [layer_of(np.ones((70_000, 2)), np.zeros(2))]
    X = np.ones((3, 70_000), dtype=np.float32)
    X[1] = 0
    found = run(Int8Runner.calibrated(layers, "relu", X), X)
    np.testing.assert_allclose(found, real_outputs(layers, "relu", X), rtol=0.01)


def test_outputs_far_beyond_the_calibration_data_stay_at_the_end(rng):
    """A hidden unit that was nearly dead in calibration meets inputs that are large."""
    layers = [layer_of(np.full((8, 4), 1e6), np.zeros(4)), layer_of(np.ones((4, 1)), np.zeros(1))]
    data = np.full((10, 8), 1e-12, dtype=np.float32)
    data[0, 0] = 1.0
    runner = Int8Runner.calibrated(layers, "relu", np.concatenate([np.zeros((9, 8)), data[1:]]))
    low, high = run(runner, np.array([[0.0] * 8, [1e6] * 8], dtype=np.float32))[:, 0]
    assert low == 0 and high > 0


def test_a_large_bias_keeps_its_value():
    layers = [layer_of(np.full((3, 2), 1e-9), np.array([1e6, -1e6]))]
    X = np.ones((4, 3), dtype=np.float32)
    found = run(Int8Runner.calibrated(layers, "relu", X), X)
    np.testing.assert_allclose(found, np.tile([1e6, -1e6], (4, 1)), rtol=1e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_network_without_weights_returns_its_biases(activation, X):
    layers = [layer_of(np.zeros((50, 7)), np.zeros(7)), layer_of(np.zeros((7, 3)), np.arange(3))]
    found = run(Int8Runner.calibrated(layers, activation, X), X)
    np.testing.assert_allclose(found, np.tile(np.arange(3), (len(X), 1)), rtol=1e-6)


def test_data_that_never_vary_are_fit_to_calibrate_on(layers):
    for X in np.zeros((5, 50), dtype=np.float32), np.full((5, 50), 3, dtype=np.float32):
        real = real_outputs(layers, "relu", X)
        found = run(Int8Runner.calibrated(layers, "relu", X), X)
        np.testing.assert_allclose(found, real, atol=0.05 * np.abs(real).max())


# A compiled network


def compiled(layers, X, **options):
    """Return a compiled network of bytes."""
    return CompiledMLP.from_weights(
        [layer.to_columns() for layer in layers],
        [layer.bias for layer in layers],
        quantize="int8",
        calibration_data=X,
        **options,
    )


def test_a_compiled_network_runs_as_bytes(layers, X):
    network = compiled(layers, X)
    runner = Int8Runner.calibrated(layers, "relu", X)
    np.testing.assert_array_equal(network(X), run(runner, X))
    np.testing.assert_array_equal(network(sparse.csr_array(X)), run(runner, X))
    np.testing.assert_array_equal(network.hidden(X), run(runner, X, 2))
    assert network.formats == runner.formats


def test_threads_do_not_change_a_bit(layers, rng):
    X = rng.standard_normal((3000, 50)).astype(np.float32)
    one, three = (compiled(layers, X, n_jobs=n)(X) for n in (None, 3))
    np.testing.assert_array_equal(one, three)


def test_copies_and_pickles_run_as_bytes(layers, X):
    network = compiled(layers, X, activation="tanh")
    for again in copy.deepcopy(network), pickle.loads(pickle.dumps(network)):
        np.testing.assert_array_equal(again(X), network(X))


def test_without_calibration_data_it_is_refused(layers):
    with pytest.raises(ValueError, match="calibration_data"):
        compiled(layers, None)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_calibration_data_that_are_not_numbers_are_refused(value, layers, X):
    X[3, 4] = value
    for data in X, sparse.csr_array(X):
        with pytest.raises(ValueError, match="`calibration_data` has NaN"):
            Int8Runner.calibrated(layers, "relu", data)


def test_no_calibration_data_are_refused(layers, X):
    with pytest.raises(ValueError, match="at least one row"):
        Int8Runner.calibrated(layers, "relu", X[:0])
