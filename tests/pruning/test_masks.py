"""Masks keep exactly what was asked for; allocations and schedules are what their papers say."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit.pruning import SET, Blocks, Cubic, Iterative, Neurons, NofM, OneShot, RigL, Weights
from sparsekit.pruning._allocation import erdos_renyi_sparsity, sensitive_sparsity
from sparsekit.pruning._controllers import _steps_due
from sparsekit.pruning._masks import build_masks, shares_removed
from sparsekit.pruning._schedules import falling_share

SHAPES = [(30, 20), (20, 10), (10, 4)]


def make_scores(seed=0, shapes=SHAPES):
    rng = np.random.default_rng(seed)
    return [rng.random(shape) for shape in shapes]


def kept(masks):
    return sum(int(mask.sum()) for mask in masks)


@settings(max_examples=60, deadline=None)
@given(
    sparsity=st.floats(0, 0.999),
    shapes=st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), min_size=1, max_size=3),
    seed=st.integers(0, 9),
    levels=st.integers(1, 50),
)
def test_global_masks_keep_exactly_the_stated_number_with_ties_too(sparsity, shapes, seed, levels):
    scores = [np.floor(S * levels) for S in make_scores(seed, shapes)]
    total = sum(S.size for S in scores)
    wanted = round((1 - sparsity) * total)
    if wanted < len(shapes):
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Layer .* would lose all of its weights")
        masks = build_masks(scores, Weights(), "global", sparsity)
    assert kept(masks) == wanted


def test_global_masks_keep_the_best_of_all():
    scores = make_scores()
    masks = build_masks(scores, Weights(), "global", 0.8)
    least_kept = min(S[mask].min() for S, mask in zip(scores, masks))
    best_removed = max(S[~mask].max() for S, mask in zip(scores, masks))
    assert least_kept >= best_removed


@pytest.mark.parametrize("allocation", ["uniform", [0.5, 0.25, 0.0]])
def test_shares_by_layer_are_exact(allocation):
    masks = build_masks(make_scores(), Weights(), allocation, 0.7)
    shares = [0.7] * 3 if allocation == "uniform" else allocation
    assert [int(mask.sum()) for mask in masks] == [
        round((1 - share) * mask.size) for share, mask in zip(shares, masks)
    ]


def test_sparsity_zero_keeps_everything():
    for allocation in ("global", "erk", "uniform"):
        masks = build_masks(make_scores(), Weights(), allocation, 0.0)
        assert all(mask.all() for mask in masks)


def test_a_layer_left_empty_keeps_its_best_weight_and_warns():
    scores = make_scores()
    scores[1] -= 10
    with pytest.warns(UserWarning, match="Layer 1 would lose all of its weights"):
        masks = build_masks(scores, Weights(), "global", 0.9)
    assert masks[1].sum() == 1
    assert masks[1].flat[np.argmax(scores[1])]
    assert kept(masks) == round(0.1 * sum(S.size for S in scores))


@pytest.mark.parametrize("block", [(4, 4), (1, 16), (16, 1), (3, 7), (5, 4)])
def test_blocks_go_as_one_and_add_up(block):
    masks = build_masks(make_scores(), Blocks(block), "uniform", 0.5)
    for mask in masks:
        for i in range(0, mask.shape[0], block[0]):
            for j in range(0, mask.shape[1], block[1]):
                part = mask[i : i + block[0], j : j + block[1]]
                assert part.all() or not part.any()
        largest = min(block[0], mask.shape[0]) * min(block[1], mask.shape[1])
        assert mask.sum() <= 0.5 * mask.size or mask.sum() == largest
        assert mask.sum() > 0.5 * mask.size - largest


def test_blocks_are_chosen_by_their_mean_score():
    scores = [np.kron([[1.0, 5.0], [3.0, 2.0]], np.ones((2, 2)))]
    (mask,) = build_masks(scores, Blocks((2, 2)), "global", 0.5)
    assert np.array_equal(mask[::2, ::2], [[False, True], [True, False]])


@pytest.mark.parametrize("n, m", [(2, 4), (1, 4), (4, 8), (3, 3)])
def test_pattern_keeps_the_best_n_of_every_m_inputs(n, m):
    scores = make_scores(shapes=[(22, 5)])
    (mask,) = build_masks(scores, NofM(n, m), "global", 1 - n / m)
    for start in range(0, 22, m):
        group = scores[0][start : start + m]
        found = mask[start : start + m]
        assert (found.sum(axis=0) <= n).all()
        for j in range(5):
            if found[:, j].sum() == min(n, len(group)):
                best = np.sort(group[:, j])[::-1][: min(n, len(group))]
                assert np.array_equal(np.sort(group[found[:, j], j])[::-1], best)


def test_pattern_may_be_sparser_still():
    masks = build_masks(make_scores(), NofM(2, 4), "global", 0.9)
    assert shares_removed(masks) == pytest.approx(0.9, abs=1e-3)


def test_neurons_are_whole_columns():
    masks = build_masks(make_scores(), Neurons(), "uniform", 0.5)
    assert all((mask.all(axis=0) | ~mask.any(axis=0)).all() for mask in masks)


@pytest.mark.parametrize("sparsity", [0.1, 0.5, 0.9, 0.99])
def test_erdos_renyi_shares_make_up_the_whole(sparsity):
    shapes = [(784, 300), (300, 100), (100, 10)]
    sizes = np.array([np.prod(shape) for shape in shapes])
    shares = np.array(erdos_renyi_sparsity(shapes, sparsity))
    assert (shares >= 0).all() and (shares < 1).all()
    assert np.sum(shares * sizes) == pytest.approx(sparsity * sizes.sum())
    # Density goes with (inputs + outputs) / (inputs * outputs) wherever it is below one.
    free = shares > 0
    raw = np.array([(a + b) / (a * b) for a, b in shapes])
    ratios = ((1 - shares) / raw)[free]
    np.testing.assert_allclose(ratios, ratios[0])


def test_sensitive_layers_are_spared():
    levels = np.array([0.0, 0.5, 0.9])
    curve = {"sparsity": levels, "change": np.array([[0, 0, 0.01], [0, 0.3, 0.7]])}
    shares = sensitive_sparsity(curve, [100, 100], 0.45)
    assert shares == pytest.approx([0.9, 0.0])
    shares = sensitive_sparsity(curve, [100, 100], 0.95)
    assert np.mean(shares) == pytest.approx(0.95)
    assert max(shares) < 1


def test_schedules_rise_to_the_target():
    for schedule in (OneShot(), Iterative(), Cubic(), RigL(), SET()):
        steps = schedule.steps(0.9)
        assert steps[-1] == 0.9
        assert np.all(np.diff(steps) > 0)


def test_iterative_removes_the_same_share_of_what_is_left():
    densities = 1 - np.array([0.0, *Iterative(4).steps(0.9)])
    np.testing.assert_allclose(densities[1:] / densities[:-1], 0.1 ** (1 / 4))


def test_cubic_is_zhu_and_guptas_formula():
    steps = Cubic(10).steps(0.8)
    expected = [0.8 + (0 - 0.8) * (1 - t / 10) ** 3 for t in range(1, 11)]
    np.testing.assert_allclose(steps, expected)


@pytest.mark.parametrize("n_steps", [1, 2, 7, 100, 1000])
@pytest.mark.parametrize("until", [0.01, 0.75, 1.0])
def test_the_target_is_reached_in_trainings_of_any_length(n_steps, until):
    due = [_steps_due(step, n_steps, until, 50) for step in range(n_steps)]
    assert due[-1] == 50
    assert np.all(np.diff(due) >= 0)


@pytest.mark.parametrize("schedule", [RigL(0.5), SET(0.5)])
def test_rewiring_keeps_the_number_and_drops_the_smallest(schedule):
    rng = np.random.default_rng(0)
    W = rng.standard_normal((20, 10))
    mask = rng.random((20, 10)) < 0.3
    W[~mask] = 0
    G = rng.standard_normal((20, 10))
    new = schedule.rewire(W, G, mask, 0.0, np.random.default_rng(1))
    n = int(0.5 * mask.sum())
    assert new.sum() == mask.sum()
    dropped, grown = mask & ~new, new & ~mask
    assert dropped.sum() == grown.sum() == n
    assert np.abs(W[dropped]).max() <= np.abs(W[mask & new]).min()
    if isinstance(schedule, RigL):
        assert np.abs(G[grown]).min() >= np.abs(G[~mask & ~new]).max()


def test_rewiring_dies_out():
    assert falling_share(0.4, 0.0) == pytest.approx(0.4)
    assert falling_share(0.4, 0.5) == pytest.approx(0.2)
    assert falling_share(0.4, 1.0) == pytest.approx(0.0)
