"""Kernels of the rules: one pass over the magnitudes of each vector, which rise."""

from math import erfc, sqrt

from sparsekit._compile import kernel


@kernel
def minimise_sure(magnitudes, starts, size, sigma, out):
    """Overwrite `out` with the magnitude, or zero, of least risk by Stein's unbiased estimate."""
    for i in range(out.shape[0]):
        n_within = size - (starts[i + 1] - starts[i])
        square = 0.0
        least = float(size - 2 * n_within)
        out[i] = 0.0
        for k in range(starts[i], starts[i + 1]):
            t = magnitudes[k] / sigma[i]
            n_within += 1
            square += t * t
            risk = size - 2 * n_within + square + (size - n_within) * t * t
            if risk < least:
                least = risk
                out[i] = magnitudes[k]


@kernel
def count_discoveries(magnitudes, starts, size, sigma, level, out):
    """Overwrite `out` with the largest k whose k-th p-value is at most ``level * k / size``."""
    for i in range(out.shape[0]):
        scale = sigma[i] * sqrt(2.0)
        out[i] = 0
        for k in range(1, starts[i + 1] - starts[i] + 1):
            p = erfc(magnitudes[starts[i + 1] - k] / scale)
            if p > level:
                break
            if p * size <= level * k:
                out[i] = k


@kernel
def count_energy(magnitudes, starts, share, out):
    """Overwrite `out` with the least number of values that hold `share` of the sum of squares."""
    for i in range(out.shape[0]):
        first, last = starts[i], starts[i + 1] - 1
        total = 0.0
        for k in range(last, first - 1, -1):
            total += (magnitudes[k] / magnitudes[last]) ** 2
        held = 0.0
        out[i] = 0
        for k in range(last, first - 1, -1):
            if held >= share * total:
                break
            held += (magnitudes[k] / magnitudes[last]) ** 2
            out[i] += 1


@kernel
def weight_scores(betas, starts, beta_zero, size, weight, out):
    """Overwrite `out` with the slope of the log-likelihood of each vector at its weight."""
    for i in range(out.shape[0]):
        n_zeros = size - (starts[i + 1] - starts[i])
        total = n_zeros * beta_zero[i] / (1.0 + weight[i] * beta_zero[i])
        for k in range(starts[i], starts[i + 1]):
            total += betas[k] / (1.0 + weight[i] * betas[k])
        out[i] = total
