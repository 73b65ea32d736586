"""The point a solver stands on, and all that is known there."""

import numpy as np

from sparsekit.solvers._certificate import DataPoint, GramPoint, certify, free_features
from sparsekit.solvers._gram import GramCache, subtract_rows

# A centred column whose relative spread is below rounding is a constant column.
CONSTANT = (64 * np.finfo(np.float64).eps) ** 2
ROUNDING = 8 * np.finfo(np.float64).eps


class Iterate:
    """Coefficients, predictor, gradients and bounds of one problem; solvers move it.

    Attributes
    ----------
    coef : ndarray of shape (n_features,)
        Coefficients of the centred columns.
    eta : ndarray of shape (n_samples,)
        Linear predictor, intercept included.
    base, offset : float
        What was subtracted from the target, and the intercept beside it with respect to the
        centred columns.
    slope : ndarray of shape (n_samples,)
        Derivative of the loss in eta.
    gradient : ndarray of shape (n_features,)
        Negative derivative of the smooth part in each coefficient.
    mean, curvature, product : ndarray of shape (n_features,)
        Column means, curvatures at zero coefficients for a loss of curvature one, and gradient at
        zero coefficients.
    gram : GramCache
        Products of the columns that ever mattered, for a quadratic loss.
    curvature_floor : float
        Least curvature per sample of the models of any other loss.
    """

    def __init__(self, problem):
        self.problem = problem
        self.design, self.loss = problem.design, problem.loss
        self.h = _normalised(problem.sample_weight, len(problem.y))
        # A quadratic loss is as well told of the centred target, which keeps the digits.
        self.base = 0.0
        if self.loss.quadratic and problem.fit_intercept:
            self.base = float(self.h @ problem.y)
        self.y = problem.y - self.base
        self.eta = np.zeros_like(self.y)
        self.offset = 0.0
        self._fit_offset()
        self.slope = self.loss.gradient(self.y, self.eta)
        self.mean, self.curvature, self.product = self.design.moments(
            self.h, -self.h * self.slope, center=problem.fit_intercept
        )
        self.curvature[self.curvature <= CONSTANT * self.mean**2] = 0.0
        self.product[self.curvature == 0] = 0.0
        self.coef = np.zeros(self.design.shape[1])
        self.gradient = self.product.copy()
        self.null_objective = float(self.h @ self.loss.value(self.y, self.eta))
        self.energy = 2.0 * self.null_objective
        self.gram = GramCache(self.design, self.h, self.mean)
        self.bound = -np.inf
        self.curvature_floor = 0.0
        self._pending = None

    @property
    def feature_weight(self):
        """Factors of the penalty, or None for ones."""
        return self.problem.feature_weight

    def weight_of(self, features):
        """Return the penalty's factors for some features, or None for ones."""
        return None if self.feature_weight is None else self.feature_weight[features]

    @property
    def intercept(self):
        """Intercept with respect to the columns as given."""
        if not self.problem.fit_intercept:
            return 0.0
        return self.base + self.offset - float(self.mean @ self.coef)

    @property
    def rounding(self):
        """Objective of a target that is constant but for rounding errors."""
        return 0.5 * (ROUNDING * self.base) ** 2

    def start_at(self, start):
        """Move to the given start, unless zero coefficients fit better."""
        eta, offset = self.eta.copy(), self.offset
        self.coef = np.array(start.coef, dtype=np.float64)
        self.coef[self.curvature == 0] = 0.0
        self.shift(np.flatnonzero(self.coef), self.coef[self.coef != 0])
        self._fit_offset()
        if not self.h @ self.loss.value(self.y, self.eta) <= self.null_objective:
            self.coef, self.eta, self.offset = np.zeros_like(self.coef), eta, offset
        self.refresh()

    def shift(self, features, change):
        """Add the given columns times `change` to the predictor, and to it alone."""
        self.design.accumulate(features, self.mean, change, self.eta)

    def refresh(self):
        """Recompute all gradients from the data, at the best intercept for the coefficients."""
        self._catch_up()
        self._fit_offset()
        self.slope = self.loss.gradient(self.y, self.eta)
        self.gradient = self.design.dot(-self.h * self.slope, self.mean)
        self.gradient[self.curvature == 0] = 0.0

    def refresh_from_gram(self):
        """Recompute all gradients of a quadratic loss from the whole Gram matrix."""
        order = self.gram.features
        coef, gradient = self.coef[order], self.product[order]
        support = np.flatnonzero(coef)
        subtract_rows(self.gram.matrix, support, coef[support], gradient)
        self.gradient[order] = gradient

    def defer(self, coef):
        """Take new coefficients whose predictor is computed only when someone needs it."""
        if self._pending is None:
            self._pending = self.coef.copy()
        self.coef = coef

    def certify(self, penalty):
        """Return the certificate here; better bounds found before at the same penalty hold on.

        With features that nothing holds at zero there are estimates instead of bounds, and the
        last one counts.
        """
        if self._pending is None:
            point = DataPoint(self.loss, self.y, self.h, self.eta, self.slope)
        else:
            point = GramPoint(self.energy, self.coef @ self.product, self.coef @ self.gradient)
        weight, n_features = self.feature_weight, len(self.coef)
        curvature = self.curvature * self._mean_curvature()
        found = certify(point, penalty, weight, curvature, self.coef, self.gradient)
        lasting = free_features(penalty, weight, n_features) is None
        self.bound = max(self.bound, found.bound) if lasting else found.bound
        return found

    def _mean_curvature(self):
        if self.loss.quadratic:
            return 1.0
        return float(self.h @ self.loss.curvature(self.y, self.eta))

    def _catch_up(self):
        if self._pending is None:
            return
        change = self.coef - self._pending
        self._pending = None
        moved = np.flatnonzero(change)
        self.shift(moved, change[moved])

    def _fit_offset(self):
        """Set the intercept that is best for the coefficients, by Newton's method in one number."""
        if not self.problem.fit_intercept:
            return
        for _ in range(100):
            force = -float(self.h @ self.loss.gradient(self.y, self.eta))
            curvature = float(self.h @ self.loss.curvature(self.y, self.eta))
            if curvature == 0:
                return
            step = force / curvature
            if not self.loss.quadratic:
                # Where the curvature vanishes a Newton step would leave the range of numbers.
                step = float(np.clip(step, -4.0, 4.0))
            self.eta += step
            self.offset += step
            if self.loss.quadratic or abs(step) <= 1e-14 * (1.0 + abs(self.offset)):
                return


