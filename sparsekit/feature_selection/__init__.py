"""Selectors that keep the features to which a sparse model gives a coefficient."""

from sparsekit.feature_selection._selectors import (
    ElasticNetSelector,
    LassoSelector,
    LogisticSelector,
)

__all__ = ["ElasticNetSelector", "LassoSelector", "LogisticSelector"]
