"""The objective of `_alternation.py`, improved a few features at a time.

After each batch of features the atoms are updated from the codes of all features, those of the
batch being new. The objective never rises, and nothing has to be forgotten.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sparsekit._parallel import check_cancelled
from sparsekit.coding._statistics import CodeStatistics
from sparsekit.decomposition._dictionary._update import sweep
from sparsekit.decomposition._sparse_pca._alternation import (
    UNIT_BALL,
    Coder,
    Factors,
    finish_codes,
    reconstruction_error,
    replace_unused,
    size_of,
)
from sparsekit.decomposition._sparse_pca._loadings import Loadings, Settings
from sparsekit.decomposition._sparse_pca._root import Root

# Share of the objective by which a batch must lower it to count as an improvement.
IMPROVEMENT = 1e-7
MOST_BATCHES = 1000


@dataclass(frozen=True)
class Batches:
    """How the features are cut, and when to stop before `max_iter` passes.

    Parameters
    ----------
    size : int
        Features per batch.
    shuffle : bool
        Whether features are drawn into batches, once, or taken in order.
    patience : int or None
        Batches in a row without an improvement that end the fit, if a whole pass is among them.
    keep_on : callable
        ``keep_on(iteration, objective, factors)`` after each pass; false ends the fit.
    """

    size: int
    shuffle: bool
    patience: int | None
    keep_on: Callable[[int, float, Factors], bool]

    def cut(self, n_features: int, random_state: np.random.RandomState) -> list[np.ndarray]:
        """Return the features of each batch; there are at most MOST_BATCHES."""
        features = np.arange(n_features)
        size = max(self.size, -(-n_features // MOST_BATCHES))
        if self.shuffle:
            random_state.shuffle(features)
        return [features[i : i + size] for i in range(0, n_features, size)]


def alternate_by_batches(
    root: Root,
    factors: Factors,
    settings: Settings,
    coder: Coder,
    batches: Batches,
    total: float,
) -> Loadings:
    """Improve the codes of some features and the atoms in turn, in passes over all features.

    `total` is the sum of squares of the data, of which the root may hold a part.
    """
    run = Passes(root, factors, settings, coder, total)
    cut = batches.cut(root.shape[1], settings.random_state)
    parts = [(chosen, root.take(chosen)) for chosen in cut]
    patience = None if batches.patience is None else max(batches.patience, len(parts))
    errors: list[float] = []
    settled = False
    while len(errors) < settings.max_iter and not settled:
        before = factors.atoms.copy()
        settled = run.make(parts, patience)
        errors.append(run.error)
        settings.report(len(errors), run.error)
        change = np.linalg.norm(factors.atoms - before) / len(before)
        settled = settled or change <= settings.tol
        settled = not batches.keep_on(len(errors), run.error, factors) or settled
    gram = factors.atoms @ factors.atoms.T
    finish_codes(factors, root.correlations(factors.atoms), gram, settings)
    return Loadings(factors.codes.T, np.array(errors), len(errors), settled)


class Passes:
    """The state of a fit: statistics of all codes, the last objective, batches without effect."""

    def __init__(
        self, root: Root, factors: Factors, settings: Settings, coder: Coder, total: float
    ):
        self.root, self.factors, self.settings, self.coder = root, factors, settings, coder
        self.total = total
        self.error, self.n_idle = np.inf, 0

    def make(self, parts: list[tuple[np.ndarray, Root]], patience: int | None) -> bool:
        """Pass over all batches; return whether `patience` ran out on the way."""
        self._begin()
        for chosen, part in parts:
            check_cancelled()
            before, error = self.error, self._step(chosen, part)
            self.error = error
            self.n_idle = 0 if before - error > IMPROVEMENT * abs(before) else self.n_idle + 1
            if patience is not None and self.n_idle >= patience:
                return True
        return False

    def _begin(self) -> None:
        """Compute the statistics anew, so that rounding errors do not add up; update the atoms."""
        factors, root = self.factors, self.root
        gram = factors.atoms @ factors.atoms.T
        correlations = root.correlations(factors.atoms)
        if not factors.codes.any():
            self.coder(factors, correlations, gram, self.settings)
        replace_unused(root, factors, correlations, gram, self.settings)
        codes = factors.codes
        self.statistics = CodeStatistics(codes.T @ codes, root.scores(codes))
        self.size = size_of(codes)
        self.error = min(self.error, self._update())

    def _step(self, chosen: np.ndarray, part: Root) -> float:
        """Code one batch, update the atoms, and return the objective."""
        atoms, codes = self.factors.atoms, self.factors.codes
        old = codes[chosen]
        batch = Factors(atoms, old.copy())
        self.coder(batch, part.correlations(atoms), self.gram, self.settings)
        new = batch.codes
        if np.array_equal(new, old):
            return self.error
        codes[chosen] = new
        self.statistics.gram[:] += new.T @ new - old.T @ old
        self.statistics.cross[:] += part.scores(new - old)
        self.size += size_of(new) - size_of(old)
        return self._update()

    def _update(self) -> float:
        """Update the atoms; return the objective."""
        atoms, statistics = self.factors.atoms, self.statistics
        sweep(atoms, statistics, UNIT_BALL)
        self.gram = atoms @ atoms.T
        fit = reconstruction_error(self.total, atoms, statistics, self.gram)
        return fit + float(self.settings.alpha[0]) * self.size
