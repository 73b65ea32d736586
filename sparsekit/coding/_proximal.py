"""Codes by proximal steps on a whole block of signals: FISTA and iterative hard thresholding."""

from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

from sparsekit._parallel import check_cancelled
from sparsekit.coding._atoms import Atoms
from sparsekit.coding._rows import CodeRows, rows_of_dense
from sparsekit.penalties._base import soft_threshold

# Steps of Fista between two looks at the duality gaps.
CHECK_EVERY = 10
# Relative gaps below so many rounding errors are not told from zero.
ROUNDED = 64
# Iterative hard thresholding ends where a step gains less than this share of the squared norm.
SETTLED = {np.dtype(np.float64): 1e-10, np.dtype(np.float32): 1e-7}
STABLE = 0.99
MOST_HALVINGS = 40
AT_REST = 1e-4
# From so many atoms on, products use that few of them have a coefficient.
FEW_ATOMS = 128
# Steps without a change of its support after which a signal goes to the limit of such steps.
STEADY = 30


@dataclass(frozen=True)
class Fista:
    """The codes of `ActiveSetLasso`, approached by accelerated proximal gradient steps.

    Parameters
    ----------
    alpha : float
        Strength, non-negative.
    l1_ratio : float, default=1.0
        Share of the absolute value, in [0, 1].
    weights : ndarray of shape (n_atoms,), default=None
        Weight of each atom's penalty, non-negative; None means one.
    positive : bool, default=False
        Whether coefficients must not be negative.
    max_iter : int, default=1000
        Most steps.
    tol : float, default=1e-6
        A signal is done when its duality gap, divided by half its squared norm, is at most this;
        where an atom has weight 0, when a step would move it by half this share of its norm.

    References
    ----------
    Beck, Teboulle (2009), "A fast iterative shrinkage-thresholding algorithm for linear inverse
    problems"; O'Donoghue, Candes (2015), "Adaptive restart for accelerated gradient schemes".
    """

    alpha: float
    l1_ratio: float = 1.0
    weights: np.ndarray | None = None
    positive: bool = False
    max_iter: int = 1000
    tol: float = 1e-6

    def encode(self, correlations: np.ndarray, squared_norms: np.ndarray, atoms: Atoms) -> CodeRows:
        """Return the codes of a block of signals, in terms of the unit atoms."""
        zeros = np.zeros_like(correlations)
        return rows_of_dense(*self.approach(zeros, correlations, squared_norms, atoms))

    def approach(
        self,
        codes: np.ndarray,
        correlations: np.ndarray,
        squared_norms: np.ndarray,
        atoms: Atoms,
    ) -> tuple[np.ndarray, int]:
        """Return where steps from `codes` lead to, nowhere worse, and how many are not done."""
        thresholds, ridge = atoms.penalty(self.alpha, self.l1_ratio, self.weights)
        gram = atoms.gram + np.diag(ridge)
        step = gram.dtype.type(1.0 / largest_eigenvalue(gram))
        measure = self._gap if (thresholds > 0).all() else self._violation
        best, lowest = codes.copy(), self._objective(codes, correlations, gram, thresholds)
        # A gap is a difference of numbers that are rounded.
        enough = max(self.tol, ROUNDED * float(np.finfo(gram.dtype).eps))
        running = np.arange(len(codes))
        state = codes, codes, np.ones(len(codes), gram.dtype)
        for start in range(0, self.max_iter, CHECK_EVERY):
            check_cancelled()
            for _ in range(min(CHECK_EVERY, self.max_iter - start)):
                state = self._move(*state, correlations, gram, step, thresholds)
            value = self._objective(state[0], correlations, gram, thresholds)
            # Later ones are better where rounding hides it.
            rounding = np.finfo(gram.dtype).eps * squared_norms
            lower = value <= lowest[running] + rounding
            best[running[lower]] = state[0][lower]
            lowest[running[lower]] = value[lower]
            # Signals that are done stay as they are, whatever the others of the block need.
            error = measure(state[0], correlations, gram, thresholds, squared_norms)
            open_ = error > 0.5 * enough * squared_norms
            running, correlations, squared_norms = (
                array[open_] for array in (running, correlations, squared_norms)
            )
            state = tuple(array[open_] for array in state)
            if not len(running):
                break
        return best, len(running)

    def _move(self, codes, ahead, momentum, correlations, gram, step, thresholds) -> tuple:
        """Return codes, the point ahead of them and momentum after one step."""
        moved = self._shrink(ahead + step * (correlations - ahead @ gram), step * thresholds)
        change = moved - codes
        # A step against the momentum: that signal begins anew.
        against = np.einsum("ij,ij->i", ahead - moved, change) > 0
        longer = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
        factor = np.where(against, 0.0, (momentum - 1.0) / longer).astype(gram.dtype)
        momentum = np.where(against, 1.0, longer).astype(gram.dtype)
        return moved, moved + factor[:, None] * change, momentum

    def _shrink(self, values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
        shrunk = soft_threshold(values, thresholds).astype(values.dtype, copy=False)
        return np.maximum(shrunk, 0) if self.positive else shrunk

    def _objective(self, codes, correlations, gram, thresholds) -> np.ndarray:
        """Return the objective of each signal, less that of zeros."""
        smooth = np.einsum("ij,ij->i", codes, 0.5 * (codes @ gram) - correlations)
        return smooth + np.abs(codes) @ np.where(np.isfinite(thresholds), thresholds, 0.0)

    def _violation(self, codes, correlations, gram, thresholds, squared_norms) -> np.ndarray:
        """Return how far a unit step would move each signal, times its norm.

        Where an atom has no penalty, no point near the residual is feasible for the dual.
        """
        moved = self._shrink(codes + correlations - codes @ gram, thresholds)
        return np.abs(moved - codes).max(axis=1) * np.sqrt(squared_norms)

    def _gap(self, codes, correlations, gram, thresholds, squared_norms) -> np.ndarray:
        """Return the duality gap of each signal, the square part counted with the data."""
        products = codes @ gram
        gradient = correlations - products
        size = gradient if self.positive else np.abs(gradient)
        factor = 1.0 / np.maximum((size / thresholds).max(axis=1), 1.0)
        quadratic = np.einsum("ij,ij->i", codes, products)
        linear = np.einsum("ij,ij->i", codes, correlations)
        residual = np.maximum(squared_norms - 2.0 * linear + quadratic, 0.0)
        absolute = np.abs(codes) @ np.where(np.isfinite(thresholds), thresholds, 0.0)
        primal = 0.5 * residual + absolute
        dual = factor * (squared_norms - linear) - 0.5 * factor**2 * residual
        return primal - dual


@dataclass(frozen=True)
class HardThresholding:
    """Codes of at most some atoms by gradient steps, after each of which the largest stay.

    Parameters
    ----------
    n_nonzero_coefs : int
        How many coefficients stay.
    positive : bool, default=False
        Whether coefficients must not be negative.
    max_iter : int, default=1000
        Most steps.
    tol : float, default=0.0
        A signal is done when its squared residual is at most this.

    References
    ----------
    Blumensath, Davies (2010), "Normalized iterative hard thresholding: guaranteed stability and
    performance".
    """

    n_nonzero_coefs: int
    positive: bool = False
    max_iter: int = 1000
    tol: float = 0.0

    def encode(self, correlations: np.ndarray, squared_norms: np.ndarray, atoms: Atoms) -> CodeRows:
        """Return the codes of a block of signals, in terms of the unit atoms."""
        gram = atoms.gram
        codes = np.zeros_like(correlations)
        least = SETTLED[gram.dtype] * squared_norms
        stayed = np.zeros(len(codes), dtype=np.intp)
        running = np.flatnonzero(squared_norms > self.tol)
        for _ in range(self.max_iter):
            if not len(running):
                break
            check_cancelled()
            code, p = codes[running], correlations[running]
            products = _product(code, gram)
            moved = self._step(code, p - products, gram)
            stayed[running] += 1
            stayed[running[((moved != 0) != (code != 0)).any(axis=1)]] = 0
            settled = np.flatnonzero(stayed[running] == STEADY)
            if len(settled):
                moved[settled] = self._limit(moved[settled], p[settled], gram)
            before = 0.5 * np.einsum("ij,ij->i", code, products - 2.0 * p)
            after = 0.5 * np.einsum("ij,ij->i", moved, _product(moved, gram) - 2.0 * p)
            better = after < before - least[running]
            codes[running[better]] = moved[better]
            enough = squared_norms[running] + 2.0 * after <= self.tol
            running = running[better & ~enough]
        return rows_of_dense(codes, len(running))

    def _step(self, codes: np.ndarray, gradient: np.ndarray, gram: np.ndarray) -> np.ndarray:
        """Return the codes after a step that is exact on the support, shorter where it changes."""
        support = codes != 0
        along = np.where(support, gradient, 0)
        # At the optimum of its support, and at zero, the best new atoms set the length.
        at_rest = np.abs(along).max(axis=1) <= AT_REST * np.abs(gradient).max(axis=1)
        along[at_rest] = self._largest(gradient[at_rest])
        length = _exact_length(along, gram)
        moved = self._largest(codes + length[:, None] * gradient)
        for _ in range(MOST_HALVINGS):
            change = moved - codes
            # No longer than this, a step to another support lowers the objective.
            too_long = length > STABLE * _exact_length(change, gram)
            too_long &= ((moved != 0) != support).any(axis=1)
            if not too_long.any():
                break
            length[too_long] *= 0.5
            shorter = codes[too_long] + length[too_long, None] * gradient[too_long]
            moved[too_long] = self._largest(shorter)
        return moved

    def _limit(self, codes: np.ndarray, p: np.ndarray, gram: np.ndarray) -> np.ndarray:
        """Return where steps on unchanged supports lead: to least squares, if signs allow."""
        kept = min(self.n_nonzero_coefs, codes.shape[1])
        places = np.argsort(codes == 0, axis=1, kind="stable")[:, :kept]
        inside = np.take_along_axis(codes != 0, places, axis=1)
        systems = gram[places[:, :, None], places[:, None, :]].astype(np.float64)
        systems *= inside[:, :, None] & inside[:, None, :]
        # Dependent atoms share what one of them could have; places outside stay zero.
        systems[:, np.arange(kept), np.arange(kept)] += np.where(inside, np.finfo(p.dtype).eps, 1.0)
        right = np.where(inside, np.take_along_axis(p, places, axis=1), 0.0).astype(np.float64)
        best = np.linalg.solve(systems, right[:, :, None])[:, :, 0].astype(codes.dtype)
        limit = np.zeros_like(codes)
        np.put_along_axis(limit, places, np.where(inside, best, 0), axis=1)
        return np.where((limit < 0).any(axis=1)[:, None], codes, limit) if self.positive else limit

    def _largest(self, values: np.ndarray) -> np.ndarray:
        """Return the values without all but the largest few of each row."""
        if self.positive:
            values = np.maximum(values, 0)
        surplus = values.shape[1] - self.n_nonzero_coefs
        if surplus <= 0:
            return values
        values = values.copy()
        smallest = np.argpartition(np.abs(values), surplus, axis=1)[:, :surplus]
        np.put_along_axis(values, smallest, 0, axis=1)
        return values


def _product(codes: np.ndarray, gram: np.ndarray) -> np.ndarray:
    """Return ``codes @ gram``, by the entries of the codes where they are few."""
    return sparse.csr_array(codes) @ gram if codes.shape[1] > FEW_ATOMS else codes @ gram


def _exact_length(direction: np.ndarray, gram: np.ndarray) -> np.ndarray:
    """Return squared lengths divided by those of what the atoms make of the directions."""
    squares = np.einsum("ij,ij->i", direction, direction)
    curvature = np.einsum("ij,ij->i", _product(direction, gram), direction)
    return np.divide(squares, curvature, out=np.zeros_like(squares), where=curvature > 0)


def largest_eigenvalue(gram: np.ndarray) -> float:
    """Return the largest eigenvalue of a Gram matrix, or one if there is nothing in it."""
    last = len(gram) - 1
    value = linalg.eigvalsh(gram.astype(np.float64), subset_by_index=[last, last])[0]
    return float(value) if value > 0 else 1.0
