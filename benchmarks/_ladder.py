"""The cheapest run that is good enough: tighten ``tol`` until the independent gap allows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from benchmarks._measure import best_and_median, cpu_seconds

TARGETS = (1e-4, 1e-6, 1e-8)
LAST_TOL = 1e-15
# A run longer than this is followed by a step of ten, a shorter one by a step of root ten.
LONG_RUN = 0.5
# Timings of one run are repeated until this many seconds are spent on it.
REPEAT_SECONDS = 3.0


@dataclass
class Ladder:
    """Tolerances tried on one problem by one solver, under one rule for all solvers.

    Parameters
    ----------
    fit : callable
        ``fit(tol)`` returns what `gap` judges.
    gap : callable
        ``gap(fitted)`` returns the relative gap.
    targets : tuple of float
        Relative gaps to reach, falling.
    first_tol : float
    budget : float
        CPU seconds after which no tighter tolerance is tried.
    repeat : int
        Timings of the run that reached a target.
    """

    fit: Callable
    gap: Callable
    targets: tuple[float, ...] = TARGETS
    first_tol: float = 1e-2
    budget: float = 60.0
    repeat: int = 3
    runs: list[dict] = field(default_factory=list)

    def climb(self) -> Iterator[dict]:
        """Yield one record per run: tolerance, gap, seconds."""
        tol, spent, last_gap = self.first_tol, 0.0, None
        while tol > LAST_TOL:
            run = self._run(tol)
            yield run
            spent += run["seconds"]
            if run["gap"] <= self.targets[-1] or spent + 2.0 * run["seconds"] > self.budget:
                break
            # The same gap again: this tolerance changed nothing.
            coarse = run["seconds"] > LONG_RUN or run["gap"] == last_gap
            tol /= 10.0 if coarse else 10.0**0.5
            last_gap = run["gap"]
        yield from self._repeats()

    def times(self) -> dict[str, dict]:
        """Return best and median seconds, tolerance and gap per target reached."""
        return cheapest_times(self.runs, self.targets)

    def _run(self, tol):
        seconds, fitted = cpu_seconds(lambda: self.fit(tol))
        run = {"tol": tol, "gap": self.gap(fitted), "seconds": seconds}
        self.runs.append(run)
        return run

    def _repeats(self):
        for target in self.targets:
            tol = next((run["tol"] for run in self.runs if run["gap"] <= target), None)
            if tol is None:
                return
            seconds = [run["seconds"] for run in self.runs if run["tol"] == tol]
            while len(seconds) < self.repeat and sum(seconds) < REPEAT_SECONDS:
                run = self._run(tol)
                yield run
                seconds.append(run["seconds"])


def cheapest_times(runs: list[dict], targets: tuple[float, ...] = TARGETS) -> dict[str, dict]:
    """Return, per target gap that some run reached, the timings of the cheapest such run.

    Parameters
    ----------
    runs : list of dict
        Records with ``tol``, ``gap`` and ``seconds``.
    targets : tuple of float
        Relative gaps.

    Returns
    -------
    times : dict
        From the target's text to ``best`` and ``median`` seconds, ``tol`` and ``gap``.
    """
    times = {}
    for target in targets:
        good = [run for run in runs if run["gap"] <= target]
        if not good:
            continue
        cheapest = min(good, key=lambda run: run["seconds"])
        same = [run["seconds"] for run in runs if run["tol"] == cheapest["tol"]]
        best, median = best_and_median(same)
        kept = {"tol": cheapest["tol"], "gap": cheapest["gap"]}
        times[f"{target:.0e}"] = {"best": best, "median": median, **kept}
    return times
