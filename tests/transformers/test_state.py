"""An estimator's state: stored and copied whole, and never left half changed."""

import copy
import inspect
import io
import pathlib
import pickle
import sys

import joblib
import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

import sparsekit
from tests.transformers._estimators import (
    ATOMS,
    CLASSES,
    TAKES_SPARSE,
    TRANSFORMERS,
    assert_same_state,
    attributes,
    dense,
    make,
    state,
)


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
    known = "sparsekit.", "scipy.sparse._csr.csr_array"
    assert all(name.startswith(known) for name in unknown), unknown
    return skops.loads(stored, trusted=unknown)


@pytest.mark.parametrize(
    ("name", "round_trip"),
    [(name, way) for name in TRANSFORMERS for way in (by_pickle, by_skops)]
    + [(name, way) for name in CLASSES for way in (by_joblib, copy.deepcopy)],
)
def test_a_round_trip_changes_nothing(name, round_trip, data):
    X = data(name)
    stored = sparse.csr_array(X) if name in TAKES_SPARSE else X
    model = make(name).fit(stored)
    again = round_trip(model)
    assert_same_state(again, model)
    np.testing.assert_array_equal(dense(again.transform(X)), dense(model.transform(X)))
    np.testing.assert_array_equal(again.get_feature_names_out(), model.get_feature_names_out())
    assert repr(again) == repr(model)
    if hasattr(model, "partial_fit"):
        assert_same_state(again.partial_fit(stored[:25]), model.partial_fit(stored[:25]))


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_what_a_fit_found_is_plain(name, fitted):
    def plain(value):
        if isinstance(value, list | tuple):
            return all(map(plain, value))
        if isinstance(value, np.ndarray):
            return value.dtype.kind in "fiUO"
        if sparse.issparse(value):
            return plain([value.data, value.indices, value.indptr])
        return value is None or isinstance(value, int | float | str)

    not_plain = {key: value for key, value in state(fitted(name)).items() if not plain(value)}
    assert not not_plain


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_what_a_fit_found_is_documented(name, fitted):
    estimator = fitted(name)
    documented = type(estimator).__doc__.partition("Attributes\n")[2].partition("See Also")[0]
    assert {key for key in attributes(estimator) if f"    {key} : " not in documented} == set()


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_a_clone_is_unfitted_and_fits_the_same(name, data, fitted):
    estimator = fitted(name)
    twin = clone(estimator)
    assert not state(twin)
    assert repr(twin) == repr(estimator) == repr(make(name))
    assert_same_state(twin.fit(data(name)), estimator)


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_parameters_are_stored_as_given_and_never_changed(name, data):
    given = TRANSFORMERS[name]().get_params()
    estimator = type(make(name))(**given)
    estimator.fit(data(name)).transform(data(name))
    assert estimator.get_params().keys() == given.keys()
    assert all(value is given[key] for key, value in estimator.get_params().items())
    assert estimator.set_params(**given) is estimator
    with pytest.raises(ValueError, match="Invalid parameter 'nonsense'"):
        estimator.set_params(nonsense=1)


def test_arrays_that_are_parameters_are_never_changed(data):
    X = data("DictionaryLearning lasso")
    atoms = np.random.default_rng(0).standard_normal((8, 12))
    codes = np.random.default_rng(1).standard_normal((60, 8))
    weights = np.arange(8.0)
    loadings = np.random.default_rng(2).standard_normal((3, 12))
    given = {"atoms": atoms, "codes": codes, "weights": weights, "loadings": loadings}
    before = {key: value.copy() for key, value in given.items()}
    make("SparseCoder split", dictionary=atoms, feature_weights=weights).fit_transform(X)
    for name in ("DictionaryLearning lasso", "DictionaryLearning ksvd", "DictionaryLearning mod"):
        make(name, dict_init=atoms).fit(X)
        make(name, dict_init=None, code_init=codes).fit(X)
    for name in ("MiniBatchDictionaryLearning lasso", "MiniBatchDictionaryLearning mod"):
        make(name, dict_init=atoms).fit(X).partial_fit(X)
        make(name, dict_init=atoms).partial_fit(X).partial_fit(X)
    make("SparsePCA cd", V_init=loadings, U_init=codes[:, :3]).fit(X)
    make("SparsePCA lars", V_init=loadings).fit(X)
    for key, value in before.items():
        np.testing.assert_array_equal(given[key], value, err_msg=key)


