"""Least squares on chosen inputs: for every output of a layer the exact best kept weights.

Each output has a system of its own, the rows and columns that it keeps of one shared matrix. Where
it keeps most of them, the system of those it lacks is the smaller, and as exact.
"""

import numpy as np
from scipy import sparse
from scipy.linalg.lapack import dpotrf, dpotri

from sparsekit._compile import kernel
from sparsekit._parallel import check_cancelled, run_blocks, single_blas_thread
from sparsekit._simd import (
    aligned_empty,
    cholesky_upper,
    padded,
    padded_width,
    solve_upper,
    solve_upper_transposed,
)

# Multiplications of one call of the kernel, some 20 ms.
CALL_WORK = 3e8
# Multiplications beyond which conjugate gradients on all outputs at once take over.
MOST_WORK = 2e11
# Numbers of a block of those.
BLOCK_NUMBERS, LEAST_COLUMNS = 1 << 20, 16
# Relative residual where those end, and their most steps.
RESIDUAL, MOST_STEPS = 1e-5, 300
# What is added to the diagonal where a system is not definite, in parts of its mean: at first.
RESCUE, RESCUES = 1e-10, 8


def reconstruct_layer(
    gram: np.ndarray,
    cross: np.ndarray,
    weights: np.ndarray,
    mask: np.ndarray,
    *,
    damping: float = 1e-2,
    n_jobs: int | None = None,
) -> np.ndarray:
    """Return the kept weights of a layer whose outputs are nearest to their targets.

    Column j solves ``min_w w'Gw - 2 w'c_j + damping * mean(diag G) * |w - weights_j|^2`` over its
    kept entries; all others are zero.

    Parameters
    ----------
    gram : ndarray of shape (inputs, inputs)
        G, the products of the inputs.
    cross : ndarray of shape (inputs, outputs)
        The products of inputs and targets.
    weights : ndarray of shape (inputs, outputs)
        Where the damping draws to.
    mask : bool ndarray of shape (inputs, outputs)
        True where a weight is kept.
    damping : float, default=1e-2
        In parts of the mean of G's diagonal; not negative.
    n_jobs : int, default=None
        Threads; the result does not depend on them.

    Returns
    -------
    weights : ndarray of shape (inputs, outputs)
        In float32.

    References
    ----------
    Dong, Chen, Pan (2017), "Learning to prune deep neural networks via layer-wise optimal brain
    surgeon".
    """
    start = np.where(mask, weights, 0).astype(np.float64)
    with single_blas_thread():
        right = cross - gram @ start
        moved = solve_masked(gram, right, mask, damping, n_jobs)
    start += moved
    start[~mask] = 0
    return start.astype(np.float32)


def solve_masked(
    gram: np.ndarray,
    right: np.ndarray,
    mask: np.ndarray,
    damping: float,
    n_jobs: int | None = None,
) -> np.ndarray:
    """Solve the damped system of each column on its kept entries; elsewhere the answer is zero."""
    n, square = len(gram), damped(gram, damping)
    if not np.trace(square) > 0:
        return np.zeros(mask.shape)
    n_kept = np.count_nonzero(mask, axis=0)
    if smallest_work(n_kept, n) > MOST_WORK:
        return descend_masked(square, right, mask, n_jobs)
    solution = np.zeros(mask.shape)
    turned = 2 * n_kept > n
    if n**3 > _cubes(n_kept[turned]) - _cubes(n - n_kept[turned]):
        turned[:] = False
    if turned.any():
        answer = _solve_by_lacking(square, right[:, turned], mask[:, turned], n_jobs)
        if answer is None:
            turned[:] = False
        else:
            solution[:, turned] = answer
    direct = ~turned
    solution[:, direct] = solve_kept(square, right[:, direct], mask[:, direct], n_jobs)
    return solution


def damped(gram: np.ndarray, damping: float) -> np.ndarray:
    """Return a copy with so many parts of the diagonal's mean added to the diagonal."""
    square = np.array(gram, dtype=np.float64)
    square.flat[:: len(square) + 1] += damping * np.trace(square) / max(len(square), 1)
    return square