class ProductIterate(Iterate):
    """An iterate of a quadratic loss that knows products only: the data are never looked at.

    Parameters
    ----------
    problem : Problem
        Penalty, feature weights and shape; its data are not read.
    matrix : ndarray of shape (n_features, n_features)
        Gram matrix of the centred columns; the weights of the rows sum to one.
    mean, product : ndarray of shape (n_features,)
        Column means, and products of the centred columns with the centred target.
    energy : float
        Weighted square of the centred target.
    offset : float
        Weighted mean of the target.
    rounding : ndarray of shape (n_features,)
        What the diagonal of `matrix` may be wrong by; a column below it is constant.
    """

    def __init__(self, problem, matrix, mean, product, energy, offset, rounding):
        self.problem, self.design, self.loss = problem, problem.design, problem.loss
        self.mean, self.product = mean, product.copy()
        self.curvature = matrix.diagonal().copy()
        self.curvature[self.curvature <= np.maximum(CONSTANT * mean**2, rounding)] = 0.0
        self.product[self.curvature == 0] = 0.0
        self.coef, self.gradient = np.zeros_like(product), self.product.copy()
        self.energy, self.base, self.offset = energy, offset, 0.0
        self.null_objective = 0.5 * energy
        self.gram = GramCache.of(self.design, matrix)
        self.bound = -np.inf
        self._pending = self.coef

    def refresh(self):
        """Recompute all gradients from the Gram matrix."""
        self.refresh_from_gram()


def _normalised(sample_weight, n_samples):
    if sample_weight is None:
        return np.full(n_samples, 1.0 / n_samples)
    return sample_weight / sample_weight.sum()
