"""Criteria: how much each weight of a network matters."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsekit.pruning._network import Network, squared
from sparsekit.pruning._repair._moments import measure_inputs, shares_of
from sparsekit.pruning._repair._reselect import obs_scores


class Criterion:
    """What the criteria have in common: one method.

    A user's own is any object with this method; to derive it from this class is not needed.
    """

    def score(self, network: Network, X: Any, Y: np.ndarray) -> list[np.ndarray]:
        """Score the weights of a network.

        Parameters
        ----------
        network : Network
            With `weights`, of shape (inputs, outputs) for each layer; ``inputs(X)``, which yields
            the input of each layer; ``mean_gradients(X, Y)`` and ``mean_squared_gradients(X, Y)``,
            of the loss in the weights of each layer; and `history`: what training has gathered.
        X : {ndarray, csr_array} of shape (n_samples, n_features)
            Some samples, in float32.
        Y : ndarray of shape (n_samples, n_outputs)
            What the network's outputs for X are compared with, in float32.

        Returns
        -------
        scores : list of ndarray of shape (inputs, outputs)
            For each layer, larger where a weight matters more; finite.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Magnitude(Criterion):
    """Score a weight by its absolute value.

    References
    ----------
    Han, Pool, Tran, Dally (2015), "Learning both weights and connections for efficient neural
    networks".

    Examples
    --------
    >>> from sparsekit.pruning import Magnitude
    >>> Magnitude()
    Magnitude()
    """

    def score(self, network: Network, X, Y) -> list[np.ndarray]:
        return [np.abs(W) for W in network.weights]


@dataclass(frozen=True)
class Lamp(Criterion):
    """Score a weight by its share of the squares that a layer would still have with it.

    The square of a weight over the sum of the squares of its layer that are not smaller. Scores of
    different layers can be compared: the largest weight of every layer has the score one.

    Parameters
    ----------
    reselect : bool, default=True
        Whether the scores only settle how many weights each layer keeps, and the least squares of a
        repair choose which: weights go in steps, those first whose loss the others can make up for.
        Without a repair it has no effect.

    References
    ----------
    Lee, Park, Mo, Ahn, Shin (2021), "Layer-adaptive sparsity for the magnitude-based pruning",
    equation 4.

    Examples
    --------
    >>> from sparsekit.pruning import Lamp
    >>> Lamp(reselect=False)
    Lamp(reselect=False)
    """

    reselect: bool = True

    def score(self, network: Network, X, Y) -> list[np.ndarray]:
        return [lamp_scores(W) for W in network.weights]


@dataclass(frozen=True)
class Gradient(Criterion):
    """Score a weight by the first-order change of the loss when it goes: ``abs(w * g)``.

    `g` is the gradient of the mean loss; it vanishes where a network is trained to the end, which
    makes this a criterion for networks that are not.

    References
    ----------
    Lee, Ajanthan, Torr (2019), "SNIP: single-shot network pruning based on connection sensitivity".

    Examples
    --------
    >>> from sparsekit.pruning import Gradient
    >>> Gradient()
    Gradient()
    """

    def score(self, network: Network, X, Y) -> list[np.ndarray]:
        slopes = network.mean_gradients(X, Y)
        return [np.abs(W * G) for W, G in zip(network.weights, slopes)]


@dataclass(frozen=True)
class Fisher(Criterion):
    """Score a weight by the second-order change of the loss when it goes: ``w**2 * F / 2``.

    `F`, the mean over samples of squared gradients, stands for the diagonal of the Hessian.

    References
    ----------
    LeCun, Denker, Solla (1990), "Optimal brain damage"; Theis, Korshunova, Tejani, Huszar (2018),
    "Faster gaze prediction with dense networks and Fisher pruning".

    Examples
    --------
    >>> from sparsekit.pruning import Fisher
    >>> Fisher()
    Fisher()
    """

    def score(self, network: Network, X, Y) -> list[np.ndarray]:
        squares = network.mean_squared_gradients(X, Y)
        return [W * W * F / 2 for W, F in zip(network.weights, squares)]


@dataclass(frozen=True)
class Taylor(Criterion):
    """Score a weight by the change of the loss to second order: ``abs(w**2 * F / 2 - w * g)``.

    Both the gradient `g`, as in `Gradient`, and the diagonal `F`, as in `Fisher`.

    References
    ----------
    Molchanov, Tyree, Karras, Aila, Kautz (2017), "Pruning convolutional neural networks for
    resource efficient inference"; Theis et al. (2018), equation 5.

    Examples
    --------
    >>> from sparsekit.pruning import Taylor
    >>> Taylor()
    Taylor()
    """

    def score(self, network: Network, X, Y) -> list[np.ndarray]:
        slopes = network.mean_gradients(X, Y)
        squares = network.mean_squared_gradients(X, Y)
        layers = zip(network.weights, slopes, squares)
        return [np.abs(W * W * F / 2 - W * G) for W, G, F in layers]


@dataclass(frozen=True)
class Activation(Criterion):
    """Score a weight by what flows through it: ``abs(w)`` times the norm of its input.

    Known as Wanda. Made to compare the weights of one output: scores of different layers are on
    different scales, so `allocation="erk"` goes with it.

    References
    ----------
    Sun, Liu, Bair, Kolter (2024), "A simple and effective pruning approach for large language
    models", equation 1.

    Examples
    --------
    >>> from sparsekit.pruning import Activation
    >>> Activation()
    Activation()
    """

    def score(self, network: Network, X, Y) -> list[np.ndarray]:
        scores = []
        for W, A in zip(network.weights, network.inputs(X)):
            scores.append(np.abs(W) * np.sqrt(mean_squares(A))[:, None])
        return scores


