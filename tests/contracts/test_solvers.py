"""What every solver promises beside optimality: invariances, odd shapes, and how it ends."""

from dataclasses import replace

import numpy as np
import pytest

from sparsekit.losses import Logistic, Quadratic
from sparsekit.penalties import L1, ElasticNet
from sparsekit.solvers import Start, Status, alpha_grid, alpha_max, solve, solve_path
from tests.contracts._oracle import Oracle, allowed_distance
from tests.contracts._problems import LOSSES, STORAGES, make_matrix, make_problem, some_weights

TIGHT = 1e-12
# Without the empty column the solution is unique, and how far off it may be can be said.
TALL = np.delete(make_matrix(60, 11), 1, axis=1)
PENALTY = L1(0.05)

each_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
each_storage = pytest.mark.parametrize("storage", STORAGES)


def solve_tightly(X, problem):
    """Return a solution and how far from another one of the same problem it may be."""
    solution = solve(problem, tol=TIGHT)
    assert solution.status is Status.CONVERGED
    oracle = Oracle(X, problem, solution.coef, solution.intercept)
    return solution, allowed_distance(oracle, TIGHT * solution.null_objective)


# Weights, shifts and scales


@each_loss
@each_storage
def test_weights_equal_repeated_rows(loss, storage):
    counts = np.random.default_rng(3).integers(0, 4, len(TALL))
    X, problem = make_problem(TALL, loss, PENALTY, storage, sample_weight=counts.astype(float))
    weighted, distance = solve_tightly(X, problem)
    rows = np.repeat(np.arange(len(TALL)), counts)
    _, repeated = make_problem(TALL[rows], loss, PENALTY, storage, y=problem.y[rows])
    expected = solve(repeated, tol=TIGHT)
    np.testing.assert_allclose(weighted.coef, expected.coef, atol=distance)
    assert weighted.intercept == pytest.approx(expected.intercept, abs=distance)
    assert weighted.null_objective == pytest.approx(expected.null_objective, rel=1e-12)


@each_loss
def test_only_the_ratios_of_weights_matter(loss):
    weight = some_weights(len(TALL), 2)
    X, problem = make_problem(TALL, loss, PENALTY, sample_weight=weight)
    one, distance = solve_tightly(X, problem)
    other = solve(replace(problem, sample_weight=1e9 * weight), tol=TIGHT)
    np.testing.assert_allclose(one.coef, other.coef, atol=distance)


@each_loss
def test_rows_of_weight_zero_do_not_matter(loss):
    weight = some_weights(len(TALL), 2)
    X, problem = make_problem(TALL, loss, PENALTY, sample_weight=weight)
    one, distance = solve_tightly(X, problem)
    changed = TALL.copy()
    changed[weight == 0] = 1e3
    y = np.where(weight == 0, 1 - problem.y, problem.y)
    _, other = make_problem(changed, loss, PENALTY, y=y, sample_weight=weight)
    np.testing.assert_allclose(one.coef, solve(other, tol=TIGHT).coef, atol=distance)


@each_loss
@each_storage
def test_a_feature_weight_scales_like_a_column(loss, storage):
    weight = np.linspace(0.5, 2.0, TALL.shape[1])
    X, problem = make_problem(TALL, loss, PENALTY, storage, feature_weight=weight)
    one, distance = solve_tightly(X, problem)
    _, scaled = make_problem(TALL / weight, loss, PENALTY, storage, y=problem.y)
    np.testing.assert_allclose(one.coef, solve(scaled, tol=TIGHT).coef / weight, atol=2 * distance)


@each_loss
@each_storage
def test_a_shift_of_the_columns_is_the_intercept_s_business(loss, storage):
    X, problem = make_problem(TALL, loss, PENALTY, storage)
    one, distance = solve_tightly(X, problem)
    far, shifted = make_problem(TALL + 1e6, loss, PENALTY, storage, y=problem.y)
    other = solve(shifted, tol=1e-9)
    assert other.status is Status.CONVERGED
    # The shifted matrix has lost six digits, and its own tolerance allows 30 times the distance.
    allowed = distance * np.sqrt(1e-9 / TIGHT)
    np.testing.assert_allclose(one.coef, other.coef, atol=allowed)
    oracle = Oracle(far, shifted, other.coef, other.intercept)
    assert oracle.objective == pytest.approx(one.objective, rel=1e-6)


@each_loss
@each_storage
def test_one_column_far_from_zero_is_solved_as_if_it_were_near(loss, storage):
    X, problem = make_problem(TALL, loss, PENALTY, storage)
    one, distance = solve_tightly(X, problem)
    shifted = TALL.copy()
    shifted[:, 2] += 1e6
    _, other = make_problem(shifted, loss, PENALTY, storage, y=problem.y)
    found = solve(other, tol=1e-10)
    assert found.status is Status.CONVERGED
    np.testing.assert_allclose(found.coef, one.coef, atol=distance * np.sqrt(1e-10 / TIGHT))


