"""The words on layers as plain loops, for hosts whose vectors `_layers` does not know."""

import math

import numpy as np

from sparsekit._compile import helper

TILE, GROUP, WINDOW, BLOCK = 32, 32, 64, 16


@helper
def tile_begin(outputs, floats, y, y_at, bias_at, fresh):
    """Begin rows of a tile with the bias if they are fresh."""
    if fresh:
        for o in range(outputs):
            for t in range(TILE):
                y[y_at + o * TILE + t] = floats[bias_at + o]


@helper
def tile_end(outputs, y, y_at, low):
    """Cut rows of a tile off."""
    for t in range(np.uintp(y_at), np.uintp(y_at + outputs * TILE)):
        y[t] = low if y[t] < low else y[t]


@helper
def tile_entries(outputs, depth, shorts, index_at, floats, value_at, n, x, x_at, y, y_at):
    """Add one product after another to rows of a tile."""
    for q in range(n):
        row = x_at + np.intp(shorts[index_at + q]) * TILE
        weights = value_at + q * outputs * depth
        for d in range(depth):
            for o in range(outputs):
                w = floats[weights + d * outputs + o]
                for t in range(np.uintp(TILE)):
                    y[np.uintp(y_at + o * TILE) + t] += w * x[np.uintp(row + d * TILE) + t]


@helper
def tile_one(shorts, index_at, floats, value_at, n, x, x_at, y, y_at, bias_at, fresh, low):
    """Add entries of one output and one input each."""
    tile_begin(1, floats, y, y_at, bias_at, fresh)
    tile_entries(1, 1, shorts, index_at, floats, value_at, n, x, x_at, y, y_at)
    tile_end(1, y, y_at, low)


@helper
def tile_four(shorts, index_at, floats, value_at, n, x, x_at, y, y_at, bias_at, fresh, low):
    """Add entries of four outputs and one input each."""
    tile_begin(4, floats, y, y_at, bias_at, fresh)
    tile_entries(4, 1, shorts, index_at, floats, value_at, n, x, x_at, y, y_at)
    tile_end(4, y, y_at, low)


@helper
def tile_square(shorts, index_at, floats, value_at, n, x, x_at, y, y_at, bias_at, fresh, low):
    """Add entries of four outputs and four inputs each."""
    tile_begin(4, floats, y, y_at, bias_at, fresh)
    tile_entries(4, 4, shorts, index_at, floats, value_at, n, x, x_at, y, y_at)
    tile_end(4, y, y_at, low)


# All samples of a tile are computed here.
half_one, half_four, half_square = tile_one, tile_four, tile_square


@helper
def window_sums(ints, base_at, codes, code_at, floats, value_at, first, last, x, x_at, y, bias_at):
    """Add the products of one step after another."""
    for k in range(GROUP):
        y[k] = floats[bias_at + k]
    for step in range(first, last):
        window, down = x_at + np.intp(ints[base_at + step]), 2 * step * GROUP
        for k in range(2 * GROUP):
            # Bytes go four by four, see `_layers.Window`.
            code = codes[code_at + down + k % 16 * 4 + k // 16]
            found = x[window + np.intp(code)]
            y[k % GROUP] += floats[value_at + down + k] * found


@helper
def block_sums(inputs, ints, index_at, floats, value_at, first, last, x, x_at, y, y_at):
    """Add one block after another."""
    for k in range(BLOCK):
        y[y_at + k] = 0
    for block in range(first, last):
        given, down = x_at + np.intp(ints[index_at + block]), value_at + block * BLOCK
        for k in range(BLOCK):
            y[y_at + k] += floats[down + k] * x[given + k % inputs]


@helper
def line_sums(ints, index_at, floats, value_at, first, last, x, x_at, y, y_at):
    """Add blocks of one input each."""
    block_sums(1, ints, index_at, floats, value_at, first, last, x, x_at, y, y_at)


@helper
def square_sums(ints, index_at, floats, value_at, first, last, x, x_at, y, y_at):
    """Add blocks of four inputs each."""
    block_sums(4, ints, index_at, floats, value_at, first, last, x, x_at, y, y_at)


@helper
def add_rows(floats, value_at, width, rows, rows_at, weights, weights_at, n, y, y_at):
    """Add one row after another."""
    for t in range(n):
        weight = weights[weights_at + t]
        row = np.uintp(value_at + np.intp(rows[rows_at + t]) * width)
        for k in range(np.uintp(width)):
            y[np.uintp(y_at) + k] += weight * floats[row + k]


@helper
def logistic_all(y, y_at, n):
    """Overwrite number by number."""
    for t in range(y_at, y_at + n):
        y[t] = 1 / (1 + math.exp(-y[t]))


@helper
def tanh_all(y, y_at, n):
    """Overwrite number by number."""
    for t in range(y_at, y_at + n):
        y[t] = math.tanh(y[t])


@helper
def turn_in(X, i, last, j, x, x_at):
    """Copy the square of the lanes' size, which is 4 here."""
    for c in range(4):
        for r in range(4):
            x[x_at + c * TILE + r] = X[min(i + r, last), j + c]


@helper
def turn_out(y, y_at, out, i, last, j):
    """Copy the square of the lanes' size, which is 4 here."""
    for r in range(4):
        for c in range(4):
            out[min(i + r, last), j + c] = y[y_at + c * TILE + r]


@helper
def lanes(x):
    """Return the size of the squares that `turn_in` copies."""
    return 4
