"""Penalties: what a coefficient costs, written once for arrays and for compiled kernels."""

from sparsekit.penalties._convex import L1, L2, Box, ElasticNet
from sparsekit.penalties._wrappers import Positive

__all__ = ["L1", "L2", "Box", "ElasticNet", "Positive"]
