"""Coefficient paths, read from fitted models or walked on the spot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator, is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sparsekit.inspection._searched import read_search
from sparsekit.linear_model import alpha_max
from sparsekit.linear_model._path_record import count_active
from sparsekit.solvers import alpha_grid

_GRID_PARAMETERS = ("l1_ratio", "fit_intercept", "positive", "feature_weights", "class_weight")


@dataclass(frozen=True)
class FittedPath:
    """Coefficients of all outputs of a model along its strengths.

    `columns` has one column per strength; the outputs' coefficients stand one below another.
    """

    alphas: np.ndarray
    columns: sparse.csc_array
    outputs: tuple[Any, ...]
    output_kind: str
    feature_names: Sequence[str] | None
    alpha_min: float | None = None
    alpha_1se: float | None = None

    def of_target(self, target: Any) -> tuple[sparse.csc_array, str | None]:
        """Return the coefficients of one output, one row per feature, and what to call it."""
        if target is None and len(self.outputs) > 1 or target not in (None, *self.outputs):
            raise ValueError(f"`target` must be one of {list(self.outputs)}; got {target!r}.")
        place = 0 if target is None else self.outputs.index(target)
        n_features = self.columns.shape[0] // len(self.outputs)
        name = f"{self.output_kind} {self.outputs[place]}"
        coefs = self.columns[place * n_features : (place + 1) * n_features]
        return coefs, None if self.output_kind == "target" and len(self.outputs) == 1 else name

    def n_nonzero(self) -> np.ndarray:
        """Return, per strength, how many features have a coefficient in any output."""
        columns = self.columns.data, self.columns.indices, self.columns.indptr
        return count_active(columns, self.columns.shape[0] // len(self.outputs))


@dataclass(frozen=True)
class Unwrapped:
    """The model at the end of pipelines, the names of its features, and X as it sees it."""

    model: BaseEstimator
    feature_names: Sequence[str] | None
    X: Any


def unwrap(estimator: BaseEstimator, X: Any = None) -> Unwrapped:
    """Return the last step of (nested) pipelines; the steps before it transform X."""
    names = None
    while isinstance(estimator, Pipeline):
        before = estimator[:-1]
        if before.steps:
            names = _names_after(before, names)
            X = None if X is None else before.transform(X)
        estimator = estimator[-1]
    if names is None:
        names = getattr(estimator, "feature_names_in_", None)
    return Unwrapped(estimator, names, X)


def _names_after(steps: Pipeline, names: Sequence[str] | None) -> Sequence[str] | None:
    """Return the names of what the steps put out, or None where a step has no names to give."""
    try:
        return steps.get_feature_names_out(names)
    except AttributeError:
        return None


def find_path(
    estimator: BaseEstimator, X: Any, y: ArrayLike | None, alphas: ArrayLike | None
) -> FittedPath:
    """Return the path that a fitted model holds; else walk one on X and y."""
    if hasattr(estimator, "cv_results_"):
        return _searched_path(estimator, X, y, alphas)
    source = unwrap(estimator, X)
    if hasattr(source.model, "path_summary"):
        return _held_path(source)
    return walk_path(source, y, alphas)


def _searched_path(
    search: BaseEstimator, X: Any, y: ArrayLike | None, alphas: ArrayLike | None
) -> FittedPath:
    """Walk the strengths that a search tried, and mark those it chose."""
    check_is_fitted(search, "best_estimator_")
    curve = read_search(search).curve
    path = walk_path(
        unwrap(search.best_estimator_, X), y, curve.alphas if alphas is None else alphas
    )
    return replace(path, alpha_min=curve.alpha_min, alpha_1se=curve.alpha_1se)


def walk_path(source: Unwrapped, y: ArrayLike, alphas: ArrayLike | None) -> FittedPath:
    """Fit the model at every strength; by default at 100 from alpha_max downward."""
    name = type(source.model).__name__
    if not hasattr(source.model, "fit_path"):
        raise TypeError(
            f"{name} neither holds a path nor has `fit_path`. Pass a model of "
            "sparsekit.linear_model, or arrays to `from_arrays`."
        )
    if source.X is None or y is None:
        raise ValueError(
            f"{name} holds no path. Pass `X` and `y` to walk one, or a fitted model with built-in "
            "cross-validation, such as LassoCV."
        )
    if alphas is None:
        alphas = _default_grid(source.model, source.X, y)
    alphas = np.sort(np.asarray(alphas, dtype=np.float64))[::-1]
    columns = []
    for model in source.model.fit_path(source.X, y, alphas):
        # One column at a time, since all of them dense would be as large as X on wide data.
        columns.append(sparse.csc_array(np.reshape(model.coef_, (-1, 1))))
    return FittedPath(
        alphas=alphas,
        columns=sparse.hstack(columns, format="csc"),
        feature_names=source.feature_names,
        **_outputs(model),
    )


def _default_grid(model: BaseEstimator, X: Any, y: ArrayLike) -> np.ndarray:
    """Return the strengths that LassoCV and its siblings try by default."""
    params = model.get_params(deep=False)
    shared = {name: params[name] for name in _GRID_PARAMETERS if name in params}
    top = alpha_max(X, y, loss="logistic" if is_classifier(model) else "quadratic", **shared)
    if np.isinf(top):
        raise ValueError(
            "Without an L1 part no strength makes all coefficients zero, so there is no grid to "
            "start from. Pass `alphas`, or a larger `l1_ratio`."
        )
    # Zero where y is constant: any grid will do, since every coefficient is zero.
    return alpha_grid(top if top > 0 else 1.0)


def _held_path(source: Unwrapped) -> FittedPath:
    """Return the path that cross-validation left on its model."""
    model = source.model
    check_is_fitted(model)
    alphas = model.path_summary().alpha
    return FittedPath(
        alphas=alphas,
        columns=sparse.csc_array(model.coef_path_, shape=(model.coef_.size, len(alphas))),
        feature_names=source.feature_names,
        alpha_min=model.alpha_min_,
        alpha_1se=model.alpha_1se_,
        **_outputs(model),
    )


def _outputs(model: BaseEstimator) -> dict[str, Any]:
    """Return what the rows of a model's coefficients are called."""
    n_outputs = np.atleast_2d(model.coef_).shape[0]
    if not is_classifier(model):
        return {"outputs": tuple(range(n_outputs)), "output_kind": "target"}
    classes = model.classes_.tolist()
    return {"outputs": tuple(classes[-n_outputs:]), "output_kind": "class"}
