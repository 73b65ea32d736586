"""Coordinate descent of many codes that share one Gram matrix, side by side in vector lanes."""

import numpy as np

from sparsekit._compile import helper, kernel, where
from sparsekit._parallel import check_cancelled, run_blocks
from sparsekit.matrix._products import cut_rows

# Codes descended side by side, one per vector lane, and atoms whose moves reach the gradient of
# the others in one pass over it.
LANES = 64
FUSED = 4
# Sweeps between two sortings-out of finished rows.
ROUND = 8
# Multiplications of one kernel call, some 30 ms, and most rows of a block.
CALL_WORK = 3e8
BLOCK_ROWS = 1024


def descend_rows(codes, correlations, gram, penalty, *, n_sweeps, tol=0.0, n_jobs=None):
    """Minimise ``1/2 c G c' - c p' + sum(penalty.value(c))`` over each row c of `codes`, in place.

    Coordinate descent in the order of the atoms, started from `codes`. A row stops after
    `n_sweeps`, or after a sweep in which no coefficient's step, times its curvature, exceeds `tol`
    times the row's largest correlation. No row's result depends on another row, nor on `n_jobs`.

    Parameters
    ----------
    codes : ndarray of shape (n, n_atoms)
        Contiguous by row; overwritten.
    correlations : ndarray of shape (n, n_atoms)
        The rows p.
    gram : ndarray of shape (n_atoms, n_atoms)
        The matrix G. Coefficients of an atom with a diagonal of zero stay as they are.
    penalty : record
        Penalty of one coefficient.
    n_sweeps : int
        Most sweeps; at least 1.
    tol : float, default=0.0
        Tolerance, relative to the correlations.
    n_jobs : int, default=None
        Threads.

    Returns
    -------
    violation : ndarray of shape (n,)
        What each row's last sweep still moved, in the terms of `tol`.
    """
    n_rows, n_atoms = codes.shape
    n_padded = -(-n_atoms // FUSED) * FUSED
    padded = np.zeros((n_padded, n_padded), dtype=codes.dtype)
    padded[:n_atoms, :n_atoms] = gram
    violation = np.zeros(n_rows, dtype=codes.dtype)

    def descend(start, stop):
        scratch = [np.empty((size, LANES), dtype=codes.dtype) for size in (n_padded, n_padded, 8)]
        rows, left = np.arange(start, stop), n_sweeps
        while left > 0 and len(rows):
            check_cancelled()
            round_sweeps = min(left, ROUND)
            descend_tiles(
                codes, correlations, padded, penalty, rows, round_sweeps, tol, *scratch, violation
            )
            left -= round_sweeps
            rows = rows[violation[rows] > tol]

    run_blocks(descend, cut_rows(n_rows, block_size(n_padded)), n_jobs)
    return violation


def block_size(n_atoms):
    """Return the rows of one kernel call; they depend on the number of atoms alone."""
    size = int(CALL_WORK / (ROUND * n_atoms * n_atoms)) // LANES * LANES
    return min(max(size, LANES), BLOCK_ROWS)


@kernel
def descend_tiles(
    codes, correlations, gram, penalty, rows, n_sweeps, tol, tile, gradient, state, violation
):
    """Descend the given rows of `codes`, a tile of them at a time; overwrites the last four.

    The rows of `state` are: the moves of FUSED atoms, and by lane whether it still moves (1 or 0),
    its largest correlation and its largest move.
    """
    for first in range(0, rows.shape[0], LANES):
        n_used = min(LANES, rows.shape[0] - first)
        load_tile(codes, correlations, gram, rows, first, n_used, tile, gradient, state)
        for _ in range(n_sweeps):
            for m in range(LANES):
                state[FUSED + 2, m] = 0
            for k in range(0, gram.shape[0], FUSED):
                for b in range(FUSED):
                    move_atom(k, b, gram, penalty, tile, gradient, state)
                add_moves(k, gram, state, 0, gradient, 0, k)
                add_moves(k, gram, state, 0, gradient, k + FUSED, gram.shape[0])
            n_live = 0
            for m in range(LANES):
                moves = state[FUSED + 2, m] > tol * state[FUSED + 1, m]
                state[FUSED, m] = where(moves, state[FUSED, m], 0)
                n_live += where(moves, 1, 0)
            if n_live == 0:
                break
        for m in range(n_used):
            i = rows[first + m]
            scale, worst = state[FUSED + 1, m], state[FUSED + 2, m]
            violation[i] = worst / scale if scale > 0 else where(worst > 0, np.inf, 0.0)
        for m0 in range(0, n_used, 8):
            for k in range(codes.shape[1]):
                for m in range(m0, min(m0 + 8, n_used)):
                    codes[rows[first + m], k] = tile[k, m]


@helper
def load_tile(codes, correlations, gram, rows, first, n_used, tile, gradient, state):
    """Write `n_used` rows of `codes` as columns of `tile`, with their gradients and state."""
    n_atoms = codes.shape[1]
    for m in range(LANES):
        state[FUSED, m] = 1 if m < n_used else 0
        state[FUSED + 1, m] = 0
        for k in range(n_atoms, gram.shape[0]):
            tile[k, m] = 0
            gradient[k, m] = 0
    # Eight rows at a time fill whole cache lines of the tile; lanes without a row repeat the last.
    for m0 in range(0, LANES, 8):
        for k in range(n_atoms):
            for m in range(m0, m0 + 8):
                i = rows[first + min(m, n_used - 1)]
                tile[k, m] = codes[i, k]
                gradient[k, m] = -correlations[i, k]
    for k in range(n_atoms):
        for m in range(LANES):
            size = abs(gradient[k, m])
            scale = state[FUSED + 1, m]
            state[FUSED + 1, m] = where(size > scale, size, scale)
    for k in range(0, gram.shape[0], FUSED):
        add_moves(k, gram, tile, k, gradient, 0, gram.shape[0])


@helper
def move_atom(k, b, gram, penalty, tile, gradient, state):
    """Minimise over atom ``k + b`` of every code; corrects the gradients of its block of atoms."""
    j = k + b
    c = gram[j, j]
    if not c > 0:
        for m in range(LANES):
            state[b, m] = 0
        return
    step = (c / c) / c
    for m in range(LANES):
        old = tile[j, m]
        new = penalty.prox(old - gradient[j, m] * step, step)
        state[b, m] = (new - old) * state[FUSED, m]
    for m in range(LANES):
        move = state[b, m]
        tile[j, m] += move
        moved = abs(c * move)
        worst = state[FUSED + 2, m]
        state[FUSED + 2, m] = where(moved > worst, moved, worst)
    for i in range(k, k + FUSED):
        g = gram[j, i]
        for m in range(LANES):
            gradient[i, m] += g * state[b, m]


@helper
def add_moves(k, gram, moves, row, gradient, start, stop):
    """Add what FUSED atoms from `k` on, moved by rows of `moves`, change in the gradients."""
    for j in range(start, stop, 2):
        a, b, c, d = gram[k, j], gram[k + 1, j], gram[k + 2, j], gram[k + 3, j]
        e, f, g, h = gram[k, j + 1], gram[k + 1, j + 1], gram[k + 2, j + 1], gram[k + 3, j + 1]
        for m in range(LANES):
            p, q, r, s = moves[row, m], moves[row + 1, m], moves[row + 2, m], moves[row + 3, m]
            gradient[j, m] += (a * p + b * q) + (c * r + d * s)
            gradient[j + 1, m] += (e * p + f * q) + (g * r + h * s)
