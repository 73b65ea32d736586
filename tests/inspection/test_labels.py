"""Names move apart, and no further than they must."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from sparsekit.inspection._labels import shorten, spread


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12))
def test_neighbours_are_a_gap_apart_and_inside_the_limits(targets):
    targets = np.sort(targets)
    placed = spread(targets, 0.05, 0.02, 0.98)
    assert np.all(np.diff(placed) >= 0.05 - 1e-12)
    assert placed[0] >= 0.02 - 1e-12 and placed[-1] <= 0.98 + 1e-12


def test_names_that_are_apart_do_not_move():
    targets = np.array([0.1, 0.3, 0.9])
    np.testing.assert_allclose(spread(targets, 0.1, 0.0, 1.0), targets)


def test_names_move_the_least_in_squares():
    targets = np.array([0.1, 0.12, 0.13, 0.5, 0.98, 1.0])
    constraints = {"type": "ineq", "fun": lambda places: np.diff(places) - 0.1}
    best = minimize(
        lambda places: np.sum((places - targets) ** 2),
        np.linspace(0.0, 1.0, 6),
        bounds=[(0.05, 0.95)] * 6,
        constraints=constraints,
    ).x
    np.testing.assert_allclose(spread(targets, 0.1, 0.05, 0.95), best, atol=1e-4)


def test_no_names_need_no_places():
    assert spread(np.array([]), 0.1, 0.0, 1.0).size == 0


@pytest.mark.parametrize(
    ("name", "n_characters", "expected"),
    [("short", 5, "short"), ("abcdefghij", 5, "ab…ij"), ("abcdefghij", 6, "abc…ij")],
)
def test_long_names_keep_both_ends(name, n_characters, expected):
    assert shorten(name, n_characters) == expected
