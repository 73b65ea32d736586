"""EASE: dense weights between columns, in closed form."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from sparsekit._parallel import single_blas_thread
from sparsekit._sklearn import Integral, Interval, Real
from sparsekit._validation import check_parameters, unchanged_on_error
from sparsekit._validation._memory import refuse_memory
from sparsekit.factorization._dense_inverse import BAND, negated_inverse
from sparsekit.factorization._item_weights import ItemWeights
from sparsekit.matrix._products import sparse_gram

# Share of a random vector that the product of the matrix and its inverse may miss.
RESIDUAL = 1e-3


class EASE(ItemWeights):
    """Predict each column of a row from the row's other columns, by dense weights.

    The weights B, `coef_`, minimise::

        (1 / (2 * n_rows)) * |X - X B|^2 + alpha / 2 * |B|^2,    diag(B) = 0,

    over all entries of X, those that are not stored being zeros. The solution is in closed form:
    with P the inverse of ``X'X + n_rows * alpha * I``, ``B[i, j] = -P[i, j] / P[j, j]``. It is
    dense. The fit takes n_features^3 multiplications and the memory of one matrix of n_features
    squared, 6.7 GB for 41 000 columns in float32; :class:`SparseLinearMethod` needs neither.

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
    matrix = sparse_gram(X, n_jobs=n_jobs)
    matrix[np.diag_indices(n)] += X.dtype.type(ridge)
    if negated_inverse(matrix, n_jobs) and _is_inverse(matrix, X, ridge):
        return matrix
    return None


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
