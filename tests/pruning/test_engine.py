"""What compiled networks compute: scikit-learn's outputs, in every format and for every batch."""

import os
import platform
import subprocess
import sys
import threading
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.neural_network import MLPClassifier, MLPRegressor

from sparsekit.pruning import CompiledMLP, compile_mlp
from sparsekit.pruning._engine._planner import make_plan
from tests.pruning._engine_fuzz import FORMATS, forward, fuzz, random_weights, with_plan

ACTIVATIONS = ["identity", "logistic", "relu", "tanh"]
EDITIONS = {
    "plain": {"SPARSEKIT_SIMD": "0"},
    "half as wide": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma"},
}
intel = pytest.mark.skipif(
    platform.machine().lower() not in {"x86_64", "amd64"}, reason="names x86 processors"
)


def trained(model, y, n_features=30):
    """Return a network after one epoch in float32, and its weights masked to 20 %."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((len(y), n_features)).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.set_params(max_iter=1, hidden_layer_sizes=(37, 21), random_state=0).fit(X, y)
    for W in model.coefs_:
        W *= 2 * (rng.random(W.shape) < 0.2)
    return model


CLASSES = np.arange(60) % 3
MODELS = {
    "binary": lambda: trained(MLPClassifier(), CLASSES > 0),
    "classes": lambda: trained(MLPClassifier(), CLASSES),
    "labels": lambda: trained(MLPClassifier(), np.eye(3, dtype=int)[CLASSES]),
    "number": lambda: trained(MLPRegressor(), CLASSES.astype(float)),
    "numbers": lambda: trained(MLPRegressor(), np.eye(3)[CLASSES]),
}


def outputs(model, X):
    """Return what scikit-learn's network gives, one column an output."""
    if isinstance(model, MLPRegressor):
        return model.predict(X).reshape(len(X), -1)
    found = model.predict_proba(X)
    return found[:, 1:] if len(getattr(model, "classes_", [])) == 2 else found


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_agrees_with_scikit_learn_for_every_batch(name, activation):
    model = trained(MLPClassifier(activation=activation), CLASSES)
    compiled = with_plan(compile_mlp(model), [(name, name)] * 3)
    assert compiled.formats == [name] * 3
    X = np.random.default_rng(1).standard_normal((130, 30)).astype(np.float32)
    expected = model.predict_proba(X)
    for n in range(1, 131):
        found = compiled(X[-n:])
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected[-n:], rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_every_kind_of_target_agrees_with_scikit_learn(name):
    model = MODELS[name]()
    compiled = compile_mlp(model)
    X = np.random.default_rng(1).standard_normal((50, 30)).astype(np.float32)
    for n in (1, 20, 50):
        np.testing.assert_allclose(compiled(X[:n]), outputs(model, X[:n]), rtol=2e-5, atol=1e-6)


def test_rates_agree_with_scikit_learn():
    model = MLPRegressor()
    if "loss" not in model.get_params():
        pytest.skip("this scikit-learn has no Poisson loss")
    model = trained(model.set_params(loss="poisson"), CLASSES.astype(float))
    X = np.random.default_rng(1).standard_normal((50, 30)).astype(np.float32)
    np.testing.assert_allclose(compile_mlp(model)(X)[:, 0], model.predict(X), rtol=2e-5)


def test_random_networks_agree_with_numpy():
    fuzz(0, 12)


