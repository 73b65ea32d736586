"""What FactorDisplay draws are the largest columns of the factors that were asked for."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold

from sparsekit.decomposition import SparseNMF
from sparsekit.factorization import (
    BayesianFactorization,
    ImplicitFactorization,
    MatrixFactorization,
    RankingFactorization,
)
from sparsekit.inspection import FactorDisplay
from sparsekit.inspection._factors import principal_axes
from sparsekit.model_selection import SparseEntries


@pytest.fixture
def components(rng):
    return rng.standard_normal((4, 9))


@pytest.fixture
def X(rng):
    return sparse.csr_array(rng.poisson(0.6, (30, 9)).astype(float))


def labels(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def widths(bars):
    return np.array([bar.get_width() for bar in bars])


def test_the_largest_columns_stand_on_top_with_their_signs(pyplot, components):
    display = FactorDisplay.from_components(components, n_labels=3)
    for k, (ax, bars) in enumerate(zip(display.axes_, display.bars_, strict=True)):
        largest = np.argsort(-np.abs(components[k]))[:3]
        np.testing.assert_array_equal(widths(bars), components[k, largest])
        assert labels(ax) == [f"x{column}" for column in largest]
        assert ax.get_title() == f"factor {k}"
        assert ax.yaxis_inverted()


def test_columns_have_the_names_given(pyplot, components):
    names = [f"artist {k}" for k in range(9)]
    display = FactorDisplay.from_components(components, feature_names=names, n_labels=1)
    expected = [names[column] for column in np.abs(components).argmax(axis=1)]
    assert [labels(ax)[0] for ax in display.axes_] == expected


def test_long_names_and_formulas_are_harmless(pyplot, components):
    names = ["$x^" + "long " * 20] * 9
    display = FactorDisplay.from_components(components, feature_names=names)
    display.figure_.draw_without_rendering()
    assert max(len(name) for name in labels(display.axes_[0])) < 30


@pytest.mark.parametrize(("factors", "drawn"), [(2, [0, 1]), ([3, 1], [3, 1]), (50, [0, 1, 2, 3])])
def test_the_factors_asked_for_are_drawn(pyplot, components, factors, drawn):
    display = FactorDisplay.from_components(components, factors=factors)
    assert display.factors_.tolist() == drawn
    np.testing.assert_array_equal(
        [np.abs(widths(bars)).max() for bars in display.bars_],
        np.abs(components[drawn]).max(axis=1),
    )


def test_principal_axes_do_not_depend_on_the_rotation(rng, components):
    rows = rng.standard_normal((20, 4))
    turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    axes, strength = principal_axes(rows, components)
    turned, same = principal_axes(rows @ turn, turn.T @ components)
    np.testing.assert_allclose(turned, axes, atol=1e-12)
    np.testing.assert_allclose(same, strength)
    np.testing.assert_allclose(strength, np.linalg.svd(rows @ components)[1][:4])
    assert (axes.max(axis=1) == np.abs(axes).max(axis=1)).all()


def test_fewer_rows_than_factors_have_fewer_axes(rng, components):
    axes, strength = principal_axes(rng.standard_normal((2, 4)), components)
    assert axes.shape == (2, 9) and strength.shape == (2,)


def test_shares_are_those_of_the_squared_predictions(pyplot, rng, components):
    rows = rng.standard_normal((20, 4))
    display = FactorDisplay.from_components(components, row_factors=rows)
    squares = np.linalg.svd(rows @ components)[1] ** 2
    titles = [ax.get_title() for ax in display.axes_]
    assert titles == [f"factor {k}: {squares[k] / squares.sum():.0%}" for k in range(4)]


def test_factors_of_squares_are_turned(pyplot, X):
    model = ImplicitFactorization(3, random_state=0).fit(X)
    display = FactorDisplay.from_estimator(model)
    expected, strength = principal_axes(model.row_factors_, model.components_)
    np.testing.assert_allclose(display.components, expected)
    np.testing.assert_allclose(display.strength, strength)
    plain = FactorDisplay.from_estimator(model, rotate=False)
    np.testing.assert_array_equal(plain.components, model.components_)


@pytest.mark.parametrize(
    "estimator", [MatrixFactorization, BayesianFactorization, RankingFactorization]
)
def test_biases_are_no_factors(pyplot, X, estimator):
    model = estimator(3, random_state=0, max_iter=30).fit(X)
    display = FactorDisplay.from_estimator(model)
    expected, _ = principal_axes(model.row_factors_[:, :3], model.components_[:3])
    np.testing.assert_allclose(display.components, expected)


@pytest.mark.parametrize("options", [{"positive": True}, {"l1_ratio": 0.5}])
def test_factors_whose_axes_matter_are_drawn_as_they_are(pyplot, X, options):
    model = MatrixFactorization(3, random_state=0, alpha=0.01, **options).fit(X)
    display = FactorDisplay.from_estimator(model)
    np.testing.assert_array_equal(display.components, model.components_[:3])
    assert display.strength is None


def test_other_decompositions_are_drawn_as_they_are(pyplot, X):
    model = SparseNMF(3, random_state=0).fit(X)
    np.testing.assert_array_equal(FactorDisplay.from_estimator(model).components, model.components_)


def test_the_best_model_of_a_search_is_found(pyplot, X):
    search = GridSearchCV(
        MatrixFactorization(2, random_state=0), {"alpha": [0.1, 1.0]}, cv=KFold(2, shuffle=True)
    ).fit(SparseEntries(X))
    display = FactorDisplay.from_estimator(search)
    assert display.components.shape == (2, 9)


def test_names_are_those_of_the_fit(pyplot, X):
    pandas = pytest.importorskip("pandas", reason="names come with data frames")
    names = [f"film {k}" for k in range(9)]
    model = ImplicitFactorization(2, random_state=0)
    model.fit(pandas.DataFrame(X.toarray(), columns=names))
    assert set(labels(FactorDisplay.from_estimator(model).axes_[0])) <= set(names)


def test_given_axes_are_drawn_on(pyplot, components):
    figure, grid = pyplot.subplots(2, 2)
    display = FactorDisplay.from_components(components, ax=grid)
    assert display.axes_.tolist() == grid.ravel().tolist() and display.figure_ is figure


def test_a_new_figure_has_no_empty_axes(pyplot, components):
    display = FactorDisplay.from_components(components)
    assert len(display.figure_.axes) == 4


def test_further_arguments_reach_matplotlib(pyplot, components):
    display = FactorDisplay.from_components(components, bar_kw={"color": "k", "height": 0.5})
    assert display.bars_[0][0].get_facecolor() == (0.0, 0.0, 0.0, 1.0)
    assert display.bars_[0][0].get_height() == 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"feature_names": ["a"]}, "one name for each of the 9 columns"),
        ({"row_factors": np.ones((5, 3))}, "one column for each of the 4 factors"),
        ({"factors": [4]}, "numbers from 0 to 3"),
        ({"factors": [-1]}, "numbers from 0 to 3"),
        ({"factors": [0.5]}, "numbers from 0 to 3"),
        ({"factors": 0}, "numbers from 0 to 3"),
        ({"n_labels": 0}, "n_labels == 0, must be >= 1"),
    ],
)
def test_what_does_not_fit_is_refused(pyplot, components, options, message):
    with pytest.raises(ValueError, match=message):
        FactorDisplay.from_components(components, **options)


def test_axes_of_another_number_are_refused(pyplot, components):
    _, grid = pyplot.subplots(1, 3)
    with pytest.raises(ValueError, match="one matplotlib Axes for each of the 4 factors"):
        FactorDisplay.from_components(components, ax=grid)


def test_there_is_nothing_to_rotate_without_factors_of_rows(pyplot, X):
    model = SparseNMF(3, random_state=0).fit(X)
    with pytest.raises(ValueError, match="no `row_factors_`"):
        FactorDisplay.from_estimator(model, rotate=True)


def test_what_has_no_components_is_refused(pyplot, X):
    classifier = LogisticRegression().fit(X, np.arange(30) % 2)
    with pytest.raises(TypeError, match="LogisticRegression has no `components_`"):
        FactorDisplay.from_estimator(classifier)


def test_a_model_that_is_not_fitted_is_refused(pyplot):
    with pytest.raises(NotFittedError):
        FactorDisplay.from_estimator(ImplicitFactorization())
