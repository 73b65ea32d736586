"""What every penalty promises, tested once for all of `sparsekit.penalties`."""

import numpy as np
import pytest

from sparsekit import penalties
from sparsekit._compile import kernel
from sparsekit.penalties import L1, L2, Box, ElasticNet

# Beside the defaults: other strengths, the ends of the ranges, both kinds of bounds.
OTHERS = [
    L1(0.3),
    L1(0.0),
    L2(0.7),
    L2(0.0),
    ElasticNet(0.8, 0.25),
    ElasticNet(0.5, 0.0),
    ElasticNet(0.5, 1.0),
    Box(-0.5, 1.25),
    Box(-1.0, 0.0),
]
BASES = [L1(0.3), L2(0.7), ElasticNet(0.8, 0.25)]


def instances():
    """Return penalties of every public kind; a new kind is found by its name alone."""
    found = list(OTHERS)
    for name in penalties.__all__:
        kind = getattr(penalties, name)
        found += [kind(base) for base in BASES] if "base" in kind._fields else [kind()]
    return found


INSTANCES = instances()
EVERY = pytest.mark.parametrize("penalty", INSTANCES, ids=str)
SMOOTH_PIECES = pytest.mark.parametrize(
    "penalty", [p for p in INSTANCES if hasattr(p, "slope")], ids=str
)
WITH_STRENGTH = pytest.mark.parametrize(
    "penalty", [p for p in INSTANCES if hasattr(p, "critical_alpha")], ids=str
)
CERTIFIED = pytest.mark.parametrize("penalty", [p for p in INSTANCES if p.reach > 0], ids=str)

SPACING = 1e-3
GRID = SPACING * np.arange(-12_000, 12_001)
# None lies on an edge, where rounding would decide what moves.
VALUES = np.array([-3.0, -1.1, -0.31, -0.19, 0.0, 0.1, 0.29, 0.85, 2.5])
STEPS = (0.25, 1.0, 2.5)


@kernel
def evaluate(penalty, v, step, value, prox):
    """Overwrite `value` and `prox` with the penalty's answers at every entry of `v`."""
    for i in range(v.shape[0]):
        value[i] = penalty.value(v[i])
        prox[i] = penalty.prox(v[i], step)


def compiled(penalty, v, step):
    """Return value and prox as kernels see them."""
    value, prox = np.empty_like(v), np.empty_like(v)
    evaluate(penalty, v, step, value, prox)
    return value, prox


@EVERY
@pytest.mark.parametrize("step", STEPS)
def test_prox_minimises_its_objective(penalty, step):
    found = penalty.prox(VALUES, step)
    on_grid = penalty.value(GRID) + (GRID - VALUES[:, None]) ** 2 / (2 * step)
    reached = penalty.value(found) + (found - VALUES) ** 2 / (2 * step)
    assert (reached <= on_grid.min(axis=1) + 1e-14).all()
    # The objective is strongly convex, so a low value alone does not excuse a wrong place.
    np.testing.assert_allclose(found, GRID[on_grid.argmin(axis=1)], rtol=0, atol=SPACING)


@EVERY
def test_prox_over_a_vanishing_step_keeps_what_is_allowed(penalty):
    inside = VALUES[np.isfinite(penalty.value(VALUES))]
    np.testing.assert_array_equal(penalty.prox(inside, 0.0), inside)


@EVERY
@pytest.mark.parametrize("step", STEPS)
def test_scalar_array_and_compiled_calls_agree(penalty, step):
    value, prox = penalty.value(VALUES), penalty.prox(VALUES, step)
    np.testing.assert_array_equal([penalty.value(v) for v in VALUES], value)
    np.testing.assert_array_equal([penalty.prox(v, step) for v in VALUES], prox)
    compiled_value, compiled_prox = compiled(penalty, VALUES, step)
    # Kernels may fuse a product with a sum.
    np.testing.assert_allclose(compiled_value, value, rtol=4e-16, atol=1e-16)
    np.testing.assert_allclose(compiled_prox, prox, rtol=4e-16, atol=1e-16)


def test_every_flavour_of_number_meets_the_same_compiled_kernel():
    _, expected = compiled(L1(0.5), VALUES, 1.0)
    n_types = len(evaluate.signatures)
    for alpha in (np.float32(0.5), np.float64(0.5), np.array(0.5)[()]):
        np.testing.assert_array_equal(compiled(L1(alpha), VALUES, 1.0)[1], expected)
    compiled(L1(1), VALUES, 1.0)
    assert len(evaluate.signatures) == n_types


