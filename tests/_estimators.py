"""Every estimator of the package in a small configuration, and what tests ask of all of them."""

from sparsekit.feature_selection import ElasticNetSelector, LassoSelector, LogisticSelector
from sparsekit.linear_model import (
    ElasticNet,
    ElasticNetCV,
    Lasso,
    LassoCV,
    SparseLogisticRegression,
    SparseLogisticRegressionCV,
)
from sparsekit.model_selection import PathGridSearchCV

REGRESSORS = {
    "Lasso": lambda: Lasso(alpha=0.05),
    "ElasticNet": lambda: ElasticNet(alpha=0.05),
    "LassoCV": lambda: LassoCV(alphas=5, cv=3),
    "ElasticNetCV": lambda: ElasticNetCV(alphas=5, cv=3),
    "LassoSelector": lambda: LassoSelector(alpha=0.05),
    "ElasticNetSelector": lambda: ElasticNetSelector(alpha=0.05),
    "PathGridSearchCV": lambda: PathGridSearchCV(
        Lasso(), {"alpha": [0.2, 0.05]}, cv=3, error_score="raise"
    ),
}
CLASSIFIERS = {
    "SparseLogisticRegression": lambda: SparseLogisticRegression(alpha=0.01),
    "SparseLogisticRegressionCV": lambda: SparseLogisticRegressionCV(alphas=5, cv=3),
    "LogisticSelector": lambda: LogisticSelector(alpha=0.01),
}
ESTIMATORS = REGRESSORS | CLASSIFIERS
SELECTORS = ["LassoSelector", "ElasticNetSelector", "LogisticSelector"]
PREDICTORS = sorted(ESTIMATORS.keys() - set(SELECTORS))
# One of every kind, where the others share all code that is tested.
KINDS = ["Lasso", "ElasticNet", "LassoCV", "SparseLogisticRegression", "LassoSelector"]


def choose_target(name, y, labels):
    """Return the target that suits an estimator."""
    return labels if name in CLASSIFIERS else y


def coefficients(estimator):
    """Return the coefficients behind an estimator's answers."""
    for name in ("best_estimator_", "estimator_"):
        estimator = getattr(estimator, name, estimator)
    return estimator.coef_
