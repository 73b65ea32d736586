"""SparseNMF as an estimator: formats, threads, batches, searches, errors."""

import pickle
import time
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsekit.datasets import load_sms_spam
from sparsekit.decomposition import SparseNMF
from sparsekit.decomposition._nmf._steps import STEPS
from sparsekit.linear_model import AllZeroWarning

DIVERGENCE = {"beta_loss": "kullback-leibler"}


@pytest.fixture
def X():
    """Return 300 sparse rows of rank 4 and noise."""
    rng = np.random.default_rng(0)
    product = rng.gamma(0.3, size=(300, 4)) @ rng.gamma(0.3, size=(4, 50))
    return sparse.csr_array(np.where(rng.random((300, 50)) < 0.4, product, 0))


# The checks' own data are random numbers, on which a fit need not settle.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        SparseNMF(),
        SparseNMF(2, **DIVERGENCE),
        SparseNMF(2, missing="unobserved"),
        SparseNMF(2, alpha_W=1e-3, alpha_H=0, l1_ratio=0.5, missing="unobserved", **DIVERGENCE),
        SparseNMF(2, alpha_W=1e-3, l1_ratio=1.0, sparse_output=True, n_jobs=2),
        SparseNMF(2, alpha_H=1e-3, init="random"),
    ]
)
def test_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("alpha_H", [0.0, 1e-3])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("beta_loss", "missing"), STEPS)
def test_threads_do_not_change_a_bit(X, beta_loss, missing, dtype, alpha_H):
    results = []
    for n_jobs in (1, 2, 3):
        nmf = SparseNMF(
            4, beta_loss=beta_loss, missing=missing, alpha_H=alpha_H, alpha_W=1e-3, l1_ratio=0.5,
            n_jobs=n_jobs, random_state=0, max_iter=10, tol=0,
        )  # fmt: skip
        W = nmf.fit_transform(X.astype(dtype))
        assert W.dtype == nmf.components_.dtype == dtype
        results.append((W, nmf.components_))
    for W, H in results[1:]:
        np.testing.assert_array_equal(W, results[0][0])
        np.testing.assert_array_equal(H, results[0][1])


@pytest.mark.parametrize("init", ["random", "nndsvd", "nndsvda", "nndsvdar"])
@pytest.mark.parametrize(("beta_loss", "missing"), STEPS)
def test_single_precision_is_as_good_as_double(X, beta_loss, missing, init):
    options = {"beta_loss": beta_loss, "missing": missing, "init": init, "max_iter": 15}
    X.data *= np.random.default_rng(1).uniform(0.5, 1.5, X.nnz)
    double, single = (
        SparseNMF(4, random_state=0, tol=0, **options).fit(X.astype(dtype))
        for dtype in (np.float64, np.float32)
    )
    assert single.objective_ == pytest.approx(double.objective_, rel=1e-2)


@pytest.mark.parametrize(("beta_loss", "missing"), STEPS)
def test_fit_transform_is_fit_and_transform(X, beta_loss, missing):
    nmf = SparseNMF(4, beta_loss=beta_loss, missing=missing, alpha_W=1e-3, random_state=0)
    W = nmf.fit_transform(X)
    np.testing.assert_array_equal(nmf.transform(X), W)
    np.testing.assert_allclose(nmf.transform(X[17:19]), W[17:19], rtol=1e-12, atol=1e-15)


def test_codes_are_sparse_on_request(X):
    nmf = SparseNMF(4, alpha_W=1e-3, l1_ratio=1, random_state=0).fit(X)
    dense = nmf.transform(X)
    nmf.set_params(sparse_output=True)
    codes = nmf.transform(X)
    assert sparse.issparse(codes) and codes.format == "csr"
    np.testing.assert_array_equal(codes.toarray(), dense)
    np.testing.assert_array_equal(nmf.fit_transform(X).toarray(), dense)
    np.testing.assert_allclose(nmf.inverse_transform(codes), dense @ nmf.components_)


def test_features_are_named_after_the_class(X):
    nmf = SparseNMF(3, random_state=0).fit(X)
    assert nmf.get_feature_names_out().tolist() == ["sparsenmf0", "sparsenmf1", "sparsenmf2"]


