"""Cross-validated models: choice, path, summary, and one X for all folds."""

import tracemalloc

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

from sparsekit.linear_model import (
    ElasticNetCV,
    Lasso,
    LassoCV,
    SparseLogisticRegression,
    SparseLogisticRegressionCV,
    lasso_path,
)

TIGHT = 1e-11


@pytest.fixture
def X(rng):
    return rng.standard_normal((90, 15))


@pytest.fixture
def y(X, rng):
    return X @ np.r_[2.0, -1.0, 0.4, np.zeros(12)] + 2.0 * rng.standard_normal(90) + 3.0


@pytest.fixture
def labels(y):
    return np.array(["low", "middle", "high"])[np.digitize(y, np.quantile(y, [0.3, 0.6]))]


def one_standard_error(scores, alphas):
    """Return the two strengths of the rule as glmnet words it, for errors of equal folds."""
    mean = [np.mean(row) for row in scores]
    best = min(range(len(mean)), key=mean.__getitem__)
    spread = np.sqrt(sum((x - mean[best]) ** 2 for x in scores[best]) / (len(scores[best]) - 1))
    limit = mean[best] + spread / np.sqrt(len(scores[best]))
    return alphas[best], max(a for a, m in zip(alphas, mean) if m <= limit)


@pytest.mark.parametrize("cv_rule", ["min", "1se"])
def test_the_rules_choose_what_a_count_by_hand_chooses(X, y, cv_rule):
    model = LassoCV(alphas=30, cv_rule=cv_rule).fit(X, y)
    least, simplest = one_standard_error(model.mse_path_, model.alphas_)
    assert (model.alpha_min_, model.alpha_1se_) == (least, simplest)
    assert simplest > least
    assert model.alpha_ == {"min": least, "1se": simplest}[cv_rule]


def test_the_rules_turn_round_where_large_scores_are_good(X, y):
    model = SparseLogisticRegressionCV(alphas=12, eps=0.01).fit(X, y > 3)
    least, simplest = one_standard_error(-model.scores_, model.alphas_)
    assert (model.alpha_min_, model.alpha_1se_) == (least, simplest)
    assert model.alpha_ == least


def test_one_fold_has_no_standard_error(X, y):
    model = LassoCV(alphas=10, cv=[(np.arange(60), np.arange(60, 90))]).fit(X, y)
    assert model.alpha_min_ == model.alpha_1se_


@pytest.mark.parametrize("name", ["min", "1se"])
def test_coefficients_are_those_of_a_fit_at_the_chosen_strength(X, y, name):
    model = LassoCV(alphas=20, cv_rule=name, tol=TIGHT).fit(X, y)
    alone = Lasso(model.alpha_, tol=TIGHT).fit(X, y)
    np.testing.assert_allclose(model.coef_, alone.coef_, atol=1e-5)
    assert model.intercept_ == pytest.approx(alone.intercept_, abs=1e-5)
    np.testing.assert_array_equal(model.coef_at(name), model.coef_)


def test_coefficients_between_two_strengths_are_interpolated(X, y):
    model = LassoCV(alphas=20, tol=TIGHT).fit(X, y)
    above, below = model.alphas_[7:9]
    middle = 0.25 * above + 0.75 * below
    expected = 0.25 * model.coef_at(above) + 0.75 * model.coef_at(below)
    np.testing.assert_allclose(model.coef_at(middle), expected, atol=1e-12)
    at_both_ends = [model.coef_at(alpha) for alpha in model.alphas_[[0, -1]]]
    assert [np.count_nonzero(coef) for coef in at_both_ends] == [0, 15]


@pytest.mark.parametrize("alpha", [1e9, 1e-9, "2se"])
def test_coefficients_beyond_the_path_are_refused(X, y, alpha):
    model = LassoCV(alphas=5).fit(X, y)
    with pytest.raises(ValueError, match="`alpha` must be"):
        model.coef_at(alpha)


