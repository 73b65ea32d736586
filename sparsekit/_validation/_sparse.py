"""Sparse matrices whose indices may be followed without a guard."""

from typing import Any

import numpy as np
from scipy import sparse

INT32_MAX = np.iinfo(np.int32).max

REBUILD = "Build it again, for instance from coordinates (`scipy.sparse.coo_array`)."


def check_sparse_structure(X: Any) -> None:
    """Raise ValueError for a sparse X whose indices lead outside its arrays or its shape.

    For what slices X before an estimator sees it: SciPy's compiled code follows any index.
    """
    if sparse.issparse(X):
        compressed(X)


def compressed(X: Any) -> sparse.csr_array | sparse.csc_array:
    """Return a private CSR or CSC view of X whose index arrays are safe to follow."""
    _refuse_shape(X)
    if X.format not in ("csr", "csc"):
        X = _compressed_from_coordinates(X.tocoo(copy=False), X.format)
    n_major, n_minor = X.shape if X.format == "csr" else X.shape[::-1]
    indptr, indices = _index_array(X, "indptr"), _index_array(X, "indices")
    if len(indptr) != n_major + 1 or indptr[0] != 0 or np.any(indptr[1:] < indptr[:-1]):
        raise ValueError(
            f"`X` is a malformed {X.format.upper()} matrix: `indptr` must have {n_major + 1} "
            f"entries that rise from 0. {REBUILD}"
        )
    n_stored = int(indptr[-1])
    if n_stored > min(len(indices), len(X.data)):
        raise ValueError(
            f"`X` is a malformed {X.format.upper()} matrix: `indptr` ends at {n_stored}, but there "
            f"are {len(indices)} indices and {len(X.data)} values. {REBUILD}"
        )
    indices = indices[:n_stored]
    _check_bounds(indices, n_minor, X.format)
    index_dtype = np.int32 if max(n_stored, *X.shape) <= INT32_MAX else np.int64
    indices, indptr = (a.astype(index_dtype, copy=False) for a in (indices, indptr))
    kind = sparse.csr_array if X.format == "csr" else sparse.csc_array
    return kind((native(X.data[:n_stored]), indices, indptr), shape=X.shape, copy=False)


def _compressed_from_coordinates(X: Any, given: str) -> Any:
    """Return COO as CSC; the conversion scatters by coordinates that it does not check itself."""
    for axis, coordinates in enumerate((X.row, X.col)):
        _check_bounds(coordinates, X.shape[axis], given)
    arrays = native(X.data), (X.row, X.col)
    return sparse.coo_array(arrays, shape=X.shape, copy=False).tocsc()


def _refuse_shape(X: Any) -> None:
    """Raise ValueError for a sparse X that is no matrix, or too wide to hold coefficients of."""
    if X.ndim != 2:
        raise ValueError(
            f"Expected 2D input, got a sparse array with shape {X.shape}. Reshape your data with "
            "X.reshape(-1, 1) if it has a single feature or X.reshape(1, -1) if it contains a "
            "single sample."
        )
    if max(X.shape) > INT32_MAX:
        raise ValueError(
            f"`X` has shape {X.shape}, but at most {INT32_MAX} samples and features are "
            "supported. Drop empty rows and columns, or hash the features to fewer columns."
        )


def _index_array(X: Any, name: str) -> np.ndarray:
    """Return an index array of X, refusing what is no signed integer."""
    indices = getattr(X, name)
    if indices.dtype.kind != "i":
        raise TypeError(
            f"`X.{name}` must hold signed integers, got dtype {indices.dtype}. Convert it with "
            f"`X.{name}.astype(numpy.int64)`."
        )
    return indices


def _check_bounds(indices: np.ndarray, size: int, name: str) -> None:
    """Raise ValueError unless 0 <= indices < size: kernels follow indices without a guard."""
    if len(indices) == 0:
        return
    low, high = int(indices.min()), int(indices.max())
    if low < 0 or high >= size:
        raise ValueError(
            f"`X` is a malformed {name.upper()} matrix: it holds the index "
            f"{low if low < 0 else high}, but indices must be in [0, {size}). {REBUILD}"
        )


def native(data: np.ndarray) -> np.ndarray:
    """Return stored values in native byte order, half precision widened to float32."""
    wanted = np.dtype(np.float32) if data.dtype == np.float16 else data.dtype.newbyteorder("=")
    return data.astype(wanted, copy=False)


def with_float_values(X: Any) -> Any:
    """Return compressed X with integers and booleans as float64, on the same index arrays."""
    if X.dtype.kind not in "biu":
        return X
    # Duplicates add up in the dtype they came in, as in `X.toarray()`: True and True make True.
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return type(X)((X.data.astype(np.float64), X.indices, X.indptr), shape=X.shape, copy=False)


def canonical(X: Any, by: str = "csc") -> sparse.csc_array | sparse.csr_array:
    """Return X as CSC or CSR, sorted and without duplicates; the user's X stays as it is."""
    stored = compressed(X)
    owned = stored.format != by
    if owned:
        stored = stored.asformat(by)
    # The flag was computed anew, for half the time of one product with X: those on the user's
    # object may be stale, and a curvature computed from duplicates is wrong in silence.
    if not stored.has_canonical_format:
        stored = stored if owned else stored.copy()
        stored.sum_duplicates()
    return with_float_values(stored)
