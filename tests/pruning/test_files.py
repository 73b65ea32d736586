"""Packed files and ONNX: the same network again, in as few bytes as its weights need."""

import io
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neural_network import MLPClassifier

from sparsekit.pruning import CompiledMLP, Lamp, Weights
from sparsekit.pruning._engine._packed import gaps_of, places_of
from sparsekit.pruning._masks import build_masks
from sparsekit.pruning._network import Network

ACTIVATIONS = ["relu", "tanh", "logistic", "identity"]
OUTPUTS = ["softmax", "logistic", "identity", "exp"]


def make_network(density=0.1, activation="relu", out="softmax", quantize=None, sizes=(40, 30, 7)):
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal(s).astype(np.float32) / 5 for s in zip(sizes, sizes[1:])]
    weights = [W * (rng.random(W.shape) < density) for W in weights]
    biases = [rng.standard_normal(n).astype(np.float32) for n in sizes[1:]]
    X = rng.standard_normal((200, sizes[0])).astype(np.float32)
    network = CompiledMLP.from_weights(
        weights,
        biases,
        activation=activation,
        out_activation=out,
        quantize=quantize,
        calibration_data=X,
    )
    return network, X


def by_file(network):
    file = io.BytesIO()
    network.save(file)
    file.seek(0)
    return CompiledMLP.load(file), len(file.getvalue())


@pytest.mark.parametrize("quantize", [None, "float16", "int8"])
@pytest.mark.parametrize("density", [0.0, 0.02, 0.3, 1.0])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_file_brings_the_same_network_back(quantize, density, activation):
    network, X = make_network(density, activation, quantize=quantize)
    again, _ = by_file(network)
    assert np.array_equal(again(X), network(X))
    # A weight may round to the byte zero.
    assert again.n_weights <= network.n_weights
    assert again.quantize == quantize
    twice, _ = by_file(again)
    assert np.array_equal(twice(X), network(X))


def test_wide_layers_keep_their_places():
    network, X = make_network(0.002, sizes=(70_000, 3, 2))
    again, _ = by_file(network)
    assert np.array_equal(again(X[:5]), network(X[:5]))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 5000), min_size=0, max_size=200))
def test_gaps_are_undone(places):
    places = np.unique(np.array(places, dtype=np.int64))
    assert np.array_equal(places_of(gaps_of(places)), places)


def test_paths_of_all_kinds(tmp_path):
    network, X = make_network()
    for path in (tmp_path / "network.npz", str(tmp_path / "network"), tmp_path / "network.mlp"):
        network.save(path)
        assert np.array_equal(CompiledMLP.load(path)(X), network(X))


def test_a_file_holds_no_pickles(tmp_path):
    network, _ = make_network()
    network.save(tmp_path / "network.npz")
    with np.load(tmp_path / "network.npz", allow_pickle=False) as archive:
        assert all(archive[name].dtype != object for name in archive)


def test_what_is_no_packed_network_is_refused(tmp_path):
    for content in (b"", b"not an archive", pickle.dumps([1])):
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(ValueError, match="is not a packed network"):
            CompiledMLP.load(tmp_path / "file")
    np.savez(tmp_path / "other.npz", X=np.zeros(3))
    with pytest.raises(ValueError, match="that this version of sparsekit reads"):
        CompiledMLP.load(tmp_path / "other.npz")
    np.savez(tmp_path / "later.npz", version=np.array(99))
    with pytest.raises(ValueError, match="that this version of sparsekit reads"):
        CompiledMLP.load(tmp_path / "later.npz")
    network, _ = make_network()
    network.save(tmp_path / "whole.npz")
    with np.load(tmp_path / "whole.npz") as archive:
        arrays = dict(archive)
    for name in ("n_layers", "activation", "layer0_shape", "layer1_values", "layer0_bias"):
        np.savez(tmp_path / "part.npz", **{key: arrays[key] for key in arrays if key != name})
        with pytest.raises(ValueError, match="is a damaged network"):
            CompiledMLP.load(tmp_path / "part.npz")
        short = arrays | {name: arrays[name][:1] if arrays[name].ndim else np.array("?")}
        np.savez(tmp_path / "short.npz", **short)
        with pytest.raises(ValueError, match="is a damaged network|must be one of"):
            CompiledMLP.load(tmp_path / "short.npz")
    with pytest.raises(FileNotFoundError):
        CompiledMLP.load(tmp_path / "missing.npz")


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("quantize, times", [(None, 20), ("int8", 50)])
def test_nine_in_ten_weights_less_make_a_much_smaller_file(quantize, times):
    # The shape of LeNet-300-100, in float32 as its pickle is smallest.
    rng = np.random.default_rng(0)
    X = rng.random((200, 784), dtype=np.float32)
    dense = MLPClassifier((300, 100), max_iter=1, random_state=0).fit(X, np.arange(200) % 10)
    network = Network(tuple(dense.coefs_), tuple(dense.intercepts_), "relu", "softmax")
    masks = build_masks(Lamp().score(network, None, None), Weights(), "global", 0.9)
    compiled = CompiledMLP.from_weights(
        network.masked(masks).weights,
        network.biases,
        out_activation="softmax",
        quantize=quantize,
        calibration_data=X,
    )
    _, n_bytes = by_file(compiled)
    assert len(pickle.dumps(dense)) > times * n_bytes


@pytest.mark.parametrize("form", ["dense", "compact", "sparse"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("out", OUTPUTS)
def test_onnx_runtimes_compute_the_same(form, activation, out):
    pytest.importorskip("onnx", reason="onnx is not installed (extra onnx)")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    network, X = make_network(0.05, activation, out)
    session = runtime.InferenceSession(network.to_onnx(form=form).SerializeToString())
    (found,) = session.run(None, {"X": X})
    np.testing.assert_allclose(found, network(X), rtol=2e-5, atol=2e-6)


def test_onnx_forms_differ_in_size():
    pytest.importorskip("onnx", reason="onnx is not installed (extra onnx)")
    network, _ = make_network(0.02, sizes=(200, 100, 7))
    sizes = [
        len(network.to_onnx(form=form).SerializeToString())
        for form in ("dense", "compact", "sparse")
    ]
    assert sizes[0] > sizes[1] > sizes[2]
    with pytest.raises(ValueError, match="`form` must be one of"):
        network.to_onnx(form="short")


def test_onnx_is_asked_for_by_its_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "onnx", None)
    network, _ = make_network()
    with pytest.raises(ImportError, match=r"sparsekit\[onnx\]"):
        network.to_onnx()
