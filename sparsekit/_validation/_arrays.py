"""What holds for any array: of this machine, of a dtype that can be computed in, finite."""

from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.utils.validation import assert_all_finite

# Arrays that NumPy would convert without a word: by a copy off the device, or by computing a graph.
TO_HOST = {
    "cupy": "a CuPy array; move it to host memory with `cupy.asnumpy({name})`",
    "cupyx": "a CuPy sparse matrix; move it to host memory with `{name}.get()`",
    "dask": "a Dask collection; compute it first with `{name}.compute()`",
}


def refuse_foreign(value: Any, name: str) -> None:
    """Raise TypeError for arrays whose mask, graph or device a conversion would lose in silence."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"`{name}` is a masked array, and its mask would be ignored. Fill it with "
            f"`{name}.filled(value)`, or drop the masked rows."
        )
    package = type(value).__module__.partition(".")[0]
    if package in TO_HOST:
        raise TypeError(f"`{name}` is {TO_HOST[package].format(name=name)}.")
    dtype = getattr(value, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind == "f" and dtype.itemsize > 8:
        raise TypeError(
            f"`{name}` has dtype {dtype}, but computations run in float32 or float64. "
            f"Convert it with `{name}.astype(numpy.float64)`."
        )


# Squares of larger numbers, or sums of a few of them, leave the range of their data type.
LARGEST = {np.dtype(np.float32): 1e18}


def refuse_overflow(
    values: np.ndarray, name: str, estimator: Any, *, in_own_dtype: bool = False
) -> None:
    """Raise ValueError unless all values, and the sum of their squares, are finite.

    Squares of float32 are taken in double precision, unless `in_own_dtype` says otherwise.
    """
    if get_config()["assume_finite"]:
        return
    # One pass tells both, and solvers do square every column.
    with np.errstate(over="ignore", invalid="ignore"):
        if values.flags.c_contiguous or values.flags.f_contiguous:
            squares = np.vdot(values.ravel("K"), values.ravel("K"))
        else:
            squares = np.einsum("ij,ij->", values, values)
    if np.isfinite(squares):
        return
    assert_all_finite(values, estimator_name=type(estimator).__name__, input_name=name)
    largest = float(np.abs(values).max())
    if values.dtype == np.float64 or (in_own_dtype and largest > LARGEST[values.dtype]):
        raise ValueError(
            f"`{name}` holds values up to {largest:.1e}, whose squares overflow {values.dtype}. "
            f"Scale `{name}`, for instance to values of about one."
        )


def working_dtypes(X: Any) -> list[type]:
    """Return the dtypes that X may keep, the one it is converted to otherwise in front."""
    dtype = getattr(X, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind == "f" and dtype.itemsize <= 4:
        return [np.float32, np.float64]
    return [np.float64, np.float32]
