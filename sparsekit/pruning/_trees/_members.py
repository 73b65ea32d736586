"""Members of an ensemble of trees: each pruned for itself, or the best of them chosen."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.ensemble import BaggingClassifier, BaggingRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sparsekit._parallel import single_blas_thread
from sparsekit.pruning._trees._nodes import reduce_errors

TREES = (DecisionTreeClassifier, DecisionTreeRegressor)
BAGS = (BaggingClassifier, BaggingRegressor)
ROWS = 4096  # of a block: the answers of all members to so many rows are held at a time


def classes_of(tree: Any) -> list[np.ndarray]:
    """Return the classes of each output."""
    return tree.classes_ if isinstance(tree.classes_, list) else [tree.classes_]


def _features(ensemble: Any, member: int) -> Any:
    """Return the columns of X that a member sees."""
    return ensemble.estimators_features_[member] if isinstance(ensemble, BAGS) else slice(None)


def reduce_each(ensemble: Any, X: Any, Y: np.ndarray, weights: Any) -> None:
    """Prune every tree of an ensemble for itself."""
    trees = ensemble.estimators_
    if not all(isinstance(tree, TREES) for tree in trees):
        raise TypeError(
            "method='reduced-error' prunes trees, but the ensemble's members are "
            f"{type(trees[0]).__name__}. Pass method='ensemble'."
        )
    # Trees of an ensemble are fitted on codes of its classes, and know all of them.
    for k, tree in enumerate(trees):
        trees[k] = reduce_errors(tree, X[:, _features(ensemble, k)], Y, weights)


def keep_members(
    ensemble: Any, X: Any, Y: np.ndarray, weights: Any, n_estimators: int | None
) -> None:
    """Leave the chosen members in an ensemble."""
    members = ensemble.estimators_
    if is_classifier(ensemble):
        if not hasattr(members[0], "predict_proba"):
            raise TypeError(
                "method='ensemble' compares probabilities, but the ensemble's members, "
                f"{type(members[0]).__name__}, have no `predict_proba`."
            )
        sizes = [len(classes) for classes in classes_of(ensemble)]
        targets = np.concatenate(
            [np.eye(size)[codes] for size, codes in zip(sizes, Y.T, strict=True)], axis=1
        )
    else:
        sizes, targets = None, Y

    def predict(member: int, rows: Any) -> np.ndarray:
        rows = rows[:, _features(ensemble, member)]
        return _answers(members[member], rows, sizes)

    errors = shared_errors(predict, len(members), X, targets, weights)
    kept = choose_members(errors, n_estimators)
    ensemble.estimators_ = [members[k] for k in kept]
    if isinstance(ensemble, BAGS):
        ensemble.estimators_features_ = [ensemble.estimators_features_[k] for k in kept]
    ensemble.set_params(n_estimators=len(kept))


def _answers(member: Any, X: Any, sizes: list[int] | None) -> np.ndarray:
    """Return a member's targets, or its probabilities of the ensemble's classes, side by side."""
    if sizes is None:
        return member.predict(X).reshape(X.shape[0], -1)
    given = member.predict_proba(X)
    given = given if isinstance(given, list) else [given]
    parts = []
    for size, known, probabilities in zip(sizes, classes_of(member), given, strict=True):
        part = np.zeros((X.shape[0], size))
        part[:, known.astype(np.intp)] = probabilities
        parts.append(part)
    return np.concatenate(parts, axis=1)


def choose_members(
    errors: np.ndarray, n_members: int | None, tolerance: float = 1e-12
) -> np.ndarray:
    """Return the members whose mean is best, chosen greedily, as sorted indices.

    `errors[s, t]` is the weighted inner product of what members s and t miss, so a set's squared
    error is the mean over its pairs. None chooses the number too.
    """
    n_all = len(errors)
    chosen: list[int] = []
    free = np.ones(n_all, dtype=bool)
    shared, total = np.zeros(n_all), 0.0  # of the chosen: with each member, and among themselves
    curve = []
    for size in range(1, (n_members or n_all) + 1):
        totals = np.where(free, total + 2 * shared + errors.diagonal(), np.inf)
        best = int(totals.argmin())
        total = totals[best]
        shared += errors[best]
        free[best] = False
        chosen.append(best)
        curve.append(total / size**2)
    limit = min(curve) * (1 + tolerance)
    size = n_members or int(np.argmax(np.asarray(curve) <= limit)) + 1
    return np.sort(chosen[:size])


def shared_errors(
    predict: Callable, members: int, X: Any, Y: np.ndarray, weights: Any
) -> np.ndarray:
    """Return the inner products of the members' errors, weighted by row.

    `predict(member, X)` answers with the columns of Y.
    """
    total = np.zeros((members, members))
    for start in range(0, X.shape[0], ROWS):
        rows = slice(start, start + ROWS)
        missed = np.stack([predict(member, X[rows]) - Y[rows] for member in range(members)])
        if weights is not None:
            missed *= np.sqrt(weights[rows])[:, None]
        missed = missed.reshape(members, -1)
        with single_blas_thread():
            total += missed @ missed.T
    return total