@pytest.mark.parametrize("name", ["plain", pytest.param("half as wide", marks=intel)])
def test_every_edition_of_the_kernels_agrees_with_numpy(name, repository):
    done = subprocess.run(
        [sys.executable, "-c", "from tests.pruning._engine_fuzz import fuzz; fuzz(1, 8)"],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": str(repository), **EDITIONS[name]},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(name != "plain")]


@pytest.fixture
def network():
    """Return weights and biases of 40-70-30-4 at 80 % zeros."""
    return random_weights(np.random.default_rng(3), [40, 70, 30, 4], 0.2)


@pytest.fixture
def rows():
    """Return 70 rows of inputs."""
    return np.random.default_rng(4).standard_normal((70, 40)).astype(np.float32)


def read_only(X):
    """Return a copy that cannot be written to."""
    X = X.copy()
    X.flags.writeable = False
    return X


@pytest.mark.parametrize(
    "convert",
    [
        np.asfortranarray,
        lambda X: np.repeat(X, 2, axis=0)[::2],
        lambda X: X.astype(np.float64),
        lambda X: X.tolist(),
        pd.DataFrame,
        read_only,
        sparse.csr_array,
        sparse.csc_array,
        lambda X: sparse.coo_matrix(X.astype(np.float64)),
    ],
)
def test_inputs_of_any_kind_give_the_same(convert, network, rows):
    compiled = CompiledMLP.from_weights(*network)
    for n in (1, 70):
        kept = rows[:n].copy()
        found = compiled(convert(rows[:n]))
        np.testing.assert_allclose(found, compiled(rows[:n]), rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(rows[:n], kept)


def test_sparse_and_dense_weights_give_the_same_network(network, rows):
    weights, biases = network
    expected = CompiledMLP.from_weights(weights, biases)(rows)
    for convert in (sparse.csr_array, sparse.csc_matrix, sparse.coo_array):
        given = [convert(W.astype(np.float64)) for W in weights]
        np.testing.assert_array_equal(CompiledMLP.from_weights(given, biases)(rows), expected)


def test_the_number_of_threads_changes_no_bit():
    weights, biases = random_weights(np.random.default_rng(0), [20, 50, 50, 3], 0.5)
    X = np.random.default_rng(1).standard_normal((2500, 20)).astype(np.float32)
    for plan in ([("csr", "csr")] * 3, [("dense", "dense")] * 3):
        found = [
            with_plan(CompiledMLP.from_weights(weights, biases, n_jobs=n), plan)(X) for n in (1, 3)
        ]
        np.testing.assert_array_equal(*found)


def test_threads_may_share_a_network(network, rows):
    compiled = CompiledMLP.from_weights(*network)
    expected = [compiled(rows[:1]), compiled(rows)]
    found = [[] for _ in range(4)]

    def call(mine):
        for _ in range(50):
            mine.append((compiled(rows[:1]), compiled(rows)))

    threads = [threading.Thread(target=call, args=(mine,)) for mine in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for mine in found:
        assert len(mine) == 50
        for pair in mine:
            for result, right in zip(pair, expected, strict=True):
                np.testing.assert_array_equal(result, right)


@pytest.mark.parametrize("name", FORMATS)
def test_hidden_gives_the_last_hidden_activations(name, network, rows):
    weights, biases = network
    expected = forward(rows, weights[:-1], biases[:-1], "relu", "identity")
    compiled = with_plan(CompiledMLP.from_weights(weights, biases), [(name, name)] * 3)
    for n in (1, 70):
        found = compiled.hidden(rows[:n])
        np.testing.assert_allclose(found, np.maximum(expected[:n], 0), rtol=1e-5, atol=1e-5)
    single = CompiledMLP.from_weights(weights[:1], biases[:1])
    np.testing.assert_array_equal(single.hidden(rows), rows)


@pytest.mark.parametrize("name", FORMATS)
def test_a_row_of_nan_spoils_no_other(name, network, rows):
    compiled = with_plan(CompiledMLP.from_weights(*network), [(name, name)] * 3)
    for n in (3, 70):
        spoilt = rows[:n].copy()
        spoilt[1] = np.nan
        others = np.arange(n) != 1
        np.testing.assert_array_equal(compiled(spoilt)[others], compiled(rows[:n])[others])


@pytest.mark.parametrize("name", FORMATS)
def test_no_rows_give_no_rows(name, network):
    compiled = with_plan(CompiledMLP.from_weights(*network), [(name, name)] * 3)
    for X in (np.empty((0, 40)), sparse.csr_array((0, 40))):
        assert compiled(X).shape == (0, 4)


def test_inputs_beyond_two_bytes_are_told_apart():
    n_inputs = 70_000
    rng = np.random.default_rng(0)
    dense = rng.random((n_inputs, 8), np.float32) * (rng.random((n_inputs, 8)) < 0.001)
    weights = sparse.csc_array(dense)
    bias = np.zeros(8)
    dense = rng.random((40, n_inputs), np.float32) * (rng.random((40, n_inputs)) < 0.01)
    X = sparse.csr_array(dense)
    expected = (X @ weights).toarray()
    compiled = CompiledMLP.from_weights([weights], [bias])
    assert compiled.layers[0].indices.dtype == np.int32
    for name in ("csr", "1x4", "4x4", "1x16", "input-major"):
        with_plan(compiled, [(name, name)])
        for n in (1, 40):
            for given in (X[:n], X[:n].toarray()):
                np.testing.assert_allclose(compiled(given), expected[:n], rtol=1e-5, atol=1e-5)


def test_models_around_a_network_are_compiled():
    model = MODELS["classes"]()
    X = np.random.default_rng(1).standard_normal((5, 30)).astype(np.float32)
    expected = compile_mlp(model)(X)
    np.testing.assert_array_equal(compile_mlp(FrozenEstimator(model))(X), expected)


def test_the_planner_tells_structures_apart():
    rng = np.random.default_rng(0)

    def plan(block, density, activation="identity"):
        mask = rng.random((512 // block[0], 512 // block[1])) < density
        W = np.kron(mask, np.ones(block)) * rng.standard_normal((512, 512))
        compiled = CompiledMLP.from_weights([W], [np.zeros(512)], activation=activation)
        assert make_plan(compiled.layers, activation) == compiled._runner.plan
        return compiled._runner.plan[0]

    assert plan((1, 1), 1.0) == ("dense", "dense")
    assert plan((1, 1), 0.1) == ("csr", "csr")
    assert plan((1, 4), 0.1) == ("csr", "1x4")
    assert plan((4, 4), 0.1) == ("4x4", "4x4")
    assert plan((1, 16), 0.1)[0] == "1x16"


def test_calibration_measures_and_keeps_the_results(network, rows):
    weights, biases = network
    compiled = CompiledMLP.from_weights(weights, biases)
    expected = compiled(rows)
    for X in (None, rows, sparse.csr_array(rows)):
        assert compiled.calibrate(X) is compiled
        assert all(set(name.split("+")) <= set(FORMATS) for name in compiled.formats)
        np.testing.assert_allclose(compiled(rows), expected, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="at least one row"):
        compiled.calibrate(rows[:0])


def test_what_kernels_read_begins_with_a_cache_line(network, rows):
    for name in FORMATS:
        compiled = with_plan(CompiledMLP.from_weights(*network), [(name, name)] * 3)
        for n in (1, 70):
            compiled(rows[:n])
        for part in compiled._runner.made.values():
            packed = getattr(part, "packed", None)
            held = [part.weights] if packed is None else [*vars(packed).values()]
            held += getattr(part, "workspace", ())
            arrays = [a for a in held if isinstance(a, np.ndarray) and a is not held[0]]
            assert all(a.ctypes.data % 64 == 0 for a in arrays)
