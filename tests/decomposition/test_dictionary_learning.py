"""DictionaryLearning: what the objective, the options and the data do to a dictionary."""

import pickle
import re
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import DictionaryLearning as Sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsekit._sklearn import HAS_CALLBACKS
from sparsekit.decomposition import DictionaryLearning, sparse_encode
from sparsekit.linear_model import AllZeroWarning

ESTIMATORS = [
    DictionaryLearning(max_iter=5, alpha=0.1),
    DictionaryLearning(3, fit_algorithm="omp", update="ksvd", max_iter=5),
    DictionaryLearning(
        4, update="mod", dict_init="svd", transform_algorithm="lasso_cd", max_iter=5
    ),
    DictionaryLearning(
        2, fit_algorithm="nn_omp", positive_dict=True, dict_l1_ratio=0.2, split_sign=True
    ),
]
UPDATES = ["bcd", "ksvd", "mod"]


@pytest.mark.filterwarnings("ignore:all codes are zero")
@parametrize_with_checks(ESTIMATORS)
def test_check(estimator, check):
    check(estimator)


def planted(rng, n_samples=1500, n_atoms=16, n_features=12, n_nonzero=2, noise=0.0):
    """Return signals that are sparse sums of random unit atoms, and the atoms."""
    atoms = rng.standard_normal((n_atoms, n_features))
    atoms /= np.linalg.norm(atoms, axis=1)[:, None]
    codes = np.zeros((n_samples, n_atoms))
    for row in codes:
        chosen = rng.choice(n_atoms, n_nonzero, replace=False)
        row[chosen] = rng.choice([-1, 1], n_nonzero) * rng.uniform(1, 2, n_nonzero)
    return codes @ atoms + noise * rng.standard_normal((n_samples, n_features)), atoms


def objective(X, dictionary, alpha, **options):
    """Return the mean objective with exact codes."""
    codes = sparse_encode(X, dictionary, alpha=alpha, **options)
    return (0.5 * ((X - codes @ dictionary) ** 2).sum() + alpha * np.abs(codes).sum()) / len(X)


def recovered(found, atoms):
    """Return how many atoms the dictionary holds, up to sign."""
    lengths = np.linalg.norm(found, axis=1)[:, None]
    return (np.abs(atoms @ (found / lengths).T).max(axis=1) > 0.99).sum()


@pytest.fixture
def X(rng):
    return planted(rng, 400, noise=0.1)[0]


@pytest.mark.parametrize("update", ["bcd", "ksvd"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"positive_code": True},
        {"positive_dict": True},
        {"dict_l1_ratio": 0.2},
        {"positive_code": True, "positive_dict": True, "dict_l1_ratio": 0.1},
        {"dict_init": "svd"},
    ],
    ids=str,
)
def test_every_iteration_lowers_the_objective(X, update, options):
    model = DictionaryLearning(
        20, alpha=0.2, update=update, max_iter=15, tol=0, random_state=0, **options
    ).fit(X)
    assert model.n_iter_ == len(model.error_) == 15
    errors = np.array(model.error_)
    assert (np.diff(errors) <= 1e-10 * errors[0]).all()
    bound = errors[-1] / len(X)
    positive = options.get("positive_code", False)
    assert objective(X, model.components_, 0.2, positive=positive) <= bound * (1 + 1e-10)


@pytest.mark.parametrize("update", UPDATES)
def test_the_last_error_is_that_of_codes_before_the_last_update(X, update):
    first = DictionaryLearning(20, alpha=0.2, update=update, max_iter=1, random_state=0).fit(X)
    start = DictionaryLearning(20, alpha=0.2, max_iter=0, random_state=0).fit(X)
    assert start.n_iter_ == 0 and start.error_ == []
    assert first.error_[0] < objective(X, start.components_, 0.2) * len(X) * (1 + 1e-10)
    if update == "bcd":
        codes = sparse_encode(X, start.components_, alpha=0.2)
        error = 0.5 * ((X - codes @ first.components_) ** 2).sum() + 0.2 * np.abs(codes).sum()
        np.testing.assert_allclose(first.error_[0], error, rtol=1e-10)


