"""Sparsities, scores and times: read from fitted pruners, or given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils import check_array

from sparsekit.inspection._pruned import find_network

ALONE = "pruned"  # what a single series is called


def score_name_of(pruner: BaseEstimator) -> str:
    """Return what a pruner's score is called."""
    return "accuracy" if is_classifier(pruner) else "R2"


def read_pruners(pruners: Any, X: Any, y: Any, batch: int | None) -> dict[str, Any]:
    """Return what a display draws of fitted pruners: series, and what the dense network does."""
    if (X is None) != (y is None):
        raise ValueError("Pass both `X` and `y` to score on, or neither.")
    given = pruners if isinstance(pruners, Mapping) else {ALONE: pruners}
    networks = [find_network(one, ("sparsity_",)) for many in given.values() for one in many]
    if not networks:
        raise ValueError("`pruners` must hold at least one fitted pruner; got none.")
    name = score_name_of(networks[0])
    if X is None:
        held_out = all(network.report_.held_out for network in networks)
        name += " on held-out samples" if held_out else " on training samples"
    found = {
        "series": check_results(
            {name: _read_series(many, X, y, batch) for name, many in given.items()}
        ),
        "score_name": name,
    }
    if X is None:
        found["dense_score"] = _median([one.report_.score_dense for one in networks])
    if batch is not None:
        found["dense_milliseconds"] = _median([_times(one, batch)["dense"] for one in networks])
    return found


def _median(values: list[float]) -> float:
    """Return the median; every pruner has measured the dense network for itself."""
    return float(np.median(values))


def _read_series(
    pruners: Sequence[BaseEstimator], X: Any, y: Any, batch: int | None
) -> dict[str, list[float]]:
    """Return what pruners reach, in their own order."""
    networks = [find_network(pruner, ("sparsity_",)) for pruner in pruners]
    series = {"sparsity": [network.sparsity_ for network in networks]}
    if X is None:
        series["score"] = [network.report_.score_pruned for network in networks]
    else:
        series["score"] = [pruner.score(X, y) for pruner in pruners]
    if batch is not None:
        series["milliseconds"] = [_times(network, batch)["compiled"] for network in networks]
    return series


def _times(network: Any, batch: int) -> dict[str, float]:
    """Return the times of a report at one batch."""
    measured = network.report_.milliseconds
    if batch not in measured:
        raise ValueError(f"`batch` must be one of {sorted(measured)}; got {batch!r}.")
    return measured[batch]


def check_results(results: Mapping[str, Any]) -> dict[str, dict[str, np.ndarray]]:
    """Return checked series by name, each by rising sparsity."""
    given = {ALONE: results} if "sparsity" in results else results
    if not len(given):
        raise ValueError("`results` must hold at least one series; got none.")
    return {str(name): _check_series(name, found) for name, found in given.items()}


def _check_series(name: Any, found: Any) -> dict[str, np.ndarray]:
    """Return one series by rising sparsity."""
    missing = {"sparsity", "score"} - set(found)
    if missing:
        raise ValueError(f"Series {name!r} of `results` has no {' and no '.join(sorted(missing))}.")
    keys = [key for key in ("sparsity", "score", "milliseconds") if key in found]
    values = {
        key: check_array(np.asarray(found[key]), ensure_2d=False, dtype=np.float64, input_name=key)
        for key in keys
    }
    shapes = {key: value.shape for key, value in values.items()}
    if values["sparsity"].ndim != 1 or len(set(shapes.values())) > 1:
        raise ValueError(
            f"Series {name!r} of `results` must hold as many of each, in one dimension; got "
            f"shapes {shapes}."
        )
    sparsity = values["sparsity"]
    if sparsity.min() < 0.0 or sparsity.max() >= 1.0:
        raise ValueError(
            f"Sparsities are shares of weights removed, in [0, 1); series {name!r} has "
            f"{sparsity.min():g} to {sparsity.max():g}."
        )
    if values.get("milliseconds", np.ones(1)).min() <= 0.0:
        raise ValueError(f"Milliseconds must be positive; series {name!r} has others.")
    order = np.argsort(sparsity, kind="stable")
    return {key: value[order] for key, value in values.items()}
