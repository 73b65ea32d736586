"""Trees and forests pruned by validation rows: least error, working order, what is refused."""

import copy
import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    export_text,
)
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsekit.pruning._trees._estimator import TreePruner
from sparsekit.pruning._trees._prune import prune_tree

LABELS = np.array(["ash", "elm", "oak"])


@pytest.fixture(scope="module")
def labelled():
    """Rows to fit and rows to prune by, of three noisy classes named by strings."""
    X, y = make_classification(400, 8, n_informative=4, n_classes=3, flip_y=0.2, random_state=0)
    return X[:200], LABELS[y[:200]], X[200:], LABELS[y[200:]]


@pytest.fixture(scope="module")
def measured():
    X, y = make_regression(300, 6, noise=60.0, random_state=0)
    return X[:150], y[:150], X[150:], y[150:]


def all_prunings(tree, errors, node=0):
    """Return (error, leaves) of every way to prune the branch of a node, by enumeration."""
    ways = [(errors[node], 1)]
    left, right = tree.children_left[node], tree.children_right[node]
    if left >= 0:
        ways += [
            (a + b, n + m)
            for a, n in all_prunings(tree, errors, left)
            for b, m in all_prunings(tree, errors, right)
        ]
    return ways


@pytest.mark.parametrize("weighted", [False, True])
def test_a_classifier_errs_least_of_all_its_prunings_and_is_the_smallest_such(labelled, weighted):
    X, y, X_val, y_val = labelled
    weights = np.arange(len(y_val)) % 3 if weighted else None
    tree = DecisionTreeClassifier(max_leaf_nodes=9, random_state=0).fit(X, y)
    pruned = prune_tree(tree, X_val, y_val, sample_weight=weights)
    w = np.ones(len(y_val)) if weights is None else weights
    wrong = y_val[:, None] != tree.classes_[tree.tree_.value[:, 0].argmax(axis=1)]
    errors = (tree.decision_path(X_val).toarray() * wrong * w[:, None]).sum(axis=0)
    ways = all_prunings(tree.tree_, errors)
    least = min(error for error, _ in ways)
    assert ((pruned.predict(X_val) != y_val) * w).sum() == least
    assert pruned.get_n_leaves() == min(n for error, n in ways if error == least)


@pytest.mark.parametrize(
    ("criterion", "error"), [("squared_error", np.square), ("absolute_error", np.abs)]
)
def test_a_regressor_errs_least_of_all_its_prunings(measured, criterion, error):
    X, y, X_val, y_val = measured
    tree = DecisionTreeRegressor(criterion=criterion, max_leaf_nodes=9, random_state=0).fit(X, y)
    pruned = prune_tree(tree, X_val, y_val)
    missed = error(y_val[:, None] - tree.tree_.value[:, 0, 0])
    errors = (tree.decision_path(X_val).toarray() * missed).sum(axis=0)
    least = min(total for total, _ in all_prunings(tree.tree_, errors))
    assert error(y_val - pruned.predict(X_val)).sum() == pytest.approx(least, rel=1e-10)


@pytest.mark.parametrize("fit", [DecisionTreeClassifier, ExtraTreeClassifier])
def test_a_pruned_tree_is_in_working_order(labelled, fit):
    X, y, X_val, y_val = labelled
    tree = fit(random_state=0).fit(X, y)
    before = pickle.dumps(tree)
    pruned = prune_tree(tree, X_val, y_val)
    assert pickle.dumps(tree) == before
    nodes = pruned.tree_
    assert 1 < pruned.get_n_leaves() < tree.get_n_leaves()
    assert nodes.node_count == 2 * pruned.get_n_leaves() - 1 == len(nodes.value)
    assert export_text(pruned, max_depth=99).count("class:") == pruned.get_n_leaves()
    assert nodes.compute_node_depths().max() - 1 == pruned.get_depth() < tree.get_depth()
    assert set(pruned.apply(X)) == set(np.flatnonzero(nodes.children_left == -1))
    assert nodes.n_node_samples[nodes.children_left == -1].sum() == len(X)
    assert np.isclose(pruned.feature_importances_.sum(), 1)
    assert len(pickle.dumps(pruned)) < len(before)
    for again in (pickle.loads(pickle.dumps(pruned)), copy.deepcopy(pruned)):
        assert (again.predict_proba(X) == pruned.predict_proba(X)).all()


