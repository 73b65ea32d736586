"""How good a network is, how much it loses with each layer, and how sparse it may become."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, r2_score

from sparsekit.pruning._masks import mask_layer
from sparsekit.pruning._network import Network
from sparsekit.pruning._trainer import decode_labels

# Sparsities of a layer at which its sensitivity is measured.
LEVELS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.997)
# An automatic sparsity is sought to this ratio of densities, and not beyond this many halvings.
FINEST_RATIO = 1.1
MOST_HALVINGS = 10


class Judge:
    """Scores outputs as scikit-learn's networks do: accuracy, or R2.

    Parameters
    ----------
    shell : MLPClassifier or MLPRegressor
        Fitted; says what outputs mean.
    X : {ndarray, csr_array} of shape (n_samples, n_features)
        In float32.
    y : array-like
        Labels or targets as the user gave them.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights of the score.
    """

    def __init__(self, shell: Any, X: Any, y: Any, sample_weight: np.ndarray | None = None):
        self.shell, self.X, self.y, self.sample_weight = shell, X, y, sample_weight

    def score(self, network: Network) -> float:
        """Return the score of a network's outputs."""
        return self.score_outputs(network.decide(self.X))

    def score_outputs(self, P: np.ndarray) -> float:
        """Return the score of outputs."""
        if not hasattr(self.shell, "classes_") and len(P) < 2:
            return float("nan")
        metric = accuracy_score if hasattr(self.shell, "classes_") else r2_score
        found = metric(self.y, decode_labels(self.shell, P), sample_weight=self.sample_weight)
        return float(found)


def sensitivity_curve(
    network: Network,
    scores: Sequence[np.ndarray],
    granularity: Any,
    judge: Judge,
    repair: Callable[[Network, list[np.ndarray]], Network],
) -> dict[str, np.ndarray]:
    """Return what pruning one layer does, for each layer and some sparsities of it.

    Returns
    -------
    curve : dict
        "sparsity", (levels,), rising from zero; "score", (layers, levels); and "change", the mean
        square by which outputs differ from those of the dense network, which is less coarse.
    """
    dense = network.decide(judge.X)
    score, change = np.empty((2, len(network), len(LEVELS)))
    score[:, 0], change[:, 0] = judge.score_outputs(dense), 0.0
    for layer in range(len(network)):
        for k, level in enumerate(LEVELS[1:], start=1):
            masks = [np.ones(W.shape, dtype=bool) for W in network.weights]
            masks[layer] = mask_layer(scores[layer], granularity, level)
            outputs = repair(network.masked(masks), masks).decide(judge.X)
            score[layer, k] = judge.score_outputs(outputs)
            change[layer, k] = np.mean((outputs - dense) ** 2)
    return {"sparsity": np.array(LEVELS), "score": score, "change": change}


def search_sparsity(score_at: Callable[[float], float], least: float) -> float:
    """Return about the largest sparsity whose score is at least `least`.

    Densities are halved until the score falls below, and the ratio of the last two is halved until
    it is small. Zero where half of the weights are too few.
    """
    good, bad = 1.0, None
    for k in range(1, MOST_HALVINGS + 1):
        if score_at(1 - 0.5**k) < least:
            bad = 0.5**k
            break
        good = 0.5**k
    if bad is None:
        return 1 - good
    while good / bad > FINEST_RATIO:
        middle = float(np.sqrt(good * bad))
        if score_at(1 - middle) < least:
            bad = middle
        else:
            good = middle
    return 1 - good
