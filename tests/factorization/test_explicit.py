"""MatrixFactorization: what it minimises, and that it does."""

import numpy as np
import pytest
from scipy import sparse

from sparsekit.factorization import MatrixFactorization
from sparsekit.model_selection import SparseEntries, hold_out_entries
from tests.factorization._brute_force import BruteForce, codes_of_columns

N_SWEEPS = 6


def exactly(**parameters):
    """Return a model whose sweeps are exact and end with their number."""
    defaults = {"n_components": 3, "solver": "cholesky", "tol": None, "random_state": 0}
    return MatrixFactorization(**defaults | parameters)


def known(X):
    """Return a mask of what is stored."""
    mask = np.zeros(X.shape, dtype=bool)
    mask[X.tocoo().coords] = True
    return mask


def weights_like(X, seed=8):
    rng = np.random.default_rng(seed)
    return sparse.csr_array((0.5 + rng.random(X.nnz), X.indices, X.indptr), shape=X.shape)


def side_by_side(model, X, sample_weight=None, entry_weight=None):
    """Return a model that has begun, and brute force at the same point."""
    given = {"sample_weight": sample_weight, "entry_weight": entry_weight}
    model.set_params(warm_start=True, max_iter=1).fit(X, **given)
    weights = known(X).astype(float) if entry_weight is None else entry_weight.toarray()
    samples = np.ones(X.shape[0]) if sample_weight is None else sample_weight
    brute = BruteForce(
        X.toarray(),
        weights * samples[:, None],
        codes_of_columns(model),
        alpha=model.alpha,
        exponent=model.frequency_exponent,
        biased=model.fit_bias,
        sample_weight=samples,
    )
    return model.set_params(max_iter=N_SWEEPS), given, brute


CASES = {
    "biases, weighted lambda": ({}, ()),
    "no biases": ({"fit_bias": False}, ()),
    "the same strength for all": ({"frequency_exponent": 0.0, "alpha": 1.0}, ()),
    "between": ({"frequency_exponent": 0.5}, ()),
    "entry weights": ({}, ("entry_weight",)),
    "sample weights": ({}, ("sample_weight",)),
    "all weights": ({"frequency_exponent": 0.7}, ("entry_weight", "sample_weight")),
    "one component": ({"n_components": 1}, ()),
    "more components than columns": ({"n_components": 30}, ()),
}


@pytest.mark.parametrize("case", CASES)
def test_the_curve_is_that_of_brute_force(case, ratings, rng):
    parameters, wanted = CASES[case]
    both = {"entry_weight": weights_like(ratings), "sample_weight": 0.5 + rng.random(40)}
    given = {name: both[name] for name in wanted}
    model, given, brute = side_by_side(exactly(**parameters), ratings, **given)
    curve = [brute.sweep() for _ in range(N_SWEEPS)]
    model.fit(ratings, **given)
    np.testing.assert_allclose(model.loss_curve_, curve, rtol=1e-9)
    np.testing.assert_allclose(codes_of_columns(model), brute.columns, atol=1e-7)
    # The last half of a sweep is the rows'; entry weights are not there when rows are folded in.
    brute.solve_rows()
    np.testing.assert_allclose(model.row_factors_, brute.rows, atol=1e-7)
    if model.fit_bias:
        assert model.intercept_ == pytest.approx(brute.mean, rel=1e-12)
        np.testing.assert_allclose(
            model.inverse_transform(model.row_factors_), brute.predictions(), atol=1e-6
        )


def test_conjugate_gradients_to_the_end_have_the_curve_of_cholesky(ratings):
    curves = [
        exactly(max_iter=5, **way).fit(ratings).loss_curve_
        for way in ({}, {"solver": "pcg", "cg_steps": 30})
    ]
    np.testing.assert_allclose(*curves, rtol=1e-6)


@pytest.mark.parametrize(
    "way", [{"solver": "pcg", "cg_steps": 1}, {"solver": "pcg"}, {"solver": "cd"}]
)
def test_every_solver_falls_to_the_same_objective(way, ratings):
    exact = exactly(max_iter=200, alpha=0.05).fit(ratings).loss_curve_[-1]
    curve = exactly(max_iter=200, alpha=0.05, **way).fit(ratings).loss_curve_
    assert (np.diff(curve) <= 1e-9 * curve[0]).all()
    assert curve[-1] == pytest.approx(exact, rel=1e-3)


