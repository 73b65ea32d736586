"""Signals and dictionaries that tests of codes share."""

import numpy as np
import pytest

from tests.conftest import read_only


@pytest.fixture(scope="session")
def signals():
    """60 signals of 12 features around few directions, so that atoms are correlated."""
    rng = np.random.default_rng(3)
    mixed = rng.standard_normal((60, 4)) @ rng.standard_normal((4, 12))
    return read_only(mixed + 0.3 * rng.standard_normal((60, 12)))


@pytest.fixture(scope="session")
def dictionary(signals):
    """30 atoms of 12 features, of unequal lengths, made from other signals."""
    rng = np.random.default_rng(4)
    weights = rng.standard_normal((30, 60)) * (rng.random((30, 60)) < 0.1)
    return read_only(weights @ signals + 0.2 * rng.standard_normal((30, 12)))
