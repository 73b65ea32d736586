"""Feature-sign search for one signal after another: the kernels of `ActiveSetLasso`.

The problem of the active set, a linear system while the signs hold, is solved by a Cholesky factor
that grows row by row. Where a sign would change on the way, the step ends at the first zero, and
that atom leaves.
"""

from typing import NamedTuple

import numpy as np

from sparsekit._compile import helper, kernel, record
from sparsekit._simd import aligned_empty
from sparsekit.coding._largest import bits_of, largest


@record
class AtomBank(NamedTuple):
    """What a kernel reads of all atoms: Gram matrix, thresholds, and whether signs are free."""

    gram: np.ndarray
    thresholds: np.ndarray
    positive: bool


@record
class Limits(NamedTuple):
    """What counts as zero: errors of products, violations, distances; a misfit in such errors."""

    rounding: np.floating
    relative: np.floating
    dependent: np.floating
    near: np.floating
    fit: np.floating
    every_bit: np.signedinteger


@record
class WorkSpace(NamedTuple):
    """What a kernel overwrites for each signal; of the active atoms by place in the set."""

    gradient: np.ndarray
    excess: np.ndarray
    excess_bits: np.ndarray
    atoms: np.ndarray
    signs: np.ndarray
    coef: np.ndarray
    before: np.ndarray
    target: np.ndarray
    half: np.ndarray
    factor: np.ndarray
    inverse: np.ndarray
    doubtful: np.ndarray


def work_space(n_signals: int, n_atoms: int, most: int, dtype: np.dtype) -> WorkSpace:
    """Return the space for one block of signals, and for `most` active atoms of each."""
    excess = aligned_empty((1, n_atoms), dtype)
    vectors = [np.empty(most + 1, dtype) for _ in range(5)]
    return WorkSpace(
        aligned_empty((n_atoms,), dtype),
        excess[0],
        bits_of(excess),
        np.empty(most + 1, np.int64),
        *vectors,
        np.empty((most + 1, most + 1), dtype),
        np.empty(most + 1, dtype),
        np.zeros(n_signals, np.bool_),
    )


@kernel
def lasso_rows(correlations, squared_norms, bank, limits, space, start, stop, rows):
    """Write the codes of the signals from `start` on; return where it ended, for want of
    space at the latest."""
    most = space.factor.shape[0] - 1
    end = rows.indptr[start]
    for i in range(start, stop):
        if end + most > rows.data.shape[0]:
            return i
        floor = limits.rounding * np.sqrt(squared_norms[i])
        size = solve_signal(correlations, i, floor, bank, limits, space)
        # NaN compares false.
        if not misfit(correlations, i, floor, bank, space, size) <= limits.fit * floor:
            space.doubtful[i] = True
        sort_by_atom(space, size)
        for k in range(size):
            rows.data[end] = space.coef[k]
            rows.indices[end] = space.atoms[k]
            end += 1
        rows.indptr[i + 1] = end
    return stop


@kernel
def solve_signal(correlations, i, floor, bank, limits, space):
    """Solve the problem of signal `i` into `space`; return the number of active atoms."""
    n_atoms = bank.gram.shape[0]
    most = space.factor.shape[0] - 1
    for j in range(n_atoms):
        space.gradient[j] = correlations[i, j]
    zero = floor - floor
    size = 0
    space.doubtful[i] = False
    for _ in range(8 * n_atoms + 16):
        j = most_violating(bank, limits, floor, space, size)
        if j < 0:
            return size
        begin = zero
        independent = grow_factor(bank, limits, space, size, j)
        if size == most or not independent:
            # The atom lies in the span of the set: it takes the place of another.
            begin = exchange(bank, space, size, j)
            if begin <= 0:
                break
            size -= 1
            if not grow_factor(bank, limits, space, size, j):
                break
        admit(correlations, i, floor, bank, space, size, j, begin)
        size, stalled = settle(bank, space, size + 1, j)
        follow(bank, space, size)
        if stalled:
            break
        if space.factor[size - 1, size - 1] ** 2 < limits.near * bank.gram[j, j]:
            space.doubtful[i] = True
    space.doubtful[i] = True
    return size


