"""Lasso codes by an active set with signs: feature-sign search on a shared Gram matrix.

The atom that violates its optimality condition most joins the set, whose own problem is then solved
exactly, until no atom violates it.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from sparsekit.coding._atoms import Atoms
from sparsekit.coding._feature_sign import AtomBank, Limits, lasso_rows, work_space
from sparsekit.coding._largest import all_bits
from sparsekit.coding._proximal import Fista
from sparsekit.coding._rows import CodeRows, replace_rows, rows_of_dense, write_rows

# Violations below this share of the threshold are rounding errors of a solution.
RELATIVE_TOL = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 1e-5}
# Rounding errors of products of 64 features, relative to the norm of the signal.
ROUNDING = {np.dtype(np.float64): 1e-14, np.dtype(np.float32): 4e-7}
# An atom whose squared distance to the span of the set is less than this lies in it.
DEPENDENT = {np.dtype(np.float64): 1e-11, np.dtype(np.float32): 3e-6}
# In float32, codes of a set whose atoms come nearer than this to one another are not trusted.
NEAR = {np.dtype(np.float64): 0.0, np.dtype(np.float32): 1e-3}
# Multiples of the rounding error by which active atoms may miss their thresholds.
FIT = {np.dtype(np.float64): 1e7, np.dtype(np.float32): 100.0}
EXPECTED_WIDTH = 24
MOST_STEPS = 5000
# Multiplications of one kernel call, if every signal needed all atoms it can: some 100 ms at most.
CALL_WORK = 1e9


@dataclass(frozen=True)
class ActiveSetLasso:
    """Codes that minimise ``1/2 |x - cD|^2 + alpha * sum_j v_j (r |c_j| + (1 - r) / 2 c_j^2)``.

    Here ``r`` is `l1_ratio` and ``v`` are the `weights`.

    Parameters
    ----------
    alpha : float
        Strength, non-negative.
    l1_ratio : float, default=1.0
        Share of the absolute value, in (0, 1].
    weights : ndarray of shape (n_atoms,), default=None
        Weight of each atom's penalty, non-negative; None means one.
    positive : bool, default=False
        Whether coefficients must not be negative.

    References
    ----------
    Lee, Battle, Raina, Ng (2007), "Efficient sparse coding algorithms", algorithm 1.
    """

    alpha: float
    l1_ratio: float = 1.0
    weights: np.ndarray | None = None
    positive: bool = False

    def encode(self, correlations: np.ndarray, squared_norms: np.ndarray, atoms: Atoms) -> CodeRows:
        """Return the codes of a block of signals, in terms of the unit atoms.

        Parameters
        ----------
        correlations : ndarray of shape (n_signals, n_atoms)
            Products of the signals with the unit atoms.
        squared_norms : ndarray of shape (n_signals,)
            Of the signals.
        atoms : Atoms
            The dictionary.

        Returns
        -------
        rows : CodeRows
            The codes.
        """
        return self._encode(correlations, squared_norms, atoms, correlations.dtype)

    def _encode(
        self, correlations: np.ndarray, squared_norms: np.ndarray, atoms: Atoms, known_in: np.dtype
    ) -> CodeRows:
        """Solve in the data type of the arrays for products that were rounded in another."""
        n_signals, n_atoms = correlations.shape
        thresholds, ridge = atoms.penalty(self.alpha, self.l1_ratio, self.weights)
        gram = atoms.gram + np.diag(ridge) if ridge.any() else atoms.gram
        dtype = correlations.dtype
        # Without a square part the active atoms are independent.
        most = n_atoms if self.l1_ratio < 1 else min(n_atoms, atoms.n_features)
        bank = AtomBank(gram, thresholds, self.positive)
        rounding = ROUNDING[known_in] * max(1.0, np.sqrt(atoms.n_features / 64))
        solving = (dtype.type(table[dtype]) for table in (RELATIVE_TOL, DEPENDENT, NEAR, FIT))
        limits = Limits(dtype.type(rounding), *solving, all_bits(dtype))
        space = work_space(n_signals, n_atoms, most, dtype)

        n_rows = int(CALL_WORK / (n_atoms * most * (most + 16))) + 1

        def fill(start: int, rows: CodeRows) -> int:
            stop = min(start + n_rows, n_signals)
            return lasso_rows(correlations, squared_norms, bank, limits, space, start, stop, rows)

        rows = write_rows(fill, n_signals, min(most, EXPECTED_WIDTH), most, dtype)
        doubtful = np.flatnonzero(space.doubtful)
        if not len(doubtful):
            return rows
        if dtype == np.float64:
            others = self._descend(rows, doubtful, correlations, squared_norms, atoms)
            return replace_rows(rows, doubtful, others)
        wide = (array[doubtful].astype(np.float64) for array in (correlations, squared_norms))
        return replace_rows(rows, doubtful, self._encode(*wide, atoms.in_float64, dtype))

    def _descend(
        self,
        rows: CodeRows,
        places: np.ndarray,
        correlations: np.ndarray,
        squared_norms: np.ndarray,
        atoms: Atoms,
    ) -> CodeRows:
        """Return some rows after steps that only descend: no factor holds for their atoms."""
        shape = correlations.shape
        codes = sparse.csr_array((rows.data, rows.indices, rows.indptr), shape=shape)[places]
        codes = codes.toarray()
        found = np.isfinite(codes).all(axis=1)
        codes[~found] = 0.0
        products = correlations[places]
        rises = np.einsum("ij,ij->i", codes, 0.5 * (codes @ atoms.gram) - products) > 0
        codes[rises] = 0.0
        steps = Fista(self.alpha, self.l1_ratio, self.weights, self.positive, MOST_STEPS)
        return rows_of_dense(steps.approach(codes, products, squared_norms[places], atoms)[0])
