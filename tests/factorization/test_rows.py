"""One ridge-like system for every row: each way to solve it against dense linear algebra."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize, sparse

from sparsekit._simd import aligned_empty
from sparsekit.factorization import _rows
from sparsekit.factorization._entry_losses import Confidences, Ratings
from sparsekit.factorization._rows import (
    ConjugateGradients,
    CoordinateDescent,
    Exact,
    Rows,
    padded_factors,
)

RANK = 13
RATINGS = Ratings(0.4)
CONFIDENCES = Confidences(3.0, 0.5)


def make_rows(loss=RATINGS, dtype=np.float64, rank=RANK, n_rows=30, seed=0, **more):
    """Return systems whose rows have from none to all of the 40 columns."""
    rng = np.random.default_rng(seed)
    dense = 0.5 + rng.random((n_rows, 40))
    dense *= rng.random(dense.shape) < np.linspace(0, 1, n_rows)[:, None]
    X = sparse.csr_array(dense.astype(dtype))
    parts = {
        "offset": rng.standard_normal(40).astype(dtype),
        "weight": rng.random(X.nnz).astype(dtype),
        "base": 0.1 * np.atleast_2d(np.cov(rng.standard_normal((rank, 60)))).astype(dtype),
        "scale": rng.random(n_rows).astype(dtype),
        "linear": rng.standard_normal((n_rows, rank)).astype(dtype),
    }
    given = {name: parts[name] for name, wanted in more.items() if wanted}
    factors = padded_factors(rng.standard_normal((40, rank)), np.dtype(dtype))
    ridge = 0.5 + rng.random(n_rows)
    return Rows(X, loss, factors, rank, ridge.astype(dtype), **given)


def systems(rows):
    """Yield matrix, right side and constant of each row's objective, in double precision."""
    vectors = rows.factors[:, : rows.rank].astype(np.float64)
    X = rows.X
    for i in range(X.shape[0]):
        at = slice(X.indptr[i], X.indptr[i + 1])
        x, j = X.data[at].astype(np.float64), X.indices[at]
        w = np.ones(len(j)) if rows.weight is None else rows.weight[at].astype(np.float64)
        offset = np.zeros(len(j)) if rows.offset is None else rows.offset[j].astype(np.float64)
        if isinstance(rows.loss, Ratings):
            curvature, target = w, x - rows.loss.mean - offset
            pull, constant = w * target, w @ target**2
        else:
            curvature = w * rows.loss.scale * x
            pull = w * rows.loss.unobserved + curvature
            constant = pull.sum()
        gram = (vectors[j].T * curvature) @ vectors[j] + rows.ridge[i] * np.eye(rows.rank)
        if rows.base is not None:
            gram += rows.base * (1.0 if rows.scale is None else rows.scale[i])
        right = vectors[j].T @ pull
        if rows.linear is not None:
            right = right + rows.linear[i]
        yield gram, right, constant


def exact_codes(rows):
    return np.array([np.linalg.solve(gram, right) for gram, right, _ in systems(rows)])


def objective(rows, codes):
    return sum(
        float(z @ gram @ z - 2 * right @ z + constant)
        for z, (gram, right, constant) in zip(codes.astype(np.float64), systems(rows), strict=True)
    )


def descent(n_rows, n_sweeps=1000):
    return CoordinateDescent(np.zeros(n_rows), False, RANK, n_sweeps)


METHODS = {
    "conjugate gradients": ConjugateGradients(60),
    "Cholesky": Exact(),
    "coordinate descent": descent(30),
}
SYSTEMS = {
    "ratings": {},
    "offsets and weights": {"offset": True, "weight": True},
    "a form": {"loss": CONFIDENCES, "base": True},
    "a form and weights": {"loss": CONFIDENCES, "base": True, "weight": True},
    "a scaled form and a linear part": {"base": True, "scale": True, "linear": True},
    "a linear part": {"linear": True},
}


# Signed factors of confidences are not on offer: kernels nobody needs are not compiled.
PAIRS = [
    (method, case)
    for method in METHODS
    for case in SYSTEMS
    if method != "coordinate descent" or "loss" not in SYSTEMS[case]
]


@pytest.mark.parametrize(("method", "case"), PAIRS)
def test_every_method_solves_every_system(method, case):
    rows = make_rows(**SYSTEMS[case])
    codes, total = METHODS[method].solve(rows, np.zeros((30, RANK)), None)
    # Descents end at steps of a millionth of the code, and short of the end.
    atol = 1e-4 if method == "coordinate descent" else 1e-9
    np.testing.assert_allclose(codes, exact_codes(rows), atol=atol)
    assert total == pytest.approx(objective(rows, codes), rel=1e-9)