@pytest.mark.parametrize("scale", [1e-12, 1e12])
@pytest.mark.parametrize("fit_intercept", [True, False], ids=["b", "no b"])
def test_the_scale_of_the_target_scales_the_solution(scale, fit_intercept):
    X, problem = make_problem(TALL, Quadratic(), PENALTY, fit_intercept=fit_intercept)
    one, distance = solve_tightly(X, problem)
    scaled = replace(problem, y=scale * problem.y, penalty=L1(scale * PENALTY.alpha))
    other = solve(scaled, tol=TIGHT)
    assert other.status is Status.CONVERGED
    np.testing.assert_array_equal(other.coef != 0, one.coef != 0)
    np.testing.assert_allclose(other.coef / scale, one.coef, atol=distance)
    assert other.n_iter == one.n_iter


@each_storage
@pytest.mark.parametrize("mean", [-1e4, 100.0])
def test_the_mean_of_the_target_is_the_intercept_s_business(storage, mean):
    X, problem = make_problem(TALL, Quadratic(), PENALTY, storage)
    one, distance = solve_tightly(X, problem)
    other = solve(replace(problem, y=problem.y + mean), tol=TIGHT)
    np.testing.assert_allclose(other.coef, one.coef, atol=distance)
    assert other.intercept == pytest.approx(one.intercept + mean, abs=distance + 1e-15 * abs(mean))
    assert other.objective == pytest.approx(one.objective, rel=1e-9)
    assert other.null_objective == pytest.approx(one.null_objective, rel=1e-9)


@each_loss
@each_storage
def test_the_order_of_columns_does_not_matter(loss, storage):
    X, problem = make_problem(TALL, loss, PENALTY, storage)
    one, distance = solve_tightly(X, problem)
    order = np.random.default_rng(0).permutation(TALL.shape[1])
    _, other = make_problem(TALL[:, order], loss, PENALTY, storage, y=problem.y)
    np.testing.assert_allclose(solve(other, tol=TIGHT).coef, one.coef[order], atol=distance)


@each_loss
def test_the_same_problem_gives_the_same_bits(loss):
    _, problem = make_problem(TALL, loss, PENALTY)
    first, second = (solve(problem, tol=TIGHT) for _ in range(2))
    np.testing.assert_array_equal(first.coef, second.coef)
    assert (first.intercept, first.gap) == (second.intercept, second.gap)


# Odd columns and shapes


@each_loss
@each_storage
def test_constant_and_empty_columns_get_no_coefficient(loss, storage):
    X = TALL.copy()
    X[:, 2], X[:, 5], X[:, 7] = 0.0, 0.1, -1e7
    _, problem = make_problem(X, loss, L1(0.01), storage, y=make_problem(TALL, loss, None)[1].y)
    solution = solve(problem, tol=1e-9)
    assert solution.status is Status.CONVERGED
    assert not solution.coef[[2, 5, 7]].any()
    kept = np.delete(np.arange(X.shape[1]), [2, 5, 7])
    stored, rest = make_problem(X[:, kept], loss, L1(0.01), storage, y=problem.y)
    alone, distance = solve_tightly(stored, rest)
    np.testing.assert_allclose(
        solution.coef[kept], alone.coef, atol=distance * np.sqrt(1e-9 / TIGHT)
    )


@each_loss
@each_storage
def test_a_constant_column_unpenalised_beside_an_intercept_changes_nothing(loss, storage):
    X, weight = TALL.copy(), np.ones(TALL.shape[1])
    X[:, 2], weight[2] = 3.0, 0.0
    _, problem = make_problem(
        X, loss, PENALTY, storage, y=make_problem(TALL, loss, None)[1].y, feature_weight=weight
    )
    solution = solve(problem, tol=1e-9)
    assert solution.status is Status.CONVERGED
    assert solution.coef[2] == 0


@each_loss
@each_storage
@pytest.mark.parametrize("penalty", [L1(0.03), ElasticNet(0.06, 0.5)], ids=str)
def test_duplicated_columns_share_one_column_s_work(loss, storage, penalty):
    twice = np.hstack([TALL, TALL])
    _, single = make_problem(TALL, loss, penalty, storage)
    stored, double = make_problem(twice, loss, penalty, storage, y=single.y)
    both = solve(double, tol=1e-9)
    assert both.status is Status.CONVERGED
    assert Oracle(stored, double, both.coef, both.intercept).objective == pytest.approx(
        both.objective, rel=1e-12
    )
    alone = solve(single, tol=1e-9)
    if isinstance(penalty, L1):
        assert both.objective == pytest.approx(alone.objective, rel=2e-9)
    else:
        assert both.objective < alone.objective


