"""What is odd but not wrong: every estimator handles it right, with a warning where one helps.

The numbers continue the list of `test_bad_input.py`.
"""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning

from tests._estimators import (
    CLASSIFIERS,
    ESTIMATORS,
    PREDICTORS,
    REGRESSORS,
    SELECTORS,
    choose_target,
    coefficients,
)


@pytest.fixture
def data(sparse_problem):
    """A function from an estimator's name to the dense X and the y that suit it."""
    _, X, y, labels = sparse_problem
    return lambda name: (X, choose_target(name, y, labels))


ODD = {
    "13 numbers as objects": lambda X: X.astype(object),
    "33 Fortran order": np.asfortranarray,
    "33 strided": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "33 negative stride": lambda X: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
    "34 byte-swapped": lambda X: X.astype(X.dtype.newbyteorder("S")),
    "a list": lambda X: X.tolist(),
}


@pytest.mark.parametrize("case", ODD)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_odd_arrays_give_the_same_fit(name, case, data):
    X, y = data(name)
    expected = ESTIMATORS[name]().fit(X, y)
    odd = ESTIMATORS[name]().fit(ODD[case](X), y)
    np.testing.assert_allclose(coefficients(odd), coefficients(expected), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["Lasso", "SparseLogisticRegression"])
@pytest.mark.parametrize(
    ("dtype", "becomes"),
    [("f2", "f4"), ("f4", "f4"), ("?", "f8"), ("u1", "f8"), ("i4", "f8")],
    ids=["35 half", "single", "36 bool", "36 uint8", "integer"],
)
def test_other_number_types_are_widened(name, dtype, becomes, data):
    X, y = data(name)
    X = np.abs(np.round(X)).astype(dtype)
    narrow = ESTIMATORS[name]().fit(X, y)
    wide = ESTIMATORS[name]().fit(X.astype(np.float64), y)
    assert narrow.coef_.dtype == np.dtype(becomes)
    np.testing.assert_allclose(narrow.coef_, wide.coef_, atol=2e-3)


