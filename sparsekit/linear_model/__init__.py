"""Linear models whose coefficients are mostly zero."""

from sparsekit.linear_model._classification import SparseLogisticRegression
from sparsekit.linear_model._cv import ElasticNetCV, LassoCV
from sparsekit.linear_model._cv_classification import SparseLogisticRegressionCV
from sparsekit.linear_model._paths import alpha_max, enet_path, lasso_path, logistic_path
from sparsekit.linear_model._pursuit import OrthogonalMatchingPursuit
from sparsekit.linear_model._pursuit_cv import OrthogonalMatchingPursuitCV
from sparsekit.linear_model._regression import ElasticNet, Lasso
from sparsekit.linear_model._reporting import AllZeroWarning

__all__ = [
    "AllZeroWarning",
    "ElasticNet",
    "ElasticNetCV",
    "Lasso",
    "LassoCV",
    "OrthogonalMatchingPursuit",
    "OrthogonalMatchingPursuitCV",
    "SparseLogisticRegression",
    "SparseLogisticRegressionCV",
    "alpha_max",
    "enet_path",
    "lasso_path",
    "logistic_path",
]
