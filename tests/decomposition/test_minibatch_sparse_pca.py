"""MiniBatchSparsePCA: the objective by batches of features, and batches of samples of any size."""

import pickle
import warnings

import numpy as np
import pytest
from scipy import linalg, sparse
from sklearn import decomposition as peer
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import check_estimator

from sparsekit.decomposition import MiniBatchSparsePCA, SparsePCA
from sparsekit.decomposition._sparse_pca import _minibatch as minibatch
from sparsekit.decomposition._sparse_pca import _summary as summary_file
from sparsekit.decomposition._sparse_pca._summary import Summary
from sparsekit.linear_model import AllZeroWarning


@pytest.fixture(scope="module")
def X():
    """Three groups of features, each driven by one score, and noise."""
    rng = np.random.default_rng(3)
    loadings = np.zeros((3, 20))
    loadings[0, :8], loadings[1, 8:13], loadings[2, 13:16] = 1.0, 0.9, -0.8
    scores = rng.standard_normal((120, 3)) * [3.0, 2.0, 1.5]
    return scores @ loadings + 0.3 * rng.standard_normal((120, 20)) + 5.0


@pytest.fixture
def few_are_many(monkeypatch):
    """Treat data of more than ten features as too wide for a scatter matrix."""
    for module in (minibatch, summary_file):
        monkeypatch.setattr(module, "MOST_FEATURES", 10)


def fit_in_parts(model, X, cuts):
    """Call `partial_fit` on the rows between the cuts."""
    for start, stop in zip([0, *cuts], [*cuts, X.shape[0]], strict=True):
        model.partial_fit(X[start:stop])
    return model


@pytest.mark.parametrize("method", ["cd", "lars"])
def test_scikit_learn_finds_no_fault(method):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AllZeroWarning)
        check_estimator(MiniBatchSparsePCA(method=method), on_skip=None)


@pytest.mark.parametrize("method", ["cd", "lars"])
@pytest.mark.parametrize("batch_size", [1, 3, 7, 20, 100])
@pytest.mark.parametrize("alpha", [0.5, 3.0, 15.0])
def test_the_objective_is_that_of_all_features_at_once(X, method, batch_size, alpha):
    model = MiniBatchSparsePCA(3, alpha=alpha, batch_size=batch_size, method=method, tol=1e-6)
    model.set_params(random_state=0).fit(X)
    assert (np.diff(model.error_) <= 1e-12 * model.error_[0]).all()
    assert model.error_[-1] <= SparsePCA(3, alpha=alpha).fit(X).error_[-1] * (1 + 1e-4)


def test_components_are_those_of_scikit_learns_sparse_pca(X):
    theirs = peer.SparsePCA(3, alpha=3, method="cd", tol=1e-10, random_state=0).fit(X)
    ours = MiniBatchSparsePCA(3, alpha=3, tol=1e-9, max_no_improvement=None, random_state=0)
    ours.fit(X)
    np.testing.assert_allclose(ours.components_, theirs.components_, atol=1e-4)
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-2)


def test_wide_data_are_fitted_as_narrow_ones(X, few_are_many):
    for data in (X, sparse.csr_array(X)):
        model = MiniBatchSparsePCA(3, alpha=3.0, tol=1e-6, random_state=0).fit(data)
        expected = SparsePCA(3, alpha=3.0).fit(X)
        np.testing.assert_allclose(model.components_, expected.components_, atol=1e-2)
        ratio = expected.explained_variance_ratio_
        np.testing.assert_allclose(model.explained_variance_ratio_, ratio, atol=1e-3)


def test_a_seed_fixes_the_result_and_threads_do_not_change_it(X):
    one, two, three = (
        MiniBatchSparsePCA(3, alpha=3.0, n_jobs=n_jobs, random_state=0).fit(X).components_
        for n_jobs in (None, 1, 2)
    )
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one, three)


def test_without_shuffling_no_seed_matters(X):
    one, two = (
        MiniBatchSparsePCA(3, alpha=3.0, shuffle=False, random_state=seed).fit(X).components_
        for seed in (0, 1)
    )
    np.testing.assert_array_equal(one, two)


def test_a_pass_is_counted_and_bounded(X):
    model = MiniBatchSparsePCA(3, alpha=1.0, tol=0.0, max_no_improvement=None, max_iter=4).fit(X)
    assert model.n_iter_ == 4 and len(model.error_) == 4
    assert MiniBatchSparsePCA(3, alpha=1.0, tol=1e9).fit(X).n_iter_ == 1
    patient = MiniBatchSparsePCA(3, alpha=1.0, tol=0.0, max_no_improvement=0, shuffle=False).fit(X)
    assert 1 < patient.n_iter_ < 1000


def test_a_callback_sees_each_pass_and_may_stop(X):
    seen = []

    def watch(state):
        seen.append(state)
        return len(seen) == 3

    model = MiniBatchSparsePCA(3, alpha=1.0, tol=0.0, callback=watch, random_state=0).fit(X)
    assert model.n_iter_ == 3
    assert [state["n_iter"] for state in seen] == [1, 2, 3]
    np.testing.assert_array_equal([state["objective"] for state in seen], model.error_)
    assert seen[-1]["components"].shape == model.components_.shape


@pytest.mark.parametrize("is_wide", [False, True])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_unequal_batches_of_samples_leave_the_same_summary(X, kind, is_wide, request):
    if is_wide:
        request.getfixturevalue("few_are_many")
    data = kind(X)
    whole = Summary.empty(20).merged(data, 3)
    parts = Summary.empty(20)
    for start, stop in ((0, 1), (1, 2), (2, 40), (40, 45), (45, 120)):
        parts = parts.merged(data[start:stop], 3)
    centred = X - X.mean(axis=0)
    for summary in (whole, parts):
        assert summary.n_samples == 120
        np.testing.assert_allclose(summary.mean, X.mean(axis=0), rtol=1e-12)
        gram = summary.root.T @ summary.root
        np.testing.assert_allclose(gram, centred.T @ centred, atol=1e-9)
        np.testing.assert_allclose(summary.total, (centred**2).sum(), rtol=1e-12)


