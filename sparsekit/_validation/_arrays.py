"""What holds for any array: of this machine, of a dtype that can be computed in, finite."""

from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.utils.validation import assert_all_finite

from sparsekit._parallel import single_blas_thread

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


# Squares of larger and of smaller numbers, or sums of a few of them, leave the data type's range.
LARGEST = {np.dtype(np.float32): 1e18, np.dtype(np.float64): 1e153}
SMALLEST = {np.dtype(np.float32): 1e-17, np.dtype(np.float64): 1e-140}


def refuse_overflow(values: np.ndarray, name: str, estimator: Any) -> None:
    """Raise ValueError unless all values, and the sum of their squares in float64, are finite."""
    if get_config()["assume_finite"] or np.isfinite(_sum_of_squares(values)):
        return
    assert_all_finite(values, estimator_name=type(estimator).__name__, input_name=name)
    if values.dtype == np.float64:
        _refuse_scale(values, name, "overflow")


def refuse_range(
    values: np.ndarray,
    name: str,
    estimator: Any,
    *,
    allow_nan: bool = False,
    nan_remedy: str = "",
) -> None:
    """Raise ValueError unless all values are finite and have squares in their own data type."""
    if get_config()["assume_finite"]:
        return
    squares = _sum_of_squares(values)
    if allow_nan and np.isnan(squares):
        values = values[~np.isnan(values)]
        squares = _sum_of_squares(values)
    if not np.isfinite(squares):
        if nan_remedy and np.isnan(values).any():
            raise ValueError(f"Input {name} contains NaN. {nan_remedy}, or fill it in.")
        assert_all_finite(values, estimator_name=type(estimator).__name__, input_name=name)
        if np.abs(values).max() > LARGEST[values.dtype]:
            _refuse_scale(values, name, "overflow")


def refuse_vanishing(values: np.ndarray, name: str) -> None:
    """Raise ValueError where the squares of all values are lost, though one is not zero."""
    largest = np.nanmax(np.abs(values), initial=0.0)
    if 0 < largest < SMALLEST[values.dtype]:
        _refuse_scale(values, name, "vanish in")


def _sum_of_squares(values: np.ndarray) -> float:
    # One pass tells whether all are finite, and kernels do square every value. A second BLAS thread
    # gains nothing on memory, and would go on spinning on a core that the next work wants.
    with np.errstate(over="ignore", invalid="ignore"), single_blas_thread():
        if values.flags.c_contiguous or values.flags.f_contiguous:
            return np.vdot(values.ravel("K"), values.ravel("K"))
        return np.einsum("ij,ij->", values, values)


def _refuse_scale(values: np.ndarray, name: str, verb: str) -> None:
    largest = float(np.nanmax(np.abs(values)))
    raise ValueError(
        f"`{name}` holds values up to {largest:.1e}, whose squares {verb} {values.dtype}. Scale "
        f"`{name}`, for instance to values of about one."
    )


def working_dtypes(X: Any) -> list[type]:
    """Return the dtypes that X may keep, the one it is converted to otherwise in front."""
    dtype = getattr(X, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind == "f" and dtype.itemsize <= 4:
        return [np.float32, np.float64]
    return [np.float64, np.float32]
