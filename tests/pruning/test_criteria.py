"""What criteria say, against their definitions, finite differences and what is known to be best."""

import dataclasses

import numpy as np
import pytest
from scipy import sparse

import sparsekit.pruning as pruning
from sparsekit.pruning._criteria import CRITERIA
from sparsekit.pruning._network import History, Network
from tests.pruning._networks import ACTIVATIONS, OUTPUTS, random_network


def make_network(activation="tanh", out_activation="softmax"):
    return random_network(np.random.default_rng(0), (6, 5, 4, 3), activation, out_activation)


def make_data(network, n=40, seed=1):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, len(network.weights[0]))).astype(np.float32)
    n_outputs = network.weights[-1].shape[1]
    if network.out_activation == "softmax":
        Y = np.eye(n_outputs, dtype=np.float32)[rng.integers(n_outputs, size=n)]
    else:
        Y = rng.integers(0, 2, (n, n_outputs)).astype(np.float32)
    return X, Y


def loss(network, X, Y):
    """Return the mean loss in float64."""
    P = exact(network).decide(X.astype(np.float64))
    if network.out_activation == "softmax":
        return -np.mean(np.sum(Y * np.log(P), axis=1))
    if network.out_activation == "logistic":
        return -np.mean(np.sum(Y * np.log(P) + (1 - Y) * np.log(1 - P), axis=1))
    if network.out_activation == "exp":
        return np.mean(np.sum(P - Y * np.log(P), axis=1))
    return np.mean(np.sum((P - Y) ** 2, axis=1)) / 2


def exact(network):
    return network.with_weights(
        [W.astype(np.float64) for W in network.weights],
        [b.astype(np.float64) for b in network.biases],
    )


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("out_activation", OUTPUTS)
def test_gradients_are_those_of_the_loss(activation, out_activation):
    network = make_network(activation, out_activation)
    X, Y = make_data(network)
    found = network.mean_gradients(X, Y)
    step = 1e-5
    for layer, W in enumerate(network.weights):
        for place in [(0, 0), (W.shape[0] - 1, W.shape[1] - 1), (1, 2)]:
            losses = []
            for sign in (1, -1):
                weights = [V.astype(np.float64) for V in network.weights]
                weights[layer][place] += sign * step
                losses.append(loss(network.with_weights(weights), X, Y))
            slope = (losses[0] - losses[1]) / (2 * step)
            assert found[layer][place] == pytest.approx(slope, abs=2e-5)


def test_squared_gradients_are_those_of_single_samples():
    network = make_network("relu")
    X, Y = make_data(network, n=7)
    expected = [np.zeros_like(W) for W in network.weights]
    for x, y in zip(X, Y):
        for total, (A, delta) in zip(expected, network.gradients(x[None], y[None])):
            total += (A.T @ delta) ** 2 / len(X)
    for found, wanted in zip(network.mean_squared_gradients(X, Y), expected):
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=1e-8)


@pytest.mark.parametrize("name", sorted(CRITERIA))
def test_scores_are_finite_and_shaped_like_the_weights(name):
    network = make_network()
    X, Y = make_data(network)
    scores = CRITERIA[name].score(network, X, Y)
    assert [S.shape for S in scores] == [W.shape for W in network.weights]
    assert all(np.isfinite(S).all() for S in scores)


@pytest.mark.parametrize("name", sorted(CRITERIA))
def test_sparse_rows_score_as_dense_ones(name):
    network = make_network()
    X, Y = make_data(network)
    X[np.abs(X) < 0.7] = 0
    dense = CRITERIA[name].score(network, X, Y)
    for S, T in zip(dense, CRITERIA[name].score(network, sparse.csr_array(X), Y)):
        np.testing.assert_allclose(S, T, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", sorted(CRITERIA))
def test_criteria_are_frozen_values(name):
    criterion = CRITERIA[name]
    assert dataclasses.is_dataclass(criterion)
    assert criterion == dataclasses.replace(criterion)
    assert type(criterion).__name__ in pruning.__all__


def test_lamp_is_the_share_of_squares_that_are_not_smaller():
    W = np.array([[3.0, -1.0], [2.0, 0.0]], dtype=np.float32)
    network = Network((W,), (np.zeros(2, np.float32),), "relu", "identity")
    (found,) = pruning.Lamp().score(network, None, None)
    np.testing.assert_allclose(found, [[1, 1 / 14], [4 / 13, 0]])


def test_lamp_orders_each_layer_as_magnitude_does():
    network = make_network()
    for S, W in zip(pruning.Lamp().score(network, None, None), network.weights):
        assert np.array_equal(np.argsort(S, axis=None), np.argsort(np.abs(W), axis=None))


def test_obs_removes_the_weight_that_costs_the_least_squared_error():
    # Brute force: refit the others by least squares without each weight in turn.
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((200, 5)) @ rng.standard_normal((5, 5))).astype(np.float32)
    W = rng.standard_normal((5, 1)).astype(np.float32)
    network = Network((W,), (np.zeros(1, np.float32),), "relu", "identity")
    (scores,) = pruning.Obs().score(network, X, None)
    errors = []
    for i in range(5):
        kept = np.delete(np.arange(5), i)
        target = (X @ W).ravel()
        fitted = X[:, kept] @ np.linalg.lstsq(X[:, kept], target, rcond=None)[0]
        errors.append(np.sum((target - fitted) ** 2))
    assert np.argmin(scores) == np.argmin(errors)


def test_fisher_predicts_the_loss_at_the_optimum_of_a_linear_model():
    # For squared error and whitened inputs the diagonal of the Hessian is all of it.
    rng = np.random.default_rng(0)
    X, _ = np.linalg.qr(rng.standard_normal((400, 4)))
    X = (X * 20).astype(np.float32)
    W = np.array([[0.5], [-1.0], [2.0], [0.1]], dtype=np.float32)
    Y = X @ W + rng.standard_normal((400, 1)).astype(np.float32)
    W = np.linalg.lstsq(X, Y, rcond=None)[0].astype(np.float32)
    network = Network((W,), (np.zeros(1, np.float32),), "relu", "identity")
    (scores,) = pruning.Fisher().score(network, X, Y)
    changes = []
    for i in range(4):
        without = W.copy()
        without[i] = 0
        changes.append(loss(network.with_weights([without]), X, Y) - loss(network, X, Y))
    assert np.array_equal(np.argsort(scores.ravel()), np.argsort(changes))


def test_training_gathers_what_movement_and_adam_read():
    network = make_network()
    movement = [np.full_like(W, 2.0) for W in network.weights]
    second = [np.full_like(W, 4.0) for W in network.weights]
    trained = dataclasses.replace(network, history=History(second, movement))
    for S, M in zip(pruning.Movement().score(trained, None, None), movement):
        assert np.array_equal(S, M)
    for S, W in zip(pruning.AdamMoment().score(trained, None, None), network.weights):
        np.testing.assert_allclose(S, 2 * W**2, rtol=1e-6)


def test_random_scores_depend_on_the_seed_only():
    network = make_network()
    first, again, other = (pruning.Random(seed).score(network, None, None) for seed in (0, 0, 1))
    assert all(np.array_equal(S, T) for S, T in zip(first, again))
    assert not np.array_equal(first[0], other[0])
