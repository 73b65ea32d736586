"""PathGridSearchCV is an estimator like any other."""

import inspect
import pickle

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import make_regression
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsekit.model_selection import PathGridSearchCV
from tests.model_selection.path_estimators import PathLogistic, PathRidge

ALPHAS = [0.1, 10.0, 1.0]


@pytest.fixture(scope="module")
def data():
    return make_regression(n_samples=48, n_features=4, noise=30.0, random_state=0)


def test_parameters_and_defaults_are_those_of_grid_search():
    ours, theirs = (
        inspect.signature(search).parameters for search in (PathGridSearchCV, GridSearchCV)
    )
    assert list(ours) == [*theirs, "cv_rule"]
    for name, parameter in theirs.items():
        assert ours[name].kind == parameter.kind
        assert repr(ours[name].default) == repr(parameter.default)


def test_clone_keeps_every_parameter():
    search = PathGridSearchCV(PathRidge(), {"alpha": ALPHAS}, cv_rule="1se", cv=3, verbose=1)
    copied = clone(search).get_params()
    assert copied.pop("estimator") is not search.estimator
    assert copied == {k: v for k, v in search.get_params().items() if k != "estimator"}


def test_pickle_of_a_fitted_search(data):
    search = PathGridSearchCV(
        make_pipeline(StandardScaler(), PathRidge()), {"pathridge__alpha": ALPHAS}
    ).fit(*data)
    back = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(back.predict(data[0]), search.predict(data[0]))
    assert list(back.cv_results_) == list(search.cv_results_)


def test_kind_follows_the_estimator():
    assert is_classifier(PathGridSearchCV(PathLogistic(), {}))
    assert is_regressor(PathGridSearchCV(PathRidge(), {}))
    assert not hasattr(PathGridSearchCV(PathRidge(), {}), "predict_proba")


def test_search_within_cross_validation(data):
    ours, theirs = (
        cross_val_score(search(PathRidge(), {"alpha": ALPHAS}, cv=3), *data, cv=3)
        for search in (PathGridSearchCV, GridSearchCV)
    )
    np.testing.assert_allclose(ours, theirs)


def test_search_within_a_search(data):
    inner = PathGridSearchCV(PathRidge(), {"alpha": ALPHAS}, cv=3)
    outer = PathGridSearchCV(inner, {"cv_rule": ["min", "1se"]}, cv=3).fit(*data)
    assert outer.best_estimator_.best_params_["alpha"] in ALPHAS


def _searches():
    yield PathGridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2, error_score="raise")
    yield PathGridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2, error_score="raise")
    yield PathGridSearchCV(PathRidge(), {"alpha": [0.1, 1.0]}, cv=2, error_score="raise")
    yield PathGridSearchCV(
        make_pipeline(StandardScaler(with_mean=False), PathRidge()),
        {"pathridge__alpha": [0.1, 1.0]},
        cv=2,
        cv_rule="1se",
        error_score="raise",
    )


@parametrize_with_checks(list(_searches()))
@pytest.mark.filterwarnings("default")
def test_scikit_learn_checks(estimator, check):
    check(estimator)
