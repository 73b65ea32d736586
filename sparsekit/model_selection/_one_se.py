"""The one-standard-error rule: the strongest penalty that is not clearly worse than the best."""

from collections.abc import Hashable, Sequence
from numbers import Real

import numpy as np


def sparsest_within_one_se(
    scores: np.ndarray, best: int, alphas: Sequence[object], groups: Sequence[Hashable]
) -> int:
    """Return the candidate of largest `alpha` within one standard error of the best one.

    Only candidates that share all other parameters with the best one are compared, because a
    penalty means something else on other features or beside another `l1_ratio`.

    Parameters
    ----------
    scores : ndarray of shape (n_candidates, n_splits)
        Scores per fold, larger is better.
    best : int
        Candidate of the best mean score.
    alphas : sequence of length n_candidates
        Strength of each candidate's penalty; what is not a number is never chosen.
    groups : sequence of length n_candidates
        Equal for candidates that differ in `alpha` alone.

    Returns
    -------
    index : int
        Among equal `alpha`, the better mean, then the earlier candidate.
    """
    mean = scores.mean(axis=1)
    n_splits = scores.shape[1]
    # One fold tells nothing about the spread, so only ties with the best are open to choice.
    error = scores[best].std(ddof=1) / np.sqrt(n_splits) if n_splits > 1 else 0.0
    close = [
        i
        for i in range(len(alphas))
        if groups[i] == groups[best]
        and isinstance(alphas[i], Real)
        and mean[i] >= mean[best] - error
    ]
    return max(close, key=lambda i: (alphas[i], mean[i], -i), default=best)