@pytest.mark.parametrize("fit_algorithm", ["omp", "ormp", "lasso"])
@pytest.mark.parametrize("update", UPDATES)
def test_a_planted_dictionary_is_found(rng, fit_algorithm, update):
    X, atoms = planted(rng)
    options = {"alpha": 0.3} if fit_algorithm == "lasso" else {"fit_n_nonzero_coefs": 2}
    model = DictionaryLearning(
        16, fit_algorithm=fit_algorithm, update=update, max_iter=60, random_state=3, **options
    )
    model.fit(X)
    assert recovered(model.components_, atoms) >= 14


def test_it_goes_at_least_as_low_as_scikit_learn(X):
    alpha, start = 0.3, X[:15] / np.linalg.norm(X[:15], axis=1)[:, None]
    ours = DictionaryLearning(15, alpha=alpha, dict_init=start, max_iter=100).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        codes = sparse_encode(X, start, alpha=alpha)
        theirs = Sklearn(
            15, alpha=alpha, dict_init=start, code_init=codes, fit_algorithm="cd", max_iter=100
        ).fit(X)
    found, peer = (objective(X, model.components_, alpha) for model in (ours, theirs))
    # Both end in local minima.
    assert found < 1.02 * peer


def test_one_iteration_is_scikit_learns(X):
    start = X[:15] / np.linalg.norm(X[:15], axis=1)[:, None]
    ours = DictionaryLearning(15, alpha=0.3, dict_init=start, max_iter=1).fit(X)
    codes = sparse_encode(X, start, alpha=0.3)
    theirs = start.copy()
    # Two sweeps of the update that scikit-learn makes once.
    gram, cross = codes.T @ codes, codes.T @ X
    for _ in range(2):
        for k in np.flatnonzero(gram.diagonal()):
            theirs[k] += (cross[k] - gram[k] @ theirs) / gram[k, k]
            theirs[k] /= max(np.linalg.norm(theirs[k]), 1)
    np.testing.assert_allclose(ours.components_, theirs, atol=1e-10)


@pytest.mark.parametrize("fit_algorithm", ["lars", "cd", "lasso_cd", "lasso_lars", "fista"])
def test_algorithms_for_the_same_problem_give_the_same_dictionary(X, fit_algorithm):
    options = {"alpha": 0.3, "max_iter": 3, "random_state": 0}
    expected = DictionaryLearning(15, **options).fit(X).components_
    found = DictionaryLearning(15, fit_algorithm=fit_algorithm, **options).fit(X).components_
    tolerance = 1e-2 if fit_algorithm == "fista" else 1e-8
    np.testing.assert_allclose(found, expected, atol=tolerance)


@pytest.mark.parametrize("fit_algorithm", ["threshold", "top_k", "iht", "nn_omp", "ormp", "omp"])
@pytest.mark.parametrize("update", UPDATES)
def test_every_encoder_and_update_learn(X, fit_algorithm, update):
    options = {"alpha": 0.2, "random_state": 0, "fit_algorithm": fit_algorithm, "update": update}
    start = DictionaryLearning(16, max_iter=1, **options).fit(X)
    model = DictionaryLearning(16, max_iter=20, **options).fit(X)
    assert min(model.error_) < start.error_[0]


def test_the_count_of_the_fit_is_that_of_the_transform_unless_given(X):
    shared = {"fit_algorithm": "omp", "max_iter": 3, "random_state": 0}
    from_transform = DictionaryLearning(15, transform_n_nonzero_coefs=4, **shared).fit(X)
    given = DictionaryLearning(15, fit_n_nonzero_coefs=4, **shared).fit(X)
    other = DictionaryLearning(15, **shared).fit(X)
    np.testing.assert_array_equal(from_transform.components_, given.components_)
    assert given.error_[-1] < other.error_[-1]


