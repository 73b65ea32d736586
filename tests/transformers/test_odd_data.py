"""What is odd but not wrong: little data, data without variation, and much data."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning, UndefinedMetricWarning

from sparsekit.decomposition import sparse_encode
from sparsekit.linear_model import AllZeroWarning
from tests.transformers._estimators import (
    ABSENT_IS_UNKNOWN,
    CLASSES,
    N_FEATURES,
    PREFERENCES,
    RECOMMENDERS,
    TAKES_SPARSE,
    TRANSFORMERS,
    dense,
    make,
    numbers,
    state,
    suited,
)

N_ROWS = 30


def odd_rows():
    rng = np.random.default_rng(5)
    X = rng.standard_normal((N_ROWS, N_FEATURES)) * (rng.random((N_ROWS, N_FEATURES)) < 0.6)
    with_odd_columns = X.copy()
    with_odd_columns[:, 2], with_odd_columns[:, 9] = 0.5, 0.0
    return {
        "one sample": X[:1],
        "two samples": X[:2],
        "zeros": np.zeros_like(X),
        "a zero sample": np.zeros((1, N_FEATURES)),
        "constant": np.full_like(X, 0.1),
        "equal samples": np.tile(X[0], (N_ROWS, 1)),
        "some equal samples": np.tile(X[:5], (6, 1)),
        "constant and empty features": with_odd_columns,
        "empty samples": np.where(np.arange(N_ROWS)[:, None] % 3, X, 0),
        "one entry": np.where(np.arange(X.size).reshape(X.shape) == 40, 3.0, 0.0),
        "negative": -np.abs(X),
        "large": 1e100 * X,
        "huge": 1e150 * X,
        "small": 1e-100 * X,
        "tiny": 1e-150 * X,
        "tiny entries": 1e-310 * X,
        "large singles": (1e15 * X).astype(np.float32),
        "huge singles": (1e25 * X).astype(np.float32),
        "tiny singles": (1e-25 * X).astype(np.float32),
        "far from zero": X + 1e6,
        "features of many scales": X * np.logspace(-12, 12, N_FEATURES),
    }


ODD = odd_rows()
WARNINGS = (AllZeroWarning, ConvergenceWarning)


def quietly(method, X):
    with warnings.catch_warnings():
        for category in WARNINGS:
            warnings.simplefilter("ignore", category)
        return method(X)


# One estimator of each class meets all cases, the others those that are hardest.
HARDEST = [
    "one sample",
    "zeros",
    "equal samples",
    "constant and empty features",
    "features of many scales",
    "large",
    "tiny entries",
    "tiny singles",
]


@pytest.mark.parametrize(
    ("name", "case"),
    [
        (name, case)
        for name in TRANSFORMERS
        for case in (ODD if name in CLASSES or name in ABSENT_IS_UNKNOWN else HARDEST)
    ],
)
def test_odd_data_give_finite_codes_or_a_reason(name, case):
    X = suited(name, ODD[case])
    both = name in TAKES_SPARSE and (name in CLASSES or name in ABSENT_IS_UNKNOWN)
    for given in (X, sparse.csr_array(X)) if both else (X,):
        estimator = make(name)
        try:
            quietly(estimator.fit, given)
        except ValueError as error:
            # Few samples may be too few for what is asked, and squares too large for a float.
            reasons = "sample", "n_components", "squares overflow", "squares vanish", "scale X"
            assert any(reason in str(error) for reason in reasons), error
            assert not state(estimator)
            continue
        for value in state(estimator).values():
            value = numbers(value)
            if value is not None and value.dtype.kind == "f":
                # A rule may set everything to zero.
                assert not np.isnan(value).any()
                assert np.isfinite(value).all() or name.startswith("Thresholder")
        codes = quietly(estimator.transform, given)
        assert np.isfinite(dense(codes)).all()
        if hasattr(estimator, "inverse_transform"):
            assert np.isfinite(estimator.inverse_transform(codes)).all()
        if hasattr(estimator, "score"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UndefinedMetricWarning)
                assert np.isfinite(estimator.score(given)) or name in RECOMMENDERS


ONE_FEATURE = {
    "SparseCoder omp": {"dictionary": [[2.0], [-0.5]], "transform_n_nonzero_coefs": 1},
    "DictionaryLearning lasso": {"n_components": 2, "transform_n_nonzero_coefs": 1},
    "MiniBatchDictionaryLearning lasso": {"n_components": 2, "transform_n_nonzero_coefs": 1},
    "SparsePCA cd": {"n_components": 1},
    "MiniBatchSparsePCA cd": {"n_components": 1},
    "SparseNMF frobenius": {"n_components": 1},
    "SparseSVD truncated": {"n_components": 1},
    "MatrixFactorization pcg": {"n_components": 1, "alpha": 1e-4},
    "ImplicitFactorization pcg": {"n_components": 1},
    "BayesianFactorization biased": {"n_components": 1, "max_iter": 50},
    "RankingFactorization bpr": {"n_components": 1},
    "SparseLinearMethod positive": {},
    "EASE": {},
    "Thresholder universal": {},
    "WaveletShrinkage sure": {},
}


@pytest.mark.parametrize("name", CLASSES)
def test_one_feature_is_enough(name):
    X = suited(name, np.linspace(-1, 2, N_ROWS)[:, None])
    for given in (X, sparse.csr_array(X)) if name in TAKES_SPARSE else (X,):
        estimator = make(name, **ONE_FEATURE[name]).fit(given)
        codes = quietly(estimator.transform, given)
        assert np.isfinite(dense(codes)).all()
        # What the mean of a posterior keeps of one feature depends on what it takes for noise.
        restores = name not in PREFERENCES and not name.startswith("BayesianFactorization")
        if hasattr(estimator, "inverse_transform") and restores:
            np.testing.assert_allclose(estimator.inverse_transform(codes), X, atol=0.05)


# A truncated decomposition has two, as scikit-learn's, and what recommends has its own number.
@pytest.mark.parametrize(
    "name",
    [
        name
        for name in CLASSES
        if "n_components" in make(name).get_params()
        and not name.startswith("SparseSVD")
        and name not in RECOMMENDERS
    ],
)
def test_by_default_there_are_as_many_components_as_features(name, data):
    estimator = quietly(type(make(name))(random_state=0, max_iter=3).fit, data(name))
    assert estimator.components_.shape == (N_FEATURES, N_FEATURES)


@pytest.mark.parametrize("name", CLASSES)
def test_samples_may_be_fewer_than_features(name, rng):
    # A row that has every entry has nothing left to rank.
    X = suited(name, rng.standard_normal((6, 300)) ** 3 * (rng.random((6, 300)) < 0.8))
    given = {"dictionary": rng.standard_normal((4, 300)), "n_components": 3}
    own = make(name).get_params()
    estimator = make(name, **{key: value for key, value in given.items() if key in own})
    codes = quietly(estimator.fit, X).transform(X)
    assert np.isfinite(dense(codes)).all() and dense(codes).any()


@pytest.mark.parametrize(
    ("algorithm", "options"), [("omp", {"n_nonzero_coefs": 3}), ("lasso", {"alpha": 0.5})]
)
def test_200_000_signals_are_coded_as_each_alone(algorithm, options):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200_000, N_FEATURES)).astype(np.float32)
    atoms = rng.standard_normal((16, N_FEATURES)).astype(np.float32)
    codes = sparse_encode(X, atoms, algorithm=algorithm, sparse_output=True, **options)
    assert codes.shape == (200_000, 16) and codes.dtype == np.float32
    assert codes.has_canonical_format and np.isfinite(codes.data).all()
    some = rng.integers(0, len(X), 500)
    alone = sparse_encode(X[some], atoms, algorithm=algorithm, sparse_output=True, **options)
    np.testing.assert_allclose(codes[some].toarray(), alone.toarray(), atol=1e-4)
