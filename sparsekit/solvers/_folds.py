"""Cross-validation: one path per fold, all folds on one shared matrix that is never copied.

A fold is a set of weights that are zero on its test rows. Where the whole Gram matrix is worth
having, each fold's is the total less that of its test rows, so the data are read once for all
folds, and test errors come from the products of the test rows.
"""

from dataclasses import replace

import numpy as np

from sparsekit._parallel import run_tasks, single_blas_thread
from sparsekit.solvers._choose import WHOLE
from sparsekit.solvers._iterate import ProductIterate
from sparsekit.solvers._path import solve_path, walk

# Most memory, in bytes, that the Gram matrices of all folds may take.
GRAM_BYTES = 1 << 28
# Squared mean over variance beyond which the products of a sparse column are not centred.
FAR = 1e4
# Rounding errors of a difference of sums, as a share of the larger.
DIFFERENCE = 64 * np.finfo(np.float64).eps


def solve_folds(
    problem,
    splits,
    alphas,
    *,
    tol=1e-4,
    max_iter=1000,
    n_jobs=None,
    score=None,
    start=None,
    products=None,
    watch=None,
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
    products : FoldProducts, default=None
        What `fold_products` made of the same data and folds, if it made anything; serves every
        penalty.
    watch : callable, default=None
        ``watch(solution)`` is told every solution, from any thread.

    Returns
    -------
    scores : ndarray of shape (n_alphas, n_folds)
        One column per fold.
    """
    if products is not None and score is None and start is None:
        solve_fold = products.solve_fold
    else:
        masked = _MaskedFolds(splits, score or weighted_squared_error, start)
        solve_fold = masked.solve_fold
    columns = run_tasks(
        lambda fold: solve_fold(problem, fold, alphas, watch, tol=tol, max_iter=max_iter),
        range(len(splits)),
        n_jobs,
    )
    return np.array(columns).T


def fold_products(problem, splits):
    """Return the products that serve all folds and all penalties, or None where they do not pay.

    Parameters
    ----------
    problem : Problem
        On all rows; its penalty does not matter.
    splits : list of (train, test) index arrays
        Rows of each fold.

    Returns
    -------
    products : FoldProducts or None
        For `solve_folds`, and for paths on all rows.
    """
    n_samples, n_features = problem.design.shape
    room = (len(splits) + 3) * 8 * (n_features + 2) ** 2
    if not problem.loss.quadratic or n_features > min(n_samples, WHOLE) or room > GRAM_BYTES:
        return None
    labels = _disjoint_tests(splits, n_samples)
    if labels is None or _far_from_zero(problem.design):
        return None
    return FoldProducts(problem, len(splits), labels)


def weighted_squared_error(y, eta, weight):
    """Return the weighted mean of ``(y - eta)**2``."""
    return float(np.average((y - eta) ** 2, weights=weight))


def _disjoint_tests(splits, n_samples):
    """Return the fold whose test rows hold each row, or None if a row is tested twice.

    Rows that are never tested carry the label ``len(splits)``. A fold whose training rows are not
    all the rest has other products than the total less those of its test rows: None too.
    """
    labels = np.full(n_samples, len(splits))
    for fold, (train, test) in enumerate(splits):
        uses = np.bincount(train, minlength=n_samples) + np.bincount(test, minlength=n_samples)
        if (uses != 1).any() or (labels[test] != len(splits)).any():
            return None
        labels[test] = fold
    return labels


def _far_from_zero(design):
    """Say whether a sparse column lies so far from zero that centring its products loses digits."""
    if not design.sparse:
        return False
    ones = np.ones(design.shape[0])
    mean, square, _ = design.moments(ones, ones, center=True)
    return bool((mean**2 * design.shape[0] > FAR * square)[square > 0].any())


class _MaskedFolds:
    """Folds as sample weights that vanish on the test rows."""

    def __init__(self, splits, score, start):
        self.splits, self.score, self.start = splits, score, start

    def solve_fold(self, problem, fold, alphas, watch=None, **options):
        """Return the test score at every strength."""
        train, test = self.splits[fold]
        n_samples, n_features = problem.design.shape
        every = np.ones(n_samples) if problem.sample_weight is None else problem.sample_weight
        # Counts, so that a split may name a training row more than once.
        weight = every * np.bincount(train, minlength=n_samples)
        path = solve_path(replace(problem, sample_weight=weight), alphas, self.start, **options)
        scores = []
        for solution in _watched(path, watch):
            eta = np.full(n_samples, solution.intercept)
            support = np.flatnonzero(solution.coef)
            problem.design.accumulate(support, np.zeros(n_features), solution.coef[support], eta)
            scores.append(self.score(problem.y[test], eta[test], every[test]))
        return scores


def _watched(path, watch):
    for solution in path:
        if watch is not None:
            watch(solution)
        yield solution


class FoldProducts:
    """Gram matrices of the columns, the target and a column of ones, for the rows of each fold.

    The training rows of a fold have the total less that of the test rows; eliminating the column
    of ones centres them. With u = (w, -1, b) the squared test error is u'Gu.

    Parameters
    ----------
    problem : Problem
        On all rows; its penalty does not matter.
    n_folds : int
        Number of folds.
    labels : ndarray of shape (n_samples,)
        The fold that tests each row, or `n_folds` for a row that no fold tests.
    """

    def __init__(self, problem, n_folds, labels):
        weight = problem.sample_weight
        h = np.ones(len(labels)) if weight is None else weight
        n_features = problem.design.shape[1]
        self.fit_intercept = problem.fit_intercept
        # Any centre will do; one near the means keeps the digits.
        self.centre, self.base = np.zeros(n_features), 0.0
        if self.fit_intercept:
            self.centre = problem.design.dot(h, self.centre) / h.sum()
            self.base = float(h @ problem.y / h.sum())
        extra = np.column_stack([problem.y - self.base, np.ones(len(labels))])
        with single_blas_thread():
            self.grams = problem.design.gram_by_label(labels, n_folds + 1, h, self.centre, extra)
        self.total = self.grams.sum(axis=0)

    def solve_fold(self, problem, fold, alphas, watch=None, **options):
        """Return the mean squared test error at every strength."""
        iterate = self._iterate(problem, self.total - self.grams[fold])
        test = self.grams[fold]
        errors = []
        path = walk(iterate, problem.penalty, alphas, **options)
        for solution in _watched(path, watch):
            u = np.concatenate([solution.coef, [-1.0, solution.intercept]])
            support = np.flatnonzero(u)
            if 4 * len(support) < len(u):
                form = u[support] @ test[np.ix_(support, support)] @ u[support]
            else:
                form = u @ test @ u
            errors.append(max(form / test[-1, -1], 0.0))
        return errors

    def solve_all(self, problem, alphas, **options):
        """Yield the Solution on all rows at every strength, in terms of the columns as given."""
        iterate = self.iterate_of_all(problem)
        for solution in walk(iterate, problem.penalty, alphas, **options):
            shift = self.base - float(self.centre @ solution.coef)
            intercept = solution.intercept + shift if self.fit_intercept else 0.0
            yield replace(solution, intercept=intercept)

    def iterate_of_all(self, problem):
        """Return zero coefficients on all rows, in terms of the columns less their centres."""
        return self._iterate(problem, self.total)

    def _iterate(self, problem, gram):
        mass = gram[-1, -1]
        matrix = gram[:-2, :-2] / mass
        mean, target = np.zeros(len(matrix)), 0.0
        product, energy = gram[:-2, -2] / mass, gram[-2, -2] / mass
        if self.fit_intercept:
            mean, target = gram[:-2, -1] / mass, gram[-2, -1] / mass
            matrix -= np.outer(mean, mean)
            product = product - target * mean
            energy -= target**2
        rounding = DIFFERENCE * self.total.diagonal()[:-2] / self.total[-1, -1]
        return ProductIterate(problem, matrix, mean, product, energy, target, rounding)
