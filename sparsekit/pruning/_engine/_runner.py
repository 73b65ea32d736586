"""Float32 layers on blocks of rows, each batch by the layouts that suit its size."""

import threading
from functools import cached_property

import numpy as np
from scipy import sparse

from sparsekit._simd import TILE, aligned_empty, padded
from sparsekit.pruning._engine import _layouts
from sparsekit.pruning._engine._arena import Arena
from sparsekit.pruning._engine._planner import choose_ways
from sparsekit.pruning._engine._row_kernels import (
    BENDS,
    PAD,
    finish_products,
    run_rows,
    run_sparse_rows,
)
from sparsekit.pruning._engine._tile_kernels import PAD_ROWS, run_tiles

# By the planner's names: the layouts for a row at a time, and for tiles.
ROW_LAYOUTS = {
    "dense": _layouts.pack_dense,
    "csr": _layouts.pack_windows,
    "1x4": _layouts.pack_windows,
    "4x4": _layouts.pack_squares,
    "1x16": _layouts.pack_lines,
    "input-major": _layouts.pack_by_input,
}
TILE_LAYOUTS = {
    "csr": _layouts.pack_tile_ones,
    "1x4": _layouts.pack_tile_fours,
    "4x4": _layouts.pack_tile_squares,
    "1x16": _layouts.pack_tile_fours,
}


class Chain:
    """Some layers in a row for one kernel; made once, read by any number of threads."""

    def __init__(self, layers, formats, layouts, activation, n_bent):
        arena = Arena()
        for layer, name in zip(layers, formats, strict=True):
            layouts[name](arena, layer)
        self.packed, self.n_outputs = arena.finish(), layers[-1].n_outputs
        self.activation, self.n_bent = BENDS[activation], n_bent
        self.widest = max(max(layer.n_inputs, layer.n_outputs) for layer in layers)
        self.widest_inside = max(
            [layer.n_outputs for layer in layers] + [layer.n_inputs for layer in layers[1:]]
        )
        p, self.local = self.packed, threading.local()
        self.given = (
            p.table, self.n_bent, self.activation, p.floats, p.codes, p.ints, p.longs,
        )  # fmt: skip

    @property
    def workspace(self):
        """Return this thread's arrays that a kernel overwrites."""
        try:
            return self.local.workspace
        except AttributeError:
            self.local.workspace = self.make_workspace()
            return self.local.workspace


class Rows(Chain):
    """Layers for one sample at a time."""

    def make_workspace(self):
        """Return numbers, the length of a lot of them, sums and a list of inputs."""
        half = padded(self.widest, np.float32) + padded(PAD, np.float32)
        numbers, sums = aligned_empty(3 * half, np.float32), aligned_empty(64, np.float32)
        return numbers, half, sums, aligned_empty(half, np.int32)

    def run(self, X, out):
        """Overwrite `out` by what the layers make of X."""
        try:
            workspace = self.local.workspace
        except AttributeError:
            workspace = self.workspace
        run_rows(X, out, *self.given, *workspace)


class SparseRows(Chain):
    """One layer for samples that are sparse."""

    def make_workspace(self):
        """Return numbers for the sums of a row."""
        return aligned_empty(padded(self.n_outputs, np.float32), np.float32)

    def run(self, X, out):
        """Overwrite `out` by what the layer makes of X in CSR."""
        p = self.packed
        given = [np.require(a, requirements="W") for a in (X.indptr, X.indices, X.data)]
        run_sparse_rows(
            *given, out, p.table, self.n_bent > 0, self.activation, p.floats, p.ints, p.longs,
            self.workspace,
        )  # fmt: skip


