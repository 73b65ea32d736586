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
from sparsekit._vectors import (
    _bends,
    _bytes,
    _bytes_plain,
    _formulas,
    _layers,
    _layers_plain,
    _plain,
)

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


# Bytes, in tiles: `vectors` vectors of BYTE_LANES rows, or one row where it is 0, and for every
# four inputs the bytes of each row. A group of four outputs has its biases and its factors from
# number 4 k on. Entry t stands for the inputs of group ``indices[t]``. A block has four weights for
# each output of the group, from four times ``4 * t + shift`` on; a list's entry has four for one
# output, from four times ``t + shift`` on. A line's entry, for a single row only, has four for each
# of BYTE_LANES outputs. `sums` is room for four integers a row, and at least a line. Outputs are
# written to `floats`, or where that has no numbers as bytes to `out`.

BYTES_BY_HAND = BY_HAND and _bytes.multiplies_bytes()
_byte_edition = _bytes if BYTES_BY_HAND else _bytes_plain
BYTE_LANES, BYTE_WIDTHS = _byte_edition.LANES, _bytes.WIDTHS
_sum_blocks, _sum_lists = _byte_edition.sum_blocks, _byte_edition.sum_lists
_sum_line = _byte_edition.sum_line
_square_to_bytes, _line_to_bytes = _byte_edition.square_to_bytes, _byte_edition.line_to_bytes
_byte_place = _byte_edition.byte_place


@helper
def byte_place(j, row, rows):
    """Return where the byte of input j of a row lies in a tile of so many rows."""
    return _byte_place(j, row, rows)


@helper
def square_to_bytes(X, i, last, j, inverse, zero, tile, v, vectors):
    """Write BYTE_LANES rows and groups of X, times `inverse`, rounded, plus `zero`, to a tile."""
    _square_to_bytes(X, i, last, j, inverse, zero, tile, v, vectors)


@helper
def line_to_bytes(X, i, j, inverse, zero, tile):
    """Write BYTE_LANES groups of one row of X as `square_to_bytes` does."""
    _line_to_bytes(X, i, j, inverse, zero, tile)


@helper
def byte_of(number, inverse, zero):
    """Return a float as these two write it."""
    return _bytes_plain.byte_of(number, inverse, zero)


@helper
def sum_blocks(
    weights, indices, starts, s, shift, x, bias, scale, k, sums, out, floats, place, vectors
):
    """Write group `place` of outputs, summed over blocks `starts[s]` to before `starts[s + 1]`."""
    _sum_blocks(
        weights, indices, starts, s, shift, x, bias, scale, k, sums, out, floats, place, vectors
    )


@helper
def sum_lists(
    weights, indices, starts, s, shift, x, bias, scale, k, sums, out, floats, place, vectors
):
    """As `sum_blocks`; output r is summed over `starts[s + r]` to before `starts[s + r + 1]`."""
    _sum_lists(
        weights, indices, starts, s, shift, x, bias, scale, k, sums, out, floats, place, vectors
    )


@helper
def sum_line(
    weights, indices, starts, s, shift, x, bias, scale, k, sums, out, floats, place, vectors
):
    """As `sum_blocks` for a line of outputs of one row."""
    _sum_line(
        weights, indices, starts, s, shift, x, bias, scale, k, sums, out, floats, place, vectors
    )


# Layers of networks: sums over inputs for a tile of TILE samples, or for one. Row j of a tile is
# what input or output j is in each. Arrays have one axis, and come with where to begin; see
# `_vectors/_layers.py`, which also says how weights lie.

TILE, GROUP, WINDOW, BLOCK = _layers.TILE, _layers.GROUP, _layers.WINDOW, _layers.BLOCK
_layer_edition = _layers if BY_HAND else _layers_plain
_bend_edition = _bends if BY_HAND else _layers_plain
_tile_one = _layer_edition.tile_one
_half_one = _layer_edition.half_one
_tile_four = _layer_edition.tile_four
_half_four = _layer_edition.half_four
_tile_square = _layer_edition.tile_square
_half_square = _layer_edition.half_square
_turn_in = _layer_edition.turn_in
_turn_out = _layer_edition.turn_out
_window_sums = _layer_edition.window_sums
_line_sums = _layer_edition.line_sums
_square_sums = _layer_edition.square_sums
_add_rows = _layer_edition.add_rows
_lanes = _layer_edition.lanes
_logistic_all = _bend_edition.logistic_all
_tanh_all = _bend_edition.tanh_all


