"""The dictionary that suits given codes: three updates, and the set that atoms belong to.

An atom d satisfies ``(1 - r) |d|^2 + r |d|_1 <= 1``; r = 0 is the unit ball. Block coordinate
descent and K-SVD give each atom in turn its exact best value in that set; the method of optimal
directions solves for all atoms at once, and then gives them unit length.
"""

from typing import NamedTuple

import numpy as np
from scipy import linalg, sparse

from sparsekit._compile import helper, kernel, record, reduction
from sparsekit._parallel import check_cancelled
from sparsekit.coding._residuals import residuals
from sparsekit.coding._statistics import CodeStatistics

# Atoms of one matrix product; within the block each sees the ones before it.
BLOCK_ATOMS = 32
# Elementary steps of one kernel call: some 50 ms.
CALL_WORK = 3e7
# Steps of Newton's method on the multiplier of an atom's constraint; it converges from one side.
PROJECTION_STEPS = 100
PROJECTION_TOL = 1e-14
# Diagonal added to the Gram matrix of the codes by the method of optimal directions, relative.
RIDGE = 1e-10


@record
class AtomSet(NamedTuple):
    """The convex set that each atom belongs to.

    Parameters
    ----------
    l1_ratio : float
        Share of the absolute values, in [0, 1].
    positive : bool
        Whether atoms have no negative entries.
    """

    l1_ratio: float = 0.0
    positive: bool = False

    def project(self, dictionary: np.ndarray) -> None:
        """Overwrite the rows of a dictionary with their projections on the set."""
        project_rows(dictionary, self)


def sweep(
    dictionary: np.ndarray, statistics: CodeStatistics, atom_set: AtomSet, n_sweeps: int = 1
) -> None:
    """Overwrite each atom in turn with its best value, given the codes and the other atoms.

    Parameters
    ----------
    dictionary : ndarray of shape (n_atoms, n_features)
        C order; changed in place. Atoms without a code stay as they are.
    statistics : CodeStatistics
        Of the codes, in the dtype of the dictionary.
    atom_set : AtomSet
        What atoms may be.
    n_sweeps : int, default=1
        How often.

    References
    ----------
    Mairal, Bach, Ponce, Sapiro (2010), "Online learning for matrix factorization and sparse
    coding", algorithm 2.
    """
    gram, cross = statistics
    floor = np.finfo(dictionary.dtype).eps ** 2 * gram.diagonal().max(initial=0.0)
    for _ in range(n_sweeps):
        for first in range(0, len(dictionary), BLOCK_ATOMS):
            check_cancelled()
            atoms = slice(first, first + BLOCK_ATOMS)
            residual = cross[atoms] - gram[atoms] @ dictionary
            sweep_block(dictionary, gram[atoms, atoms], residual, floor, first, atom_set)


@kernel
def sweep_block(dictionary, square, residual, floor, first, atom_set):
    """Update the atoms from `first` on; `residual` has a row for each, and is overwritten.

    `square` is the Gram matrix of their codes.
    """
    n_block, n_features = residual.shape
    for a in range(n_block):
        k = first + a
        weight = square[a, a]
        if weight <= floor:
            continue
        # The row becomes the unconstrained best atom, then the best one, then the change.
        for j in range(n_features):
            residual[a, j] = residual[a, j] / weight + dictionary[k, j]
        project_row(residual, a, atom_set)
        for j in range(n_features):
            atom = residual[a, j]
            residual[a, j] = atom - dictionary[k, j]
            dictionary[k, j] = atom
        for b in range(a + 1, n_block):
            factor = square[b, a]
            if factor != 0:
                for j in range(n_features):
                    residual[b, j] -= factor * residual[a, j]


@kernel
def project_rows(dictionary, atom_set):
    """Overwrite every row with its projection."""
    for k in range(dictionary.shape[0]):
        project_row(dictionary, k, atom_set)