def test_a_leaf_answers_as_the_node_did(labelled):
    X, y, X_val, y_val = labelled
    tree = DecisionTreeClassifier(random_state=0).fit(X, y)
    pruned = prune_tree(tree, X_val, y_val)
    # The paths of a row agree from the root down to the leaf of the pruned tree.
    depth = np.asarray(pruned.decision_path(X).sum(axis=1)).ravel()
    for row, path in enumerate(tree.decision_path(X)):
        node = np.sort(path.indices)[depth[row] - 1]
        expected = tree.tree_.value[node, 0]
        np.testing.assert_allclose(pruned.predict_proba(X[row : row + 1])[0], expected)


def test_where_no_split_helps_the_root_is_left(rng):
    X, y = rng.standard_normal((80, 3)), np.arange(80) % 2
    tree = DecisionTreeClassifier(random_state=0).fit(X, y)
    pruned = prune_tree(tree, X, np.zeros(80, dtype=int))
    assert pruned.get_n_leaves() == 1
    assert pruned.get_depth() == 0
    assert (pruned.predict(X) == 0).all()


def test_a_tree_that_is_right_stays_whole(labelled):
    X, y, *_ = labelled
    tree = DecisionTreeClassifier(random_state=0).fit(X, y)
    pruned = prune_tree(tree, X, y)
    assert (pruned.predict(X) == y).all()
    assert pruned.get_n_leaves() == tree.get_n_leaves()


def test_missing_and_sparse_values_go_the_way_of_the_tree(labelled):
    X, y, X_val, y_val = labelled
    holes, holes_val = X.copy(), X_val.copy()
    holes[::7, 2] = holes_val[::5, 2] = np.nan
    tree = DecisionTreeClassifier(random_state=0).fit(holes, y)
    pruned = prune_tree(tree, holes_val, y_val)
    assert pruned.score(holes_val, y_val) >= tree.score(holes_val, y_val)
    few, few_val = np.where(X > 0.5, X, 0), np.where(X_val > 0.5, X_val, 0)
    tree = DecisionTreeClassifier(random_state=0).fit(few, y)
    dense = prune_tree(tree, few_val, y_val)
    same = prune_tree(tree, sparse.csr_array(few_val), y_val)
    assert pickle.dumps(dense) == pickle.dumps(same)


def test_several_outputs_count_together(rng):
    X = rng.standard_normal((200, 4))
    Y = np.c_[X[:, 0] > 0, X[:, 1] + rng.standard_normal(200) > 0].astype(int)
    tree = DecisionTreeClassifier(random_state=0).fit(X[:100], Y[:100])
    pruned = prune_tree(tree, X[100:], Y[100:])
    assert pruned.get_n_leaves() < tree.get_n_leaves()
    assert (pruned.predict(X[100:]) != Y[100:]).sum() <= (tree.predict(X[100:]) != Y[100:]).sum()


def mean_squared(forest, X, y):
    """Return the error of a forest's probabilities or targets."""
    if hasattr(forest, "predict_proba"):
        return np.mean((forest.predict_proba(X) - (y[:, None] == forest.classes_)) ** 2)
    return np.mean((forest.predict(X) - y) ** 2)


FORESTS = {
    "forest": RandomForestClassifier(25, random_state=0),
    "bag": BaggingClassifier(n_estimators=25, max_features=5, random_state=0),
    "linear": BaggingClassifier(LogisticRegression(), n_estimators=9, random_state=0),
}
REGRESSORS = {
    "forest": RandomForestRegressor(25, random_state=0),
    "extra": ExtraTreesRegressor(25, random_state=0),
    "bag": BaggingRegressor(n_estimators=25, max_features=5, random_state=0),
}


@pytest.mark.parametrize("name", FORESTS)
def test_fewer_members_of_a_classifier_err_no_more(labelled, name):
    X, y, X_val, y_val = labelled
    forest = clone(FORESTS[name]).fit(X, y)
    pruned = prune_tree(forest, X_val, y_val)
    assert len(pruned.estimators_) == pruned.n_estimators < len(forest.estimators_)
    assert mean_squared(pruned, X_val, y_val) <= mean_squared(forest, X_val, y_val)


@pytest.mark.parametrize("name", REGRESSORS)
def test_fewer_members_of_a_regressor_err_no_more(measured, name):
    X, y, X_val, y_val = measured
    forest = clone(REGRESSORS[name]).fit(X, y)
    pruned = prune_tree(forest, X_val, y_val)
    assert len(pruned.estimators_) == pruned.n_estimators < len(forest.estimators_)
    assert mean_squared(pruned, X_val, y_val) <= mean_squared(forest, X_val, y_val)


