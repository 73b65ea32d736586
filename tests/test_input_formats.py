"""One matrix in many clothes: the fit is the same, X is untouched, and nothing is made dense.

The numbers are those of `test_bad_input.py`.
"""

import functools
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from sparsekit.linear_model import ElasticNet, Lasso, SparseLogisticRegression
from tests._estimators import (
    ESTIMATORS,
    KINDS,
    PREDICTORS,
    choose_target,
    coefficients,
)


def with_arrays(X, data, indices, indptr):
    """Return a matrix of X's class and shape on other arrays, which SciPy does not look at."""
    copy = type(X)(X.shape)
    copy.data, copy.indices, copy.indptr = data, indices, indptr
    return copy


def with_int64_indices(X):
    return with_arrays(X, X.data, X.indices.astype(np.int64), X.indptr.astype(np.int64))


def with_rising_and_falling_runs(X):
    """Return X with the entries of each row or column in falling order."""
    runs = [np.arange(a, b)[::-1] for a, b in zip(X.indptr[:-1], X.indptr[1:])]
    order = np.concatenate(runs)
    return with_arrays(X, X.data[order], X.indices[order], X.indptr)


def with_duplicates(X):
    """Return X with every entry stored as two halves."""
    return with_arrays(X, np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), 2 * X.indptr)


def with_explicit_zeros(X):
    """Return X with zeros stored at some places where it has no entry."""
    coo = X.tocoo()
    empty = np.argwhere(X.toarray() == 0)[::7].T
    coordinates = np.hstack([np.vstack([coo.row, coo.col]), empty])
    values = np.r_[coo.data, np.zeros(empty.shape[1])]
    return sparse.coo_array((values, coordinates), shape=X.shape).asformat(X.format)


# Their entries, once sorted and summed, are those of X exactly, so the fit is the same to the bit.
SAME_ENTRIES = {
    "csr_matrix": sparse.csr_matrix,
    "csr_array": sparse.csr_array,
    "csc_array": sparse.csc_array,
    "29 coo_matrix": sparse.coo_matrix,
    "29 coo_array": sparse.coo_array,
    "29 lil": lambda X: X.tolil(),
    "29 dok": lambda X: X.todok(),
    "23 csc int64": with_int64_indices,
    "23 csr int64": lambda X: with_int64_indices(X.tocsr()),
    "24 csc unsorted": with_rising_and_falling_runs,
    "24 csr unsorted": lambda X: with_rising_and_falling_runs(X.tocsr()),
    "25 csc duplicates": with_duplicates,
    "25 csr duplicates": lambda X: with_duplicates(X.tocsr()),
    "25 coo duplicates": lambda X: with_duplicates(X).tocoo(),
    "39 pandas": lambda X: pd.DataFrame.sparse.from_spmatrix(X, columns=named(X)),
}
# These store zeros, or all entries, so sums run over other terms.
SAME_VALUES = {
    "26 csc zeros": with_explicit_zeros,
    "26 csr zeros": lambda X: with_explicit_zeros(X.tocsr()),
    "29 bsr": lambda X: X.tobsr(blocksize=(2, 2)),
    "29 dia": lambda X: X.todia(),
    "dense": lambda X: X.toarray(),
    "40 polars": lambda X: pl.DataFrame(X.toarray(), schema=named(X)),
    "40 pandas dense": lambda X: pd.DataFrame(X.toarray(), columns=named(X)),
}


def named(X):
    return [f"x{j}" for j in range(X.shape[1])]


def state(X):
    """Return copies of all that a fit could change in a sparse matrix."""
    names = "data", "indices", "indptr", "row", "col"
    return {name: np.copy(getattr(X, name)) for name in names if hasattr(X, name)}


@pytest.fixture(scope="module")
def csc_fit(sparse_problem):
    """A function from an estimator's name to its coefficients on the canonical CSC matrix."""
    X, _, y, labels = sparse_problem
    return functools.cache(
        lambda name: coefficients(ESTIMATORS[name]().fit(X, choose_target(name, y, labels)))
    )


