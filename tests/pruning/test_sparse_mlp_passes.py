"""Passes, steps and rewiring of sparse layers, against dense arrays with masks."""

import numpy as np
import pytest
from scipy import sparse

from sparsekit.pruning._sparse_mlp import _blocks
from sparsekit.pruning._sparse_mlp._begin import count_weights
from sparsekit.pruning._sparse_mlp._layer import first_layer
from sparsekit.pruning._sparse_mlp._passes import Passes
from sparsekit.pruning._sparse_mlp._rewire import GROWTH, Rewiring, exchange
from sparsekit.pruning._sparse_mlp._source import DenseRows, FilledRows, SparseRows
from sparsekit.pruning._sparse_mlp._support import Support, draw_distinct, draw_supports
from sparsekit.pruning._sparse_mlp._update import SOLVERS, move
from sparsekit.pruning._trainer import TrainingOptions

UNITS = [23, 40, 17, 3]
SHAPES = list(zip(UNITS[:-1], UNITS[1:], strict=True))
BENDS = {
    "relu": (lambda Z: np.maximum(Z, 0), lambda A: (A > 0).astype(float)),
    "tanh": (np.tanh, lambda A: 1 - A**2),
    "logistic": (lambda Z: 1 / (1 + np.exp(-Z)), lambda A: A * (1 - A)),
    "identity": (lambda Z: Z, np.ones_like),
}


def some_layers(rng, density=0.3, activation="relu"):
    """Return layers of UNITS."""
    counts = [round(density * a * b) for a, b in SHAPES]
    supports = draw_supports(SHAPES, counts, rng)
    return [first_layer(support, activation, rng) for support in supports]


def some_rows(rng, n=30):
    """Return rows of which two thirds are zero, with an empty row and an empty column."""
    X = rng.standard_normal((n, UNITS[0])) * (rng.random((n, UNITS[0])) < 0.3)
    X[3], X[:, 5] = 0, 0
    return X.astype(np.float32)


def dense_slopes(weights, biases, X, delta, activation):
    """Return the sums of the last layer and the gradients of ``(sums * delta).sum()``, float64."""
    bend, slope = BENDS[activation]
    inputs = [X.astype(np.float64)]
    for W, b in zip(weights[:-1], biases, strict=False):
        inputs.append(bend(inputs[-1] @ W + b))
    sums, found, delta = inputs[-1] @ weights[-1] + biases[-1], [], delta.astype(np.float64)
    for k in reversed(range(len(weights))):
        found.insert(0, (inputs[k].T @ delta, delta.sum(axis=0)))
        delta = (delta @ weights[k].T) * slope(inputs[k])
    return sums, found


def dense(layers):
    """Return weights and biases as dense float64 arrays."""
    return [layer.matrix().toarray().astype(np.float64) for layer in layers], [
        layer.biases.astype(np.float64) for layer in layers
    ]


@pytest.fixture(params=["dense", "filled", "sparse"])
def kind(request, monkeypatch):
    """A conversion of X, and the kind of the first layer's part that reads it."""
    monkeypatch.setattr(
        "sparsekit.pruning._sparse_mlp._source.FULL_SHARE", 2.0 if request.param == "sparse" else 0
    )
    wanted = {"dense": DenseRows, "filled": FilledRows, "sparse": SparseRows}[request.param]
    return np.asarray if request.param == "dense" else sparse.csr_array, wanted


def test_dense_reference_has_the_slopes_of_finite_differences(rng):
    layers = some_layers(rng, activation="tanh")
    X, delta = some_rows(rng), rng.standard_normal((30, 3))
    weights, biases = dense(layers)
    _, found = dense_slopes(weights, biases, X, delta, "tanh")
    for k, (i, o) in enumerate([(7, 11), (20, 4), (2, 1)]):
        ends = []
        for step in (1e-6, -1e-6):
            moved = [W.copy() for W in weights]
            moved[k][i, o] += step
            ends.append((dense_slopes(moved, biases, X, delta, "tanh")[0] * delta).sum())
        assert found[k][0][i, o] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("activation", sorted(BENDS))
