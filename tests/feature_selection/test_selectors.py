"""Selectors keep the right columns, as many as wanted, in the format they came in."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from sparsekit.feature_selection import ElasticNetSelector, LassoSelector, LogisticSelector
from sparsekit.linear_model import ElasticNet, Lasso, LassoCV, SparseLogisticRegression

SELECTORS = {
    LassoSelector: Lasso,
    ElasticNetSelector: ElasticNet,
    LogisticSelector: SparseLogisticRegression,
}
FORMATS = [sparse.csr_array, sparse.csr_matrix, sparse.csc_array, sparse.csc_matrix]


@pytest.fixture(params=SELECTORS, ids=lambda selector: selector.__name__)
def Selector(request):
    return request.param


@pytest.fixture
def X(rng):
    return rng.standard_normal((80, 30)) * (rng.random((80, 30)) < 0.8)


@pytest.fixture
def y(X, rng):
    signal = X[:, [3, 11, 20]] @ [3.0, -2.0, 1.0]
    return np.digitize(signal + 0.5 * rng.standard_normal(80), [-1.5, 1.5])


def test_a_strength_keeps_what_the_model_keeps(Selector, X, y):
    selector = Selector(alpha=0.05).fit(X, y)
    model = SELECTORS[Selector](alpha=0.05).fit(X, y)
    expected = np.atleast_2d(model.coef_).any(axis=0)
    assert 0 < expected.sum() < 30
    np.testing.assert_array_equal(selector.get_support(), expected)
    np.testing.assert_array_equal(selector.transform(X), X[:, expected])
    assert selector.alpha_ == 0.05


@pytest.mark.parametrize("count", [1, 3, 9, 30])
def test_a_count_keeps_that_many(Selector, X, y, count):
    selector = Selector(n_features_to_select=count).fit(X, y)
    assert selector.get_support().sum() == count
    again = Selector(alpha=selector.alpha_).fit(X, y)
    np.testing.assert_array_equal(again.get_support(), selector.get_support())


def test_a_count_keeps_the_features_that_matter(Selector, rng):
    X = rng.standard_normal((400, 30))
    signal = X[:, [3, 11, 20]] @ [3.0, -3.0, 3.0]
    y = signal > 0 if Selector is LogisticSelector else signal
    selector = Selector(n_features_to_select=3).fit(X, y)
    assert selector.get_support(indices=True).tolist() == [3, 11, 20]


def test_features_that_enter_together_are_cut_to_the_count(X, y):
    twins = np.hstack([X, X])
    selector = ElasticNetSelector(n_features_to_select=3).fit(twins, y)
    kept = selector.get_support(indices=True)
    assert len(kept) == 3
    assert set(kept % 30) <= {3, 11}


def test_a_path_that_ends_too_early_says_so(X, y):
    X = np.hstack([X[:, :3], np.zeros((80, 5))])
    selector = LassoSelector(n_features_to_select=6)
    with pytest.warns(UserWarning, match="Only 3 of 6 features"):
        selector.fit(X, y)
    assert selector.get_support().sum() == 3


def test_more_features_than_there_are_is_refused(X, y):
    with pytest.raises(ValueError, match="at most the number of features; got 31"):
        LassoSelector(n_features_to_select=31).fit(X, y)


def test_strength_and_count_together_are_refused(Selector, X, y):
    with pytest.raises(ValueError, match="`alpha` and `n_features_to_select` both"):
        Selector(alpha=0.1, n_features_to_select=3).fit(X, y)


@pytest.mark.parametrize("bad", [{"alpha": -1.0}, {"alpha": "CV"}, {"n_features_to_select": 0}])
def test_impossible_strengths_are_refused(Selector, X, y, bad):
    with pytest.raises(ValueError, match=f"The '{next(iter(bad))}' parameter"):
        Selector(**bad).fit(X, y)


@pytest.mark.parametrize("alpha", ["cv", None])
@pytest.mark.parametrize("cv_rule", ["min", "1se"])
def test_folds_choose_as_the_cross_validated_model_does(X, y, alpha, cv_rule):
    selector = LassoSelector(alpha, cv=3, cv_rule=cv_rule).fit(X, y)
    model = LassoCV(cv=3, cv_rule=cv_rule).fit(X, y)
    assert selector.alpha_ == model.alpha_
    np.testing.assert_array_equal(selector.get_support(), model.coef_ != 0)


def test_weights_reach_the_model(X, y, rng):
    weight = rng.integers(0, 3, 80)
    for options in ({"alpha": 0.1}, {"n_features_to_select": 4}):
        weighted = LassoSelector(tol=1e-10, **options).fit(X, y, sample_weight=weight)
        repeated = LassoSelector(tol=1e-10, **options).fit(
            X.repeat(weight, axis=0), y.repeat(weight)
        )
        np.testing.assert_array_equal(weighted.get_support(), repeated.get_support())


def test_unpenalised_features_are_kept(X, y):
    weight = np.r_[0.0, np.ones(29)]
    selector = LassoSelector(n_features_to_select=3, feature_weights=weight).fit(X, y)
    assert selector.get_support()[0]
    assert selector.get_support().sum() == 3


@pytest.mark.parametrize("to_format", FORMATS)
def test_sparse_in_sparse_out(Selector, to_format, X, y):
    selector = Selector(n_features_to_select=4)
    kept = selector.fit_transform(to_format(X), y)
    assert sparse.issparse(kept)
    np.testing.assert_array_equal(kept.toarray(), X[:, selector.get_support()])
    np.testing.assert_array_equal(
        selector.inverse_transform(kept).toarray(), np.where(selector.get_support(), X, 0.0)
    )


def test_int64_indices_pass_through(X, y):
    wide = sparse.csr_array(X)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    selector = LassoSelector(alpha=0.05).fit(wide, y)
    np.testing.assert_array_equal(selector.transform(wide).toarray(), X[:, selector.get_support()])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_come_out_as_frames(library, X, y):
    frames = pytest.importorskip(library)
    frame = frames.DataFrame({f"word {j}": column for j, column in enumerate(X.T)})
    selector = LassoSelector(n_features_to_select=3).set_output(transform=library)
    kept = selector.fit_transform(frame, y)
    assert isinstance(kept, frames.DataFrame)
    names = ["word 3", "word 11", "word 20"]
    assert list(kept.columns) == list(selector.get_feature_names_out()) == names


def test_names_are_generated_without_a_frame(X, y):
    selector = LassoSelector(n_features_to_select=1).fit(X, y)
    assert selector.get_feature_names_out().tolist() == ["x3"]
    assert selector.get_feature_names_out([f"g{j}" for j in range(30)]).tolist() == ["g3"]


def test_a_refit_forgets_old_names(X, y):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=[f"word {j}" for j in range(30)])
    selector = LassoSelector(n_features_to_select=1).fit(frame, y).fit(X, y)
    assert not hasattr(selector, "feature_names_in_")


def test_a_selector_before_a_model(X, y):
    pipeline = make_pipeline(LogisticSelector(n_features_to_select=3), SparseLogisticRegression())
    pipeline.fit(sparse.csr_array(X), y)
    assert pipeline[-1].n_features_in_ == 3
    assert pipeline.score(X, y) > 0.7


def test_nothing_is_selected_before_a_fit(Selector, X):
    with pytest.raises(NotFittedError):
        Selector().transform(X)
    with pytest.raises(NotFittedError):
        Selector().get_support()
