"""What CodeDisplay draws are counts and residuals of the codes it was given."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sparsekit.inspection import CodeDisplay, _codes
from tests.inspection._fakes import AxisCoder


@pytest.fixture
def codes(rng):
    codes = rng.standard_normal((50, 8)) * (rng.random((50, 8)) < np.linspace(0.0, 0.9, 8))
    codes[3] = 0.0
    return codes


@pytest.fixture
def atoms(rng):
    return rng.standard_normal((8, 5))


@pytest.fixture
def X(rng, codes, atoms):
    return codes @ atoms + 0.1 * rng.standard_normal((50, 5))


def test_bars_are_shares_of_samples_by_falling_use(pyplot, codes):
    display = CodeDisplay.from_codes(codes)
    use = np.count_nonzero(codes, axis=0)
    np.testing.assert_array_equal(display.use, use)
    np.testing.assert_array_equal(display.use_.get_data().values, np.sort(use)[::-1] / 50)
    np.testing.assert_array_equal(use[display.order_], np.sort(use)[::-1])
    assert display.mean_line_.get_ydata()[0] == pytest.approx(use.mean() / 50)


def test_the_words_tell_the_mean_and_the_unused(pyplot, codes):
    (text,) = CodeDisplay.from_codes(codes).ax_.texts
    n_unused = np.count_nonzero(~codes.any(axis=0))
    assert n_unused > 0
    assert f"{n_unused} of 8 atoms unused" in text.get_text()
    assert f"{np.count_nonzero(codes) / 50:.3g} atoms per sample" in text.get_text()


def test_without_samples_there_are_no_residuals(pyplot, codes):
    display = CodeDisplay.from_codes(codes)
    assert display.residual is display.residual_ax_ is display.points_ is None
    assert len(display.figure_.axes) == 1


def test_points_are_residuals_over_the_number_of_atoms(pyplot, codes, X, atoms):
    display = CodeDisplay.from_codes(codes, X, atoms)
    residual = np.linalg.norm(X - codes @ atoms, axis=1) / np.linalg.norm(X, axis=1)
    np.testing.assert_allclose(display.residual, residual)
    counts, heights = display.points_.get_offsets().T
    np.testing.assert_array_equal(np.round(counts), np.count_nonzero(codes, axis=1))
    np.testing.assert_allclose(heights, residual)


def test_the_line_joins_the_medians_of_five_samples_or_more(pyplot, codes, X, atoms):
    display = CodeDisplay.from_codes(codes, X, atoms)
    counts = np.count_nonzero(codes, axis=1)
    sizes = [size for size in range(9) if np.count_nonzero(counts == size) >= 5]
    assert 0 < len(sizes) < len(np.unique(counts))
    expected = [np.median(display.residual[counts == size]) for size in sizes]
    np.testing.assert_array_equal(display.median_line_.get_xdata(), sizes)
    np.testing.assert_allclose(display.median_line_.get_ydata(), expected)


def test_few_samples_have_medians_too(pyplot):
    display = CodeDisplay.from_codes(np.eye(3), np.eye(3), 0.5 * np.eye(3))
    assert display.median_line_.get_xydata().tolist() == [[1.0, 0.5]]


@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_matrix, sparse.coo_array])
def test_sparse_codes_and_samples_are_read_as_dense(pyplot, codes, X, atoms, form):
    dense = CodeDisplay.from_codes(codes, X, atoms)
    display = CodeDisplay.from_codes(form(codes), form(X), atoms)
    np.testing.assert_array_equal(display.use, dense.use)
    np.testing.assert_array_equal(display.n_nonzero, dense.n_nonzero)
    np.testing.assert_allclose(display.residual, dense.residual)


def test_stored_zeros_are_not_counted(pyplot):
    codes = sparse.csr_array(([1.0, 0.0, 2.0], [0, 1, 1], [0, 2, 3]), shape=(2, 2))
    display = CodeDisplay.from_codes(codes)
    assert display.use.tolist() == [1, 1] and display.n_nonzero.tolist() == [1, 1]


def test_rows_are_read_in_blocks(pyplot, monkeypatch, codes, X, atoms):
    whole = CodeDisplay.from_codes(codes, X, atoms).residual
    monkeypatch.setattr(_codes, "_BLOCK_VALUES", 5 * 7)
    np.testing.assert_allclose(CodeDisplay.from_codes(codes, X, atoms).residual, whole)


def test_a_sample_of_zeros_has_no_point(pyplot, codes, X, atoms):
    X[3] = 0.0
    display = CodeDisplay.from_codes(codes, X, atoms)
    assert np.isnan(display.residual[3])
    assert len(display.points_.get_offsets()) == 49


def test_many_samples_are_thinned_but_all_count(pyplot, rng):
    codes = rng.standard_normal((12_000, 2))
    display = CodeDisplay.from_codes(codes, codes, 0.5 * np.eye(2))
    assert len(display.points_.get_offsets()) == 5000
    assert display.use.tolist() == [12_000, 12_000]


def test_axes_count_in_whole_numbers(pyplot):
    codes = np.array([[1.0, 0.0], [0.0, 1.0]])
    display = CodeDisplay.from_codes(codes, codes, np.eye(2))
    display.figure_.draw_without_rendering()
    for ax in (display.ax_, display.residual_ax_):
        assert np.all(ax.get_xticks() == np.round(ax.get_xticks()))


@pytest.mark.parametrize("options", [{}, {"sparse_output": True}, {"split_sign": True}])
def test_an_estimator_codes_the_samples(pyplot, rng, options):
    X = rng.standard_normal((30, 4))
    display = CodeDisplay.from_estimator(AxisCoder(mean=0.25, **options).fit(X), X)
    far = np.abs(X - 0.25) > 0.5
    np.testing.assert_array_equal(display.use, far.sum(axis=0))
    np.testing.assert_array_equal(display.n_nonzero, far.sum(axis=1))
    rest = np.clip(X - 0.25, -0.5, 0.5)
    expected = np.linalg.norm(rest, axis=1) / np.linalg.norm(X, axis=1)
    np.testing.assert_allclose(display.residual, expected)


def test_the_steps_before_the_dictionary_transform_the_samples(pyplot, rng):
    X = 5.0 + 3.0 * rng.standard_normal((30, 4))
    pipeline = make_pipeline(StandardScaler(), AxisCoder()).fit(X)
    alone = CodeDisplay.from_estimator(pipeline[1], pipeline[0].transform(X))
    display = CodeDisplay.from_estimator(pipeline, X)
    np.testing.assert_array_equal(display.use, alone.use)
    np.testing.assert_array_equal(display.residual, alone.residual)


def test_one_pair_of_axes_takes_both_pictures(pyplot, codes, X, atoms):
    figure, axes = pyplot.subplots(1, 2)
    display = CodeDisplay.from_codes(codes, X, atoms, ax=axes)
    assert display.figure_ is figure
    assert (display.ax_, display.residual_ax_) == tuple(axes)


def test_one_axes_takes_the_use(pyplot, codes, X, atoms):
    figure, ax = pyplot.subplots()
    display = CodeDisplay.from_codes(codes, X, atoms, ax=ax)
    assert display.ax_ is ax and display.residual_ax_ is None


def test_further_arguments_reach_matplotlib(pyplot, codes, X, atoms):
    display = CodeDisplay.from_codes(
        codes,
        X,
        atoms,
        use_kw={"alpha": 0.3},
        point_kw={"marker": "s", "alpha": 0.9},
        line_kw={"linewidth": 4.0},
    )
    assert display.use_.get_alpha() == 0.3
    assert display.points_.get_alpha() == 0.9
    assert display.median_line_.get_linewidth() == 4.0


def test_codes_that_are_all_zero_are_drawn(pyplot):
    display = CodeDisplay.from_codes(np.zeros((4, 3)), np.ones((4, 2)), np.ones((3, 2)))
    assert display.use.tolist() == [0, 0, 0]
    np.testing.assert_array_equal(display.residual, np.ones(4))


def test_samples_that_are_all_zero_are_drawn(pyplot):
    display = CodeDisplay.from_codes(np.zeros((4, 3)), np.zeros((4, 2)), np.ones((3, 2)))
    assert np.isnan(display.residual).all()


def test_a_model_that_is_not_fitted_is_refused(pyplot, X):
    with pytest.raises(NotFittedError):
        CodeDisplay.from_estimator(AxisCoder(), X)


@pytest.mark.parametrize("given", [("X",), ("components",)])
def test_one_of_samples_and_dictionary_is_not_enough(pyplot, codes, X, atoms, given):
    both = {"X": X, "components": atoms}
    with pytest.raises(ValueError, match="need both"):
        CodeDisplay.from_codes(codes, **{name: both[name] for name in given})


@pytest.mark.parametrize("shapes", [((49, 5), (8, 5)), ((50, 5), (7, 5)), ((50, 4), (8, 5))])
def test_shapes_that_do_not_fit_are_refused(pyplot, codes, shapes):
    with pytest.raises(ValueError, match="do not fit together"):
        CodeDisplay.from_codes(codes, *map(np.ones, shapes))
