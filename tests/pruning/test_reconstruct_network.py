"""Repair of whole networks: nearer to the dense one, with as many weights as before."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from sparsekit.pruning._criteria import lamp_scores
from sparsekit.pruning._granularity import Blocks, NofM, Weights
from sparsekit.pruning._masks import build_masks
from sparsekit.pruning._network import read_network
from sparsekit.pruning._repair import _moments
from sparsekit.pruning._repair._reconstruct import Repair, measure_grams, reconstruct, reselect
from sparsekit.pruning._repair._reselect import obs_scores
from tests.pruning._networks import ACTIVATIONS, OUTPUTS, random_network

PLAIN = Repair(damping=0.0, sweeps=0)
SIZES = 20, 30, 15, 4


def make_masks(network, sparsity, granularity=None):
    """Return masks by the weights' size."""
    scores = [lamp_scores(W) for W in network.weights]
    return build_masks(scores, granularity or Weights(), "global", sparsity)


@pytest.fixture
def X(rng):
    """Correlated rows, a third of them zero."""
    rows = rng.standard_normal((400, 6)) @ rng.standard_normal((6, 20))
    rows[np.abs(rows) < 1] = 0
    rows = rows.astype(np.float32)
    rows.setflags(write=False)
    return rows


def error(network, dense, X):
    """Return the mean square of what the outputs miss."""
    return np.square(network.decide(X) - dense.decide(X)).mean()


