"""What papers report, held to LeNet-300-100 on a part of MNIST's training data.

Han, Pool, Tran, Dally (2015): an order of magnitude fewer weights at the same accuracy. Dong, Chen,
Pan (2017): with layers fitted to those of the dense network, hardly any training is needed.
"""

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.neural_network import MLPClassifier

from sparsekit.pruning import MLPPruner


@pytest.fixture(scope="module")
def mnist(shared):
    file = shared / "data" / "mnist" / "mnist.npz"
    if not file.exists():
        pytest.skip("the data folder has no mnist")
    with np.load(file) as archive:
        parts = {name: archive[name] for name in archive}
    X, X_new = (
        (parts[name].reshape(-1, 784) / 255).astype(np.float32) for name in ("X_train", "X_test")
    )
    return X[:20_000], parts["y_train"][:20_000], X_new, parts["y_test"]


@pytest.fixture(scope="module")
def lenet(mnist):
    X, y, *_ = mnist
    network = MLPClassifier((300, 100), max_iter=8, random_state=0)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        network.fit(X, y)
    return network


@pytest.mark.parametrize("sparsity, points", [(0.9, 0.6), (0.95, 1.6), (0.98, 7.0)])
def test_least_squares_alone_keep_the_accuracy(mnist, lenet, sparsity, points):
    X, y, X_new, y_new = mnist
    pruner = MLPPruner(FrozenEstimator(lenet), sparsity=sparsity).fit(X, y)
    assert pruner.score(X_new, y_new) >= lenet.score(X_new, y_new) - points / 100


def test_eight_percent_of_the_weights_are_enough(mnist, lenet):
    X, y, X_new, y_new = mnist
    pruner = MLPPruner(
        FrozenEstimator(lenet),
        sparsity=0.92,
        criterion="adam",
        schedule="cubic",
        fine_tune_epochs=8,
        random_state=0,
    ).fit(X, y)
    assert pruner.score(X_new, y_new) >= lenet.score(X_new, y_new)
