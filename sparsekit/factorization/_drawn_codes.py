"""Codes of rows under many draws: more numbers than predictions, so only some rows' at a time."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from sparsekit._simd import aligned_empty, padded

# Memory of the codes that are at hand at a time.
BLOCK_BYTES = 2**26


@dataclass(frozen=True)
class DrawnCodes:
    """Codes of rows, made when they are asked for.

    Parameters
    ----------
    make : callable
        Returns the codes of rows with the given numbers, as :func:`side_by_side` makes them.
    rows : ndarray of shape (n_rows,)
        Numbers of the rows.
    row_bytes : int
        Memory of the codes of a row.
    """

    make: Callable[[np.ndarray], np.ndarray]
    rows: np.ndarray
    row_bytes: int

    @property
    def shape(self) -> tuple[int]:
        """Number of rows."""
        return self.rows.shape

    def __getitem__(self, chosen: np.ndarray) -> Self:
        return replace(self, rows=self.rows[chosen])

    def by_block(self, function: Callable[[np.ndarray, slice], np.ndarray]) -> list[np.ndarray]:
        """Return what the function makes of the codes of each block of rows, and of their place.

        Codes are forgotten before the next are made. Blocks are about equal: one of few rows would
        take as long as the others.
        """
        n_rows = len(self.rows)
        n_blocks = max(-(-n_rows * self.row_bytes // BLOCK_BYTES), 1)
        edges = [n_rows * b // n_blocks for b in range(n_blocks + 1)]
        blocks = [slice(*block) for block in zip(edges[:-1], edges[1:], strict=True)]
        return [function(self.make(self.rows[block]), block) for block in blocks]


def joined_width(width: int, n_parts: int, dtype: np.dtype) -> int:
    """Return the width of rows of so many parts side by side, of whole cache lines."""
    return padded(width * n_parts, dtype)


def side_by_side(
    parts: Iterable[np.ndarray], shape: tuple[int, int, int], dtype: np.dtype
) -> np.ndarray:
    """Return arrays next to one another, zeros behind; a part is forgotten before the next.

    Parameters
    ----------
    parts : iterable of ndarray of shape (n_rows, width)
        The arrays.
    shape : tuple
        Their number, `n_rows` and `width`.
    dtype : dtype
        Of all numbers.
    """
    n_parts, n_rows, width = shape
    joined = aligned_empty((n_rows, joined_width(width, n_parts, dtype)), dtype)
    joined[:, width * n_parts :] = 0
    for d, part in enumerate(parts):
        joined[:, d * width : (d + 1) * width] = part
    return joined
