"""Drawing without a screen; figures are closed after each test."""

import numpy as np
import pytest


@pytest.fixture
def pyplot():
    reason = "the pictures need matplotlib (extra plot)"
    plt = pytest.importorskip("matplotlib.pyplot", reason=reason)
    plt.switch_backend("Agg")
    yield plt
    plt.close("all")


@pytest.fixture
def make_path():
    """Return a function that makes a path in closed form: soft thresholding of fixed values."""

    def make(n_features, n_active, n_alphas=20, seed=0):
        rng = np.random.default_rng(seed)
        alphas = np.geomspace(1.0, 1e-3, n_alphas)
        signal = np.zeros(n_features)
        active = np.sort(rng.choice(n_features, n_active, replace=False))
        signal[active] = rng.choice([-1.0, 1.0], n_active) * rng.uniform(0.05, 3.0, n_active)
        coefs = np.sign(signal)[:, None] * np.maximum(np.abs(signal)[:, None] - alphas, 0.0)
        return alphas, coefs, active

    return make
