"""Pruning of multilayer perceptrons, and their inference in compiled sparse kernels."""

from sparsekit.pruning._criteria import (
    Activation,
    AdamMoment,
    Criterion,
    Fisher,
    Gradient,
    Lamp,
    Magnitude,
    Movement,
    Obs,
    Random,
    Taylor,
)
from sparsekit.pruning._engine import CompiledMLP, compile_mlp
from sparsekit.pruning._granularity import Blocks, Granularity, Neurons, NofM, Weights
from sparsekit.pruning._pruner import MLPPruner, PruningReport
from sparsekit.pruning._schedules import SET, Cubic, Iterative, OneShot, RigL, Schedule
from sparsekit.pruning._sparse_mlp import SparseMLPClassifier, SparseMLPRegressor
from sparsekit.pruning._torch import PruningCallback, prune_module
from sparsekit.pruning._trees import TreePruner, prune_tree

__all__ = [
    "SET",
    "Activation",
    "AdamMoment",
    "Blocks",
    "CompiledMLP",
    "Criterion",
    "Cubic",
    "Fisher",
    "Gradient",
    "Granularity",
    "Iterative",
    "Lamp",
    "MLPPruner",
    "Magnitude",
    "Movement",
    "Neurons",
    "NofM",
    "Obs",
    "OneShot",
    "PruningCallback",
    "PruningReport",
    "Random",
    "RigL",
    "Schedule",
    "SparseMLPClassifier",
    "SparseMLPRegressor",
    "Taylor",
    "TreePruner",
    "Weights",
    "compile_mlp",
    "prune_module",
    "prune_tree",
]
