"""ImplicitFactorization: stored entries are confidences, all others count a little."""

from typing import Any

import numpy as np
from scipy import sparse

from sparsekit._sklearn import Interval, Real, StrOptions
from sparsekit.factorization._entry_losses import Confidences
from sparsekit.factorization._factor_model import FACTOR_CONSTRAINTS, FactorModel
from sparsekit.factorization._popularity import Popularity
from sparsekit.factorization._sides import Model, Side
from sparsekit.matrix._top import ProductScores, top_per_row
from sparsekit.metrics import make_ndcg_scorer, ndcg_at_k

# Recommendations that scores look at.
AT = 10


class ImplicitFactorization(FactorModel):
    r"""Factorise a matrix of clicks, plays or purchases: what is stored happened, and how often.

    Every entry of the matrix is fitted, a stored one to 1 and all others to 0, with confidences
    ``w0 + c x`` and ``w0``. Minimised, by alternating least squares, is

    .. math:: \tfrac12 \sum_{\text{stored}} (w_0 + c x_{ij}) (1 - p_i' q_j)^2
              + \tfrac{w_0}{2} \sum_{\text{others}} (p_i' q_j)^2
              + \tfrac{\alpha}{2} \Big(\sum_i n_i^\nu \|p_i\|^2 + \sum_j n_j^\nu \|q_j\|^2\Big)

    with c the `confidence`, :math:`w_0` the `unobserved_weight`, :math:`\nu` the
    `frequency_exponent` and n the sum of all confidences of a row, or of a column. With a
    `popularity_exponent` :math:`\kappa` above 0, c is another one in each column,
    :math:`c\, (m_j / \bar m)^{-\kappa}` with :math:`m_j` its number of stored entries and
    :math:`\bar m` their mean over all columns: that a row has what everybody has says little of it.

    Features u of the rows are explained by the same factors: where they are given,
    :math:`\tfrac{s}{2} \sum_i \|u_i - m - C p_i\|^2 + \tfrac{\alpha}{2} N^\nu \|C\|^2` is added,
    with s the `side_weight`, m the mean of the features and N the number of rows; likewise for the
    columns.

    Parameters
    ----------
    n_components : int, default=64
        Rank of the product. More than rows or columns is possible: the penalty settles it.
    alpha : float, default=0.01
        Strength of the regularisation, positive. (In the package implicit, `alpha` is what
        `confidence` is here.)
    confidence : float, default=1.0
        Scale of the stored values, positive.
    unobserved_weight : float, default=0.01
        Confidence of entries that are not stored, positive. The larger a matrix, the smaller
        the best value.
    frequency_exponent : float, default=1.0
        Power of n, non-negative: with 0 the regularisation is the same for all.
    popularity_exponent : float, default=0.0
        Power of the number of entries of a column by which their confidence falls, non-negative.
        With 0 it does not; 0.5 is a good first try.
    solver : {"pcg", "cholesky"}, default="pcg"
        How rows are solved in a sweep: by a few preconditioned conjugate gradient steps, which go
        beyond where they lead once sweeps have become slow (over-relaxation), or exactly.
    cg_steps : int, default=3
        Conjugate gradient steps of a row in a sweep.
    side_weight : float, default=1.0
        Weight of a squared error of a feature beside the confidence of an entry, positive.
    max_iter : int, default=15
        Most sweeps over rows and columns.
    tol : float, default=1e-4
        The fit ends once a sweep lowers the objective by no more than this share; None never.
    early_stopping : bool, default=False
        Whether the fit ends by how well entries that are held out are ranked, at its best sweep.
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
    components_ : ndarray of shape (n_components, n_columns)
        Factors of the columns.
    row_factors_ : ndarray of shape (n_rows, n_components)
        Factors of the rows of the fit.
    column_observations_ : ndarray of shape (n_columns,)
        Sum of the confidences of each column.
    column_counts_ : ndarray of shape (n_columns,)
        Number of entries of each column, in rows of weight w counted w times. A row of which
        nothing is known is recommended the columns of the largest.
    mean_count_ : float
        Their mean.
    row_loadings_, column_loadings_ : ndarray of shape (n_features, n_components)
        How factors explain side information, where it was given.
    row_features_mean_, column_features_mean_ : ndarray of shape (n_features,)
        What that explanation starts from.
    loss_curve_ : ndarray of shape (`n_iter_`,)
        Objective after each sweep.
    validation_scores_ : ndarray of shape (`n_iter_`,)
        NDCG of the first ten recommendations, of at most 2000 rows; with `early_stopping` only.
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
    MatrixFactorization : Only stored entries are known, and they are ratings.
    EASE, SparseLinearMethod : Models of columns by columns.

    References
    ----------
    Hu, Koren, Volinsky (2008), "Collaborative filtering for implicit feedback datasets".
    Takacs, Pilaszy, Tikk (2011), "Applications of the conjugate gradient method for implicit
    feedback collaborative filtering".
    Rendle, Krichene, Zhang, Koren (2022), "Revisiting the performance of iALS on item
    recommendation benchmarks".

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from sparsekit.factorization import ImplicitFactorization
    >>> plays = sparse.csr_array(np.array([[3.0, 1, 0, 0], [2, 2, 1, 0], [0, 0, 1, 4]]))
    >>> model = ImplicitFactorization(n_components=2, random_state=0).fit(plays)
    >>> model.recommend(plays, n=1)[0].ravel()
    array([2, 3, 1])
    """

    _parameter_constraints = FACTOR_CONSTRAINTS | {
        "confidence": [Interval(Real, 0, None, closed="neither")],
        "unobserved_weight": [Interval(Real, 0, None, closed="neither")],
        "popularity_exponent": [Interval(Real, 0, None, closed="left")],
        "solver": [StrOptions({"pcg", "cholesky"})],
    }

    def __init__(
        self,
        n_components=64,
        *,
        alpha=0.01,
        confidence=1.0,
        unobserved_weight=0.01,
        frequency_exponent=1.0,
        popularity_exponent=0.0,
        solver="pcg",
        cg_steps=3,
        side_weight=1.0,
        max_iter=15,
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
        self.confidence = confidence
        self.unobserved_weight = unobserved_weight
        self.frequency_exponent = frequency_exponent
        self.popularity_exponent = popularity_exponent
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
            loss=Confidences(float(self.confidence), float(self.unobserved_weight)),
            n_components=int(self.n_components),
            biased=False,
            unobserved=float(self.unobserved_weight),
            alpha=float(self.alpha),
            exponent=float(self.frequency_exponent),
        )

    def _popularity(
        self, X: sparse.csr_array, sample_weight: np.ndarray | None
    ) -> Popularity | None:
        return Popularity.of(X, sample_weight, float(self.popularity_exponent))

    def _weighted(
        self, X: sparse.csr_array, weight: np.ndarray | None, popularity: Popularity | None
    ) -> tuple[sparse.csr_array, np.ndarray | None]:
        # Both scale the confidence that an entry adds, as its value does.
        if weight is not None:
            X = sparse.csr_array((X.data * weight, X.indices, X.indptr), shape=X.shape)
        return (X if popularity is None else popularity.weighted(X)), None

    def _validate(
        self,
        model: Model,
        rows: Side,
        columns: np.ndarray,
        held: sparse.csr_array,
        chosen: np.ndarray,
    ) -> float:
        """Return how well the entries that were held out rank among all that are not known."""
        recommended, _ = top_per_row(
            ProductScores(rows.codes[chosen], columns),
            min(AT, len(columns)),
            exclude=rows.X[chosen],
            n_jobs=self.n_jobs,
        )
        return ndcg_at_k(held[chosen], recommended, min(AT, len(columns)))

    def _scorer(self) -> Any:
        return make_ndcg_scorer(AT)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        return tags
