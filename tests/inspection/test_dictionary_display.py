"""What DictionaryDisplay draws are the atoms, in the order of their use."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sparsekit.decomposition import SparseCoder
from sparsekit.inspection import CodeDisplay, DictionaryDisplay
from tests.inspection._fakes import AxisCoder


@pytest.fixture
def atoms(rng):
    return rng.standard_normal((7, 12))


@pytest.fixture
def X(rng):
    """Samples in which feature j is large in j of nine rows."""
    X = rng.uniform(-0.4, 0.4, (9, 4))
    for j in range(4):
        X[:j, j] = 3.0
    return X


def tiles(display):
    """Return the drawn atoms, cut out of the mosaic along its transparent lines."""
    mosaic = np.ma.filled(display.image_.get_array(), np.nan)
    empty = np.isnan(mosaic) if mosaic.ndim == 2 else mosaic[..., 3] == 0.0
    rows, columns = (stretches(empty.all(axis=axis)) for axis in (1, 0))
    found = [mosaic[row, column] for row in rows for column in columns]
    return found[: len(display.order_)]


def stretches(empty):
    """Return slices of the places between those that are empty."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], empty, [True]]).astype(int)))
    return [slice(start, stop) for start, stop in zip(edges[::2], edges[1::2])]


def test_every_atom_is_drawn_with_its_own_contrast(pyplot, atoms):
    display = DictionaryDisplay.from_components(atoms, image_shape=(3, 4))
    expected = atoms / np.abs(atoms).max(axis=1, keepdims=True)
    np.testing.assert_allclose(tiles(display), expected.reshape(7, 3, 4))
    assert display.image_.get_clim() == (-1.0, 1.0)


def test_the_most_used_come_first_and_equals_in_their_order(pyplot, atoms):
    display = DictionaryDisplay.from_components(
        atoms, use=[2, 5, 0, 5, 1, 0, 9], image_shape=(3, 4)
    )
    assert display.order_.tolist() == [6, 1, 3, 0, 4, 2, 5]
    assert "most used first (2 unused)" in display.ax_.get_title()
    np.testing.assert_allclose(tiles(display)[0].ravel(), atoms[6] / np.abs(atoms[6]).max())


def test_only_the_most_used_are_drawn_if_asked(pyplot, atoms):
    display = DictionaryDisplay.from_components(
        atoms, use=np.arange(7), image_shape=(3, 4), max_atoms=3
    )
    assert display.order_.tolist() == [6, 5, 4]
    assert len(tiles(display)) == 3
    assert display.ax_.get_title().startswith("3 of 7 atoms")


def test_black_is_zero_where_no_value_is_negative(pyplot, atoms):
    display = DictionaryDisplay.from_components(np.abs(atoms), image_shape=(3, 4))
    assert display.image_.get_clim() == (0.0, 1.0)


def test_an_atom_of_zeros_is_grey(pyplot, atoms):
    atoms[2] = 0.0
    display = DictionaryDisplay.from_components(atoms, image_shape=(3, 4))
    np.testing.assert_array_equal(tiles(display)[2], np.zeros((3, 4)))


def test_colours_are_drawn_as_colours(pyplot, atoms):
    display = DictionaryDisplay.from_components(atoms)
    assert display.image_shape == (2, 2, 3)
    expected = 0.5 + 0.5 * atoms / np.abs(atoms).max(axis=1, keepdims=True)
    drawn = np.array(tiles(display))
    np.testing.assert_allclose(drawn[..., :3], expected.reshape(7, 2, 2, 3))
    np.testing.assert_array_equal(drawn[..., 3], 1.0)


@pytest.mark.parametrize(("n_features", "shape"), [(64, (8, 8)), (192, (8, 8, 3)), (1, (1, 1))])
def test_squares_are_found(pyplot, n_features, shape):
    display = DictionaryDisplay.from_components(np.ones((2, n_features)))
    assert display.image_shape == shape


@pytest.mark.parametrize("n_columns", [1, 2, 7, 50])
def test_rows_have_the_length_asked_for(pyplot, atoms, n_columns):
    display = DictionaryDisplay.from_components(atoms, image_shape=(3, 4), n_columns=n_columns)
    assert len(tiles(display)) == 7
    width = display.image_.get_array().shape[1]
    assert width == min(n_columns, 7) * 5 - 1


def test_pixels_are_square_and_sharp(pyplot, atoms):
    display = DictionaryDisplay.from_components(atoms, image_shape=(3, 4))
    assert display.ax_.get_aspect() == 1.0
    assert display.image_.get_interpolation() == "nearest"
    assert not display.ax_.axison


