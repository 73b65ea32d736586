"""The one fit of both models by alternating least squares."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from sparsekit._sklearn import (
    Integral,
    Interval,
    Real,
    open_callback_context,
    with_callbacks,
)
from sparsekit._validation import check_parameters, unchanged_on_error
from sparsekit._watch import Watch
from sparsekit.factorization._codes import FactorCodes
from sparsekit.factorization._extend import appended_columns, appended_rows
from sparsekit.factorization._fitting import SideInformation, fold_in, learn
from sparsekit.factorization._input import check_entries
from sparsekit.factorization._popularity import Popularity
from sparsekit.factorization._sides import Model
from sparsekit.factorization._training import TRAINING_CONSTRAINTS

FACTOR_CONSTRAINTS: dict[str, list] = TRAINING_CONSTRAINTS | {
    "n_components": [Interval(Integral, 1, None, closed="left")],
    "alpha": [Interval(Real, 0, None, closed="neither")],
    "frequency_exponent": [Interval(Real, 0, None, closed="left")],
    "cg_steps": [Interval(Integral, 1, None, closed="left")],
    "side_weight": [Interval(Real, 0, None, closed="neither")],
    "warm_start": ["boolean"],
}


class FactorModel(FactorCodes):
    """Factors of rows and of columns, found in turns.

    A subclass says what an entry costs: `_model` and `_prepare`.
    """

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        sample_weight: ArrayLike | None = None,
        entry_weight: Any = None,
        row_features: Any = None,
        column_features: Any = None,
    ) -> Self:
        """Find factors for the entries of X.

        Parameters
        ----------
        X : {sparse matrix, SparseEntries, array-like} of shape (n_rows, n_columns)
            Entries.
        y : Ignored
            Not used.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows; a weight of two is that row twice.
        entry_weight : sparse matrix of the shape of X, default=None
            Weights of the entries, stored wherever X stores one.
        row_features : {array-like, sparse matrix} of shape (n_rows, n_row_features), default=None
            Side information that the factors of the rows explain too.
        column_features : {array-like, sparse matrix} of shape (n_columns, n_column_features), \
default=None
            Side information on the columns.

        Returns
        -------
        self : object
            The fitted model.
        """
        check_parameters(self)
        given = SideInformation(sample_weight, entry_weight, row_features, column_features)
        return self._fit(X, y, given)

    def transform(self, X: Any, *, row_features: Any = None) -> np.ndarray:
        """Fold in rows: return the codes that fit their entries best, the columns as they are.

        Parameters
        ----------
        X : {sparse matrix, SparseEntries, array-like} of shape (n_rows, n_columns)
            Entries of rows, new or old. A row without any gets a code from its features, or zeros.
        row_features : {array-like, sparse matrix} of shape (n_rows, n_row_features), default=None
            Their side information, if the model was fitted with such.

        Returns
        -------
        codes : ndarray of shape (n_rows, n_codes)
            Exact minimisers of each row's objective.
        """
        check_is_fitted(self)
        check_parameters(self)
        X = self._check_rows(X)
        return fold_in(self, X, row_features=row_features).astype(X.dtype, copy=False)

    def partial_fit(self, X: Any, y: Any = None, *, row_features: Any = None) -> Self:
        """Append rows, and move the components towards their entries.

        The rows that are known already speak through the curvature of their part of the objective:
        for each column the mean outer product of their codes, times how often it was observed. The
        first call is a fit.

        Parameters
        ----------
        X : {sparse matrix, SparseEntries, array-like} of shape (n_rows, n_columns)
            Entries of new rows, appended to `row_factors_`.
        y : Ignored
            Not used.
        row_features : {array-like, sparse matrix} of shape (n_rows, n_row_features), default=None
            Their side information, if the model was fitted with such.

        Returns
        -------
        self : object
            The model.
        """
        if not hasattr(self, "components_"):
            return self.fit(X, row_features=row_features)
        check_parameters(self)
        X = self._check_rows(X)
        with unchanged_on_error(self):
            vars(self).update(appended_rows(self, X, row_features))
        return self

    def add_columns(self, X: Any = None, *, column_features: Any = None) -> Self:
        """Append columns that were not known to the fit, from entries, features, or both.

        Parameters
        ----------
        X : sparse matrix of shape (n_rows, n_new_columns), default=None
            Entries of the rows of `row_factors_` in the new columns.
        column_features : {array-like, sparse matrix} of shape (n_new_columns, n_column_features), \
default=None
            Side information on them, if the model was fitted with such.

        Returns
        -------
        self : object
            The model, with more columns; their names are unknown.
        """
        check_is_fitted(self)
        check_parameters(self)
        with unchanged_on_error(self):
            vars(self).update(appended_columns(self, X, column_features))
            vars(self).pop("feature_names_in_", None)
        return self

    def score(self, X: Any, y: Any = None, *, row_features: Any = None) -> float:
        """Return how well hidden entries are predicted or recommended; higher is better.

        Parameters
        ----------
        X : {sparse matrix, SparseEntries, array-like} of shape (n_rows, n_columns)
            New rows, of which some entries are hidden and scored, or entries of the rows of the fit
            that the fit did not know.
        y : object, default=None
            Not used.
        row_features : {array-like, sparse matrix} of shape (n_rows, n_row_features), default=None
            Side information on new rows, if the model was fitted with such. What it told the fit
            about its own rows is known already.

        Returns
        -------
        score : float
            By the default scorer of the class.
        """
        return super().score(X, y, row_features=row_features)

    def _model(self, mean: float) -> Model:
        """Return what is minimised, where predictions start from `mean`."""
        raise NotImplementedError

    def _solver(self) -> str:
        """Return the name of the method that a sweep uses."""
        return self.solver

    def _missing(self) -> str:
        """Return what is no entry, as `check_entries` understands it."""
        return "zero"

    def _popularity(
        self, X: sparse.csr_array, sample_weight: np.ndarray | None
    ) -> Popularity | None:
        """Return what entries of a column count for how many it has; None where all are equal."""
        return None

    def _weighted(
        self, X: sparse.csr_array, weight: np.ndarray | None, popularity: Popularity | None
    ) -> tuple[sparse.csr_array, np.ndarray | None]:
        """Return entries and weights as the loss reads them."""
        return X, weight

    def _mean(self, X: sparse.csr_array, weight: np.ndarray | None) -> float:
        """Return what predictions start from."""
        return 0.0

    def _check_rows(self, X: Any) -> sparse.csr_array:
        """Return rows given to a fitted model."""
        return self._check_entries(X, reset=False)

    def _check_entries(self, X: Any, reset: bool) -> sparse.csr_array:
        missing = self._missing()
        return check_entries(self, X, reset=reset, missing=missing, non_negative=missing == "zero")

    def _fold_in(self, X: sparse.csr_array, **fold_in_params: Any) -> np.ndarray:
        return fold_in(self, X, **fold_in_params)

    @with_callbacks
    def _fit(self, X: Any, y: Any, given: SideInformation) -> Self:
        """Read, alternate and store; an error on the way leaves the model as it was."""
        hook_arguments = {"X": X, "y": y}
        with unchanged_on_error(self):
            X = self._check_entries(X, reset=True)
            context = open_callback_context(self, max_subtasks=self.max_iter)
            context.call_on_fit_task_begin(estimator=self, **hook_arguments)
            learned = learn(self, X, given, Watch(self, context, hook_arguments))
            self._store(learned)
            context.call_on_fit_task_end(
                estimator=self,
                reconstruction_attributes=self._reconstruction(self.components_),
                **hook_arguments,
            )
        return self
