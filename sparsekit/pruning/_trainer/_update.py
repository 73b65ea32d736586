"""Kernels of a step: one pass over a layer's weights, gradients, moments and mask."""

from typing import NamedTuple

import numpy as np

from sparsekit._compile import kernel, record, reduction
from sparsekit.pruning._trainer._options import TrainingOptions

SMALLEST = np.finfo(np.float32).tiny
# Squares that are added up in float32 before they join a sum in float64.
PARTIAL = 4096


@record
class AdamStep(NamedTuple):
    """The numbers of one step of Adam, in float32.

    Attributes
    ----------
    rate : floating
        The learning rate, corrected for the moments' start at zero.
    scale : floating
        What gradients are multiplied by.
    decay : floating
        What weights are multiplied by to be added to their gradients.
    beta_1, beta_2 : floating
        Shares of the moments that stay.
    rest_1, rest_2 : floating
        Shares of the moments that are new.
    epsilon : floating
        Added to the root of the second moment.
    shrink : floating
        The penalty on absolute values, times the rate.
    """

    rate: np.floating
    scale: np.floating
    decay: np.floating
    beta_1: np.floating
    rest_1: np.floating
    beta_2: np.floating
    rest_2: np.floating
    epsilon: np.floating
    shrink: np.floating


@record
class MomentumStep(NamedTuple):
    """The numbers of one step of gradient descent with momentum, in float32.

    Attributes
    ----------
    rate : floating
        The learning rate.
    scale, decay : floating
        As in `AdamStep`.
    momentum : floating
        The share of the velocity that stays.
    along : floating
        The share of the new velocity that weights move by.
    ahead : floating
        The rate at which they follow the gradient itself, as Nesterov's momentum has it; or zero.
    shrink : floating
        How far weights move towards zero.
    """

    rate: np.floating
    scale: np.floating
    decay: np.floating
    momentum: np.floating
    along: np.floating
    ahead: np.floating
    shrink: np.floating


def adam_numbers(
    options: TrainingOptions, rate: float, scale: float, decay: float, shrink: float = 0.0
) -> AdamStep:
    """Return the numbers of a step of Adam at a corrected rate."""
    o = options
    # Both moments begin at zero: without `epsilon` nothing would be divided by nothing.
    epsilon = max(o.epsilon, SMALLEST)
    values = rate, scale, decay, o.beta_1, 1 - o.beta_1, o.beta_2, 1 - o.beta_2, epsilon, shrink
    return AdamStep(*map(np.float32, values))


def momentum_numbers(
    options: TrainingOptions, rate: float, scale: float, decay: float, shrink: float = 0.0
) -> MomentumStep:
    """Return the numbers of a step with momentum, Nesterov's or plain."""
    momentum = options.momentum
    along, ahead = (momentum, rate) if options.nesterovs_momentum else (1.0, 0.0)
    return MomentumStep(*map(np.float32, (rate, scale, decay, momentum, along, ahead, shrink)))


@kernel
def adam_step(step, gradients, mask, weights, first, second):
    """Overwrite weights and moments by those after a step; zeros where the mask is zero.

    All arrays have one axis.
    """
    zero = weights.dtype.type(0)
    for k in range(weights.shape[0]):
        w = weights[k]
        slope = step.scale * gradients[k] + step.decay * w
        m = step.beta_1 * first[k] + step.rest_1 * slope
        v = step.beta_2 * second[k] + step.rest_2 * slope * slope
        spread = np.sqrt(v) + step.epsilon
        moved = w - step.rate * m / spread
        cut = step.shrink / spread
        moved -= min(max(moved, -cut), cut)
        kept = mask[k] != 0
        weights[k] = moved if kept else zero
        first[k] = m if kept else zero
        second[k] = v if kept else zero


@kernel
def momentum_step(step, gradients, mask, weights, velocity):
    """Overwrite weights and velocity by those after a step; zeros where the mask is zero."""
    zero = weights.dtype.type(0)
    for k in range(weights.shape[0]):
        w = weights[k]
        slope = step.scale * gradients[k] + step.decay * w
        u = step.momentum * velocity[k] - step.rate * slope
        moved = w + step.along * u - step.ahead * slope
        moved -= min(max(moved, -step.shrink), step.shrink)
        kept = mask[k] != 0
        weights[k] = moved if kept else zero
        velocity[k] = u if kept else zero


@kernel
def kept_squares(gradients, mask):
    """Return the sum of the squares of the gradients whose mask is not zero."""
    total = 0.0
    size = gradients.shape[0]
    for start in range(0, size, PARTIAL):
        stop = min(start + PARTIAL, size)
        # Of a signed number each use would ask whether it is negative.
        total += partial_squares(gradients, mask, np.uintp(start), np.uintp(stop))
    return total


@reduction
def partial_squares(gradients, mask, start, stop):
    """Return the sum of the squares of a part of the gradients."""
    zero = gradients.dtype.type(0)
    total = zero
    for k in range(start, stop):
        g = gradients[k] if mask[k] != 0 else zero
        total += g * g
    return total


@kernel
def add_group_squares(groups, weights, squares):
    """Add the square of each weight to that of its group."""
    for k in range(weights.shape[0]):
        squares[groups[k]] += weights[k] * weights[k]


@kernel
def add_group_spreads(groups, second, epsilon, spreads):
    """Add the root of each second moment, and `epsilon`, to the sum of its group."""
    for k in range(second.shape[0]):
        spreads[groups[k]] += np.sqrt(second[k]) + epsilon


@kernel
def shrink_groups(groups, factors, weights):
    """Multiply each weight by the factor of its group."""
    for k in range(weights.shape[0]):
        weights[k] *= factors[groups[k]]
