"""SparseNMF against its objective: oracles, optimality, scale, missing entries."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import nnls
from sklearn.base import clone
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning

from sparsekit.decomposition import SparseNMF
from sparsekit.decomposition._nmf import _fit as nmf_fit
from sparsekit.decomposition._nmf._fit import factorize
from sparsekit.decomposition._nmf._scale import Strengths, balance
from sparsekit.decomposition._nmf._start import STARTS, start_factors
from sparsekit.decomposition._nmf._steps import STEPS, ProductSteps, make_steps

LOSSES = ["frobenius", "kullback-leibler"]
# alpha_W and alpha_H.
PENALTIES = [(0.0, 0.0), (0.01, 0.0), (0.0, 0.01), (0.01, 0.02)]
CONVERGED = {"tol": 1e-12, "max_iter": 20000}


@pytest.fixture
def X():
    """Return 40 rows of rank 3 and noise, a third of the entries zero."""
    rng = np.random.default_rng(0)
    product = rng.random((40, 3)) @ rng.random((3, 25))
    return np.maximum(product + 0.3 * rng.random((40, 25)) - 0.6, 0)


def start(X, n_components, seed=0):
    """Return a random W and H."""
    rng = np.random.default_rng(seed)
    level = np.sqrt(X.mean() / n_components)
    shapes = (X.shape[0], n_components), (n_components, X.shape[1])
    return tuple(level * rng.random(shape) + 0.01 for shape in shapes)


def loss(X, W, H, beta_loss, seen=True):
    """Return the loss of the entries that are seen."""
    model = np.where(seen, W @ H, 0)
    X = np.where(seen, X, 0)
    if beta_loss == "frobenius":
        return 0.5 * ((X - model) ** 2).sum()
    positive = X > 0
    return model.sum() - X.sum() + (X[positive] * np.log(X[positive] / model[positive])).sum()


def objective(X, W, H, alpha_W=0.0, alpha_H=0.0, l1_ratio=0.0, beta_loss="frobenius"):
    """Return scikit-learn's objective."""

    def cost(factor):
        return l1_ratio * factor.sum() + 0.5 * (1 - l1_ratio) * (factor**2).sum()

    n_samples, n_features = X.shape
    penalty = n_features * alpha_W * cost(W) + n_samples * alpha_H * cost(H)
    return loss(X, W, H, beta_loss) + penalty


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(("alpha_W", "alpha_H"), PENALTIES)
@pytest.mark.parametrize(("beta_loss", "missing"), STEPS)
def test_the_objective_never_rises(X, beta_loss, missing, alpha_W, alpha_H, l1_ratio):
    n_samples, n_features = X.shape
    strengths = Strengths(
        n_features * alpha_W * l1_ratio,
        n_features * alpha_W * (1 - l1_ratio),
        n_samples * alpha_H * l1_ratio,
        n_samples * alpha_H * (1 - l1_ratio),
        n_samples,
    )
    steps = make_steps(sparse.csr_array(X), beta_loss, missing, None)
    for init in STARTS:
        codes, components = start_factors(steps, 4, init, np.random.RandomState(0))
        objectives = factorize(
            steps, strengths, codes, components,
            tol=0.0, max_iter=30, max_time=None, listen=lambda *_: False,
        ).objectives  # fmt: skip
        assert len(objectives) > 1
        assert np.diff(objectives).max() <= 1e-12 * objectives[0]


def test_single_sweeps_are_the_iterations_of_scikit_learn(X, monkeypatch):
    monkeypatch.setattr(ProductSteps, "sweeps", 1)
    monkeypatch.setattr(nmf_fit, "FIRST_WEIGHT", 0.0)
    W, H = start(X, 3)
    ours = SparseNMF(3, init="custom", max_iter=7, tol=0).fit(X, W=W, H=H)
    theirs = NMF(3, init="custom", max_iter=7, tol=0).fit(X, W=W.copy(), H=H.copy())
    lengths = np.linalg.norm(theirs.components_, axis=1, keepdims=True)
    np.testing.assert_allclose(ours.components_, theirs.components_ / lengths, atol=1e-12)


