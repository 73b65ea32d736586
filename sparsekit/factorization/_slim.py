"""SparseLinearMethod: sparse weights between columns."""

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning

from sparsekit._sklearn import Integral, Interval, Real
from sparsekit._validation import check_parameters, unchanged_on_error
from sparsekit.factorization._item_weights import ItemWeights
from sparsekit.factorization._slim_fit import Columns, as_matrix, products_of, solve_all
from sparsekit.factorization._slim_space import Problem
from sparsekit.linear_model import AllZeroWarning


class SparseLinearMethod(ItemWeights):
    """Predict each column of a row from the row's other columns, by few weights (SLIM).

    The weights W, `coef_`, minimise::

        (1 / (2 * n_rows)) * |X - X W|^2 + alpha * (l1_ratio * |W|_1 + (1 - l1_ratio) / 2 * |W|^2)

    with ``diag(W) = 0`` and, if `positive`, ``W >= 0``, over all entries of X, those that are not
    stored being zeros. Each column is an elastic net of its own, that of
    :class:`sklearn.linear_model.ElasticNet` without intercept.

    Columns of X that hold many entries share their products, the Gram matrix X'X, if it fits into
    `cache_size`. Columns that hold few are multiplied anew for each problem, which is then the
    faster way and needs no more memory than X and the weights.

    Parameters
    ----------
    alpha : float, default=0.005
        Strength of the penalty, in (0, inf).
    l1_ratio : float, default=0.005
        Share of the L1 penalty, in [0, 1]. Where X holds zeros and ones and weights are positive,
        columns that share no more than ``n_rows * alpha * l1_ratio`` rows have no weight between
        them.
    positive : bool, default=True
        Whether weights must not be negative.
    tol : float, default=1e-4
        A column is done when its duality gap is at most this share of its objective at zero
        weights.
    max_iter : int, default=100
        Most rounds for a column; in each, columns that would get a weight join its working set, and
        coordinate descent runs on the set. At least 1.
    cache_size : float, default=1000
        Most megabytes that the Gram matrix may take.
    n_jobs : int, default=None
        Threads; None is 1, -1 all cores. They do not change a bit of the result.

    Attributes
    ----------
    coef_ : csr_array of shape (n_features, n_features)
        The weights W: column j holds those that predict column j. In the data type of X.
    column_counts_ : ndarray of shape (n_features,)
        Number of entries of each column, in rows of weight w counted w times. A row without entries
        is recommended the columns of the largest.
    dual_gap_ : ndarray of shape (n_features,)
        Duality gaps of the columns, in the units of the objective.
    n_iter_ : int
        Most rounds that a column took.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names.

    See Also
    --------
    EASE : Dense weights, in closed form.

    References
    ----------
    Ning, Karypis (2011), "SLIM: sparse linear methods for top-N recommender systems".

    Friedman, Hastie, Tibshirani (2010), "Regularization paths for generalized linear models via
    coordinate descent".

    Massias, Gramfort, Salmon (2018), "Celer: a fast solver for the Lasso with dual extrapolation".

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from sparsekit.factorization import SparseLinearMethod
    >>> X = sparse.csr_array(np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1], [0, 1, 0, 0.0]]))
    >>> model = SparseLinearMethod(alpha=0.1).fit(X)
    >>> model.coef_.toarray().round(2)
    array([[0.  , 0.8 , 0.34, 0.  ],
           [0.53, 0.  , 0.09, 0.  ],
           [0.19, 0.08, 0.  , 0.42],
           [0.  , 0.  , 0.71, 0.  ]])
    >>> model.recommend(X, n=1)[0].ravel()
    array([2, 3, 0, 0])
    """

    _parameter_constraints = {
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "positive": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "cache_size": [Interval(Real, 0, None, closed="left")],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        alpha: float = 0.005,
        *,
        l1_ratio: float = 0.005,
        positive: bool = True,
        tol: float = 1e-4,
        max_iter: int = 100,
        cache_size: float = 1000,
        n_jobs: int | None = None,
    ):
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.positive = positive
        self.tol = tol
        self.max_iter = max_iter
        self.cache_size = cache_size
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
        """
        check_parameters(self)
        with unchanged_on_error(self):
            X, total = self._check_training_rows(X, sample_weight)
            products = products_of(X, self.cache_size, self.n_jobs)
            problem = Problem(
                l1=self.alpha * total * self.l1_ratio,
                l2=self.alpha * total * (1 - self.l1_ratio),
                positive=self.positive,
                screened=self.positive and not (X.data < 0).any(),
                tol=self.tol,
                max_iter=self.max_iter,
            )
            found = solve_all(products, problem, self.n_jobs)
            self.coef_ = as_matrix(found)
            self.dual_gap_ = found.gaps / total
            self.n_iter_ = max(int(found.n_rounds.max()), 1)
            self._report(found, 0.5 * products.diagonal.astype(np.float64) / total, total)
        return self

    def _report(self, found: Columns, null_objective: np.ndarray, total: float) -> None:
        """Warn of columns short of their tolerance, and of weights that are all zero."""
        missed = self.dual_gap_ > self.tol * null_objective
        if missed.any():
            worst = np.argmax(self.dual_gap_ / np.maximum(null_objective, np.finfo(float).tiny))
            warnings.warn(
                f"SparseLinearMethod missed its tolerance in {missed.sum()} of {len(missed)} "
                f"columns; the worst, column {worst}, stopped after {found.n_rounds[worst]} rounds "
                f"with a duality gap of {self.dual_gap_[worst]:.1e}, but tol={self.tol:g} asks "
                f"for {self.tol * null_objective[worst]:.1e}. Increase `max_iter`, `tol` or "
                "`alpha`, or pass X in float64.",
                ConvergenceWarning,
                stacklevel=3,
            )
        if self.coef_.nnz or self.l1_ratio == 0:
            return
        critical = found.strongest.max() / (total * self.l1_ratio)
        if critical > 0:
            warnings.warn(
                f"all coefficients are zero; alpha_max is {critical:.4g}. Choose `alpha` below it.",
                AllZeroWarning,
                stacklevel=3,
            )
