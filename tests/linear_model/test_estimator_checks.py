"""scikit-learn's own checks, with nothing excused."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsekit.linear_model import (
    ElasticNet,
    ElasticNetCV,
    Lasso,
    LassoCV,
    SparseLogisticRegression,
    SparseLogisticRegressionCV,
)

MODELS = [
    Lasso(),
    Lasso(alpha=0.01, positive=True),
    Lasso(alpha=0.05, fit_intercept=False, tol=1e-9),
    ElasticNet(),
    ElasticNet(alpha=0.01, warm_start=True),
    ElasticNet(alpha=0.1, l1_ratio=0.0),
    SparseLogisticRegression(),
    SparseLogisticRegression(alpha=0.02, l1_ratio=0.3, class_weight="balanced"),
    LassoCV(alphas=10),
    LassoCV(alphas=[0.5, 0.1, 0.02], cv_rule="1se", n_jobs=2),
    ElasticNetCV(alphas=5),
    ElasticNetCV(alphas=5, l1_ratio=[0.3, 1.0]),
    SparseLogisticRegressionCV(alphas=4, eps=0.1, cv=3),
    SparseLogisticRegressionCV(alphas=[0.1, 0.03], scoring="accuracy", cv_rule="1se", cv=3),
]


# Strong penalties on random targets leave no coefficient, and a fit says so.
@pytest.mark.filterwarnings("ignore:all coefficients are zero")
@parametrize_with_checks(MODELS)
def test_check(estimator, check):
    check(estimator)