@helper
def most_violating(bank, limits, floor, space, size):
    """Return the inactive atom whose gradient exceeds its threshold by most, or -1."""
    n_atoms = bank.gram.shape[0]
    zero = floor - floor
    slack = limits.relative
    gradient, excess, thresholds = space.gradient, space.excess, bank.thresholds
    if bank.positive:
        for j in range(n_atoms):
            threshold = max(thresholds[j], floor)
            beyond = gradient[j] - threshold - (slack * threshold + floor)
            excess[j] = beyond if beyond > zero else zero
    else:
        for j in range(n_atoms):
            threshold = max(thresholds[j], floor)
            beyond = abs(gradient[j]) - threshold - (slack * threshold + floor)
            excess[j] = beyond if beyond > zero else zero
    for k in range(size):
        excess[space.atoms[k]] = zero
    j = largest(space.excess_bits, 0, limits.every_bit)
    return j if excess[j] > zero else -1


@helper
def grow_factor(bank, limits, space, size, j):
    """Write row `size` of the Cholesky factor for atom `j`; say if it is independent."""
    factor, inverse, gram = space.factor, space.inverse, bank.gram
    distance = gram[j, j]
    for r in range(size):
        value = gram[j, space.atoms[r]]
        for c in range(r):
            value -= factor[size, c] * factor[r, c]
        value *= inverse[r]
        factor[size, r] = value
        distance -= value * value
    if distance <= limits.dependent * gram[j, j]:
        return False
    root = np.sqrt(distance)
    factor[size, size] = root
    inverse[size] = root / distance
    return True


@helper
def admit(correlations, i, floor, bank, space, size, j, begin):
    """Put atom `j` behind the active ones, with its sign and a first coefficient."""
    gradient = space.gradient[j]
    sign = begin - begin + 1 if gradient > 0 else begin - begin - 1
    space.atoms[size] = j
    space.signs[size] = sign
    space.coef[size] = begin * sign
    space.before[size] = begin * sign
    # Without a threshold, rounding errors of products would be fitted, along any null direction.
    value = correlations[i, j] - sign * max(bank.thresholds[j], floor)
    for c in range(size):
        value -= space.factor[size, c] * space.half[c]
    space.half[size] = value * space.inverse[size]


@helper
def settle(bank, space, size, newest):
    """Move to the optimum of the active set, where atoms that reach zero leave it.

    Returns the size of the set, and whether the newest atom could not move at all.
    """
    stalled = False
    coef, target, signs = space.coef, space.target, space.signs
    while size > 0:
        back_substitute(space, space.half, size)
        step = signs[0] * signs[0]
        leaving = -1
        for k in range(size):
            if target[k] * signs[k] <= 0:
                move = coef[k] - target[k]
                share = coef[k] / move if move != 0 else move
                if share < step or leaving < 0:
                    step, leaving = share, k
        if leaving < 0:
            for k in range(size):
                coef[k] = target[k]
            return size, stalled
        if space.atoms[leaving] == newest and step <= 0:
            stalled = True
        for k in range(size):
            coef[k] += step * (target[k] - coef[k])
        leave(bank, space, size, leaving)
        size -= 1
    return size, stalled


@helper
def back_substitute(space, right, size):
    """Solve the transpose of the factor against `right` into `target`."""
    factor, inverse, target = space.factor, space.inverse, space.target
    for k in range(size):
        target[k] = right[k]
    for k in range(size - 1, -1, -1):
        value = target[k] * inverse[k]
        target[k] = value
        for c in range(k):
            target[c] -= factor[k, c] * value


