"""A fitted factorisation that grows: rows that come later, and columns unknown to the fit."""

from typing import Any

import numpy as np
from scipy import sparse

from sparsekit.factorization._alternate import exact_method, transposed
from sparsekit.factorization._features import own_features
from sparsekit.factorization._fitting import (
    Entries,
    column_attributes,
    column_codes,
    feature_map,
    fitted_model,
    fold_in,
    observations,
)
from sparsekit.factorization._rows import Rows
from sparsekit.factorization._sides import Opposite, Side
from sparsekit.matrix._products import self_product


def appended_rows(estimator: Any, X: sparse.csr_array, row_features: Any) -> dict[str, Any]:
    """Return the attributes of a model that has seen these rows too.

    Near its codes q the old objective of a column is ``(z - q)' H (z - q)``, with H the mean outer
    product of the rows' codes times the column's observations, and its ridge. New entries are added
    to that.
    """
    model = fitted_model(estimator)
    dtype = estimator.components_.dtype
    new = fold_in(estimator, X, row_features=row_features)
    read, _ = estimator._weighted(X.astype(dtype, copy=False), None, model.popularity)
    everyone = Opposite.of(model, np.concatenate((estimator.row_factors_, new)))
    mean_form = self_product(np.ascontiguousarray(everyone.vectors[:, : model.rank]))
    mean_form /= len(everyone.vectors)
    known = estimator.column_observations_
    by_column, _ = transposed(read, None, estimator.n_jobs)
    added = observations(model, Entries(by_column, None), float(len(new)))
    newcomers, codes = Opposite.of(model, new), column_codes(estimator)
    side = Side(by_column, codes, known + added)
    # Of the old penalty at q, absolute values included.
    pull = model.ridge(known)[:, None] * codes
    signs = np.sign(codes[:, : model.n_components])
    pull[:, : model.n_components] += model.l1_ratio * model.strengths(known)[:, None] * signs
    systems = Rows(
        X=by_column,
        loss=model.loss,
        factors=newcomers.vectors,
        rank=model.rank,
        ridge=model.ridge(side.observations),
        offset=newcomers.offset,
        base=mean_form,
        scale=known + model.unobserved * len(new),
        linear=known[:, None] * (codes @ mean_form) + pull,
    )
    codes, _ = exact_method(model, side).solve(systems, codes, estimator.n_jobs)
    attributes = column_attributes(model, codes.astype(dtype, copy=False), side.observations)
    if model.popularity is not None:
        attributes |= model.popularity.with_rows(X).attributes()
    vars(estimator).update(attributes)
    rows = fold_in(estimator, X, row_features=row_features)
    return {"row_factors_": np.concatenate((estimator.row_factors_, rows))}


def appended_columns(estimator: Any, X: Any, column_features: Any) -> dict[str, Any]:
    """Return the attributes of a model with columns that their entries or features define."""
    model = fitted_model(estimator)
    dtype, n_rows = estimator.components_.dtype, len(estimator.row_factors_)
    if X is None and column_features is None:
        raise ValueError("`add_columns` needs `X`, `column_features`, or both; got neither.")
    X = _new_columns(estimator, X, column_features, n_rows).astype(dtype, copy=False)
    popularity = model.popularity and model.popularity.of_others(X)
    read, _ = estimator._weighted(X, None, popularity)
    by_column, _ = transposed(read, None, estimator.n_jobs)
    n_new = X.shape[1]
    side = Side(
        by_column,
        np.zeros((n_new, model.rank), dtype),
        observations(model, Entries(by_column, None), float(n_rows)),
        features=None
        if column_features is None
        else own_features(column_features, "column_features", n_new, dtype),
        feature_map=feature_map(estimator, "column", column_features),
    )
    opposite = Opposite.of(model, estimator.row_factors_, n_jobs=estimator.n_jobs)
    systems = side.rows(model, opposite, estimator.n_jobs)
    codes, _ = exact_method(model, side).solve(systems, side.codes, estimator.n_jobs)
    attributes = column_attributes(
        model,
        np.concatenate((column_codes(estimator), codes)),
        np.concatenate((estimator.column_observations_, side.observations)),
    )
    if popularity is not None:
        counts = model.popularity.counts, popularity.counts
        attributes["column_counts_"] = np.concatenate(counts)
    return attributes | {"n_features_in_": estimator.n_features_in_ + n_new}


def _new_columns(estimator: Any, X: Any, column_features: Any, n_rows: int) -> sparse.csr_array:
    """Return the entries of new columns, checked; none at all where only features are given."""
    if X is None:
        n_new = np.shape(column_features)[0]
        return sparse.csr_array((n_rows, n_new), dtype=estimator.components_.dtype)
    # The checks are a fit's, of as many columns as are new.
    stranger = type(estimator)(**estimator.get_params(deep=False))
    X = stranger._check_entries(X, reset=True)
    if X.shape[0] != n_rows:
        raise ValueError(
            f"`X` must have the {n_rows} rows of `row_factors_`, in their order; got {X.shape[0]}."
        )
    return X
