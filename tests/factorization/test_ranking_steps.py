"""The steps of RankingFactorization: losses, blocks, draws, descent, and codes of rows."""

import itertools

import numpy as np
import pytest
from scipy import optimize, sparse
from scipy.special import expit

from sparsekit._compile import kernel
from sparsekit.factorization import _ranking_blocks, _ranking_rows
from sparsekit.factorization._ranking_average import DEGREE, Average
from sparsekit.factorization._ranking_blocks import Schedule
from sparsekit.factorization._ranking_descent import Descent, Factors, Steps
from sparsekit.factorization._ranking_draws import drawn_below, hashed, nth_unseen
from sparsekit.factorization._ranking_fit import Visits
from sparsekit.factorization._ranking_losses import LOSSES
from sparsekit.factorization._ranking_rows import solve_codes

ALPHA = 0.03
N_DRAWS = 3


@kernel
def draw_many(key, n, drawn):
    for t in range(len(drawn)):
        drawn[t] = drawn_below(key, t, n)


@kernel
def hash_one(key, counter, out):
    out[0] = hashed(key, counter)


@pytest.fixture(params=sorted(LOSSES))
def loss(request):
    return LOSSES[request.param](np.float64(1), np.float64(1 / N_DRAWS))


@pytest.fixture
def many_strata(monkeypatch):
    """Cut small data into blocks, too."""
    monkeypatch.setattr(_ranking_blocks, "BLOCK_PAIRS", 40)
    monkeypatch.setattr(_ranking_blocks, "LEAST_COLUMNS", 5)


def value(loss, seen, unseen):
    """Return the loss of a pair as its docstring has it."""
    if type(loss).__name__ == "PairwiseLoss":
        return np.logaddexp(0, unseen - seen)
    return loss.seen_weight * np.logaddexp(0, -seen) + np.logaddexp(0, unseen)


def unseen_of(X, i):
    return np.setdiff1d(np.arange(X.shape[1]), X.indices[X.indptr[i] : X.indptr[i + 1]])


# Losses


SCORES = list(itertools.product((-30.0, -1.5, 0.0, 0.7, 30.0), repeat=2))


def test_a_loss_is_its_formula(loss):
    for seen, unseen in SCORES:
        assert loss.pair_slopes(seen, unseen)[0] == pytest.approx(value(loss, seen, unseen))


def test_slopes_are_finite_differences(loss):
    step = 1e-5
    for s, u in SCORES:
        _, pull, push = loss.pair_slopes(s, u)
        by_seen = (value(loss, s + step, u) - value(loss, s - step, u)) / (2 * step)
        by_unseen = (value(loss, s, u + step) - value(loss, s, u - step)) / (2 * step)
        np.testing.assert_allclose([-pull, push], [by_seen, by_unseen], atol=1e-9)


def test_curvatures_are_finite_differences_of_slopes(loss):
    step = 1e-5
    for s, u in SCORES:
        first, both, second = loss.pair_curvatures(*loss.pair_slopes(s, u)[1:])
        by_seen = np.subtract(loss.pair_slopes(s + step, u), loss.pair_slopes(s - step, u))
        by_unseen = np.subtract(loss.pair_slopes(s, u + step), loss.pair_slopes(s, u - step))
        found = -by_seen[1], by_seen[2], by_unseen[2]
        np.testing.assert_allclose(np.divide(found, 2 * step), [first, both, second], atol=1e-9)


def test_scores_far_apart_do_not_overflow(loss):
    for s, u in itertools.product((-1e4, 1e4), repeat=2):
        assert np.isfinite(loss.pair_slopes(s, u)).all()


# Draws


def test_the_nth_unseen_is_found(rng):
    for n_seen in (0, 1, 4, 19):
        seen = np.sort(rng.choice(20, n_seen, replace=False))
        unseen = np.setdiff1d(np.arange(20), seen)
        padded = np.concatenate(([3], seen, [0]))
        found = [nth_unseen(padded, 1, 1 + n_seen, n) for n in range(len(unseen))]
        assert found == unseen.tolist()


def test_a_hash_is_that_of_splitmix():
    out = np.zeros(1, np.uint64)
    # The first numbers of the generator of Vigna (2015) at the seed 1234567.
    for counter, expected in enumerate((6457827717110365317, 3203168211198807973), start=1):
        hash_one(np.uint64(1234567), counter, out)
        assert int(out[0]) == expected


