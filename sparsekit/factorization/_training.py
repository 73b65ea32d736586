"""The outer loop of a fit: one sweep after another, until somebody says stop."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from sparsekit._sklearn import Integral, Interval, Real
from sparsekit._watch import Watch

TRAINING_CONSTRAINTS: dict[str, list] = {
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "tol": [Interval(Real, 0, None, closed="left"), None],
    "max_time": [Interval(Real, 0, None, closed="neither"), None],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "callback": [callable, None],
    "verbose": ["verbose"],
    "random_state": ["random_state"],
    "n_jobs": [Integral, None],
}


class Trained(NamedTuple):
    """What a loop of sweeps came to."""

    n_iter: int
    loss_curve: np.ndarray
    validation_scores: np.ndarray | None
    # What `keep` returned after the sweep with the best validation score; None without one.
    best: Any


def train(
    watch: Watch,
    sweep: Callable[[], float],
    components: Callable[[], np.ndarray],
    validate: Callable[[], float] | None = None,
    keep: Callable[[], Any] | None = None,
) -> Trained:
    """Sweep until the objective or the validation score has settled, or a limit is reached.

    Parameters
    ----------
    watch : Watch
        Of the estimator, which has the parameters `TRAINING_CONSTRAINTS` names.
    sweep : callable
        Does one sweep over all factors; returns the objective.
    components : callable
        Returns a copy of the components, (n_components, n_columns), for those who listen.
    validate : callable, default=None
        Returns the score of what was held out, the higher the better.
    keep : callable, default=None
        Returns a copy of the state, to come back to; asked after the best sweeps only.

    Returns
    -------
    trained : Trained
        Number of sweeps, curves, and the best state.

    Raises
    ------
    ValueError
        If the objective is not finite any more.
    """
    estimator = watch.estimator
    losses: list[float] = []
    scores: list[float] = []
    best = None
    for n in range(1, estimator.max_iter + 1):
        watch.begin()
        losses.append(sweep())
        if not np.isfinite(losses[-1]):
            raise ValueError(
                f"{type(estimator).__name__} diverged: the objective of sweep {n} is "
                f"{losses[-1]!r}. Scale X, or increase `alpha` ({estimator.alpha!r})."
            )
        more = {}
        if validate is not None:
            scores.append(validate())
            more["validation_score"] = scores[-1]
            if int(np.argmax(scores)) == n - 1:
                best = keep() if keep is not None else None
        if estimator.verbose:
            told = f", validation score {scores[-1]:.6g}" if scores else ""
            watch.say("sweep", n, losses[-1], told)
        asked = watch.wants_to_stop(n, losses[-1], components, **more)
        if watch.end(components) or asked:
            break
        if _settled(losses, estimator.tol) or _stale(scores, estimator.n_iter_no_change):
            break
    return Trained(
        len(losses), np.array(losses), np.array(scores) if validate is not None else None, best
    )


def refuse_nothing_held(X: sparse.csr_array, held: sparse.csr_array, fraction: float) -> None:
    """Refuse to stop early by entries of which there are none."""
    if held.nnz == 0:
        raise ValueError(
            f"`early_stopping=True` with `validation_fraction={fraction!r}` holds out no entry of "
            f"the {X.nnz} of X (n_samples={X.shape[0]}, n_features={X.shape[1]}). Increase "
            "`validation_fraction`, or set `early_stopping=False`."
        )


def _settled(losses: list[float], tol: float | None) -> bool:
    """Return whether the last sweep lowered the objective by no more than its share `tol`."""
    if tol is None or len(losses) < 2:
        return False
    return losses[-2] - losses[-1] <= tol * abs(losses[-2])


def _stale(scores: list[float], n_iter_no_change: int) -> bool:
    """Return whether the best score is that many sweeps old."""
    return bool(scores) and len(scores) - 1 - int(np.argmax(scores)) >= n_iter_no_change
