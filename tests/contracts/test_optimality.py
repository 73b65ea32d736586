"""At every solution the optimality conditions hold, for all losses, penalties and storages."""

from dataclasses import replace

import numpy as np
import pytest

from sparsekit import losses, penalties
from sparsekit.losses import Logistic, Quadratic
from sparsekit.matrix import as_design
from sparsekit.penalties import L1, L2, Box, ElasticNet, Positive
from sparsekit.solvers import Problem, Status, _choose, alpha_max, solve, solve_path
from tests.contracts._oracle import Oracle, allowed_distance
from tests.contracts._problems import LOSSES, STORAGES, make_matrix, make_problem, some_weights

TOL = 1e-9
TALL, WIDE = make_matrix(60, 12), make_matrix(25, 70, density=0.3)
# Without the empty column the solution is unique, and how far off it may be can be said.
UNIQUE = np.delete(TALL, 1, axis=1)
PENALTIES = [
    L1(0.1),
    L2(0.3),
    ElasticNet(0.15, 0.6),
    Box(-0.4, 0.7),
    Positive(L1(0.08)),
    Positive(ElasticNet(0.15, 0.6)),
]

each_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
each_penalty = pytest.mark.parametrize("penalty", PENALTIES, ids=str)
each_storage = pytest.mark.parametrize("storage", STORAGES)
each_dtype = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["64", "32"])
each_intercept = pytest.mark.parametrize("fit_intercept", [True, False], ids=["b", "no b"])


def test_every_public_loss_and_penalty_is_solved_for():
    assert {type(loss).__name__ for loss in LOSSES} == set(losses.__all__)
    assert {type(penalty).__name__ for penalty in PENALTIES} == set(penalties.__all__)


def assert_optimal(X, problem, solution, tol=TOL):
    """Check conditions, certificate and report of a solution against the definitions."""
    oracle = Oracle(X, problem, solution.coef, solution.intercept)
    allowed = tol * solution.null_objective
    assert solution.status is Status.CONVERGED
    assert 0 <= solution.gap <= allowed
    rounding = 1e-13 * np.sqrt(solution.null_objective) * oracle.h @ abs(oracle.X).max(axis=1)
    assert (oracle.violation <= oracle.allowed_violation(allowed) + rounding).all()
    assert oracle.intercept_violation <= 1e-12 * np.sqrt(solution.null_objective)
    assert solution.objective == pytest.approx(oracle.objective, rel=1e-12)
    assert problem.fit_intercept or solution.intercept == 0.0
    return oracle


def assert_certified(oracle, solution, tol=TOL):
    """Check that the distance to the best dual value on the ray is what `tol` allows."""
    gap = oracle.objective - oracle.dual
    rounding = 1e-14 * solution.null_objective
    assert gap >= -rounding
    assert gap <= tol * solution.null_objective + rounding


@each_loss
@each_penalty
@each_storage
@each_dtype
@each_intercept
def test_a_tall_problem_is_solved(loss, penalty, storage, dtype, fit_intercept):
    X, problem = make_problem(TALL, loss, penalty, storage, dtype, fit_intercept=fit_intercept)
    solution = solve(problem, tol=TOL)
    assert_certified(assert_optimal(X, problem, solution), solution)
    assert solution.coef.any()


@each_loss
@each_penalty
@each_storage
def test_a_wide_problem_is_solved(loss, penalty, storage):
    X, problem = make_problem(WIDE, loss, penalty, storage)
    solution = solve(problem, tol=TOL)
    assert_certified(assert_optimal(X, problem, solution), solution)


@each_loss
@each_penalty
@each_intercept
@pytest.mark.parametrize("storage", ["row-major", "csc"])
def test_sample_weights_enter_the_conditions(loss, penalty, storage, fit_intercept):
    weight = some_weights(len(TALL), 4)
    X, problem = make_problem(
        TALL, loss, penalty, storage, sample_weight=weight, fit_intercept=fit_intercept
    )
    solution = solve(problem, tol=TOL)
    assert_certified(assert_optimal(X, problem, solution), solution)


@each_loss
@each_intercept
@pytest.mark.parametrize("penalty", [p for p in PENALTIES if not isinstance(p, Box)], ids=str)
@pytest.mark.parametrize("X", [TALL, WIDE], ids=["tall", "wide"])
def test_feature_weights_scale_the_penalty_and_zero_leaves_it_out(loss, penalty, X, fit_intercept):
    weight = some_weights(X.shape[1], 5)
    if len(X) < X.shape[1]:
        # A few free features only: else the classes could be separated.
        weight[weight == 0] = 0.5
        weight[:2] = 0.0
    stored, problem = make_problem(
        X, loss, penalty, feature_weight=weight, fit_intercept=fit_intercept
    )
    solution = solve(problem, tol=TOL)
    oracle = assert_optimal(stored, problem, solution)
    free = (weight == 0) & X.any(axis=0)
    if not isinstance(penalty, Positive):
        assert (solution.coef[free] != 0).all()
        assert (
            abs(oracle.gradient[free]).max()
            <= oracle.allowed_violation(TOL * solution.null_objective).max()
        )


@each_loss
@each_intercept
@pytest.mark.parametrize("penalty", [L1(0.0), Box(), Positive(L2(0.0))], ids=str)
def test_features_that_nothing_holds_are_solved_for(loss, penalty, fit_intercept):
    X, problem = make_problem(TALL, loss, penalty, fit_intercept=fit_intercept)
    assert_optimal(X, problem, solve(problem, tol=TOL))


def test_strength_zero_is_least_squares():
    X, problem = make_problem(TALL, Quadratic(), L1(0.0))
    solution = solve(problem, tol=1e-14)
    columns = np.column_stack([TALL, np.ones(len(TALL))])
    expected = np.linalg.lstsq(columns, problem.y, rcond=None)[0]
    np.testing.assert_allclose(solution.coef, expected[:-1], atol=1e-6)
    assert solution.intercept == pytest.approx(expected[-1], abs=1e-6)


