"""A fit is a function of data, parameters and seed: not of threads, nor of what was before."""

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from sparsekit.coding import _encode
from tests.transformers._estimators import (
    LEARNERS,
    RECOMMENDERS,
    TAKES_SPARSE,
    THREADED,
    TRANSFORMERS,
    assert_same,
    assert_same_state,
    attributes,
    dense,
    make,
    suited,
)

# More rows than the blocks of any pass over them.
N_MANY = 5000


@pytest.fixture(scope="module")
def many_rows(rows):
    """Return rows enough for several threads, most of them zero."""
    rng = np.random.default_rng(3)
    X = rows[rng.integers(0, len(rows), N_MANY)] + 0.1 * rng.standard_normal((N_MANY, 12))
    return X * (rng.random(X.shape) < 0.5)


@pytest.mark.parametrize("to_format", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("name", THREADED)
def test_the_number_of_threads_does_not_change_a_bit(name, to_format, many_rows, monkeypatch):
    if to_format is not np.asarray and name not in TAKES_SPARSE:
        return
    X = to_format(suited(name, many_rows))
    if "lars" in name and name.startswith("SparseCoder"):
        # Least angles are followed row by row, in Python.
        X = X[:100]
        monkeypatch.setattr(_encode, "BLOCK", 30)
    limits = {"max_iter": 2, "tol": 0} if "tol" in make(name).get_params() else {}
    if name.startswith("SparseLinearMethod"):
        # Says so where it stops short of its tolerance, which is positive.
        limits = {}
    if "max_no_improvement" in make(name).get_params():
        limits["batch_size"] = 2500
    with threadpool_limits(1, user_api="blas"):
        one = make(name, n_jobs=1, **limits).fit(X)
        codes = one.transform(X)
    for n_jobs in (2, 3):
        with threadpool_limits(n_jobs, user_api="blas"):
            more = make(name, n_jobs=n_jobs, **limits).fit(X)
            np.testing.assert_array_equal(dense(more.transform(X)), dense(codes))
        assert_same_state(more, one)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_seed_gives_the_same_fit_again(name, data):
    X = data(name)
    generators = [np.random.RandomState(4) for _ in range(2)]
    first, second = (make(name, random_state=rng).fit(X) for rng in generators)
    assert_same_state(second, first)
    for _ in range(2):
        assert_same_state(
            first.set_params(random_state=4).fit(X), make(name, random_state=4).fit(X)
        )


@pytest.mark.parametrize(
    "name",
    ["DictionaryLearning lasso", "MiniBatchDictionaryLearning lasso", "SparseNMF unobserved"],
)
def test_another_seed_starts_elsewhere(name, data):
    X = data(name)
    fits = [make(name, random_state=seed, max_iter=1, tol=0).fit(X) for seed in (0, 1)]
    assert not np.array_equal(*(fit.components_ for fit in fits))


@pytest.mark.parametrize("to_format", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("name", TRANSFORMERS)
def test_a_second_fit_forgets_the_first(name, to_format, data):
    if to_format is not np.asarray and name not in TAKES_SPARSE:
        return
    X = to_format(data(name))
    again = make(name).fit(3 * X[:40]).fit(X)
    assert_same_state(again, make(name).fit(X))


@pytest.mark.parametrize("to_format", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("name", TRANSFORMERS)
def test_fit_transform_is_fit_and_transform(name, to_format, data):
    if to_format is not np.asarray and name not in TAKES_SPARSE:
        return
    X = to_format(data(name))
    one, two = make(name), make(name)
    at_once, later = one.fit_transform(X), two.fit(X).transform(X)
    assert_same_state(one, two)
    assert type(at_once) is type(later)
    np.testing.assert_allclose(dense(at_once), dense(later), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_codes_of_a_row_do_not_depend_on_the_others(name, data, fitted):
    X = data(name)
    codes = dense(fitted(name).transform(X))
    # FISTA ends a block when its last row is done, to a tolerance of its own.
    atol = 1e-5 if "fista" in name else 1e-9
    for some in (slice(3, 4), slice(10, 31), [40, 7, 7]):
        alone = dense(fitted(name).transform(X[some]))
        np.testing.assert_allclose(alone, codes[some], rtol=1e-7, atol=atol)


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transform_changes_nothing(name, data):
    X = data(name)
    estimator = make(name).fit(X)
    before = copy.deepcopy(vars(estimator))
    estimator.transform(X)
    if hasattr(estimator, "score"):
        estimator.score(X)
    assert vars(estimator).keys() == before.keys()
    for key, value in before.items():
        assert_same(getattr(estimator, key), value, key)


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_what_transform_returns_is_the_users(name, data):
    """Writing into codes, or into attributes' copies, reaches neither X nor the estimator."""
    X = data(name)
    estimator = make(name).fit(X)
    twin = clone(estimator).fit(X)
    codes = estimator.transform(X)
    (codes.data if sparse.issparse(codes) else codes)[...] = 7.0
    assert_same_state(estimator, twin)


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_two_threads_fitting_at_once_equal_one(name, data, fitted):
    X = data(name)
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(lambda: make(name).fit(X)) for _ in range(4)]
    for future in futures:
        assert_same_state(future.result(), fitted(name))


# Streams


STREAMED = [name for name in TRANSFORMERS if hasattr(make(name), "partial_fit")]


@pytest.mark.parametrize("to_format", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("name", STREAMED)
def test_batches_of_any_size_are_learnt_from(name, to_format, many_rows):
    X = suited(name, many_rows)[:600]
    edges = [0, 60, 61, 300, 600]
    estimator, twin = make(name), make(name, **dict.fromkeys({"n_jobs"}, 2))
    for start, stop in zip(edges, edges[1:]):
        batch = to_format(X[start:stop])
        assert estimator.partial_fit(batch) is estimator
        twin.partial_fit(batch)
    assert_same_state(twin, estimator)
    assert estimator.n_features_in_ == X.shape[1]
    codes = estimator.transform(X)
    kept = np.linalg.norm(estimator.inverse_transform(codes) - X) / np.linalg.norm(X - X.mean(0))
    whole = make(name).fit(X)
    best = np.linalg.norm(whole.inverse_transform(whole.transform(X)) - X)
    assert kept < 1.2 * best / np.linalg.norm(X - X.mean(0)) + 0.02


# What recommends appends rows to a model of the first batch, which must say something.
@pytest.mark.filterwarnings("ignore::sparsekit.linear_model.AllZeroWarning")
@pytest.mark.parametrize("name", [name for name in STREAMED if name not in RECOMMENDERS])
def test_a_stream_survives_batches_that_say_nothing(name, data):
    X = data(name)
    nothing = np.zeros_like(X[:5])
    for batches in ([nothing, X], [X[:1], X], [X, nothing, X[:1], X]):
        estimator = make(name)
        for batch in batches:
            estimator.partial_fit(batch)
        assert all(np.isfinite(value).all() for value in attributes(estimator).values())
        codes = estimator.transform(X)
        rows = estimator.inverse_transform(codes)
        assert np.linalg.norm(X - rows) < 0.9 * np.linalg.norm(X)


@pytest.mark.parametrize("name", STREAMED)
def test_a_stream_goes_on_in_the_type_it_began_with(name, data):
    X = data(name)
    estimator = make(name).partial_fit(X.astype(np.float32)).partial_fit(X)
    assert estimator.components_.dtype == np.float32


@pytest.mark.parametrize("name", STREAMED)
def test_fit_after_a_stream_begins_anew(name, data, fitted):
    X = data(name)
    assert_same_state(make(name).partial_fit(2 * X[:30]).fit(X), fitted(name))
