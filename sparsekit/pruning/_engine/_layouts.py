"""Layouts of layers for kernels: by output, by input, in blocks, in tiles."""

import numpy as np

from sparsekit._compile import helper, kernel
from sparsekit._simd import BLOCK, GROUP, WINDOW, padded

# Codes of rows' layouts, and of tiles'.
DENSE, WINDOWS, LINES, SQUARES, BY_INPUT = range(5)
ONE, FOUR, SQUARE = range(3)
# Most inputs of a chunk of a tile: 64 KB, which halves stay in the first cache.
CHUNK = 512
# Windows begin at multiples of this.
STEP = 16


def pack_dense(arena, layer):
    """Take in the whole matrix, rows padded to cache lines."""
    width = padded(layer.n_outputs, np.float32)
    values = np.zeros((layer.n_inputs, width), dtype=np.float32)
    values[:, : layer.n_outputs] = layer.to_dense()
    arena.add_layer(
        code=DENSE,
        inputs=layer.n_inputs,
        outputs=layer.n_outputs,
        values=arena.add("floats", values),
        bias=arena.add("floats", _padded_bias(layer)),
        width=width,
    )


def pack_by_input(arena, layer):
    """Take in the weights that are not zero, input by input."""
    rows = layer.to_columns().tocsr()
    arena.add_layer(
        code=BY_INPUT,
        inputs=layer.n_inputs,
        outputs=layer.n_outputs,
        values=arena.add("floats", rows.data),
        indices=arena.add("ints", rows.indices),
        pointers=arena.add("longs", rows.indptr),
        bias=arena.add("floats", _padded_bias(layer)),
    )


def _padded_bias(layer):
    bias = np.zeros(padded(layer.n_outputs, np.float32), dtype=np.float32)
    bias[: layer.n_outputs] = layer.bias
    return bias


