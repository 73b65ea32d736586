"""A network of bytes on blocks of rows: one call for all layers, a tile of rows at a time."""

from typing import NamedTuple

import numpy as np

from sparsekit._compile import helper, kernel, record
from sparsekit._simd import (
    BYTE_LANES,
    BYTE_WIDTHS,
    byte_of,
    byte_place,
    line_to_bytes,
    square_to_bytes,
    sum_blocks,
    sum_line,
    sum_lists,
)

# Columns of `Program.layers`: groups of outputs, or lines; the first of `starts`; where the weights
# begin; the first of the groups of all layers; how they lie; the activation's table or -1.
GROUPS, STARTS, SHIFT, FIRST, KIND, TABLE, N_COLUMNS = range(7)
BLOCKS, LISTS, LINES = range(3)
TILE_ROWS = BYTE_LANES * max(BYTE_WIDTHS)
# Places of a table: sums are rounded to this many numbers before they are looked up.
TABLE_SIZE = 4096


@record
class Program(NamedTuple):
    """All layers, one after another."""

    layers: np.ndarray
    weights: np.ndarray
    indices: np.ndarray
    starts: np.ndarray
    bias: np.ndarray
    scale: np.ndarray
    tables: np.ndarray
    # Whether it is for one row at a time: with lines, without lists.
    for_rows: bool


@record
class Room(NamedTuple):
    """What a tile of rows needs: two tiles of bytes, sums of a group, floats of a layer.

    `nothing` has no numbers.
    """

    tile: np.ndarray
    other: np.ndarray
    sums: np.ndarray
    floats: np.ndarray
    nothing: np.ndarray


@helper
def height(vectors):
    """Return the rows of a tile."""
    return max(vectors * BYTE_LANES, 1)


@helper
def width_of(n_rows, for_rows):
    """Return the vectors of the next tile."""
    if for_rows:
        return 0
    for vectors in BYTE_WIDTHS:
        if n_rows <= vectors * BYTE_LANES:
            return vectors
    return BYTE_WIDTHS[-1]


@helper
def look_up(program, table, floats, tile, place, n_outputs, rows):
    """Write outputs that a table turns floats into, as groups from `place` on."""
    top, first = np.float32(TABLE_SIZE - 1), table * TABLE_SIZE
    for row in range(rows):
        for r in range(n_outputs):
            at = np.rint(min(max(floats[r * rows + row], np.float32(0)), top))
            tile[byte_place(4 * place + r, row, rows)] = program.tables[first + np.int64(at)]


@helper
def sum_group(kind, program, s, shift, tile, k, room, other, floats, place, vectors):
    """Write a group, or a line, of outputs."""
    p = program
    if kind == LISTS:
        sum_lists(
            p.weights, p.indices, p.starts, s, shift, tile, p.bias, p.scale, k,
            room.sums, other, floats, place, vectors,
        )  # fmt: skip
    elif kind == LINES:
        sum_line(
            p.weights, p.indices, p.starts, s, shift, tile, p.bias, p.scale, k,
            room.sums, other, floats, place, vectors,
        )  # fmt: skip
    else:
        sum_blocks(
            p.weights, p.indices, p.starts, s, shift, tile, p.bias, p.scale, k,
            room.sums, other, floats, place, vectors,
        )  # fmt: skip


@kernel
def run_layers(program, n_layers, all_bytes, room, vectors):
    """Run the first layers on a tile; the last one to floats unless `all_bytes`.

    Return whether its bytes lie in the other tile.
    """
    tile, other = room.tile, room.other
    for layer in range(n_layers):
        shift, first = program.layers[layer, SHIFT], program.layers[layer, FIRST]
        kind, table = program.layers[layer, KIND], program.layers[layer, TABLE]
        last = layer == n_layers - 1 and not all_bytes
        floats = room.floats if last or table >= 0 else room.nothing
        each, starts = BYTE_LANES // 4 if kind == LINES else 1, 4 if kind == LISTS else 1
        for g in range(program.layers[layer, GROUPS]):
            place, s = each * g, program.layers[layer, STARTS] + starts * g
            k, at = first + place, 0 if table >= 0 and not last else place
            sum_group(kind, program, s, shift, tile, k, room, other, floats, at, vectors)
            if table >= 0 and not last:
                look_up(program, table, floats, other, place, 4 * each, height(vectors))
        if not last:
            tile, other = other, tile
    return n_layers % 2 == 1