@pytest.mark.parametrize("name", CLASSES)
def test_repr_names_what_was_changed(name):
    text = repr(make(name))
    assert text.startswith(f"{name.split()[0]}(")
    assert repr(type(make(name))(*[ATOMS] * name.startswith("SparseCoder"))) != text


# Fits that fail


class Crash(Exception):
    """What goes wrong on the way."""


PACKAGE = str(pathlib.Path(sparsekit.__file__).parent)
# An exception as these end would be one in the middle of clearing up after another.
CLEARING_UP = tuple(f"{PACKAGE}/{name}" for name in ("_parallel.py", "_validation/_state.py"))


def crash_at(number, error, function):
    """Call `function`, raise `error` at its call number `number` into the package; count calls."""
    n_calls = 0

    def count(frame, event, argument):
        nonlocal n_calls
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(PACKAGE) and not file.startswith(CLEARING_UP):
            n_calls += 1
            if n_calls == number:
                raise error

    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
    return n_calls


def places(n_calls):
    """Return some of the calls: the first ones, the last ones, and some between."""
    ends = [1, 2, 3, *range(n_calls - 4, n_calls + 1)]
    between = np.geomspace(4, n_calls, 6).astype(int).tolist()
    return sorted(number for number in {*ends, *between} if 1 <= number <= n_calls)


def methods(name):
    """Return the methods that fit; `fit_transform` where it is not scikit-learn's."""
    cls = type(make(name))
    for method in ("fit", "fit_transform", "partial_fit"):
        code = getattr(cls, method, None)
        if code is not None and hasattr(make(name), method):
            if inspect.getfile(inspect.unwrap(code)).startswith(PACKAGE):
                yield method


@pytest.mark.parametrize(
    ("name", "method", "fitted_before"),
    [
        pytest.param(name, method, before, id=f"{name} {'fitted' if before else 'new'} {method}")
        for name in TRANSFORMERS
        for method in methods(name)
        for before in ([False, True] if name in CLASSES else [True])
    ],
)
def test_a_crash_anywhere_leaves_what_was_there_before(name, method, fitted_before, data):
    X = data(name)
    estimator = make(name)
    if fitted_before:
        estimator.fit(X[20:])
    before, done = copy.deepcopy(estimator), copy.deepcopy(estimator)
    run = getattr(done, method)
    n_calls = crash_at(0, None, lambda: run(X))
    for number in places(n_calls):
        error = (Crash, KeyboardInterrupt)[number % 2]()
        with pytest.raises(type(error)):
            crash_at(number, error, lambda: getattr(estimator, method)(X))
        # The codes that `fit_transform` returns are computed after a fit that succeeded.
        whole = method == "fit_transform" and state(estimator).keys() == state(done).keys()
        if not (whole and same(estimator, done)):
            assert_same_state(estimator, before)


def same(one, other):
    try:
        assert_same_state(one, other)
    except AssertionError:
        return False
    return True


LISTENING = [name for name in TRANSFORMERS if "callback" in make(name).get_params()]


@pytest.mark.parametrize("error", [Crash, KeyboardInterrupt])
@pytest.mark.parametrize("name", LISTENING)
def test_a_callback_that_fails_ends_the_fit_and_changes_nothing(name, error, data):
    def interrupt(progress):
        raise error

    X = data(name)
    estimator = make(name, callback=interrupt)
    with pytest.raises(error):
        estimator.fit(X)
    assert not state(estimator)
    estimator.set_params(callback=None).fit(X)
    before = copy.deepcopy(estimator)
    with pytest.raises(error):
        estimator.set_params(callback=interrupt).fit(X[:40])
    assert_same_state(estimator, before)


@pytest.mark.parametrize("name", LISTENING)
def test_a_callback_sees_copies_and_may_end_the_fit(name, data):
    seen = []

    def spoil(progress):
        seen.append(progress["objective"])
        for value in progress.values():
            if isinstance(value, np.ndarray):
                value[...] = np.nan
        return len(seen) == 2

    never = {"tol": 0} if "tol" in make(name).get_params() else {}
    estimator = make(name, callback=spoil, **never).fit(data(name))
    assert len(seen) == 2
    assert all(isinstance(value, float) for value in seen)
    assert all(np.isfinite(value).all() for value in attributes(estimator).values())
    assert estimator.n_iter_ <= 2