def test_topics_of_text_come_through_a_pipeline():
    texts = load_sms_spam().data[:400]
    pipeline = make_pipeline(
        TfidfVectorizer(min_df=3, dtype=np.float32),
        SparseNMF(5, alpha_W=1e-4, l1_ratio=1, sparse_output=True, random_state=0),
    )
    codes = pipeline.fit_transform(texts)
    assert codes.shape == (400, 5) and codes.dtype == np.float32
    assert 0 < codes.nnz < 2000


def test_a_search_finds_the_rank(X):
    rng = np.random.default_rng(0)
    X = rng.gamma(0.5, size=(120, 3)) @ rng.gamma(0.5, size=(3, 40)) + 0.01 * rng.random((120, 40))
    grid = {"n_components": [1, 2, 3], "alpha_W": [0.0, 0.01]}
    search = GridSearchCV(SparseNMF(random_state=0, alpha_H=0), grid, cv=3).fit(X)
    assert search.best_params_ == {"n_components": 3, "alpha_W": 0.0}
    nmf = search.best_estimator_
    W = nmf.transform(X)
    expected = -0.5 * ((X - W @ nmf.components_) ** 2).sum() / len(X)
    assert nmf.score(X) == pytest.approx(expected)


@pytest.mark.parametrize(("alpha_W", "alpha_H"), [(0, 0), (1e-3, 0), (0, 1e-3), (1e-3, 1e-3)])
@pytest.mark.parametrize("beta_loss", ["frobenius", "kullback-leibler"])
def test_unequal_batches_come_near_to_a_fit(X, beta_loss, alpha_W, alpha_H):
    options = {"alpha_W": alpha_W, "alpha_H": alpha_H, "l1_ratio": 0.5, "beta_loss": beta_loss}
    whole = SparseNMF(4, random_state=0, **options).fit(X)
    online = SparseNMF(4, random_state=0, **options)
    for _ in range(3):
        for first, last in ((0, 80), (80, 90), (90, 250), (250, 251), (251, 300)):
            online.partial_fit(X[first:last])
    null = SparseNMF(1, random_state=0, **options).fit(X)
    assert online.n_samples_seen_ == 900
    assert online.score(X) > null.score(X) + 0.75 * (whole.score(X) - null.score(X))


def test_batches_after_a_fit_keep_what_it_found(X):
    nmf = SparseNMF(4, random_state=0, tol=1e-7, max_iter=2000).fit(X)
    before = nmf.components_
    nmf.partial_fit(X[:5])
    assert nmf.n_samples_seen_ == 305
    assert np.abs(nmf.components_ - before).max() < 0.05 * before.max()


def test_every_sample_of_every_batch_counts_alike(X):
    one, two = (SparseNMF(4, random_state=0, max_iter=20, tol=0).fit(X[:200]) for _ in range(2))
    one.partial_fit(X[200:])
    two.partial_fit(X[200:290]).partial_fit(X[290:])
    np.testing.assert_allclose(one._gram, two._gram, rtol=0.05, atol=0.05 * one._gram.max())
    assert one.score(X) == pytest.approx(two.score(X), rel=0.02)


def test_a_feature_first_seen_in_a_later_batch_is_learnt():
    rng = np.random.default_rng(0)
    X = rng.gamma(1, size=(200, 2)) @ np.kron(np.eye(2), np.ones(6))
    first = X.copy()
    first[:, 5] = 0
    for beta_loss in ("frobenius", "kullback-leibler"):
        nmf = SparseNMF(2, beta_loss=beta_loss, random_state=0).partial_fit(first)
        assert not nmf.components_[:, 5].any()
        for _ in range(3):
            nmf.partial_fit(X)
        components = nmf.components_ / nmf.components_.max(axis=1, keepdims=True)
        assert components[:, 5].max() > 0.5


def test_batches_are_not_offered_where_entries_may_be_missing():
    assert not hasattr(SparseNMF(missing="unobserved"), "partial_fit")


def test_a_callback_watches_and_ends_the_fit(X):
    states = []
    nmf = SparseNMF(
        4, random_state=0, tol=0, callback=lambda s: states.append(s) or len(states) == 3
    )
    nmf.fit(X)
    assert nmf.n_iter_ == 3 and [state["n_iter"] for state in states] == [1, 2, 3]
    assert states[-1]["components"].shape == (4, 50)
    assert states[0]["objective"] > states[-1]["objective"]


