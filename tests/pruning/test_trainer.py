"""Training: what scikit-learn does, masks that hold, and who may say stop."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso
from sklearn.neural_network import MLPClassifier, MLPRegressor
from threadpoolctl import threadpool_limits

from sparsekit.pruning._network import read_network
from sparsekit.pruning._trainer import TrainingOptions, encode_targets, options_of, train
from sparsekit.pruning._trainer._batches import without_zeros
from tests.pruning._networks import random_network

N = 130


@pytest.fixture
def X(rng):
    return rng.standard_normal((N, 7)).astype(np.float32)


@pytest.fixture
def labels(X):
    return np.digitize(X[:, 0] + 0.5 * X[:, 1] * X[:, 2], [-0.5, 0.5])


def start_and_end(model, X, y, epochs, **fit_parameters):
    """Return a network at its start, and after so many epochs of scikit-learn from there."""
    wanted = model.learning_rate_init
    model.set_params(warm_start=True, max_iter=1, learning_rate_init=1e-30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = read_network(model.fit(X, y))
        model.set_params(max_iter=epochs, learning_rate_init=wanted)
        model.t_ = 0
        model.fit(X, y, **fit_parameters)
    return start, model


def assert_trained_alike(trained, model, rtol=1e-3, atol=2e-5):
    assert trained.n_epochs == model.n_iter_
    # The first entry is of the epoch that moved nothing.
    np.testing.assert_allclose(trained.loss_curve, model.loss_curve_[1:], rtol=1e-4)
    for ours, theirs in zip(trained.network.weights, model.coefs_):
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol)
    for ours, theirs in zip(trained.network.biases, model.intercepts_):
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol)


SOLVERS = {
    "adam": {"solver": "adam", "learning_rate_init": 0.01},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.05},
    "sgd-plain": {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 0.05},
    "sgd-invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.5},
}


def compare(model, X, y, epochs=3, **fit_parameters):
    model.set_params(shuffle=False, batch_size=50, random_state=0, alpha=0.1)
    start, model = start_and_end(model, X, y, epochs, **fit_parameters)
    Y, loss = encode_targets(model, y)
    given = fit_parameters.get("sample_weight")
    trained = train(start, X, Y, loss=loss, options=options_of(model), sample_weight=given)
    assert_trained_alike(trained, model)


@pytest.mark.parametrize("solver", sorted(SOLVERS))
@pytest.mark.parametrize("activation", ["identity", "logistic", "relu", "tanh"])
def test_epochs_are_those_of_scikit_learn(X, labels, solver, activation):
    compare(MLPClassifier((9, 5), activation=activation, **SOLVERS[solver]), X, labels)


def test_epochs_on_several_labels_are_those_of_scikit_learn(X, rng):
    compare(MLPClassifier((9,)), X, rng.integers(0, 2, (N, 3)))


def test_epochs_on_two_classes_are_those_of_scikit_learn(X, labels):
    compare(MLPClassifier((9,)), X, labels == 1)


def test_epochs_of_a_regression_are_those_of_scikit_learn(X):
    compare(MLPRegressor(hidden_layer_sizes=(9,)), X, X[:, 0] * X[:, 1])


def test_epochs_on_sparse_rows_are_those_of_scikit_learn(X, labels):
    X = sparse.csr_array(np.where(X > 0.8, X, 0))
    compare(MLPClassifier((9,)), X, labels)


def test_the_adaptive_rate_falls_as_scikit_learns(X, labels):
    model = MLPClassifier((9,), solver="sgd", learning_rate="adaptive", learning_rate_init=0.3)
    model.set_params(tol=0.05, n_iter_no_change=2)
    compare(model, X, labels, epochs=40)


def test_training_stops_where_scikit_learn_stops(X, labels):
    model = MLPClassifier((9,), learning_rate_init=0.01, tol=0.01, n_iter_no_change=3)
    compare(model, X, labels, epochs=200)
    assert model.n_iter_ < 150


@pytest.fixture
def problem(X, labels, rng):
    """A network, inputs and targets, that may not be written into."""
    network = random_network(rng, (7, 16, 3), out_activation="softmax")
    Y = np.eye(3, dtype=np.float32)[labels]
    for values in (*network.weights, *network.biases, X, Y):
        values.setflags(write=False)
    return network, X, Y


@pytest.fixture
def masks(problem, rng):
    return [rng.random(W.shape) < 0.4 for W in problem[0].weights]


OPTIONS = TrainingOptions(epochs=4, batch_size=32, learning_rate_init=0.01)


def assert_same_bits(a, b):
    for ours, theirs in zip(
        (*a.network.weights, *a.network.biases), (*b.network.weights, *b.network.biases)
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_masks_hold_at_every_step(problem, masks, solver):
    class Spy:
        def update(self, step, n_steps, state):
            seen.append(step)
            for held in filter(None, (state.weights, state.first, state.second)):
                for values, mask in zip(held, masks):
                    assert not values[~mask].any()

    seen = []
    options = replace(OPTIONS, solver=solver)
    trained = train(
        *problem, loss="softmax", options=options, masks=masks, controller=Spy(), random_state=0
    )
    assert seen == list(range(4 * 5))
    for W, mask in zip(trained.network.weights, masks):
        assert not W[~mask].any()
        assert np.all(W[mask] != 0)


def test_a_layer_without_a_mask_keeps_all(problem, masks):
    trained = train(*problem, loss="softmax", options=OPTIONS, masks=[None, masks[1]])
    assert np.all(trained.network.weights[0] != 0)
    assert trained.masks[0].all()
    np.testing.assert_array_equal(trained.network.weights[1] != 0, masks[1])


def test_a_masked_network_learns(problem, masks):
    network, X, Y = problem
    options = replace(OPTIONS, epochs=60)
    trained = train(network, X, Y, loss="softmax", options=options, masks=masks, random_state=0)
    assert trained.loss_curve[-1] < 0.5 * trained.loss_curve[0]
    right = trained.network.decide(X).argmax(axis=1) == Y.argmax(axis=1)
    assert right.mean() > 0.75


def test_the_random_state_settles_the_result(problem):
    runs = [train(*problem, loss="softmax", options=OPTIONS, random_state=s) for s in (3, 3, 4)]
    assert_same_bits(runs[0], runs[1])
    assert np.any(runs[0].network.weights[0] != runs[2].network.weights[0])


def test_threads_of_the_linear_algebra_do_not_change_a_bit(rng):
    X = rng.standard_normal((600, 300)).astype(np.float32)
    network = random_network(rng, (300, 200, 3), out_activation="softmax")
    Y = np.eye(3, dtype=np.float32)[rng.integers(0, 3, 600)]
    runs = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            runs.append(train(network, X, Y, loss="softmax", options=OPTIONS, random_state=0))
    assert_same_bits(*runs)


def test_weights_are_repeated_rows(problem, rng):
    network, X, Y = problem
    counts = rng.integers(0, 4, N)
    options = TrainingOptions(epochs=5, batch_size=10_000, shuffle=False, learning_rate_init=0.01)
    weighted = train(network, X, Y, loss="softmax", options=options, sample_weight=counts)
    rows = np.repeat(np.arange(N), counts)
    repeated = train(network, X[rows], Y[rows], loss="softmax", options=options)
    np.testing.assert_allclose(weighted.loss_curve, repeated.loss_curve, rtol=1e-5)
    for ours, theirs in zip(weighted.network.weights, repeated.network.weights):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)


def test_a_batch_without_weight_moves_nothing(problem):
    network, X, Y = problem
    weights = np.ones(N)
    weights[50:] = 0
    options = replace(OPTIONS, batch_size=50, shuffle=False)
    weighted = train(network, X, Y, loss="softmax", options=options, sample_weight=weights)
    first = train(network, X[:50], Y[:50], loss="softmax", options=options)
    assert_same_bits(weighted, first)


def test_sparse_rows_train_as_dense_ones(problem, masks):
    network, X, Y = problem
    X = np.where(X > 0.3, X, 0)
    runs = [
        train(network, given, Y, loss="softmax", options=OPTIONS, masks=masks, random_state=0)
        for given in (X, sparse.csr_matrix(X), sparse.csr_array(X.astype(np.float64)))
    ]
    for other in runs[1:]:
        for ours, theirs in zip(runs[0].network.weights, other.network.weights):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("density", [0.0, 0.1, 0.9])
def test_a_matrix_of_zeros_is_read_without_them(rng, density):
    X = rng.standard_normal((9000, 5)).astype(np.float32)
    X[rng.random(X.shape) >= density] = 0
    X[17] = 0
    found = without_zeros(X)
    assert sparse.issparse(found) == (density < 0.5)
    if sparse.issparse(found):
        expected = sparse.csr_array(X)
        for name in ("data", "indices", "indptr"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert found.indices.dtype == found.indptr.dtype == np.int32


def longest_moves(problem, options):
    """Return the longest move of a weight at each step but the last."""

    class Spy:
        def update(self, step, n_steps, state):
            weights.append([W.copy() for W in state.weights])

    weights = []
    train(*problem, loss="softmax", options=options, controller=Spy(), random_state=0)
    return np.array([np.abs(b[0] - a[0]).max() for a, b in zip(weights, weights[1:])])


def test_the_cosine_falls_to_zero_at_the_end(problem):
    options = replace(OPTIONS, epochs=20, learning_rate="cosine")
    constant = longest_moves(problem, replace(options, learning_rate="constant"))
    late = longest_moves(problem, options)
    early = longest_moves(problem, replace(options, cool_down=1.0))
    # The last quarter of 100 steps.
    np.testing.assert_array_equal(late[:75], constant[:75])
    assert late[-1] < 0.02 * late[74]
    assert early[0] == constant[0]
    assert early[74] < 0.5 * constant[74]


def test_the_rate_rises_in_the_warm_up(problem):
    options = replace(OPTIONS, epochs=20)
    constant = longest_moves(problem, options)
    warm = longest_moves(problem, replace(options, warm_up=0.5))
    assert warm[0] == pytest.approx(constant[0] / 50, rel=2e-2)


def linear_problem(rng):
    X = rng.standard_normal((80, 10)).astype(np.float32)
    y = X[:, 0] - 2 * X[:, 1] + 0.1 * rng.standard_normal(80).astype(np.float32)
    network = random_network(rng, (10, 1))
    return network, X, y[:, None]


FULL = TrainingOptions(
    epochs=3000, batch_size=80, shuffle=False, alpha=0.0, tol=0.0, n_iter_no_change=1e9
)


@pytest.mark.parametrize(("solver", "rate"), [("sgd", 0.05), ("adam", 0.01)])
def test_the_l1_penalty_of_a_linear_network_is_the_lasso(rng, solver, rate):
    network, X, Y = linear_problem(rng)
    options = replace(FULL, solver=solver, learning_rate_init=rate, learning_rate="cosine", l1=0.1)
    trained = train(network, X, Y, loss="squared_error", options=options)
    expected = Lasso(alpha=0.1, tol=1e-6).fit(X.astype(np.float64), Y[:, 0])
    np.testing.assert_allclose(trained.network.weights[0][:, 0], expected.coef_, atol=2e-3)
    np.testing.assert_array_equal(trained.network.weights[0][:, 0] == 0, expected.coef_ == 0)


def test_the_group_penalty_meets_its_conditions(rng):
    network, X, Y = linear_problem(rng)
    groups = [(np.arange(10) // 2)[:, None]]
    options = replace(FULL, solver="sgd", learning_rate_init=0.05, l1=0.2)
    trained = train(network, X, Y, loss="squared_error", options=options, groups=groups)
    W = trained.network.weights[0].astype(np.float64)
    slope = X.T.astype(np.float64) @ (X @ W + trained.network.biases[0] - Y) / len(X)
    strength = 0.2 * np.sqrt(2)
    for group in range(5):
        w, g = W[groups[0] == group], slope[groups[0] == group]
        if w.any():
            np.testing.assert_allclose(g, -strength * w / np.linalg.norm(w), atol=1e-4)
        else:
            assert np.linalg.norm(g) <= strength
    assert 0 < np.count_nonzero(W) < 10


def test_distillation_needs_no_true_targets(problem, rng):
    network, X, Y = problem
    teacher = random_network(rng, (7, 8, 3), out_activation="softmax").decide(X)
    options = replace(OPTIONS, epochs=200, distill=1.0, learning_rate_init=0.02)
    nonsense = np.roll(Y, 1, axis=1)
    trained = train(
        network, X, nonsense, loss="softmax", options=options, teacher=teacher, random_state=0
    )
    agrees = trained.network.decide(X).argmax(axis=1) == teacher.argmax(axis=1)
    assert agrees.mean() > 0.9


def test_digits_are_learned_as_well_as_by_scikit_learn():
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    model = MLPClassifier((32,), max_iter=30, random_state=0, learning_rate_init=0.005)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = read_network(
            MLPClassifier((32,), max_iter=1, random_state=0).fit(X[:1200], y[:1200])
        )
        model.fit(X[:1200], y[:1200])
    Y, loss = encode_targets(model, y)
    trained = train(start, X[:1200], Y[:1200], loss=loss, options=options_of(model), random_state=0)
    ours = np.mean(trained.network.decide(X[1200:]).argmax(axis=1) == y[1200:])
    assert ours > model.score(X[1200:], y[1200:]) - 0.02