@pytest.mark.parametrize(("alpha_W", "alpha_H"), [(0.0, 0.0), (0.003, 0.005)])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
def test_it_ends_where_scikit_learn_ends(X, alpha_W, alpha_H, l1_ratio):
    strengths = {"alpha_W": alpha_W, "alpha_H": alpha_H, "l1_ratio": l1_ratio}
    ours = SparseNMF(2, init="nndsvda", random_state=0, **strengths, **CONVERGED)
    theirs = NMF(2, init="nndsvda", random_state=0, tol=1e-9, max_iter=20000, **strengths)
    W = theirs.fit_transform(X)
    expected = objective(X, W, theirs.components_, **strengths)
    W = ours.fit_transform(X)
    # Or in a better one of several minima nearby.
    assert 0.99 * expected <= ours.objective_ <= expected * (1 + 1e-6)
    assert objective(X, W, ours.components_, **strengths) == pytest.approx(ours.objective_)
    assert ours.reconstruction_err_ == pytest.approx(theirs.reconstruction_err_, rel=0.01)


def test_the_divergence_ends_no_higher_than_multiplicative_updates(X):
    W, H = start(X, 2)
    options = {"init": "custom", "beta_loss": "kullback-leibler"}
    ours = SparseNMF(2, **options, **CONVERGED).fit(X, W=W, H=H)
    theirs = NMF(2, solver="mu", tol=0, max_iter=3000, **options)
    W = theirs.fit_transform(X, W=W.copy(), H=H.copy())
    expected = objective(X, W, theirs.components_, beta_loss="kullback-leibler")
    assert expected * (1 - 1e-3) <= ours.objective_ <= expected * (1 + 1e-6)
    assert ours.reconstruction_err_ == pytest.approx(theirs.reconstruction_err_, rel=1e-3)


