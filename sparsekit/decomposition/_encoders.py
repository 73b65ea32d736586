"""The algorithms that code a signal, by name: what each is made of and which options it takes."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsekit._validation import check_feature_weights
from sparsekit.coding import (
    ActiveSetLasso,
    Fista,
    HardThresholding,
    OrthogonalPursuit,
    SoftThreshold,
    TopK,
)
from sparsekit.decomposition._least_angle import LeastAngle


@dataclass(frozen=True)
class CodingOptions:
    """What a user asked of an algorithm; None where nothing was said."""

    n_nonzero_coefs: int | None = None
    alpha: float | None = None
    tol: float | None = None
    l1_ratio: float | None = None
    feature_weights: Any = None
    positive: bool = False
    max_iter: int = 1000


@dataclass(frozen=True)
class Algorithm:
    """One algorithm: how it is made, and what it can be told."""

    build: Callable[[CodingOptions, int, int], Any]
    takes: frozenset[str]
    # Whether codes have few entries whatever the data, so that they are sparse unless asked.
    greedy: bool = False
    signs: tuple[bool, ...] = (False, True)


def _pursuit(selection: str, positive: bool | None = None) -> Callable:
    def build(options: CodingOptions, n_atoms: int, n_features: int) -> OrthogonalPursuit:
        tol = _residual(options)
        sign = options.positive if positive is None else positive
        count = _count(options, n_atoms, n_features, unlimited=tol is not None)
        return OrthogonalPursuit(count, tol or 0.0, selection, sign)

    return build


def _lasso(options: CodingOptions, n_atoms: int, n_features: int) -> ActiveSetLasso:
    return ActiveSetLasso(
        _strength(options), _share(options), _weights(options, n_atoms), options.positive
    )


def _fista(options: CodingOptions, n_atoms: int, n_features: int) -> Fista:
    return Fista(
        _strength(options),
        _share(options),
        _weights(options, n_atoms),
        options.positive,
        options.max_iter,
        1e-6 if options.tol is None else options.tol,
    )


def _soft_threshold(options: CodingOptions, n_atoms: int, n_features: int) -> SoftThreshold:
    return SoftThreshold(_strength(options), options.positive)


def _top_k(options: CodingOptions, n_atoms: int, n_features: int) -> TopK:
    count = min(_default_count(options, n_features), n_atoms)
    return TopK(count, options.positive)


def _iht(options: CodingOptions, n_atoms: int, n_features: int) -> HardThresholding:
    count = _count(options, n_atoms, n_features)
    return HardThresholding(count, options.positive, options.max_iter, options.tol or 0.0)


def _lasso_path(options: CodingOptions, n_atoms: int, n_features: int) -> LeastAngle:
    return LeastAngle("lasso", _strength(options), options.max_iter, options.positive)


def _lar_path(options: CodingOptions, n_atoms: int, n_features: int) -> LeastAngle:
    count = _count(options, n_atoms, n_features)
    return LeastAngle("lar", 0.0, count, options.positive)


STEPWISE = frozenset({"n_nonzero_coefs", "alpha", "tol"})
PENALISED = frozenset({"alpha", "l1_ratio", "feature_weights"})
ALGORITHMS = {
    "omp": Algorithm(_pursuit("omp"), STEPWISE, greedy=True),
    "ormp": Algorithm(_pursuit("ormp"), STEPWISE, greedy=True, signs=(False,)),
    "nn_omp": Algorithm(_pursuit("omp", positive=True), STEPWISE, greedy=True),
    "lasso": Algorithm(_lasso, PENALISED),
    "fista": Algorithm(_fista, PENALISED | {"tol"}),
    "lasso_lars": Algorithm(_lasso_path, frozenset({"alpha"})),
    "threshold": Algorithm(_soft_threshold, frozenset({"alpha"})),
    "top_k": Algorithm(_top_k, frozenset({"n_nonzero_coefs"}), greedy=True),
    "iht": Algorithm(_iht, frozenset({"n_nonzero_coefs", "tol"}), greedy=True),
    "lars": Algorithm(_lar_path, frozenset({"n_nonzero_coefs"}), signs=(False,)),
}
# scikit-learn's names for the lasso by coordinate descent; the codes are the same.
ALGORITHMS |= dict.fromkeys(("lasso_cd", "cd"), ALGORITHMS["lasso"])


# Options that estimators have under the same name as `sparse_encode`.
UNPREFIXED = {"l1_ratio", "feature_weights"}


def make_encoder(
    algorithm: str, options: CodingOptions, n_atoms: int, n_features: int, prefix: str = ""
) -> Any:
    """Return the encoder that a user asked for.

    Parameters
    ----------
    algorithm : str
        A key of `ALGORITHMS`.
    options : CodingOptions
        What it was told.
    n_atoms, n_features : int
        Shape of the dictionary.
    prefix : str, default=""
        What stands before the names of the options where the user set them.

    Returns
    -------
    encoder : object
        With the method `encode` of `sparsekit.coding`.

    Raises
    ------
    ValueError
        If the algorithm does not take one of the options.
    """
    refuse_options(algorithm, options, prefix)
    return ALGORITHMS[algorithm].build(options, n_atoms, n_features)


def refuse_options(algorithm: str, options: CodingOptions, prefix: str = "") -> None:
    """Raise ValueError if an algorithm does not take one of the options."""
    chosen = ALGORITHMS[algorithm]
    for name in sorted((STEPWISE | PENALISED) - chosen.takes):
        if getattr(options, name) is not None:
            written = name if name in UNPREFIXED else prefix + name
            able = sorted(other for other, entry in ALGORITHMS.items() if name in entry.takes)
            raise ValueError(
                f"algorithm={algorithm!r} does not take `{written}`, which is not None. "
                f"Leave it out, or choose one of {able}."
            )
    if options.positive not in chosen.signs:
        raise ValueError(
            f"algorithm={algorithm!r} cannot keep codes positive. Choose 'nn_omp' or 'lasso'."
        )


def _strength(options: CodingOptions) -> float:
    return 1.0 if options.alpha is None else float(options.alpha)


def _share(options: CodingOptions) -> float:
    return 1.0 if options.l1_ratio is None else float(options.l1_ratio)


def _weights(options: CodingOptions, n_atoms: int) -> np.ndarray | None:
    return check_feature_weights(options.feature_weights, n_atoms)


def _residual(options: CodingOptions) -> float | None:
    """Return the squared norm at which a pursuit stops; `alpha` is scikit-learn's name for it."""
    if options.tol is not None and options.alpha is not None:
        raise ValueError(
            f"`alpha` is another name of `tol` for a greedy algorithm, but both are given: "
            f"alpha={options.alpha!r}, tol={options.tol!r}. Leave one out."
        )
    return options.alpha if options.tol is None else options.tol


def _default_count(options: CodingOptions, n_features: int) -> int:
    if options.n_nonzero_coefs is not None:
        return int(options.n_nonzero_coefs)
    return max(n_features // 10, 1)


def _count(options: CodingOptions, n_atoms: int, n_features: int, unlimited: bool = False) -> int:
    """Return how many atoms a signal may have: no more than there are dimensions."""
    most = min(n_atoms, n_features)
    if options.n_nonzero_coefs is None and unlimited:
        return most
    count = _default_count(options, n_features)
    if count > n_features:
        warnings.warn(
            f"n_nonzero_coefs={count} exceeds the number of features, {n_features}: no more "
            "atoms than that can be independent, so at most that many are used.",
            UserWarning,
            stacklevel=4,
        )
    return min(count, most)