@pytest.mark.parametrize("form", SAME_ENTRIES)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_same_entries_give_the_same_fit_to_the_bit(name, form, sparse_problem, csc_fit):
    X, _, y, labels = sparse_problem
    given = SAME_ENTRIES[form](X)
    before = state(given)
    estimator = ESTIMATORS[name]().fit(given, choose_target(name, y, labels))
    np.testing.assert_array_equal(coefficients(estimator), csc_fit(name))
    for part, value in before.items():
        np.testing.assert_array_equal(getattr(given, part), value)


@pytest.mark.parametrize("form", SAME_VALUES)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_same_values_give_the_same_fit(name, form, sparse_problem):
    X, _, y, labels = sparse_problem
    target = choose_target(name, y, labels)
    exact = [
        coefficients(precise(ESTIMATORS[name]()).fit(data, target))
        for data in (X, SAME_VALUES[form](X))
    ]
    # A gap of 1e-11 leaves about its root in the coefficients.
    np.testing.assert_allclose(*exact, atol=1e-5)


def precise(estimator):
    """Return the estimator with a tolerance tight enough to compare coefficients."""
    names = [name for name in estimator.get_params() if name.rpartition("__")[2] == "tol"]
    return estimator.set_params(**dict.fromkeys(names, 1e-11))


@pytest.mark.parametrize("form", {**SAME_ENTRIES, **SAME_VALUES})
@pytest.mark.parametrize("name", ["Lasso", "SparseLogisticRegression"])
def test_predictions_do_not_depend_on_the_form_of_X(name, form, sparse_problem):
    X, dense, y, labels = sparse_problem
    frame = pd.DataFrame(dense, columns=named(X))
    has_names = "pandas" in form or "polars" in form
    estimator = ESTIMATORS[name]().fit(frame if has_names else X, choose_target(name, y, labels))
    decide = getattr(estimator, "decision_function", estimator.predict)
    given = (SAME_ENTRIES | SAME_VALUES)[form](X)
    expected = dense @ estimator.coef_.ravel() + estimator.intercept_
    np.testing.assert_allclose(decide(given).ravel(), expected, atol=1e-12)


@pytest.mark.parametrize("form", ["csr", "csc"])
@pytest.mark.parametrize("name", KINDS)
def test_32_read_only_memory_maps_are_fitted(name, form, sparse_problem, csc_fit, tmp_path):
    X, _, y, labels = sparse_problem
    X = X.asformat(form)
    parts = []
    for part in ("data", "indices", "indptr"):
        np.save(tmp_path / f"{part}.npy", getattr(X, part))
        parts.append(np.load(tmp_path / f"{part}.npy", mmap_mode="r"))
    kind = {"csr": sparse.csr_array, "csc": sparse.csc_array}[form]
    mapped = kind(tuple(parts), shape=X.shape)
    assert not mapped.data.flags.writeable
    estimator = ESTIMATORS[name]().fit(mapped, choose_target(name, y, labels))
    np.testing.assert_array_equal(coefficients(estimator), csc_fit(name))


def test_32_a_dense_read_only_memory_map_is_fitted(sparse_problem, tmp_path):
    _, dense, y, _ = sparse_problem
    np.save(tmp_path / "X.npy", dense)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    np.testing.assert_array_equal(
        Lasso(alpha=0.05).fit(mapped, y).coef_, Lasso(alpha=0.05).fit(dense, y).coef_
    )


