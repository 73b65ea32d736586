"""Numbers of fewer bits: how bytes and half precision stand for weights and activations.

A byte q stands for ``step * (q - zero)``. Weights are signed bytes with a step for each output and
no zero; activations are unsigned bytes with a step and a zero for each layer, chosen on calibration
data. ``quantize="float16"`` is storage only: weights are rounded to half precision, and run as
float32.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from sparsekit.pruning._activations import ACTIVATIONS

# Shares of values cut off at either end that are tried; the least mean squared error wins.
CUTS = (0.0, 1e-5, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2)
# Rows of calibration data that are read, rows whose rounding is compared, and values whose
# quantiles are taken; all evenly spaced.
MOST_ROWS, MOST_COMPARED, MOST_VALUES = 1024, 512, 1 << 18
LARGEST_WEIGHT, LARGEST_BYTE = 127, 255
# Bounds of sums of products of bytes, and of biases in their unit: both together fit 31 bits.
LARGEST_SUM, LARGEST_BIAS = 1 << 30, 1 << 29
LARGEST_HALF = 65504.0


@dataclass(frozen=True)
class Grid:
    """What a byte q stands for: ``step * (q - zero)``."""

    step: float
    zero: int

    @property
    def low(self) -> float:
        """Return the least number a byte can stand for."""
        return -self.step * self.zero

    @property
    def high(self) -> float:
        """Return the largest number a byte can stand for."""
        return self.step * (LARGEST_BYTE - self.zero)

    def rounded(self, values: np.ndarray) -> np.ndarray:
        """Return the numbers that the nearest bytes stand for."""
        q = np.clip(np.rint(values / self.step) + self.zero, 0, LARGEST_BYTE)
        return self.step * (q - self.zero)


def grid_between(low: float, high: float) -> Grid:
    """Return the grid that reaches from `low` to `high`, and has zero on it."""
    low, high = min(float(low), 0.0), max(float(high), 0.0)
    step = float(np.float32((high - low) / LARGEST_BYTE))
    if step < np.finfo(np.float32).tiny:
        return Grid(1.0, 0)
    return Grid(step, int(np.clip(np.rint(-low / step), 0, LARGEST_BYTE)))


def choose_grid(A, layer) -> Grid:
    """Return the grid for a layer's inputs whose rounding changes the layer's sums least.

    In the mean of squares, over some rows: from the least to the largest input, or with a share cut
    off at either end, as a few large ones would make the steps of all others coarse.
    """
    A = thinned(A, MOST_COMPARED)
    values = np.append(thinned(A.data if sparse.issparse(A) else np.ravel(A), MOST_VALUES), 0)
    shares = np.array(CUTS)
    lows, highs = np.quantile(values, shares), np.quantile(values, 1 - shares)
    grids = [grid_between(*ends) for ends in zip(lows, highs)]
    return min(grids, key=lambda grid: np.mean(product(rounding_errors(A, grid), layer) ** 2))


def rounding_errors(A, grid: Grid):
    """Return how far rounding moves the numbers of a matrix, dense or CSR: never its zeros."""
    if not sparse.issparse(A):
        return grid.rounded(A) - A
    errors = A.copy()
    errors.data = grid.rounded(A.data) - A.data
    return errors


def thinned(values, most: int):
    """Return at most so many rows, evenly spaced."""
    if values.shape[0] <= most:
        return values
    return values[np.arange(most) * values.shape[0] // most]


def calibrate(layers, activation: str, X) -> list[Grid]:
    """Return the grid of each layer's input, chosen on what a float32 pass over X shows."""
    check_data(X)
    A, grids = thinned(X, MOST_ROWS), []
    for number, layer in enumerate(layers):
        grids.append(choose_grid(A, layer))
        if number < len(layers) - 1:
            A = ACTIVATIONS[activation](product(A, layer) + layer.bias)
    return grids


def check_data(X):
    """Raise a ValueError for data that say nothing about the sizes of inputs."""
    if X.shape[0] == 0:
        raise ValueError("`calibration_data` must have at least one row; got none.")
    if not np.isfinite(X.data if sparse.issparse(X) else X).all():
        raise ValueError(
            "`calibration_data` has NaN, infinity or numbers beyond float32, so that no steps suit "
            "it. Impute or scale the data first."
        )


def product(A, layer) -> np.ndarray:
    """Return the product of rows, dense or CSR, with a layer's weights in float32."""
    Z = A @ (layer.to_columns() if layer.compressed else layer.values)
    return np.ascontiguousarray(Z.toarray() if sparse.issparse(Z) else Z, dtype=np.float32)


def least_step(layer, inputs: Grid) -> float:
    """Return the step below which some input's sums would be too many steps for an integer."""
    largest = inputs.step * LARGEST_BYTE * np.asarray(abs(layer.to_columns()).sum(axis=0)).ravel()
    return float(np.max(largest + np.abs(layer.bias), initial=0.0) / LARGEST_SUM)


def weight_steps(layer, inputs: Grid, shift: float) -> np.ndarray:
    """Return the step of each output's weights: their largest is 127 steps.

    More where sums or the bias, of which `shift` is added, would leave the integers.
    """
    sizes = abs(layer.to_columns())
    largest = sizes.max(axis=0).toarray().ravel().astype(np.float64)
    total = np.asarray(sizes.sum(axis=0)).ravel().astype(np.float64)
    steps = np.maximum(largest / LARGEST_WEIGHT, total * LARGEST_BYTE / LARGEST_SUM)
    bias = np.abs(layer.bias.astype(np.float64)) + abs(shift)
    steps = np.maximum(steps, bias / (inputs.step * LARGEST_BIAS))
    steps[steps < np.finfo(np.float32).tiny] = 1.0
    return np.nextafter(steps.astype(np.float32), np.float32(np.inf))


def weights_as_bytes(layer, steps) -> np.ndarray:
    """Return signed bytes in place of the values of a layer, for steps by output."""
    return np.rint(layer.values / steps_by_value(layer.indptr, steps)).astype(np.int8)


def weights_from_bytes(q, indptr, steps) -> np.ndarray:
    """Return the values that `weights_as_bytes` has made bytes of, rounded to steps."""
    return q * steps_by_value(indptr, steps)


def steps_by_value(indptr, steps) -> np.ndarray:
    """Return the step of each value of a layer, compressed or, where `indptr` is None, dense."""
    return steps if indptr is None else np.repeat(steps, np.diff(indptr))


def in_half_precision(layers) -> list:
    """Return layers whose weights and biases are numbers of half precision, still as float32."""
    for number, layer in enumerate(layers):
        largest = max(np.abs(a).max(initial=0) for a in (layer.values, layer.bias))
        if largest > LARGEST_HALF:
            raise ValueError(
                f"quantize='float16' holds numbers up to {LARGEST_HALF:g}, but layer {number} has "
                f"one of size {largest:.3g}. Pass quantize=None, or scale the data."
            )
    return [
        replace(layer, **{name: as_half(getattr(layer, name)) for name in ("values", "bias")})
        for layer in layers
    ]


def as_half(values: np.ndarray) -> np.ndarray:
    """Return numbers rounded to half precision, as float32."""
    return values.astype(np.float16).astype(np.float32)
