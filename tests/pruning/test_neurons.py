"""Hidden units removed: the choice, the repair, and what may go without any loss."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from sparsekit.pruning._repair._neurons import (
    count_units,
    keep_neurons,
    pivot_order,
    rank_by_scores,
    rank_neurons,
    remove_dead_units,
    remove_neurons,
)
from sparsekit.pruning._repair._reconstruct import measure_grams
from tests.pruning._networks import ACTIVATIONS, random_network

SIZES = 12, 16, 10, 3


@pytest.fixture
def X(rng):
    """Rows of 12 features."""
    return rng.standard_normal((300, 12)).astype(np.float32)


def choose(network, grams, sparsity):
    """Return the units of each hidden layer that stay."""
    rankings = rank_neurons(network, grams)
    counts = count_units(network.sizes, rankings, "global", sparsity)
    return [np.sort(ranking.order[:n]) for ranking, n in zip(rankings, counts)]


def double(network, rng):
    """Return the same function with each unit of the first layer twice, shuffled."""
    (first, second, *rest), (bias, *others) = network.weights, network.biases
    order = rng.permutation(2 * first.shape[1])
    weights = [np.hstack((first, first))[:, order], np.vstack((second, second))[order] / 2, *rest]
    return network.with_weights(weights, [np.hstack((bias, bias))[order], *others])


def test_the_next_unit_is_the_one_predicted_worst(rng):
    A = rng.standard_normal((50, 6)) @ rng.standard_normal((6, 6))
    order, missing = pivot_order(A.T @ A)
    chosen = []
    for unit, share in zip(order, missing):
        basis = np.linalg.qr(A[:, chosen])[0] if chosen else np.zeros((50, 0))
        left = np.square(A - basis @ (basis.T @ A)).sum(axis=0)
        assert unit == np.argmax(left)
        np.testing.assert_allclose(share, left.sum() / np.square(A).sum(), atol=1e-9)
        chosen.append(unit)
    np.testing.assert_allclose(missing[-1], 0, atol=1e-12)


def test_units_without_a_part_of_their_own_come_last(rng):
    A = rng.standard_normal((50, 3))
    A = np.hstack((A, np.zeros((50, 1)), A))
    order, missing = pivot_order(A.T @ A)
    assert sorted(order) == list(range(7))
    assert 3 in order[3:] and missing[3:].max() < 1e-12


def test_no_activity_at_all_is_an_order_too():
    order, missing = pivot_order(np.zeros((4, 4)))
    assert sorted(order) == [0, 1, 2, 3]
    assert not missing.any()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_copies_of_units_go_without_loss(rng, X, activation):
    small = random_network(rng, SIZES, activation=activation)
    dense, grams = double(small, rng), measure_grams(X)
    order = rank_neurons(dense, grams)[0].order[: small.weights[0].shape[1]]
    found = remove_neurons(dense, [np.sort(order), np.arange(10)], grams)
    assert found.weights[0].shape == small.weights[0].shape
    np.testing.assert_allclose(found.decide(X), dense.decide(X), atol=0.02)


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.6, 0.9, 0.99])
def test_so_many_weights_go_and_hardly_more(rng, X, sparsity):
    dense = random_network(rng, SIZES)
    kept = choose(dense, measure_grams(X), sparsity)
    found = keep_neurons(dense, kept)
    removed = 1 - sum(found.sizes) / sum(dense.sizes)
    assert all(len(units) >= 1 for units in kept)
    if any(len(units) > 1 for units in kept):
        assert sparsity <= removed <= sparsity + 26 / sum(dense.sizes)


def test_units_go_where_the_others_know_them(rng, X):
    dense = double(random_network(rng, SIZES), rng)
    counts = count_units(dense.sizes, rank_neurons(dense, measure_grams(X)), "global", 0.4)
    assert counts[0] < 32 and counts[1] == 10


def test_uniform_layers_lose_the_same_share(rng, X):
    dense = random_network(rng, (12, 40, 20, 3))
    counts = count_units(dense.sizes, rank_neurons(dense, measure_grams(X)), "uniform", 0.5)
    assert abs(counts[0] / 40 - counts[1] / 20) <= 1 / 20
    left = 12 * counts[0] + counts[0] * counts[1] + counts[1] * 3
    assert left <= 0.5 * sum(dense.sizes) < left + 12 + counts[1] + 1


def test_units_without_a_score_of_their_own_go_first():
    ranking = rank_by_scores(np.array([1.0, -2.0, 3.0, 0.0]))
    np.testing.assert_array_equal(ranking.order, [2, 0, 3, 1])
    np.testing.assert_allclose(ranking.missing, [1, 0.25, 0, 0, 0])
    np.testing.assert_array_equal(rank_by_scores(-np.ones(2)).missing, 0)


def test_all_units_kept_is_the_same_network(rng, X):
    dense = random_network(rng, SIZES)
    found = remove_neurons(dense, [np.arange(16), np.arange(10)], measure_grams(X))
    for was, now in zip(dense.weights + dense.biases, found.weights + found.biases):
        np.testing.assert_array_equal(was, now)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_repair_brings_the_outputs_nearer(rng, X, activation):
    dense, grams = random_network(rng, SIZES, activation=activation), measure_grams(X)
    kept = choose(dense, grams, 0.4)
    target = dense.decide(X)
    cut, repaired = (
        np.square(network.decide(X) - target).mean()
        for network in (keep_neurons(dense, kept), remove_neurons(dense, kept, grams))
    )
    assert repaired < 0.5 * cut


def test_threads_change_no_bit(rng, X):
    dense = random_network(rng, SIZES)
    kept = choose(dense, measure_grams(X), 0.5)
    one, two = (remove_neurons(dense, kept, measure_grams(X), n_jobs=n) for n in (1, 2))
    for a, b in zip(one.weights, two.weights):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_units_that_do_nothing_leave_without_a_trace(rng, X, activation):
    dense = random_network(rng, SIZES, activation=activation)
    masks = [rng.random(W.shape) < 0.2 for W in dense.weights]
    masks[0][:, [1, 4]] = False
    masks[1][[2, 7]] = False
    masks[1][:, 3] = False
    masks[2][5] = False
    sparse_network = dense.masked(masks)
    found, kept = remove_dead_units(sparse_network)
    assert not np.isin(kept[0], [1, 2, 4, 7]).any()
    assert not np.isin(kept[1], [3, 5]).any()
    assert [len(units) for units in kept] == [W.shape[1] for W in found.weights[:-1]]
    np.testing.assert_allclose(found.decide(X), sparse_network.decide(X), atol=1e-5)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_an_empty_layer_keeps_one_unit(rng, X, layer):
    dense = random_network(rng, SIZES)
    masks = [np.ones(W.shape, dtype=bool) for W in dense.weights]
    masks[layer][:] = False
    network = dense.masked(masks)
    found, kept = remove_dead_units(network)
    assert all(len(units) >= 1 for units in kept)
    np.testing.assert_allclose(found.decide(X), network.decide(X), atol=1e-5)


def test_a_network_without_hidden_layers_has_no_units_to_lose(rng, X):
    dense = random_network(rng, (12, 3))
    grams = measure_grams(X)
    assert choose(dense, grams, 0.5) == []
    found = remove_neurons(dense, [], grams)
    np.testing.assert_array_equal(found.weights[0], dense.weights[0])
    assert remove_dead_units(dense)[1] == []


def test_dead_pixels_are_no_trouble(rng):
    X = (load_digits().data[:500] / 16).astype(np.float32)
    dense, grams = random_network(rng, (64, 32, 10)), measure_grams(X)
    found = remove_neurons(dense, choose(dense, grams, 0.5), grams)
    assert np.isfinite(found.decide(X)).all()
