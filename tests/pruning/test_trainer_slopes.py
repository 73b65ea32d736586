"""Gradients against finite differences of losses written anew, in double precision."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit, gammaln, log_expit, log_softmax, softmax

from sparsekit.pruning._trainer._batches import Batch
from sparsekit.pruning._trainer._losses import LOSSES, Objective
from sparsekit.pruning._trainer._slopes import Slopes

SIZES = 6, 5, 4, 3
BEND = {
    "identity": lambda Z: Z,
    "logistic": expit,
    "relu": lambda Z: np.maximum(Z, 0),
    "tanh": np.tanh,
}


def cross_entropy(Z, Y, heat=1.0):
    return -(Y * log_softmax(Z / heat, axis=1)).sum(axis=1)


def binary_entropy(Z, Y, heat=1.0):
    return -(Y * log_expit(Z / heat) + (1 - Y) * log_expit(-Z / heat)).sum(axis=1)


def half_squares(Z, Y, heat=1.0):
    return 0.5 * ((Z - Y) ** 2).sum(axis=1)


def negative_likelihood(Z, Y, heat=1.0):
    return (np.exp(Z) - Y * Z + gammaln(Y + 1)).sum(axis=1)


ROWS = {
    "logistic": binary_entropy,
    "poisson": negative_likelihood,
    "softmax": cross_entropy,
    "squared_error": half_squares,
}


def targets(loss, rng, n):
    if loss == "softmax":
        return np.eye(3)[rng.integers(0, 3, n)]
    if loss == "logistic":
        return rng.integers(0, 2, (n, 3)).astype(float)
    if loss == "poisson":
        return rng.poisson(2.0, (n, 3)).astype(float)
    return rng.standard_normal((n, 3))


@pytest.fixture
def layers(rng):
    weights = [0.7 * rng.standard_normal(shape) for shape in zip(SIZES, SIZES[1:])]
    biases = [0.3 * rng.standard_normal(n) for n in SIZES[1:]]
    return weights, biases


def sums(X, weights, biases, activation):
    for W, b in zip(weights[:-1], biases[:-1]):
        X = BEND[activation](X @ W + b)
    return X @ weights[-1] + biases[-1]


def single(values):
    return [np.ascontiguousarray(value, dtype=np.float32) for value in values]


def our_slopes(layers, activation, objective, batch):
    out_activation = LOSSES[objective.loss].out_activation
    found = Slopes(*map(single, layers), activation, out_activation, objective, 16)
    loss = found.walk(batch)
    return loss, [*found.of_weights, *found.of_biases]


def numerical_slopes(loss, arrays, step=1e-5):
    slopes = []
    for values in arrays:
        slope = np.empty_like(values)
        for place in np.ndindex(values.shape):
            kept = values[place]
            values[place] = kept + step
            above = loss()
            values[place] = kept - step
            slope[place] = (above - loss()) / (2 * step)
            values[place] = kept
        slopes.append(slope)
    return slopes


def assert_slopes(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("activation", sorted(BEND))
@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("weighted", [False, True])
def test_gradients_are_finite_differences(rng, layers, activation, loss, weighted):
    n = 9
    X, Y = rng.standard_normal((n, SIZES[0])), targets(loss, rng, n)
    weights = rng.random(n) if weighted else np.ones(n)

    def mean_loss():
        rows = ROWS[loss](sums(X, *layers, activation), Y)
        return np.average(rows, weights=weights)

    batch = Batch(*single([X, Y]), None, single([weights])[0] if weighted else None, weights.sum())
    lost, found = our_slopes(layers, activation, Objective(loss), batch)
    assert_slopes(found, numerical_slopes(mean_loss, [*layers[0], *layers[1]]))
    if loss != "poisson":
        assert lost == pytest.approx(mean_loss(), rel=1e-5)


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_gradients_of_distillation_are_finite_differences(rng, layers, loss):
    n, share, heat = 7, 0.7, 2.5
    X, Y = rng.standard_normal((n, SIZES[0])), targets(loss, rng, n)
    Z = rng.standard_normal((n, 3))
    warm = heat if loss in {"softmax", "logistic"} else 1.0
    answers = {"softmax": lambda Z: softmax(Z, axis=1), "logistic": expit, "poisson": np.exp}
    answer = answers.get(loss, lambda Z: Z)

    def mean_loss():
        found = sums(X, *layers, "tanh")
        taught = warm**2 * ROWS[loss](found, answer(Z / warm), warm)
        return np.mean((1 - share) * ROWS[loss](found, Y) + share * taught)

    objective = Objective(loss, share, heat)
    T = objective.soften(answer(Z).astype(np.float32))
    batch = Batch(*single([X, Y, T]), None, float(n))
    _, found = our_slopes(layers, "tanh", objective, batch)
    assert_slopes(found, numerical_slopes(mean_loss, [*layers[0], *layers[1]]))


def test_sparse_rows_have_the_gradients_of_dense_ones(rng, layers):
    X = rng.standard_normal((9, SIZES[0])) * (rng.random((9, SIZES[0])) < 0.4)
    X[3] = 0
    X, Y = single([X, targets("softmax", rng, 9)])
    found = [
        our_slopes(layers, "relu", Objective("softmax"), Batch(given, Y, None, None, 9.0))
        for given in (X, sparse.csr_array(X))
    ]
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-6)
    for ours, theirs in zip(found[0][1], found[1][1]):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_weights_are_repeated_rows(rng, layers):
    X, Y = single([rng.standard_normal((5, SIZES[0])), targets("softmax", rng, 5)])
    counts = np.array([1, 3, 0, 2, 1])
    weighted = Batch(X, Y, None, counts.astype(np.float32), 7.0)
    repeated = Batch(X.repeat(counts, axis=0), Y.repeat(counts, axis=0), None, None, 7.0)
    found = [our_slopes(layers, "relu", Objective("softmax"), b) for b in (weighted, repeated)]
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-6)
    for ours, theirs in zip(found[0][1], found[1][1]):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
