"""What every model of a sparse matrix can do: recommend, compare columns, predict entries."""

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from sparsekit._sklearn import as_configured_sparse
from sparsekit._validation import check_rows
from sparsekit.matrix._entries import SparseEntries
from sparsekit.matrix._products import entry_products
from sparsekit.matrix._top import ProductScores, WeightedSums, top_per_row


class RecommenderMixin:
    """Recommend columns to rows, name similar columns, and predict and score entries.

    An estimator has `n_jobs`, `n_features_in_` once it is fitted, and these hooks. *Codes* are all
    that scores need to know of rows: rows of a factor, or of X itself.

    - ``_check_rows(X)`` returns rows that the user gave, in any form that the estimator takes, as
      a canonical csr_array of `n_features_in_` columns. It has no default.
    - ``_fold_in(X, **fold_in_params)`` returns the codes of such rows. The default is X.
    - ``_fitted_codes(entries)`` returns the codes of the rows of the fit, of which the entries of a
      `SparseEntries` are to be predicted. The default is `row_factors_`, where there is one, and
      else folds in the entries beside those to predict.
    - ``_score_vectors()`` returns (n_features_in_, k) numbers: a score is the inner product of one
      of these rows with a code. The default is ``components_.T``. Biases are columns here and in
      the codes.
    - ``_scores(codes, columns)`` returns the scores of all columns, where `columns` is None, or of
      these, in order, as `matrix/_top.py` wants them. The default is made of score vectors.
    - ``_entry_scores(codes, X)`` returns the scores at the stored positions of a canonical X. The
      default is made of score vectors, too.
    - ``_column_vectors()`` returns (n_features_in_, k) numbers, an array or csr_array, whose
      directions tell how alike two columns are. The default is ``components_.T``.
    - ``_scorer()`` returns what `score` calls, from `sparsekit.metrics`. It has no default.

    A model with `column_counts_` recommends the columns with the largest to rows whose codes are
    zero, to which all columns are alike.
    """

    def recommend(
        self,
        X: Any,
        n: int = 10,
        *,
        exclude_seen: bool = True,
        columns: ArrayLike | None = None,
        **fold_in_params: Any,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the columns of the largest scores for every row of X.

        Scores are made for a block of rows at a time, so that memory does not grow with their
        number times that of the columns.

        Parameters
        ----------
        X : {sparse matrix, SparseEntries, array-like} of shape (n_rows, n_features)
            What is known of each row, new or of the fit. A row without entries gets what scores
            best for such a row; of `ImplicitFactorization`, `EASE` and `SparseLinearMethod`, which
            know no best where nothing is known, the columns with most entries.
        n : int, default=10
            Number of recommendations, at most that of the columns to choose from.
        exclude_seen : bool, default=True
            Whether columns are left out at which a row has an entry.
        columns : array-like, default=None
            Columns to choose from, by number, or a mask of shape (n_features,); None is all.
        **fold_in_params : dict
            What `transform` takes beside X.

        Returns
        -------
        indices : ndarray of shape (n_rows, n)
            Columns by falling score; the lower one comes first where scores are equal. Where no
            more are left to recommend, -1.
        scores : ndarray of shape (n_rows, n)
            Their scores; where no more are left, minus infinity.

        Raises
        ------
        ValueError
            If `n` or `columns` is out of its range.
        """
        check_is_fitted(self)
        candidates = None if columns is None else self._check_candidates(columns)
        _check_count(n, self.n_features_in_ if candidates is None else len(candidates))
        X = self._check_rows(X)
        codes = self._fold_in(X, **fold_in_params)
        return self._best_columns(codes, n, X if exclude_seen else None, candidates)

    def similar_items(self, columns: ArrayLike, n: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """Return the columns that are most like the given ones, by the cosine between them.

        Parameters
        ----------
        columns : int or array-like of shape (n_columns,)
            Columns to compare with all others, by number.
        n : int, default=10
            Number of similar columns, at most that of the others.

        Returns
        -------
        indices : ndarray of shape (n_columns, n), or (n,) for an int
            Columns by falling similarity, without the column itself; the lower one comes first
            where similarities are equal.
        similarities : ndarray of shape (n_columns, n), or (n,) for an int
            Cosines, in [-1, 1]; 0 for a column of which nothing is known.

        Raises
        ------
        ValueError
            If `n` or a column is out of its range.
        """
        check_is_fitted(self)
        one = np.ndim(columns) == 0
        chosen = self._check_columns(np.atleast_1d(columns))
        _check_count(n, self.n_features_in_ - 1, "other columns")
        indptr = np.arange(len(chosen) + 1)
        itself = sparse.csr_array(
            (np.ones(len(chosen), dtype=bool), chosen, indptr),
            shape=(len(chosen), self.n_features_in_),
        )
        scores = _cosines(self._column_vectors(), chosen)
        indices, values = top_per_row(scores, n, exclude=itself, n_jobs=self.n_jobs)
        values = values.clip(-1, 1)
        return (indices[0], values[0]) if one else (indices, values)

    def predict_entries(
        self, X: Any, given: Any = None, **fold_in_params: Any
    ) -> sparse.csr_array | sparse.csr_matrix:
        """Predict the entries of X, at its stored positions and nowhere else.

        Parameters
        ----------
        X : {sparse matrix, SparseEntries, array-like} of shape (n_rows, n_features)
            Positions to predict at.
        given : {sparse matrix, SparseEntries, array-like}, default=None
            What is known of each row, in the shape of X. None is X, or, for `SparseEntries`, what
            the fit found out about its rows, which then must be those of the fit. `EASE` and
            `SparseLinearMethod` keep nothing of rows: they predict from the entries beside those of
            X, its `complement`, which are none if X is the whole matrix.
        **fold_in_params : dict
            What `transform` takes beside X.

        Returns
        -------
        predictions : CSR matrix of shape (n_rows, n_features)
            With an entry wherever X has one.

        Raises
        ------
        ValueError
            If X and `given` differ in shape.
        """
        check_is_fitted(self)
        codes = self._known_codes(X, given, **fold_in_params)
        positions = self._check_positions(X)
        _check_same_rows(
            positions.shape[0],
            codes.shape[0],
            "the fit" if given is None else "`given`",
            "Pass what is known of the rows of X as `given`.",
        )
        predicted = self._entry_scores(codes, positions)
        arrays = predicted, positions.indices.copy(), positions.indptr.copy()
        return as_configured_sparse(sparse.csr_array(arrays, shape=positions.shape))

    def score(self, X: Any, y: Any = None, **fold_in_params: Any) -> float:
        """Return how well hidden entries are predicted or recommended; higher is better.

        Parameters
        ----------
        X : {sparse matrix, SparseEntries, array-like} of shape (n_rows, n_features)
            New rows, of which some entries are hidden and scored, or entries of the rows of the fit
            that the fit did not know.
        y : object, default=None
            Not used.
        **fold_in_params : dict
            What `transform` takes beside X, for new rows; of the rows of the fit it is not asked.

        Returns
        -------
        score : float
            By the default scorer of the class.
        """
        check_is_fitted(self)
        known = X if isinstance(X, SparseEntries) else self._check_rows(X)
        return self._scorer()(self, known, y, **fold_in_params)

    def _recommend_beside(
        self, entries: SparseEntries, rows: np.ndarray, n: int, **fold_in_params: Any
    ) -> np.ndarray:
        """Return the best columns for some rows of the fit, of which it did not know `entries`.

        Where ranking scorers find this, they ask it instead of `recommend`.
        """
        check_is_fitted(self)
        _check_count(n, self.n_features_in_)
        seen = self._check_rows(entries.complement())
        codes = self._fitted_codes(entries, **fold_in_params)
        advice = "Pass rows that the fit did not have as a matrix."
        _check_same_rows(seen.shape[0], codes.shape[0], "the fit", advice)
        return self._best_columns(codes[rows], n, seen[rows], None)[0]

    def _best_columns(
        self, codes: Any, n: int, seen: sparse.csr_array | None, candidates: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the columns of the largest scores but for those seen, and these scores."""
        if seen is not None and candidates is not None:
            seen = seen[:, candidates]
            seen.sort_indices()
        scores = self._scores(codes, candidates)
        indices, values = top_per_row(scores, n, exclude=seen, n_jobs=self.n_jobs)
        if hasattr(self, "column_counts_"):
            self._put_popular(indices, _unknown(codes), seen, candidates)
        if candidates is not None:
            indices = np.where(indices < 0, indices, candidates[indices])
        return indices, values

    def _put_popular(
        self,
        indices: np.ndarray,
        rows: np.ndarray,
        seen: sparse.csr_array | None,
        candidates: np.ndarray | None,
    ) -> None:
        """Overwrite some rows of `indices` by the columns that have most entries."""
        if len(rows) == 0:
            return
        popularity = self.column_counts_
        popularity = popularity if candidates is None else popularity[candidates]
        scores = ProductScores(np.ones((len(rows), 1)), popularity[:, None])
        exclude = None if seen is None else seen[rows]
        n = indices.shape[1]
        indices[rows], _ = top_per_row(scores, n, exclude=exclude, n_jobs=self.n_jobs)

    def _known_codes(self, X: Any, given: Any, **fold_in_params: Any) -> Any:
        """Return the codes that entries of X are predicted from."""
        if given is None and isinstance(X, SparseEntries):
            return self._fitted_codes(X, **fold_in_params)
        known = self._check_rows(X if given is None else given)
        return self._fold_in(known, **fold_in_params)

    def _fold_in(self, X: sparse.csr_array) -> Any:
        return X

    def _fitted_codes(self, entries: SparseEntries, **fold_in_params: Any) -> Any:
        if hasattr(self, "row_factors_"):
            return self.row_factors_
        return self._fold_in(self._check_rows(entries.complement()), **fold_in_params)

    def _score_vectors(self) -> np.ndarray:
        return self.components_.T

    def _column_vectors(self) -> np.ndarray | sparse.csr_array:
        return self.components_.T

    def _scores(self, codes: np.ndarray, columns: np.ndarray | None) -> Any:
        vectors = self._score_vectors()
        return ProductScores(codes, vectors if columns is None else vectors[columns])

    def _entry_scores(self, codes: np.ndarray, X: sparse.csr_array) -> np.ndarray:
        return entry_products(X, codes, self._score_vectors(), n_jobs=self.n_jobs)

    def _check_positions(self, X: Any) -> sparse.csr_array:
        """Return entries to predict; an explicit zero is one, whatever it means in a fit."""
        if isinstance(X, SparseEntries):
            X = X.to_csr()
        if sparse.issparse(X):
            return check_rows(self, X, reset=False)
        return self._check_rows(X)

    def _check_candidates(self, columns: ArrayLike) -> np.ndarray:
        """Return different columns in order, from their numbers or a mask."""
        columns = np.asarray(columns)
        if columns.dtype != bool:
            return np.unique(self._check_columns(columns))
        if columns.shape != (self.n_features_in_,):
            raise ValueError(
                f"A mask passed as `columns` must have one value for each of the "
                f"{self.n_features_in_} columns; got shape {columns.shape}."
            )
        return np.flatnonzero(columns)

    def _check_columns(self, columns: np.ndarray) -> np.ndarray:
        """Return numbers of columns that exist."""
        if columns.ndim != 1 or (columns.size and columns.dtype.kind not in "iu"):
            raise ValueError(
                "`columns` must hold numbers of columns in one dimension; got shape "
                f"{columns.shape} and dtype {columns.dtype}."
            )
        outside = (columns < 0) | (columns >= self.n_features_in_)
        if outside.any():
            raise ValueError(
                f"`columns` must be in [0, {self.n_features_in_}), the columns of the fit; got "
                f"{columns[outside][0]}."
            )
        return columns.astype(np.int64)


def _check_count(n: Any, n_columns: int, which: str = "columns to choose from") -> None:
    """Raise unless so many columns can be named."""
    if not isinstance(n, Integral) or isinstance(n, bool) or not 1 <= n <= n_columns:
        raise ValueError(
            f"`n` must be an integer from 1 to the number of {which}, {n_columns}; got {n!r}."
        )


def _check_same_rows(n_rows: int, n_known: int, known_from: str, advice: str) -> None:
    """Raise unless X has as many rows as there are codes."""
    if n_rows != n_known:
        raise ValueError(
            f"X has {n_rows} rows, but {known_from} has {n_known}: row by row they must be the "
            f"same. {advice}"
        )


def _unknown(codes: np.ndarray | sparse.csr_array) -> np.ndarray:
    """Return the rows whose codes are zero: to them all columns are alike."""
    known = np.diff(codes.indptr) if sparse.issparse(codes) else codes.any(axis=1)
    return np.flatnonzero(known == 0)


def _cosines(vectors: np.ndarray | sparse.csr_array, chosen: np.ndarray) -> Any:
    """Return the cosines between the chosen rows and all rows, as scores."""
    if sparse.issparse(vectors):
        lengths = np.sqrt(np.bincount(_rows(vectors), vectors.data**2, vectors.shape[0]))
        data = vectors.data / np.where(lengths > 0, lengths, 1)[_rows(vectors)]
        arrays = data.astype(vectors.dtype), vectors.indices, vectors.indptr
        directions = sparse.csr_array(arrays, shape=vectors.shape)
        return WeightedSums(directions[chosen], sparse.csr_array(directions.T))
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    directions = vectors / np.where(lengths > 0, lengths, 1)[:, None]
    return ProductScores(directions[chosen], directions)


def _rows(X: sparse.csr_array) -> np.ndarray:
    return np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
