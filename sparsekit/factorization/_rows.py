"""One ridge-like system for every row of a sparse matrix, against factors that stay as they are.

Explicit and implicit factorisation, biases, side information, the fold-in of new rows,
`partial_fit` and posterior samples are all this one problem.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from scipy import linalg, sparse

from sparsekit._parallel import run_blocks, single_blas_thread
from sparsekit._simd import aligned_empty, padded, padded_width
from sparsekit.factorization._row_kernels import (
    PANEL,
    conjugate_rows,
    descend_rows,
    solve_rows_exactly,
)
from sparsekit.factorization._row_system import RowSystem, Workspace
from sparsekit.matrix._blocks import cut_rows, cut_stored
from sparsekit.matrix._products import DENSE_ROWS

# Of conjugate gradients for each number of a code, where a matrix is all but singular.
STEPS = 4


# Multiplications worth a block of rows, and least blocks of large work.
BLOCK_WORK, BLOCKS = 1e6, 16


@dataclass(frozen=True)
class Rows:
    """The systems of the rows of X.

    Parameters
    ----------
    X : csr_array of shape (n_rows, n_columns)
        The entries.
    loss : record
        What one of them contributes, of `_entry_losses`.
    factors : ndarray of shape (n_columns, width)
        Vectors of the columns, as :func:`padded_factors` makes them.
    rank : int
        How many of their numbers count.
    ridge : ndarray of shape (n_rows,)
        What every diagonal element of a row's system gets; positive.
    weight : ndarray of shape (n_entries,), default=None
        Weights of the entries; None is one for each.
    offset : ndarray of shape (n_columns,), default=None
        Part of the prediction that a column adds by itself.
    base : ndarray of shape (rank, rank) or (rank,), default=None
        Quadratic form that all rows share, positive semi-definite, or its diagonal.
    scale : ndarray of shape (n_rows,), default=None
        Factors of that form; None is one for each.
    linear : ndarray of shape (n_rows, rank), default=None
        What is added to the right side of each row.
    column_weight : ndarray of shape (n_columns,), default=None
        How much a column counts in what rows expect of one; None is one for each.
    squares : ndarray of shape (width,), default=None
        Mean squares of the factors, where they are known.
    """

    X: sparse.csr_array
    loss: Any
    factors: np.ndarray
    rank: int
    ridge: np.ndarray
    weight: np.ndarray | None = None
    offset: np.ndarray | None = None
    base: np.ndarray | None = None
    scale: np.ndarray | None = None
    linear: np.ndarray | None = None
    column_weight: np.ndarray | None = None
    squares: np.ndarray | None = None

    @property
    def dtype(self) -> np.dtype:
        """The type of all numbers."""
        return self.factors.dtype

    def system(self, base: np.ndarray | None) -> RowSystem:
        """Return what kernels read, with the shared form as given: a diagonal or a matrix."""
        n_rows, n_columns = self.X.shape
        dtype, width = self.dtype, self.factors.shape[1]
        form = np.ones((1, width), dtype)
        squares = self.squares
        if squares is None:
            squares = _mean_squares(self.factors, self.column_weight)
        if base is None:
            form[:, : self.rank] = 0
        elif base.ndim == 1:
            form[0, : self.rank] = base
        else:
            form = np.eye(width, dtype=dtype)
            form[: self.rank, : self.rank] = base
        return RowSystem(
            data=self.X.data,
            indices=self.X.indices,
            indptr=self.X.indptr,
            weight=np.empty(0, dtype) if self.weight is None else self.weight,
            loss=self.loss,
            factors=self.factors,
            offset=_or(self.offset, n_columns, 0, dtype),
            base=form,
            scale=_or(self.scale, n_rows, 1, dtype),
            ridge=self.ridge.astype(dtype, copy=False),
            linear=np.empty((0, width), dtype)
            if self.linear is None
            else padded_factors(self.linear, dtype),
            squares=squares,
        )

    def turned(
        self, n_jobs: int | None = None, keep_axes: bool = False
    ) -> tuple["Rows", np.ndarray | None]:
        """Return the same problem in the axes of the shared form, which is diagonal there.

        The dense part of every row's system costs nothing then, whatever its ridge, and Jacobi's
        preconditioner is exact for it. Axes along which the factors are nothing are zero, unless
        `keep_axes` says that something else lies along them.
        """
        if self.base is None or self.base.ndim == 1:
            return self, None
        with single_blas_thread():
            values, axes = linalg.eigh(self.base.astype(np.float64), driver="evd")
            axes = _oriented(axes).astype(self.dtype)
            factors = turned_factors(self.factors[:, : self.rank], axes, n_jobs)
            squares = _mean_squares(factors, self.column_weight)
            if self.linear is None and not keep_axes:
                _drop_nothing(factors, axes, squares)
            linear = None if self.linear is None else self.linear @ axes
        diagonal = np.maximum(values, 0).astype(self.dtype)
        turned = replace(self, factors=factors, linear=linear, base=diagonal, squares=squares)
        return turned, axes


class RowMethod(Protocol):
    """A way to solve rows: how it works is its own business, what it needs is a start.

    The start may be in other axes than the rows: `axes` leads from there to here.
    """

    def solve(
        self, rows: Rows, start: np.ndarray, n_jobs: int | None, axes: np.ndarray | None = None
    ) -> tuple[np.ndarray, float]:
        """Return the codes of all rows, (n_rows, rank), and the sum of their objectives."""


@dataclass(frozen=True)
class ConjugateGradients:
    """A few preconditioned steps from where a row stands; they never make it worse.

    Parameters
    ----------
    n_steps : int, default=3
        Steps of each row.
    relaxation : float, default=1.0
        How far a row goes to where they lead, between zero and two. Beyond one it goes past the
        lowest place of its way, and its objective still falls.
    """

    n_steps: int = 3
    relaxation: float = 1.0

    def solve(
        self, rows: Rows, start: np.ndarray, n_jobs: int | None, axes: np.ndarray | None = None
    ) -> tuple[np.ndarray, float]:
        """Return better codes of all rows and the sum of their objectives."""
        turned, own = rows.turned(n_jobs)
        into = axes if own is None else own
        system, way = turned.system(turned.base), (int(self.n_steps), float(self.relaxation))
        codes = _empty_codes(turned)

        def move(begin: int, end: int, objectives: np.ndarray, work: Workspace) -> None:
            _turn_block(start, into, codes, rows.rank, begin, end)
            conjugate_rows(system, codes, objectives, work, way, begin, end)
            _turn_back(codes, own, rows.rank, begin, end)

        total = _run(move, turned, 2 * (self.n_steps + 1), n_jobs)
        return np.ascontiguousarray(codes[:, : rows.rank]), total


@dataclass(frozen=True)
class Exact:
    """Cholesky's factor of each row's matrix, or of its entries' where there are fewer.

    Parameters
    ----------
    noise : ndarray of shape (n_rows, rank), default=None
        Standard normal numbers: codes are draws of the row's posterior then, not its mode.
    """

    noise: np.ndarray | None = field(default=None, repr=False)

    def solve(
        self, rows: Rows, start: np.ndarray, n_jobs: int | None, axes: np.ndarray | None = None
    ) -> tuple[np.ndarray, float]:
        """Return the codes of all rows and the sum of their objectives."""
        turned, own = rows.turned(n_jobs) if self.noise is None else (rows, None)
        system = turned.system(turned.base)
        noise = np.empty((0, rows.rank), rows.dtype) if self.noise is None else self.noise
        codes = _empty_codes(turned)

        def move(begin: int, end: int, objectives: np.ndarray, work: Workspace) -> None:
            codes[begin:end] = 0
            solve_rows_exactly(system, noise, codes, objectives, work, rows.rank, begin, end)
            if self.noise is None:
                _solve_singular(system, codes, objectives, work, begin, end)
            _turn_back(codes, own, rows.rank, begin, end)

        total = _run(move, turned, rows.rank, n_jobs)
        return np.ascontiguousarray(codes[:, : rows.rank]), total


@dataclass(frozen=True)
class CoordinateDescent:
    """Sweeps over the coordinates of each row's matrix, for factors that are sparse or signed.

    Parameters
    ----------
    thresholds : ndarray of shape (n_rows,)
        Strength of the absolute values in each row's objective, halved.
    positive : bool
        Whether the coordinates must not be negative.
    n_signed : int
        How many coordinates, from the first, both are for.
    n_sweeps : int, default=10
        Most sweeps of each row.
    """

    thresholds: np.ndarray
    positive: bool
    n_signed: int
    n_sweeps: int = 10

    def solve(
        self, rows: Rows, start: np.ndarray, n_jobs: int | None, axes: np.ndarray | None = None
    ) -> tuple[np.ndarray, float]:
        """Return better codes of all rows and the sum of their objectives."""
        system = rows.system(rows.base)
        codes = _empty_codes(rows)
        thresholds = self.thresholds.astype(rows.dtype, copy=False)
        signed = int(self.n_signed), bool(self.positive), int(self.n_sweeps)

        def move(begin: int, end: int, objectives: np.ndarray, work: Workspace) -> None:
            _turn_block(start, axes, codes, rows.rank, begin, end)
            descend_rows(system, thresholds, signed, codes, objectives, work, rows.rank, begin, end)

        total = _run(move, rows, rows.rank, n_jobs)
        return np.ascontiguousarray(codes[:, : rows.rank]), total


def padded_factors(factors: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return a copy of rows whose width is a whole number of vectors, zeros behind."""
    n, rank = factors.shape
    copy = aligned_empty((n, padded(rank, dtype)), dtype)
    copy[:, :rank] = factors
    copy[:, rank:] = 0
    return copy


