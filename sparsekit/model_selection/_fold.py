"""One fold of a search: its pre-steps are fitted once, then one path after another is walked."""

from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRequest, get_routing_for_object

from sparsekit._sklearn import score_fold, select_method_params, split_rows
from sparsekit.model_selection._candidates import (
    Params,
    configured,
    final_estimator,
    last_step,
    with_final,
)
from sparsekit.model_selection._remembering import FoldMemory

Result = dict[str, Any]


@dataclass(frozen=True)
class Split:
    """The rows on either side of a fold, and its place among the folds."""

    index: int
    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class Data:
    """What the caller of `fit` handed over, as scikit-learn routed it."""

    X: Any
    y: Any
    fit_params: Params
    score_params: Params


class Fold:
    """A fold whose pre-steps are fitted, ready for paths of the last step.

    Parameters
    ----------
    estimator : BaseEstimator
        Estimator to clone.
    params : dict
        Parameters of the first path; all paths agree on those of the steps before the last.
    data : Data
        All rows.
    split : Split
        Rows of this fold.
    """

    def __init__(self, estimator: BaseEstimator, params: Params, data: Data, split: Split):
        start = perf_counter()
        self._estimator = estimator
        pipeline = configured(estimator, params)
        self.X_train, self.y_train = split_rows(pipeline, data.X, data.y, split.train)
        self.X_test, self.y_test = split_rows(pipeline, data.X, data.y, split.test, split.train)
        self._score_params = [
            select_method_params(data.X, params=data.score_params, indices=rows)
            for rows in (split.test, split.train)
        ]
        gate = _Gate(final_estimator(pipeline))
        name = last_step(pipeline).name
        pipeline = pipeline.set_params(**{name: gate}) if name else gate
        fit_params = select_method_params(data.X, params=data.fit_params, indices=split.train)
        pipeline.fit(self.X_train, self.y_train, **fit_params)

        weight = fit_params.get("sample_weight")
        self.metadata = None if weight is None else {"sample_weight": weight}
        self._arrived = gate.arrived_
        self._memory = FoldMemory(self.X_test, self.X_train)
        self._pipeline = self._memory.watch(pipeline)
        self.transform_seconds = 0.0
        self.open_seconds = perf_counter() - start

    def fit_path(self, params: Params, alphas: list[float]) -> Iterator[BaseEstimator]:
        """Yield one fitted estimator per strength, inside a pipeline of the fitted pre-steps."""
        final = final_estimator(configured(self._estimator, params))
        X, y, fit_params = self._arrived
        for fitted in final.fit_path(X, y, np.array(alphas, dtype=float), **fit_params):
            yield with_final(self._pipeline, fitted)

    def score(
        self, estimator: BaseEstimator, scorer: Any, error_score: float | str, with_train: bool
    ) -> Result:
        """Return the scores of a fitted estimator in the form of scikit-learn's fit-and-score."""
        start, before = perf_counter(), self._memory.seconds
        on_test, on_train = self._score_params
        result = {
            "fit_error": None,
            "fit_time": 0.0,
            "test_scores": score_fold(
                estimator, self.X_test, self.y_test, scorer, on_test, error_score
            ),
        }
        transforming = self._memory.seconds - before
        result["score_time"] = perf_counter() - start - transforming
        self.transform_seconds += transforming
        if with_train:
            result["train_scores"] = score_fold(
                estimator, self.X_train, self.y_train, scorer, on_train, error_score
            )
        return result


class _Gate(BaseEstimator):
    """Stand-in for the last step, which keeps what the pre-steps hand to it.

    The pipeline's own `fit` runs the pre-steps, so caching, routing and `transform_input` are
    scikit-learn's.
    """

    def __init__(self, final: BaseEstimator):
        self.final = final

    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> "_Gate":
        self.arrived_ = X, y, fit_params
        return self

    def get_metadata_routing(self) -> MetadataRequest:
        return get_routing_for_object(self.final)

    def __sklearn_tags__(self) -> Any:
        return get_tags(self.final)
