"""What a fit of factors does, and what a fitted model does with new rows."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.utils import check_random_state

from sparsekit._parallel import single_blas_thread
from sparsekit._validation import check_sample_weight
from sparsekit._validation._memory import refuse_memory
from sparsekit._watch import Watch
from sparsekit.factorization._alternate import (
    Alternation,
    exact_method,
    first_codes,
    sweep_method,
    transposed,
)
from sparsekit.factorization._features import FeatureMap, own_features
from sparsekit.factorization._input import check_entry_weight
from sparsekit.factorization._popularity import Popularity
from sparsekit.factorization._sides import Model, Opposite, Side
from sparsekit.factorization._training import Trained, refuse_nothing_held, train
from sparsekit.matrix._blocks import cut_stored
from sparsekit.matrix._entries import hold_out_entries

# Entries counted at a time are so few as if each were this many multiplications.
ENTRY_WORK = 64
# Rows on which early stopping ranks what was held out; more would cost more than the sweeps.
RANKED_ROWS = 2000


class SideInformation(NamedTuple):
    """What `fit` is given beside X."""

    sample_weight: Any = None
    entry_weight: Any = None
    row_features: Any = None
    column_features: Any = None


class Entries(NamedTuple):
    """Entries of X with their weights, both as the loss reads them."""

    X: sparse.csr_array
    weight: np.ndarray | None


def learn(
    estimator: Any, X: sparse.csr_array, given: SideInformation, watch: Watch
) -> dict[str, Any]:
    """Return the attributes of a model fitted to the entries of X."""
    # All along: a second BLAS thread that has once worked spins on the core of ours.
    with single_blas_thread():
        return _learn(estimator, X, given, watch)


def _learn(
    estimator: Any, X: sparse.csr_array, given: SideInformation, watch: Watch
) -> dict[str, Any]:
    random_state = check_random_state(estimator.random_state)
    sample_weight = check_sample_weight(given.sample_weight, X.shape[0])
    if sample_weight is not None:
        sample_weight = sample_weight.astype(X.dtype)
    entry_weight = check_entry_weight(given.entry_weight, X)
    popularity = estimator._popularity(X, sample_weight)
    whole = Entries(*estimator._weighted(X, entry_weight, popularity))
    kept, held = whole, None
    if estimator.early_stopping:
        kept, held = _hold_out(whole, estimator.validation_fraction, random_state)
    model = estimator._model(estimator._mean(kept.X, _by_entry(kept, sample_weight)))
    model = replace(model, popularity=popularity)
    _refuse_size(estimator, X, model)
    alternation = _alternation(estimator, kept, sample_weight, given, model, random_state)
    trained = _train(estimator, alternation, held, watch, random_state)
    if kept is not whole:
        alternation.rows = _row_side(model, whole, sample_weight, alternation.rows)
    alternation.finish()
    return _fitted(alternation, trained, held is not None)


def fold_in(estimator: Any, X: sparse.csr_array, *, row_features: Any = None) -> np.ndarray:
    """Return the exact codes of rows of a fitted model."""
    model = fitted_model(estimator)
    X = X.astype(estimator.components_.dtype, copy=False)
    X, _ = estimator._weighted(X, None, model.popularity)
    n_rows = X.shape[0]
    dtype = estimator.components_.dtype
    rows = Side(
        X,
        np.zeros((n_rows, model.rank), dtype),
        observations(model, Entries(X, None), X.shape[1]),
        features=None
        if row_features is None
        else own_features(row_features, "row_features", n_rows, dtype),
        feature_map=feature_map(estimator, "row", row_features),
    )
    opposite = Opposite.of(model, column_codes(estimator), n_jobs=estimator.n_jobs)
    systems = rows.rows(model, opposite, estimator.n_jobs)
    codes, _ = exact_method(model, rows).solve(systems, rows.codes, estimator.n_jobs)
    return codes


def fitted_model(estimator: Any) -> Model:
    """Return what was minimised: components and biases are the fit's, whatever is set now."""
    biased = hasattr(estimator, "column_bias_")
    return replace(
        estimator._model(float(getattr(estimator, "intercept_", 0.0))),
        n_components=len(estimator.components_) - biased,
        biased=biased,
        popularity=Popularity.of_fitted(estimator),
    )


