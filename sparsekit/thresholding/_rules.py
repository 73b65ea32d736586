"""Rules that choose a threshold: from the noise, from an estimated risk, or by what to keep.

Every rule is a function of vectors, of the standard deviation of the noise of each, and of the
options; it gives one threshold for each vector. Where the noise is zero the rules that read it
give zero: there is nothing to remove.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from sparsekit._sklearn import Integral, Interval, Real, StrOptions, validate_parameter_constraints
from sparsekit.thresholding._bayes import ebayes_threshold
from sparsekit.thresholding._formulas import SHRINK
from sparsekit.thresholding._noise import NOISE
from sparsekit.thresholding._scans import count_discoveries, count_energy, minimise_sure
from sparsekit.thresholding._shapes import as_threshold
from sparsekit.thresholding._vectors import Own, Vectors, along_axis


@dataclass(frozen=True)
class RuleOptions:
    """What single rules read beside the data and the noise."""

    threshold: Any = None
    n_nonzero_coefs: int | None = None
    fdr_level: float = 0.05
    quantile: float = 0.9
    energy: float = 0.95
    prior: str = "laplace"
    prior_scale: float | None = 0.5
    # Whether the shape keeps a value that equals the threshold.
    keeps_equal: bool = False


def fixed_threshold(vectors: Vectors, sigma: np.ndarray, options: RuleOptions) -> np.ndarray:
    """Return the threshold that was given."""
    return options.threshold


def universal_threshold(vectors: Vectors, sigma: np.ndarray, options: RuleOptions) -> np.ndarray:
    """Return ``sigma * sqrt(2 log n)``, which noise alone seldom exceeds.

    Donoho, Johnstone (1994), "Ideal spatial adaptation by wavelet shrinkage".
    """
    return sigma * np.sqrt(2.0 * np.log(vectors.size))


def minimax_threshold(vectors: Vectors, sigma: np.ndarray, options: RuleOptions) -> np.ndarray:
    """Return the threshold whose worst risk, relative to the ideal one, is least.

    Donoho, Johnstone (1994), "Ideal spatial adaptation by wavelet shrinkage", theorem 2.
    """
    return sigma * minimax_constant(vectors.size)


@cache
def minimax_constant(n: int) -> float:
    """Return the minimax threshold of soft shrinkage of n values with unit noise.

    The risk at zero rises and the risk at infinity falls with the threshold's fall; relative to
    the ideal risk, 1/n and 1 + 1/n, no mean between is worse, so the best threshold is where the
    two meet. The paper's table 2 (1.474 for 64, 2.232 for 1024, 3.310 for 65536) departs from
    this solution by up to 0.09 for large n; the approximation ``0.3936 + 0.1829 log2 n``, by 0.1.
    """

    def imbalance(t: float) -> float:
        at_zero = 2.0 * ((1.0 + t * t) * special.ndtr(-t) - t * _density(t))
        return (n + 1.0) * at_zero - (1.0 + t * t)

    return float(optimize.brentq(imbalance, 0.0, np.sqrt(2.0 * np.log(n)) + 1.0, xtol=1e-13))


def _density(t: float) -> float:
    return np.exp(-0.5 * t * t) / np.sqrt(2.0 * np.pi)


def sure_threshold(vectors: Vectors, sigma: np.ndarray, options: RuleOptions) -> np.ndarray:
    """Return the t of least estimated risk ``n - 2 #{|x| <= t} + sum min(|x|, t)**2``, over sigma.

    The estimate is Stein's for soft shrinkage; t is zero or a magnitude of the data, of equally
    good ones the smallest. As in waveslim and wavethresh, t may exceed the universal threshold.

    Donoho, Johnstone (1995), "Adapting to unknown smoothness via wavelet shrinkage".
    """
    found = np.empty(len(vectors))
    minimise_sure(vectors.magnitudes, vectors.starts, vectors.size, sigma, found)
    return found


def hybrid_threshold(vectors: Vectors, sigma: np.ndarray, options: RuleOptions) -> np.ndarray:
    """Return the universal threshold where hardly anything but noise is seen, else SURE's.

    Hardly anything: the mean of ``(x / sigma)**2 - 1`` is at most ``log2(n)**1.5 / sqrt(n)``.

    Donoho, Johnstone (1995), "Adapting to unknown smoothness via wavelet shrinkage", section 2.4.
    """
    n = vectors.size
    limit = 1.0 + np.log2(n) ** 1.5 / np.sqrt(n)
    sparse = vectors.mean_squares <= limit * sigma**2
    universal = universal_threshold(vectors, sigma, options)
    return np.where(sparse, universal, sure_threshold(vectors, sigma, options))


def bayes_threshold(vectors: Vectors, sigma: np.ndarray, options: RuleOptions) -> np.ndarray:
    """Return BayesShrink, ``sigma**2 / sqrt(mean(x**2) - sigma**2)``.

    Where the data vary no more than the noise, the largest magnitude.

    Chang, Yu, Vetterli (2000), "Adaptive wavelet thresholding for image denoising and
    compression".
    """
    signal = vectors.mean_squares - sigma**2
    varies = signal > 0
    return np.where(varies, sigma**2 / np.sqrt(np.where(varies, signal, 1.0)), vectors.ranked(1))


def fdr_threshold(vectors: Vectors, sigma: np.ndarray, options: RuleOptions) -> np.ndarray:
    """Return the smallest discovery of Benjamini and Hochberg's test that values are noise.

    The k discoveries are the largest k magnitudes, for the largest k whose smallest has the
    two-sided p-value ``p <= fdr_level * k / n``. Infinity if nothing is discovered.

    Abramovich, Benjamini (1996), "Adaptive thresholding of wavelet coefficients".
    """
    count = np.empty(len(vectors), dtype=np.intp)
    arrays = vectors.magnitudes, vectors.starts
    count_discoveries(*arrays, vectors.size, sigma, options.fdr_level, count)
    return np.where(count > 0, vectors.ranked(np.maximum(count, 1)), np.inf)


def top_k_threshold(vectors: Vectors, sigma: np.ndarray, options: RuleOptions) -> np.ndarray:
    """Return the threshold that keeps the `n_nonzero_coefs` largest magnitudes."""
    return _keeping(vectors, options.n_nonzero_coefs, options)


def quantile_threshold(vectors: Vectors, sigma: np.ndarray, options: RuleOptions) -> np.ndarray:
    """Return the threshold that sets the share `quantile` of the values to zero, rounded down."""
    return _keeping(vectors, quantile_count(vectors.size, options.quantile), options)


def quantile_count(size: int, quantile: float) -> int:
    """Return how many of `size` values the quantile keeps."""
    # 0.29 * 100 is a little less than 29.
    return size - int(quantile * size * (1.0 + 1e-12))


def energy_threshold(vectors: Vectors, sigma: np.ndarray, options: RuleOptions) -> np.ndarray:
    """Return the threshold that keeps the fewest values with the share `energy` of the squares."""
    return _keeping(vectors, energy_count(vectors, options.energy), options)


def energy_count(vectors: Vectors, energy: float) -> np.ndarray:
    """Return how many of the largest values hold the share `energy` of the squared norm."""
    if energy == 1.0:
        return np.maximum(vectors.counts, 1)
    count = np.empty(len(vectors), dtype=np.intp)
    count_energy(vectors.magnitudes, vectors.starts, energy, count)
    return np.maximum(count, 1)


def _keeping(vectors: Vectors, count: np.ndarray | int, options: RuleOptions) -> np.ndarray:
    """Return the smallest of the `count` largest magnitudes, or the largest of the others.

    The first is for shapes that keep a value equal to the threshold, the second for the others,
    so that all of them keep the same values.
    """
    return vectors.ranked(count if options.keeps_equal else count + 1)


Rule = Callable[[Vectors, np.ndarray, RuleOptions], np.ndarray]
RULES: dict[str, Rule] = {
    "fixed": fixed_threshold,
    "universal": universal_threshold,
    "minimax": minimax_threshold,
    "sure": sure_threshold,
    "hybrid": hybrid_threshold,
    "bayes": bayes_threshold,
    "ebayes": ebayes_threshold,
    "fdr": fdr_threshold,
    "top_k": top_k_threshold,
    "quantile": quantile_threshold,
    "energy": energy_threshold,
}
# Rules that do not ask how large the noise is.
NOISELESS = {"fixed", "top_k", "quantile", "energy"}

OPTION_CONSTRAINTS: dict[str, list] = {
    "n_nonzero_coefs": [Interval(Integral, 1, None, closed="left"), None],
    "fdr_level": [Interval(Real, 0, 1, closed="neither")],
    "quantile": [Interval(Real, 0, 1, closed="left")],
    "energy": [Interval(Real, 0, 1, closed="right")],
    "prior": [StrOptions({"laplace", "cauchy"})],
    "prior_scale": [Interval(Real, 0, None, closed="neither"), None],
}
RULE_CONSTRAINTS: dict[str, list] = {
    "rule": [StrOptions(set(RULES))],
    "shape": [StrOptions(set(SHRINK))],
    "threshold": [Interval(Real, 0, None, closed="both"), "array-like", None],
    **OPTION_CONSTRAINTS,
}
# The parameter without which a rule says nothing, and which says nothing to other rules.
OWN_PARAMETER = {"fixed": "threshold", "top_k": "n_nonzero_coefs"}


def check_own_parameters(rule: str, parameters: dict[str, Any]) -> None:
    """Raise ValueError where a rule lacks its parameter, or another rule's is set."""
    for owner, name in OWN_PARAMETER.items():
        given = parameters[name] is not None
        if rule == owner and not given:
            raise ValueError(f"rule={rule!r} needs `{name}`, which is None.")
        if rule != owner and given:
            raise ValueError(
                f"`{name}` is read by rule={owner!r} only, but rule={rule!r}. Set the rule to "
                f"{owner!r}, or leave `{name}` at None."
            )