@each_storage
@pytest.mark.parametrize("fit_intercept", [True, False], ids=["b", "no b"])
def test_one_feature_has_a_closed_form(storage, fit_intercept):
    x, alpha = TALL[:, :1], 0.2
    _, problem = make_problem(
        x, Quadratic(), L1(alpha), storage, y=2.0 * x[:, 0] + 1.0, fit_intercept=fit_intercept
    )
    solution = solve(problem, tol=TIGHT)
    centered, y = (a - fit_intercept * a.mean() for a in (x[:, 0], problem.y))
    expected = (centered @ y / len(y) - alpha) / np.mean(centered**2)
    assert solution.coef == pytest.approx(expected, rel=1e-6)
    assert solution.intercept == pytest.approx(
        fit_intercept * (problem.y.mean() - x.mean() * expected), abs=1e-6
    )


@each_loss
@each_storage
def test_one_row_is_fitted_by_the_intercept_or_the_steepest_feature(loss, storage):
    X = np.array([[1.0, -2.0, 0.5, 0.0, 1.0]])
    y = np.array([0.75])
    _, problem = make_problem(X, loss, L1(0.01), storage, y=y)
    with_intercept = solve(problem, tol=1e-9)
    assert with_intercept.status is Status.CONVERGED
    assert not with_intercept.coef.any()
    assert loss.inverse_link(np.array([with_intercept.intercept])) == pytest.approx(y, rel=1e-9)
    without = solve(replace(problem, fit_intercept=False), tol=1e-9)
    assert without.status is Status.CONVERGED
    np.testing.assert_array_equal(np.flatnonzero(without.coef), [1])


@each_storage
@pytest.mark.parametrize("y", [0.0, 0.1, -7e5])
def test_a_constant_target_needs_the_intercept_alone(storage, y):
    _, problem = make_problem(
        TALL, Quadratic(), PENALTY, storage, y=np.full(len(TALL), y), sample_weight=None
    )
    solution = solve(problem)
    assert solution.status is Status.CONVERGED
    assert not solution.coef.any()
    rounding = len(TALL) * np.finfo(float).eps
    assert solution.intercept == pytest.approx(y, rel=rounding)
    assert solution.objective == pytest.approx(0.0, abs=(rounding * y) ** 2)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_a_penalty_beyond_alpha_max_leaves_the_intercept_alone(loss):
    weight = some_weights(len(TALL), 4)
    _, problem = make_problem(TALL, loss, PENALTY, sample_weight=weight)
    solution = solve(replace(problem, penalty=L1(2 * alpha_max(problem))), tol=TIGHT)
    assert not solution.coef.any()
    assert solution.n_iter == 1
    assert solution.objective == pytest.approx(solution.null_objective, rel=1e-15)
    mean = np.average(problem.y, weights=weight)
    assert loss.inverse_link(np.array([solution.intercept])) == pytest.approx(mean, rel=1e-12)


@pytest.mark.parametrize("y", [0.0, 1.0])
def test_one_class_alone_needs_the_intercept_alone(y):
    _, problem = make_problem(TALL, Logistic(), PENALTY, y=np.full(len(TALL), y))
    solution = solve(problem)
    assert not solution.coef.any()
    # The best intercept is infinite; any that says as much will do.
    assert np.isfinite(solution.intercept)
    assert Logistic().inverse_link(solution.intercept) == pytest.approx(y, abs=1e-9)


def test_rare_classes_have_an_exact_intercept():
    y = np.zeros(4000)
    y[0] = 1.0
    X = np.random.default_rng(0).standard_normal((4000, 4))
    _, problem = make_problem(X, Logistic(), L1(1.0), y=y)
    assert solve(problem).intercept == pytest.approx(np.log(1 / 3999), rel=1e-12)


def test_the_grid_falls_evenly_in_logarithm():
    grid = alpha_grid(3.0, n_alphas=5, eps=1e-2)
    np.testing.assert_allclose(grid, 3.0 * 10.0 ** np.array([0, -0.5, -1, -1.5, -2]), rtol=1e-12)
    assert grid[0] == 3.0
    np.testing.assert_array_equal(alpha_grid(3.0, n_alphas=1), [3.0])


# Starts and ends


@each_loss
@each_storage
def test_a_solution_is_where_a_second_run_stays(loss, storage):
    X, problem = make_problem(TALL, loss, PENALTY, storage)
    one, distance = solve_tightly(X, problem)
    # Rounding of the restored predictor is all that the gap may have grown by.
    again = solve(problem, Start(one.coef, one.intercept), tol=10 * TIGHT)
    assert again.n_iter == 1
    np.testing.assert_array_equal(again.coef, one.coef)


