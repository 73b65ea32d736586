"""What pruning cost and what it brought, measured."""

import io
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsekit._parallel import single_blas_thread
from sparsekit.pruning._engine import CompiledMLP
from sparsekit.pruning._network import Network, read_network

BATCHES = (1, 64, 1024)
# Sparsities at which the compiled network is timed against the dense one.
TRIED = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
# From how many times the dense network's speed on a sparsity pays.
PAYS = 1.05
ROUNDS, LEAST_SECONDS = 5, 0.005


@dataclass(frozen=True)
class Facts:
    """What is known after a fit without the clock.

    Parameters
    ----------
    dense_shapes : list of (int, int)
        Inputs and outputs of the dense network's layers.
    bytes_pickle : int
        Of the pickle of the dense scikit-learn network.
    score_dense, score_pruned : float
        Accuracy or R2; the second of the compiled network.
    n_judged : int
        Samples behind the scores.
    held_out : bool
        Whether these were held out of the fit.
    input_density : float
        Share of the inputs that are not zero.
    activation_sparsity : list of float
        Share of zeros among the activations of each hidden layer of the pruned network.
    """

    dense_shapes: list[tuple[int, int]]
    bytes_pickle: int
    score_dense: float
    score_pruned: float
    n_judged: int
    held_out: bool
    input_density: float
    activation_sparsity: list[float]