@helper
def project_row(rows, k, atom_set):
    """Overwrite row `k` with the nearest point of the atom set."""
    zero = rows.dtype.type(0)
    if atom_set.positive:
        for j in range(rows.shape[1]):
            rows[k, j] = max(rows[k, j], zero)
    shrink, scale = multipliers(rows, k, atom_set.l1_ratio)
    if scale == 1.0 and shrink == 0.0:
        return
    threshold, factor = rows.dtype.type(shrink), rows.dtype.type(scale)
    for j in range(rows.shape[1]):
        rest = factor * max(abs(rows[k, j]) - threshold, zero)
        rows[k, j] = rest if rows[k, j] > zero else -rest


@helper
def multipliers(rows, k, l1_ratio):
    """Return by how much the projection of a row shrinks its entries, and then scales them.

    With a multiplier mu of the constraint it is ``soft(u, mu r) / (1 + 2 mu (1 - r))``. What the
    constraint misses is convex and falling in mu, so Newton's method from zero stays left of the
    root.
    """
    quadratic = 1.0 - l1_ratio
    count, total, squares = moments_above(rows, k, 0.0)
    if l1_ratio == 0.0:
        return 0.0, 1.0 / np.sqrt(squares) if squares > 1.0 else 1.0
    mu, stretch = 0.0, 1.0
    for _ in range(PROJECTION_STEPS):
        excess = (quadratic * squares / stretch + l1_ratio * total) / stretch - 1.0
        if not excess > PROJECTION_TOL:
            break
        slope = 4.0 * quadratic * (l1_ratio * total + quadratic * squares / stretch) / stretch
        mu += excess * stretch / (slope + l1_ratio * l1_ratio * count)
        stretch = 1.0 + 2.0 * mu * quadratic
        count, total, squares = moments_above(rows, k, mu * l1_ratio)
    return mu * l1_ratio, 1.0 / stretch


@reduction
def moments_above(rows, k, threshold):
    """Return number, sum and sum of squares of what a row's entries have above a threshold."""
    count, total, squares = 0.0, 0.0, 0.0
    for j in range(rows.shape[1]):
        rest = abs(float(rows[k, j])) - threshold
        above = 1.0 if rest > 0.0 else 0.0
        rest *= above
        count += above
        total += rest
        squares += rest * rest
    return count, total, squares


class CodeColumns(NamedTuple):
    """Codes by atom, and what is left of the signals; both change with the atoms.

    Parameters
    ----------
    values : ndarray of shape (n_entries,)
        Coefficients.
    signals : ndarray of shape (n_entries,)
        Their signals.
    indptr : ndarray of shape (n_atoms + 1,)
        Where each atom begins.
    residual : ndarray of shape (n_signals, n_features)
        Signals less codes times dictionary.
    """

    values: np.ndarray
    signals: np.ndarray
    indptr: np.ndarray
    residual: np.ndarray


class CodePenalty(NamedTuple):
    """What a coefficient costs that is not zero: ``alpha |c|``, and its sign.

    Parameters
    ----------
    alpha : float
        Strength.
    positive : bool
        Whether coefficients must not be negative.
    """

    alpha: float
    positive: bool


def sweep_with_codes(
    dictionary: np.ndarray,
    codes: sparse.csr_array,
    X: np.ndarray,
    atom_set: AtomSet,
    penalty: CodePenalty,
    n_jobs: int | None = None,
) -> tuple[sparse.csc_array, np.ndarray]:
    """Overwrite each atom in turn together with its coefficients: approximate K-SVD.

    Parameters
    ----------
    dictionary : ndarray of shape (n_atoms, n_features)
        C order; changed in place. Atoms without a code stay as they are.
    codes : csr_array of shape (n_signals, n_atoms)
        Stay as they are.
    X : ndarray of shape (n_signals, n_features)
        The signals.
    atom_set : AtomSet
        What atoms may be.
    penalty : CodePenalty
        What coefficients cost.
    n_jobs : int, default=None
        Threads, of what can be done for many signals at a time.

    Returns
    -------
    codes : csc_array of shape (n_signals, n_atoms)
        The new coefficients, in the places of the old.
    residual : ndarray of shape (n_signals, n_features)
        What they leave of the signals.

    References
    ----------
    Rubinstein, Zibulevsky, Elad (2008), "Efficient implementation of the K-SVD algorithm using
    batch orthogonal matching pursuit", algorithm 5.
    """
    columns = codes.tocsc()
    residual = residuals(X, codes, dictionary, n_jobs=n_jobs)
    state = CodeColumns(columns.data, columns.indices, columns.indptr, residual)
    scratch = np.empty((1, dictionary.shape[1]), dictionary.dtype)
    first, entry_work = 0, 4.0 * dictionary.shape[1]
    while first < len(dictionary):
        check_cancelled()
        reach = columns.indptr[first] + max(1, int(CALL_WORK / entry_work))
        last = max(first + 1, int(np.searchsorted(columns.indptr, reach, side="right")) - 1)
        sweep_columns(dictionary, state, scratch, atom_set, penalty, first, last)
        first = last
    return columns, residual