def test_fewer_atoms_are_progress_where_the_residual_is_given(X):
    shared = {"fit_algorithm": "omp", "fit_tol": 0.3, "transform_alpha": 0.3, "random_state": 0}
    start = DictionaryLearning(20, max_iter=1, **shared).fit(X)
    model = DictionaryLearning(20, max_iter=30, **shared).fit(X)
    assert model.error_[-1] < start.error_[0]
    assert model.transform(X).nnz < start.transform(X).nnz
    assert model.score(X) > start.score(X)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("fit_algorithm", ["lasso", "omp"])
def test_threads_do_not_change_a_bit(rng, kind, update, fit_algorithm):
    if (kind, update) == ("sparse", "ksvd"):
        pytest.skip("K-SVD takes dense X")
    X = planted(rng, 5000)[0] * (rng.random((5000, 12)) < 0.7)
    X = sparse.csr_array(X) if kind == "sparse" else X
    shared = {"update": update, "fit_algorithm": fit_algorithm, "max_iter": 4, "random_state": 0}
    one = DictionaryLearning(20, alpha=0.2, **shared).fit(X)
    for n_jobs in (2, 3):
        other = DictionaryLearning(20, alpha=0.2, n_jobs=n_jobs, **shared).fit(X)
        np.testing.assert_array_equal(one.components_, other.components_)
        assert one.error_ == other.error_


def test_the_random_state_decides(X):
    shared = {"alpha": 0.3, "max_iter": 3}
    one, again, other = (
        DictionaryLearning(15, random_state=seed, **shared).fit(X).components_ for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other)


