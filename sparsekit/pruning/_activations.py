"""What the units of a network do with their sums, and the slopes that training asks for.

Every function overwrites its first argument, an array of (samples, units), and returns it.
"""

import numpy as np
from scipy.special import expit

# Beyond it exp leaves float32.
LARGEST_EXPONENT = 88.0


def identity(Z):
    """Leave the sums as they are."""
    return Z


def relu(Z):
    """Cut off below zero."""
    return np.maximum(Z, 0, out=Z)


def tanh(Z):
    """Bend into (-1, 1)."""
    return np.tanh(Z, out=Z)


def logistic(Z):
    """Bend into (0, 1)."""
    return expit(Z, out=Z)


def softmax(Z):
    """Turn each row into probabilities."""
    Z -= Z.max(axis=1, keepdims=True)
    np.exp(Z, out=Z)
    Z /= Z.sum(axis=1, keepdims=True)
    return Z


def exponential(Z):
    """Turn logarithms of rates into rates."""
    return np.exp(np.minimum(Z, LARGEST_EXPONENT, out=Z), out=Z)


def identity_slope(delta, A):
    """Multiply by one."""
    return delta


def relu_slope(delta, A):
    """Keep the gradient where a unit is alive."""
    return np.multiply(delta, A > 0, out=delta)


def tanh_slope(delta, A):
    """Multiply by ``1 - A**2``."""
    return np.multiply(delta, 1 - A * A, out=delta)


def logistic_slope(delta, A):
    """Multiply by ``A * (1 - A)``."""
    return np.multiply(delta, A * (1 - A), out=delta)


# By scikit-learn's names. A slope multiplies a gradient by the derivative, which it reads off A,
# the activations themselves.
ACTIVATIONS = {"identity": identity, "logistic": logistic, "relu": relu, "tanh": tanh}
SLOPES = {
    "identity": identity_slope,
    "logistic": logistic_slope,
    "relu": relu_slope,
    "tanh": tanh_slope,
}
OUT_ACTIVATIONS = {
    "exp": exponential,
    "identity": identity,
    "logistic": logistic,
    "softmax": softmax,
}
