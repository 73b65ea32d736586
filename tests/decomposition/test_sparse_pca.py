"""SparsePCA: its objective, its optimality, and that storage, threads and signs do not matter."""

import pickle
import warnings

import numpy as np
import pytest
from scipy import linalg, sparse
from sklearn import decomposition as peer
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from sparsekit.decomposition import SparsePCA
from sparsekit.decomposition._sparse_pca._alternation import CODERS, alternate
from sparsekit.decomposition._sparse_pca._loadings_start import first_factors
from sparsekit.decomposition._sparse_pca._root import center, reduced, worth_reducing
from sparsekit.linear_model import AllZeroWarning

METHODS = {
    "cd": {"alpha": 3.0},
    "lars": {"alpha": 3.0, "method": "lars"},
    "deflation": {"method": "deflation", "l1_bound": 2.0},
    "elastic_net": {"method": "elastic_net", "alpha": 20.0},
    "soft": {"method": "elastic_net", "alpha": 20.0, "l2_alpha": np.inf},
}


@pytest.fixture(scope="module")
def X():
    """Three groups of features, each driven by one score, and noise."""
    rng = np.random.default_rng(3)
    loadings = np.zeros((3, 20))
    loadings[0, :8], loadings[1, 8:13], loadings[2, 13:16] = 1.0, 0.9, -0.8
    scores = rng.standard_normal((120, 3)) * [3.0, 2.0, 1.5]
    return scores @ loadings + 0.3 * rng.standard_normal((120, 20)) + 5.0


def make(method, **options):
    """Return an estimator of a method with the options it needs."""
    return SparsePCA(3, **METHODS[method] | options)


@pytest.mark.parametrize("method", METHODS)
def test_scikit_learn_finds_no_fault(method):
    with warnings.catch_warnings():
        # Small random data of the checks, with few iterations.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", AllZeroWarning)
        check_estimator(SparsePCA(**METHODS[method]), on_skip=None)


@pytest.mark.parametrize("method", CODERS)
@pytest.mark.parametrize("alpha", [0.5, 3.0, 15.0, 30.0])
def test_the_objective_is_that_of_scikit_learn(X, alpha, method):
    theirs = peer.SparsePCA(3, alpha=alpha, method="cd", tol=1e-6, random_state=0).fit(X)
    ours = SparsePCA(3, alpha=alpha, method=method, tol=1e-6).fit(X)
    assert ours.error_[-1] <= theirs.error_[-1] * (1 + 1e-4)


@pytest.mark.parametrize("method", CODERS)
def test_components_are_those_of_scikit_learn(X, method):
    theirs = peer.SparsePCA(3, alpha=3, method="cd", tol=1e-10, random_state=0).fit(X)
    ours = SparsePCA(3, alpha=3, method=method, tol=1e-10).fit(X)
    np.testing.assert_allclose(ours.components_, theirs.components_, atol=1e-4)
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-2)


@pytest.mark.parametrize("method", CODERS)
@pytest.mark.parametrize("few_rows", [False, True])
def test_loadings_are_optimal_given_the_scores(X, method, few_rows):
    alpha = 2.0
    X = X[:15] if few_rows else X
    root = center(X)[1] if few_rows else reduced(X)[1]
    settings = SparsePCA(3, alpha=alpha)._checked_settings(20)
    factors = first_factors(root, settings)
    alternate(root, factors, settings, CODERS[method])
    residual = root.matrix - factors.atoms.T @ factors.codes.T
    gradient = factors.atoms @ residual
    active = factors.codes.T != 0
    np.testing.assert_allclose(gradient[active], (alpha * np.sign(factors.codes.T))[active])
    assert np.abs(gradient[~active]).max() <= alpha * (1 + 1e-8)
    assert linalg.norm(factors.atoms, axis=1).max() <= 1 + 1e-12


def test_the_objective_never_rises(X):
    errors = SparsePCA(5, alpha=1.0).fit(X).error_
    assert len(errors) > 20
    assert (np.diff(errors) <= 1e-12 * errors[0]).all()


