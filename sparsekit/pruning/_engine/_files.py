"""Packed files: what `CompiledMLP` keeps, as the arrays of an ``.npz`` archive without pickles."""

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np

from sparsekit.pruning._engine._packed import check_packed

VERSION = 1
NAMES = ("activation", "out_activation", "quantize")


def write_state(path: str | os.PathLike | IO[bytes], state: dict[str, Any]) -> None:
    """Write what `CompiledMLP` keeps to a file, or to an open one."""
    arrays = {"version": np.array(VERSION), "n_layers": np.array(len(state["layers"]))}
    arrays |= {name: np.array(state[name] or "") for name in NAMES}
    arrays |= {f"int8_{name}": array for name, array in state.get("int8", {}).items()}
    for k, layer in enumerate(state["layers"]):
        arrays |= {f"layer{k}_{name}": array for name, array in layer.items()}
    with _opened(path, "wb") as file:
        np.savez_compressed(file, **arrays)


def read_state(path: str | os.PathLike | IO[bytes]) -> dict[str, Any]:
    """Return what `CompiledMLP` keeps, from a file."""
    try:
        with _opened(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = dict(archive)
    except (zipfile.BadZipFile, ValueError, EOFError) as error:
        raise ValueError(f"{path!r} is not a packed network: {error}") from error
    if "version" not in arrays or int(arrays["version"]) > VERSION:
        raise ValueError(
            f"{path!r} is not a packed network that this version of sparsekit reads. Update "
            "sparsekit, or save the network again."
        )
    try:
        state = {name: str(arrays[name]) or None for name in NAMES}
        layers = [_part(arrays, f"layer{k}_") for k in range(int(arrays["n_layers"]))]
        for packed in layers:
            check_packed(packed)
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise ValueError(f"{path!r} is a damaged network: {error!r}. Save it again.") from error
    if state["quantize"] == "int8":
        state["int8"] = _part(arrays, "int8_")
    return {**state, "n_jobs": None, "layers": layers}


def _part(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Return the arrays whose names begin so, without that beginning."""
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


@contextmanager
def _opened(path: str | os.PathLike | IO[bytes], mode: str) -> Iterator[IO[bytes]]:
    """Open a file, or leave an open one open."""
    if hasattr(path, "read") or hasattr(path, "write"):
        yield path
    else:
        with open(path, mode) as file:
            yield file
