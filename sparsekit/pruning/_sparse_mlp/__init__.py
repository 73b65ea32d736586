"""Multilayer perceptrons whose weights are sparse from the first step of training to the last."""

from sparsekit.pruning._sparse_mlp._classifier import SparseMLPClassifier
from sparsekit.pruning._sparse_mlp._regressor import SparseMLPRegressor

__all__ = ["SparseMLPClassifier", "SparseMLPRegressor"]
