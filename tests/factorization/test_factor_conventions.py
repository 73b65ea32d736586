"""scikit-learn's conventions, and entry-wise and row-wise searches with its own tools."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsekit.factorization import ImplicitFactorization, MatrixFactorization
from sparsekit.metrics import make_recall_scorer, rmse_scorer
from sparsekit.model_selection import SparseEntries

ESTIMATORS = [
    MatrixFactorization(2, random_state=0),
    MatrixFactorization(2, random_state=0, positive=True, l1_ratio=0.3),
    MatrixFactorization(2, random_state=0, fit_bias=False, solver="cholesky"),
    ImplicitFactorization(2, random_state=0),
    # As they come: of more components than the checks' data have columns.
    MatrixFactorization(),
    ImplicitFactorization(),
    ImplicitFactorization(solver="cholesky", popularity_exponent=0.5),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_finds_no_fault(estimator, check):
    check(estimator)


def test_a_search_over_entries_needs_nothing_of_its_own(ratings):
    entries = SparseEntries(ratings)
    before = ratings.copy()
    search = GridSearchCV(
        MatrixFactorization(2, max_iter=50, random_state=0),
        {"alpha": [1e-2, 1e-1, 100.0], "fit_bias": [False, True]},
        cv=KFold(3, shuffle=True, random_state=0),
        error_score="raise",
    ).fit(entries)
    results = search.cv_results_
    assert search.best_params_["alpha"] < 100 and search.best_params_["fit_bias"]
    assert results["mean_test_score"].max() < 0
    # A score is minus the error of the entries of a fold, predicted from all others.
    train, test = next(KFold(3, shuffle=True, random_state=0).split(entries))
    model = clone(search.best_estimator_).fit(entries[train])
    held = entries[test].to_csr()
    predicted = model.inverse_transform(model.row_factors_)[held.tocoo().coords]
    assert results["split0_test_score"][search.best_index_] == pytest.approx(
        -np.sqrt(np.mean((held.data - predicted) ** 2)), rel=1e-10
    )
    # The best is fitted to all entries.
    np.testing.assert_array_equal(
        search.best_estimator_.components_, clone(search.best_estimator_).fit(ratings).components_
    )
    assert (before != ratings).nnz == 0


@pytest.mark.parametrize(
    ("cls", "data"), [(MatrixFactorization, "ratings"), (ImplicitFactorization, "plays")]
)
def test_a_search_over_rows_scores_hidden_entries_of_new_rows(cls, data, request):
    X = request.getfixturevalue(data)
    search = GridSearchCV(
        cls(2, random_state=0), {"alpha": [1e-2, 1e3]}, cv=KFold(4), error_score="raise"
    ).fit(X)
    assert search.best_params_ == {"alpha": 1e-2}
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.recommend(X, 3)[0].shape == (40, 3)


def test_implicit_models_are_searched_over_entries_and_over_rows(plays):
    entries = SparseEntries(plays)
    model = ImplicitFactorization(3, random_state=0)
    scorer = make_recall_scorer(5)
    for X, cv in ((plays, KFold(3)), (entries, KFold(3, shuffle=True, random_state=0))):
        search = GridSearchCV(
            model, {"alpha": [1e-2, 1e3]}, scoring=scorer, cv=cv, error_score="raise"
        ).fit(X)
        assert (0 <= search.cv_results_["mean_test_score"]).all()
    scores = cross_val_score(
        model, entries, groups=entries.rows, cv=GroupKFold(3), scoring=scorer, error_score="raise"
    )
    assert np.isfinite(scores).all()


def test_entry_weights_reach_each_fold_of_a_search(ratings):
    weight = sparse.csr_array(
        (np.ones(ratings.nnz), ratings.indices, ratings.indptr), shape=ratings.shape
    )
    options = {"cv": KFold(3, shuffle=True, random_state=0), "error_score": "raise"}
    searches = [
        GridSearchCV(MatrixFactorization(2, random_state=0), {"alpha": [0.01]}, **options).fit(
            SparseEntries(ratings), **given
        )
        for given in ({}, {"entry_weight": weight})
    ]
    scores = [search.cv_results_["mean_test_score"] for search in searches]
    np.testing.assert_allclose(*scores, rtol=1e-9)


def test_features_of_rows_are_cut_with_the_rows(ratings, row_features):
    scores = cross_val_score(
        MatrixFactorization(2, random_state=0),
        ratings,
        params={"row_features": row_features, "sample_weight": np.ones(40)},
        cv=KFold(4),
        scoring=rmse_scorer,
        error_score="raise",
    )
    assert np.isfinite(scores).all()


def test_it_is_the_last_step_and_any_other_of_a_pipeline(plays):
    logs = FunctionTransformer(np.log1p, accept_sparse=True)
    pipeline = make_pipeline(logs, ImplicitFactorization(3, random_state=0)).fit(plays)
    alone = ImplicitFactorization(3, random_state=0).fit(plays.log1p())
    np.testing.assert_array_equal(pipeline[-1].components_, alone.components_)
    np.testing.assert_array_equal(pipeline.transform(plays), alone.row_factors_)
    np.testing.assert_allclose(pipeline.score(plays), alone.score(plays.log1p()))
    both = make_pipeline(MaxAbsScaler(), ImplicitFactorization(3, random_state=0), StandardScaler())
    codes = both.fit_transform(plays)
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=1e-12)
    assert both.get_feature_names_out().tolist() == [f"implicitfactorization{j}" for j in range(3)]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_codes_become_a_table_where_asked(estimator, plays):
    pd = pytest.importorskip("pandas")
    model = clone(estimator).set_output(transform="pandas")
    table = model.fit_transform(plays)
    assert isinstance(table, pd.DataFrame)
    names = list(model.get_feature_names_out())
    assert list(table.columns) == names and len(names) == model.row_factors_.shape[1]
    np.testing.assert_array_equal(table.to_numpy(), model.row_factors_)
    # What is not the codes of rows stays as it is.
    assert isinstance(model.recommend(plays, 2)[0], np.ndarray)
    assert sparse.issparse(model.predict_entries(plays))
    assert isinstance(model.inverse_transform(model.row_factors_), np.ndarray)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_names_of_columns_are_kept_and_compared(estimator, plays):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame.sparse.from_spmatrix(plays, columns=[f"song {j}" for j in range(25)])
    model = clone(estimator).fit(frame)
    assert model.feature_names_in_.tolist() == list(frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        model.transform(frame[frame.columns[::-1]])


def test_codes_of_another_width_are_refused(plays):
    model = ImplicitFactorization(3, random_state=0).fit(plays)
    with pytest.raises(ValueError, match="one column per code, 3; got 4.*Pass what `transform`"):
        model.inverse_transform(np.ones((2, 4)))
    with pytest.raises(ValueError, match="NaN"):
        model.inverse_transform(np.full((2, 3), np.nan))
    with pytest.raises(TypeError, match="[Ss]parse"):
        model.inverse_transform(sparse.csr_array(np.ones((2, 3))))
