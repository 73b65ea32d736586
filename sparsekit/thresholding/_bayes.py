"""Empirical Bayes thresholds: a prior with an atom at zero whose weight the data tell.

The mean of each value is zero with probability ``1 - w``, and else drawn from a heavy-tailed
density; ``beta(x)`` is the density of a value x with such a mean, over that of pure noise, less 1.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy import special

from sparsekit.thresholding._scans import weight_scores
from sparsekit.thresholding._vectors import Vectors

# Beyond this a value is a signal whatever the weight.
LARGEST_BETA = 1e20
# Limits of the Laplace prior's rate where it is estimated, as in the R package EbayesThresh.
SMALLEST_RATE, LARGEST_RATE = 0.04, 3.0
HALVINGS = 60
GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0
GOLDEN_STEPS = 30


@dataclass(frozen=True)
class LaplacePrior:
    """The density ``rate / 2 * exp(-rate * |mean|)``; one rate, or one for each vector."""

    rate: Any

    def beta(self, x: Any) -> Any:
        """Return beta of each value."""
        ratios = _mills(self.rate + abs(x)) + _mills(self.rate - abs(x))
        return np.minimum(0.5 * self.rate * ratios - 1.0, LARGEST_BETA)

    def weight_at(self, threshold: Any) -> Any:
        """Return the weight that makes `threshold` that of the posterior median."""
        excess = _mills(self.rate - threshold) - _mills(self.rate + threshold)
        return 1.0 / (1.0 + 0.5 * self.rate * excess)

    def of_values(self, counts: np.ndarray) -> Self:
        """Return the prior of each value of vectors that hold so many."""
        return type(self)(np.repeat(np.broadcast_to(self.rate, len(counts)), counts))


@dataclass(frozen=True)
class CauchyPrior:
    """The quasi-Cauchy density of Johnstone and Silverman, whose tails are Cauchy's."""

    def beta(self, x: Any) -> Any:
        """Return beta of each value."""
        square = np.minimum(np.square(x), 4.0 * np.log(LARGEST_BETA))
        zero = square == 0
        ratio = np.expm1(0.5 * square) / np.where(zero, 1.0, square)
        return np.where(zero, -0.5, np.minimum(ratio - 1.0, LARGEST_BETA))

    def weight_at(self, threshold: Any) -> Any:
        """Return the weight that makes `threshold` that of the posterior median."""
        small = np.less(threshold, 1e-3)
        t = np.where(small, 1.0, threshold)
        density = np.exp(-0.5 * t * t) / np.sqrt(2.0 * np.pi)
        excess = (special.ndtr(t) - 0.5 - t * density) / (np.sqrt(0.5 * np.pi) * density * t * t)
        # Near zero the numerator cancels, and the quotient is a third of sqrt(2 / pi) * t.
        near_zero = np.sqrt(2.0 / np.pi) * threshold / 3.0
        return 1.0 / (1.0 + np.where(small, near_zero, excess))

    def of_values(self, counts: np.ndarray) -> Self:
        """Return the prior, which is the same for all."""
        return self


def _mills(z: Any) -> Any:
    """Return the tail probability of the normal distribution beyond z, over its density at z."""
    return np.sqrt(0.5 * np.pi) * special.erfcx(np.maximum(z, -35.0) / np.sqrt(2.0))


def ebayes_threshold(vectors: Vectors, sigma: np.ndarray, options: Any) -> np.ndarray:
    """Return the threshold of the posterior median, the weight by marginal maximum likelihood.

    The prior is Laplace, of the given or an estimated scale, or quasi-Cauchy. The weight is not
    below that at which the threshold would be the universal one.

    Johnstone, Silverman (2004), "Needles and straw in haystacks: empirical Bayes estimates of
    possibly sparse sequences"; (2005), "EbayesThresh: R programs for empirical Bayes
    thresholding".
    """
    unit = np.where(sigma > 0, sigma, 1.0)
    scaled = vectors.divided(unit)
    if options.prior == "cauchy":
        prior = CauchyPrior()
    elif options.prior_scale is not None:
        prior = LaplacePrior(options.prior_scale)
    else:
        prior = LaplacePrior(likely_rates(scaled))
    return unit * threshold_at(prior, likely_weights(scaled, prior), _universal(scaled.size))


def likely_weights(vectors: Vectors, prior: LaplacePrior | CauchyPrior) -> np.ndarray:
    """Return the weight of the largest likelihood for each vector of values with unit noise."""
    shape = (len(vectors),)
    betas = prior.of_values(vectors.counts).beta(vectors.values)
    beta_zero = np.array(np.broadcast_to(prior.beta(0.0), shape))

    def slope(weight: np.ndarray) -> np.ndarray:
        out = np.empty(shape)
        weight_scores(betas, vectors.starts, beta_zero, vectors.size, weight, out)
        return out

    high = np.ones(shape)
    low = np.array(np.broadcast_to(prior.weight_at(_universal(vectors.size)), shape))
    high = np.where(slope(low) <= 0, low, high)
    low = np.where(slope(high) >= 0, high, low)
    # The slope falls as the weight grows.
    for _ in range(HALVINGS):
        middle = np.sqrt(low * high)
        rises = slope(middle) > 0
        low, high = np.where(rises, middle, low), np.where(rises, high, middle)
    return np.sqrt(low * high)


def threshold_at(prior: LaplacePrior | CauchyPrior, weight: np.ndarray, limit: float) -> np.ndarray:
    """Return the threshold, at most `limit`, of the posterior median at each weight."""
    low, high = np.zeros(len(weight)), np.full(len(weight), limit)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        beyond = prior.weight_at(middle) > weight
        low, high = np.where(beyond, middle, low), np.where(beyond, high, middle)
    return np.where(weight >= 1.0, 0.0, high)


def likely_rates(vectors: Vectors) -> np.ndarray:
    """Return the rate of the Laplace prior of the largest likelihood for each vector."""
    # The likelihood may have two peaks: look everywhere before closing in.
    grid = np.linspace(np.log(SMALLEST_RATE), np.log(LARGEST_RATE), 16)
    misfits = [_misfit(vectors, np.full(len(vectors), point)) for point in grid]
    best = np.argmin(misfits, axis=0)
    low, high = grid[np.maximum(best - 1, 0)], grid[np.minimum(best + 1, len(grid) - 1)]
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = _misfit(vectors, left), _misfit(vectors, right)
    for _ in range(GOLDEN_STEPS):
        falls = at_left > at_right
        low, high = np.where(falls, left, low), np.where(falls, high, right)
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        new = _misfit(vectors, np.where(falls, right, left))
        at_left, at_right = np.where(falls, at_right, new), np.where(falls, new, at_left)
    return np.exp(0.5 * (low + high))


def _misfit(vectors: Vectors, log_rate: np.ndarray) -> np.ndarray:
    """Return minus the log-likelihood of each vector at the best weight for its rate."""
    prior = LaplacePrior(np.exp(log_rate))
    weight = likely_weights(vectors, prior)
    betas = prior.of_values(vectors.counts).beta(vectors.values)
    at_values = vectors.sums(np.log1p(np.repeat(weight, vectors.counts) * betas))
    n_zeros = vectors.size - vectors.counts
    return -(at_values + n_zeros * np.log1p(weight * prior.beta(0.0)))


def _universal(size: int) -> float:
    return float(np.sqrt(2.0 * np.log(size)))
