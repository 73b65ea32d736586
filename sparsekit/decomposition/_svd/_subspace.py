"""Subspaces of leading singular vectors: random starts, power iterations, orthonormal bases."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import linalg, sparse

from sparsekit._parallel import check_cancelled, run_blocks
from sparsekit.decomposition._svd._basis import (
    CACHED_ROWS,
    orthonormalized,
    singular_values,
)
from sparsekit.decomposition._svd._operator import CenteredData
from sparsekit.matrix._blocks import BLOCKS
from sparsekit.matrix._products import DENSE_ROWS, cut_rows, multiply

# Kernels read rows of so many numbers fastest, so more vectors up to that cost nothing.
LANES = 16
# Bytes for each number of the square matrices that decompositions in double precision use.
SQUARES = 64


def block_width(n_components: int, n_oversamples: int, smaller: int) -> int:
    """Return the number of vectors to iterate; all there are where half of them are wanted."""
    wanted = -(-(n_components + n_oversamples) // LANES) * LANES
    return smaller if 2 * wanted >= smaller else wanted


def needed_memory(X: Any, width: int, center: bool) -> float:
    """Return about how many bytes a fit with so many vectors takes at most, beside X."""
    itemsize, smaller, larger = X.dtype.itemsize, *map(float, sorted(X.shape))
    copied = 0.0
    if sparse.issparse(X):
        copied = float(X.data.nbytes + X.indices.nbytes)
    elif center:
        copied = float(X.nbytes)
    # Of the larger side: an image, and its basis by reflections or the components. Of the smaller:
    # two bases, an image, and what replaces it.
    vectors = (2 * larger + 4 * smaller) * width
    partial_products = min(BLOCKS, -(-X.shape[1] // DENSE_ROWS)) * float(width) ** 2
    return copied + itemsize * (vectors + partial_products) + SQUARES * float(width) ** 2


def row_space(
    data: CenteredData,
    n_components: int,
    width: int,
    max_iter: int,
    tol: float,
    random_state: np.random.RandomState,
) -> tuple[np.ndarray, int]:
    """Return an orthonormal basis near the leading right singular vectors, and the iterations.

    Parameters
    ----------
    data : CenteredData
        The matrix.
    n_components : int
        Vectors that are wanted.
    width : int
        Vectors of the basis.
    max_iter : int
        Most power iterations, of two products each.
    tol : float
        Iterations end when one raises the sum of the leading squared singular values, as the basis
        shows them, by no more than this share.
    random_state : RandomState
        Draws the start.

    Returns
    -------
    basis : ndarray of shape (n_features, width)
        Orthonormal columns.
    n_iter : int
        Iterations made; 1 where there was no need of any.
    """
    tall = data.shape[0] >= data.shape[1]
    there, back = (data.times, data.transposed_times)[:: 1 if tall else -1]
    if width == min(data.shape):
        basis, n_iter = np.eye(width, dtype=data.dtype), 1
    else:
        start = back(_random_columns(max(data.shape), width, data.dtype, random_state))
        power = PowerIteration(lambda vectors: back(there(vectors)), start, data.n_jobs)
        n_iter = power.run(n_components, max_iter, tol)
        basis = power.basis
    if not tall:
        basis, _, _ = orthonormalized(there(basis), n_jobs=data.n_jobs)
    # Once more, as one pass leaves the columns orthogonal to a few digits only.
    basis, _, _ = orthonormalized(basis, n_jobs=data.n_jobs)
    return basis, n_iter


def _random_columns(n_rows, width, dtype, random_state):
    """Return uniform numbers of mean zero, the same in either precision."""
    generator = np.random.Generator(np.random.SFC64(random_state.randint(2**31, size=4)))
    columns = generator.random((n_rows, width), dtype=np.float32)
    columns -= np.float32(0.5)
    return columns.astype(dtype, copy=False)


class PowerIteration:
    """Subspace iteration with a positive semidefinite matrix, accelerated as Chebyshev's is.

    With a matrix ``B``, a basis ``Q``, and ``P`` the basis before it, an iteration is::

        Q, P  <-  (B Q - c/2 Q - c^2/16 P) R^-1,  Q R^-1,

    where R makes the new Q orthonormal. It treats all eigenvalues from 0 to c alike and raises
    those above c by as much as a polynomial of that degree can. The last singular value of ``B Q``
    is no larger than the eigenvalue of its rank, so that c, which it sets, spares what is wanted.

    References
    ----------
    Rutishauser (1970), "Simultaneous iteration method for symmetric matrices".

    Feng, Yu, Xie, Tang (2024), "Faster randomized SVD with dynamic shifts".
    """

    def __init__(self, apply: Callable, start: np.ndarray, n_jobs: int | None):
        self.apply, self.n_jobs = apply, n_jobs
        basis, upper, _ = orthonormalized(start, n_jobs=n_jobs)
        # Turned so that the leading directions come first: triangular factors keep more digits.
        turn = np.ascontiguousarray(linalg.svd(upper)[0], dtype=basis.dtype)
        self.basis = multiply(basis, turn, n_jobs=n_jobs)
        self.before = None
        self.damped = 0.0

    def run(self, n_components: int, max_iter: int, tol: float) -> int:
        """Iterate until the sum of the leading eigenvalues has settled; return how often."""
        captured = 0.0
        for iteration in range(1, max_iter + 1):
            check_cancelled()
            values = self._step()
            total = float(values[:n_components].sum())
            if tol and abs(total - captured) <= tol * total:
                return iteration
            captured = total
            self.damped = max(self.damped, float(values[-1]))
        return max_iter

    def _step(self) -> np.ndarray:
        """Replace the basis; return singular values of its image, each below an eigenvalue."""
        quarter, previous = self.damped / 4, self.basis
        image = self.apply(previous)
        values = singular_values(image, n_jobs=self.n_jobs)
        followers = (previous,) if quarter else ()
        self._damp(image, 2 * quarter, previous)
        self._damp(image, quarter**2, self.before)
        self.basis, _, independent = orthonormalized(image, *followers, n_jobs=self.n_jobs)
        self.before = previous if followers and independent else None
        return values

    def _damp(self, image: np.ndarray, share: float, basis: np.ndarray | None) -> None:
        """Subtract a multiple of a basis."""
        if not share or basis is None:
            return
        share = image.dtype.type(share)

        def fill(start, stop):
            image[start:stop] -= share * basis[start:stop]

        run_blocks(fill, cut_rows(len(image), CACHED_ROWS), self.n_jobs)
