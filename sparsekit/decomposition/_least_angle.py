"""Codes by least angle regression, scikit-learn's: the exact path of one signal at a time."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import lars_path_gram

from sparsekit._parallel import check_cancelled
from sparsekit.coding import Atoms, CodeRows
from sparsekit.coding._rows import rows_of_dense


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
        present = np.flatnonzero(atoms.norms > 0)
        norms = atoms.norms[present].astype(np.float64)
        gram = atoms.gram[np.ix_(present, present)].astype(np.float64)
        gram *= np.outer(norms, norms)
        codes = np.zeros_like(correlations)
        for i in np.flatnonzero(squared_norms > 0):
            check_cancelled()
            _, _, coef = lars_path_gram(
                Xy=correlations[i, present] * norms,
                Gram=gram,
                n_samples=1,
                max_iter=self.max_iter,
                alpha_min=self.alpha,
                method=self.method,
                return_path=False,
                positive=self.positive,
            )
            codes[i, present] = coef * norms
        return rows_of_dense(codes)