def thresholds_of(
    vectors: Vectors, rule: str, sigma: np.ndarray, options: RuleOptions
) -> np.ndarray:
    """Return the threshold of each vector; of what is without noise, zero by rules that read it."""
    found = RULES[rule](vectors, sigma, options)
    return found if rule in NOISELESS else np.where(sigma > 0, found, 0.0)


@dataclass(frozen=True)
class Chooser:
    """A rule with its options, and what it knows of the noise: a number or how to estimate it."""

    rule: str
    noise: Any
    options: RuleOptions

    def __call__(self, vectors: Vectors, own: Own) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the threshold of each vector and, if the rule reads it, the noise."""
        if self.rule in NOISELESS:
            options = replace(self.options, threshold=own(self.options.threshold))
            return thresholds_of(vectors, self.rule, np.zeros(len(vectors)), options), None
        by_name = isinstance(self.noise, str)
        sigma = NOISE[self.noise](vectors) if by_name else own(self.noise)
        return thresholds_of(vectors, self.rule, sigma, self.options), sigma


def check_noise(noise: Any, name: str) -> None:
    """Raise ValueError unless noise is the name of an estimate or finite and non-negative."""
    if isinstance(noise, str) and noise in NOISE:
        return
    if isinstance(noise, str) or not np.isfinite(as_threshold(noise, name)).all():
        raise ValueError(
            f"`{name}` must be one of {sorted(NOISE)}, or finite and non-negative; got {noise!r}."
        )


def choose_threshold(
    x: ArrayLike,
    rule: str = "universal",
    sigma: ArrayLike | str = "mad",
    *,
    axis: int | None = None,
    shape: str = "soft",
    threshold: float | ArrayLike | None = None,
    n_nonzero_coefs: int | None = None,
    fdr_level: float = 0.05,
    quantile: float = 0.9,
    energy: float = 0.95,
    prior: str = "laplace",
    prior_scale: float | None = 0.5,
) -> Any:
    """Choose the threshold of data by a rule.

    Parameters
    ----------
    x : {array-like, sparse matrix, sparse array}
        Finite real values, at least one. Zeros that a sparse matrix does not store count as well.
    rule : str, default="universal"
        One of

        - "fixed": `threshold` itself;
        - "universal": ``sigma * sqrt(2 log n)``, above nearly all of pure noise [1]_;
        - "minimax": least worst risk relative to the ideal, half to 0.7 as large [1]_;
        - "sure": least estimated risk of soft shrinkage, by Stein's estimate [2]_;
        - "hybrid": "universal" where hardly anything but noise is seen, else "sure" [2]_;
        - "bayes": BayesShrink, ``sigma**2 / sqrt(mean(x**2) - sigma**2)``, and the largest
          magnitude where the data vary no more than the noise [3]_;
        - "ebayes": the posterior median's threshold under a prior with an atom at zero [4]_;
        - "fdr": the smallest of the values that a test at the level `fdr_level` discovers,
          infinity where it discovers none [5]_;
        - "top_k": keeps the `n_nonzero_coefs` largest magnitudes;
        - "quantile": sets the share `quantile` of the values to zero;
        - "energy": keeps the fewest values that hold the share `energy` of the squared norm.
    sigma : float, array-like or {"mad", "mad_zero", "std"}, default="mad"
        Standard deviation of the noise, one number or one for each threshold, or how to estimate
        it: see :func:`estimate_noise`. Where it is zero, so is the threshold of the rules that
        read it. "fixed", "top_k", "quantile" and "energy" do not read it.
    axis : int, default=None
        Axis along which a threshold is chosen; None takes all values together.
    shape : {"soft", "hard", "firm", "garrote"}, default="soft"
        What the threshold is for. "top_k", "quantile" and "energy" give "hard", which keeps a
        value that equals the threshold, the smallest magnitude to keep, and the others, which do
        not, the largest one to drop: so all keep the same values. "sure", "fdr" and, where it
        finds noise alone, "bayes" give a magnitude of the data whatever the shape; "hard" keeps
        the value it belongs to, and the others make it zero.
    threshold : float or array-like, default=None
        The threshold of "fixed", one number or one for each vector; non-negative.
    n_nonzero_coefs : int, default=None
        How many values "top_k" keeps; at least 1. Ties with the threshold are kept with the
        shape "hard", and dropped with the others.
    fdr_level : float, default=0.05
        Share of false discoveries that "fdr" tolerates; in (0, 1).
    quantile : float, default=0.9
        Share of the values that "quantile" sets to zero, rounded down to a count; in [0, 1).
    energy : float, default=0.95
        Share of the squared norm that "energy" keeps; in (0, 1].
    prior : {"laplace", "cauchy"}, default="laplace"
        Prior of "ebayes" for the values that are not noise alone.
    prior_scale : float, default=0.5
        Rate of the Laplace prior, per standard deviation of the noise; positive. None estimates
        it together with the weight, between 0.04 and 3.

    Returns
    -------
    threshold : float or ndarray
        One float64 for each vector along `axis`.

    See Also
    --------
    shrink : Apply a threshold.

    References
    ----------
    .. [1] Donoho, Johnstone (1994), "Ideal spatial adaptation by wavelet shrinkage".
    .. [2] Donoho, Johnstone (1995), "Adapting to unknown smoothness via wavelet shrinkage".
    .. [3] Chang, Yu, Vetterli (2000), "Adaptive wavelet thresholding for image denoising and
       compression".
    .. [4] Johnstone, Silverman (2004), "Needles and straw in haystacks: empirical Bayes estimates
       of possibly sparse sequences".
    .. [5] Abramovich, Benjamini (1996), "Adaptive thresholding of wavelet coefficients".

    Examples
    --------
    >>> from sparsekit.thresholding import choose_threshold, hard
    >>> x = [0.3, -4.0, 0.1, 2.0, -0.2]
    >>> t = choose_threshold(x, "top_k", n_nonzero_coefs=2, shape="hard")
    >>> hard(x, t).tolist()
    [0.0, -4.0, 0.0, 2.0, 0.0]
    """
    required = {"threshold": threshold, "n_nonzero_coefs": n_nonzero_coefs}
    plain = {"fdr_level": fdr_level, "quantile": quantile, "energy": energy}
    options = {**required, **plain, "prior": prior, "prior_scale": prior_scale}
    validate_parameter_constraints(
        RULE_CONSTRAINTS, {"rule": rule, "shape": shape, **options}, caller_name="choose_threshold"
    )
    check_own_parameters(rule, required)
    check_noise(sigma, "sigma")
    if threshold is not None:
        options["threshold"] = as_threshold(threshold, "threshold")
    choose = Chooser(rule, sigma, RuleOptions(**options, keeps_equal=shape == "hard"))
    return along_axis(lambda vectors, own: choose(vectors, own)[0], x, axis)