def test_a_matrix_without_gaps_gets_its_soft_thresholded_svd(rng):
    # Hastie, Mazumder, Lee, Zadeh (2015), "Matrix completion and low-rank SVD via fast ALS".
    X = rng.standard_normal((12, 8)) @ np.diag(np.linspace(0.2, 2, 8))
    model = exactly(
        n_components=8, alpha=1.5, frequency_exponent=0.0, fit_bias=False, max_iter=1000
    )
    codes = model.fit_transform(X)
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    shrunk = np.maximum(s - 1.5, 0)
    assert 0 < np.count_nonzero(shrunk) < 8
    np.testing.assert_allclose(model.inverse_transform(codes), U * shrunk @ Vt, atol=1e-3)
    nuclear = 0.5 * np.sum((s - shrunk) ** 2) + 1.5 * shrunk.sum()
    assert model.loss_curve_[-1] == pytest.approx(nuclear, rel=1e-6)


def test_a_matrix_with_gaps_meets_the_conditions_of_the_nuclear_norm(ratings):
    alpha = 2.0
    model = exactly(
        n_components=25, alpha=alpha, frequency_exponent=0.0, fit_bias=False, max_iter=1000
    )
    filled = model.inverse_transform(model.fit_transform(ratings))
    gradient = np.where(known(ratings), ratings.toarray() - filled, 0)
    U, s, Vt = np.linalg.svd(filled)
    rank = int(np.sum(s > 1e-2))
    assert 1 <= rank < 25
    np.testing.assert_allclose(U[:, :rank].T @ gradient, alpha * Vt[:rank], atol=1e-2)
    assert np.linalg.norm(gradient, 2) <= alpha * (1 + 1e-3)


# Signs and absolute values


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("positive", [False, True])
def test_signed_and_sparse_factors_are_stationary(positive, l1_ratio, ratings):
    alpha = 0.05
    model = exactly(
        positive=positive, l1_ratio=l1_ratio, alpha=alpha, solver="auto", max_iter=900
    ).fit(ratings)
    rows, columns = model.row_factors_, codes_of_columns(model)
    assert ((rows[:, :-1] >= 0).all() and (columns[:, :-1] >= 0).all()) == positive
    errors = np.where(known(ratings), ratings.toarray(), 0)
    errors -= known(ratings) * model.inverse_transform(rows)
    for codes, others, residual in ((rows, columns, errors), (columns, rows, errors.T)):
        counts = alpha * np.maximum((residual != 0).sum(axis=1), 1)[:, None]
        factors = codes[:, :-1]
        gradient = (1 - l1_ratio) * counts * factors - residual @ others[:, :-1]
        bound = l1_ratio * np.broadcast_to(counts, factors.shape)
        moved = factors != 0
        scale = 1e-3 * np.abs(residual).sum(axis=1).max()
        signs = np.sign(factors[moved])
        np.testing.assert_allclose(gradient[moved], -bound[moved] * signs, atol=scale)
        assert (gradient[~moved] >= -bound[~moved] - scale).all()
        assert positive or (gradient[~moved] <= bound[~moved] + scale).all()
        free = (1 - l1_ratio) * counts[:, 0] * codes[:, -1] - residual.sum(axis=1)
        np.testing.assert_allclose(free, 0, atol=scale)


def test_absolute_values_make_factors_sparse(ratings):
    shares = [
        np.mean(exactly(l1_ratio=ratio, solver="cd", alpha=0.1).fit(ratings).row_factors_ == 0)
        for ratio in (0.0, 0.5, 1.0)
    ]
    assert shares[0] < shares[1] <= shares[2]


def test_the_curve_counts_absolute_values(ratings):
    model = exactly(l1_ratio=0.4, solver="auto", alpha=0.05, max_iter=300).fit(ratings)
    rows, columns = model.row_factors_, codes_of_columns(model)
    value = 0.5 * np.sum((ratings.data - model.predict_entries(ratings).data) ** 2)
    for codes, axis in ((rows, 1), (columns, 0)):
        counts = np.maximum(known(ratings).sum(axis=axis), 1)
        penalties = 0.6 * (codes**2).sum(axis=1) + 0.8 * np.abs(codes[:, :-1]).sum(axis=1)
        value += 0.5 * 0.05 * (counts @ penalties)
    assert model.loss_curve_[-1] == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize("options", [{"l1_ratio": 1.0}, {"positive": True}, {}])
def test_columns_without_entries_have_nothing_to_say(options, ratings):
    model = MatrixFactorization(3, random_state=0, **options).fit(ratings)
    np.testing.assert_allclose(codes_of_columns(model)[7], 0, atol=1e-12)
    # Not even by what rounding leaves of them.
    np.testing.assert_array_equal(model.similar_items(7, 24)[1], 0)


