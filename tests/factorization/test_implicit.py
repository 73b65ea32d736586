"""ImplicitFactorization: what it minimises, that it does, and that another package agrees."""

import numpy as np
import pytest
from scipy import sparse

from sparsekit.factorization import ImplicitFactorization
from sparsekit.metrics import ndcg_at_k
from sparsekit.model_selection import SparseEntries, hold_out_entries
from tests.factorization._brute_force import BruteForce, codes_of_columns

N_SWEEPS = 6


def exactly(**parameters):
    """Return a model whose sweeps are exact and end with their number."""
    defaults = {"n_components": 3, "solver": "cholesky", "tol": None, "random_state": 0}
    return ImplicitFactorization(**defaults | parameters)


def weights_like(X):
    rng = np.random.default_rng(8)
    return sparse.csr_array((0.5 + rng.random(X.nnz), X.indices, X.indptr), shape=X.shape)


def popularity_weights(X, exponent, sample_weight=None):
    """Return what the columns weigh for how many entries they have, by definition."""
    counts = np.average(X.toarray() > 0, axis=0, weights=sample_weight)
    return np.where(counts > 0, counts / counts.mean(), 1.0) ** -exponent


def side_by_side(model, X, sample_weight=None, entry_weight=None):
    """Return a model that has begun, and brute force at the same point."""
    given = {"sample_weight": sample_weight, "entry_weight": entry_weight}
    model.set_params(warm_start=True, max_iter=1).fit(X, **given)
    values = X.toarray() if entry_weight is None else X.toarray() * entry_weight.toarray()
    samples = np.ones(X.shape[0]) if sample_weight is None else sample_weight
    values = values * popularity_weights(X, model.popularity_exponent, samples)
    brute = BruteForce(
        (values > 0).astype(float),
        (model.unobserved_weight + model.confidence * values) * samples[:, None],
        codes_of_columns(model),
        alpha=model.alpha,
        exponent=model.frequency_exponent,
        sample_weight=samples,
    )
    return model.set_params(max_iter=N_SWEEPS), given, brute


CASES = {
    "default": ({}, ()),
    "the same strength for all": ({"frequency_exponent": 0.0, "alpha": 0.5}, ()),
    "between": ({"frequency_exponent": 0.5, "alpha": 0.1}, ()),
    "other confidences": ({"confidence": 7.0, "unobserved_weight": 1.0}, ()),
    "rare columns first": ({"popularity_exponent": 0.5, "confidence": 3.0}, ()),
    "entry weights": ({}, ("entry_weight",)),
    "all weights": (
        {"frequency_exponent": 0.7, "popularity_exponent": 0.8},
        ("entry_weight", "sample_weight"),
    ),
    "more components than columns": ({"n_components": 30}, ()),
}


@pytest.mark.parametrize("case", CASES)
def test_the_curve_is_that_of_brute_force(case, plays, rng):
    parameters, wanted = CASES[case]
    both = {"entry_weight": weights_like(plays), "sample_weight": 0.5 + rng.random(40)}
    given = {name: both[name] for name in wanted}
    model, given, brute = side_by_side(exactly(**parameters), plays, **given)
    curve = [brute.sweep() for _ in range(N_SWEEPS)]
    model.fit(plays, **given)
    np.testing.assert_allclose(model.loss_curve_, curve, rtol=1e-9)
    # The axes of the factors are free: products do not depend on them.
    found, columns = codes_of_columns(model), brute.columns
    np.testing.assert_allclose(found @ found.T, columns @ columns.T, atol=1e-7)
    brute.solve_rows()
    np.testing.assert_allclose(
        model.inverse_transform(model.row_factors_), brute.predictions(), atol=1e-7
    )


def test_the_package_implicit_finds_the_same_factors_by_cholesky(plays):
    peer = pytest.importorskip("implicit.als")
    model = exactly(
        alpha=0.8, frequency_exponent=0.0, confidence=10.0, unobserved_weight=1.0, max_iter=1
    ).fit(plays)
    other = peer.AlternatingLeastSquares(
        factors=3,
        regularization=0.8,
        iterations=N_SWEEPS,
        use_cg=False,
        use_gpu=False,
        num_threads=1,
        dtype=np.float64,
    )
    other.user_factors = np.zeros((40, 3))
    other.item_factors = model.components_.T.copy()
    confidences = sparse.csr_matrix(plays)
    confidences.data = 1 + 10 * confidences.data
    other.fit(confidences, show_progress=False)
    model.set_params(warm_start=True, max_iter=N_SWEEPS).fit(plays)
    found, expected = model.components_.T, other.item_factors
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=1e-6)


