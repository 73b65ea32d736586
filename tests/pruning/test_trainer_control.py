"""Masks that change while a network trains, early stopping, divergence, and listeners."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from sparsekit._sklearn import NullCallbackContext
from sparsekit._watch import Watch
from sparsekit.pruning._network import Network
from sparsekit.pruning._trainer import TrainingOptions, options_of, train

N = 200
OPTIONS = TrainingOptions(epochs=4, batch_size=40, learning_rate_init=0.01)
STEPS = 4 * 5


@pytest.fixture
def problem(rng):
    X = rng.standard_normal((N, 6)).astype(np.float32)
    Y = np.eye(3, dtype=np.float32)[np.digitize(X[:, 0] * X[:, 1], [-0.3, 0.3])]
    shapes = (6, 12), (12, 3)
    weights = tuple((rng.standard_normal(s) / np.sqrt(s[0])).astype(np.float32) for s in shapes)
    return (
        Network(weights, tuple(np.zeros(s[1], np.float32) for s in shapes), "relu", "softmax"),
        X,
        Y,
    )


def run(problem, controller=None, options=OPTIONS, **more):
    more = {"loss": "softmax", "random_state": 0} | more
    return train(*problem, options=options, controller=controller, **more)


class Falling:
    """Removes the smallest weights of the first layer, more at each step of the first half."""

    def __init__(self):
        self.settled = False

    def update(self, step, n_steps, state):
        self.settled = step >= n_steps // 2
        n_removed = min(6 * step, 60)
        order = np.argsort(np.abs(state.weights[0]), axis=None, kind="stable")
        if not self.settled:
            state.masks[0].flat[order] = np.arange(72) >= n_removed


def test_a_controller_thins_a_network_while_it_trains(problem):
    trained = run(problem, Falling())
    assert np.count_nonzero(trained.masks[0]) == 72 - 6 * (STEPS // 2 - 1)
    np.testing.assert_array_equal(trained.network.weights[0] != 0, trained.masks[0])
    assert trained.masks[1].all()


class Rewiring:
    """Swaps two weights at one step, and records what becomes of them."""

    def __init__(self, at):
        self.at, self.seen = at, {}

    def update(self, step, n_steps, state):
        if step == self.at:
            self.gradient = state.gradients[0][0, 0]
            state.masks[0][0, 0] = True
            state.masks[0][1, 1] = False
        self.seen[step] = [
            [held[0][place] for held in (state.weights, state.first, state.second)]
            for place in [(0, 0), (1, 1)]
        ]


def test_a_weight_that_comes_starts_at_zero_and_one_that_leaves_is_forgotten(problem):
    masks = [np.ones((6, 12), bool), np.ones((12, 3), bool)]
    masks[0][0, 0] = False
    controller = Rewiring(7)
    trained = run(problem, controller, masks=masks)
    came, left = controller.seen[7]
    assert came == [0, 0, 0]
    assert all(value != 0 for value in left)
    came, left = controller.seen[8]
    # As at Adam's first step, but for the correction of the rate.
    assert came[1] == pytest.approx(0.1 * controller.gradient, rel=1e-3)
    assert came[0] * controller.gradient < 0
    assert left == [0, 0, 0]
    assert controller.gradient != 0
    assert trained.network.weights[0][1, 1] == 0
    assert not masks[0][0, 0]


def test_moments_are_handed_over(problem):
    adam = run(problem)
    assert [m.shape for m in adam.first] == [v.shape for v in adam.second] == [(6, 12), (12, 3)]
    assert all(np.all(v >= 0) for v in adam.second)
    sgd = run(problem, options=replace(OPTIONS, solver="sgd"))
    assert len(sgd.first) == 2
    assert sgd.second == []


EARLY = replace(OPTIONS, epochs=60, early_stopping=True, n_iter_no_change=4, tol=0.0)


def test_early_stopping_returns_the_best_epoch(problem):
    options = replace(EARLY, learning_rate_init=0.3)
    trained = run(problem, options=options)
    scores = trained.validation_scores
    assert len(scores) == trained.n_epochs < 60
    best = run(problem, options=replace(options, epochs=int(np.argmax(scores)) + 1))
    for ours, theirs in zip(trained.network.weights, best.network.weights):
        np.testing.assert_array_equal(ours, theirs)


def test_early_stopping_waits_for_a_schedule_and_keeps_its_masks(problem):
    options = replace(EARLY, n_iter_no_change=1, tol=2.0)
    trained = run(problem, Falling(), options=options)
    assert trained.n_epochs > 30
    assert np.count_nonzero(trained.masks[0]) == 72 - 60
    np.testing.assert_array_equal(trained.network.weights[0] != 0, trained.masks[0])


@pytest.mark.parametrize("loss", ["squared_error", "logistic"])
def test_rows_are_held_out_of_any_target(problem, loss):
    network, X, Y = problem
    out_activation = {"squared_error": "identity", "logistic": "logistic"}[loss]
    network = replace(network, out_activation=out_activation)
    options = replace(EARLY, n_iter_no_change=60)
    trained = run((network, X, Y), options=options, loss=loss, sample_weight=np.ones(N))
    assert len(trained.validation_scores) == 60
    assert max(trained.validation_scores) > trained.validation_scores[0]


@pytest.mark.parametrize("fraction", [0.001, 0.999])
def test_a_validation_set_that_is_too_small_is_refused(problem, fraction):
    with pytest.raises(ValueError, match="validation_fraction"):
        run(problem, options=replace(EARLY, validation_fraction=fraction))


def test_a_class_with_one_row_does_not_stop_early_stopping(problem):
    network, X, Y = problem
    Y = np.zeros_like(Y)
    Y[:, 0] = 1
    Y[0] = 0, 1, 0
    assert run((network, X, Y), options=EARLY).n_epochs >= 1


def test_training_that_diverges_goes_back_and_on_at_a_lower_rate(problem):
    network, X, Y = problem
    network = replace(network, out_activation="identity", activation="identity")
    options = replace(OPTIONS, solver="sgd", learning_rate_init=5.0, epochs=10)
    with pytest.warns(ConvergenceWarning, match=r"learning_rate_init=5\.0.*Decrease"):
        trained = run((network, X, Y), options=options, loss="squared_error")
    assert trained.n_epochs == 10
    assert np.isfinite(trained.loss_curve).all()
    assert all(np.isfinite(W).all() for W in trained.network.weights)
    assert trained.loss_curve[-1] < trained.loss_curve[0]


@pytest.mark.parametrize("clip_norm", [None, 1.0])
def test_data_that_cannot_be_learned_leave_the_network_as_it_was(problem, clip_norm):
    network, X, Y = problem
    X = X.copy()
    X[3] = np.nan
    with pytest.warns(ConvergenceWarning, match="nothing could be learned"):
        trained = run((network, X, Y), options=replace(OPTIONS, clip_norm=clip_norm))
    assert trained.n_epochs == 0
    for ours, before in zip(trained.network.weights, network.weights):
        np.testing.assert_array_equal(ours, before)


def test_an_explosion_in_the_last_step_is_noticed(problem):
    network, X, Y = problem
    network = replace(network, out_activation="identity", activation="identity")
    options = replace(OPTIONS, solver="sgd", learning_rate_init=1e38, epochs=1, batch_size=N)
    with pytest.warns(ConvergenceWarning, match="nothing could be learned"):
        trained = run((network, X, Y), options=options, loss="squared_error")
    assert all(np.isfinite(W).all() for W in trained.network.weights)


def test_rows_that_all_have_no_weight_teach_nothing(problem):
    trained = run(problem, sample_weight=np.zeros(N))
    assert trained.loss_curve == [0.0] * 4
    np.testing.assert_array_equal(trained.network.weights[0], problem[0].weights[0])


class Listener:
    """What a watch asks of an estimator."""

    def __init__(self, verbose=False, max_time=None, callback=None):
        self.verbose, self.max_time, self.callback = verbose, max_time, callback
        self.told = []

    def _reconstruction(self, components):
        return {}


def watch_of(listener):
    return Watch(listener, NullCallbackContext(), {})


def test_a_callback_hears_of_each_epoch_and_may_stop(problem):
    states = []
    listener = Listener(callback=lambda state: states.append(state) or len(states) == 2)
    trained = run(problem, watch=watch_of(listener))
    assert trained.n_epochs == 2
    assert [state["n_iter"] for state in states] == [1, 2]
    assert [state["objective"] for state in states] == trained.loss_curve
    np.testing.assert_array_equal(states[-1]["components"][0], trained.network.weights[0])


def test_the_clock_may_stop(problem):
    assert run(problem, watch=watch_of(Listener(max_time=1e-9))).n_epochs == 1


def test_verbose_training_prints_epochs(problem, capsys):
    run(problem, watch=watch_of(Listener(verbose=True)), options=replace(EARLY, epochs=2))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("[Listener] epoch 1: objective ")
    assert "validation score" in lines[1]


def test_an_interruption_goes_through(problem):
    class Interrupted:
        def update(self, step, n_steps, state):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(problem, Interrupted())


def test_options_are_read_from_public_parameters():
    model = MLPClassifier(solver="sgd", learning_rate="adaptive", momentum=0.5, max_iter=7, alpha=2)
    options = options_of(model)
    assert (options.solver, options.learning_rate, options.momentum) == ("sgd", "adaptive", 0.5)
    assert (options.epochs, options.alpha) == (7, 2)
    assert options_of(model, epochs=3, l1=0.5) == replace(options, epochs=3, l1=0.5)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_solvers_without_a_rate_of_their_own_become_adam_at_a_constant_one(solver):
    options = options_of(MLPRegressor(solver=solver, learning_rate="invscaling"))
    assert (options.solver, options.learning_rate) == ("adam", "constant")


@pytest.mark.parametrize(
    ("batch_size", "n", "rows"), [("auto", 1000, 200), ("auto", 7, 7), (64, 9, 9)]
)
def test_batches_have_as_many_rows_as_in_scikit_learn(batch_size, n, rows):
    assert TrainingOptions(batch_size=batch_size).batch_rows(n) == rows
