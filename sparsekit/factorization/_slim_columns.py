"""Kernels of the sparse linear method: an elastic net for every column, by a growing working set.

Column j has the problem ``1/2 w'Gw - g_j'w + l1 |w|_1 + l2/2 |w|^2`` with ``w_j = 0``, G = X'X.
Columns that would move join its working set, and coordinate descent runs on the set; then the
others learn what moved.
"""

import numpy as np

from sparsekit._compile import helper, kernel
from sparsekit.factorization._slim_space import (
    BEGUN,
    COLUMN,
    N_BINS,
    N_CANDIDATES,
    N_MEMBERS,
    N_WRITTEN,
    ROUND,
)

# Elementary steps of one kernel call, some 20 ms.
CALL_WORK = 2e7


@kernel
def solve_columns(
    products, problem, space, stop, indices, values, counts, gaps, n_rounds, strongest, first
):
    """Solve the columns up to `stop`, going on where the last call ended.

    Writes the entries of each solution behind those of the one before, and by the column's place
    after `first` their number, the duality gap, the rounds, and the largest pull at zero weights.
    Returns 1 if there is no room for another column's entries, otherwise 0: finished if
    ``progress[COLUMN] == stop``.
    """
    progress, diagonal, work = space.progress, products.diagonal, 0.0
    while progress[COLUMN] < stop and work < CALL_WORK:
        j = progress[COLUMN]
        place = j - first
        if progress[BEGUN] == 0:
            if indices.shape[0] - progress[N_WRITTEN] < diagonal.shape[0]:
                return 1
            n_found = products.start(j, problem.screened, space)
            work += begin(diagonal, problem, space, j, n_found, strongest, place)
        gap, scale, ridge, n_active, largest = measure(diagonal, problem, space, j)
        work += 4.0 * progress[N_CANDIDATES]
        done = gap <= problem.tol * 0.5 * diagonal[j]
        if not done and progress[ROUND] < problem.max_iter:
            leave_out(diagonal, problem, space, gap, scale, ridge)
            most_new = max(products.fewest_new, products.growth * n_active)
            first_new = grow(diagonal, problem, space, products.fewest_new, most_new, largest)
            work += products.descend(j, first_new, problem, space)
            progress[ROUND] += 1
            continue
        gaps[place], n_rounds[place] = gap, progress[ROUND]
        counts[place] = finish(space, indices, values)
        products.clean(j, space)
        progress[COLUMN] += 1
    return 0


@kernel
def begin(diagonal, problem, space, j, n_found, strongest, place):
    """Start column j at zero weights; write the largest pull on them, and return the work."""
    progress, pull = space.progress, space.pull
    n_candidates, largest = 0, 0.0
    for c in range(n_found):
        i = space.candidates[c]
        if i == j or diagonal[i] == 0:
            continue
        largest = max(largest, pull[i] if problem.positive else abs(pull[i]))
        if pull[i] > problem.l1 or not problem.screened:
            space.candidates[n_candidates] = i
            n_candidates += 1
        else:
            pull[i] = 0
    strongest[place] = largest
    progress[BEGUN], progress[ROUND], progress[N_CANDIDATES] = 1, 0, n_candidates
    progress[N_MEMBERS] = 0
    return 4.0 * n_found


@kernel
def measure(diagonal, problem, space, j):
    """Return the duality gap, its dual point, the weights' number and the largest priority outside.

    Two dual points certify: the residual, with the penalty's square in the dual objective; and the
    scaled residual of the data with the square written below them. The point is told by the
    factors of the residual and of the square.
    """
    l1, l2 = problem.l1, problem.l2
    n_active, largest, steepest = 0, 0.0, 0.0
    fenchel, absolute, product, square = 0.0, 0.0, 0.0, 0.0
    for c in range(space.progress[N_CANDIDATES]):
        i = space.candidates[c]
        g, w = np.float64(space.pull[i]), np.float64(space.weight[i])
        if space.slot[i] < 0:
            largest = max(largest, problem.priority(g, w, diagonal[i]))
        beyond = max((g if problem.positive else abs(g)) - l1, 0.0)
        fenchel += beyond * beyond
        sloped = g - l2 * w
        steepest = max(steepest, sloped if problem.positive else abs(sloped))
        if w != 0:
            n_active += 1
            absolute += abs(w)
            product += w * g
            square += w * w
    penalty, gap, scale, ridge = l1 * absolute, np.inf, 1.0, 0.0
    if l2 > 0:
        gap = penalty + 0.5 * l2 * square - product + fenchel / (2.0 * l2)
    if l1 > 0:
        shrink = l1 / max(steepest, l1)
        # The target's own product with the residual, less what the weights have of it.
        missed = space.pull[j] - product + l2 * square
        other = 0.5 * (1.0 - shrink) ** 2 * missed + penalty - shrink * (product - l2 * square)
        if other < gap:
            gap, scale, ridge = other, shrink, l2
    return gap, scale, ridge, n_active, largest


