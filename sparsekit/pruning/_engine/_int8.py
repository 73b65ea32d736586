"""Networks of bytes: unsigned activations by signed weights, summed exactly as integers.

How a compiled network uses it. With ``quantize="int8"``,

    runner = Int8Runner.calibrated(layers, activation, X)

takes the canonical layers (`_layers.py`), the hidden activation and calibration data, dense or CSR,
in float32. The runner keeps to the protocol of `_layers.py`: ``run(X, out, n_layers)``, `formats`,
`state()` and ``from_state(layers, activation, state)``; it may be called from several threads.
`_int8_bounds.error_bounds` says how far its outputs can be from those of float32. With
``quantize="float16"``, replace the layers by `_quantize.in_half_precision(layers)` and run them as
any others.

A layer's weights are ``step_o * q`` with a step for each output, its inputs ``step * (q - zero)``.
The sum over inputs is one of integers; bias, zeros of inputs and zero of the output are added to it
beforehand, rounded to its unit. The sum times one factor, rounded and limited to a byte, is the
next layer's input: ReLU is the limit at zero. Other bent activations are looked up in a table. The
last layer's sums are scaled to float32.

Weights lie in blocks of four inputs and four outputs, of which those without weights are left out,
or, where blocks would be mostly zeros, in lists of groups of four inputs for each output. For a
single row they lie in blocks, or in lines of four inputs and a vector of outputs.
"""

import threading
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse

from sparsekit._simd import BYTE_LANES, aligned_empty
from sparsekit.pruning._activations import ACTIVATIONS
from sparsekit.pruning._engine._int8_kernels import (
    BLOCKS,
    KIND,
    LINES,
    LISTS,
    N_COLUMNS,
    TABLE_SIZE,
    TILE_ROWS,
    Program,
    Room,
    run_dense,
    run_sparse,
)
from sparsekit.pruning._engine._quantize import (
    LARGEST_BYTE,
    Grid,
    calibrate,
    least_step,
    weight_steps,
    weights_as_bytes,
)

# A table covers sums between minus and plus this; beyond, the activation is flat to half a step.
REACHES = {"logistic": 8.0, "tanh": 4.0}
# Outputs of an entry, and what it costs. In tiles a block costs four products; a list's entry, one,
# but it loads the inputs anew. For one row a line's entry takes longer to load than a block.
TILE_WAYS = {4: 4.0, 1: 1.5}
ROW_WAYS = {4: 1.0, BYTE_LANES: 0.8 + BYTE_LANES / 16}
KINDS = {4: BLOCKS, 1: LISTS, BYTE_LANES: LINES}
# Products of vectors in one call of a kernel.
MOST_PRODUCTS = 20_000_000
FORMATS = "int8 4x4", "int8 4x1"


@dataclass(frozen=True, eq=False)
class Int8Layer:
    """Bytes for the weights, compressed by output, and the integers and factors around them."""

    weights: sparse.csc_array
    steps: np.ndarray
    # By output: what is added to the integer sum, and what the sum is multiplied by.
    bias: np.ndarray
    scale: np.ndarray
    inputs: Grid
    # The grid of the outputs, or None in the last layer; and bytes by rounded sums, or None.
    outputs: Grid | None
    table: np.ndarray | None


def quantize_layer(layer, inputs: Grid, outputs: Grid | None, activation, steps=None) -> Int8Layer:
    """Return a layer as bytes, for grids of its inputs and outputs and steps of its weights.

    Without steps they are chosen here.
    """
    reach = REACHES.get(activation) if outputs else None
    # What a unit of the rounded sum is worth, and which sum has the number zero.
    unit = 2 * reach / TABLE_SIZE if reach else outputs.step if outputs else 1.0
    zero = TABLE_SIZE // 2 if reach else outputs.zero if outputs else 0
    if steps is None:
        steps = weight_steps(layer, inputs, zero * unit)
    weights = replace(layer, values=weights_as_bytes(layer, steps)).to_columns()
    worth = inputs.step * steps.astype(np.float64)
    bias = np.rint((layer.bias + zero * unit) / worth)
    bias -= inputs.zero * weights.sum(axis=0, dtype=np.int64)
    table = table_of(activation, reach, outputs) if reach else None
    scale = (worth / unit).astype(np.float32)
    return Int8Layer(weights, steps, bias.astype(np.int32), scale, inputs, outputs, table)


