"""Which format a layer runs in: for a row at a time, and for batches.

A plan has a pair of names a layer. Costs are nanoseconds of one core with 512-bit vectors for a
sample, measured in caches as large as the weights need; only their ratios matter. `calibrate`
(`_calibrate.py`) measures instead.
"""

from dataclasses import dataclass

import numpy as np

# A weight of a dense layer: of an input that is not zero, for a row; in a product by BLAS.
DENSE_ROW, DENSE_BATCH = 0.050, 0.0197
# A weight of a windowed layer, by density: where weights are few, windows have empty places.
WINDOW_DENSITIES = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
WINDOW_ROW = (0.60, 0.24, 0.14, 0.102, 0.090, 0.076, 0.072)
# A place of a block, for a row; a weight stored by input, of an input that is not zero.
BLOCK_ROW, BY_INPUT_ROW = 0.055, 0.60
# An input, and an output, of a row in any format.
INPUT_ROW, OUTPUT_ROW = 0.4, 1.0
# A place of an entry in a tile, and an output.
ENTRY_TILE, FOUR_TILE, OUTPUT_TILE = 0.030, 0.0185, 0.5
# BLAS is left only for what is so much cheaper; a format with blocks only if it gains so much.
MARGIN = 0.8
# Share of hidden ReLU units that are not zero, where nobody has measured it.
ALIVE = 0.5

# Numbers for each weight that is not zero that memory is taken for where BLAS is faster.
MOST_DENSE = 6

ROW_FORMATS = ("dense", "csr", "4x4", "1x16", "input-major")
BATCH_FORMATS = ("dense", "csr", "1x4", "4x4")
BLOCKS = {"1x4": (1, 4), "4x4": (4, 4), "1x16": (1, 16)}


@dataclass(frozen=True)
class Structure:
    """What of a layer costs depend on: sizes, weights, and places of the blocks that hold any."""

    n_inputs: int
    n_outputs: int
    n_weights: int
    # By format, weights and zeros of the blocks that are not all zero.
    places: dict[str, int]
    # The share of inputs that are not zero.
    alive: float

    @property
    def size(self) -> int:
        """Return how many weights a dense layer has."""
        return self.n_inputs * self.n_outputs


def structure_of(layer, alive) -> Structure:
    """Return what of a layer costs depend on."""
    places = dict.fromkeys(BLOCKS, layer.n_inputs * layer.n_outputs)
    if layer.compressed:
        columns = layer.to_columns()
        inputs = columns.indices.astype(np.int64)
        outputs = np.repeat(np.arange(layer.n_outputs), np.diff(columns.indptr))
        for name, (down, across) in BLOCKS.items():
            keys = np.sort(outputs // across * layer.n_inputs + inputs // down)
            n_blocks = min(len(keys), 1) + np.count_nonzero(np.diff(keys))
            places[name] = int(n_blocks) * down * across
    return Structure(layer.n_inputs, layer.n_outputs, layer.n_weights, places, alive)


def row_costs(s: Structure) -> dict[str, float]:
    """Return the cost of each format for a row at a time."""
    density = s.n_weights / max(s.size, 1)
    window = float(np.interp(density, WINDOW_DENSITIES, WINDOW_ROW))
    costs = {
        "dense": DENSE_ROW * s.size * s.alive,
        "csr": window * s.n_weights,
        "4x4": BLOCK_ROW * s.places["4x4"],
        "1x16": BLOCK_ROW * s.places["1x16"],
        "input-major": BY_INPUT_ROW * s.n_weights * s.alive,
    }
    always = INPUT_ROW * s.n_inputs + OUTPUT_ROW * s.n_outputs
    return {name: cost + always for name, cost in costs.items()}


def batch_costs(s: Structure) -> dict[str, float]:
    """Return the cost of each format in a batch."""
    outputs = OUTPUT_TILE * s.n_outputs
    return {
        "dense": DENSE_BATCH * s.size,
        "csr": ENTRY_TILE * s.n_weights + outputs,
        "1x4": FOUR_TILE * s.places["1x4"] + outputs,
        # As fast as 1x4 where blocks are full, and with a quarter of the indices.
        "4x4": FOUR_TILE * s.places["4x4"] + 0.9 * outputs,
    }


def product_cost(n_rows: int) -> float:
    """Return the least that BLAS takes for a weight where there are few rows."""
    return 0.050 + 0.008 * n_rows if n_rows <= 4 else 0.060 + 0.0175 * n_rows


def choose_ways(layers, activation, plan, most) -> list[str]:
    """Return by the number of rows, below `most`, how a network runs that is few rows' best.

    "rows", one after another; "batch", as a large batch, with an empty tile's samples paid for; or
    "products" by BLAS.
    """
    structures = [structure_of(layer, share) for layer, share in _with_alive(layers, activation)]
    pairs = list(zip(structures, plan, strict=True))
    one_row = sum(row_costs(s).get(name, row_costs(s)["csr"]) for s, (name, _) in pairs)
    tiles = sum(tile_cost(s, name) for s, (_, name) in pairs if name != "dense")
    sizes = sum(s.size for s, (_, name) in pairs if name == "dense")
    # Products need the zeros, too.
    small = sum(s.size for s in structures) <= MOST_DENSE * sum(s.n_weights for s in structures)
    ways = []
    for n in range(most):
        paid = 1.15 * most / 2 if n <= most / 2 else most
        costs = {
            "rows": n * one_row,
            "batch": paid * tiles + product_cost(n) * sizes,
            "products": product_cost(n) * sum(s.size for s in structures) if small else np.inf,
        }
        ways.append(min(costs, key=costs.get))
    return ways


def tile_cost(s: Structure, name: str) -> float:
    """Return the cost of a format in a batch, also of those that are never planned for one."""
    costs = batch_costs(s)
    if name == "1x16":
        return costs["1x4"]
    return costs.get(name, row_costs(s)["input-major"])


def cheapest(costs: dict[str, float]) -> str:
    """Return the format to run: BLAS, unless another is surely cheaper."""
    best = min(costs, key=costs.get)
    return best if costs[best] < MARGIN * costs["dense"] else "dense"


def make_plan(layers, activation) -> list[tuple[str, str]]:
    """Return the formats of each layer, for a row at a time and for batches."""
    structures = [structure_of(layer, share) for layer, share in _with_alive(layers, activation)]
    return [(cheapest(row_costs(s)), cheapest(batch_costs(s))) for s in structures]


def _with_alive(layers, activation):
    hidden = ALIVE if activation == "relu" else 1.0
    return [(layer, hidden if number else 1.0) for number, layer in enumerate(layers)]
