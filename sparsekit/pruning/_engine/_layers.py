"""Layers as they are kept, dense or compressed by output, and what runs them.

`Layer` is the canonical form: it is what pickles and files hold, and depends on the weights alone,
never on the machine or the plan. Kernels read layouts, made from it when a batch first asks.

A *runner* runs all layers of a network on blocks of rows. `FloatRunner` (`_runner.py`) runs float32
layouts; `quantize="int8"` brings another. A runner offers

    formats : list of str, a name a layer
    run(X, out, n_layers, scratch=None) : overwrite `out`, C-contiguous float32 (rows, outputs of
        layer ``n_layers - 1``), by what the first `n_layers` layers make of `X`, C-contiguous
        float32 (rows, inputs) or a CSR matrix of float32. The bias is added in every layer and the
        activation applied in all layers but the network's last; the caller applies the output's
        activation. Called from several threads at once on different rows, so it must not keep what
        one call writes; a row's result depends on the rows of its call only, never on threads.

and, if it holds more than the layers, `state()`, a dict of plain arrays, and a class method
``from_state(layers, activation, state)``.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

SHORT = 1 << 16  # Input numbers below fit 16 bits.
# A stored weight takes 4 bytes and its index 2; a dense weight takes 4.
DENSEST_COMPRESSED = 0.66


@dataclass(frozen=True, eq=False)
class Layer:
    """Weights of (inputs, outputs) and a bias, in float32.

    `values` is the matrix itself, or the weights that are not zero, output by output; then
    `indices` holds their inputs, increasing within an output, in uint16 if there are no more than
    65536 inputs, else in int32, and output o has the places ``indptr[o]`` to ``indptr[o + 1]``.
    """

    n_inputs: int
    bias: np.ndarray
    values: np.ndarray
    indices: np.ndarray | None = None
    indptr: np.ndarray | None = None

    @property
    def n_outputs(self) -> int:
        """Return the number of outputs."""
        return len(self.bias)

    @property
    def compressed(self) -> bool:
        """Return whether only weights that are not zero are stored."""
        return self.indptr is not None

    @cached_property
    def n_weights(self) -> int:
        """Return the number of weights that are not zero."""
        return self.values.size if self.compressed else int(np.count_nonzero(self.values))

    @property
    def density(self) -> float:
        """Return the share of weights that are not zero."""
        return self.n_weights / max(self.n_inputs * self.n_outputs, 1)

    @property
    def n_bytes(self) -> int:
        """Return the bytes of the canonical form."""
        return sum(array.nbytes for array in self.arrays().values())

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays that make the layer, by name."""
        named = {name: getattr(self, name) for name in ("bias", "values", "indices", "indptr")}
        return {name: array for name, array in named.items() if array is not None}

    def to_dense(self) -> np.ndarray:
        """Return the matrix of weights, (inputs, outputs), not to be written to."""
        return self.to_columns().toarray() if self.compressed else self.values

    def to_columns(self) -> sparse.csc_array:
        """Return the weights that are not zero, compressed by output."""
        if not self.compressed:
            return sparse.csc_array(self.values)
        indices = self.indices.astype(np.int32, copy=False)
        shape = self.n_inputs, self.n_outputs
        return sparse.csc_array((self.values, indices, self.indptr), shape=shape)


def layer_of(weights, bias) -> Layer:
    """Return the canonical form of weights, dense or sparse, of (inputs, outputs) and a bias."""
    with np.errstate(over="ignore"):
        return _layer_of(weights, bias)


def _layer_of(weights, bias) -> Layer:
    """Return the canonical form, with infinities where float32 ends."""
    bias = np.array(bias, dtype=np.float32).ravel()
    if sparse.issparse(weights):
        columns = sparse.csc_array(weights, dtype=np.float32, copy=True)
        columns.sum_duplicates()
        columns.eliminate_zeros()
        n_weights = columns.nnz
    else:
        weights = np.asarray(weights, dtype=np.float32)
        n_weights = np.count_nonzero(weights)
    n_inputs, n_outputs = weights.shape
    if n_weights > DENSEST_COMPRESSED * n_inputs * n_outputs:
        dense = columns.toarray() if sparse.issparse(weights) else weights
        return Layer(n_inputs, bias, np.array(dense, order="C"))
    if not sparse.issparse(weights):
        columns = sparse.csc_array(weights)
    kind = np.uint16 if n_inputs <= SHORT else np.int32
    indptr = columns.indptr.astype(np.int32 if n_weights < 1 << 31 else np.int64)
    return Layer(n_inputs, bias, columns.data, columns.indices.astype(kind), indptr)
