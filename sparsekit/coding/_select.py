"""The k-th largest magnitude of each of many vectors, and what lies at it.

numba makes no vectors of a maximum of floats, but of integers it does: magnitudes are ordered as
their bits are. The k-th largest is found by halving the range of bits and counting, mostly ten
passes over a vector that stays in the fastest cache, whatever k is.
"""

import numpy as np

from sparsekit._compile import helper, kernel, where
from sparsekit.coding._largest import INTEGERS

# Vectors per call of a kernel are chosen to hold about so many values.
BLOCK = 1 << 23


@helper
def magnitude_bits(bits, start, j, mask):
    """Return the magnitude of value j of the vector at `start`, as an integer."""
    # Unsigned places spare the test for negative ones, without which there are no vectors.
    return bits[np.uint64(start) + np.uint64(j)] & mask


@helper
def count_at_least(bits, start, size, mask, low):
    """Return how many magnitudes of a vector are at least `low`."""
    count = 0
    for j in range(size):
        count += magnitude_bits(bits, start, j, mask) >= low
    return count


@helper
def largest_magnitude(bits, start, size, mask):
    """Return the largest magnitude of a vector."""
    top = mask - mask
    for j in range(size):
        top = max(top, magnitude_bits(bits, start, j, mask))
    return top


@helper
def least_from(bits, start, size, mask, low):
    """Return the least magnitude of a vector that is at least `low`."""
    least = mask
    for j in range(size):
        m = magnitude_bits(bits, start, j, mask)
        least = min(least, where(m >= low, m, mask))
    return least


@kernel
def find_ranked(bits, starts, rank, mask, step, out):
    """Overwrite `out` with the magnitude of each vector's `rank`, zero beyond its size.

    `step` is where the search below the largest magnitude begins.
    """
    for i in range(out.shape[0]):
        start, size, k = starts[i], starts[i + 1] - starts[i], rank[i]
        out[i] = 0
        if k > size:
            continue
        # At least k magnitudes reach `low`; fewer than k reach `high`.
        low, high = mask - mask, largest_magnitude(bits, start, size, mask) + 1
        count, reach = size, step
        while count != k and high - low > 1:
            middle = max(high - reach, low + (high - low) // 2)
            # By way of `out` it has the width of the data's bits, which sums do not have.
            out[i] = middle
            reached = count_at_least(bits, start, size, mask, out[i])
            if reached >= k:
                low, count, reach = middle, reached, mask
            else:
                high, reach = middle, min(reach, mask // 8) * 4
        out[i] = least_from(bits, start, size, mask, low) if count == k else low


@kernel
def drop_excess(values, starts, threshold, kept):
    """Set values at the threshold of each vector to zero, the last first, until `kept` remain.

    Returns how many were set.
    """
    dropped = 0
    for i in range(threshold.shape[0]):
        excess = -kept
        for k in range(starts[i], starts[i + 1]):
            excess += values[k] != 0
        k = starts[i + 1] - 1
        while excess > 0 and k >= starts[i]:
            if abs(values[k]) == threshold[i] and values[k] != 0:
                values[k] = 0
                excess -= 1
                dropped += 1
            k -= 1
    return dropped


def ranked_magnitudes(values: np.ndarray, starts: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Return for each vector the magnitude of its rank, 1 for the largest; zero beyond its size.

    Vector i is ``values[starts[i]:starts[i + 1]]``, without NaN.
    """
    kind = INTEGERS[values.dtype]
    bits, mask = values.view(kind), kind(np.iinfo(kind).max)
    # A quarter of the way to the magnitude half as large.
    step = kind(1 << (np.finfo(values.dtype).nmant - 2))
    # One type of each, for which the kernel is compiled.
    starts, rank = (np.array(a, dtype=np.intp) for a in (starts, rank))
    out = np.empty(len(rank), kind)
    n_blocks = -(-len(values) // BLOCK)
    for part in np.array_split(np.arange(len(rank)), max(min(n_blocks, len(rank)), 1)):
        if len(part):
            a, b = part[0], part[-1] + 1
            find_ranked(bits, starts[a : b + 1], rank[a:b], mask, step, out[a:b])
    return out.view(values.dtype)
