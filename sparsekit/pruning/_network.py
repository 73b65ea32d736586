"""The layers of a multilayer perceptron as arrays: forward, back, and to and from estimators."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from sklearn.neural_network import MLPClassifier, MLPRegressor

from sparsekit.pruning._activations import ACTIVATIONS, OUT_ACTIVATIONS, SLOPES

# What a fitted scikit-learn network keeps of its weights and of its training.
WEIGHTS = ("coefs_", "intercepts_")
LEFTOVERS = ("_optimizer", "_best_coefs", "_best_intercepts")
# Samples whose gradients are held at a time.
BLOCK = 1024


@dataclass(frozen=True)
class History:
    """What training has gathered about each weight: an array of each layer's shape, or None."""

    # Adam's second moments.
    second: Sequence[np.ndarray] | None = None
    # Sums of minus the product of weight and gradient.
    movement: Sequence[np.ndarray] | None = None


@dataclass(frozen=True)
class Network:
    """Weights of (inputs, outputs) and biases of (outputs,) for each layer, in float32."""

    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    activation: str
    out_activation: str
    # While it is being trained.
    history: History | None = None

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Return the number of weights of each layer."""
        return tuple(W.size for W in self.weights)

    def with_weights(self, weights: Sequence, biases: Sequence | None = None) -> "Network":
        """Return the network with other weights."""
        biases = self.biases if biases is None else tuple(biases)
        return replace(self, weights=tuple(weights), biases=biases)

    def masked(self, masks: Sequence) -> "Network":
        """Return the network with zeros where a mask is False."""
        return self.with_weights(
            np.where(mask, W, W.dtype.type(0)) for W, mask in zip(self.weights, masks)
        )

    def sums(self, layer: int, A) -> np.ndarray:
        """Return a layer's sums, before its activation, for its input `A`, dense or CSR."""
        Z = np.asarray(A @ self.weights[layer])
        Z += self.biases[layer]
        return Z

    def inputs(self, X) -> Iterator:
        """Yield each layer's input: X itself, then the activations of the hidden layers."""
        yield X
        for layer in range(len(self) - 1):
            X = ACTIVATIONS[self.activation](self.sums(layer, X))
            yield X

    def hidden(self, X):
        """Return the last hidden layer's activations, or X where there is none."""
        *_, last = self.inputs(X)
        return last

    def decide(self, X) -> np.ndarray:
        """Return the outputs: probabilities, rates or predicted targets."""
        Z = self.sums(len(self) - 1, self.hidden(X))
        return OUT_ACTIVATIONS[self.out_activation](Z)

    def gradients(self, X, Y) -> Iterator[tuple]:
        """Yield each layer's input and the gradient in its sums, (samples, outputs).

        Of the loss that goes with the outputs' activation, summed over samples: squared error,
        cross-entropy or Poisson deviance, which all have ``outputs - Y`` for the last layer.
        """
        inputs = list(self.inputs(X))
        delta = OUT_ACTIVATIONS[self.out_activation](self.sums(len(self) - 1, inputs[-1]))
        delta -= Y
        deltas = [delta]
        for layer in range(len(self) - 1, 0, -1):
            delta = np.asarray(deltas[-1] @ self.weights[layer].T)
            deltas.append(SLOPES[self.activation](delta, inputs[layer]))
        return zip(inputs, reversed(deltas))

    def mean_gradients(self, X, Y) -> list[np.ndarray]:
        """Return the gradient of the mean loss in each layer's weights."""
        return self._mean(X, Y, lambda A, delta: A.T @ delta)

    def mean_squared_gradients(self, X, Y) -> list[np.ndarray]:
        """Return the mean over samples of the squared gradients in each layer's weights."""
        return self._mean(X, Y, lambda A, delta: squared(A).T @ (delta * delta))

    def _mean(self, X, Y, product: Callable) -> list[np.ndarray]:
        """Return the mean over samples of a product of a layer's inputs and gradients."""
        totals = [np.zeros(W.shape, np.float64) for W in self.weights]
        n = X.shape[0]
        for start in range(0, n, BLOCK):
            part = slice(start, min(start + BLOCK, n))
            for total, (A, delta) in zip(totals, self.gradients(X[part], Y[part])):
                total += product(A, delta)
        return [(total / n).astype(np.float32) for total in totals]


def squared(A):
    """Return the squares of a dense or sparse matrix."""
    return A.multiply(A) if sparse.issparse(A) else A * A


def read_network(estimator) -> Network:
    """Return the layers of a fitted scikit-learn network; the estimator keeps its own arrays."""
    return Network(
        tuple(np.array(W, dtype=np.float32, order="C") for W in estimator.coefs_),
        tuple(np.array(b, dtype=np.float32) for b in estimator.intercepts_),
        estimator.activation,
        estimator.out_activation_,
    )


def as_float32(X):
    """Return X, dense or CSR, in float32; no copy where it already is, infinite where too large."""
    with np.errstate(over="ignore"):
        if sparse.issparse(X):
            return X.astype(np.float32, copy=False).tocsr()
        return np.asarray(X, dtype=np.float32)


def is_network(estimator) -> bool:
    """Return whether an estimator is scikit-learn's multilayer perceptron."""
    return isinstance(estimator, MLPClassifier | MLPRegressor)


def empty_shell(estimator):
    """Return a copy of a fitted network without weights and without what training left behind."""
    shell = copy.copy(estimator)
    shell.__dict__ = {
        name: value for name, value in vars(estimator).items() if name not in WEIGHTS + LEFTOVERS
    }
    return shell


def fill_shell(shell, weights: Sequence, biases: Sequence):
    """Return the working scikit-learn network of a shell and weights, whatever their shapes."""
    filled = copy.deepcopy(shell)
    filled.coefs_, filled.intercepts_ = list(weights), list(biases)
    hidden = tuple(W.shape[1] for W in weights[:-1])
    if hidden != tuple(np.atleast_1d(shell.hidden_layer_sizes)):
        filled.set_params(hidden_layer_sizes=hidden)
    return filled
