"""SparseMLPClassifier and SparseMLPRegressor: against scikit-learn's networks, and alone."""

import copy
import pickle
import tracemalloc

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits, make_friedman1
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsekit.pruning import SparseMLPClassifier, SparseMLPRegressor, compile_mlp
from sparsekit.pruning._sparse_mlp import _source
from tests.conftest import read_only

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@parametrize_with_checks([SparseMLPClassifier(), SparseMLPRegressor()])
def test_scikit_learn_finds_no_fault(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def digits():
    """Return read-only digits, the first 1000 to learn from."""
    X, y = load_digits(return_X_y=True)
    return read_only((X / 16).astype(np.float32)), read_only(y)


@pytest.fixture
def rows(rng):
    """Return 40 rows of which no column is zero, labels of three classes, and two targets."""
    X = rng.standard_normal((40, 6)).astype(np.float32)
    return X, rng.integers(3, size=40), rng.standard_normal((40, 2))


def dense_twin(cls, model, X, y, sample_weight=None, **options):
    """Return scikit-learn's network, trained as ours will be, and from the same first weights."""
    model._forget()
    model._describe(y, None, False)
    layers = model._layers(X.shape[1])
    names = "hidden_layer_sizes", "batch_size", "shuffle"
    given = {name: getattr(model, name) for name in names}
    twin = cls(**given, **options, max_iter=1, warm_start=True)
    X = X.astype(np.float64)
    twin.fit(X, y)
    twin.coefs_ = [layer.matrix().toarray().astype(np.float64) for layer in layers]
    twin.intercepts_ = [layer.biases.astype(np.float64) for layer in layers]
    twin.t_ = 0
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}
    return twin.set_params(max_iter=model.max_iter).fit(X, y, **weights)


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("target", ["labels", "two labels", "indicator", "number", "two numbers"])
def test_with_all_weights_it_is_the_network_of_scikit_learn(rows, activation, solver, target):
    X, labels, numbers = rows
    ours, theirs, y = {
        "labels": (SparseMLPClassifier, MLPClassifier, labels),
        "two labels": (SparseMLPClassifier, MLPClassifier, labels % 2),
        "indicator": (SparseMLPClassifier, MLPClassifier, (numbers > 0).astype(int)),
        "number": (SparseMLPRegressor, MLPRegressor, numbers[:, 0]),
        "two numbers": (SparseMLPRegressor, MLPRegressor, numbers),
    }[target]
    given = {"activation": activation, "solver": solver, "learning_rate_init": 0.01, "alpha": 0.1}
    if solver == "sgd":
        given["learning_rate"] = "invscaling"
    model = ours(
        (7, 5), density=1.0, shuffle=False, batch_size=16, max_iter=5, random_state=3, **given
    )
    twin = dense_twin(theirs, model, X, y, **given)
    model.fit(X, y)
    for found, wanted in zip(model.coefs_, twin.coefs_, strict=True):
        np.testing.assert_allclose(found.toarray(), wanted, rtol=1e-3, atol=2e-4)
    for found, wanted in zip(model.intercepts_, twin.intercepts_, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=2e-4)
    np.testing.assert_allclose(model.predict(X), twin.predict(X), rtol=1e-3, atol=1e-3)
    if theirs is MLPClassifier:
        proba = twin.predict_proba(X)
        np.testing.assert_allclose(model.predict_proba(X), proba, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(model.predict_log_proba(X), np.log(proba), rtol=1e-2, atol=1e-3)
    if target != "two numbers":
        # Squared errors of several outputs are added up here, averaged there.
        np.testing.assert_allclose(model.loss_curve_, twin.loss_curve_[1:], rtol=5e-2)


@pytest.mark.parametrize("rewire", ["rigl", "set", None])
@pytest.mark.parametrize("batch_size", [16, "auto"])
def test_sparse_x_is_dense_x(rng, monkeypatch, rewire, batch_size):
    X = (rng.standard_normal((60, 30)) * (rng.random((60, 30)) < 0.2)).astype(np.float32)
    y = X @ rng.standard_normal(30)
    model = SparseMLPRegressor(
        (20, 10), 0.4, rewire=rewire, rewire_interval=7, batch_size=batch_size, max_iter=12,
        random_state=0,
    )  # fmt: skip
    dense = model.fit(X, y).predict(X)
    for share in (0, 2):
        monkeypatch.setattr(_source, "FULL_SHARE", share)
        for convert in (sparse.csr_array, sparse.csc_matrix):
            found = clone(model).fit(convert(X), y).predict(convert(X))
            np.testing.assert_allclose(found, dense, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("rewire", ["rigl", "set", None])
def test_threads_do_not_change_a_bit(digits, monkeypatch, rewire):
    X, y = digits
    monkeypatch.setattr("sparsekit.pruning._sparse_mlp._blocks.CALL_WORK", 10000)
    monkeypatch.setattr("sparsekit.pruning._sparse_mlp._estimator.PREDICTED_ROWS", 100)
    model = SparseMLPClassifier((30, 20), rewire=rewire, rewire_interval=3, max_iter=3)
    one, two = (
        clone(model).set_params(n_jobs=n_jobs, random_state=1).fit(X[:500], y[:500])
        for n_jobs in (1, 2)
    )
    for a, b in zip(one.coefs_, two.coefs_, strict=True):
        np.testing.assert_array_equal(a.indices, b.indices)
        np.testing.assert_array_equal(a.data, b.data)
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array])
def test_weights_are_repeated_rows_where_a_batch_holds_all(rows, rng, convert):
    X, y, _ = rows
    weights = rng.integers(0, 4, 40)
    again = rng.permutation(np.repeat(np.arange(40), weights))
    model = SparseMLPClassifier((10,), 0.5, rewire_interval=10, max_iter=40, random_state=0)
    weighted = clone(model).fit(convert(X), y, weights).predict_proba(X)
    repeated = model.fit(convert(X[again]), y[again]).predict_proba(X)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-6)


