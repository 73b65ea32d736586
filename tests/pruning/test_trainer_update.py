"""One step against its formula in double precision; what the mask removes; penalties."""

import numpy as np
import pytest

from sparsekit.pruning._trainer._optimizer import Groups, Optimizer
from sparsekit.pruning._trainer._options import TrainingOptions
from sparsekit.pruning._trainer._update import (
    AdamStep,
    MomentumStep,
    adam_step,
    kept_squares,
    momentum_step,
)

EPS = float(np.finfo(np.float32).eps)
SIZES = [0, 1, 15, 16, 17, 100, 4097]


@pytest.fixture(params=SIZES)
def layer(request, rng):
    """Weights, gradients, moments and a mask of one axis."""
    n = request.param
    w, g, m = (rng.standard_normal(n).astype(np.float32) for _ in range(3))
    v = rng.random(n).astype(np.float32)
    mask = (rng.random(n) < 0.5).astype(np.uint8)
    return w, g, m, v, mask


def adam_numbers(shrink=0.0):
    values = 0.01, 0.7, 1e-3, 0.9, 0.1, 0.999, 0.001, 1e-8, shrink
    return AdamStep(*map(np.float32, values))


def momentum_numbers(nesterov, shrink=0.0):
    along, ahead = (0.9, 0.05) if nesterov else (1.0, 0.0)
    return MomentumStep(*map(np.float32, (0.05, 0.7, 1e-3, 0.9, along, ahead, shrink)))


def in_double(step):
    return type(step)(*map(np.float64, step))


def assert_rounded(found, expected, scale):
    """Numbers are within four roundings of the largest term that made them."""
    assert found.dtype == np.float32
    assert np.all(np.abs(found - expected) <= 4 * EPS * scale)


def test_a_step_of_adam_is_its_formula(layer):
    w, g, m, v, mask = layer
    s = in_double(adam_numbers())
    W, G, M, V = (a.astype(np.float64) for a in (w, g, m, v))
    slope = s.scale * G + s.decay * W
    M, V = s.beta_1 * M + s.rest_1 * slope, s.beta_2 * V + s.rest_2 * slope**2
    expected = W - s.rate * M / (np.sqrt(V) + s.epsilon)
    kept, before = mask.astype(bool), np.abs(m)
    adam_step(adam_numbers(), g, mask, w, m, v)
    assert_rounded(m[kept], M[kept], (before + np.abs(slope))[kept])
    assert_rounded(v[kept], V[kept], V[kept])
    assert_rounded(w[kept], expected[kept], np.maximum(np.abs(W), np.abs(expected))[kept] + 0.1)


@pytest.mark.parametrize("nesterov", [True, False])
def test_a_step_with_momentum_is_its_formula(layer, nesterov):
    w, g, m, _, mask = layer
    s = in_double(momentum_numbers(nesterov))
    W, G, U = (a.astype(np.float64) for a in (w, g, m))
    slope = s.scale * G + s.decay * W
    size = np.abs(W) + np.abs(U) + np.abs(slope)
    U = s.momentum * U - s.rate * slope
    expected = W + (s.momentum * U - s.rate * slope if nesterov else U)
    kept = mask.astype(bool)
    momentum_step(momentum_numbers(nesterov), g, mask, w, m)
    assert_rounded(m[kept], U[kept], size[kept])
    assert_rounded(w[kept], expected[kept], size[kept])


def test_what_the_mask_removes_is_zero_whatever_its_gradient(layer):
    w, g, m, v, mask = layer
    g[mask == 0] = np.nan
    velocity, others = m.copy(), w.copy()
    adam_step(adam_numbers(), g, mask, w, m, v)
    momentum_step(momentum_numbers(True), g, mask, others, velocity)
    for values in (w, m, v, others, velocity):
        assert not values[mask == 0].any()
        assert np.isfinite(values).all()


def test_the_norm_counts_what_is_kept(layer):
    _, g, _, _, mask = layer
    expected = np.sum(g[mask == 1].astype(np.float64) ** 2)
    g[mask == 0] = np.inf
    assert kept_squares(g, mask) == pytest.approx(expected, rel=1e-5)


def test_the_penalty_moves_each_weight_towards_zero_and_no_further(layer):
    w, g, m, v, mask = layer
    mask[:] = 1
    plain, penalised = w.copy(), w
    adam_step(adam_numbers(), g, mask, plain, m.copy(), v.copy())
    adam_step(adam_numbers(shrink=0.1), g, mask, penalised, m, v)
    cut = 0.1 / (np.sqrt(v) + 1e-8)
    expected = np.sign(plain) * np.maximum(np.abs(plain) - cut, 0)
    np.testing.assert_allclose(penalised, expected, rtol=1e-5, atol=1e-6)
    assert len(w) < 100 or np.any(penalised == 0)


def test_groups_shrink_as_wholes(rng):
    numbers = np.repeat(np.arange(4), 5).reshape(4, 5)
    W = rng.standard_normal((4, 5)).astype(np.float32)
    W[1] *= 0.01
    W[2] = 0
    norms = np.linalg.norm(W.astype(np.float64), axis=1, keepdims=True)
    by = 0.2 * np.sqrt(5)
    expected = np.where(norms > by, (1 - by / np.maximum(norms, 1e-30)) * W, 0)
    Groups(numbers).shrink(W, None, 1e-8, 0.2)
    np.testing.assert_allclose(W, expected, rtol=1e-5)
    assert not W[1:3].any()


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_long_gradient_is_shortened_and_a_short_one_is_not(rng, solver):
    def moved(slope, clip_norm):
        W = np.zeros((6, 4), np.float32)
        options = TrainingOptions(solver=solver, clip_norm=clip_norm, alpha=0.0)
        optimizer = Optimizer(
            [W], [np.zeros(4, np.float32)], [np.ones((6, 4), bool)], None, options
        )
        assert optimizer.step([slope], [np.zeros(4, np.float32)], 0.1, 1.0)
        return optimizer.first[0]

    slope = rng.standard_normal((6, 4)).astype(np.float32)
    norm = np.linalg.norm(slope)
    np.testing.assert_array_equal(moved(slope, 1.01 * norm), moved(slope, None))
    np.testing.assert_allclose(moved(slope, norm / 8), moved(slope, None) / 8, rtol=1e-5)


def test_an_epsilon_below_float32_divides_no_zero_by_zero():
    W, b = np.ones((3, 2), np.float32), np.zeros(2, np.float32)
    options = TrainingOptions(epsilon=1e-60, alpha=0.0)
    optimizer = Optimizer([W], [b], [np.ones((3, 2), bool)], None, options)
    optimizer.step([np.zeros((3, 2), np.float32)], [np.zeros(2, np.float32)], 0.1, 1.0)
    np.testing.assert_array_equal(W, 1)