def pack_windows(arena, layer):
    """Take in steps of GROUP outputs that look their inputs up in a window.

    Outputs with about as many weights go together, so that few of a step's places stay empty.
    """
    columns = layer.to_columns()
    n_outputs = layer.n_outputs
    n_groups = -(-n_outputs // GROUP)
    order = np.full(n_groups * GROUP, n_outputs, dtype=np.int32)
    order[:n_outputs] = np.argsort(np.diff(columns.indptr), kind="stable")
    pointers = np.zeros(n_groups + 1, dtype=np.int64)
    given = columns.indptr.astype(np.int64), columns.indices, columns.data, order
    given = *given, np.zeros(GROUP, dtype=np.int64)
    for fill in (False, True):
        n_steps = pointers[-1]
        bases = np.zeros(n_steps, dtype=np.int32)
        codes = np.zeros((n_steps, 16, 4), dtype=np.uint8)
        values = np.zeros((n_steps, 2 * GROUP), dtype=np.float32)
        lay_steps(*given, fill, pointers, bases, codes, values)
    bias = np.append(layer.bias, np.float32(0))[order]
    arena.add_layer(
        code=WINDOWS,
        inputs=layer.n_inputs,
        outputs=n_outputs,
        groups=n_groups,
        values=arena.add("floats", values),
        indices=arena.add("codes", codes),
        bases=arena.add("ints", bases),
        pointers=arena.add("longs", pointers),
        bias=arena.add("floats", bias),
        order=arena.add("ints", order),
    )


@helper
def window_of(indptr, indices, order, g, places):
    """Return where the window begins that the next weights of a group need, or -1 at the end."""
    base = -1
    for k in range(GROUP):
        o = order[g * GROUP + k]
        if o < len(indptr) - 1 and places[k] < indptr[o + 1]:
            j = indices[places[k]]
            base = j if base < 0 or j < base else base
    return base // STEP * STEP if base >= 0 else -1


@kernel
def lay_steps(indptr, indices, data, order, places, fill, pointers, bases, codes, values):
    """Overwrite `pointers` by where each group's steps begin; write the steps if `fill`."""
    n_outputs = len(indptr) - 1
    for g in range(len(pointers) - 1):
        for k in range(GROUP):
            o = order[g * GROUP + k]
            places[k] = indptr[o] if o < n_outputs else 0
        step = pointers[g]
        base = window_of(indptr, indices, order, g, places)
        while base >= 0:
            if fill:
                bases[step] = base
            for k in range(2 * GROUP):
                o = order[g * GROUP + k % GROUP]
                if o < n_outputs and places[k % GROUP] < indptr[o + 1]:
                    q = places[k % GROUP]
                    if indices[q] < base + WINDOW:
                        if fill:
                            codes[step, k % 16, k // 16] = indices[q] - base
                            values[step, k] = data[q]
                        places[k % GROUP] += 1
            step += 1
            base = window_of(indptr, indices, order, g, places)
        pointers[g + 1] = step


def pack_lines(arena, layer):
    """Take in blocks of one input and BLOCK outputs."""
    _pack_blocks(arena, layer, LINES, 1, BLOCK)


def pack_squares(arena, layer):
    """Take in blocks of four inputs and four outputs, output by output."""
    _pack_blocks(arena, layer, SQUARES, 4, 4)


def _pack_blocks(arena, layer, code, inputs, outputs):
    columns = layer.to_columns().tocoo()
    i, o = columns.coords
    n_across, n_groups = -(-layer.n_inputs // inputs), -(-layer.n_outputs // outputs)
    blocks, which = np.unique(
        (o // outputs).astype(np.int64) * n_across + i // inputs, return_inverse=True
    )
    counts = np.bincount(blocks // n_across, minlength=n_groups)
    pointers = np.append(0, np.cumsum(counts + counts % 2))
    # Where a block stands once each group has an even number.
    moved = np.arange(len(blocks)) + np.repeat(
        pointers[:-1] - np.append(0, np.cumsum(counts)[:-1]), counts
    )
    indices = np.zeros(pointers[-1], dtype=np.int32)
    indices[moved] = blocks % n_across * inputs
    values = np.zeros((pointers[-1], outputs, inputs), dtype=np.float32)
    values[moved[which], o % outputs, i % inputs] = columns.data
    bias = np.zeros(n_groups * outputs, dtype=np.float32)
    bias[: layer.n_outputs] = layer.bias
    arena.add_layer(
        code=code,
        inputs=layer.n_inputs,
        outputs=layer.n_outputs,
        groups=n_groups,
        values=arena.add("floats", values),
        indices=arena.add("ints", indices),
        pointers=arena.add("longs", pointers),
        bias=arena.add("floats", bias),
    )


def pack_tile_ones(arena, layer):
    """Take in entries of one output and one input."""
    _pack_tiles(arena, layer, ONE, 1, 1)


def pack_tile_fours(arena, layer):
    """Take in entries of four outputs and one input."""
    _pack_tiles(arena, layer, FOUR, 1, 4)


def pack_tile_squares(arena, layer):
    """Take in entries of four outputs and four inputs."""
    _pack_tiles(arena, layer, SQUARE, 4, 4)


def chunks_of(layer):
    """Return how many chunks a layer's inputs are cut into, and how many inputs one has."""
    # Where an output has few weights in a chunk, coming back to it costs more than the cache gains.
    most = max(CHUNK, min(int(24 / max(layer.density, 1e-9)), 1 << 15) // STEP * STEP)
    n_chunks = max(-(-layer.n_inputs // most), 1)
    span = -(-layer.n_inputs // (n_chunks * STEP)) * STEP
    return -(-layer.n_inputs // span), span


def _pack_tiles(arena, layer, code, inputs, outputs):
    columns = layer.to_columns().tocoo()
    i, o = columns.coords
    n_chunks, span = chunks_of(layer)
    n_groups = -(-layer.n_outputs // outputs)
    lines = (i // span).astype(np.int64) * n_groups + o // outputs
    keys = lines * span + i % span // inputs * inputs
    entries, which = np.unique(keys, return_inverse=True)
    counts = np.bincount(entries // span, minlength=n_chunks * n_groups)
    values = np.zeros((len(entries), inputs, outputs), dtype=np.float32)
    values[which, i % inputs, o % outputs] = columns.data
    bias = np.zeros(n_groups * outputs, dtype=np.float32)
    bias[: layer.n_outputs] = layer.bias
    arena.add_layer(
        code=code,
        inputs=layer.n_inputs,
        outputs=layer.n_outputs,
        groups=n_groups,
        values=arena.add("floats", values),
        indices=arena.add("shorts", entries % span),
        bases=n_chunks,
        pointers=arena.add("longs", np.append(0, np.cumsum(counts))),
        bias=arena.add("floats", bias),
        width=span,
    )
