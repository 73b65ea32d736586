"""Collective factorisation: features of rows and of columns that the same factors explain."""

import numpy as np
import pytest
from scipy import sparse

from sparsekit.factorization import ImplicitFactorization, MatrixFactorization
from tests.factorization._brute_force import BruteForce, codes_of_columns

N_SWEEPS = 5
EXACT = {"n_components": 3, "solver": "cholesky", "tol": None, "random_state": 0}


def ratings_model(X, samples, **parameters):
    """Return a model that has begun on ratings, and what brute force needs to know of X."""
    model = MatrixFactorization(**EXACT | parameters)
    cells = sparse.csr_array((np.ones(X.nnz), X.indices, X.indptr), shape=X.shape).toarray()
    return model, X.toarray(), cells * samples[:, None]


def plays_model(X, samples, **parameters):
    """Return the same for plays."""
    model = ImplicitFactorization(**EXACT | parameters)
    weights = model.unobserved_weight + model.confidence * X.toarray()
    return model, (X.toarray() > 0).astype(float), weights * samples[:, None]


def brute_force(model, target, weights, **given):
    return BruteForce(
        target,
        weights,
        codes_of_columns(model),
        alpha=model.alpha,
        exponent=model.frequency_exponent,
        biased=getattr(model, "fit_bias", False),
        side_weight=model.side_weight,
        **given,
    )


@pytest.mark.parametrize("sides", [("row",), ("column",), ("row", "column")])
@pytest.mark.parametrize(
    ("begin", "data"),
    [(ratings_model, "ratings"), (plays_model, "plays")],
    ids=["ratings", "plays"],
)
def test_the_curve_is_that_of_brute_force(
    begin, data, sides, row_features, column_features, rng, request
):
    X = request.getfixturevalue(data)
    samples = 0.5 + rng.random(40)
    both = {"row_features": row_features, "column_features": column_features}
    given = {f"{side}_features": both[f"{side}_features"] for side in sides}
    model, target, weights = begin(X, samples, side_weight=0.7, alpha=0.2)
    model.set_params(warm_start=True, max_iter=1)
    model.fit(X, sample_weight=samples, **given)
    dense = {
        key: value.toarray() if sparse.issparse(value) else value for key, value in given.items()
    }
    brute = brute_force(model, target, weights, sample_weight=samples, **dense)
    curve = [brute.sweep() for _ in range(N_SWEEPS)]
    model.set_params(max_iter=N_SWEEPS).fit(X, sample_weight=samples, **given)
    np.testing.assert_allclose(model.loss_curve_, curve, rtol=1e-9)
    # The axes of implicit factors are free: products do not depend on them.
    found, columns = codes_of_columns(model), brute.columns
    k = model.n_components
    np.testing.assert_allclose(found @ found.T, columns @ columns.T, atol=1e-7)
    for side in sides:
        features = getattr(brute, f"{side}_features")
        loadings = getattr(model, f"{side}_loadings_")
        np.testing.assert_allclose(
            loadings @ found[:, :k].T, features.loadings @ columns[:, :k].T, atol=1e-7
        )
        np.testing.assert_allclose(getattr(model, f"{side}_features_mean_"), features.mean)
    brute.solve_rows()
    np.testing.assert_allclose(
        model.inverse_transform(model.row_factors_), brute.predictions(), atol=1e-7
    )


@pytest.mark.parametrize("solver", ["pcg", "cholesky"])
@pytest.mark.parametrize("cls", [MatrixFactorization, ImplicitFactorization])
def test_features_never_raise_the_curve(cls, solver, plays, row_features, column_features):
    model = cls(3, solver=solver, tol=None, random_state=0, max_iter=15)
    model.fit(plays, row_features=row_features, column_features=10 * column_features)
    assert len(model.loss_curve_) == 15
    assert (np.diff(model.loss_curve_) <= 1e-9 * model.loss_curve_[0]).all()


