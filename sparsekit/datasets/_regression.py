"""Regression problems of known support: dense or sparse designs of given correlation."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_random_state

from sparsekit._sklearn import Interval, as_configured_sparse, validate_parameter_constraints

CONSTRAINTS = {
    "n_samples": [Interval(Integral, 1, None, closed="left")],
    "n_features": [Interval(Integral, 1, None, closed="left")],
    "n_informative": [Interval(Integral, 0, None, closed="left")],
    "density": [Interval(Real, 0, 1, closed="right")],
    "correlation": [Interval(Real, -1, 1, closed="neither")],
    "snr": [Interval(Real, 0, np.inf, closed="right")],
    "coef": ["boolean"],
    "random_state": ["random_state"],
}


def make_sparse_regression(
    n_samples: int = 100,
    n_features: int = 1000,
    *,
    n_informative: int = 10,
    density: float = 1.0,
    correlation: float = 0.0,
    snr: float = 10.0,
    coef: bool = False,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[Any, ...]:
    """Generate a regression problem in which few features matter.

    The target is ``y = X @ w + noise`` with `n_informative` non-zero entries in `w`, at random
    places, of random sign and with magnitudes uniform in [0.5, 1.5]. The noise is normal.

    In both kinds of design the entries have mean zero, and columns `j` and `k` have the correlation
    ``correlation ** abs(j - k)``:

    - dense (`density` = 1): each row is a stationary autoregressive process of order one along
      the columns, with standard normal entries;
    - sparse (`density` < 1): each row is a walk along the columns that at every step either keeps
      its entry (with probability `abs(correlation)`, its sign turned if `correlation` is negative)
      or draws a new one: zero with probability ``1 - density``, else standard normal. Neighbouring
      columns thus share their non-zero rows, as the words of a phrase do; without correlation all
      entries are independent.

    Parameters
    ----------
    n_samples : int, default=100
        Number of rows; at least 1.
    n_features : int, default=1000
        Number of columns; at least 1.
    n_informative : int, default=10
        Number of features with a non-zero coefficient; from 0 (`y` is noise) to `n_features`.
    density : float, default=1.0
        Expected share of non-zero entries, in (0, 1]. 1 gives an array in Fortran order, anything
        less a CSC matrix (matrix or array by scikit-learn's `sparse_interface` setting).
    correlation : float, default=0.0
        Correlation of neighbouring columns, in (-1, 1).
    snr : float, default=10.0
        Signal-to-noise ratio: the variance of ``X @ w`` over these samples divided by the
        variance of the noise; positive, `inf` for no noise. A signal without variance
        gets noise of variance 1.
    coef : bool, default=False
        If True, also return the coefficients.
    random_state : int, RandomState instance or None, default=None
        Seed or generator; an int makes the result repeatable.

    Returns
    -------
    X : ndarray or CSC matrix of shape (n_samples, n_features), dtype float64
        The design.
    y : ndarray of shape (n_samples,)
        The target.
    w : ndarray of shape (n_features,)
        The coefficients; only if `coef` is True.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or `n_informative` exceeds `n_features`.

    Examples
    --------
    >>> from sparsekit.datasets import make_sparse_regression
    >>> X, y, w = make_sparse_regression(
    ...     200, 5000, n_informative=5, density=0.01, coef=True, random_state=0
    ... )
    >>> X.format, X.shape, y.shape, int((w != 0).sum())
    ('csc', (200, 5000), (200,), 5)
    """
    arguments = {name: value for name, value in locals().items() if name in CONSTRAINTS}
    validate_parameter_constraints(CONSTRAINTS, arguments, "make_sparse_regression")
    if n_informative > n_features:
        raise ValueError(
            f"`n_informative` must be at most `n_features`={n_features}; got {n_informative}."
        )
    random = check_random_state(random_state)
    if density == 1:
        X = _dense_design(n_samples, n_features, correlation, random)
    else:
        X = _sparse_design(n_samples, n_features, density, correlation, random)
    w = _coefficients(n_features, n_informative, random)
    signal = X @ w
    y = signal + _noise_scale(signal, snr) * random.standard_normal(n_samples)
    return (X, y, w) if coef else (X, y)


def _coefficients(n_features, n_informative, random):
    """Return a vector with `n_informative` non-zero entries."""
    w = np.zeros(n_features)
    support = random.permutation(n_features)[:n_informative]
    signs = random.choice([-1.0, 1.0], size=n_informative)
    w[support] = signs * random.uniform(0.5, 1.5, size=n_informative)
    return w


def _noise_scale(signal, snr):
    """Return the standard deviation that gives noise its share."""
    variance = signal.var()
    if np.isinf(snr):
        return 0.0
    return np.sqrt(variance / snr) if variance > 0 else 1.0


def _dense_design(n_samples, n_features, correlation, random):
    """Return rows of an autoregressive process, in Fortran order."""
    columns = random.standard_normal((n_features, n_samples))
    if correlation != 0:
        innovation = np.sqrt(1.0 - correlation**2)
        for previous, column in zip(columns[:-1], columns[1:], strict=True):
            column *= innovation
            column += correlation * previous
    return columns.T


def _sparse_design(n_samples, n_features, density, correlation, random):
    """Return rows of a walk that keeps its entry or draws a new one, in CSC form."""
    starts = _draws(n_samples, n_features, density, abs(correlation), random)
    lengths = _run_lengths(starts, n_features, density, abs(correlation), random)
    runs = np.repeat(np.arange(len(starts)), lengths)
    steps = np.arange(len(runs)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    values = random.standard_normal(len(starts))[runs]
    if correlation < 0:
        values[steps % 2 == 1] *= -1
    rows, columns = np.divmod(starts[runs] + steps, n_features)
    row_ends = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n_samples))])
    by_row = sparse.csr_matrix((values, columns, row_ends), shape=(n_samples, n_features))
    return as_configured_sparse(by_row.tocsc())


def _draws(n_samples, n_features, density, persistence, random):
    """Return the sorted positions (row * n_features + column) at which a non-zero is drawn."""
    n_cells = int(n_samples) * int(n_features)
    inside = _bernoulli_positions(n_cells, (1 - persistence) * density, random)
    if persistence == 0:
        return inside
    # The first column has nothing to keep: it always draws.
    first = _bernoulli_positions(n_samples, density, random) * n_features
    return np.sort(np.concatenate([first, inside[inside % n_features != 0]]))


def _bernoulli_positions(n_trials, probability, random):
    """Return the sorted positions of successes, in memory proportional to their number."""
    expected = n_trials * probability
    block = int(expected + 4 * np.sqrt(expected) + 10)
    blocks, last = [], -1
    while last < n_trials:
        blocks.append(last + np.cumsum(_waits(probability, block, n_trials + 1, random)))
        last = blocks[-1][-1]
    positions = np.concatenate(blocks)
    return positions[: np.searchsorted(positions, n_trials)]


def _run_lengths(starts, n_features, density, persistence, random):
    """Return for how many columns each drawn non-zero is kept."""
    row_end = (starts // n_features + 1) * n_features
    next_draw = np.minimum(np.append(starts[1:], row_end[-1:]), row_end)
    # A column that draws no non-zero still ends the run if it draws a zero.
    ends = (1 - persistence) * (1 - density) / (1 - (1 - persistence) * density)
    return np.minimum(_waits(ends, len(starts), n_features, random), next_draw - starts)


def _waits(probability, size, longest, random):
    """Return numbers of trials up to the first success, cut at `longest`."""
    # RandomState.geometric overflows its integer when the probability is tiny.
    rate = -np.log1p(-min(max(probability, 1e-300), 1 - 1e-16))
    waits = -np.log1p(-random.random_sample(size)) / rate
    return np.ceil(np.clip(waits, 1, longest)).astype(np.int64)
