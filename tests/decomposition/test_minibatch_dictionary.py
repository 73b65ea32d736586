"""MiniBatchDictionaryLearning: batches, weights, passes and their ends."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.decomposition import MiniBatchDictionaryLearning as Sklearn
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsekit._sklearn import HAS_CALLBACKS
from sparsekit.decomposition import (
    DictionaryLearning,
    MiniBatchDictionaryLearning,
    sparse_encode,
)
from sparsekit.decomposition._dictionary._online import UPDATES
from sparsekit.linear_model import AllZeroWarning

ESTIMATORS = [
    MiniBatchDictionaryLearning(max_iter=5, alpha=0.1),
    MiniBatchDictionaryLearning(3, fit_algorithm="ormp", batch_size=7, split_sign=True),
    MiniBatchDictionaryLearning(
        4, update="mod", transform_algorithm="threshold", sparse_output=True, max_iter=3
    ),
    MiniBatchDictionaryLearning(2, positive_dict=True, positive_code=True, dict_l1_ratio=0.2),
]


@pytest.mark.filterwarnings("ignore:all codes are zero")
@parametrize_with_checks(ESTIMATORS)
def test_check(estimator, check):
    check(estimator)


@pytest.fixture
def atoms(rng):
    atoms = rng.standard_normal((16, 12))
    return atoms / np.linalg.norm(atoms, axis=1)[:, None]


@pytest.fixture
def X(rng, atoms):
    codes = rng.standard_normal((2000, 16)) * (rng.random((2000, 16)) < 0.15)
    return codes @ atoms + 0.02 * rng.standard_normal((2000, 12))


@pytest.fixture
def start(rng):
    start = rng.standard_normal((16, 12))
    return start / np.linalg.norm(start, axis=1)[:, None]


def objective(X, dictionary, alpha):
    """Return the mean objective with exact codes."""
    codes = sparse_encode(X, dictionary, alpha=alpha)
    return (0.5 * ((X - codes @ dictionary) ** 2).sum() + alpha * np.abs(codes).sum()) / len(X)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"fit_algorithm": "omp", "fit_n_nonzero_coefs": 3},
        {"fit_algorithm": "omp", "update": "mod"},
    ],
    ids=str,
)
def test_a_planted_dictionary_is_found(X, atoms, options):
    model = MiniBatchDictionaryLearning(16, alpha=0.05, random_state=1, **options).fit(X)
    found = model.components_ / np.linalg.norm(model.components_, axis=1)[:, None]
    assert (np.abs(atoms @ found.T).max(axis=1) > 0.98).sum() >= 14


def test_it_comes_near_the_dictionary_of_all_signals_at_a_time(X):
    whole = DictionaryLearning(16, alpha=0.1, random_state=0, max_iter=200).fit(X)
    batches = MiniBatchDictionaryLearning(16, alpha=0.1, random_state=0).fit(X)
    assert objective(X, batches.components_, 0.1) < 1.03 * objective(X, whole.components_, 0.1)


def test_passes_lower_the_objective_until_they_settle(X):
    model = MiniBatchDictionaryLearning(16, alpha=0.1, random_state=0, tol=1e-3).fit(X)
    objectives = np.array(model.objective_)
    assert 2 < model.n_iter_ < 1000
    assert len(objectives) in (model.n_iter_, model.n_iter_ - 1)
    assert (np.diff(objectives[:4]) < 0).all()
    assert objective(X, model.components_, 0.1) < objectives[0]


@pytest.mark.parametrize("forgetting", [0.0, 3.0, 40.0])
@pytest.mark.parametrize("update", ["bcd", "mod"])
def test_a_pass_of_fit_is_a_partial_fit_of_each_batch(X, start, forgetting, update):
    shared = {"alpha": 0.1, "dict_init": start, "forgetting": forgetting, "update": update}
    fitted = MiniBatchDictionaryLearning(max_iter=1, shuffle=False, batch_size=150, **shared).fit(X)
    streamed = MiniBatchDictionaryLearning(**shared)
    for first in range(0, len(X), 150):
        streamed.partial_fit(X[first : first + 150])
    assert streamed.n_steps_ == fitted.n_steps_ == 14
    np.testing.assert_array_equal(streamed.components_, fitted.components_)


@pytest.mark.parametrize("forgetting", [0.0, 1.5, 12.0])
def test_how_a_stream_is_cut_does_not_change_the_weight_of_its_parts(start, rng, forgetting):
    # Coded with one nonzero along its own atom each, signals leave no trace but their weights.
    atoms = np.eye(12)
    parts = [np.repeat(2 * atoms[[k]], n, axis=0) for k, n in enumerate((5, 300, 40, 120))]
    X = np.concatenate(parts)
    cuts = [[5, 305, 345, 465], [465], list(range(1, 466)), [5, 100, 305, 345, 400, 465]]
    shares = []
    for edges in cuts:
        model = MiniBatchDictionaryLearning(
            fit_algorithm="omp",
            fit_n_nonzero_coefs=1,
            dict_init=atoms,
            forgetting=forgetting,
        )
        for first, last in zip([0, *edges[:-1]], edges):
            model.partial_fit(X[first:last])
        weights = np.diag(model._code_gram)[:4]
        shares.append(weights / weights.sum())
    numbers = np.arange(1, 466) ** forgetting
    expected = np.add.reduceat(numbers, [0, 5, 305, 345])
    # Cut at the parts, or anywhere inside of them.
    for share in (shares[0], shares[2], shares[3]):
        np.testing.assert_allclose(share, expected / expected.sum(), rtol=1e-10)
    # One batch was coded by one dictionary: its signals weigh the same.
    np.testing.assert_allclose(shares[1], np.array([5, 300, 40, 120]) / 465, rtol=1e-10)


def test_without_forgetting_all_signals_weigh_the_same(X, start):
    model = MiniBatchDictionaryLearning(alpha=0.1, dict_init=start, forgetting=0.0)
    expected, dictionary = np.zeros((16, 16)), start
    for first, last in ((0, 7), (7, 500), (500, 501), (501, 2000)):
        codes = sparse_encode(X[first:last], dictionary, alpha=0.1)
        expected += codes.T @ codes
        dictionary = model.partial_fit(X[first:last]).components_
    np.testing.assert_allclose(np.tril(model._code_gram), np.tril(expected), atol=1e-8)


def test_forgetting_follows_a_change(rng):
    first, second = rng.standard_normal((2, 500, 6)) * np.array(
        [[[3, 1, 1, 1, 1, 1]], [[1, 1, 1, 1, 1, 3]]]
    )
    angles = []
    for forgetting in (0.0, 10.0):
        model = MiniBatchDictionaryLearning(
            1, alpha=0.01, forgetting=forgetting, random_state=0, dict_init=np.eye(6)[:1]
        )
        for batch in (*np.split(first, 10), *np.split(second, 10)):
            model.partial_fit(batch)
        angles.append(abs(model.components_[0, 5]))
    assert angles[1] > 0.95 > angles[0]


def test_batches_of_any_size_learn_alike(X, rng, start):
    found = []
    for sizes in ([100] * 20, [1, 3, 7, 289, 700, 300, 100, 50, 250, 300]):
        model = MiniBatchDictionaryLearning(alpha=0.1, dict_init=start, forgetting=2.0)
        for _ in range(4):
            for batch in np.split(X, np.cumsum(sizes)[:-1]):
                model.partial_fit(batch)
        found.append(objective(X, model.components_, 0.1))
    assert abs(found[0] - found[1]) < 0.1 * found[0]
    assert max(found) < 0.8 * objective(X, start, 0.1)


def test_the_first_batch_gives_the_first_atoms_and_may_be_small(X):
    model = MiniBatchDictionaryLearning(16, alpha=0.1, random_state=0)
    model.partial_fit(X[:3])
    assert model.components_.shape == (16, 12)
    assert model.n_steps_ == 1
    for batch in np.split(X, 20):
        model.partial_fit(batch)
    assert model.n_steps_ == 21
    assert model.n_dead_ == 0
    assert objective(X, model.components_, 0.1) < 0.9 * objective(X, X[:16], 0.1)


def test_partial_fit_goes_on_from_a_fit(X):
    model = MiniBatchDictionaryLearning(16, alpha=0.1, max_iter=2, random_state=0).fit(X)
    before, steps = model.components_.copy(), model.n_steps_
    model.partial_fit(X[:50])
    assert model.n_steps_ == steps + 1
    change = np.linalg.norm(model.components_ - before)
    assert 0 < change < 0.5


def test_a_fit_begins_anew(X):
    model = MiniBatchDictionaryLearning(16, alpha=0.1, max_iter=2, random_state=0)
    expected = model.fit(X).components_
    for _ in range(3):
        model.partial_fit(X[:100])
    np.testing.assert_array_equal(model.fit(X).components_, expected)


def test_partial_fit_keeps_the_first_data_type_and_the_features(X):
    model = MiniBatchDictionaryLearning(5, alpha=0.1).partial_fit(X[:100].astype(np.float32))
    model.partial_fit(X[100:200])
    assert model.components_.dtype == np.float32
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(X[:, :5])


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("update", ["bcd", "mod"])
def test_threads_do_not_change_a_bit(X, rng, kind, update):
    X = np.concatenate([X] * 3) * (rng.random((6000, 12)) < 0.7)
    X = sparse.csr_array(X) if kind == "sparse" else X
    shared = {"alpha": 0.1, "update": update, "max_iter": 3, "batch_size": 4500, "random_state": 0}
    one = MiniBatchDictionaryLearning(20, **shared).fit(X)
    for n_jobs in (2, 3):
        other = MiniBatchDictionaryLearning(20, n_jobs=n_jobs, **shared).fit(X)
        np.testing.assert_array_equal(one.components_, other.components_)
        assert one.objective_ == other.objective_


@pytest.mark.parametrize("fit_algorithm", ["lasso", "omp"])
def test_sparse_data_give_the_dictionary_of_dense_data(rng, fit_algorithm):
    X = rng.standard_normal((600, 20)) * (rng.random((600, 20)) < 0.2)
    shared = {"alpha": 0.3, "fit_algorithm": fit_algorithm, "max_iter": 2, "random_state": 0}
    dense = MiniBatchDictionaryLearning(10, **shared).fit(X)
    found = MiniBatchDictionaryLearning(10, **shared).fit(sparse.csr_array(X))
    np.testing.assert_allclose(found.components_, dense.components_, atol=1e-7)


@pytest.mark.parametrize("update", ["bcd", "mod"])
def test_float32_stays_float32_and_near_float64(X, start, update):
    shared = {"alpha": 0.1, "update": update, "max_iter": 2, "dict_init": start, "random_state": 0}
    double = MiniBatchDictionaryLearning(**shared).fit(X)
    single = MiniBatchDictionaryLearning(**shared).fit(X.astype(np.float32))
    assert single.components_.dtype == np.float32
    np.testing.assert_allclose(single.components_, double.components_, atol=5e-3)
    np.testing.assert_allclose(single.objective_, double.objective_, rtol=1e-3)


@pytest.mark.parametrize("forgetting", [0.0, 30.0])
def test_long_streams_stay_in_range_in_float32(X, start, forgetting):
    X = X.astype(np.float32)
    model = MiniBatchDictionaryLearning(alpha=0.1, dict_init=start, forgetting=forgetting)
    for _ in range(3):
        for batch in np.split(X, 8):
            model.partial_fit(batch)
    # As if very many signals had come before.
    model._n_seen *= 10**9
    model.partial_fit(X[:100])
    assert np.isfinite(model._code_gram).all()
    assert objective(X, model.components_, 0.1) < 0.9 * objective(X, start, 0.1)


def test_dead_atoms_are_replaced_and_counted(X, start):
    zeros = start.copy()
    zeros[8:] = 0
    shared = {"alpha": 0.1, "dict_init": zeros, "random_state": 0, "batch_size": 100}
    model = MiniBatchDictionaryLearning(max_iter=10, **shared).fit(X)
    assert model.n_dead_ == 0
    assert model.components_.any(axis=1).all()
    brief = MiniBatchDictionaryLearning(**shared).partial_fit(X[:50])
    assert brief.n_dead_ == 8
    assert not brief.components_[8:].any()
    np.testing.assert_array_equal(brief._idle[8:], 50)


def test_a_replaced_atom_forgets_its_codes(X, start):
    model = MiniBatchDictionaryLearning(alpha=0.1, dict_init=start).partial_fit(X)
    model._idle[3] = model._age[3] = 10**6
    model.components_[3] = 0
    model.partial_fit(X[:40])
    assert model.components_[3].any()
    assert not model._code_gram[3].any() and not model._code_gram[:, 3].any()
    assert not model._code_cross[3].any()
    assert model.n_dead_ == 1
    for batch in np.split(X, 20):
        model.partial_fit(batch)
    assert model.n_dead_ == 0
    assert model._code_gram[3, 3] > 0


def test_passes_end_by_each_rule(X):
    shared = {"alpha": 0.1, "random_state": 0}
    n_batches = 8
    fixed = MiniBatchDictionaryLearning(
        16, max_iter=3, tol=0, max_no_improvement=None, **shared
    ).fit(X)
    assert (fixed.n_iter_, fixed.n_steps_, len(fixed.objective_)) == (3, 3 * n_batches, 3)
    loose = MiniBatchDictionaryLearning(16, tol=0.5, **shared).fit(X)
    assert loose.n_iter_ == 2
    by_batches = MiniBatchDictionaryLearning(16, tol=0, max_no_improvement=3, **shared).fit(X)
    assert 3 < by_batches.n_iter_ < 1000
    timed = MiniBatchDictionaryLearning(16, max_time=1e-9, **shared).fit(X)
    assert (timed.n_steps_, timed.n_iter_, timed.objective_) == (1, 1, [])
    none = MiniBatchDictionaryLearning(16, max_iter=0, **shared).fit(X)
    assert (none.n_steps_, none.n_iter_) == (0, 0)


def test_the_callback_sees_each_batch_and_can_stop(X):
    seen = []

    def watch(state):
        seen.append((state["n_iter"], state["objective"], state["components"]))
        return len(seen) == 12

    model = MiniBatchDictionaryLearning(16, alpha=0.1, callback=watch, random_state=0).fit(X)
    assert model.n_steps_ == 12 and model.n_iter_ == 2
    assert [number for number, *_ in seen] == list(range(1, 13))
    assert seen[-1][1] < seen[0][1]
    np.testing.assert_array_equal(seen[-1][2], model.components_)


def test_verbose_prints_passes_and_then_batches(X, capsys):
    shared = {"alpha": 0.1, "max_iter": 2, "tol": 0, "random_state": 0}
    model = MiniBatchDictionaryLearning(16, verbose=1, **shared).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1] == (
        f"[MiniBatchDictionaryLearning] pass 2: objective {model.objective_[1]:.6g}"
    )
    MiniBatchDictionaryLearning(16, verbose=2, **shared).fit(X)
    assert len(capsys.readouterr().out.splitlines()) == 2 + 16


def test_a_batch_that_fails_leaves_the_stream_as_it_was(X, monkeypatch):
    model = MiniBatchDictionaryLearning(16, alpha=0.1, random_state=0).partial_fit(X[:300])
    kept = {name: np.copy(value) for name, value in vars(model).items() if name.endswith("_")}
    kept |= {name: np.copy(vars(model)[name]) for name in ("_code_gram", "_code_cross", "_idle")}

    def interrupt(*args):
        raise KeyboardInterrupt

    # The sums have been added to, when the atoms are to follow.
    monkeypatch.setitem(UPDATES, "bcd", interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(X[300:600])
    for name, value in kept.items():
        np.testing.assert_array_equal(vars(model)[name], value)


def test_too_strong_a_penalty_warns(X):
    with pytest.warns(AllZeroWarning, match="alpha_max is") as record:
        MiniBatchDictionaryLearning(4, alpha=100.0, random_state=0).fit(X)
    assert record[0].filename == __file__


@pytest.mark.parametrize(
    "options, message",
    [
        ({"update": "ksvd"}, "The 'update' parameter"),
        ({"update": "mod", "positive_dict": True}, "without constraint"),
        ({"forgetting": -1}, "The 'forgetting' parameter"),
        ({"batch_size": 0}, "The 'batch_size' parameter"),
    ],
    ids=str,
)
def test_options_that_make_no_sense_are_refused(X, options, message):
    for fit in (MiniBatchDictionaryLearning.fit, MiniBatchDictionaryLearning.partial_fit):
        with pytest.raises(ValueError, match=message):
            fit(MiniBatchDictionaryLearning(4, **options), X)


def test_copies_and_pickles_go_on_alike(X):
    model = MiniBatchDictionaryLearning(6, alpha=0.1, random_state=0).partial_fit(X[:500])
    restored = pickle.loads(pickle.dumps(model))
    for learner in (model, restored):
        learner.partial_fit(X[500:900])
    np.testing.assert_array_equal(model.components_, restored.components_)
    assert not hasattr(clone(model), "components_")


def test_fitted_state_is_plain_arrays_and_numbers(X):
    model = MiniBatchDictionaryLearning(6, alpha=0.1, random_state=0).partial_fit(X)
    state = {name: value for name, value in vars(model).items() if name not in model.get_params()}
    assert all(isinstance(value, np.ndarray | int | float) for value in state.values()), state


def test_a_search_runs_in_a_pipeline(X):
    model = make_pipeline(
        StandardScaler(),
        MiniBatchDictionaryLearning(transform_n_nonzero_coefs=3, max_iter=5, random_state=0),
    )
    grid = {
        "minibatchdictionarylearning__alpha": [0.02, 0.5, 5.0],
        "minibatchdictionarylearning__n_components": [4, 16],
    }
    search = GridSearchCV(model, grid, cv=3).fit(X)
    best = {name.split("__")[1]: value for name, value in search.best_params_.items()}
    assert best == {"alpha": 0.5, "n_components": 16}


def test_constructor_parameters_are_scikit_learns_and_more():
    ours, theirs = (set(cls().get_params()) for cls in (MiniBatchDictionaryLearning, Sklearn))
    assert theirs <= ours


@pytest.mark.skipif(not HAS_CALLBACKS, reason="this scikit-learn has no callback interface")
def test_scikit_learns_callbacks_see_each_pass(X):
    class Recorder:
        def __init__(self):
            self.ends, self.scores = [], []

        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
            self.ends.append(context.task_name)
            self.scores.append(fitted_estimator.score(X))
            return len(self.ends) == 4

    recorder = Recorder()
    model = MiniBatchDictionaryLearning(16, alpha=0.1, tol=0, max_iter=20, random_state=0)
    model.set_callbacks(recorder).fit(X)
    assert recorder.ends == ["iteration"] * 4 + ["fit"]
    assert model.n_iter_ == 4
    assert recorder.scores[3] == recorder.scores[4] == model.score(X)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_one_signal_is_enough(kind):
    X = np.array([[3.0, 0.0, 4.0]])
    X = sparse.csr_array(X) if kind == "sparse" else X
    model = MiniBatchDictionaryLearning(2, alpha=0.1, random_state=0).fit(X)
    assert np.isfinite(model.components_).all()
    assert model.n_dead_ == 1
    assert model.partial_fit(X).score(X) > -1e-10