@pytest.mark.parametrize("out_activation", OUTPUTS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_repair_brings_the_outputs_nearer(rng, X, activation, out_activation):
    dense = random_network(rng, SIZES, activation=activation, out_activation=out_activation)
    masks, grams = make_masks(dense, 0.7), measure_grams(X)
    cut = dense.masked(masks)
    repaired = reconstruct(cut, dense, masks, grams)
    chosen, _ = reselect(dense, dense, masks, grams, Weights())
    assert error(repaired, dense, X) < 0.5 * error(cut, dense, X)
    assert error(chosen, dense, X) < error(repaired, dense, X)


def test_nothing_removed_changes_nothing(rng, X):
    dense = random_network(rng, SIZES)
    masks = [np.ones(W.shape, dtype=bool) for W in dense.weights]
    for found in (
        reconstruct(dense, dense, masks, measure_grams(X)),
        reselect(dense, dense, masks, measure_grams(X), Weights())[0],
    ):
        for was, now in zip(dense.weights + dense.biases, found.weights + found.biases):
            np.testing.assert_array_equal(was, now)


def test_layers_before_the_first_cut_stay_as_they_are(rng, X):
    dense = random_network(rng, SIZES)
    masks = make_masks(dense, 0.5)
    masks[0][:] = True
    found = reconstruct(dense, dense, masks, measure_grams(X))
    np.testing.assert_array_equal(found.weights[0], dense.weights[0])
    assert (found.weights[1] != dense.weights[1])[masks[1]].any()


def test_the_given_networks_and_masks_are_not_written_to(rng, X):
    dense = random_network(rng, SIZES)
    masks, weight = make_masks(dense, 0.5), np.ones(len(X))
    for array in (*dense.weights, *dense.biases, *masks, weight):
        array.setflags(write=False)
    grams = measure_grams(X, weight)
    reconstruct(dense, dense, masks, grams)
    reselect(dense, dense, masks, grams, Weights())


def test_one_layer_is_a_weighted_regression_with_intercept(rng, X):
    dense = random_network(rng, (20, 3))
    masks, weight = make_masks(dense, 0.6), rng.random(len(X))
    found = reconstruct(dense, dense, masks, measure_grams(X, weight), repair=PLAIN)
    targets, roots = dense.decide(X), np.sqrt(weight)[:, None]
    for j, kept in enumerate(masks[0].T):
        columns = np.hstack((X[:, kept], np.ones((len(X), 1))))
        best = np.linalg.lstsq(roots * columns, roots[:, 0] * targets[:, j], rcond=None)[0]
        np.testing.assert_allclose(found.weights[0][kept, j], best[:-1], atol=1e-3)
        np.testing.assert_allclose(found.biases[0][j], best[-1], atol=1e-3)


def test_rows_without_weight_are_as_good_as_absent(rng, X):
    dense, weight = random_network(rng, SIZES), np.repeat([1.0, 0.0], 200)
    masks = make_masks(dense, 0.7)
    whole = reconstruct(dense, dense, masks, measure_grams(X, weight))
    half = reconstruct(dense, dense, masks, measure_grams(X[:200]))
    for a, b in zip(whole.weights, half.weights):
        np.testing.assert_allclose(a, b, atol=1e-3)


def test_sparse_rows_give_the_same_as_dense_ones(rng, X):
    dense = random_network(rng, SIZES)
    masks = make_masks(dense, 0.7)
    a, b = (reconstruct(dense, dense, masks, measure_grams(x)) for x in (X, sparse.csr_array(X)))
    for was, now in zip(a.weights, b.weights):
        np.testing.assert_allclose(was, now, atol=1e-4)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_wide_inputs_are_repaired_without_their_products(rng, X, monkeypatch, container):
    dense = random_network(rng, SIZES)
    masks = make_masks(dense, 0.7)
    narrow = reconstruct(dense, dense, masks, measure_grams(X))
    monkeypatch.setattr(_moments, "MOST_INPUTS", 19)
    grams = measure_grams(container(X))
    assert grams.first.gram is None
    wide = reconstruct(dense, dense, masks, grams)
    assert error(wide, dense, X) < 1.05 * error(narrow, dense, X) + 1e-6
    again, kept = reselect(dense, dense, masks, grams, Weights())
    np.testing.assert_array_equal(kept[0], masks[0])
    assert error(again, dense, X) < error(dense.masked(masks), dense, X)


def test_fewer_samples_are_drawn_by_the_seed(X):
    a, b, c = (measure_grams(X, max_samples=50, random_state=s).X for s in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert len(a) == 50 and not np.array_equal(a, c)


def test_each_sweep_lowers_what_a_relu_layer_misses(rng, X):
    dense = random_network(rng, (20, 30, 2))
    masks, grams = make_masks(dense, 0.8), measure_grams(X)
    target, missed = np.maximum(dense.sums(0, X), 0), []
    for sweeps in range(5):
        repair = Repair(damping=0.0, sweeps=sweeps)
        found = reconstruct(dense, dense, masks, grams, repair=repair).sums(0, X)
        silent = target == 0
        missed.append(np.where(silent, np.maximum(found, 0), found - target))
    losses = [np.square(m).sum() for m in missed]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.95 * losses[0]


@pytest.mark.parametrize("sparsity", [0.1, 0.5, 0.9])
def test_reselection_keeps_as_many_weights_in_each_layer(rng, X, sparsity):
    dense = random_network(rng, SIZES)
    masks = make_masks(dense, sparsity)
    found, kept = reselect(dense, dense, masks, measure_grams(X), Weights())
    assert [m.sum() for m in kept] == [m.sum() for m in masks]
    for W, mask in zip(found.weights, kept):
        assert not W[~mask].any()
        assert W.dtype == np.float32


def test_reselection_sees_inputs_that_hardly_vary(rng):
    X = rng.standard_normal((500, 40)).astype(np.float32)
    X[:, 20:] *= 0.01
    dense = random_network(rng, (40, 5))
    dense.weights[0][20:] *= 10
    masks, grams = make_masks(dense, 0.5), measure_grams(X)
    assert masks[0][20:].sum() > masks[0][:20].sum()
    found, kept = reselect(dense, dense, masks, grams, Weights(), repair=Repair(damping=1e-5))
    assert kept[0][20:].sum() < 20
    assert error(found, dense, X) < 0.1 * error(reconstruct(dense, dense, masks, grams), dense, X)


def test_reselected_blocks_are_whole(rng, X):
    dense = random_network(rng, SIZES)
    masks = make_masks(dense, 0.7, Blocks((2, 3)))
    _, kept = reselect(dense, dense, masks, measure_grams(X), Blocks((2, 3)))
    for mask in kept:
        for i in range(0, mask.shape[0], 2):
            for j in range(0, mask.shape[1], 3):
                block = mask[i : i + 2, j : j + 3]
                assert block.all() or not block.any()


def test_reselected_groups_keep_their_pattern(rng, X):
    dense = random_network(rng, SIZES)
    masks = make_masks(dense, 0.5, NofM(2, 4))
    _, kept = reselect(dense, dense, masks, measure_grams(X), NofM(2, 4))
    for mask in kept:
        for i in range(0, mask.shape[0], 4):
            assert mask[i : i + 4].sum(axis=0).max() <= 2


@pytest.mark.parametrize("change", [reconstruct, lambda *a, **k: reselect(*a, Weights(), **k)[0]])
def test_threads_change_no_bit(rng, X, change):
    dense = random_network(rng, SIZES)
    masks = make_masks(dense, 0.8)
    one, two = (change(dense, dense, masks, measure_grams(X, n_jobs=n), n_jobs=n) for n in (1, 2))
    for a, b in zip(one.weights + one.biases, two.weights + two.biases):
        np.testing.assert_array_equal(a, b)


def test_a_weights_score_is_what_its_removal_costs(rng, X):
    W = rng.standard_normal((20, 3))
    A = X.astype(np.float64) + rng.standard_normal(X.shape)
    scores = obs_scores(A.T @ A, W, damping=0.0)
    for i in (0, 7):
        others = np.delete(np.arange(20), i)
        least = np.linalg.lstsq(A[:, others], A @ W, rcond=None)[1]
        np.testing.assert_allclose(scores[i], least, rtol=1e-8)


@pytest.fixture(scope="module")
def digits():
    """A network for handwritten digits, its rows, and rows to judge by."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.4, random_state=0)
    model = MLPClassifier((128, 64), max_iter=40, n_iter_no_change=40, random_state=0, tol=0.0)
    with pytest.warns(Warning, match="Maximum iterations"):
        model.fit(X, y)
    return read_network(model), X, X_test, y_test


@pytest.mark.parametrize(("sparsity", "points"), [(0.8, 1.0), (0.9, 2.0)])
def test_digits_are_recognised_with_few_weights(digits, sparsity, points):
    dense, X, X_test, y_test = digits

    def score(network):
        return 100 * np.mean(network.decide(X_test).argmax(axis=1) == y_test)

    masks, grams = make_masks(dense, sparsity), measure_grams(X)
    chosen, _ = reselect(dense, dense, masks, grams, Weights())
    assert score(chosen) >= score(dense) - points
    repaired = reconstruct(dense, dense, masks, grams)
    assert score(repaired) > score(dense.masked(masks))


def test_options_are_values():
    assert replace(Repair(), steps=3) == Repair(steps=3)
