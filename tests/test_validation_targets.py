"""The checks of targets, weights and parameters at the estimator's door, on their own."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import DataConversionWarning

from sparsekit._validation import (
    check_alphas,
    check_classifier_input,
    check_feature_weights,
    check_fit_input,
    check_parameters,
    check_penalty_strength,
    check_sample_weight,
)
from tests._door import Door


@pytest.fixture
def table(rng):
    return np.round(rng.standard_normal((6, 4)) * (rng.random((6, 4)) < 0.6), 2)


@pytest.fixture
def y():
    return np.arange(6.0)


# Targets


def test_regression_target_becomes_float64(table):
    for given in (np.arange(6), np.arange(6, dtype=np.float32), [0, 1, 2, 3, 4, 5]):
        y = check_fit_input(Door(), table, given)[1]
        assert y.dtype == np.float64
        np.testing.assert_array_equal(y, np.arange(6.0))


def test_column_target_warns_unless_several_targets_are_allowed(table, y):
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        flat = check_fit_input(Door(), table, y[:, None])[1]
    assert flat.shape == (6,)
    assert check_fit_input(Door(), table, y[:, None], multi_output=True)[1].shape == (6, 1)


def test_labels_are_refused_as_a_regression_target_by_name(table):
    with pytest.raises(ValueError, match="`y` must be numeric for Door"):
        check_fit_input(Door(), table, list("abcabc"))


def test_sparse_target_is_refused(table):
    with pytest.raises(TypeError, match="`y` must be dense"):
        check_fit_input(Door(), table, sparse.csr_array(np.ones((6, 1))), multi_output=True)


def test_labels_are_coded_by_their_place_among_the_sorted_classes(table):
    _, codes, classes, _ = check_classifier_input(Door(), table, list("bacabc"))
    np.testing.assert_array_equal(classes, ["a", "b", "c"])
    np.testing.assert_array_equal(codes, [1, 0, 2, 0, 1, 2])


def test_a_label_of_weight_zero_only_is_no_class(table):
    _, codes, classes, weights = check_classifier_input(
        Door(), table, list("bacabc"), [1, 1, 0, 2, 1, 0]
    )
    np.testing.assert_array_equal(classes, ["a", "b"])
    np.testing.assert_array_equal(codes[weights > 0], [1, 0, 0, 1])


@pytest.mark.parametrize("weights", [None, [1, 1, 1, 0, 0, 0]])
def test_a_single_class_is_refused_by_its_name(weights, table):
    labels = ["ham"] * 3 + (["spam"] * 3 if weights else ["ham"] * 3)
    with pytest.raises(ValueError, match=r"two classes, but y.*'ham'"):
        check_classifier_input(Door(), table, labels, weights)


def test_continuous_labels_are_refused(table):
    with pytest.raises(ValueError, match="Unknown label type"):
        check_classifier_input(Door(), table, np.linspace(0, 1, 6))


# Weights


def test_weights_become_float64():
    assert check_sample_weight(None, 3) is None
    assert check_feature_weights(None, 3) is None
    for given in ([1, 2, 0], np.array([1, 2, 0], dtype=np.float32), pd.Series([1, 2, 0])):
        for weights in (check_sample_weight(given, 3), check_feature_weights(given, 3)):
            assert weights.dtype == np.float64
            np.testing.assert_array_equal(weights, [1, 2, 0])
    np.testing.assert_array_equal(check_sample_weight(2, 3), [2, 2, 2])


BAD_WEIGHTS = [
    ([1, np.nan, 1], "NaN"),
    ([1, np.inf, 1], "infinity"),
    ([1, -0.5, 1], "non-negative; got -0.5"),
    ([[1, 1, 1]], r"shape \(3,\)"),
    ([[1], [1], [1]], r"shape \(3,\)"),
    ([1, 1], r"shape \(3,\).*got shape \(2,\)"),
    ([], r"shape \(3,\)"),
    ([1e308, 1e308, 1e308], "overflows"),
    (["a", "b", "c"], "could not convert"),
]


@pytest.mark.parametrize(("weights", "message"), BAD_WEIGHTS)
@pytest.mark.parametrize("check", [check_sample_weight, check_feature_weights])
def test_bad_weights_are_refused_by_name(check, weights, message):
    with pytest.raises(ValueError, match=message):
        check(weights, 3)


def test_sample_weights_that_are_all_zero_are_refused():
    with pytest.raises(ValueError, match="`sample_weight` is zero"):
        check_sample_weight(np.zeros(3), 3)
    with pytest.raises(ValueError, match="`sample_weight` is zero"):
        check_sample_weight(0, 3)


def test_feature_weights_may_all_be_zero():
    np.testing.assert_array_equal(check_feature_weights(np.zeros(3), 3), np.zeros(3))


# Parameters


@pytest.mark.parametrize("alpha", [-1, np.nan, "big", None, True, np.True_, [1.0]])
def test_parameters_are_refused_in_scikit_learns_words(alpha):
    with pytest.raises(ValueError, match=r"'alpha' parameter of Door must be a float in the range"):
        check_parameters(Door(alpha=alpha))


def test_allowed_parameters_pass():
    for door in (Door(), Door(alpha=0), Door(alpha=np.float32(2)), Door(rule=None, positive=True)):
        check_parameters(door)


@pytest.mark.parametrize(
    ("alphas", "message"),
    [
        ([], "at least one"),
        ([[1.0, 0.1]], r"one dimension .*shape \(1, 2\)"),
        (0.1, r"shape \(\)"),
        ([0.1, -0.2], "got -0.2"),
        ([0.1, np.nan], "got nan"),
        ([0.1, np.inf], "got inf"),
        (["a"], "must be numbers"),
    ],
)
def test_bad_alphas_are_refused(alphas, message):
    with pytest.raises(ValueError, match=message):
        check_alphas(alphas)


def test_alphas_keep_their_order():
    np.testing.assert_array_equal(check_alphas([0.1, 3, 0.2]), [0.1, 3.0, 0.2])


def test_no_penalty_warns_and_names_the_substitute():
    with pytest.warns(UserWarning, match="Door has no penalty.*Use LinearRegression"):
        check_penalty_strength(Door(), 0, "LinearRegression")
    check_penalty_strength(Door(), 1e-300, "LinearRegression")
