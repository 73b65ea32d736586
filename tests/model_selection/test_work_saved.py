"""What PathGridSearchCV does once where GridSearchCV does it again and again."""

import numpy as np
import pytest
from sklearn.datasets import make_regression
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline

from sparsekit.model_selection import PathGridSearchCV
from tests.model_selection.path_estimators import CALLS, CountingScaler, PathRidge

ALPHAS = [0.1, 10.0, 1.0]
N_FOLDS = 4


@pytest.fixture(autouse=True)
def _no_calls():
    CALLS.reset()


@pytest.fixture(scope="module")
def data():
    return make_regression(n_samples=40, n_features=4, random_state=0)


def count(estimator, grid, data, **options):
    PathGridSearchCV(estimator, grid, cv=N_FOLDS, refit=False, **options).fit(*data)
    return CALLS.counts


def two_steps():
    return Pipeline([("pre", CountingScaler()), ("last", PathRidge())])


def test_a_path_fits_its_pre_steps_once_per_fold(data):
    assert count(two_steps(), {"last__alpha": ALPHAS}, data) == {
        "pre_fit": N_FOLDS,
        "fit_path": N_FOLDS,
        "point": N_FOLDS * len(ALPHAS),
        "transform": N_FOLDS,
    }


def test_paths_that_differ_in_the_last_step_share_the_pre_steps(data):
    grid = {"last__alpha": ALPHAS, "last__scale": [1.0, 2.0], "pre__by": [1.0, 2.0, 3.0]}
    calls = count(two_steps(), grid, data)
    assert calls["pre_fit"] == 3 * N_FOLDS
    assert calls["fit_path"] == 2 * 3 * N_FOLDS
    assert calls["transform"] == 3 * N_FOLDS
    assert "fit" not in calls


def test_grids_of_a_list_share_the_pre_steps(data):
    grid = [{"last__alpha": ALPHAS}, {"last__scale": [2.0]}, {"last": [PathRidge(), PathRidge(2)]}]
    assert count(two_steps(), grid, data)["pre_fit"] == N_FOLDS


def test_nested_pipelines_fit_their_pre_steps_once_per_fold(data):
    nested = Pipeline([("outer", CountingScaler()), ("inner", two_steps())])
    calls = count(nested, {"inner__last__alpha": ALPHAS}, data)
    assert calls["pre_fit"] == 2 * N_FOLDS
    assert calls["transform"] == 2 * N_FOLDS


def test_equal_candidates_are_one_point(data):
    assert count(PathRidge(), {"alpha": [1.0, 1, 1.0]}, data)["point"] == N_FOLDS


@pytest.mark.parametrize("scoring", [["r2", "neg_max_error"], lambda e, X, y: e.predict(X).sum()])
def test_any_scorer_has_each_side_of_a_fold_transformed_once(scoring, data):
    calls = count(
        two_steps(), {"last__alpha": ALPHAS}, data, scoring=scoring, return_train_score=True
    )
    assert calls["transform"] == 2 * N_FOLDS


def test_the_path_is_walked_from_the_strongest_penalty(data):
    walked = []

    class Watched(PathRidge):
        def fit_path(self, X, y, alphas, sample_weight=None):
            walked.append(list(alphas))
            return super().fit_path(X, y, alphas, sample_weight)

    PathGridSearchCV(Watched(), {"alpha": ALPHAS}, cv=2).fit(*data)
    assert walked == [[10.0, 1.0, 0.1]] * 2


def test_what_is_no_penalty_is_left_to_a_plain_fit(data):
    class Lenient(PathRidge):
        def _solve(self, X, y, sample_weight=None):
            self.alpha = abs(float(self.alpha))
            return super()._solve(X, y, sample_weight)

    grid = {"alpha": [1.0, -1.0, "2.0", np.float64(0.0)]}
    theirs = GridSearchCV(Lenient(), grid, cv=N_FOLDS).fit(*data).cv_results_["mean_test_score"]
    CALLS.reset()
    ours = PathGridSearchCV(Lenient(), grid, cv=N_FOLDS, refit=False).fit(*data)
    np.testing.assert_allclose(ours.cv_results_["mean_test_score"], theirs)
    assert CALLS.counts["point"] == 2 * N_FOLDS and CALLS.counts["fit"] == 2 * N_FOLDS


def test_no_path_without_fit_path(data):
    pipeline = Pipeline([("pre", CountingScaler()), ("last", Ridge())])
    calls = count(pipeline, {"last__alpha": ALPHAS}, data)
    assert calls == {"pre_fit": 3 * N_FOLDS, "transform": 3 * N_FOLDS}


def test_times_are_shared_equally_within_a_fold(data):
    search = PathGridSearchCV(two_steps(), {"last__alpha": ALPHAS}, cv=N_FOLDS).fit(*data)
    for key in ("mean_fit_time", "std_fit_time"):
        times = search.cv_results_[key]
        assert np.ptp(times) <= 1e-9 * times.max()
    assert (search.cv_results_["mean_fit_time"] > 0).all()
    assert (search.cv_results_["mean_score_time"] > 0).all()


def test_the_searched_estimator_is_left_alone(data):
    pipeline = make_pipeline(CountingScaler(), PathRidge(alpha=7.0))
    before = dict(vars(pipeline)), dict(vars(pipeline[0])), dict(vars(pipeline[-1]))
    PathGridSearchCV(pipeline, {"pathridge__alpha": ALPHAS}).fit(*data)
    assert (vars(pipeline), vars(pipeline[0]), vars(pipeline[-1])) == before


def test_best_estimator_remembers_nothing_of_the_folds(data):
    search = PathGridSearchCV(two_steps(), {"last__alpha": ALPHAS}).fit(*data)
    assert "transform" not in vars(search.best_estimator_["pre"])


@pytest.mark.parametrize(
    ("verbose", "lines"), [(0, 0), (1, 1), (2, 1 + 6), (3, 1 + 6), (10, 1 + 6)]
)
def test_verbose_prints_a_line_per_point(verbose, lines, data, capsys):
    PathGridSearchCV(PathRidge(), {"alpha": ALPHAS}, cv=2, verbose=verbose).fit(*data)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == lines
    if verbose:
        assert printed[0].startswith(
            "Fitting 2 folds for each of 3 candidates, totalling 6 fits, 6 of them on 2 "
        )
    if verbose > 2:
        assert "[CV 2/2" in printed[-1] and "alpha=0.1; score=" in printed[-1]
