"""Networks as ONNX Runtime runs them: in float32, and in bytes with scales found beforehand."""

import logging
import tempfile
from pathlib import Path

import numpy as np

from benchmarks._pruning_data import Net

OPSET = 17


def make_session(net: Net, threads: int, calibration: np.ndarray | None = None):
    """Return an inference session from "X"; in bytes where rows are given to find scales on."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    model = make_model(net)
    if calibration is not None:
        model = in_bytes(model, calibration)
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def make_model(net: Net):
    """Return a network as an ONNX model of products, sums and ReLUs."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, tensors, source = [], [], "X"
    for k, (W, b) in enumerate(zip(net.weights, net.biases, strict=True)):
        last = k == len(net.weights) - 1
        target = "Y" if last else f"sums{k}"
        tensors += [numpy_helper.from_array(W, f"W{k}"), numpy_helper.from_array(b, f"b{k}")]
        nodes.append(helper.make_node("Gemm", [source, f"W{k}", f"b{k}"], [target], f"gemm{k}"))
        source = target if last else f"units{k}"
        if not last:
            nodes.append(helper.make_node("Relu", [target], [source], f"relu{k}"))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, n])
        for name, n in (("X", len(net.weights[0])), ("Y", len(net.biases[-1])))
    ]
    graph = helper.make_graph(nodes, "mlp", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def in_bytes(model, calibration: np.ndarray):
    """Return a model quantised statically, as ONNX Runtime's guide advises for x86 with VNNI."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class Rows(CalibrationDataReader):
        def __init__(self):
            self.rows = iter([{"X": calibration}])

        def get_next(self):
            return next(self.rows, None)

    # It advises to fold constants first; there are none here.
    logging.getLogger().setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "float.onnx"), Path(folder, "bytes.onnx")
        onnx.save(model, before)
        quantize_static(
            before,
            after,
            Rows(),
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=False,
        )
        return onnx.load(after)
