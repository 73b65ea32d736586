"""Inference of multilayer perceptrons in compiled kernels."""

from sparsekit.pruning._engine._compiled import CompiledMLP, compile_mlp

__all__ = ["CompiledMLP", "compile_mlp"]
