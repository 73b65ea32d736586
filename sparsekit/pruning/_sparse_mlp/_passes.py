"""Passes of a batch through sparse layers: sums forward, gradients back, on stored weights only."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sparsekit.pruning._activations import ACTIVATIONS, OUT_ACTIVATIONS, SLOPES
from sparsekit.pruning._sparse_mlp._blocks import (
    add_up,
    every,
    find_slopes,
    pull,
    width_of,
    zeros,
)
from sparsekit.pruning._sparse_mlp._layer import Layer
from sparsekit.pruning._sparse_mlp._products import exchange_axes
from sparsekit.pruning._sparse_mlp._source import source_of

# Numbers of a block of gradients in weights that are not stored.
BLOCK_SLOPES = 2**20


class Passes:
    """Room for a batch on its way through layers and back.

    Parameters
    ----------
    layers : sequence of Layer
        The network.
    X : ndarray or csr_array of shape (n_samples, inputs)
        float32.
    activation : str
        Of the hidden layers.
    n_rows : int
        Most rows of a batch.
    n_jobs : int or None
        Threads. Every number is summed by one thread, so they do not change a bit.
    """

    def __init__(
        self, layers: Sequence[Layer], X: Any, activation: str, n_rows: int, n_jobs: int | None
    ):
        self.layers, self.activation, self.n_jobs = layers, activation, n_jobs
        self.source = source_of(X, layers[0], n_rows, n_jobs)
        width = width_of(n_rows)
        self.sums = [zeros((layer.shape[1], width)) for layer in layers]
        self.outputs = np.empty((n_rows, layers[-1].shape[1]), np.float32)
        self.deltas: list[np.ndarray] = []
        self.slopes: list[np.ndarray] = []
        self.weights: np.ndarray | None = None
        for layer in layers[self.source.is_sparse :]:
            if layer.by_outputs is None:
                layer.order()

    def forward(self, rows: np.ndarray) -> np.ndarray:
        """Return the sums of the last layer for some rows of X; the next call overwrites them."""
        bend = ACTIVATIONS[self.activation]
        self.source.add_up(rows, self.sums[0])
        for layer, A, Z in zip(self.layers[1:], self.sums, self.sums[1:]):
            add_up(layer, bend(A), Z, self.n_jobs)
        found = self.outputs[: len(rows)]
        exchange_axes(self.sums[-1], found, found.shape[1], len(rows))
        return found

    def backward(
        self, delta: np.ndarray, weights: np.ndarray | None = None
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yield each layer, from the last to the first, with the slopes of its weights and biases.

        Parameters
        ----------
        delta : ndarray of shape (rows, outputs)
            Gradients in the last sums.
        weights : ndarray of shape (rows,), default=None
            Weights of the rows, whose slopes are then summed in double precision, so that a weight
            of two is the same as two rows. None for rows that are in `delta` with their weights.
        """
        self._make_room()
        self.weights = None
        if weights is not None:
            self.weights = np.zeros(self.deltas[-1].shape[1])
            self.weights[: len(delta)] = weights
        slope = SLOPES[self.activation]
        last = self.deltas[-1]
        exchange_axes(delta, last, *delta.shape)
        last[:, len(delta) :] = 0
        for k in reversed(range(len(self.layers))):
            layer, delta, slopes = self.layers[k], self.deltas[k], self.slopes[k]
            if k == 0:
                self.source.slopes(delta, self.weights, slopes)
            else:
                A = self.sums[k - 1]
                find_slopes(layer, A, delta, self.weights, every(layer), slopes, self.n_jobs)
                pull(layer, delta, self.deltas[k - 1], self.n_jobs)
                slope(self.deltas[k - 1], self.sums[k - 1])
            yield k, slopes, self._of_biases(delta)

    def active(self, k: int) -> np.ndarray:
        """Return the inputs of a layer that the batch on its way back has, rising."""
        return self.source.active if k == 0 else every(self.layers[k])

    def every_slope(self, k: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield some inputs of a layer and the slopes of all their weights, stored or not."""
        active, delta = self.active(k), self.deltas[k]
        if self.weights is not None:
            delta = delta * self.weights.astype(np.float32)
        size = max(1, BLOCK_SLOPES // len(delta))
        for start in range(0, len(active), size):
            inputs = active[start : start + size]
            if k == 0:
                yield inputs, self.source.every_slope(start, start + len(inputs), delta)
            else:
                yield inputs, self.sums[k - 1][inputs] @ delta.T

    def answer(self, out_activation: str, start: int, stop: int, found: np.ndarray) -> None:
        """Write the outputs for the rows start..stop of X, a batch at a time."""
        size = len(self.outputs)
        for first in range(start, stop, size):
            rows = np.arange(first, min(first + size, stop))
            part = found[first : first + len(rows)]
            part[:] = self.forward(rows)
            OUT_ACTIVATIONS[out_activation](part)

    def _of_biases(self, delta: np.ndarray) -> np.ndarray:
        if self.weights is None:
            return delta.sum(axis=1)
        return (delta * self.weights).sum(axis=1).astype(np.float32)

    def _make_room(self) -> None:
        if not self.deltas:
            self.deltas = [zeros(Z.shape) for Z in self.sums]
            self.slopes = [np.zeros_like(layer.values) for layer in self.layers]
