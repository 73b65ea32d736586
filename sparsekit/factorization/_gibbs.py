"""Gibbs sampling of a factorisation: what is drawn in a sweep, and from which distribution."""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy import linalg, sparse, stats
from sklearn.utils import check_random_state

from sparsekit._parallel import single_blas_thread
from sparsekit._validation._memory import refuse_memory
from sparsekit._watch import Watch
from sparsekit.factorization._alternate import first_codes, transposed
from sparsekit.factorization._entry_losses import Ratings
from sparsekit.factorization._fitting import components_of
from sparsekit.factorization._popularity import column_counts
from sparsekit.factorization._rows import Exact, Rows
from sparsekit.factorization._sides import Model, Opposite, Side
from sparsekit.matrix._products import entry_products

# Codes that the prior's own mean counts as.
PRIOR_ROWS = 2.0
# Shape and rate of the Gamma prior of the noise's precision: next to nothing is known.
NOISE_SHAPE, NOISE_RATE = 0.5, 0.5
# Of four, in the unit of the entries, whose square must be a number still.
LARGEST_EXPONENT = 240


@dataclass(frozen=True)
class CodePrior:
    """Normal distribution that the codes of a side come from.

    Parameters
    ----------
    mean : ndarray of shape (rank,)
        Its mean.
    precision : ndarray of shape (rank, rank)
        Inverse of its covariance.
    """

    mean: np.ndarray
    precision: np.ndarray

    def scaled(self, scale: np.ndarray) -> "CodePrior":
        """Return the distribution of such codes times `scale`."""
        return CodePrior(self.mean * scale, self.precision / scale / scale[:, None])


def draw_prior(codes: np.ndarray, random_state: np.random.RandomState) -> CodePrior:
    """Draw mean and precision from their normal-Wishart posterior, given the codes of a side.

    Its own prior has mean 0, counts as `PRIOR_ROWS` codes, and expects the identity.
    """
    n, rank = codes.shape
    codes = codes.astype(np.float64)
    centre = codes.mean(axis=0)
    spread = (codes - centre).T @ (codes - centre)
    counted = PRIOR_ROWS + n
    shift = (PRIOR_ROWS * n / counted) * np.outer(centre, centre)
    scale = linalg.inv(rank * np.eye(rank) + spread + shift)
    wishart = stats.wishart(df=rank + n, scale=(scale + scale.T) / 2)
    precision = np.reshape(wishart.rvs(random_state=random_state), (rank, rank))
    # With U'U the precision of the mean, noise through the inverse of U has its covariance.
    factor = linalg.cholesky(counted * precision)
    noise = linalg.solve_triangular(factor, random_state.standard_normal(rank))
    return CodePrior(n * centre / counted + noise, precision)


def draw_precision(squares: float, n_entries: float, random_state: np.random.RandomState) -> float:
    """Draw the precision of the noise, given the sum of the entries' squared errors."""
    rate = NOISE_RATE + squares / 2
    return float(random_state.gamma(NOISE_SHAPE + n_entries / 2, 1 / rate))


def draw_codes(
    model: Model,
    side: Side,
    other: Side,
    prior: CodePrior | None,
    precision: float,
    random_state: np.random.RandomState,
    n_jobs: int | None,
) -> CodePrior:
    """Move the codes of a side to a draw, given those of the other; return their prior's draw.

    With a `prior`, that is taken instead.
    """
    if prior is None:
        with single_blas_thread():
            prior = draw_prior(side.codes, random_state)
    opposite = Opposite.of(model, other.codes)
    rows = conditional(model, side.X, side.weight, opposite, prior, precision)
    noise = random_state.standard_normal(side.codes.shape) / np.sqrt(precision)
    side.codes, _ = Exact(noise.astype(side.codes.dtype)).solve(rows, side.codes, n_jobs)
    return prior


def conditional(
    model: Model,
    X: sparse.csr_array,
    weight: np.ndarray | None,
    opposite: Opposite,
    prior: CodePrior,
    precision: float,
) -> Rows:
    """Return the systems of rows' codes given the other side's, over the noise's precision."""
    dtype = opposite.vectors.dtype
    pull = (prior.precision @ prior.mean / precision).astype(dtype)
    return Rows(
        X=X,
        loss=model.loss,
        factors=opposite.vectors,
        rank=model.rank,
        ridge=np.zeros(X.shape[0], dtype),
        weight=weight,
        offset=opposite.offset,
        base=prior.precision / precision,
        linear=np.broadcast_to(pull, (X.shape[0], model.rank)),
    )


