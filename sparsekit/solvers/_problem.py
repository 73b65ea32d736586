"""What goes into every solver, and what comes out."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from sparsekit.losses._base import Loss


class Status(Enum):
    """How a solver ended; the value is a sentence for the user."""

    CONVERGED = "the duality gap is within the tolerance"
    MAX_ITER = "the number of iterations reached `max_iter`"
    STAGNATED = "the objective no longer falls in floating point arithmetic"
    STOPPED = "a callback asked to stop"


@dataclass(frozen=True, eq=False)
class Problem:
    """Minimise ``sum_i h_i loss(y_i, x_i w + b) + sum_j f_j penalty(w_j)``; h sums to one.

    Parameters
    ----------
    design : design
        The matrix, from `sparsekit.matrix.as_design`.
    y : ndarray of shape (n_samples,)
        Target, float64.
    loss : loss
        From `sparsekit.losses`.
    penalty : penalty
        From `sparsekit.penalties`.
    sample_weight : ndarray of shape (n_samples,), default=None
        Non-negative; divided by its sum here.
    feature_weight : ndarray of shape (n_features,), default=None
        Factors of the penalty, non-negative; zero leaves a feature unpenalised.
    fit_intercept : bool, default=True
        Whether b is free (and not penalised) or zero.
    """

    design: Any
    y: np.ndarray
    loss: Loss
    penalty: Any
    sample_weight: np.ndarray | None = None
    feature_weight: np.ndarray | None = None
    fit_intercept: bool = True


@dataclass(frozen=True, eq=False)
class Start:
    """Where a solver begins: coefficients and intercept.

    Parameters
    ----------
    coef : ndarray of shape (n_features,)
        Coefficients, float64.
    intercept : float
        Ignored where the intercept has a closed form.
    """

    coef: np.ndarray
    intercept: float = 0.0


@dataclass(frozen=True, eq=False)
class Solution:
    """What a solver found.

    Parameters
    ----------
    coef : ndarray of shape (n_features,)
        Coefficients, float64.
    intercept : float
        Intercept; zero where none was asked for.
    n_iter : int
        Outer iterations.
    objective : float
        Objective at `coef`.
    null_objective : float
        Objective at zero coefficients and the best intercept; the scale of `tol`.
    gap : float
        Duality gap in units of the objective: an upper bound of what is left to gain.
    status : Status
        Why the solver stopped.
    """

    coef: np.ndarray
    intercept: float
    n_iter: int
    objective: float
    null_objective: float
    gap: float
    status: Status
