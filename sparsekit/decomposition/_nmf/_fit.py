"""NMF by turns: a few sweeps over W, a few over H, until the objective settles."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from sparsekit._parallel import check_cancelled, run_blocks
from sparsekit.decomposition._nmf._scale import Strengths, column_sums, empty_columns
from sparsekit.decomposition._nmf._steps import Steps, mean_entry
from sparsekit.matrix._products import cut_rows

# To what tolerance, and in how many sweeps at most, codes of a fixed H are solved for.
CODES_TOL = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-7}
CODES_SWEEPS = 1000


# Of the extrapolation: its first weight, how it and its bound grow, and how it shrinks.
FIRST_WEIGHT = 0.5
WEIGHT_GROWTH = 1.05
BOUND_GROWTH = 1.01
WEIGHT_SHRINKAGE = 1.5
# Rows whose carrying on fits in the cache.
BLOCK_ROWS = 2048
# Changes in a row, each small enough, that end a fit.
QUIET_ITERATIONS = 2
# A start whose product exceeds the data by this factor is scaled down to them.
MUCH_TOO_LARGE = 1.5
# Components that explain no more of the data's sum than this, in units of rounding, are zero.
NEGLIGIBLE = 16


@dataclass(frozen=True)
class Factors:
    """What a fit found.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
        W.
    components : ndarray of shape (n_features, n_components)
        The transpose of H.
    objectives : list of float
        The objective after each iteration.
    change : float
        By how much the last iteration changed it, relative to its size.
    converged : bool
        Whether the last iterations changed it by little enough.
    """

    codes: np.ndarray
    components: np.ndarray
    objectives: list[float]
    change: float
    converged: bool


def factorize(
    steps: Steps,
    strengths: Strengths,
    codes: np.ndarray,
    components: np.ndarray,
    *,
    tol: float,
    max_iter: int,
    max_time: float | None,
    listen: Callable[[int, float, np.ndarray], bool],
) -> Factors:
    """Improve W and the transpose of H by turns, each carried on beyond where its turn ends.

    The objective never rises: an iteration that raises it is undone, and the next one goes less
    far. Where only one factor has a penalty, it is that of factors scaled as
    `Strengths.fix_scale` does.

    A component that becomes zero in one factor can come back from what it is in the other, as the
    rest is far from settled in the beginning. It becomes zero in both, for good, where an iteration
    raised the objective, and in the end; until then what it costs does not count.

    Parameters
    ----------
    steps : Steps
        Data and loss.
    strengths : Strengths
        Penalties.
    codes, components : ndarray
        Where to start; not changed.
    tol : float
        Largest relative change of the objective that counts as small.
    max_iter : int
        Most iterations.
    max_time : float or None
        Seconds after which no iteration begins.
    listen : callable
        Called after each iteration with its number, the objective, and the transpose of H; ends
        the fit by returning True.

    Returns
    -------
    factors : Factors
        Their scale is fixed.

    References
    ----------
    Ang, Gillis (2019), "Accelerating nonnegative matrix factorization algorithms using
    extrapolation".
    """
    n_components = codes.shape[1]
    codes, components = padded(codes, steps.lanes), padded(components, steps.lanes)
    total = mean_entry(steps) * steps.shape[0] * steps.shape[1]
    shrink_to(total, codes, components)
    if strengths.on_codes != strengths.on_components:
        strengths.fix_scale(codes, components, bury=False)
    ahead = components
    weight, bound = FIRST_WEIGHT, 1.0
    objectives: list[float] = []
    rounding = rounding_error(steps)
    change, n_quiet, begin = np.inf, 0, time.monotonic()
    while len(objectives) < max_iter and n_quiet < QUIET_ITERATIONS:
        check_cancelled()
        objective, *found = iterate(steps, strengths, codes, ahead, weight)
        change = relative_change(objectives, objective)
        n_quiet = n_quiet + 1 if change <= tol or objective <= rounding else 0
        if not objectives or objective <= objectives[-1]:
            ahead = beyond(found[1], components, weight, steps.n_jobs)
            ahead = strengths.with_scale_of_components(ahead)
            codes, components = found
            weight, bound = min(bound, WEIGHT_GROWTH * weight), min(1.0, BOUND_GROWTH * bound)
        else:
            bury(codes, components, 0.0)
            objective, ahead = objectives[-1], components
            weight, bound = weight / WEIGHT_SHRINKAGE, weight
        objectives.append(objective)
        if listen(len(objectives), objective, components[:, :n_components]):
            break
        if max_time is not None and time.monotonic() - begin > max_time:
            break
    bury(codes, components, NEGLIGIBLE * np.finfo(steps.dtype).eps * total)
    strengths.fix_scale(codes, components)
    narrow = (np.ascontiguousarray(factor[:, :n_components]) for factor in (codes, components))
    return Factors(*narrow, objectives, change, n_quiet == QUIET_ITERATIONS)


def iterate(
    steps: Steps, strengths: Strengths, codes: np.ndarray, ahead: np.ndarray, weight: float
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the objective, W and the transpose of H after a turn of each.

    Starts from `codes`, and from the transpose of an H that was carried on. What is zero in one
    factor keeps its part of the other, from which it can come back.
    """
    new_codes = codes.copy()
    ridge = strengths.codes_ridge(ahead)
    steps.update_codes(new_codes, ahead, strengths.l1_codes, ridge, n_sweeps=steps.sweeps)
    new_codes = beyond(new_codes, codes, weight, steps.n_jobs)
    keep_partners(new_codes, codes, ahead)
    components = ahead.copy()
    if strengths.on_components and not strengths.on_codes:
        strengths.fix_scale(new_codes, components, bury=False)
    ridge = strengths.components_ridge(new_codes)
    loss = steps.update_components(
        components, new_codes, strengths.l1_components, ridge, n_sweeps=steps.sweeps
    )()
    keep_partners(components, ahead, new_codes)
    if strengths.on_codes:
        strengths.fix_scale(new_codes, components, bury=False)
    return loss + strengths.live_value(new_codes, components), new_codes, components