def test_weights_of_batches_are_those_of_scikit_learn(rows, rng):
    X, y, _ = rows
    weights = rng.random(40) + 0.1
    given = {"learning_rate_init": 0.01, "alpha": 0.1}
    model = SparseMLPClassifier(
        (7,), 1.0, shuffle=False, batch_size=16, max_iter=5, random_state=3, **given
    )
    try:
        twin = dense_twin(MLPClassifier, model, X, y, weights, **given)
    except TypeError:
        pytest.skip("this scikit-learn has no sample_weight for networks")
    model.fit(X, y, weights)
    for found, wanted in zip(model.coefs_, twin.coefs_, strict=True):
        np.testing.assert_allclose(found.toarray(), wanted, rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize("rewire", ["rigl", "set", None])
def test_the_number_of_weights_never_changes(digits, rewire):
    X, y = digits
    counts = set()

    def listen(state):
        counts.add(sum(W.nnz for W in state["components"]))
        # Absent weights are not stored at all.
        assert all(W.has_canonical_format for W in state["components"])

    model = SparseMLPClassifier(
        (40, 30), 0.15, rewire=rewire, rewire_interval=4, max_iter=10, callback=listen
    ).fit(X[:300], y[:300])
    wanted = round(0.15 * (64 * 40 + 40 * 30 + 30 * 10))
    assert counts == {wanted}
    assert model.sparsity_ == pytest.approx(0.85, abs=1e-3)
    assert [W.dtype for W in model.coefs_] == [np.float32] * 3


def test_digits_are_learned_by_a_tenth_of_the_weights(digits):
    X, y = digits
    model = SparseMLPClassifier((256, 128), learning_rate_init=0.003, max_iter=60, random_state=0)
    for rewire in ("rigl", "set", None):
        model.set_params(rewire=rewire).fit(X[:1000], y[:1000])
        assert model.score(X[1000:], y[1000:]) > 0.9


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array])
def test_rows_of_zeros_move_biases_only(convert):
    X, y = np.zeros((30, 5)), np.arange(30) % 3
    model = SparseMLPClassifier((8,), 0.5, rewire_interval=2, max_iter=5, random_state=0)
    first = clone(model).set_params(max_iter=1, learning_rate_init=1e-9).fit(convert(X), y)
    model.fit(convert(X), y)
    np.testing.assert_array_equal(model.coefs_[0].toarray(), first.coefs_[0].toarray())
    assert (model.intercepts_[0] != first.intercepts_[0]).any()


def test_an_indicator_may_be_sparse(rows):
    X, _, numbers = rows
    Y = (numbers > 0).astype(int)
    model = SparseMLPClassifier((8,), 0.5, max_iter=5, random_state=0)
    dense = clone(model).fit(X, Y)
    found = model.fit(X, sparse.csr_matrix(Y))
    np.testing.assert_array_equal(found.predict_proba(X), dense.predict_proba(X))
    assert dense.predict(X).shape == Y.shape
    assert set(np.unique(dense.predict(X))) <= {0, 1}