def test_features_say_something_of_a_column_without_entries(ratings, column_features):
    model = MatrixFactorization(3, random_state=0)
    model.fit(ratings, column_features=column_features)
    assert model.column_observations_[7] == 0 and model.similar_items(7, 24)[1].any()


# What entries mean


def test_a_stored_zero_is_a_rating_of_zero(ratings):
    X = ratings.copy()
    X.data = X.data.copy()
    X.data[::3] = 0
    model = exactly().fit(X)
    assert model.column_observations_.sum() == X.nnz
    np.testing.assert_allclose(model.predict_entries(X).nnz, X.nnz)
    dropped = X.copy()
    dropped.eliminate_zeros()
    assert abs(exactly().fit(dropped).intercept_ - model.intercept_) > 0.5


def test_nan_of_a_dense_matrix_is_not_known(ratings):
    dense = np.where(known(ratings), ratings.toarray(), np.nan)
    expected, model = exactly().fit(ratings), exactly().fit(dense)
    np.testing.assert_array_equal(model.components_, expected.components_)
    np.testing.assert_array_equal(model.row_factors_, expected.row_factors_)
    np.testing.assert_array_equal(model.transform(dense), model.row_factors_)


def test_a_dense_matrix_without_nan_is_known_everywhere(ratings):
    dense = ratings.toarray()
    rows, columns = np.indices(dense.shape).reshape(2, -1)
    every = sparse.coo_array((dense.ravel(), (rows, columns)), shape=dense.shape)
    np.testing.assert_array_equal(
        exactly().fit(dense).components_, exactly().fit(every).components_
    )


def start_where(model, other):
    """Let the next fit of a fitted model begin with the columns of another."""
    model.components_ = other.components_.copy()
    model.column_bias_ = other.column_bias_.copy()
    return model.set_params(warm_start=True, max_iter=N_SWEEPS)


