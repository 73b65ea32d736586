"""What a fit of ranking factors does: descend until somebody says stop, then code the rows."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from sparsekit._compile import kernel
from sparsekit._simd import aligned_empty, padded
from sparsekit._validation._memory import refuse_memory
from sparsekit._watch import Watch
from sparsekit.factorization._popularity import column_counts
from sparsekit.factorization._ranking_average import Average
from sparsekit.factorization._ranking_blocks import Schedule
from sparsekit.factorization._ranking_descent import Descent, Factors, Steps
from sparsekit.factorization._ranking_losses import LOSSES
from sparsekit.factorization._ranking_rows import solve_codes
from sparsekit.factorization._training import Trained, refuse_nothing_held, train
from sparsekit.matrix._entries import hold_out_entries
from sparsekit.matrix._top import ProductScores, top_per_row
from sparsekit.metrics import ndcg_at_k

# Of the first factors, times the root of the rank.
FIRST_DEVIATION = 0.5
# As if each row and column had met so many pairs of equal scores, where the square is a quarter.
# With less the first steps may be so long that factors explode, with more they are slow.
FIRST_SQUARES = 10
# Rows on which early stopping ranks what was held out, and how many columns of each.
RANKED_ROWS = 2000
AT = 10
# Entries that are counted in one call of a kernel.
CALL_ENTRIES = 2**24


def learn(estimator: Any, X: sparse.csr_array, watch: Watch) -> dict[str, Any]:
    """Return the attributes of a model fitted to the entries of X."""
    _refuse_size(estimator, X)
    random_state = check_random_state(estimator.random_state)
    kept, held = X, None
    if estimator.early_stopping:
        kept, held = _hold_out(estimator, X, random_state)
    descent = _start(estimator, kept, random_state)
    average = _average(descent, held)
    trained = _train(estimator, descent, average, kept, held, watch, random_state)
    columns, biases = average.means[:2] if trained.best is None else trained.best
    fitted = {
        "components_": np.ascontiguousarray(columns[:, : int(estimator.n_components)]).T,
        "column_bias_": biases[:, 0],
        "column_counts_": column_counts(kept),
        "n_iter_": trained.n_iter,
        "loss_curve_": trained.loss_curve,
    }
    if held is not None:
        fitted |= {
            "validation_scores_": trained.validation_scores,
            "best_iter_": int(np.argmax(trained.validation_scores)) + 1,
        }
    return fitted | {"row_factors_": fold_in(estimator, X, fitted)}


def fold_in(estimator: Any, X: sparse.csr_array, fitted: dict[str, Any]) -> np.ndarray:
    """Return the codes of rows, given the attributes of a fitted model."""
    columns = fitted["components_"].T
    loss = _loss(estimator, columns.dtype)
    return solve_codes(
        X, columns, fitted["column_bias_"], loss, float(estimator.alpha), estimator.n_jobs
    )


def _loss(estimator: Any, dtype: np.dtype) -> Any:
    """Return the loss of a pair; a seen column of `n_negatives` pairs counts once in all."""
    return LOSSES[estimator.loss](dtype.type(1), dtype.type(1 / estimator.n_negatives))


def _refuse_size(estimator: Any, X: sparse.csr_array) -> None:
    """Refuse factors that do not fit into memory, before any is allocated."""
    refuse_memory(
        3.0 * sum(X.shape) * int(estimator.n_components) * X.dtype.itemsize + 8.0 * X.nnz,
        f"{type(estimator).__name__} with n_components={estimator.n_components!r} on X of shape "
        f"{X.shape} with {X.nnz} entries",
        "Choose fewer components, or X in float32.",
    )


def _hold_out(
    estimator: Any, X: sparse.csr_array, random_state: np.random.RandomState
) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Return the entries to learn from, and those to validate on."""
    fraction = estimator.validation_fraction
    kept, held = hold_out_entries(X, fraction, random_state=random_state)
    refuse_nothing_held(X, held, fraction)
    return kept, held


def _start(estimator: Any, X: sparse.csr_array, random_state: np.random.RandomState) -> Descent:
    """Return a descent that has not begun."""
    generator = np.random.default_rng(random_state.randint(2**32, size=4, dtype=np.uint32))
    n_rows, n_columns = X.shape
    n_components, n_negatives = int(estimator.n_components), int(estimator.n_negatives)
    number = X.dtype.type

    def first_factors(n):
        factors = aligned_empty((n, padded(n_components, X.dtype)), X.dtype)
        factors[:, n_components:] = 0
        factors[:, :n_components] = generator.standard_normal((n, n_components), dtype=X.dtype)
        factors *= number(FIRST_DEVIATION / np.sqrt(n_components))
        return factors

    factors = Factors(
        first_factors(n_rows),
        first_factors(n_columns),
        np.zeros(n_columns, X.dtype),
        np.full(n_rows, FIRST_SQUARES, X.dtype),
        np.full(n_columns, FIRST_SQUARES, X.dtype),
    )
    rate, alpha = number(estimator.learning_rate), number(estimator.alpha)
    return Descent(
        Schedule.of(X, n_negatives, generator),
        factors,
        _loss(estimator, X.dtype),
        Steps(rate, alpha, number(1), number(0.5), n_negatives),
        generator,
        estimator.n_jobs,
    )