def shrink_to(total: float, codes: np.ndarray, components: np.ndarray) -> None:
    """Scale factors, in place, whose product is much too large, so that it adds up to `total`.

    The first turn would set most of a factor to zero to make up for the others.
    """
    model = float(column_sums(codes) @ column_sums(components))
    if model > MUCH_TOO_LARGE * total:
        for factor in (codes, components):
            factor *= factor.dtype.type(np.sqrt(total / model))


def keep_partners(new: np.ndarray, old: np.ndarray, other: np.ndarray) -> None:
    """Undo what an update did to components of which the other factor has nothing."""
    gone = empty_columns(other)
    if gone.any():
        new[:, gone] = old[:, gone]


def bury(codes: np.ndarray, components: np.ndarray, least: float) -> None:
    """Set components to zero, in place, whose product adds up to no more than `least`."""
    dead = column_sums(codes) * column_sums(components) <= least
    codes[:, dead] = 0
    components[:, dead] = 0


def beyond(new: np.ndarray, old: np.ndarray, weight: float, n_jobs: int | None) -> np.ndarray:
    """Return what comes after `new` on the way from `old`, without negative entries.

    No column of it is zero but where that of `new` is.
    """
    further = np.empty_like(new)

    def fill(start, stop):
        part = further[start:stop]
        np.subtract(new[start:stop], old[start:stop], out=part)
        part *= weight
        part += new[start:stop]
        np.maximum(part, 0, out=part)

    run_blocks(fill, cut_rows(len(new), BLOCK_ROWS), n_jobs)
    gone = empty_columns(further)
    if gone.any():
        further[:, gone] = new[:, gone]
    return further


def rounding_error(steps: Steps) -> float:
    """Return a size of the objective that cannot be told from zero."""
    values = (steps.X.data if sparse.issparse(steps.X) else steps.X).ravel()
    values = values[~np.isnan(values)].astype(np.float64, copy=False)
    return float(np.finfo(steps.dtype).eps) * min(float(values.sum()), float(values @ values))


def relative_change(objectives: list[float], objective: float) -> float:
    """Return by how much an iteration has changed the objective, relative to its size.

    What the objective was in the beginning is part of its size: where X has factors without an
    error, the objective falls to nothing by equal shares of itself. Infinite for the first.
    """
    if not objectives:
        return np.inf
    size = np.sqrt(max(objectives[0], 0.0)) * np.sqrt(max(objective, 0.0))
    difference = abs(objectives[-1] - objective)
    return difference / size if size > 0 else 0.0


def solve_codes(
    steps: Steps, components: np.ndarray, l1: float, ridge: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return the best W for a given transpose of H, and the loss.

    A row of W depends on its row of X alone.
    """
    n_components = components.shape[1]
    components = padded(components, steps.lanes)
    codes = steps.start_codes(components)
    ridge = np.pad(ridge, (0, components.shape[1] - n_components))
    loss = steps.update_codes(
        codes, components, l1, ridge, n_sweeps=CODES_SWEEPS, tol=CODES_TOL[steps.dtype]
    )
    return np.ascontiguousarray(codes[:, :n_components]), loss()


def padded(factor: np.ndarray, lanes: int) -> np.ndarray:
    """Return a copy with columns of zeros behind, to a multiple of `lanes`."""
    n_columns = -(-factor.shape[1] // lanes) * lanes
    wide = np.zeros((len(factor), n_columns), dtype=factor.dtype)
    wide[:, : factor.shape[1]] = factor
    return wide
