"""Codes of rows, the columns as they are: one convex problem for each row, by Newton's method."""

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from sparsekit._compile import helper, kernel, record, reduction
from sparsekit._parallel import run_blocks
from sparsekit._simd import aligned_empty, entries_add, padded, product_entries
from sparsekit.factorization._ranking_draws import drawn_below, hashed, nth_unseen

# Pairs of a row at least, unless there are not as many.
ROW_PAIRS = 512
# Products of rows with columns in one call of the kernel: some 30 ms.
CALL_PRODUCTS = 2**19
# Of a row: products with the code for each of its columns, about.
PASSES = 25
# What is drawn for an entry depends on its column alone, so that a row has one code.
KEY = np.uint64(0x5EED5EED5EED5EED)
# How far the gradient falls, relative to where it was at a code of zero.
TOLERANCES = {np.dtype(np.float32): 1e-4, np.dtype(np.float64): 1e-8}
MOST_STEPS = 100
MOST_HALVINGS = 20
# Of an objective, relative: less is no change.
ROUNDING = 1e-6


@record
class Limits(NamedTuple):
    """When a row is solved.

    Attributes
    ----------
    alpha : floating
        Strength of the penalty, in the type of the codes.
    tolerance : float
        Of the gradient, relative.
    row_pairs : int
        Pairs of a row at least.
    """

    alpha: np.floating
    tolerance: float
    row_pairs: int


@record
class Workspace(NamedTuple):
    """What the kernel writes: the columns of a row, numbers of each or of each pair, and vectors.

    The seen columns come first, then those that each is compared with, in turn. Two vectors are
    there as rows of an array, too.
    """

    used: np.ndarray
    products: np.ndarray
    slopes: np.ndarray
    curvatures: np.ndarray
    code: np.ndarray
    direction: np.ndarray
    code_row: np.ndarray
    direction_row: np.ndarray
    step: np.ndarray
    gradient: np.ndarray
    residual: np.ndarray
    image: np.ndarray


def solve_codes(
    X: sparse.csr_array,
    columns: np.ndarray,
    biases: np.ndarray,
    loss: Any,
    alpha: float,
    n_jobs: int | None,
) -> np.ndarray:
    """Return the best codes of rows: of the mean loss of their pairs and half alpha |code|^2.

    Parameters
    ----------
    X : csr_array of shape (n_rows, n_columns)
        Canonical; only where it has entries matters.
    columns : ndarray of shape (n_columns, n_components)
        Factors of the columns.
    biases : ndarray of shape (n_columns,)
        Their biases.
    loss : record
        Of a pair, in the type of the factors.
    alpha : float
        Strength of the penalty.
    n_jobs : int or None
        Threads; the result does not depend on them.

    Returns
    -------
    codes : ndarray of shape (n_rows, n_components)
        Zeros for rows that have seen no column, or all.
    """
    dtype = columns.dtype
    n_columns, n_components = columns.shape
    factors = aligned_empty((n_columns, padded(n_components, dtype)), dtype)
    factors[:, :n_components], factors[:, n_components:] = columns, 0
    limits = Limits(dtype.type(alpha), TOLERANCES[dtype], ROW_PAIRS)
    codes = np.empty((X.shape[0], n_components), dtype)
    counts = np.diff(X.indptr)

    def solve(start, stop):
        work = workspace(int(counts[start:stop].max()), n_columns, factors)
        solve_rows(X.indices, X.indptr, factors, biases, loss, limits, work, codes, start, stop)

    run_blocks(solve, cut_pairs(counts), n_jobs)
    return codes


def workspace(most_entries: int, n_columns: int, factors: np.ndarray) -> Workspace:
    """Return room for rows of so many entries."""
    dtype, width = factors.dtype, factors.shape[1]
    n_pairs = most_entries + ROW_PAIRS
    n_used = most_entries + n_pairs
    code, direction, *vectors = aligned_empty((6, width), dtype)
    return Workspace(
        np.empty(n_used, np.int32), np.empty(n_used, dtype), np.empty(n_used, dtype),
        np.empty((n_pairs, 3), dtype), code, direction, code[None], direction[None], *vectors,
    )  # fmt: skip


def cut_pairs(counts: np.ndarray) -> list[tuple[int, int]]:
    """Return blocks of rows of about as many pairs."""
    work = np.cumsum((2 * counts + ROW_PAIRS) * PASSES, dtype=np.float64)
    n_blocks = int(work[-1] / CALL_PRODUCTS) + 1 if len(work) else 1
    cuts = (
        np.searchsorted(work, np.arange(1, n_blocks) * (work[-1] / n_blocks)) if len(work) else []
    )
    edges = np.unique(np.concatenate(([0], cuts, [len(counts)]))).astype(int).tolist()
    return list(zip(edges[:-1], edges[1:], strict=True))