def test_a_fit_ends_when_its_time_is_up(X):
    slow = SparseNMF(
        4, random_state=0, tol=0, max_iter=10**6, max_time=0.05, callback=lambda s: None
    )
    begin = time.monotonic()
    slow.fit(X)
    assert time.monotonic() - begin < 5


def test_verbose_prints_the_objective(X, capsys):
    SparseNMF(2, random_state=0, max_iter=2, tol=0, verbose=True).fit(X)
    assert "[SparseNMF] iteration 2: objective" in capsys.readouterr().out


def test_a_fit_that_has_not_settled_says_so(X):
    with pytest.warns(ConvergenceWarning, match=r"SparseNMF stopped after 2 iterations.*max_iter"):
        SparseNMF(4, random_state=0, max_iter=2, tol=1e-9).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SparseNMF(4, random_state=0, max_iter=2, tol=0).fit(X)


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_a_fit_without_components_says_so(X, l1_ratio):
    with pytest.warns(AllZeroWarning, match="all components are zero.*alpha_W"):
        nmf = SparseNMF(4, alpha_W=10.0, l1_ratio=l1_ratio, random_state=0).fit(X)
    assert not nmf.components_.any() and not nmf.transform(X).any()


def test_a_model_survives_pickling(X):
    nmf = SparseNMF(3, random_state=0).partial_fit(X[:200])
    twin = pickle.loads(pickle.dumps(nmf))
    twin.partial_fit(X[200:])
    nmf.partial_fit(X[200:])
    np.testing.assert_array_equal(twin.components_, nmf.components_)


def test_a_fit_that_fails_changes_nothing(X):
    nmf = SparseNMF(3, random_state=0).fit(X)
    before = dict(vars(nmf))
    for bad in (-X, X[:, :10] * np.nan):
        with pytest.raises(ValueError, match="X"):
            nmf.fit(bad)
        assert vars(nmf) == before
    with pytest.raises(ValueError, match="features"):
        nmf.partial_fit(X[:, :10])
    assert vars(nmf) == before


def test_data_are_not_changed(X):
    W, H = np.ones((300, 2)), np.ones((2, 50))
    H[0] = np.arange(50)
    copies = X.copy(), W.copy(), H.copy()
    SparseNMF(2, init="custom", max_iter=3, tol=0).fit(X, W=W, H=H)
    np.testing.assert_array_equal(X.toarray(), copies[0].toarray())
    np.testing.assert_array_equal(W, copies[1])
    np.testing.assert_array_equal(H, copies[2])


@pytest.mark.parametrize(
    ("parameters", "start", "message"),
    [
        ({"init": "custom"}, {}, "pass both"),
        ({"init": "custom"}, {"W": (300, 2), "H": (2, 49)}, "`H` must have shape"),
        ({"init": "random"}, {"W": (300, 2), "H": (2, 50)}, "init='custom'"),
        ({"init": "nndsvd", "n_components": 60}, {}, "n_components=60"),
        ({"beta_loss": "itakura-saito"}, {}, "beta_loss"),
        ({"missing": "nan"}, {}, "missing"),
        ({"l1_ratio": 2.0}, {}, "l1_ratio"),
        ({"alpha_H": "other"}, {}, "alpha_H"),
    ],
)
def test_errors_name_the_parameter(X, parameters, start, message):
    factors = {name: np.ones(shape) for name, shape in start.items()}
    with pytest.raises(ValueError, match=message):
        SparseNMF(**{"n_components": 2, **parameters}).fit(X, **factors)


@pytest.mark.parametrize("missing", ["zero", "unobserved"])
def test_negative_data_are_refused(missing):
    X = np.array([[1.0, np.nan if missing == "unobserved" else 0.0], [-0.5, 2.0]])
    with pytest.raises(ValueError, match=r"Negative values.*-0\.5"):
        SparseNMF(1, missing=missing).fit(X)


def test_a_clone_fits_the_same(X):
    nmf = SparseNMF(3, random_state=0).fit(X)
    np.testing.assert_array_equal(clone(nmf).fit(X).components_, nmf.components_)


def test_nan_is_refused_with_the_parameter_that_allows_it(X):
    holes = X.toarray()
    holes[0, 0] = np.nan
    with pytest.raises(ValueError, match='contains NaN. Pass `missing="unobserved"`'):
        SparseNMF(2).fit(holes)
