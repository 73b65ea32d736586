"""Coordinate descent of the rows of one factor on the stored entries of X alone.

For each row the other factor's rows at its entries are gathered, one component after another, so
that sums over entries run along contiguous memory.
"""

import numpy as np

from sparsekit._compile import helper, kernel, reduction
from sparsekit._parallel import check_cancelled, run_blocks
from sparsekit.matrix._products import cut_stored

# Sweeps between two sortings-out of finished rows.
ROUND = 8


def descend_entries(step, X, codes, factor, *, n_sweeps, tol, n_jobs):
    """Overwrite each row of `codes` by coordinate descent against `factor` on the entries of X.

    Parameters
    ----------
    step : callable
        ``step(rows, n_sweeps, tol, local, state, loss, violation)``: a kernel below, the rest of
        its arguments given.
    X : csr_array of shape (n, m)
        Only its structure is read here.
    codes : ndarray of shape (n, k)
        Start and result.
    factor : ndarray of shape (m, k)
        The other factor, by row.
    n_sweeps : int
        Most sweeps; at least 1.
    tol : float
        A row stops when a sweep changes it by no more, relative to the data.
    n_jobs : int or None
        Threads; the result does not depend on them.

    Returns
    -------
    loss : ndarray of shape (n,)
        What each row's entries cost in the end.
    """
    n_rows, n_components = codes.shape
    loss, violation = np.zeros(n_rows), np.zeros(n_rows)

    def descend(start, stop):
        longest = int(np.diff(X.indptr[start : stop + 1]).max(initial=1))
        local = np.empty((n_components, longest), dtype=codes.dtype)
        state = np.empty((4, longest), dtype=codes.dtype)
        rows, left = np.arange(start, stop), n_sweeps
        while left > 0 and len(rows):
            check_cancelled()
            round_sweeps = min(left, ROUND)
            step(rows, round_sweeps, tol, local, state, loss, violation)
            left -= round_sweeps
            rows = rows[violation[rows] > tol]

    run_blocks(descend, cut_stored(X.indptr, 4 * n_components * min(n_sweeps, ROUND)), n_jobs)
    return loss


@kernel
def descend_squares(
    data, indices, indptr, codes, factor, l1, ridge,
    rows, n_sweeps, tol, local, state, loss, violation,
):  # fmt: skip
    """Minimise half the squared error of each given row on its entries, plus its penalty.

    Overwrites these rows of `codes`, `loss` and `violation`; `local` and `state` are scratch.
    """
    for i in rows:
        start, n = indptr[i], indptr[i + 1] - indptr[i]
        gather(indices, start, n, factor, local)
        for t in range(n):
            state[0, t] = data[start + t]
        size = np.sqrt(dot(state, 0, state, 0, n))
        for k in range(codes.shape[1]):
            shift(state, 0, local, k, -codes[i, k], n)
        worst = 0.0
        for _ in range(n_sweeps):
            worst = 0.0
            for k in range(codes.shape[1]):
                c = dot(local, k, local, k, n)
                old = codes[i, k]
                new = c * old + dot(local, k, state, 0, n) - l1
                new = new / (c + ridge[k]) if c > 0 and new > 0 else 0 * old
                if new != old:
                    codes[i, k] = new
                    shift(state, 0, local, k, old - new, n)
                    worst = max(worst, np.sqrt(c) * abs(new - old))
            if worst <= tol * size:
                break
        loss[i] = 0.5 * dot(state, 0, state, 0, n)
        violation[i] = relative(worst, size)


@kernel
def descend_divergence(
    data, indices, indptr, codes, factor, totals, everywhere, l1, ridge,
    rows, n_sweeps, tol, local, state, loss, violation,
):  # fmt: skip
    """Minimise the Kullback-Leibler divergence of each given row, plus its penalty.

    `totals` holds the sums of the columns of `factor`, which count if entries that are not stored
    are zeros (`everywhere`). Overwrites these rows of `codes`, `loss` and `violation`; `local` and
    `state` are scratch: of the entries the model, its inverse, their ratio to it, and their floor.
    """
    for i in rows:
        start, n = indptr[i], indptr[i + 1] - indptr[i]
        gather(indices, start, n, factor, local)
        size = load_entries(data, start, n, codes, i, local, state)
        worst = 0.0
        for _ in range(n_sweeps):
            worst = 0.0
            for k in range(codes.shape[1]):
                total = totals[k] if everywhere else row_sum(local, k, n)
                old = codes[i, k]
                slope = total + l1
                new = divergence_step(old, slope, ridge[k], k, data, start, n, local, state)
                if new != old:
                    codes[i, k] = new
                    shift(state, 0, local, k, new - old, n)
                    refresh(data, start, n, state)
                    worst = max(worst, total * abs(new - old))
            if worst <= tol * size:
                break
        loss[i] = divergence(data, start, n, state)
        for k in range(codes.shape[1]):
            total = totals[k] if everywhere else row_sum(local, k, n)
            loss[i] += codes[i, k] * total
        violation[i] = relative(worst, size)


