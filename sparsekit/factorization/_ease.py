"""EASE: dense weights between columns, in closed form."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from sparsekit._parallel import run_blocks, single_blas_thread
from sparsekit._simd import padded
from sparsekit._sklearn import Integral, Interval, Real
from sparsekit._validation import check_parameters, unchanged_on_error
from sparsekit._validation._memory import fits_memory, refuse_memory
from sparsekit.factorization._dense_inverse import BAND, mirror_lower, negated_inverse
from sparsekit.factorization._item_weights import ItemWeights
from sparsekit.matrix._blocks import cut_rows
from sparsekit.matrix._products import multiply, sparse_gram, to_csc

# Multiplications of an inverse in the time of one of a sparse matrix, and the share of the time of
# one way that the other may take to be gone: it needs more memory.
GATHERED, WORTHWHILE = 8, 0.8
# What else is there beside the two matrices, such as X by columns and blocks of products.
MARGIN = 1.25
# Share of a random vector that the product of the matrix and its inverse may miss.
RESIDUAL = 1e-3


class EASE(ItemWeights):
    """Predict each column of a row from the row's other columns, by dense weights.

    The weights B, `coef_`, minimise::

        (1 / (2 * n_rows)) * |X - X B|^2 + alpha / 2 * |B|^2,    diag(B) = 0,

    over all entries of X, those that are not stored being zeros. The solution is in closed form:
    with P the inverse of ``X'X + n_rows * alpha * I``, ``B[i, j] = -P[i, j] / P[j, j]``. It is
    dense. The fit takes n_features^3 multiplications and the memory of one matrix of n_features
    squared, 6.7 GB for 41 000 columns in float32; :class:`SparseLinearMethod` needs neither. Where
    rows are fewer and X is sparse, n_rows^3 multiplications and another matrix of n_rows squared
    lead to the same P, if the memory is there.

    Parameters
    ----------
    alpha : float, default=0.01
        Strength of the penalty, in (0, inf). ``n_rows * alpha`` is the lambda of the paper.
    n_jobs : int, default=None
        Threads; None is 1, -1 all cores. They do not change a bit of the result.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features, n_features)
        The weights B: column j holds those that predict column j. In the data type of X.
    column_counts_ : ndarray of shape (n_features,)
        Number of entries of each column, in rows of weight w counted w times. A row without entries
        is recommended the columns of the largest.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names.

    See Also
    --------
    SparseLinearMethod : Sparse weights, non-negative by default.

    Notes
    -----
    In float32 the inverse is found in float32 and checked against X; where it is not accurate it is
    found again in float64, which takes twice the memory.

    References
    ----------
    Steck (2019), "Embarrassingly shallow autoencoders for sparse data".

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from sparsekit.factorization import EASE
    >>> X = sparse.csr_array(np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1], [0, 1, 0, 0.0]]))
    >>> model = EASE(alpha=0.1).fit(X)
    >>> model.coef_.round(2)
    array([[ 0.  ,  0.78,  0.34, -0.17],
           [ 0.5 ,  0.  ,  0.1 , -0.05],
           [ 0.3 ,  0.13,  0.  ,  0.51],
           [-0.21, -0.09,  0.71,  0.  ]])
    >>> model.recommend(X, n=1)[0].ravel()
    array([2, 3, 0, 0])
    """

    _parameter_constraints = {
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "n_jobs": [Integral, None],
    }

    def __init__(self, alpha: float = 0.01, *, n_jobs: int | None = None):
        self.alpha = alpha
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None, *, sample_weight: ArrayLike | None = None) -> Self:
        """Find the weights.

        Parameters
        ----------
        X : {sparse matrix, SparseEntries, array-like} of shape (n_rows, n_features)
            Entries, finite.
        y : Ignored
            Not used.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows; the objective divides by their sum instead of `n_rows`.

        Returns
        -------
        self : object
            The fitted model.

        Raises
        ------
        MemoryError
            If the weights do not fit the machine's memory; before any work.
        """
        check_parameters(self)
        with unchanged_on_error(self):
            X, total = self._check_training_rows(X, sample_weight)
            self.coef_ = closed_form(X, self.alpha * total, self.n_jobs)
        return self


def closed_form(X: sparse.csr_array, ridge: float, n_jobs: int | None = None) -> np.ndarray:
    """Return the weights for rows X, in their data type."""
    negated = _negated_inverse(X, ridge, n_jobs)
    if negated is None and X.dtype == np.float32:
        negated = _negated_inverse(X.astype(np.float64), ridge, n_jobs)
    if negated is None:
        raise ValueError(
            "The inverse of X'X + n_rows * alpha * I cannot be computed: next to the values of X "
            "the penalty is nothing. Increase `alpha`, or scale X down."
        )
    weights = negated if negated.dtype == X.dtype else np.empty(negated.shape, dtype=X.dtype)
    scale = -1 / np.diagonal(negated)
    for band in _bands(len(weights)):
        np.multiply(negated[band], scale, out=weights[band], casting="same_kind")
    np.fill_diagonal(weights, 0)
    return weights


def _negated_inverse(X: sparse.csr_array, ridge: float, n_jobs: int | None) -> np.ndarray | None:
    """Return minus the inverse of ``X'X + ridge * I``, or None where rounding errors spoil it."""
    n, itemsize = X.shape[1], X.dtype.itemsize
    refuse_memory(
        float(n) * n * itemsize,
        f"EASE on {n} columns, whose weights are a dense {n} x {n} matrix of {X.dtype},",
        "Leave out rare columns, pass X in float32, or use SparseLinearMethod.",
    )
    ways = (_inverse_by_rows, _inverse_by_columns) if _rows_pay(X) else (_inverse_by_columns,)
    for way in ways:
        negated = way(X, ridge, n_jobs)
        if negated is not None and _is_inverse(negated, X, ridge):
            return negated
        del negated
    return None


