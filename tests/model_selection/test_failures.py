"""Candidates, paths, pre-steps and scorers that fail."""

import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import make_regression
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from sparsekit.model_selection import PathGridSearchCV
from tests.model_selection.path_estimators import CALLS, BrittlePathRidge, PathRidge
from tests.model_selection.test_same_as_grid_search import assert_same_results

ALPHAS = [0.1, 10.0, 1.0]


@pytest.fixture(scope="module")
def data():
    return make_regression(n_samples=40, n_features=4, random_state=0)


def both(estimator, grid, data, **options):
    """Return both searches' results, and the texts of the warnings each gave."""
    found = []
    for search in (PathGridSearchCV, GridSearchCV):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            results = search(estimator, grid, cv=2, **options).fit(*data).cv_results_
        found.append((results, sorted((w.category.__name__, str(w.message)) for w in caught)))
    return found


@pytest.mark.parametrize("error_score", [np.nan, -5.0])
@pytest.mark.parametrize("scoring", [None, ["r2", "neg_max_error"]])
def test_a_failing_point_is_isolated(error_score, scoring, data):
    (ours, our_warnings), (theirs, their_warnings) = both(
        BrittlePathRidge(breaks_at=1.0),
        {"alpha": ALPHAS},
        data,
        error_score=error_score,
        scoring=scoring,
        refit=False,
    )
    assert_same_results(ours, theirs)
    assert [w[0] for w in our_warnings] == [w[0] for w in their_warnings]
    assert any("2 fits failed out of a total of 6" in text for _, text in our_warnings)


def test_points_walked_before_the_failure_are_kept(data):
    CALLS.reset()
    with pytest.warns(FitFailedWarning), pytest.warns(UserWarning, match="non-finite"):
        PathGridSearchCV(
            BrittlePathRidge(breaks_at=1.0), {"alpha": [0.1, 1.0, 2.0, 5.0]}, cv=2, refit=False
        ).fit(*data)
    # 5, 2 and the failing 1 by the path; 0.1 after the plain fit at 1 failed before counting.
    assert CALLS.counts["point"] == 2 * 3 and CALLS.counts["fit"] == 2


def test_a_path_at_fault_alone_is_reported(data):
    brittle = BrittlePathRidge(breaks_at=1.0, fit_breaks=False)
    with pytest.warns(
        RuntimeWarning, match=r"path of fold \d .*no path at alpha=1.0.* one by one: 2;"
    ):
        ours = PathGridSearchCV(brittle, {"alpha": ALPHAS}, cv=2).fit(*data)
    theirs = GridSearchCV(brittle, {"alpha": ALPHAS}, cv=2).fit(*data)
    assert_same_results(ours.cv_results_, theirs.cv_results_)


def test_a_path_that_ends_early_is_completed(data):
    class Short(PathRidge):
        def fit_path(self, X, y, alphas, sample_weight=None):
            return super().fit_path(X, y, alphas[:1], sample_weight)

    with pytest.warns(RuntimeWarning, match="StopIteration"):
        ours = PathGridSearchCV(Short(), {"alpha": ALPHAS}, cv=2).fit(*data)
    assert_same_results(
        ours.cv_results_, GridSearchCV(PathRidge(), {"alpha": ALPHAS}, cv=2).fit(*data).cv_results_
    )


class _Complaining(PathRidge):
    def fit(self, X, y, sample_weight=None):
        if self.alpha == 1.0:
            warnings.warn("alpha=1.0 did not converge", UserWarning, stacklevel=1)
        return super().fit(X, y, sample_weight)

    def fit_path(self, X, y, alphas, sample_weight=None):
        yield from super().fit_path(X, y, alphas, sample_weight)
        warnings.warn("one of many did not converge", UserWarning, stacklevel=1)


def test_what_a_path_says_at_its_end_is_heard(data):
    with pytest.warns(UserWarning, match="one of many did not converge") as heard:
        PathGridSearchCV(_Complaining(), {"alpha": ALPHAS}, cv=2, refit=False).fit(*data)
    assert len(heard) == 2


def test_warnings_as_errors_fail_the_candidates_they_concern(data):
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*did not converge")
        warnings.filterwarnings("ignore", category=FitFailedWarning)
        warnings.filterwarnings("ignore", message="One or more of the test scores")
        found = [
            search(_Complaining(), {"alpha": ALPHAS}, cv=2, refit=False).fit(*data).cv_results_
            for search in (PathGridSearchCV, GridSearchCV)
        ]
    assert_same_results(*found)
    assert np.isnan(found[0]["mean_test_score"]).tolist() == [False, False, True]


