"""Export to ONNX, for runtimes on other machines."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparsekit.pruning._engine._layers import Layer, layer_of
from sparsekit.pruning._network import Network
from sparsekit.pruning._repair._neurons import remove_dead_units

OPSET = 13
NODES = {"logistic": "Sigmoid", "relu": "Relu", "softmax": "Softmax", "tanh": "Tanh", "exp": "Exp"}
FORMS = ("dense", "compact", "sparse")


def to_onnx(layers: Sequence[Layer], activation: str, out_activation: str, form: str) -> Any:
    """Return layers as an ONNX model from "X", (batch, inputs), to "outputs".

    Parameters
    ----------
    layers : sequence of Layer
        Canonical layers.
    activation, out_activation : str
        scikit-learn's names.
    form : {"dense", "compact", "sparse"}
        Whether weights are stored whole, or so without hidden units that do nothing, or as those
        that are not zero with their places.
    """
    try:
        from onnx import TensorProto, checker, helper
    except ImportError as error:
        raise ImportError(
            '`to_onnx` needs onnx. Install it with: pip install "sparsekit[onnx]"'
        ) from error

    if form not in FORMS:
        raise ValueError(f"`form` must be one of {list(FORMS)}; got {form!r}.")
    if form == "compact":
        layers = _without_dead_units(layers, activation, out_activation)
    nodes, whole, thin, name = [], [], [], "X"
    for k, layer in enumerate(layers):
        last = k == len(layers) - 1
        bent = NODES.get(out_activation if last else activation)
        result = "outputs" if last else f"hidden{k}"
        sums = f"sums{k}" if bent else result
        nodes.append(helper.make_node("Gemm", [name, f"weights{k}", f"bias{k}"], [sums]))
        if bent:
            nodes.append(helper.make_node(bent, [sums], [result]))
        stored = thin if form == "sparse" else whole
        stored.append((_thin_weights if form == "sparse" else _whole_weights)(k, layer))
        whole.append(_tensor(f"bias{k}", layer.bias))
        name = result
    ends = [("X", layers[0].n_inputs), ("outputs", layers[-1].n_outputs)]
    start, end = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", width])
        for name, width in ends
    )
    graph = helper.make_graph(
        nodes, "network", [start], [end], initializer=whole, sparse_initializer=thin
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="sparsekit"
    )
    model.ir_version = 8
    checker.check_model(model)
    return model


def _without_dead_units(layers: Sequence[Layer], *activations: str) -> list[Layer]:
    """Return layers of the same function, smaller where hidden units do nothing."""
    weights, biases = [layer.to_dense() for layer in layers], [layer.bias for layer in layers]
    network, _ = remove_dead_units(Network(tuple(weights), tuple(biases), *activations))
    return [layer_of(W, b) for W, b in zip(network.weights, network.biases)]


def _tensor(name: str, array: np.ndarray) -> Any:
    """Return an array as ONNX stores it."""
    from onnx import numpy_helper

    return numpy_helper.from_array(np.ascontiguousarray(array), name)


def _whole_weights(k: int, layer: Layer) -> Any:
    """Return all weights of a layer."""
    return _tensor(f"weights{k}", layer.to_dense())


def _thin_weights(k: int, layer: Layer) -> Any:
    """Return the weights of a layer that are not zero, with their places in the matrix by rows."""
    from onnx import helper

    rows = layer.to_columns().tocsr()
    rows.sort_indices()
    by_row = np.repeat(np.arange(layer.n_inputs, dtype=np.int64), np.diff(rows.indptr))
    places = by_row * layer.n_outputs + rows.indices
    return helper.make_sparse_tensor(
        _tensor(f"weights{k}", rows.data.astype(np.float32)),
        _tensor(f"places{k}", places),
        [layer.n_inputs, layer.n_outputs],
    )
