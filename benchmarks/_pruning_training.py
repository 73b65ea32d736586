"""Training and pruning: seconds of an epoch, of pruning, of networks that are never dense."""

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.neural_network import MLPClassifier

from benchmarks._pruning_data import Net, Split, load_split, load_trained, train_dense
from benchmarks._pruning_rows import Row
from benchmarks._rounds import Job
from benchmarks._tables import OURS

# Epochs of one timed training.
N_EPOCHS = 2


def load_head(row: Row, tiny: bool = False) -> tuple[Split, str]:
    """Return the first samples of a data set."""
    split = load_split(row.data, tiny).head(row.n_samples)
    return split, f"{split.source}, {len(split.X)} samples, {'-'.join(map(str, row.sizes))}"


def load_fitted(row: Row, tiny: bool = False) -> tuple[tuple[Split, MLPClassifier], str]:
    """Return a data set and a network trained on it."""
    split, fitted = load_trained(row, 0, tiny)
    words = f"{split.source}, {len(split.X)} samples, {fitted.n_iter_} epochs of the dense network"
    return (split, fitted), words


def _our_pruning(row, case):
    from sparsekit.pruning import MLPPruner

    split, fitted = case
    pruner = MLPPruner(FrozenEstimator(fitted), sparsity=row.sparsity)
    return _scored(split, lambda: pruner.fit(split.X, split.y))


def _dense_training(row, case):
    split, fitted = case
    return _scored(split, lambda: train_dense(row, split, 0, fitted.max_iter))


PRUNINGS = {OURS: _our_pruning, "sklearn": _dense_training}


def _scored(split: Split, fit) -> Job:
    return Job(fit, lambda fitted: 100 * fitted.score(split.X_test, split.y_test), 1)


def judge_score(row: Row, case, score: float, counts: list[int]) -> dict:
    """Return the accuracy in percent."""
    return {"quality": score}


def _sklearn_epochs(row, split):
    model = MLPClassifier(row.sizes[1:-1], max_iter=N_EPOCHS, batch_size=200, random_state=0)
    fit = _scored(split, lambda: model.fit(split.X, split.y))
    return Job(fit.run, fit.read, N_EPOCHS)


def _epochs(row: Row, split: Split, sparsity: float) -> Job:
    """Return the work of our trainer: as many epochs from scikit-learn's first weights."""
    from sparsekit.pruning._network import read_network
    from sparsekit.pruning._trainer import TrainingOptions, encode_targets, train

    model = MLPClassifier(row.sizes[1:-1], max_iter=1, random_state=0)
    model.fit(*_every_class(split))
    network = read_network(model)
    Y, loss = encode_targets(model, split.y)
    options = TrainingOptions(epochs=N_EPOCHS, batch_size=200)
    rng = np.random.default_rng(0)
    masks = [rng.random(W.shape) >= sparsity for W in network.weights] if sparsity else None

    def run():
        return train(network, split.X, Y, loss=loss, options=options, masks=masks, random_state=0)

    def read(trained):
        net = Net(list(trained.network.weights), list(trained.network.biases))
        return 100 * np.mean(net.exact(split.X_test).argmax(axis=1) == split.y_test)

    return Job(run, read, N_EPOCHS)


def _every_class(split):
    """Return one sample of each class."""
    _, first = np.unique(split.y, return_index=True)
    return split.X[first], split.y[first]


EPOCHS = {
    OURS: lambda row, split: _epochs(row, split, 0.0),
    "sparsekit-masked": lambda row, split: _epochs(row, split, row.sparsity),
    "sklearn": _sklearn_epochs,
}


def _never_dense(row, split):
    model = never_dense(row)
    fit = _scored(split, lambda: model.fit(split.X, split.y))
    return Job(fit.run, fit.read, N_EPOCHS)


def never_dense(row: Row):
    """Return our network that has only so many weights from the beginning."""
    from sparsekit.pruning import SparseMLPClassifier

    return SparseMLPClassifier(
        row.sizes[1:-1],
        density=round(1 - row.sparsity, 6),
        max_iter=N_EPOCHS,
        batch_size=200,
        random_state=0,
    )


SPARSE_MLPS = {OURS: _never_dense, "sklearn": _sklearn_epochs}