def test_the_title_fits_into_a_narrow_figure(pyplot):
    display = DictionaryDisplay.from_components(np.eye(2), use=[1, 0], image_shape=(2, 1))
    display.figure_.draw_without_rendering()
    box = display.ax_.title.get_window_extent()
    assert 0.0 <= box.x0 and box.x1 <= display.figure_.bbox.x1
    assert box.y1 <= display.figure_.bbox.y1


def test_further_arguments_reach_matplotlib(pyplot, atoms):
    display = DictionaryDisplay.from_components(
        atoms, image_shape=(3, 4), image_kw={"cmap": "RdBu", "vmax": 2.0}
    )
    assert display.image_.get_cmap().name == "RdBu"
    assert display.image_.get_clim() == (-1.0, 2.0)


def test_given_axes_are_drawn_on(pyplot, atoms):
    figure, ax = pyplot.subplots()
    display = DictionaryDisplay.from_components(atoms, image_shape=(3, 4), ax=ax)
    assert display.ax_ is ax and display.figure_ is figure


@pytest.mark.parametrize("options", [{}, {"sparse_output": True}, {"split_sign": True}])
def test_use_is_counted_on_the_codes_of_an_estimator(pyplot, X, options):
    display = DictionaryDisplay.from_estimator(AxisCoder(**options).fit(X), X)
    assert display.use.tolist() == [0, 1, 2, 3]
    assert display.order_.tolist() == [3, 2, 1, 0]


def test_both_signs_of_split_codes_count(pyplot, X):
    X[:5, 0] = -3.0
    display = DictionaryDisplay.from_estimator(AxisCoder(split_sign=True).fit(X), X)
    assert display.use.tolist() == [5, 1, 2, 3]


def test_without_data_the_order_is_the_estimators(pyplot, X):
    display = DictionaryDisplay.from_estimator(AxisCoder().fit(X))
    assert display.use is None and display.order_.tolist() == [0, 1, 2, 3]
    assert display.ax_.get_title() == "4 atoms"


def test_the_dictionary_of_a_pipeline_is_found(pyplot, X):
    pipeline = make_pipeline(
        FunctionTransformer(lambda X: X[:, ::-1]), AxisCoder(), LogisticRegression()
    )
    pipeline.fit(X, np.arange(9) % 2)
    display = DictionaryDisplay.from_estimator(pipeline, X)
    assert display.use.tolist() == [3, 2, 1, 0]


def test_the_best_dictionary_of_a_search_is_found(pyplot, X):
    pipeline = make_pipeline(AxisCoder(), LogisticRegression())
    search = GridSearchCV(pipeline, {"axiscoder__alpha": [0.1, 0.5]}, cv=2).fit(X, np.arange(9) % 2)
    display = DictionaryDisplay.from_estimator(search, X)
    np.testing.assert_array_equal(display.components, np.diag([1.0, 2.0, 3.0, 4.0]))


def test_what_has_no_dictionary_is_refused(pyplot, X):
    with pytest.raises(TypeError, match="LogisticRegression has no `components_`"):
        DictionaryDisplay.from_estimator(LogisticRegression().fit(X, np.arange(9) % 2))


@pytest.mark.parametrize(
    "estimator", [AxisCoder(), make_pipeline(AxisCoder(), LogisticRegression())]
)
def test_a_model_that_is_not_fitted_is_refused(pyplot, estimator):
    with pytest.raises(NotFittedError):
        DictionaryDisplay.from_estimator(estimator)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Atoms of 6 features are no squares"),
        ({"image_shape": (2, 2)}, "with 6 values"),
        ({"image_shape": (6,)}, "with 6 values"),
        ({"image_shape": (1, 3, 2)}, "with 6 values"),
        ({"image_shape": (2, 3), "use": [1, 2]}, "one count for each of the 3 atoms"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(pyplot, options, message):
    with pytest.raises(ValueError, match=message):
        DictionaryDisplay.from_components(np.ones((3, 6)), **options)


def test_a_coder_shows_the_dictionary_it_was_given(rng):
    atoms = rng.standard_normal((6, 16))
    coder = SparseCoder(atoms, transform_n_nonzero_coefs=2)
    plain = DictionaryDisplay.from_estimator(coder)
    np.testing.assert_array_equal(plain.components, atoms)
    used = DictionaryDisplay.from_estimator(coder, rng.standard_normal((20, 16)))
    assert used.use.sum() == 40
    display = CodeDisplay.from_estimator(coder, rng.standard_normal((20, 16)))
    assert display.use.sum() == 40
