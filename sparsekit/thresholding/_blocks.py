"""Blocks: pieces of a pass over a matrix, in an order in which new memory is cheap to write."""

from collections.abc import Iterator

import numpy as np

# Bytes. Smaller arrays get no huge pages from NumPy, and are one block.
LEAST_SPLIT = 1 << 22
HUGE_PAGE = 1 << 21
PAGE = 1 << 12


def blocks(out: np.ndarray) -> Iterator[tuple[slice, slice]]:
    """Yield the rows and columns of the blocks of a matrix in C order, as they are best written.

    Each block ends near the end of a huge page, and its last value or row comes first. Linux clears
    a huge page when it is first written to, from the far end towards the place written, so that
    this comes last (`process_huge_page` in mm/memory.c). Written from its beginning, a page is
    cleared backwards, which takes twice the time.
    """
    n_rows, n_columns = out.shape
    if out.nbytes < LEAST_SPLIT:
        yield slice(0, n_rows), slice(0, n_columns)
    elif n_rows == 1:
        for columns in _pieces(out, n_columns):
            yield slice(0, 1), columns
    elif out.nbytes < n_rows * HUGE_PAGE:
        for rows in _pieces(out, n_rows):
            yield rows, slice(0, n_columns)
    else:
        for i in range(n_rows):
            for columns in _pieces(out[i], n_columns):
                yield slice(i, i + 1), columns


def _pieces(out: np.ndarray, n_units: int) -> Iterator[slice]:
    """Yield pieces of `n_units` values or rows: up to each huge page's end, the last unit first."""
    unit = out.nbytes // n_units
    # Whole pages after the array's beginning: vectors that begin where a cache line does, as they
    # would from a page's beginning, took a quarter more time to write to memory.
    first = (HUGE_PAGE - out.ctypes.data % HUGE_PAGE) // PAGE * PAGE
    start = 0
    for end in range(first, out.nbytes + HUGE_PAGE, HUGE_PAGE):
        stop = min(end // unit, n_units)
        for piece in (slice(stop - 1, stop), slice(start, stop - 1)):
            if start <= piece.start < piece.stop:
                yield piece
        start = stop
