"""Steps of the outer loop: minimise a quadratic model over the working set, then move.

For a quadratic loss the model is the objective itself. For any other the model is the loss's
second-order expansion, minimised with the intercept inside, and the step ends with a line search
on the true objective (prox-Newton).

Every step takes the gap that is still worth reaching. A quadratic loss is minimised to that gap; a
model, whose own gap says little of the objective's, until it gains little more.

References
----------
Friedman, Hastie, Tibshirani (2010), "Regularization paths for generalized linear models via
coordinate descent". Lee, Sun, Saunders (2014), "Proximal Newton-type methods for minimizing
composite functions".
"""

import numpy as np

from sparsekit.matrix import CenteredColumns
from sparsekit.solvers._certificate import GramPoint, certify, penalty_value
from sparsekit.solvers._coordinate import MEMORY, extrapolate, sweep
from sparsekit.solvers._gram_descent import descend_on_gram

MAX_SWEEPS = 100
# A model's curvature per sample is held above a floor, which a search that fails raises to the
# loss's bound (where the full step always lowers the objective) and one that succeeds lowers.
LEAST_FLOOR, FLOOR_DECAY = 1e-10, 0.1
MAX_HALVINGS = 30
SUFFICIENT_DECREASE = 1e-4
SHORT_STEP = 0.1
# The active features are solved to this share of the gap asked for over all.
ACTIVE_SHARE = 0.5
# Gains below this share of the objective at zero coefficients are rounding.
NEGLIGIBLE = 1e-20
# Shares of the best gain at which a model is left.
SWEEP_SHARE, EXACT_SHARE = 1e-6, 1e-2


def step_on_kept_gram(iterate, penalty, members, accuracy):
    """Minimise a quadratic loss over everything in the kept Gram matrix, to a gap of `accuracy`."""
    gram = iterate.gram
    gram.add(members)
    features = gram.features
    weight, curvature = iterate.weight_of(features), iterate.curvature[features]
    coef, gradient = iterate.coef[features], iterate.gradient[features]
    test = _GapTest(iterate, penalty, features, accuracy)
    descend_on_gram(
        gram.matrix, penalty, _ones(weight, features), curvature, coef, gradient,
        test, NEGLIGIBLE * iterate.null_objective,
    )  # fmt: skip
    new = iterate.coef.copy()
    new[features] = coef
    iterate.defer(new)
    if gram.whole and not iterate.design.sparse:
        iterate.refresh_from_gram()
    else:
        iterate.refresh()


def step_on_fresh_gram(iterate, penalty, members, accuracy):
    """Minimise the second-order model over `members` on a Gram matrix of its own."""
    model = _Model(iterate)
    mean = model.means(members)
    matrix = iterate.design.gram(members, 0, model.h, mean)
    coef, gradient = iterate.coef[members], iterate.gradient[members]
    weight, curvature = iterate.weight_of(members), matrix.diagonal().copy()
    descend_on_gram(
        matrix, penalty, _ones(weight, members), curvature, coef, gradient,
        _GainTest(), NEGLIGIBLE * iterate.null_objective,
    )  # fmt: skip
    model.move(penalty, members, coef - iterate.coef[members], mean)


def step_on_data(iterate, penalty, members, accuracy):
    """Minimise the model over `members` by sweeps over the data, with extrapolation."""
    model = _Model(iterate)
    mean, curvature = model.moments()
    columns, places, local_mean = iterate.design.compact(members, mean)
    shift = np.zeros(1)
    if iterate.problem.fit_intercept:
        columns = CenteredColumns(columns, local_mean, model.mass, shift)
    coef, h = iterate.coef.copy(), model.h
    residual = -iterate.h * iterate.slope
    weight = _ones(iterate.feature_weight, coef)
    work = 2 * iterate.design.work(members) + len(members)
    points, test = [coef[members]], _GainTest()
    for _ in range(MAX_SWEEPS):
        gain = sweep(columns, penalty, weight, curvature, coef, residual, h, members, places, work)
        if test.small(coef, residual, gain, True):
            break
        points.append(coef[members])
        if len(points) > MEMORY:
            change = extrapolate(np.array(points)) - coef[members]
            predictor = np.zeros_like(h)
            iterate.design.accumulate(members, mean, change, predictor)
            true = residual + shift[0] * h
            new, old = coef[members] + change, coef[members]
            saved = true @ predictor - 0.5 * h @ (predictor * predictor)
            cost = weight[members] @ (penalty.value(new) - penalty.value(old))
            if cost < saved:
                coef[members] = new
                residual[:] = true - h * predictor
                shift[0] = 0.0
            points = [coef[members]]
    model.move(penalty, members, coef[members] - iterate.coef[members], mean)


