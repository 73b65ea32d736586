"""Numbers of fewer bits: grids, steps of weights, half precision."""

import numpy as np
import pytest
from scipy import sparse

from sparsekit.pruning import CompiledMLP
from sparsekit.pruning._engine import _quantize
from sparsekit.pruning._engine._layers import layer_of
from sparsekit.pruning._engine._quantize import (
    Grid,
    calibrate,
    choose_grid,
    grid_between,
    in_half_precision,
    rounding_errors,
    weight_steps,
    weights_as_bytes,
    weights_from_bytes,
)

IDENTITY = layer_of(np.eye(4), np.zeros(4))


@pytest.mark.parametrize("ends", [(-1.0, 3.0), (0.0, 7.0), (-5.0, 0.0), (2.0, 9.0), (-1e-30, 1e30)])
def test_a_grid_reaches_both_ends_and_has_zero(ends):
    grid = grid_between(*ends)
    assert 0 <= grid.zero <= 255
    assert grid.rounded(np.zeros(1))[0] == 0
    assert grid.low <= min(ends[0], 0) + grid.step / 2 * 1.001
    assert grid.high >= max(ends[1], 0) - grid.step / 2 * 1.001


def test_inputs_of_no_sign_use_all_bytes():
    assert grid_between(0.0, 5.0).zero == 0
    assert grid_between(-5.0, 0.0).zero == 255


def test_numbers_too_small_to_have_a_step_are_zero():
    for ends in (0.0, 0.0), (-1e-40, 1e-41):
        assert grid_between(*ends) == Grid(1.0, 0)


def test_rounding_moves_numbers_by_half_a_step_at_most(rng):
    grid = grid_between(-2.0, 3.0)
    values = rng.uniform(grid.low, grid.high, 10_000)
    assert np.abs(grid.rounded(values) - values).max() <= grid.step / 2 * (1 + 1e-9)


def test_large_inputs_that_no_weight_reads_are_cut_off(rng):
    A = rng.standard_normal((500, 4))
    A[0, 0] = 1000.0
    assert choose_grid(A, IDENTITY).high > 900
    unread = layer_of(np.diag([0.0, 1, 1, 1]), np.zeros(4))
    assert choose_grid(A, unread).high < 10


def test_inputs_that_are_spread_evenly_are_not_cut_off(rng):
    A = rng.random((500, 4))
    assert choose_grid(A, IDENTITY).high > 0.99 * A.max()


@pytest.mark.parametrize("draw", ["standard_normal", "standard_exponential", "random"])
def test_no_candidate_has_a_smaller_error_of_sums(draw, rng):
    A = getattr(rng, draw)((300, 8)) ** 3
    layer = layer_of(rng.standard_normal((8, 5)), np.zeros(5))
    W = layer.to_dense()

    def error(grid):
        return np.mean(((grid.rounded(A) - A) @ W) ** 2)

    tried = [grid_between(np.quantile(A, cut), np.quantile(A, 1 - cut)) for cut in _quantize.CUTS]
    assert error(choose_grid(A, layer)) <= min(map(error, tried)) * 1.05


def test_sparse_inputs_are_rounded_as_dense_ones(rng):
    A = rng.standard_normal((50, 8)).astype(np.float32) * (rng.random((50, 8)) < 0.3)
    grid = grid_between(-1.0, 2.0)
    found = rounding_errors(sparse.csr_array(A), grid).toarray()
    np.testing.assert_allclose(found, rounding_errors(A, grid), atol=1e-7)


def test_relu_outputs_have_their_zero_at_the_first_byte(rng):
    layers = [layer_of(rng.standard_normal(s), np.zeros(s[1])) for s in [(6, 9), (9, 5), (5, 2)]]
    grids = calibrate(layers, "relu", rng.standard_normal((40, 6)))
    assert [grid.zero for grid in grids[1:]] == [0, 0] and grids[0].zero > 0


def test_calibration_is_the_same_for_sparse_data(rng):
    layers = [layer_of(rng.standard_normal(s), np.zeros(s[1])) for s in [(6, 9), (9, 5)]]
    X = rng.standard_normal((40, 6)) * (rng.random((40, 6)) < 0.5)
    dense, csr = (calibrate(layers, "relu", data) for data in (X, sparse.csr_array(X)))
    for a, b in zip(dense, csr, strict=True):
        assert b.step == pytest.approx(a.step, rel=0.05)


def test_weights_come_back_within_half_a_step(rng):
    for share in 0.1, 1.0:
        W = rng.standard_normal((30, 7)) * (rng.random((30, 7)) < share)
        layer = layer_of(W, np.zeros(7))
        steps = weight_steps(layer, Grid(0.1, 0), 0.0)
        q = weights_as_bytes(layer, steps)
        found = weights_from_bytes(q, layer.indptr, steps)
        assert q.dtype == np.int8 and np.abs(q).max() == 127
        by_value = steps if layer.indptr is None else np.repeat(steps, np.diff(layer.indptr))
        assert (np.abs(found - layer.values) <= by_value / 2 * (1 + 1e-5)).all()


def test_float16_rounds_weights_and_runs_in_float32(rng):
    coefs = [rng.standard_normal((20, 12)), rng.standard_normal((12, 3))]
    intercepts = [rng.standard_normal(12), rng.standard_normal(3)]
    X = rng.standard_normal((30, 20)).astype(np.float32)
    found = CompiledMLP.from_weights(coefs, intercepts, quantize="float16")(X)
    (V, W), (b, c) = ([a.astype(np.float16).astype(float) for a in s] for s in (coefs, intercepts))
    np.testing.assert_allclose(found, np.maximum(X @ V + b, 0) @ W + c, rtol=1e-4, atol=1e-4)


def test_half_precision_loses_one_part_in_2048_at_most(rng):
    layer = layer_of(rng.standard_normal((40, 30)) * (rng.random((40, 30)) < 0.3), np.zeros(30))
    (found,) = in_half_precision([layer])
    assert found.values.dtype == np.float32
    np.testing.assert_allclose(found.values, layer.values, rtol=2**-11)
    np.testing.assert_array_equal(found.values.astype(np.float16), found.values)


def test_weights_beyond_half_precision_are_refused():
    layers = [layer_of(np.eye(3), np.zeros(3)), layer_of(np.full((3, 1), 7e4), np.zeros(1))]
    with pytest.raises(ValueError, match="layer 1 has one of size 7e\\+04"):
        in_half_precision(layers)