@pytest.mark.parametrize("n", [1, 7, 1000])
def test_draws_are_even(n):
    drawn = np.empty(20_000, np.int64)
    draw_many(np.uint64(5), n, drawn)
    assert 0 <= drawn.min() and drawn.max() < n
    groups = np.bincount(drawn * min(n, 7) // n)
    assert abs(groups - len(drawn) / len(groups)).max() < 5 * np.sqrt(len(drawn) / len(groups))


# Blocks


def test_blocks_of_a_round_share_no_row_and_no_column(plays, many_strata, rng):
    schedule = Schedule.of(plays, N_DRAWS, rng)
    n = schedule.n_strata
    assert n > 2
    columns = schedule.deal(rng, None)
    cells = []
    for p, q in itertools.product(range(n), repeat=2):
        listed = columns.listed[columns.begins[q] : columns.begins[q + 1]]
        assert (np.diff(listed) > 0).all()
        at = schedule.entries.begins[p, q]
        for o in range(schedule.edges[p], schedule.edges[p + 1]):
            end = schedule.entries.ends[q, o]
            seen = listed[schedule.entries.places[at:end]]
            assert (np.diff(seen) > 0).all()
            cells += [(schedule.order[o], j) for j in seen]
            at = end
    assert sorted(cells) == list(zip(*plays.nonzero(), strict=True))
    assert sorted(columns.listed) == list(range(plays.shape[1]))


def test_strata_hold_about_as_many_entries(many_strata, rng):
    X = sparse.random_array((300, 60), density=0.1, format="csr", rng=rng)
    schedule = Schedule.of(X, N_DRAWS, rng)
    counts = np.diff(X.indptr)[schedule.order]
    shares = [c.sum() for c in np.split(counts, schedule.edges[1:-1])]
    assert max(shares) - min(shares) <= 2 * counts.max()


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (3, 2)])
def test_any_shape_can_be_cut(shape, many_strata, rng):
    X = sparse.csr_array(np.ones(shape))
    schedule = Schedule.of(X, N_DRAWS, rng)
    schedule.deal(rng, None)
    assert 1 <= schedule.n_strata <= min(shape)


# Descent


