"""Two ways to know the products of columns: the whole Gram matrix, or the entries of X.

Both begin, descend and clean up for `solve_columns`. Where columns of X hold few entries, products
with a residual cost less than passes over rows of the Gram matrix.
"""

from typing import NamedTuple

import numpy as np

from sparsekit._compile import helper, kernel, protocol, record, reduction
from sparsekit.factorization._slim_space import (
    N_CANDIDATES,
    N_MEMBERS,
    ROUND,
    WIDTH,
    Space,
    work_space,
)

# Most columns of a working set on the Gram matrix, and width of the rows of its square at first.
MOST_MEMBERS, FIRST_WIDTH = 2048, 80
# Elementary steps of the sweeps of one round, some 20 ms.
SWEEP_WORK = 2e7
# Share of the tolerance that a sweep must bring to be followed by another, on either.
GRAM_SHARE, ENTRY_SHARE = 0.02, 0.1
# Share of the tolerance that moves may bring that the other columns are not told of.
UNTOLD_SHARE = 1e-3


@protocol
def start(self, j, screened, space):
    """Write the pulls at zero weights, and candidates; return how many there are."""


@protocol
def descend(self, j, first_new, problem, space):
    """Sweep over the members, bring all pulls up to date, and return the work.

    Members from `first_new` on were none before.
    """


@protocol
def clean(self, j, space):
    """Leave nothing of column j behind in `pull`, `residual` and the square."""


@helper
def enough_gain(problem, space, curvature, share):
    """Return what a sweep must gain to be followed by another, the less the more rounds."""
    return share * problem.tol * 0.5 * curvature * 0.5 ** space.progress[ROUND]


@record
class GramProducts(NamedTuple):
    """Products from the whole Gram matrix.

    Attributes
    ----------
    matrix : ndarray of shape (n_columns, n_columns)
        The Gram matrix.
    diagonal : ndarray of shape (n_columns,)
        Its diagonal.
    fewest_new, growth : int
        Of the columns that join a set at once: how many at least, and at most how many times the
        number of weights.
    """

    matrix: np.ndarray
    diagonal: np.ndarray
    fewest_new: int = 32
    growth: int = 1

    def start(self, j, screened, space):
        """Copy row j."""
        space.progress[WIDTH] = FIRST_WIDTH
        for i in range(self.matrix.shape[0]):
            space.pull[i] = self.matrix[j, i]
            space.candidates[i] = i
        return self.matrix.shape[0]

    def descend(self, j, first_new, problem, space):
        """Sweep on the square, then pass over a row for each member that moved."""
        work = gather_square(self.matrix, first_new, space)
        enough = enough_gain(problem, space, self.diagonal[j], GRAM_SHARE)
        work += sweep_square(problem, space, enough)
        keep_steps(self, j, problem, space)
        for k in range(space.progress[N_MEMBERS]):
            if space.step[k] != 0:
                subtract_row(space.pull, self.matrix, space.members[k], space.step[k])
                work += 0.1 * self.matrix.shape[0]
        return work

    def clean(self, j, space):
        """Clear the pulls."""
        for i in range(self.matrix.shape[0]):
            space.pull[i] = 0


@reduction
def subtract_row(target, matrix, row, step):
    """Subtract `step` times a row of `matrix` from `target`."""
    for k in range(target.shape[0]):
        target[k] -= step * matrix[row, k]


