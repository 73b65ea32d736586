"""Layers as pickles and files hold them: in few bytes, from which the same numbers come back.

Of a compressed layer these are its weights and the gaps between their places, output by output: a
gap is a byte, and 255 says that 255 more places are empty. Weights are in half precision, or bytes
with a step for each output, where that loses nothing.
"""

import numpy as np

from sparsekit.pruning._engine._layers import SHORT, Layer
from sparsekit.pruning._engine._quantize import weights_as_bytes, weights_from_bytes

FULL_GAP = 255


def pack_layer(layer: Layer, steps: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Return the arrays that hold a layer; `steps` are those of its bytes, if it has."""
    packed = {"shape": np.array([layer.n_inputs, layer.n_outputs]), "bias": layer.bias}
    if layer.compressed:
        outputs = np.arange(layer.n_outputs, dtype=np.int64)
        places = np.repeat(outputs * layer.n_inputs, np.diff(layer.indptr)) + layer.indices
        packed["gaps"] = gaps_of(places)
    values = layer.values
    if steps is not None:
        return packed | {"values": weights_as_bytes(layer, steps)}
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    exact = np.array_equal(half.astype(np.float32), values)
    return packed | {"values": half if exact else values}


def unpack_layer(packed: dict[str, np.ndarray], steps: np.ndarray | None = None) -> Layer:
    """Return the layer that arrays hold."""
    n_inputs, n_outputs = packed["shape"].tolist()
    indices = indptr = None
    if "gaps" in packed:
        outputs, inputs = np.divmod(places_of(packed["gaps"]), n_inputs)
        wide = np.int32 if len(outputs) < 1 << 31 else np.int64
        indptr = np.searchsorted(outputs, np.arange(n_outputs + 1)).astype(wide)
        indices = inputs.astype(np.uint16 if n_inputs <= SHORT else np.int32)
    if steps is None:
        values = packed["values"].astype(np.float32)
    else:
        values = weights_from_bytes(packed["values"], indptr, steps)
    return Layer(n_inputs, packed["bias"], values, indices, indptr)


def check_packed(packed: dict[str, np.ndarray]) -> None:
    """Raise KeyError or ValueError for arrays that do not make a layer."""
    n_inputs, n_outputs = (int(n) for n in packed["shape"])
    n_values = n_inputs * n_outputs
    if "gaps" in packed:
        places = places_of(packed["gaps"])
        if len(places) and places[-1] >= n_values:
            raise ValueError(f"a weight lies outside of {n_inputs} x {n_outputs}")
        n_values = len(places)
    if packed["values"].size != n_values or packed["bias"].shape != (n_outputs,):
        raise ValueError(
            f"{packed['values'].size} weights and {packed['bias'].shape} biases, in place of "
            f"{n_values} and {(n_outputs,)}"
        )


def gaps_of(places: np.ndarray) -> np.ndarray:
    """Return rising places as bytes."""
    gaps = np.diff(places, prepend=-1) - 1
    full, rest = np.divmod(gaps, FULL_GAP)
    found = np.full(len(places) + int(full.sum()), FULL_GAP, dtype=np.uint8)
    found[np.cumsum(full + 1) - 1] = rest
    return found


def places_of(gaps: np.ndarray) -> np.ndarray:
    """Return the places that bytes stand for."""
    ends = gaps < FULL_GAP
    return np.cumsum(gaps.astype(np.int64) + ends)[ends] - 1
