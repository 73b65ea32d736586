"""Codes on a dictionary that is given: `sparse_encode` and `SparseCoder`."""

from copy import copy
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator

from sparsekit._sklearn import Integral, Interval, Real, StrOptions, validate_parameter_constraints
from sparsekit._validation import (
    check_array_parameter,
    check_parameters,
    check_rows,
    unchanged_on_error,
)
from sparsekit.decomposition._coding import (
    CODING_CONSTRAINTS,
    CodingMixin,
    code_rows,
    dressed_codes,
    wants_sparse,
)
from sparsekit.decomposition._encoders import ALGORITHMS, CodingOptions, make_encoder

MISSING = [None, "nan"]
OPTION_CONSTRAINTS: dict[str, list] = {
    "algorithm": [StrOptions(set(ALGORITHMS))],
    "n_nonzero_coefs": [Interval(Integral, 1, None, closed="left"), None],
    "alpha": [Interval(Real, 0, None, closed="left"), None],
    "tol": [Interval(Real, 0, None, closed="left"), None],
    "positive": ["boolean"],
    "l1_ratio": [Interval(Real, 0, 1, closed="right"), None],
    "feature_weights": ["array-like", None],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "missing_values": MISSING,
    "sparse_output": ["boolean", StrOptions({"auto"})],
    "n_jobs": [Integral, None],
}


def sparse_encode(
    X: ArrayLike,
    dictionary: ArrayLike,
    *,
    algorithm: str = "lasso",
    n_nonzero_coefs: int | None = None,
    alpha: float | None = None,
    tol: float | None = None,
    positive: bool = False,
    l1_ratio: float | None = None,
    feature_weights: ArrayLike | None = None,
    max_iter: int = 1000,
    missing_values: float | None = None,
    sparse_output: bool | str = "auto",
    n_jobs: int | None = None,
) -> np.ndarray | sparse.csr_array | sparse.csr_matrix:
    r"""Code every row of X by a few atoms of a dictionary.

    The lasso codes minimise, for every row x and the user's atoms D,

    .. math:: \tfrac12 \|x - cD\|^2 + \alpha \sum_j v_j
              \left(r |c_j| + \tfrac{1-r}{2} c_j^2\right)

    with r the `l1_ratio` and v the `feature_weights`. The greedy algorithms choose atoms by their
    direction alone, whatever their length; atoms of length zero are never chosen.

    Parameters
    ----------
    X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
        Rows to code. Sparse X is never made dense.
    dictionary : array-like of shape (n_atoms, n_features)
        Atoms, of any length.
    algorithm : str, default="lasso"
        "omp", orthogonal matching pursuit; "ormp", its order-recursive form, which takes the atom
        that leaves the least residual; "nn_omp", with positive coefficients; "lasso", the exact
        minimiser by an active set; "fista", the same by proximal steps; "lasso_lars", the same
        along its exact path; "lars", least angle regression; "threshold", the correlations
        soft-thresholded; "top_k", the largest correlations; "iht", iterative hard thresholding.
        scikit-learn's "lasso_cd" and "cd" mean "lasso".
    n_nonzero_coefs : int, default=None
        Most atoms of a row, for "omp", "ormp", "nn_omp", "lars", "top_k" and "iht". None means a
        tenth of the features, at least 1, or without limit where a residual is asked for.
    alpha : float, default=None
        Penalty strength of "lasso", "fista", "lasso_lars" and "threshold", non-negative; None
        means 1. For the pursuits another name of `tol`, as in scikit-learn.
    tol : float, default=None
        Squared norm of the residual at which a pursuit or "iht" is done. For "fista" the duality
        gap relative to half the squared norm of the row, 1e-6 if None.
    positive : bool, default=False
        Whether coefficients must not be negative; not for "ormp".
    l1_ratio : float, default=None
        Share of the L1 penalty, in (0, 1]; for "lasso" and "fista". None means 1.
    feature_weights : array-like of shape (n_atoms,), default=None
        Factors of the penalty, non-negative; for "lasso" and "fista".
    max_iter : int, default=1000
        Most steps of the algorithms that iterate: "fista", "iht" and "lasso_lars".
    missing_values : {None, nan}, default=None
        With nan, entries of dense X that are NaN are missing: codes fit the others.
    sparse_output : {"auto", True, False}, default="auto"
        Whether codes are a sparse matrix; "auto" means for "omp", "ormp", "nn_omp", "top_k", "iht".
    n_jobs : int, default=None
        Threads; None means one. The result does not depend on them.

    Returns
    -------
    codes : ndarray or sparse array of shape (n_samples, n_atoms)
        Coefficients of the atoms as given, in the data type of X.

    Raises
    ------
    ValueError
        If an option is given to an algorithm that does not take it, or X and the dictionary differ
        in their number of features.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` ends "fista" or "iht" before all rows have reached `tol`.

    References
    ----------
    Pati, Rezaiifar, Krishnaprasad (1993), "Orthogonal matching pursuit".
    Lee, Battle, Raina, Ng (2007), "Efficient sparse coding algorithms".

    Examples
    --------
    >>> import numpy as np
    >>> from sparsekit.decomposition import sparse_encode
    >>> dictionary = np.array([[1.0, 0.0], [0.0, 2.0]])
    >>> sparse_encode([[3.0, 4.0]], dictionary, alpha=1.0)
    array([[2.  , 1.75]])
    >>> sparse_encode([[3.0, 4.0]], dictionary, algorithm="omp", n_nonzero_coefs=1).toarray()
    array([[0., 2.]])
    """
    options = CodingOptions(
        n_nonzero_coefs, alpha, tol, l1_ratio, feature_weights, positive, max_iter
    )
    given = vars(options) | {
        "algorithm": algorithm,
        "missing_values": missing_values,
        "sparse_output": sparse_output,
        "n_jobs": n_jobs,
    }
    validate_parameter_constraints(OPTION_CONSTRAINTS, given, caller_name="sparse_encode")
    coder = SparseCoder(dictionary, missing_values=missing_values)
    X = coder._check_rows(X)
    codes = code_rows(X, coder._dictionary, algorithm, options, n_jobs=n_jobs)
    return dressed_codes(codes, wants_sparse(sparse_output, algorithm))


