"""Where sparse PCA starts: at the singular vectors, or where the user says."""

from typing import Any

import numpy as np
from scipy import linalg

from sparsekit.coding._statistics import CodeStatistics
from sparsekit.decomposition._dictionary._update import sweep
from sparsekit.decomposition._sparse_pca._alternation import UNIT_BALL, Factors, shorten
from sparsekit.decomposition._sparse_pca._loadings import Settings
from sparsekit.decomposition._sparse_pca._root import Root, leading_atoms

# Sweeps over atoms that start from codes alone.
ATOM_SWEEPS = 5


def first_factors(root: Root, settings: Settings) -> Factors:
    """Return the leading singular vectors, and codes of zero."""
    atoms = leading_atoms(root, settings.n_components, settings.random_state)
    return Factors(atoms, no_codes(root, settings))


def no_codes(root: Root, settings: Settings) -> np.ndarray:
    """Return codes of zero."""
    return np.zeros((root.shape[1], settings.n_components), dtype=root.dtype)


def atoms_of_codes(root: Root, codes: np.ndarray) -> np.ndarray:
    """Return atoms that suit the codes; zero for those that no feature uses."""
    statistics = CodeStatistics(codes.T @ codes, root.scores(codes))
    lengths = np.sqrt(np.einsum("ki,ki->k", statistics.cross, statistics.cross))
    divisors = np.where(lengths > 0, lengths, 1)[:, None]
    atoms = np.ascontiguousarray(statistics.cross / divisors)
    sweep(atoms, statistics, UNIT_BALL, ATOM_SWEEPS)
    return atoms


def atoms_on_root(X: Any, mean: np.ndarray, root: Root, columns: np.ndarray) -> np.ndarray:
    """Return atoms given on the rows of X as atoms on the rows of the root, no longer than one.

    What the columns hold beyond the span of the features has no effect, and is left out.
    """
    if root.shape[0] == X.shape[0]:
        atoms = columns.T
    else:
        products = X.T @ columns - np.outer(mean, columns.sum(axis=0))
        atoms = linalg.lstsq(root.matrix.T, products)[0].T
    atoms = np.array(atoms, dtype=root.dtype, order="C")
    shorten(atoms)
    return atoms
