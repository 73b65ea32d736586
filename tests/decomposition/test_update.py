"""Updates of a dictionary for given codes, against what they are defined to be."""

import numpy as np
import pytest
from scipy import optimize, sparse

from sparsekit.coding._statistics import CodeStatistics, code_statistics
from sparsekit.decomposition._dictionary._update import (
    AtomSet,
    CodePenalty,
    solve_directions,
    sweep,
    sweep_with_codes,
)

# More atoms than one block of the sweep holds.
N_ATOMS, N_FEATURES, N_SIGNALS = 70, 9, 400
SETS = {
    "ball": AtomSet(),
    "positive ball": AtomSet(0.0, True),
    "sparse": AtomSet(0.2),
    "sparse and positive": AtomSet(0.4, True),
    "L1 ball": AtomSet(1.0),
}
TOLERANCE = {np.float32: 2e-5, np.float64: 1e-12}


@pytest.fixture
def X(rng):
    return rng.standard_normal((N_SIGNALS, N_FEATURES))


@pytest.fixture
def codes(rng):
    chosen = rng.random((N_SIGNALS, N_ATOMS)) < 0.08
    chosen[:, 5] = False
    return sparse.csr_array(rng.standard_normal((N_SIGNALS, N_ATOMS)) * chosen)


@pytest.fixture
def dictionary(rng):
    atoms = rng.standard_normal((N_ATOMS, N_FEATURES))
    return atoms / np.linalg.norm(atoms, axis=1)[:, None]


def size(atoms, atom_set):
    """Return what the constraint bounds by one."""
    share = atom_set.l1_ratio
    return (1 - share) * (atoms**2).sum(axis=1) + share * np.abs(atoms).sum(axis=1)


def squared_error(X, codes, dictionary):
    return ((X - codes @ dictionary) ** 2).sum()


def one_by_one(dictionary, statistics, atom_set):
    """Return the dictionary after one update of each atom, in array code."""
    atoms = dictionary.copy()
    for k in range(len(atoms)):
        weight = statistics.gram[k, k]
        if weight > 0:
            atom = atoms[[k]] + (statistics.cross[k] - statistics.gram[k] @ atoms) / weight
            atom_set.project(atom)
            atoms[k] = atom[0]
    return atoms


@pytest.mark.parametrize("name", SETS)
def test_the_projection_is_the_nearest_point_of_the_set(rng, name):
    atom_set = SETS[name]
    for scale in (0.05, 1.0, 30.0):
        given = scale * rng.standard_normal(5)
        projected = given[None].copy()
        atom_set.project(projected)
        assert size(projected, atom_set)[0] <= 1 + 1e-12
        assert not atom_set.positive or projected.min() >= 0
        # Signs are those of the given point, so the constraint is smooth there.
        sign = np.maximum(np.sign(given), 0) if atom_set.positive else np.sign(given)
        found = optimize.minimize(
            lambda a, s=sign, g=given: ((s * a - g) ** 2).sum(),
            np.full(5, 0.1),
            jac=lambda a, s=sign, g=given: 2 * s * (s * a - g),
            bounds=[(0, None)] * 5,
            constraints={"type": "ineq", "fun": lambda a: 1 - size(a[None], atom_set)[0]},
            options={"ftol": 1e-14, "maxiter": 500},
            method="SLSQP",
        )
        np.testing.assert_allclose(projected[0], sign * found.x, atol=2e-6)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e8])
