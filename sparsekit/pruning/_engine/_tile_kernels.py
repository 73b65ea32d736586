"""All layers for one tile of samples after another."""

import numpy as np

from sparsekit._compile import helper, kernel
from sparsekit._simd import (
    TILE,
    half_four,
    half_one,
    half_square,
    lanes,
    tile_four,
    tile_one,
    tile_square,
    turn_in,
    turn_out,
)
from sparsekit.pruning._engine._arena import (
    BASES,
    BIAS,
    CODE,
    GROUPS,
    INDICES,
    INPUTS,
    OUTPUTS,
    POINTERS,
    VALUES,
    WIDTH,
)
from sparsekit.pruning._engine._layouts import FOUR, ONE
from sparsekit.pruning._engine._row_kernels import bend

# Rows of zeros behind a tile: blocks of four inputs may begin at the last of them.
PAD_ROWS = 4


@helper
def read_tile(X, i, n_rows, j, n_columns, x, x_at):
    """Write columns of rows of X into a tile or half of one; the last row stands for rows it lacks.

    What follows the columns is zero.
    """
    step, last = lanes(x), i + n_rows - 1
    samples = TILE if n_rows > TILE // 2 else TILE // 2
    whole = n_columns // step * step
    for r in range(0, samples, step):
        for c in range(0, whole, step):
            turn_in(X, i + r, last, j + c, x, x_at + c * TILE + r)
    for c in range(whole, n_columns):
        for r in range(samples):
            x[x_at + c * TILE + r] = X[min(i + r, last), j + c]
    for t in range(n_columns * TILE, (n_columns + PAD_ROWS) * TILE):
        x[x_at + t] = 0


@helper
def write_tile(y, y_at, out, i, n_rows):
    """Write a tile to rows of `out`."""
    step, last = lanes(y), i + n_rows - 1
    whole = out.shape[1] // step * step
    for r in range(0, n_rows, step):
        for c in range(0, whole, step):
            turn_out(y, y_at + c * TILE + r, out, i + r, last, c)
    for c in range(whole, out.shape[1]):
        for r in range(n_rows):
            out[i + r, c] = y[y_at + c * TILE + r]


@helper
def add_chunk(row, chunk, half, low, floats, shorts, longs, x, x_at, y, y_at):
    """Add what a chunk of inputs gives to a tile of sums, or to half of its samples."""
    code, fresh = row[CODE], chunk == 0
    index_at, value_at, bias_at = row[INDICES], row[VALUES], row[BIAS]
    at = row[POINTERS] + chunk * row[GROUPS]
    outputs = 1 if code == ONE else 4
    weights = 1 if code == ONE else 4 if code == FOUR else 16
    for g in range(row[GROUPS]):
        first = longs[at + g]
        n = longs[at + g + 1] - first
        i, v = index_at + first, value_at + weights * first
        o, bias = y_at + outputs * g * TILE, bias_at + outputs * g
        if code == ONE:
            if half:
                half_one(shorts, i, floats, v, n, x, x_at, y, o, bias, fresh, low)
            else:
                tile_one(shorts, i, floats, v, n, x, x_at, y, o, bias, fresh, low)
        elif code == FOUR:
            if half:
                half_four(shorts, i, floats, v, n, x, x_at, y, o, bias, fresh, low)
            else:
                tile_four(shorts, i, floats, v, n, x, x_at, y, o, bias, fresh, low)
        elif half:
            half_square(shorts, i, floats, v, n, x, x_at, y, o, bias, fresh, low)
        else:
            tile_square(shorts, i, floats, v, n, x, x_at, y, o, bias, fresh, low)


@kernel
def run_tiles(X, out, table, n_bent, activation, floats, shorts, longs, numbers, half):
    """Overwrite rows of `out` by what all layers make of the rows of `X`.

    `numbers` are workspace: two lots of `half`, one each for a layer's inputs and outputs, and one
    for a chunk of the network's inputs. The first `n_bent` layers have an activation.
    """
    for i in range(0, X.shape[0], TILE):
        n_rows = min(TILE, X.shape[0] - i)
        x_at, y_at = 0, half
        for layer in range(table.shape[0]):
            row = table[layer]
            for chunk in range(row[BASES]):
                at = x_at + chunk * row[WIDTH] * TILE
                if layer == 0:
                    at, begin = 2 * half, chunk * row[WIDTH]
                    n_columns = min(row[WIDTH], row[INPUTS] - begin)
                    read_tile(X, i, n_rows, begin, n_columns, numbers, at)
                cut = layer < n_bent and activation == 1 and chunk == row[BASES] - 1
                low = np.float32(0) if cut else np.float32(-np.inf)
                add_chunk(
                    row, chunk, n_rows <= TILE // 2, low, floats, shorts, longs,
                    numbers, at, numbers, y_at,
                )  # fmt: skip
            if layer < n_bent and activation > 1:
                bend(activation, numbers, y_at, row[OUTPUTS] * TILE)
            for t in range(row[OUTPUTS] * TILE, (row[OUTPUTS] + PAD_ROWS) * TILE):
                numbers[y_at + t] = 0
            x_at, y_at = y_at, x_at
        write_tile(numbers, x_at, out, i, n_rows)
