"""Sparse principal components: methods, data seen through a root of their scatter, estimators."""
