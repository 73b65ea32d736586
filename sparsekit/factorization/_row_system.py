"""What the kernels on rows read and write, and what they all do with the entries of a row."""

from typing import NamedTuple

import numpy as np

from sparsekit._compile import helper, record, reduction
from sparsekit._simd import entries_add


@record
class RowSystem(NamedTuple):
    """The systems of all rows.

    Attributes
    ----------
    data, indices, indptr : ndarray
        The entries, by row.
    weight : ndarray of shape (n_entries,) or (0,)
        Weights of the entries; of length zero where all are one.
    loss : record
        What an entry contributes.
    factors : ndarray of shape (n_columns, width)
        The vectors y, padded.
    offset : ndarray of shape (n_columns,)
        Part of the prediction that a column adds by itself.
    base : ndarray of shape (1, width) or (width, width)
        Diagonal, or whole, of the quadratic form that rows share; positive on what is padded.
    scale, ridge : ndarray of shape (n_rows,)
        Factor of the form, and what every diagonal element gets.
    linear : ndarray of shape (n_rows, width) or (0, width)
        The vectors l; no rows where they are zero.
    squares : ndarray of shape (width,)
        Means of the squares of the factors.
    """

    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    weight: np.ndarray
    loss: NamedTuple
    factors: np.ndarray
    offset: np.ndarray
    base: np.ndarray
    scale: np.ndarray
    ridge: np.ndarray
    linear: np.ndarray
    squares: np.ndarray


@record
class Workspace(NamedTuple):
    """What the kernels of one thread write: vectors, squares, and numbers of a row's entries."""

    direction: np.ndarray
    image: np.ndarray
    residual: np.ndarray
    diagonal: np.ndarray
    code: np.ndarray
    panel: np.ndarray
    turned: np.ndarray
    gram: np.ndarray
    curvatures: np.ndarray
    pulls: np.ndarray
    dots: np.ndarray


@reduction
def row_times(y, j, p, width):
    """Return the dot product of row `j` with a vector."""
    total = p.dtype.type(0)
    for k in range(width):
        total += y[j, k] * p[k]
    return total


@reduction
def dot(a, b, width):
    """Return the dot product of two vectors."""
    total = a.dtype.type(0)
    for k in range(width):
        total += a[k] * b[k]
    return total


@helper
def weight_of(system, t):
    """Return the weight of entry `t`."""
    if len(system.weight) == 0:
        return system.data.dtype.type(1.0)
    return system.weight[t]


@helper
def start_row(system, i, work, width):
    """Set residual and diagonal to what the row has without entries, at a code of zero."""
    for k in range(width):
        work.diagonal[k] = system.scale[i] * system.base[0, k] + system.ridge[i]
        work.residual[k] = 0
    if len(system.linear) > 0:
        for k in range(width):
            work.residual[k] = system.linear[i, k]


@helper
def read_entries(system, i, work):
    """Write curvature and pull of the row's entries; return their loss at a code of zero."""
    number = system.data.dtype.type
    first = system.indptr[i]
    constant = 0.0
    for t in range(first, system.indptr[i + 1]):
        x, w, offset = system.data[t], weight_of(system, t), system.offset[system.indices[t]]
        work.curvatures[t - first] = number(system.loss.entry_curvature(x, w))
        work.pulls[t - first] = number(system.loss.entry_pull(x, w, offset))
        constant += system.loss.entry_constant(x, w, offset)
    return constant


@helper
def add_pulls(system, i, work, width):
    """Add the pull of the row's entries to its right side."""
    first = system.indptr[i]
    n = system.indptr[i + 1] - first
    entries_add(system.factors, system.indices, first, n, work.pulls, 0, work.residual, width)