def _rows_pay(X: sparse.csr_array) -> bool:
    """Return whether it takes less time to go by the rows, and the memory is there."""
    n_rows, n_columns = map(float, X.shape)
    by_rows = n_rows**3 / 2 + GATHERED * X.nnz * (n_rows + n_columns / 2)
    if by_rows > WORTHWHILE * n_columns**3 / 2:
        return False
    return fits_memory(MARGIN * (n_columns**2 + n_rows**2) * X.dtype.itemsize)


def _inverse_by_columns(X: sparse.csr_array, ridge: float, n_jobs: int | None) -> np.ndarray | None:
    """Invert ``X'X + ridge * I`` itself."""
    matrix = sparse_gram(X, n_jobs=n_jobs)
    matrix[np.diag_indices(len(matrix))] += X.dtype.type(ridge)
    return matrix if negated_inverse(matrix, n_jobs) else None


def _inverse_by_rows(X: sparse.csr_array, ridge: float, n_jobs: int | None) -> np.ndarray | None:
    """Find the same by the rows, of which there are fewer, from ``G = (X X' + ridge * I)^-1``.

    It is ``(I - X' G X) / ridge``, and X is sparse (Woodbury).
    """
    columns = to_csc(X, n_jobs=n_jobs)
    n_rows, n_columns = X.shape
    # Empty rows fill the last cache line of a row of G.
    width = padded(n_rows, X.dtype)
    turned = sparse.csr_array(
        (columns.data, columns.indices, columns.indptr), shape=(n_columns, width)
    )
    inner = _inverse_by_columns(turned, ridge, n_jobs)
    if inner is None:
        return None
    negated = np.empty((n_columns, n_columns), dtype=X.dtype)

    def fill(start: int, stop: int) -> None:
        # Of the triangle below the diagonal, the columns start..stop.
        half = multiply(turned[start:stop], inner).T
        products = multiply(turned[start:], np.ascontiguousarray(half))
        products[np.diag_indices(stop - start)] += 1
        np.multiply(products, -1 / X.dtype.type(ridge), out=negated[start:, start:stop])

    run_blocks(fill, cut_rows(n_columns, BAND), n_jobs)
    mirror_lower(negated)
    return negated


def _is_inverse(negated: np.ndarray, X: sparse.csr_array, ridge: float) -> bool:
    """Return whether a matrix is minus the inverse of ``X'X + ridge * I``, by one product."""
    probe = np.random.default_rng(0).choice([-1.0, 1.0], X.shape[1])
    image = np.empty(len(probe))
    with single_blas_thread():
        for band in _bands(len(probe)):
            image[band] = -(negated[band] @ probe.astype(X.dtype))
    missed = probe - (X.T @ (X @ image) + ridge * image)
    return bool(np.linalg.norm(missed) <= RESIDUAL * np.linalg.norm(probe))


def _bands(n: int) -> list[slice]:
    """Return slices of rows, so that Ctrl-C is honoured between passes over a large matrix."""
    return [slice(start, start + BAND) for start in range(0, n, BAND)]