def test_sums_and_slopes_are_those_of_a_masked_dense_network(rng, kind, activation):
    layers = some_layers(rng, activation=activation)
    X, delta = some_rows(rng), rng.standard_normal((12, 3)).astype(np.float32)
    convert, source = kind
    passes = Passes(layers, convert(X), activation, 20, None)
    assert type(passes.source) is source
    rows = rng.permutation(30)[:12]
    passes.forward(rng.permutation(30)[:20])
    sums, wanted = dense_slopes(*dense(layers), X[rows], delta, activation)
    np.testing.assert_allclose(passes.forward(rows), sums, rtol=1e-4, atol=1e-5)
    for k, slopes, of_biases in passes.backward(delta):
        coo, active = layers[k].matrix().tocoo(), passes.active(k)
        seen = np.isin(coo.row, active)
        reference = wanted[k][0][coo.row, coo.col]
        np.testing.assert_allclose(slopes[seen], reference[seen], rtol=1e-3, atol=1e-4)
        assert not reference[~seen].any()
        np.testing.assert_allclose(of_biases, wanted[k][1], rtol=1e-3, atol=1e-4)
        if k == 0:
            np.testing.assert_array_equal(active, np.flatnonzero(X[rows].any(axis=0)))


def test_slopes_of_absent_weights_come_in_blocks(rng, kind, monkeypatch):
    monkeypatch.setattr("sparsekit.pruning._sparse_mlp._passes.BLOCK_SLOPES", 100)
    layers, X = some_layers(rng), some_rows(rng)
    delta = rng.standard_normal((30, 3)).astype(np.float32)
    passes = Passes(layers, kind[0](X), "relu", 30, None)
    passes.forward(np.arange(30))
    _, wanted = dense_slopes(*dense(layers), X, delta, "relu")
    list(passes.backward(delta))
    for k in range(3):
        found = np.zeros(SHAPES[k])
        for inputs, slopes in passes.every_slope(k):
            found[inputs] = slopes
        np.testing.assert_allclose(found, wanted[k][0], rtol=1e-3, atol=1e-4)


def test_weights_of_rows_are_repeated_rows_to_the_last_bit(rng, kind):
    layers, X = some_layers(rng), some_rows(rng)
    delta, weights = rng.standard_normal((30, 3)).astype(np.float32), rng.integers(1, 4, 30)
    again = rng.permutation(np.repeat(np.arange(30), weights))
    found = []
    for rows, of_rows in ((np.arange(30), weights), (again, np.ones(len(again)))):
        passes = Passes(layers, kind[0](X), "relu", len(rows), None)
        passes.forward(rows)
        found.append([(s.copy(), b) for _, s, b in passes.backward(delta[rows], of_rows)])
    for (one, one_bias), (other, other_bias) in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one_bias, other_bias)


def test_blocks_and_threads_do_not_change_a_bit(rng, kind, monkeypatch):
    layers, X = some_layers(rng), some_rows(rng)
    delta = rng.standard_normal((30, 3)).astype(np.float32)
    found = []
    for work, n_jobs in ((2**24, None), (500, 1), (500, 2)):
        monkeypatch.setattr(_blocks, "CALL_WORK", work)
        passes = Passes(layers, kind[0](X), "relu", 30, n_jobs)
        sums = passes.forward(np.arange(30)).copy()
        found.append([sums, *(s.copy() for _, s, _ in passes.backward(delta))])
    for one, two, three in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)


def reference_step(solver, o, W, G, moments, t, rate, total):
    """Return weights and moments after a step of scikit-learn's optimisers, float64."""
    G = G / total + o.alpha / total * W
    if solver == "adam":
        m = o.beta_1 * moments[0] + (1 - o.beta_1) * G
        v = o.beta_2 * moments[1] + (1 - o.beta_2) * G**2
        rate = rate * np.sqrt(1 - o.beta_2**t) / (1 - o.beta_1**t)
        return W - rate * m / (np.sqrt(v) + o.epsilon), (m, v)
    u = o.momentum * moments[0] - rate * G
    return W + (o.momentum * u - rate * G if o.nesterovs_momentum else u), (u,)