def lower_inverse(square: np.ndarray) -> np.ndarray | None:
    """Return an array whose lower triangle is the inverse's; None where there is no inverse."""
    factor, failed = dpotrf(square, lower=1, clean=0)
    if failed:
        return None
    inverse, failed = dpotri(factor, lower=1, overwrite_c=1)
    return None if failed or not np.isfinite(np.diagonal(inverse)).all() else inverse


def smallest_work(n_kept: np.ndarray, n: int) -> float:
    """Return the multiplications of exact solutions, by the kept or by the lacking weights."""
    return min(_cubes(n_kept), n**3 + _cubes(np.minimum(n_kept, n - n_kept)))


def _cubes(sizes: np.ndarray) -> float:
    """Return the multiplications of the Cholesky factors of so many unknowns each."""
    return float((sizes.astype(np.float64) ** 3).sum()) / 6


def _solve_by_lacking(square, right, mask, n_jobs):
    """Correct the solution with all weights so that some are zero; None if that is not defined.

    With R the lacking entries it is ``x - S[:, R] inv(S[R, R]) x[R]``, S the inverse of the matrix.
    """
    inverse = lower_inverse(square)
    if inverse is None:
        return None
    inverse = np.tril(inverse)
    inverse += np.tril(inverse, -1).T
    solution = inverse @ right
    solution -= inverse @ solve_kept(inverse, solution, ~mask, n_jobs)
    solution[~mask] = 0
    return solution


def solve_kept(
    square: np.ndarray, right: np.ndarray, mask: np.ndarray, n_jobs: int | None
) -> np.ndarray:
    """Solve the system of each column on its kept entries by Cholesky factors of its own."""
    by_output = np.ascontiguousarray(mask.T)
    n_kept = np.count_nonzero(by_output, axis=1)
    indptr = np.concatenate(([0], np.cumsum(n_kept)))
    indices = np.nonzero(by_output)[1].astype(np.int32)
    solution = np.where(by_output, right.T, 0.0)
    rescue = RESCUE * np.trace(square) / max(len(square), 1)

    def solve(start: int, stop: int) -> None:
        check_cancelled()
        width = padded(n_kept[start:stop].max(initial=1), np.float64)
        scratch = aligned_empty((width, padded_width(width, np.float64)), np.float64)
        vector = aligned_empty(width, np.float64)
        solve_supports(
            square, indices, indptr, (rescue, RESCUES), scratch, vector, solution, start, stop
        )

    run_blocks(solve, _blocks_of_work(n_kept), n_jobs)
    return solution.T


def _blocks_of_work(n_kept: np.ndarray) -> list[tuple[int, int]]:
    """Return runs of outputs that take about as long as one another."""
    done = np.cumsum(n_kept.astype(np.float64) ** 3 / 6 + 10.0 * n_kept.astype(np.float64) ** 2)
    pieces = np.floor(done / CALL_WORK)
    edges = np.flatnonzero(np.diff(pieces)) + 1
    edges = [0, *edges.tolist(), len(n_kept)]
    return [(a, b) for a, b in zip(edges[:-1], edges[1:]) if b > a]