@pytest.mark.parametrize("cls", [MatrixFactorization, ImplicitFactorization])
def test_dense_and_sparse_features_are_the_same(cls, plays, row_features, column_features):
    one = cls(3, random_state=0).fit(
        plays, row_features=row_features, column_features=column_features
    )
    two = cls(3, random_state=0).fit(
        plays,
        row_features=sparse.coo_array(row_features),
        column_features=column_features.toarray(),
    )
    np.testing.assert_allclose(two.components_, one.components_, atol=1e-7)
    np.testing.assert_allclose(two.row_loadings_, one.row_loadings_, atol=1e-7)
    np.testing.assert_allclose(
        two.transform(plays, row_features=sparse.csc_matrix(row_features)),
        one.row_factors_,
        atol=1e-7,
    )


def test_duplicates_of_sparse_features_are_summed_on_a_copy(plays, column_features):
    halves = sparse.csr_array(
        (
            np.repeat(column_features.data / 2, 2),
            np.repeat(column_features.indices, 2),
            2 * column_features.indptr,
        ),
        shape=column_features.shape,
    )
    n_stored = halves.nnz
    one, two = (
        ImplicitFactorization(3, random_state=0).fit(plays, column_features=features)
        for features in (column_features, halves)
    )
    np.testing.assert_array_equal(two.components_, one.components_)
    np.testing.assert_array_equal(two.loss_curve_, one.loss_curve_)
    assert halves.nnz == n_stored


@pytest.mark.parametrize("positive", [False, True])
def test_a_folded_in_row_is_the_row_of_the_fit_to_the_bit(positive, ratings, row_features):
    model = MatrixFactorization(3, positive=positive, random_state=0)
    codes = model.fit_transform(ratings, row_features=row_features)
    np.testing.assert_array_equal(model.transform(ratings, row_features=row_features), codes)
    some = slice(8, 14)
    np.testing.assert_array_equal(
        model.transform(ratings[some], row_features=row_features[some]), codes[some]
    )
    # Those of whom only entries are known are folded in from these.
    assert not np.array_equal(model.transform(ratings), codes)


def explained_by_features(seed=0):
    """Return ratings whose factors are features of rows and of columns."""
    rng = np.random.default_rng(seed)
    rows, columns = rng.standard_normal((60, 2)), rng.standard_normal((40, 2))
    truth = 3 + rows @ columns.T
    known = rng.random(truth.shape) < 0.4
    X = sparse.csr_array(sparse.coo_array((truth[known], np.nonzero(known)), shape=truth.shape))
    return X, truth, rows, columns


def test_rows_unknown_to_the_fit_are_predicted_from_their_features():
    X, truth, rows, columns = explained_by_features()
    model = MatrixFactorization(2, alpha=1e-3, max_iter=200, random_state=0)
    model.fit(X[:50], row_features=rows[:50])
    nothing = sparse.csr_array((10, 40))
    cold = model.transform(nothing, row_features=rows[50:])
    errors = truth[50:] - model.inverse_transform(cold)
    baseline = truth[50:] - model.inverse_transform(model.transform(nothing))
    assert np.linalg.norm(errors) < 0.2 * np.linalg.norm(baseline)
    # And by all roads.
    indices, _ = model.recommend(nothing, 1, row_features=rows[50:])
    best = np.argmax(model.inverse_transform(cold), axis=1)
    np.testing.assert_array_equal(indices[:, 0], best)
    predicted = model.predict_entries(X[50:], given=nothing, row_features=rows[50:])
    wanted = model.inverse_transform(cold)[X[50:].tocoo().coords]
    np.testing.assert_allclose(predicted.data, wanted, atol=1e-12)


def test_columns_unknown_to_the_fit_are_predicted_from_their_features():
    X, truth, rows, columns = explained_by_features(1)
    model = MatrixFactorization(2, alpha=1e-3, max_iter=200, random_state=0)
    model.fit(X[:, :35], column_features=columns[:35])
    model.add_columns(column_features=columns[35:])
    assert model.n_features_in_ == 40 and model.components_.shape == (3, 40)
    predicted = model.inverse_transform(model.row_factors_)[:, 35:]
    errors = truth[:, 35:] - predicted
    assert np.linalg.norm(errors) < 0.3 * np.linalg.norm(truth[:, 35:] - truth[:, :35].mean())