def test_poisson_predicts_rates(rng):
    X = rng.standard_normal((300, 4))
    rates = np.exp(X @ [0.5, -0.5, 0.2, 0.0])
    model = SparseMLPRegressor(
        (30,), 0.6, loss="poisson", learning_rate_init=0.01, max_iter=100, random_state=0
    ).fit(X, rng.poisson(rates))
    assert model.out_activation_ == "exp"
    assert (model.predict(X) > 0).all()
    assert np.corrcoef(np.log(model.predict(X)), np.log(rates))[0, 1] > 0.9
    with pytest.raises(ValueError, match="not negative"):
        model.fit(X, -rates)


def test_answers_have_the_dtype_of_x(rows):
    X, y, numbers = rows
    for model, target in ((SparseMLPClassifier(max_iter=2), y), (SparseMLPRegressor(), numbers)):
        model.set_params(max_iter=2).fit(X, target)
        answer = getattr(model, "predict_proba", model.predict)
        assert answer(X).dtype == np.float32
        assert answer(X.astype(np.float64)).dtype == np.float64
        np.testing.assert_allclose(answer(X), answer(X.astype(np.float64)), rtol=1e-5)


@pytest.mark.parametrize(
    "given",
    [
        {"rewire": None},
        {"rewire_interval": 2},
        {"solver": "sgd", "learning_rate": "invscaling"},
        {"solver": "sgd", "learning_rate": "cosine"},
    ],
)
def test_epochs_one_by_one_are_a_fit(digits, given):
    X, y = digits
    X, y = X[:300], y[:300]
    model = SparseMLPClassifier((20,), 0.3, shuffle=False, max_iter=4, random_state=0, **given)
    whole = clone(model).fit(X, y)
    model.partial_fit(X, y, classes=np.unique(y))
    for _ in range(3):
        model = pickle.loads(pickle.dumps(model))
        model.partial_fit(X, y)
    assert model.n_iter_ == 4
    assert model.t_ == whole.t_ == 1200
    np.testing.assert_array_equal(model.loss_curve_, whole.loss_curve_)
    for a, b in zip(model.coefs_, whole.coefs_, strict=True):
        np.testing.assert_array_equal(a.toarray(), b.toarray())


def test_parts_need_all_classes_at_first(digits):
    X, y = digits
    model = SparseMLPClassifier((20,), max_iter=4)
    with pytest.raises(ValueError, match="classes must be passed"):
        model.partial_fit(X[:50], y[:50])
    model.partial_fit(X[:5], y[:5], classes=np.arange(10))
    assert model.predict_proba(X[:3]).shape == (3, 10)
    with pytest.raises(ValueError, match="knows"):
        model.partial_fit(X[:50], y[:50], classes=np.arange(9))
    with pytest.raises(ValueError, match="not fitted to"):
        model.partial_fit(X[:50], y[:50] + 1)
    with pytest.raises(ValueError, match="early_stopping"):
        model.set_params(early_stopping=True).partial_fit(X[:50], y[:50])


def test_early_stopping_comes_back_to_the_best_epoch(digits):
    X, y = digits
    scores = []
    model = SparseMLPClassifier(
        (40,), 0.2, early_stopping=True, n_iter_no_change=3, learning_rate_init=0.01,
        rewire_interval=5, random_state=0, callback=lambda s: scores.append(s["validation_score"]),
    ).fit(X[:600], y[:600])  # fmt: skip
    assert model.validation_scores_ == scores
    assert model.best_validation_score_ == max(scores)
    assert model.n_iter_ == len(scores) < 200
    assert model.best_loss_ is None
    assert model.score(X[600:], y[600:]) > 0.8
    with pytest.raises(ValueError, match="too few"):
        model.set_params(validation_fraction=0.001).fit(X[:100], y[:100])


def test_a_listener_and_the_clock_end_a_fit(digits, capsys):
    X, y = digits
    model = SparseMLPClassifier((10,), callback=lambda state: state["n_iter"] == 3, verbose=True)
    assert model.fit(X[:200], y[:200]).n_iter_ == 3
    assert capsys.readouterr().out.count("epoch") == 3
    assert SparseMLPClassifier((10,), max_time=1e-9).fit(X[:200], y[:200]).n_iter_ == 1


def test_an_unfinished_fit_warns_with_its_figures(rows):
    X, y, _ = rows
    with pytest.warns(ConvergenceWarning, match="after 2 epochs at a loss of"):
        SparseMLPClassifier(max_iter=2).fit(X, y)


