"""What it costs to rank one column that a row has seen beside one that it has not."""

import math
from typing import NamedTuple

import numpy as np

from sparsekit._compile import helper, protocol, record


@protocol
def pair_slopes(self, seen, unseen):
    """Return the loss of a pair, minus its slope in the first score, its slope in the second."""


@protocol
def pair_curvatures(self, pull, push):
    """Return the second derivatives, from the slopes: of the first score, both, the second."""


@helper
def softplus_and_slope(x, one):
    """Return ``log(1 + exp(x))`` and its derivative, in the type of x and of one."""
    decay = math.exp(-abs(x))
    share = one / (one + decay)
    rest = math.log(one + decay)
    return (rest + x, share) if x > 0 else (rest, decay * share)


@record
class PairwiseLoss(NamedTuple):
    """Bayesian personalised ranking: ``softplus(unseen - seen)``.

    Attributes
    ----------
    one : floating
        In the type of the factors, so that kernels need no other.
    seen_weight : floating
        Not used: a pair counts as one.
    """

    one: np.floating
    seen_weight: np.floating

    def pair_slopes(self, seen, unseen):
        """Return the loss and two slopes, which are the same."""
        value, slope = softplus_and_slope(unseen - seen, self.one)
        return value, slope, slope

    def pair_curvatures(self, pull, push):
        """Return three curvatures, which differ in sign only."""
        curvature = pull * (self.one - push)
        return curvature, -curvature, curvature


@record
class LogisticLoss(NamedTuple):
    """Logistic regression of what is seen: ``seen_weight * softplus(-seen) + softplus(unseen)``.

    Attributes
    ----------
    one : floating
        In the type of the factors, so that kernels need no other.
    seen_weight : floating
        One over the number of pairs in which a seen column appears, so that it counts as one.
    """

    one: np.floating
    seen_weight: np.floating

    def pair_slopes(self, seen, unseen):
        """Return the loss and two slopes."""
        value, pull = softplus_and_slope(-seen, self.one)
        more, push = softplus_and_slope(unseen, self.one)
        return self.seen_weight * value + more, self.seen_weight * pull, push

    def pair_curvatures(self, pull, push):
        """Return three curvatures; none binds the scores to one another."""
        zero = self.one - self.one
        return pull * (self.one - pull / self.seen_weight), zero, push * (self.one - push)


LOSSES = {"bpr": PairwiseLoss, "logistic": LogisticLoss}
