"""Whether training improves: on the loss, or on rows that are held out."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import r2_score

from sparsekit._watch import Watch
from sparsekit.pruning._held_out import hold_out_rows
from sparsekit.pruning._trainer._options import TrainingOptions

FEWEST = 2  # rows to validate on, as in scikit-learn


def hold_out(Y: np.ndarray, loss: str, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the rows to train on and of those to validate on, both sorted."""
    n = len(Y)
    n_held = int(np.ceil(fraction * n))
    if n_held < FEWEST or n_held >= n:
        raise ValueError(
            f"`early_stopping=True` with `validation_fraction={fraction!r}` holds out {n_held} of "
            f"{n} samples, which is too few or leaves none. Change `validation_fraction`, or set "
            "`early_stopping=False`."
        )
    return hold_out_rows(n, n_held, _classes(Y, loss), seed)


def _classes(Y: np.ndarray, loss: str) -> np.ndarray | None:
    """Return the class of each row; None where it has none, or several."""
    if loss == "softmax":
        return Y.argmax(axis=1)
    return Y[:, 0] if loss == "logistic" and Y.shape[1] == 1 else None


def score_outputs(P: np.ndarray, Y: np.ndarray, loss: str, weights: np.ndarray | None) -> float:
    """Return the accuracy of a classifier's outputs, or R2 of a regressor's."""
    if not np.isfinite(P).all():
        return float("nan")
    if loss in {"squared_error", "poisson"}:
        return float(r2_score(Y, P, sample_weight=weights))
    if loss == "softmax":
        right = P.argmax(axis=1) == Y.argmax(axis=1)
    else:
        right = ((P > 0.5) == (Y > 0.5)).all(axis=1)
    return float(np.average(right, weights=weights))


def all_outputs(outputs: Callable[[Any], np.ndarray], X: Any, size: int) -> np.ndarray:
    """Return the outputs for all rows of X, from those of `size` rows at a time."""
    starts = range(0, X.shape[0], size)
    return np.vstack([outputs(X[start : start + size]).copy() for start in starts])


def told_to_stop(
    watch: Watch,
    losses: list[float],
    scores: list[float] | None,
    copy_weights: Callable[[], list],
) -> bool:
    """Tell those who listen of the last epoch; return whether one asks to stop."""
    more, told = {}, ""
    if scores:
        more["validation_score"] = scores[-1]
        told = f", validation score {scores[-1]:.6g}"
    n, loss = len(losses), losses[-1]
    if watch.estimator.verbose:
        watch.say("epoch", n, loss, told)
    asked = watch.wants_to_stop(n, loss, copy_weights, **more)
    return watch.end(copy_weights) or asked


class Progress:
    """Counts epochs without improvement, and keeps the best state where rows are held out.

    Parameters
    ----------
    options : TrainingOptions
        With `tol`, `n_iter_no_change`.
    validate : callable or None
        Returns the score of what is held out, the higher the better.
    keep : callable
        Returns a copy of the present state.
    """

    def __init__(
        self,
        options: TrainingOptions,
        validate: Callable[[], float] | None,
        keep: Callable[[], Any],
    ):
        self.options, self.validate, self.keep = options, validate, keep
        self.scores: list[float] | None = None if validate is None else []
        self.start_anew()

    def start_anew(self) -> None:
        """Forget what was best: it belongs to a network with other masks."""
        self.best_score, self.best_state, self.n_stale = -np.inf, None, 0

    def end_epoch(self, loss: float) -> None:
        """Take note of an epoch, as scikit-learn does."""
        if self.validate is None:
            score = -loss
        else:
            score = self.validate()
            self.scores.append(score)
        # A score that is NaN is no improvement.
        better = score >= self.best_score + self.options.tol
        self.n_stale = 0 if better else self.n_stale + 1
        if score > self.best_score:
            self.best_score = score
            if self.validate is not None:
                self.best_state = self.keep()

    def is_stale(self) -> bool:
        """Return whether too many epochs brought no improvement; then count from zero again."""
        stale = self.n_stale > self.options.n_iter_no_change
        self.n_stale = 0 if stale else self.n_stale
        return stale