class _Picky(TransformerMixin, BaseEstimator):
    def __init__(self, refuses_fit=False, refuses_transform=False):
        self.refuses_fit = refuses_fit
        self.refuses_transform = refuses_transform

    def fit(self, X, y=None):
        if self.refuses_fit:
            raise ArithmeticError("no fit")
        return self

    def fit_transform(self, X, y=None):
        return self.fit(X) and X

    def transform(self, X):
        if self.refuses_transform:
            raise ArithmeticError("no transformation")
        return X


@pytest.mark.parametrize("parameter", ["refuses_fit", "refuses_transform"])
def test_a_failing_pre_step_spoils_its_own_candidates_only(parameter, data):
    pipeline = Pipeline([("pre", _Picky()), ("last", PathRidge())])
    grid = {"last__alpha": ALPHAS, f"pre__{parameter}": [True, False]}
    (ours, our_warnings), (theirs, their_warnings) = both(pipeline, grid, data, refit=False)
    assert_same_results(ours, theirs)
    assert [w[0] for w in our_warnings] == [w[0] for w in their_warnings]


def test_error_score_raise_raises_what_the_fit_raised(data):
    search = PathGridSearchCV(
        BrittlePathRidge(breaks_at=1.0), {"alpha": ALPHAS}, error_score="raise"
    )
    with pytest.raises(ArithmeticError, match="no fit at alpha=1.0"):
        search.fit(*data)


def test_all_fits_failing_is_an_error(data):
    with pytest.raises(ValueError, match="All the 4 fits failed"):
        PathGridSearchCV(BrittlePathRidge(breaks_at=1.0), {"alpha": [1.0, 1.0]}, cv=2).fit(*data)


def _failing_scorer(estimator, X, y):
    raise ArithmeticError("no score")


def test_a_failing_scorer_gives_the_error_score(data):
    (ours, our_warnings), (theirs, their_warnings) = both(
        PathRidge(), {"alpha": ALPHAS}, data, scoring=_failing_scorer, refit=False
    )
    assert_same_results(ours, theirs)
    assert [w[0] for w in our_warnings] == [w[0] for w in their_warnings]


def test_a_failing_scorer_raises_on_request(data):
    with pytest.raises(ArithmeticError, match="no score"):
        PathGridSearchCV(
            PathRidge(), {"alpha": ALPHAS}, scoring=_failing_scorer, error_score="raise"
        ).fit(*data)


def test_a_score_that_is_no_number_is_an_error(data):
    with pytest.raises(ValueError, match="scoring must return a number"):
        PathGridSearchCV(PathRidge(), {"alpha": ALPHAS}, scoring=lambda e, X, y: "good").fit(*data)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"param_grid": {"beta": [1]}}, "Invalid parameter 'beta'"),
        ({"cv": 1}, "'cv' parameter of PathGridSearchCV must be an int in the range"),
        ({"cv_rule": "2se"}, "'cv_rule' parameter of PathGridSearchCV must be a str among"),
        ({"cv_rule": "1se", "refit": len}, "both choose the candidate"),
        ({"cv_rule": "1se", "param_grid": {"scale": [1.0]}}, "'alpha', but `param_grid` holds"),
        ({"scoring": ["r2", "neg_max_error"]}, "refit must be set to a scorer key"),
        ({"scoring": lambda e, X, y: {"a": 1.0, "b": 2.0}}, "refit must be set to a scorer key"),
        ({"param_grid": []}, "No fits were performed"),
    ],
)
def test_bad_parameters_are_refused(options, message, data):
    options = {"param_grid": {"alpha": ALPHAS}} | options
    with pytest.raises(ValueError, match=message):
        PathGridSearchCV(PathRidge(), **options).fit(*data)


def test_splitter_that_miscounts_is_refused(data):
    class Miscounts:
        def get_n_splits(self, X=None, y=None, groups=None):
            return 3

        def split(self, X, y=None, groups=None):
            yield np.arange(20), np.arange(20, 40)

    with pytest.raises(ValueError, match="Expected 3 splits, got 1"):
        PathGridSearchCV(PathRidge(), {"alpha": ALPHAS}, cv=Miscounts()).fit(*data)
