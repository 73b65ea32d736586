"""MLPPruner: what is removed, what is kept, and what scikit-learn asks of an estimator."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_digits, make_multilabel_classification, make_regression
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import has_fit_parameter

from sparsekit.pruning import (
    SET,
    Blocks,
    Cubic,
    Iterative,
    Lamp,
    MLPPruner,
    Neurons,
    NofM,
    RigL,
    compile_mlp,
)
from sparsekit.pruning._criteria import CRITERIA
from sparsekit.pruning._pruner import _fitting as fitting
from sparsekit.pruning._pruner._choices import GRANULARITIES
from sparsekit.pruning._pruner._recipe import Samples
from sparsekit.pruning._schedules import SCHEDULES

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stochastic Optimizer. Maximum iterations:sklearn.exceptions.ConvergenceWarning"
)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    X = X / 16
    X.flags.writeable = False
    return X[:900], y[:900], X[900:], y[900:]


@pytest.fixture(scope="module")
def network(digits):
    X, y, *_ = digits
    return MLPClassifier((64, 32), max_iter=60, random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def frozen(network):
    return FrozenEstimator(network)


CHECKED = [
    MLPPruner(MLPClassifier((8,), max_iter=10, solver="lbfgs"), sparsity=0.5),
    MLPPruner(MLPRegressor(hidden_layer_sizes=(8,), max_iter=10, solver="lbfgs"), sparsity=0.2),
]


@parametrize_with_checks([*CHECKED, *(clone(p).set_params(reconstruct=False) for p in CHECKED)])
@pytest.mark.filterwarnings("ignore:lbfgs failed:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:Layer . would lose all of its weights:UserWarning")
def test_sklearn_checks_pass(estimator, check):
    name = check.func.__name__
    if estimator.reconstruct and "sample_weight_equivalence" in name:
        pytest.skip("asks for 1e-7; least squares on activations in float32 gives 1e-5")
    if "sample_weight" in name and not has_fit_parameter(estimator.estimator, "sample_weight"):
        pytest.skip("networks take no weights here")
    check(estimator)


def test_it_is_what_its_network_is():
    assert is_classifier(MLPPruner(MLPClassifier()))
    assert is_regressor(MLPPruner(FrozenEstimator(MLPRegressor())))
    assert not hasattr(MLPPruner(MLPRegressor()), "predict_proba")


@pytest.mark.parametrize("sparsity", [0.3, 0.9, 0.97])
def test_masks_keep_exactly_the_stated_number(digits, network, frozen, sparsity):
    X, y, *_ = digits
    pruner = MLPPruner(frozen, sparsity=sparsity).fit(X, y)
    total = sum(W.size for W in network.coefs_)
    kept = sum(int(mask.sum()) for mask in pruner.masks_)
    assert kept == round((1 - sparsity) * total)
    assert pruner.sparsity_ == pytest.approx(1 - kept / total)
    for W, mask in zip(pruner.estimator_.coefs_, pruner.masks_):
        assert not W[~mask].any()


def test_sparsity_zero_is_the_identity(digits, network, frozen):
    X, y, X_new, _ = digits
    pruner = MLPPruner(frozen, sparsity=0.0).fit(X, y)
    expected = network.predict_proba(X_new)
    np.testing.assert_allclose(pruner.predict_proba(X_new), expected, atol=2e-6)
    for W, V in zip(pruner.estimator_.coefs_, network.coefs_):
        np.testing.assert_allclose(W, V, rtol=1e-6)


def test_four_in_five_weights_go_without_gradients_and_little_loss(digits, network, frozen):
    X, y, X_new, y_new = digits
    pruner = MLPPruner(frozen, sparsity=0.8).fit(X, y)
    assert pruner.score(X_new, y_new) >= network.score(X_new, y_new) - 0.04
    unrepaired = MLPPruner(frozen, sparsity=0.8, reconstruct=False).fit(X, y)
    assert pruner.score(X_new, y_new) > unrepaired.score(X_new, y_new)


def test_the_network_of_the_user_is_not_touched(digits, network, frozen):
    X, y, *_ = digits
    before = copy.deepcopy(network)
    MLPPruner(frozen, fine_tune_epochs=2, random_state=0).fit(X, y)
    for W, V in zip(before.coefs_ + before.intercepts_, network.coefs_ + network.intercepts_):
        assert np.array_equal(W, V)
    untrained = MLPClassifier((8,), max_iter=5)
    MLPPruner(untrained, random_state=0).fit(X, y)
    assert not hasattr(untrained, "coefs_")


def test_the_pruned_network_is_a_working_one_of_scikit_learn(digits, frozen):
    X, y, X_new, _ = digits
    pruner = MLPPruner(frozen).fit(X, y)
    np.testing.assert_allclose(
        pruner.estimator_.predict_proba(X_new), pruner.predict_proba(X_new), atol=2e-5
    )
    again = pruner.estimator_.partial_fit(X, y)
    assert again.score(X, y) > 0.5


def test_transform_gives_the_last_hidden_activations(digits, frozen):
    X, y, X_new, _ = digits
    pruner = MLPPruner(frozen).fit(X, y)
    found = pruner.estimator_
    expected = X_new
    for W, b in zip(found.coefs_[:-1], found.intercepts_[:-1]):
        expected = np.maximum(expected @ W + b, 0)
    np.testing.assert_allclose(pruner.transform(X_new), expected, atol=2e-5)
    assert len(pruner.get_feature_names_out()) == expected.shape[1]
    both = make_pipeline(pruner, LogisticRegression(max_iter=500)).fit(X, y)
    assert both.score(X_new, y[: len(X_new)]) >= 0


@pytest.mark.parametrize("criterion", sorted(CRITERIA))
def test_every_criterion_reaches_its_sparsity(digits, frozen, criterion):
    X, y, X_new, y_new = digits
    pruner = MLPPruner(frozen, sparsity=0.7, criterion=criterion, allocation="erk", random_state=0)
    pruner.fit(X, y)
    assert pruner.sparsity_ == pytest.approx(0.7, abs=1e-3)
    assert pruner.score(X_new, y_new) > 0.7


@pytest.mark.parametrize("granularity", ["block", *sorted(GRANULARITIES)])
@pytest.mark.parametrize("allocation", ["global", "uniform"])
def test_every_granularity_reaches_its_sparsity(digits, network, frozen, granularity, allocation):
    X, y, X_new, y_new = digits
    pruner = MLPPruner(frozen, sparsity=0.6, granularity=granularity, allocation=allocation)
    pruner.fit(X, y)
    assert pruner.sparsity_ == pytest.approx(0.6, abs=0.03)
    assert pruner.score(X_new, y_new) > network.score(X_new, y_new) - 0.2
    assert [mask.shape for mask in pruner.masks_] == [W.shape for W in network.coefs_]


def test_neurons_are_removed_for_good(digits, network, frozen):
    X, y, X_new, _ = digits
    pruner = MLPPruner(frozen, sparsity=0.7, granularity="neuron").fit(X, y)
    shapes = [W.shape for W in pruner.estimator_.coefs_]
    kept = sum(int(mask.sum()) for mask in pruner.masks_)
    assert sum(rows * columns for rows, columns in shapes) == kept
    assert shapes[0][1] < network.coefs_[0].shape[1]
    assert pruner.estimator_.hidden_layer_sizes == tuple(columns for _, columns in shapes[:-1])
    assert pruner.transform(X_new).shape[1] == shapes[-1][0]


@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
@pytest.mark.parametrize("granularity", ["weight", "block"])
def test_every_schedule_reaches_its_sparsity(digits, frozen, schedule, granularity):
    X, y, X_new, y_new = digits
    pruner = MLPPruner(
        frozen,
        sparsity=0.8,
        schedule=schedule,
        granularity=granularity,
        fine_tune_epochs=6,
        random_state=0,
    ).fit(X, y)
    assert pruner.sparsity_ == pytest.approx(0.8, abs=5e-3)
    assert len(pruner.loss_curve_) == 6
    for W, mask in zip(pruner.estimator_.coefs_, pruner.masks_):
        assert not W[~mask].any()
    assert granularity == "block" or pruner.score(X_new, y_new) > 0.75


@pytest.mark.parametrize("allocation", ["erk", "uniform", "auto", "global"])
def test_allocations_share_out_the_same_number(digits, frozen, allocation):
    X, y, *_ = digits
    pruner = MLPPruner(frozen, allocation=allocation).fit(X, y)
    assert pruner.sparsity_ == pytest.approx(0.9, abs=1e-3)


def test_shares_by_layer(digits, frozen):
    X, y, *_ = digits
    pruner = MLPPruner(frozen, sparsity={0: 0.9, -1: 0.5}).fit(X, y)
    found = [1 - mask.mean() for mask in pruner.masks_]
    assert found == pytest.approx([0.9, 0.0, 0.5], abs=1e-3)


def test_automatic_sparsity_keeps_the_score(digits, frozen):
    X, y, X_new, y_new = digits
    loose = MLPPruner(frozen, sparsity="auto", max_score_drop=0.2, random_state=0).fit(X, y)
    tight = MLPPruner(frozen, sparsity="auto", max_score_drop=0.0, random_state=0).fit(X, y)
    assert loose.sparsity_ > tight.sparsity_ > 0.3
    assert tight.report_.held_out
    assert tight.report_.score_pruned >= tight.report_.score_dense


def test_distilling_and_shrinking_change_the_result(digits, frozen):
    X, y, X_new, y_new = digits
    options = {"fine_tune_epochs": 4, "random_state": 0}
    plain = MLPPruner(frozen, **options).fit(X, y)
    for more in ({"distill": 0.5}, {"l1": 1e-3}):
        other = MLPPruner(frozen, **options, **more).fit(X, y)
        assert not np.array_equal(plain.predict_proba(X_new), other.predict_proba(X_new))
        assert other.score(X_new, y_new) > 0.8


@pytest.mark.parametrize("n_labels", ["binary", "text", "many"])
def test_labels_of_all_kinds(digits, n_labels):
    X, y, X_new, _ = digits
    if n_labels == "many":
        X, y = make_multilabel_classification(300, 20, random_state=0)
        X_new = X
    else:
        y = np.array(["even", "odd"])[y % 2] if n_labels == "text" else y % 2
    dense = MLPClassifier((32,), max_iter=40, random_state=0).fit(X, y)
    pruner = MLPPruner(FrozenEstimator(dense), sparsity=0.5).fit(X, y)
    assert pruner.predict(X_new).dtype.kind == dense.predict(X_new).dtype.kind
    assert pruner.predict_proba(X_new).shape == dense.predict_proba(X_new).shape
    assert np.mean(pruner.predict(X_new) == dense.predict(X_new)) > 0.9
    assert np.array_equal(pruner.classes_, dense.classes_)


@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
def test_regression(n_targets, activation):
    X, y = make_regression(400, 10, n_targets=n_targets, random_state=0)
    y = y / y.std()
    dense = MLPRegressor(
        hidden_layer_sizes=(40,), activation=activation, max_iter=300, random_state=0
    ).fit(X, y)
    pruner = MLPPruner(FrozenEstimator(dense), sparsity=0.4).fit(X, y)
    assert pruner.predict(X).shape == y.shape
    assert pruner.score(X, y) > dense.score(X, y) - 0.05
    tuned = MLPPruner(
        FrozenEstimator(dense), sparsity=0.6, fine_tune_epochs=20, random_state=0
    ).fit(X, y)
    assert tuned.score(X, y) > dense.score(X, y) - 0.15


def test_rates():
    if "loss" not in MLPRegressor().get_params():
        pytest.skip("this scikit-learn has no loss for rates")
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 5))
    y = rng.poisson(np.exp(X[:, 0] / 2))
    dense = MLPRegressor(
        loss="poisson", hidden_layer_sizes=(20,), max_iter=200, random_state=0
    ).fit(X, y)
    pruner = MLPPruner(FrozenEstimator(dense), sparsity=0.5).fit(X, y)
    assert (pruner.predict(X) > 0).all()
    assert pruner.score(X, y) > dense.score(X, y) - 0.1


def test_sparse_rows_are_dense_rows(digits, frozen):
    X, y, X_new, _ = digits
    dense = MLPPruner(frozen).fit(X, y)
    thin = MLPPruner(frozen).fit(sparse.csr_array(X), y)
    np.testing.assert_allclose(
        thin.predict_proba(sparse.csr_matrix(X_new)), dense.predict_proba(X_new), atol=1e-3
    )


@pytest.mark.skipif(
    not has_fit_parameter(MLPClassifier, "sample_weight"), reason="networks take no weights here"
)
def test_a_weight_of_zero_is_a_row_less(digits, frozen):
    X, y, X_new, _ = digits
    weight = np.ones(len(X))
    weight[::3] = 0
    with_weights = MLPPruner(frozen).fit(X, y, sample_weight=weight)
    without = MLPPruner(frozen).fit(X[weight > 0], y[weight > 0])
    np.testing.assert_allclose(
        with_weights.predict_proba(X_new), without.predict_proba(X_new), atol=1e-4
    )


def test_results_do_not_depend_on_the_number_of_threads(digits, frozen):
    X, y, X_new, _ = digits
    one, two = (
        MLPPruner(frozen, n_jobs=n, fine_tune_epochs=2, random_state=0).fit(X, y) for n in (1, 2)
    )
    assert np.array_equal(one.predict_proba(X_new), two.predict_proba(X_new))


def test_in_a_pipeline_and_a_grid_search(digits):
    X, y, X_new, y_new = digits
    network = MLPClassifier((32,), max_iter=40, random_state=0)
    search = GridSearchCV(
        make_pipeline(MaxAbsScaler(), MLPPruner(network, random_state=0)),
        {"mlppruner__sparsity": [0.5, 0.99], "mlppruner__estimator__alpha": [1e-4]},
        cv=2,
    ).fit(X, y)
    assert search.best_params_["mlppruner__sparsity"] == 0.5
    assert search.score(X_new, y_new) > 0.8


def test_a_grid_over_a_frozen_network_measures_each_fold_once(digits, network, monkeypatch):
    X, y, *_ = digits
    frozen, calls = FrozenEstimator(copy.deepcopy(network)), []
    measure = fitting.measure_grams
    monkeypatch.setattr(
        fitting, "measure_grams", lambda *a, **k: calls.append(1) or measure(*a, **k)
    )
    grid = {"sparsity": [0.5, 0.7, 0.9], "criterion": ["lamp", "magnitude"]}
    GridSearchCV(MLPPruner(frozen), grid, cv=3, refit=False).fit(X, y)
    assert len(calls) == 3


def test_pickles_hold_the_packed_network_only(digits, network, frozen):
    X, y, X_new, _ = digits
    pruner = MLPPruner(frozen, sparsity=0.95).fit(X, y)
    text = pickle.dumps(pruner)
    assert len(text) < len(pickle.dumps(network)) / 5
    again = pickle.loads(text)
    assert np.array_equal(again.predict_proba(X_new), pruner.predict_proba(X_new))
    assert again.estimator_.score(X, y) == pruner.estimator_.score(X, y)
    with pytest.raises(NotFittedError, match="frozen MLPClassifier is not fitted"):
        again.fit(X, y)
    assert pickle.loads(pickle.dumps(MLPPruner(frozen))).fit(X, y).sparsity_ > 0.8


def test_copies_and_clones(digits, frozen):
    X, y, X_new, _ = digits
    pruner = MLPPruner(frozen).fit(X, y)
    twin = copy.deepcopy(pruner)
    assert np.array_equal(twin.predict_proba(X_new), pruner.predict_proba(X_new))
    assert np.array_equal(
        twin.fit(X, y).predict_proba(X_new), clone(pruner).fit(X, y).predict_proba(X_new)
    )


def test_skops_keeps_it(digits, frozen):
    io = pytest.importorskip("skops.io")
    X, y, X_new, _ = digits
    pruner = MLPPruner(frozen).fit(X, y)
    text = io.dumps(pruner)
    again = io.loads(text, trusted=io.get_untrusted_types(data=text))
    assert np.array_equal(again.predict_proba(X_new), pruner.predict_proba(X_new))


@dataclasses.dataclass(frozen=True)
class LastInputs:
    """Scores the weights of the last inputs highest."""

    def score(self, network, X, Y):
        return [np.arange(W.size, dtype=float).reshape(W.shape) for W in network.weights]


@dataclasses.dataclass(frozen=True)
class Halves:
    """Takes two steps."""

    def steps(self, target):
        return [target / 2, target]


def test_a_users_own_parts_slot_in(digits, frozen):
    X, y, *_ = digits
    pruner = MLPPruner(frozen, criterion=LastInputs(), schedule=Halves(), allocation="uniform")
    pruner.fit(X, y)
    assert not pruner.masks_[0][:50].any()
    assert pruner.sparsity_ == pytest.approx(0.9, abs=1e-3)
    assert clone(pruner).criterion == LastInputs()


@dataclasses.dataclass(frozen=True)
class Broken:
    """Says too little, or nonsense."""

    value: float

    def score(self, network, X, Y):
        return [np.full(W.shape, self.value) for W in network.weights][
            : 1 if self.value == 0 else 3
        ]


BAD = {
    "not a network": ({"estimator": LogisticRegression()}, TypeError, "must be an MLPClassifier"),
    "unfitted": (
        {"estimator": FrozenEstimator(MLPClassifier())},
        NotFittedError,
        "frozen MLPClassifier is not fitted",
    ),
    "sparsity one": ({"sparsity": 1.0}, ValueError, "'sparsity' parameter"),
    "negative": ({"sparsity": -0.1}, ValueError, "'sparsity' parameter"),
    "layer": ({"sparsity": {7: 0.5}}, ValueError, "names layer 7"),
    "layer twice": ({"sparsity": {-1: 0.5, 2: 0.2}}, ValueError, "names layer 2 twice"),
    "share": ({"sparsity": {0: 1.5}}, ValueError, r"`sparsity\[0\]`"),
    "two shares": ({"sparsity": {0: 0.5}, "allocation": "erk"}, ValueError, "nothing to share out"),
    "criterion": ({"criterion": "best"}, ValueError, "'criterion' parameter"),
    "scores": ({"criterion": Broken(0)}, ValueError, "one array of scores per layer"),
    "nonsense": ({"criterion": Broken(np.nan)}, ValueError, "NaN or infinite"),
    "epochs": ({"schedule": "cubic"}, ValueError, "fine_tune_epochs=0"),
    "teacher": ({"distill": 0.5}, ValueError, "fine_tune_epochs=0"),
    "shrinking": ({"l1": 0.1}, ValueError, "fine_tune_epochs=0"),
    "shapes": (
        {"granularity": "neuron", "schedule": "rigl", "fine_tune_epochs": 1},
        ValueError,
        "cannot do in training",
    ),
    "neurons by shape": ({"granularity": "neuron", "allocation": "erk"}, ValueError, "two layers"),
    "pattern": ({"granularity": NofM(1, 4), "sparsity": 0.5}, ValueError, "at least 0.75"),
    "few": ({"sparsity": "auto", "validation_fraction": 0.001}, ValueError, "holds out 1"),
    "block": ({"granularity": "block", "block_shape": (0, 4)}, ValueError, "`block_shape`"),
    "pattern rewired": (
        {"granularity": "n:m", "sparsity": 0.5, "schedule": "set", "fine_tune_epochs": 1},
        ValueError,
        "breaks the pattern",
    ),
    "pattern by shape": (
        {"granularity": "n:m", "sparsity": 0.5, "allocation": "erk"},
        ValueError,
        "removes weights from every layer",
    ),
    "class": ({"criterion": Lamp}, TypeError, "got the class Lamp"),
    "threads": ({"n_jobs": 0}, ValueError, "n_jobs"),
    "bits": ({"quantize": "int4"}, ValueError, "'quantize' parameter"),
}


@pytest.mark.parametrize("case", sorted(set(BAD) - {"scores", "nonsense", "few"}))
def test_bad_choices_are_refused_before_anything_is_trained(digits, case, monkeypatch):
    X, y, *_ = digits
    monkeypatch.setattr(MLPClassifier, "fit", lambda *a, **k: pytest.fail("was trained"))
    parameters, error, message = BAD[case]
    with pytest.raises(error, match=message):
        MLPPruner(**({"estimator": MLPClassifier((8, 4))} | parameters)).fit(X, y)


PARTS = {
    "steps": lambda: Iterative(0),
    "until": lambda: Cubic(until=0),
    "fraction": lambda: RigL(fraction=2.0),
    "negative": lambda: SET(fraction=-1),
    "pattern": lambda: NofM(5, 4),
    "group": lambda: NofM(2, 0),
    "block": lambda: Blocks((0, 1)),
    "one side": lambda: Blocks(3),
    "choice": lambda: Neurons(choice="x"),
}


@pytest.mark.parametrize("case", PARTS)
def test_bad_parts_are_refused_as_they_are_made(case):
    with pytest.raises(ValueError, match="must"):
        PARTS[case]()


def test_names_of_features_are_kept(digits):
    pandas = pytest.importorskip("pandas")
    X, y, *_ = digits
    table = pandas.DataFrame(X, columns=[f"pixel{k}" for k in range(64)])
    network = MLPClassifier((8,), max_iter=3, random_state=0)
    pruner = MLPPruner(network, sparsity=0.5).fit(table, y)
    assert list(pruner.feature_names_in_) == list(table.columns)
    assert np.array_equal(pruner.predict(table), pruner.estimator_.predict(table))
    with pytest.raises(ValueError, match="feature names should match"):
        pruner.predict(table.rename(columns=str.upper))


@pytest.mark.parametrize("schedule", ["rigl", "set"])
def test_blocks_are_rewired_as_blocks(digits, frozen, schedule):
    X, y, *_ = digits
    pruner = MLPPruner(
        frozen,
        sparsity=0.5,
        granularity="block",
        schedule=schedule,
        fine_tune_epochs=2,
        random_state=0,
    ).fit(X, y)
    blocks = Blocks()
    for mask in pruner.masks_:
        whole = blocks.units(mask.astype(float))
        assert np.isin(whole, (0, 1)).all()


@pytest.mark.parametrize("criterion", ["lamp", "obs", "magnitude"])
def test_inputs_that_never_vary_are_no_trouble(criterion):
    X, y = np.ones((60, 5)), np.arange(60) % 3
    dense = MLPClassifier((6,), max_iter=3, random_state=0).fit(X, y)
    pruner = MLPPruner(
        FrozenEstimator(dense), sparsity=0.5, criterion=criterion, allocation="erk"
    ).fit(X, y)
    assert np.isfinite(pruner.predict_proba(X)).all()


def test_units_are_removed_to_the_last_that_may_stay(digits):
    X, y, *_ = digits
    dense = MLPClassifier((20,), max_iter=5, random_state=0).fit(X, y)
    pruner = MLPPruner(FrozenEstimator(dense), sparsity=0.9, granularity="neuron").fit(X, y)
    assert pruner.estimator_.coefs_[0].shape == (64, 2)


def test_large_numbers_are_refused_by_name(digits, network, frozen):
    X, y, *_ = digits
    for scale in (1e20, 1e30, 1e200):
        with pytest.raises(ValueError, match="Scale `X`"):
            MLPPruner(frozen).fit(X * scale, y)
    large = copy.deepcopy(network)
    large.coefs_[0][0, 0] = 1e50
    with pytest.raises(ValueError, match="Layer 0 .* too large for float32"):
        MLPPruner(FrozenEstimator(large)).fit(X, y)


def test_rows_without_weight_do_not_decide_which_weights_go(digits):
    X, y, *_ = digits
    samples = Samples(X, y[:, None], np.repeat([0.0, 1.0], [400, 500]))
    found = samples.some(2048)
    assert np.array_equal(found.X, X[400:])
    weight = np.repeat([0.0, 1.0, 3.0], [400, 250, 250])
    drawn = Samples(X, y[:, None], weight).some(1000)
    rows = (drawn.X[:, None] == X[None]).all(axis=2).argmax(axis=1)
    assert rows.min() >= 400
    assert np.mean(rows >= 650) == pytest.approx(0.75, abs=0.01)


def test_showing_a_pruner_measures_nothing(digits, frozen):
    X, y, *_ = digits
    pruner = MLPPruner(frozen).fit(X, y)
    assert "MLPPruner" in pruner._repr_html_()
    assert pruner._report is None
    assert "MLPPruner" in MLPPruner(LogisticRegression())._repr_html_()


@pytest.mark.parametrize("how", [{"schedule": "iterative"}, {"l1": 1e-4}])
def test_a_stop_ends_all_trainings_of_a_fit(digits, frozen, how):
    X, y, *_ = digits
    heard = []

    def callback(state):
        heard.append(state["n_iter"])
        return False

    MLPPruner(frozen, fine_tune_epochs=10, callback=callback, random_state=0, **how).fit(X, y)
    assert heard == list(range(1, 11))
    heard.clear()
    stop = MLPPruner(
        frozen,
        fine_tune_epochs=10,
        callback=lambda state: heard.append(state["n_iter"]) or True,
        random_state=0,
        **how,
    ).fit(X, y)
    assert heard == [1]
    assert stop.sparsity_ == pytest.approx(0.9, abs=1e-3)


def test_columns_in_another_order_are_refused(digits):
    pandas = pytest.importorskip("pandas")
    X, y, *_ = digits
    table = pandas.DataFrame(X, columns=[f"pixel{k}" for k in range(64)])
    dense = FrozenEstimator(MLPClassifier((8,), max_iter=3, random_state=0).fit(table, y))
    with pytest.raises(ValueError, match="feature names of X should match"):
        MLPPruner(dense).fit(table[table.columns[::-1]], y)
    pruner = MLPPruner(dense).fit(table, y)
    assert np.array_equal(pruner.estimator_.predict(table), pruner.predict(table))
    nameless = MLPPruner(dense).fit(X, y)
    assert np.array_equal(nameless.estimator_.predict(X), nameless.predict(X))


def test_shallow_copies_can_be_fitted_again(digits, frozen):
    X, y, X_new, _ = digits
    pruner = MLPPruner(frozen).fit(X, y)
    again = copy.copy(pruner).fit(X, y)
    assert np.array_equal(again.predict_proba(X_new), pruner.predict_proba(X_new))


@dataclasses.dataclass(frozen=True)
class Writer:
    """Writes where it may only read."""

    def score(self, network, X, Y):
        network.weights[0][:] = 0
        return [np.abs(W) for W in network.weights]


@dataclasses.dataclass(frozen=True)
class Steps:
    """Takes steps of any kind."""

    levels: tuple

    def steps(self, target):
        return list(self.levels)


def test_what_users_write_may_not_do_harm(digits, frozen):
    X, y, *_ = digits
    with pytest.raises(ValueError, match="read-only"):
        MLPPruner(frozen, criterion=Writer()).fit(X, y)
    for levels in ((), (0.45,), (0.5, 2.0), (0.95, 0.9)):
        with pytest.raises(ValueError, match="rise to the target"):
            MLPPruner(frozen, schedule=Steps(levels)).fit(X, y)


def test_one_row_of_a_regression_is_enough():
    X, y = make_regression(30, 4, random_state=0)
    dense = MLPRegressor(hidden_layer_sizes=(5,), solver="lbfgs", max_iter=500, random_state=0)
    dense.fit(X, y / y.std())
    pruner = MLPPruner(FrozenEstimator(dense), sparsity=0.5).fit(X[:1], y[:1])
    assert np.isfinite(pruner.predict(X)).all()


def test_unfitted_pruners_are_not_compiled(frozen):
    for pruner in (MLPPruner(frozen), MLPPruner(MLPClassifier())):
        with pytest.raises(NotFittedError):
            compile_mlp(pruner)


@pytest.mark.parametrize("case", BAD)
def test_bad_parameters_are_named(digits, frozen, case):
    X, y, *_ = digits
    parameters, error, message = BAD[case]
    pruner = MLPPruner(**({"estimator": frozen} | parameters))
    with pytest.raises(error, match=message):
        pruner.fit(X, y)
    assert not [name for name in vars(pruner) if name.endswith("_")]


def test_weights_that_are_not_numbers_are_refused(digits, network):
    X, y, *_ = digits
    broken = copy.deepcopy(network)
    broken.coefs_[1][0, 0] = np.nan
    with pytest.raises(ValueError, match="Layer 1 of the frozen MLPClassifier"):
        MLPPruner(FrozenEstimator(broken)).fit(X, y)


def test_other_features_and_labels_are_refused(digits, frozen):
    X, y, *_ = digits
    with pytest.raises(ValueError, match="X has 63 features, but the frozen"):
        MLPPruner(frozen).fit(X[:, 1:], y)
    with pytest.raises(ValueError, match="labels that the network was not fitted to"):
        MLPPruner(frozen).fit(X, y + 1)


def test_a_network_with_no_hidden_layer(digits):
    X, y, X_new, y_new = digits
    dense = MLPClassifier((), max_iter=40, random_state=0).fit(X, y)
    pruner = MLPPruner(FrozenEstimator(dense), sparsity=0.5).fit(X, y)
    assert pruner.score(X_new, y_new) > dense.score(X_new, y_new) - 0.05
    np.testing.assert_allclose(pruner.transform(X_new), X_new, atol=1e-6)


def test_callback_hears_and_stops(digits, frozen):
    X, y, *_ = digits
    heard = []

    def callback(state):
        heard.append(state)
        return state["n_iter"] == 2

    pruner = MLPPruner(frozen, fine_tune_epochs=5, callback=callback, random_state=0).fit(X, y)
    assert [state["n_iter"] for state in heard] == [1, 2]
    assert len(pruner.loss_curve_) == 2
    cubic = MLPPruner(
        frozen, fine_tune_epochs=5, schedule=Cubic(), callback=callback, random_state=0
    ).fit(X, y)
    assert cubic.sparsity_ == pytest.approx(0.9, abs=1e-3)


def test_quantized_networks_stay_near(digits, frozen):
    X, y, X_new, _ = digits
    plain = MLPPruner(frozen).fit(X, y)
    for quantize, tolerance in (("float16", 0.01), ("int8", 0.2)):
        few_bits = MLPPruner(frozen, quantize=quantize).fit(X, y)
        difference = few_bits.predict_proba(X_new) - plain.predict_proba(X_new)
        assert np.abs(difference).max() < tolerance
        assert few_bits.compiled_.n_bytes < plain.compiled_.n_bytes


def test_the_same_seed_gives_the_same_network(digits):
    X, y, X_new, _ = digits
    pruner = MLPPruner(
        MLPClassifier((16,), max_iter=5), fine_tune_epochs=2, schedule="set", random_state=3
    )
    first = pruner.fit(X, y).predict_proba(X_new)
    assert np.array_equal(first, clone(pruner).fit(X, y).predict_proba(X_new))


def test_lbfgs_networks_can_be_trained_further(digits):
    X, y, *_ = digits
    dense = MLPClassifier((16,), solver="lbfgs", max_iter=20, random_state=0)
    with pytest.warns(UserWarning, match="lbfgs failed to converge"):
        dense.fit(X, y)
    pruner = MLPPruner(
        FrozenEstimator(dense), schedule=Iterative(2), fine_tune_epochs=4, random_state=0
    ).fit(X, y)
    assert len(pruner.loss_curve_) == 4


def test_a_pruner_can_be_compiled_again(digits, frozen):
    X, y, X_new, _ = digits
    pruner = MLPPruner(frozen, criterion=Lamp()).fit(X, y)
    assert np.array_equal(compile_mlp(pruner)(X_new), pruner.compiled_(X_new))
