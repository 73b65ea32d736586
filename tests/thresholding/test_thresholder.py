"""The transformer: thresholds per feature, per sample and for all; dense and sparse alike."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsekit.linear_model import Lasso
from sparsekit.thresholding import Thresholder, choose_threshold, estimate_noise, hard, shrink

RULES = {
    "fixed": {"threshold": 0.5},
    "universal": {},
    "minimax": {},
    "sure": {},
    "hybrid": {},
    "bayes": {},
    "ebayes": {},
    "fdr": {},
    "top_k": {"n_nonzero_coefs": 2},
    "quantile": {"quantile": 0.5},
    "energy": {},
}
NOISELESS = {"fixed", "top_k", "quantile", "energy"}
SHAPES = ["soft", "hard", "firm", "garrote"]
AXES = [None, 0, 1]
CASES = [(rule, axis) for rule in RULES for axis in AXES]


def make(rule, axis, shape="soft", **parameters):
    """A thresholder with what its rule needs."""
    return Thresholder(rule, shape, axis=axis, noise=0.5, **RULES[rule]).set_params(**parameters)


@pytest.fixture
def X(rng):
    values = rng.standard_normal((30, 8)) * (rng.random((30, 8)) < 0.7)
    values[:, 5] = 0.0
    values[4] = 0.0
    return values


# The axes take turns: all rules go through the same two ways of `transform`.
@parametrize_with_checks(
    [
        *(make(rule, AXES[k % 3], noise="mad") for k, rule in enumerate(RULES)),
        *(make("top_k", axis, "hard") for axis in (None, 0, 1)),
        make("ebayes", 0, "garrote", noise="std", prior="cauchy"),
        make("sure", 1, "firm", noise="mad_zero", sparse_output=True),
        make("fdr", 0, sparse_output=False, prior_scale=None),
    ]
)
def test_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("rule, axis", CASES)
def test_the_result_is_the_shape_at_the_chosen_threshold(rule, axis, X):
    for shape in SHAPES:
        model = make(rule, axis, shape).fit(X)
        t = choose_threshold(X, rule, 0.5, axis=axis, shape=shape, **RULES[rule])
        t = t if axis is None else np.expand_dims(t, axis)
        np.testing.assert_array_equal(model.transform(X), shrink(X, t, shape))
        assert hasattr(model, "threshold_") == (axis != 1)
        if axis != 1:
            np.testing.assert_array_equal(model.threshold_, np.squeeze(t))
            assert hasattr(model, "noise_") == (rule not in NOISELESS)


@pytest.mark.parametrize("rule, axis", CASES)
@pytest.mark.parametrize("noise", [0.5, "mad", "std"])
def test_sparse_and_dense_give_the_same(rule, axis, noise, X):
    for shape in ("soft", "hard"):
        expected = make(rule, axis, shape, noise=noise).fit_transform(X)
        for kind in (sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array, sparse.coo_array):
            got = make(rule, axis, shape, noise=noise).fit_transform(kind(X))
            assert got.format == "csr" and np.all(got.data != 0) and got.has_canonical_format
            np.testing.assert_array_equal(got.toarray(), expected)


@pytest.mark.parametrize("rule, axis", CASES)
def test_float32_stays_and_is_near_float64(rule, axis, X):
    small = X.astype(np.float32)
    got = make(rule, axis).fit_transform(small)
    assert got.dtype == np.float32
    expected = make(rule, axis).fit_transform(small.astype(np.float64))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    assert make(rule, axis).fit_transform(sparse.csr_array(small)).dtype == np.float32


@pytest.mark.parametrize("method", ["mad", "mad_zero", "std"])
def test_the_noise_is_that_of_the_values_that_share_a_threshold(method, X):
    for axis in (None, 0):
        model = Thresholder(noise=method, axis=axis).fit(X)
        np.testing.assert_allclose(model.noise_, estimate_noise(X, method, axis=axis), rtol=1e-12)
        n = X.size if axis is None else len(X)
        np.testing.assert_allclose(model.threshold_, model.noise_ * np.sqrt(2 * np.log(n)))


def test_thresholds_are_those_of_the_training_data(X):
    model = Thresholder("sure", axis=0, noise=0.5).fit(X)
    np.testing.assert_array_equal(model.transform(10 * X), shrink(10 * X, model.threshold_))


def test_a_threshold_per_feature_may_be_given(X):
    thresholds = np.linspace(0, 1, 8)
    model = Thresholder("fixed", threshold=thresholds.tolist(), axis=0).fit(X)
    np.testing.assert_array_equal(model.threshold_, thresholds)
    np.testing.assert_array_equal(
        model.transform(sparse.csr_array(X)).toarray(), shrink(X, thresholds)
    )


def test_an_infinite_threshold_leaves_nothing(X):
    for data in (X, sparse.csr_array(X)):
        assert not Thresholder("fixed", threshold=np.inf).fit_transform(data).sum()


def test_rows_do_not_meet(X, rng):
    for rule in RULES:
        model = make(rule, 1).fit(X)
        together, order = model.transform(X), rng.permutation(len(X))
        np.testing.assert_array_equal(model.transform(X[order]), together[order])
        np.testing.assert_array_equal(model.transform(X[7:8]), together[7:8])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", SHAPES)
def test_top_k_of_rows_without_ties_keeps_k(shape, dtype, rng):
    X = rng.standard_normal((20, 33)).astype(dtype)
    for k in (1, 5, 32, 33, 99):
        model = make("top_k", 1, shape, n_nonzero_coefs=k)
        for data in (X, sparse.csr_array(X)):
            got = model.fit_transform(data)
            got = got if isinstance(got, np.ndarray) else got.toarray()
            assert np.all(np.count_nonzero(got, axis=1) == min(k, 33))
            largest = np.argsort(-np.abs(X), axis=1)[:, :k]
            assert np.all(np.take_along_axis(got, largest, axis=1) != 0)


def test_of_tied_magnitudes_in_a_row_the_first_are_kept():
    X = np.array(
        [[1.0, -2.0, 2.0, 0.0, 2.0], [0.0, 0.0, 3.0, -3.0, 3.0], [1.0, 0.0, 0.0, 0.0, 0.0]]
    )
    expected = [[0, -2, 2, 0, 0], [0, 0, 3, -3, 0], [1, 0, 0, 0, 0]]
    model = make("top_k", 1, "hard")
    assert model.fit_transform(X).tolist() == expected
    got = model.transform(sparse.csc_array(X))
    assert got.toarray().tolist() == expected and got.nnz == 5
    # A threshold that was learned keeps what reaches it.
    assert np.count_nonzero(make("top_k", None, "hard").fit_transform(X)) == 3


@pytest.mark.parametrize("rule, axis", CASES)
def test_sparse_output(rule, axis, X):
    for shape in ("hard", "soft"):
        expected = make(rule, axis, shape).fit_transform(X)
        got = make(rule, axis, shape, sparse_output=True).fit_transform(X)
        assert got.format == "csr" and got.has_canonical_format and np.all(got.data != 0)
        np.testing.assert_array_equal(got.toarray(), expected)
        dense = make(rule, axis, shape, sparse_output=False).fit_transform(sparse.csr_array(X))
        np.testing.assert_array_equal(dense, expected)


def test_sparse_output_of_many_rows(rng, monkeypatch):
    monkeypatch.setattr("sparsekit.thresholding._thresholder.BLOCK", 64)
    X = rng.standard_normal((50, 9))
    for axis in AXES:
        model = make("top_k", axis, "hard").fit(X)
        got = model.set_params(sparse_output=True).transform(X)
        expected = model.set_params(sparse_output=False).transform(X)
        np.testing.assert_array_equal(got.toarray(), expected)


def test_sparse_output_follows_the_configuration(X):
    for kind in (sparse.csr_matrix, sparse.csr_array):
        assert sparse.isspmatrix_csr(Thresholder().fit_transform(kind(X)))
    try:
        setting = config_context(sparse_interface="sparray")
        with setting:
            got = Thresholder().fit_transform(sparse.csr_matrix(X))
    except TypeError:
        pytest.skip("this scikit-learn has no setting for sparse arrays")
    assert isinstance(got, sparse.sparray)


def test_duplicates_count_as_their_sum():
    data, indices = np.array([1.0, 2.0, -1.0, 3.0]), np.array([0, 0, 1, 1], dtype=np.int32)
    X = sparse.csr_matrix((data, indices, np.array([0, 2, 4])), shape=(2, 3))
    before = X.data.copy(), X.indices.copy()
    for rule, axis in CASES:
        got = make(rule, axis).fit_transform(X).toarray()
        np.testing.assert_array_equal(got, make(rule, axis).fit_transform(X.toarray()))
    np.testing.assert_array_equal(X.data, before[0])
    np.testing.assert_array_equal(X.indices, before[1])


def test_a_fit_that_fails_changes_nothing(X):
    model = Thresholder("sure", axis=0).fit(X)
    before = pickle.dumps(vars(model))
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.where(X == 0, np.nan, X)[:, :3])
    assert pickle.dumps(vars(model)) == before


def test_another_fit_leaves_nothing_of_the_last_one(X):
    model = Thresholder("sure", axis=0).fit(X)
    model.set_params(rule="energy").fit(X)
    assert hasattr(model, "threshold_") and not hasattr(model, "noise_")
    model.set_params(axis=1).fit(X)
    assert not hasattr(model, "threshold_")


def test_parameters_set_after_the_fit_are_checked_before_they_are_read(X):
    model = Thresholder(axis=1).fit(X)
    with pytest.raises(ValueError, match="needs `n_nonzero_coefs`"):
        model.set_params(rule="top_k").transform(X)
    with pytest.raises(NotFittedError):
        model.set_params(n_nonzero_coefs=2, axis=None).transform(X)


def test_names_copies_and_pickles(X):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=[f"f{j}" for j in range(8)])
    model = Thresholder("fdr", axis=0, noise=0.5).set_output(transform="pandas").fit(frame)
    assert list(model.get_feature_names_out()) == list(frame.columns)
    got = model.transform(frame)
    assert list(got.columns) == list(frame.columns)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform(frame), got)
    assert not hasattr(clone(model), "threshold_") and not hasattr(model, "inverse_transform")


def test_inside_a_search_over_rules(X, rng):
    y = hard(X, 1.0) @ np.array([3.0, -2.0, 0, 0, 0, 0, 1.0, 0]) + 0.1 * rng.standard_normal(30)
    search = GridSearchCV(
        make_pipeline(Thresholder(noise=0.4, axis=0), Lasso(alpha=0.05)),
        {"thresholder__rule": ["universal", "bayes", "sure"], "thresholder__shape": SHAPES},
        cv=3,
        error_score="raise",
    )
    assert search.fit(sparse.csr_matrix(X), y).best_score_ > 0


def test_behind_tfidf_each_document_keeps_its_largest_words():
    texts = ["one two three two", "two three", "four one one five", ""]
    words = make_pipeline(TfidfVectorizer(), make("top_k", 1, "hard")).fit_transform(texts)
    assert sparse.issparse(words) and np.diff(words.indptr).tolist() == [2, 2, 2, 0]


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"rule": "largest"}, "'rule' parameter of Thresholder"),
        ({"shape": "round"}, "'shape' parameter"),
        ({"axis": 2}, "'axis' parameter"),
        ({"axis": True}, "'axis' parameter"),
        ({"noise": "iqr"}, "'noise' parameter"),
        ({"noise": -1.0}, "'noise' parameter"),
        ({"noise": np.inf}, "'noise' parameter"),
        ({"rule": "fixed"}, "rule='fixed' needs `threshold`"),
        ({"threshold": 1.0}, "`threshold` is read by rule='fixed' only, but rule='universal'"),
        ({"rule": "fixed", "threshold": -1.0}, "'threshold' parameter"),
        ({"rule": "fixed", "threshold": [-1.0] * 8, "axis": 0}, "`threshold` must be non-negative"),
        ({"rule": "fixed", "threshold": [1.0] * 3, "axis": 0}, "one for each feature"),
        ({"rule": "fixed", "threshold": [1.0] * 8}, "`threshold` must be a number"),
        ({"rule": "top_k"}, "rule='top_k' needs `n_nonzero_coefs`"),
        ({"n_nonzero_coefs": 3}, "`n_nonzero_coefs` is read by rule='top_k' only"),
        ({"rule": "top_k", "n_nonzero_coefs": 0}, "'n_nonzero_coefs' parameter"),
        ({"fdr_level": 1.0}, "'fdr_level' parameter"),
        ({"quantile": 1.0}, "'quantile' parameter"),
        ({"energy": 0.0}, "'energy' parameter"),
        ({"prior": "normal"}, "'prior' parameter"),
        ({"prior_scale": 0.0}, "'prior_scale' parameter"),
        ({"firm_ratio": 0.5}, "'firm_ratio' parameter"),
        ({"sparse_output": "csr"}, "'sparse_output' parameter"),
    ],
)
def test_parameters_are_refused_by_name(parameters, message, X):
    with pytest.raises(ValueError, match=message):
        Thresholder(**parameters).fit(X)


matrices = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 7), st.integers(1, 6)),
    elements=st.one_of(st.just(0.0), st.floats(-9, 9, width=16)),
)


@given(matrices, st.sampled_from(CASES), st.sampled_from(SHAPES), st.sampled_from([0.5, "mad"]))
def test_sparse_equals_dense_on_any_matrix(X, case, shape, noise):
    model = make(*case, shape, noise=noise)
    expected = model.fit_transform(X)
    for kind in (sparse.csr_array, sparse.csc_array):
        np.testing.assert_array_equal(clone(model).fit_transform(kind(X)).toarray(), expected)
    assert np.all(np.abs(expected) <= np.abs(X) * (1 + 1e-15))


@given(matrices, st.integers(1, 7), st.sampled_from(SHAPES))
def test_rows_never_keep_more_than_k(X, k, shape):
    got = make("top_k", 1, shape, n_nonzero_coefs=k).fit_transform(X)
    present = np.count_nonzero(X, axis=1)
    assert np.all(np.count_nonzero(got, axis=1) <= k)
    if shape == "hard":
        np.testing.assert_array_equal(np.count_nonzero(got, axis=1), np.minimum(present, k))
        np.testing.assert_array_equal(
            np.sort(np.abs(got), axis=1)[:, ::-1][:, :k],
            np.sort(np.abs(X), axis=1)[:, ::-1][:, :k],
        )


@given(matrices, st.sampled_from(CASES), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_columns_does_not_matter(X, case, random):
    rows, columns = (random.sample(range(n), n) for n in X.shape)
    moved = X[np.ix_(rows, columns)]
    model = make(*case)
    got, expected = model.fit_transform(moved), clone(model).fit_transform(X)
    np.testing.assert_allclose(got, expected[np.ix_(rows, columns)], rtol=1e-7, atol=1e-9)
