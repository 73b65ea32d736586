"""Users' input, checked once at the estimator's door: everything below may trust its arguments."""

import warnings
from numbers import Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn import get_config
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, check_array, validate_data

from sparsekit._sklearn import parameter_checks_are_off, validate_parameter_constraints

__all__ = [
    "check_alphas",
    "check_classifier_input",
    "check_feature_weights",
    "check_fit_input",
    "check_parameters",
    "check_penalty_strength",
    "check_predict_input",
    "check_sample_weight",
    "check_sparse_structure",
]

INT32_MAX = np.iinfo(np.int32).max

REBUILD = "Build it again, for instance from coordinates (`scipy.sparse.coo_array`)."

# Arrays that NumPy would convert without a word: by a copy off the device, or by computing a graph.
TO_HOST = {
    "cupy": "a CuPy array; move it to host memory with `cupy.asnumpy({name})`",
    "cupyx": "a CuPy sparse matrix; move it to host memory with `{name}.get()`",
    "dask": "a Dask collection; compute it first with `{name}.compute()`",
}


def check_parameters(estimator: Any) -> None:
    """Raise InvalidParameterError for a parameter outside `_parameter_constraints`."""
    if parameter_checks_are_off():
        return
    validate_parameter_constraints(
        estimator._parameter_constraints,
        estimator.get_params(deep=False),
        caller_name=type(estimator).__name__,
    )


def check_fit_input(
    estimator: Any, X: Any, y: Any, sample_weight: Any = None, *, multi_output: bool = False
) -> tuple[Any, np.ndarray, np.ndarray | None]:
    """Return X, y and the weights of a regression as the solvers want them.

    Sets `n_features_in_` and `feature_names_in_` on the estimator. Nothing that the user passed is
    changed, and nothing is copied that is right already.

    Parameters
    ----------
    estimator : estimator
        Named in messages.
    X : array-like, sparse matrix or dataframe of shape (n_samples, n_features)
        Finite and real.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Finite and real. A column is flattened with a warning, unless `multi_output`.
    sample_weight : float or array-like of shape (n_samples,), default=None
        Finite, non-negative, not all zero.
    multi_output : bool, default=False
        Whether y may have two dimensions.

    Returns
    -------
    X : ndarray or csc_array
        float32 or float64. Sparse X has sorted indices without duplicates, all of them inside the
        shape, int32 unless the number of stored entries needs more.
    y : ndarray
        float64, of one dimension, or of two where `multi_output` let it pass.
    sample_weight : ndarray of shape (n_samples,) or None
        float64.
    """
    X, y = _validate(estimator, X, y, multi_output=multi_output, y_numeric=True)
    try:
        y = np.ascontiguousarray(y, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`y` must be numeric for {type(estimator).__name__}, got dtype {y.dtype}. For labels "
            "use a classifier."
        ) from error
    _refuse_overflow(y, "y", estimator)
    return X, y, check_sample_weight(sample_weight, X.shape[0])


def check_classifier_input(
    estimator: Any, X: Any, y: Any, sample_weight: Any = None
) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray | None]:
    """Return X, class codes, the classes and the weights of a classification.

    As `check_fit_input`, but y holds labels of any kind: the codes (intp) are their places among
    the sorted classes, at least two. Rows of weight zero count as absent: a label seen in such
    rows only is no class, and these rows carry the code 0.
    """
    X, y = _validate(estimator, X, y)
    check_classification_targets(y)
    sample_weight = check_sample_weight(sample_weight, X.shape[0])
    present = slice(None) if sample_weight is None else sample_weight > 0
    classes, present_codes = np.unique(y[present], return_inverse=True)
    if len(classes) < 2:
        where = "y" if sample_weight is None else "y, where `sample_weight` is not zero,"
        raise ValueError(
            f"{type(estimator).__name__} needs samples of at least two classes, but {where} holds "
            f"one class only: {classes.tolist()[0]!r}. Add samples of another class."
        )
    codes = np.zeros(len(y), dtype=np.intp)
    codes[present] = present_codes
    return X, codes, classes, sample_weight


def check_predict_input(estimator: Any, X: Any) -> Any:
    """Return X for a product with coefficients: an ndarray, or CSR or CSC with indices in bounds.

    Feature names and their number must be those of the fit. Order and duplicates of the stored
    entries do not matter to a product, so they stay.
    """
    _refuse_foreign(X, "X")
    if sparse.issparse(X):
        X = _with_float_values(_compressed(X))
    return validate_data(
        estimator, X, reset=False, accept_sparse=("csr", "csc"), dtype=_working_dtypes(X)
    )


def check_sparse_structure(X: Any) -> None:
    """Raise ValueError for a sparse X whose indices lead outside its arrays or its shape.

    For what slices X before an estimator sees it: SciPy's compiled code follows any index.
    """
    if sparse.issparse(X):
        _compressed(X)


def check_sample_weight(sample_weight: Any, n_samples: int) -> np.ndarray | None:
    """Return finite non-negative weights, not all zero, as float64; None stays None."""
    if sample_weight is None:
        return None
    _refuse_foreign(sample_weight, "sample_weight")
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_samples, sample_weight, dtype=np.float64)
    weights = _as_weights(sample_weight, "sample_weight", n_samples, "sample")
    if not weights.any():
        raise ValueError(
            "Sample weights must contain at least one non-zero number, but every entry of "
            "`sample_weight` is zero. Pass None to weigh all samples alike."
        )
    return weights


def check_feature_weights(feature_weights: Any, n_features: int) -> np.ndarray | None:
    """Return finite non-negative penalty weights as float64; None stays None."""
    if feature_weights is None:
        return None
    _refuse_foreign(feature_weights, "feature_weights")
    return _as_weights(feature_weights, "feature_weights", n_features, "feature")