@pytest.mark.parametrize("solver", ["adam", "sgd", "plain"])
def test_steps_move_the_inputs_of_a_batch_only_each_by_its_own_clock(rng, solver):
    options = TrainingOptions(alpha=0.5, nesterovs_momentum=solver != "plain")
    solver = "adam" if solver == "adam" else "sgd"
    layer = some_layers(rng)[0]
    method = SOLVERS[solver](options)
    layer.begin(method.n_moments)
    layer.order()
    W, moments = layer.values.astype(np.float64), [np.zeros(len(layer.values))] * 2
    inputs, clocks = layer.matrix().tocoo().row, np.zeros(UNITS[0])
    b, bias_moments = layer.biases.astype(np.float64), [np.zeros(UNITS[1])] * 2
    for t in range(1, 8):
        active = np.sort(rng.permutation(UNITS[0])[: UNITS[0] - 2 * t]).astype(np.int32)
        slopes, of_biases = rng.standard_normal((2, len(W))).astype(np.float32)
        of_biases = of_biases[: UNITS[1]]
        move(method, layer, active, slopes, of_biases, 0.01, 5.0)
        clocks[active] += 1
        moved, after = reference_step(
            solver, options, W, slopes, moments, np.maximum(clocks[inputs], 1), 0.01, 5.0
        )
        here = np.isin(inputs, active)
        W = np.where(here, moved, W)
        moments = [np.where(here, new, old) for new, old in zip(after, moments, strict=False)]
        plain = TrainingOptions(alpha=0, nesterovs_momentum=options.nesterovs_momentum)
        b, bias_moments = reference_step(solver, plain, b, of_biases, bias_moments, t, 0.01, 5.0)
    np.testing.assert_allclose(layer.values, W, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.biases, b, rtol=1e-5, atol=1e-6)
    for found, wanted in zip(layer.moments, moments, strict=False):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    copy = layer.by_outputs
    found = sparse.csc_array((copy.values, copy.inputs, copy.begins), shape=layer.shape)
    np.testing.assert_array_equal(found.toarray(), layer.matrix().toarray())


@pytest.mark.parametrize("n", [0, 1, 7, 49, 50, 51, 99, 100])
def test_distinct_draws_are_distinct_and_as_many_as_asked_for(rng, n):
    drawn = draw_distinct(100, n, rng)
    assert len(drawn) == n
    assert (np.diff(drawn) > 0).all()
    assert n == 0 or (drawn[0] >= 0 and drawn[-1] < 100)


def test_every_place_is_drawn_equally_often(rng):
    for n in (3, 8):
        counts = sum(np.bincount(draw_distinct(10, n, rng), minlength=10) for _ in range(4000))
        # Four standard deviations of a binomial.
        assert np.abs(counts - 400 * n).max() < 4 * np.sqrt(4000 * n / 10 * (1 - n / 10))


def test_absent_places_are_the_complement(rng):
    for n in (0, 1, 30, 59, 60):
        places = draw_distinct(60, n, rng)
        support = Support.of_places(places, (6, 10))
        np.testing.assert_array_equal(support.places(), places)
        absent = support.absent(np.arange(support.n_absent))
        np.testing.assert_array_equal(absent, np.setdiff1d(np.arange(60), places))


@pytest.mark.parametrize("allocation", ["erk", "uniform"])
@pytest.mark.parametrize("density", [1e-6, 0.001, 0.1, 0.37, 0.9, 1.0])
def test_weights_are_exactly_as_many_as_the_density_says(allocation, density):
    for shapes in (SHAPES, [(784, 300), (300, 100), (100, 10)], [(2, 1)]):
        counts = count_weights(shapes, density, allocation)
        sizes = [a * b for a, b in shapes]
        assert sum(counts) == max(round(density * sum(sizes)), len(shapes))
        assert all(1 <= n <= size for n, size in zip(counts, sizes, strict=True))


