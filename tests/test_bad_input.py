"""What people pass by mistake: every estimator refuses it, and says what and why.

The numbers are those of one list of inputs that all estimators of the package answer to. What is
odd but not wrong is in `test_odd_input.py`, formats of sparse matrices in `test_input_formats.py`,
processes in `test_process.py`.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError

from tests._estimators import CLASSIFIERS, ESTIMATORS, KINDS, choose_target


@pytest.fixture
def data(sparse_problem):
    """A function from an estimator's name to the dense X and the y that suit it."""
    _, X, y, labels = sparse_problem
    return lambda name: (X, choose_target(name, y, labels))


def with_entry(X, value):
    X = X.copy()
    X[2, 3] = value
    return X


def with_indices(kind, X, index):
    X = kind(X)
    X.indices = X.indices.copy()
    X.indices[4] = index
    return X


def from_elsewhere(X):
    """Return an object that looks like a Dask array."""
    return type("Array", (), {"__module__": "dask.array.core", "shape": X.shape})()


REFUSED_X = [
    (1, "NaN", lambda X: with_entry(X, np.nan), "X contains NaN"),
    (2, "infinity", lambda X: with_entry(X, -np.inf), "X contains infinity"),
    (3, "sparse NaN", lambda X: sparse.csr_matrix(with_entry(X, np.nan)), "X contains NaN"),
    (12, "words", lambda X: with_entry(X.astype(object), "a"), "could not convert string|float"),
    (14, "no samples", lambda X: X[:0], "sample"),
    (15, "no features", lambda X: X[:, :0], r"0 feature\(s\)"),
    (17, "one row less", lambda X: X[:-1], "inconsistent numbers of samples"),
    (18, "1-D", lambda X: X[:, 0], "Reshape your data"),
    (19, "3-D", lambda X: X[:, :, None], "dim 3"),
    (20, "complex", lambda X: X * 1j, "[Cc]omplex"),
    (20, "sparse complex", lambda X: sparse.csc_array(X * 1j), "[Cc]omplex"),
    (27, "row index too large", lambda X: with_indices(sparse.csc_array, X, 10**9), "malformed"),
    (27, "column index too large", lambda X: with_indices(sparse.csr_array, X, 10**9), "malformed"),
    (28, "negative index", lambda X: with_indices(sparse.csc_matrix, X, -5), "malformed"),
    (61, "masked", lambda X: np.ma.masked_equal(X, 0), "masked array"),
    (62, "np.matrix", np.matrix, "np.matrix is not supported"),
]


@pytest.mark.filterwarnings("ignore:the matrix subclass is not:PendingDeprecationWarning")
@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize(
    ("spoil", "message"),
    [pytest.param(*case[2:], id=f"{case[0]} {case[1]}") for case in REFUSED_X],
)
def test_bad_X_is_refused(spoil, message, name, data):
    X, y = data(name)
    estimator = ESTIMATORS[name]()
    with pytest.raises((ValueError, TypeError), match=message):
        estimator.fit(spoil(X), y)
    assert not hasattr(estimator, "coef_")


@pytest.mark.parametrize("name", KINDS)
def test_30_one_dimensional_sparse_array_is_refused(name, data):
    X, y = data(name)
    with pytest.raises(ValueError, match="Reshape your data"):
        ESTIMATORS[name]().fit(sparse.coo_array(X[:, 0]), y)


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="no longer float here")
@pytest.mark.parametrize("name", KINDS)
def test_37_extended_precision_is_refused(name, data):
    X, y = data(name)
    with pytest.raises(TypeError, match=r"astype\(numpy.float64\)"):
        ESTIMATORS[name]().fit(X.astype(np.longdouble), y)


