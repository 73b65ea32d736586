"""What people pass by mistake: every transformer refuses it, and says what and why."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError

from tests.transformers._estimators import (
    ABSENT_IS_UNKNOWN,
    ATOMS,
    CLASSES,
    N_ATOMS,
    N_FEATURES,
    TAKES_NAN,
    TAKES_SPARSE,
    TRANSFORMERS,
    make,
    state,
    tags,
)


def with_entry(X, value):
    X = X.copy()
    X[2, 3] = value
    return X


def with_indices(kind, X, index):
    X = kind(X)
    X.indices = X.indices.copy()
    X.indices[4] = index
    return X


def with_ends(X, end):
    """Return CSR whose last row ends elsewhere."""
    X = sparse.csr_array(X)
    X.indptr = X.indptr.copy()
    X.indptr[-1] = end
    return X


def from_elsewhere(module):
    """Return a function to an object that looks like an array of another library."""
    return lambda X: type("Array", (), {"__module__": module, "shape": X.shape})()


def too_wide(X):
    coordinates = np.arange(len(X)), np.arange(len(X)) * (2**32 // len(X))
    return sparse.coo_array((np.ones(len(X)), coordinates), shape=(len(X), 2**32))


DENSE = {
    "NaN": (lambda X: with_entry(X, np.nan), "contains NaN"),
    "infinity": (lambda X: with_entry(X, np.inf), "contains infinity"),
    "words": (lambda X: with_entry(X.astype(object), "a"), "could not convert string|float"),
    "complex": (lambda X: X * 1j, "[Cc]omplex"),
    "1-D": (lambda X: X[:, 0], "Reshape your data"),
    "3-D": (lambda X: X[:, :, None], "dim 3"),
    "no samples": (lambda X: X[:0], "sample"),
    "no features": (lambda X: X[:, :0], "0 feature"),
    "None": (lambda X: None, "array|None|2D"),
    "masked": (lambda X: np.ma.masked_equal(X, 0), "masked array"),
    "np.matrix": (np.matrix, "np.matrix is not supported"),
    "CuPy": (from_elsewhere("cupy._core.core"), r"cupy.asnumpy\(X\)"),
    "CuPy sparse": (from_elsewhere("cupyx.scipy.sparse"), r"X.get\(\)"),
    "Dask": (from_elsewhere("dask.array.core"), r"`X.compute\(\)`"),
}
if np.dtype(np.longdouble).itemsize > 8:
    DENSE["longdouble"] = lambda X: X.astype(np.longdouble), r"astype\(numpy.float64\)"
SPARSE = {
    "NaN": (lambda X: sparse.csr_array(with_entry(X, np.nan)), "contains NaN"),
    "infinity": (lambda X: sparse.coo_array(with_entry(X, np.inf)), "contains infinity"),
    "complex": (lambda X: sparse.csc_array(X * 1j), "[Cc]omplex"),
    "no samples": (lambda X: sparse.csr_array(X[:0]), "sample"),
    "no features": (lambda X: sparse.csr_array(X[:, :0]), "0 feature"),
    "1-D": (lambda X: sparse.coo_array(X[:, 0]), "Reshape your data"),
    "row too large": (lambda X: with_indices(sparse.csc_array, X, 10**9), "malformed"),
    "column too large": (lambda X: with_indices(sparse.csr_array, X, 10**9), "malformed"),
    "column one too large": (lambda X: with_indices(sparse.csr_array, X, N_FEATURES), "malformed"),
    "negative index": (lambda X: with_indices(sparse.csr_matrix, X, -1), "malformed"),
    "more than is stored": (lambda X: with_ends(X, 10**6), "malformed"),
    "rows that end early": (lambda X: with_ends(X, 0), "malformed"),
    "too wide": (too_wide, "at most 2147483647 samples and features"),
}


def bad_X():
    """Yield one estimator of each class, and those that take NaN, with every X that they refuse."""
    for name in dict.fromkeys([*CLASSES, *TAKES_NAN]):
        for kind, cases in (("dense", DENSE), ("sparse", SPARSE)):
            if kind == "sparse" and name not in TAKES_SPARSE:
                continue
            for case, (spoil, message) in cases.items():
                # NaN means an unknown entry to some, in a sparse X to fewer.
                known = name not in (TAKES_NAN if kind == "dense" else ABSENT_IS_UNKNOWN)
                if known or case != "NaN":
                    yield pytest.param(name, spoil, message, id=f"{name}, {kind}: {case}")


@pytest.mark.filterwarnings("ignore:the matrix subclass is not:PendingDeprecationWarning")
@pytest.mark.parametrize(("name", "spoil", "message"), list(bad_X()))
def test_bad_X_is_refused_by_fit_and_transform(name, spoil, message, data, fitted):
    bad = spoil(data(name))
    estimator = make(name)
    for method in ("fit", "fit_transform", "partial_fit"):
        if hasattr(estimator, method):
            with pytest.raises((ValueError, TypeError), match=message):
                getattr(estimator, method)(bad)
            assert not state(estimator)
    # Where the width is wrong too, either may be said.
    with pytest.raises((ValueError, TypeError), match=f"{message}|is expecting 12 features"):
        fitted(name).transform(bad)


@pytest.mark.parametrize("name", [name for name in TRANSFORMERS if name not in TAKES_SPARSE])
def test_sparse_X_is_refused_with_a_remedy(name, data):
    with pytest.raises((TypeError, ValueError), match="[Ss]parse"):
        make(name).fit(sparse.csr_array(data(name)))


@pytest.mark.parametrize("to_format", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("name", [name for name in TRANSFORMERS if tags(name).positive_only])
def test_negative_X_is_refused(name, to_format, data, fitted):
    X = data(name)
    bad = to_format(with_entry(X, -0.25))
    for method in (make(name).fit, fitted(name).transform, fitted(name).score):
        with pytest.raises(ValueError, match=r"Negative values.*-0\.25"):
            method(bad)


@pytest.mark.parametrize("name", CLASSES)
def test_another_number_of_features_is_refused(name, data, fitted):
    narrow = data(name)[:, 1:]
    estimator = fitted(name)
    for X in (narrow, sparse.csr_array(narrow)) if name in TAKES_SPARSE else (narrow,):
        for method in ("transform", "score"):
            if hasattr(estimator, method):
                with pytest.raises(
                    ValueError, match="X has 11 features, but .* is expecting 12 features"
                ):
                    getattr(estimator, method)(X)


@pytest.mark.parametrize(
    "name", [name for name in TRANSFORMERS if hasattr(make(name), "inverse_transform")]
)
def test_codes_of_another_width_are_refused(name, fitted):
    estimator = fitted(name)
    n_codes = len(estimator.get_feature_names_out())
    with pytest.raises(ValueError, match=f"{n_codes}.*Pass what `transform` returned"):
        estimator.inverse_transform(np.ones((2, n_codes + 1)))
    with pytest.raises(ValueError, match="NaN"):
        estimator.inverse_transform(np.full((2, n_codes), np.nan))


@pytest.mark.parametrize("name", CLASSES)
def test_changed_feature_names_are_refused(name, data):
    X = data(name)
    names = [f"x{j}" for j in range(X.shape[1])]
    estimator = make(name).fit(pd.DataFrame(X, columns=names))
    with pytest.raises(ValueError, match="feature names"):
        estimator.transform(pd.DataFrame(X, columns=names[::-1]))
    with pytest.raises(TypeError, match="feature names"):
        make(name).fit(pd.DataFrame(X, columns=["a", *range(1, X.shape[1])]))


@pytest.mark.parametrize("name", [name for name in CLASSES if not name.startswith("SparseCoder")])
def test_an_unfitted_transformer_says_so(name, data):
    X = data(name)
    estimator = make(name)
    for method in ("transform", "inverse_transform", "score"):
        if hasattr(estimator, method):
            with pytest.raises(NotFittedError):
                getattr(estimator, method)(X)
    with pytest.raises(NotFittedError):
        estimator.get_feature_names_out()


# Parameters


NOT_A_NUMBER = [np.nan, np.inf, "big", [1.0], True]
STRENGTH = [-1.0, *NOT_A_NUMBER]
COUNT = [0, -1, 1.5, "many", True]
FLAG = ["yes", 2]
NAME = ["nothing of the sort", 3, None]
MASKED = np.ma.masked_greater(ATOMS, 1.0)
BAD_VALUES = {
    "alpha": STRENGTH,
    "alpha_H": [-1.0, np.nan, "other", None],
    "alpha_W": STRENGTH,
    "axis": [2, -1, 0.5, "rows"],
    "batch_size": COUNT,
    "beta_loss": ["itakura-saito", 2],
    "burn_in": [-1, 12, 1.5, "many", None, True],
    "by_level": FLAG,
    "cache_size": STRENGTH,
    "callback": ["print", 1],
    "center": FLAG,
    "cg_steps": COUNT,
    "code_init": ["samples", np.ones((3, 3))],
    "confidence": [0.0, *STRENGTH],
    "dict_init": [MASKED, "nothing", np.ones((N_ATOMS, 3)), np.full((N_ATOMS, N_FEATURES), np.nan)],
    "dict_l1_ratio": [-0.1, 1.1, np.nan, None],
    "dictionary": [MASKED, None, "atoms", np.ones(N_FEATURES), np.full((2, N_FEATURES), np.nan)],
    "early_stopping": FLAG,
    "energy": [0.0, -0.5, 1.5, np.nan, None],
    "fdr_level": [0.0, 1.0, np.nan, None],
    "feature_weights": [-np.ones(N_ATOMS), np.ones(3), "heavy", 1.0],
    "firm_ratio": [0.5, np.nan, "wide", None],
    "fit_algorithm": NAME,
    "fit_bias": FLAG,
    "fit_n_nonzero_coefs": COUNT,
    "fit_tol": STRENGTH,
    "forgetting": STRENGTH,
    "frequency_exponent": [-0.5, *NOT_A_NUMBER],
    "popularity_exponent": [-0.5, *NOT_A_NUMBER],
    "image_shape": [(5, 5), (12,), (3.0, 4.0), (-3, -4), 12, "square"],
    "init": ["nothing", 1],
    "l1_bound": [0.5, np.nan, "tight"],
    "l1_ratio": [-0.1, 1.1, np.nan, "half"],
    "l2_alpha": [-1.0, np.nan, None],
    "learning_rate": [0.0, *STRENGTH],
    "loss": NAME,
    "max_iter": [-1, 1.5, "many", None, True],
    "max_no_improvement": [-1, 1.5, "many"],
    "max_time": [0.0, -1.0, np.nan, "long"],
    "method": NAME,
    "missing": ["nan", None],
    "missing_values": [0, "nan", -1],
    "mode": NAME,
    "n_components": [0, -3, 2.5, "most"],
    "n_draws": COUNT,
    "n_iter_no_change": COUNT,
    "n_jobs": [0, 1.5, "all"],
    "n_levels": COUNT,
    "n_negatives": COUNT,
    "n_nonzero_coefs": COUNT,
    "n_oversamples": [-1, 1.5, "many", None, True],
    "n_shifts": COUNT,
    "noise": [-1.0, np.nan, np.inf, "loud", None],
    "noise_band": NAME,
    "positive": FLAG,
    "positive_code": FLAG,
    "positive_dict": FLAG,
    "prior": NAME,
    "prior_scale": [0.0, -1.0, np.nan, "wide"],
    "quantile": [-0.1, 1.0, np.nan, None],
    "random_state": ["seed", -1, 0.5],
    "ridge_alpha": STRENGTH,
    "rule": NAME,
    "shape": NAME,
    "side_weight": [0.0, *STRENGTH],
    "shuffle": FLAG,
    "solver": NAME,
    "sparse_output": ["never", 2, None],
    "split_sign": FLAG,
    "threshold": [-1.0, np.nan, "high"],
    "tol": [-1.0, np.nan, "fine"],
    "transform_algorithm": NAME,
    "transform_alpha": [-1.0, np.nan, "big"],
    "transform_max_iter": COUNT,
    "transform_n_nonzero_coefs": COUNT,
    "transform_tol": [-1.0, np.nan, "fine"],
    "U_init": [np.ma.masked_equal(np.eye(60, 3), 0), np.ones((3, 3)), "svd"],
    "unobserved_weight": [0.0, *STRENGTH],
    "update": NAME,
    "V_init": [np.ma.masked_equal(np.eye(3, N_FEATURES), 0), np.ones((3, 3)), "svd"],
    "validation_fraction": [0.0, 1.0, -0.5, np.nan, None],
    "verbose": ["loud", -1],
    "warm_start": FLAG,
    "wavelet": ["nothing", 3, None, "mexh"],
}
# Of parameters that one choice of another parameter reads.
READ_BY = {
    "feature_weights": {"transform_algorithm": "lasso", "transform_n_nonzero_coefs": None},
    "threshold": {"rule": "fixed"},
    "n_nonzero_coefs": {"rule": "top_k"},
    "code_init": {"dict_init": None},
}


@pytest.mark.parametrize("name", CLASSES)
def test_every_parameter_has_bad_values(name):
    assert make(name).get_params().keys() <= BAD_VALUES.keys()


@pytest.mark.parametrize(
    ("name", "parameter", "value"),
    [
        pytest.param(name, parameter, value, id=f"{name} {parameter}={value}"[:70])
        for name in CLASSES
        for parameter in make(name).get_params()
        for value in BAD_VALUES[parameter]
    ],
)
def test_bad_parameters_are_refused_by_name(name, parameter, value, data):
    estimator = make(name, **READ_BY.get(parameter, {}) | {parameter: value})
    with pytest.raises((ValueError, TypeError), match=parameter):
        estimator.fit(data(name)).transform(data(name))
    # The fit of a coder does nothing that threads could be used for.
    assert not state(estimator) or (name.startswith("SparseCoder") and parameter == "n_jobs")


# What `transform` reads, so that it matters after the fit too.
READ_LATER = {
    "n_nonzero_coefs": 0,
    "n_shifts": 0,
    "ridge_alpha": np.nan,
    "rule": "nothing of the sort",
    "shape": "nothing of the sort",
    "sparse_output": "never",
    "split_sign": "yes",
    "transform_algorithm": "nothing of the sort",
    "transform_alpha": np.nan,
    "transform_max_iter": 0,
    "transform_n_nonzero_coefs": 0,
    "alpha_W": np.nan,
}


@pytest.mark.parametrize(
    ("name", "parameter"),
    [(name, key) for name in CLASSES for key in READ_LATER if key in make(name).get_params()],
)
def test_parameters_changed_after_the_fit_are_checked(name, parameter, data):
    X = data(name)
    estimator = make(name).fit(X).set_params(**{parameter: READ_LATER[parameter]})
    with pytest.raises((ValueError, TypeError), match=parameter):
        estimator.transform(X)
