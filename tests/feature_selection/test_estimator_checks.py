"""scikit-learn's own checks, with nothing excused."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsekit.feature_selection import ElasticNetSelector, LassoSelector, LogisticSelector

SELECTORS = [
    LassoSelector(alpha=0.01),
    LassoSelector(n_features_to_select=1),
    LassoSelector(cv=3, cv_rule="1se"),
    ElasticNetSelector(alpha=0.1),
    ElasticNetSelector(n_features_to_select=1, l1_ratio=0.9),
    LogisticSelector(alpha=0.05),
    LogisticSelector(n_features_to_select=1, class_weight="balanced"),
    LogisticSelector(alpha=0.02, l1_ratio=0.5, fit_intercept=False),
]


# Random targets need no feature, and both the fit and scikit-learn's transform say so.
@pytest.mark.filterwarnings("ignore:all coefficients are zero")
@pytest.mark.filterwarnings("ignore:No features were selected")
@parametrize_with_checks(SELECTORS)
def test_check(estimator, check):
    check(estimator)
