"""Arrays of all layers side by side, each from a cache line on, and a table of where they begin."""

import numpy as np

from sparsekit._simd import CACHE_LINE, aligned_empty

KINDS = {
    "floats": np.float32,
    "shorts": np.uint16,
    "codes": np.uint8,
    "ints": np.int32,
    "longs": np.int64,
}
# The columns of the table, a row a layer; what a place means says the layout.
CODE, INPUTS, OUTPUTS, GROUPS, VALUES, INDICES, BASES, POINTERS, BIAS, ORDER, WIDTH = range(11)


class Arena:
    """Takes arrays in, and gives them out as one aligned array a kind."""

    def __init__(self):
        self.parts = {kind: [] for kind in KINDS}
        self.ends = dict.fromkeys(KINDS, 0)
        self.rows = []

    def add(self, kind, array) -> int:
        """Take an array in; return where it begins."""
        array = np.asarray(array, dtype=KINDS[kind]).ravel()
        begin, line = self.ends[kind], CACHE_LINE // np.dtype(KINDS[kind]).itemsize
        self.parts[kind].append((begin, array))
        # A line more, for words that read a vector from the last number on.
        self.ends[kind] = begin + (-(-array.size // line) + 1) * line
        return begin

    def add_layer(self, **columns):
        """Take a layer's row of the table in."""
        self.rows.append([columns.get(name, 0) for name in COLUMNS])

    def finish(self) -> "Packed":
        """Return the table and the arrays."""
        found = {}
        for kind, dtype in KINDS.items():
            whole = aligned_empty(self.ends[kind] + 1, dtype)
            whole[:] = 0
            for begin, array in self.parts[kind]:
                whole[begin : begin + array.size] = array
            found[kind] = whole
        return Packed(np.array(self.rows, dtype=np.int64), **found)


COLUMNS = (
    "code",
    "inputs",
    "outputs",
    "groups",
    "values",
    "indices",
    "bases",
    "pointers",
    "bias",
    "order",
    "width",
)


class Packed:
    """The layouts of some layers, as kernels read them."""

    def __init__(self, table, **arrays):
        self.table = table
        self.__dict__.update(arrays)
        self.n_bytes = sum(array.nbytes for array in arrays.values())