def test_a_projection_stays_where_it_is(rng, name, scale):
    atoms = scale * rng.standard_normal((20, 7))
    SETS[name].project(atoms)
    again = atoms.copy()
    SETS[name].project(again)
    np.testing.assert_allclose(again, atoms, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", SETS)
def test_a_sweep_by_blocks_is_one_by_one_descent(X, codes, dictionary, name, dtype):
    statistics = code_statistics(codes, X)
    expected = one_by_one(dictionary, statistics, SETS[name])
    found = dictionary.astype(dtype)
    sweep(found, statistics.scaled(np.dtype(dtype)), SETS[name])
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("name", SETS)
def test_a_sweep_lowers_the_error_and_stays_in_the_set(X, codes, dictionary, name):
    SETS[name].project(dictionary)
    statistics = code_statistics(codes, X)
    error = squared_error(X, codes, dictionary)
    for _ in range(4):
        sweep(dictionary, statistics, SETS[name])
        now = squared_error(X, codes, dictionary)
        assert now < error
        error = now
        assert size(dictionary, SETS[name]).max() <= 1 + 1e-12


def test_sweeps_end_at_least_squares_where_the_ball_is_large_enough(rng):
    codes = sparse.csr_array(100 * rng.standard_normal((200, 4)))
    X = rng.standard_normal((200, 6))
    dictionary = np.zeros((4, 6))
    sweep(dictionary, code_statistics(codes, X), AtomSet(), n_sweeps=100)
    expected = np.linalg.lstsq(codes.toarray(), X, rcond=None)[0]
    np.testing.assert_allclose(dictionary, expected, atol=1e-12)


def test_atoms_without_codes_stay(X, codes, dictionary):
    before = dictionary[5].copy()
    sweep(dictionary, code_statistics(codes, X), AtomSet())
    np.testing.assert_array_equal(dictionary[5], before)
    sweep_with_codes(dictionary, codes, X, AtomSet(), CodePenalty(0.0, False))
    np.testing.assert_array_equal(dictionary[5], before)
    solve_directions(dictionary, code_statistics(codes, X))
    np.testing.assert_array_equal(dictionary[5], before)


def test_a_sweep_does_not_write_into_the_statistics(X, codes, dictionary):
    statistics = code_statistics(codes, X)
    copies = CodeStatistics(statistics.gram.copy(), statistics.cross.copy())
    sweep(dictionary, statistics, AtomSet(), 2)
    np.testing.assert_array_equal(statistics.gram, copies.gram)
    np.testing.assert_array_equal(statistics.cross, copies.cross)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_k_svd_is_one_step_of_the_power_method_for_each_atom(X, codes, dictionary, dtype):
    expected, dense = dictionary.copy(), codes.toarray()
    for k in range(N_ATOMS):
        users = np.flatnonzero(dense[:, k])
        if len(users):
            left = X[users] - dense[users] @ expected + np.outer(dense[users, k], expected[k])
            atom = left.T @ dense[users, k]
            expected[k] = atom / np.linalg.norm(atom)
            dense[users, k] = left @ expected[k]
    found = dictionary.astype(dtype)
    new, residual = sweep_with_codes(
        found, codes.astype(dtype), X.astype(dtype), AtomSet(), CodePenalty(0.0, False)
    )
    products = new.toarray() @ found
    tolerance = 2e-4 if dtype == np.float32 else 1e-10
    # Atoms and codes may share their length in any way.
    np.testing.assert_allclose(products, dense @ expected, atol=tolerance)
    np.testing.assert_allclose(residual, X - products, atol=tolerance)


def test_k_svd_nears_the_leading_singular_vectors_of_one_atom(rng):
    X = np.outer(rng.standard_normal(60), rng.standard_normal(8))
    X += 0.1 * rng.standard_normal((60, 8))
    codes, atom = sparse.csr_array(np.ones((60, 1))), np.ones((1, 8)) / np.sqrt(8)
    for _ in range(20):
        codes, _ = sweep_with_codes(atom, codes.tocsr(), X, AtomSet(), CodePenalty(0.0, False))
    left, values, right = np.linalg.svd(X)
    best = values[0] * np.outer(left[:, 0], right[0])
    np.testing.assert_allclose(codes.toarray() @ atom, best, atol=1e-9)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("alpha, positive", [(0.0, False), (0.1, False), (0.05, True)])
def test_k_svd_lowers_the_objective(X, codes, dictionary, name, alpha, positive):
    SETS[name].project(dictionary)
    codes = abs(codes) if positive else codes

    def objective(codes):
        return 0.5 * squared_error(X, codes, dictionary) + alpha * np.abs(codes.data).sum()

    before = objective(codes)
    new, _ = sweep_with_codes(dictionary, codes, X, SETS[name], CodePenalty(alpha, positive))
    assert objective(new) < before
    assert size(dictionary, SETS[name]).max() <= 1 + 1e-12
    assert not positive or new.data.min() >= 0


def test_optimal_directions_solve_least_squares(X, codes, dictionary):
    lengths = solve_directions(dictionary, code_statistics(codes, X))
    used = np.delete(np.arange(N_ATOMS), 5)
    expected = np.linalg.lstsq(codes.toarray()[:, used], X, rcond=None)[0]
    np.testing.assert_allclose((lengths[:, None] * dictionary)[used], expected, atol=1e-7)
    np.testing.assert_allclose(np.linalg.norm(dictionary, axis=1), 1, atol=1e-12)


def test_optimal_directions_bear_codes_that_depend_on_one_another(rng, X):
    codes = rng.standard_normal((N_SIGNALS, 3))
    codes = sparse.csr_array(np.column_stack([codes, codes[:, 0], codes[:, 1] - codes[:, 2]]))
    dictionary = np.zeros((5, N_FEATURES))
    lengths = solve_directions(dictionary, code_statistics(codes, X))
    assert np.isfinite(dictionary).all()
    best = np.linalg.lstsq(codes.toarray(), X, rcond=None)[0]
    found = squared_error(X, codes, lengths[:, None] * dictionary)
    assert found <= squared_error(X, codes, best) * (1 + 1e-8)
