"""Repair of a pruned network, layer by layer, so that its sums come nearest to the dense ones.

A layer sees the activations that the layers below have by now. No gradient is taken: a layer is a
least squares problem for each output, and which weights are kept may be decided by it, too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sparsekit._parallel import single_blas_thread
from sparsekit.pruning._activations import ACTIVATIONS
from sparsekit.pruning._network import Network
from sparsekit.pruning._repair._least_squares import (
    descend_on_rows,
    reconstruct_layer,
    smallest_work,
)
from sparsekit.pruning._repair._moments import (
    Grams,
    Moments,
    measure_cross,
    measure_grams,
    measure_inputs,
    shares_of,
)
from sparsekit.pruning._repair._reselect import reselect_layer

# Multiplications of one solution, beyond which targets are not eased: about a fifth of a second.
MOST_EASING_WORK = 5e9

__all__ = ["Grams", "Repair", "measure_grams", "reconstruct", "reselect", "shares_of"]


@dataclass(frozen=True)
class Repair:
    """How a network is repaired.

    Attributes
    ----------
    damping : float
        Draws to the weights as they were, in parts of the mean variance of a layer's inputs.
    sweeps : int
        How often the targets are eased to what matters to the layers behind.
    steps : int
        In how many steps weights are removed where they are chosen anew.
    swaps : int
        How often weights may change places after that.
    """

    damping: float = 1e-2
    sweeps: int = 2
    steps: int = 5
    swaps: int = 2


@dataclass(frozen=True)
class Layer:
    """The problem of one layer: its inputs now, and the sums that it should have."""

    inputs: np.ndarray
    targets: np.ndarray
    shares: np.ndarray
    moments: Moments
    n_jobs: int | None

    def cross(self, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the targets' means, and their products with the inputs."""
        return measure_cross(self.inputs, targets, self.shares, self.moments.mean, self.n_jobs)

    def fit(self, weights, mask, damping: float, targets) -> tuple[np.ndarray, np.ndarray]:
        """Return the kept weights and the biases that come nearest to the targets."""
        if self.moments.gram is None:
            return descend_on_rows(
                self.inputs, targets, self.shares, self.moments.mean, weights, mask, damping
            )
        center, cross = self.cross(targets)
        found = reconstruct_layer(
            self.moments.gram, cross, weights, mask, damping=damping, n_jobs=self.n_jobs
        )
        return found, (center - self.moments.mean @ found).astype(np.float32)

    def sums(self, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
        """Return the layer's sums."""
        Z = np.asarray(self.inputs @ weights)
        Z += bias
        return Z


def reconstruct(
    network: Network,
    dense_network: Network,
    masks: Sequence[np.ndarray],
    grams: Grams,
    *,
    repair: Repair | None = None,
    n_jobs: int | None = None,
) -> Network:
    """Return the network with the kept weights that least squares finds.

    Parameters
    ----------
    network : Network
        Weights to begin from; read where they are kept.
    dense_network : Network
        Whose sums before the activations are the targets.
    masks : sequence of bool ndarray
        True where a weight is kept.
    grams : Grams
        The rows, from `measure_grams`.
    repair : Repair, default=None
        Options.
    n_jobs : int, default=None
        Threads; the result does not depend on them.

    Returns
    -------
    network : Network
        Zero outside the masks. The same as given up to the first layer that lacks a weight.
    """
    repair = repair or Repair()
    targets = _Targets(dense_network)
    return _walk(network, targets, masks, grams, _fitter(repair), repair, n_jobs)[0]


def reselect(
    network: Network,
    dense_network: Network,
    masks: Sequence[np.ndarray],
    grams: Grams,
    granularity,
    *,
    repair: Repair | None = None,
    n_jobs: int | None = None,
) -> tuple[Network, list[np.ndarray]]:
    """Return a repaired network that keeps as many weights in each layer, and which they are.

    As `reconstruct`, but each layer chooses anew which weights it keeps: it starts from all weights
    of `network` and removes, in steps with least squares after each, those whose removal costs its
    sums the least. `granularity` says which weights go together.
    """
    repair = repair or Repair()

    def fit(layer: Layer, weights: np.ndarray, mask: np.ndarray) -> tuple:
        if layer.moments.gram is not None and not mask.all():
            _, cross = layer.cross(layer.targets)
            weights, mask = reselect_layer(
                layer.moments.gram, cross, weights, mask, granularity, repair, layer.n_jobs
            )
        return *layer.fit(weights, mask, repair.damping, layer.targets), mask

    return _walk(network, _Targets(dense_network), masks, grams, fit, repair, n_jobs)


def reconstruct_part(
    network: Network,
    dense_network: Network,
    units: Sequence[np.ndarray],
    grams: Grams,
    *,
    repair: Repair | None = None,
    n_jobs: int | None = None,
) -> Network:
    """Return a network that has some of the dense one's units only, repaired.

    `units` lists, for every layer, which of the dense network's units the network's own are.
    """
    repair = repair or Repair()
    masks = [np.ones(W.shape, dtype=bool) for W in network.weights]
    targets = _Targets(dense_network, tuple(units))
    return _walk(network, targets, masks, grams, _fitter(repair), repair, n_jobs)[0]


@dataclass(frozen=True)
class _Targets:
    """A dense network, and which of its units are wanted, if not all of them."""

    network: Network
    units: tuple[np.ndarray, ...] | None = None

    def some(self, at: int, sums: np.ndarray) -> np.ndarray:
        """Return the columns of a layer's wanted units."""
        if self.units is None or len(self.units[at]) == sums.shape[-1]:
            return sums
        return np.ascontiguousarray(sums[..., self.units[at]])

    def is_layer(self, at: int, network: Network) -> bool:
        """Return whether a network has the layer of the dense one, given the same inputs."""
        W, b = self.some(at, self.network.weights[at]), self.some(at, self.network.biases[at])
        same = network.weights[at] is W or np.array_equal(network.weights[at], W)
        return same and np.array_equal(network.biases[at], b)


def _fitter(repair: Repair) -> Callable:
    """Return what fits a layer and keeps its mask."""

    def fit(layer: Layer, weights: np.ndarray, mask: np.ndarray) -> tuple:
        return *layer.fit(weights, mask, repair.damping, layer.targets), mask

    return fit


def _walk(
    network: Network,
    dense: _Targets,
    masks: Sequence[np.ndarray],
    grams: Grams,
    fit: Callable,
    repair: Repair,
    n_jobs: int | None,
) -> tuple[Network, list[np.ndarray]]:
    """Fit one layer after another to the dense network's sums."""
    bend = ACTIVATIONS[network.activation]
    here = there = grams.X
    moments, kept, weights, biases = grams.first, list(masks), [], []
    with single_blas_thread():
        for at, mask in enumerate(masks):
            W, b = network.weights[at], network.biases[at]
            sums = dense.network.sums(at, there)
            targets = dense.some(at, sums)
            if here is there and mask.all() and dense.is_layer(at, network):
                there = bend(sums)
                here = dense.some(at, there)
            else:
                if moments is None:
                    moments = measure_inputs(here, grams.shares, n_jobs)
                layer = Layer(here, targets, grams.shares, moments, n_jobs)
                W, b, kept[at] = fit(layer, W, mask)
                W, b = _ease(layer, W, b, kept[at], _easing(network, at), repair)
                here, there = bend(layer.sums(W, b)), bend(sums)
            moments = None
            weights.append(W)
            biases.append(b)
    return network.with_weights(weights, biases), kept


def _easing(network: Network, at: int) -> Callable | None:
    """Return what eases a layer's targets."""
    if at == len(network) - 1:
        return EASED_OUTPUTS.get(network.out_activation)
    return EASED_HIDDEN.get(network.activation)


def _ease(layer: Layer, W, b, mask, ease: Callable | None, repair: Repair) -> tuple:
    """Fit a layer again to targets that ask for what matters behind it only.

    Layers that keep many weights of many would take long, and have little to gain.
    """
    cheap = smallest_work(np.count_nonzero(mask, axis=0), len(mask)) <= MOST_EASING_WORK
    for _ in range(repair.sweeps if ease and cheap else 0):
        W, b = layer.fit(W, mask, repair.damping, ease(layer.targets, layer.sums(W, b)))
    return W, b


def _ease_cut(targets: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Ask no more of a unit that should be silent than that it is."""
    return np.where(targets > 0, targets, np.minimum(sums, 0))


def _ease_shift(targets: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Let the outputs of a row move together, which probabilities do not see."""
    return targets + (sums - targets).mean(axis=1, keepdims=True)


# The least change of the targets to sums that are as good for the layers behind. Least squares to
# them again lowers the error that matters, each time.
EASED_HIDDEN = {"relu": _ease_cut}
EASED_OUTPUTS = {"softmax": _ease_shift}
