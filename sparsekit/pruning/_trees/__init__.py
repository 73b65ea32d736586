"""Pruning of trees and ensembles on samples that are held out."""

from sparsekit.pruning._trees._estimator import TreePruner
from sparsekit.pruning._trees._prune import prune_tree

__all__ = ["TreePruner", "prune_tree"]
