"""What each method of sparse PCA is given and gives back, and the variance loadings explain."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg


@dataclass(frozen=True)
class Settings:
    """The options of one fit, checked.

    Parameters
    ----------
    n_components : int
        Number of components.
    alpha : ndarray of shape (n_components,)
        Strength of the L1 penalty on each.
    l2_alpha : float
        Strength of the squared penalty of the elastic net; infinity for soft thresholding.
    l1_bound : float
        Largest sum of absolute loadings of a component of deflation.
    max_iter : int
        Most iterations.
    tol : float
        Share of the objective by which an iteration must lower it for another one to follow.
    n_jobs : int or None
        Threads.
    random_state : RandomState
        Draws where the search for singular vectors begins.
    report : callable
        ``report(iteration, objective)`` after each.
    """

    n_components: int
    alpha: np.ndarray
    l2_alpha: float
    l1_bound: float
    max_iter: int
    tol: float
    n_jobs: int | None
    random_state: np.random.RandomState
    report: Callable[[int, float], Any]


@dataclass(frozen=True)
class Loadings:
    """What a method found.

    Parameters
    ----------
    components : ndarray of shape (n_components, n_features)
        Loadings, of any length.
    errors : ndarray
        The objective after each iteration, or after each component of deflation.
    n_iter : int
        Iterations.
    converged : bool
        Whether the last iteration met the tolerance.
    """

    components: np.ndarray
    errors: np.ndarray
    n_iter: int
    converged: bool


def has_settled(errors: list[float], tol: float, floor: float) -> bool:
    """Return whether the last iteration lowered the objective by no more than `tol` of it.

    `floor` is the rounding error of the objective.
    """
    return len(errors) > 1 and errors[-2] - errors[-1] <= max(tol * errors[-1], floor)


def unit_components(components: np.ndarray) -> np.ndarray:
    """Return components of length one, their largest loading positive; zero ones stay zero."""
    largest = np.abs(components).argmax(axis=1)
    peaks = components[np.arange(len(components)), largest].astype(np.float64)
    # Divided by the peak first: squares of tiny loadings would vanish.
    scaled = components / np.where(peaks == 0, 1, peaks)[:, None]
    lengths = np.sqrt(np.einsum("kj,kj->k", scaled, scaled))
    # Adding zero turns -0 to 0.
    return scaled / np.where(lengths == 0, 1, lengths)[:, None] + 0.0


def adjusted_variance(root: Any, components: np.ndarray) -> np.ndarray:
    """Return the sum of squares that each component explains beyond those before it.

    Scores on components that are not orthogonal are correlated. Each counts with what is left of
    it after regression on the scores before it, the diagonal of R in their QR decomposition.

    References
    ----------
    Zou, Hastie, Tibshirani (2006), "Sparse principal component analysis", section 3.4.
    """
    scores = root.scores(np.ascontiguousarray(components.T, dtype=root.dtype))
    triangle = linalg.qr(scores.T.astype(np.float64), mode="r", check_finite=False)[0]
    explained = np.zeros(len(components))
    diagonal = np.diag(triangle)
    explained[: len(diagonal)] = diagonal**2
    return explained
