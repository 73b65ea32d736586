"""RankingFactorization: factors that rank what a row has seen before what it has not."""

from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from sparsekit._sklearn import (
    Integral,
    Interval,
    Real,
    StrOptions,
    open_callback_context,
    with_callbacks,
)
from sparsekit._validation import check_parameters, unchanged_on_error
from sparsekit._watch import Watch
from sparsekit.factorization._codes import FactorCodes
from sparsekit.factorization._input import check_entries
from sparsekit.factorization._ranking_fit import AT, fold_in, learn
from sparsekit.factorization._ranking_losses import LOSSES
from sparsekit.factorization._training import TRAINING_CONSTRAINTS
from sparsekit.metrics import make_ndcg_scorer


class RankingFactorization(FactorCodes):
    r"""Factorise a matrix so that each row's stored entries come before all its others.

    Only where X has entries matters, not their values. The score of column j for row i is
    ``p_i' q_j + b_j``. With j a stored entry of row i and c a column drawn evenly from those where
    it has none, minimised is the mean over such pairs

    .. math:: \ell(s_{ij}, s_{ic}) + \tfrac{\alpha}{2} \big(\|p_i\|^2 + \|q_j\|^2 + b_j^2
              + \|q_c\|^2 + b_c^2\big)

    by stochastic gradient descent with AdaGrad steps, where :math:`\ell` is, for "bpr",
    :math:`\log(1 + \exp(s_{ic} - s_{ij}))` and, for "logistic",
    :math:`\log(1 + \exp(-s_{ij})) / m + \log(1 + \exp(s_{ic}))` with m the number of negatives.

    The components are a mean over epochs, the later ones counting more, which ranks better than the
    last.

    In an epoch rows and columns are cut into blocks, and blocks that share neither are visited at
    the same time. The blocks and what is drawn in them do not depend on the threads.

    Parameters
    ----------
    n_components : int, default=64
        Number of factors.
    loss : {"bpr", "logistic"}, default="bpr"
        Loss of a pair: whether it is in the right order, or whether both are told apart.
    alpha : float, default=0.01
        Strength of the regularisation, positive.
    learning_rate : float, default=1.0
        Scale of the steps, positive: those of a row, or column, are this over the root of ten plus
        the sum of the squared slopes that it has met.
    n_negatives : int, default=4
        Columns drawn for each entry in an epoch.
    max_iter : int, default=50
        Most epochs.
    tol : float, default=None
        The fit ends once an epoch lowers the objective by no more than this share; None never. The
        objective of an epoch is that of the pairs it drew, and varies with them.
    early_stopping : bool, default=False
        Whether the fit ends by how well entries that are held out are ranked, at its best epoch.
    validation_fraction : float, default=0.1
        Share of each row's entries that `early_stopping` holds out.
    n_iter_no_change : int, default=5
        Epochs without a better validation score that `early_stopping` waits for.
    max_time : float, default=None
        Seconds after which no epoch begins; None is no limit.
    callback : callable, default=None
        Called after each epoch with a dict of `estimator`, `n_iter`, `objective`, `components`,
        `elapsed` seconds and, with `early_stopping`, `validation_score`; a true answer ends it.
    random_state : int, RandomState instance or None, default=None
        Draws the start, the blocks, the pairs, and what is held out.
    n_jobs : int, default=None
        Threads; None is 1, -1 all cores. They do not change a bit of the result.
    verbose : int or bool, default=False
        Whether to print the objective of each epoch.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_columns)
        Factors of the columns.
    column_bias_ : ndarray of shape (n_columns,)
        Biases of the columns.
    column_counts_ : ndarray of shape (n_columns,)
        Number of entries of each column that the fit learned from. A column without any has factors
        and a bias, as it was drawn for what rows have not seen, but is similar to none.
    row_factors_ : ndarray of shape (n_rows, n_components)
        Factors of the rows of the fit, as `transform` finds them.
    loss_curve_ : ndarray of shape (`n_iter_`,)
        Objective of the pairs of each epoch, each pair before its step.
    validation_scores_ : ndarray of shape (`n_iter_`,)
        NDCG of the first ten recommendations, of at most 2000 rows; with `early_stopping` only.
    best_iter_ : int
        Epoch of the best of them, whose factors these are.
    n_iter_ : int
        Number of epochs.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X has them.

    See Also
    --------
    ImplicitFactorization : Fits all entries instead of drawing some; usually better and faster.

    Notes
    -----
    `transform` minimises the same objective over the factors of a row, the columns as they are, to
    the end. Its pairs are those of each stored entry with all other columns, or, where that would
    be more than 512 pairs, with so many that a hash of the entry's column chooses: a row has
    one code, wherever it stands. A row without entries has a code of zeros and is recommended what
    has the largest bias; so is one that has every entry.

    References
    ----------
    Rendle, Freudenthaler, Gantner, Schmidt-Thieme (2009), "BPR: Bayesian personalized ranking from
    implicit feedback".
    Johnson (2014), "Logistic matrix factorization for implicit feedback data".
    Duchi, Hazan, Singer (2011), "Adaptive subgradient methods for online learning and stochastic
    optimization".
    Shamir, Zhang (2013), "Stochastic gradient descent for non-smooth optimization: convergence
    results and optimal averaging schemes".
    Gemulla, Nijkamp, Haas, Sismanis (2011), "Large-scale matrix factorization with distributed
    stochastic gradient descent".

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from sparsekit.factorization import RankingFactorization
    >>> plays = sparse.csr_array(np.array([[3.0, 1, 0, 0], [2, 2, 1, 0], [0, 0, 1, 4]]))
    >>> model = RankingFactorization(n_components=2, random_state=0).fit(plays)
    >>> model.recommend(plays, n=1)[0].ravel()
    array([2, 3, 1])
    """

    _parameter_constraints: dict[str, list] = TRAINING_CONSTRAINTS | {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "loss": [StrOptions(set(LOSSES))],
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "n_negatives": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_components=64,
        *,
        loss="bpr",
        alpha=0.01,
        learning_rate=1.0,
        n_negatives=4,
        max_iter=50,
        tol=None,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
        max_time=None,
        callback=None,
        random_state=None,
        n_jobs=None,
        verbose=False,
    ):
        self.n_components = n_components
        self.loss = loss
        self.alpha = alpha
        self.learning_rate = learning_rate
        self.n_negatives = n_negatives
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.max_time = max_time
        self.callback = callback
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> Self:
        """Find factors that rank the entries of X.

        Parameters
        ----------
        X : {sparse matrix, SparseEntries, array-like} of shape (n_rows, n_columns)
            What each row has seen; values must not be negative.
        y : Ignored
            Not used.

        Returns
        -------
        self : object
            The fitted model.
        """
        check_parameters(self)
        hook_arguments = {"X": X, "y": y}
        with unchanged_on_error(self):
            X = self._check_entries(X, reset=True)
            context = open_callback_context(self, max_subtasks=self.max_iter)
            context.call_on_fit_task_begin(estimator=self, **hook_arguments)
            self._store(learn(self, X, Watch(self, context, hook_arguments)))
            context.call_on_fit_task_end(
                estimator=self,
                reconstruction_attributes=self._reconstruction(self.components_),
                **hook_arguments,
            )
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Fold in rows: return the codes that rank their entries best, the columns as they are.

        Parameters
        ----------
        X : {sparse matrix, SparseEntries, array-like} of shape (n_rows, n_columns)
            What each row, new or old, has seen.

        Returns
        -------
        codes : ndarray of shape (n_rows, n_components)
            Minimisers of each row's objective, in the data type of X.
        """
        check_is_fitted(self)
        check_parameters(self)
        X = self._check_rows(X)
        return fold_in(self, X, vars(self)).astype(X.dtype, copy=False)

    def _check_rows(self, X: Any) -> sparse.csr_array:
        return self._check_entries(X, reset=False)

    def _check_entries(self, X: Any, reset: bool) -> sparse.csr_array:
        return check_entries(self, X, reset=reset, non_negative=True)

    def _fold_in(self, X: sparse.csr_array) -> np.ndarray:
        return _with_one(fold_in(self, X, vars(self)))

    def _fitted_codes(self, entries: Any) -> np.ndarray:
        return _with_one(self.row_factors_)

    def _score_vectors(self) -> np.ndarray:
        return np.column_stack((self.components_.T, self.column_bias_))

    def _column_vectors(self) -> np.ndarray:
        # Where factors began, and what pushed them as not seen, says nothing of a column.
        return np.where(self.column_counts_[:, None] > 0, self.components_.T, 0)

    def _scorer(self) -> Any:
        return make_ndcg_scorer(AT)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        return tags


def _with_one(codes: np.ndarray) -> np.ndarray:
    """Return codes with what the biases of columns are multiplied by."""
    return np.column_stack((codes, np.ones(len(codes), codes.dtype)))