@helper
def leave(bank, space, size, k):
    """Take the atom at place `k` out of the set, its coefficient and its share of the gradient."""
    gram, factor, half = bank.gram, space.factor, space.half
    gone, before = space.atoms[k], space.before[k]
    for j in range(gram.shape[0]):
        space.gradient[j] += before * gram[gone, j]
    for r in range(k, size - 1):
        space.atoms[r] = space.atoms[r + 1]
        space.signs[r] = space.signs[r + 1]
        space.coef[r] = space.coef[r + 1]
        space.before[r] = space.before[r + 1]
        for c in range(r + 2):
            factor[r, c] = factor[r + 1, c]
    # Rotations of neighbouring columns make what is left of the factor triangular again.
    for c in range(k, size - 1):
        a, b = factor[c, c], factor[c, c + 1]
        square = a * a + b * b
        space.inverse[c] = np.sqrt(square) / square
        cosine, sine = a * space.inverse[c], b * space.inverse[c]
        for r in range(c, size - 1):
            a, b = factor[r, c], factor[r, c + 1]
            factor[r, c] = cosine * a + sine * b
            factor[r, c + 1] = cosine * b - sine * a
        a, b = half[c], half[c + 1]
        half[c] = cosine * a + sine * b
        half[c + 1] = cosine * b - sine * a


@helper
def exchange(bank, space, size, j):
    """Follow the direction in which atom `j` replaces the set, until one atom of it leaves.

    Row `size` of the factor is that of atom `j`. Returns the size of its coefficient there, zero if
    no atom would leave.
    """
    coef, target = space.coef, space.target
    back_substitute(space, space.factor[size], size)
    sign = 1 if space.gradient[j] > 0 else -1
    zero = coef[0] - coef[0]
    best, leaving = zero, -1
    for k in range(size):
        rate = -sign * target[k] * space.signs[k]
        if rate < 0:
            step = abs(coef[k]) / -rate
            if leaving < 0 or step < best:
                best, leaving = step, k
    if leaving < 0:
        return zero
    for k in range(size):
        change = -sign * best * target[k]
        coef[k] += change
        space.before[k] += change
    leave(bank, space, size, leaving)
    return best


@helper
def follow(bank, space, size):
    """Bring the gradient up to the coefficients, by four rows of the Gram matrix a pass."""
    gram, gradient, atoms = bank.gram, space.gradient, space.atoms
    coef, before = space.coef, space.before
    n_atoms = gram.shape[0]
    k = 0
    while k + 4 <= size:
        a, b, c, d = atoms[k], atoms[k + 1], atoms[k + 2], atoms[k + 3]
        u, v = coef[k] - before[k], coef[k + 1] - before[k + 1]
        w, x = coef[k + 2] - before[k + 2], coef[k + 3] - before[k + 3]
        for j in range(n_atoms):
            gradient[j] -= (u * gram[a, j] + v * gram[b, j]) + (w * gram[c, j] + x * gram[d, j])
        k += 4
    while k < size:
        a, u = atoms[k], coef[k] - before[k]
        for j in range(n_atoms):
            gradient[j] -= u * gram[a, j]
        k += 1
    for k in range(size):
        before[k] = coef[k]


@helper
def misfit(correlations, i, floor, bank, space, size):
    """Return by how much an active atom misses its threshold, from the products themselves."""
    gram, atoms, coef = bank.gram, space.atoms, space.coef
    worst = floor - floor
    for k in range(size):
        j = atoms[k]
        gradient = correlations[i, j] - space.signs[k] * max(bank.thresholds[j], floor)
        for c in range(size):
            gradient -= gram[j, atoms[c]] * coef[c]
        gradient = abs(gradient)
        # The comparison is the other way round for NaN.
        if not gradient <= worst:
            worst = gradient
    return worst


@helper
def sort_by_atom(space, size):
    """Bring the active atoms and their coefficients into rising order."""
    atoms, coef = space.atoms, space.coef
    for k in range(1, size):
        atom, value = atoms[k], coef[k]
        place = k
        while place > 0 and atoms[place - 1] > atom:
            atoms[place], coef[place] = atoms[place - 1], coef[place - 1]
            place -= 1
        atoms[place], coef[place] = atom, value