@helper
def divergence_step(old, slope, ridge, k, data, start, n, local, state):
    """Return a better value of coefficient `k`, between the present one and the best.

    The derivative, ``slope + ridge * w - pull``, is concave. So Newton's point and the fixed point
    of the multiplicative update fall short of the best value from below, and a secant does so from
    above.
    """
    zero = 0 * old
    if slope == 0:
        return zero
    pull = dot(state, 2, local, k, n)
    gradient = slope + ridge * old - pull
    if gradient == 0 or (old == 0 and gradient > 0):
        return old
    # The fixed point solves (slope + ridge * w) * w = old * pull.
    fixed = 2 * old * pull / (slope + np.sqrt(slope * slope + 4 * ridge * old * pull))
    newton = old - gradient / (ridge + curvature(state, local, k, n))
    if gradient < 0:
        return max(fixed, newton)
    low = max(newton, zero)
    low_pull = moved_pull(data, start, n, state, local, k, low - old)
    low_gradient = slope + ridge * low - low_pull
    if low_gradient >= 0:
        return low
    secant = old - (old - low) * (gradient / (gradient - low_gradient))
    return min(fixed, secant)


@helper
def gather(indices, start, n, factor, local):
    """Write the rows of `factor` at a row's entries as columns of `local`."""
    for t in range(n):
        j = indices[start + t]
        for k in range(factor.shape[1]):
            local[k, t] = factor[j, k]


@helper
def load_entries(data, start, n, codes, i, local, state):
    """Write the state of the entries of row `i`; return the sum of the entries."""
    smallest = np.finfo(state.dtype).eps
    size = 0.0
    for t in range(n):
        x = data[start + t]
        size += x
        state[0, t] = 0
        # A model of zero where X is positive would cost infinity.
        state[3, t] = max(smallest * x, np.finfo(state.dtype).tiny * 1e3)
    for k in range(codes.shape[1]):
        shift(state, 0, local, k, codes[i, k], n)
    refresh(data, start, n, state)
    return size


@helper
def refresh(data, start, n, state):
    """Set inverses and ratios to what belongs to the model."""
    for t in range(n):
        y = max(state[0, t], state[3, t])
        state[1, t] = (y / y) / y
        state[2, t] = data[start + t] / y


@helper
def divergence(data, start, n, state):
    """Return ``x * log(x / y) - x`` summed over the entries of a row."""
    total = 0.0
    for t in range(n):
        x = data[start + t]
        if x > 0:
            total += x * (np.log(state[2, t]) - 1)
    return total


@helper
def relative(worst, size):
    """Return `worst` as a share of `size`."""
    if worst == 0:
        return 0.0
    return worst / size if size > 0 else np.inf


@helper
def shift(target, a, rows, b, factor, n):
    """Add `factor` times row `b` of `rows` to row `a` of `target`."""
    for t in range(n):
        target[a, t] += factor * rows[b, t]


@reduction
def dot(left, a, right, b, n):
    """Inner product of row `a` of `left` with row `b` of `right`."""
    total = left.dtype.type(0)
    for t in range(n):
        total += left[a, t] * right[b, t]
    return total


@reduction
def row_sum(rows, a, n):
    """Sum of row `a`."""
    total = rows.dtype.type(0)
    for t in range(n):
        total += rows[a, t]
    return total


@reduction
def curvature(state, local, k, n):
    """Sum of ``x * a**2 / y**2``, a being row `k` of `local`."""
    total = state.dtype.type(0)
    for t in range(n):
        a = local[k, t]
        total += (a * state[2, t]) * (a * state[1, t])
    return total


@reduction
def moved_pull(data, start, n, state, local, k, move):
    """Sum of ``x * a / y`` after coefficient `k` has moved."""
    total = state.dtype.type(0)
    for t in range(n):
        a = local[k, t]
        y = max(state[0, t] + move * a, state[3, t])
        total += data[start + t] * a / y
    return total
