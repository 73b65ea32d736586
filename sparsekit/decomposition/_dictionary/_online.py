"""Dictionary learning from batches: sums over all signals seen, and one update per batch.

Signal number i of the stream weighs ``i ** forgetting``; the signals of one batch share the sum of
their weights. So the weight of a signal depends on how many came before and after it, not on how
they were cut into batches. Where the same signals come again, weights grow exponentially as soon as
that is faster, so that codes of earlier passes are forgotten.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from sparsekit._parallel import check_cancelled
from sparsekit.coding._residuals import squared_residuals
from sparsekit.coding._statistics import CodeStatistics, add_statistics, no_statistics
from sparsekit.decomposition._dictionary._learner import Learning
from sparsekit.decomposition._dictionary._resample import replace_atoms
from sparsekit.decomposition._dictionary._update import solve_directions, sweep

# An atom is dead that no signal used for so many signals per atom of the dictionary.
IDLE_PER_ATOM = 10
# Logarithm of the largest weight, before all sums are scaled down.
LARGEST = np.log(1e3)


def sweep_once(problem: Learning, dictionary: np.ndarray, statistics: CodeStatistics) -> None:
    """Give each atom its best value by block coordinate descent."""
    sweep(dictionary, statistics.scaled(dictionary.dtype), problem.atom_set)


def solve_all(problem: Learning, dictionary: np.ndarray, statistics: CodeStatistics) -> None:
    """Solve for all atoms at once, scaled to unit length."""
    solve_directions(dictionary, statistics.scaled(np.float64))


UPDATES = {"bcd": sweep_once, "mod": solve_all}


@dataclass(frozen=True)
class Pace:
    """How old signals are forgotten.

    Parameters
    ----------
    forgetting : float
        Exponent of the weights; 0 forgets nothing.
    patience : int
        Signals after which an atom that none of them used is replaced.
    window : float, default=inf
        Signals during which weights grow by the factor e, at least.
    """

    forgetting: float
    patience: int
    window: float = np.inf

    def log_weights(self, numbers: np.ndarray) -> np.ndarray:
        """Return the logarithms of the weights of signals, which are numbered from one."""
        if self.forgetting == 0:
            return np.zeros(len(numbers))
        # From here on an exponential is steeper than the power.
        edge = max(self.forgetting * self.window, 1.0)
        power = self.forgetting * np.log(np.minimum(numbers, edge))
        return power + np.maximum(numbers - edge, 0) / self.window


@dataclass
class Stream:
    """A dictionary on its way through signals.

    Parameters
    ----------
    dictionary : ndarray of shape (n_atoms, n_features)
        The atoms.
    statistics : CodeStatistics
        Weighted sums over all signals so far; of `gram` the lower triangle.
    idle : ndarray of shape (n_atoms,)
        Signals since each atom was used last.
    age : ndarray of shape (n_atoms,)
        Signals since each atom was taken from the data.
    n_seen : int
        Signals so far.
    log_weight : float
        Logarithm of the weight that the last signal has in the sums.
    """

    dictionary: np.ndarray
    statistics: CodeStatistics
    idle: np.ndarray
    age: np.ndarray
    n_seen: int = 0
    log_weight: float = 0.0

    @classmethod
    def begin(cls, dictionary: np.ndarray) -> "Stream":
        """Return a stream of which nothing was seen yet."""
        counts = np.zeros((2, len(dictionary)), dtype=np.int64)
        return cls(dictionary, no_statistics(*dictionary.shape), *counts)

    def step(
        self, X: Any, problem: Learning, update: str, pace: Pace
    ) -> tuple[float, sparse.csr_array]:
        """Code one batch, and update the atoms.

        Parameters
        ----------
        X : ndarray or csr_array of shape (n_signals, n_features)
            The batch.
        problem : Learning
            How to code.
        update : str
            A key of `UPDATES`.
        pace : Pace
            How to forget.

        Returns
        -------
        cost : float
            Objective of the batch, as a sum, before the update.
        codes : csr_array of shape (n_signals, n_atoms)
            The codes.
        """
        check_cancelled()
        codes = problem.encode(X, self.dictionary)
        squares = squared_residuals(X, codes, self.dictionary, n_jobs=problem.n_jobs)
        cost = problem.cost(squares.sum(), codes)
        weight = self._weight(X.shape[0], pace)
        add_statistics(self.statistics, codes, X, weight=weight, n_jobs=problem.n_jobs)
        self._count(codes)
        self._replace_dead(X, squares, problem, pace.patience)
        UPDATES[update](problem, self.dictionary, self.statistics)
        return cost, codes

    def n_dead(self, patience: int) -> int:
        """Return how many atoms none of the last signals used, as many as `patience`."""
        return int(np.count_nonzero(self.idle >= min(patience, max(self.n_seen, 1))))

    def _weight(self, n_signals: int, pace: Pace) -> float:
        """Return the mean weight of the next signals; scale the sums where weights grow large."""
        numbers = np.arange(max(self.n_seen, 1), self.n_seen + n_signals + 1)
        growth = pace.log_weights(numbers)
        growth -= growth[0]
        if self.log_weight + growth[-1] > LARGEST:
            for sums in self.statistics:
                sums *= np.exp(-self.log_weight - growth[-1])
            self.log_weight = -float(growth[-1])
        weight = np.exp(self.log_weight + growth[-n_signals:]).mean()
        self.log_weight += float(growth[-1])
        return float(weight)

    def _count(self, codes: Any) -> None:
        """Count the signals, and how long ago each atom was used."""
        n_signals = codes.shape[0]
        self.n_seen += n_signals
        self.idle += n_signals
        self.age += n_signals
        self.idle[np.bincount(codes.indices, minlength=len(self.idle)) > 0] = 0

    def _replace_dead(self, X: Any, squares: np.ndarray, problem: Learning, patience: int) -> None:
        """Take atoms anew from the data that were not used for long, and forget their codes."""
        dead = np.flatnonzero(np.minimum(self.idle, self.age) >= patience)
        if not len(dead):
            return
        new = replace_atoms(self.dictionary, dead, X, squares, problem.atom_set)
        gram, cross = self.statistics
        gram[new], gram[:, new], cross[new] = 0.0, 0.0, 0.0
        self.age[new] = 0


class PassWatch:
    """Objectives of the batches of a pass over the data, and whether passes still lower them.

    Parameters
    ----------
    n_batches : int
        Batches of a pass.
    n_samples : int
        Signals of a pass.
    tol : float
        A pass that lowers the objective by less than this share is the last; 0 means none is.
    max_no_improvement : int or None
        So many batches in a row that do not lower the mean objective of the last pass are the
        last ones.
    """

    def __init__(self, n_batches: int, n_samples: int, tol: float, max_no_improvement: int | None):
        self.costs = np.zeros(n_batches)
        self.n_samples, self.tol, self.most = n_samples, tol, max_no_improvement
        self.best, self.without_progress = np.inf, 0
        self.objectives: list[float] = []

    def stalls(self, batch: int, cost: float, first_pass: bool) -> bool:
        """Note the cost of one batch; return whether batches have ceased to improve."""
        self.costs[batch] = cost
        if first_pass:
            return False
        # Each batch replaces itself of one pass ago: what remains is the progress on these signals.
        mean = self.costs.sum()
        improved = mean < self.best
        self.best = min(mean, self.best)
        self.without_progress = 0 if improved else self.without_progress + 1
        return self.most is not None and self.without_progress >= max(self.most, 1)

    def end_pass(self) -> bool:
        """Note the mean objective of a whole pass; return whether it has settled."""
        self.objectives.append(float(self.costs.sum()) / self.n_samples)
        if len(self.objectives) < 2 or self.tol == 0:
            return False
        before, now = self.objectives[-2:]
        return before - now <= self.tol * before
