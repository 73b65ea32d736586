"""What all encoders promise: the same codes for any format, any threads, any scale of atoms."""

import numpy as np
import pytest
from scipy import sparse

from sparsekit.coding import (
    ActiveSetLasso,
    Atoms,
    Fista,
    HardThresholding,
    OrthogonalPursuit,
    SoftThreshold,
    TopK,
    encode,
    encode_observed,
)

ENCODERS = {
    "omp": OrthogonalPursuit(3),
    "ormp": OrthogonalPursuit(3, selection="ormp"),
    "nn_omp": OrthogonalPursuit(3, positive=True),
    "lasso": ActiveSetLasso(0.3),
    "positive lasso": ActiveSetLasso(0.3, positive=True),
    "fista": Fista(0.3),
    "iht": HardThresholding(3),
    "threshold": SoftThreshold(0.3),
    "top_k": TopK(3),
}
COUNTED = ["omp", "ormp", "nn_omp", "iht", "top_k"]


def codes_of(X, D, name):
    return encode(X, Atoms.from_dictionary(D), ENCODERS[name])


@pytest.mark.parametrize("name", ENCODERS)
def test_sparse_signals_have_the_codes_of_dense_ones(name, signals, dictionary):
    X = np.where(np.abs(signals) > 1.0, signals, 0.0)
    dense = codes_of(X, dictionary, name)
    scattered = codes_of(sparse.csr_array(X), dictionary, name)
    np.testing.assert_allclose(scattered.toarray(), dense.toarray(), atol=1e-6)


@pytest.mark.parametrize("name", ENCODERS)
def test_float32_stays_near_float64(name, signals, dictionary):
    wide = codes_of(signals, dictionary, name)
    narrow = codes_of(signals.astype(np.float32), dictionary.astype(np.float32), name)
    assert narrow.dtype == np.float32
    # Near ties may fall otherwise: the fit, not every choice, must be the same.
    residuals = [
        np.linalg.norm(signals - codes.toarray() @ dictionary, axis=1) for codes in (wide, narrow)
    ]
    close = np.isclose(*residuals, rtol=1e-3, atol=1e-4)
    assert close.mean() > 0.9


@pytest.mark.parametrize("name", ENCODERS)
def test_threads_change_no_bit(name, dictionary):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((2048 * 2 + 100, dictionary.shape[1]))
    atoms = Atoms.from_dictionary(dictionary)
    one, many = (encode(X, atoms, ENCODERS[name], n_jobs=n) for n in (1, 3))
    for part in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(one, part), getattr(many, part))


@pytest.mark.parametrize("name", ENCODERS)
def test_zero_signals_and_zero_atoms_have_no_entries(name, signals, dictionary):
    X, D = signals.copy(), dictionary.copy()
    X[[0, 5]] = 0.0
    D[[0, 7, 29]] = 0.0
    codes = codes_of(X, D, name).toarray()
    assert not codes[[0, 5]].any() and not codes[:, [0, 7, 29]].any()
    without = codes_of(X, D[D.any(axis=1)], name).toarray()
    np.testing.assert_allclose(codes[:, D.any(axis=1)], without, atol=1e-6)


@pytest.mark.parametrize("name", COUNTED)
def test_no_more_entries_than_asked_for(name, signals, dictionary):
    counts = np.diff(codes_of(signals, dictionary, name).indptr)
    assert counts.max() == 3


@pytest.mark.parametrize("name", COUNTED)
def test_longer_atoms_have_shorter_codes(name, signals, dictionary):
    factors = np.linspace(0.01, 100, len(dictionary))
    codes = codes_of(signals, dictionary, name).toarray()
    scaled = codes_of(signals, dictionary * factors[:, None], name).toarray()
    np.testing.assert_allclose(scaled * factors, codes, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ENCODERS)
