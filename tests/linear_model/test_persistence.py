"""A stored model is the model."""

import io
import pickle

import joblib
import numpy as np
import pytest
from scipy import sparse

from sparsekit.feature_selection import LassoSelector, LogisticSelector
from sparsekit.linear_model import (
    ElasticNet,
    ElasticNetCV,
    Lasso,
    LassoCV,
    SparseLogisticRegression,
    SparseLogisticRegressionCV,
)

MODELS = [
    Lasso(0.1),
    ElasticNet(0.1, feature_weights=np.ones(8)),
    LassoCV(alphas=5),
    ElasticNetCV(alphas=5, l1_ratio=[0.5, 1.0]),
    SparseLogisticRegression(),
    SparseLogisticRegressionCV(alphas=4, eps=0.1),
    LassoSelector(n_features_to_select=2),
    LogisticSelector(alpha=0.05),
]


def by_pickle(model):
    return pickle.loads(pickle.dumps(model))


def by_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


def by_skops(model):
    skops = pytest.importorskip("skops.io")
    stored = skops.dumps(model)
    unknown = skops.get_untrusted_types(data=stored)
    assert all(name.startswith("sparsekit.") for name in unknown), unknown
    return skops.loads(stored, trusted=unknown)


@pytest.mark.parametrize("round_trip", [by_pickle, by_joblib, by_skops])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("to_format", [np.asarray, sparse.csr_array])
def test_a_round_trip_changes_nothing(model, round_trip, to_format, rng):
    X = rng.standard_normal((50, 8))
    y = (X[:, 0] - X[:, 1] + 0.3 * rng.standard_normal(50) > 0).astype(int)
    again = round_trip(model.fit(to_format(X), y))
    answer = "predict" if hasattr(model, "predict") else "get_feature_names_out"
    arguments = [X] if answer == "predict" else []
    np.testing.assert_array_equal(
        getattr(again, answer)(*arguments), getattr(model, answer)(*arguments)
    )
    if hasattr(model, "path_summary"):
        assert str(again.path_summary()) == str(model.path_summary())
        np.testing.assert_array_equal(again.coef_at("1se"), model.coef_at("1se"))


@pytest.mark.parametrize("model", MODELS[:6], ids=lambda model: type(model).__name__)
def test_fitted_state_is_plain_arrays(model, rng):
    X = rng.standard_normal((50, 8))
    model.fit(sparse.csc_array(X), (X[:, 0] > 0).astype(int))
    parameters = model.get_params().keys()
    for name, value in vars(model).items():
        parts = value if isinstance(value, tuple) else (value,)
        assert name in parameters or all(
            isinstance(part, np.ndarray | float | int | str) for part in parts
        ), name


@pytest.mark.parametrize("kind", ["spmatrix", "sparray"])
def test_sparse_coefficients_follow_the_sparse_interface(kind, rng):
    sklearn = pytest.importorskip("sklearn", minversion="1.9")
    X = rng.standard_normal((30, 5))
    model = Lasso(0.1).fit(X, X[:, 0])
    with sklearn.config_context(sparse_interface=kind):
        assert isinstance(model.sparse_coef_, sparse.sparray) == (kind == "sparray")
        np.testing.assert_array_equal(model.sparse_coef_.toarray()[0], model.coef_)