def test_a_weight_is_a_number_of_equal_rows(ratings, rng):
    weights = rng.integers(1, 4, 40)
    repeated = ratings[np.repeat(np.arange(40), weights)]
    weighted = exactly(max_iter=1).fit(ratings, sample_weight=weights)
    more = start_where(exactly(max_iter=1).fit(repeated), weighted).fit(repeated)
    weighted.set_params(warm_start=True, max_iter=N_SWEEPS).fit(ratings, sample_weight=weights)
    np.testing.assert_allclose(weighted.loss_curve_, more.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(weighted.components_, more.components_, atol=1e-8)


def test_a_row_of_weight_zero_is_not_learnt_from_but_has_its_code(ratings):
    weights = np.ones(40)
    weights[20:] = 0
    first = ratings[:20]
    alone = exactly(max_iter=1).fit(first)
    weighted = start_where(exactly(max_iter=1).fit(ratings), alone)
    weighted.fit(ratings, sample_weight=weights)
    alone.set_params(warm_start=True, max_iter=N_SWEEPS).fit(first)
    np.testing.assert_allclose(weighted.components_, alone.components_, atol=1e-8)
    np.testing.assert_allclose(weighted.row_factors_, alone.transform(ratings), atol=1e-8)


def test_an_entry_weight_is_a_number_of_equal_entries(ratings):
    # Where all weights are two, twice the entries stand against twice the strength.
    double = sparse.csr_array(
        (np.full(ratings.nnz, 2.0), ratings.indices, ratings.indptr), shape=ratings.shape
    )
    one = exactly().fit(ratings)
    two = exactly().fit(ratings, entry_weight=double)
    np.testing.assert_allclose(two.components_, one.components_, atol=1e-9)
    np.testing.assert_allclose(two.loss_curve_, 2 * one.loss_curve_, rtol=1e-9)


def test_an_entry_of_weight_zero_is_not_learnt_from(ratings):
    kept, _ = hold_out_entries(ratings, 0.3, random_state=0)
    weight = sparse.csr_array(
        (known(kept)[known(ratings)].astype(float), ratings.indices, ratings.indptr),
        shape=ratings.shape,
    )
    np.testing.assert_allclose(
        exactly().fit(ratings, entry_weight=weight).components_,
        exactly().fit(kept).components_,
        atol=1e-9,
    )


# Rows that come later


WAYS = {
    "pcg": {},
    "cholesky": {"solver": "cholesky"},
    "no biases": {"fit_bias": False},
    "many components": {"n_components": 40},
    "non-negative": {"positive": True},
    "sparse": {"l1_ratio": 0.7, "alpha": 0.02},
    "early stopping": {"early_stopping": True},
}


@pytest.mark.parametrize("way", WAYS)
def test_a_folded_in_row_is_the_row_of_the_fit_to_the_bit(way, ratings):
    model = MatrixFactorization(**{"n_components": 3, "random_state": 0} | WAYS[way])
    codes = model.fit_transform(ratings)
    np.testing.assert_array_equal(codes, model.row_factors_)
    np.testing.assert_array_equal(model.transform(ratings), codes)
    np.testing.assert_array_equal(model.transform(ratings[8:12]), codes[8:12])


def test_folding_in_is_exact_after_few_steps_of_few_sweeps(ratings):
    model = MatrixFactorization(3, max_iter=2, cg_steps=1, random_state=0).fit(ratings)
    vectors = np.column_stack((model.components_[:-1].T, np.ones(25)))
    for i in (0, 5, 9):
        entries = ratings[[i]]
        j = entries.indices
        strength = 0.1 * max(len(j), 1)
        target = entries.data - model.intercept_ - model.column_bias_[j]
        gram = vectors[j].T @ vectors[j] + strength * np.eye(4)
        expected = np.linalg.solve(gram, vectors[j].T @ target)
        np.testing.assert_allclose(model.row_factors_[i], expected, atol=1e-10)


def test_a_row_of_which_nothing_is_known_is_predicted_by_the_columns(ratings):
    model = MatrixFactorization(3, random_state=0).fit(ratings)
    nothing = sparse.csr_array((2, 25))
    codes = model.transform(nothing)
    assert codes.shape == (2, 4) and not codes.any()
    expected = model.intercept_ + model.column_bias_
    np.testing.assert_allclose(model.inverse_transform(codes)[0], expected)
    indices, scores = model.recommend(nothing, 3)
    np.testing.assert_array_equal(indices[0], np.argsort(-expected)[:3])
    np.testing.assert_allclose(scores[0], np.sort(expected)[::-1][:3])


def test_predictions_are_the_same_by_every_road(ratings):
    model = MatrixFactorization(3, random_state=0).fit(ratings)
    whole = model.inverse_transform(model.row_factors_)
    for predicted in (
        model.predict_entries(ratings),
        model.predict_entries(ratings, given=ratings),
        model.predict_entries(SparseEntries(ratings)),
    ):
        np.testing.assert_allclose(predicted.data, whole[known(ratings)], atol=1e-12)
    indices, scores = model.recommend(ratings, 4, exclude_seen=False)
    np.testing.assert_allclose(scores, np.take_along_axis(whole, indices, axis=1), atol=1e-12)


def test_what_was_held_out_is_predicted_better_than_by_the_mean(ratings):
    kept, held = hold_out_entries(ratings, 0.2, random_state=1)
    # So few entries leave room for bad minima: the best of three starts.
    starts = [MatrixFactorization(2, max_iter=100, random_state=s).fit(kept) for s in range(3)]
    model = min(starts, key=lambda fitted: fitted.loss_curve_[-1])
    errors = held.data - model.predict_entries(held, given=kept).data
    assert np.sqrt(np.mean(errors**2)) < 0.5 * np.std(held.data)
    predicted = model.predict_entries(SparseEntries(held))
    assert -model.score(SparseEntries(held)) == pytest.approx(
        np.sqrt(np.mean((held.data - predicted.data) ** 2))
    )


@pytest.mark.parametrize("options", [{}, {"positive": True}])
def test_single_precision_is_near(options, ratings):
    double, single = (
        MatrixFactorization(3, random_state=0, max_iter=5, tol=None, **options).fit(X)
        for X in (ratings, ratings.astype(np.float32))
    )
    for name in ("components_", "row_factors_", "column_bias_"):
        assert getattr(single, name).dtype == np.float32
        np.testing.assert_allclose(getattr(single, name), getattr(double, name), atol=1e-3)
    assert single.transform(ratings.astype(np.float32)).dtype == np.float32
    assert single.inverse_transform(single.row_factors_).dtype == np.float32
    np.testing.assert_allclose(single.loss_curve_, double.loss_curve_, rtol=1e-4)


def test_hardly_any_regularisation_leaves_finite_codes_in_single_precision(ratings):
    model = MatrixFactorization(40, alpha=1e-9, fit_bias=False, random_state=0)
    codes = model.fit_transform(ratings.astype(np.float32))
    assert np.isfinite(codes).all()
    np.testing.assert_array_equal(model.transform(ratings.astype(np.float32)), codes)


def test_solvers_that_cannot_constrain_are_refused(ratings):
    for options in ({"positive": True}, {"l1_ratio": 0.5}):
        with pytest.raises(ValueError, match="solver='cd' or 'auto'"):
            MatrixFactorization(3, solver="pcg", **options).fit(ratings)