def sampled_model(estimator: Any, mean: float) -> Model:
    """Return the model of the entries; what regularises it is drawn."""
    return Model(
        loss=Ratings(mean),
        n_components=int(estimator.n_components),
        biased=bool(estimator.fit_bias),
        unobserved=0.0,
        alpha=1.0,
        exponent=0.0,
    )


def sample(
    estimator: Any, X: sparse.csr_array, weight: np.ndarray | None, watch: Watch
) -> dict[str, Any]:
    """Return the fitted attributes: the draws that are kept, and their means."""
    random_state = check_random_state(estimator.random_state)
    mean = float(np.average(X.data, weights=weight)) if estimator.fit_bias and X.nnz else 0.0
    chain = _Chain.begin(estimator, X, weight, mean, random_state)
    kept_at = _kept_sweeps(estimator)
    draws = Kept(len(kept_at))
    counts = {"column_counts_": column_counts(X)}
    errors: list[float] = []
    for n in range(1, estimator.max_iter + 1):
        watch.begin()
        draw = chain.sweep(random_state, estimator.n_jobs)
        errors.append(chain.unit * float(np.sqrt(chain.squares / max(X.nnz, 1))))
        if n in kept_at:
            draws.add(draw)
        components = partial(components_of, chain.model, draw.columns)
        watch.reconstruction = partial(_seen, estimator, counts, chain.model, draws, draw, mean)
        if estimator.verbose:
            watch.say("sweep", n, errors[-1])
        asked = watch.wants_to_stop(n, errors[-1], components)
        if (watch.end(components) or asked) and draws.count:
            break
    curve = {"loss_curve_": np.array(errors), "n_iter_": len(errors)}
    return _posterior(chain.model, draws.stacked(), mean) | counts | curve


class Draw(NamedTuple):
    """What predictions need of a sweep."""

    rows: np.ndarray
    columns: np.ndarray
    prior_mean: np.ndarray
    prior_precision: np.ndarray
    noise_precision: np.float64

    def in_units(self, unit: float, n_components: int) -> "Draw":
        """Return the draw for entries that are `unit` times as large, an even power of two."""
        scale = code_scale(unit, self.rows.shape[1], n_components)
        by_code = scale.astype(self.rows.dtype)
        prior = CodePrior(self.prior_mean, self.prior_precision).scaled(scale)
        codes = self.rows * by_code, self.columns * by_code
        return Draw(*codes, prior.mean, prior.precision, self.noise_precision / unit**2)


class Kept:
    """Draws one upon another, as they come: stacked at the end, each would be there twice.

    Parameters
    ----------
    most : int
        How many there will be, unless the fit is stopped.
    """

    def __init__(self, most: int):
        self.most, self.count, self.arrays = most, 0, None

    def add(self, draw: Draw) -> None:
        """Keep a draw."""
        if self.arrays is None:
            parts = map(np.asarray, draw)
            self.arrays = Draw(*(np.empty((self.most, *p.shape), p.dtype) for p in parts))
        for array, part in zip(self.arrays, draw, strict=True):
            array[self.count] = part
        self.count += 1

    def stacked(self) -> Draw:
        """Return all parts with an axis of draws before theirs."""
        if self.count == self.most:
            return self.arrays
        return Draw(*(array[: self.count] for array in self.arrays))


def code_scale(unit: float, rank: int, n_components: int) -> np.ndarray:
    """Return what codes are to be multiplied by for entries that are `unit` times as large."""
    # Products grow by it, so factors by its root; biases are terms of their own.
    scale = np.full(rank, unit)
    scale[:n_components] = np.sqrt(unit)
    return scale


def _posterior(model: Model, draws: Draw, mean: float) -> dict[str, Any]:
    """Return the attributes that stacked draws give a model."""
    names = "row_draws_", "column_draws_", "row_prior_means_", "row_prior_precisions_"
    fitted = dict(zip((*names, "noise_precisions_"), draws, strict=True))
    columns = fitted["column_draws_"].mean(axis=0)
    fitted["components_"] = components_of(model, columns)
    biases = {"intercept_": mean, "column_bias_": columns[:, -1].copy()}
    return fitted | (biases if model.biased else {})


def _seen(
    estimator: Any,
    counts: dict[str, Any],
    model: Model,
    draws: Kept,
    draw: Draw,
    mean: float,
    components: np.ndarray,
) -> dict[str, Any]:
    """Return what a fit that stopped now would store; this draw, should none have been kept."""
    if draws.count == 0:
        draws = Kept(1)
        draws.add(draw)
    return estimator._of_input() | counts | _posterior(model, draws.stacked(), mean)


