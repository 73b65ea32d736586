"""BayesianFactorization: draws from the posterior distribution of the factors."""

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from sparsekit._sklearn import (
    Integral,
    Interval,
    Real,
    as_configured_sparse,
    open_callback_context,
    with_callbacks,
)
from sparsekit._validation import check_parameters, unchanged_on_error
from sparsekit._watch import Watch
from sparsekit.factorization._codes import FactorCodes
from sparsekit.factorization._drawn_codes import DrawnCodes, joined_width, side_by_side
from sparsekit.factorization._gibbs import (
    CodePrior,
    code_scale,
    conditional,
    sample,
    sampled_model,
    unit_of,
)
from sparsekit.factorization._input import check_entries, check_entry_weight
from sparsekit.factorization._rows import Exact
from sparsekit.factorization._sides import Opposite
from sparsekit.matrix._products import entry_products, pad_rows
from sparsekit.metrics import rmse_scorer


class BayesianFactorization(FactorCodes):
    r"""Factorise a matrix of which only the stored entries are known, with a posterior.

    The model of :class:`MatrixFactorization`, as a distribution: an entry of weight w is normal
    around ``mean + b_i + c_j + p_i' q_j`` with variance :math:`1 / (w \tau)`; the codes
    :math:`(p_i, b_i)` of the rows come from one normal distribution and those of the columns from
    another, both with normal-Wishart priors; the noise's precision :math:`\tau` has a Gamma prior.
    Nothing is to be tuned but the rank. Gibbs sampling draws one side's codes after the other's,
    each row from its exact conditional distribution.

    Parameters
    ----------
    n_components : int, default=16
        Rank of the product.
    fit_bias : bool, default=True
        Whether rows and columns have biases, and predictions start from the mean.
    max_iter : int, default=100
        Sweeps; each draws everything once.
    burn_in : int, default=20
        First sweeps, which do not count; fewer than `max_iter`.
    n_draws : int, default=40
        Most draws that are kept, evenly spaced over the sweeps after `burn_in`. Predictions are
        averages over them, and memory grows with them.
    max_time : float, default=None
        Seconds after which no sweep begins, once a draw is kept; None is no limit.
    callback : callable, default=None
        Called after each sweep with a dict of `estimator`, `n_iter`, `objective` (the root mean
        squared error of this draw on the entries), `components` and `elapsed` seconds; a true
        answer ends the fit, once a draw is kept.
    random_state : int, RandomState instance or None, default=None
        Draws everything.
    n_jobs : int, default=None
        Threads; None is 1, -1 all cores. They do not change a bit of the result.
    verbose : int or bool, default=False
        Whether to print the error of each sweep.

    Attributes
    ----------
    components_ : ndarray of shape (n_codes, n_columns)
        Posterior means of the factors of the columns; with biases, a last row of ones.
    row_factors_ : ndarray of shape (n_rows, n_codes)
        Codes of the rows of the fit, given these means.
    column_counts_ : ndarray of shape (n_columns,)
        Number of entries of each column.
    column_bias_ : ndarray of shape (n_columns,)
        Posterior means of the biases of the columns; with `fit_bias` only.
    intercept_ : float
        Mean of the entries; with `fit_bias` only.
    row_draws_ : ndarray of shape (n_kept, n_rows, n_codes)
        Draws of the rows' codes.
    column_draws_ : ndarray of shape (n_kept, n_columns, n_codes)
        Draws of the columns' codes.
    row_prior_means_ : ndarray of shape (n_kept, n_codes)
        Draws of the mean of the distribution that rows come from.
    row_prior_precisions_ : ndarray of shape (n_kept, n_codes, n_codes)
        Draws of the inverse of its covariance.
    noise_precisions_ : ndarray of shape (n_kept,)
        Draws of the precision of the noise.
    loss_curve_ : ndarray of shape (`n_iter_`,)
        Root mean squared error on the entries, of each draw.
    n_iter_ : int
        Number of sweeps.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X has them.

    See Also
    --------
    MatrixFactorization : The mode instead of the distribution; faster.

    Notes
    -----
    The priors expect entries that deviate by about one. While sampling, entries are divided by the
    power of four that is nearest to their deviation, so that their unit does not matter.

    `transform` and `inverse_transform` know one code of each row: its mean. The prediction of these
    means, ``inverse_transform(transform(X))``, is not the mean of the predictions of all draws,
    by which `predict_entries` and `recommend` go, and which is the better one.

    References
    ----------
    Salakhutdinov, Mnih (2008), "Bayesian probabilistic matrix factorization using Markov chain
    Monte Carlo".
    Rendle, Zhang, Koren (2019), "On the difficulty of evaluating baselines".

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from sparsekit.factorization import BayesianFactorization
    >>> ratings = sparse.csr_array(np.array([[5.0, 4.0, 0.0], [4.0, 0.0, 1.0], [0.0, 5.0, 2.0]]))
    >>> model = BayesianFactorization(n_components=1, random_state=0).fit(ratings)
    >>> wanted = sparse.csr_array(([1.0], ([0], [2])), shape=(3, 3))
    >>> mean, std = model.predict_entries(wanted, given=ratings, return_std=True)
    >>> mean.shape, std.shape
    ((3, 3), (3, 3))
    """

    _parameter_constraints = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "fit_bias": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "burn_in": [Interval(Integral, 0, None, closed="left")],
        "n_draws": [Interval(Integral, 1, None, closed="left")],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
        "callback": [callable, None],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components=16,
        *,
        fit_bias=True,
        max_iter=100,
        burn_in=20,
        n_draws=40,
        max_time=None,
        callback=None,
        random_state=None,
        n_jobs=None,
        verbose=False,
    ):
        self.n_components = n_components
        self.fit_bias = fit_bias
        self.max_iter = max_iter
        self.burn_in = burn_in
        self.n_draws = n_draws
        self.max_time = max_time
        self.callback = callback
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None, *, entry_weight: Any = None) -> Self:
        """Draw factors for the entries of X.

        Parameters
        ----------
        X : {sparse matrix, SparseEntries, array-like} of shape (n_rows, n_columns)
            Entries; in a dense X, NaN is what is not known.
        y : Ignored
            Not used.
        entry_weight : sparse matrix of the shape of X, default=None
            Weights of the entries, stored where X stores them: the noise has a variance of one over
            the weight.

        Returns
        -------
        self : object
            The fitted model.
        """
        check_parameters(self)
        if self.burn_in >= self.max_iter:
            raise ValueError(
                f"`burn_in` must be less than `max_iter`, or no draw is kept; got "
                f"burn_in={self.burn_in!r} and max_iter={self.max_iter!r}."
            )
        return self._fit(X, y, entry_weight)

    def transform(self, X: Any) -> np.ndarray:
        """Fold in rows: return their codes' means, given the posterior means of the columns.

        Parameters
        ----------
        X : {sparse matrix, SparseEntries, array-like} of shape (n_rows, n_columns)
            Entries of rows, new or old. A row without any gets the mean of the rows.

        Returns
        -------
        codes : ndarray of shape (n_rows, n_codes)
            What `inverse_transform` takes, in the data type of X.
        """
        check_is_fitted(self)
        check_parameters(self)
        X = self._check_rows(X)
        return self._mean_codes(X).astype(X.dtype, copy=False)

    def _mean_codes(self, X: sparse.csr_array) -> np.ndarray:
        """Return the means of rows' codes, given those of the columns."""
        prior = CodePrior(
            self.row_prior_means_.mean(axis=0), self.row_prior_precisions_.mean(axis=0)
        )
        columns = self.column_draws_.mean(axis=0)
        return self._codes(X, columns, prior, float(self.noise_precisions_.mean()))

    def predict_entries(self, X: Any, given: Any = None, *, return_std: bool = False) -> Any:
        """Predict the entries of X, at its stored positions and nowhere else.

        Parameters
        ----------
        X : {sparse matrix, SparseEntries, array-like} of shape (n_rows, n_features)
            Positions to predict at.
        given : {sparse matrix, SparseEntries, array-like} of shape (n_rows, n_features), \
default=None
            What is known of each row. None is X, or, for `SparseEntries`, what the fit found out
            about its rows, which then must be those of the fit.
        return_std : bool, default=False
            Whether to return standard deviations too, of what an entry of weight one would be: the
            spread of the draws and the noise.

        Returns
        -------
        predictions : CSR matrix of shape (n_rows, n_features)
            Means over the draws, with an entry wherever X has one.
        std : CSR matrix of shape (n_rows, n_features)
            Standard deviations; only if `return_std`.
        """
        mean = super().predict_entries(X, given)
        if not return_std:
            return mean
        places = sparse.csr_array(mean)
        spread = self._entry_spread(self._known_codes(X, given), places)
        std = np.sqrt(spread + (1 / self.noise_precisions_).mean()).astype(places.dtype)
        arrays = std, places.indices.copy(), places.indptr.copy()
        return mean, as_configured_sparse(sparse.csr_array(arrays, shape=places.shape))

    @with_callbacks
    def _fit(self, X: Any, y: Any, entry_weight: Any) -> Self:
        """Read, draw and store; an error on the way leaves the model as it was."""
        hook_arguments = {"X": X, "y": y}
        with unchanged_on_error(self):
            X = check_entries(self, X, reset=True, missing="nan")
            weight = check_entry_weight(entry_weight, X)
            context = open_callback_context(self, max_subtasks=self.max_iter)
            context.call_on_fit_task_begin(estimator=self, **hook_arguments)
            self._store(sample(self, X, weight, Watch(self, context, hook_arguments)))
            self.row_factors_ = self._mean_codes(X)
            context.call_on_fit_task_end(
                estimator=self,
                reconstruction_attributes=self._reconstruction(self.components_),
                **hook_arguments,
            )
        return self

    def _codes(
        self, X: sparse.csr_array, columns: np.ndarray, prior: CodePrior, precision: float
    ) -> np.ndarray:
        """Return the conditional means of rows' codes."""
        # In units of the noise; else the ridges of factors and of biases may be far apart.
        unit = unit_of(np.array([precision**-0.5]))
        model = sampled_model(self, float(getattr(self, "intercept_", 0.0)) / unit)
        dtype, rank = columns.dtype, model.rank
        scale = code_scale(unit, rank, model.n_components)
        data = X.data.astype(dtype, copy=False) / dtype.type(unit)
        X = sparse.csr_array((data, X.indices, X.indptr), shape=X.shape)
        opposite = Opposite.of(model, columns / scale.astype(dtype))
        prior, precision = prior.scaled(1 / scale), precision * unit**2
        rows = conditional(model, X, None, opposite, prior, precision)
        turned, axes = rows.turned(self.n_jobs)
        codes, _ = Exact().solve(turned, np.zeros((X.shape[0], rank), dtype), self.n_jobs)
        # Not by BLAS, whose sums depend on how many rows there are: blocks must not change a bit.
        return np.einsum("ij,kj->ik", codes, axes) * scale.astype(dtype)

    def _check_rows(self, X: Any) -> sparse.csr_array:
        return check_entries(self, X, reset=False, missing="nan")

    def _fold_in(self, X: sparse.csr_array) -> DrawnCodes:
        def fold(rows: np.ndarray) -> Iterator[np.ndarray]:
            own = X[rows]
            draws = zip(
                self.column_draws_,
                self.row_prior_means_,
                self.row_prior_precisions_,
                self.noise_precisions_,
                strict=True,
            )
            for columns, mean, form, t in draws:
                yield self._codes(own, columns, CodePrior(mean, form), float(t))

        return self._drawn_codes(fold, X.shape[0])

    def _fitted_codes(self, entries: Any) -> DrawnCodes:
        def remember(rows: np.ndarray) -> Iterator[np.ndarray]:
            return (codes[rows] for codes in self.row_draws_)

        return self._drawn_codes(remember, self.row_draws_.shape[1])

    def _drawn_codes(
        self, draws_of: Callable[[np.ndarray], Iterator[np.ndarray]], n_rows: int
    ) -> DrawnCodes:
        """Return codes under every draw, each with a one, side by side, as shares of a mean."""
        n_draws, _, rank = self.column_draws_.shape
        dtype = self.column_draws_.dtype

        def make(rows: np.ndarray) -> np.ndarray:
            ones = np.ones((len(rows), 1), dtype)
            parts = (np.hstack((codes, ones)) / n_draws for codes in draws_of(rows))
            return side_by_side(parts, (n_draws, len(rows), rank + 1), dtype)

        row_bytes = joined_width(rank + 1, n_draws, dtype) * dtype.itemsize
        return DrawnCodes(make, np.arange(n_rows), row_bytes)

    def _best_columns(
        self,
        codes: DrawnCodes,
        n: int,
        seen: sparse.csr_array | None,
        candidates: np.ndarray | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        best = super()._best_columns
        found = codes.by_block(
            lambda own, rows: best(own, n, None if seen is None else seen[rows], candidates)
        )
        indices, values = zip(*found, strict=True)
        return np.concatenate(indices), np.concatenate(values)

    def _entry_scores(self, codes: DrawnCodes, X: sparse.csr_array) -> np.ndarray:
        score = super()._entry_scores
        return np.concatenate(codes.by_block(lambda own, rows: score(own, X[rows])))

    def _score_vectors(self) -> np.ndarray:
        n_draws, n_columns, rank = self.column_draws_.shape
        parts = (self._vectors(codes) for codes in self.column_draws_)
        return side_by_side(parts, (n_draws, n_columns, rank + 1), self.column_draws_.dtype)

    def _vectors(self, codes: np.ndarray) -> np.ndarray:
        """Return what rows' codes and a one are multiplied by, for one draw of the columns."""
        offset = np.zeros(len(codes), codes.dtype)
        codes = codes.copy()
        if self.fit_bias:
            offset = codes[:, -1] + self.intercept_
            codes[:, -1] = 1
        return np.column_stack((codes, offset)).astype(codes.dtype)

    def _entry_spread(self, codes: DrawnCodes, places: sparse.csr_array) -> np.ndarray:
        """Return the variance of the predictions over the draws."""
        spread = codes.by_block(lambda own, rows: self._spread_of_rows(own, places[rows]))
        return np.concatenate(spread)

    def _spread_of_rows(self, codes: np.ndarray, places: sparse.csr_array) -> np.ndarray:
        n_draws, _, rank = self.column_draws_.shape
        first, second = np.zeros(places.nnz), np.zeros(places.nnz)
        for d, columns in enumerate(self.column_draws_):
            # Both padded, so that the sums are the same however many rows there are.
            left = pad_rows(codes[:, d * (rank + 1) : (d + 1) * (rank + 1)] * n_draws)
            right = pad_rows(self._vectors(columns))
            predicted = entry_products(places, left, right, n_jobs=self.n_jobs)
            first += predicted / n_draws
            second += predicted.astype(np.float64) ** 2 / n_draws
        return np.maximum(second - first**2, 0)

    def _column_vectors(self) -> np.ndarray:
        factors = self.components_[: self.n_components].T
        # Of a column without entries the draws are the prior's.
        return np.where(self.column_counts_[:, None] > 0, factors, 0)

    def _scorer(self) -> Any:
        return rmse_scorer

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        return tags
