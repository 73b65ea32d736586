"""Orthogonal matching pursuit of one target: on the data, or on products of the columns."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy.linalg.lapack import dtrtrs

from sparsekit._parallel import check_cancelled

EPS = np.finfo(np.float64).eps
# A correlation with the target, and an unexplained share of a column's square, that are rounding.
NEGLIGIBLE = 1e-12
DEPENDENT = 256 * EPS
# Variance over squared mean of what is constant but for rounding.
CONSTANT = 1e-26
FIRST_STEPS = 64


class Step(NamedTuple):
    """Where a pursuit stands: its features in the order of their choice, and their coefficients."""

    support: np.ndarray
    coef: np.ndarray
    squared_residual: float


@dataclass(frozen=True)
class Columns:
    """The columns of a design less their means.

    Parameters
    ----------
    design : design
        The columns.
    weight : ndarray of shape (n_samples,)
        How often each row counts.
    center : bool
        Whether means are subtracted.
    mean : ndarray of shape (n_features,)
        Means, or zeros.
    norms : ndarray of shape (n_features,)
        Lengths of the columns less their means; zero for a constant one.
    """

    design: Any
    weight: np.ndarray
    center: bool
    mean: np.ndarray
    norms: np.ndarray

    @classmethod
    def from_design(cls, design: Any, weight: np.ndarray, center: bool) -> "Columns":
        """Measure the columns in one pass."""
        mean, square, _ = design.moments(weight, weight, center=center)
        square[square <= CONSTANT * weight.sum() * mean**2] = 0.0
        return cls(design, weight, center, mean, np.sqrt(square))

    def centred(self, y: np.ndarray) -> tuple[np.ndarray, float]:
        """Return a target less its mean, and the mean; zeros of one that is constant."""
        mean = float(self.weight @ y / self.weight.sum()) if self.center else 0.0
        target = y - mean
        if self.weight @ target**2 <= CONSTANT * self.weight.sum() * mean**2:
            target = np.zeros_like(target)
        return target, mean

    def with_targets(self, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the products of the columns with the columns and the targets; targets' squares.

        The targets, of shape (n_samples, n_targets), are less their means already.
        """
        n_samples, n_features = self.design.shape
        labels = np.zeros(n_samples, dtype=np.intp)
        products = self.design.gram_by_label(labels, 1, self.weight, self.mean, targets)[0]
        return products[:n_features], products.diagonal()[n_features:].copy()


class Products(Protocol):
    """What a pursuit asks of its target and the columns.

    `product` are the products of all columns with the target, `square` is that of the target.
    """

    product: np.ndarray
    square: float

    def among(self, features: np.ndarray) -> np.ndarray:
        """Return the products of the last of some features with all of them."""

    def after(self, features: np.ndarray, coef: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the residual's products with all columns, and its square."""


class DataProducts:
    """Products by passes over the data; `residual` is there for rows of weight zero, too.

    Parameters
    ----------
    columns : Columns
        The columns.
    y : ndarray of shape (n_samples,)
        Target.
    """

    def __init__(self, columns: Columns, y: np.ndarray):
        self.columns = columns
        self.target, _ = columns.centred(y)
        self.product, self.square = self._measure(self.target)

    def among(self, features: np.ndarray) -> np.ndarray:
        """Return the products of the last of some features with all of them."""
        columns = self.columns
        return columns.design.gram(features, len(features) - 1, columns.weight, columns.mean)[0]

    def after(self, features: np.ndarray, coef: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the residual's products with all columns, and its square."""
        residual = self.target.copy()
        self.columns.design.accumulate(features, self.columns.mean, -coef, residual)
        return self._measure(residual)

    def _measure(self, residual: np.ndarray) -> tuple[np.ndarray, float]:
        self.residual = residual
        weighted = self.columns.weight * residual
        return self.columns.design.dot(weighted, self.columns.mean), float(weighted @ residual)


@dataclass(frozen=True)
class GramProducts:
    """Products from the Gram matrix of the columns.

    Parameters
    ----------
    matrix : ndarray of shape (n_features, n_features)
        Products of the columns with one another.
    product : ndarray of shape (n_features,)
        With the target.
    square : float
        Of the target.
    """

    matrix: np.ndarray
    product: np.ndarray
    square: float

    def among(self, features: np.ndarray) -> np.ndarray:
        """Return the products of the last of some features with all of them."""
        return self.matrix[features[-1], features]

    def after(self, features: np.ndarray, coef: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the residual's products with all columns, and its square."""
        left = self.square - float(coef @ self.product[features])
        return self.product - coef @ self.matrix[features], left


def pursue(
    products: Products, norms: np.ndarray, n_steps: int, tol: float = -np.inf
) -> Iterator[Step]:
    """Choose feature after feature, each time the one most correlated with the residual.

    Parameters
    ----------
    products : Products
        The target and the columns.
    norms : ndarray of shape (n_features,)
        Lengths of the columns; those of length zero are never chosen.
    n_steps : int
        Most features.
    tol : float, default=-inf
        Squared residual that is small enough.

    Yields
    ------
    step : Step
        After every choice. There are fewer than `n_steps` where no further feature is correlated
        with the residual, or where all that are depend on those chosen.
    """
    inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    candidate = inverse.copy()
    factor, half = np.zeros((0, 0)), np.zeros(0)
    support = np.empty(0, dtype=np.intp)
    correlations, left = products.product, products.square
    while len(support) < n_steps and left > tol:
        check_cancelled()
        scores = np.abs(correlations) * candidate
        best = int(scores.argmax())
        if not scores[best] > NEGLIGIBLE * np.sqrt(products.square):
            return
        candidate[best] = 0.0
        n, trial = len(support), np.append(support, best)
        scale = inverse[trial]
        row = products.among(trial) * scale * scale[-1]
        shares = _solve(factor[:n, :n], row[:n])
        rest = row[-1] - shares @ shares
        if rest <= DEPENDENT:
            continue
        support = trial
        factor, half = _with_room(factor, half, n + 1)
        factor[n, :n], factor[n, n] = shares, np.sqrt(rest)
        half[n] = (products.product[best] * scale[-1] - shares @ half[:n]) / factor[n, n]
        coef = scale * _solve(factor[: n + 1, : n + 1], half[: n + 1], trans=1)
        correlations, left = products.after(support, coef)
        yield Step(support, coef, left)


def _solve(factor: np.ndarray, right: np.ndarray, trans: int = 0) -> np.ndarray:
    """Solve with a lower triangle, which may be empty."""
    if len(right) == 0:
        return right
    return dtrtrs(factor, right, lower=1, trans=trans)[0]


def _with_room(factor: np.ndarray, half: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the arrays with room for `size` features, and for more to come."""
    if size <= len(half):
        return factor, half
    n, room = len(half), max(2 * len(half), FIRST_STEPS)
    wider = np.zeros((room, room))
    wider[:n, :n] = factor
    return wider, np.concatenate([half, np.zeros(room - n)])