def test_members_are_chosen_greedily(measured):
    X, y, X_val, y_val = measured
    forest = RandomForestRegressor(12, random_state=0).fit(X, y)
    weights = 1.0 + np.arange(len(y_val)) % 2
    answers = np.stack([tree.predict(X_val) for tree in forest.estimators_])
    chosen = []
    for _ in range(4):
        free = [k for k in range(12) if k not in chosen]
        errors = [(weights * (answers[[*chosen, k]].mean(axis=0) - y_val) ** 2).sum() for k in free]
        chosen.append(free[int(np.argmin(errors))])
    pruned = prune_tree(forest, X_val, y_val, sample_weight=weights, n_estimators=4)
    np.testing.assert_allclose(pruned.predict(X_val), answers[chosen].mean(axis=0))


@pytest.mark.parametrize("name", ["forest", "bag"])
def test_each_tree_of_an_ensemble_can_be_pruned_for_itself(labelled, name):
    X, y, X_val, y_val = labelled
    forest = clone(FORESTS[name]).fit(X, y)
    pruned = prune_tree(forest, X_val, y_val, method="reduced-error")
    leaves = [tree.get_n_leaves() for tree in forest.estimators_]
    left = [tree.get_n_leaves() for tree in pruned.estimators_]
    assert len(left) == 25
    assert all(n < m for n, m in zip(left, leaves, strict=True))
    assert pruned.score(X_val, y_val) > 0.5


def test_members_that_never_saw_a_class_are_chosen_all_the_same(rng):
    X, y = rng.standard_normal((40, 3)), np.repeat(["a", "b", "c"], [19, 19, 2])
    neighbours = KNeighborsClassifier(1)
    bag = BaggingClassifier(neighbours, n_estimators=8, max_samples=4, random_state=0).fit(X, y)
    assert min(len(member.classes_) for member in bag.estimators_) < 3
    pruned = prune_tree(bag, X, y)
    assert mean_squared(pruned, X, y) <= mean_squared(bag, X, y)
    assert pruned.predict_proba(X).shape == (40, 3)


def test_out_of_bag_scores_go_with_the_members(labelled):
    X, y, X_val, y_val = labelled
    forest = RandomForestClassifier(40, oob_score=True, random_state=0).fit(X, y)
    pruned = prune_tree(forest, X_val, y_val)
    assert not hasattr(pruned, "oob_score_")
    assert hasattr(forest, "oob_score_")


def test_labels_may_be_objects_in_several_columns(labelled):
    X, y = labelled[:2]
    names = y.astype(object)
    for labels in (names, np.column_stack([names, names[::-1]])):
        pruner = TreePruner(DecisionTreeClassifier(random_state=0), random_state=0)
        assert set(pruner.fit(X, labels).predict(X).ravel()) <= set(names)


def test_rows_of_weight_zero_are_as_good_as_absent(labelled):
    X, y = labelled[:2]
    weights = np.arange(len(y)) % 2
    pruner = TreePruner(DecisionTreeClassifier(random_state=0), random_state=0)
    without = clone(pruner).fit(X[weights > 0], y[weights > 0])
    found = pruner.fit(X, y, sample_weight=weights)
    np.testing.assert_array_equal(found.predict(X), without.predict(X))
    assert found.n_leaves_before_ == without.n_leaves_before_


def test_what_is_no_tree_is_refused_by_name(labelled):
    X, y, X_val, y_val = labelled
    with pytest.raises(TypeError, match="GradientBoostingClassifier"):
        prune_tree(GradientBoostingClassifier(), X_val, y_val)
    with pytest.raises(TypeError, match="LogisticRegression"):
        TreePruner(LogisticRegression()).fit(X, y)
    with pytest.raises(NotFittedError):
        prune_tree(DecisionTreeClassifier(), X_val, y_val)
    linear = clone(FORESTS["linear"]).fit(X, y)
    with pytest.raises(TypeError, match="LogisticRegression"):
        prune_tree(linear, X_val, y_val, method="reduced-error")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "ensemble"}, TypeError, "single DecisionTreeClassifier"),
        ({"method": "ccp"}, ValueError, "'ccp'"),
        ({"n_estimators": 3}, TypeError, "single tree"),
        ({"sample_weight": [-1.0] * 200}, ValueError, "non-negative"),
    ],
)
def test_options_that_do_not_suit_are_refused(labelled, options, error, message):
    X, y, X_val, y_val = labelled
    tree = DecisionTreeClassifier(random_state=0).fit(X, y)
    with pytest.raises(error, match=message):
        prune_tree(tree, X_val, y_val, **options)


def test_validation_rows_that_do_not_fit_the_tree_are_refused(labelled):
    X, y, X_val, y_val = labelled
    tree = DecisionTreeClassifier(random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="'yew'"):
        prune_tree(tree, X_val, np.where(y_val == "oak", "yew", y_val))
    with pytest.raises(ValueError, match="got shape"):
        prune_tree(tree, X_val, y_val[:-1])
    with pytest.raises(ValueError, match="features"):
        prune_tree(tree, X_val[:, 1:], y_val)
    forest = RandomForestClassifier(5, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="from 1 to 5"):
        prune_tree(forest, X_val, y_val, n_estimators=6)