# Every step of the table of `solvers/_choose.py`


def watch(monkeypatch, name):
    """Note each use of a step, which works on as before."""
    step, uses = getattr(_choose, name), []

    def noted(*args):
        uses.append(len(args[2]))
        return step(*args)

    monkeypatch.setattr(_choose, name, noted)
    return uses


FORCED = {
    "kept Gram matrix": ("step_on_kept_gram", {"WHOLE": 0}),
    "whole Gram matrix": ("step_on_kept_gram", {"WHOLE_SHARE": 0.0}),
    "sweeps over the data": ("step_on_data", {"WHOLE": 0, "LARGEST_GRAM": 0}),
}
# Sweeps over the data compile a kernel for each pair of storage and penalty: pairwise is enough.
PAIRS = [
    ("column-major", np.float64, L1(0.1), True),
    ("column-major", np.float64, L1(0.1), False),
    ("row-major", np.float32, L1(0.1), True),
    ("csc", np.float64, L1(0.1), True),
    ("csc", np.float64, Positive(L1(0.08)), True),
    ("csc", np.float64, ElasticNet(0.15, 0.6), True),
    ("column-major", np.float64, L2(0.3), True),
    ("column-major", np.float64, Box(-0.4, 0.7), True),
    ("csc", np.float32, L1(0.1), False),
]


@each_loss
@pytest.mark.parametrize("forced", FORCED)
@pytest.mark.parametrize(("storage", "dtype", "penalty", "fit_intercept"), PAIRS, ids=str)
def test_every_step_finds_the_solution(
    loss, forced, storage, dtype, penalty, fit_intercept, monkeypatch
):
    name, thresholds = FORCED[forced]
    for threshold, value in thresholds.items():
        monkeypatch.setattr(_choose, threshold, value)
    if isinstance(loss, Logistic) and name == "step_on_kept_gram":
        name = "step_on_fresh_gram"
    uses = watch(monkeypatch, name)
    weight = some_weights(len(TALL), 4)
    X, problem = make_problem(
        TALL, loss, penalty, storage, dtype, sample_weight=weight, fit_intercept=fit_intercept
    )
    solution = solve(problem, tol=TOL)
    assert uses
    assert_certified(assert_optimal(X, problem, solution), solution)


@pytest.mark.parametrize("forced", FORCED)
@pytest.mark.parametrize("storage", STORAGES)
def test_every_step_solves_a_wide_problem_with_free_features(forced, storage, monkeypatch):
    for threshold, value in FORCED[forced][1].items():
        monkeypatch.setattr(_choose, threshold, value)
    weight = np.ones(WIDE.shape[1])
    weight[[5, 9]] = 0.0
    X, problem = make_problem(WIDE, Quadratic(), L1(0.1), storage, feature_weight=weight)
    assert_optimal(X, problem, solve(problem, tol=TOL))


# Paths


@each_loss
@pytest.mark.parametrize("penalty", [L1(1.0), Positive(L1(1.0)), ElasticNet(1.0, 0.5)], ids=str)
@pytest.mark.parametrize("storage", ["column-major", "csc"])
def test_a_path_equals_separate_solves(loss, penalty, storage):
    X, problem = make_problem(UNIQUE, loss, penalty, storage)
    alphas = alpha_max(problem) * np.array([1.5, 1.0, 0.5, 0.3, 0.1, 0.02])
    path = list(solve_path(problem, alphas, tol=1e-12))
    assert len(path) == len(alphas)
    for alpha, on_path in zip(alphas, path):
        one = replace(problem, penalty=penalty.with_alpha(alpha))
        alone = solve(one, tol=1e-12)
        oracle = assert_optimal(X, one, on_path, 1e-12)
        distance = allowed_distance(oracle, 1e-12 * on_path.null_objective)
        np.testing.assert_allclose(on_path.coef, alone.coef, atol=distance)
        assert on_path.objective == pytest.approx(oracle.objective, rel=1e-12)


@each_loss
def test_every_point_of_a_wide_path_is_optimal(loss):
    X, problem = make_problem(WIDE, loss, L1(1.0), "csc")
    alphas = alpha_max(problem) * np.geomspace(1.0, 0.05, 12)
    for alpha, solution in zip(alphas, solve_path(problem, alphas, tol=TOL)):
        assert_optimal(X, replace(problem, penalty=L1(alpha)), solution)


@each_loss
@each_intercept
@pytest.mark.parametrize("penalty", [L1(1.0), Positive(L1(1.0)), ElasticNet(1.0, 0.5)], ids=str)
def test_alpha_max_is_where_the_first_coefficient_appears(loss, penalty, fit_intercept):
    weight = np.linspace(0.5, 2.0, TALL.shape[1])
    _, problem = make_problem(
        TALL, loss, penalty, feature_weight=weight, fit_intercept=fit_intercept
    )
    largest = alpha_max(problem)
    at = [
        solve(replace(problem, penalty=penalty.with_alpha(alpha)), tol=1e-12).coef
        for alpha in (1.0001 * largest, 0.99 * largest)
    ]
    assert not at[0].any()
    assert np.count_nonzero(at[1]) == 1


def test_columns_of_a_stored_matrix_with_wide_indices_are_solved():
    X, problem = make_problem(TALL, Quadratic(), L1(0.1), "csc")
    wide = X.copy()
    wide.indices, wide.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    again = Problem(as_design(wide), problem.y, problem.loss, problem.penalty)
    np.testing.assert_array_equal(solve(again, tol=TOL).coef, solve(problem, tol=TOL).coef)
