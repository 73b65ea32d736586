"""Which weights a layer keeps, by least squares: remove a few, mend the others, and again."""

import numpy as np

from sparsekit.pruning._masks import build_masks
from sparsekit.pruning._repair._least_squares import damped, lower_inverse, reconstruct_layer

# Share of a gradient step that a weight outside gets before it is compared with those inside: as if
# none of the others moved, it would gain more than it can keep.
CAUTION = 0.5


def obs_scores(gram: np.ndarray, weights: np.ndarray, damping: float = 1e-2) -> np.ndarray:
    """Return what a layer's sums lose without each weight, after the others made up for it.

    ``w**2 / inv(G)[i, i]``, with the damped products G of the layer's inputs.

    References
    ----------
    Hassibi, Stork (1993), "Second order derivatives for network pruning: optimal brain surgeon".
    """
    return np.square(weights, dtype=np.float64) * unexplained(damped(gram, damping))[:, None]


def unexplained(square: np.ndarray) -> np.ndarray:
    """Return what the other inputs do not explain of each input: one over the inverse's diagonal.

    The diagonal itself where there is no inverse.
    """
    inverse = lower_inverse(square)
    return np.diagonal(square).copy() if inverse is None else 1 / np.diagonal(inverse)


def reselect_layer(
    gram: np.ndarray,
    cross: np.ndarray,
    weights: np.ndarray,
    mask: np.ndarray,
    granularity,
    repair,
    n_jobs: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return weights and a mask that keeps as many as `mask`, from all of `weights` downward.

    Parameters
    ----------
    gram : ndarray of shape (inputs, inputs)
        Products of the centred inputs.
    cross : ndarray of shape (inputs, outputs)
        Products of inputs and targets.
    weights : ndarray of shape (inputs, outputs)
        Good weights without a mask.
    mask : bool ndarray of shape (inputs, outputs)
        Of which only the number of True is read.
    granularity : granularity
        Which weights go together.
    repair : Repair
        Options.
    n_jobs : int, default=None
        Threads.
    """
    square = damped(gram, repair.damping)
    worth, diagonal = unexplained(square)[:, None], np.diagonal(square)[:, None]
    share = np.count_nonzero(mask) / mask.size

    def choose(scores: np.ndarray, share: float) -> np.ndarray:
        return build_masks([scores], granularity, "global", 1 - share)[0]

    def mend(mask: np.ndarray) -> np.ndarray:
        return reconstruct_layer(
            gram, cross, weights, mask, damping=repair.damping, n_jobs=n_jobs
        ).astype(np.float64)

    kept = np.ones(mask.shape, dtype=bool)
    found = weights.astype(np.float64)
    # Steps that halve a layer are small enough.
    n_steps = min(repair.steps, 1 + int(np.ceil(-np.log2(share)))) if share > 0 else 1
    for step in range(1, n_steps + 1):
        scores = np.where(kept, found * found * worth, -np.inf)
        kept = choose(scores, share ** (step / n_steps))
        found = mend(kept)
    for _ in range(repair.swaps):
        # An input that never varies has no gradient either.
        slopes = CAUTION * (cross - gram @ found)
        moves = np.divide(slopes, diagonal, out=np.zeros_like(slopes), where=diagonal > 0)
        scores = np.where(kept, found, moves) ** 2 * diagonal
        kept = choose(scores, share)
        found = mend(kept)
    return found.astype(np.float32), kept