class _GapTest:
    """Ends work on a quadratic loss when the duality gap over the features at hand is small."""

    def __init__(self, iterate, penalty, features, accuracy):
        self.energy, self.penalty, self.accuracy = iterate.energy, penalty, accuracy
        self.weight = iterate.weight_of(features)
        self.curvature = iterate.curvature[features]
        self.product = iterate.product[features]

    def _gap(self, coef, gradient, weight, curvature, product):
        point = GramPoint(self.energy, coef @ product, coef @ gradient)
        return certify(point, self.penalty, weight, curvature, coef, gradient).gap

    def holds(self, coef, gradient, more):
        """Say whether the gap over all features is small."""
        gap = self._gap(coef, gradient, self.weight, self.curvature, self.product)
        return gap <= self.accuracy

    def stops(self, active):
        """Return what ends the work on the `active` features."""
        weight = None if self.weight is None else self.weight[active]
        curvature, product = self.curvature[active], self.product[active]

        def done(coef, gradient, gain, exact):
            if gain > self.accuracy:
                return False
            gap = self._gap(coef, gradient, weight, curvature, product)
            return gap <= ACTIVE_SHARE * self.accuracy

        return done


class _GainTest:
    """Ends work on a model when a step gains little beside the best before it.

    Sweeps may stall long before the end; a Newton step on the support that gains little is the
    end.
    """

    def __init__(self):
        self.most = 0.0

    def holds(self, coef, gradient, more):
        """Say whether no other feature begins to move."""
        return not more

    def stops(self, active):
        """Return what ends the work on some features."""
        return self.small

    def small(self, coef, gradient, gain, exact):
        """Say whether `gain` is little beside the best."""
        self.most = max(self.most, gain)
        return gain <= (EXACT_SHARE if exact else SWEEP_SHARE) * self.most


class _Model:
    """The second-order expansion of the loss at an iterate, and the move along a step in it."""

    def __init__(self, iterate):
        self.iterate = iterate
        if iterate.loss.quadratic:
            self.h = iterate.h
        else:
            curvature = iterate.loss.curvature(iterate.y, iterate.eta)
            self.h = iterate.h * np.maximum(curvature, iterate.curvature_floor)
        self.mass = float(self.h.sum())

    def means(self, members):
        """Return the column means weighted by the model; only those of `members` are valid."""
        iterate = self.iterate
        mean = np.zeros_like(iterate.mean)
        if iterate.problem.fit_intercept:
            mean[members] = iterate.design.dot(self.h, mean, members) / self.mass
        return mean

    def moments(self):
        """Return column means and centred squares, both weighted by the model."""
        iterate = self.iterate
        if iterate.loss.quadratic:
            return iterate.mean, iterate.curvature
        mean, curvature, _ = iterate.design.moments(
            self.h, self.h, center=iterate.problem.fit_intercept
        )
        curvature[iterate.curvature == 0] = 0.0
        return mean, curvature

    def move(self, penalty, members, change, mean):
        """Move the iterate along `change`, by as much as lowers the objective."""
        iterate = self.iterate
        moved = np.flatnonzero(change)
        features, change = members[moved], change[moved]
        predictor = np.zeros_like(iterate.eta)
        iterate.design.accumulate(features, mean, change, predictor)
        step = self._search(penalty, features, change, predictor)
        self._adapt_floor(step)
        iterate.eta += step * predictor
        iterate.offset += step * float((iterate.mean[features] - mean[features]) @ change)
        iterate.coef[features] += step * change
        iterate.refresh()

    def _adapt_floor(self, step):
        iterate = self.iterate
        if step < SHORT_STEP:
            iterate.curvature_floor = iterate.loss.curvature_bound()
        else:
            iterate.curvature_floor = max(FLOOR_DECAY * iterate.curvature_floor, LEAST_FLOOR)

    def _search(self, penalty, features, change, predictor):
        iterate = self.iterate
        if iterate.loss.quadratic:
            return 1.0
        weight, old = iterate.weight_of(features), iterate.coef[features]
        before = penalty_value(penalty, weight, old)
        smooth = float(iterate.h @ iterate.loss.value(iterate.y, iterate.eta))
        promised = penalty_value(penalty, weight, old + change) - before
        promised -= float(iterate.gradient[features] @ change)
        rounding = 8 * np.finfo(float).eps * (smooth + before)
        step = 1.0
        for _ in range(MAX_HALVINGS):
            eta = iterate.eta + step * predictor
            value = float(iterate.h @ iterate.loss.value(iterate.y, eta))
            value += penalty_value(penalty, weight, old + step * change)
            if value <= smooth + before + SUFFICIENT_DECREASE * step * promised + rounding:
                return step
            step *= 0.5
        return 0.0


def _ones(weight, like):
    return np.ones(len(like)) if weight is None else weight
