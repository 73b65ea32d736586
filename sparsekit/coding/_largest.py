"""Where the largest of many numbers stands, by whole numbers in the same memory.

Compilers do not make vectors of the maximum of floating-point numbers, whose order is not total.
The bits of numbers that are not negative, read as integers, have the same order.
"""

import numpy as np

from sparsekit._compile import helper

INTEGERS = {np.dtype(np.float32): np.int32, np.dtype(np.float64): np.int64}


def bits_of(values: np.ndarray) -> np.ndarray:
    """Return the integers that stand in the memory of `values`, which is shared."""
    return values.view(INTEGERS[values.dtype])


def all_bits(dtype: np.dtype) -> np.signedinteger:
    """Return the mask with which `largest` compares values; all that are negative are alike."""
    return INTEGERS[np.dtype(dtype)](-1)


def magnitude_bits(dtype: np.dtype) -> np.signedinteger:
    """Return the mask with which `largest` compares absolute values."""
    integer = INTEGERS[np.dtype(dtype)]
    return integer(np.iinfo(integer).max)


@helper
def largest(bits, row, mask):
    """Return the first place in a row of `bits` where the masked integer is largest."""
    # The casts keep 32 bits 32 bits wide.
    integer = bits.dtype.type
    n = bits.shape[1]
    best = integer(bits[row, 0] & mask)
    for i in range(n):
        best = max(best, integer(bits[row, i] & mask))
    place = integer(n)
    for i in range(n):
        place = min(place, integer(i) if integer(bits[row, i] & mask) == best else integer(n))
    return np.intp(place)
