"""Who runs a network: ours, NumPy, scikit-learn, ONNX Runtime, SciPy, MKL and torch.

Every side is given the same rows as an array of NumPy's own allocation, and returns the last
layer's sums; its work is written as a user of the package would write it, without needless copies.
"""

from functools import partial

import numpy as np
from scipy import sparse

from benchmarks._pruning_data import Case, Net
from benchmarks._pruning_onnx import make_session
from benchmarks._pruning_rows import Row
from benchmarks._rounds import Job
from benchmarks._tables import OURS


def error_of(out: np.ndarray, exact: np.ndarray) -> float:
    """Return the largest difference over the largest exact value."""
    return float(np.abs(out - exact).max() / np.abs(exact).max())


def _job(row: Row, run, exact: np.ndarray) -> Job:
    return Job(run, partial(error_of, exact=exact), row.batch)


def _compiled(net: Net, case: Case, threads: int, quantize: str | None = None):
    from sparsekit.pruning import CompiledMLP

    data = case.calibration if quantize == "int8" else None
    options = {"quantize": quantize, "calibration_data": data, "n_jobs": threads}
    return CompiledMLP.from_weights(net.weights, net.biases, **options)


def _ours(row, case):
    network = _compiled(case.pruned, case, row.threads)
    return _job(row, lambda: network(case.X), case.exact_pruned)


def _ours_in_one_thread(row, case):
    network = _compiled(case.pruned, case, 1)
    return _job(row, lambda: network(case.X), case.exact_pruned)


def _ours_int8(row, case):
    network = _compiled(case.pruned, case, row.threads, "int8")
    return _job(row, lambda: network(case.X), case.exact_pruned)


def dense_forward(net: Net, X: np.ndarray) -> np.ndarray:
    """Return the last layer's sums by NumPy in float32."""
    A, last = X, len(net.weights) - 1
    for k, (W, b) in enumerate(zip(net.weights, net.biases, strict=True)):
        A = A @ W
        A += b
        if k < last:
            np.maximum(A, 0, out=A)
    return A


def _numpy(row, case):
    return _job(row, lambda: dense_forward(case.dense, case.X), case.exact_dense)


def _numpy_small(row, case):
    return _job(row, lambda: dense_forward(case.pruned, case.X), case.exact_pruned)


def _sklearn(row, case):
    from sklearn.neural_network import MLPRegressor

    net = case.dense
    n_outputs = len(net.biases[-1])
    hidden = [len(b) for b in net.biases[:-1]]
    # Two samples shape it; its weights are then replaced.
    model = MLPRegressor(hidden_layer_sizes=hidden, max_iter=1)
    model.fit(case.calibration[:2], np.zeros((2, n_outputs), dtype=np.float32))
    model.coefs_, model.intercepts_ = net.weights, net.biases
    return _job(row, lambda: model.predict(case.X), case.exact_dense)


def _onnxruntime(row, case):
    session = make_session(case.dense, row.threads)
    return _job(row, lambda: session.run(None, {"X": case.X})[0], case.exact_dense)


def _onnxruntime_int8(row, case):
    session = make_session(case.dense, row.threads, case.calibration)
    return _job(row, lambda: session.run(None, {"X": case.X})[0], case.exact_dense)


def _by_columns(multiply, weights, case: Case):
    """Return what runs sparse (outputs, inputs) matrices on samples in columns, or on one."""
    one, biases = len(case.X) == 1, case.pruned.biases
    biases = biases if one else [b[:, None] for b in biases]
    last = len(weights) - 1

    def run():
        A = case.X[0] if one else np.ascontiguousarray(case.X.T)
        for k, (W, b) in enumerate(zip(weights, biases, strict=True)):
            A = multiply(W, A)
            A += b
            if k < last:
                np.maximum(A, 0, out=A)
        return A[None] if one else A.T

    return run


def _compressed(net: Net):
    return [sparse.csr_matrix(W.T) for W in net.weights]


def _scipy(row, case):
    run = _by_columns(lambda W, A: W @ A, _compressed(case.pruned), case)
    return _job(row, run, case.exact_pruned)


def _mkl(row, case):
    from sparse_dot_mkl import dot_product_mkl

    run = _by_columns(dot_product_mkl, _compressed(case.pruned), case)
    return _job(row, run, case.exact_pruned)


def _torch(row, case):
    import torch

    torch.set_num_threads(row.threads)
    weights = [
        torch.sparse_csr_tensor(*map(torch.from_numpy, (W.indptr, W.indices, W.data)), W.shape)
        for W in _compressed(case.pruned)
    ]
    one, last = len(case.X) == 1, len(weights) - 1
    biases = [torch.from_numpy(b if one else b[:, None]) for b in case.pruned.biases]

    def run():
        with torch.inference_mode():
            A = torch.from_numpy(case.X[0] if one else np.ascontiguousarray(case.X.T))
            for k, (W, b) in enumerate(zip(weights, biases, strict=True)):
                A = W @ A
                A += b
                A = A.relu_() if k < last else A
            return A.numpy()[None] if one else A.numpy().T

    return _job(row, run, case.exact_pruned)


RUNNERS = {
    OURS: _ours,
    "sparsekit-1": _ours_in_one_thread,
    "sparsekit-int8": _ours_int8,
    "numpy": _numpy,
    "numpy-small": _numpy_small,
    "sklearn": _sklearn,
    "onnxruntime": _onnxruntime,
    "onnxruntime-int8": _onnxruntime_int8,
    "scipy": _scipy,
    "sparse_dot_mkl": _mkl,
    "torch": _torch,
}


def _classifier(case: Case):
    from sklearn.neural_network import MLPClassifier

    net = case.dense
    n_outputs = len(net.biases[-1])
    X = np.resize(case.calibration, (n_outputs, case.calibration.shape[1]))
    hidden = [len(b) for b in net.biases[:-1]]
    model = MLPClassifier(hidden_layer_sizes=hidden, max_iter=1)
    model.fit(X, np.arange(n_outputs))
    model.coefs_, model.intercepts_ = net.weights, net.biases
    return model


def _labels_of(row: Row, case: Case, run) -> Job:
    expected = case.exact_dense.argmax(axis=1)
    return Job(run, lambda labels: float(np.mean(labels != expected)), row.batch)


def _sklearn_labels(row, case):
    model = _classifier(case)
    return _labels_of(row, case, lambda: model.predict(case.X))


def _our_labels(row, case):
    from sparsekit.pruning import compile_mlp

    model = _classifier(case)
    network, classes = compile_mlp(model), model.classes_
    return _labels_of(row, case, lambda: classes[network(case.X).argmax(axis=1)])


PREDICTORS = {OURS: _our_labels, "sklearn": _sklearn_labels}


def judge_outputs(row: Row, case: Case, error: float, counts: list[int]) -> dict:
    """Return how far outputs are from those in float64."""
    return {"quality": error}
