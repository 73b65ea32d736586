"""Training: epochs of steps, until nothing improves or somebody says stop."""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from sparsekit._parallel import check_cancelled, single_blas_thread
from sparsekit._watch import Watch
from sparsekit.pruning._network import Network, as_float32
from sparsekit.pruning._trainer._batches import Batches, short_indices, without_zeros
from sparsekit.pruning._trainer._losses import Objective
from sparsekit.pruning._trainer._optimizer import Optimizer
from sparsekit.pruning._trainer._options import TrainingOptions
from sparsekit.pruning._trainer._progress import (
    Progress,
    all_outputs,
    hold_out,
    score_outputs,
    told_to_stop,
)
from sparsekit.pruning._trainer._rates import RATES
from sparsekit.pruning._trainer._slopes import Slopes

# After an epoch that diverged: how often it is tried again, and what the rate is divided by.
RETRIES, RETRY_DIVISOR = 3, 10
# It has when a batch loses so many times what it lost at first, or what a constant answer loses.
EXPLODED = 1e3
# Epochs from which it pays to leave out the zeros of a dense X, where they are many.
WORTHWHILE = 3
# What a constant answer loses is measured on about so many rows.
SOME_ROWS = 10_000


class TrainingState(NamedTuple):
    """What a controller sees before each step.

    Attributes
    ----------
    weights, gradients : list of ndarray of shape (inputs, outputs)
        Of each layer; the gradients are those of the mean loss of the batch without penalties, also
        in weights that are removed. Not to be changed.
    masks : list of ndarray of bool
        True where a weight is kept; may be changed in place.
    first, second : list of ndarray
        The moments, with Adam; with plain gradient descent the velocities, and nothing. Not to be
        changed.
    """

    weights: list[np.ndarray]
    masks: list[np.ndarray]
    gradients: list[np.ndarray]
    first: list[np.ndarray]
    second: list[np.ndarray]


class Trained(NamedTuple):
    """What training came to.

    Attributes
    ----------
    network : Network
        With zeros where masks are False.
    masks : list of ndarray of bool
        Of each layer.
    first, second : list of ndarray
        As in `TrainingState`.
    loss_curve : list of float
        Mean loss of each epoch, each batch before its step; with the penalty `alpha`.
    validation_scores : list of float or None
        Accuracy or R2 on what was held out, epoch by epoch.
    n_epochs : int
        How many there were.
    """

    network: Network
    masks: list[np.ndarray]
    first: list[np.ndarray]
    second: list[np.ndarray]
    loss_curve: list[float]
    validation_scores: list[float] | None
    n_epochs: int


