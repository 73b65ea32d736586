"""Gradients of the mean loss of a batch, by two walks through the layers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from sparsekit._simd import aligned_empty
from sparsekit.matrix._products import multiply, multiply_transposed, to_csc
from sparsekit.pruning._activations import ACTIVATIONS, OUT_ACTIVATIONS, SLOPES
from sparsekit.pruning._trainer._batches import Batch
from sparsekit.pruning._trainer._losses import Objective


class Slopes:
    """The gradient in every weight and bias, and the memory of both walks.

    Parameters
    ----------
    weights, biases : sequence of ndarray
        Of the layers; read at each walk, so that steps may change them in place.
    activation, out_activation : str
        Names of the activations.
    objective : Objective
        What is lost on rows.
    size : int
        Most rows of a batch.
    """

    def __init__(
        self,
        weights: Sequence[np.ndarray],
        biases: Sequence[np.ndarray],
        activation: str,
        out_activation: str,
        objective: Objective,
        size: int,
    ):
        self.weights, self.biases, self.objective = weights, biases, objective
        self.activate, self.slope = ACTIVATIONS[activation], SLOPES[activation]
        self.activate_out = OUT_ACTIVATIONS[out_activation]
        self.sums = [aligned_empty((size, len(b)), np.float32) for b in biases]
        self.deltas = [aligned_empty((size, len(b)), np.float32) for b in biases]
        self.of_weights = [aligned_empty(W.shape, np.float32) for W in weights]
        self.of_biases = [np.empty_like(b) for b in biases]
        self.ones = np.ones(size, np.float32)

    def outputs(self, X: Any) -> np.ndarray:
        """Return the outputs for some rows; the next walk overwrites them."""
        A, last = X, len(self.weights) - 1
        for layer, (W, b) in enumerate(zip(self.weights, self.biases)):
            Z = self.sums[layer][: X.shape[0]]
            if sparse.issparse(A):
                np.add(multiply(A, W), b, out=Z)
            else:
                np.dot(A, W, out=Z)
                Z += b
            A = self.activate(Z) if layer < last else self.activate_out(Z)
        return A

    def walk(self, batch: Batch) -> float:
        """Overwrite the gradients by those of a batch; return its mean loss."""
        P = self.outputs(batch.X)
        lost = self.objective.rows(P, batch.Y, batch.T)
        delta = self.objective.slope(P, batch.Y, batch.T, self.deltas[-1][: len(P)])
        if batch.weights is None:
            delta *= np.float32(1 / batch.total)
            loss = lost.mean(dtype=np.float64)
        else:
            delta *= (batch.weights / np.float32(batch.total))[:, None]
            loss = np.dot(lost.astype(np.float64), batch.weights) / batch.total
        self._descend(batch.X, delta)
        return float(loss)

    def _descend(self, X: Any, delta: np.ndarray) -> None:
        """Overwrite the gradients, from the last layer to the first."""
        n = len(delta)
        for layer in range(len(self.weights) - 1, -1, -1):
            A = self.sums[layer - 1][:n] if layer else X
            if sparse.issparse(A):
                self.of_weights[layer] = multiply_transposed(to_csc(A), delta)
            else:
                np.dot(A.T, delta, out=self.of_weights[layer])
            np.dot(self.ones[:n], delta, out=self.of_biases[layer])
            if layer:
                before = self.deltas[layer - 1][:n]
                np.dot(delta, self.weights[layer].T, out=before)
                delta = self.slope(before, A)
