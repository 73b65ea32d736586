"""Codes by proximal steps on a whole block of signals: FISTA and iterative hard thresholding."""

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from sparsekit._parallel import check_cancelled
from sparsekit.coding._atoms import Atoms
from sparsekit.coding._rows import CodeRows, rows_of_dense
from sparsekit.penalties._base import soft_threshold


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
        A block is done when the duality gap of each of its signals, divided by the signal's half
        squared norm, is at most this.

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
        thresholds, ridge = atoms.penalty(self.alpha, self.l1_ratio, self.weights)
        gram = atoms.gram + np.diag(ridge)
        step = gram.dtype.type(1.0 / largest_eigenvalue(gram))
        scale = np.maximum(0.5 * squared_norms, np.finfo(gram.dtype).tiny)
        codes = np.zeros_like(correlations)
        ahead, momentum = codes, np.ones(len(codes), gram.dtype)
        for iteration in range(self.max_iter):
            moved = ahead + step * (correlations - ahead @ gram)
            moved = self._shrink(moved, step * thresholds)
            change = moved - codes
            # A step against the momentum: that signal begins anew.
            against = np.einsum("ij,ij->i", ahead - moved, change) > 0
            longer = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
            factor = np.where(against, 0.0, (momentum - 1.0) / longer).astype(gram.dtype)
            momentum = np.where(against, 1.0, longer).astype(gram.dtype)
            codes, ahead = moved, moved + factor[:, None] * change
            if iteration % 10 == 9:
                check_cancelled()
                gap = self._gap(codes, correlations, gram, thresholds, squared_norms)
                if (gap <= self.tol * scale).all():
                    break
        return rows_of_dense(codes)

    def _shrink(self, values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
        shrunk = soft_threshold(values, thresholds).astype(values.dtype, copy=False)
        return np.maximum(shrunk, 0) if self.positive else shrunk

    def _gap(self, codes, correlations, gram, thresholds, squared_norms) -> np.ndarray:
        """Return the duality gap of each signal, the square part counted with the data."""
        products = codes @ gram
        gradient = correlations - products
        size = gradient if self.positive else np.abs(gradient)
        reached = np.divide(
            size, thresholds, out=np.where(size > 0, np.inf, 0.0), where=thresholds > 0
        )
        # An atom without a penalty bounds nothing once its gradient vanishes.
        reached[:, thresholds == 0] = 0.0
        factor = 1.0 / np.maximum(reached.max(axis=1), 1.0)
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
        safe_step = gram.dtype.type(1.0 / largest_eigenvalue(gram))
        running = np.flatnonzero(squared_norms > self.tol)
        for _ in range(self.max_iter):
            if not len(running):
                break
            check_cancelled()
            code, p = codes[running], correlations[running]
            products = code @ gram
            moved = self._step(code, p - products, gram, safe_step)
            new_products = moved @ gram
            before = 0.5 * np.einsum("ij,ij->i", code, products - 2.0 * p)
            after = 0.5 * np.einsum("ij,ij->i", moved, new_products - 2.0 * p)
            least = np.finfo(gram.dtype).eps * squared_norms[running]
            better = after < before - least
            codes[running[better]] = moved[better]
            enough = squared_norms[running] + 2.0 * after <= self.tol
            running = running[better & ~enough]
        return rows_of_dense(codes)

    def _step(self, codes, gradient, gram, safe_step) -> np.ndarray:
        """Return the codes after the exact step where the support stays, else after a safe one."""
        on_support = np.where(codes != 0, gradient, 0)
        curvature = np.einsum("ij,ij->i", on_support @ gram, on_support)
        squares = np.einsum("ij,ij->i", on_support, on_support)
        exact = np.divide(squares, curvature, out=np.zeros_like(squares), where=curvature > 0)
        long = self._largest(codes + exact[:, None] * gradient)
        same = ((long != 0) == (codes != 0)).all(axis=1) & (exact > 0)
        short = self._largest(codes + safe_step * gradient)
        return np.where(same[:, None], long, short)

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


def largest_eigenvalue(gram: np.ndarray) -> float:
    """Return the largest eigenvalue of a Gram matrix, or one if there is nothing in it."""
    last = len(gram) - 1
    value = linalg.eigvalsh(gram.astype(np.float64), subset_by_index=[last, last])[0]
    return float(value) if value > 0 else 1.0
