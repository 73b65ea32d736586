"""Cross-validation: one path per fold, all folds on one shared matrix that is never copied.

A fold is a set of weights that are zero on its test rows. Where the whole Gram matrix is worth
having, each fold's is the total less that of its test rows, so the data are read once for all
folds, and test errors come from the products of the test rows.
"""

from dataclasses import replace

import numpy as np

from sparsekit._parallel import run_tasks
from sparsekit.solvers._choose import WHOLE
from sparsekit.solvers._iterate import ProductIterate
from sparsekit.solvers._path import solve_path, walk

# Most memory, in bytes, that the Gram matrices of all folds may take.
GRAM_BYTES = 1 << 28


def solve_folds(
    problem, splits, alphas, *, tol=1e-4, max_iter=1000, n_jobs=None, score=None, start=None
):
    """Return the test score of every strength on every fold.

    Parameters
    ----------
    problem : Problem
        On all rows.
    splits : list of (train, test) index arrays
        Rows of each fold.
    alphas : ndarray of shape (n_alphas,)
        Falling strengths.
    tol, max_iter : float, int
        As for `solve`.
    n_jobs : int, default=None
        Threads, one fold each; the scores do not depend on it.
    score : callable, default=None
        ``score(y_test, eta_test, weight_test)``; None for the weighted mean squared error.
    start : Start, default=None
        Where each path begins.

    Returns
    -------
    scores : ndarray of shape (n_alphas, n_folds)
        One column per fold.
    """
    labels = _disjoint_tests(splits, len(problem.y))
    if score is None and labels is not None and start is None and _worth_products(problem, splits):
        solve_fold = _ProductFolds(problem, splits, labels)
    else:
        solve_fold = _MaskedFolds(problem, splits, score or weighted_squared_error, start)
    columns = run_tasks(
        lambda fold: solve_fold(fold, alphas, tol=tol, max_iter=max_iter),
        range(len(splits)),
        n_jobs,
    )
    return np.array(columns).T


def weighted_squared_error(y, eta, weight):
    """Return the weighted mean of ``(y - eta)**2``."""
    return float(np.average((y - eta) ** 2, weights=weight))


def _disjoint_tests(splits, n_samples):
    """Return the fold whose test rows hold each row, or None if a row is tested twice.

    Rows that are never tested carry the label ``len(splits)``. Rows in neither part of a fold
    make the products of its training rows differ from the total less the test rows: None too.
    """
    labels = np.full(n_samples, len(splits))
    for fold, (train, test) in enumerate(splits):
        if len(train) + len(test) != n_samples or (labels[test] != len(splits)).any():
            return None
        labels[test] = fold
    return labels


def _worth_products(problem, splits):
    n_samples, n_features = problem.design.shape
    room = (len(splits) + 2) * 8 * n_features**2
    return problem.loss.quadratic and n_features <= min(n_samples, WHOLE) and room <= GRAM_BYTES


class _MaskedFolds:
    """Folds as sample weights that vanish on the test rows."""

    def __init__(self, problem, splits, score, start):
        self.problem, self.splits, self.score, self.start = problem, splits, score, start

    def __call__(self, fold, alphas, **options):
        train, test = self.splits[fold]
        problem, n_samples = self.problem, len(self.problem.y)
        every = np.ones(n_samples) if problem.sample_weight is None else problem.sample_weight
        # Counts, so that a split may name a training row more than once.
        weight = every * np.bincount(train, minlength=n_samples)
        path = solve_path(replace(problem, sample_weight=weight), alphas, self.start, **options)
        scores = []
        for solution in path:
            eta = np.full(n_samples, solution.intercept)
            support = np.flatnonzero(solution.coef)
            zero = np.zeros(len(solution.coef))
            problem.design.accumulate(support, zero, solution.coef[support], eta)
            scores.append(self.score(problem.y[test], eta[test], every[test]))
        return scores


class _ProductFolds:
    """Folds as Gram matrices: the total less that of the test rows."""

    def __init__(self, problem, splits, labels):
        design, n_labels = problem.design, len(splits) + 1
        weight = problem.sample_weight
        h = np.ones(len(labels)) if weight is None else weight
        self.problem = problem
        centre = problem.fit_intercept
        self.center = design.moments(h, h, center=centre)[0]
        self.base = float(h @ problem.y / h.sum()) if centre else 0.0
        y = problem.y - self.base
        self.grams = design.gram_by_label(labels, n_labels, h, self.center)
        parts = [np.where(labels == label, h, 0.0) for label in range(n_labels)]
        self.masses = np.array([part.sum() for part in parts])
        self.columns = np.array([design.dot(part, self.center) for part in parts])
        self.products = np.array([design.dot(part * y, self.center) for part in parts])
        self.targets = np.array([part @ y for part in parts])
        self.energies = np.array([part @ (y * y) for part in parts])
        self.total = self.grams.sum(axis=0)

    def __call__(self, fold, alphas, **options):
        def rest(of):
            return of.sum(axis=0) - of[fold]

        mass, centre = rest(self.masses), self.problem.fit_intercept
        mean = rest(self.columns) / mass if centre else np.zeros(len(self.center))
        target = rest(self.targets) / mass if centre else 0.0
        matrix = self.total - self.grams[fold]
        matrix /= mass
        matrix -= np.outer(mean, mean)
        product = rest(self.products) / mass - target * mean
        energy = rest(self.energies) / mass - target**2
        iterate = ProductIterate(self.problem, matrix, mean, product, energy, target)
        path = walk(iterate, self.problem.penalty, alphas, **options)
        return [self._error(fold, solution) for solution in path]

    def _error(self, fold, solution):
        """Return the mean squared test error; intercepts are relative to the common centre."""
        support = np.flatnonzero(solution.coef)
        w, b = solution.coef[support], solution.intercept
        gram = self.grams[fold][np.ix_(support, support)]
        fitted = w @ gram @ w + 2 * b * (self.columns[fold][support] @ w)
        fitted += b * b * self.masses[fold]
        crossed = w @ self.products[fold][support] + b * self.targets[fold]
        return float((self.energies[fold] - 2 * crossed + fitted) / self.masses[fold])