def test_features_help_rows_of_few_entries():
    X, truth, rows, _ = explained_by_features(2)
    few = X.tolil()
    few[50:, 5:] = 0
    few = few.tocsr()
    options = {"alpha": 1e-2, "max_iter": 100, "random_state": 0}
    errors = []
    for given in ({}, {"row_features": rows}):
        model = MatrixFactorization(2, **options).fit(few, **given)
        errors.append(np.linalg.norm(truth[50:] - model.inverse_transform(model.row_factors_[50:])))
    assert errors[1] < 0.5 * errors[0]


def test_constant_features_say_nothing(plays):
    plain = ImplicitFactorization(3, random_state=0).fit(plays)
    model = ImplicitFactorization(3, random_state=0).fit(plays, row_features=np.ones((40, 2)))
    np.testing.assert_allclose(model.row_loadings_, 0, atol=1e-12)
    np.testing.assert_allclose(model.components_, plain.components_, atol=1e-9)


def test_a_greater_side_weight_explains_features_better(plays, row_features):
    errors = []
    for weight in (0.01, 1.0, 100.0):
        model = ImplicitFactorization(
            3, side_weight=weight, max_iter=50, solver="cholesky", random_state=0
        ).fit(plays, row_features=row_features)
        explained = model.row_features_mean_ + model.row_factors_ @ model.row_loadings_.T
        errors.append(np.linalg.norm(row_features - explained))
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("n_jobs", [2, 3])
def test_threads_do_not_change_a_bit(n_jobs, plays, row_features, column_features):
    n_copies = 40
    X = sparse.csr_array(sparse.vstack([plays] * n_copies))
    rows = sparse.csr_array(np.tile(row_features, (n_copies, 1)))
    one, more = (
        ImplicitFactorization(3, max_iter=3, random_state=0, n_jobs=n).fit(
            X, row_features=rows, column_features=column_features
        )
        for n in (1, n_jobs)
    )
    for name in ("components_", "row_factors_", "row_loadings_", "loss_curve_"):
        np.testing.assert_array_equal(getattr(more, name), getattr(one, name))


def test_features_are_of_the_type_of_x(plays, row_features, column_features):
    model = ImplicitFactorization(3, random_state=0).fit(
        plays.astype(np.float32), row_features=row_features, column_features=column_features
    )
    twin = ImplicitFactorization(3, random_state=0).fit(
        plays, row_features=row_features, column_features=column_features
    )
    for name in ("components_", "row_loadings_", "column_features_mean_"):
        assert getattr(model, name).dtype == np.float32
        np.testing.assert_allclose(getattr(model, name), getattr(twin, name), atol=1e-2)


def test_a_fit_without_features_forgets_those_of_the_fit_before(plays, row_features):
    model = ImplicitFactorization(3, random_state=0).fit(plays, row_features=row_features)
    model.fit(plays)
    with pytest.raises(ValueError, match="was fitted without `row_features`"):
        model.transform(plays, row_features=row_features)


BAD = {
    "rows": (lambda U: U[:7], "one row for each of the 40"),
    "NaN": (lambda U: np.where(U > 2, np.nan, U), "row_features contains NaN"),
    "infinity": (lambda U: np.where(U > 2, np.inf, U), "row_features contains infinity"),
    "1-D": (lambda U: U[:, 0], "Expected 2D array"),
    "masked": (lambda U: np.ma.masked_greater(U, 2), "`row_features` is a masked array"),
    "words": (lambda U: U.astype(str).astype(object) + "a", "could not convert"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_features_are_refused_by_name(case, plays, row_features):
    spoil, message = BAD[case]
    model = ImplicitFactorization(3, random_state=0)
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(plays, row_features=spoil(row_features))
    model.fit(plays, row_features=row_features)
    with pytest.raises((ValueError, TypeError), match=message):
        model.transform(plays, row_features=spoil(row_features))
    with pytest.raises(ValueError, match="must have the 4 columns of the fit; got 3"):
        model.transform(plays, row_features=row_features[:, :3])


def test_malformed_sparse_features_are_refused(plays, column_features):
    bad = column_features.copy()
    bad.indices = bad.indices.copy()
    bad.indices[0] = 10**6
    with pytest.raises(ValueError, match="malformed"):
        ImplicitFactorization(3).fit(plays, column_features=bad)
