"""Reduced-error pruning of one tree: nodes that err no more as leaves become leaves."""

import copy
from typing import Any

import numpy as np
from sklearn.base import is_classifier

ROWS = 4096  # of a block: the paths of so many rows are held at a time
LEAF = -1  # what scikit-learn's trees write for a child that is not there
NO_SPLIT = -2


def reduce_errors(tree: Any, X: Any, Y: np.ndarray, weights: np.ndarray | None) -> Any:
    """Return a copy of a tree whose nodes became leaves where that costs no validation error.

    Y holds codes of the tree's classes, or targets; one column an output.
    """
    as_leaf = _node_errors(tree, X, Y, weights)
    nodes = tree.tree_
    left, right = nodes.children_left.copy(), nodes.children_right.copy()
    best = as_leaf.copy()
    # A child is always stored behind its parent, so this walks upward.
    for node in np.flatnonzero(left != LEAF)[::-1]:
        below = best[left[node]] + best[right[node]]
        # Two sums of the same errors differ by their rounding, which must not decide.
        if as_leaf[node] * (1 - 1e-12) <= below:
            left[node] = right[node] = LEAF
        else:
            best[node] = below
    return _with_children(tree, left, right)


def _node_errors(tree: Any, X: Any, Y: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Return the error of each node, were it a leaf, on the rows that reach it."""
    error_of = _choose_error(tree)
    n_nodes = tree.tree_.node_count
    values = tree.tree_.value
    answers = values.argmax(axis=2) if is_classifier(tree) else values[:, :, 0]
    errors = np.zeros(n_nodes)
    for start in range(0, X.shape[0], ROWS):
        rows = slice(start, start + ROWS)
        # The estimator's own method would ask for the names of the features.
        paths = tree.tree_.decision_path(X[rows]).tocoo()
        lost = error_of(Y[rows][paths.row], answers[paths.col]).sum(axis=1)
        if weights is not None:
            lost = lost * weights[rows][paths.row]
        errors += np.bincount(paths.col, lost, n_nodes)
    return errors


def _choose_error(tree: Any) -> Any:
    """Return the error a row costs: wrong class, absolute where medians are fitted, or squared."""
    if is_classifier(tree):
        return np.not_equal
    if tree.criterion == "absolute_error":
        return lambda y, answer: np.abs(y - answer)
    return lambda y, answer: (y - answer) ** 2


def _with_children(tree: Any, left: np.ndarray, right: np.ndarray) -> Any:
    """Return a copy of a fitted tree that has only the nodes its root still reaches."""
    depth = np.full(len(left), -1)
    depth[0] = 0
    for node in np.flatnonzero(left != LEAF):
        if depth[node] >= 0:
            depth[left[node]] = depth[right[node]] = depth[node] + 1
    kept = np.flatnonzero(depth >= 0)
    place = np.full(len(left) + 1, LEAF)  # the last entry, which LEAF reads, stays LEAF
    place[kept] = np.arange(len(kept))
    state = tree.tree_.__getstate__()
    nodes = np.zeros(len(kept), dtype=state["nodes"].dtype)  # also between fields, for pickles
    nodes[:] = state["nodes"][kept]
    nodes["left_child"], nodes["right_child"] = place[left[kept]], place[right[kept]]
    leaf = nodes["left_child"] == LEAF
    nodes["feature"][leaf] = NO_SPLIT
    nodes["threshold"][leaf] = NO_SPLIT
    build, arguments = tree.tree_.__reduce__()[:2]
    pruned = copy.deepcopy(tree)
    pruned.tree_ = build(*arguments)
    pruned.tree_.__setstate__(
        {
            **state,
            "max_depth": int(depth.max()),
            "node_count": len(kept),
            "nodes": nodes,
            "values": np.ascontiguousarray(state["values"][kept]),
        }
    )
    return pruned
