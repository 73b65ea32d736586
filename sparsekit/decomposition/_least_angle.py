"""Codes by least angle regression, scikit-learn's: the exact path of one signal at a time."""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import lars_path_gram

from sparsekit._parallel import check_cancelled
from sparsekit.coding import ActiveSetLasso, Atoms, CodeRows
from sparsekit.coding._rows import rows_of_dense

# Atoms whose cosine is nearer to one than this are multiples of one another.
COLLINEAR = 1e-7
# A path that violates the optimality conditions by more, relative to the correlations, is lost.
KKT_TOL = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 1e-5}


@dataclass(frozen=True)
class LeastAngle:
    """Codes at the end of a least angle path on the user's atoms.

    Parameters
    ----------
    method : {"lar", "lasso"}
        Whether coefficients that reach zero on the way leave.
    alpha : float
        Where the path ends, if not before.
    max_iter : int
        Most steps; without the lasso's, each brings an atom.
    positive : bool
        Whether coefficients must not be negative.

    References
    ----------
    Efron, Hastie, Johnstone, Tibshirani (2004), "Least angle regression".
    """

    method: str
    alpha: float
    max_iter: int
    positive: bool

    def encode(self, correlations: np.ndarray, squared_norms: np.ndarray, atoms: Atoms) -> CodeRows:
        """Return the codes of a block of signals, in terms of the unit atoms."""
        distinct = distinct_directions(atoms, self.positive)
        kept = Atoms(atoms.matrix[distinct], atoms.norms[distinct])
        correlations = np.ascontiguousarray(correlations[:, distinct])
        norms = kept.norms.astype(np.float64)
        gram = kept.gram * np.outer(norms, norms)
        targets = correlations * norms
        codes = np.zeros_like(targets)
        with warnings.catch_warnings():
            # Said once for each signal: that steps are short, or atoms depend on one another.
            warnings.simplefilter("ignore", ConvergenceWarning)
            for i in np.flatnonzero(squared_norms > 0):
                check_cancelled()
                codes[i] = self._end_of_path(targets[i], gram)
        of_unit = codes * norms
        lost = self._lost(of_unit, correlations, kept)
        if len(lost):
            exact = ActiveSetLasso(self.alpha, positive=self.positive)
            rows = exact.encode(correlations[lost], squared_norms[lost], kept)
            shape = len(lost), kept.n_atoms
            of_unit[lost] = sparse.csr_array(rows[:3], shape=shape).toarray()
        on_all = np.zeros((len(codes), atoms.n_atoms), dtype=atoms.dtype)
        on_all[:, distinct] = of_unit
        return rows_of_dense(on_all)

    def _end_of_path(self, target: np.ndarray, gram: np.ndarray) -> np.ndarray:
        """Return the coefficients of one signal."""
        try:
            coef = lars_path_gram(
                Xy=target,
                Gram=gram,
                n_samples=1,
                max_iter=self.max_iter,
                alpha_min=self.alpha,
                method=self.method,
                return_path=False,
                positive=self.positive,
            )[2]
        except ValueError:
            # It lost count of the atoms, which are near to dependent.
            coef = np.full(len(target), np.nan)
        return np.maximum(coef, 0.0) if self.positive else coef

    def _lost(self, codes: np.ndarray, correlations: np.ndarray, atoms: Atoms) -> np.ndarray:
        """Return the signals whose lasso path lost its way, from their codes of the unit atoms."""
        if self.method == "lar":
            return np.empty(0, dtype=np.intp)
        thresholds = atoms.penalty(self.alpha)[0]
        gradient = correlations - codes @ atoms.gram
        size = gradient if self.positive else np.abs(gradient)
        away = np.abs(gradient - thresholds * np.sign(codes))
        violation = np.where(codes == 0, size - thresholds, away).max(axis=1, initial=0.0)
        found = violation <= KKT_TOL[atoms.dtype] * np.abs(correlations).max(axis=1, initial=0.0)
        return np.flatnonzero(~found)


def distinct_directions(atoms: Atoms, positive: bool) -> np.ndarray:
    """Return the places of the atoms of which none is another's multiple: of such, the longest.

    With positive codes only a positive multiple can stand for another.
    """
    cosines = atoms.gram if positive else np.abs(atoms.gram)
    kept: list[int] = []
    for j in np.argsort(-atoms.norms, kind="stable"):
        if atoms.norms[j] > 0 and not (cosines[j, kept] > 1.0 - COLLINEAR).any():
            kept.append(int(j))
    return np.sort(np.array(kept, dtype=np.intp))
