"""Products of bytes as plain loops: the same integers, bit for bit, as those of `_bytes`."""

import numpy as np

from sparsekit._compile import helper

LANES, FAR = 16, 1e6


@helper
def limited(number):
    """Return a float as the nearest integer from 0 to 255."""
    return np.uint8(min(max(np.rint(number), np.float32(0)), np.float32(255)))


@helper
def byte_place(j, row, rows):
    """Return where input j of a row lies: here a tile has the rows of an input side by side."""
    return j * rows + row


@helper
def add_entry(weights, at, x, place, sums, first, rows):
    """Add a group of four inputs by its weights to the sums of all rows."""
    a, b = np.int32(weights[at]), np.int32(weights[at + 1])
    c, d = np.int32(weights[at + 2]), np.int32(weights[at + 3])
    # Unsigned, so that no index counts from the end.
    p, q, last = np.uintp(place), np.uintp(place + rows), np.uintp(first)
    r, s = np.uintp(place + 2 * rows), np.uintp(place + 3 * rows)
    for row in range(np.uintp(rows)):
        left = np.int32(a * np.int32(x[p + row]) + b * np.int32(x[q + row]))
        right = np.int32(c * np.int32(x[r + row]) + d * np.int32(x[s + row]))
        sums[last + row] += np.int32(left + right)


@helper
def add_to_row(weights, at, x, place, sums):
    """Add a block to the four sums of a single row."""
    for r in range(4):
        total = 0
        for c in range(4):
            total += np.int32(weights[at + 4 * r + c]) * np.int32(x[place + c])
        sums[r] += np.int32(total)


@helper
def begin(bias, k, sums, rows):
    """Write the biases of a group of outputs as the sums of all rows."""
    for r in range(4):
        for row in range(rows):
            sums[r * rows + row] = bias[4 * k + r]


@helper
def add_blocks(weights, indices, starts, s, shift, x, bias, k, sums, rows):
    """Sum a group of outputs over blocks of four inputs and four outputs."""
    begin(bias, k, sums, rows)
    for t in range(starts[s], starts[s + 1]):
        place = np.int64(indices[t]) * 4 * rows
        if rows == 1:
            add_to_row(weights, 4 * (4 * t + shift), x, place, sums)
            continue
        for r in range(4):
            add_entry(weights, 4 * (4 * t + shift + r), x, place, sums, r * rows, rows)


@helper
def add_lists(weights, indices, starts, s, shift, x, bias, k, sums, rows):
    """Sum a group of outputs, each over its own groups of four inputs."""
    begin(bias, k, sums, rows)
    for r in range(4):
        for t in range(starts[s + r], starts[s + r + 1]):
            place = np.int64(indices[t]) * 4 * rows
            add_entry(weights, 4 * (t + shift), x, place, sums, r * rows, rows)


@helper
def add_line(weights, indices, starts, s, shift, x, bias, k, sums):
    """Sum a line of outputs of one row over blocks of four inputs and all outputs."""
    for r in range(LANES):
        sums[r] = bias[4 * k + r]
    for t in range(starts[s], starts[s + 1]):
        at, place = 4 * (LANES * t + shift), 4 * np.int64(indices[t])
        for r in range(LANES):
            total = 0
            for c in range(4):
                total += np.int32(weights[at + 4 * r + c]) * np.int32(x[place + c])
            sums[r] += np.int32(total)


@helper
def write(sums, scale, k, out, floats, place, n_outputs, rows):
    """Write sums times scales, as floats where there is room for these, else as bytes."""
    for r in range(n_outputs):
        factor = scale[4 * k + r]
        for row in range(rows):
            found = np.float32(sums[r * rows + row]) * factor
            if len(floats):
                floats[(4 * place + r) * rows + row] = found
            else:
                out[byte_place(4 * place + r, row, rows)] = limited(found)


@helper
def sum_blocks(
    weights, indices, starts, s, shift, x, bias, scale, k, sums, out, floats, place, vectors
):
    """Sum over blocks."""
    rows = max(vectors * LANES, 1)
    add_blocks(weights, indices, starts, s, shift, x, bias, k, sums, rows)
    write(sums, scale, k, out, floats, place, 4, rows)


@helper
def sum_lists(
    weights, indices, starts, s, shift, x, bias, scale, k, sums, out, floats, place, vectors
):
    """Sum output by output."""
    rows = max(vectors * LANES, 1)
    add_lists(weights, indices, starts, s, shift, x, bias, k, sums, rows)
    write(sums, scale, k, out, floats, place, 4, rows)


@helper
def sum_line(
    weights, indices, starts, s, shift, x, bias, scale, k, sums, out, floats, place, vectors
):
    """Sum over blocks of all outputs."""
    add_line(weights, indices, starts, s, shift, x, bias, k, sums)
    write(sums, scale, k, out, floats, place, LANES, 1)


@helper
def byte_of(number, inverse, zero):
    """Return a float as a byte."""
    far = np.float32(FAR)
    return min(max(np.int64(min(max(np.rint(number * inverse), -far), far)) + zero, 0), 255)


@helper
def square_to_bytes(X, i, last, j, inverse, zero, tile, v, vectors):
    """Write byte by byte."""
    for r in range(LANES):
        row = min(i + r, last - 1)
        for c in range(4 * LANES):
            place = byte_place(j + c, v * LANES + r, vectors * LANES)
            tile[place] = byte_of(X[row, j + c], inverse, zero)


@helper
def line_to_bytes(X, i, j, inverse, zero, tile):
    """Write byte by byte."""
    for c in range(4 * LANES):
        tile[j + c] = byte_of(X[i, j + c], inverse, zero)
