"""What the kernels of the sparse linear method read, and where one thread works."""

from typing import NamedTuple

import numpy as np

from sparsekit._compile import protocol, record

# Classes of priority that the choice of new members tells apart.
N_BINS = 128
# Places in `progress`: the column at work, whether it has begun, its rounds, candidates, members,
# the width of a row of the square, and entries written.
COLUMN, BEGUN, ROUND, N_CANDIDATES, N_MEMBERS, WIDTH, N_WRITTEN = range(7)


@record
class Problem(NamedTuple):
    """The elastic net that all columns share.

    Attributes
    ----------
    l1, l2 : float
        Strengths.
    positive : bool
        Whether weights must not be negative.
    screened : bool
        Whether, beside, no entry of X is negative. Then no column whose product with the target
        is at most `l1` has a weight.
    tol : float
        Duality gap at which to stop, relative to the objective at zero weights.
    max_iter : int
        Most rounds.
    """

    l1: float
    l2: float
    positive: bool
    screened: bool
    tol: float
    max_iter: int

    def minimiser(self, pull, curvature):
        """Return the w that minimises ``curvature/2 w^2 - pull w`` and the penalty."""
        if pull > self.l1:
            return (pull - self.l1) / (curvature + self.l2)
        if pull < -self.l1 and not self.positive:
            return (pull + self.l1) / (curvature + self.l2)
        return 0.0

    def priority(self, pull, weight, curvature):
        """Return the root of twice what a step of this coefficient alone would gain."""
        if weight != 0:
            beyond = abs(abs(pull - self.l2 * weight) - self.l1)
        else:
            beyond = (pull if self.positive else abs(pull)) - self.l1
        return beyond / np.sqrt(curvature + self.l2) if beyond > 0 else 0.0


@protocol
def minimiser(self, pull, curvature):
    """Weight that is best by itself."""


@protocol
def priority(self, pull, weight, curvature):
    """How much a coefficient would gain."""


@record
class Space(NamedTuple):
    """Where one thread works.

    Attributes
    ----------
    pull : ndarray of shape (n_columns,)
        Negative gradient of the quadratic part. Between two columns, zeros.
    weight : ndarray of shape (n_columns,)
        Weights. Between two columns, zeros.
    slot : ndarray of shape (n_columns,)
        Place among the members, -1 for others.
    candidates : ndarray of shape (n_columns,)
        Columns that may have a weight.
    members : ndarray
        The working set.
    histogram : ndarray of shape (N_BINS,)
        Number of candidates by priority. Zeros outside of its use.
    residual : ndarray of shape (n_rows,) or (0,)
        Target less prediction, where entries of X are read. Between two columns, zeros.
    part, step, square : ndarray
        Where the Gram matrix is read: the members' weights, their gradient and then their steps,
        and their rows of the Gram matrix, ``progress[WIDTH]`` apart.
    progress : ndarray of shape (7,)
        Where the work stands.
    """

    pull: np.ndarray
    weight: np.ndarray
    slot: np.ndarray
    candidates: np.ndarray
    members: np.ndarray
    histogram: np.ndarray
    residual: np.ndarray
    part: np.ndarray
    step: np.ndarray
    square: np.ndarray
    progress: np.ndarray


def work_space(
    n: int, dtype: np.dtype, *, n_rows: int = 0, n_members: int = 0, n_square: int = 0
) -> Space:
    """Return a new space for `n` columns, with room for what one way of products needs."""
    n_parts = n_members if n_square else 0
    return Space(
        pull=np.zeros(n, dtype=dtype),
        weight=np.zeros(n, dtype=dtype),
        slot=np.full(n, -1, dtype=np.int32),
        candidates=np.empty(n, dtype=np.int32),
        members=np.empty(n_members, dtype=np.int32),
        histogram=np.zeros(N_BINS, dtype=np.int64),
        residual=np.zeros(n_rows, dtype=dtype),
        part=np.empty(n_parts, dtype=dtype),
        step=np.empty(n_parts, dtype=dtype),
        square=np.empty(n_square, dtype=dtype),
        progress=np.zeros(7, dtype=np.int64),
    )
