"""Shapes: soft, hard, firm and garrote thresholding of dense and sparse data."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from sparsekit._validation._arrays import refuse_foreign
from sparsekit._validation._sparse import canonical
from sparsekit.thresholding._blocks import blocks
from sparsekit.thresholding._formulas import SHRINK

# One for most shapes, a lower and an upper one for the firm shape.
Thresholds = tuple[np.ndarray, ...]


def soft(x: ArrayLike, threshold: ArrayLike, *, out: np.ndarray | None = None) -> Any:
    """Move every value towards zero by the threshold, and no further than zero.

    ``sign(x) * max(|x| - threshold, 0)``: zero where ``|x| <= threshold``.

    Parameters
    ----------
    x : {array-like, sparse matrix, sparse array}
        Real values of any shape. float32 stays float32, half precision becomes float32, integers
        become float64. NaN stays NaN. Of sparse x the stored values are shrunk.
    threshold : float or array-like
        Non-negative; a number, or an array that broadcasts to the shape of `x`. Infinity makes
        every finite value zero.
    out : ndarray, default=None
        Where to write the result: of the shape and dtype of the result, perhaps `x` itself. For
        dense x only.

    Returns
    -------
    shrunk : ndarray or sparse matrix
        `out` if it was given. Of sparse x, a matrix of the same format that stores no zeros.

    References
    ----------
    Donoho, Johnstone (1994), "Ideal spatial adaptation by wavelet shrinkage".

    Examples
    --------
    >>> from sparsekit.thresholding import soft
    >>> soft([-3.0, -1.0, 0.5, 2.0], 1.0).tolist()
    [-2.0, 0.0, 0.0, 1.0]
    """
    return _shrink("soft", x, (as_threshold(threshold, "threshold"),), out)


def hard(x: ArrayLike, threshold: ArrayLike, *, out: np.ndarray | None = None) -> Any:
    """Set every value below the threshold to zero and keep the others.

    A value whose magnitude equals the threshold is kept, so that a threshold taken from the data
    keeps the value it was taken from.

    Parameters
    ----------
    x : {array-like, sparse matrix, sparse array}
        Real values of any shape, as for :func:`soft`.
    threshold : float or array-like
        Non-negative; a number, or an array that broadcasts to the shape of `x`.
    out : ndarray, default=None
        Where to write the result, as for :func:`soft`.

    Returns
    -------
    shrunk : ndarray or sparse matrix
        `out` if it was given. Of sparse x, a matrix of the same format that stores no zeros.

    References
    ----------
    Donoho, Johnstone (1994), "Ideal spatial adaptation by wavelet shrinkage".

    Examples
    --------
    >>> from sparsekit.thresholding import hard
    >>> hard([-3.0, -1.0, 0.5, 2.0], 1.0).tolist()
    [-3.0, -1.0, 0.0, 2.0]
    """
    return _shrink("hard", x, (as_threshold(threshold, "threshold"),), out)


def garrote(x: ArrayLike, threshold: ArrayLike, *, out: np.ndarray | None = None) -> Any:
    """Shrink by the non-negative garrote, large values less than small ones.

    ``x - threshold**2 / x`` where ``|x| > threshold``, zero elsewhere.

    Parameters
    ----------
    x : {array-like, sparse matrix, sparse array}
        Real values of any shape, as for :func:`soft`.
    threshold : float or array-like
        Non-negative; a number, or an array that broadcasts to the shape of `x`.
    out : ndarray, default=None
        Where to write the result, as for :func:`soft`.

    Returns
    -------
    shrunk : ndarray or sparse matrix
        `out` if it was given. Of sparse x, a matrix of the same format that stores no zeros.

    References
    ----------
    Gao (1998), "Wavelet shrinkage denoising using the non-negative garrote".

    Examples
    --------
    >>> from sparsekit.thresholding import garrote
    >>> garrote([-4.0, -1.0, 0.5, 2.0], 1.0).tolist()
    [-3.75, 0.0, 0.0, 1.5]
    """
    return _shrink("garrote", x, (as_threshold(threshold, "threshold"),), out)


def firm(x: ArrayLike, low: ArrayLike, high: ArrayLike, *, out: np.ndarray | None = None) -> Any:
    """Set small values to zero, keep large ones, and join the two by a straight line.

    Zero where ``|x| <= low``, unchanged where ``|x| > high``, and between the two
    ``sign(x) * high * (|x| - low) / (high - low)``.

    Parameters
    ----------
    x : {array-like, sparse matrix, sparse array}
        Real values of any shape, as for :func:`soft`.
    low : float or array-like
        Threshold below which values become zero; non-negative, a number or an array that
        broadcasts to the shape of `x`.
    high : float or array-like
        Threshold above which values stay; at least `low`. Infinity makes it the soft shape.
    out : ndarray, default=None
        Where to write the result, as for :func:`soft`.

    Returns
    -------
    shrunk : ndarray or sparse matrix
        `out` if it was given. Of sparse x, a matrix of the same format that stores no zeros.

    References
    ----------
    Gao, Bruce (1997), "WaveShrink with firm shrinkage".

    Examples
    --------
    >>> from sparsekit.thresholding import firm
    >>> firm([-3.0, -1.5, 0.5, 2.0], 1.0, 2.0).tolist()
    [-3.0, -1.0, 0.0, 2.0]
    """
    low, high = as_threshold(low, "low"), as_threshold(high, "high")
    if np.any(high < low):
        raise ValueError("`high` must be at least `low`, but is below it. Exchange the two.")
    return _shrink("firm", x, (low, high), out)


def shrink(
    x: ArrayLike,
    threshold: ArrayLike,
    shape: str = "soft",
    *,
    firm_ratio: float = 2.0,
    out: np.ndarray | None = None,
) -> Any:
    """Shrink by the shape of a given name.

    Parameters
    ----------
    x : {array-like, sparse matrix, sparse array}
        Real values of any shape, as for :func:`soft`.
    threshold : float or array-like
        Non-negative; a number, or an array that broadcasts to the shape of `x`.
    shape : {"soft", "hard", "firm", "garrote"}, default="soft"
        Name of the function to apply.
    firm_ratio : float, default=2.0
        Upper threshold of the firm shape, divided by `threshold`; at least 1.
    out : ndarray, default=None
        Where to write the result, as for :func:`soft`.

    Returns
    -------
    shrunk : ndarray or sparse matrix
        `out` if it was given. Of sparse x, a matrix of the same format that stores no zeros.

    Examples
    --------
    >>> from sparsekit.thresholding import shrink
    >>> shrink([-3.0, -1.5, 0.5], 1.0, "firm").tolist()
    [-3.0, -1.0, 0.0]
    """
    check_shape(shape, firm_ratio)
    low = as_threshold(threshold, "threshold")
    return _shrink(shape, x, (low, firm_ratio * low) if shape == "firm" else (low,), out)


def check_shape(shape: Any, firm_ratio: Any) -> None:
    """Raise ValueError for a name that is no shape, or a ratio below one."""
    if shape not in SHRINK:
        raise ValueError(f"`shape` must be one of {sorted(SHRINK)}; got {shape!r}.")
    if not firm_ratio >= 1:
        raise ValueError(f"`firm_ratio` must be at least 1; got {firm_ratio!r}.")


def as_threshold(threshold: Any, name: str) -> np.ndarray:
    """Return a threshold as a non-negative float64 array."""
    refuse_foreign(threshold, name)
    array = np.asarray(threshold)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"`{name}` must hold real numbers, got dtype {array.dtype}.")
    array = array.astype(np.float64)
    # Written so that NaN is refused, too.
    bad = array[~(array >= 0)]
    if bad.size:
        raise ValueError(f"`{name}` must be non-negative; got {float(bad.flat[0])!r}.")
    return array


def as_real_array(x: Any, name: str = "x") -> np.ndarray:
    """Return x as float32 or float64 in native byte order, copied only where it must be."""
    refuse_foreign(x, name)
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"`{name}` must hold real numbers, got dtype {array.dtype}.")
    small = array.dtype.kind == "f" and array.dtype.itemsize <= 4
    return array.astype(np.float32 if small else np.float64, copy=False)


def _shrink(name: str, x: Any, thresholds: Thresholds, out: np.ndarray | None) -> Any:
    """Shrink dense or sparse x."""
    if sparse.issparse(x):
        if out is not None:
            raise TypeError("`out` is for dense `x` only, got a sparse one. Leave it at None.")
        return _shrink_sparse(name, x, thresholds)
    x = as_real_array(x)
    _check_broadcast(x.shape, thresholds)
    if out is not None:
        _check_out(out, x)
    # What lies in memory column by column is shrunk transposed.
    turn = np.transpose if x.flags.f_contiguous and not x.flags.c_contiguous else np.asarray
    source = np.asarray(turn(x), order="C")
    target = None if out is None else turn(out)
    if target is None or not _may_hold(target, source):
        target = np.empty_like(source)
    turned = tuple(turn(t.reshape((1,) * (x.ndim - t.ndim) + t.shape)) for t in thresholds)
    _shrink_contiguous(name, source, turned, target)
    if out is None:
        return turn(target) if x.ndim else target[()]
    if not np.may_share_memory(out, target):
        out[...] = turn(target)
    return out


def _shrink_sparse(name: str, x: Any, thresholds: Thresholds) -> Any:
    """Return a sparse matrix of the same format with the stored values shrunk, without zeros."""
    if x.dtype.kind not in "biuf":
        raise TypeError(f"`x` must hold real numbers, got dtype {x.dtype}.")
    _check_broadcast(x.shape, thresholds)
    stored = canonical(x, "csc" if x.format == "csc" else "csr")
    values = np.empty_like(stored.data)
    _shrink_contiguous(name, stored.data, tuple(_at_entries(t, stored) for t in thresholds), values)
    result = type(stored)((values, stored.indices, stored.indptr), shape=x.shape, copy=True)
    result.eliminate_zeros()
    kind = "array" if isinstance(x, sparse.sparray) else "matrix"
    return getattr(sparse, f"{x.format}_{kind}")(result)


def _at_entries(threshold: np.ndarray, stored: Any) -> np.ndarray:
    """Return the threshold of each stored entry, or the one of all."""
    if threshold.size == 1:
        return threshold.reshape(1)
    counts = np.diff(stored.indptr)
    table = threshold.reshape((1,) * (2 - threshold.ndim) + threshold.shape)
    table = table if stored.format == "csr" else table.T
    if table.shape[1] == 1:
        return np.repeat(table[:, 0], counts)
    if table.shape[0] == 1:
        return table[0, stored.indices]
    return table[np.repeat(np.arange(len(counts)), counts), stored.indices]


def _shrink_contiguous(name: str, x: np.ndarray, thresholds: Thresholds, out: np.ndarray) -> None:
    """Overwrite `out` with x shrunk, both in C order; it may be x."""
    if x.size == 0:
        return
    low, *rest = (_beside(x.shape, t) for t in np.broadcast_arrays(*thresholds))
    with np.errstate(over="ignore"):
        low = low.astype(x.dtype)
        # An infinite upper threshold would make the slope of the firm shape inf / inf.
        high = np.minimum(rest[0], np.finfo(x.dtype).max).astype(x.dtype) if rest else low
    by_row, by_column = (n > 1 for n in low.shape)
    n_columns = x.shape[-1] if by_row or 1 < low.size < x.size else x.size
    x, out = x.reshape(-1, n_columns), out.reshape(-1, n_columns)
    for rows, columns in blocks(out):
        part = rows if by_row else slice(None), columns if by_column else slice(None)
        SHRINK[name](x[rows, columns], low[part], high[part], out[rows, columns])


def _beside(shape: tuple[int, ...], threshold: np.ndarray) -> np.ndarray:
    """Return a threshold as a matrix: one number, one row, one column, or a row of every value's.

    The row is as long as the last axis of x, or as x itself.
    """
    if threshold.size == 1:
        return threshold.reshape(1, 1)
    if threshold.size == threshold.shape[-1]:
        return threshold.reshape(1, -1)
    if threshold.shape[-1] == 1:
        return np.broadcast_to(threshold[..., 0], shape[:-1]).reshape(-1, 1)
    return np.broadcast_to(threshold, shape).reshape(1, -1)


def _may_hold(out: np.ndarray, source: np.ndarray) -> bool:
    """Return whether a kernel may write to `out` while it reads `source`."""
    same = out.ctypes.data == source.ctypes.data
    return out.flags.c_contiguous and (same or not np.may_share_memory(out, source))


def _check_broadcast(shape: tuple[int, ...], thresholds: Thresholds) -> None:
    """Raise ValueError unless every threshold broadcasts to the shape of x."""
    for threshold in thresholds:
        try:
            fits = np.broadcast_shapes(shape, threshold.shape) == shape
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(
                f"A threshold of shape {threshold.shape} does not broadcast to the shape of `x`, "
                f"{shape}."
            )


def _check_out(out: Any, x: np.ndarray) -> None:
    """Raise ValueError unless the result fits into `out`."""
    fits = isinstance(out, np.ndarray) and out.shape == x.shape and out.dtype == x.dtype
    if not fits or not out.flags.writeable:
        given = f"{getattr(out, 'dtype', type(out).__name__)} of shape {np.shape(out)}"
        raise ValueError(
            f"`out` must be a writeable array of dtype {x.dtype} and shape {x.shape}; got {given}."
        )