class SparseCoder(CodingMixin, BaseEstimator):
    """Code rows by a few atoms of a dictionary that is given.

    Nothing is learned: `fit` checks its input, and `transform` works without it. See
    :func:`sparse_encode` for the algorithms.

    Parameters
    ----------
    dictionary : array-like of shape (n_components, n_features)
        Atoms, of any length.
    transform_algorithm : str, default="omp"
        Algorithm of :func:`sparse_encode`.
    transform_n_nonzero_coefs : int, default=None
        Most atoms of a row; for the algorithms that count.
    transform_alpha : float, default=None
        Penalty strength, or for a pursuit the squared norm of the residual it stops at.
    split_sign : bool, default=False
        Whether positive and negative coefficients become columns of their own, all positive.
    n_jobs : int, default=None
        Threads; None means one. The result does not depend on them.
    positive_code : bool, default=False
        Whether coefficients must not be negative.
    transform_max_iter : int, default=1000
        Most steps of the algorithms that iterate.
    transform_tol : float, default=None
        Stopping tolerance, `tol` of :func:`sparse_encode`.
    l1_ratio : float, default=None
        Share of the L1 penalty, in (0, 1]; for "lasso" and "fista". None means 1.
    feature_weights : array-like of shape (n_components,), default=None
        Factors of the penalty, non-negative; for "lasso" and "fista".
    missing_values : {None, nan}, default=None
        With nan, entries of dense X that are NaN are missing: codes fit the others.
    sparse_output : {"auto", True, False}, default="auto"
        Whether codes are a sparse matrix; "auto" means for the algorithms that count atoms ("omp",
        "ormp", "nn_omp", "top_k", "iht"), unless `set_output` asks for data frames.

    Attributes
    ----------
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had any.

    See Also
    --------
    sparse_encode : The same as a function.
    DictionaryLearning : Learn the dictionary.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsekit.decomposition import SparseCoder
    >>> dictionary = np.array([[1.0, 0.0], [0.0, 2.0]])
    >>> coder = SparseCoder(dictionary, transform_n_nonzero_coefs=1)
    >>> coder.transform([[3.0, 4.0]]).toarray()
    array([[0., 2.]])
    """

    _parameter_constraints: dict[str, list] = CODING_CONSTRAINTS | {
        "dictionary": ["array-like"],
        "transform_tol": OPTION_CONSTRAINTS["tol"],
        "l1_ratio": OPTION_CONSTRAINTS["l1_ratio"],
        "feature_weights": OPTION_CONSTRAINTS["feature_weights"],
        "missing_values": MISSING,
    }

    def __init__(
        self,
        dictionary,
        *,
        transform_algorithm="omp",
        transform_n_nonzero_coefs=None,
        transform_alpha=None,
        split_sign=False,
        n_jobs=None,
        positive_code=False,
        transform_max_iter=1000,
        transform_tol=None,
        l1_ratio=None,
        feature_weights=None,
        missing_values=None,
        sparse_output="auto",
    ):
        self.dictionary = dictionary
        self.transform_algorithm = transform_algorithm
        self.transform_n_nonzero_coefs = transform_n_nonzero_coefs
        self.transform_alpha = transform_alpha
        self.split_sign = split_sign
        self.n_jobs = n_jobs
        self.positive_code = positive_code
        self.transform_max_iter = transform_max_iter
        self.transform_tol = transform_tol
        self.l1_ratio = l1_ratio
        self.feature_weights = feature_weights
        self.missing_values = missing_values
        self.sparse_output = sparse_output

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Check the parameters and X.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Rows with the features of the dictionary.
        y : Ignored
            Not used.

        Returns
        -------
        self : object
            The coder.
        """
        check_parameters(self)
        options, shape = self._transform_options(), self._dictionary.shape
        make_encoder(self.transform_algorithm, options, *shape, "transform_")
        with unchanged_on_error(self):
            self._read(X, reset=True)
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.allow_nan = self.missing_values is not None
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return True

    @property
    def _dictionary(self) -> np.ndarray:
        return check_array_parameter(self.dictionary, "dictionary", dtype=[np.float64, np.float32])

    def _transform_options(self) -> CodingOptions:
        return replace(
            super()._transform_options(),
            tol=self.transform_tol,
            l1_ratio=self.l1_ratio,
            feature_weights=self.feature_weights,
        )

    def _check_rows(self, X: Any) -> np.ndarray | sparse.csr_array:
        if hasattr(self, "n_features_in_"):
            return self._read(X, reset=False)
        # Not fitted: a copy learns what the features are called.
        return copy(self)._read(X, reset=True)

    def _read(self, X: Any, *, reset: bool) -> np.ndarray | sparse.csr_array:
        allow_nan = self.missing_values is not None and not sparse.issparse(X)
        remedy = "Pass `missing_values=nan` to fit codes to the other entries of dense X"
        X = check_rows(self, X, reset=reset, allow_nan=allow_nan, nan_remedy=remedy)
        n_features = self._dictionary.shape[1]
        if X.shape[1] != n_features:
            raise ValueError(
                f"X has {X.shape[1]} features, but the atoms of `dictionary` have {n_features}. "
                "Pass X with the features of the dictionary."
            )
        return X
