"""Solvers: from a problem to its solution."""

from sparsekit.solvers._folds import FoldProducts, fold_products, solve_folds
from sparsekit.solvers._path import alpha_grid, alpha_max, solve, solve_path
from sparsekit.solvers._problem import Problem, Solution, Start, Status

__all__ = [
    "FoldProducts",
    "Problem",
    "Solution",
    "Start",
    "Status",
    "alpha_grid",
    "alpha_max",
    "fold_products",
    "solve",
    "solve_folds",
    "solve_path",
]
