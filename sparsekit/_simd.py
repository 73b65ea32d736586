"""Formulas on padded, aligned rows for kernels to call: vectors by hand, or plain loops.

Which of the two is settled at import, from the environment variable SPARSEKIT_SIMD and the
processor. Rows hold whole cache lines of numbers, zeros where a factor has no more components;
`width` is what `padded` returns. Nothing here checks bounds.
"""

import math
import os
import platform

import numpy as np

from sparsekit._compile import helper
from sparsekit._vectors import _formulas, _plain

CACHE_LINE = 64
KNOWN = {"x86_64", "amd64", "arm64", "aarch64"}
BY_HAND = platform.machine().lower() in KNOWN and os.environ.get("SPARSEKIT_SIMD") != "0"


def aligned_empty(shape: int | tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return an array of any content whose first number begins a cache line.

    NumPy's begin 16 bytes behind, so that every second load of a wide vector needs two lines, which
    takes a quarter more time in a pass over data at hand.
    """
    dtype = np.dtype(dtype)
    n_bytes = math.prod(np.atleast_1d(shape).tolist()) * dtype.itemsize
    memory = np.empty(n_bytes + CACHE_LINE, dtype=np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + n_bytes].view(dtype).reshape(shape)


def padded(width: int, dtype: np.dtype) -> int:
    """Return the least multiple of a cache line's numbers that holds `width`."""
    per_line = CACHE_LINE // np.dtype(dtype).itemsize
    return -(-width // per_line) * per_line


def padded_width(width: int, dtype: np.dtype) -> int:
    """Return at least `width` numbers after which a next row begins a cache line of its own.

    One line more than needed: rows that lie a power of two apart would share few lines.
    """
    per_line = CACHE_LINE // np.dtype(dtype).itemsize
    return (-(-width // per_line) | 1) * per_line


def pick(name):
    """Return a formula in this process's edition.

    The two live in different files, so that the kernels' cache on disk tells them apart.
    """
    return getattr(_formulas if BY_HAND else _plain, name)


_row_dot, _row_axpy = map(pick, ("row_dot", "row_axpy"))
_entries_pass, _entries_pull = map(pick, ("entries_pass", "entries_pull"))
_entries_add = pick("entries_add")
_product_row, _product_entries = map(pick, ("product_row", "product_entries"))
_syrk_upper, _cholesky_upper = map(pick, ("syrk_upper", "cholesky_upper"))
_solve_upper, _solve_upper_transposed = map(pick, ("solve_upper", "solve_upper_transposed"))


# One row.


@helper
def row_dot(a, i, b, j, width):
    """Return the dot product of row `i` of `a` and row `j` of `b`."""
    return _row_dot(a, i, b, j, width)


@helper
def row_axpy(s, a, i, out, j, width):
    """Add `s` times row `i` of `a` to row `j` of `out`."""
    _row_axpy(s, a, i, out, j, width)


# The entries of a row: entry q, of `n`, has the row ``y[indices[first + q]]`` of `y` and the weight
# ``weights[begin + q]``. One call for all
# of them takes a third of the time of a call for each.


@helper
def entries_pass(y, indices, first, n, weights, begin, p, out, width):
    """Add ``weight * (y_q @ p) * y_q``, summed over entries, to the vector `out`."""
    _entries_pass(y, indices, first, n, weights, begin, p, out, width)


@helper
def entries_pull(y, indices, first, n, weights, pulls, begin, p, dots, out, width):
    """Write ``dots[begin + q] = y_q @ p``; add ``(pull - weight * dot) * y_q`` to `out`."""
    _entries_pull(y, indices, first, n, weights, pulls, begin, p, dots, out, width)


@helper
def entries_add(y, indices, first, n, weights, begin, out, width):
    """Add ``weight * y_q``, summed over entries, to the vector `out`."""
    _entries_add(y, indices, first, n, weights, begin, out, width)


@helper
def product_row(data, indices, first, n, factor, product, i):
    """Overwrite row `i` of `product`, as wide as wanted, by the sum of ``data * factor[index]``."""
    _product_row(data, indices, first, n, factor, product, i)


@helper
def product_entries(indices, first, n, left, i, right, dots):
    """Overwrite so many of `dots` by the products of ``left[i]`` with ``right[index]``."""
    _product_entries(indices, first, n, left, i, right, dots)


# Squares. Only the upper triangle of a square is read or written, by rows that may be longer than
# `width`; an odd number of cache lines a row is best. A factor is U, with ``U.T @ U`` the square.


@helper
def syrk_upper(panel, n, gram, width):
    """Add ``panel[:n].T @ panel[:n]`` to `gram`."""
    _syrk_upper(panel, n, gram, width)


@helper
def cholesky_upper(gram, k, width):
    """Overwrite by the Cholesky factor, its diagonal inverted; False if a pivot is not positive.

    What is padded behind `k` must be zero, except for the diagonal, which is set. The triangle
    below the diagonal may become anything.
    """
    return _cholesky_upper(gram, k, width)


@helper
def solve_upper_transposed(gram, k, rhs):
    """Overwrite `rhs` by the solution of ``U.T @ x = rhs``, the first of the two."""
    _solve_upper_transposed(gram, k, rhs)


@helper
def solve_upper(gram, k, rhs):
    """Overwrite `rhs` by the solution of ``U @ x = rhs``, the second of the two."""
    _solve_upper(gram, k, rhs)
