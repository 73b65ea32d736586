"""A layer of sparse weights, and what training keeps beside each of them."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from sparsekit.pruning._sparse_mlp._products import exchange_support, follow_order
from sparsekit.pruning._sparse_mlp._support import Support

# Weights of one call of a kernel.
CALL_WEIGHTS = 2**22


@dataclass
class Layer:
    """Weights of (inputs, outputs) compressed by inputs, biases, and moments of both.

    Parameters
    ----------
    support : Support
        Where the weights are.
    values : ndarray of shape (n_weights,)
        The weights, float32, by inputs.
    biases : ndarray of shape (outputs,)
        float32.
    """

    support: Support
    values: np.ndarray
    biases: np.ndarray
    # Of the weights and of the biases, as many as the update keeps.
    moments: tuple[np.ndarray, ...] = ()
    bias_moments: tuple[np.ndarray, ...] = ()
    # Steps that each input's weights, and last the biases, have made.
    ticks: np.ndarray | None = None
    by_outputs: "ByOutputs | None" = None

    @property
    def shape(self) -> tuple[int, int]:
        """Return the number of inputs and of outputs."""
        return self.support.shape

    def begin(self, n_moments: int) -> None:
        """Forget what training has gathered."""
        self.moments = tuple(np.zeros_like(self.values) for _ in range(n_moments))
        self.bias_moments = tuple(np.zeros_like(self.biases) for _ in range(n_moments))
        self.ticks = np.zeros(self.shape[0] + 1, np.int32)

    def order(self) -> None:
        """Make the copy of the weights by outputs, anew after their places have changed."""
        self.by_outputs = ByOutputs.of(self.support)
        self.follow()

    def follow(self) -> None:
        """Bring the copy by outputs, if there is one, to the weights as they are now."""
        if self.by_outputs is not None:
            self.by_outputs.follow(self.values)

    def matrix(self) -> sparse.csr_array:
        """Return the weights as a matrix on the same arrays."""
        support = self.support
        return sparse.csr_array(
            (self.values, support.outputs, support.begins), shape=support.shape, copy=False
        )

    @classmethod
    def view(cls, matrix: sparse.csr_array, biases: np.ndarray) -> "Layer":
        """Return the layer of a matrix that `matrix` gave, on its arrays."""
        return cls(Support(matrix.indptr, matrix.indices, matrix.shape), matrix.data, biases)

    @classmethod
    def of(cls, matrix: sparse.csr_array, biases: np.ndarray) -> "Layer":
        """Return the layer of a matrix that `matrix` gave, on copies of its numbers."""
        support = Support(matrix.indptr, matrix.indices, matrix.shape)
        return cls(support, matrix.data.copy(), biases.copy())


@dataclass
class ByOutputs:
    """A copy of a layer's weights that is compressed by outputs."""

    begins: np.ndarray
    inputs: np.ndarray
    order: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, support: Support) -> "ByOutputs":
        """Return the order, with no values yet."""
        n = len(support.outputs)
        begins = np.zeros(support.shape[1] + 1, support.begins.dtype)
        begins[1:] = np.bincount(support.outputs, minlength=support.shape[1])
        inputs, order = np.empty(n, support.outputs.dtype), np.empty(n, support.begins.dtype)
        exchange_support(support.begins, support.outputs, begins, inputs, order)
        return cls(begins, inputs, order, np.empty(n, np.float32))

    def follow(self, values: np.ndarray) -> None:
        """Take over the weights' values."""
        for start in range(0, len(values), CALL_WEIGHTS):
            stop = min(start + CALL_WEIGHTS, len(values))
            follow_order(values, self.order, self.values, start, stop)


def first_layer(support: Support, activation: str, generator: np.random.Generator) -> Layer:
    """Return a layer as Glorot and Bengio begin it, for the weights that it has.

    Were the bound that of a dense layer, the signal would fade with the density.
    """
    n_inputs, n_outputs = support.shape
    density = len(support.outputs) / (n_inputs * n_outputs)
    factor = 2.0 if activation == "logistic" else 6.0
    bound = np.float32(math.sqrt(factor / (density * (n_inputs + n_outputs))))

    def draw(size):
        numbers = generator.random(size, dtype=np.float32)
        return (2 * numbers - 1) * bound

    return Layer(support, draw(len(support.outputs)), draw(n_outputs))
