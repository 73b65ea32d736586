"""Fit and score the candidates of a search on one fold, along paths or one by one."""

import warnings
from dataclasses import dataclass
from itertools import groupby
from time import perf_counter
from typing import Any

from sklearn.base import BaseEstimator, clone
from sklearn.utils.parallel import Parallel, delayed

from sparsekit._sklearn import HAS_CALLBACKS, fit_and_score
from sparsekit.model_selection._candidates import (
    PATH_PARAMETER,
    Batch,
    Params,
    Path,
    Plan,
    final_estimator,
)
from sparsekit.model_selection._fold import Data, Fold, Result, Split

Results = dict[int, Result]


@dataclass(frozen=True)
class Evaluation:
    """What all fits of a search have in common."""

    estimator: BaseEstimator
    data: Data
    candidates: list[Params]
    n_splits: int
    scorer: Any
    return_train_score: bool
    error_score: float | str
    verbose: int
    search: BaseEstimator

    def run(
        self, plan: Plan, splits: list[Split], parallel: Parallel, context: Any
    ) -> list[Result]:
        """Evaluate a plan on all folds; return results candidate by candidate, fold by fold."""
        search = context.subcontext(
            task_name="search",
            max_subtasks=len(self.candidates) * len(splits),
            sequential_subtasks=False,
        ).call_on_fit_task_begin(estimator=self.search)
        calls = [(self.fit_batch, batch, batch.candidates) for batch in plan.batches]
        calls += [(self.fit_singly, [candidate], [candidate]) for candidate in plan.singles]
        # All contexts exist before any is sent away, because making one changes its parent.
        jobs = [
            (delayed(fit)(what, split, self._contexts(search, members, split)), split)
            for fit, what, members in calls
            for split in splits
        ]
        if not jobs:
            raise ValueError(
                "No fits were performed. Was the CV iterator empty? Were there no candidates?"
            )
        outcomes = [None] * len(self.candidates) * len(splits)
        for (_, split), results in zip(jobs, parallel(job for job, _ in jobs)):
            for candidate, result in results.items():
                outcomes[candidate * len(splits) + split.index] = result
        search.call_on_fit_task_end(estimator=self.search)
        return outcomes

    def _contexts(self, search: Any, members: list[int], split: Split) -> dict[int, Any]:
        """Return a callback context for each candidate on one fold, numbered as GridSearchCV's."""
        return {
            candidate: search.subcontext(
                task_name="candidate-split-evaluation",
                task_id=candidate * self.n_splits + split.index,
            )
            for candidate in members
        }

    def fit_singly(self, members: list[int], split: Split, contexts: dict[int, Any]) -> Results:
        """Fit and score candidates on one fold with scikit-learn's own code."""
        return {c: self._fit_one(c, split, contexts[c]) for c in members}

    def _fit_one(self, candidate: int, split: Split, context: Any) -> Result:
        """Return the result of one candidate on one fold, as GridSearchCV gets it."""
        listening = {"caller": self.search, "callback_ctx": context} if HAS_CALLBACKS else {}
        return fit_and_score(
            clone(self.estimator),
            self.data.X,
            self.data.y,
            scorer=self.scorer,
            train=split.train,
            test=split.test,
            verbose=self.verbose,
            parameters=self.candidates[candidate],
            fit_params=self.data.fit_params,
            score_params=self.data.score_params,
            return_train_score=self.return_train_score,
            return_times=True,
            split_progress=(split.index, self.n_splits),
            candidate_progress=(candidate, len(self.candidates)),
            error_score=self.error_score,
            **listening,
        )

    def fit_batch(self, batch: Batch, split: Split, contexts: dict[int, Any]) -> Results:
        """Fit and score a batch of paths on one fold; return one result per candidate.

        Where the pre-steps or a path fail, the candidates not yet scored are fitted one by one,
        so that the failure of one is not its neighbours'.
        """
        try:
            fold = Fold(self.estimator, batch.paths[0].params, self.data, split)
        except Exception as error:
            return self._fit_rest(batch.candidates, split, contexts, error)

        walked, rest = {}, {}
        for path in batch.paths:
            on_path, error = self._walk(fold, path, split, contexts)
            left = [point.candidate for point in path.points if point.candidate not in on_path]
            walked |= on_path
            rest |= self._fit_rest(left, split, contexts, error)
        _share_seconds(walked, "fit_time", fold.open_seconds)
        _share_seconds(walked, "score_time", fold.transform_seconds)
        return walked | rest

    def _walk(
        self, fold: Fold, path: Path, split: Split, contexts: dict[int, Any]
    ) -> tuple[Results, Exception | None]:
        """Fit and score the points of a path; return the results and what ended it early."""
        steps = [(alpha, list(points)) for alpha, points in groupby(path.points, lambda p: p.alpha)]
        fitted = fold.fit_path(path.params, [alpha for alpha, _ in steps])
        results, fit_seconds, failure = {}, 0.0, None
        for alpha, points in steps:
            start = perf_counter()
            try:
                estimator = next(fitted)
            except Exception as error:
                failure = error
                break
            seconds = perf_counter() - start
            fit_seconds += seconds
            final_estimator(estimator).set_params(**{PATH_PARAMETER: alpha})
            for candidate in (point.candidate for point in points):
                result = self._score(fold, estimator, contexts[candidate])
                self._print(candidate, split, result, seconds)
                results[candidate] = result
        _share_seconds(results, "fit_time", fit_seconds)
        if failure is None:
            try:
                # A path may report on all its points (unconverged ones, say) once it is walked.
                next(fitted, None)
            except Exception as error:
                return {}, error
        return results, failure

    def _score(self, fold: Fold, estimator: BaseEstimator, context: Any) -> Result:
        """Score one point of a path, and tell the callbacks of it."""
        told = {
            "estimator": self.search,
            "X": fold.X_train,
            "y": fold.y_train,
            "metadata": fold.metadata,
        }
        context.call_on_fit_task_begin(**told)
        result = fold.score(estimator, self.scorer, self.error_score, self.return_train_score)
        context.call_on_fit_task_end(**told)
        return result

    def _fit_rest(
        self, rest: list[int], split: Split, contexts: dict[int, Any], error: Exception | None
    ) -> Results:
        """Fit one by one what a path left out; warn if nothing but the path was at fault."""
        results = self.fit_singly(rest, split, contexts)
        if results and all(result["fit_error"] is None for result in results.values()):
            warnings.warn(
                f"The path of fold {split.index} ended early ({error!r}). Candidates left and "
                f"fitted one by one: {len(rest)}; their scores are right, only time is lost.",
                RuntimeWarning,
                stacklevel=2,
            )
        return results

    def _print(self, candidate: int, split: Split, result: Result, seconds: float) -> None:
        """Print a line per point in the form of GridSearchCV's, with the point's own seconds."""
        if self.verbose < 2:
            return
        progress = f" {split.index + 1}/{self.n_splits}" if self.verbose > 2 else ""
        if self.verbose > 9:
            progress += f"; {candidate + 1}/{len(self.candidates)}"
        params = self.candidates[candidate]
        message = ", ".join(f"{name}={params[name]}" for name in sorted(params))
        if self.verbose > 2:
            message += f"; {_scores_text(result)}"
        seconds += result["score_time"]
        print(f"[CV{progress}] END {message} total time={seconds:6.1f}s")


def _scores_text(result: Result) -> str:
    """Return the scores of one point as GridSearchCV prints them."""
    test, train = result["test_scores"], result.get("train_scores")
    if not isinstance(test, dict):
        test, train = {"score": test}, None if train is None else {"score": train}
    return " ".join(
        f"{name}=" + ("" if train is None else f"(train={train[name]:.3f}) ") + f"{test[name]:.3f}"
        for name in sorted(test)
    )


def _share_seconds(results: Results, key: str, seconds: float) -> None:
    """Add an equal share of the seconds to every result."""
    for result in results.values():
        result[key] += seconds / len(results)
