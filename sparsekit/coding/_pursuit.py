"""Greedy codes of a block of signals: orthogonal matching pursuit and its relatives."""

from dataclasses import dataclass

import numpy as np

from sparsekit._parallel import check_cancelled
from sparsekit.coding._atoms import Atoms
from sparsekit.coding._orthogonal import (
    Limits,
    correlation_space,
    decrease_space,
    pursue_correlation,
    pursue_decrease,
)
from sparsekit.coding._positive import positive_space, pursue_positive
from sparsekit.coding._rows import CodeRows, empty_rows, trimmed

# In units of the rounding error: a correlation, relative to the signal's norm, and the squared
# distance of an atom from the span of the chosen ones, that count as zero.
NEGLIGIBLE = 64
DEPENDENT = 256
# Multiplications of one kernel call: some 50 ms.
CALL_WORK = 3e8

# What a kernel works in, and the kernel, by selection and sign.
PURSUITS = {
    ("omp", False): (correlation_space, pursue_correlation),
    ("ormp", False): (decrease_space, pursue_decrease),
    ("omp", True): (positive_space, pursue_positive),
}


@dataclass(frozen=True)
class OrthogonalPursuit:
    """Codes of few atoms, chosen one after another, each time with the best coefficients.

    Parameters
    ----------
    n_nonzero_coefs : int
        Most atoms of a signal; no more than the rank can be used.
    tol : float, default=0.0
        A signal is done once the squared norm of its residual is at most this. In float32 that norm
        is known to about 1e-6 of the signal's squared norm.
    selection : {"omp", "ormp"}, default="omp"
        Which atom is next: the one that correlates most with the residual, or the one that leaves
        the smallest residual.
    positive : bool, default=False
        Whether coefficients must not be negative; with ``selection="omp"`` only.

    References
    ----------
    Pati, Rezaiifar, Krishnaprasad (1993), "Orthogonal matching pursuit".

    Chen, Billings, Luo (1989), "Orthogonal least squares methods and their application to
    non-linear system identification".

    Rubinstein, Zibulevsky, Elad (2008), "Efficient implementation of the K-SVD algorithm using
    batch orthogonal matching pursuit".

    Bruckstein, Elad, Zibulevsky (2008), "On the uniqueness of nonnegative sparse solutions to
    underdetermined systems of equations".
    """

    n_nonzero_coefs: int
    tol: float = 0.0
    selection: str = "omp"
    positive: bool = False

    def encode(self, correlations: np.ndarray, squared_norms: np.ndarray, atoms: Atoms) -> CodeRows:
        """Return the codes of a block of signals, in terms of the unit atoms.

        Parameters
        ----------
        correlations : ndarray of shape (n_signals, n_atoms)
            Products of the signals with the unit atoms; overwritten.
        squared_norms : ndarray of shape (n_signals,)
            Of the signals.
        atoms : Atoms
            The dictionary.

        Returns
        -------
        rows : CodeRows
            The codes.
        """
        n_signals, n_atoms = correlations.shape
        most = min(self.n_nonzero_coefs, n_atoms, atoms.n_features)
        rows = empty_rows(n_signals, n_signals * most, correlations.dtype)
        if most == 0:
            return rows
        make_space, pursue = PURSUITS[self.selection, self.positive]
        space = make_space(correlations, most)
        limits = self._limits(correlations.dtype)
        n_rows = int(CALL_WORK / (n_atoms * most * (most + 16))) + 1
        for start in range(0, n_signals, n_rows):
            check_cancelled()
            stop = min(start + n_rows, n_signals)
            pursue(correlations, squared_norms, atoms.gram, limits, space, rows, start, stop)
        return trimmed(rows)

    def _limits(self, dtype: np.dtype) -> Limits:
        """Return when a pursuit ends, in the data type of the signals."""
        eps = np.finfo(dtype).eps
        # Without a tolerance, the rounding errors of a difference of squares must not decide.
        tol = self.tol if self.tol > 0 else -np.inf
        return Limits(dtype.type(tol), dtype.type(NEGLIGIBLE * eps), dtype.type(DEPENDENT * eps))