@kernel
def gather_square(matrix, first_new, space):
    """Write the rows and columns that members from `first_new` on have in the square."""
    progress, square, members = space.progress, space.square, space.members
    size, width = progress[N_MEMBERS], progress[WIDTH]
    if size > width:
        wider = min(2 * size, square.shape[0] // members.shape[0])
        for k in range(first_new - 1, 0, -1):
            for q in range(first_new - 1, -1, -1):
                square[k * wider + q] = square[k * width + q]
        progress[WIDTH] = width = wider
    for k in range(first_new, size):
        for q in range(k + 1):
            product = matrix[members[k], members[q]]
            square[k * width + q] = product
            square[q * width + k] = product
    return 2.0 * (size - first_new) * size


@reduction
def subtract_from(pull, square, base, size, step):
    """Subtract `step` times a row of the square from the members' pulls."""
    for q in range(size):
        pull[q] -= step * square[base + q]


@kernel
def sweep_square(problem, space, enough):
    """Sweep over the members until a sweep gains next to nothing; return the work."""
    pull, part, square = space.step, space.part, space.square
    size, width = space.progress[N_MEMBERS], space.progress[WIDTH]
    for k in range(size):
        pull[k], part[k] = space.pull[space.members[k]], space.weight[space.members[k]]
    work = 0.0
    while work < SWEEP_WORK:
        gain = 0.0
        for k in range(size):
            old, curvature = np.float64(part[k]), np.float64(square[k * width + k])
            new = problem.minimiser(pull[k] + curvature * old, curvature)
            if new == old:
                continue
            part[k] = new
            step = part.dtype.type(new - old)
            subtract_from(pull, square, k * width, size, step)
            gain += (curvature + problem.l2) * step * step
            work += 0.1 * size
        work += 4.0 * size
        if 0.5 * gain <= enough:
            break
    return work


@kernel
def keep_steps(products, j, problem, space):
    """Move the members to where they were swept, except by next to nothing; write the steps."""
    size = space.progress[N_MEMBERS]
    least = UNTOLD_SHARE * problem.tol * products.diagonal[j] / max(size, 1)
    least *= 0.25 ** space.progress[ROUND]
    for k in range(size):
        i = space.members[k]
        step = space.part[k] - space.weight[i]
        leaves = space.part[k] == 0 and step != 0
        if leaves or (products.diagonal[i] + problem.l2) * step * step > least:
            space.weight[i], space.step[k] = space.part[k], step
        else:
            space.step[k] = 0


@record
class EntryProducts(NamedTuple):
    """Products from the entries of X.

    Attributes
    ----------
    data, indices, indptr : ndarray
        X by row.
    column_data, column_rows, column_start : ndarray
        X by column.
    diagonal : ndarray of shape (n_columns,)
        Diagonal of the Gram matrix.
    fewest_new, growth : int
        As above. A member that gets no weight costs little here, a round much.
    """

    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    column_data: np.ndarray
    column_rows: np.ndarray
    column_start: np.ndarray
    diagonal: np.ndarray
    fewest_new: int = 128
    growth: int = 4

    def start(self, j, screened, space):
        """Add up row j of the Gram matrix; where `screened`, its columns are the candidates."""
        n_found = 0
        for t in range(self.column_start[j], self.column_start[j + 1]):
            u, x = self.column_rows[t], self.column_data[t]
            space.residual[u] = x
            for s in range(self.indptr[u], self.indptr[u + 1]):
                i = self.indices[s]
                if space.slot[i] == -1:
                    space.slot[i] = -2
                    space.candidates[n_found] = i
                    n_found += 1
                space.pull[i] += x * self.data[s]
        for c in range(n_found):
            space.slot[space.candidates[c]] = -1
        if screened:
            return n_found
        for i in range(self.diagonal.shape[0]):
            space.candidates[i] = i
        return self.diagonal.shape[0]

    def descend(self, j, first_new, problem, space):
        """Sweep on the residual, then multiply all candidates by it."""
        enough = enough_gain(problem, space, self.diagonal[j], ENTRY_SHARE)
        work = sweep_entries(self, problem, space, enough)
        space.pull[j] = column_dot(self, j, space.residual)
        for c in range(space.progress[N_CANDIDATES]):
            i = space.candidates[c]
            space.pull[i] = column_dot(self, i, space.residual)
            work += 1.5 * (self.column_start[i + 1] - self.column_start[i])
        return work

    def clean(self, j, space):
        """Clear pulls and residual."""
        space.pull[j] = 0
        for c in range(space.progress[N_CANDIDATES]):
            space.pull[space.candidates[c]] = 0
        for t in range(self.column_start[j], self.column_start[j + 1]):
            space.residual[self.column_rows[t]] = 0
        for k in range(space.progress[N_MEMBERS]):
            i = space.members[k]
            for t in range(self.column_start[i], self.column_start[i + 1]):
                space.residual[self.column_rows[t]] = 0


@helper
def column_dot(products, i, vector):
    """Return the product of column i with a vector over rows."""
    total = vector.dtype.type(0)
    for t in range(products.column_start[i], products.column_start[i + 1]):
        total += products.column_data[t] * vector[products.column_rows[t]]
    return total


@kernel
def sweep_entries(products, problem, space, enough):
    """Sweep over the members until a sweep gains next to nothing; return the work."""
    weight, residual = space.weight, space.residual
    work = 0.0
    while work < SWEEP_WORK:
        gain = 0.0
        for k in range(space.progress[N_MEMBERS]):
            i = space.members[k]
            old, curvature = np.float64(weight[i]), np.float64(products.diagonal[i])
            pull = column_dot(products, i, residual)
            new = problem.minimiser(pull + curvature * old, curvature)
            first, last = products.column_start[i], products.column_start[i + 1]
            work += 4.0 + last - first
            if new == old:
                continue
            weight[i] = new
            step = weight.dtype.type(new - old)
            for t in range(first, last):
                residual[products.column_rows[t]] -= step * products.column_data[t]
            gain += (curvature + problem.l2) * step * step
            work += last - first
        if 0.5 * gain <= enough:
            break
    return work


def new_space(products: GramProducts | EntryProducts) -> Space:
    """Return where a thread can work with these products."""
    return SPACES[type(products)](products)


def _gram_space(products: GramProducts) -> Space:
    n = len(products.diagonal)
    most = min(n, MOST_MEMBERS)
    n_square = most * max(2 * most, FIRST_WIDTH)
    return work_space(n, products.matrix.dtype, n_members=most, n_square=n_square)


def _entry_space(products: EntryProducts) -> Space:
    n = len(products.diagonal)
    return work_space(n, products.data.dtype, n_rows=len(products.indptr) - 1, n_members=n)


SPACES = {GramProducts: _gram_space, EntryProducts: _entry_space}