@pytest.mark.parametrize("case", SYSTEMS)
@pytest.mark.parametrize("n_steps", [1, 3])
def test_beyond_the_lowest_place_the_objective_still_falls(case, n_steps):
    rows = make_rows(**SYSTEMS[case])
    start = np.random.default_rng(1).standard_normal((30, RANK))
    lowest, least = ConjugateGradients(n_steps).solve(rows, start, None)
    codes, total = ConjugateGradients(n_steps, 1.5).solve(rows, start, None)
    # Where nothing pulls at a row, zero is known to be its minimum.
    pulled = np.diff(rows.X.indptr) > 0 if rows.linear is None else np.full(30, True)
    np.testing.assert_allclose(
        codes, np.where(pulled[:, None], start + 1.5 * (lowest - start), 0), atol=1e-12
    )
    assert total == pytest.approx(objective(rows, codes), rel=1e-9)
    assert least < total < objective(rows, start)


def test_a_start_in_other_axes_is_turned():
    rows, axes = make_rows(loss=CONFIDENCES, base=True).turned()
    start = np.random.default_rng(1).standard_normal((30, RANK))
    for method in (ConjugateGradients(2), CoordinateDescent(np.zeros(30), False, RANK, 2)):
        codes, total = method.solve(rows, start, None, axes)
        expected, same = method.solve(rows, start @ axes, None)
        np.testing.assert_allclose(codes, expected, atol=1e-12)
        assert total == pytest.approx(same, rel=1e-12)


@pytest.mark.parametrize("case", ["offsets and weights", "a form"])
@pytest.mark.parametrize("method", ["conjugate gradients", "Cholesky"])
def test_single_precision_is_near(method, case):
    rows = make_rows(dtype=np.float32, **SYSTEMS[case])
    codes, total = METHODS[method].solve(rows, np.zeros((30, RANK), np.float32), None)
    assert codes.dtype == np.float32
    np.testing.assert_allclose(codes, exact_codes(rows), atol=2e-5)
    assert total == pytest.approx(objective(rows, codes), rel=1e-4)


@pytest.mark.parametrize("rank", [1, 2, 8, 16, 33])
def test_rows_of_every_length_are_solved_at_every_rank(rank):
    rows = make_rows(rank=rank, seed=rank, n_rows=41, base=True)
    codes, _ = Exact().solve(rows, np.zeros((41, rank)), None)
    np.testing.assert_allclose(codes, exact_codes(rows), atol=1e-9)


@pytest.mark.parametrize("case", ["offsets and weights", "a form"])
def test_steps_of_conjugate_gradients_never_make_it_worse(case):
    rows = make_rows(**SYSTEMS[case])
    start = np.random.default_rng(1).standard_normal((30, RANK))
    values = [objective(rows, start)]
    for n_steps in (1, 2, 3, 6):
        codes, total = ConjugateGradients(n_steps).solve(rows, start, None)
        assert total == pytest.approx(objective(rows, codes), rel=1e-9)
        values.append(total)
    assert (np.diff(values) < 0).all()


def test_more_steps_of_conjugate_gradients_than_there_are_numbers_do_no_harm():
    rows = make_rows(dtype=np.float32, **SYSTEMS["a form"])
    few, many = (
        ConjugateGradients(n).solve(rows, np.zeros((30, RANK), np.float32), None)[0]
        for n in (2 * RANK, 500)
    )
    np.testing.assert_allclose(many, few, atol=1e-5)


def test_a_matrix_without_a_factor_in_its_type_is_solved_all_the_same():
    # In float32 the ridge is lost beside the entries: fewer of them than there are numbers.
    rows = make_rows(dtype=np.float32)
    rows = replace(rows, ridge=np.full(30, 1e-12, np.float32))
    codes, _ = Exact().solve(rows, np.zeros((30, RANK), np.float32), None)
    assert np.isfinite(codes).all()
    vectors = rows.factors[:, :RANK].astype(np.float64)
    for i in (4, 8, 20, 29):
        j, x = rows.X[[i]].indices, rows.X[[i]].data
        least = np.linalg.lstsq(vectors[j], x - 0.4)[0]
        errors = vectors[j] @ codes[i] - (x - 0.4)
        assert errors @ errors <= np.sum((vectors[j] @ least - (x - 0.4)) ** 2) + 1e-5


# Draws


@pytest.mark.parametrize("case", ["offsets and weights", "a form"])
def test_draws_have_the_mode_as_mean_and_the_inverse_matrix_as_covariance(case):
    # A code is linear in its noise: unit vectors show the square root of the covariance.
    one = make_rows(n_rows=4, **SYSTEMS[case])
    at = slice(one.X.indptr[2], one.X.indptr[3])
    weight = None if one.weight is None else np.tile(one.weight[at], RANK + 1)
    X = sparse.csr_array(sparse.vstack([one.X[[2]]] * (RANK + 1)))
    rows = replace(one, X=X, weight=weight, ridge=np.full(RANK + 1, one.ridge[2]))
    noise = np.vstack((np.zeros(RANK), np.eye(RANK)))
    draws, _ = Exact(noise).solve(rows, np.zeros((RANK + 1, RANK)), None)
    gram, right, _ = next(systems(rows))
    np.testing.assert_allclose(draws[0], np.linalg.solve(gram, right), atol=1e-10)
    roots = draws[1:] - draws[0]
    np.testing.assert_allclose(roots.T @ roots, np.linalg.inv(gram), atol=1e-10)