@kernel
def leave_out(diagonal, problem, space, gap, scale, ridge):
    """Drop candidates that no optimum gives a weight: the dual one lies in a ball around the point.

    Fercoq, Gramfort, Salmon (2015), "Mind the duality gap: safer rules for the Lasso".
    """
    radius, n_left = 2.0 * max(gap, 0.0), 0
    for c in range(space.progress[N_CANDIDATES]):
        i = space.candidates[c]
        pull = space.pull[i] if problem.positive else abs(space.pull[i])
        room = problem.l1 - scale * pull
        is_idle = space.weight[i] == 0 and space.slot[i] < 0
        if is_idle and room > 0 and room * room > (diagonal[i] + ridge) * radius:
            space.pull[i] = 0
        else:
            space.candidates[n_left] = i
            n_left += 1
    space.progress[N_CANDIDATES] = n_left


@kernel
def grow(diagonal, problem, space, fewest_new, most_new, largest):
    """Let the candidates of the highest priorities join the set; return the first that is new."""
    progress, histogram = space.progress, space.histogram
    most, n_candidates = space.members.shape[0], progress[N_CANDIDATES]
    first_new = progress[N_MEMBERS]
    if most - first_new < min(fewest_new, n_candidates - first_new):
        largest, first_new = restart(diagonal, problem, space), 0
    if not largest > 0:
        return first_new
    room = min(most_new, most - progress[N_MEMBERS])
    scale = (N_BINS - 1) / largest
    for c in range(n_candidates):
        i = space.candidates[c]
        if space.slot[i] < 0:
            g, w = np.float64(space.pull[i]), np.float64(space.weight[i])
            found = problem.priority(g, w, diagonal[i])
            if found > 0:
                histogram[min(int(found * scale), N_BINS - 1)] += 1
    lowest, n_new = N_BINS - 1, histogram[N_BINS - 1]
    while lowest > 0 and n_new + histogram[lowest - 1] <= room:
        lowest -= 1
        n_new += histogram[lowest]
    for b in range(N_BINS):
        histogram[b] = 0
    for c in range(n_candidates):
        i = space.candidates[c]
        if space.slot[i] < 0 and room > 0:
            g, w = np.float64(space.pull[i]), np.float64(space.weight[i])
            found = problem.priority(g, w, diagonal[i])
            if found > 0 and int(found * scale) >= lowest:
                join(space, i)
                room -= 1
    return first_new


@helper
def join(space, i):
    """Make column i the last member."""
    size = space.progress[N_MEMBERS]
    space.members[size], space.slot[i] = i, size
    space.progress[N_MEMBERS] = size + 1


@kernel
def restart(diagonal, problem, space):
    """Empty a full set, except for weights if there are not too many; return `largest` anew."""
    for k in range(space.progress[N_MEMBERS]):
        space.slot[space.members[k]] = -1
    space.progress[N_MEMBERS] = 0
    n_active, largest = 0, 0.0
    for c in range(space.progress[N_CANDIDATES]):
        n_active += 1 if space.weight[space.candidates[c]] != 0 else 0
    keeps = 2 * n_active <= space.members.shape[0]
    for c in range(space.progress[N_CANDIDATES]):
        i = space.candidates[c]
        if keeps and space.weight[i] != 0:
            join(space, i)
            continue
        g, w = np.float64(space.pull[i]), np.float64(space.weight[i])
        largest = max(largest, problem.priority(g, w, diagonal[i]))
    return largest


@kernel
def finish(space, indices, values):
    """Write the solution, empty the set, and return the number of entries."""
    progress = space.progress
    n_entries, place = 0, progress[N_WRITTEN]
    for c in range(progress[N_CANDIDATES]):
        i = space.candidates[c]
        if space.weight[i] != 0:
            indices[place + n_entries], values[place + n_entries] = i, space.weight[i]
            space.weight[i] = 0
            n_entries += 1
    for k in range(progress[N_MEMBERS]):
        space.slot[space.members[k]] = -1
    progress[N_WRITTEN] += n_entries
    progress[BEGUN] = 0
    return n_entries