@pytest.mark.parametrize("alpha", [0.0, 0.001, 0.01])
@pytest.mark.parametrize("beta_loss", LOSSES)
@pytest.mark.parametrize(
    ("n_samples", "n_features", "rank"), [(100, 40, 6), (40, 150, 8), (60, 60, 4)]
)
def test_no_start_loses_components(n_samples, n_features, rank, beta_loss, alpha):
    rng = np.random.default_rng(0)
    X = np.abs(rng.normal(size=(n_samples, rank))) @ np.abs(rng.normal(size=(rank, n_features)))
    X += 0.1 * rng.random(X.shape)
    # Much too large: the first turn would take nearly all components of W to zero.
    W, H = (X.mean() * (factor > 0.3) + factor for factor in start(X, rank))
    penalties = {"alpha_W": alpha, "alpha_H": alpha, "l1_ratio": 1.0}
    options = {"init": "custom", "beta_loss": beta_loss, "tol": 1e-6, **penalties}
    solver = "cd" if beta_loss == "frobenius" else "mu"
    theirs = NMF(rank, solver=solver, max_iter=500, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        codes = theirs.fit_transform(X, W=W.copy(), H=H.copy())
        ours = SparseNMF(rank, max_iter=1000, **options).fit(X, W=W, H=H)
    expected = objective(X, codes, theirs.components_, beta_loss=beta_loss, **penalties)
    assert ours.objective_ <= 1.01 * expected
    assert ours.n_dead_ == np.count_nonzero(~ours.components_.any(axis=1))
    if alpha < 0.01:
        assert ours.n_dead_ == 0


@pytest.mark.parametrize(("beta_loss", "missing"), STEPS)
def test_a_component_without_codes_comes_back(X, beta_loss, missing):
    W, H = start(X, 3)
    whole = SparseNMF(
        3, init="custom", beta_loss=beta_loss, missing=missing, tol=1e-6, max_iter=2000
    )
    expected = whole.fit(X, W=W, H=H).objective_
    W[:, 1] = 0
    H[2] = 0
    nmf = clone(whole).fit(X, W=W, H=H)
    assert nmf.n_dead_ == 0 and nmf.objective_ < 1.1 * expected


def test_components_that_add_nothing_are_zero_and_counted(X):
    W, H = start(X, 3)
    W[:, 1], H[1] = 0, 0
    nmf = SparseNMF(3, init="custom", max_iter=20, tol=0).fit(X, W=W, H=H)
    assert nmf.n_dead_ == 1 and not nmf.components_[1].any()
    assert not nmf.transform(X)[:, 1].any()


def gradients(X, W, H, beta_loss):
    """Return the gradients of the loss with respect to W and H."""
    model = W @ H
    slope = model - X
    if beta_loss != "frobenius":
        slope = 1 - np.divide(X, model, out=np.zeros_like(X), where=X > 0)
    return slope @ H.T, W.T @ slope


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("beta_loss", LOSSES)
def test_a_converged_fit_is_stationary(X, beta_loss, l1_ratio):
    alpha_W, alpha_H = 0.002, 0.003
    nmf = SparseNMF(
        3, alpha_W=alpha_W, alpha_H=alpha_H, l1_ratio=l1_ratio, beta_loss=beta_loss,
        random_state=0, **CONVERGED,
    )  # fmt: skip
    W = nmf.fit_transform(X)
    H = nmf.components_
    by_W, by_H = gradients(X, W, H, beta_loss)
    by_W += X.shape[1] * alpha_W * (l1_ratio + (1 - l1_ratio) * W)
    by_H += X.shape[0] * alpha_H * (l1_ratio + (1 - l1_ratio) * H)
    for factor, gradient in ((W, by_W), (H, by_H)):
        largest = 1e-3 * np.abs(X).sum(axis=None) / factor.size
        assert np.abs(gradient[factor > 1e-6]).max() < largest
        assert gradient[factor == 0].min(initial=0) > -largest


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(("alpha_W", "alpha_H"), PENALTIES)
def test_the_scale_is_that_of_the_docstring(X, alpha_W, alpha_H, l1_ratio):
    strengths = Strengths(
        *(alpha_W * l1_ratio, alpha_W * (1 - l1_ratio)),
        *(alpha_H * l1_ratio, alpha_H * (1 - l1_ratio)),
        len(X),
    )
    W, H = start(X, 3)
    W[:, 2] = 0
    codes, components = W.copy(), np.ascontiguousarray(H.T)
    strengths.fix_scale(codes, components)
    np.testing.assert_allclose(codes @ components.T, W @ H)
    assert not components[:, 2].any()
    if alpha_W and alpha_H:
        costs = [
            strengths.value(codes * [s, 1, 1], components / [s, 1, 1])
            for s in (1, 0.99, 1.01, 0.5, 2)
        ]
        assert costs[0] == min(costs)
    elif alpha_H:
        np.testing.assert_allclose((codes**2).mean(axis=0), [1, 1, 0])
    else:
        np.testing.assert_allclose((components**2).sum(axis=0), [1, 1, 0])


def test_a_balance_of_one_kind_of_penalty_has_a_closed_form():
    a, b, zero = np.array([2.0, 1e-8, 3.0]), np.array([5.0, 1e8, 0.0]), np.zeros(3)
    np.testing.assert_allclose(balance(a, zero, b, zero), np.sqrt(b / a))
    np.testing.assert_allclose(balance(zero, a, zero, b), (b / a) ** 0.25)


@pytest.mark.parametrize("beta_loss", LOSSES)
def test_a_penalty_on_one_factor_is_not_evaded(X, beta_loss):
    W_alone = SparseNMF(3, alpha_W=0.03, alpha_H=0, l1_ratio=1, beta_loss=beta_loss)
    H_alone = SparseNMF(3, alpha_W=0, alpha_H=0.03, l1_ratio=1, beta_loss=beta_loss)
    free = SparseNMF(3, beta_loss=beta_loss)
    share = {}
    for name, nmf in {"W": W_alone, "H": H_alone, "": free}.items():
        W = nmf.set_params(random_state=0).fit_transform(X)
        share[name] = np.mean(W == 0), np.mean(nmf.components_ == 0)
    np.testing.assert_allclose(np.linalg.norm(W_alone.components_, axis=1), 1)
    assert share["W"][0] > share[""][0]
    assert share["H"][1] > share[""][1]


@pytest.mark.parametrize("beta_loss", LOSSES)
def test_factors_are_sparser_for_stronger_penalties(X, beta_loss):
    shares = []
    for alpha in (0.0, 0.01, 0.03):
        nmf = SparseNMF(3, alpha_W=alpha, l1_ratio=1, beta_loss=beta_loss, random_state=0)
        W = nmf.fit_transform(X)
        shares.append(np.mean(W == 0) + np.mean(nmf.components_ == 0))
    assert shares == sorted(shares) and shares[-1] > shares[0] + 0.1


def test_unobserved_entries_of_a_matrix_of_low_rank_are_found():
    rng = np.random.default_rng(0)
    X = rng.random((80, 2)) @ rng.random((2, 60))
    seen = rng.random(X.shape) < 0.5
    nmf = SparseNMF(2, missing="unobserved", random_state=0, tol=1e-9, max_iter=3000)
    W = nmf.fit_transform(np.where(seen, X, np.nan))
    model = nmf.inverse_transform(W)
    np.testing.assert_allclose(model, X, atol=1e-3)


def test_codes_of_observed_entries_are_least_squares():
    rng = np.random.default_rng(0)
    X = rng.random((30, 20))
    X[rng.random(X.shape) < 0.4] = np.nan
    nmf = SparseNMF(4, missing="unobserved", random_state=0, max_iter=5, tol=0).fit(X)
    expected = []
    for x in X:
        seen = ~np.isnan(x)
        expected.append(nnls(nmf.components_[:, seen].T, x[seen])[0])
    np.testing.assert_allclose(nmf.transform(X), expected, atol=1e-5)


@pytest.mark.parametrize("beta_loss", LOSSES)
def test_stored_zeros_are_observations(X, beta_loss):
    rng = np.random.default_rng(1)
    seen = rng.random(X.shape) < 0.7
    rows, columns = np.nonzero(seen)
    stored = sparse.csr_array(sparse.coo_array((X[rows, columns], (rows, columns)), X.shape))
    assert stored.nnz == seen.sum() > np.count_nonzero(X * seen)
    nmf = SparseNMF(
        3, missing="unobserved", beta_loss=beta_loss, random_state=0, max_iter=30, tol=0
    )
    from_nan = nmf.fit(np.where(seen, X, np.nan)).components_
    W = nmf.fit_transform(stored)
    np.testing.assert_array_equal(nmf.components_, from_nan)
    expected = loss(X, W, nmf.components_, beta_loss, seen)
    assert nmf.objective_ == pytest.approx(expected)


def test_nan_in_sparse_data_is_unobserved(X):
    stored = sparse.csr_array(X + 0.1)
    stored.data[::3] = np.nan
    nmf = SparseNMF(3, missing="unobserved", random_state=0, max_iter=20, tol=0)
    expected = nmf.fit(stored.toarray()).components_
    np.testing.assert_array_equal(nmf.fit(stored).components_, expected)


@pytest.mark.parametrize("alpha", [0.0, 0.005])
@pytest.mark.parametrize("beta_loss", LOSSES)
def test_sparse_and_dense_data_have_the_same_factors(X, beta_loss, alpha):
    nmf = SparseNMF(3, beta_loss=beta_loss, alpha_W=alpha, random_state=0, max_iter=30, tol=0)
    W = nmf.fit_transform(X)
    H = nmf.components_
    for kind in (sparse.csr_array, sparse.csc_array, sparse.coo_array):
        np.testing.assert_allclose(nmf.fit_transform(kind(X)), W, atol=1e-7)
        np.testing.assert_allclose(nmf.components_, H, atol=1e-7)


@pytest.mark.parametrize("alpha", [0.0, 0.005])
@pytest.mark.parametrize(("beta_loss", "missing"), STEPS)
def test_empty_rows_and_columns_are_zero(X, beta_loss, missing, alpha):
    X[3], X[:, 7] = 0, 0
    nmf = SparseNMF(3, beta_loss=beta_loss, missing=missing, alpha_W=alpha, random_state=0)
    W = nmf.fit_transform(sparse.csr_array(X))
    assert not W[3].any() and not nmf.components_[:, 7].any()
    assert np.isfinite(W).all() and np.isfinite(nmf.components_).all()


@pytest.mark.parametrize(("beta_loss", "missing"), STEPS)
def test_a_matrix_of_zeros_has_factors_of_zero(beta_loss, missing):
    nmf = SparseNMF(2, beta_loss=beta_loss, missing=missing, random_state=0)
    assert not nmf.fit_transform(np.zeros((6, 5))).any()
    assert nmf.reconstruction_err_ == 0


@pytest.mark.parametrize("n_components", [1, 3, 30])
def test_any_number_of_components_fits(X, n_components):
    nmf = SparseNMF(n_components, random_state=0, max_iter=20, tol=0).fit(X)
    assert nmf.components_.shape == (n_components, 25)
    assert nmf.objective_ <= 0.5 * (X**2).sum()