def unit_of(deviations: np.ndarray) -> float:
    """Return the even power of two that is nearest to the root mean square of these."""
    largest = float(np.abs(deviations).max(initial=0))
    if largest == 0:
        return 1.0
    typical = largest * float(np.sqrt(np.mean((deviations / largest) ** 2)))
    exponent = np.clip(round(np.log2(typical) / 2), -LARGEST_EXPONENT, LARGEST_EXPONENT)
    return 4.0 ** int(exponent)


@dataclass
class _Chain:
    """A Markov chain, where it stands, on entries of a size that its priors expect."""

    model: Model
    rows: Side
    columns: Side
    # What all entries were divided by.
    unit: float
    # Of the noise.
    precision: float
    squares: float = np.nan

    @classmethod
    def begin(
        cls,
        estimator: Any,
        X: sparse.csr_array,
        weight: np.ndarray | None,
        mean: float,
        random_state: np.random.RandomState,
    ) -> "_Chain":
        """Return a chain before its first sweep."""
        deviations = X.data.astype(np.float64) - mean
        unit = unit_of(deviations)
        model = sampled_model(estimator, mean / unit)
        refuse_memory(
            _needed_memory(X, model.rank, len(_kept_sweeps(estimator))),
            f"{type(estimator).__name__} with n_draws={estimator.n_draws!r}, X of shape {X.shape},",
            "Keep fewer draws, or choose fewer components.",
        )
        data = X.data / X.dtype.type(unit)
        X = sparse.csr_array((data, X.indices, X.indptr), shape=X.shape)
        by_column, column_weight = transposed(X, weight, estimator.n_jobs)
        sides = (
            Side(entries, first_codes(len_, model, X.dtype, random_state), np.zeros(len_), weights)
            for entries, len_, weights in (
                (X, X.shape[0], weight),
                (by_column, X.shape[1], column_weight),
            )
        )
        variance = float(np.mean((deviations / unit) ** 2)) if X.nnz else 1.0
        return cls(model, *sides, unit=unit, precision=1.0 / variance if variance > 0 else 1.0)

    def sweep(self, random_state: np.random.RandomState, n_jobs: int | None) -> Draw:
        """Draw everything once; return what predictions need of it."""
        first = np.isnan(self.squares)
        model, rows, columns = self.model, self.rows, self.columns
        # Small random codes say nothing of the distribution they come from.
        start = CodePrior(np.zeros(model.rank), np.eye(model.rank)) if first else None
        sides = ((columns, rows), (rows, columns))
        priors = [
            draw_codes(model, side, other, start, self.precision, random_state, n_jobs)
            for side, other in sides
        ]
        vectors = Opposite.of(model, columns.codes)
        left, right = rows.codes, vectors.vectors[:, : model.rank]
        errors = rows.X.data - model.loss.mean - entry_products(rows.X, left, right, n_jobs=n_jobs)
        if vectors.offset is not None:
            errors = errors - vectors.offset[rows.X.indices]
        weights = 1.0 if rows.weight is None else rows.weight
        self.squares = float((weights * errors.astype(np.float64) ** 2).sum())
        self.precision = draw_precision(self.squares, rows.X.nnz, random_state)
        prior = priors[1]
        noise = np.float64(self.precision)
        draw = Draw(rows.codes, columns.codes, prior.mean, prior.precision, noise)
        return draw.in_units(self.unit, model.n_components)


def _needed_memory(X: sparse.csr_array, rank: int, n_kept: int) -> float:
    """Return about how many bytes a fit takes, beside X."""
    itemsize, codes = X.dtype.itemsize, float(sum(X.shape)) * rank
    # Noise is drawn in double precision, and scaled there.
    noise = 16.0 * max(X.shape) * rank
    # Scaled entries, by row and by column, with their errors.
    entries = float(X.nnz) * (4 * itemsize + 12)
    return (n_kept + 5) * codes * itemsize + noise + entries


def _kept_sweeps(estimator: Any) -> set[int]:
    """Return which sweeps are kept, counted from one: evenly spaced, the last among them."""
    n_counted = estimator.max_iter - estimator.burn_in
    n_kept = min(estimator.n_draws, n_counted)
    return {
        int(n) for n in np.ceil(np.linspace(estimator.burn_in, estimator.max_iter, n_kept + 1))[1:]
    }
