"""What factorisations are given: entries in any form, weights beside them, and what is wrong.

Forms of X, bad parameters and failing fits of all transformers: `tests/transformers`.
"""

import copy

import numpy as np
import pytest
from scipy import sparse

from sparsekit._validation import _memory
from sparsekit.factorization import ImplicitFactorization, MatrixFactorization
from sparsekit.model_selection import SparseEntries
from tests.transformers._estimators import assert_same_state, state

CLASSES = [MatrixFactorization, ImplicitFactorization]
both = pytest.mark.parametrize("cls", CLASSES)


def with_value(X, value):
    X = X.copy()
    X.data = X.data.copy()
    X.data[3] = value
    return X


def beside(X, values):
    """Return values in the structure of X."""
    return sparse.csr_array((values, X.indices, X.indptr), shape=X.shape)


@both
def test_entries_chosen_as_samples_are_the_matrix_of_them(cls, plays):
    entries = SparseEntries(plays)
    chosen = entries[np.arange(0, len(entries), 2)]
    model = cls(3, random_state=0).fit(chosen)
    assert_same_state(model, cls(3, random_state=0).fit(chosen.to_csr()))
    np.testing.assert_array_equal(model.transform(chosen), model.row_factors_)


@both
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_before_any_work(cls, value, plays):
    told = []
    model = cls(3, callback=told.append)
    message = "contains NaN.*Leave" if np.isnan(value) else "contains infinity"
    with pytest.raises(ValueError, match=message):
        model.fit(with_value(plays, value))
    assert not told and not state(model)
    model.set_params(callback=None).fit(plays)
    for method in (model.transform, model.recommend, model.partial_fit, model.score):
        with pytest.raises(ValueError, match=message):
            method(with_value(plays, value))


def test_nan_of_a_dense_matrix_is_refused_where_nothing_is_unobserved(plays):
    dense = plays.toarray()
    dense[2, 3] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        ImplicitFactorization(3).fit(dense)
    assert MatrixFactorization(3).fit(dense).column_observations_[3] == 39


def test_a_row_or_a_column_that_is_nan_all_over_has_no_entries(ratings):
    dense = ratings.toarray()
    dense[4], dense[:, 6] = np.nan, np.nan
    model = MatrixFactorization(3, random_state=0).fit(dense)
    assert not model.row_factors_[4].any() and model.column_observations_[6] == 0
    nothing = np.full((3, 25), np.nan)
    assert not model.transform(nothing).any()
    model.fit(nothing)
    assert model.intercept_ == 0 and not model.row_factors_.any()


@both
def test_a_matrix_without_entries_is_fitted_by_zero(cls):
    model = cls(3, random_state=0).fit(sparse.csr_array((6, 5)))
    assert not model.row_factors_.any()
    assert (model.transform(sparse.csr_array((2, 5))) == 0).all()
    indices, scores = model.recommend(sparse.csr_array((2, 5)), 2)
    np.testing.assert_array_equal(indices, [[0, 1], [0, 1]])
    np.testing.assert_allclose(scores, 0, atol=1e-12)


@both
def test_duplicates_are_summed_on_a_copy(cls, plays):
    halves = sparse.csr_array(
        (np.repeat(plays.data / 2, 2), np.repeat(plays.indices, 2), 2 * plays.indptr),
        shape=plays.shape,
    )
    before = halves.data.copy()
    expected = cls(3, random_state=0).fit(plays)
    assert_same_state(cls(3, random_state=0).fit(halves), expected)
    np.testing.assert_array_equal(expected.transform(halves), expected.row_factors_)
    np.testing.assert_array_equal(halves.data, before)


# Weights of entries


def spoilt(values, value):
    values = values.copy()
    values[5] = value
    return values


BAD_WEIGHTS = {
    "dense": (lambda X: X.toarray(), "must be a sparse matrix of the shape of X"),
    "list": (lambda X: [1.0, 2.0], "must be a sparse matrix of the shape of X.*list"),
    "shape": (lambda X: X[:7], r"shape of X, \(40, 25\); got .* \(7, 25\)"),
    "turned": (lambda X: X[:25, :].T, "shape of X"),
    "missing": (lambda X: beside(X[::-1], X[::-1].data), "wherever X does; .* have none"),
    "negative": (lambda X: beside(X, spoilt(X.data, -0.5)), "non-negative and finite; got .*-0.5"),
    "NaN": (lambda X: beside(X, spoilt(X.data, np.nan)), "non-negative and finite"),
    "infinite": (lambda X: beside(X, spoilt(X.data, np.inf)), "non-negative and finite"),
    "zero": (lambda X: beside(X, np.zeros(X.nnz)), "at least one non-zero number"),
}


