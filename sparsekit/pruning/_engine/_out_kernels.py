"""What the last layer makes of its sums, without NumPy's many small calls."""

import math

import numpy as np

from sparsekit._compile import helper, kernel

# Beyond it exp leaves float32.
LARGEST_EXPONENT = np.float32(88)


@helper
def logistic(z):
    """Return ``1 / (1 + exp(-z))`` without an overflow."""
    power = np.float32(math.exp(-abs(z)))
    one = np.float32(1)
    return one / (one + power) if z >= 0 else power / (one + power)


@kernel
def softmax_rows(Z):
    """Overwrite each row by probabilities."""
    for i in range(Z.shape[0]):
        largest = Z[i, 0]
        for k in range(1, Z.shape[1]):
            largest = max(largest, Z[i, k])
        total = np.float32(0)
        for k in range(Z.shape[1]):
            Z[i, k] = math.exp(Z[i, k] - largest)
            total += Z[i, k]
        for k in range(Z.shape[1]):
            Z[i, k] /= total


@kernel
def logistic_rows(Z):
    """Overwrite sums by probabilities."""
    for i in range(Z.shape[0]):
        for k in range(Z.shape[1]):
            Z[i, k] = logistic(Z[i, k])


@kernel
def exponential_rows(Z):
    """Overwrite logarithms of rates by rates."""
    for i in range(Z.shape[0]):
        for k in range(Z.shape[1]):
            Z[i, k] = math.exp(LARGEST_EXPONENT if Z[i, k] > LARGEST_EXPONENT else Z[i, k])


def identity_rows(Z):
    """Leave the sums as they are."""


OUT_KERNELS = {
    "exp": exponential_rows,
    "identity": identity_rows,
    "logistic": logistic_rows,
    "softmax": softmax_rows,
}