def test_the_last_error_is_the_objective(X):
    mean, root = reduced(X)
    settings = SparsePCA(3, alpha=3.0)._checked_settings(20)
    factors = first_factors(root, settings)
    errors = alternate(root, factors, settings, CODERS["cd"]).errors
    left = root.matrix - factors.atoms.T @ factors.codes.T
    by_hand = 0.5 * (left**2).sum() + 3.0 * np.abs(factors.codes).sum()
    np.testing.assert_allclose(by_hand, errors[-1], rtol=1e-7)


@pytest.mark.parametrize("method", ["cd", "lars", "elastic_net"])
def test_without_a_penalty_components_span_the_principal_subspace(X, method):
    ours = SparsePCA(3, alpha=0.0, method=method).fit(X).components_
    principal = peer.PCA(3).fit(X).components_
    assert linalg.subspace_angles(ours.T, principal.T).max() < 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_sparse_data_give_what_dense_data_give(method):
    rng = np.random.default_rng(1)
    for shape in ((90, 30), (25, 40)):
        dense = rng.standard_normal(shape) * (rng.random(shape) < 0.3)
        dense[:, 4], dense[:, 7] = 0.0, 2.0
        dense[:, :5] += 3 * rng.standard_normal((shape[0], 1)) * (rng.random((shape[0], 1)) < 0.5)
        model = make(method, alpha=1.0, tol=1e-12)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            expected = clone(model).fit(dense)
            for kind in (sparse.csr_array, sparse.csc_matrix, sparse.coo_array):
                got = clone(model).fit(kind(dense))
                np.testing.assert_allclose(got.components_, expected.components_, atol=1e-5)
                np.testing.assert_allclose(got.error_[-1], expected.error_[-1], rtol=1e-8)
        np.testing.assert_allclose(got.mean_, expected.mean_)
        scores = expected.transform(dense)
        np.testing.assert_allclose(expected.transform(sparse.csc_array(dense)), scores, atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(400, 3000), (3000, 300), (300, 500)])
def test_sparse_data_are_never_made_dense(monkeypatch, method, shape):
    X = sparse.random(*shape, density=0.01, format="csr", random_state=0)
    largest = []
    for kind in (sparse.csr_array, sparse.csc_array):
        original = kind.toarray

        def watch(self, *args, original=original, **kwargs):
            largest.append(np.prod(self.shape))
            return original(self, *args, **kwargs)

        monkeypatch.setattr(kind, "toarray", watch)
    # A few rows or columns, and products of the rows, may be.
    make(method, alpha=0.5, max_iter=20, tol=0.05).fit(X).transform(X)
    assert max(largest, default=0) <= max(5 * max(shape), min(shape) ** 2)