def test_a_fit_that_fails_changes_nothing(rows):
    X, y, numbers = rows
    model = SparseMLPRegressor((5,), max_iter=3, random_state=0).fit(X, numbers[:, 0])
    before = copy.deepcopy(vars(model))
    model.set_params(solver="sgd", learning_rate_init=1e30)
    with pytest.raises(ValueError, match=r"diverged.*learning_rate_init"):
        model.fit(X, numbers[:, 0])
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        model.set_params(hidden_layer_sizes=(5, 0)).fit(X, numbers[:, 0])
    for name in ("coefs_", "intercepts_", "loss_curve_"):
        assert str(vars(model)[name]) == str(before[name])


def test_copies_answer_alike(digits):
    X, y = digits
    model = SparseMLPClassifier((20,), max_iter=3, random_state=0).fit(X[:200], y[:200])
    wanted = model.predict_proba(X)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(twin.predict_proba(X), wanted)
    # No moments, no slopes: places and values of the weights are most of it.
    n_bytes = sum(W.nnz * 8 + W.indptr.nbytes for W in model.coefs_)
    assert len(pickle.dumps(model)) < n_bytes + 6000


def test_skops_brings_it_back(digits):
    skops = pytest.importorskip("skops.io")
    X, y = digits
    model = SparseMLPClassifier((20,), random_state=0)
    model.partial_fit(X[:200], y[:200], classes=np.unique(y))
    stored = skops.dumps(model)
    twin = skops.loads(stored, trusted=skops.get_untrusted_types(data=stored))
    np.testing.assert_array_equal(twin.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array])
def test_the_engine_compiles_it(digits, convert):
    X, y = digits
    model = SparseMLPClassifier((60, 20), 0.05, max_iter=5, random_state=0).fit(X[:200], y[:200])
    found = compile_mlp(model)(convert(X))
    np.testing.assert_allclose(found, model.predict_proba(X), rtol=1e-4, atol=1e-6)


def test_it_goes_into_a_pipeline_and_a_search(digits):
    X, y = digits
    model = make_pipeline(MaxAbsScaler(), SparseMLPClassifier((30,), max_iter=15, random_state=0))
    grid = {"sparsemlpclassifier__density": [0.01, 0.3]}
    search = GridSearchCV(model, grid, cv=3, error_score="raise").fit(X[:400], y[:400])
    assert search.best_params_ == {"sparsemlpclassifier__density": 0.3}


def test_no_hidden_layer_is_a_linear_model(rng):
    X, y = make_friedman1(200, random_state=0)
    y = X @ np.arange(10.0) / 10
    model = SparseMLPRegressor(
        (), 1.0, learning_rate_init=0.03, max_iter=600, n_iter_no_change=600, random_state=0
    )
    assert model.fit(X, y).score(X, y) > 0.99
    np.testing.assert_allclose(model.coefs_[0].toarray()[:, 0], np.arange(10.0) / 10, atol=0.05)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"density": 0}, "density"),
        ({"density": 1.5}, "density"),
        ({"rewire": "prune"}, "rewire"),
        ({"rewire_fraction": 1}, "rewire_fraction"),
        ({"allocation": "global"}, "allocation"),
        ({"solver": "lbfgs"}, "solver"),
    ],
)
def test_parameters_out_of_their_range_are_refused(rows, given, named):
    X, y, _ = rows
    with pytest.raises(ValueError, match=named):
        SparseMLPClassifier(**given).fit(X, y)


def test_layers_beyond_the_memory_are_refused(rows):
    X, y, _ = rows
    with pytest.raises(MemoryError, match="Decrease `density`"):
        SparseMLPClassifier((10**9, 10**9), 0.5).fit(X, y)


def test_a_million_inputs_are_never_dense(rng):
    n, n_features, n_entries = 300, 10**6, 50
    columns = np.sort(rng.integers(n_features, size=(n, n_entries), dtype=np.int32), axis=1)
    begins = np.arange(0, n * n_entries + 1, n_entries, dtype=np.int32)
    entries = rng.random(n * n_entries, dtype=np.float32)
    X = sparse.csr_array((entries, columns.ravel(), begins), shape=(n, n_features))
    X.sum_duplicates()
    y = rng.integers(2, size=n)
    # An exchange of both kinds, by slopes in the fit and by chance when it goes on.
    model = SparseMLPClassifier((256,), 0.01, rewire_interval=1, batch_size=150, max_iter=1)
    tracemalloc.start()
    model.fit(X, y).set_params(rewire="set").partial_fit(X[:200], y[:200])
    model.predict(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(W.nnz for W in model.coefs_) == round(0.01 * 256 * (n_features + 1))
    # A dense float32 layer has 1024 MB; the weights with all that belongs to them some 100.
    assert peak < 256e6
