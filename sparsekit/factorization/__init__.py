"""Factors and neighbours of a matrix of which most entries are not stored."""

from sparsekit.factorization._bayesian import BayesianFactorization
from sparsekit.factorization._ease import EASE
from sparsekit.factorization._explicit import MatrixFactorization
from sparsekit.factorization._implicit import ImplicitFactorization
from sparsekit.factorization._ranking import RankingFactorization
from sparsekit.factorization._slim import SparseLinearMethod

__all__ = [
    "EASE",
    "BayesianFactorization",
    "ImplicitFactorization",
    "MatrixFactorization",
    "RankingFactorization",
    "SparseLinearMethod",
]