def descent_of(X, loss, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    n_rows, n_columns = X.shape
    width = 16
    factors = Factors(
        rng.standard_normal((n_rows, width)).astype(dtype),
        rng.standard_normal((n_columns, width)).astype(dtype),
        rng.standard_normal(n_columns).astype(dtype),
        np.full(n_rows, 2, dtype),
        np.full(n_columns, 3, dtype),
    )
    steps = Steps(dtype(0.2), dtype(ALPHA), dtype(1), dtype(0.5), N_DRAWS)
    return Descent(Schedule.of(X, N_DRAWS, rng), factors, loss, steps, rng, None)


def plain_epoch(descent, X, seed):
    """Return factors, squares and mean loss after an epoch, in plain loops over a copy."""
    rng = np.random.default_rng(seed)
    U, V, b, row_squares, column_squares = (array.copy() for array in descent.factors)
    schedule, loss, rate = descent.schedule, descent.loss, descent.steps.rate
    columns = schedule.deal(rng, None)
    key = rng.integers(2**63, dtype=np.uint64)
    seen_before = np.concatenate(([0], np.cumsum(np.diff(X.indptr)[schedule.order])))
    values, out, n = [], np.zeros(1, np.int64), schedule.n_strata
    for shift, p in itertools.product(range(n), repeat=2):
        q = (p + shift) % n
        mine = np.flatnonzero(columns.stratum == q)
        for o in range(schedule.edges[p], schedule.edges[p + 1]):
            i = schedule.order[o]
            seen = np.intersect1d(mine, X.indices[X.indptr[i] : X.indptr[i + 1]])
            unseen = np.setdiff1d(mine, seen)
            before = seen_before[schedule.edges[p]]
            for r in range(schedule.edges[p], schedule.edges[p + 1]):
                theirs = X.indices[X.indptr[schedule.order[r]] : X.indptr[schedule.order[r] + 1]]
                strata = columns.stratum[theirs]
                before += np.sum(strata < q) + (np.sum(strata == q) if r < o else 0)
            for (t, j), draw in itertools.product(enumerate(seen), range(N_DRAWS)):
                if not len(unseen):
                    continue
                draw_one(key, (before + t) * N_DRAWS + draw, len(unseen), out)
                c = unseen[out[0]]
                s, u = U[o] @ V[j] + b[j], U[o] @ V[c] + b[c]
                values.append(value(loss, s, u))
                pull, push = -slope(loss, s, u, 0), slope(loss, s, u, 1)
                steps = rate / np.sqrt([row_squares[o], column_squares[j], column_squares[c]])
                row_squares[o] += (pull**2 + push**2) / 2
                column_squares[[j, c]] += pull**2, push**2
                shrink = 1 / (1 + steps * ALPHA)
                old = U[o].copy()
                U[o] = shrink[0] * (old + steps[0] * (pull * V[j] - push * V[c]))
                V[j] = shrink[1] * (V[j] + steps[1] * pull * old)
                V[c] = shrink[2] * (V[c] - steps[2] * push * old)
                b[j] = shrink[1] * (b[j] + steps[1] * pull)
                b[c] = shrink[2] * (b[c] - steps[2] * push)
    return U, V, b, row_squares, column_squares, np.mean(values)


def slope(loss, seen, unseen, which):
    if type(loss).__name__ == "PairwiseLoss":
        return expit(unseen - seen) * (1 if which else -1)
    return expit(unseen) if which else -loss.seen_weight * expit(-seen)


@kernel
def draw_one(key, counter, n, out):
    out[0] = drawn_below(key, counter, n)


def test_an_epoch_is_that_of_plain_loops(plays, loss, many_strata):
    descent = descent_of(plays, loss)
    *expected, expected_loss = plain_epoch(descent, plays, seed=7)
    descent.generator = np.random.default_rng(7)
    assert descent.epoch() == pytest.approx(expected_loss)
    for found, plain in zip(descent.factors, expected, strict=True):
        np.testing.assert_allclose(found, plain, rtol=1e-9, atol=1e-12)


def test_an_epoch_in_single_precision_is_near_that_in_double(plays, loss, many_strata):
    single = type(loss)(*map(np.float32, loss))
    descents = descent_of(plays, loss), descent_of(plays, single, dtype=np.float32)
    for descent in descents:
        descent.epoch()
    for double, found in zip(*(descent.factors for descent in descents), strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, double, rtol=1e-3, atol=1e-4)


def test_pieces_of_a_block_are_the_block(plays, loss, many_strata, monkeypatch):
    whole, pieces = descent_of(plays, loss), descent_of(plays, loss)
    whole.epoch()
    monkeypatch.setattr("sparsekit.factorization._ranking_descent.CALL_PAIRS", 7)
    pieces.epoch()
    for one, other in zip(whole.factors, pieces.factors, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_average_weighs_epochs_by_a_polynomial():
    array = np.zeros((5, 3))
    average = Average((array,), None)
    for epoch in (1, 2, 3, 4):
        array[:] = epoch
        average.add()
    # Weights of t: binomials of t + degree - 1 over degree, which end as t**degree.
    weights = np.array([1, 4, 10, 20])
    assert DEGREE == 3
    np.testing.assert_allclose(average.means[0], weights @ [1, 2, 3, 4] / weights.sum())


def test_visits_are_what_an_epoch_expects(plays, loss, monkeypatch):
    monkeypatch.setattr("sparsekit.factorization._ranking_fit.CALL_ENTRIES", 50)
    full = plays.toarray() > 0
    full[3] = True
    X = sparse.csr_array(full.astype(float))
    descent = descent_of(X, loss)
    U = np.empty_like(descent.factors.rows)
    U[descent.schedule.order] = descent.factors.rows
    squares = (descent.factors.columns**2).sum(axis=1) + descent.factors.biases**2
    pairs = [
        (U[i] ** 2).sum() + squares[j] + squares[~full[i]].mean()
        for i, j in zip(*X.nonzero(), strict=True)
        if not full[i].all()
    ]
    found = Visits(X).mean_square(descent.factors, descent.schedule.order)
    assert found == pytest.approx(np.mean(pairs))


# Codes of rows


@pytest.fixture
def side(plays, rng):
    """Return factors of the columns and their biases."""
    return rng.standard_normal((plays.shape[1], 3)), rng.standard_normal(plays.shape[1])


def row_objective(loss, V, b, seen, unseen):
    """Return the mean over all pairs, with the penalty, as a function of the code."""

    def objective(u):
        scores = V @ u + b
        losses = value(loss, scores[seen][:, None], scores[unseen][None])
        return losses.mean() + ALPHA / 2 * (u @ u)

    return objective


def test_a_code_is_the_minimum_over_all_pairs(plays, loss, side):
    codes = solve_codes(plays, *side, loss, ALPHA, None)
    for i in range(plays.shape[0]):
        seen, unseen = plays.indices[plays.indptr[i] : plays.indptr[i + 1]], unseen_of(plays, i)
        if not len(seen) or not len(unseen):
            np.testing.assert_array_equal(codes[i], 0)
            continue
        best = optimize.minimize(row_objective(loss, *side, seen, unseen), np.zeros(3), tol=1e-12)
        np.testing.assert_allclose(codes[i], best.x, atol=2e-5)


def test_a_code_in_single_precision_is_near_that_in_double(plays, loss, side):
    double = solve_codes(plays, *side, loss, ALPHA, None)
    single = type(loss)(*map(np.float32, loss))
    found = solve_codes(plays, *(part.astype(np.float32) for part in side), single, ALPHA, None)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, double, atol=2e-3)


@pytest.mark.parametrize("scale", [1e-3, 5.0, 30.0])
def test_newton_arrives_from_far(plays, loss, side, scale):
    V, b = scale * side[0], scale * side[1]
    codes = solve_codes(plays, V, b, loss, ALPHA, None)
    for i in (0, 1, 9):
        seen, unseen = plays.indices[plays.indptr[i] : plays.indptr[i + 1]], unseen_of(plays, i)
        objective = row_objective(loss, V, b, seen, unseen)
        best = optimize.minimize(objective, codes[i], method="Nelder-Mead")
        assert objective(codes[i]) <= best.fun * (1 + 1e-6) + 1e-9


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_code_is_never_worse_than_none(plays, loss, side, dtype):
    V, b = 1e4 * side[0].astype(dtype), 1e4 * side[1].astype(dtype)
    codes = solve_codes(plays, V, b, type(loss)(*map(dtype, loss)), ALPHA, None)
    assert np.isfinite(codes).all()
    for i in (0, 1, 9):
        seen, unseen = plays.indices[plays.indptr[i] : plays.indptr[i + 1]], unseen_of(plays, i)
        objective = row_objective(loss, V, b, seen, unseen)
        assert objective(codes[i]) <= objective(np.zeros(3)) * (1 + 1e-5)


def test_drawn_pairs_stand_for_all(loss, rng, monkeypatch):
    X = sparse.random_array((20, 400), density=0.05, format="csr", rng=rng)
    V, b = rng.standard_normal((400, 3)), rng.standard_normal(400)
    found = []
    for row_pairs in (50, 5_000, 200_000):
        monkeypatch.setattr(_ranking_rows, "ROW_PAIRS", row_pairs)
        found.append(solve_codes(X, V, b, loss, ALPHA, None))
    few, many, every = found
    assert np.linalg.norm(many - every) < 0.2 * np.linalg.norm(every)
    assert np.linalg.norm(many - every) < 0.3 * np.linalg.norm(few - every)


def test_a_row_has_one_code_wherever_it_stands(plays, loss, side, monkeypatch):
    monkeypatch.setattr(_ranking_rows, "ROW_PAIRS", 30)
    monkeypatch.setattr(_ranking_rows, "CALL_PRODUCTS", 5000)
    codes = solve_codes(plays, *side, loss, ALPHA, None)
    order = np.random.default_rng(1).permutation(plays.shape[0])
    for n_jobs in (1, 2, 3):
        np.testing.assert_array_equal(
            solve_codes(plays[order], *side, loss, ALPHA, n_jobs), codes[order]
        )
    for i in (0, 5, 9):
        np.testing.assert_array_equal(solve_codes(plays[[i]], *side, loss, ALPHA, 1)[0], codes[i])


def test_no_rows_have_no_codes(plays, loss, side):
    assert solve_codes(plays[:0], *side, loss, ALPHA, None).shape == (0, 3)
