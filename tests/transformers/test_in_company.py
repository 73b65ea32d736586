"""Among other estimators: pipelines, searches, columns, named output, text."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler

from sparsekit.datasets import load_sms_spam
from tests.transformers._estimators import (
    ABSENT_IS_UNKNOWN,
    CLASSES,
    ORDERS,
    TAKES_SPARSE,
    TRANSFORMERS,
    assert_same_state,
    dense,
    make,
)


def with_dense_output(name):
    """Return an estimator whose output can be a table."""
    estimator = make(name)
    given = estimator.get_params()
    return estimator.set_params(sparse_output=False) if "sparse_output" in given else estimator


def named(X):
    return [f"x{j}" for j in range(X.shape[1])]


@pytest.mark.parametrize(
    ("name", "table"),
    [(name, pd.DataFrame) for name in TRANSFORMERS] + [(name, pl.DataFrame) for name in CLASSES],
)
def test_output_is_a_table_where_asked(name, table, data):
    X = pd.DataFrame(data(name), columns=named(data(name)))
    X = X if table is pd.DataFrame else pl.from_pandas(X)
    estimator = with_dense_output(name)
    codes = estimator.fit(X).transform(X)
    assert isinstance(codes, np.ndarray)
    estimator.set_output(transform=table.__module__.partition(".")[0])
    for output in (estimator.transform(X), estimator.fit_transform(X)):
        assert isinstance(output, table)
        assert list(output.columns) == list(estimator.get_feature_names_out())
        np.testing.assert_allclose(output.to_numpy(), codes, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_every_column_has_a_name_of_its_own(name, data, fitted):
    estimator = fitted(name)
    names = estimator.get_feature_names_out()
    assert names.dtype == object and len(set(names)) == len(names)
    assert estimator.transform(data(name)).shape == (60, len(names))
    keeps_features = not hasattr(estimator, "inverse_transform")
    prefix = "x" if keeps_features else type(estimator).__name__.lower()
    assert names.tolist() == [f"{prefix}{j}" for j in range(len(names))]
    if keeps_features:
        given = [f"pixel {j}" for j in range(12)]
        assert estimator.get_feature_names_out(given).tolist() == given


@pytest.mark.parametrize(
    "name", [name for name in TRANSFORMERS if hasattr(make(name), "inverse_transform")]
)
def test_codes_go_back_to_rows(name, data, fitted):
    X = data(name)
    estimator = fitted(name)
    codes = estimator.transform(X)
    rows = estimator.inverse_transform(codes)
    assert type(rows) is np.ndarray and rows.shape == X.shape
    np.testing.assert_allclose(rows, estimator.inverse_transform(dense(codes)), atol=1e-12)
    # Codes exist to represent the data: they do so better than the mean does.
    assert name in ORDERS or np.linalg.norm(X - rows) < np.linalg.norm(X - X.mean(axis=0))


@pytest.mark.skipif("sparse_interface" not in sklearn.get_config(), reason="needs scikit-learn 1.9")
@pytest.mark.parametrize("kind", ["spmatrix", "sparray"])
@pytest.mark.parametrize("name", TRANSFORMERS)
def test_sparse_output_follows_the_sparse_interface(name, kind, data):
    if "sparse_output" not in make(name).get_params():
        return
    X = data(name)
    estimator = make(name, sparse_output=True).fit(X)
    with sklearn.config_context(sparse_interface=kind):
        for codes in (estimator.transform(X), estimator.fit_transform(X)):
            assert sparse.issparse(codes) and codes.format == "csr"
            assert isinstance(codes, sparse.sparray) == (kind == "sparray")
            assert codes.has_canonical_format and np.all(codes.data != 0)
            assert codes.indices.dtype == np.int32


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_sparse_and_dense_output_are_the_same_codes(name, data):
    if "sparse_output" not in make(name).get_params():
        return
    X = data(name)
    outputs = [make(name, sparse_output=flag).fit(X).transform(X) for flag in (True, False)]
    assert type(outputs[1]) is np.ndarray
    np.testing.assert_array_equal(outputs[0].toarray(), outputs[1])


# Pipelines


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_it_is_a_step_of_a_pipeline(name, data, rng):
    X = data(name)
    y = X[:, 0] + 0.1 * rng.standard_normal(len(X))
    model = make_pipeline(MaxAbsScaler(), make(name), Ridge()).fit(X, y)
    assert model.predict(X).shape == y.shape
    assert model[:-1].get_feature_names_out().shape == (model[1].transform(X[:1]).shape[1],)


@pytest.mark.parametrize("name", CLASSES)
def test_it_is_part_of_unions_and_of_column_transformers(name, data):
    X = pd.DataFrame(data(name), columns=named(data(name)))
    union = make_union(with_dense_output(name), PCA(2)).fit(X)
    width = len(union.get_feature_names_out())
    assert dense(union.transform(X)).shape == (60, width)
    wide = X.assign(label="a")
    columns = ColumnTransformer([("codes", with_dense_output(name), named(X))], remainder="drop")
    table = columns.set_output(transform="pandas").fit_transform(wide)
    assert table.shape == (60, width - 2)
    assert all(column.startswith("codes__") for column in table.columns)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_union_of_all_may_run_in_worker_processes(n_jobs, data):
    X = data("SparseNMF frobenius")
    names = [name for name in CLASSES if not name.startswith("WaveletShrinkage")]
    union = FeatureUnion([(name, make(name)) for name in names], n_jobs=n_jobs).fit(X)
    for (_, estimator), alone in zip(union.transformer_list, map(make, names)):
        assert_same_state(estimator, alone.fit(X))


GRIDS = {
    "SparseCoder omp": {"transform_n_nonzero_coefs": [1, 4]},
    "SparseCoder lasso": {"transform_alpha": [0.1, 1.0]},
    "DictionaryLearning lasso": {"n_components": [2, 8], "alpha": [0.1, 1.0]},
    "MiniBatchDictionaryLearning lasso": {"n_components": [2, 8]},
    "SparsePCA cd": {"n_components": [1, 3], "alpha": [0.5, 5.0]},
    "MiniBatchSparsePCA cd": {"n_components": [1, 3]},
    "SparseNMF frobenius": {"n_components": [1, 3], "alpha_W": [0.0, 1e-3]},
    "SparseSVD truncated": {"n_components": [1, 3], "center": [False, True]},
    "MatrixFactorization pcg": {"n_components": [1, 3], "fit_bias": [False, True]},
    "ImplicitFactorization pcg": {"n_components": [1, 3], "alpha": [0.01, 1.0]},
    "BayesianFactorization biased": {"n_components": [1, 3], "fit_bias": [False, True]},
    "RankingFactorization bpr": {"n_components": [1, 3], "alpha": [0.01, 0.1]},
    "SparseLinearMethod positive": {"alpha": [0.01, 0.1], "l1_ratio": [0.005, 0.5]},
    "EASE": {"alpha": [0.01, 1.0]},
    "Thresholder universal": {"rule": ["universal", "sure", "bayes"], "shape": ["soft", "hard"]},
    "WaveletShrinkage sure": {"rule": ["universal", "sure"], "wavelet": ["haar", "db2"]},
}


@pytest.mark.parametrize("name", GRIDS)
def test_a_search_over_its_parameters_gives_the_same_on_two_cores(name, data, rng):
    X = data(name)
    estimator, grid, y = make(name), GRIDS[name], None
    if not hasattr(estimator, "score"):
        y = X[:, 0] + 0.1 * rng.standard_normal(len(X))
        estimator = make_pipeline(estimator, Ridge())
        grid = {f"{estimator.steps[0][0]}__{key}": values for key, values in grid.items()}
    searches = [
        GridSearchCV(estimator, grid, cv=2, n_jobs=n_jobs, error_score="raise").fit(X, y)
        for n_jobs in (1, 2)
    ]
    scores = [search.cv_results_["mean_test_score"] for search in searches]
    assert np.isfinite(scores[0]).all() and len(set(scores[0])) > 1
    np.testing.assert_array_equal(*scores)
    assert searches[0].best_params_ == searches[1].best_params_


# Text


@pytest.fixture(scope="module")
def texts():
    """Return 150 short messages, and a vectorizer fitted to them."""
    texts = load_sms_spam().data[:150]
    return texts, TfidfVectorizer(min_df=4).fit(texts)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", TAKES_SPARSE)
def test_it_takes_text_from_a_vectorizer(name, texts):
    texts, tfidf = texts
    n_words = len(tfidf.get_feature_names_out())
    estimator = make(name)
    given = {
        "alpha": 0.02,
        "alpha_W": 1e-4,
        "dictionary": tfidf.transform(texts[:8]).toarray(),
        "max_iter": 10,
        "noise": 0.05,
        "threshold": np.linspace(0, 0.5, n_words),
    }
    has = [key for key, value in estimator.get_params().items() if value is not None]
    estimator.set_params(**{key: value for key, value in given.items() if key in has})
    pipeline = make_pipeline(TfidfVectorizer(min_df=4), estimator)
    codes = pipeline.fit_transform(texts)
    assert codes.shape[0] == 150 and np.isfinite(dense(codes)).all() and dense(codes).any()
    as_dense = FunctionTransformer(lambda X: X.toarray(), accept_sparse=True)
    if name not in ABSENT_IS_UNKNOWN:
        other = make_pipeline(TfidfVectorizer(min_df=4), as_dense, estimator)
        scale = np.abs(codes).max()
        np.testing.assert_allclose(
            dense(other.fit_transform(texts)), dense(codes), atol=1e-4 * scale
        )