def test_a_pruner_keeps_a_frozen_tree_as_it_is(labelled):
    X, y, X_val, y_val = labelled
    tree = DecisionTreeClassifier(random_state=0).fit(X, y)
    before = pickle.dumps(tree)
    pruner = TreePruner(FrozenEstimator(tree)).fit(X_val, y_val)
    assert pickle.dumps(tree) == before
    assert pruner.n_leaves_before_ == tree.get_n_leaves() > pruner.n_leaves_
    expected = prune_tree(tree, X_val, y_val)
    assert (pruner.predict_proba(X) == expected.predict_proba(X)).all()
    with pytest.raises(NotFittedError):
        TreePruner(FrozenEstimator(DecisionTreeClassifier())).fit(X_val, y_val)


def test_a_pruner_works_in_company(labelled):
    X, y, X_val, y_val = labelled
    model = make_pipeline(StandardScaler(), TreePruner(DecisionTreeClassifier(), random_state=0))
    grid = {"treepruner__estimator__max_depth": [2, 6], "treepruner__validation_fraction": [0.3]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, y)
    assert search.score(X_val, y_val) > 0.4
    assert list(search.classes_) == list(LABELS)


def by_skops(model):
    skops = pytest.importorskip("skops.io")
    stored = skops.dumps(model)
    return skops.loads(stored, trusted=skops.get_untrusted_types(data=stored))


@pytest.mark.parametrize(
    "store", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)), by_skops]
)
@pytest.mark.parametrize("inner", [DecisionTreeClassifier(), RandomForestClassifier(8)])
def test_a_pruner_can_be_stored(labelled, store, inner):
    X, y, X_val, _ = labelled
    pruner = TreePruner(inner, validation_fraction=0.3, random_state=0).fit(X, y)
    assert (store(pruner).predict_proba(X_val) == pruner.predict_proba(X_val)).all()
    again = clone(pruner).fit(X, y)
    assert (again.predict_proba(X_val) == pruner.predict_proba(X_val)).all()


@pytest.mark.parametrize("method", ["reduced-error", "ensemble"])
def test_names_of_features_are_those_of_the_fit(labelled, method):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    X, y, X_val, y_val = labelled
    names = [f"leaf {j}" for j in range(X.shape[1])]
    frame, frame_val = (pandas.DataFrame(rows, columns=names) for rows in (X, X_val))
    inner = RandomForestClassifier(5) if method == "ensemble" else DecisionTreeClassifier()
    pruner = TreePruner(inner, method=method, random_state=0).fit(frame, y)
    assert list(pruner.feature_names_in_) == names
    assert pruner.score(frame_val, y_val) > 0.4
    fitted = clone(inner).fit(frame, y)
    pruned = prune_tree(fitted, frame_val, y_val, method=method)
    assert list(pruned.feature_names_in_) == names
    with pytest.raises(ValueError, match="feature names"):
        prune_tree(fitted, frame_val[names[::-1]], y_val, method=method)


def test_a_class_of_one_sample_is_fitted_not_held_out(rng):
    X, y = rng.standard_normal((30, 2)), np.repeat([0, 1, 2], [15, 14, 1])
    for seed in range(10):
        pruner = TreePruner(
            DecisionTreeClassifier(), validation_fraction=0.4, random_state=seed
        ).fit(X, y)
        assert list(pruner.classes_) == [0, 1, 2]


def test_weights_are_split_with_the_rows(labelled):
    X, y, *_ = labelled
    weights = 1.0 + np.arange(len(y)) % 2
    pruner = TreePruner(DecisionTreeClassifier(), validation_fraction=0.3, random_state=0)
    fitted = pruner.fit(X, y, sample_weight=weights).estimator_.tree_
    assert fitted.weighted_n_node_samples[0] > fitted.n_node_samples[0] == 140


@parametrize_with_checks(
    [
        TreePruner(DecisionTreeClassifier()),
        TreePruner(DecisionTreeRegressor()),
        TreePruner(RandomForestClassifier(5)),
        TreePruner(RandomForestRegressor(5), method="reduced-error"),
    ]
)
def test_check(estimator, check):
    check(estimator)


def test_samples_that_cannot_judge_are_refused_by_name():
    X = np.arange(2.0)[:, None]
    with pytest.raises(ValueError, match="`validation_fraction=0.1` of n_samples=2 holds out only"):
        TreePruner(DecisionTreeClassifier(), random_state=0).fit(X, [0, 1])
