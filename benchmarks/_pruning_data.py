"""The data: weights by chance, digits and people where they are at hand, networks trained on them.

Real data come from the folder ``shared`` beside the repository; trained networks are kept in the
cache folder of the benchmarks. Every source says whether it is real or synthetic.
"""

import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sklearn
from scipy import sparse
from sklearn.datasets import load_digits, make_classification
from sklearn.neural_network import MLPClassifier

from benchmarks._problems import SEED, SHARED, cache_directory
from benchmarks._pruning_rows import Row

# Epochs of a dense network.
EPOCHS = {"mnist": 15, "usps": 30, "digits": 60, "a9a": 10, "tiny": 60}
SIDE = 4
N_CALIBRATION = 512


@dataclass(frozen=True)
class Net:
    """Weights (inputs, outputs) and biases of layers, float32, ReLU between them."""

    weights: list[np.ndarray]
    biases: list[np.ndarray]

    def exact(self, X: np.ndarray) -> np.ndarray:
        """Return the last layer's sums, in float64."""
        A = X.astype(np.float64)
        for k, (W, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            A = A @ W.astype(np.float64) + b
            A = np.maximum(A, 0.0) if k < len(self.weights) - 1 else A
        return A


@dataclass(frozen=True)
class Case:
    """A network before and after pruning, and rows for it.

    Parameters
    ----------
    dense, pruned : Net
        As dense sides and as the others run it. Where only weights are gone the dense sides run
        the pruned network too, with its zeros.
    X : ndarray of shape (batch, inputs), float32
    calibration : ndarray of shape (n, inputs), float32
        Rows for the scales of bytes.
    """

    dense: Net
    pruned: Net
    X: np.ndarray
    calibration: np.ndarray

    @cached_property
    def exact_dense(self) -> np.ndarray:
        """Return the dense network's outputs in float64."""
        return self.dense.exact(self.X)

    @cached_property
    def exact_pruned(self) -> np.ndarray:
        """Return the pruned network's outputs in float64."""
        return self.pruned.exact(self.X)


@dataclass(frozen=True)
class Split:
    """Samples to train on and to judge on, float32, and where they are from."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    source: str

    def head(self, n: int) -> "Split":
        """Return the same with the first samples to train on only."""
        return Split(self.X[:n], self.y[:n], self.X_test, self.y_test, self.source)


def load_random(row: Row, tiny: bool = False) -> tuple[Case, str]:
    """Return a network of which weights are gone at random, and dense rows."""
    net = random_net(row.sizes, row.sparsity)
    weights = "weights removed at random" if row.sparsity else "weights by chance"
    return _case(row, net), f"{_words(row.sizes)}, {weights}, no input is zero"


def load_blocks(row: Row, tiny: bool = False) -> tuple[Case, str]:
    """Return a network of which 4x4 blocks are gone at random, and dense rows."""
    net = random_net(row.sizes, row.sparsity, SIDE)
    return _case(row, net), f"{_words(row.sizes)}, 4x4 blocks removed at random, no input is zero"


def load_removed(row: Row, tiny: bool = False) -> tuple[Case, str]:
    """Return a trained network and what is left of it without neurons."""
    from sklearn.frozen import FrozenEstimator

    from sparsekit.pruning import MLPPruner

    split, fitted = load_trained(row, 0, tiny)
    pruner = MLPPruner(FrozenEstimator(fitted), sparsity=row.sparsity, granularity="neuron")
    pruner.fit(split.X, split.y)
    tuned = pruner.set_params(fine_tune_epochs=1 if tiny else 4, random_state=0)
    plain = pruner.score(split.X_test, split.y_test)
    tuned.fit(split.X, split.y)
    small = tuned.estimator_
    scores = [100 * net.score(split.X_test, split.y_test) for net in (fitted, tuned)]
    words = (
        f"{split.source}; {_words(row.sizes)} became {_words(_sizes(small))}; accuracy "
        f"{scores[0]:.2f} % dense, {100 * plain:.2f} % repaired by least squares, "
        f"{scores[1]:.2f} % after 4 epochs"
    )
    X = np.ascontiguousarray(split.X_test[: row.batch])
    return Case(_net(fitted), _net(small), X, split.X[:N_CALIBRATION]), words


def random_net(sizes: tuple[int, ...], sparsity: float, side: int = 1) -> Net:
    """Return weights by chance, without a share of them, or of the squares of that side."""
    rng = np.random.default_rng([SEED, *sizes, side])
    weights = []
    for shape in zip(sizes[:-1], sizes[1:], strict=True):
        W = rng.standard_normal(shape, dtype=np.float32)
        kept = rng.random([-(-n // side) for n in shape]) >= sparsity
        mask = np.kron(kept, np.ones((side, side), dtype=bool))[: shape[0], : shape[1]]
        W *= np.float32(np.sqrt(2 / max(shape[0] * (1 - sparsity), 1)))
        weights.append(np.where(mask, W, np.float32(0)))
    biases = [0.1 * rng.standard_normal(n, dtype=np.float32) for n in sizes[1:]]
    return Net(weights, biases)


def load_split(name: str, tiny: bool = False) -> Split:
    """Return a data set, or a made one of its kind where it is not at hand."""
    return _tiny() if tiny else SETS[name]()


def load_trained(row: Row, seed: int, tiny: bool = False) -> tuple[Split, MLPClassifier]:
    """Return a data set and scikit-learn's network for it, from the cache or trained now."""
    split, epochs = load_split(row.data, tiny), EPOCHS["tiny" if tiny else row.data]
    if tiny:
        return split, train_dense(row, split, seed, epochs)
    words = (row.data, *row.sizes[1:-1], seed, split.source.split(":")[0], sklearn.__version__)
    path = cache_directory() / f"mlp-{'-'.join(map(str, words))}.pkl"
    if not path.exists():
        fitted = train_dense(row, split, seed, epochs)
        aside = path.with_name(f"{path.stem}-{os.getpid()}.tmp")
        aside.write_bytes(pickle.dumps(fitted))
        aside.replace(path)
    return split, pickle.loads(path.read_bytes())


def train_dense(row: Row, split: Split, seed: int, epochs: int) -> MLPClassifier:
    """Return scikit-learn's network, trained."""
    network = MLPClassifier(
        row.sizes[1:-1], max_iter=epochs, batch_size=200, tol=0.0, random_state=seed
    )
    return network.fit(split.X, split.y)


def load_text(row: Row) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Return documents by chance, with words by a power law, and their classes."""
    rng = np.random.default_rng(SEED)
    n, n_words, n_classes = row.n_samples, row.sizes[0], row.sizes[-1]
    words = (n_words ** rng.random((n, 100))).astype(np.int32) - 1
    indptr = np.arange(n + 1, dtype=np.int32) * 100
    X = sparse.csr_matrix((np.ones(words.size, np.float32), words.ravel(), indptr), (n, n_words))
    X.sum_duplicates()
    return X, np.arange(n) % n_classes


def text_source(row: Row) -> str:
    """Return in words what `load_text` makes."""
    return f"synthetic: {row.n_samples} documents of 100 words out of {row.sizes[0]:,}"


def _case(row, net):
    rng = np.random.default_rng(SEED)
    X, calibration = (
        rng.random((n, row.sizes[0]), dtype=np.float32) for n in (row.batch, N_CALIBRATION)
    )
    return Case(net, net, X, calibration)


def _net(fitted):
    as_float32 = [[np.float32(a) for a in found] for found in (fitted.coefs_, fitted.intercepts_)]
    return Net(*as_float32)


def _sizes(fitted):
    return fitted.coefs_[0].shape[0], *(len(b) for b in fitted.intercepts_)


def _words(sizes):
    return "-".join(map(str, sizes))


def _mnist():
    path = SHARED / "mnist" / "mnist.npz"
    if not path.exists():
        return _made(784, 10, 12_000)
    with np.load(path) as z:
        X, X_test = (np.float32(z[k].reshape(-1, 784)) / 255 for k in ("X_train", "X_test"))
        return Split(X, z["y_train"], X_test, z["y_test"], "real: MNIST, digits written by hand")


def _usps():
    path = SHARED / "usps" / "usps.npz"
    if not path.exists():
        return _made(256, 10, 6000)
    with np.load(path) as z:
        arrays = (z[k] for k in ("X_train", "y_train", "X_test", "y_test"))
        return Split(*arrays, "real: USPS, digits of postal codes")


def _a9a():
    paths = [SHARED / "a9a" / f"a9a_{part}.npz" for part in ("train", "test")]
    if not paths[0].exists():
        return _made(123, 2, 20_000)
    arrays = []
    for path in paths:
        with np.load(path) as z:
            parts = np.float32(z["data"]), z["indices"], z["indptr"]
            X = sparse.csr_matrix(parts, shape=tuple(z["shape"])).toarray()
            # One file has -1 and +1, the other 0 and 1.
            arrays += [X, (z["y"] > 0).astype(int)]
    return Split(*arrays, "real: Adult (a9a), incomes")


def _digits():
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(SEED).permutation(len(y))
    train, test = np.split(order, [int(0.6 * len(y))])
    X = np.float32(X / 16)
    return Split(X[train], y[train], X[test], y[test], "real: digits of scikit-learn, 60 % of them")


def _tiny():
    split = _digits()
    return Split(split.X[:300], split.y[:300], split.X_test, split.y_test, split.source)


def _made(n_features, n_classes, n):
    X, y = make_classification(
        n,
        n_features,
        n_informative=20,
        n_redundant=20,
        n_classes=n_classes,
        class_sep=2.0,
        random_state=SEED,
    )
    half = n // 2
    X = np.float32(X)
    source = f"synthetic: {n_classes} classes in {n_features} features"
    return Split(X[:half], y[:half], X[half:], y[half:], source)


SETS: dict[str, Callable[[], Split]] = {
    "mnist": _mnist,
    "usps": _usps,
    "digits": _digits,
    "a9a": _a9a,
}