def test_leading_directions_are_kept_where_not_all_can_be(X, few_are_many, monkeypatch):
    monkeypatch.setattr(summary_file, "LEAST_KEPT", 0)
    monkeypatch.setattr(summary_file, "KEPT_PER_COMPONENT", 2)
    summary = Summary.empty(20)
    for start in range(0, 120, 30):
        summary = summary.merged(X[start : start + 30], 3)
    assert summary.root.shape == (6, 20)
    values = linalg.svdvals(X - X.mean(axis=0))
    np.testing.assert_allclose(linalg.svdvals(summary.root)[:3], values[:3], rtol=1e-3)
    np.testing.assert_allclose(summary.total, (values**2).sum(), rtol=1e-12)


@pytest.mark.parametrize("is_wide", [False, True])
def test_batches_of_samples_lead_to_the_fit_on_all_of_them(X, is_wide, request):
    if is_wide:
        request.getfixturevalue("few_are_many")
    expected = SparsePCA(3, alpha=3.0).fit(X)
    for cuts in ([60], [1, 2, 3, 50, 51], range(10, 120, 10)):
        model = fit_in_parts(MiniBatchSparsePCA(3, alpha=3.0, random_state=0), X, cuts)
        for _ in range(10):
            model.partial_fit(X[:1] * 0 + model.mean_)
        assert model.error_[-1] <= expected.error_[-1] * 1.01
        angle = linalg.subspace_angles(model.components_.T, expected.components_.T).max()
        assert angle < 0.05


def test_a_first_batch_of_one_sample_has_no_components(X):
    model = MiniBatchSparsePCA(2, alpha=1.0).partial_fit(X[:1])
    np.testing.assert_array_equal(model.components_, 0)
    np.testing.assert_array_equal(model.transform(X[:3]), 0)
    model.partial_fit(X[1:])
    assert model.components_.any(axis=1).all() and model.n_samples_seen_ == 120


@pytest.mark.parametrize("is_wide", [False, True])
def test_batches_may_follow_a_fit(X, is_wide, request):
    if is_wide:
        request.getfixturevalue("few_are_many")
    model = MiniBatchSparsePCA(3, alpha=3.0, random_state=0).fit(X[:80])
    n_iter = model.n_iter_
    model.partial_fit(X[80:])
    assert model.n_samples_seen_ == 120 and model.n_iter_ == n_iter + 1
    np.testing.assert_allclose(model.mean_, X.mean(axis=0))
    total = ((X - X.mean(axis=0)) ** 2).sum()
    explained = model.explained_variance_ / model.explained_variance_ratio_
    np.testing.assert_allclose(explained, total / 119, rtol=1e-8)
    expected = SparsePCA(3, alpha=3.0).fit(X)
    assert linalg.subspace_angles(model.components_.T, expected.components_.T).max() < 0.05


def test_a_fit_forgets_what_came_before(X):
    fresh = MiniBatchSparsePCA(3, alpha=3.0, random_state=0).fit(X[:50])
    used = MiniBatchSparsePCA(3, alpha=3.0, random_state=0).partial_fit(X[50:]).fit(X[:50])
    np.testing.assert_array_equal(fresh.components_, used.components_)
    assert used.n_samples_seen_ == 50


def test_batches_must_have_the_same_features(X):
    model = MiniBatchSparsePCA(3, alpha=3.0).partial_fit(X[:50])
    before = dict(vars(model))
    with pytest.raises(ValueError, match="20 features"):
        model.partial_fit(X[:, :7])
    assert vars(model) == before
    with pytest.raises(NotFittedError):
        MiniBatchSparsePCA().transform(X)


def test_float32_stays(X):
    single = X.astype(np.float32)
    model = MiniBatchSparsePCA(3, alpha=3.0, random_state=0)
    for fitted in (model.fit(single), model.partial_fit(single)):
        assert fitted.components_.dtype == np.float32
        assert fitted.transform(single).dtype == np.float32
    expected = MiniBatchSparsePCA(3, alpha=3.0, random_state=0).fit(X).components_
    np.testing.assert_allclose(model.fit(single).components_, expected, atol=1e-4)


def test_sparse_data_give_what_dense_data_give():
    X = sparse.random(80, 25, density=0.3, format="csc", random_state=0)
    dense, stored = (
        MiniBatchSparsePCA(3, alpha=0.5, random_state=0).fit(data) for data in (X.toarray(), X)
    )
    np.testing.assert_allclose(dense.components_, stored.components_, atol=1e-8)


def test_an_alpha_too_large_is_told(X):
    with pytest.warns(AllZeroWarning, match="alpha_max is"):
        MiniBatchSparsePCA(3, alpha=1e6).fit(X)


def test_verbose_prints_the_objective(X, capsys):
    model = MiniBatchSparsePCA(3, alpha=3.0, verbose=1, random_state=0).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == model.n_iter_
    assert lines[-1].startswith("[MiniBatchSparsePCA] iteration")


def test_a_pickled_model_goes_on_where_it_was(X):
    model = MiniBatchSparsePCA(3, alpha=3.0, random_state=0).fit(X[:60])
    twin = pickle.loads(pickle.dumps(model))
    model.partial_fit(X[60:])
    twin.partial_fit(X[60:])
    np.testing.assert_array_equal(model.components_, twin.components_)
