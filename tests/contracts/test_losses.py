"""What every loss promises, tested once for all of `sparsekit.losses`."""

import numpy as np
import pytest

from sparsekit import losses

INSTANCES = [getattr(losses, name)() for name in losses.__all__]
EVERY = pytest.mark.parametrize("loss", INSTANCES, ids=str)

# Targets in [0, 1] suit every loss; fractions arise when rows are pooled.
TARGETS = np.array([0.0, 0.3, 1.0])[:, None]
PREDICTORS = np.array([-7.0, -2.0, -0.3, 0.0, 0.8, 3.0, 6.5])
Y, ETA = np.broadcast_arrays(TARGETS, PREDICTORS)


@EVERY
def test_gradient_is_the_derivative_of_value(loss):
    delta = 1e-5
    difference = loss.value(Y, ETA + delta) - loss.value(Y, ETA - delta)
    # Third derivatives are at most one here: delta**2 / 6, and the rounding of values below 50.
    np.testing.assert_allclose(loss.gradient(Y, ETA), difference / (2 * delta), atol=1e-8)


@EVERY
def test_curvature_is_the_derivative_of_gradient(loss):
    delta = 1e-5
    difference = loss.gradient(Y, ETA + delta) - loss.gradient(Y, ETA - delta)
    np.testing.assert_allclose(loss.curvature(Y, ETA), difference / (2 * delta), atol=1e-9)


@EVERY
def test_curvature_stays_between_zero_and_its_bound(loss):
    eta = np.linspace(-50, 50, 1001)
    curvature = loss.curvature(np.zeros_like(eta), eta)
    assert (curvature >= 0).all()
    # The bound is reached: a larger one would shorten every step that relies on it.
    np.testing.assert_allclose(curvature.max(), loss.curvature_bound(), rtol=1e-15)


@EVERY
def test_quadratic_says_whether_the_curvature_is_one(loss):
    assert loss.quadratic == (loss.curvature(Y, ETA) == 1).all()


@EVERY
@pytest.mark.parametrize("factor", [0.0, 0.2, 0.9, 1.0])
def test_conjugate_is_the_largest_product_less_value(loss, factor):
    grid = np.linspace(-40, 40, 160_001)
    for y, eta in zip(Y.ravel(), ETA.ravel()):
        u = factor * loss.gradient(y, eta)
        brute = (u * grid - loss.value(y, grid)).max()
        # The grid may miss the maximum by half its spacing, and by its end where that is infinite.
        np.testing.assert_allclose(loss.conjugate(y, u), brute, rtol=0, atol=0.5 * 2.5e-4**2)


@EVERY
def test_value_and_conjugate_meet_at_the_gradient(loss):
    u = loss.gradient(Y, ETA)
    total = loss.value(Y, ETA) + loss.conjugate(Y, u)
    np.testing.assert_allclose(total, u * ETA, atol=1e-13)


@EVERY
def test_inverse_link_is_the_target_without_force(loss):
    np.testing.assert_allclose(loss.gradient(loss.inverse_link(ETA), ETA), 0.0, atol=1e-15)


@EVERY
def test_extreme_predictors_give_finite_answers(loss):
    far = np.array([1e2, 1e3, 1e8, 1e100])
    eta = np.concatenate([-far, far])
    for y in (0.0, 0.3, 1.0):
        target = np.full_like(eta, y)
        gradient = loss.gradient(target, eta)
        with np.errstate(under="ignore"):
            answers = loss.value(target, eta), gradient, loss.curvature(target, eta)
        for answer in (*answers, loss.conjugate(target, gradient), loss.inverse_link(eta)):
            assert np.isfinite(answer).all()


@EVERY
def test_arguments_are_left_as_they_are(loss):
    y, eta = Y.copy(), ETA.copy()
    for array in (y, eta):
        array.setflags(write=False)
    loss.value(y, eta), loss.curvature(y, eta), loss.conjugate(y, loss.gradient(y, eta))


def test_a_small_logistic_loss_keeps_its_digits():
    small = losses.Logistic().value(np.ones(2), np.array([40.0, 600.0]))
    np.testing.assert_allclose(small, np.exp([-40.0, -600.0]), rtol=1e-15)
