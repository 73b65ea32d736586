"""Steps of stored weights down their slopes: only of inputs that a batch has."""

import math

import numpy as np

from sparsekit._compile import kernel
from sparsekit.pruning._sparse_mlp._layer import CALL_WEIGHTS, Layer
from sparsekit.pruning._trainer._options import TrainingOptions
from sparsekit.pruning._trainer._update import adam_numbers, momentum_numbers

# Where a moment's start at zero does not show any more, or where we stop to look.
FORGOTTEN, LONGEST = 1e-9, 2**16
ONE = np.zeros(1, np.int32)


@kernel
def run_end(active, ticks, a):
    """Return the end of the run of neighbouring inputs from ``active[a]`` on with one clock."""
    tick, stop = ticks[active[a]], a + 1
    while (
        stop < len(active) and active[stop] == active[stop - 1] + 1 and ticks[active[stop]] == tick
    ):
        stop += 1
    return stop


@kernel
def adam_runs(step, corrections, begins, active, ticks, slopes, weights, moments):
    """Overwrite the weights of active inputs and their moments by those after a step of Adam."""
    first, second = moments
    a = 0
    while a < len(active):
        stop = run_end(active, ticks, a)
        tick = ticks[active[a]]
        rate = step.rate * corrections[min(tick, len(corrections) - 1)]
        for k in range(a, stop):
            ticks[active[k]] = tick + 1
        # Of a signed number each use would ask whether it is negative.
        for t in range(np.uintp(begins[active[a]]), np.uintp(begins[active[stop - 1] + 1])):
            slope = step.scale * slopes[t] + step.decay * weights[t]
            m = step.beta_1 * first[t] + step.rest_1 * slope
            v = step.beta_2 * second[t] + step.rest_2 * slope * slope
            weights[t] -= rate * m / (np.sqrt(v) + step.epsilon)
            first[t] = m
            second[t] = v
        a = stop


@kernel
def momentum_runs(step, corrections, begins, active, ticks, slopes, weights, moments):
    """Overwrite the weights of active inputs and their velocities by those after a step."""
    velocity = moments[0]
    a = 0
    while a < len(active):
        stop = run_end(active, ticks, a)
        tick = ticks[active[a]]
        for k in range(a, stop):
            ticks[active[k]] = tick + 1
        # Of a signed number each use would ask whether it is negative.
        for t in range(np.uintp(begins[active[a]]), np.uintp(begins[active[stop - 1] + 1])):
            slope = step.scale * slopes[t] + step.decay * weights[t]
            u = step.momentum * velocity[t] - step.rate * slope
            weights[t] += step.along * u - step.ahead * slope
            velocity[t] = u
        a = stop


class Adam:
    """Adam with a clock for each input, which stands still in batches that do not have the input.

    Parameters
    ----------
    options : TrainingOptions
        Its numbers.
    """

    runs, numbers = staticmethod(adam_runs), staticmethod(adam_numbers)
    n_moments = 2

    def __init__(self, options: TrainingOptions):
        self.options = options
        beta_1, beta_2 = options.beta_1, options.beta_2
        slower = max(beta_1, beta_2)
        n = math.ceil(math.log(FORGOTTEN) / math.log(slower)) if slower > 0 else 1
        ticks = np.arange(1, min(n, LONGEST) + 1)
        corrections = np.sqrt(1 - beta_2**ticks) / (1 - beta_1**ticks)
        self.corrections = corrections.astype(np.float32)


class Momentum:
    """Gradient descent with momentum, which rests where a batch does not have the input.

    Parameters
    ----------
    options : TrainingOptions
        Its numbers.
    """

    runs, numbers = staticmethod(momentum_runs), staticmethod(momentum_numbers)
    n_moments = 1

    def __init__(self, options: TrainingOptions):
        self.options = options
        self.corrections = np.ones(1, np.float32)


SOLVERS = {"adam": Adam, "sgd": Momentum}


def move(
    solver: Adam | Momentum,
    layer: Layer,
    active: np.ndarray,
    slopes: np.ndarray,
    bias_slopes: np.ndarray,
    rate: float,
    total: float,
) -> None:
    """Move a layer down its slopes, sums over samples of so much weight, of active inputs."""
    run, corrections = solver.runs, solver.corrections
    step = solver.numbers(solver.options, rate, 1 / total, solver.options.alpha / total)
    size = max(1, CALL_WEIGHTS * layer.shape[0] // layer.support.n_weights)
    begins, ticks = layer.support.begins, layer.ticks
    for start in range(0, len(active), size):
        some = active[start : start + size]
        run(step, corrections, begins, some, ticks, slopes, layer.values, layer.moments)
    # Biases have no L2 penalty; they are the weights of an input that every batch has.
    step = step._replace(decay=np.float32(0))
    ends = np.array([0, len(layer.biases)], begins.dtype)
    clock, one = ticks[-1:], ONE.astype(active.dtype)
    run(step, corrections, ends, one, clock, bias_slopes, layer.biases, layer.bias_moments)
    layer.follow()