def column_codes(estimator: Any) -> np.ndarray:
    """Return the codes of the columns of a fitted model: their factors, and biases last."""
    factors = estimator.components_.T
    if not hasattr(estimator, "column_bias_"):
        return np.ascontiguousarray(factors)
    return np.column_stack((factors[:, :-1], estimator.column_bias_))


def observations(model: Model, entries: Entries, n_others: float) -> np.ndarray:
    """Return how much each row was observed, of which `n_others` entries by not being stored."""
    X, weight = entries
    counted = np.full(X.shape[0], model.unobserved * n_others)
    # In blocks: the curvatures of all entries at once would be the most memory of a fit.
    for start, stop in cut_stored(X.indptr, ENTRY_WORK):
        part = slice(X.indptr[start], X.indptr[stop])
        filled = start + np.flatnonzero(np.diff(X.indptr[start : stop + 1]))
        if len(filled):
            w = 1.0 if weight is None else weight[part]
            curvature = model.loss.entry_curvature(X.data[part], w)
            curvature = np.broadcast_to(curvature, X.data[part].shape)
            places = X.indptr[filled] - X.indptr[start]
            counted[filled] += np.add.reduceat(curvature, places, dtype=np.float64)
    return counted


def feature_map(estimator: Any, side: str, features: Any) -> FeatureMap | None:
    """Return how the codes of a side of a fitted model explain features that are given."""
    if features is None:
        return None
    if not hasattr(estimator, f"{side}_loadings_"):
        raise ValueError(
            f"{type(estimator).__name__} was fitted without `{side}_features`, so it cannot use "
            f"them now. Pass `{side}_features` to `fit` too."
        )
    loadings = getattr(estimator, f"{side}_loadings_")
    found = np.shape(features)[1] if len(np.shape(features)) == 2 else None
    if found != len(loadings):
        raise ValueError(
            f"`{side}_features` must have the {len(loadings)} columns of the fit; got {found}."
        )
    mean = getattr(estimator, f"{side}_features_mean_")
    return FeatureMap(mean, loadings, float(estimator.side_weight))


def _hold_out(
    whole: Entries, fraction: float, random_state: np.random.RandomState
) -> tuple[Entries, sparse.csr_array]:
    """Return the entries to learn from, and those to validate on."""
    X, weight = whole
    numbered = sparse.csr_array((np.arange(1.0, X.nnz + 1), X.indices, X.indptr), shape=X.shape)
    parts = []
    for part in hold_out_entries(numbered, fraction, random_state=random_state):
        places = part.data.astype(np.intp) - 1
        entries = sparse.csr_array((X.data[places], part.indices, part.indptr), shape=X.shape)
        parts.append(Entries(entries, None if weight is None else weight[places]))
    refuse_nothing_held(X, parts[1].X, fraction)
    return parts[0], parts[1].X


def _by_entry(entries: Entries, sample_weight: np.ndarray | None) -> np.ndarray | None:
    """Return the weights of entries where the weights of their rows count too."""
    X, weight = entries
    if sample_weight is None:
        return weight
    by_row = np.repeat(sample_weight, np.diff(X.indptr))
    return by_row if weight is None else by_row * weight


def _refuse_size(estimator: Any, X: sparse.csr_array, model: Model) -> None:
    """Refuse factors that do not fit into memory, before any is allocated."""
    refuse_memory(
        3.0 * sum(X.shape) * model.rank * X.dtype.itemsize + 2.0 * X.nnz * (X.dtype.itemsize + 4),
        f"{type(estimator).__name__} with n_components={estimator.n_components!r} on X of shape "
        f"{X.shape} with {X.nnz} entries",
        "Choose fewer components, or X in float32.",
    )


def _alternation(
    estimator: Any,
    entries: Entries,
    sample_weight: np.ndarray | None,
    given: SideInformation,
    model: Model,
    random_state: np.random.RandomState,
) -> Alternation:
    """Return the two sides at their start."""
    X = entries.X
    n_rows, n_columns = X.shape
    # Rows are solved first: where they begin is no matter, and a weight of two is a row twice.
    before = _fitted_codes(estimator, (n_rows, model.rank), (n_columns, model.rank))
    if before is None:
        row_codes = np.zeros((n_rows, model.rank), X.dtype)
        codes = first_codes(n_columns, model, X.dtype, random_state)
    else:
        row_codes, codes = (part.astype(X.dtype) for part in before)
    weights = _by_entry(entries, sample_weight)
    by_column, column_weight = transposed(X, weights, estimator.n_jobs)
    total = float(n_rows) if sample_weight is None else float(sample_weight.sum())
    features = [
        None if value is None else own_features(value, name, n, X.dtype)
        for value, name, n in (
            (given.row_features, "row_features", n_rows),
            (given.column_features, "column_features", n_columns),
        )
    ]
    rows = Side(X, row_codes, np.zeros(0), features=features[0])
    return Alternation(
        model,
        _row_side(model, entries, sample_weight, rows),
        Side(
            by_column,
            codes,
            observations(model, Entries(by_column, column_weight), total),
            weight=column_weight,
            features=features[1],
        ),
        sweep_method(estimator._solver(), estimator.cg_steps),
        float(estimator.side_weight),
        estimator.n_jobs,
    )