@pytest.mark.parametrize("method", METHODS)
def test_float32_stays_and_agrees_with_float64(X, method):
    double = make(method).fit(X)
    for data in (X, X[:15]):
        expected = make(method).fit(data)
        single = make(method).fit(data.astype(np.float32))
        for name in ("components_", "mean_", "explained_variance_", "explained_variance_ratio_"):
            assert getattr(single, name).dtype == np.float32
        np.testing.assert_allclose(single.error_[-1], expected.error_[-1], rtol=1e-5)
        np.testing.assert_allclose(single.components_, expected.components_, atol=2e-2)
        scores = single.transform(data.astype(np.float32))
        assert scores.dtype == np.float32
        assert single.inverse_transform(scores).dtype == np.float32
    assert double.transform(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("method", METHODS)
def test_threads_do_not_change_a_bit(X, method):
    one, two = (make(method, n_jobs=n_jobs).fit(X) for n_jobs in (1, 2))
    np.testing.assert_array_equal(one.components_, two.components_)
    np.testing.assert_array_equal(one.error_, two.error_)


@pytest.mark.parametrize("method", METHODS)
def test_signs_are_fixed_by_the_largest_loading(X, method):
    components = make(method).fit(X).components_
    mirrored = make(method).fit(-X).components_
    assert (components.max(axis=1) == np.abs(components).max(axis=1)).all()
    np.testing.assert_allclose(components, mirrored, atol=1e-7)


def test_a_generator_only_starts_the_search_for_singular_vectors():
    X = np.random.default_rng(0).standard_normal((60, 200))
    X[:, :40] += 4 * np.random.default_rng(1).standard_normal((60, 1))
    one, two = (SparsePCA(2, alpha=4, random_state=seed).fit(X) for seed in (0, 1))
    np.testing.assert_allclose(one.components_, two.components_, atol=1e-8)
    again = SparsePCA(2, alpha=4, random_state=0).fit(X)
    np.testing.assert_array_equal(one.components_, again.components_)


def test_many_rows_are_read_once():
    assert worth_reducing(np.empty((5000, 144)), 20)
    assert not worth_reducing(np.empty((144, 5000)), 20)
    assert not worth_reducing(sparse.csr_array((20000, 2000)), 5)


def test_scores_of_a_row_do_not_depend_on_the_others(X):
    model = make("cd").fit(X)
    together = model.transform(X)
    apart = np.vstack([model.transform(row[None]) for row in X])
    np.testing.assert_allclose(together, apart, atol=1e-10)


def test_scores_are_a_ridge_regression(X):
    for ridge_alpha in (0.0, 0.01, 5.0):
        model = make("cd", ridge_alpha=ridge_alpha).fit(X)
        V = model.components_
        normal = V @ V.T + ridge_alpha * np.eye(3)
        expected = np.linalg.solve(normal, V @ (X - model.mean_).T).T
        np.testing.assert_allclose(model.transform(X), expected, atol=1e-10)


def test_scores_without_ridge_are_defined_for_zero_components(X):
    model = SparsePCA(3, alpha=120.0, method="elastic_net", ridge_alpha=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AllZeroWarning)
        scores = model.set_params(alpha=1e9).fit(X).transform(X)
    np.testing.assert_array_equal(scores, 0)


def test_inverse_transform_rebuilds_the_rows(X):
    model = SparsePCA(20, alpha=0.01, ridge_alpha=0.0, max_iter=50, tol=0.0).fit(X)
    np.testing.assert_allclose(model.inverse_transform(model.transform(X)), X, atol=1e-8)
    with pytest.raises(ValueError, match="scores on 3 components, but SparsePCA found 20"):
        model.inverse_transform(np.zeros((2, 3)))


def test_alpha_too_large_names_the_largest_that_leaves_something(X):
    norms = np.sqrt(((X - X.mean(axis=0)) ** 2).sum(axis=0))
    with pytest.warns(AllZeroWarning, match=f"alpha_max is {norms.max():.4g}"):
        SparsePCA(2, alpha=norms.max() * 1.001).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert SparsePCA(2, alpha=norms.max() * 0.99).fit(X).components_.any()


def test_constant_data_are_told_as_such():
    for value in (4.0, 0.1):
        for n_samples in (2, 5):
            with pytest.warns(AllZeroWarning, match="no feature varies"):
                model = SparsePCA(2).fit(np.full((n_samples, 3), value))
    np.testing.assert_array_equal(model.components_, 0)
    np.testing.assert_array_equal(model.explained_variance_ratio_, 0)


@pytest.mark.parametrize("method", METHODS)
def test_one_sample_has_no_components(method):
    with pytest.warns(AllZeroWarning, match="no feature varies"):
        model = make(method).fit(np.arange(6.0)[None])
    np.testing.assert_array_equal(model.transform(np.arange(6.0)[None]), 0)


@pytest.mark.parametrize("method", METHODS)
def test_constant_features_have_no_loadings(X, method):
    X = X.copy()
    X[:, [2, 9]] = 1e3, 0.1
    components = make(method).fit(X).components_
    np.testing.assert_array_equal(components[:, [2, 9]], 0)
    assert components.any(axis=1).all()


def test_unused_components_find_what_is_left():
    # Each of five features alone exceeds alpha; four components that start elsewhere reach them.
    X = np.vstack([np.diag([9.0, 8.0, 7.0, 6.0, 5.0]), -np.diag([9.0, 8.0, 7.0, 6.0, 5.0])])
    model = SparsePCA(4, alpha=3.0).fit(X)
    np.testing.assert_array_equal(np.sort(np.flatnonzero(model.components_.any(axis=0))), range(4))


def test_more_components_than_features_are_allowed(X):
    model = SparsePCA(25, alpha=3.0).fit(X)
    assert model.components_.shape == (25, 20) and model.n_components_ == 25
    with pytest.raises(ValueError, match="at most as many components as features"):
        SparsePCA(25, method="elastic_net").fit(X)


def test_a_start_is_taken_up(X):
    fitted = SparsePCA(3, alpha=3.0).fit(X)
    scores = fitted.transform(X)
    lengths = linalg.norm(scores, axis=0)
    start = {"U_init": scores / lengths, "V_init": fitted.components_ * lengths[:, None]}
    for names in (["U_init"], ["V_init"], ["U_init", "V_init"]):
        chosen = {name: start[name] for name in names}
        again = SparsePCA(3, alpha=3.0, **chosen).fit(X)
        assert again.n_iter_ < fitted.n_iter_
        np.testing.assert_allclose(again.components_, fitted.components_, atol=1e-3)


def test_a_start_of_few_rows_is_taken_up(X):
    X = X[:12]
    start = np.linalg.qr(np.random.default_rng(0).standard_normal((12, 3)))[0]
    one = SparsePCA(3, alpha=1.0, U_init=start, max_iter=0).fit(X)
    codes = np.maximum(np.abs(start.T @ (X - X.mean(axis=0))) - 1.0, 0)
    expected = codes / linalg.norm(codes, axis=1, keepdims=True)
    np.testing.assert_allclose(np.abs(one.components_), expected, atol=1e-8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"U_init": np.zeros((4, 3))}, r"`U_init` must have shape \(120, 3\); got \(4, 3\)"),
        ({"V_init": np.zeros((3, 4))}, r"`V_init` must have shape \(3, 20\)"),
        ({"alpha": [1.0, 2.0, 3.0]}, "method='elastic_net' only; got method='cd'"),
        ({"alpha": [1.0, 2.0], "method": "elastic_net"}, "each of the 3 components, none.* got"),
        ({"alpha": [1.0, -2.0, 1.0], "method": "elastic_net"}, "none of them negative; got"),
        ({"method": "deflation", "V_init": np.zeros((3, 20))}, "is for method='cd'"),
        ({"method": "pca"}, "'method' parameter"),
        ({"l1_bound": 0.5}, "'l1_bound' parameter"),
        ({"alpha": -1.0}, "'alpha' parameter|non-negative"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(X, options, message):
    with pytest.raises(ValueError, match=message):
        SparsePCA(3, **options).fit(X)


def test_a_failed_fit_leaves_the_model_as_it_was(X):
    model = make("cd").fit(X)
    before = dict(vars(model))
    model.U_init = np.zeros((1, 1))
    with pytest.raises(ValueError, match="U_init"):
        model.fit(X[:, :7])
    assert {**vars(model), "U_init": None} == before
    with pytest.raises(NotFittedError):
        SparsePCA().transform(X)


def test_running_out_of_iterations_is_told(X):
    with pytest.warns(ConvergenceWarning, match="max_iter=2 iterations"):
        assert SparsePCA(3, alpha=0.5, max_iter=2).fit(X).n_iter_ == 2


def test_verbose_prints_the_objective(X, capsys):
    model = make("cd", verbose=1).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == model.n_iter_
    assert lines[-1].endswith(f"objective {model.error_[-1]:.6g}")


def test_the_users_data_stay_as_they_are(X):
    for data in (X.copy(), sparse.csr_array(X)):
        before = data.copy()
        make("cd").fit(data).transform(data)
        assert (np.asarray((data != before).sum()) == 0).all()


def test_it_works_in_a_search_over_a_pipeline(X):
    labels = (X[:, 0] > X[:, 0].mean()).astype(int)
    pipeline = make_pipeline(SparsePCA(alpha=5.0), LogisticRegression())
    grid = {"sparsepca__n_components": [1, 2], "sparsepca__alpha": [1.0, 20.0]}
    search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(X, labels)
    assert search.best_score_ > 0.8
    names = search.best_estimator_[0].get_feature_names_out()
    assert list(names[:1]) == ["sparsepca0"]


def test_a_pickled_model_gives_the_same_scores(X):
    model = make("cd").fit(X)
    twin = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(twin.transform(X), model.transform(X))