@dataclass(frozen=True)
class Obs(Criterion):
    """Score a weight by the error of its layer after the other weights have made up for it.

    ``w**2 / inv(G)[i, i]`` with the damped Gram matrix `G` of the layer's inputs: the optimal brain
    surgeon for one layer, by which SparseGPT chooses. Scores of different layers are on different
    scales, so `allocation="erk"` goes with it. Of more than 5000 inputs `G` is its diagonal.

    Parameters
    ----------
    reselect : bool, default=True
        Whether a repair goes on choosing by these scores, in steps, with least squares after each;
        see `Lamp`.

    References
    ----------
    Hassibi, Stork (1993), "Second order derivatives for network pruning: optimal brain surgeon";
    Frantar, Alistarh (2023), "SparseGPT: massive language models can be accurately pruned in
    one-shot".

    Examples
    --------
    >>> from sparsekit.pruning import Obs
    >>> Obs(reselect=False)
    Obs(reselect=False)
    """

    reselect: bool = True

    def score(self, network: Network, X, Y) -> list[np.ndarray]:
        scores = []
        for W, A in zip(network.weights, network.inputs(X)):
            gram = measure_inputs(A, shares_of(None, A.shape[0])).gram
            if gram is None:
                scores.append(W * W * mean_squares(A)[:, None])
            else:
                scores.append(obs_scores(gram, W))
        return scores


@dataclass(frozen=True)
class Movement(Criterion):
    """Score a weight by how much training moves it away from zero: the sum of ``-w * g``.

    Inside a schedule that prunes while it trains, the sum runs over the steps taken so far; on a
    network that is not in training it is one term, of the mean gradient.

    References
    ----------
    Sanh, Wolf, Rush (2020), "Movement pruning: adaptive sparsity by fine-tuning", equation 4.

    Examples
    --------
    >>> from sparsekit.pruning import Movement
    >>> Movement()
    Movement()
    """

    needs_movement = True

    def score(self, network: Network, X, Y) -> list[np.ndarray]:
        if network.history is not None and network.history.movement is not None:
            return [np.array(M) for M in network.history.movement]
        slopes = network.mean_gradients(X, Y)
        return [-W * G for W, G in zip(network.weights, slopes)]


@dataclass(frozen=True)
class AdamMoment(Criterion):
    """Score a weight by ``w**2 * sqrt(v)``, with Adam's own second moment `v`.

    What training has gathered already says how steep the loss is in each weight. On a network that
    is not in training, `v` is the mean of the squared gradients of its samples.

    Examples
    --------
    >>> from sparsekit.pruning import AdamMoment
    >>> AdamMoment()
    AdamMoment()
    """

    def score(self, network: Network, X, Y) -> list[np.ndarray]:
        if network.history is not None and network.history.second is not None:
            moments = network.history.second
        else:
            moments = network.mean_squared_gradients(X, Y)
        return [W * W * np.sqrt(v) for W, v in zip(network.weights, moments)]


@dataclass(frozen=True)
class Random(Criterion):
    """Score weights by chance: what every criterion has to beat.

    Parameters
    ----------
    seed : int, default=0
        Of the generator; the same seed gives the same scores.

    Examples
    --------
    >>> from sparsekit.pruning import Random
    >>> Random(seed=1)
    Random(seed=1)
    """

    seed: int = 0

    def score(self, network: Network, X, Y) -> list[np.ndarray]:
        rng = np.random.default_rng(self.seed)
        return [rng.random(W.shape, dtype=np.float32) for W in network.weights]


CRITERIA = {
    "activation": Activation(),
    "adam": AdamMoment(),
    "fisher": Fisher(),
    "gradient": Gradient(),
    "lamp": Lamp(),
    "magnitude": Magnitude(),
    "movement": Movement(),
    "obs": Obs(),
    "random": Random(),
    "taylor": Taylor(),
}


def score_weights(criterion: Any, network: Network, X: Any, Y: np.ndarray) -> list[np.ndarray]:
    """Return what a criterion says; raises ValueError if it is not a finite score a weight."""
    views = [W.view() for W in network.weights]
    for view in views:
        view.flags.writeable = False
    scores = criterion.score(network.with_weights(views), X, Y)
    if not isinstance(scores, list | tuple):
        raise ValueError(
            f"{criterion!r} must return a list of arrays, one a layer; got {scores!r}."
        )
    scores = [np.asarray(S, dtype=np.float64) for S in scores]
    shapes, wanted = [S.shape for S in scores], [W.shape for W in network.weights]
    if shapes != wanted:
        raise ValueError(
            f"{criterion!r} must return one array of scores per layer, of the shapes {wanted}; got "
            f"{shapes}."
        )
    for layer, S in enumerate(scores):
        if not np.isfinite(S).all():
            raise ValueError(
                f"{criterion!r} scores weights of layer {layer} as NaN or infinite. Scale X, or "
                "choose another `criterion`."
            )
    return scores


def lamp_scores(W: np.ndarray) -> np.ndarray:
    """Return squares over the sums of the squares that are not smaller; ties in their order."""
    squares = np.square(W, dtype=np.float64).ravel()
    order = np.argsort(squares, kind="stable")
    rising = squares[order]
    total = np.cumsum(rising[::-1])[::-1]
    scores = np.zeros(W.size)
    scores[order] = np.divide(rising, total, out=np.zeros_like(rising), where=total > 0)
    return scores.reshape(W.shape)


def mean_squares(A) -> np.ndarray:
    """Return the mean of the squares of each column."""
    return np.asarray(squared(A).mean(axis=0), dtype=np.float64).ravel()
