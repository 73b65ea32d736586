"""The benchmark's judge: its gaps against closed forms and brute force, and a run of the script."""

import importlib
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize, minimize_scalar

ROOT = Path(__file__).resolve().parents[2]

if not (ROOT / "benchmarks" / "_quality.py").exists():
    pytest.skip("the benchmarks are not part of this copy", allow_module_level=True)


@pytest.fixture(scope="module")
def quality():
    sys.path.insert(0, str(ROOT))
    try:
        yield importlib.import_module("benchmarks._quality")
    finally:
        sys.path.remove(str(ROOT))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def orthogonal_case(rng, n_samples=40, n_features=6):
    """Centred orthogonal columns of squared length n: soft thresholding solves the Lasso."""
    X = rng.standard_normal((n_samples, n_features))
    X -= X.mean(axis=0)
    X = np.linalg.qr(X)[0] * np.sqrt(n_samples)
    y = X @ np.array([2.0, -1.0, 0.5, 0.0, 0.0, 0.0]) + 3.0 + 0.1 * rng.standard_normal(n_samples)
    return X, y


def lasso_objective(X, y, coef, alpha):
    residual = y - X @ coef
    return 0.5 * np.var(residual) + alpha * np.abs(coef).sum()


def logistic_objective(X, y, coef, alpha, fit_intercept):
    eta = X @ coef

    def loss(intercept):
        return np.logaddexp(0.0, -y * (eta + intercept)).mean()

    best = minimize_scalar(loss, options={"xtol": 1e-12}).fun if fit_intercept else loss(0.0)
    return best + alpha * np.abs(coef).sum()


def test_quadratic_gap_is_zero_at_the_closed_form_solution(quality, rng):
    X, y = orthogonal_case(rng)
    alpha = 0.3
    correlation = X.T @ (y - y.mean()) / len(y)
    coef = np.sign(correlation) * np.maximum(np.abs(correlation) - alpha, 0.0)
    assert abs(quality.relative_gap(X, y, coef, alpha)) < 1e-14


def test_quadratic_gap_bounds_the_suboptimality(quality, rng):
    X, y = orthogonal_case(rng)
    alpha = 0.3
    correlation = X.T @ (y - y.mean()) / len(y)
    solution = np.sign(correlation) * np.maximum(np.abs(correlation) - alpha, 0.0)
    for scale in (1e-3, 1e-1, 1.0):
        coef = solution + scale * rng.standard_normal(X.shape[1])
        excess = lasso_objective(X, y, coef, alpha) - lasso_objective(X, y, solution, alpha)
        gap = quality.relative_gap(X, y, coef, alpha) * 0.5 * np.var(y)
        assert gap >= excess > 0.0


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_logistic_gap_brackets_the_optimum_found_by_brute_force(quality, rng, fit_intercept):
    X = rng.standard_normal((60, 2)) + 0.5
    y = np.where(X[:, 0] + 0.5 * rng.standard_normal(60) > 1.0, 1.0, -1.0)
    alpha = 0.05

    def objective(coef):
        return logistic_objective(X, y, coef, alpha, fit_intercept)

    options = {"xatol": 1e-10, "fatol": 1e-14, "maxiter": 4000}
    brute = minimize(objective, np.zeros(2), method="Nelder-Mead", options=options)
    null = quality.null_objective(y, "logistic", fit_intercept)
    assert null == pytest.approx(objective(np.zeros(2)), rel=1e-12)
    at_optimum = quality.relative_gap(X, y, brute.x, alpha, "logistic", fit_intercept)
    assert -1e-12 < at_optimum < 1e-7
    away = brute.x + np.array([0.3, -0.2])
    gap = quality.relative_gap(X, y, away, alpha, "logistic", fit_intercept)
    assert gap * null >= objective(away) - brute.fun > 0.0


@pytest.mark.parametrize("loss", ["quadratic", "logistic"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_alpha_max_is_where_zero_stops_being_optimal(quality, rng, loss, fit_intercept):
    X = rng.standard_normal((50, 8)) + 1.0
    y = np.where(rng.random(50) < 0.3, 1.0, -1.0)
    top = quality.alpha_max(X, y, loss, fit_intercept)
    zero = np.zeros(8)
    assert abs(quality.relative_gap(X, y, zero, top * (1 + 1e-9), loss, fit_intercept)) < 1e-12
    assert quality.relative_gap(X, y, zero, 0.9 * top, loss, fit_intercept) > 1e-6


@pytest.mark.parametrize("loss", ["quadratic", "logistic"])
def test_sparse_and_dense_designs_have_the_same_gap(quality, rng, loss):
    X = rng.standard_normal((30, 12)) * (rng.random((30, 12)) < 0.3)
    y = np.where(rng.random(30) < 0.5, 1.0, -1.0)
    coef = rng.standard_normal(12) * 0.1
    dense = quality.relative_gap(X, y, coef, 0.01, loss)
    assert quality.relative_gap(sparse.csc_matrix(X), y, coef, 0.01, loss) == pytest.approx(dense)


def test_coefficients_that_are_not_finite_have_an_infinite_gap(quality, rng):
    X, y = orthogonal_case(rng)
    assert quality.relative_gap(X, y, np.full(6, np.nan), 0.1) == np.inf


@pytest.mark.skipif(find_spec("celer") is None, reason="the extra `bench` is not installed")
def test_script_prints_a_factor_per_row(tmp_path):
    records, table = tmp_path / "records.json", tmp_path / "table.md"
    command = [sys.executable, "benchmarks/linear.py", "--quick", "--rows", "genes10,text-log10"]
    command += ["--solvers", "sparsekit,celer", "--repeat", "1"]
    command += ["--json", str(records), "--output", str(table)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for found in json.loads(records.read_text()).values():
        assert found["sparsekit"]["tightest_gap"] < 1e-6
        assert found["celer"]["tightest_gap"] < 1e-6
    assert "genes10" in table.read_text()