@kernel
def solve_supports(gram, indices, indptr, rescue, square, rhs, out, start, stop):
    """Overwrite the kept entries of rows start..stop of `out`, right sides, by solutions.

    A system that is not definite gets more on its diagonal, a few times; then zeros. `square` and
    `rhs` are scratch.
    """
    lanes = 64 // square.itemsize
    for j in range(start, stop):
        first = indptr[j]
        k = indptr[j + 1] - first
        width = -(-k // lanes) * lanes
        extra, definite = 0.0, k == 0
        for _ in range(rescue[1]):
            if definite:
                break
            for a in range(k):
                row = indices[first + a]
                for b in range(a, k):
                    square[a, b] = gram[row, indices[first + b]]
                square[a, a] += extra
            for a in range(width):
                for b in range(max(a, k), width):
                    square[a, b] = 0
            definite = cholesky_upper(square, k, width)
            extra = max(rescue[0], 100.0 * extra)
        for a in range(width):
            rhs[a] = out[j, indices[first + a]] if a < k and definite else 0.0
        if k > 0 and definite:
            solve_upper_transposed(square, k, rhs)
            solve_upper(square, k, rhs)
        for a in range(k):
            out[j, indices[first + a]] = rhs[a]


def descend_masked(
    square: np.ndarray, right: np.ndarray, mask: np.ndarray, n_jobs: int | None = None
) -> np.ndarray:
    """Solve the system of each column on its kept entries by conjugate gradients, in float32."""
    single = square.astype(np.float32)
    inverse = (1 / np.diagonal(square)).astype(np.float32)[:, None]
    solution = np.zeros(mask.shape, dtype=np.float32)
    width = max(1, BLOCK_NUMBERS // len(single))

    def descend(start: int, stop: int) -> None:
        columns = slice(start, stop)
        solution[:, columns] = conjugate_gradients(
            single.__matmul__, inverse, right[:, columns].astype(np.float32), mask[:, columns]
        )

    n_outputs = mask.shape[1]
    blocks = [(at, min(at + width, n_outputs)) for at in range(0, n_outputs, width)]
    with single_blas_thread():
        run_blocks(descend, blocks, n_jobs)
    return solution


def descend_on_rows(
    A, targets: np.ndarray, shares: np.ndarray, mean: np.ndarray, weights, mask, damping: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the kept weights and biases nearest to the targets, without the inputs' products.

    For more inputs than would have room for those; `A` is dense or CSR, never centred in memory.
    """
    squares = A.multiply(A) if sparse.issparse(A) else A * A
    diagonal = np.maximum(squares.T @ shares - mean * mean, 0)
    ridge = np.float32(damping * diagonal.mean())
    inverse = (1 / np.maximum(diagonal + ridge, np.finfo(np.float32).tiny)).astype(np.float32)
    mean, column = mean.astype(np.float32), shares.astype(np.float32)[:, None]

    def multiply(P: np.ndarray) -> np.ndarray:
        return A.T @ (column * (A @ P - mean @ P)) + ridge * P

    found = np.where(mask, weights, np.float32(0))
    width = max(LEAST_COLUMNS, BLOCK_NUMBERS // A.shape[1])
    with single_blas_thread():
        for at in range(0, mask.shape[1], width):
            columns = slice(at, at + width)
            missed = targets[:, columns] - A @ found[:, columns]
            missed -= column.T @ missed
            found[:, columns] += conjugate_gradients(
                multiply, inverse[:, None], A.T @ (column * missed), mask[:, columns]
            )
        bias = shares @ (targets - A @ found)
    return found, bias.astype(np.float32)


def conjugate_gradients(multiply, inverse, right, mask) -> np.ndarray:
    """Return each column's solution on its kept entries; `inverse` is the diagonal's."""
    residual = np.where(mask, right, np.float32(0))
    solution, direction = np.zeros_like(residual), inverse * residual
    rho = _column_dots(residual, direction)
    enough = RESIDUAL**2 * rho
    for _ in range(MOST_STEPS):
        check_cancelled()
        active = rho > enough
        if not active.any():
            break
        image = np.where(mask, multiply(direction), np.float32(0))
        curvature = _column_dots(direction, image)
        step = np.where(active & (curvature > 0), rho / np.where(curvature > 0, curvature, 1), 0)
        solution += step.astype(np.float32) * direction
        residual -= step.astype(np.float32) * image
        image = inverse * residual
        after = _column_dots(residual, image)
        direction *= np.where(active, after / np.where(active, rho, 1), 0).astype(np.float32)
        direction += image
        rho = after
    return solution


def _column_dots(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->j", a, b, dtype=np.float64)
