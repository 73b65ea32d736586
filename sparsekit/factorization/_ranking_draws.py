"""Random columns that a row has not seen, by hashing a counter: no state, whatever the threads."""

import numpy as np

from sparsekit._compile import helper

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST_FACTOR = np.uint64(0xBF58476D1CE4E5B9)
SECOND_FACTOR = np.uint64(0x94D049BB133111EB)
SHIFT_27, SHIFT_30, SHIFT_31, SHIFT_32 = (np.uint64(n) for n in (27, 30, 31, 32))


@helper
def hashed(key, counter):
    """Return 64 bits that look random; the finisher of Steele, Lea, Flood (2014), SplitMix."""
    x = key + np.uint64(counter) * GOLDEN
    x = (x ^ (x >> SHIFT_30)) * FIRST_FACTOR
    x = (x ^ (x >> SHIFT_27)) * SECOND_FACTOR
    return x ^ (x >> SHIFT_31)


@helper
def drawn_below(key, counter, n):
    """Return an integer in [0, n), n below 2**31."""
    return np.int64(((hashed(key, counter) >> SHIFT_32) * np.uint64(n)) >> SHIFT_32)


@helper
def nth_unseen(seen, first, last, n):
    """Return the n-th number from zero on that is not among first..last of `seen`, which ascend.

    Where t of them come before a number that is not seen, n is that number less t.
    """
    low, high = first, last
    while low < high:
        middle = (low + high) >> 1
        if seen[middle] - (middle - first) <= n:
            low = middle + 1
        else:
            high = middle
    return n + low - first