@pytest.mark.parametrize("make", [np.asarray, sparse.csc_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("name", PREDICTORS)
def test_single_precision_is_near_double_precision(name, make, sparse_problem):
    _, dense, y, labels = sparse_problem
    target = choose_target(name, y, labels)
    double = coefficients(ESTIMATORS[name]().fit(make(dense), target))
    single = coefficients(ESTIMATORS[name]().fit(make(dense.astype(np.float32)), target))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, double, atol=0.02 * np.abs(double).max())


@pytest.mark.parametrize("form", ["csr", "csc"])
@pytest.mark.parametrize(
    "name",
    ["Lasso", "ElasticNet", "SparseLogisticRegression", "LassoSelector", "LogisticSelector"],
)
def test_whole_weights_equal_repeated_rows(name, form, sparse_problem, rng):
    X, _, y, labels = sparse_problem
    target = choose_target(name, y, labels)
    weights = rng.integers(0, 4, len(y))
    rows = np.repeat(np.arange(len(y)), weights)
    weighted = precise(ESTIMATORS[name]()).fit(X.asformat(form), target, sample_weight=weights)
    repeated = precise(ESTIMATORS[name]()).fit(X.tocsr()[rows].asformat(form), target[rows])
    np.testing.assert_allclose(coefficients(weighted), coefficients(repeated), atol=1e-5)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_31_empty_columns_get_coefficient_zero(name, csc_fit):
    np.testing.assert_array_equal(csc_fit(name)[..., [5, 20]], 0.0)


@pytest.mark.parametrize("form", ["csc", "csr"])
def test_31_a_matrix_without_entries_gives_the_mean(form):
    X, y = getattr(sparse, f"{form}_array")((6, 4)), np.arange(6.0)
    model = Lasso().fit(X, y)
    assert not model.coef_.any()
    np.testing.assert_allclose(model.predict(X), 2.5)


# Sparse matrices that nobody would write down


@st.composite
def sparse_matrices(draw):
    """Draw a matrix with duplicates, stored zeros, unsorted and wide indices, empty lines."""
    n_rows, n_columns = draw(st.integers(2, 12)), draw(st.integers(1, 8))
    n_entries = draw(st.integers(0, 40))

    def lists(elements):
        return np.array(draw(st.lists(elements, min_size=n_entries, max_size=n_entries)))

    rows = lists(st.integers(0, n_rows - 1)).astype(np.intp)
    columns = lists(st.integers(0, n_columns - 1)).astype(np.intp)
    values = lists(st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.25, 1.0, 3.0]))
    form = draw(st.sampled_from(["csr", "csc", "coo"]))
    interface = draw(st.sampled_from(["matrix", "array"]))
    kind = getattr(sparse, f"{form}_{interface}")
    index_dtype = draw(st.sampled_from([np.int32, np.int64]))
    if form == "coo":
        return kind((values, (rows, columns)), shape=(n_rows, n_columns))
    major, minor = (rows, columns) if form == "csr" else (columns, rows)
    order = np.argsort(major, kind="stable")
    X = kind((n_rows, n_columns))
    n_major = n_rows if form == "csr" else n_columns
    X.data, X.indices = values[order], minor[order].astype(index_dtype)
    X.indptr = np.r_[0, np.cumsum(np.bincount(major, minlength=n_major))].astype(index_dtype)
    return X


def elastic_net_objective(model, X, y):
    residual = y - X @ model.coef_ - model.intercept_
    l1_ratio = getattr(model, "l1_ratio", 1.0)
    penalty = l1_ratio * np.abs(model.coef_).sum()
    penalty += (1 - l1_ratio) / 2 * (model.coef_**2).sum()
    return (residual**2).mean() / 2 + model.alpha * penalty