@dataclass(frozen=True)
class PruningReport:
    """Sizes, operations, scores and times of a network before and after pruning.

    `print` shows all of it; `to_frame` gives the layers as a data frame.

    Parameters
    ----------
    layers : list of dict
        Of each layer: "shape", (inputs, outputs) as compiled, "n_weights" (not zero), "sparsity"
        (share of the dense network's weights that are gone), "format" (what a batch of one, and
        what large batches run), "n_bytes" (in memory, without what kernels derive from it).
    bytes_pickle, bytes_packed : int
        Of the pickle of the dense scikit-learn network, and of the packed file.
    flops_dense, flops_pruned : int
        Multiplications and additions for one sample.
    score_dense, score_pruned : float
        Accuracy or R2 on `n_judged` samples.
    n_judged : int
        Samples behind the scores.
    held_out : bool
        Whether these were held out of the fit, as ``sparsity="auto"`` does; else they are some of
        those it was fitted to.
    activation_sparsity : list of float
        Share of zeros among the activations of each hidden layer.
    milliseconds : dict
        By batch: "scikit-learn" (`predict`), "dense" (float32 by BLAS) and "compiled", each the
        best of some rounds, with as many threads as the pruner has for "compiled" and one for
        "dense".
    break_even : dict
        By batch: the least sparsity tried from which on a network of these shapes, with weights
        removed at random, compiled is at least 1.05 times as fast as dense; None if there is none.
    """

    layers: list[dict[str, Any]]
    bytes_pickle: int
    bytes_packed: int
    flops_dense: int
    flops_pruned: int
    score_dense: float
    score_pruned: float
    n_judged: int
    held_out: bool
    activation_sparsity: list[float]
    milliseconds: dict[int, dict[str, float]]
    break_even: dict[int, float | None]

    def to_frame(self) -> Any:
        """Return the layers as a pandas DataFrame, one row each.

        Returns
        -------
        frame : pandas.DataFrame
            With the columns of `layers`.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        import pandas

        return pandas.DataFrame(self.layers).rename_axis("layer")

    def __str__(self) -> str:
        return "\n".join([*self._layer_lines(), "", *self._total_lines(), "", *self._time_lines()])

    def _layer_lines(self) -> list[str]:
        lines = ["layer        shape   weights  sparsity       bytes  format"]
        for k, layer in enumerate(self.layers):
            shape = "{} x {}".format(*layer["shape"])
            lines.append(
                f"{k:>5} {shape:>12} {layer['n_weights']:>9,} {layer['sparsity']:>9.1%} "
                f"{layer['n_bytes']:>11,}  {layer['format']}"
            )
        return lines

    def _total_lines(self) -> list[str]:
        zeros = ", ".join(f"{share:.0%}" for share in self.activation_sparsity)
        return [
            f"score     {self.score_dense:.4f} dense, {self.score_pruned:.4f} pruned "
            f"({self.n_judged:,} {'held-out' if self.held_out else 'training'} samples)",
            f"bytes     {self.bytes_pickle:,} pickled dense, {self.bytes_packed:,} packed "
            f"({self.bytes_pickle / self.bytes_packed:.1f} times smaller)",
            f"flops     {self.flops_dense:,} dense, {self.flops_pruned:,} pruned, for one sample",
            f"activations that are zero, by hidden layer: {zeros or 'none'}",
        ]

    def _time_lines(self) -> list[str]:
        lines = ["batch  scikit-learn     dense  compiled   (ms)    gain  pays from sparsity"]
        for batch, found in self.milliseconds.items():
            pays = self.break_even[batch]
            lines.append(
                f"{batch:>5} {found['scikit-learn']:>13.3f} {found['dense']:>9.3f} "
                f"{found['compiled']:>9.3f} {found['dense'] / found['compiled']:>12.1f}x  "
                f"{'none tried' if pays is None else f'{pays:.0%}'}"
            )
        return lines


def measure_facts(outcome: Any, compiled: CompiledMLP) -> Facts:
    """Return what a fit found that needs no clock."""
    judge, pruned = outcome.judge, outcome.pruned.network
    X = judge.X
    inputs = list(pruned.inputs(X))
    stored = X.count_nonzero() if hasattr(X, "count_nonzero") else np.count_nonzero(X)
    return Facts(
        dense_shapes=[W.shape for W in outcome.dense.weights],
        bytes_pickle=len(pickle.dumps(outcome.fitted)),
        score_dense=judge.score(outcome.dense),
        score_pruned=judge.score_outputs(compiled(X)),
        n_judged=X.shape[0],
        held_out=outcome.held_out,
        input_density=stored / max(X.shape[0] * X.shape[1], 1),
        activation_sparsity=[1 - np.count_nonzero(A) / max(A.size, 1) for A in inputs[1:]],
    )


def measure_report(facts: Facts, estimator: Any, compiled: CompiledMLP) -> PruningReport:
    """Return the report of a pruned network, with its times taken now."""
    network = read_network(estimator)
    milliseconds, break_even = {}, {}
    sparse = [_thinned(facts, network, share) for share in TRIED]
    for batch in BATCHES:
        X = _made_up(facts, network, batch)
        dense = _dense_twin(facts, network)
        runs = {
            "scikit-learn": lambda X=X: estimator.predict(X),
            "dense": lambda X=X, dense=dense: dense.decide(X),
            "compiled": lambda X=X: compiled(X),
        }
        with single_blas_thread():
            milliseconds[batch] = dict(zip(runs, _race(list(runs.values()))))
            times = _race([runs["dense"], *(lambda X=X, run=run: run(X) for run in sparse)])
        break_even[batch] = _least_paying(times)
    packed = io.BytesIO()
    compiled.save(packed)
    return PruningReport(
        layers=_describe_layers(facts, compiled),
        bytes_pickle=facts.bytes_pickle,
        bytes_packed=len(packed.getvalue()),
        flops_dense=2 * sum(rows * columns for rows, columns in facts.dense_shapes),
        flops_pruned=2 * sum(layer.n_weights for layer in compiled.layers),
        score_dense=facts.score_dense,
        score_pruned=facts.score_pruned,
        n_judged=facts.n_judged,
        held_out=facts.held_out,
        activation_sparsity=facts.activation_sparsity,
        milliseconds=milliseconds,
        break_even=break_even,
    )


def _describe_layers(facts: Facts, compiled: CompiledMLP) -> list[dict[str, Any]]:
    """Return a line for each layer."""
    return [
        {
            "shape": (layer.n_inputs, layer.n_outputs),
            "n_weights": layer.n_weights,
            "sparsity": 1 - layer.n_weights / (shape[0] * shape[1]),
            "format": kind,
            "n_bytes": layer.n_bytes,
        }
        for layer, shape, kind in zip(compiled.layers, facts.dense_shapes, compiled.formats)
    ]


def _made_up(facts: Facts, network: Network, batch: int) -> np.ndarray:
    """Return inputs by chance, with as many zeros as those of the fit."""
    rng = np.random.default_rng(0)
    X = rng.random((batch, len(network.weights[0])), dtype=np.float32)
    X[rng.random(X.shape) >= facts.input_density] = 0
    return X


def _dense_twin(facts: Facts, network: Network) -> Network:
    """Return a dense network of the shapes before pruning."""
    rng = np.random.default_rng(1)
    weights = [
        rng.standard_normal(shape, dtype=np.float32) / np.float32(np.sqrt(shape[0]))
        for shape in facts.dense_shapes
    ]
    return network.with_weights(weights, [np.zeros(W.shape[1], np.float32) for W in weights])


def _thinned(facts: Facts, network: Network, sparsity: float) -> CompiledMLP:
    """Return a compiled network of the shapes before pruning with weights removed at random."""
    dense = _dense_twin(facts, network)
    rng = np.random.default_rng(2)
    dense = dense.masked([rng.random(W.shape) >= sparsity for W in dense.weights])
    return CompiledMLP.from_weights(
        dense.weights,
        dense.biases,
        activation=network.activation,
        out_activation=network.out_activation,
    )


def _race(runs: Sequence[Callable]) -> list[float]:
    """Return the best milliseconds of each, in turns so that noise meets all alike."""
    repeats = []
    for run in runs:
        run()
        begun = time.perf_counter()
        run()
        once = max(time.perf_counter() - begun, 1e-7)
        repeats.append(max(1, min(int(LEAST_SECONDS / once), 1000)))
    best = [np.inf] * len(runs)
    for _ in range(ROUNDS):
        for k, run in enumerate(runs):
            begun = time.perf_counter()
            for _ in range(repeats[k]):
                run()
            best[k] = min(best[k], (time.perf_counter() - begun) / repeats[k])
    return [1e3 * seconds for seconds in best]


def _least_paying(times: list[float]) -> float | None:
    """Return the least sparsity tried from which on every one is faster than dense."""
    dense, *sparse = times
    found = None
    for sparsity, milliseconds in reversed(list(zip(TRIED, sparse))):
        if dense < PAYS * milliseconds:
            break
        found = sparsity
    return found
