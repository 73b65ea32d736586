"""Greedy codes: the atoms a slow pursuit would choose, and the best coefficients on them."""

from itertools import combinations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from scipy.optimize import nnls
from sklearn.linear_model import orthogonal_mp_gram

from sparsekit.coding import Atoms, OrthogonalPursuit, encode, encode_observed
from sparsekit.coding import _pursuit as pursuit
from tests.conftest import read_only

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SELECTIONS = pytest.mark.parametrize("selection", ["omp", "ormp"])
KINDS = [("omp", False), ("ormp", False), ("omp", True)]
EVERY = pytest.mark.parametrize(("selection", "positive"), KINDS)


def make_problem(n_signals=30, n_atoms=24, n_features=12, dtype=np.float64, seed=0):
    """Return signals that are no sparse combination, and unit atoms."""
    rng = np.random.default_rng(seed)
    D = rng.standard_normal((n_atoms, n_features))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    X = rng.standard_normal((n_signals, n_features))
    return read_only(X.astype(dtype)), read_only(D.astype(dtype))


def code(X, D, n_nonzero_coefs, **options):
    """Return dense codes."""
    atoms = Atoms.from_dictionary(D)
    return encode(X, atoms, OrthogonalPursuit(n_nonzero_coefs, **options)).toarray()


def residual_norms(X, D, codes):
    """Return the residuals' squared norms, in double precision."""
    return ((X.astype(np.float64) - codes @ D.astype(np.float64)) ** 2).sum(axis=1)


def slow_pursuit(x, D, k, selection):
    """Choose k atoms by trying all, and solve for their coefficients each time."""
    support, residual, coef = [], x, np.zeros(0)
    for _ in range(k):
        if selection == "omp":
            scores = np.abs(D @ residual)
        else:
            scores = np.full(len(D), -np.inf)
            for j in set(range(len(D))) - set(support):
                trial = D[[*support, j]].T
                rest = x - trial @ np.linalg.lstsq(trial, x, rcond=None)[0]
                scores[j] = -(rest @ rest)
        support.append(int(np.argmax(scores)))
        coef = np.linalg.lstsq(D[support].T, x, rcond=None)[0]
        residual = x - coef @ D[support]
    codes = np.zeros(len(D))
    codes[support] = coef
    return codes


@SELECTIONS
@pytest.mark.parametrize("n_nonzero_coefs", [1, 2, 3, 5, 6, 9])
def test_the_atoms_are_those_of_a_slow_pursuit(selection, n_nonzero_coefs):
    X, D = make_problem()
    expected = [slow_pursuit(x, D, n_nonzero_coefs, selection) for x in X]
    found = code(X, D, n_nonzero_coefs, selection=selection)
    np.testing.assert_allclose(found, expected, atol=1e-8)


@SELECTIONS
@pytest.mark.parametrize("n_atoms", [3, 16, 33, 130])
def test_any_number_of_atoms_is_searched_whole(selection, n_atoms):
    X, D = make_problem(n_atoms=n_atoms)
    expected = [slow_pursuit(x, D, 3, selection) for x in X]
    np.testing.assert_allclose(code(X, D, 3, selection=selection), expected, atol=1e-8)


@EVERY
def test_one_atom_is_the_best_of_all_single_atoms(selection, positive):
    X, D = make_problem()
    found = residual_norms(X, D, code(X, D, 1, selection=selection, positive=positive))
    products = X @ D.T
    if positive:
        products = np.maximum(products, 0)
    best = (X**2).sum(axis=1) - (products**2).max(axis=1)
    np.testing.assert_allclose(found, best)


@EVERY
@pytest.mark.parametrize("n_nonzero_coefs", [1, 3, 6])
def test_on_orthonormal_atoms_no_other_support_is_better(selection, positive, n_nonzero_coefs):
    rng = np.random.default_rng(1)
    D = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    X = rng.standard_normal((20, 6))
    found = residual_norms(
        X, D, code(X, D, n_nonzero_coefs, selection=selection, positive=positive)
    )
    for x, residual in zip(X, found, strict=True):
        supports = combinations(range(6), n_nonzero_coefs)
        solve = nnls if positive else lambda A, b: (None, np.linalg.norm(b - A @ (A.T @ b)))
        assert residual <= min(solve(D[list(s)].T, x)[1] ** 2 for s in supports) + 1e-12


@pytest.mark.parametrize("n_nonzero_coefs", [1, 4, 12])
def test_positive_codes_are_non_negative_least_squares_on_their_support(n_nonzero_coefs):
    X, D = make_problem(n_atoms=40)
    found = code(X, D, n_nonzero_coefs, positive=True)
    assert (found >= 0).all()
    assert found.any(axis=1).all()
    for x, coef in zip(X, found, strict=True):
        support = np.flatnonzero(coef)
        assert len(support) <= n_nonzero_coefs
        np.testing.assert_allclose(coef[support], nnls(D[support].T, x)[0], atol=1e-9)


