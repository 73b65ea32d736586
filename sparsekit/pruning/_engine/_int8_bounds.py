"""How far a network of bytes can be from the same network of real numbers.

Errors of an input pass the absolute weights, and every rounding adds its half step:

- an activation: half a step of its grid, and what lies beyond the grid's ends;
- a weight: half a step of its output, times the activation;
- a bias: half of what one is worth in its output's integer sum;
- a table's argument: half the distance of its places, and how far the activation is from flat
  beyond the last.
"""

import numpy as np
from scipy import sparse

from sparsekit.pruning._activations import ACTIVATIONS
from sparsekit.pruning._engine._int8 import REACHES
from sparsekit.pruning._engine._int8_kernels import TABLE_SIZE

# How much an activation can stretch a difference, and how close float32 is to real numbers here.
SLOPES = {"identity": 1.0, "logistic": 0.25, "relu": 1.0, "tanh": 1.0}
FLOAT_ERROR = 2.0**-21


def error_bounds(layers, runner, X) -> np.ndarray:
    """Return bounds of |bytes - real| for each row of X and each output, before its activation.

    `layers` are the canonical layers that `runner` was made of.
    """
    A = (X.toarray() if sparse.issparse(X) else np.asarray(X)).astype(np.float64)
    error = rounding(A, 0.0, runner.layers[0].inputs)
    for layer, small in zip(layers, runner.layers, strict=True):
        W = layer.to_columns().astype(np.float64)
        Z = A @ W + layer.bias
        half = small.steps.astype(np.float64) / 2
        stored = (W != 0).astype(np.float64)
        error = error @ abs(W) + half * ((np.abs(A) + error) @ stored + small.inputs.step)
        error += FLOAT_ERROR * (np.abs(Z) + error)
        if small.outputs is None:
            return error
        A, error = bent(Z, error, small, runner.activation)


def bent(Z, error, small, activation):
    """Return a hidden layer's activations and the bounds of their errors, from those of sums."""
    grid, offset = small.outputs, 0.0
    if activation in REACHES:
        reach = REACHES[activation]
        unit, offset = 2 * reach / TABLE_SIZE, reach
        error = error + unit / 2
    error = SLOPES[activation] * (error + FLOAT_ERROR * (offset + grid.step * grid.zero))
    if activation in REACHES:
        error += 1 - ACTIVATIONS[activation](np.array([reach - unit]))[0]
    A = ACTIVATIONS[activation](Z)
    return A, error + rounding(A, error, grid)


def rounding(values, error, grid):
    """Return how far bytes can be from values that are known up to an error."""
    beyond = np.maximum(values + error - grid.high, grid.low - values + error)
    return grid.step / 2 + np.maximum(beyond, 0) + FLOAT_ERROR * np.abs(values)
