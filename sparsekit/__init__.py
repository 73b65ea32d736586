"""Sparsity for scikit-learn users: sparse models, codes, dictionaries, factors and thresholds."""

from sparsekit._warm_up import warm_up

__version__ = "0.1.0"

__all__ = ["__version__", "warm_up"]
