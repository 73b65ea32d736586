"""Training of sparse layers: epochs of steps and rewiring, until somebody says stop."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from sparsekit._parallel import check_cancelled, single_blas_thread
from sparsekit._watch import Watch
from sparsekit.pruning._activations import OUT_ACTIVATIONS
from sparsekit.pruning._sparse_mlp._layer import Layer
from sparsekit.pruning._sparse_mlp._passes import Passes
from sparsekit.pruning._sparse_mlp._rewire import Rewiring
from sparsekit.pruning._sparse_mlp._update import SOLVERS, move
from sparsekit.pruning._trainer._losses import LOSSES, Objective
from sparsekit.pruning._trainer._options import TrainingOptions
from sparsekit.pruning._trainer._progress import Progress, score_outputs, told_to_stop
from sparsekit.pruning._trainer._rates import RATES

# Samples whose slopes are summed in double precision, at ten times the cost, if all are in a batch.
MOST_EXACT = 200


class Samples(NamedTuple):
    """What is learned from.

    Attributes
    ----------
    X : ndarray or csr_array of shape (n, features)
        float32.
    Y : ndarray of shape (n, outputs)
        Targets, as `encode_targets` returns them.
    weights : ndarray of shape (n,) or None
        Weights of the samples, positive, float32; None if all are one.
    """

    X: Any
    Y: np.ndarray
    weights: np.ndarray | None

    def __getitem__(self, rows: np.ndarray) -> "Samples":
        weights = None if self.weights is None else self.weights[rows]
        return Samples(self.X[rows], self.Y[rows], weights)

    def total(self, rows: np.ndarray) -> float:
        """Return the weight of some samples."""
        return float(len(rows) if self.weights is None else self.weights[rows].sum())


class Trained(NamedTuple):
    """What training came to; the layers have been moved."""

    n_epochs: int
    # Of this training and those before it.
    n_steps: int
    n_seen: int
    loss_curve: list[float]
    validation_scores: list[float] | None
    # Whether it ended because nothing improved, or somebody said stop.
    ended: bool


@dataclass
class Training:
    """One fit.

    Parameters
    ----------
    layers : sequence of Layer
        Moved by `run`; they have begun.
    samples : Samples
        To learn from.
    held : Samples or None
        To validate on.
    loss, activation : str
        Names in `LOSSES` and `ACTIVATIONS`.
    options : TrainingOptions
        How to train.
    rewiring : Rewiring or None
        What becomes of the supports; None for nothing.
    generator : numpy.random.Generator
        Shuffles the samples.
    step, n_seen : int
        Steps that the layers have made before, and samples that they have seen.
    n_jobs : int or None
        Threads.
    """

    layers: Sequence[Layer]
    samples: Samples
    held: Samples | None
    loss: str
    activation: str
    options: TrainingOptions
    rewiring: Rewiring | None
    generator: np.random.Generator
    step: int
    n_seen: int
    n_jobs: int | None

    def __post_init__(self):
        samples, options = self.samples, self.options
        n = len(samples.Y)
        self.size = options.batch_rows(n)
        # A batch of all samples is where weights and repeated samples can be the same.
        self.exact = self.size == n <= MOST_EXACT
        self.passes = Passes(self.layers, samples.X, self.activation, self.size, self.n_jobs)
        self.solver = SOLVERS[options.solver](options)
        self.objective = Objective(self.loss)
        self.out_activation = LOSSES[self.loss].out_activation
        self.n_steps = options.epochs * -(-n // self.size)
        self.rate = RATES[options.learning_rate](options, self.n_steps)
        self.rate.end_epoch(self.n_seen)
        self.progress = Progress(options, None if self.held is None else self._validate, self._keep)

    def run(self, watch: Watch, n_epochs: int) -> Trained:
        """Train for so many epochs, or until nothing improves, or somebody says stop."""
        self.listener = watch.estimator
        losses: list[float] = []
        ended = False
        with single_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
            while len(losses) < n_epochs and not ended:
                watch.begin()
                losses.append(self._epoch())
                if not np.isfinite(losses[-1]):
                    raise ValueError(
                        f"{type(watch.estimator).__name__} diverged: the loss of epoch "
                        f"{len(losses)} is {losses[-1]!r}. Decrease `learning_rate_init` "
                        f"({self.options.learning_rate_init!r}), or scale X."
                    )
                self.progress.end_epoch(losses[-1])
                self.n_seen += len(self.samples.Y)
                self.rate.end_epoch(self.n_seen)
                ended = told_to_stop(watch, losses, self.progress.scores, self._copies)
                ended = ended or (self.progress.is_stale() and not self.rate.goes_on())
        if self.progress.best_state is not None:
            self._restore(self.progress.best_state)
        return Trained(len(losses), self.step, self.n_seen, losses, self.progress.scores, ended)

    def _epoch(self) -> float:
        """Take a step for each batch; return the mean loss, each batch before its step."""
        n = len(self.samples.Y)
        order = self.generator.permutation(n) if self.options.shuffle else np.arange(n)
        lost = total = 0.0
        starts = range(0, n, self.size)
        for start in starts:
            check_cancelled()
            rows = order[start : start + self.size]
            weight = self.samples.total(rows)
            lost += self._step(rows, weight)
            total += weight
        squares = sum(float(np.dot(layer.values, layer.values)) for layer in self.layers)
        return (lost + 0.5 * self.options.alpha * squares * len(starts)) / total

    def _step(self, rows: np.ndarray, total: float) -> float:
        """Move the layers down the slopes of a batch; return its summed loss before."""
        P = OUT_ACTIVATIONS[self.out_activation](self.passes.forward(rows))
        Y, weights = self.samples.Y[rows], self.samples.weights
        weights = np.ones(len(rows)) if weights is None else weights[rows].astype(np.float64)
        lost = float(self.objective.rows(P, Y).astype(np.float64) @ weights)
        delta = self.objective.slope(P, Y, None, P)
        if not self.exact:
            delta *= weights[:, None].astype(np.float32)
            weights = None
        rate = self.rate.at(min(self.step, self.n_steps))
        for k, slopes, of_biases in self.passes.backward(delta, weights):
            active = self.passes.active(k)
            move(self.solver, self.layers[k], active, slopes, of_biases, rate, total)
        self.step += 1
        if self.rewiring is not None:
            self.rewiring.after(self.step, self.passes)
        return lost

    def _validate(self) -> float:
        held = self.held
        passes = Passes(self.layers, held.X, self.activation, self.size, self.n_jobs)
        outputs = np.empty_like(held.Y)
        passes.answer(self.out_activation, 0, len(outputs), outputs)
        return score_outputs(outputs, held.Y, self.loss, held.weights)

    def _keep(self) -> list[tuple]:
        return [(layer.support, layer.values.copy(), layer.biases.copy()) for layer in self.layers]

    def _restore(self, state: list[tuple]) -> None:
        for layer, kept in zip(self.layers, state, strict=True):
            layer.support, layer.values, layer.biases = kept

    def _copies(self) -> list:
        # Shown beside the weights to those who listen.
        self.listener.intercepts_ = [layer.biases.copy() for layer in self.layers]
        return [layer.matrix().copy() for layer in self.layers]