class Tiles(Chain):
    """Layers for a tile of samples at a time."""

    def make_workspace(self):
        """Return numbers and the length of a lot of them."""
        lot = (-(-self.widest_inside // 16) * 16 + PAD_ROWS + 16) * TILE
        span = (self.packed.table[0, -1] + PAD_ROWS) * TILE
        return aligned_empty(2 * lot + span, np.float32), lot

    def run(self, X, out):
        """Overwrite `out` by what the layers make of X."""
        p = self.packed
        run_tiles(
            X, out, p.table, self.n_bent, self.activation, p.floats, p.shorts, p.longs,
            *self.workspace,
        )  # fmt: skip


class Product:
    """A dense layer by BLAS."""

    def __init__(self, layer, activation):
        values = layer.to_dense()
        self.weights = aligned_empty(values.shape, np.float32)
        self.weights[:] = values
        self.bias, self.n_outputs = layer.bias, layer.n_outputs
        self.activation = BENDS[activation]

    def run(self, X, out):
        """Overwrite `out` by what the layer makes of X."""
        # BLAS fills its vectors with what lies beside the numbers, and the processor's flag for
        # invalid operations tells of these lanes too.
        with np.errstate(invalid="ignore"):
            np.dot(X, self.weights, out=out)
        finish_products(out.reshape(-1), self.bias, self.activation)


class FloatRunner:
    """Runs layers in float32; layouts are made when a batch first asks for them."""

    def __init__(self, layers, activation, plan):
        self.layers, self.activation, self.plan = layers, activation, plan
        self.made, self.rows, self.routes, self.lock = {}, {}, {}, threading.Lock()
        # Rows of a block: threads take whole blocks, so that their number changes no result. BLAS
        # rearranges the weights at each call.
        self.rows_at_once = 1024 if "dense" in [batch for _, batch in plan] else 256

    @cached_property
    def ways(self):
        """Return by the number of rows how less than a tile of them run best."""
        return choose_ways(self.layers, self.activation, self.plan, TILE)

    @property
    def formats(self):
        """Return the format of each layer, that of rows before that of batches if they differ."""
        return [row if row == batch else f"{row}+{batch}" for row, batch in self.plan]

    def part(self, make, first, last):
        """Return what runs layers `first` to before `last`, made at the first call."""
        key = make, first, last
        found = self.made.get(key)
        if found is None:
            with self.lock:
                found = self.made.get(key) or make(self, first, last)
                self.made[key] = found
        return found

    def run(self, X, out, n_layers):
        """Overwrite `out` by what the first `n_layers` layers make of X, dense or CSR."""
        if type(X) is np.ndarray and len(X) == 1:
            # A row takes microseconds, of which nothing is to be lost here.
            rows = self.rows.get(n_layers) or self.part(FloatRunner._rows, 0, n_layers)
            self.rows[n_layers] = rows
            rows.run(X, out)
            return
        first = 0
        if sparse.issparse(X):
            part = self.part(FloatRunner._sparse_rows, 0, 1)
            if n_layers == 1:
                part.run(X, out)
                return
            A = np.empty((X.shape[0], part.n_outputs), dtype=np.float32)
            part.run(X, A)
            X, first = A, 1
        whole = X.shape[0]
        if not TILE_LAYOUTS.keys().isdisjoint(batch for _, batch in self.plan[first:n_layers]):
            whole = whole // TILE * TILE
        if whole:
            self._run_batch(X[:whole], out[:whole], first, n_layers)
        if whole < len(X):
            self._run_few(X[whole:], out[whole:], first, n_layers)

    def _run_few(self, X, out, first, last):
        way = self.ways[len(X)]
        if way == "rows":
            self.part(FloatRunner._rows, first, last).run(X, out)
        elif way == "batch":
            self._run_batch(X, out, first, last)
        else:
            self._run_parts(X, out, self._route(FloatRunner._product_keys, first, last))

    def _run_batch(self, X, out, first, last):
        self._run_parts(X, out, self._route(FloatRunner._batch_keys, first, last))

    def _run_parts(self, X, out, parts):
        for part in parts[:-1]:
            A = np.empty((len(X), part.n_outputs), dtype=np.float32)
            part.run(X, A)
            X = A
        parts[-1].run(X, out)

    def _route(self, keys, first, last):
        """Return the parts that layers `first` to before `last` are run by."""
        route = self.routes.get((keys, first, last))
        if route is None:
            route = [self.part(*key) for key in keys(self, first, last)]
            self.routes[keys, first, last] = route
        return route

    def _product_keys(self, first, last):
        return [(FloatRunner._product, k, k + 1) for k in range(first, last)]

    def _batch_keys(self, first, last):
        keys = []
        while first < last:
            end = self._end_of_run(first, last)
            keys.append((MAKERS.get(self.plan[first][1], FloatRunner._tiles), first, end))
            first = end
        return keys

    def _end_of_run(self, first, last):
        """Return before which layer a part that begins at `first` ends."""
        end = first + 1
        if self.plan[first][1] in TILE_LAYOUTS:
            while end < last and self.plan[end][1] in TILE_LAYOUTS:
                end += 1
        return end

    def _bent(self, first, last):
        return min(last, len(self.layers) - 1) - first

    def _rows(self, first, last):
        formats = [row for row, _ in self.plan[first:last]]
        bent = self._bent(first, last)
        return Rows(self.layers[first:last], formats, ROW_LAYOUTS, self.activation, bent)

    def _sparse_rows(self, first, last):
        layer = self.layers[0]
        formats = ["input-major" if layer.compressed else "dense"]
        return SparseRows([layer], formats, ROW_LAYOUTS, self.activation, self._bent(0, 1))

    def _by_input(self, first, last):
        layers, bent = self.layers[first:last], self._bent(first, last)
        return Rows(layers, ["input-major"], ROW_LAYOUTS, self.activation, bent)

    def _tiles(self, first, last):
        formats = [batch for _, batch in self.plan[first:last]]
        bent = self._bent(first, last)
        return Tiles(self.layers[first:last], formats, TILE_LAYOUTS, self.activation, bent)

    def _product(self, first, last):
        activation = self.activation if self._bent(first, last) else "identity"
        return Product(self.layers[first], activation)


# What runs a format for batches, if tiles do not.
MAKERS = {"dense": FloatRunner._product, "input-major": FloatRunner._by_input}
