"""The page "how to add a criterion" works as printed."""

import re

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from sparsekit.pruning import MLPPruner
from tests.house._source import ROOT

PAGE = (ROOT / "docs" / "add_a_criterion.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
USE = BLOCKS[-1]


@pytest.fixture(scope="module")
def names():
    found = {"__name__": "user"}
    for block in BLOCKS[:-1]:
        exec(block, found)
    return found


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 12)).astype(np.float32)
    return X, (X[:, 0] > X[:, 1]).astype(int)


def pruned(data, **parameters):
    """Return a pruner that has removed half of a small network's weights."""
    network = MLPClassifier((8,), tol=10.0, n_iter_no_change=4, random_state=0)
    pruner = MLPPruner(network, sparsity=0.5, fine_tune_epochs=4, random_state=0, **parameters)
    return pruner.fit(*data)


@pytest.mark.parametrize(
    ("parameter", "name"),
    [("criterion", "Spread"), ("schedule", "Linear"), ("schedule", "HalfAndHalf")],
)
def test_half_of_the_weights_go(names, data, parameter, name):
    pruner = pruned(data, **{parameter: names[name]()})
    assert pruner.sparsity_ == pytest.approx(0.5, abs=0.01)


def test_inputs_go_as_a_whole(names, data):
    first = pruned(data, granularity=names["Inputs"](), allocation="uniform").masks_[0]
    assert first.any(axis=1).sum() == 6
    assert (first.all(axis=1) == first.any(axis=1)).all()


def test_weights_are_replaced_by_as_many(names):
    rng = np.random.default_rng(0)
    W, G = rng.standard_normal((2, 10, 10))
    mask = rng.random(W.shape) < 0.5
    new = names["HalfAndHalf"]().rewire(W, G, mask, 0.0, rng)
    assert np.count_nonzero(new) == np.count_nonzero(mask)
    assert (new != mask).any()


def test_the_search_of_the_page_runs(names, capsys):
    exec(USE, {**names})
    assert "Spread()" in capsys.readouterr().out