@pytest.mark.parametrize("name", KINDS)
def test_38_more_features_than_coefficients_can_be_held_is_refused(name, data):
    y = data(name)[1]
    coordinates = np.arange(len(y)), np.arange(len(y)) * (2**32 // len(y))
    X = sparse.coo_array((np.ones(len(y)), coordinates), shape=(len(y), 2**32))
    with pytest.raises(ValueError, match="at most 2147483647 samples and features"):
        ESTIMATORS[name]().fit(X, y)


@pytest.mark.parametrize("name", KINDS)
def test_41_column_names_of_mixed_types_are_refused(name, data):
    X, y = data(name)
    frame = pd.DataFrame(X, columns=["a", *range(1, X.shape[1])])
    with pytest.raises(TypeError, match="feature names"):
        ESTIMATORS[name]().fit(frame, y)


@pytest.mark.parametrize("name", KINDS)
def test_63_lazy_arrays_are_refused_with_the_way_to_convert_them(name, data):
    X, y = data(name)
    with pytest.raises(TypeError, match=r"`X.compute\(\)`"):
        ESTIMATORS[name]().fit(from_elsewhere(X), y)


# Targets


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("value", [np.nan, np.inf], ids=["4 NaN", "4 infinity"])
def test_bad_y_is_refused(value, name, data):
    X, y = data(name)
    y = y.astype(float)
    y[2] = value
    with pytest.raises(ValueError, match="(y|Input) contains (NaN|infinity)"):
        ESTIMATORS[name]().fit(X, y)


@pytest.mark.parametrize("name", ["LassoCV", "ElasticNetCV", *CLASSIFIERS])
def test_22_several_targets_are_refused(name, data):
    X, y = data(name)
    with pytest.raises(ValueError, match="y should be a 1d array"):
        ESTIMATORS[name]().fit(X, np.column_stack([y, y]))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_45_a_single_class_is_refused_by_its_name(name, data):
    X, y = data(name)
    with pytest.raises(ValueError, match="one class only: 'ham'"):
        ESTIMATORS[name]().fit(X, ["ham"] * len(y))


# Weights


BAD_WEIGHTS = {
    "50 NaN": (lambda w: np.r_[np.nan, w[1:]], "sample_weight.* contains NaN"),
    "50 infinity": (lambda w: np.r_[np.inf, w[1:]], "sample_weight.* contains infinity"),
    "51 negative": (lambda w: np.r_[-1.0, w[1:]], "`sample_weight` must be non-negative; got -1"),
    "52 all zero": (np.zeros_like, "at least one non-zero"),
    "54 2-D": (lambda w: np.column_stack([w, w]), "`sample_weight` must have shape"),
    "54 short": (lambda w: w[:-1], "`sample_weight` must have shape"),
}


@pytest.mark.parametrize("case", BAD_WEIGHTS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_bad_sample_weights_are_refused(name, case, data):
    X, y = data(name)
    spoil, message = BAD_WEIGHTS[case]
    estimator = ESTIMATORS[name]()
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, y, sample_weight=spoil(np.ones(len(y))))
    assert not hasattr(estimator, "coef_")


# Parameters


def parameters(name):
    return ESTIMATORS[name]().get_params(deep=False)


BAD_PARAMETERS = [
    (5, "alpha", -1.0),
    (6, "alpha", np.nan),
    (6, "alpha", np.inf),
    (7, "alpha", "big"),
    (7, "alpha", True),
    (7, "alpha", [1.0]),
    (10, "l1_ratio", -0.1),
    (10, "l1_ratio", 1.1),
    (11, "alphas", []),
    (11, "alphas", [[1.0, 0.5]]),
    (11, "alphas", [0.5, -1.0]),
    (11, "alphas", 0),
    (55, "max_iter", 0),
    (55, "max_iter", 1.5),
    (56, "tol", 0.0),
    (56, "tol", -1e-4),
    (56, "tol", np.nan),
    (59, "n_jobs", 0),
    (0, "fit_intercept", "yes"),
    (0, "cv_rule", "2se"),
    (0, "feature_weights", [-1.0] * 40),
    (0, "feature_weights", [1.0] * 39),
]


@pytest.mark.parametrize(
    ("name", "parameter", "value"),
    [
        pytest.param(name, parameter, value, id=f"{number} {name} {parameter}={value}"[:60])
        for number, parameter, value in BAD_PARAMETERS
        for name in ESTIMATORS
        if parameter in parameters(name)
    ],
)
def test_bad_parameters_are_refused_by_name(name, parameter, value, data):
    X, y = data(name)
    estimator = ESTIMATORS[name]().set_params(**{parameter: value})
    with pytest.raises((ValueError, TypeError), match=parameter):
        estimator.fit(X, y)
    assert not hasattr(estimator, "coef_")


@pytest.mark.parametrize("name", ["Lasso", "ElasticNet", "SparseLogisticRegression"])
def test_7_no_alpha_is_refused(name, data):
    with pytest.raises(ValueError, match="'alpha' parameter"):
        ESTIMATORS[name]().set_params(alpha=None).fit(*data(name))


# After the fit


def answer(estimator, X):
    return (estimator.predict if hasattr(estimator, "predict") else estimator.transform)(X)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_42_changed_feature_names_are_refused(name, data):
    X, y = data(name)
    names = [f"x{j}" for j in range(X.shape[1])]
    estimator = ESTIMATORS[name]().fit(pd.DataFrame(X, columns=names), y)
    with pytest.raises(ValueError, match="feature names"):
        answer(estimator, pd.DataFrame(X, columns=names[::-1]))


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_43_another_number_of_features_is_refused(name, make, data):
    X, y = data(name)
    estimator = ESTIMATORS[name]().fit(X, y)
    with pytest.raises(ValueError, match="X has 39 features, but .* is expecting 40 features"):
        answer(estimator, make(X[:, 1:]))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_67_an_unfitted_estimator_says_so(name, data):
    with pytest.raises(NotFittedError):
        answer(ESTIMATORS[name](), data(name)[0])


@pytest.mark.parametrize("name", ["Lasso", "SparseLogisticRegression"])
def test_27_malformed_X_is_refused_at_predict(name, data):
    X, y = data(name)
    estimator = ESTIMATORS[name]().fit(X, y)
    with pytest.raises(ValueError, match="malformed"):
        estimator.predict(with_indices(sparse.csr_array, X, 10**9))
