"""What models have in common that predict each column of a row from the row's other columns."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sparsekit._compile import kernel
from sparsekit._parallel import run_blocks
from sparsekit._sklearn import as_configured_sparse, wants_container
from sparsekit._validation import check_parameters, check_sample_weight
from sparsekit.factorization._input import check_entries
from sparsekit.factorization._popularity import column_counts
from sparsekit.factorization._recommend import RecommenderMixin
from sparsekit.matrix._entries import SparseEntries
from sparsekit.matrix._top import WeightedSums
from sparsekit.metrics import make_ndcg_scorer

# Rows of one product, and additions of one kernel call, some 20 ms.
BLOCK_ROWS = 64
CALL_WORK = 1e7


class ItemWeights(RecommenderMixin, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Weights between columns, `coef_`, whose products with rows are scores."""

    def transform(self, X: Any) -> np.ndarray | sparse.csr_array | sparse.csr_matrix:
        """Return the scores of all columns, ``X @ coef_``.

        `recommend` and `predict_entries` need no matrix of all scores.

        Parameters
        ----------
        X : {sparse matrix, SparseEntries, array-like} of shape (n_rows, n_features)
            Rows, new or of the fit.

        Returns
        -------
        scores : {ndarray, sparse matrix} of shape (n_rows, n_features)
            In the data type of X; sparse if both X and `coef_` are.
        """
        check_is_fitted(self)
        check_parameters(self)
        rows = check_entries(self, X, reset=False)
        known = rows.astype(self.coef_.dtype, copy=False)
        given_sparse = sparse.issparse(X) or isinstance(X, SparseEntries)
        if sparse.issparse(self.coef_) and given_sparse and not wants_container(self):
            found = self._sparse_scores(known).astype(rows.dtype, copy=False)
            return as_configured_sparse(found)
        sums = self._scores(known, None)
        scores = np.empty(sums.shape, dtype=sums.dtype)

        def fill(start: int, stop: int) -> None:
            sums.fill(start, stop, 0, sums.shape[1], scores[start:stop])

        run_blocks(fill, _row_blocks(known), self.n_jobs)
        return scores.astype(rows.dtype, copy=False)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _sparse_scores(self, known: sparse.csr_array) -> sparse.csr_array:
        parts: dict[int, sparse.csr_array] = {}

        def multiply(start: int, stop: int) -> None:
            parts[start] = known[start:stop] @ self.coef_

        run_blocks(multiply, _row_blocks(known), self.n_jobs)
        return sparse.vstack([parts[start] for start in sorted(parts)], format="csr")

    def _check_training_rows(
        self, X: Any, sample_weight: ArrayLike | None
    ) -> tuple[sparse.csr_array, float]:
        """Return rows times the roots of their weights, and the sum of the weights.

        Sets `column_counts_`.
        """
        X = check_entries(self, X, reset=True)
        weight = check_sample_weight(sample_weight, X.shape[0])
        self.column_counts_ = column_counts(X, weight)
        if weight is None:
            return X, float(X.shape[0])
        by_entry = np.repeat(np.sqrt(weight), np.diff(X.indptr))
        data = (X.data * by_entry).astype(X.dtype)
        return sparse.csr_array((data, X.indices, X.indptr), shape=X.shape), float(weight.sum())

    def _check_rows(self, X: Any) -> sparse.csr_array:
        return check_entries(self, X, reset=False).astype(self.coef_.dtype, copy=False)

    def _scores(self, codes: sparse.csr_array, columns: np.ndarray | None) -> WeightedSums:
        return WeightedSums(codes, self.coef_ if columns is None else self.coef_[:, columns])

    def _entry_scores(self, codes: sparse.csr_array, X: sparse.csr_array) -> np.ndarray:
        coef, scores = self.coef_, np.zeros(X.nnz, dtype=self.coef_.dtype)
        where = X.indices, X.indptr, scores
        lengths = np.diff(codes.indptr)
        if sparse.issparse(coef):
            entries = np.diff(coef.indptr)[codes.indices]
            sums = np.concatenate([[0], np.cumsum(entries)])
            work = sums[codes.indptr[1:]] - sums[codes.indptr[:-1]] + np.diff(X.indptr)
        else:
            work = lengths * np.diff(X.indptr)

        def predict(start: int, stop: int) -> None:
            known = codes.data, codes.indices, codes.indptr, start, stop
            if sparse.issparse(coef):
                total = np.zeros(coef.shape[1], dtype=coef.dtype)
                sparse_entry_scores(*known, coef.data, coef.indices, coef.indptr, total, *where)
            else:
                dense_entry_scores(*known, coef, *where)

        run_blocks(predict, _blocks_of_work(work), self.n_jobs)
        return scores

    def _column_vectors(self) -> np.ndarray | sparse.csr_array:
        # What a column is made of: itself, and the columns that predict it.
        if sparse.issparse(self.coef_):
            own = sparse.eye_array(self.n_features_in_, dtype=self.coef_.dtype, format="csr")
            return sparse.csr_array(self.coef_.T + own)
        vectors = self.coef_.T.copy()
        np.fill_diagonal(vectors, 1)
        return vectors

    def _scorer(self) -> Any:
        return make_ndcg_scorer()


def _row_blocks(X: sparse.csr_array) -> list[tuple[int, int]]:
    n_rows = X.shape[0]
    return [(start, min(start + BLOCK_ROWS, n_rows)) for start in range(0, n_rows, BLOCK_ROWS)]


def _blocks_of_work(work: np.ndarray) -> list[tuple[int, int]]:
    """Return blocks of rows, each of about as much work as one kernel call should do."""
    number = ((np.cumsum(work) - work) // CALL_WORK).astype(np.int64)
    edges = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(work)]
    return list(zip(edges[:-1], edges[1:], strict=True))


@kernel
def sparse_entry_scores(
    data, indices, indptr, start, stop, values, places, begins, total, at, at_indptr, scores
):
    """Write the scores of rows at their positions; `total` holds zeros before and after."""
    for r in range(start, stop):
        if at_indptr[r] == at_indptr[r + 1]:
            continue
        for t in range(indptr[r], indptr[r + 1]):
            i, x = indices[t], data[t]
            for e in range(begins[i], begins[i + 1]):
                total[places[e]] += x * values[e]
        for t in range(at_indptr[r], at_indptr[r + 1]):
            scores[t] = total[at[t]]
        for t in range(indptr[r], indptr[r + 1]):
            i = indices[t]
            for e in range(begins[i], begins[i + 1]):
                total[places[e]] = 0


@kernel
def dense_entry_scores(data, indices, indptr, start, stop, weights, at, at_indptr, scores):
    """Write the scores of rows at their positions, which hold zeros."""
    for r in range(start, stop):
        for s in range(indptr[r], indptr[r + 1]):
            i, x = indices[s], data[s]
            for t in range(at_indptr[r], at_indptr[r + 1]):
                scores[t] += x * weights[i, at[t]]