def test_conjugate_gradients_to_the_end_have_the_curve_of_cholesky(plays):
    curves = [
        exactly(max_iter=5, **way).fit(plays).loss_curve_
        for way in ({}, {"solver": "pcg", "cg_steps": 30})
    ]
    np.testing.assert_allclose(*curves, rtol=1e-6)


@pytest.mark.parametrize("cg_steps", [1, 3])
def test_few_steps_fall_to_the_same_objective(cg_steps, plays):
    exact = exactly(max_iter=120).fit(plays).loss_curve_[-1]
    curve = exactly(solver="pcg", cg_steps=cg_steps, max_iter=120).fit(plays).loss_curve_
    assert (np.diff(curve) <= 1e-9 * curve[0]).all()
    assert curve[-1] == pytest.approx(exact, rel=1e-3)


def test_equal_confidences_and_strengths_give_the_soft_thresholded_svd():
    # Where all cells have the same confidence, the preference matrix has no gaps.
    full = sparse.csr_array(np.ones((12, 8)))
    model = exactly(
        n_components=8,
        alpha=3.0,
        frequency_exponent=0.0,
        confidence=1.5,
        unobserved_weight=0.5,
        max_iter=200,
    )
    # Two for each cell: alpha counts half, and the matrix of ones has one singular value.
    codes = model.fit_transform(full)
    root = np.sqrt(12 * 8)
    np.testing.assert_allclose(model.inverse_transform(codes), (root - 1.5) / root, atol=1e-6)


def test_an_entry_weight_scales_its_value(plays):
    weight = weights_like(plays)
    scaled = sparse.csr_array(
        (plays.data * weight.data, plays.indices, plays.indptr), shape=plays.shape
    )
    np.testing.assert_array_equal(
        exactly().fit(plays, entry_weight=weight).components_, exactly().fit(scaled).components_
    )