@EVERY
def test_conjugate_is_the_largest_product_less_value(penalty):
    v = np.unique(np.clip(VALUES, -penalty.reach, penalty.reach))
    brute = (v[:, None] * GRID - penalty.value(GRID)).max(axis=1)
    # Between two points of the grid lies at most a parabola of curvature `bend`.
    lost = 0.5 * penalty.bend(np.ones(1))[0] * SPACING**2 if hasattr(penalty, "bend") else 0.0
    np.testing.assert_allclose(penalty.conjugate(v), brute, rtol=1e-12, atol=lost + 1e-14)


@pytest.mark.parametrize("penalty", [p for p in INSTANCES if p.reach < np.inf], ids=str)
def test_conjugate_is_infinite_just_beyond_reach(penalty):
    v = np.array([[-1.0], [1.0]]) * (1.05 * penalty.reach + 0.01)
    near, far = ((v * grid - penalty.value(grid)).max() for grid in (GRID[abs(GRID) <= 6.0], GRID))
    assert far > near > 0


@CERTIFIED
def test_value_and_conjugate_meet_at_a_subgradient(penalty):
    w = penalty.prox(VALUES, 1.0)
    v = VALUES - w
    np.testing.assert_allclose(penalty.value(w) + penalty.conjugate(v), v * w, atol=1e-15)


@CERTIFIED
def test_dual_scale_brings_a_gradient_into_reach(penalty):
    for w in np.unique(penalty.prox(VALUES, 1.0)):
        scale = penalty.dual_scale(VALUES, np.full_like(VALUES, w))
        assert (scale >= 0).all() and (scale <= 1).all()
        brought = scale * VALUES
        if penalty.reach < np.inf:
            beyond = (brought[:, None] * GRID - penalty.value(GRID)).max(axis=1)
            np.testing.assert_allclose(beyond, penalty.conjugate(brought), atol=1e-13)
        assert np.isfinite(penalty.conjugate(brought)).all()


@CERTIFIED
def test_dual_scale_is_one_at_a_subgradient(penalty):
    """Otherwise no certificate would ever close."""
    w = penalty.prox(VALUES, 1.0)
    np.testing.assert_allclose(penalty.dual_scale(VALUES - w, w), 1.0, rtol=1e-14)


@EVERY
@pytest.mark.parametrize("curvature", [0.4, 1.0, 7.0])
def test_slack_is_negative_exactly_where_prox_moves_zero(penalty, curvature):
    moved = penalty.prox(VALUES / curvature, 1.0 / curvature) != 0
    np.testing.assert_array_equal(penalty.slack(VALUES) < 0, moved)


@SMOOTH_PIECES
def test_slope_and_bend_are_the_derivatives_away_from_zero(penalty):
    delta = 1e-4
    w = VALUES[np.isfinite(penalty.value(VALUES)) & (VALUES != 0)]
    after, here, before = (penalty.value(w + d) for d in (delta, 0.0, -delta))
    # The pieces are parabolas: differences are exact but for rounding.
    rounding = 4 * np.finfo(float).eps * here.max()
    np.testing.assert_allclose(
        penalty.slope(w), (after - before) / (2 * delta), atol=rounding / delta
    )
    np.testing.assert_allclose(
        penalty.bend(w), (after - 2 * here + before) / delta**2, atol=rounding / delta**2
    )


@SMOOTH_PIECES
def test_kink_is_the_jump_of_the_slope_at_zero(penalty):
    delta = 1e-9
    jump = (penalty.value(delta) + penalty.value(-delta) - 2 * penalty.value(0.0)) / delta
    np.testing.assert_allclose(penalty.kink, jump, rtol=1e-7, atol=1e-7)


@WITH_STRENGTH
def test_critical_alpha_is_the_smallest_strength_that_holds_zero(penalty):
    for v, critical in zip(VALUES, penalty.critical_alpha(VALUES)):
        if np.isfinite(critical):
            assert penalty.with_alpha(1.001 * critical).prox(v, 1.0) == 0
        if critical > 0:
            just_below = min(0.999 * critical, 1e6)
            assert penalty.with_alpha(just_below).prox(v, 1.0) != 0


@WITH_STRENGTH
def test_with_alpha_changes_the_strength_alone(penalty):
    strength = (penalty.base if hasattr(penalty, "base") else penalty).alpha
    other = penalty.with_alpha(2.0 * strength)
    assert type(other) is type(penalty)
    # Doubling the strength doubles the penalty; infinity stays.
    np.testing.assert_allclose(other.value(GRID), 2.0 * penalty.value(GRID))
    assert other.with_alpha(strength) == penalty