# Signs and absolute values


def test_non_negative_rows_are_those_of_scipy():
    rows = make_rows(**SYSTEMS["offsets and weights"])
    method = CoordinateDescent(np.zeros(30), True, RANK, 1000)
    codes, total = method.solve(rows, np.abs(exact_codes(rows)), None)
    for z, (gram, right, _) in zip(codes, systems(rows), strict=True):
        root = np.linalg.cholesky(gram).T
        expected, _ = optimize.nnls(root, np.linalg.solve(root.T, right))
        np.testing.assert_allclose(z, expected, atol=1e-4)
    assert total == pytest.approx(objective(rows, codes), rel=1e-9)


@pytest.mark.parametrize("positive", [False, True])
def test_thresholds_leave_gradients_within_them(positive):
    rows = make_rows(**SYSTEMS["offsets and weights"])
    thresholds = np.linspace(0.5, 4, 30)
    method = CoordinateDescent(thresholds, positive, RANK - 1, 1000)
    codes, total = method.solve(rows, np.ones((30, RANK)), None)
    signed, free = codes[:, :-1], codes[:, -1]
    for z, (gram, right, _), t in zip(codes, systems(rows), thresholds, strict=True):
        gradient = gram @ z - right
        # The last number, a bias, has no threshold and either sign.
        assert abs(gradient[-1]) < 1e-5
        moved = z[:-1] != 0
        np.testing.assert_allclose(gradient[:-1][moved], -t * np.sign(z[:-1][moved]), atol=1e-5)
        assert (gradient[:-1] >= -t - 1e-5).all()
        assert positive or (gradient[:-1] <= t + 1e-5).all()
    assert 0.1 < np.mean(signed == 0) < 0.9 and (free < 0).any()
    assert (signed >= 0).all() == positive
    size = 2 * thresholds @ np.abs(signed).sum(axis=1)
    assert total == pytest.approx(objective(rows, codes) + size, rel=1e-9)


def test_what_nothing_depends_on_becomes_zero():
    rows = replace(make_rows(), ridge=np.zeros(30))
    codes, _ = CoordinateDescent(np.full(30, 0.1), False, RANK).solve(
        rows, np.ones((30, RANK)), None
    )
    assert not codes[0].any()


def test_sweeps_of_coordinate_descent_never_make_it_worse():
    rows = make_rows(**SYSTEMS["a scaled form and a linear part"])
    start = np.random.default_rng(1).standard_normal((30, RANK))
    totals = [descent(30, n).solve(rows, start, None)[1] for n in (1, 2, 4, 8)]
    assert objective(rows, start) > totals[0] and (np.diff(totals) < 0).all()


# Threads and company


@pytest.mark.parametrize("method", METHODS)
def test_threads_and_other_rows_do_not_change_a_bit(method):
    few = make_rows(offset=True, weight=True, base=method != "coordinate descent")
    n_copies = 60
    X = sparse.csr_array(sparse.vstack([few.X] * n_copies))
    many = replace(
        few, X=X, weight=np.tile(few.weight, n_copies), ridge=np.tile(few.ridge, n_copies)
    )
    way = METHODS[method]
    if method == "coordinate descent":
        way = descent(len(many.ridge))
    start = np.random.default_rng(1).standard_normal((30, RANK))
    alone = METHODS[method].solve(few, start, None)[0]
    starts = np.tile(start, (n_copies, 1))
    found = [way.solve(many, starts, n_jobs) for n_jobs in (1, 2, 3)]
    for codes, total in found:
        np.testing.assert_array_equal(codes, found[0][0])
        assert total == found[0][1]
    np.testing.assert_allclose(found[0][0], np.tile(alone, (n_copies, 1)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("method", "case"), PAIRS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_memory_held_before_changes_nothing(method, case, dtype, monkeypatch):
    rows, found = make_rows(dtype=dtype, **SYSTEMS[case]), []

    def filled_with(value):
        def fill(shape, dtype):
            array = aligned_empty(shape, dtype)
            array.fill(value)
            return array

        return fill

    for value in (0.0, np.nan, 1e30):
        monkeypatch.setattr(_rows, "aligned_empty", filled_with(value))
        found.append(METHODS[method].solve(rows, np.ones((30, RANK), dtype), None))
    for codes, total in found[1:]:
        np.testing.assert_array_equal(codes, found[0][0])
        assert total == found[0][1]


def test_the_start_is_not_written_to():
    rows = make_rows()
    start = np.ones((30, RANK))
    start.setflags(write=False)
    for method in METHODS.values():
        method.solve(rows, start, None)
