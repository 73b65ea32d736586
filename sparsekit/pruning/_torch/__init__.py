"""Pruning of PyTorch modules that are chains of layers."""

from sparsekit.pruning._torch._callback import PruningCallback
from sparsekit.pruning._torch._module import prune_module

__all__ = ["PruningCallback", "prune_module"]