@pytest.mark.parametrize("update", ["bcd", "mod"])
@pytest.mark.parametrize("fit_algorithm", ["lasso", "omp"])
def test_sparse_data_give_the_dictionary_of_dense_data(rng, update, fit_algorithm):
    X = rng.standard_normal((300, 20)) * (rng.random((300, 20)) < 0.2)
    shared = {"fit_algorithm": fit_algorithm, "update": update, "max_iter": 4, "random_state": 0}
    dense = DictionaryLearning(10, alpha=0.3, **shared).fit(X)
    for kind in (sparse.csr_array, sparse.csc_matrix, sparse.coo_array):
        found = DictionaryLearning(10, alpha=0.3, **shared).fit(kind(X))
        np.testing.assert_allclose(found.components_, dense.components_, atol=1e-8)
        np.testing.assert_allclose(found.score(kind(X)), dense.score(X), rtol=1e-10)


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("fit_algorithm", ["lasso", "omp"])
def test_float32_stays_float32_and_near_float64(X, update, fit_algorithm):
    shared = {"fit_algorithm": fit_algorithm, "update": update, "max_iter": 3, "random_state": 0}
    double = DictionaryLearning(15, alpha=0.3, **shared).fit(X)
    single = DictionaryLearning(15, alpha=0.3, **shared).fit(X.astype(np.float32))
    assert single.components_.dtype == np.float32
    assert single.transform(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(single.components_, double.components_, atol=2e-3)
    np.testing.assert_allclose(single.error_, double.error_, rtol=1e-4)


@pytest.mark.parametrize("scale", [1e-20, 1e12])
def test_float32_data_may_have_any_scale(X, scale):
    scaled = (X * scale).astype(np.float32)
    shared = {"max_iter": 3, "random_state": 0}
    plain = DictionaryLearning(15, alpha=0.3, **shared).fit(X.astype(np.float32))
    found = DictionaryLearning(15, alpha=0.3 * scale, **shared).fit(scaled)
    np.testing.assert_allclose(found.components_, plain.components_, atol=5e-3)


def test_positive_dictionaries_and_codes_are_positive(X):
    model = DictionaryLearning(
        15,
        alpha=0.1,
        positive_dict=True,
        positive_code=True,
        transform_algorithm="lasso",
        max_iter=5,
        random_state=0,
    ).fit(np.abs(X))
    assert model.components_.min() >= 0
    assert model.transform(np.abs(X)).min() >= 0


def test_atoms_become_sparser_with_the_share_of_absolute_values(X):
    zeros = []
    for share in (0.0, 0.2, 0.6):
        model = DictionaryLearning(
            15, alpha=0.1, dict_l1_ratio=share, max_iter=10, random_state=0
        ).fit(X)
        zeros.append((model.components_ == 0).mean())
        atoms = model.components_
        sizes = (1 - share) * (atoms**2).sum(axis=1) + share * np.abs(atoms).sum(axis=1)
        assert sizes.max() <= 1 + 1e-12
    assert zeros[0] == 0 < zeros[1] < zeros[2]


def test_dead_atoms_are_taken_from_the_worst_coded_signals(X):
    start = np.zeros((10, X.shape[1]))
    start[0] = X[0]
    model = DictionaryLearning(10, alpha=0.3, dict_init=start, max_iter=30).fit(X)
    assert model.n_dead_ == 0
    stuck = DictionaryLearning(10, alpha=0.3, dict_init=start, max_iter=1).fit(X)
    assert stuck.n_dead_ == 9
    worst = np.linalg.norm(X - sparse_encode(X, start, alpha=0.3) @ stuck.components_, axis=1)
    replaced = []
    DictionaryLearning(
        10,
        alpha=0.3,
        dict_init=start,
        max_iter=2,
        callback=lambda state: replaced.append(state["components"]),
    ).fit(X)
    # One update moves atoms, but not far from the signals that they were taken from.
    likeness = replaced[1][1:] @ (X / np.linalg.norm(X, axis=1)[:, None]).T
    assert np.median(np.abs(likeness)[np.arange(9), np.argsort(-worst)[:9]]) > 0.8


def test_more_atoms_than_signals_leave_the_rest_dead(rng):
    X = rng.standard_normal((8, 6))
    model = DictionaryLearning(12, alpha=0.01, random_state=0).fit(X)
    assert model.components_.shape == (12, 6)
    assert np.isfinite(model.components_).all()
    assert model.n_dead_ == 4


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_data_of_zeros_give_some_dictionary_in_silence(kind):
    X = np.zeros((10, 5))
    X = sparse.csr_array(X) if kind == "sparse" else X
    model = DictionaryLearning(3, random_state=0).fit(X)
    assert np.isfinite(model.components_).all()
    assert model.n_dead_ == 3
    assert model.score(X) == 0


def test_one_signal_is_enough():
    X = np.array([[3.0, 0.0, 4.0]])
    for update in UPDATES:
        model = DictionaryLearning(2, alpha=0.1, update=update, random_state=0).fit(X)
        assert np.isfinite(model.components_).all()
        assert model.n_dead_ == 1
        np.testing.assert_allclose(np.abs(model.components_ @ X[0]).max(), 5)


def test_constant_and_repeated_signals_are_no_trouble():
    X = np.repeat([[1.0, 1, 1, 1], [0, 0, 0, 0], [2, 2, 2, 2]], 10, axis=0)
    model = DictionaryLearning(3, alpha=0.01, random_state=0).fit(X)
    assert np.isfinite(model.components_).all()
    assert model.score(X) > -0.01


def test_too_strong_a_penalty_warns_with_one_that_is_not(X):
    with pytest.warns(AllZeroWarning, match="alpha_max is") as record:
        model = DictionaryLearning(5, alpha=1e3, random_state=0).fit(X)
    assert record[0].filename == __file__
    assert model.n_dead_ == 5
    critical = float(re.search(r"alpha_max is (\S+)\. ", str(record[0].message))[1])
    np.testing.assert_allclose(critical, np.abs(X @ model.components_.T).max(), rtol=1e-3)
    weaker = DictionaryLearning(5, alpha=0.9 * critical, random_state=0).fit(X)
    assert weaker.n_dead_ < 5


def test_codes_can_say_where_it_starts(rng):
    X, atoms = planted(rng, 300)
    codes = sparse_encode(X, atoms, algorithm="omp", n_nonzero_coefs=2)
    for given in (codes, codes.toarray()):
        model = DictionaryLearning(16, alpha=0.1, code_init=given, max_iter=0).fit(X)
        assert recovered(model.components_, atoms) == 16
    with pytest.raises(ValueError, match=r"`code_init` must have shape \(300, 15\)"):
        DictionaryLearning(15, code_init=codes).fit(X)


def test_a_dictionary_can_say_where_it_starts(X):
    start = X[:6] / np.linalg.norm(X[:6], axis=1)[:, None]
    kept = start.copy()
    model = DictionaryLearning(dict_init=start, alpha=0.1, max_iter=2).fit(X)
    assert model.components_.shape == start.shape
    np.testing.assert_array_equal(start, kept)
    with pytest.raises(ValueError, match=r"`dict_init` must have shape \(7, 12\)"):
        DictionaryLearning(7, dict_init=start).fit(X)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"update": "mod", "positive_dict": True}, "without constraint"),
        ({"update": "mod", "dict_l1_ratio": 0.5}, "without constraint"),
        ({"fit_n_nonzero_coefs": 3}, "does not take `fit_n_nonzero_coefs`"),
        ({"fit_tol": 0.1}, "does not take `fit_tol`"),
        ({"fit_algorithm": "ormp", "positive_code": True}, "cannot keep codes positive"),
        ({"update": "svd"}, "The 'update' parameter"),
        ({"dict_l1_ratio": 1.5}, "The 'dict_l1_ratio' parameter"),
        ({"max_time": 0}, "The 'max_time' parameter"),
        ({"fit_algorithm": "magic"}, "The 'fit_algorithm' parameter"),
    ],
    ids=str,
)
def test_options_that_do_not_go_together_are_refused(X, options, message):
    with pytest.raises(ValueError, match=message):
        DictionaryLearning(4, **options).fit(X)


