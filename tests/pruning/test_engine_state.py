"""What compiled networks keep, say of themselves, and refuse."""

import copy
import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPClassifier

from sparsekit.pruning import CompiledMLP, compile_mlp
from tests.pruning._engine_fuzz import random_weights

SIZES = [40, 60, 30, 4]


@pytest.fixture
def network():
    """Return weights and biases at 90 % zeros."""
    return random_weights(np.random.default_rng(0), SIZES, 0.1)


@pytest.fixture
def rows():
    """Return rows of inputs."""
    return np.random.default_rng(1).standard_normal((70, 40)).astype(np.float32)


def by_pickle(compiled):
    return pickle.loads(pickle.dumps(compiled))


def by_skops(compiled):
    skops = pytest.importorskip("skops.io")
    stored = skops.dumps(compiled)
    return skops.loads(stored, trusted=skops.get_untrusted_types(data=stored))


@pytest.mark.parametrize("round_trip", [by_pickle, by_skops, copy.copy, copy.deepcopy])
@pytest.mark.parametrize("quantize", [None, "float16", "int8"])
def test_copies_give_the_same(round_trip, quantize, network, rows):
    compiled = CompiledMLP.from_weights(
        *network, activation="tanh", quantize=quantize, calibration_data=rows
    )
    expected = [compiled(rows[:1]), compiled(rows), compiled.hidden(rows)]
    kept = round_trip(compiled)
    for found, right in zip([kept(rows[:1]), kept(rows), kept.hidden(rows)], expected, strict=True):
        np.testing.assert_array_equal(found, right)
    assert kept.formats == compiled.formats
    assert (kept.quantize, kept.n_jobs) == (compiled.quantize, compiled.n_jobs)


def test_a_pickle_holds_weights_only(network, rows):
    compiled = CompiledMLP.from_weights(*network)
    before = len(pickle.dumps(compiled))
    compiled(rows[:1]), compiled(rows), compiled(sparse.csr_array(rows))
    assert len(pickle.dumps(compiled)) == before < compiled.n_bytes + 3000


def test_a_calibrated_plan_is_kept(network, rows):
    compiled = CompiledMLP.from_weights(*network).calibrate(rows)
    assert by_pickle(compiled).formats == compiled.formats


def test_it_tells_its_size(network):
    weights, biases = network
    compiled = CompiledMLP.from_weights(weights, biases)
    n_weights = sum(np.count_nonzero(W) for W in weights)
    n_columns = sum(SIZES[1:])
    assert compiled.n_weights == n_weights
    assert compiled.sparsity == pytest.approx(1 - n_weights / sum(W.size for W in weights))
    assert compiled.n_bytes == 6 * n_weights + 4 * n_columns + 4 * (n_columns + 3)
    halves = CompiledMLP.from_weights(weights, biases, quantize="float16")
    assert halves.n_bytes == compiled.n_bytes - 2 * n_weights
    assert (compiled.n_features_in_, compiled.n_outputs_) == (40, 4)
    assert repr(compiled).startswith("CompiledMLP(40-60-30-4, 9")
    dense = CompiledMLP.from_weights([np.ones((3, 2))], [np.zeros(2)])
    assert (dense.n_bytes, dense.sparsity) == (32, 0)


def test_the_users_weights_are_copied(network, rows):
    weights, biases = network
    for given in (weights, [sparse.csc_array(W) for W in weights], [W + 1 for W in weights]):
        kept = [W.copy() for W in given]
        compiled = CompiledMLP.from_weights(given, biases)
        expected = compiled(rows)
        for W, before in zip(given, kept, strict=True):
            assert abs(W - before).max() == 0
            W *= 2
        np.testing.assert_array_equal(by_pickle(compiled)(rows), expected)


def test_half_precision_rounds_the_weights(network, rows):
    weights, biases = network
    rounded = [[a.astype(np.float16) for a in arrays] for arrays in (weights, biases)]
    found = CompiledMLP.from_weights(weights, biases, quantize="float16")(rows)
    np.testing.assert_array_equal(found, CompiledMLP.from_weights(*rounded)(rows))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda W, b: (W[:-1], b), "one entry for each of the layers"),
        (lambda W, b: ([], []), "one entry for each of the layers"),
        (lambda W, b: ([W[0], W[2]], [b[0], b[2]]), r"`coefs\[1\]` must have 60 inputs"),
        (lambda W, b: (W, [b[0][1:], *b[1:]]), r"`intercepts\[0\]` must have shape \(60,\)"),
        (lambda W, b: ([W[0][0], *W[1:]], b), "two axes"),
        (lambda W, b: ([np.ones((0, 60)), *W[1:]], b), "at least 1"),
        (lambda W, b: ([W[0] * 1j, *W[1:]], b), "real numbers"),
        (lambda W, b: ([W[0] * np.nan, *W[1:]], b), r"`coefs\[0\]` has NaN"),
        (lambda W, b: ([*W[:2], W[2].astype(float) * 1e300], b), r"`coefs\[2\]` has NaN"),
        (lambda W, b: (W, [*b[:2], b[2] * np.inf]), r"`intercepts\[2\]` has NaN"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
def test_weights_that_make_no_network_are_refused(change, message, network):
    with pytest.raises(ValueError, match=message):
        CompiledMLP.from_weights(*change(*network))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "gelu"}, "`activation` must be one of"),
        ({"out_activation": "relu"}, "`out_activation` must be one of"),
        ({"quantize": "int4"}, "`quantize` must be one of"),
        ({"quantize": "int8"}, "`calibration_data` is None"),
        ({"quantize": "int8", "calibration_data": np.ones((5, 3))}, r"shape \(batch, 40\)"),
    ],
)
def test_options_that_are_not_known_are_refused(options, message, network):
    with pytest.raises(ValueError, match=message):
        CompiledMLP.from_weights(*network, **options)


@pytest.mark.parametrize(
    "X", [np.ones(40), np.ones((3, 39)), np.ones((2, 2, 40)), sparse.csr_array((3, 41))]
)
def test_inputs_of_another_shape_are_refused(X, network):
    with pytest.raises(ValueError, match=r"`X` must have shape \(batch, 40\)"):
        CompiledMLP.from_weights(*network)(X)


def test_models_that_are_no_network_are_refused():
    with pytest.raises(TypeError, match="fitted multilayer perceptron"):
        compile_mlp(Ridge().fit([[0.0], [1.0]], [0.0, 1.0]))
    with pytest.raises(NotFittedError, match="This MLPClassifier is not fitted"):
        compile_mlp(MLPClassifier())
