"""Sparsity for scikit-learn users: sparse linear models and feature selection on sparse data."""

__version__ = "0.1.0"

__all__ = ["__version__"]
