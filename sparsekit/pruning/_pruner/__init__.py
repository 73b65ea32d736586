"""MLPPruner: what its parameters ask for, what a fit does, and what a fitted one answers."""

from sparsekit.pruning._pruner._estimator import MLPPruner
from sparsekit.pruning._pruner._report import PruningReport

__all__ = ["MLPPruner", "PruningReport"]
