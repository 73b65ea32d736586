"""A tree or forest that is fitted on most rows and pruned by the others."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state, get_tags, indexable
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sparsekit._sklearn import (
    Integral,
    Interval,
    Real,
    StrOptions,
    select_method_params,
    split_rows,
)
from sparsekit._validation import check_parameters, check_sample_weight, unchanged_on_error
from sparsekit.pruning._held_out import hold_out_rows
from sparsekit.pruning._trees._members import TREES
from sparsekit.pruning._trees._prune import METHODS, check_kind, prune_tree


def _has(name: str) -> Any:
    """Return the check of whether the tree inside has a method."""

    def check(pruner: Any) -> bool:
        getattr(getattr(pruner, "estimator_", pruner.estimator), name)
        return True

    return check


class TreePruner(MetaEstimatorMixin, BaseEstimator):
    """Fit a tree or forest, and prune it by rows held out of the fit.

    The rows given to `fit` are split: most of them fit the tree, the others prune it, as
    :func:`prune_tree` does. A fitted tree comes as :class:`sklearn.frozen.FrozenEstimator`; then
    all rows prune a copy of it, and they should be others than those it was fitted on.

    Parameters
    ----------
    estimator : estimator
        Decision tree (also extra trees), random forest, extra-trees forest, `BaggingClassifier` or
        `BaggingRegressor`; or a `FrozenEstimator` of one.
    method : {"auto", "reduced-error", "ensemble"}, default="auto"
        "reduced-error" makes leaves of nodes that do not lower the validation error; "ensemble"
        chooses members of a forest. "auto" is "ensemble" for forests and "reduced-error" for a
        tree.
    n_estimators : int, default=None
        Number of members that "ensemble" keeps; None is the number with the least error.
    validation_fraction : float, default=0.1
        Share of the rows that prune, in (0, 1), rounded up; of each class alike where there are
        enough. At least one row fits and one prunes.
    random_state : int, RandomState instance or None, default=None
        Draws the split. A tree whose own `random_state` is None is seeded from it too.

    Attributes
    ----------
    estimator_ : estimator
        The pruned tree or forest.
    n_leaves_ : int
        Leaves left, of all members together.
    n_leaves_before_ : int
        Leaves before pruning.
    classes_ : ndarray of shape (n_classes,) or list of such arrays
        Class labels, of classifiers.
    n_features_in_ : int
        Number of features seen during the fit.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had them.

    See Also
    --------
    prune_tree : The same for a fitted tree and given validation rows.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sparsekit.pruning import TreePruner
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> forest = RandomForestClassifier(50, random_state=0)
    >>> pruner = TreePruner(forest, n_estimators=10, random_state=0).fit(X, y)
    >>> len(pruner.estimator_.estimators_)
    10
    """

    _parameter_constraints: dict = {
        "method": [StrOptions(set(METHODS))],
        "n_estimators": [Interval(Integral, 1, None, closed="left"), None],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: BaseEstimator,
        *,
        method: str = "auto",
        n_estimators: int | None = None,
        validation_fraction: float = 0.1,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.estimator = estimator
        self.method = method
        self.n_estimators = n_estimators
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, **fit_params: Any) -> Self:
        """Fit the tree on most rows, and prune it by the others.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets or class labels.
        **fit_params : dict
            Passed to the tree's `fit`; what has one entry a row is split with the rows.
            `sample_weight` also weighs the rows that prune.

        Returns
        -------
        self : object
            The fitted pruner.
        """
        check_parameters(self)
        frozen = isinstance(self.estimator, FrozenEstimator)
        check_kind(self.estimator.estimator if frozen else self.estimator, "estimator")
        with unchanged_on_error(self):
            fitted, X, y, weights = self._fit_tree(X, y, fit_params)
            self.n_leaves_before_ = _count_leaves(fitted)
            self.estimator_ = prune_tree(
                fitted,
                X,
                y,
                sample_weight=weights,
                method=self.method,
                n_estimators=self.n_estimators,
            )
            self.n_leaves_ = _count_leaves(self.estimator_)
            for name in ("n_features_in_", "feature_names_in_", "classes_"):
                vars(self).pop(name, None)
                if hasattr(fitted, name):
                    setattr(self, name, getattr(fitted, name))
        return self

    def _fit_tree(self, X: Any, y: Any, fit_params: dict) -> tuple[Any, Any, Any, Any]:
        """Return the fitted tree, and the rows, targets and weights that are to prune it."""
        if isinstance(self.estimator, FrozenEstimator):
            return self.estimator.estimator, X, y, fit_params.get("sample_weight")
        tree = clone(self.estimator)
        random_state = check_random_state(self.random_state)
        if self.random_state is not None and tree.random_state is None:
            tree.set_params(random_state=random_state.randint(2**31 - 1))
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        X, y = indexable(X, y)
        rows = _counted_rows(fit_params.get("sample_weight"), _n_rows(y))
        codes = _label_codes(y)[rows] if is_classifier(tree) else None
        parts = _split(len(rows), codes, self.validation_fraction, random_state)
        train, held_out = (rows[part] for part in parts)
        X_train, y_train = split_rows(tree, X, y, train)
        tree.fit(X_train, y_train, **select_method_params(X, fit_params, indices=train))
        if not len(held_out):
            raise ValueError(
                f"`validation_fraction={self.validation_fraction!r}` of n_samples={len(rows)} "
                "holds out only labels that no other sample has, which cannot judge a tree. Give "
                "more samples, or a larger fraction."
            )
        weights = select_method_params(X, fit_params, indices=held_out).get("sample_weight")
        return tree, *split_rows(tree, X, y, held_out), weights

    @available_if(_has("predict"))
    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return targets or class labels of the pruned tree.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions.
        """
        check_is_fitted(self)
        return self.estimator_.predict(X)

    @available_if(_has("predict_proba"))
    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return class probabilities of the pruned tree.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), or a list of such arrays
            In the order of `classes_`; a list has one array an output.
        """
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    @available_if(_has("predict_log_proba"))
    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Return logarithms of class probabilities of the pruned tree.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        logarithms : ndarray of shape (n_samples, n_classes), or a list of such arrays
            In the order of `classes_`; a list has one array an output.
        """
        check_is_fitted(self)
        return self.estimator_.predict_log_proba(X)

    @available_if(_has("score"))
    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy, or R2, of the pruned tree.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True targets or labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.

        Returns
        -------
        score : float
            As the tree's own.
        """
        check_is_fitted(self)
        return self.estimator_.score(X, y, sample_weight)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        for name in ("estimator_type", "classifier_tags", "regressor_tags", "target_tags"):
            setattr(tags, name, getattr(inner, name))
        tags.input_tags = inner.input_tags
        tags.non_deterministic = inner.non_deterministic
        return tags


def _count_leaves(tree: Any) -> int | None:
    """Return the leaves of a tree, or of all trees of an ensemble; None where it has no trees."""
    members = getattr(tree, "estimators_", [tree])
    if not all(isinstance(member, TREES) for member in members):
        return None
    return sum(int(member.get_n_leaves()) for member in members)


def _n_rows(y: Any) -> int:
    """Return the number of targets."""
    return len(y) if hasattr(y, "__len__") else y.shape[0]


def _counted_rows(sample_weight: Any, n: int) -> np.ndarray:
    """Return the rows that there are: one of weight zero is none, to fit or to prune by."""
    weights = check_sample_weight(sample_weight, n)
    return np.arange(n) if weights is None else np.flatnonzero(weights)


def _split(
    n: int, codes: np.ndarray | None, fraction: float, random_state: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that fit and those that prune; every label of the latter is fitted too."""
    held_out = int(np.ceil(fraction * n))
    if n - held_out < 1:
        raise ValueError(
            f"`validation_fraction={fraction!r}` of n_samples={n} leaves no sample to fit. Give "
            "more samples, or prune a fitted tree by `prune_tree`."
        )
    train, test = hold_out_rows(n, held_out, codes, random_state)
    if codes is not None:
        known = np.isin(codes[test], codes[train])
        train, test = np.concatenate([train, test[~known]]), test[known]
    return train, test


def _label_codes(y: Any) -> np.ndarray:
    """Return a number for each row, which rows of the same labels have in common."""
    columns = np.asarray(y).reshape(_n_rows(y), -1).T
    codes = [np.unique(column, return_inverse=True)[1] for column in columns]
    return np.unique(np.column_stack(codes), axis=0, return_inverse=True)[1].ravel()
