"""Labels in, labels and probabilities out."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.multiclass import OneVsRestClassifier

from sparsekit.linear_model import SparseLogisticRegression

TIGHT = 1e-12


@pytest.fixture
def X(rng):
    return rng.standard_normal((90, 10))


@pytest.fixture
def labels(X, rng):
    score = X[:, 0] + 0.5 * rng.standard_normal(90)
    return np.array(["few", "many", "some"])[np.digitize(score, [-0.5, 0.5])]


def test_more_classes_are_one_against_the_rest(X, labels):
    model = SparseLogisticRegression(0.02, tol=TIGHT).fit(X, labels)
    peer = OneVsRestClassifier(SparseLogisticRegression(0.02, tol=TIGHT)).fit(X, labels)
    np.testing.assert_allclose(
        model.coef_, np.vstack([e.coef_ for e in peer.estimators_]), atol=1e-6
    )
    np.testing.assert_allclose(model.predict_proba(X), peer.predict_proba(X), atol=1e-6)
    np.testing.assert_array_equal(model.predict(X), peer.predict(X))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_shapes_are_those_of_scikit_learn(X, labels, n_classes):
    if n_classes == 2:
        labels = labels == "many"
    model = SparseLogisticRegression().fit(X, labels)
    n_outputs = 1 if n_classes == 2 else 3
    assert model.coef_.shape == model.sparse_coef_.shape == (n_outputs, 10)
    assert model.intercept_.shape == model.n_iter_.shape == (n_outputs,)
    assert model.decision_function(X).shape == ((90,) if n_classes == 2 else (90, 3))
    assert model.predict_proba(X).shape == (90, n_classes)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_are_consistent(X, labels, n_classes):
    if n_classes == 2:
        labels = labels == "many"
    model = SparseLogisticRegression(0.001).fit(X, labels)
    far = 1e3 * X
    for points in (X, far, sparse.csr_array(X)):
        probabilities = model.predict_proba(points)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
        with np.errstate(divide="ignore"):
            np.testing.assert_allclose(
                np.exp(model.predict_log_proba(points)), probabilities, atol=1e-12
            )
    assert np.isfinite(model.predict_log_proba(far)).all()
    likeliest = model.classes_[model.predict_proba(X).argmax(axis=1)]
    np.testing.assert_array_equal(likeliest, model.predict(X))


def test_a_single_class_is_refused_by_name(X):
    with pytest.raises(ValueError, match="one class only: .*spam"):
        SparseLogisticRegression().fit(X, ["spam"] * 90)


def test_a_class_weight_without_a_class_is_refused(X, labels):
    with pytest.raises(ValueError, match="class"):
        SparseLogisticRegression(class_weight={"none": 1.0}).fit(X, labels)


def test_the_intercept_is_not_penalised(X):
    labels = X[:, 0] > -1.5
    model = SparseLogisticRegression(0.05, tol=TIGHT).fit(X + 100.0, labels)
    centred = SparseLogisticRegression(0.05, tol=TIGHT).fit(X, labels)
    np.testing.assert_allclose(model.coef_, centred.coef_, atol=1e-5)