def train(
    network: Network,
    X: Any,
    Y: np.ndarray,
    *,
    loss: str,
    options: TrainingOptions,
    masks: Sequence[np.ndarray | None] | None = None,
    sample_weight: np.ndarray | None = None,
    teacher: np.ndarray | None = None,
    groups: Sequence[np.ndarray] | None = None,
    controller: Any = None,
    random_state: Any = None,
    watch: Watch | None = None,
) -> Trained:
    """Train a network; weights whose mask is False are zero after every step.

    Parameters
    ----------
    network : Network
        Where training starts; its arrays are not changed.
    X : ndarray or csr_array of shape (n, features)
        Inputs.
    Y : ndarray of shape (n, outputs)
        Targets, as `encode_targets` returns them.
    loss : str
        A name in `LOSSES`.
    options : TrainingOptions
        How to train.
    masks : sequence of ndarray of bool, default=None
        True where a weight is kept; None for all of a layer, or of all layers.
    sample_weight : ndarray of shape (n,), default=None
        Weights of the samples.
    teacher : ndarray of shape (n, outputs), default=None
        Outputs of another network, for `options.distill`.
    groups : sequence of ndarray of int, default=None
        For `options.l1`: the group of each weight, from zero in each layer.
    controller : object, default=None
        With ``update(step, n_steps, state)``, called before each step, which may change masks: what
        comes starts at zero. Where it has an attribute `settled`, nothing ends training before that
        is True. An epoch that diverged is repeated, so steps may be seen twice.
    random_state : int, RandomState or None, default=None
        Orders and holds out rows.
    watch : Watch, default=None
        Who listens, and says stop.

    Returns
    -------
    trained : Trained
        The network, and how it came about.
    """
    seeds = _seeds(random_state)
    X, Y = short_indices(as_float32(X)), as_float32(Y)
    if options.epochs >= WORTHWHILE and not sparse.issparse(X):
        X = without_zeros(X)
    rows = held = None
    if options.early_stopping:
        seed = int(seeds[0].generate_state(1)[0])
        rows, held = hold_out(Y, loss, options.validation_fraction, seed)
    training = _Training(network, options, loss, masks, groups, controller)
    training.read(X, Y, sample_weight, teacher, rows, np.random.default_rng(seeds[1]))
    if held is not None:
        weights = None if sample_weight is None else np.asarray(sample_weight)[held]
        training.validate_on(X[held], Y[held], weights)
    with single_blas_thread(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        training.run(watch)
    return training.result(network)


def _seeds(random_state: Any) -> list[np.random.SeedSequence]:
    """Return one seed for what is held out and one for the order of rows."""
    entropy = check_random_state(random_state).randint(2**32, size=4, dtype=np.uint32)
    return np.random.SeedSequence(entropy.tolist()).spawn(2)


class _Training:
    """One call of `train`."""

    def __init__(self, network, options, loss, masks, groups, controller):
        weights = [np.array(W, np.float32, order="C") for W in network.weights]
        biases = [np.array(b, np.float32) for b in network.biases]
        given = [None] * len(weights) if masks is None else masks
        masks = [
            np.ones(W.shape, bool) if mask is None else np.array(mask, bool, order="C")
            for W, mask in zip(weights, given)
        ]
        self.options, self.loss, self.controller = options, loss, controller
        self.optimizer = Optimizer(weights, biases, masks, groups, options)
        self.activations = network.activation, network.out_activation
        self.objective = Objective(loss, options.distill, options.temperature)
        self.losses: list[float] = []
        self.progress = Progress(options, None, self.optimizer.keep)
        self.n_failures, self.limit = 0, np.inf

    def read(self, X, Y, sample_weight, teacher, rows, generator) -> None:
        """Say what rows there are."""
        T = None
        if self.options.distill > 0 and teacher is not None:
            T = as_float32(self.objective.soften(as_float32(teacher)))
        if sample_weight is not None:
            sample_weight = np.asarray(sample_weight, np.float32)
        size = self.options.batch_rows(X.shape[0] if rows is None else len(rows))
        generator = generator if self.options.shuffle else None
        self.batches = Batches(X, Y, T, sample_weight, rows, size, generator)
        optimizer = self.optimizer
        self.slopes = Slopes(
            optimizer.weights, optimizer.biases, *self.activations, self.objective, size
        )
        self.state = TrainingState(
            optimizer.weights,
            optimizer.masks,
            self.slopes.of_weights,
            optimizer.first,
            optimizer.second,
        )
        Y = Y[:: 1 + len(Y) // SOME_ROWS]
        mean = np.broadcast_to(Y.mean(axis=0), Y.shape)
        self.constant_loss = float(self.objective.rows(mean, Y).mean())
        self.n_steps = max(self.options.epochs * len(self.batches), 1)
        self.rate = RATES[self.options.learning_rate](self.options, self.n_steps)

    def validate_on(self, X, Y, weights) -> None:
        """Say what rows are held out."""

        def validate() -> float:
            P = all_outputs(self.slopes.outputs, X, self.batches.size)
            return score_outputs(P, Y, self.loss, weights)

        self.progress.validate = validate
        self.progress.scores = []

    def run(self, watch: Watch | None) -> None:
        """Train until the last epoch, or until somebody says stop."""
        for epoch in range(self.options.epochs):
            if watch is not None:
                watch.begin()
            n_kept = self._n_kept()
            loss = self._try_epoch(epoch)
            if not np.isfinite(loss):
                if watch is not None:
                    watch.end(self._copy_weights)
                break
            self.losses.append(loss)
            if self._n_kept() != n_kept:
                self.progress.start_anew()
            self.progress.end_epoch(loss)
            self.rate.end_epoch(self.batches.n_rows * (epoch + 1))
            if watch is not None and told_to_stop(
                watch, self.losses, self.progress.scores, self._copy_weights
            ):
                break
            if self._has_settled():
                break
        if self.progress.best_state is not None:
            self.optimizer.restore(self.progress.best_state)
        if self.n_failures:
            self._warn()

    def _n_kept(self) -> int:
        return sum(int(np.count_nonzero(mask)) for mask in self.optimizer.masks)

    def _try_epoch(self, epoch: int) -> float:
        """Train for an epoch, at a lower rate where it diverges; return its mean loss."""
        before = self.optimizer.keep()
        for _ in range(1 + RETRIES):
            loss = self._epoch(epoch * len(self.batches))
            if np.isfinite(loss):
                return loss
            self.optimizer.restore(before)
            self.rate.factor /= RETRY_DIVISOR
            self.n_failures += 1
        return loss

    def _epoch(self, step: int) -> float:
        """Take a step for each batch; return the mean loss, NaN as soon as one is not finite."""
        lost, total = 0.0, 0.0
        optimizer, slopes = self.optimizer, self.slopes
        for batch in self.batches.deal():
            check_cancelled()
            if batch.total > 0:
                loss = slopes.walk(batch)
                if not self._is_sane(loss):
                    return float("nan")
                if self.options.alpha > 0:
                    loss += 0.5 * self.options.alpha * optimizer.squares() / batch.total
                if self.controller is not None:
                    self.controller.update(step, self.n_steps, self.state)
                    optimizer.obey()
                rate = self.rate.at(step)
                if not optimizer.step(slopes.of_weights, slopes.of_biases, rate, batch.total):
                    return float("nan")
                lost += loss * batch.total
                total += batch.total
            step += 1
        if not optimizer.is_finite():
            return float("nan")
        # Where no row has any weight there is nothing to lose.
        return lost / total if total > 0 else 0.0

    def _is_sane(self, loss: float) -> bool:
        """Return whether the loss of a batch is finite and has not exploded."""
        if self.limit == np.inf and np.isfinite(loss):
            reference = max(loss, self.constant_loss)
            self.limit = EXPLODED * reference if reference > 0 else np.inf
        return bool(np.isfinite(loss) and loss <= self.limit)

    def _copy_weights(self) -> list[np.ndarray]:
        return [W.copy() for W in self.optimizer.weights]

    def _has_settled(self) -> bool:
        """Return whether nothing improves any more, and nothing else is to come."""
        stale = self.progress.is_stale()
        return stale and getattr(self.controller, "settled", True) and not self.rate.goes_on()

    def _warn(self) -> None:
        rate = self.options.learning_rate_init
        if self.n_failures > RETRIES and not self.losses:
            how = "nothing could be learned"
        else:
            how = f"it went back to the epoch before, {self.n_failures} times in all"
        warnings.warn(
            f"Training diverged at learning_rate_init={rate!r}: {how}, each time with a tenth of "
            "the learning rate. Decrease `learning_rate_init`, or scale X.",
            ConvergenceWarning,
            stacklevel=4,
        )

    def result(self, network: Network) -> Trained:
        """Return what training came to."""
        optimizer = self.optimizer
        return Trained(
            network.with_weights(optimizer.weights, optimizer.biases),
            optimizer.masks,
            optimizer.first,
            optimizer.second,
            self.losses,
            self.progress.scores,
            len(self.losses),
        )
