"""Sparsity for scikit-learn users: sparse linear models and feature selection on sparse data."""

from sparsekit._warm_up import warm_up

__version__ = "0.1.0"

__all__ = ["__version__", "warm_up"]