@kernel
def sweep_columns(dictionary, state, atom, atom_set, penalty, first, last):
    """Update the atoms first..last and their coefficients; row 0 of `atom` is overwritten."""
    values, signals, residual = state.values, state.signals, state.residual
    n_features = dictionary.shape[1]
    zero = dictionary.dtype.type(0)
    alpha = dictionary.dtype.type(penalty.alpha)
    for k in range(first, last):
        weight = zero
        for j in range(n_features):
            atom[0, j] = zero
        for t in range(state.indptr[k], state.indptr[k + 1]):
            i, value = signals[t], values[t]
            weight += value * value
            for j in range(n_features):
                atom[0, j] += value * residual[i, j]
        if weight <= zero:
            continue
        for j in range(n_features):
            atom[0, j] = atom[0, j] / weight + dictionary[k, j]
        project_row(atom, 0, atom_set)
        length = row_product(atom, 0, atom, 0)
        overlap = row_product(dictionary, k, atom, 0)
        if length <= zero:
            continue
        for t in range(state.indptr[k], state.indptr[k + 1]):
            i, before = signals[t], values[t]
            target = row_product(residual, i, atom, 0) + before * overlap
            size = max((target if penalty.positive else abs(target)) - alpha, zero) / length
            values[t] = after = size if target > zero else -size
            for j in range(n_features):
                residual[i, j] += before * dictionary[k, j] - after * atom[0, j]
        for j in range(n_features):
            dictionary[k, j] = atom[0, j]


@reduction
def row_product(a, i, b, k):
    """Return the product of two rows."""
    total = a.dtype.type(0)
    for j in range(a.shape[1]):
        total += a[i, j] * b[k, j]
    return total


def solve_directions(dictionary: np.ndarray, statistics: CodeStatistics) -> np.ndarray:
    """Overwrite the atoms with the least squares solution, each scaled to unit length.

    Parameters
    ----------
    dictionary : ndarray of shape (n_atoms, n_features)
        Changed in place. Atoms without a code stay as they are.
    statistics : CodeStatistics
        Of the codes, in double precision.

    Returns
    -------
    lengths : ndarray of shape (n_atoms,)
        Lengths of the atoms before; one for those that stay.

    References
    ----------
    Engan, Aase, Husoy (1999), "Method of optimal directions for frame design".
    """
    lengths = np.ones(len(dictionary))
    used = np.flatnonzero(statistics.gram.diagonal() > 0)
    if not len(used):
        return lengths
    # Codes of unit size in each column: then one ridge suits all.
    scale = 1.0 / np.sqrt(statistics.gram.diagonal()[used])
    gram = statistics.gram[np.ix_(used, used)] * scale * scale[:, None]
    gram[np.diag_indices_from(gram)] += RIDGE
    atoms = scale[:, None] * linalg.solve(
        gram, scale[:, None] * statistics.cross[used], assume_a="pos"
    )
    found = np.sqrt(np.einsum("kj,kj->k", atoms, atoms))
    used, atoms, found = used[found > 0], atoms[found > 0], found[found > 0]
    lengths[used] = found
    dictionary[used] = atoms / found[:, None]
    return lengths