def _fitted_codes(estimator: Any, *shapes: tuple[int, int]) -> tuple[np.ndarray, ...] | None:
    """Return the codes of rows and columns that a warm start begins at, if it has such."""
    if not (estimator.warm_start and hasattr(estimator, "components_")):
        return None
    before = estimator.row_factors_, column_codes(estimator)
    return before if (before[0].shape, before[1].shape) == shapes else None


def _row_side(model: Model, entries: Entries, sample_weight: np.ndarray | None, side: Side) -> Side:
    """Return the side of the rows with these entries, where `side` stands."""
    return Side(
        entries.X,
        side.codes,
        observations(model, entries, entries.X.shape[1]),
        weight=entries.weight,
        row_weight=sample_weight,
        features=side.features,
        feature_map=side.feature_map,
    )


def _train(
    estimator: Any,
    alternation: Alternation,
    held: sparse.csr_array | None,
    watch: Watch,
    random_state: np.random.RandomState,
) -> Trained:
    """Sweep until somebody says stop; leave the sides at the best sweep."""

    def components() -> np.ndarray:
        return components_of(alternation.model, alternation.columns.codes)

    def attributes(components: np.ndarray) -> dict[str, Any]:
        return estimator._of_input() | _found(alternation)

    watch.reconstruction = attributes
    validate: Callable[[], float] | None = None
    if held is not None:
        chosen = np.flatnonzero(np.diff(held.indptr))
        if len(chosen) > RANKED_ROWS:
            chosen = np.sort(random_state.choice(chosen, RANKED_ROWS, replace=False))

        def validate() -> float:
            rows, columns = alternation.rows, alternation.columns
            return estimator._validate(alternation.model, rows, columns.codes, held, chosen)

    trained = train(watch, alternation.sweep, components, validate, alternation.keep)
    if trained.best is not None:
        alternation.restore(trained.best)
    return trained


def components_of(model: Model, codes: np.ndarray) -> np.ndarray:
    """Return the components of columns with these codes; rows' biases meet a row of ones."""
    components = codes.T.copy(order="F")
    if model.biased:
        components[-1] = 1
    return components


def column_attributes(model: Model, codes: np.ndarray, observed: np.ndarray) -> dict[str, Any]:
    """Return the attributes that columns with these codes give a fitted model."""
    attributes: dict[str, Any] = {
        "components_": components_of(model, codes),
        "column_observations_": observed,
    }
    return attributes | ({"column_bias_": codes[:, -1].copy()} if model.biased else {})


def _fitted(alternation: Alternation, trained: Trained, validated: bool) -> dict[str, Any]:
    """Return the attributes of the fitted model."""
    fitted = _found(alternation) | {"n_iter_": trained.n_iter, "loss_curve_": trained.loss_curve}
    if validated:
        fitted |= {
            "validation_scores_": trained.validation_scores,
            "best_iter_": int(np.argmax(trained.validation_scores)) + 1,
        }
    return fitted


def _found(alternation: Alternation) -> dict[str, Any]:
    """Return the attributes of a model whose factors are as they stand."""
    model, rows, columns = alternation.model, alternation.rows, alternation.columns
    found = column_attributes(model, columns.codes, columns.observations)
    found["row_factors_"] = rows.codes
    if model.biased:
        found["intercept_"] = model.loss.mean
    if model.popularity is not None:
        found |= model.popularity.attributes()
    for name, side in (("row", rows), ("column", columns)):
        if side.feature_map is not None:
            found |= {
                f"{name}_loadings_": side.feature_map.loadings,
                f"{name}_features_mean_": side.feature_map.mean,
            }
    return found
