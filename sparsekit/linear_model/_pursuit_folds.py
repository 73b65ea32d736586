"""Cross-validation of orthogonal matching pursuit: test errors after every step, on every fold."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparsekit._parallel import run_tasks
from sparsekit.linear_model._folds import Split
from sparsekit.linear_model._pursuit_steps import (
    Columns,
    DataProducts,
    GramProducts,
    pursue,
)
from sparsekit.losses import Quadratic
from sparsekit.penalties import L1
from sparsekit.solvers import FoldProducts, Problem, fold_products

# Rounding errors of a difference of sums, as a share of the larger.
DIFFERENCE = 64 * np.finfo(np.float64).eps


def pursuit_errors(
    design: Any,
    y: np.ndarray,
    splits: Sequence[Split],
    n_steps: int,
    *,
    fit_intercept: bool,
    n_jobs: int | None,
) -> np.ndarray:
    """Return the mean squared test error with up to 1, 2, ..., `n_steps` features on every fold.

    Where a pursuit ends early, more features change nothing.

    Parameters
    ----------
    design : design
        All rows.
    y : ndarray of shape (n_samples,)
        Target.
    splits : sequence of (train, test) index arrays
        Rows of each fold.
    n_steps : int
        Most features.
    fit_intercept : bool
        Whether there is an intercept.
    n_jobs : int or None
        Threads, one fold each; the errors do not depend on them.

    Returns
    -------
    errors : ndarray of shape (n_steps, n_folds)
        Mean squared errors.
    """
    # No penalty enters the products.
    problem = Problem(design, y, Quadratic(), L1(0.0), fit_intercept=fit_intercept)
    products = fold_products(problem, splits)

    def errors_of(fold: int) -> np.ndarray:
        if products is not None:
            errors = _errors_by_products(products, fold, n_steps)
        else:
            errors = _errors_by_data(design, y, splits[fold], n_steps, fit_intercept)
        return np.array(errors + (n_steps + 1 - len(errors)) * errors[-1:])[1:]

    return np.column_stack(run_tasks(errors_of, range(len(splits)), n_jobs))


def _errors_by_data(
    design: Any, y: np.ndarray, split: Split, n_steps: int, fit_intercept: bool
) -> list[float]:
    """Return test errors after 0, 1, ... steps; test rows have weight zero."""
    train, test = split
    weight = np.bincount(train, minlength=len(y)).astype(np.float64)
    columns = Columns.from_design(design, weight, fit_intercept)
    products = DataProducts(columns, y)
    _, mean = columns.centred(y)
    errors = [float(np.mean((y[test] - mean) ** 2))]
    for _ in pursue(products, columns.norms, n_steps):
        errors.append(float(np.mean(products.residual[test] ** 2)))
    return errors


def _errors_by_products(products: FoldProducts, fold: int, n_steps: int) -> list[float]:
    """Return test errors after 0, 1, ... steps; of test rows their products are enough."""
    train, test = products.total - products.grams[fold], products.grams[fold]
    mass = train[-1, -1]
    matrix, product, square = train[:-2, :-2], train[:-2, -2].copy(), float(train[-2, -2])
    mean, base = np.zeros(len(matrix)), 0.0
    if products.fit_intercept:
        mean, base = train[:-2, -1] / mass, float(train[-2, -1] / mass)
        matrix = matrix - mass * np.outer(mean, mean)
        product -= mass * base * mean
        square -= mass * base**2
    squares = matrix.diagonal().copy()
    squares[squares <= DIFFERENCE * products.total.diagonal()[:-2]] = 0.0
    if square <= DIFFERENCE * products.total[-2, -2]:
        product, square = np.zeros_like(product), 0.0
    places, values = np.array([len(matrix), len(matrix) + 1]), np.array([-1.0, base])
    errors = [_form(test, places, values)]
    for step in pursue(GramProducts(matrix, product, square), np.sqrt(squares), n_steps):
        intercept = base - float(mean[step.support] @ step.coef)
        places = np.concatenate([step.support, [len(matrix), len(matrix) + 1]])
        values = np.concatenate([step.coef, [-1.0, intercept]])
        errors.append(_form(test, places, values))
    return errors


def _form(gram: np.ndarray, places: np.ndarray, values: np.ndarray) -> float:
    """Return the mean of squares that a quadratic form of sums of products gives."""
    total = values @ gram[np.ix_(places, places)] @ values
    return max(float(total) / gram[-1, -1], 0.0)