def table_of(activation: str, reach: float, outputs: Grid) -> np.ndarray:
    """Return the byte of the activation at each rounded sum."""
    sums = (np.arange(TABLE_SIZE) - TABLE_SIZE // 2) * (2 * reach / TABLE_SIZE)
    q = np.rint(ACTIVATIONS[activation](sums) / outputs.step) + outputs.zero
    return np.clip(q, 0, LARGEST_BYTE).astype(np.uint8)


def entries(weights: sparse.csc_array, each: int):
    """Return weights of bytes as entries of four inputs by so many outputs, zeros left out.

    The numbers of entries that are not empty, from output to output, and the entry of each weight.
    """
    outputs = np.repeat(np.arange(weights.shape[1]), np.diff(weights.indptr))
    numbers = (outputs // each).astype(np.int64) * -(-weights.shape[0] // 4) + weights.indices // 4
    return np.unique(numbers, return_inverse=True)


def pack(weights: sparse.csc_array, for_rows: bool):
    """Return how weights lie, bytes, groups of inputs, and where outputs start in these.

    In the way that takes least time for tiles of many rows, or for one row at a time.
    """
    weights = weights.copy()
    weights.eliminate_zeros()
    ways = ROW_WAYS if for_rows else TILE_WAYS
    found = {each: entries(weights, each) for each in ways}
    each = min(ways, key=lambda each: ways[each] * len(found[each][0]))
    numbers, place = found[each]
    outputs = np.repeat(np.arange(weights.shape[1]), np.diff(weights.indptr))
    packed = np.zeros((len(numbers), each, 4), dtype=np.int8)
    packed[place, outputs % each, weights.indices % 4] = weights.data
    n_groups, n_outputs = (-(-n // 4) for n in weights.shape)
    n_starts = -(-4 * n_outputs // each)
    starts = np.searchsorted(numbers, np.arange(n_starts + 1, dtype=np.int64) * n_groups)
    return each, packed.ravel(), numbers % n_groups, starts


def assemble(layers: list[Int8Layer], for_rows: bool = False) -> Program:
    """Return the layers one after another, for tiles of rows or for one row at a time."""
    packed = [pack(layer.weights, for_rows) for layer in layers]
    rows, n_outputs, tables, widths = [], 0, [], []
    n_starts = n_entries = n_bytes = 0
    for layer, (each, weights, indices, starts) in zip(layers, packed):
        width = max(each, 4)
        widths.append(-(-len(layer.bias) // width) * width)
        table = len(tables) if layer.table is not None else -1
        shift = n_bytes // 4 - each * n_entries
        rows.append((widths[-1] // width, n_starts, shift, n_outputs // 4, KINDS[each], table))
        tables += [layer.table] if layer.table is not None else []
        n_starts, n_entries = n_starts + len(starts), n_entries + len(indices)
        n_bytes, n_outputs = n_bytes + len(weights), n_outputs + widths[-1]
    offsets = np.cumsum([0, *(len(p[2]) for p in packed)])
    indices = np.concatenate([p[2] for p in packed])
    widest = max(layer.weights.shape[0] for layer in layers)
    return Program(
        np.array(rows, dtype=np.int64).reshape(len(layers), N_COLUMNS),
        aligned(np.concatenate([p[1] for p in packed])),
        indices.astype(np.uint16 if widest <= 4 << 16 else np.int32),
        np.concatenate([p[3] + first for p, first in zip(packed, offsets)]),
        np.concatenate([lengthened(la.bias, width) for la, width in zip(layers, widths)]),
        np.concatenate([lengthened(la.scale, width) for la, width in zip(layers, widths)]),
        np.concatenate([*tables, np.empty(0, dtype=np.uint8)]),
        for_rows,
    )


def aligned(values: np.ndarray) -> np.ndarray:
    """Return a copy that begins a cache line."""
    made = aligned_empty(values.shape, values.dtype)
    made[...] = values
    return made


def lengthened(values: np.ndarray, length: int) -> np.ndarray:
    """Return numbers with zeros behind."""
    return np.pad(values, (0, length - len(values)))


def with_room(layers, grids: list[Grid]) -> list[Grid]:
    """Return grids whose steps are not so short that sums of whatever input leave the integers."""
    found = grids[:1]
    for layer, grid in zip(layers, grids[1:]):
        least = np.float32(least_step(layer, found[-1]))
        found.append(replace(grid, step=float(max(least, grid.step))))
    return found


class Int8Runner:
    """Runs layers as bytes, see the head of this file."""

    def __init__(self, layers, activation: str, grids: list[Grid], steps=None):
        self.activation, self.grids = activation, with_room(layers, grids)
        after = [*self.grids[1:], None]
        steps = [None] * len(layers) if steps is None else steps
        self.layers = [
            quantize_layer(layer, inputs, outputs, activation, chosen)
            for layer, inputs, outputs, chosen in zip(layers, self.grids, after, steps)
        ]
        self.program = assemble(self.layers)
        self.formats = [FORMATS[kind] for kind in self.program.layers[:, KIND]]
        self.widths = [layer.weights.shape[0] for layer in self.layers]
        self.widths.append(self.layers[-1].weights.shape[1])
        self.local = threading.local()
        # Of a tile; reading its rows costs as products do.
        products = (len(self.program.weights) // 4 + self.widths[0]) * (TILE_ROWS // 16)
        self.rows_at_once = TILE_ROWS * max(MOST_PRODUCTS // products, 1)

    @classmethod
    def calibrated(cls, layers, activation: str, X) -> "Int8Runner":
        """Return the runner of float32 layers whose grids suit the data."""
        return cls(layers, activation, calibrate(layers, activation, X))

    @classmethod
    def from_state(cls, layers, activation: str, state: dict) -> "Int8Runner":
        """Return the runner that `state` describes."""
        grids = [Grid(float(s), int(z)) for s, z in zip(state["steps"], state["zeros"])]
        ends = np.cumsum([layer.n_outputs for layer in layers])[:-1]
        return cls(layers, activation, grids, np.split(state["weight_steps"], ends))

    @property
    def weight_steps(self) -> list[np.ndarray]:
        """Return the steps of each layer's weights, by output."""
        return [layer.steps for layer in self.layers]

    def state(self) -> dict[str, np.ndarray]:
        """Return what the layers do not tell.

        Steps and zeros of the layers' inputs, and the steps of the weights, output after output of
        all layers. A file may hold `_quantize.weights_as_bytes` in place of weights: layers made of
        `weights_from_bytes` give the same runner, bit for bit.
        """
        return {
            "weight_steps": np.concatenate(self.weight_steps),
            "steps": np.array([grid.step for grid in self.grids], dtype=np.float32),
            "zeros": np.array([grid.zero for grid in self.grids], dtype=np.uint8),
        }

    @property
    def n_bytes(self) -> int:
        """Return the bytes of what the kernels read."""
        return sum(array.nbytes for array in self.program[:-1])

    @cached_property
    def row_program(self) -> Program:
        """Return the layers for one row at a time."""
        return assemble(self.layers, for_rows=True)

    def run(self, X, out, n_layers: int, scratch=None):
        """Overwrite `out` by what the first layers make of X."""
        n_rows = X.shape[0]
        to_bytes = n_layers < len(self.layers)
        inputs = self.layers[0].inputs
        outputs = self.layers[n_layers].inputs if to_bytes else inputs
        room = self.room
        inverse, step = np.float32(1 / inputs.step), np.float32(outputs.step)
        if sparse.issparse(X):
            if not X.has_canonical_format:
                X = X.copy()
                X.sum_duplicates()
            data, run = (X.data, X.indices, X.indptr, X.shape[1]), run_sparse
        else:
            data, run = (X,), run_dense
        program = self.row_program if n_rows == 1 else self.program
        zeros = inputs.zero, outputs.zero
        for first in range(0, n_rows, self.rows_at_once):
            last = min(first + self.rows_at_once, n_rows)
            run(
                *data, first, last, inverse, zeros[0], program, n_layers, to_bytes, room, step,
                zeros[1], out,
            )  # fmt: skip

    @property
    def room(self) -> Room:
        """Return what this thread's kernels write to."""
        if not hasattr(self.local, "room"):
            evens, odds = max(self.widths[::2]), max(self.widths[1::2])
            self.local.room = Room(
                aligned_empty(TILE_ROWS * (evens + 4), np.uint8),
                aligned_empty(TILE_ROWS * (odds + 4), np.uint8),
                aligned_empty(4 * TILE_ROWS, np.int32),
                aligned_empty(TILE_ROWS * (self.widths[-1] + 4), np.float32),
                aligned_empty(0, np.float32),
            )
        return self.local.room
