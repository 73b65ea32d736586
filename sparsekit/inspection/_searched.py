"""Cross-validated scores, read from the results of a search or from a model that searched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sparsekit.inspection._labels import shorten
from sparsekit.model_selection._candidates import last_step, path_groups

_NAME_LENGTH = 40
_NO_CHOICE = (
    "This %(name)s has chosen no candidate. Fit it; where it has several metrics, with `refit` "
    "naming one of them."
)


@dataclass(frozen=True)
class Curve:
    """Scores of shape (n_alphas, n_folds) over falling strengths."""

    alphas: np.ndarray
    fold_scores: np.ndarray
    name: str | None = None
    alpha_min: float | None = None
    alpha_1se: float | None = None


@dataclass(frozen=True)
class Score:
    """What a score is called, whether it is to be large, and the sign it is drawn with."""

    name: str
    greater_is_better: bool
    sign: float = 1.0


@dataclass(frozen=True)
class Searched:
    """The curve that holds the choice, the others beside it, and what the scores are."""

    curve: Curve
    others: tuple[Curve, ...]
    score: Score


def read_search(search: BaseEstimator) -> Searched:
    """Read a fitted `PathGridSearchCV` or `GridSearchCV`: one curve per group of candidates."""
    check_is_fitted(search, "best_index_", msg=_NO_CHOICE)
    key = last_step(search.estimator).alpha
    candidates = search.cv_results_["params"]
    best = getattr(search, "best_index_min_", search.best_index_)
    if not _is_drawable(candidates[best].get(key)):
        raise ValueError(
            f"The search must try positive values of {key!r}; its best candidate is "
            f"{candidates[best]!r}."
        )
    metric = search.refit if search.multimetric_ else "score"
    score = _named_score(_scoring_of(search, metric))
    fold_scores = score.sign * _fold_scores(search, metric)
    groups = path_groups(search.estimator, candidates)
    members = {group: [] for group in groups}
    for i in sorted(range(len(candidates)), key=lambda i: _falling(candidates[i].get(key))):
        if _is_drawable(candidates[i].get(key)):
            members[groups[i]].append(i)
    curves = {
        group: Curve(
            alphas=np.array([candidates[i][key] for i in places], dtype=np.float64),
            fold_scores=fold_scores[places],
            name=_group_name(candidates[places[0]], key),
        )
        for group, places in members.items()
        if places
    }
    chosen = replace(curves.pop(groups[best]), alpha_min=float(candidates[best][key]))
    if hasattr(search, "best_index_1se_"):
        chosen = replace(chosen, alpha_1se=float(candidates[search.best_index_1se_][key]))
    return Searched(chosen, tuple(curves.values()), score)


def read_model(model: BaseEstimator) -> Searched:
    """Read a fitted model with built-in cross-validation, of ours or of scikit-learn."""
    check_is_fitted(model)
    if hasattr(model, "mse_path_"):
        score, scores = Score("mean squared error", False), model.mse_path_
    elif isinstance(getattr(model, "scores_", None), np.ndarray):
        score, scores = _named_score(model.scoring), model.scores_
    else:
        raise TypeError(
            f"{type(model).__name__} holds no cross-validated scores. Pass a fitted model such as "
            "LassoCV, a fitted PathGridSearchCV, or arrays to `from_arrays`."
        )
    ratios = np.atleast_1d(getattr(model, "l1_ratio", 1.0))
    scores = score.sign * scores.reshape(len(ratios), *scores.shape[-2:])
    grids = np.broadcast_to(model.alphas_, scores.shape[:2])
    curves = [
        Curve(alphas, fold_scores, f"l1_ratio={ratio:g}" if len(ratios) > 1 else None)
        for alphas, fold_scores, ratio in zip(grids, scores, ratios)
    ]
    best = int(np.flatnonzero(ratios == getattr(model, "l1_ratio_", ratios[0]))[0])
    chosen = replace(
        curves.pop(best),
        alpha_min=getattr(model, "alpha_min_", None),
        alpha_1se=getattr(model, "alpha_1se_", None),
    )
    return Searched(chosen, tuple(curves), score)


def _fold_scores(search: BaseEstimator, metric: str) -> np.ndarray:
    """Return the scores of shape (n_candidates, n_folds)."""
    results = search.cv_results_
    return np.column_stack([results[f"split{k}_test_{metric}"] for k in range(search.n_splits_)])


def _scoring_of(search: BaseEstimator, metric: str) -> Any:
    """Return the scorer, or its name, that the search chose by."""
    if not search.multimetric_:
        return search.scoring
    return search.scoring.get(metric, metric) if isinstance(search.scoring, dict) else metric


def _named_score(scoring: Any) -> Score:
    """Return how to draw a scorer's values: negated losses are drawn as the losses they are."""
    name = scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")
    negated = name.startswith("neg_")
    words = name.removeprefix("neg_").replace("_", " ")
    return Score(words, not negated, -1.0 if negated else 1.0)


def _group_name(params: dict[str, Any], key: str) -> str | None:
    """Return the parameters that a curve's candidates share, as a legend says them."""
    shared = (f"{name.split('__')[-1]}={value}" for name, value in params.items() if name != key)
    return shorten(", ".join(shared), _NAME_LENGTH) or None


def _is_drawable(alpha: Any) -> bool:
    """Return whether a strength has a place on a logarithmic axis."""
    return isinstance(alpha, Real) and 0.0 < alpha < np.inf


def _falling(alpha: Any) -> float:
    """Return a key that sorts strengths from large to small; what cannot be drawn goes last."""
    return -float(alpha) if _is_drawable(alpha) else 0.0
