"""Losses: how far a linear predictor is from the target, as array functions."""

from sparsekit.losses._classification import Logistic
from sparsekit.losses._regression import Quadratic

__all__ = ["Logistic", "Quadratic"]