@helper
def fill_tile(X, i, last, inverse, zero, tile, vectors):
    """Write rows from `i` on as a tile; the row before `last` stands for those behind it."""
    rows, width, n_inputs = height(vectors), 4 * BYTE_LANES, X.shape[1]
    j, whole = 0, n_inputs // 4 * 4
    if whole >= width:
        while j < whole:
            # The last square overlaps its neighbour.
            left = min(j, whole - width)
            for v in range(vectors):
                here = i + v * BYTE_LANES
                square_to_bytes(X, here, last, left, inverse, zero, tile, v, vectors)
            if vectors == 0:
                line_to_bytes(X, i, left, inverse, zero, tile)
            j += width
        j = whole
    for column in range(j, n_inputs):
        for row in range(rows):
            number = X[min(i + row, last - 1), column]
            tile[byte_place(column, row, rows)] = byte_of(number, inverse, zero)


@helper
def scatter_tile(data, indices, indptr, n_inputs, i, last, inverse, zero, tile, vectors):
    """Write rows of a CSR matrix as a tile."""
    rows = height(vectors)
    for place in range((n_inputs + 3) // 4 * 4 * rows):
        tile[place] = zero
    for row in range(min(rows, last - i)):
        for t in range(indptr[i + row], indptr[i + row + 1]):
            place = byte_place(np.int64(indices[t]), row, rows)
            tile[place] = byte_of(data[t], inverse, zero)


@helper
def copy_floats(floats, rows, i, last, out):
    """Write the valid rows of the last layer's floats to `out`."""
    for row in range(min(rows, last - i)):
        for o in range(out.shape[1]):
            out[i + row, o] = floats[o * rows + row]


@helper
def copy_bytes(tile, rows, step, zero, i, last, out):
    """Write the valid rows of a tile as floats to `out`."""
    for row in range(min(rows, last - i)):
        for o in range(out.shape[1]):
            byte = np.int64(tile[byte_place(o, row, rows)])
            out[i + row, o] = np.float32(byte - zero) * step


@helper
def finish(program, n_layers, to_bytes, room, vectors, step, zero, i, last, out):
    """Run the layers on a tile that was filled, and write its rows of `out`."""
    swapped, rows = run_layers(program, n_layers, to_bytes, room, vectors), height(vectors)
    if to_bytes:
        copy_bytes(room.other if swapped else room.tile, rows, step, zero, i, last, out)
    else:
        copy_floats(room.floats, rows, i, last, out)


@kernel
def run_dense(
    X, first, last, inverse, zero, program, n_layers, to_bytes, room, step, out_zero, out
):
    """Overwrite rows `first` to before `last` of `out` by what the first layers make of X."""
    for i in range(first, last, TILE_ROWS):
        vectors = width_of(last - i, program.for_rows)
        fill_tile(X, i, last, inverse, zero, room.tile, vectors)
        finish(program, n_layers, to_bytes, room, vectors, step, out_zero, i, last, out)


@kernel
def run_sparse(
    data,
    indices,
    indptr,
    n_inputs,
    first,
    last,
    inverse,
    zero,
    program,
    n_layers,
    to_bytes,
    room,
    step,
    out_zero,
    out,
):
    """As `run_dense` for a CSR matrix."""
    for i in range(first, last, TILE_ROWS):
        vectors = width_of(last - i, program.for_rows)
        scatter_tile(data, indices, indptr, n_inputs, i, last, inverse, zero, room.tile, vectors)
        finish(program, n_layers, to_bytes, room, vectors, step, out_zero, i, last, out)