def test_a_weight_is_a_number_of_equal_rows(plays, rng):
    weights = rng.integers(1, 4, 40)
    repeated = plays[np.repeat(np.arange(40), weights)]
    weighted = exactly(max_iter=1, popularity_exponent=0.5).fit(plays, sample_weight=weights)
    more = exactly(max_iter=1, popularity_exponent=0.5).fit(repeated)
    more.components_ = weighted.components_.copy()
    for model, X, w in ((weighted, plays, weights), (more, repeated, None)):
        model.set_params(warm_start=True, max_iter=N_SWEEPS).fit(X, sample_weight=w)
    np.testing.assert_allclose(weighted.loss_curve_, more.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(weighted.components_, more.components_, atol=1e-8)


def test_stored_zeros_warn_and_are_no_entries(plays):
    stored = plays.copy()
    stored.data = stored.data.copy()
    stored.data[::4] = 0
    before = stored.data.copy()
    dropped = stored.copy()
    dropped.eliminate_zeros()
    model = exactly().fit(dropped)
    with pytest.warns(UserWarning, match=r"zeros that X stores.*eliminate_zeros"):
        warned = exactly().fit(stored)
    np.testing.assert_array_equal(warned.components_, model.components_)
    with pytest.warns(UserWarning, match="zeros that X stores"):
        np.testing.assert_array_equal(model.transform(stored), model.row_factors_)
    np.testing.assert_array_equal(stored.data, before)


def test_weights_of_stored_zeros_are_left_out_with_them(plays):
    stored = plays.copy()
    stored.data = stored.data.copy()
    stored.data[::4] = 0
    weight = weights_like(plays)
    with pytest.warns(UserWarning, match="zeros that X stores"):
        model = exactly().fit(stored, entry_weight=weight)
    scaled = sparse.csr_array(
        (stored.data * weight.data, stored.indices, stored.indptr), shape=plays.shape
    )
    scaled.eliminate_zeros()
    np.testing.assert_array_equal(model.components_, exactly().fit(scaled).components_)


@pytest.mark.parametrize(
    "way",
    [
        {},
        {"solver": "cholesky"},
        {"n_components": 40},
        {"early_stopping": True},
        {"early_stopping": True, "popularity_exponent": 0.5},
    ],
    ids=["pcg", "cholesky", "many components", "early stopping", "rare columns first"],
)
def test_a_folded_in_row_is_the_row_of_the_fit_to_the_bit(way, plays):
    model = ImplicitFactorization(**{"n_components": 3, "random_state": 0} | way)
    codes = model.fit_transform(plays)
    np.testing.assert_array_equal(codes, model.row_factors_)
    np.testing.assert_array_equal(model.transform(plays), codes)


def test_rows_and_columns_without_entries_are_zero(plays):
    model = ImplicitFactorization(3, random_state=0).fit(plays)
    assert not model.row_factors_[5].any()
    assert not model.components_[:, 7].any()
    assert not model.transform(sparse.csr_array((2, 25))).any()
    # Of that column nothing is known, so nothing is like it.
    assert not model.similar_items(7, 24)[1].any()
    indices, similarities = model.similar_items(3, 24)
    assert similarities[indices == 7] == 0


def test_a_row_of_all_columns_is_recommended_what_it_misses(plays):
    model = ImplicitFactorization(3, random_state=0).fit(plays)
    indices, scores = model.recommend(plays, 3)
    assert indices[9].tolist() == [7, -1, -1]
    assert np.isneginf(scores[9, 1:]).all()


def test_groups_are_recommended_their_own_columns(plays):
    model = ImplicitFactorization(4, random_state=0).fit(plays)
    kept, held = hold_out_entries(plays, 0.3, random_state=0)
    indices, _ = model.recommend(kept, 5)
    some = np.setdiff1d(np.arange(40), [5, 9])
    assert np.mean(indices[some] % 2 == some[:, None] % 2) > 0.8
    popular = np.argsort(-kept.astype(bool).sum(axis=0))[:5]
    assert ndcg_at_k(held[some], indices[some], 5) > ndcg_at_k(
        held[some], np.tile(popular, (len(some), 1)), 5
    )
    like_it, _ = model.similar_items(2, 4)
    assert (like_it % 2 == 0).all()


def test_scores_are_cosines_and_ranks(plays):
    model = ImplicitFactorization(4, random_state=0).fit(plays)
    assert 0 <= model.score(plays) <= 1
    entries = SparseEntries(plays)
    model.fit(entries[: len(entries) // 2])
    assert 0 <= model.score(entries[len(entries) // 2 :]) <= 1


def test_single_precision_is_near(plays):
    for solver in ("pcg", "cholesky"):
        double, single = (exactly(solver=solver).fit(X) for X in (plays, plays.astype(np.float32)))
        for name in ("components_", "row_factors_"):
            assert getattr(single, name).dtype == np.float32
            np.testing.assert_allclose(getattr(single, name), getattr(double, name), atol=1e-3)
        assert single.transform(plays.astype(np.float32)).dtype == np.float32
        np.testing.assert_allclose(single.loss_curve_, double.loss_curve_, rtol=1e-4)


def test_more_confidence_pulls_stored_entries_nearer_to_one(plays):
    errors = [
        np.mean((1 - exactly(confidence=c, alpha=0.1).fit(plays).predict_entries(plays).data) ** 2)
        for c in (0.1, 1.0, 10.0)
    ]
    assert errors[0] > errors[1] > errors[2]


def test_popularity_makes_entries_of_popular_columns_count_for_less(plays):
    even = exactly().fit(plays)
    model = exactly(popularity_exponent=0.5).fit(plays)
    counts = np.diff(plays.tocsc().indptr)
    np.testing.assert_array_equal(model.column_counts_, counts)
    rare, popular = np.argmin(np.where(counts > 0, counts, 99)), np.argmax(counts)
    change = model.column_observations_ - even.column_observations_
    assert change[rare] > 0 > change[popular]
    scaled = plays.copy()
    scaled.data = plays.data * popularity_weights(plays, 0.5)[plays.indices]
    np.testing.assert_allclose(
        model.components_, exactly().fit(scaled).components_, rtol=1e-10, atol=1e-12
    )


def test_negative_values_are_refused(plays):
    with pytest.raises(ValueError, match="Negative values"):
        ImplicitFactorization(3).fit(-plays)