@DTYPES
def test_positive_codes_without_a_limit_are_non_negative_least_squares(dtype):
    X, D = make_problem(n_atoms=9, dtype=dtype)
    expected = np.array([nnls(D.T.astype(float), x.astype(float))[0] for x in X])
    tolerance = 1e-9 if dtype == np.float64 else 2e-5
    np.testing.assert_allclose(code(X, D, 9, positive=True), expected, atol=tolerance)


def test_positive_pursuit_lets_the_first_atom_leave_again():
    X, D = make_problem(n_signals=200, n_atoms=9)
    best = np.array([nnls(D.T, x)[0] for x in X])
    first = np.argmax(X @ D.T, axis=1)
    left = best[np.arange(len(X)), first] == 0
    assert left.any()
    np.testing.assert_allclose(code(X[left], D, 9, positive=True), best[left], atol=1e-9)


def test_codes_equal_those_of_scikit_learn():
    X, D = make_problem(n_signals=50)
    expected = orthogonal_mp_gram(D @ D.T, D @ X.T, n_nonzero_coefs=4).T
    np.testing.assert_allclose(code(X, D, 4), expected, atol=1e-10)


@DTYPES
def test_order_recursive_codes_equal_those_of_spams(dtype):
    spams = pytest.importorskip("spams")
    X, D = make_problem(n_signals=200, n_atoms=50, n_features=20, dtype=dtype)
    expected = spams.omp(
        np.asfortranarray(X.T), D=np.asfortranarray(D.T), L=5, eps=dtype(0), lambda1=dtype(0)
    )
    found = code(X, D, 5, selection="ormp")
    ours, theirs = residual_norms(X, D, found), residual_norms(X, D, expected.T.toarray())
    np.testing.assert_allclose(ours, theirs, rtol=1e-10 if dtype == np.float64 else 1e-4)


@EVERY
def test_single_precision_is_kept_and_near_double_precision(selection, positive):
    X, D = make_problem(n_signals=300, n_atoms=100, n_features=40)
    options = {"selection": selection, "positive": positive}
    double, single = (
        code(X.astype(dtype), D.astype(dtype), 8, **options) for dtype in (np.float64, np.float32)
    )
    assert single.dtype == np.float32
    np.testing.assert_allclose(
        residual_norms(X, D, single), residual_norms(X, D, double), rtol=1e-4
    )


@EVERY
@DTYPES
def test_a_signal_is_done_when_its_residual_is_small(selection, positive, dtype):
    X, D = make_problem(n_signals=60, n_atoms=60, n_features=16, dtype=dtype)
    tol, options = 4.0, {"selection": selection, "positive": positive}
    found = code(X, D, 16, tol=tol, **options)
    assert (residual_norms(X, D, found) <= tol * (1 + 1e-5)).all()
    for x, coef in zip(X, found, strict=True):
        size = np.count_nonzero(coef)
        if size and not positive:
            shorter = code(x[None], D, size - 1, **options)
            assert residual_norms(x[None], D, shorter)[0] > tol


def test_a_signal_below_the_tolerance_has_no_atoms():
    X, D = make_problem()
    tol = 1.001 * float((X**2).sum(axis=1).max())
    for selection, positive in KINDS:
        assert not code(X, D, 5, tol=tol, selection=selection, positive=positive).any()


@EVERY
@DTYPES
def test_zero_signals_and_zero_atoms_are_zero(selection, positive, dtype):
    X, D = (a.copy() for a in make_problem(dtype=dtype))
    X[[0, 7]], D[[3, 20]] = 0, 0
    found = code(X, D, 12, selection=selection, positive=positive)
    assert not found[[0, 7]].any()
    assert not found[:, [3, 20]].any()
    assert np.isfinite(found).all()
    assert not code(X, np.zeros_like(D), 5, selection=selection, positive=positive).any()


@EVERY
@DTYPES
def test_one_of_several_equal_atoms_is_used(selection, positive, dtype):
    X, D = make_problem(n_atoms=12, dtype=dtype)
    options = {"selection": selection, "positive": positive}
    signs = np.array([1, 1, 1 if positive else -1])
    found = code(X, np.concatenate([sign * D for sign in signs]), 12, **options)
    found = found.reshape(len(X), 3, 12)
    assert (found != 0).sum(axis=1).max() == 1
    size = (X.astype(np.float64) ** 2).sum(axis=1).max()
    np.testing.assert_allclose(
        residual_norms(X, D, (found * signs[:, None]).sum(axis=1)),
        residual_norms(X, D, code(X, D, 12, **options)),
        atol=100 * np.finfo(dtype).eps * size,
    )


@EVERY
@DTYPES
def test_an_exact_fit_ends_the_pursuit(selection, positive, dtype):
    rng = np.random.default_rng(3)
    _, D = make_problem(n_atoms=60, n_features=40, dtype=dtype)
    truth = np.zeros((50, 60))
    for row in truth:
        row[rng.choice(60, 2, replace=False)] = 1 + rng.random(2)
    X = (truth @ D).astype(dtype)
    found = code(X, D, 40, selection=selection, positive=positive)
    size = np.abs(truth).max()
    np.testing.assert_allclose(found, truth, atol=1e3 * size * np.finfo(dtype).eps)
    exact = (found != 0).sum(axis=1) == 2
    # Where a first atom was wrong, more than two are needed; never as many as were allowed.
    assert exact.mean() > 0.5
    assert (found != 0).sum(axis=1).max() < 20


