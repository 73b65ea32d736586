"""Hidden units: which of them the others can stand in for, and networks without them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sparsekit._parallel import check_cancelled, single_blas_thread
from sparsekit.pruning._activations import ACTIVATIONS
from sparsekit.pruning._network import Network
from sparsekit.pruning._repair._moments import Grams, measure_inputs
from sparsekit.pruning._repair._reconstruct import Repair, reconstruct_part

# Share of the largest pivot below which units say nothing that others have not said.
NEGLIGIBLE = 1e-9
# The weights as they were are no good guess of what must stand in for the units that went.
WITHOUT_UNITS = Repair(damping=1e-4)


class Ranking(NamedTuple):
    """The units of a hidden layer in the order in which they are worth most, beside those before.

    Attributes
    ----------
    order : ndarray of shape (units,)
        The units.
    missing : ndarray of shape (units + 1,)
        Share of what the layer sends on that the first so many units cannot account for; from 1
        to 0, never rising.
    """

    order: np.ndarray
    missing: np.ndarray


def rank_neurons(network: Network, grams: Grams, n_jobs: int | None = None) -> list[Ranking]:
    """Return the ranking of each hidden layer's units by pivoted Cholesky factorisation.

    Of the centred products of activations, each times the norm of the unit's outgoing weights. The
    next unit is the one whose activation those before it predict worst.

    References
    ----------
    Harbrecht, Peters, Schneider (2012), "On the low-rank approximation by the pivoted Cholesky
    decomposition".
    """
    rankings = []
    with single_blas_thread():
        inputs = network.inputs(grams.X)
        next(inputs)
        for A, outgoing in zip(inputs, network.weights[1:]):
            norms = np.linalg.norm(outgoing.astype(np.float64), axis=1)
            products = measure_inputs(A, grams.shares, n_jobs, most=np.inf).gram
            rankings.append(pivot_order(products * np.outer(norms, norms)))
    return rankings


def pivot_order(gram: np.ndarray) -> Ranking:
    """Return the pivots of a Cholesky factorisation that always takes the largest one left."""
    n = len(gram)
    left = np.diagonal(gram).astype(np.float64)
    least = NEGLIGIBLE * left.max(initial=0.0)
    factor, order, missing = np.zeros((n, n)), [], [left.sum()]
    free = np.ones(n, dtype=bool)
    for k in range(n):
        check_cancelled()
        best = int(np.argmax(np.where(free, left, -np.inf)))
        if left[best] <= least:
            break
        row = (gram[best] - factor[:k, best] @ factor[:k]) / np.sqrt(left[best])
        factor[k] = row
        left = np.maximum(left - row * row, 0)
        free[best] = False
        left[best] = 0
        order.append(best)
        missing.append(left.sum())
    order.extend(np.flatnonzero(free).tolist())
    shares = np.zeros(n + 1)
    shares[: len(missing)] = missing
    return Ranking(np.array(order, dtype=np.intp), shares / max(shares[0], np.finfo(float).tiny))


def rank_by_scores(scores: np.ndarray) -> Ranking:
    """Return the ranking of units by scores that are theirs alone; negative ones are no loss."""
    order = np.argsort(-scores, kind="stable")
    gains = np.maximum(scores[order].astype(np.float64), 0)
    missing = np.append(np.cumsum(gains[::-1])[::-1], 0.0)
    return Ranking(order, missing / max(missing[0], np.finfo(float).tiny))


def count_units(
    sizes: Sequence[int], rankings: Sequence[Ranking], allocation: str, sparsity: float
) -> list[int]:
    """Return how many units each hidden layer keeps so that enough weights go with the others.

    One unit after another goes. One at least stays in each layer, even if that is too many.

    Parameters
    ----------
    sizes : sequence of int
        Weights of each layer, one more than rankings. A unit of a layer has the same share of them
        as the others, and so it has of those of the next layer.
    rankings : sequence of Ranking
        Of the units of each hidden layer.
    allocation : {"global", "uniform"}
        Units go from the layer that then misses least for the weights it saves, or from the one
        that has the largest share of its units left.
    sparsity : float
        Share of all weights to remove, in [0, 1).
    """
    widths = [len(ranking.order) for ranking in rankings]
    # Weights between one unit and one of the next layer; inputs and outputs count as one unit.
    ends = [1, *widths, 1]
    each = [size // (a * b) for size, a, b in zip(sizes, ends, ends[1:])]
    left = list(ends)
    most = round((1 - sparsity) * sum(sizes))
    prices_of = PRICES[allocation]
    while sum(n * a * b for n, a, b in zip(each, left, left[1:])) > most:
        prices = prices_of(rankings, left, each)
        prices = [price if n > 1 else np.inf for price, n in zip(prices, left[1:])]
        if not prices or not np.isfinite(min(prices)):
            break
        left[1 + int(np.argmin(prices))] -= 1
    return left[1:-1]


def _losses_per_weight(
    rankings: Sequence[Ranking], left: list[int], each: list[int]
) -> list[float]:
    """Return what each hidden layer would miss without its last unit, by the weights saved."""
    saved = [each[k] * left[k] + each[k + 1] * left[k + 2] for k in range(len(rankings))]
    lost = [r.missing[n - 1] - r.missing[n] for r, n in zip(rankings, left[1:])]
    return [loss / weights for loss, weights in zip(lost, saved)]


def _shares_gone(rankings: Sequence[Ranking], left: list[int], each: list[int]) -> list[float]:
    """Return minus the share of its units that each hidden layer has left."""
    return [-n / len(ranking.order) for ranking, n in zip(rankings, left[1:])]


PRICES = {"global": _losses_per_weight, "uniform": _shares_gone}


def keep_neurons(network: Network, kept: Sequence[np.ndarray]) -> Network:
    """Return the network with some hidden units only, their weights as they are."""
    weights, biases = list(network.weights), list(network.biases)
    for layer, units in enumerate(kept):
        weights[layer] = np.ascontiguousarray(weights[layer][:, units])
        biases[layer] = biases[layer][units]
        weights[layer + 1] = np.ascontiguousarray(weights[layer + 1][units])
    return network.with_weights(weights, biases)


def remove_neurons(
    network: Network,
    kept: Sequence[np.ndarray],
    grams: Grams,
    *,
    repair: Repair | None = None,
    n_jobs: int | None = None,
) -> Network:
    """Return the network with some hidden units only, the layers behind them repaired.

    What a unit that stays receives comes nearest to what it received; as in `reconstruct`.

    Parameters
    ----------
    network : Network
        Dense.
    kept : sequence of int ndarray
        Units that stay in each hidden layer.
    grams : Grams
        The rows, from `measure_grams`.
    repair : Repair, default=None
        Options.
    n_jobs : int, default=None
        Threads; the result does not depend on them.
    """
    units = [*kept, np.arange(network.weights[-1].shape[1])]
    smaller = keep_neurons(network, kept)
    repair = repair or WITHOUT_UNITS
    return reconstruct_part(smaller, network, units, grams, repair=repair, n_jobs=n_jobs)


def remove_dead_units(network: Network) -> tuple[Network, list[np.ndarray]]:
    """Return the same function without hidden units that do nothing, and which units it keeps.

    A unit that receives nothing is constant: what it sends on moves into the biases behind it. A
    unit that sends nothing on is left out. One unit stays in a layer that would lose all of them.
    No data are needed: outputs change by rounding only.

    Parameters
    ----------
    network : Network
        Of which weights that are exactly zero count as removed.
    """
    bend = ACTIVATIONS[network.activation]
    weights, biases = [W.copy() for W in network.weights], [b.copy() for b in network.biases]
    for layer in range(len(weights) - 1):
        constant = ~weights[layer].any(axis=0)
        levels = bend(biases[layer][constant][None])
        biases[layer + 1] += (levels @ weights[layer + 1][constant])[0]
        weights[layer + 1][constant] = 0
    kept = []
    for layer in reversed(range(len(weights) - 1)):
        units = np.flatnonzero(weights[layer + 1].any(axis=1))
        units = units if len(units) else np.array([0])
        dead = np.setdiff1d(np.arange(weights[layer].shape[1]), units)
        weights[layer][:, dead] = 0
        kept.append(units)
    kept.reverse()
    return keep_neurons(network.with_weights(weights, biases), kept), kept
