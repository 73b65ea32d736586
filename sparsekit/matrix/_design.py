"""The view of X that solvers work on, chosen by how X is stored."""

import numpy as np
from scipy import sparse

from sparsekit.matrix._dense import ColumnMajorDesign, RowMajorDesign
from sparsekit.matrix._sparse import SparseDesign


def as_design(X, n_jobs=None):
    """Return the view of `X` that solvers work on; `X` is copied only if it is strided.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features) or CSC matrix
        Floating point; a CSC matrix holds each row at most once in a column.
    n_jobs : int, default=None
        Threads of a pass over `X`: None for one, -1 for all. They do not change a result.

    Returns
    -------
    design : ColumnMajorDesign, RowMajorDesign or SparseDesign
        Means, products and Gram matrices of `X`.
    """
    if sparse.issparse(X):
        return SparseDesign(X, n_jobs)
    if X.flags.f_contiguous:
        return ColumnMajorDesign(X, n_jobs)
    if X.flags.c_contiguous:
        return RowMajorDesign(X, n_jobs)
    return ColumnMajorDesign(np.asfortranarray(X), n_jobs)
