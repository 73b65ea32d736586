"""Data to try the estimators on: real text shipped with the package, and designs made to order."""

from sparsekit.datasets._regression import make_sparse_regression
from sparsekit.datasets._sms_spam import load_sms_spam

__all__ = ["load_sms_spam", "make_sparse_regression"]
