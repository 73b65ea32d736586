"""A plan measured on this machine."""

import time

import numpy as np
from scipy import sparse

from sparsekit._parallel import check_cancelled, single_blas_thread
from sparsekit.pruning._engine._planner import (
    BATCH_FORMATS,
    BLOCKS,
    ROW_FORMATS,
    make_plan,
    structure_of,
)
from sparsekit.pruning._engine._runner import FloatRunner

BATCH = 64
ROUNDS, SECONDS = 5, 0.003
# A format is tried only if its arrays have at most so many numbers for a weight that is not zero.
MOST_PLACES, MOST_NUMBERS = 4, 1 << 26


def measured_plan(layers, activation, X):
    """Return the fastest formats of each layer on the machine, with activations as X makes them."""
    runner = FloatRunner(layers, activation, make_plan(layers, activation))
    plan = []
    with single_blas_thread():
        for number, layer in enumerate(layers):
            A = layer_inputs(runner, X, number)
            known = runner.plan[number]
            plan.append(
                (
                    fastest(layer, activation, A[:1], ROW_FORMATS, known[0]),
                    fastest(layer, activation, A, BATCH_FORMATS, known[1]),
                )
            )
    return plan


def layer_inputs(runner, X, number):
    """Return BATCH rows of what a layer is given."""
    rows = X[np.arange(BATCH) % X.shape[0]]
    if number == 0:
        dense = rows.toarray() if sparse.issparse(rows) else rows
        return np.ascontiguousarray(dense)
    A = np.empty((BATCH, runner.layers[number].n_inputs), dtype=np.float32)
    runner.run(rows, A, number)
    return A


def random_inputs(n_inputs):
    """Return rows for a machine to be measured on where the user has given none."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((BATCH, n_inputs), dtype=np.float32)


def fastest(layer, activation, A, formats, known):
    """Return the format that takes the least time on `A`, of those worth a trial."""
    candidates = [name for name in formats if name == known or worth_a_trial(layer, name)]
    runners = [FloatRunner([layer], activation, [(name, name)]) for name in candidates]
    out = np.empty((len(A), layer.n_outputs), dtype=np.float32)
    best = [np.inf] * len(runners)
    for _ in range(ROUNDS):
        for k, runner in enumerate(runners):
            check_cancelled()
            best[k] = min(best[k], seconds_for(runner, A, out))
    return candidates[int(np.argmin(best))]


def worth_a_trial(layer, name):
    """Return whether a format's arrays are not many times as large as the layer."""
    if name == "dense":
        return layer.n_inputs * layer.n_outputs <= MOST_NUMBERS
    if name in BLOCKS:
        return structure_of(layer, 1.0).places[name] <= MOST_PLACES * layer.n_weights
    return True


def seconds_for(runner, A, out):
    """Return the seconds of one of many calls."""
    n, begin = 0, time.perf_counter()
    while True:
        runner.run(A, out, 1)
        n, taken = n + 1, time.perf_counter() - begin
        if taken > SECONDS:
            return taken / n