@kernel
def solve_rows(indices, indptr, factors, biases, loss, limits, work, codes, start, stop):
    """Overwrite the codes of rows start..stop."""
    for i in range(start, stop):
        n_seen = indptr[i + 1] - indptr[i]
        n_unseen = factors.shape[0] - n_seen
        for k in range(factors.shape[1]):
            work.code[k] = 0
        if n_seen > 0 and n_unseen > 0:
            n_draws = min(-(-limits.row_pairs // n_seen), n_unseen)
            list_columns(indices, indptr[i], n_seen, n_draws, n_unseen, work.used)
            descend_by_newton(factors, biases, loss, limits, work, n_seen, n_draws)
        for k in range(codes.shape[1]):
            codes[i, k] = work.code[k]


@helper
def list_columns(indices, first, n_seen, n_draws, n_unseen, used):
    """Overwrite `used` by what a row has seen, and what that is compared with.

    Where as many are asked for as there are, each comes once.
    """
    at = n_seen
    for s in range(n_seen):
        used[s] = indices[first + s]
        key = hashed(KEY, used[s])
        for draw in range(n_draws):
            n = draw if n_draws == n_unseen else drawn_below(key, draw, n_unseen)
            used[at] = nth_unseen(indices, first, first + n_seen, n)
            at += 1


@helper
def descend_by_newton(factors, biases, loss, limits, work, n_seen, n_draws):
    """Minimise the objective of one row from the code on; a step that is too long is halved."""
    width = factors.shape[1]
    value, first_square, last_square, length, n_halvings = np.inf, -1.0, np.inf, 0.0, 0
    for _ in range(MOST_STEPS):
        reached = objective(factors, biases, loss, limits, work, n_seen, n_draws)
        if reached > value + ROUNDING * abs(value):
            if n_halvings == MOST_HALVINGS:
                break
            n_halvings += 1
            length *= 0.5
            add(work.code, -length, work.step, width)
            continue
        square = dot(work.gradient, work.gradient, width)
        if first_square < 0:
            first_square = square
        stalls = reached > value - ROUNDING * abs(value) and square > 0.25 * last_square
        value, last_square, length, n_halvings = reached, square, 0.0, 0
        if stalls or square <= limits.tolerance * limits.tolerance * first_square:
            break
        ratio = min(square / first_square, 0.01)
        newton_step(factors, limits, work, n_seen, n_draws, square, ratio * square)
        length = 1.0
        add(work.code, length, work.step, width)
    # Back to where the objective is known, from a step that was not judged or found too long.
    add(work.code, -length, work.step, width)


@helper
def objective(factors, biases, loss, limits, work, n_seen, n_draws):
    """Return the objective at the code; overwrite gradient and curvatures."""
    number = factors.dtype.type
    width = factors.shape[1]
    n_used = n_seen + n_seen * n_draws
    share = number(1.0 / (n_seen * n_draws))
    product_entries(work.used, 0, n_used, work.code_row, 0, factors, work.products)
    total = 0.0
    at = n_seen
    for s in range(n_seen):
        seen = work.products[s] + biases[work.used[s]]
        pulled = number(0)
        for _ in range(n_draws):
            unseen = work.products[at] + biases[work.used[at]]
            value, pull, push = loss.pair_slopes(seen, unseen)
            total += value
            pulled += pull
            work.slopes[at] = share * push
            first, both, second = loss.pair_curvatures(pull, push)
            work.curvatures[at - n_seen, 0] = share * first
            work.curvatures[at - n_seen, 1] = share * both
            work.curvatures[at - n_seen, 2] = share * second
            at += 1
        work.slopes[s] = -share * pulled
    for k in range(width):
        work.gradient[k] = limits.alpha * work.code[k]
    entries_add(factors, work.used, 0, n_used, work.slopes, 0, work.gradient, width)
    return total * share + 0.5 * limits.alpha * dot(work.code, work.code, width)


@helper
def newton_step(factors, limits, work, n_seen, n_draws, square, target):
    """Overwrite the step by a solution of the Newton system, by conjugate gradients.

    `square` is that of the gradient's length, `target` what it is to fall to.
    """
    number = factors.dtype.type
    width = factors.shape[1]
    for k in range(width):
        work.step[k] = 0
        work.residual[k] = -work.gradient[k]
        work.direction[k] = work.residual[k]
    for _ in range(2 * width):
        apply_curvature(factors, limits, work, n_seen, n_draws)
        length = square / dot(work.direction, work.image, width)
        add(work.step, length, work.direction, width)
        add(work.residual, -length, work.image, width)
        fallen = dot(work.residual, work.residual, width)
        if fallen <= target:
            break
        keep = number(fallen / square)
        square = fallen
        for k in range(width):
            work.direction[k] = work.residual[k] + keep * work.direction[k]


@helper
def apply_curvature(factors, limits, work, n_seen, n_draws):
    """Overwrite the image by the second derivative times the direction."""
    width = factors.shape[1]
    n_used = n_seen + n_seen * n_draws
    product_entries(work.used, 0, n_used, work.direction_row, 0, factors, work.products)
    at = n_seen
    for s in range(n_seen):
        seen = work.products[s]
        pulled = factors.dtype.type(0)
        for _ in range(n_draws):
            unseen = work.products[at]
            first = work.curvatures[at - n_seen, 0]
            both = work.curvatures[at - n_seen, 1]
            second = work.curvatures[at - n_seen, 2]
            pulled += first * seen + both * unseen
            work.slopes[at] = both * seen + second * unseen
            at += 1
        work.slopes[s] = pulled
    for k in range(width):
        work.image[k] = limits.alpha * work.direction[k]
    entries_add(factors, work.used, 0, n_used, work.slopes, 0, work.image, width)


@reduction
def dot(a, b, width):
    """Return the product of two vectors."""
    total = a.dtype.type(0)
    for k in range(width):
        total += a[k] * b[k]
    return total


@helper
def add(a, factor, b, width):
    """Add a multiple of the vector b to a."""
    factor = a.dtype.type(factor)
    for k in range(width):
        a[k] += factor * b[k]
