"""Least squares on kept weights: the optimum, whichever way it is found."""

import numpy as np
import pytest
from scipy import sparse

from sparsekit.pruning._repair import _least_squares
from sparsekit.pruning._repair._least_squares import (
    damped,
    descend_masked,
    descend_on_rows,
    reconstruct_layer,
    solve_kept,
)
from sparsekit.pruning._repair._moments import measure_cross, measure_inputs, shares_of

DENSITIES = [0.05, 0.3, 0.6, 0.95, 1.0]


@pytest.fixture
def layer(rng):
    """Correlated inputs, targets and weights of a layer."""
    factors = rng.standard_normal((12, 40))
    A = rng.standard_normal((150, 12)) @ factors + rng.standard_normal((150, 40))
    T = A @ rng.standard_normal((40, 9)) + rng.standard_normal((150, 9))
    arrays = A, T, rng.standard_normal((40, 9))
    for array in arrays:
        array.setflags(write=False)
    return arrays


def draw_mask(rng, shape, density):
    """Return a mask whose first output keeps nothing and whose last one keeps everything."""
    mask = rng.random(shape) < density
    mask[:, 0], mask[:, -1] = False, True
    return mask


@pytest.mark.parametrize("density", DENSITIES)
def test_each_output_is_the_least_squares_solution_on_its_kept_inputs(layer, rng, density):
    A, T, W = layer
    mask = draw_mask(rng, W.shape, density)
    found = reconstruct_layer(A.T @ A, A.T @ T, W, mask, damping=0.0)
    expected = np.zeros_like(W)
    for j, kept in enumerate(mask.T):
        expected[kept, j] = np.linalg.lstsq(A[:, kept], T[:, j], rcond=None)[0]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize("density", DENSITIES)
def test_damping_draws_to_the_given_weights(layer, rng, density):
    A, T, W = layer
    mask = draw_mask(rng, W.shape, density)
    gram, cross = A.T @ A, A.T @ T
    ridge = 0.1 * np.trace(gram) / len(gram)
    found = reconstruct_layer(gram, cross, W, mask, damping=0.1)
    slope = np.where(mask, gram @ found - cross + ridge * (found - W), 0)
    assert np.abs(slope).max() <= 1e-5 * np.abs(cross).max()
    assert not found[~mask].any()


def test_what_is_lacking_gives_the_same_as_what_is_kept(layer, rng):
    A, T, W = layer
    mask = draw_mask(rng, W.shape, 0.8)
    gram, right = A.T @ A, A.T @ T
    by_lacking = _least_squares._solve_by_lacking(gram, right, mask, None)
    np.testing.assert_allclose(by_lacking, solve_kept(gram, right, mask, None), atol=1e-9)


@pytest.mark.parametrize("density", DENSITIES)
def test_conjugate_gradients_find_the_same(layer, rng, density):
    A, T, W = layer
    mask = draw_mask(rng, W.shape, density)
    gram, right = damped(A.T @ A, 1e-2), A.T @ T
    found = descend_masked(gram, right, mask)
    exact = solve_kept(gram, right, mask, None)
    np.testing.assert_allclose(found, exact, atol=1e-3 * np.abs(exact).max())
    assert not found[~mask].any()


def test_large_layers_go_to_conjugate_gradients(layer, rng, monkeypatch):
    A, T, W = layer
    mask = draw_mask(rng, W.shape, 0.5)
    exact = reconstruct_layer(A.T @ A, A.T @ T, W, mask)
    monkeypatch.setattr(_least_squares, "MOST_WORK", 0)
    monkeypatch.setattr(_least_squares, "solve_kept", None)
    found = reconstruct_layer(A.T @ A, A.T @ T, W, mask)
    np.testing.assert_allclose(found, exact, atol=1e-3 * np.abs(exact).max())


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_rows_alone_give_the_same_as_products(layer, rng, container):
    A, T, W = (array.astype(np.float32) for array in layer)
    A = np.where(rng.random(A.shape) < 0.4, A + 1, np.float32(0))
    mask, shares = draw_mask(rng, W.shape, 0.5), shares_of(rng.random(len(A)), len(A))
    moments = measure_inputs(A, shares)
    center, cross = measure_cross(A, T, shares, moments.mean)
    exact = reconstruct_layer(moments.gram, cross, W, mask, damping=1e-2)
    found, bias = descend_on_rows(container(A), T, shares, moments.mean, W, mask, 1e-2)
    np.testing.assert_allclose(found, exact, atol=2e-3 * np.abs(exact).max())
    np.testing.assert_allclose(bias, center - moments.mean @ found, atol=1e-4)


@pytest.mark.parametrize("density", [0.3, 0.9])
def test_equal_inputs_without_damping_leave_the_fit_as_good(layer, rng, density):
    A, T, W = layer
    A = np.hstack((A, A))
    mask = draw_mask(rng, (80, 9), density)
    found = reconstruct_layer(A.T @ A, A.T @ T, np.vstack((W, W)), mask, damping=0.0)
    for j, kept in enumerate(mask.T):
        best = np.linalg.lstsq(A[:, kept], T[:, j], rcond=None)[0]
        least = np.square(A[:, kept] @ best - T[:, j]).sum()
        assert np.square(A @ found[:, j] - T[:, j]).sum() <= 1.001 * least + 1e-6


def test_inputs_that_are_always_zero_leave_the_weights(rng):
    W = rng.standard_normal((6, 3)).astype(np.float32)
    mask = rng.random(W.shape) < 0.5
    nothing = np.zeros((6, 6)), np.zeros((6, 3))
    np.testing.assert_array_equal(reconstruct_layer(*nothing, W, mask), np.where(mask, W, 0))


@pytest.mark.parametrize("density", [0.2, 0.9])
def test_threads_change_no_bit(layer, rng, density, monkeypatch):
    A, T, W = layer
    monkeypatch.setattr(_least_squares, "CALL_WORK", 2000)
    mask = draw_mask(rng, W.shape, density)
    one, two = (reconstruct_layer(A.T @ A, A.T @ T, W, mask, n_jobs=n) for n in (1, 2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("share", [0.02, 0.4, 1.0])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_moments_are_weighted_covariances(rng, container, share):
    A = np.where(rng.random((5000, 7)) < share, rng.standard_normal((5000, 7)) + 3, 0)
    A, weight = A.astype(np.float32), rng.random(5000)
    T = rng.standard_normal((5000, 2)).astype(np.float32)
    shares = shares_of(weight, 5000)
    moments = measure_inputs(container(A), shares)
    center, cross = measure_cross(container(A), T, shares, moments.mean)
    joint = np.cov(np.hstack((A, T)).T, aweights=weight, bias=True)
    np.testing.assert_allclose(moments.gram, joint[:7, :7], atol=1e-5)
    np.testing.assert_allclose(cross, joint[:7, 7:], atol=1e-5)
    np.testing.assert_allclose(center, np.average(T, axis=0, weights=weight), atol=1e-6)


def test_moments_do_not_depend_on_threads(rng):
    A = rng.standard_normal((3000, 300)).astype(np.float32)
    shares = shares_of(None, 3000)
    one, two = (measure_inputs(A, shares, n).gram for n in (1, 2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one, one.T)
