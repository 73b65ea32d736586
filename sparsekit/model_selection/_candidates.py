"""Sort the candidates of a grid into paths, and the paths into batches that share pre-steps."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from math import isfinite
from numbers import Real
from typing import Any

from sklearn import get_config
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

PATH_PARAMETER = "alpha"
Params = Mapping[str, Any]


@dataclass(frozen=True)
class Point:
    """One candidate on a path."""

    alpha: float
    candidate: int


@dataclass(frozen=True)
class Path:
    """Candidates that differ in the strength of the penalty alone, strongest first."""

    params: Params
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Batch:
    """Paths whose steps before the last are fitted once, in common."""

    paths: tuple[Path, ...]

    @property
    def candidates(self) -> list[int]:
        """Places of the batch's candidates in the grid."""
        return [point.candidate for path in self.paths for point in path.points]


@dataclass(frozen=True)
class Plan:
    """Batches of paths, and the candidates that are fitted one by one."""

    batches: tuple[Batch, ...]
    singles: tuple[int, ...]


@dataclass(frozen=True)
class LastStep:
    """Names under which parameters reach the last step of a pipeline, nested or not."""

    name: str
    owners: tuple[str, ...]

    @property
    def prefix(self) -> str:
        """What the names of the last step's parameters begin with."""
        return f"{self.name}__" if self.name else ""

    @property
    def alpha(self) -> str:
        """Name of the penalty's strength, as the grid spells it."""
        return self.prefix + PATH_PARAMETER

    def holds(self, parameter: str) -> bool:
        """Return whether a parameter is the last step itself or belongs to it."""
        return parameter == self.name or parameter.startswith(self.prefix)


def last_step(estimator: BaseEstimator) -> LastStep:
    """Return where the last step of an estimator sits; a bare estimator is its own."""
    names, owners = [], []
    while isinstance(estimator, Pipeline):
        owners.append("__".join([*names, "steps"]))
        name, estimator = estimator.steps[-1]
        names.append(name)
        owners.append("__".join(names))
    # The last name is the step itself: replacing it leaves the pipeline around it as it is.
    return LastStep("__".join(names), tuple(owners[:-1]))


def final_estimator(estimator: BaseEstimator) -> BaseEstimator:
    """Return the last step of an estimator; a bare estimator is its own."""
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    return estimator


def configured(estimator: BaseEstimator, params: Params) -> BaseEstimator:
    """Return an unfitted copy with parameters set, themselves copied, as GridSearchCV does."""
    return clone(estimator).set_params(**clone(params, safe=False))


def with_final(estimator: BaseEstimator, final: BaseEstimator) -> BaseEstimator:
    """Return a pipeline of the same steps, itself unchanged, that ends in another estimator."""
    if not isinstance(estimator, Pipeline):
        return final
    name, last = estimator.steps[-1]
    return with_steps(estimator, [*estimator.steps[:-1], (name, with_final(last, final))])


def with_steps(pipeline: Pipeline, steps: list[tuple[str, Any]]) -> Pipeline:
    """Return a shallow copy of a pipeline with other steps, fitted or not."""
    twin = copy(pipeline)
    twin.steps = steps
    return twin


def plan_paths(estimator: BaseEstimator, candidates: Sequence[Params]) -> Plan:
    """Group candidates by everything but the penalty's strength, then by their pre-steps."""
    last = last_step(estimator)
    groups = defaultdict(list)
    for candidate, params in enumerate(candidates):
        groups[_key(params, lambda name: name != last.alpha)].append(candidate)

    batches, singles = defaultdict(list), []
    for members in groups.values():
        first = candidates[members[0]]
        path, others = _walkable(estimator, last, candidates, members)
        singles += others
        if path is not None:
            batches[_batch_key(last, first)].append(path)
    return Plan(tuple(Batch(tuple(paths)) for paths in batches.values()), tuple(sorted(singles)))


def path_groups(estimator: BaseEstimator, candidates: Sequence[Params]) -> list[Hashable]:
    """Return one key per candidate, shared by those that differ in `alpha` alone."""
    last = last_step(estimator)
    return [_key(params, lambda name: name != last.alpha) for params in candidates]


def _walkable(
    estimator: BaseEstimator, last: LastStep, candidates: Sequence[Params], members: list[int]
) -> tuple[Path | None, list[int]]:
    """Split the members of a group into one path and those that no path can hold."""
    params = {k: v for k, v in candidates[members[0]].items() if k != last.alpha}
    if any(owner in params for owner in last.owners):
        return None, members
    try:
        final = final_estimator(configured(estimator, params))
        own = final.get_params(deep=False)
    except Exception:
        # The plain fit meets the same error and reports it as GridSearchCV does.
        return None, members
    if not hasattr(final, "fit_path") or PATH_PARAMETER not in own:
        return None, members

    strengths = {c: candidates[c].get(last.alpha, own[PATH_PARAMETER]) for c in members}
    points = [Point(alpha, c) for c, alpha in strengths.items() if _is_strength(alpha)]
    others = [c for c, alpha in strengths.items() if not _is_strength(alpha)]
    if not points:
        return None, members
    return Path(params, tuple(sorted(points, key=lambda point: -point.alpha))), others


def _is_strength(alpha: object) -> bool:
    """Return whether a value can stand on a path; others are left to the estimator's checks."""
    return (
        isinstance(alpha, Real) and not isinstance(alpha, bool) and isfinite(alpha) and alpha >= 0
    )


def _batch_key(last: LastStep, params: Params) -> Hashable:
    """Return a key shared by the paths whose pre-steps are fitted alike."""
    if not last.name:
        # No pre-steps, hence nothing to share: every path may run in its own job.
        return _key(params, lambda name: name != last.alpha)
    # With metadata routing, what the last step is handed depends on which object it is.
    routed = get_config()["enable_metadata_routing"]
    return _key(params, lambda name: not last.holds(name) or (routed and name == last.name))


def _key(params: Params, keeps: Callable[[str], bool]) -> Hashable:
    """Return a hashable stand-in for some of the parameters."""
    return frozenset((name, _identity(value)) for name, value in params.items() if keeps(name))


def _identity(value: object) -> Hashable:
    """Return a key that two values share only if they are interchangeable."""
    if isinstance(value, str | Real | None):
        return type(value), value
    return id(value)