def test_missing_entries_are_left_out_of_the_fit(name, signals, dictionary):
    X = signals.copy()
    X[:20, [0, 5, 9]] = np.nan
    X[20:40, [1, 2]] = np.nan
    X[40] = np.nan
    codes = encode_observed(X, dictionary, ENCODERS[name]).toarray()
    for rows, gone in ((slice(0, 20), [0, 5, 9]), (slice(20, 40), [1, 2]), (slice(41, 60), [])):
        kept = np.setdiff1d(np.arange(12), gone)
        expected = codes_of(
            np.ascontiguousarray(signals[rows][:, kept]),
            np.ascontiguousarray(dictionary[:, kept]),
            name,
        )
        np.testing.assert_allclose(codes[rows], expected.toarray(), atol=1e-10)
    assert not codes[40].any()


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
def test_fista_and_the_active_set_agree(signals, dictionary, l1_ratio, positive):
    weights = np.linspace(0.2, 2, len(dictionary))
    options = {"alpha": 0.3, "l1_ratio": l1_ratio, "weights": weights, "positive": positive}
    atoms = Atoms.from_dictionary(dictionary)
    exact = encode(signals, atoms, ActiveSetLasso(**options)).toarray()
    near = encode(signals, atoms, Fista(**options, max_iter=20_000, tol=1e-12)).toarray()

    def objective(C):
        penalty = 0.3 * (l1_ratio * abs(C) + (1 - l1_ratio) / 2 * C**2) @ weights
        return 0.5 * ((signals - C @ dictionary) ** 2).sum(axis=1) + penalty

    scale = 0.5 * (signals**2).sum(axis=1)
    assert (np.abs(objective(exact) - objective(near)) <= 1e-10 * scale).all()


def test_the_gap_of_fista_bounds_its_error(signals, dictionary):
    atoms = Atoms.from_dictionary(dictionary)
    exact = encode(signals, atoms, ActiveSetLasso(0.3)).toarray()
    loose = encode(signals, atoms, Fista(0.3, tol=1e-2)).toarray()

    def objective(C):
        return 0.5 * ((signals - C @ dictionary) ** 2).sum(axis=1) + 0.3 * abs(C).sum(axis=1)

    excess = objective(loose) - objective(exact)
    assert (excess <= 1e-2 * 0.5 * (signals**2).sum(axis=1)).all()
    assert excess.max() > 0


def test_soft_threshold_is_one_step_towards_the_lasso(signals):
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((12, 12)))[0]
    shrunk = codes_of(signals, basis, "threshold").toarray()
    lasso = codes_of(signals, basis, "lasso").toarray()
    np.testing.assert_allclose(shrunk, lasso, atol=1e-12)


def test_top_k_takes_the_first_of_equal_correlations():
    X = np.array([[1.0, -1.0, 1.0, 1.0], [0.0, 0.0, 2.0, 0.0]])
    codes = encode(X, Atoms.from_dictionary(np.eye(4)), TopK(2))
    assert codes.toarray().tolist() == [[1, -1, 0, 0], [0, 0, 2, 0]]
    positive = encode(X, Atoms.from_dictionary(np.eye(4)), TopK(2, positive=True))
    assert positive.toarray().tolist() == [[1, 0, 1, 0], [0, 0, 2, 0]]
    assert np.diff(positive.indptr).tolist() == [2, 1]


def test_hard_thresholding_reaches_the_best_support_on_a_basis(signals):
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((12, 12)))[0]
    iht, best = (codes_of(signals, basis, name).toarray() for name in ("iht", "top_k"))
    np.testing.assert_allclose(iht, best, atol=1e-6)


def test_extreme_scales_stay_finite():
    atoms = Atoms.from_dictionary(np.array([[1e30, 1e30], [1e-30, 0]], dtype=np.float32))
    np.testing.assert_allclose(np.linalg.norm(atoms.matrix, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(atoms.norms, [np.sqrt(2) * 1e30, 1e-30], rtol=1e-6)
