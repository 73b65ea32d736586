"""Networks of bytes against integers of NumPy, in memory that ends where a closed page begins.

As `tests._simd_fuzz`: what leaves an array ends the process.
"""

import numpy as np
from scipy import sparse

from sparsekit import _simd
from sparsekit._compile import called_files
from sparsekit.pruning._engine import _int8_kernels
from sparsekit.pruning._engine._int8 import Int8Runner, Room
from sparsekit.pruning._engine._layers import layer_of
from tests._simd_fuzz import Fenced

# Sizes, share of units kept, and their shape: blocks, lists, single weights, empty layers.
NETWORKS = [
    ((64, 8, 4), 1.0, (4, 4)),
    ((100, 33, 18, 5), 0.3, (4, 4)),
    ((131, 40, 3), 0.1, (1, 1)),
    ((7, 5, 2), 0.5, (2, 1)),
    ((1, 1, 1), 1.0, (1, 1)),
    ((20, 9, 6), 0.0, (1, 1)),
    ((70, 6), 0.4, (4, 1)),
]
BATCHES = [1, 2, 15, 16, 17, 31, 33, 50, 63, 64, 65, 130]


def make_layers(sizes, share, unit, rng):
    """Return layers with normal weights, of which some units are kept."""
    layers = []
    for a, b in zip(sizes[:-1], sizes[1:]):
        kept = rng.random((-(-a // unit[0]), -(-b // unit[1]))) < share
        weights = rng.standard_normal((a, b)) * np.kron(kept, np.ones(unit))[:a, :b]
        layers.append(layer_of(weights, rng.standard_normal(b)))
    return layers


def as_integers(runner, X, n_layers):
    """Return what `run` computes, by NumPy."""
    grid = runner.layers[0].inputs
    inverse = np.float32(1 / grid.step)
    far = np.clip(np.rint(X.astype(np.float32) * inverse), -1e6, 1e6)
    q = np.clip(far.astype(np.int64) + grid.zero, 0, 255)
    for layer in runner.layers[:n_layers]:
        total = q @ layer.weights.toarray().astype(np.int64) + layer.bias
        assert np.abs(total).max(initial=0) < 2**31
        scaled = np.rint(found := total.astype(np.float32) * layer.scale)
        if layer.outputs is None:
            return found
        if layer.table is None:
            q = np.clip(scaled, 0, 255).astype(np.int64)
        else:
            q = layer.table[np.clip(scaled, 0, len(layer.table) - 1).astype(int)].astype(np.int64)
    return (q - layer.outputs.zero).astype(np.float32) * np.float32(layer.outputs.step)


def fence(runner, fenced):
    """Move all that kernels read and write to memory that ends with a page."""
    programs = [runner.program, runner.row_program]
    runner.program, runner.row_program = (
        type(p)(*[fenced.put(a) if isinstance(a, np.ndarray) else a for a in p]) for p in programs
    )
    runner.local.room = Room(*map(fenced.put, runner.room))


def fuzz_network(sizes, share, unit, activation, rng, batches):
    """Compare all batches and numbers of layers, dense and sparse."""
    fenced, layers = Fenced(), make_layers(sizes, share, unit, rng)
    sample = rng.standard_normal((40, sizes[0])).astype(np.float32)
    runner = Int8Runner.calibrated(layers, activation, sample)
    fence(runner, fenced)
    for n_rows in batches:
        X = rng.standard_normal((n_rows, sizes[0])).astype(np.float32) * 2
        X[rng.random(X.shape) < 0.2] = 0
        X[0, 0], X[-1, -1] = 1e30, -1e30
        for n_layers in range(1, len(layers) + 1):
            expected = as_integers(runner, X, n_layers)
            for data in fenced.put(X), sparse.csr_array(X):
                out = fenced.put(np.full((n_rows, sizes[n_layers]), np.nan, dtype=np.float32))
                runner.run(data, out, n_layers)
                np.testing.assert_array_equal(out, expected)
    fenced.check()


def fuzz(activations, batches):
    """Compare all networks; print the files that kernels are made of, and which edition ran."""
    rng = np.random.default_rng(0)
    for activation in activations:
        for network in NETWORKS:
            fuzz_network(*network, activation, rng, batches)
    print(*called_files(_int8_kernels.run_dense.py_func), _simd.BYTES_BY_HAND, _simd.BYTE_LANES)