@pytest.mark.filterwarnings("ignore::sparsekit.linear_model.AllZeroWarning")
@pytest.mark.parametrize("make", [Lasso, ElasticNet])
@given(X=sparse_matrices(), seed=st.integers(0, 5), intercept=st.booleans())
def test_any_sparse_matrix_is_fitted_as_its_dense_twin(make, X, seed, intercept):
    y = np.random.default_rng(seed).standard_normal(X.shape[0])
    dense, before = X.toarray(), state(X)
    models = [
        make(alpha=0.02, tol=1e-10, fit_intercept=intercept, feature_weights=None) for _ in range(2)
    ]
    values = [
        elastic_net_objective(model.fit(data, y), dense, y)
        for model, data in zip(models, (X, dense))
    ]
    # Coefficients need not be unique, so the objectives are compared; each is within its gap.
    assert abs(values[0] - values[1]) <= 2e-10 * max(1.0, float(y @ y))
    for part, value in before.items():
        np.testing.assert_array_equal(getattr(X, part), value)


def logistic_objective(model, X, y):
    eta = X @ model.coef_.ravel() + model.intercept_
    loss = np.logaddexp(0.0, eta) - y * eta
    return loss.mean() + model.alpha * np.abs(model.coef_).sum()


@pytest.mark.filterwarnings("ignore::sparsekit.linear_model.AllZeroWarning")
@given(X=sparse_matrices(), seed=st.integers(0, 5))
def test_any_sparse_matrix_is_classified_as_its_dense_twin(X, seed):
    y = np.random.default_rng(seed).permutation(np.arange(X.shape[0]) % 2)
    dense = X.toarray()
    values = [
        logistic_objective(SparseLogisticRegression(alpha=0.02, tol=1e-9).fit(data, y), dense, y)
        for data in (X, dense)
    ]
    assert abs(values[0] - values[1]) <= 2e-9


# Memory


NEVER_DENSE = """
import resource, warnings
import numpy as np
from scipy import sparse
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from sparsekit.feature_selection import LassoSelector
from sparsekit.linear_model import Lasso, LassoCV, SparseLogisticRegression
from sparsekit.model_selection import PathGridSearchCV

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if mac else 2**10)

import sys
mac = sys.platform == "darwin"
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)

def make(n, p, n_entries):
    coordinates = rng.integers(0, n, n_entries), rng.integers(0, p, n_entries)
    X = sparse.coo_array((rng.random(n_entries), coordinates), shape=(n, p)).asformat(FORM)
    y = X[:, :50] @ rng.standard_normal(50) + 0.1 * rng.standard_normal(n)
    return X, y

def fit_all(X, y):
    labels = y > np.median(y)
    alpha = np.abs(X.T @ (y - y.mean())).max() / len(y)
    logistic_alpha = np.abs(X.T @ (labels - labels.mean())).max() / len(y)
    yield "Lasso", Lasso(alpha=alpha / 5).fit(X, y).predict(X)
    yield "LassoSelector", LassoSelector(alpha=alpha / 5).fit(X, y).transform(X)
    yield "SparseLogisticRegression", SparseLogisticRegression(alpha=logistic_alpha / 3).fit(
        X, labels
    ).predict_proba(X)
    yield "LassoCV", LassoCV(alphas=alpha / np.array([1.5, 2.5, 4.0]), cv=3).fit(X, y).predict(X)
    yield "PathGridSearchCV", PathGridSearchCV(
        make_pipeline(MaxAbsScaler(), Lasso()), {"lasso__alpha": alpha / np.array([1.5, 4.0])}, cv=2
    ).fit(X, y).predict(X)

# The kernels are compiled, and every library has its buffers, before the counting begins.
list(fit_all(*make(200, 300, 3000)))
X, y = make(2000, 200_000, 400_000)
before = peak()
for name, _ in fit_all(X, y):
    print(name, peak() - before)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs the resource module")
@pytest.mark.parametrize("form", ["csr", "csc"])
def test_a_wide_sparse_matrix_is_never_made_dense(form, repository):
    # As a dense array this X takes 3052 MiB.
    script = f"FORM = {form!r}\n{NEVER_DENSE}"
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=repository, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    peaks = dict(line.split() for line in run.stdout.splitlines())
    assert len(peaks) == 5
    assert all(float(mebibytes) < 400 for mebibytes in peaks.values()), peaks
