"""Orthogonal matching pursuit of one or many targets, and how a model stores what it chose."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from sparsekit.coding import OrthogonalPursuit
from sparsekit.linear_model._pursuit_steps import Columns, DataProducts, Step, pursue
from sparsekit.matrix import as_design

# Features whose Gram matrix is worth its memory, and the number of passes over dense data, as a
# share of the features, after which it has paid.
MOST_GRAM_FEATURES = 4000
GRAM_PASSES = 0.04
# Targets whose products are computed together with the Gram matrix, as a share of the features.
TARGET_SHARE = 4
LEAST_TARGETS = 64
MANY_PASSES = 8


class PursuitEnd(NamedTuple):
    """What a pursuit of one target came to, and the target's square."""

    step: Step
    square: float


@dataclass(frozen=True)
class UnitColumns:
    """What an encoder reads of a dictionary: here, of columns divided by their lengths."""

    gram: np.ndarray
    n_features: int


def pursue_targets(
    X: Any,
    y: np.ndarray,
    n_nonzero_coefs: int | None,
    tol: float | None,
    *,
    fit_intercept: bool,
    precompute: bool | str,
) -> tuple[Columns, list[PursuitEnd]]:
    """Pursue every target, by number of features or by residual.

    Parameters
    ----------
    X : ndarray or csc_array of shape (n_samples, n_features)
        Features.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Targets.
    n_nonzero_coefs : int or None
        Most features; None for all.
    tol : float or None
        Squared residual that is small enough.
    fit_intercept : bool
        Whether there is an intercept.
    precompute : bool or "auto"
        Whether to use the Gram matrix of all columns.

    Returns
    -------
    columns : Columns
        The columns of X less their means.
    ends : list of PursuitEnd
        One for each target.
    """
    n_samples, n_features = X.shape
    targets = y.reshape(n_samples, -1)
    most = min(n_features if n_nonzero_coefs is None else n_nonzero_coefs, n_features, n_samples)
    n_passes = targets.shape[1] * most
    if precompute == "auto":
        few = n_features <= MOST_GRAM_FEATURES and not sparse.issparse(X)
        precompute = few and n_passes > GRAM_PASSES * n_features
    if not precompute:
        X = by_column(X, n_passes)
    columns = Columns.from_design(as_design(X), np.ones(n_samples), fit_intercept)
    if precompute:
        return columns, _pursue_on_gram(columns, targets, most, 0.0 if tol is None else tol)
    limit = -np.inf if tol is None else tol
    return columns, [_pursue_on_data(columns, target, most, limit) for target in targets.T]


def by_column(X: Any, n_passes: int) -> Any:
    """Return X in column order where the passes over it make up for the copy."""
    return np.asfortranarray(X) if isinstance(X, np.ndarray) and n_passes >= MANY_PASSES else X


def dress(X: Any, y: np.ndarray, columns: Columns, ends: Sequence[PursuitEnd]) -> dict[str, Any]:
    """Return the fitted attributes in the shapes of scikit-learn."""
    coef = np.zeros((len(ends), X.shape[1]), dtype=X.dtype)
    intercept = np.zeros(len(ends))
    targets = y.reshape(len(y), -1).T
    for k, (step, _) in enumerate(ends):
        coef[k, step.support] = step.coef
        intercept[k] = columns.centred(targets[k])[1] - columns.mean[step.support] @ step.coef
    n_iter = np.array([len(end.step.support) for end in ends])
    single = len(ends) == 1
    intercept = intercept.astype(X.dtype)
    if not columns.center:
        intercept = 0.0
    elif y.ndim == 1:
        intercept = float(intercept[0])
    return {
        "coef_": coef[0] if single else coef,
        "intercept_": intercept,
        "n_iter_": int(n_iter[0]) if single else n_iter,
    }


def _pursue_on_data(columns: Columns, target: np.ndarray, most: int, tol: float) -> PursuitEnd:
    """Pursue one target by passes over the data."""
    products = DataProducts(columns, np.ascontiguousarray(target))
    start = Step(np.empty(0, dtype=np.intp), np.empty(0), products.square)
    steps = pursue(products, columns.norms, most, tol)
    return PursuitEnd(deque(chain([start], steps), maxlen=1).pop(), products.square)


def _pursue_on_gram(
    columns: Columns, targets: np.ndarray, most: int, tol: float
) -> list[PursuitEnd]:
    """Pursue targets as signals that share a dictionary, the columns."""
    n_samples, n_features = columns.design.shape
    inverse = np.divide(1.0, columns.norms, out=np.zeros(n_features), where=columns.norms > 0)
    encoder, unit = OrthogonalPursuit(most, tol), None
    width = max(n_features // TARGET_SHARE, LEAST_TARGETS)
    ends = []
    for start in range(0, targets.shape[1], width):
        centred = [columns.centred(target)[0] for target in targets.T[start : start + width]]
        products, own = columns.with_targets(np.column_stack(centred))
        products *= inverse[:, None]
        if unit is None:
            gram = products[:, :n_features] * inverse
            unit = UnitColumns(gram, n_samples)
        correlations = np.ascontiguousarray(products[:, n_features:].T)
        rows = encoder.encode(correlations.copy(), own, unit)
        for row, square in enumerate(own):
            entries = slice(rows.indptr[row], rows.indptr[row + 1])
            support, coef = rows.indices[entries], rows.data[entries]
            left = max(square - float(coef @ correlations[row, support]), 0.0)
            ends.append(PursuitEnd(Step(support, coef * inverse[support], left), square))
    return ends