@pytest.mark.parametrize("name", ["Lasso", "LassoCV", "SparseLogisticRegression", "LassoSelector"])
def test_16_a_single_sample_is_fitted_or_refused_clearly(name, data):
    X, y = data(name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimator = ESTIMATORS[name]().fit(X[:1], y[:1])
    except ValueError as error:
        assert "sample" in str(error) or "class" in str(error)
    else:
        assert np.isfinite(coefficients(estimator)).all()


@pytest.mark.parametrize("make", [np.asarray, sparse.csc_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("name", ["Lasso", "ElasticNet", "LassoCV", "SparseLogisticRegression"])
def test_48_a_constant_column_gets_coefficient_zero(name, make, data):
    X, y = data(name)
    X = X.copy()
    X[:, 2], X[:, 9] = 0.1, 0.0
    estimator = ESTIMATORS[name]().fit(make(X), y)
    assert np.isfinite(estimator.coef_).all()
    np.testing.assert_array_equal(estimator.coef_.ravel()[[2, 9]], 0.0)


@pytest.mark.parametrize("scale", [1e300, 1e-310, 1e-160, 1e160])
@pytest.mark.parametrize("what", ["X", "one column", "y"])
@pytest.mark.parametrize("name", ["Lasso", "LassoCV", "SparseLogisticRegression"])
def test_49_extreme_scales_give_finite_coefficients_or_are_refused(name, what, scale, data):
    X, y = data(name)
    if what == "y" and name in CLASSIFIERS:
        return
    X, y = X.copy(), y.copy()
    (X if what == "X" else y if what == "y" else X[:, :1])[...] *= scale
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            estimator = ESTIMATORS[name]().fit(X, y)
    except ValueError as error:
        assert "scale" in str(error).lower()
    else:
        assert np.isfinite(estimator.coef_).all()
        assert np.isfinite(estimator.intercept_).all()


@pytest.mark.parametrize("name", ["LassoCV", "ElasticNetCV", *CLASSIFIERS])
def test_21_column_y_is_flattened_with_a_warning(name, data):
    X, y = data(name)
    flat = ESTIMATORS[name]().fit(X, y)
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        column = ESTIMATORS[name]().fit(X, y[:, None])
    np.testing.assert_array_equal(coefficients(column), coefficients(flat))


@pytest.mark.parametrize("name", ["Lasso", "ElasticNet"])
def test_21_and_22_several_targets_are_one_fit_each(name, data):
    X, y = data(name)
    both = ESTIMATORS[name]().fit(X, np.column_stack([y, -y]))
    one = ESTIMATORS[name]().fit(X, y)
    assert both.coef_.shape == (2, X.shape[1])
    np.testing.assert_allclose(both.coef_[0], one.coef_, atol=1e-10)
    np.testing.assert_allclose(both.predict(X)[:, 1], -one.predict(X), atol=1e-10)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_44_labels_may_be_words(name, data):
    X, y = data(name)
    words = np.array(["ham", "spam"])[y]
    by_word, by_number = ESTIMATORS[name]().fit(X, words), ESTIMATORS[name]().fit(X, y)
    np.testing.assert_array_equal(coefficients(by_word), coefficients(by_number))
    if name not in SELECTORS:
        np.testing.assert_array_equal(by_word.classes_, ["ham", "spam"])
        assert set(by_word.predict(X)) == {"ham", "spam"}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_46_more_than_two_classes_are_one_versus_rest(name, sparse_problem):
    _, X, y, _ = sparse_problem
    thirds = np.searchsorted(np.quantile(y, [1 / 3, 2 / 3]), y)
    estimator = ESTIMATORS[name]().fit(X, thirds)
    if name not in SELECTORS:
        assert coefficients(estimator).shape == (3, X.shape[1])
        assert estimator.score(X, thirds) > 0.6


@pytest.mark.parametrize("name", REGRESSORS)
def test_47_constant_y_gives_zeros_and_its_value(name, data):
    X, y = data(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator = REGRESSORS[name]().fit(X, np.full(len(y), 2.5))
    assert not np.any(coefficients(estimator))
    if name not in SELECTORS:
        np.testing.assert_allclose(estimator.predict(X), 2.5, rtol=1e-14)


@pytest.mark.parametrize(
    "name",
    ["Lasso", "ElasticNet", "SparseLogisticRegression", "LassoSelector", "LogisticSelector"],
)
def test_53_rows_of_weight_zero_count_as_absent(name, data):
    X, y = data(name)
    weights = np.where(np.arange(len(y)) % 3 == 0, 0.0, 1.5)
    kept = weights > 0
    weighted = ESTIMATORS[name]().fit(X, y, sample_weight=weights)
    dropped = ESTIMATORS[name]().fit(X[kept], y[kept])
    gap = 1e-4 * np.abs(coefficients(dropped)).max()
    np.testing.assert_allclose(coefficients(weighted), coefficients(dropped), atol=100 * gap)


@pytest.mark.parametrize("name", ["Lasso", "ElasticNet", "SparseLogisticRegression"])
def test_8_no_penalty_warns_and_names_what_fits_better(name, data):
    X, y = data(name)
    with pytest.warns(UserWarning, match="With alpha=0 .* Use .*Regression"):
        ESTIMATORS[name]().set_params(alpha=0, max_iter=5).fit(X[:, :3], y)


@pytest.mark.parametrize("name", ["Lasso", "ElasticNet", "SparseLogisticRegression"])
def test_9_too_strong_a_penalty_gives_zeros_and_says_where_they_end(name, data):
    X, y = data(name)
    with pytest.warns(UserWarning, match="all coefficients are zero; alpha_max is"):
        estimator = ESTIMATORS[name]().set_params(alpha=1e6).fit(X, y)
    assert not estimator.coef_.any()


@pytest.mark.parametrize("name", ["LassoCV", "ElasticNetCV", "SparseLogisticRegressionCV"])
def test_11_alphas_may_come_in_any_order(name, data):
    X, y = data(name)
    alphas = [0.01, 0.1, 0.03]
    mixed = ESTIMATORS[name]().set_params(alphas=alphas).fit(X, y)
    falling = ESTIMATORS[name]().set_params(alphas=sorted(alphas, reverse=True)).fit(X, y)
    np.testing.assert_array_equal(mixed.alphas_, sorted(alphas, reverse=True))
    assert mixed.alpha_ == falling.alpha_
    np.testing.assert_array_equal(mixed.coef_, falling.coef_)


@pytest.mark.parametrize("name", PREDICTORS)
def test_57_no_convergence_warns_with_the_gap_and_a_remedy(name, data):
    estimator = ESTIMATORS[name]()
    target = "estimator__" if name == "PathGridSearchCV" else ""
    estimator.set_params(**{f"{target}max_iter": 1, f"{target}tol": 1e-15})
    with pytest.warns(ConvergenceWarning, match=r"(?s)gap.*tol=1e-15.*max_iter"):
        estimator.fit(*data(name))