def test_k_svd_refuses_sparse_data(X):
    with pytest.raises((TypeError, ValueError), match="sparse"):
        DictionaryLearning(4, update="ksvd").fit(sparse.csr_array(X))


def test_a_fit_that_fails_leaves_the_old_one(X):
    model = DictionaryLearning(4, alpha=0.1, max_iter=2, random_state=0).fit(X)
    before = dict(vars(model))

    def interrupt(state):
        raise KeyboardInterrupt

    model.set_params(callback=interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[:, :5])
    model.set_params(callback=None)
    assert vars(model) == before
    assert model.transform(X).shape == (len(X), 4)


def test_the_callback_sees_each_iteration_and_can_stop(X):
    seen = []

    def watch(state):
        seen.append(state)
        return len(seen) == 3

    model = DictionaryLearning(8, alpha=0.1, max_iter=50, callback=watch, random_state=0).fit(X)
    assert model.n_iter_ == 3
    assert [state["n_iter"] for state in seen] == [1, 2, 3]
    objectives = [state["objective"] for state in seen]
    np.testing.assert_allclose(objectives, np.array(model.error_) / len(X))
    np.testing.assert_array_equal(seen[-1]["components"], model.components_)
    assert 0 <= seen[0]["elapsed"] <= seen[-1]["elapsed"]
    assert seen[0]["estimator"] is model


def test_time_ends_a_fit(X):
    model = DictionaryLearning(8, alpha=0.1, max_time=1e-9).fit(X)
    assert model.n_iter_ == 1


def test_verbose_prints_the_objective(X, capsys):
    model = DictionaryLearning(8, alpha=0.1, max_iter=2, verbose=True).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == (
        f"[DictionaryLearning] iteration 2: objective {model.error_[1] / len(X):.6g}"
    )