@both
@pytest.mark.parametrize("case", BAD_WEIGHTS)
def test_bad_entry_weights_are_refused(cls, case, plays):
    spoil, message = BAD_WEIGHTS[case]
    model = cls(3)
    with pytest.raises(ValueError, match=f"(?s)`entry_weight`.*{message}"):
        model.fit(plays, entry_weight=spoil(plays))
    assert not state(model)


@both
def test_entry_weights_come_in_any_form(cls, plays, rng):
    weight = beside(plays, 0.5 + rng.random(plays.nnz))
    expected = cls(3, random_state=0).fit(plays, entry_weight=weight)
    for form in (weight.tocsc(), sparse.coo_matrix(weight), weight.astype(np.float32)):
        model = cls(3, random_state=0).fit(plays, entry_weight=form)
        np.testing.assert_allclose(model.components_, expected.components_, atol=1e-5)


@both
def test_weights_of_what_is_no_entry_are_not_looked_at(cls, plays, rng):
    # As where some of the entries are held out.
    weight = beside(plays, 0.5 + rng.random(plays.nnz))
    entries = SparseEntries(plays)
    part = entries[np.sort(rng.permutation(len(entries))[:200])]
    same = sparse.csr_array(weight.multiply(part.to_csr() != 0))
    assert same.nnz == 200
    assert_same_state(
        cls(3, random_state=0).fit(part, entry_weight=weight),
        cls(3, random_state=0).fit(part, entry_weight=same),
    )


@both
@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(7), r"must have shape \(40,\)"),
        (-np.ones(40), "must be non-negative"),
        (np.full(40, np.nan), "must be finite"),
        (np.zeros(40), "at least one non-zero number"),
    ],
)
def test_bad_sample_weights_are_refused(cls, weight, message, plays):
    with pytest.raises(ValueError, match=message):
        cls(3).fit(plays, sample_weight=weight)


# Sizes and settings


@both
def test_more_components_than_rows_and_columns_are_fine(cls, plays):
    model = cls(60, random_state=0).fit(plays)
    n_codes = 60 + (cls is MatrixFactorization)
    assert model.components_.shape == (n_codes, 25) and model.row_factors_.shape == (40, n_codes)
    assert np.isfinite(model.components_).all()
    one = cls(5, random_state=0).fit(plays[:1])
    assert one.row_factors_.shape[0] == 1


@both
def test_what_does_not_fit_into_memory_is_refused_before_it_is_made(cls, plays, monkeypatch):
    monkeypatch.setattr(_memory, "_physical_memory", lambda: 2**20)
    model = cls(10**4)
    with pytest.raises(MemoryError, match=r"n_components=10000 on X of shape \(40, 25\).* GiB"):
        model.fit(plays)
    assert not state(model)
    cls(3).fit(plays)


@both
def test_settings_changed_after_the_fit_do_not_change_what_the_factors_are(cls, plays):
    model = cls(3, random_state=0).fit(plays)
    before = copy.deepcopy(model)
    changes = {"n_components": 50}
    if cls is MatrixFactorization:
        changes["fit_bias"] = False
    model.set_params(**changes)
    np.testing.assert_array_equal(model.transform(plays), before.row_factors_)
    np.testing.assert_array_equal(model.recommend(plays, 3)[0], before.recommend(plays, 3)[0])
    np.testing.assert_array_equal(model.similar_items(3, 4)[0], before.similar_items(3, 4)[0])
    np.testing.assert_array_equal(
        model.predict_entries(plays).data, before.predict_entries(plays).data
    )
    model.partial_fit(plays[:3])
    assert model.components_.shape == before.components_.shape


def test_a_fit_without_biases_forgets_those_of_the_fit_before(ratings):
    model = MatrixFactorization(3, random_state=0).fit(ratings)
    model.set_params(fit_bias=False).fit(ratings)
    assert_same_state(model, MatrixFactorization(3, fit_bias=False, random_state=0).fit(ratings))
    np.testing.assert_array_equal(model.transform(ratings), model.row_factors_)


@both
def test_data_of_another_precision_are_understood(cls, plays):
    single, double = plays.astype(np.float32), plays
    for fitted, given in ((single, double), (double, single)):
        model = cls(3, random_state=0).fit(fitted)
        np.testing.assert_allclose(model.transform(given), model.row_factors_, atol=1e-6)
        model.recommend(given, 3)
        assert model.predict_entries(given).nnz == plays.nnz
        model.partial_fit(given)
        assert model.row_factors_.dtype == model.components_.dtype == fitted.dtype