@helper
def lanes(x):
    """Return how many samples and inputs make a square for `turn_in`."""
    return _lanes(x)


@helper
def tile_one(shorts, index_at, floats, value_at, n, x, x_at, y, y_at, bias_at, fresh, low):
    """Add to row `y_at` of a tile what `n` entries of one input and one output give."""
    _tile_one(shorts, index_at, floats, value_at, n, x, x_at, y, y_at, bias_at, fresh, low)


@helper
def half_one(shorts, index_at, floats, value_at, n, x, x_at, y, y_at, bias_at, fresh, low):
    """Do as `tile_one` for the first half of a tile's samples."""
    _half_one(shorts, index_at, floats, value_at, n, x, x_at, y, y_at, bias_at, fresh, low)


@helper
def tile_four(shorts, index_at, floats, value_at, n, x, x_at, y, y_at, bias_at, fresh, low):
    """Add to four rows of a tile what `n` entries of one input and four outputs give."""
    _tile_four(shorts, index_at, floats, value_at, n, x, x_at, y, y_at, bias_at, fresh, low)


@helper
def half_four(shorts, index_at, floats, value_at, n, x, x_at, y, y_at, bias_at, fresh, low):
    """Do as `tile_four` for the first half of a tile's samples."""
    _half_four(shorts, index_at, floats, value_at, n, x, x_at, y, y_at, bias_at, fresh, low)


@helper
def tile_square(shorts, index_at, floats, value_at, n, x, x_at, y, y_at, bias_at, fresh, low):
    """Add to four rows of a tile what `n` blocks of four inputs and outputs give."""
    _tile_square(shorts, index_at, floats, value_at, n, x, x_at, y, y_at, bias_at, fresh, low)


@helper
def half_square(shorts, index_at, floats, value_at, n, x, x_at, y, y_at, bias_at, fresh, low):
    """Do as `tile_square` for the first half of a tile's samples."""
    _half_square(shorts, index_at, floats, value_at, n, x, x_at, y, y_at, bias_at, fresh, low)


@helper
def turn_in(X, i, last, j, x, x_at):
    """Write a square of samples from `i` on and inputs from `j` on into a tile."""
    _turn_in(X, i, last, j, x, x_at)


@helper
def turn_out(y, y_at, out, i, last, j):
    """Write a square of a tile to rows from `i` on and columns from `j` on of `out`."""
    _turn_out(y, y_at, out, i, last, j)


@helper
def window_sums(ints, base_at, codes, code_at, floats, value_at, first, last, x, x_at, y, bias_at):
    """Overwrite GROUP numbers of `y` by the bias and the products of windowed steps."""
    _window_sums(ints, base_at, codes, code_at, floats, value_at, first, last, x, x_at, y, bias_at)


@helper
def line_sums(ints, index_at, floats, value_at, first, last, x, x_at, y, y_at):
    """Overwrite BLOCK numbers of `y` by sums over blocks of one input."""
    _line_sums(ints, index_at, floats, value_at, first, last, x, x_at, y, y_at)


@helper
def square_sums(ints, index_at, floats, value_at, first, last, x, x_at, y, y_at):
    """Overwrite BLOCK numbers of `y` by sums over blocks of four inputs and outputs."""
    _square_sums(ints, index_at, floats, value_at, first, last, x, x_at, y, y_at)


@helper
def add_rows(floats, value_at, width, rows, rows_at, weights, weights_at, n, y, y_at):
    """Add to `width` numbers of `y` the sum of `n` weighted rows."""
    _add_rows(floats, value_at, width, rows, rows_at, weights, weights_at, n, y, y_at)


@helper
def logistic_all(y, y_at, n):
    """Overwrite `n` numbers, a multiple of 16, by ``1 / (1 + exp(-y))``."""
    _logistic_all(y, y_at, n)


@helper
def tanh_all(y, y_at, n):
    """Overwrite `n` numbers, a multiple of 16, by their hyperbolic tangents."""
    _tanh_all(y, y_at, n)