def check_alphas(alphas: Any) -> np.ndarray:
    """Return finite non-negative penalty strengths, at least one, as float64 in their order."""
    _refuse_foreign(alphas, "alphas")
    try:
        strengths = np.asarray(alphas, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`alphas` must be numbers, got {alphas!r}.") from error
    if strengths.ndim != 1 or strengths.size == 0:
        raise ValueError(
            "`alphas` must have one dimension and at least one strength; got shape "
            f"{strengths.shape}."
        )
    bad = strengths[~(np.isfinite(strengths) & (strengths >= 0))]
    if bad.size:
        raise ValueError(f"`alphas` must be finite and non-negative; got {float(bad[0])!r}.")
    return strengths


def check_penalty_strength(estimator: Any, alpha: float, substitute: str) -> None:
    """Warn where alpha is zero: nothing is sparse then, and `substitute` fits it better."""
    if alpha == 0:
        warnings.warn(
            f"With alpha=0 {type(estimator).__name__} has no penalty: no coefficient is set to "
            f"zero, and the fit may converge slowly. Use {substitute} instead, or a positive "
            "`alpha`.",
            UserWarning,
            stacklevel=3,
        )


def _validate(estimator: Any, X: Any, y: Any, **options: Any) -> tuple[Any, Any]:
    """Run scikit-learn's checks on X and y; a sparse X comes out as canonical CSC."""
    _refuse_foreign(X, "X")
    _refuse_foreign(y, "y")
    if sparse.issparse(y):
        raise TypeError("`y` must be dense, got a sparse matrix. Use `y.toarray()`.")
    given = X
    if sparse.issparse(X):
        X = _canonical_csc(X)
    X, y = validate_data(
        estimator,
        X,
        y,
        accept_sparse=("csc", "csr"),
        dtype=_working_dtypes(X),
        ensure_all_finite=False,
        **options,
    )
    # A dataframe of sparse columns became a matrix only now: its names had to be read first.
    if sparse.issparse(X) and not sparse.issparse(given):
        X = _canonical_csc(X)
    _refuse_overflow(X.data if sparse.issparse(X) else X, "X", estimator)
    return X, y


def _refuse_overflow(values: np.ndarray, name: str, estimator: Any) -> None:
    """Raise ValueError unless all values, and the sum of their squares, are finite."""
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
    if values.dtype == np.float64:
        largest = float(np.abs(values).max())
        raise ValueError(
            f"`{name}` holds values up to {largest:.1e}, whose squares overflow. Scale `{name}`, "
            "for instance to values of about one."
        )


def _refuse_foreign(value: Any, name: str) -> None:
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


def _working_dtypes(X: Any) -> list[type]:
    """Return the dtypes that X may keep, the one it is converted to otherwise in front."""
    dtype = getattr(X, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind == "f" and dtype.itemsize <= 4:
        return [np.float32, np.float64]
    return [np.float64, np.float32]


def _compressed(X: Any) -> sparse.csr_array | sparse.csc_array:
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
    return kind((_native(X.data[:n_stored]), indices, indptr), shape=X.shape, copy=False)


def _compressed_from_coordinates(X: Any, given: str) -> Any:
    """Return COO as CSC; the conversion scatters by coordinates that it does not check itself."""
    for axis, coordinates in enumerate((X.row, X.col)):
        _check_bounds(coordinates, X.shape[axis], given)
    arrays = _native(X.data), (X.row, X.col)
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


def _native(data: np.ndarray) -> np.ndarray:
    """Return stored values in native byte order, half precision widened to float32."""
    wanted = np.dtype(np.float32) if data.dtype == np.float16 else data.dtype.newbyteorder("=")
    return data.astype(wanted, copy=False)


def _with_float_values(X: Any) -> Any:
    """Return compressed X with integers and booleans as float64, on the same index arrays."""
    if X.dtype.kind not in "biu":
        return X
    # Duplicates add up in the dtype they came in, as in `X.toarray()`: True and True make True.
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return type(X)((X.data.astype(np.float64), X.indices, X.indptr), shape=X.shape, copy=False)


def _canonical_csc(X: Any) -> sparse.csc_array:
    """Return X by columns, sorted and without duplicates; the user's X stays as it is."""
    columns = _compressed(X)
    owned = columns.format == "csr"
    if owned:
        columns = columns.tocsc()
    # The flag was computed anew, for half the time of one product with X: those on the user's
    # object may be stale, and a curvature computed from duplicates is wrong in silence.
    if not columns.has_canonical_format:
        columns = columns if owned else columns.copy()
        columns.sum_duplicates()
    return _with_float_values(columns)


def _as_weights(values: Any, name: str, size: int, noun: str) -> np.ndarray:
    """Return finite non-negative float64 weights of shape (size,)."""
    loose = {"ensure_2d": False, "ensure_min_samples": 0, "ensure_all_finite": False}
    weights = check_array(
        values, dtype=np.float64, order="C", allow_nd=True, input_name=name, **loose
    )
    if weights.shape != (size,):
        raise ValueError(
            f"`{name}` must have shape ({size},), one weight for each {noun} of `X`; got shape "
            f"{weights.shape}."
        )
    if not np.isfinite(weights).all():
        bad = "NaN" if np.isnan(weights).any() else "infinity"
        raise ValueError(
            f"`{name}` must be finite, but contains {bad}. Replace it, or set the weight to 0."
        )
    if (weights < 0).any():
        raise ValueError(
            f"`{name}` must be non-negative; got {float(weights.min())!r}. Clip the weights at 0."
        )
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not np.isfinite(total):
        raise ValueError(f"The sum of `{name}` overflows. Divide all weights by a constant.")
    return weights
