"""The one-standard-error rule against sums by hand."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_regression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sparsekit.model_selection import PathGridSearchCV
from tests.model_selection.path_estimators import PathRidge


class Scripted(PathRidge):
    """Estimator whose score on the fold that begins with row k is `table[(alpha, scale)][k]`."""

    def __init__(self, alpha=1.0, scale=1.0, table=None):
        super().__init__(alpha, scale)
        self.table = table

    def score(self, X, y):
        return self.table[self.alpha, self.scale][int(X[0, 0])]


def search(table, grid, n_folds, **options):
    rows = np.arange(n_folds, dtype=float).repeat(2)
    X = np.column_stack([rows, np.arange(2 * n_folds) ** 2])
    splits = [(np.flatnonzero(rows != k), np.flatnonzero(rows == k)) for k in range(n_folds)]
    options = {"cv_rule": "1se"} | options
    return PathGridSearchCV(Scripted(table=table), grid, cv=splits, **options).fit(X, rows)


# Best mean 0.8 at alpha=0.1; its folds' deviation is 0.1, so the standard error is 0.1/sqrt(4).
BEST = [0.7, 0.8, 0.9, 0.8]
DEVIATION = np.sqrt(((0.1**2) * 2) / 3)


def test_takes_the_largest_alpha_within_one_standard_error():
    within, beyond = 0.8 - 0.99 * DEVIATION / 2, 0.8 - 1.01 * DEVIATION / 2
    table = {
        (0.01, 1.0): [0.75] * 4,
        (0.1, 1.0): BEST,
        (1.0, 1.0): [within] * 4,
        (10.0, 1.0): [beyond] * 4,
    }
    found = search(table, {"alpha": [0.01, 0.1, 1.0, 10.0]}, 4)
    assert (found.best_index_, found.best_index_1se_, found.best_index_min_) == (2, 2, 1)
    assert found.best_params_ == {"alpha": 1.0}
    assert found.best_estimator_.alpha == 1.0
    assert found.best_score_ == pytest.approx(within)
    assert found.cv_results_["rank_test_score"].argmin() == 1


def test_min_rule_records_the_other_choice():
    table = {(0.1, 1.0): BEST, (1.0, 1.0): [0.79] * 4}
    found = search(table, {"alpha": [0.1, 1.0]}, 4, cv_rule="min")
    assert (found.best_index_, found.best_index_min_, found.best_index_1se_) == (0, 0, 1)


def test_only_candidates_alike_but_for_alpha_are_compared():
    table = {(0.1, 1.0): BEST, (1.0, 1.0): [0.1] * 4, (0.1, 2.0): [0.79] * 4, (1.0, 2.0): BEST}
    table[1.0, 2.0] = [0.79] * 4
    found = search(table, {"alpha": [0.1, 1.0], "scale": [1.0, 2.0]}, 4)
    assert found.best_params_ == {"alpha": 0.1, "scale": 1.0}


def test_other_parameters_of_the_best_are_kept():
    table = {(0.1, 1.0): [0.5] * 4, (1.0, 1.0): [0.5] * 4, (0.1, 2.0): BEST, (1.0, 2.0): BEST[::-1]}
    found = search(table, {"alpha": [0.1, 1.0], "scale": [1.0, 2.0]}, 4)
    assert found.best_params_ == {"alpha": 1.0, "scale": 2.0}


def test_of_equal_alphas_the_earlier_is_taken():
    table = {(0.1, 1.0): BEST, (1.0, 1.0): [0.79] * 4}
    found = search(table, {"alpha": [1, 0.1, 1.0]}, 4)
    assert found.best_index_ == 0


def test_one_fold_leaves_only_ties():
    table = {(0.1, 1.0): [0.8] * 2, (1.0, 1.0): [0.8] * 2, (10.0, 1.0): [0.79] * 2}
    rows = np.arange(4)
    found = PathGridSearchCV(
        Scripted(table=table),
        {"alpha": [0.1, 1.0, 10.0]},
        cv=[(rows[:2], rows[2:])],
        cv_rule="1se",
    ).fit(np.column_stack([rows % 2, rows]), rows)
    assert found.best_params_ == {"alpha": 1.0}


def test_failed_candidates_are_never_taken():
    table = {(0.1, 1.0): BEST, (1.0, 1.0): [0.8, np.nan, 0.8, 0.8]}
    with pytest.warns(UserWarning, match="non-finite"):
        found = search(table, {"alpha": [0.1, 1.0]}, 4)
    assert found.best_params_ == {"alpha": 0.1}


@pytest.fixture(scope="module")
def data():
    return make_regression(n_samples=60, n_features=8, noise=60.0, random_state=0)


def by_hand(results, metric, alphas, n_splits):
    scores = np.stack([results[f"split{k}_test_{metric}"] for k in range(n_splits)])
    best = scores.mean(0).argmax()
    bar = scores.mean(0)[best] - scores[:, best].std(ddof=1) / np.sqrt(n_splits)
    return max(i for i in range(len(alphas)) if scores.mean(0)[i] >= bar)


@pytest.mark.parametrize("refit", ["r2", "neg_mean_absolute_error"])
def test_the_refit_metric_decides(refit, data):
    alphas = np.logspace(-4, 2, 25)
    found = PathGridSearchCV(
        make_pipeline(StandardScaler(), PathRidge()),
        {"pathridge__alpha": alphas},
        scoring=["r2", "neg_mean_absolute_error"],
        refit=refit,
        cv_rule="1se",
    ).fit(*data)
    expected = by_hand(found.cv_results_, refit, alphas, 5)
    assert found.best_index_ == expected > found.best_index_min_
    assert found.best_score_ == found.cv_results_[f"mean_test_{refit}"][expected]


def test_the_rule_needs_no_refit(data):
    alphas = np.logspace(-4, 2, 25)
    search = PathGridSearchCV(PathRidge(), {"alpha": alphas}, cv_rule="1se", refit=False)
    found = clone(search).fit(*data)
    assert found.best_index_ == by_hand(found.cv_results_, "score", alphas, 5)
    assert not hasattr(found, "best_estimator_")