@each_loss
@pytest.mark.parametrize("far", [1.0, 30.0])
def test_any_start_leads_to_the_solution(loss, far):
    X, problem = make_problem(TALL, loss, PENALTY)
    one, distance = solve_tightly(X, problem)
    start = far * np.random.default_rng(8).standard_normal(TALL.shape[1])
    other = solve(problem, Start(start, -far), tol=TIGHT)
    assert other.status is Status.CONVERGED
    np.testing.assert_allclose(other.coef, one.coef, atol=distance)
    assert start.any(), "the start is the caller's"


@each_loss
def test_a_start_enters_a_path(loss):
    _, problem = make_problem(TALL, loss, PENALTY)
    solution = solve(problem, tol=TIGHT)
    start = Start(solution.coef, solution.intercept)
    (first,) = solve_path(problem, [PENALTY.alpha], start, tol=10 * TIGHT)
    assert first.n_iter == 1


@each_loss
def test_a_run_that_is_cut_short_says_so(loss):
    _, problem = make_problem(TALL, loss, PENALTY)
    solution = solve(problem, tol=TIGHT, max_iter=1)
    assert solution.status is Status.MAX_ITER
    assert solution.n_iter == 1
    assert solution.gap > TIGHT * solution.null_objective


@each_loss
def test_a_tolerance_of_zero_ends_where_arithmetic_does(loss):
    X, problem = make_problem(TALL, loss, PENALTY)
    one, distance = solve_tightly(X, problem)
    solution = solve(problem, tol=0.0, max_iter=10_000)
    assert solution.status in (Status.STAGNATED, Status.CONVERGED)
    assert solution.n_iter < 100
    np.testing.assert_allclose(solution.coef, one.coef, atol=distance)


@each_loss
@each_storage
def test_a_tolerance_of_zero_ends_where_nothing_may_move(loss, storage):
    _, problem = make_problem(TALL, loss, PENALTY, storage)
    beyond = replace(problem, penalty=L1(1.1 * alpha_max(problem)))
    solution = solve(beyond, tol=0.0)
    assert solution.status in (Status.STAGNATED, Status.CONVERGED)
    assert not solution.coef.any()


@each_loss
def test_a_callback_hears_of_every_outer_iteration(loss):
    _, problem = make_problem(TALL, loss, PENALTY)
    heard = []
    solution = solve(problem, tol=TIGHT, callback=lambda *news: heard.append(news))
    assert [iteration for iteration, _, _ in heard] == list(range(1, len(heard) + 1))
    # The last iteration only finds that all is done.
    assert len(heard) in (solution.n_iter - 1, solution.n_iter)
    objectives = np.array([objective for _, objective, _ in heard] + [solution.objective])
    assert (np.diff(objectives) <= 1e-14 * solution.null_objective).all()
    for _, objective, gap in heard:
        assert objective - gap <= solution.objective * (1 + 1e-14)


@each_loss
def test_a_callback_may_stop_before_the_first_step(loss):
    _, problem = make_problem(TALL, loss, PENALTY)
    solution = solve(problem, callback=lambda *news: True)
    assert solution.status is Status.STOPPED
    assert solution.n_iter == 1
    assert not solution.coef.any()


def test_a_callback_may_stop_between_two_steps():
    _, problem = make_problem(TALL, Logistic(), PENALTY)
    solution = solve(problem, tol=TIGHT, callback=lambda iteration, *news: iteration == 2)
    assert solution.status is Status.STOPPED
    assert solution.n_iter == 2
    assert solution.objective < solution.null_objective


@each_loss
def test_an_exception_of_a_callback_reaches_the_caller(loss):
    def interrupt(*news):
        raise KeyboardInterrupt

    _, problem = make_problem(TALL, loss, PENALTY)
    with pytest.raises(KeyboardInterrupt):
        solve(problem, callback=interrupt)


@each_loss
@each_storage
def test_solving_leaves_the_data_as_they_are(loss, storage):
    weight, feature_weight = some_weights(len(TALL), 4), np.linspace(0.5, 2.0, TALL.shape[1])
    X, problem = make_problem(
        TALL, loss, PENALTY, storage, sample_weight=weight, feature_weight=feature_weight
    )
    start = Start(np.ones(TALL.shape[1]))
    parts = [X.data, X.indices, X.indptr] if storage == "csc" else [X]
    parts += [problem.y, weight, feature_weight, start.coef]
    before = [part.copy() for part in parts]
    for part in parts:
        part.setflags(write=False)
    list(solve_path(problem, [0.2, 0.02], start))
    for part, copy in zip(parts, before):
        np.testing.assert_array_equal(part, copy)


def test_solutions_of_a_path_do_not_share_their_coefficients():
    _, problem = make_problem(TALL, Quadratic(), PENALTY)
    first, second = solve_path(problem, [0.5, 0.05])
    assert not np.shares_memory(first.coef, second.coef)