def turned_factors(factors: np.ndarray, axes: np.ndarray, n_jobs: int | None = None) -> np.ndarray:
    """Return rows in other axes, padded; threads do not change a bit of them."""
    n, rank = factors.shape
    turned = aligned_empty((n, padded(rank, axes.dtype)), axes.dtype)
    with single_blas_thread():
        run_blocks(
            lambda begin, end: _turn_block(factors, axes, turned, rank, begin, end),
            cut_rows(n, DENSE_ROWS),
            n_jobs,
        )
    return turned


def _oriented(axes: np.ndarray) -> np.ndarray:
    """Return axes whose largest number is positive: rounding alone would choose their signs."""
    largest = np.argmax(np.abs(axes), axis=0)
    return axes * np.where(axes[largest, np.arange(len(largest))] < 0, -1.0, 1.0)


def _drop_nothing(factors: np.ndarray, axes: np.ndarray, squares: np.ndarray) -> None:
    """Zero the axes along which factors are but rounding errors: along them codes are zero too."""
    rank = len(axes)
    nothing = np.flatnonzero(squares[:rank] <= rank * np.finfo(np.float64).eps * squares.max())
    axes[:, nothing] = 0
    factors[:, nothing] = 0
    squares[nothing] = 0


def _mean_squares(factors: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """Return the mean squares of the factors, weighted by row, in their type."""
    if weight is None:
        return np.einsum("ij,ij->j", factors, factors) / max(len(factors), 1)
    share = (weight / weight.sum()).astype(factors.dtype)
    return np.einsum("i,ij,ij->j", share, factors, factors)


def _empty_codes(rows: Rows) -> np.ndarray:
    return aligned_empty((rows.X.shape[0], rows.factors.shape[1]), rows.dtype)


def _turn_block(
    codes: np.ndarray,
    axes: np.ndarray | None,
    turned: np.ndarray,
    rank: int,
    begin: int,
    end: int,
) -> None:
    """Overwrite some rows of `turned` by those of `codes` in other axes, and pad them."""
    if axes is None:
        turned[begin:end, :rank] = codes[begin:end]
    else:
        np.matmul(codes[begin:end], axes, out=turned[begin:end, :rank])
    turned[begin:end, rank:] = 0


def _turn_back(codes: np.ndarray, axes: np.ndarray | None, rank: int, begin: int, end: int) -> None:
    """Take some rows back to the axes they came from, in place."""
    if axes is not None:
        codes[begin:end, :rank] = codes[begin:end, :rank] @ axes.T


def _run(
    move: Callable[[int, int, np.ndarray, Workspace], None],
    rows: Rows,
    passes: int,
    n_jobs: int | None,
) -> float:
    """Call `move` on blocks of rows; return the sum of what it says of them."""
    objectives = np.zeros(rows.X.shape[0])
    width, most = rows.factors.shape[1], int(np.diff(rows.X.indptr).max(initial=0))
    spare: list[Workspace] = []

    def on_block(begin: int, end: int) -> None:
        # As many as there are threads: a list's `pop` and `append` are one step each.
        try:
            work = spare.pop()
        except IndexError:
            work = _workspace(width, most, rows.dtype)
        move(begin, end, objectives, work)
        spare.append(work)

    # A call hands over every array of its records: small work is not worth many.
    work_per_entry = width * passes
    n_blocks = int(np.clip(rows.X.nnz * work_per_entry / BLOCK_WORK, 1, BLOCKS))
    with single_blas_thread():
        run_blocks(on_block, cut_stored(rows.X.indptr, work_per_entry, n_blocks), n_jobs)
    return float(objectives.sum())


def _workspace(width: int, n_entries: int, dtype: np.dtype) -> Workspace:
    vectors, entries = [width] * 5, [n_entries] * 3
    # Rows of the square matrix that begin a power of two apart would share few cache lines.
    squares = [(max(PANEL, width), width), (width, width), (width, padded_width(width, dtype))]
    return Workspace(*(aligned_empty(shape, dtype) for shape in [*vectors, *squares, *entries]))


def _solve_singular(
    system: RowSystem,
    codes: np.ndarray,
    objectives: np.ndarray,
    work: Workspace,
    begin: int,
    end: int,
) -> None:
    """Solve rows whose matrix has no Cholesky factor in its type by conjugate gradients."""
    for i in begin + np.flatnonzero(np.isnan(objectives[begin:end])):
        codes[i] = 0
        conjugate_rows(system, codes, objectives, work, (STEPS * codes.shape[1], 1.0), i, i + 1)


def _or(values: np.ndarray | None, n: int, default: float, dtype: np.dtype) -> np.ndarray:
    """Return the values in their type, or so many of the default."""
    return np.full(n, default, dtype) if values is None else values.astype(dtype, copy=False)
