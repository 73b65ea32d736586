"""Stochastic gradient descent on pairs, a block of rows and columns at a time."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from sparsekit._compile import helper, kernel, record
from sparsekit._parallel import check_cancelled, run_blocks
from sparsekit._simd import row_dot
from sparsekit.factorization._ranking_blocks import Schedule
from sparsekit.factorization._ranking_draws import drawn_below, nth_unseen

# Pairs of one kernel call: some 30 ms.
CALL_PAIRS = 2**18


@record
class Factors(NamedTuple):
    """What is learned, padded with zeros, and the sums of squares that the steps shrink by.

    Attributes
    ----------
    rows : ndarray of shape (n_rows, width)
        Factors of the rows, in the order of the schedule.
    columns : ndarray of shape (n_columns, width)
        Factors of the columns.
    biases : ndarray of shape (n_columns,)
        Biases of the columns.
    row_squares, column_squares : ndarray
        One plus the sum of the squared slopes that moved a row, or column.
    """

    rows: np.ndarray
    columns: np.ndarray
    biases: np.ndarray
    row_squares: np.ndarray
    column_squares: np.ndarray


@record
class Steps(NamedTuple):
    """How far to go.

    Attributes
    ----------
    rate : floating
        Of the first step, in the type of the factors, as are all numbers here.
    alpha : floating
        Strength of the penalty on a pair.
    one, half : floating
        One, and a half of it.
    n_draws : int
        Pairs of an entry.
    """

    rate: np.floating
    alpha: np.floating
    one: np.floating
    half: np.floating
    n_draws: int


@dataclass
class Descent:
    """A fit on its way.

    Parameters
    ----------
    schedule : Schedule
        The blocks.
    factors : Factors
        Moved by each epoch.
    loss : record
        Of a pair.
    steps : Steps
        How far to go.
    generator : numpy.random.Generator
        Deals the columns and draws the key of what is not seen.
    n_jobs : int or None
        Threads.
    """

    schedule: Schedule
    factors: Factors
    loss: Any
    steps: Steps
    generator: np.random.Generator
    n_jobs: int | None

    def epoch(self) -> float:
        """Visit each entry; return the mean loss of the pairs, each before it moved anything."""
        schedule = self.schedule
        n = schedule.n_strata
        columns = schedule.deal(self.generator, self.n_jobs)
        key = self.generator.integers(2**63, dtype=np.uint64)
        sums = np.zeros((n, 2))

        def visit(p, q):
            for start, stop in self._calls(p):
                check_cancelled()
                descend(
                    self.loss, schedule.entries, columns, self.factors, self.steps, key,
                    p, q, start, stop, sums[p],
                )  # fmt: skip

        for shift in range(n):
            run_blocks(visit, [(p, (p + shift) % n) for p in range(n)], self.n_jobs)
        total, n_pairs = sums.sum(axis=0)
        return float(total / max(n_pairs, 1))

    def _calls(self, p):
        """Return pieces of a row stratum small enough for one call of the kernel."""
        start, stop = self.schedule.edges[p], self.schedule.edges[p + 1]
        work = self.schedule.X.nnz * self.steps.n_draws / self.schedule.n_strata**2
        cuts = np.linspace(start, stop, 1 + max(1, round(work / CALL_PAIRS))).astype(int)
        return list(zip(cuts[:-1], cuts[1:], strict=True))


@helper
def move(factors, steps, o, j, c, pull, push):
    """Step down the slopes of one pair: row o, the column j it has seen, c that it has not."""
    rows, columns, biases, row_squares, column_squares = factors
    # The steps do not wait for the slopes: these add to the squares after them.
    step = steps.rate / math.sqrt(row_squares[o])
    step_j = steps.rate / math.sqrt(column_squares[j])
    step_c = steps.rate / math.sqrt(column_squares[c])
    row_squares[o] += steps.half * (pull * pull + push * push)
    column_squares[j] += pull * pull
    column_squares[c] += push * push
    # The penalty's step is implicit, so that none is too long.
    keep = steps.one / (steps.one + step * steps.alpha)
    keep_j = steps.one / (steps.one + step_j * steps.alpha)
    keep_c = steps.one / (steps.one + step_c * steps.alpha)
    up, down = step * pull, step * push
    step_j *= pull
    step_c *= push
    for k in range(rows.shape[1]):
        u, v, w = rows[o, k], columns[j, k], columns[c, k]
        rows[o, k] = keep * (u + (up * v - down * w))
        columns[j, k] = keep_j * (v + step_j * u)
        columns[c, k] = keep_c * (w - step_c * u)
    biases[j] = keep_j * (biases[j] + step_j)
    biases[c] = keep_c * (biases[c] - step_c)


@kernel
def descend(loss, entries, strata, factors, steps, key, p, q, start, stop, sums):
    """Visit the entries of rows start..stop in block (p, q); add up losses and pairs in `sums`."""
    places, begins, ends = entries
    rows, columns, biases = factors.rows, factors.columns, factors.biases
    width = rows.shape[1]
    base = strata.begins[q]
    size = strata.begins[q + 1] - base
    total, n_pairs = 0.0, 0
    last = begins[p, q] if start == 0 else max(begins[p, q], ends[q, start - 1])
    for o in range(start, stop):
        first, last = last, ends[q, o]
        n_unseen = size - (last - first)
        if n_unseen == 0:
            continue
        for t in range(first, last):
            j = strata.listed[base + places[t]]
            for draw in range(steps.n_draws):
                n = drawn_below(key, t * steps.n_draws + draw, n_unseen)
                c = strata.listed[base + nth_unseen(places, first, last, n)]
                seen = row_dot(rows, o, columns, j, width) + biases[j]
                unseen = row_dot(rows, o, columns, c, width) + biases[c]
                value, pull, push = loss.pair_slopes(seen, unseen)
                total += value
                move(factors, steps, o, j, c, pull, push)
            n_pairs += steps.n_draws
    sums[0] += total
    sums[1] += n_pairs