def test_the_path_is_that_of_all_samples(X, y):
    model = LassoCV(alphas=8, fit_intercept=False, tol=TIGHT).fit(X, y)
    alphas, coefs, _ = lasso_path(X, y, alphas=8, tol=TIGHT)
    np.testing.assert_allclose(model.alphas_, alphas)
    path = sparse.csc_array(model.coef_path_, shape=(15, 8)).toarray()
    np.testing.assert_allclose(path, coefs, atol=1e-5)
    assert not model.intercept_path_.any()


def test_the_summary_is_what_the_path_says(X, y):
    model = LassoCV(alphas=12, tol=TIGHT).fit(X, y)
    summary = model.path_summary()
    null = np.mean((y - y.mean()) ** 2)
    for place, alpha in enumerate(summary.alpha):
        residual = y - X @ model.coef_at(alpha) - model.intercept_path_[place]
        assert summary.deviance_ratio[place] == pytest.approx(1.0 - np.mean(residual**2) / null)
        assert summary.n_nonzero[place] == np.count_nonzero(model.coef_at(alpha))
    np.testing.assert_allclose(summary.mean, model.mse_path_.mean(axis=1))
    assert summary.alpha[summary.mark == "min"] == [model.alpha_min_]
    assert summary.alpha[summary.mark == "1se"] == [model.alpha_1se_]


def test_the_summary_prints_a_line_per_strength(X, y):
    model = LassoCV(alphas=12).fit(X, y)
    lines = str(model.path_summary()).splitlines()
    assert lines[0].split()[:3] == ["Df", "%Dev", "alpha"]
    assert len(lines) == 13
    assert lines[1].split()[:2] == ["0", "0.00"]
    assert sum(line.endswith(("min", "1se")) for line in lines) == 2


def test_the_summary_becomes_a_frame(X, y):
    pytest.importorskip("pandas")
    frame = LassoCV(alphas=6).fit(X, y).path_summary().to_frame()
    assert frame.shape == (6, 6)
    assert frame["alpha"].is_monotonic_decreasing


def test_the_summary_of_classes_explains_their_deviance(X, labels):
    model = SparseLogisticRegressionCV(alphas=5, eps=0.05, tol=TIGHT).fit(X, labels)
    place = 3
    fitted = SparseLogisticRegression(model.alphas_[place], tol=TIGHT).fit(X, labels)
    eta = fitted.decision_function(X)
    explained, null = 0.0, 0.0
    for column, name in zip(eta.T, fitted.classes_):
        truth = labels == name
        explained += log_loss(truth, 1.0 / (1.0 + np.exp(-column)))
        null += log_loss(truth, np.full(90, truth.mean()))
    summary = model.path_summary()
    assert summary.deviance_ratio[place] == pytest.approx(1.0 - explained / null, abs=1e-6)
    assert summary.n_nonzero[place] == fitted.coef_.any(axis=0).sum()
    assert model.coef_at("min").shape == (3, 15)


@pytest.mark.parametrize("scoring", ["neg_log_loss", "accuracy", "f1_macro", None])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_scores_are_those_of_fits_on_the_folds(X, y, labels, n_classes, scoring):
    if n_classes == 2:
        labels = np.where(labels == "low", "low", "other")
    folds = StratifiedKFold(3)
    alphas = [0.1, 0.02]
    model = SparseLogisticRegressionCV(alphas=alphas, cv=folds, scoring=scoring, tol=TIGHT)
    model.fit(X, labels)
    scorer = sklearn.metrics.get_scorer(scoring or "accuracy")
    for k, (train, test) in enumerate(folds.split(X, labels)):
        for place, alpha in enumerate(alphas):
            fold = SparseLogisticRegression(alpha, tol=TIGHT).fit(X[train], labels[train])
            expected = scorer(fold, X[test], labels[test])
            assert model.scores_[place, k] == pytest.approx(expected, abs=1e-5)


