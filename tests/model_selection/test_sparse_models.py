"""PathGridSearchCV over the package's own models, beside GridSearchCV."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsekit.datasets import load_sms_spam, make_sparse_regression
from sparsekit.linear_model import ElasticNet, Lasso, SparseLogisticRegression
from sparsekit.model_selection import PathGridSearchCV
from tests.model_selection.test_same_as_grid_search import assert_same_results

# The share of the objective within which fits stop: coefficients differ by its square root or so.
# Rounding resolves the logistic objective less far, but Newton's last step is better than asked.
TIGHT = 1e-12
TIGHT_LOGISTIC = 1e-10


@pytest.fixture(scope="module")
def messages():
    data, target = load_sms_spam(return_X_y=True)
    return data[:500], np.array(["ham", "spam"])[target[:500]]


@pytest.fixture(scope="module")
def numbers():
    X, y = make_sparse_regression(
        n_samples=80, n_features=120, n_informative=6, density=0.2, snr=5.0, random_state=0
    )[:2]
    return sparse.csr_matrix(X), y


def both(estimator, grid, data, fit_params=None, **options):
    ours, theirs = (
        search(estimator, grid, **options).fit(*data, **(fit_params or {}))
        for search in (PathGridSearchCV, GridSearchCV)
    )
    assert_same_results(ours.cv_results_, theirs.cv_results_)
    assert ours.best_params_ == theirs.best_params_
    return ours


def test_words_that_tell_spam(messages):
    pipeline = Pipeline(
        [("words", TfidfVectorizer()), ("model", SparseLogisticRegression(tol=TIGHT_LOGISTIC))]
    )
    grid = {
        "model__alpha": [0.001, 0.004, 0.002],
        "words__min_df": [1, 3],
        "model__fit_intercept": [True, False],
    }
    ours = both(
        pipeline, grid, messages, cv=3, scoring=["neg_log_loss", "f1_macro"], refit="neg_log_loss"
    )
    assert set(ours.classes_) == {"ham", "spam"}
    assert 0 < (ours.best_estimator_["model"].coef_ != 0).sum() < 200


@pytest.mark.parametrize("model", [Lasso(tol=TIGHT), ElasticNet(l1_ratio=0.7, tol=TIGHT)])
@pytest.mark.parametrize("weighted", [False, True])
def test_regressions_on_sparse_data(model, weighted, numbers):
    weight = np.random.default_rng(0).integers(0, 3, 80) + 0.5
    step = type(model).__name__.lower()
    both(
        make_pipeline(MaxAbsScaler(), model),
        {f"{step}__alpha": np.geomspace(0.05, 0.002, 6), f"{step}__positive": [False, True]},
        numbers,
        {f"{step}__sample_weight": weight} if weighted else None,
        return_train_score=True,
    )


@pytest.mark.parametrize("convert", [sparse.csc_array, sparse.csr_matrix, sparse.coo_array])
def test_a_bare_lasso_on_sparse_formats(convert, numbers):
    X, y = numbers
    both(Lasso(tol=TIGHT), {"alpha": [0.01, 0.1, 0.03]}, (convert(X), y), n_jobs=1)


def test_more_classes(messages):
    data, target = messages
    three = np.where(np.char.count(data.astype(str), "?") > 0, "asks", target)
    pipeline = make_pipeline(
        TfidfVectorizer(min_df=3), SparseLogisticRegression(tol=TIGHT_LOGISTIC)
    )
    grid = {"sparselogisticregression__alpha": [0.005, 0.001]}
    both(pipeline, grid, (data, three), cv=2)


def test_one_standard_error_gives_fewer_words(messages):
    pipeline = make_pipeline(TfidfVectorizer(), SparseLogisticRegression())
    search = PathGridSearchCV(
        pipeline,
        {"sparselogisticregression__alpha": np.geomspace(0.05, 0.0005, 12)},
        scoring="neg_log_loss",
        cv_rule="1se",
    ).fit(*messages)
    assert search.best_index_ <= search.best_index_min_
    mean = search.cv_results_["mean_test_score"]
    folds = [search.cv_results_[f"split{k}_test_score"][search.best_index_min_] for k in range(5)]
    bar = mean.max() - np.std(folds, ddof=1) / np.sqrt(5)
    assert search.best_index_ == np.flatnonzero(mean >= bar)[0]


def test_jobs_in_other_processes_score_alike(messages):
    pipeline = make_pipeline(TfidfVectorizer(min_df=2), SparseLogisticRegression())
    grid = {"sparselogisticregression__alpha": [0.005, 0.001]}
    alone, together = (
        PathGridSearchCV(pipeline, grid, cv=2, n_jobs=n_jobs).fit(*messages) for n_jobs in (1, 2)
    )
    assert_same_results(together.cv_results_, alone.cv_results_)


@parametrize_with_checks(
    [
        PathGridSearchCV(model, {"alpha": [0.003, 0.01]}, cv=2, error_score="raise")
        for model in (Lasso(), SparseLogisticRegression())
    ],
)
@pytest.mark.filterwarnings("default")
def test_scikit_learn_checks(estimator, check):
    check(estimator)
