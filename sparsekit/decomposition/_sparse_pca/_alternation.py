"""Sparse codes of the features and the atoms they share, each improved in turn.

The objective is ``1/2 |R - U' C'|^2 + alpha |C|_1`` with rows of U no longer than one: R is a root
of the data's scatter matrix, and a row of C holds the codes of one feature, its loadings on the
components. Of the data only small products enter: U U' and R' U' for the codes, C' C and C' R' for
the atoms.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sparsekit._parallel import check_cancelled, run_blocks
from sparsekit.coding import ActiveSetLasso, Atoms
from sparsekit.coding._descent import descend_rows
from sparsekit.coding._statistics import CodeStatistics
from sparsekit.decomposition._dictionary._update import AtomSet, sweep
from sparsekit.decomposition._sparse_pca._loadings import Loadings, Settings, has_settled
from sparsekit.decomposition._sparse_pca._root import Root
from sparsekit.penalties import L1

# Sweeps over the codes in one iteration: what they leave, the next iteration does.
CODE_SWEEPS = 4
# Iterations before the factors gain momentum: they decide which local minimum is found.
WARM_UP = 10
# The codes that a fit returns are solved for to this tolerance.
FINAL_SWEEPS = 1000
FINAL_TOL = {np.dtype(np.float64): 1e-10, np.dtype(np.float32): 1e-5}
# Features coded by one call.
BLOCK = 2048
UNIT_BALL = AtomSet()


@dataclass(frozen=True)
class Factors:
    """Atoms and codes, which the functions here improve in place.

    Parameters
    ----------
    atoms : ndarray of shape (n_components, n_rows)
        Rows no longer than one.
    codes : ndarray of shape (n_features, n_components)
        The loadings, not scaled.
    """

    atoms: np.ndarray
    codes: np.ndarray


def descend_codes(
    factors: Factors, correlations: np.ndarray, gram: np.ndarray, settings: Settings
) -> None:
    """Improve the codes by a few sweeps of coordinate descent."""
    penalty = L1(float(settings.alpha[0]))
    codes, n_jobs = factors.codes, settings.n_jobs
    descend_rows(codes, correlations, gram, penalty, n_sweeps=CODE_SWEEPS, n_jobs=n_jobs)


def solve_codes(
    factors: Factors, correlations: np.ndarray, gram: np.ndarray, settings: Settings
) -> None:
    """Bring the codes to their optimum by an active set, starting anew."""
    atoms = Atoms.from_dictionary(factors.atoms)
    encoder = ActiveSetLasso(float(settings.alpha[0]))
    codes = factors.codes
    _ = atoms.gram

    def solve(start: int, stop: int) -> None:
        products = correlations[start:stop] / atoms.divisors
        bounds = np.full(stop - start, np.abs(products).max(initial=0), dtype=products.dtype)
        rows = encoder.encode(products, bounds**2, atoms)
        codes[start:stop] = 0
        which = np.repeat(np.arange(start, stop), np.diff(rows.indptr))
        codes[which, rows.indices] = rows.data / atoms.divisors[rows.indices]

    blocks = [(start, min(start + BLOCK, len(codes))) for start in range(0, len(codes), BLOCK)]
    run_blocks(solve, blocks, settings.n_jobs)


Coder = Callable[[Factors, np.ndarray, np.ndarray, Settings], None]
CODERS: dict[str, Coder] = {"cd": descend_codes, "lars": solve_codes}


@dataclass
class Momentum:
    """Extrapolation of atoms and codes, taken back where the objective rises.

    Parameters
    ----------
    factors : Factors
        What is extrapolated, in place.
    pace : float, default=1.0
        Nesterov's sequence, from which the weights follow.
    weight : float, default=0.0
        How far the factors went beyond the last ones, as a share of the last change.

    References
    ----------
    O'Donoghue, Candes (2015), "Adaptive restart for accelerated gradient schemes".
    """

    factors: Factors
    pace: float = 1.0
    weight: float = 0.0

    def push(self) -> None:
        """Go on from the last two factors; atoms stay in the unit ball, codes keep their signs."""
        before = getattr(self, "kept", self.factors)
        self.kept = Factors(self.factors.atoms.copy(), self.factors.codes.copy())
        pace = 0.5 * (1 + np.sqrt(1 + 4 * self.pace**2))
        self.weight, self.pace = (self.pace - 1) / pace, pace
        if self.weight > 0:
            atoms, codes = self.factors.atoms, self.factors.codes
            weight = atoms.dtype.type(self.weight)
            atoms += weight * (atoms - before.atoms)
            shorten(atoms)
            codes += weight * (codes - before.codes)
            codes[codes * self.kept.codes < 0] = 0

    def take_back(self) -> None:
        """Return to where `push` began."""
        self.factors.atoms[:] = self.kept.atoms
        self.factors.codes[:] = self.kept.codes


def alternate(root: Root, factors: Factors, settings: Settings, coder: Coder) -> Loadings:
    """Improve codes and atoms in turn until the objective settles; then solve for the codes."""
    atoms, codes = factors.atoms, factors.codes
    total = float(root.squares.sum())
    floor = 4 * np.finfo(root.dtype).eps * total
    momentum = Momentum(factors)
    errors: list[float] = []
    settled = False
    while len(errors) < settings.max_iter and not settled:
        check_cancelled()
        if len(errors) >= WARM_UP:
            momentum.push()
        error = improve(root, factors, settings, coder, total)
        rose = momentum.weight > 0 and error > errors[-1]
        if rose:
            momentum.take_back()
        errors.append(errors[-1] if rose else error)
        settings.report(len(errors), errors[-1])
        if has_settled(errors, settings.tol, floor):
            # A step without momentum tells whether it was the momentum that came to rest.
            settled = momentum.weight == 0
            momentum.pace = 1.0
    finish_codes(factors, root.correlations(atoms), atoms @ atoms.T, settings)
    return Loadings(codes.T, np.array(errors), len(errors), settled)


def improve(root: Root, factors: Factors, settings: Settings, coder: Coder, total: float) -> float:
    """Improve codes, then atoms; return the objective."""
    atoms, codes = factors.atoms, factors.codes
    correlations, gram = root.correlations(atoms), atoms @ atoms.T
    coder(factors, correlations, gram, settings)
    replace_unused(root, factors, correlations, gram, settings)
    statistics = CodeStatistics(codes.T @ codes, root.scores(codes))
    sweep(atoms, statistics, UNIT_BALL)
    fit = reconstruction_error(total, atoms, statistics, atoms @ atoms.T)
    return fit + float(settings.alpha[0]) * size_of(codes)


def shorten(atoms: np.ndarray) -> None:
    """Give length one to the rows that are longer, in place."""
    lengths = np.sqrt(np.einsum("ki,ki->k", atoms, atoms))
    atoms /= np.maximum(lengths, 1)[:, None]


def reconstruction_error(
    total: float, atoms: np.ndarray, statistics: CodeStatistics, gram: np.ndarray
) -> float:
    """Return ``1/2 |R - U' C'|^2`` from products at hand; `total` is the squared norm of R."""
    cross = np.vdot(atoms, statistics.cross)
    return float(0.5 * (total - 2 * cross + np.vdot(statistics.gram, gram)))


def size_of(codes: np.ndarray) -> float:
    """Return the sum of the absolute codes."""
    return float(np.abs(codes).sum(dtype=np.float64))


def longest_feature(root: Root, settings: Settings) -> float:
    """Return the smallest `alpha` at which all codes of unit atoms are zero."""
    return float(np.sqrt(root.squares.max()))


def replace_unused(
    root: Root,
    factors: Factors,
    correlations: np.ndarray,
    gram: np.ndarray,
    settings: Settings,
) -> None:
    """Turn each atom that no feature uses to what the others leave of the feature they fit worst.

    The next codes lower the objective by it if that is longer than `alpha`; else the atom stays.
    """
    codes, atoms = factors.codes, factors.atoms
    unused = np.flatnonzero(~codes.any(axis=0))
    if len(unused) == 0:
        return
    left = root.squares - ((2 * correlations - codes @ gram) * codes).sum(axis=1)
    least = max(settings.alpha[0] ** 2, 1e3 * np.finfo(root.dtype).eps * root.squares.max())
    worst = np.argsort(-left, kind="stable")[: len(unused)]
    worst = worst[left[worst] > least * (1 + 1e-6)]
    residuals = root.columns(worst) - codes[worst] @ atoms
    lengths = np.sqrt(np.einsum("ij,ij->i", residuals, residuals))
    useful = lengths > 0
    atoms[unused[: len(worst)][useful]] = residuals[useful] / lengths[useful, None]


def finish_codes(
    factors: Factors, correlations: np.ndarray, gram: np.ndarray, settings: Settings
) -> None:
    """Solve for the codes to the tolerance of what is returned."""
    descend_rows(
        factors.codes,
        correlations,
        gram,
        L1(float(settings.alpha[0])),
        n_sweeps=FINAL_SWEEPS,
        tol=FINAL_TOL[factors.codes.dtype],
        n_jobs=settings.n_jobs,
    )
