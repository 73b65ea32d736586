"""The judge of the coding benchmarks: closed forms, brute force, and what the tables say."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize

ROOT = Path(__file__).resolve().parents[2]

if not (ROOT / "benchmarks" / "_coding_quality.py").exists():
    pytest.skip("the benchmarks are not part of this copy", allow_module_level=True)


@pytest.fixture(scope="module")
def load():
    sys.path.insert(0, str(ROOT))
    try:
        yield lambda name: importlib.import_module(f"benchmarks.{name}")
    finally:
        sys.path.remove(str(ROOT))


@pytest.fixture(scope="module")
def quality(load):
    return load("_coding_quality")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def unit_atoms(rng, n_atoms, n_features):
    D = rng.standard_normal((n_atoms, n_features)) + 0.5
    return D / np.linalg.norm(D, axis=1, keepdims=True)


def orthonormal(rng, n_rows, n_features):
    return np.linalg.qr(rng.standard_normal((n_features, n_rows)))[0].T


def soft(x, threshold):
    return np.sign(x) * np.maximum(np.abs(x) - threshold, 0.0)


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_matrix, sparse.csc_array])
def test_relative_residual_is_that_of_the_product(quality, rng, convert):
    X, D = rng.standard_normal((30, 5)), rng.standard_normal((8, 5))
    codes = rng.standard_normal((30, 8)) * (rng.random((30, 8)) < 0.3)
    expected = np.linalg.norm(X - codes @ D) / np.linalg.norm(X)
    assert quality.relative_residual(X, convert(codes), D) == pytest.approx(expected, rel=1e-12)


def test_chunks_do_not_change_the_residuals(quality, rng, monkeypatch):
    X, D, codes = (rng.standard_normal(shape) for shape in ((30, 5), (8, 5), (30, 8)))
    whole = quality.squared_residuals(X, codes, D)
    monkeypatch.setattr(quality, "CHUNK", 7)
    np.testing.assert_allclose(quality.squared_residuals(X, codes, D), whole, rtol=1e-13)


def test_lasso_gap_is_zero_at_the_closed_form_solution(quality, rng):
    X, D = rng.standard_normal((40, 12)), orthonormal(rng, 6, 12)
    codes = soft(X @ D.T, 0.3)
    assert abs(quality.lasso_gap(X, codes, D, 0.3)) < 1e-14


def test_lasso_gap_bounds_the_excess(quality, rng):
    X, D = rng.standard_normal((40, 12)), orthonormal(rng, 6, 12)
    solution = soft(X @ D.T, 0.3)
    best = quality.lasso_objective(X, solution, D, 0.3)
    for scale in (1e-3, 1e-1, 1.0):
        codes = solution + scale * rng.standard_normal(solution.shape)
        value = quality.lasso_objective(X, codes, D, 0.3)
        assert quality.lasso_gap(X, codes, D, 0.3) * value >= value - best > 0.0


def test_codes_of_the_judge_meet_the_optimality_conditions(quality, rng):
    X, D, alpha = rng.standard_normal((25, 8)), unit_atoms(rng, 20, 8), 0.4
    X[3] = 0.0
    codes = quality.lasso_codes(X, D, alpha, gap=1e-10)
    gradient = (codes @ D - X) @ D.T
    active = codes != 0
    np.testing.assert_allclose(gradient[active], -alpha * np.sign(codes[active]), atol=1e-4)
    assert np.abs(gradient[~active]).max() <= alpha + 1e-4
    assert not codes[3].any()
    assert quality.lasso_gap(X, codes, D, alpha) <= 1e-10


def test_held_out_objective_does_not_see_the_lengths_of_atoms(quality, rng):
    X, D = rng.standard_normal((25, 8)), unit_atoms(rng, 10, 8)
    longer = D * rng.uniform(0.2, 3.0, (10, 1))
    value = quality.held_out_objective(X, D, 0.2)
    assert quality.held_out_objective(X, longer, 0.2) == pytest.approx(value, rel=1e-12)


def test_pursuit_residual_is_that_of_a_plain_loop(quality, rng):
    X, D = rng.standard_normal((25, 8)), unit_atoms(rng, 20, 8)
    total = 0.0
    for x in X:
        residual, support = x, []
        for _ in range(3):
            scores = np.abs(D @ residual)
            scores[support] = -1.0
            support.append(int(np.argmax(scores)))
            coef = np.linalg.lstsq(D[support].T, x, rcond=None)[0]
            residual = x - coef @ D[support]
        total += residual @ residual
    expected = np.sqrt(total / np.sum(X * X))
    assert quality.pursuit_residual(X, 2.0 * D, 3) == pytest.approx(expected, rel=1e-10)


def test_pursuit_residual_copes_with_equal_atoms_and_zero_signals(quality, rng):
    X, D = rng.standard_normal((25, 4)), orthonormal(rng, 4, 4)
    X[0] = 0.0
    assert quality.pursuit_residual(X, np.vstack([D, D]), 6) < 1e-10


def test_nmf_objective_does_not_see_the_scale_between_the_factors(quality, rng):
    X = sparse.random(30, 12, 0.3, format="csr", rng=rng)
    W, H = rng.random((30, 3)), rng.random((3, 12))
    scale = np.array([0.01, 1.0, 50.0])
    value = quality.nmf_objective(X, W, H, alpha=1e-3)
    assert quality.nmf_objective(X, W * scale, H / scale[:, None], 1e-3) == pytest.approx(value)


def test_nmf_objective_is_the_smallest_over_all_scales(quality, rng):
    X, W, H, alpha = rng.random((30, 12)), rng.random((30, 1)), rng.random((1, 12)), 1e-2

    def objective(scale):
        penalty = 12 * np.abs(scale * W).sum() + 30 * np.abs(H / scale).sum()
        return 0.5 * np.sum((X - W @ H) ** 2) + alpha * penalty

    brute = min(objective(scale) for scale in np.geomspace(1e-2, 1e2, 20_001))
    assert quality.nmf_objective(X, W, H, alpha) == pytest.approx(brute, rel=1e-6)


def test_nmf_objective_without_penalty_is_half_the_squared_residual(quality, rng):
    X, W, H = rng.random((30, 12)), rng.random((30, 3)), rng.random((3, 12))
    expected = 0.5 * np.sum((X - W @ H) ** 2)
    assert quality.nmf_objective(X, W, H) == pytest.approx(expected, rel=1e-10)


def test_sparse_pca_objective_has_a_closed_form_for_orthonormal_directions(quality, rng):
    X, V, alpha = rng.standard_normal((50, 8)), orthonormal(rng, 3, 8), 2.0
    X -= X.mean(axis=0)
    scores, strengths = X @ V.T, alpha * np.abs(V).sum(axis=1)
    lengths = np.linalg.norm(scores, axis=0)
    W = scores * np.maximum(1.0 - strengths / lengths, 0.0)
    expected = 0.5 * np.sum((X - W @ V) ** 2) + strengths @ np.linalg.norm(W, axis=0)
    assert quality.sparse_pca_objective(X, V, alpha) == pytest.approx(expected, rel=1e-9)


def test_sparse_pca_objective_is_the_minimum_over_scores(quality, rng):
    X, V, alpha = rng.standard_normal((9, 5)), unit_atoms(rng, 2, 5), 0.7
    X -= X.mean(axis=0)

    def objective(flat):
        W = flat.reshape(9, 2)
        penalty = np.linalg.norm(W, axis=0) @ np.abs(V).sum(axis=1)
        return 0.5 * np.sum((X - W @ V) ** 2) + alpha * penalty

    brute = minimize(objective, rng.standard_normal(18), method="BFGS", options={"gtol": 1e-7}).fun
    assert quality.sparse_pca_objective(X, 3.0 * V, alpha) == pytest.approx(brute, rel=1e-6)


def test_sparse_pca_objective_leaves_out_components_that_are_zero(quality, rng):
    X, V = rng.standard_normal((20, 5)), unit_atoms(rng, 2, 5)
    padded = np.vstack([V, np.zeros(5)])
    expected = quality.sparse_pca_objective(X, V, 0.5)
    assert quality.sparse_pca_objective(X, padded, 0.5) == pytest.approx(expected)


def test_shapes_of_the_judge_have_their_known_values(quality):
    x = [-3.0, -1.5, -0.5, 0.0, 0.5, 1.5, 3.0]
    expected = {
        "soft": [-2.0, -0.5, 0.0, 0.0, 0.0, 0.5, 2.0],
        "hard": [-3.0, -1.5, 0.0, 0.0, 0.0, 1.5, 3.0],
        "garrote": [-8 / 3, -5 / 6, 0.0, 0.0, 0.0, 5 / 6, 8 / 3],
        "firm": [-3.0, -1.0, 0.0, 0.0, 0.0, 1.0, 3.0],
    }
    for shape, values in expected.items():
        np.testing.assert_allclose(quality.shrunk(x, shape, 1.0), values, rtol=1e-15)
    assert expected.keys() == quality.SHRINKAGES.keys()


def way_down(*pairs):
    return [{"best": s, "median": s, "effort": i, "objective": v} for i, (s, v) in enumerate(pairs)]


def test_time_to_a_target_is_read_off_between_two_points(load):
    report = load("_coding_report")
    points = way_down((1.0, 10.0), (2.0, 8.0), (4.0, 4.0))
    assert report.seconds_to(points, 12.0) == 1.0
    assert report.seconds_to(points, 8.0) == 2.0
    assert report.seconds_to(points, 6.0) == 3.0
    assert report.seconds_to(points, 3.0) is None


def test_target_is_the_rivals_or_what_every_side_reaches(load):
    report, row = load("_coding_report"), load("_coding_rows").ROWS["online-100-f64"]
    sides = {"sparsekit": {"points": way_down((1.0, 2.0))}, "sklearn": {"points": way_down((9, 4))}}
    assert report.target_objective(row, sides) == (pytest.approx(4.04), "sklearn")
    sides["spams"] = {"points": way_down((1.0, 5.0), (2.0, 3.0))}
    assert report.target_objective(row, sides) == (pytest.approx(3.03), "spams")
    assert report.target_objective(row, {"spams": {"error": "absent"}}) is None


def coded(seconds, residual, n_signals=100, **more):
    quality = {str(n_signals): residual}
    return {"best": seconds, "median": seconds, "n_signals": n_signals, "quality": quality, **more}


def test_verdict_names_goals_and_worse_quality(load):
    verdicts = load("_coding_report").verdicts
    row = load("_coding_rows").ROWS["ormp-64-5-f64"]
    equal = {"sparsekit": coded(1.0, 0.5), "spams": coded(2.0, 0.5)}
    assert verdicts(row, equal) == ["met over spams: 2.00 (goal 1.6)"]
    slower = {"sparsekit": coded(1.0, 0.6), "spams": coded(1.2, 0.5)}
    missed, worse = verdicts(row, slower)
    assert missed == "MISSED over spams: 1.20 (goal 1.6)"
    assert worse.startswith("WORSE than spams")
    assert verdicts(row, {"sparsekit": coded(1.0, 0.5)}) == []
    assert verdicts(row, {"sparsekit": {"error": ""}, "spams": coded(1.0, 0.5)}) == [
        "spams: no ratio"
    ]


def test_verdict_compares_bits_of_two_threads(load):
    verdicts = load("_coding_report").verdicts
    row = load("_coding_rows").ROWS["threads-omp-f64"]
    sides = {"sparsekit": coded(1.0, 0.5, bits="a"), "sparsekit-1": coded(1.9, 0.5, bits="a")}
    assert "same bits" in verdicts(row, sides)
    sides["sparsekit"]["bits"] = "b"
    assert "OTHER BITS" in verdicts(row, sides)


def test_efforts_rise_to_the_last(load):
    ladder = load("_coding_trainers").ladder
    for last in (1, 4, 40, 640):
        efforts = ladder(last)
        assert efforts[-1] == last
        assert efforts == sorted(set(efforts))


def test_patches_are_distinct_and_have_no_mean(load):
    data, row = load("_coding_data"), load("_coding_rows").ROWS["omp-64-5-f64"].tiny()
    case = data.load_signals(row, tiny=True)
    assert case.X.shape == (row.n_signals, 64)
    assert np.abs(case.X.mean(axis=1)).max() < 1e-12
    assert len(np.unique(case.X, axis=0)) > 0.99 * len(case.X)
    np.testing.assert_allclose(np.linalg.norm(case.D, axis=1), 1.0)
    assert "synthetic" in case.source
