"""MatrixFactorization: stored entries are observations."""

from typing import Any

import numpy as np
from scipy import sparse

from sparsekit._sklearn import Interval, Real, StrOptions
from sparsekit.factorization._entry_losses import Ratings
from sparsekit.factorization._factor_model import FACTOR_CONSTRAINTS, FactorModel
from sparsekit.factorization._sides import Model, Side
from sparsekit.matrix._products import entry_products
from sparsekit.metrics import rmse_scorer


class MatrixFactorization(FactorModel):
    r"""Factorise a matrix of which only the stored entries are known.

    The prediction of an entry is ``mean + b_i + c_j + p_i' q_j``. Minimised, over the stored
    entries and their weights w, is

    .. math:: \tfrac12 \sum_{ij} w_{ij} (x_{ij} - \hat x_{ij})^2
              + \tfrac{\alpha}{2} \sum_i n_i^\nu \big((1 - r) (\|p_i\|^2 + b_i^2)
              + 2 r \|p_i\|_1\big) + \text{the same for the columns}

    with n the sum of the weights of a row, or column, :math:`\nu` the `frequency_exponent` and r
    the `l1_ratio`, by alternating least squares. A row's factors and bias are one system. An
    explicit zero is an observation of zero; in a dense X, NaN is what is not known.

    Features u of the rows are explained by the same factors: where they are given,
    :math:`\tfrac{s}{2} \sum_i \|u_i - m - C p_i\|^2 + \tfrac{\alpha}{2} N^\nu \|C\|^2` is added,
    with s the `side_weight`, m the mean of the features and N the number of rows; likewise for the
    columns.

    Parameters
    ----------
    n_components : int, default=32
        Rank of the product. More than rows or columns is possible: the penalty settles it.
    alpha : float, default=0.1
        Strength of the regularisation, positive.
    frequency_exponent : float, default=1.0
        Power of the number of observations by which it grows, non-negative: 1 is weighted-lambda
        regularisation, 0 the same for all.
    fit_bias : bool, default=True
        Whether rows and columns have biases, and predictions start from the mean.
    l1_ratio : float, default=0.0
        Share of the absolute values in the penalty, in [0, 1]; above 0, factors are sparse.
    positive : bool, default=False
        Whether factors must not be negative. Biases may be.
    solver : {"auto", "pcg", "cholesky", "cd"}, default="auto"
        How rows are solved in a sweep: by a few preconditioned conjugate gradient steps, which go
        beyond where they lead once sweeps have become slow (over-relaxation), exactly, or by
        coordinate descent. "auto" is "cd" where `l1_ratio` or `positive` needs it, else "pcg".
    cg_steps : int, default=3
        Conjugate gradient steps of a row in a sweep.
    side_weight : float, default=1.0
        Weight of a squared error of a feature beside that of an entry, positive.
    max_iter : int, default=20
        Most sweeps over rows and columns.
    tol : float, default=1e-4
        The fit ends once a sweep lowers the objective by no more than this share; None never.
    early_stopping : bool, default=False
        Whether the fit ends by the error of entries that are held out, at its best sweep.
    validation_fraction : float, default=0.1
        Share of each row's entries that `early_stopping` holds out.
    n_iter_no_change : int, default=3
        Sweeps without a better validation score that `early_stopping` waits for.
    max_time : float, default=None
        Seconds after which no sweep begins; None is no limit.
    warm_start : bool, default=False
        Whether a fit begins where the last one ended, if the shapes agree.
    callback : callable, default=None
        Called after each sweep with a dict of `estimator`, `n_iter`, `objective`, `components`,
        `elapsed` seconds and, with `early_stopping`, `validation_score`; a true answer ends it.
    random_state : int, RandomState instance or None, default=None
        Draws the start, and what is held out.
    n_jobs : int, default=None
        Threads; None is 1, -1 all cores. They do not change a bit of the result.
    verbose : int or bool, default=False
        Whether to print the objective of each sweep.

    Attributes
    ----------
    components_ : ndarray of shape (n_codes, n_columns)
        Factors of the columns; with biases, a last row of ones, which meets the rows' biases.
    row_factors_ : ndarray of shape (n_rows, n_codes)
        Codes of the rows of the fit: factors and, with biases, the bias last.
    column_bias_ : ndarray of shape (n_columns,)
        Biases of the columns; with `fit_bias` only.
    intercept_ : float
        Mean of the entries; with `fit_bias` only.
    column_observations_ : ndarray of shape (n_columns,)
        Weight of the entries of each column.
    row_loadings_, column_loadings_ : ndarray of shape (n_features, n_components)
        How factors explain side information, where it was given.
    row_features_mean_, column_features_mean_ : ndarray of shape (n_features,)
        What that explanation starts from.
    loss_curve_ : ndarray of shape (`n_iter_`,)
        Objective after each sweep.
    validation_scores_ : ndarray of shape (`n_iter_`,)
        Minus the root mean squared error of what was held out; with `early_stopping` only.
    best_iter_ : int
        Sweep of the best of them, whose factors these are.
    n_iter_ : int
        Number of sweeps.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X has them.

    See Also
    --------
    ImplicitFactorization : Entries are confidences, and what is not stored counts too.
    BayesianFactorization : The same model, with a posterior distribution.

    References
    ----------
    Zhou, Wilkinson, Schreiber, Pan (2008), "Large-scale parallel collaborative filtering for the
    Netflix Prize".
    Cortes (2018), "Cold-start recommendations in Collective Matrix Factorization".

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from sparsekit.factorization import MatrixFactorization
    >>> ratings = np.array([[5.0, 4, 0, 1], [4, 0, 1, 0], [0, 5, 0, 2], [1, 0, 5, 4]])
    >>> ratings = sparse.csr_array(ratings)
    >>> model = MatrixFactorization(n_components=1, alpha=0.3, random_state=0).fit(ratings)
    >>> wanted = sparse.csr_array(([1.0], ([0], [2])), shape=(4, 4))
    >>> round(float(model.predict_entries(wanted, given=ratings).data[0]), 1)
    1.6
    """

    _parameter_constraints = FACTOR_CONSTRAINTS | {
        "fit_bias": ["boolean"],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "positive": ["boolean"],
        "solver": [StrOptions({"auto", "pcg", "cholesky", "cd"})],
    }

    def __init__(
        self,
        n_components=32,
        *,
        alpha=0.1,
        frequency_exponent=1.0,
        fit_bias=True,
        l1_ratio=0.0,
        positive=False,
        solver="auto",
        cg_steps=3,
        side_weight=1.0,
        max_iter=20,
        tol=1e-4,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=3,
        max_time=None,
        warm_start=False,
        callback=None,
        random_state=None,
        n_jobs=None,
        verbose=False,
    ):
        self.n_components = n_components
        self.alpha = alpha
        self.frequency_exponent = frequency_exponent
        self.fit_bias = fit_bias
        self.l1_ratio = l1_ratio
        self.positive = positive
        self.solver = solver
        self.cg_steps = cg_steps
        self.side_weight = side_weight
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.max_time = max_time
        self.warm_start = warm_start
        self.callback = callback
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def _model(self, mean: float) -> Model:
        return Model(
            loss=Ratings(mean),
            n_components=int(self.n_components),
            biased=bool(self.fit_bias),
            unobserved=0.0,
            alpha=float(self.alpha),
            exponent=float(self.frequency_exponent),
            l1_ratio=float(self.l1_ratio),
            positive=bool(self.positive),
        )

    def _solver(self) -> str:
        constrained = self.positive or self.l1_ratio > 0
        if self.solver == "auto":
            return "cd" if constrained else "pcg"
        if constrained and self.solver != "cd":
            raise ValueError(
                f"solver={self.solver!r} cannot keep factors non-negative or sparse. Choose "
                "solver='cd' or 'auto', or positive=False and l1_ratio=0."
            )
        return self.solver

    def _missing(self) -> str:
        return "nan"

    def _mean(self, X: sparse.csr_array, weight: np.ndarray | None) -> float:
        if not self.fit_bias or X.nnz == 0 or (weight is not None and not weight.any()):
            return 0.0
        return float(np.average(X.data.astype(np.float64), weights=weight))

    def _validate(
        self,
        model: Model,
        rows: Side,
        columns: np.ndarray,
        held: sparse.csr_array,
        chosen: np.ndarray,
    ) -> float:
        """Return minus the root mean squared error of the entries that were held out."""
        left = np.column_stack((rows.codes, np.ones(len(rows.codes), rows.codes.dtype)))
        errors = held.data - model.loss.mean - entry_products(held, left, _vectors(model, columns))
        return -float(np.sqrt(np.mean(errors.astype(np.float64) ** 2)))

    def _fold_in(self, X: sparse.csr_array, **fold_in_params: Any) -> np.ndarray:
        return self._with_one(super()._fold_in(X, **fold_in_params))

    def _fitted_codes(self, entries: Any, **fold_in_params: Any) -> np.ndarray:
        return self._with_one(self.row_factors_)

    def _with_one(self, codes: np.ndarray) -> np.ndarray:
        """Return codes with what the offsets of columns are multiplied by."""
        return np.column_stack((codes, np.ones(len(codes), codes.dtype)))

    def _score_vectors(self) -> np.ndarray:
        offsets = np.broadcast_to(self._column_offsets(), self.components_.shape[1])
        return np.column_stack((self.components_.T, offsets.astype(self.components_.dtype)))

    def _column_vectors(self) -> np.ndarray:
        factors = self.components_[: len(self.components_) - hasattr(self, "column_bias_")].T
        if hasattr(self, "column_loadings_"):
            return factors
        # Coordinate descent takes a column without entries near to zero, not to it.
        return np.where(self.column_observations_[:, None] > 0, factors, 0)

    def _scorer(self) -> Any:
        return rmse_scorer

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        return tags


def _vectors(model: Model, codes: np.ndarray) -> np.ndarray:
    """Return vectors whose products with rows' codes and a one are predictions less the mean."""
    if not model.biased:
        return np.column_stack((codes, np.zeros(len(codes), codes.dtype)))
    vectors = np.column_stack((codes, codes[:, -1]))
    vectors[:, -2] = 1
    return vectors
