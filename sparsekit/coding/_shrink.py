"""Codes without a fit: the correlations themselves, shrunk or cut to the largest few."""

from dataclasses import dataclass

import numpy as np

from sparsekit._compile import kernel
from sparsekit.coding._atoms import Atoms
from sparsekit.coding._rows import CodeRows, empty_rows, rows_of_dense, trimmed
from sparsekit.coding._select import ranked_magnitudes
from sparsekit.penalties._base import soft_threshold


@dataclass(frozen=True)
class SoftThreshold:
    """Correlations with the atoms, shrunk by `alpha`: one step from zero towards the lasso code.

    Parameters
    ----------
    alpha : float
        Threshold, non-negative, on the coefficients of the user's atoms.
    positive : bool, default=False
        Whether negative coefficients are left out.
    """

    alpha: float
    positive: bool = False

    def encode(self, correlations: np.ndarray, squared_norms: np.ndarray, atoms: Atoms) -> CodeRows:
        """Return the codes of a block of signals, in terms of the unit atoms."""
        threshold = (self.alpha / atoms.divisors).astype(correlations.dtype)
        codes = soft_threshold(correlations, threshold).astype(correlations.dtype, copy=False)
        if self.positive:
            np.maximum(codes, 0, out=codes)
        return rows_of_dense(codes)


@dataclass(frozen=True)
class TopK:
    """The correlations of largest magnitude, as they are.

    Parameters
    ----------
    n_nonzero_coefs : int
        How many of each signal; of equal ones the first atoms.
    positive : bool, default=False
        Whether negative correlations count as zero.
    """

    n_nonzero_coefs: int
    positive: bool = False

    def encode(self, correlations: np.ndarray, squared_norms: np.ndarray, atoms: Atoms) -> CodeRows:
        """Return the codes of a block of signals, in terms of the unit atoms."""
        n_signals, n_atoms = correlations.shape
        kept = min(self.n_nonzero_coefs, n_atoms)
        values = np.maximum(correlations, 0) if self.positive else correlations
        starts = np.arange(n_signals + 1) * n_atoms
        cut = ranked_magnitudes(values.ravel(), starts, np.full(n_signals, kept))
        rows = empty_rows(n_signals, n_signals * kept, correlations.dtype)
        keep_largest(values, cut, kept, rows)
        return trimmed(rows)


@kernel
def keep_largest(values, cut, kept, rows):
    """Write of each row what exceeds its cut, then the first equal to it, never a zero."""
    end = 0
    for i in range(values.shape[0]):
        equal = kept
        for j in range(values.shape[1]):
            equal -= abs(values[i, j]) > cut[i]
        for j in range(values.shape[1]):
            magnitude = abs(values[i, j])
            if magnitude == 0 or magnitude < cut[i]:
                continue
            if magnitude == cut[i]:
                if equal == 0:
                    continue
                equal -= 1
            rows.data[end] = values[i, j]
            rows.indices[end] = j
            end += 1
        rows.indptr[i + 1] = end
