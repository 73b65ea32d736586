"""Labels become what outputs are compared with, and outputs become what scikit-learn answers."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from sparsekit.pruning._network import read_network
from sparsekit.pruning._trainer import (
    decode_labels,
    decode_probabilities,
    describe_labels,
    encode_targets,
)

N = 40


def fitted(model, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model(hidden_layer_sizes=(5,), max_iter=2, random_state=0).fit(X, y)


@pytest.fixture
def X(rng):
    return rng.standard_normal((N, 4)).astype(np.float32)


LABELS = {
    "binary": lambda rng: rng.integers(0, 2, N),
    "binary-strings": lambda rng: np.array(["no", "yes"])[rng.integers(0, 2, N)],
    "binary-column": lambda rng: rng.integers(3, 5, N)[:, None],
    "multiclass": lambda rng: rng.integers(0, 4, N) * 2 - 3,
    "multiclass-objects": lambda rng: np.array(["a", "b", "c"], object)[rng.integers(0, 3, N)],
    "multiclass-floats": lambda rng: rng.integers(0, 3, N).astype(float),
    "multilabel": lambda rng: rng.integers(0, 2, (N, 3)),
    "one-class": lambda rng: np.full(N, 7),
}


@pytest.mark.parametrize("kind", sorted(LABELS))
@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_answers_are_those_of_scikit_learn(rng, X, kind):
    y = LABELS[kind](rng)
    model = fitted(MLPClassifier, X, y)
    outputs = read_network(model).decide(X)
    found = decode_labels(model, outputs)
    expected = model.predict(X)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(decode_probabilities(outputs), model.predict_proba(X), atol=1e-6)
    classes, out_activation, n_outputs = describe_labels(y)
    np.testing.assert_array_equal(classes, model.classes_)
    assert (out_activation, n_outputs) == (model.out_activation_, model.n_outputs_)


@pytest.mark.parametrize("kind", sorted(LABELS))
@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_targets_decode_to_their_labels(rng, X, kind):
    y = LABELS[kind](rng)
    model = fitted(MLPClassifier, X, y)
    Y, loss = encode_targets(model, y)
    assert Y.dtype == np.float32
    assert Y.shape == (N, model.n_outputs_)
    assert loss == model.out_activation_
    expected = y[:, 0] if kind == "binary-column" else y
    np.testing.assert_array_equal(decode_labels(model, Y), expected)


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_targets_of_a_regression_are_columns(rng, X, n_outputs):
    y = rng.standard_normal((N, n_outputs))
    y = y[:, 0] if n_outputs == 1 else y
    model = fitted(MLPRegressor, X, y)
    Y, loss = encode_targets(model, y)
    assert loss == "squared_error"
    np.testing.assert_array_equal(decode_labels(model, Y), y.astype(np.float32))
    outputs = read_network(model).decide(X)
    np.testing.assert_allclose(decode_labels(model, outputs), model.predict(X), atol=1e-6)


def test_a_sparse_indicator_is_a_dense_one(rng, X):
    y = rng.integers(0, 2, (N, 3))
    model = fitted(MLPClassifier, X, y)
    dense, _ = encode_targets(model, y)
    for given in (sparse.csr_array(y), y.tolist(), y.astype(bool)):
        np.testing.assert_array_equal(encode_targets(model, given)[0], dense)


@pytest.mark.parametrize(
    ("fit_to", "given", "message"),
    [
        ("multiclass", np.full(N, 5), r"not fitted to: \[5\]"),
        ("binary-strings", np.full(N, "maybe"), "'maybe'"),
        ("binary-strings", np.full(N, 1), r"not fitted to: \[1\]"),
        ("multiclass", np.zeros((N, 3)), "one label a sample"),
        ("multilabel", np.zeros((N, 2)), "fitted to 3 labels"),
        ("multilabel", np.zeros(N), "fitted to 3 labels"),
        ("multilabel", np.full((N, 3), 2), "zeros and ones"),
    ],
)
def test_labels_that_a_network_does_not_know_are_refused(rng, X, fit_to, given, message):
    model = fitted(MLPClassifier, X, LABELS[fit_to](rng))
    with pytest.raises(ValueError, match=message):
        encode_targets(model, given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros(N), "2 outputs"),
        (np.zeros((N, 3)), "2 outputs"),
        (np.full((N, 2), np.nan), "NaN"),
        (np.full((N, 2), 1e300), "too large"),
    ],
)
def test_numbers_that_a_network_cannot_meet_are_refused(rng, X, given, message):
    model = fitted(MLPRegressor, X, rng.standard_normal((N, 2)))
    with pytest.raises(ValueError, match=message):
        encode_targets(model, given)


def test_negative_counts_are_refused(rng, X):
    if "loss" not in MLPRegressor().get_params():
        pytest.skip("this scikit-learn has no Poisson loss")
    y = rng.poisson(2.0, N).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = MLPRegressor(hidden_layer_sizes=(5,), loss="poisson", max_iter=2).fit(X, y)
    assert encode_targets(model, y)[1] == "poisson"
    with pytest.raises(ValueError, match="not negative"):
        encode_targets(model, y - 10)


def test_numbers_are_no_labels():
    with pytest.raises(ValueError, match="regressor"):
        describe_labels(np.array([0.5, 1.25, 2.0]))
