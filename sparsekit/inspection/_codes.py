"""Dictionaries and codes, found in fitted estimators and counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

_BLOCK_VALUES = 1 << 22  # values of X that are reconstructed at a time


@dataclass(frozen=True)
class Coder:
    """A fitted estimator with a dictionary, and X as it sees it."""

    model: BaseEstimator
    X: Any

    @property
    def components(self) -> np.ndarray:
        """The dictionary, one atom per row."""
        return np.asarray(getattr(self.model, _atoms_name(self.model)))

    def codes(self) -> Any:
        """Return the code of every row of X."""
        return self.model.transform(self.X)

    def reconstruct(self, codes: Any) -> Any:
        """Return what codes stand for; an estimator that centres X adds the means back."""
        if hasattr(self.model, "inverse_transform"):
            return self.model.inverse_transform(codes)
        return codes @ self.components


def _atoms_name(estimator: Any) -> str | None:
    """Return the attribute that holds the atoms: what was learned, or what was given."""
    names = [name for name in ("components_", "dictionary") if hasattr(estimator, name)]
    return names[0] if names else None


def find_coder(estimator: BaseEstimator, X: Any = None) -> Coder:
    """Return the last step that has a dictionary, and what the steps before it make of X."""
    if hasattr(estimator, "cv_results_"):
        check_is_fitted(estimator, "best_estimator_")
        estimator = estimator.best_estimator_
    while isinstance(estimator, Pipeline):
        check_is_fitted(estimator)
        place = _dictionary_place(estimator)
        before = estimator[:place]
        X = X if X is None or not before.steps else before.transform(X)
        estimator = estimator[place]
    check_is_fitted(estimator)
    if _atoms_name(estimator) is None:
        raise TypeError(
            f"{type(estimator).__name__} has no `components_`. Pass an estimator of "
            "sparsekit.decomposition, a factorization, or a pipeline with one."
        )
    return Coder(estimator, X)


def _dictionary_place(pipeline: Pipeline) -> int:
    """Return the place of the last step that has a dictionary, or is a pipeline itself."""
    steps = [step for _, step in pipeline.steps]
    places = [k for k, s in enumerate(steps) if _atoms_name(s)]
    return places[-1] if places else len(steps) - 1


def count_use(codes: Any, n_atoms: int) -> np.ndarray:
    """Return how many rows use each atom; positive and negative parts of split codes add up."""
    n_columns = codes.shape[1]
    if n_columns not in (n_atoms, 2 * n_atoms):
        raise ValueError(
            f"`codes` must have one column for each of the {n_atoms} atoms; got shape "
            f"{codes.shape}."
        )
    if sparse.issparse(codes):
        rows = sparse.csr_array(codes)
        use = np.bincount(rows.indices[rows.data != 0], minlength=n_columns)
    else:
        use = np.count_nonzero(codes, axis=0)
    return use.reshape(-1, n_atoms).sum(axis=0)


def count_nonzero(codes: Any) -> np.ndarray:
    """Return how many atoms each row uses."""
    if not sparse.issparse(codes):
        return np.count_nonzero(codes, axis=1)
    rows = sparse.csr_array(codes)
    filled = np.concatenate([[0], np.cumsum(rows.data != 0)])
    return filled[rows.indptr[1:]] - filled[rows.indptr[:-1]]


def relative_residual(X: Any, codes: Any, reconstruct: Any) -> np.ndarray:
    """Return the norm of each row's residual over the norm of the row; NaN for a row of zeros."""
    found = []
    for rows in _row_blocks(*X.shape):
        actual = _dense(X[rows])
        norms = np.linalg.norm(actual, axis=1)
        residual = np.linalg.norm(actual - _dense(reconstruct(codes[rows])), axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append(np.where(norms > 0, residual / norms, np.nan))
    return np.concatenate(found)


def _row_blocks(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Yield slices of rows whose values fit into memory easily."""
    size = max(_BLOCK_VALUES // max(n_columns, 1), 1)
    return (slice(start, start + size) for start in range(0, n_rows, size))


def _dense(rows: Any) -> np.ndarray:
    """Return a block of rows as an array of float64."""
    return np.asarray(rows.toarray() if sparse.issparse(rows) else rows, dtype=np.float64)
