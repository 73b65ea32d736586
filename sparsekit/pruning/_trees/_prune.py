"""Decision trees and forests, pruned by what validation rows say."""

import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.base import (
    BaseEstimator,
    is_classifier,
)
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.utils import get_tags
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from sparsekit._sklearn import (
    Integral,
)
from sparsekit._validation import check_sample_weight
from sparsekit._validation._arrays import refuse_foreign
from sparsekit.pruning._trees._members import BAGS, TREES, classes_of, keep_members, reduce_each
from sparsekit.pruning._trees._nodes import reduce_errors

FORESTS = (
    RandomForestClassifier,
    RandomForestRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
)
METHODS = ("auto", "reduced-error", "ensemble")
# Averages over rows that some members never saw: of all members, and gone with any of them.
OUT_OF_BAG = ("oob_score_", "oob_decision_function_", "oob_prediction_")


def prune_tree(
    tree: BaseEstimator,
    X_val: ArrayLike,
    y_val: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    method: str = "auto",
    n_estimators: int | None = None,
) -> BaseEstimator:
    """Return a smaller copy of a fitted tree or forest, as validation rows advise.

    Reduced-error pruning walks up from the leaves of a tree and makes a node a leaf wherever its
    own answer does not err more, on the validation rows that reach it, than the best of what is
    left below it. Of all ways to prune a tree this one errs least on these rows, and it leaves the
    smallest such tree. A node that no validation row reaches becomes a leaf.

    Ensemble pruning chooses members of a forest: one by one, the member with which the mean of
    those chosen comes closest to the targets (squared error; for classifiers of the probabilities,
    which is Brier's score).

    The rows should be others than those of the fit, which a deep tree knows by heart. scikit-learn
    itself offers minimal cost-complexity pruning, by ``ccp_alpha``, while a tree is fitted.

    Parameters
    ----------
    tree : estimator
        Fitted decision tree (also extra trees), random forest, extra-trees forest, or
        `BaggingClassifier` or `BaggingRegressor`. It stays as it is.
    X_val : {array-like, sparse matrix} of shape (n_samples, n_features)
        Validation rows.
    y_val : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their targets or class labels.
    sample_weight : float or array-like of shape (n_samples,), default=None
        Non-negative weights of the validation rows.
    method : {"auto", "reduced-error", "ensemble"}, default="auto"
        "reduced-error" prunes the tree, or each tree of a forest for itself; "ensemble" chooses
        members. "auto" is "ensemble" for forests and "reduced-error" for a tree.
    n_estimators : int, default=None
        Number of members that "ensemble" keeps. None is the smallest number on the greedy way at
        which the validation error is least.

    Returns
    -------
    pruned : estimator
        Of the same class, in working order: it predicts, is shown and is pickled as any other,
        and holds only the nodes and members that are left. Out-of-bag scores are dropped; of a
        bag, ``estimators_samples_`` is that of all members still.

    Raises
    ------
    TypeError
        If `tree` is not one of these estimators, or `method` does not suit it.

    References
    ----------
    Quinlan (1987), "Simplifying decision trees".

    Caruana, Niculescu-Mizil, Crew, Ksikes (2004), "Ensemble selection from libraries of models".

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sparsekit.pruning import prune_tree
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X, X_val, y, y_val = train_test_split(X, y, random_state=0)
    >>> tree = DecisionTreeClassifier(random_state=0).fit(X, y)
    >>> pruned = prune_tree(tree, X_val, y_val)
    >>> bool(pruned.get_n_leaves() < tree.get_n_leaves())
    True
    >>> bool(pruned.score(X_val, y_val) >= tree.score(X_val, y_val))
    True
    """
    check_kind(tree, "tree")
    check_is_fitted(tree)
    method = _choose_method(tree, method)
    _check_count(tree, n_estimators)
    X, Y, weights = _check_validation(tree, X_val, y_val, sample_weight)
    if isinstance(tree, TREES):
        return reduce_errors(tree, X, Y, weights)
    pruned = copy.deepcopy(tree)
    for name in OUT_OF_BAG:
        vars(pruned).pop(name, None)
    if method == "reduced-error":
        reduce_each(pruned, X, Y, weights)
    else:
        keep_members(pruned, X, Y, weights, n_estimators)
    return pruned


def check_kind(tree: Any, name: str) -> None:
    """Raise TypeError, with the parameter's name, for what is no tree or ensemble of trees."""
    if not isinstance(tree, TREES + FORESTS + BAGS):
        raise TypeError(
            f"`{name}` must be a decision tree, a random forest, an extra-trees forest or a "
            f"bagging ensemble of scikit-learn; got {type(tree).__name__}."
        )


def _choose_method(tree: Any, method: str) -> str:
    """Return the method that "auto" stands for, or refuse one that does not suit."""
    if method not in METHODS:
        raise ValueError(f"`method` must be one of {METHODS}; got {method!r}.")
    single = isinstance(tree, TREES)
    if method == "auto":
        return "reduced-error" if single else "ensemble"
    if method == "ensemble" and single:
        raise TypeError(
            "method='ensemble' chooses members of an ensemble, but `tree` is a single "
            f"{type(tree).__name__}. Pass method='reduced-error'."
        )
    return method


def _check_count(tree: Any, n_estimators: Any) -> None:
    if n_estimators is None:
        return
    if isinstance(tree, TREES):
        raise TypeError("`n_estimators` is for ensembles, but `tree` is a single tree.")
    n_members = len(tree.estimators_)
    if not (isinstance(n_estimators, Integral) and 1 <= n_estimators <= n_members):
        raise ValueError(
            f"`n_estimators` must be None or an integer from 1 to {n_members}, the number of "
            f"members of the ensemble; got {n_estimators!r}."
        )


def _check_validation(
    tree: Any, X: Any, y: Any, sample_weight: Any
) -> tuple[Any, np.ndarray, np.ndarray | None]:
    """Return X as trees take it, codes or targets with a column an output, and weights."""
    refuse_foreign(X, "X_val")
    refuse_foreign(y, "y_val")
    missing = get_tags(tree).input_tags.allow_nan and not issparse(X)
    X = validate_data(
        tree,
        X,
        reset=False,
        accept_sparse="csr",
        dtype=np.float32,
        order="C",
        ensure_all_finite="allow-nan" if missing else True,
    )
    labels = is_classifier(tree)
    dtype = None if labels else np.float64
    y = check_array(y, ensure_2d=False, dtype=dtype, input_name="y_val")
    n_outputs = getattr(tree, "n_outputs_", 1)  # a bag has one
    if y.shape not in [(X.shape[0],)] * (n_outputs == 1) + [(X.shape[0], n_outputs)]:
        raise ValueError(
            f"`y_val` must hold {n_outputs} output(s) for each of the {X.shape[0]} rows of `X_val`;"
            f" got shape {y.shape}."
        )
    Y = y.reshape(len(y), -1)
    if labels:
        Y = _encode(classes_of(tree), Y)
    return X, Y, check_sample_weight(sample_weight, X.shape[0])


def _encode(classes: list[np.ndarray], Y: np.ndarray) -> np.ndarray:
    """Return each label's place among the sorted classes of its output."""
    codes = np.empty(Y.shape, dtype=np.intp)
    for j, known in enumerate(classes):
        unknown = np.setdiff1d(Y[:, j], known)
        if unknown.size:
            raise ValueError(
                f"`y_val` holds the label {unknown.tolist()[0]!r}, which is not among the classes "
                f"of the fitted tree: {known.tolist()}."
            )
        codes[:, j] = np.searchsorted(known, Y[:, j])
    return codes