def test_classes_weigh_in_the_fits_but_not_in_the_scores(X, y):
    labels = y > 5.0
    train, test = np.arange(60), np.arange(60, 90)
    model = SparseLogisticRegressionCV(
        alphas=[0.02], cv=[(train, test)], class_weight={True: 3.0}, tol=TIGHT
    ).fit(X, labels)
    fold = SparseLogisticRegression(0.02, class_weight={True: 3.0}, tol=TIGHT)
    fold.fit(X[train], labels[train])
    expected = -log_loss(labels[test], fold.predict_proba(X[test]))
    assert model.scores_[0, 0] == pytest.approx(expected, abs=1e-6)


def test_sparse_and_dense_agree_on_any_number_of_threads(X, y):
    dense = LassoCV(alphas=10, tol=TIGHT).fit(X, y)
    threaded = LassoCV(alphas=10, tol=TIGHT, n_jobs=2).fit(sparse.csr_array(X), y)
    np.testing.assert_allclose(threaded.mse_path_, dense.mse_path_, rtol=1e-6)
    np.testing.assert_allclose(threaded.coef_, dense.coef_, atol=1e-6)


def test_a_class_missing_from_a_fold_is_named(X):
    labels = np.r_[["rare"], ["common"] * 89]
    with pytest.raises(ValueError, match="no sample of class .*rare"):
        SparseLogisticRegressionCV(cv=KFold(3)).fit(X, labels)


def test_a_class_missing_from_the_test_side_is_no_obstacle(X):
    labels = np.r_[["rare"] * 3, ["common"] * 87]
    model = SparseLogisticRegressionCV(alphas=[0.01], cv=[(np.arange(60), np.arange(60, 90))]).fit(
        X, labels
    )
    assert np.isfinite(model.scores_).all()


def test_a_constant_target_gives_zeros(X):
    model = LassoCV(alphas=5).fit(X, np.full(90, 4.0))
    assert not model.coef_.any()
    assert model.intercept_ == pytest.approx(4.0)
    assert (model.path_summary().deviance_ratio == 0.0).all()


def test_groups_reach_the_splitter_by_metadata_routing(X, y):
    groups = np.repeat([0, 1, 2], 30)
    with sklearn.config_context(enable_metadata_routing=True):
        model = LassoCV(alphas=5, cv=GroupKFold(3)).fit(X, y, groups=groups)
    splits = [(np.flatnonzero(groups != g), np.flatnonzero(groups == g)) for g in range(3)]
    by_hand = LassoCV(alphas=5, cv=splits).fit(X, y)
    np.testing.assert_allclose(np.sort(model.mse_path_, axis=1), np.sort(by_hand.mse_path_, axis=1))


def test_groups_are_refused_without_metadata_routing(X, y):
    with pytest.raises(ValueError, match="enable_metadata_routing"):
        LassoCV(cv=GroupKFold(3)).fit(X, y, groups=np.zeros(90))


@pytest.mark.parametrize("l1_ratio", [[0.5, 1.5], [], [[0.5]]])
def test_impossible_mixtures_are_refused(X, y, l1_ratio):
    with pytest.raises(ValueError, match="l1_ratio"):
        ElasticNetCV(l1_ratio=l1_ratio).fit(X, y)


@pytest.mark.parametrize(
    "option",
    [{"n_jobs": 0}, {"alphas": 0}, {"eps": 1.0}, {"cv_rule": "best"}, {"tol": 0}, {"max_iter": 0}],
    ids=lambda option: next(iter(option)),
)
def test_impossible_options_are_refused(X, y, option):
    with pytest.raises(ValueError, match=next(iter(option))):
        LassoCV(**option).fit(X, y)


def test_folds_share_one_x(rng):
    X = rng.standard_normal((40_000, 30))
    y = X[:, 0] + rng.standard_normal(40_000)
    LassoCV(alphas=5).fit(X[:200], y[:200])
    tracemalloc.start()
    LassoCV(alphas=20).fit(X, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.8 * X.nbytes