def test_few_weights_hang_together(rng):
    first, second = draw_supports([(2, 100), (100, 3)], [20, 20], rng)
    assert np.isin(np.unique(second.places() // 3), first.outputs).all()


def test_first_weights_do_not_depend_on_where_they_are(rng):
    layer = first_layer(draw_supports([(200, 100)], [2000], rng)[0], "relu", rng)
    assert abs((layer.values > 0).mean() - 0.5) < 0.05
    bound = np.sqrt(6 / (0.1 * 300))
    assert 0.95 * bound < np.abs(layer.values).max() <= bound * (1 + 1e-6)


@pytest.mark.parametrize("name", sorted(GROWTH))
def test_an_exchange_drops_the_smallest_and_starts_at_zero(rng, name):
    layers, X = some_layers(rng), some_rows(rng)
    for layer in layers:
        layer.begin(2)
        layer.moments = tuple(rng.random(len(layer.values)).astype(np.float32) for _ in range(2))
    passes = Passes(layers, X, "relu", 30, None)
    passes.forward(np.arange(30))
    list(passes.backward(rng.standard_normal((30, 3)).astype(np.float32)))
    before = [layer.matrix().toarray() for layer in layers]
    for k, layer in enumerate(layers):
        n = 20 if k < 2 else 3
        grown = GROWTH[name](passes, k, n, rng)
        assert len(grown) == n
        first = sparse.csr_array(
            (layer.moments[0].copy(), layer.support.outputs, layer.support.begins), layer.shape
        ).toarray()
        exchange(layer, grown)
        after, stored = layer.matrix().toarray(), np.zeros(layer.shape, bool)
        stored.flat[layer.support.places()] = True
        came = np.zeros(layer.shape, bool)
        came.flat[grown] = True
        assert stored.sum() == (before[k] != 0).sum()
        assert not (came & (before[k] != 0)).any()
        assert not after[came].any()
        left = (before[k] != 0) & ~stored
        kept = stored & ~came
        assert np.abs(before[k][left]).max() <= np.abs(before[k][kept]).min()
        np.testing.assert_array_equal(after[kept], before[k][kept])
        moment = sparse.csr_array(
            (layer.moments[0], layer.support.outputs, layer.support.begins), layer.shape
        ).toarray()
        np.testing.assert_array_equal(moment, np.where(kept, first, 0))
        copy = layer.by_outputs
        by_outputs = sparse.csc_array((copy.values, copy.inputs, copy.begins), shape=layer.shape)
        np.testing.assert_array_equal(by_outputs.toarray(), after)


def test_rigl_grows_where_the_slopes_are_steepest(rng, kind, monkeypatch):
    monkeypatch.setattr("sparsekit.pruning._sparse_mlp._passes.BLOCK_SLOPES", 100)
    layers, X = some_layers(rng), some_rows(rng)
    passes = Passes(layers, kind[0](X), "relu", 30, None)
    passes.forward(np.arange(30))
    list(passes.backward(rng.standard_normal((30, 3)).astype(np.float32)))
    for k, layer in enumerate(layers):
        steepness = np.zeros(layer.shape)
        for inputs, slopes in passes.every_slope(k):
            steepness[inputs] = np.abs(slopes)
        steepness.flat[layer.support.places()] = -1
        grown = GROWTH["rigl"](passes, k, 9, rng)
        wanted = np.sort(np.argsort(steepness, axis=None)[-9:])
        np.testing.assert_array_equal(grown, wanted)


def test_rewiring_keeps_to_its_calendar(rng):
    layers, X = some_layers(rng), some_rows(rng)
    for layer in layers:
        layer.begin(1)
    passes = Passes(layers, X, "relu", 30, None)
    rewiring = Rewiring(GROWTH["set"], 0.5, 10, 35.0, rng)
    changed = []
    for step in range(1, 60):
        before = layers[0].support
        rewiring.after(step, passes)
        if layers[0].support is not before:
            n = len(np.setdiff1d(layers[0].support.places(), before.places()))
            changed.append((step, n))
    n = layers[0].support.n_weights
    shares = [0.25 * (1 + np.cos(np.pi * step / 35)) for step in (10, 20, 30)]
    assert changed == [(10 * i, round(share * n)) for i, share in enumerate(shares, start=1)]