@EVERY
@DTYPES
def test_more_atoms_than_the_rank_are_not_used(selection, positive, dtype):
    rng = np.random.default_rng(4)
    D = rng.standard_normal((30, 3)) @ rng.standard_normal((3, 10))
    X = rng.standard_normal((40, 3)) @ rng.standard_normal((3, 10))
    D, X = D.astype(dtype), X.astype(dtype)
    found = code(X, D, 10, selection=selection, positive=positive)
    assert (found != 0).sum(axis=1).max() <= 3
    if not positive:
        fitted = np.linalg.lstsq(D.T.astype(float), X.T.astype(float), rcond=1e-4)[0]
        best = residual_norms(X, D, fitted.T)
        scale = (X.astype(float) ** 2).sum(axis=1)
        tolerance = 1e-12 if dtype == np.float64 else 1e-4
        assert (residual_norms(X, D, found) <= best + tolerance * scale).all()


@EVERY
def test_the_limit_is_capped_at_what_can_be_used(selection, positive):
    X, D = make_problem(n_atoms=8, n_features=5)
    options = {"selection": selection, "positive": positive}
    np.testing.assert_array_equal(code(X, D, 1000, **options), code(X, D, 5, **options))
    assert not code(X, D, 0, **options).any()


@EVERY
def test_codes_belong_to_the_users_atoms_and_choice_ignores_their_length(selection, positive):
    X, D = make_problem()
    lengths = np.geomspace(1e-3, 1e3, len(D))[:, None]
    options = {"selection": selection, "positive": positive}
    np.testing.assert_allclose(
        code(X, D * lengths, 4, **options), code(X, D, 4, **options) / lengths.T, rtol=1e-9
    )


@EVERY
def test_a_kernel_called_on_few_rows_at_a_time_gives_the_same(monkeypatch, selection, positive):
    X, D = make_problem()
    options = {"selection": selection, "positive": positive}
    whole = code(X, D, 4, **options)
    monkeypatch.setattr(pursuit, "CALL_WORK", 1.0)
    np.testing.assert_array_equal(code(X, D, 4, **options), whole)


@EVERY
def test_rows_are_sorted_and_alone_equal_to_rows_in_company(selection, positive):
    X, D = make_problem(n_signals=9)
    atoms, encoder = (
        Atoms.from_dictionary(D),
        OrthogonalPursuit(6, selection=selection, positive=positive),
    )
    codes = encode(X, atoms, encoder)
    for i, x in enumerate(X):
        places = codes.indices[codes.indptr[i] : codes.indptr[i + 1]]
        assert (np.diff(places) > 0).all()
        np.testing.assert_allclose(
            encode(x[None], atoms, encoder).toarray()[0], codes.toarray()[i], rtol=1e-10
        )


def test_missing_entries_count_for_nothing():
    X, D = (a.copy() for a in make_problem())
    X[0, [2, 5]] = X[1, [2, 5]] = np.nan
    codes = encode_observed(X, D, OrthogonalPursuit(3)).toarray()
    seen = ~np.isnan(X[0])
    np.testing.assert_allclose(codes[:2], code(X[:2, seen], np.ascontiguousarray(D[:, seen]), 3))


@given(
    seed=st.integers(0, 2**31),
    n_atoms=st.integers(1, 40),
    n_features=st.integers(1, 20),
    kind=st.sampled_from(KINDS),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    coherence=st.sampled_from([0.0, 3.0, 30.0]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_every_atom_lowers_the_residual(seed, n_atoms, n_features, kind, scale, coherence, dtype):
    rng = np.random.default_rng(seed)
    D = rng.standard_normal((n_atoms, n_features)) + coherence * rng.standard_normal(n_features)
    X = scale * rng.standard_normal((5, n_features))
    X, D = X.astype(dtype), D.astype(dtype)
    options = dict(zip(("selection", "positive"), kind, strict=True))
    size = (X.astype(np.float64) ** 2).sum(axis=1)
    before, slack = size, (1e-9 if dtype == np.float64 else 1e-3) * size
    for k in (1, 2, 4, 8, 16):
        found = code(X, D, k, **options)
        assert np.isfinite(found).all()
        assert (np.count_nonzero(found, axis=1) <= min(k, n_atoms, n_features)).all()
        assert (found >= 0).all() or not kind[1]
        now = residual_norms(X, D, found)
        assert (now <= before + slack).all()
        before = now


@given(seed=st.integers(0, 2**31), kind=st.sampled_from(KINDS), n_nonzero_coefs=st.integers(1, 12))
def test_the_residual_is_orthogonal_to_the_atoms_in_use(seed, kind, n_nonzero_coefs):
    X, D = make_problem(seed=seed)
    options = dict(zip(("selection", "positive"), kind, strict=True))
    found = code(X, D, n_nonzero_coefs, **options)
    products = (X - found @ D) @ D.T
    assert np.abs(products[found != 0]).max(initial=0.0) < 1e-9