@pytest.mark.skipif(not HAS_CALLBACKS, reason="this scikit-learn has no callback interface")
def test_scikit_learns_callbacks_see_fitted_learners(X):
    class Recorder:
        def __init__(self):
            self.events, self.shapes = [], []

        def setup(self, estimator, context):
            self.events.append("setup")

        def teardown(self, estimator, context):
            self.events.append("teardown")

        def on_fit_task_begin(self, estimator, context):
            self.events.append(("begin", context.task_name))

        def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
            self.events.append(("end", context.task_name))
            self.shapes.append(fitted_estimator.transform(X).shape)
            return self.events.count(("end", "iteration")) == 3

    recorder = Recorder()
    model = DictionaryLearning(8, alpha=0.1, max_iter=10, random_state=0)
    model.set_callbacks(recorder).fit(X)
    assert model.n_iter_ == 3
    assert recorder.events[0] == "setup" and recorder.events[-1] == "teardown"
    for name, count in (("fit", 1), ("iteration", 3)):
        assert recorder.events.count(("begin", name)) == count
        assert recorder.events.count(("end", name)) == count
    assert recorder.shapes == [(len(X), 8)] * 4


def test_score_is_minus_the_objective_of_the_transform(X):
    model = DictionaryLearning(10, alpha=0.2, max_iter=3, random_state=0).fit(X)
    model.set_params(transform_algorithm="lasso")
    expected = objective(X, model.components_, 0.2)
    np.testing.assert_allclose(-model.score(X), expected, rtol=1e-10)
    model.set_params(transform_alpha=0.5)
    expected = objective(X, model.components_, 0.5)
    np.testing.assert_allclose(-model.score(X), expected, rtol=1e-10)
    model.set_params(transform_algorithm="omp", transform_n_nonzero_coefs=3, transform_alpha=None)
    left = X - model.inverse_transform(model.transform(X))
    np.testing.assert_allclose(-model.score(X), 0.5 * (left**2).sum(axis=1).mean(), rtol=1e-10)


def test_fit_transform_is_fit_and_transform(X):
    model = DictionaryLearning(10, alpha=0.2, max_iter=3, random_state=0)
    codes = model.fit_transform(X)
    np.testing.assert_array_equal(codes.toarray(), model.transform(X).toarray())
    assert list(model.get_feature_names_out()[:2]) == ["dictionarylearning0", "dictionarylearning1"]


def test_a_search_finds_the_penalty_and_the_number_of_atoms(rng):
    X, _ = planted(rng, 600, noise=0.05)
    model = DictionaryLearning(
        transform_n_nonzero_coefs=2, max_iter=15, random_state=0, transform_algorithm="omp"
    )
    grid = {"alpha": [0.3, 3.0], "n_components": [4, 16]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AllZeroWarning)
        search = GridSearchCV(model, grid, cv=3).fit(X)
    assert search.best_params_ == {"alpha": 0.3, "n_components": 16}


def test_codes_are_features_of_a_pipeline():
    X, y = load_digits(return_X_y=True)
    X, y = X[:600] / 16, y[:600]
    model = make_pipeline(
        DictionaryLearning(
            40, alpha=0.1, max_iter=5, transform_algorithm="lasso", split_sign=True, random_state=0
        ),
        LogisticRegression(max_iter=500),
    )
    assert model.fit(X[:400], y[:400]).score(X[400:], y[400:]) > 0.8


def test_copies_and_pickles_code_alike(X):
    model = DictionaryLearning(6, alpha=0.2, max_iter=3, random_state=0).fit(X)
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(restored.transform(X).toarray(), model.transform(X).toarray())
    again = clone(model).fit(X)
    np.testing.assert_array_equal(again.components_, model.components_)


def test_constructor_parameters_are_scikit_learns_and_more():
    ours, theirs = (set(cls().get_params()) for cls in (DictionaryLearning, Sklearn))
    assert theirs <= ours
