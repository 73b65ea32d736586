"""The dictionary as encoders see it: atoms of unit length, their norms and their Gram matrix."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sparsekit._simd import aligned_empty


@dataclass(frozen=True)
class Atoms:
    """A dictionary whose rows have unit length; a zero row stays a zero row.

    Parameters
    ----------
    matrix : ndarray of shape (n_atoms, n_features)
        The rows divided by their norms.
    norms : ndarray of shape (n_atoms,)
        What they were divided by; zero for a zero row.
    """

    matrix: np.ndarray
    norms: np.ndarray

    @classmethod
    def from_dictionary(cls, dictionary: np.ndarray) -> "Atoms":
        """Divide the rows of a dictionary by their norms.

        Parameters
        ----------
        dictionary : ndarray of shape (n_atoms, n_features)
            float32 or float64; stays as it is.

        Returns
        -------
        atoms : Atoms
            In the dtype of the dictionary.
        """
        # Scaled first: squares of tiny or huge values leave the range of float32.
        largest = np.abs(dictionary).max(axis=1, initial=0.0)
        largest[largest == 0] = 1
        matrix = dictionary / largest[:, None]
        lengths = np.sqrt(np.einsum("kj,kj->k", matrix, matrix))
        matrix /= np.where(lengths > 0, lengths, 1)[:, None].astype(matrix.dtype)
        norms = np.where(lengths > 0, lengths * largest, 0)
        return cls(np.ascontiguousarray(matrix), norms.astype(dictionary.dtype))

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return self.matrix.shape[0]

    @property
    def n_features(self) -> int:
        """Number of features."""
        return self.matrix.shape[1]

    @property
    def dtype(self) -> np.dtype:
        """Data type of the atoms."""
        return self.matrix.dtype

    @cached_property
    def gram(self) -> np.ndarray:
        """Products of the atoms with one another, of shape (n_atoms, n_atoms)."""
        gram = aligned_empty((self.n_atoms, self.n_atoms), self.dtype)
        return np.matmul(self.matrix, self.matrix.T, out=gram)

    @cached_property
    def divisors(self) -> np.ndarray:
        """What codes of the unit atoms are divided by: the norms, one for a zero atom."""
        return np.where(self.norms > 0, self.norms, 1).astype(self.dtype)

    @cached_property
    def in_float64(self) -> "Atoms":
        """The same atoms in double precision."""
        return Atoms(self.matrix.astype(np.float64), self.norms.astype(np.float64))

    def penalty(
        self, alpha: float, l1_ratio: float = 1.0, weights: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the penalty of codes of the user's atoms in terms of the unit atoms.

        Their codes are longer by the norms, so that each has a penalty of its own.

        Parameters
        ----------
        alpha : float
            Strength, non-negative.
        l1_ratio : float, default=1.0
            Share of the absolute value, in [0, 1].
        weights : ndarray of shape (n_atoms,), default=None
            Weight of each atom's penalty, non-negative; None means one.

        Returns
        -------
        thresholds : ndarray of shape (n_atoms,)
            Factors of the absolute values; infinite for a zero atom, which nothing moves.
        ridge : ndarray of shape (n_atoms,)
            Factors of half the squares.
        """
        weights = np.ones(self.n_atoms) if weights is None else weights
        norms = self.norms.astype(np.float64)
        inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
        thresholds = np.where(norms > 0, alpha * l1_ratio * weights * inverse, np.inf)
        ridge = alpha * (1.0 - l1_ratio) * weights * inverse**2
        return thresholds.astype(self.dtype), ridge.astype(self.dtype)