def _average(descent: Descent, held: sparse.csr_array | None) -> Average:
    """Return means of the columns, of their biases, and of the rows if these are validated."""
    factors = descent.factors
    watched = factors.columns, factors.biases[:, None]
    if held is not None:
        watched = (*watched, factors.rows)
    return Average(watched, descent.n_jobs)


def _train(
    estimator: Any,
    descent: Descent,
    average: Average,
    X: sparse.csr_array,
    held: sparse.csr_array | None,
    watch: Watch,
    random_state: np.random.RandomState,
) -> Trained:
    """Descend until somebody says stop."""
    columns, biases = average.means[:2]
    visits = Visits(X)

    def epoch() -> float:
        loss = descent.epoch()
        average.add()
        if not np.isfinite(loss):
            raise ValueError(
                f"{type(estimator).__name__} diverged: the loss of epoch {average.n_epochs} is "
                f"{loss!r}. Decrease `learning_rate` ({estimator.learning_rate!r})."
            )
        penalty = visits.mean_square(descent.factors, descent.schedule.order)
        return loss + 0.5 * float(estimator.alpha) * penalty

    def components() -> np.ndarray:
        # Shown beside the components to those who listen.
        estimator.column_bias_ = biases[:, 0].copy()
        return columns[:, : int(estimator.n_components)].T.copy(order="F")

    def keep() -> tuple[np.ndarray, np.ndarray]:
        return columns.copy(), biases.copy()

    def attributes(components: np.ndarray) -> dict[str, Any]:
        rows = np.empty_like(descent.factors.rows)
        rows[descent.schedule.order] = descent.factors.rows
        found = {"components_": components, "column_bias_": biases[:, 0].copy()}
        found["row_factors_"] = rows[:, : len(components)]
        found["column_counts_"] = column_counts(X)
        return estimator._of_input() | found

    watch.reconstruction = attributes
    validate = None
    if held is not None:
        validate = _validation(average, descent.schedule.order, X, held, random_state)
    trained = train(watch, epoch, components, validate, keep)
    _warn_if_risen(estimator, descent, trained.loss_curve[-1])
    return trained


def _validation(
    average: Average,
    order: np.ndarray,
    X: sparse.csr_array,
    held: sparse.csr_array,
    random_state: np.random.RandomState,
) -> Callable[[], float]:
    """Return what tells how well the entries that were held out rank among all that are unknown."""
    chosen = np.flatnonzero(np.diff(held.indptr))
    if len(chosen) > RANKED_ROWS:
        chosen = np.sort(random_state.choice(chosen, RANKED_ROWS, replace=False))
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    known, hidden, n = X[chosen], held[chosen], min(AT, X.shape[1])

    def validate() -> float:
        columns, biases, rows = average.means
        codes = np.column_stack((rows[places[chosen]], np.ones(len(chosen), rows.dtype)))
        scores = ProductScores(codes, np.column_stack((columns, biases)))
        recommended, _ = top_per_row(scores, n, exclude=known, n_jobs=average.n_jobs)
        return ndcg_at_k(hidden, recommended, n)

    return validate


def _warn_if_risen(estimator: Any, descent: Descent, objective: float) -> None:
    """Warn of a fit that came to more than what factors of zeros cost."""
    nothing, _, _ = descent.loss.pair_slopes(0.0, 0.0)
    if objective > nothing:
        warnings.warn(
            f"{type(estimator).__name__} ended at an objective of {objective:.3g}; factors of "
            f"zeros have {nothing:.3g}. Decrease `learning_rate` ({estimator.learning_rate!r}), "
            f"or increase `max_iter` ({estimator.max_iter!r}).",
            ConvergenceWarning,
            stacklevel=5,
        )


class Visits:
    """How often an epoch is expected to meet each row and column in a pair, relatively.

    Parameters
    ----------
    X : csr_array
        Canonical; only where it has entries matters.
    """

    def __init__(self, X: sparse.csr_array):
        n_rows, n_columns = X.shape
        counts = np.diff(X.indptr).astype(np.float64)
        # A row that has seen everything is in no pair.
        self.rows = np.where(counts < n_columns, counts, 0)
        unseen = np.divide(self.rows, n_columns - counts, out=np.zeros(n_rows), where=self.rows > 0)
        self.columns = np.full(n_columns, unseen.sum())
        gains = np.where(self.rows > 0, 1 - unseen, 0)
        cuts = np.searchsorted(X.indptr, np.arange(CALL_ENTRIES, X.nnz, CALL_ENTRIES))
        for start, stop in zip([0, *cuts], [*cuts, n_rows], strict=True):
            add_by_column(X.indices, X.indptr, gains, self.columns, start, stop)

    def mean_square(self, factors: Factors, order: np.ndarray) -> float:
        """Return the mean, over pairs, of the squared norms of all that a pair moves."""
        rows, columns, biases, *_ = factors
        with np.errstate(over="ignore"):
            total = self.rows[order] @ np.einsum("ik,ik->i", rows, rows)
            total += self.columns @ (np.einsum("jk,jk->j", columns, columns) + biases**2)
        return float(total / max(self.rows.sum(), 1))


@kernel
def add_by_column(indices, indptr, gains, totals, start, stop):
    """Add the gain of each of the rows start..stop to the totals of its columns."""
    for i in range(start, stop):
        for t in range(indptr[i], indptr[i + 1]):
            totals[indices[t]] += gains[i]
