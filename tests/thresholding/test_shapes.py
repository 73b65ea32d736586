"""Shapes against their formulas: points, equality cases, dtypes, layouts, sparse formats."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from sparsekit.thresholding import _blocks, firm, garrote, hard, shrink, soft

FORMATS = ["csr", "csc", "coo", "bsr", "dia", "lil", "dok"]
NAMES = ["soft", "hard", "firm", "garrote"]


def soft_formula(x, t):
    return np.sign(x) * np.maximum(np.abs(x) - t, 0)


def hard_formula(x, t):
    return np.where(np.abs(x) >= t, x, 0)


def garrote_formula(x, t):
    safe = np.where(x == 0, 1, x)
    return np.where(np.abs(x) > t, x - t * (t / safe), 0)


def firm_formula(x, t):
    between = np.sign(x) * 2 * (np.abs(x) - t)
    return np.where(np.abs(x) <= t, 0, np.where(np.abs(x) > 2 * t, x, between))


FORMULAS = {
    "soft": soft_formula,
    "hard": hard_formula,
    "firm": firm_formula,
    "garrote": garrote_formula,
}


@pytest.fixture
def x(rng):
    values = rng.standard_normal((6, 5, 4)) * (rng.random((6, 5, 4)) < 0.8)
    values[0, 0] = [1.0, -1.0, 2.0, -2.0]
    return values


@pytest.fixture
def matrix(rng):
    return rng.standard_normal((9, 7)) * (rng.random((9, 7)) < 0.4)


def stored_with_duplicates():
    """A CSR matrix that holds some entries twice, out of order, and a zero."""
    data = np.array([1.0, 2.0, 0.5, -3.0, 0.0, 4.0, -3.5])
    indices = np.array([2, 0, 2, 1, 0, 1, 1], dtype=np.int32)
    return sparse.csr_matrix((data, indices, np.array([0, 3, 3, 7])), shape=(3, 3))


# Values of PyWavelets, whose conventions at equality are the common ones.
@pytest.mark.parametrize(
    "shape, expected",
    [
        (soft, [-2, -0.5, 0, 0, 0, 0.5, 2]),
        (garrote, [-3 + 1 / 3, -1.5 + 1 / 1.5, 0, 0, 0, 1.5 - 1 / 1.5, 3 - 1 / 3]),
        (lambda x, t: firm(x, t, 2 * t), [-3, -1, 0, 0, 0, 1, 3]),
        (hard, [-3, -1.5, 0, 0, 0, 1.5, 3]),
    ],
)
def test_points_of_the_literature(shape, expected):
    np.testing.assert_allclose(shape([-3, -1.5, -0.5, 0, 0.5, 1.5, 3], 1), expected, rtol=1e-15)


def test_at_the_threshold_hard_keeps_and_the_others_drop():
    x = np.array([-1.0, 1.0])
    assert hard(x, 1.0).tolist() == [-1.0, 1.0]
    for shape in (soft, garrote, lambda x, t: firm(x, t, 3.0), lambda x, t: firm(x, t, t)):
        assert shape(x, 1.0).tolist() == [0.0, 0.0]


def test_firm_is_continuous_where_its_line_ends():
    assert firm([2.0, np.nextafter(2.0, 3.0)], 1.0, 2.0) == pytest.approx([2.0, 2.0], rel=1e-15)


def test_pywavelets_agrees(x):
    pywt = pytest.importorskip("pywt")
    for name in ("soft", "hard", "garrote"):
        with np.errstate(divide="ignore", invalid="ignore"):
            expected = pywt.threshold(x, 0.7, name)
        np.testing.assert_allclose(shrink(x, 0.7, name), expected, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(firm(x, 0.5, 0.9), pywt.threshold_firm(x, 0.5, 0.9), rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", NAMES)
def test_any_layout_and_any_threshold_that_broadcasts(name, dtype, x, rng):
    x = x.astype(dtype)
    layouts = [x, np.asfortranarray(x), x[::2, ::-1], x.transpose(1, 0, 2), x[:, 0], x[0, 0, 0]]
    tolerance = 8 * np.finfo(dtype).eps
    for values in layouts:
        full = rng.random(values.shape).astype(dtype)
        thresholds = [dtype(0.7), 0, full]
        for k in range(values.ndim):
            thresholds += [full.mean(axis=k, keepdims=True), full.mean(axis=k)[..., None]]
        fitting = [t for t in thresholds if _fits(t, values)]
        assert len(fitting) >= 3
        for t in fitting:
            got = shrink(values, t, name)
            expected = FORMULAS[name](values, np.asarray(t, dtype=dtype))
            assert got.dtype == dtype and got.shape == values.shape
            np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


def _fits(threshold, values):
    try:
        return np.broadcast_shapes(np.shape(threshold), values.shape) == values.shape
    except ValueError:
        return False


@pytest.fixture(params=[16, 32, 64, 256, 1 << 20])
def small_pages(request, monkeypatch):
    monkeypatch.setattr(_blocks, "LEAST_SPLIT", 0)
    monkeypatch.setattr(_blocks, "HUGE_PAGE", request.param)
    monkeypatch.setattr(_blocks, "PAGE", request.param // 4)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_blocks_meet_without_a_seam(x, dtype):
    x = x.astype(dtype)
    rows, columns = np.abs(x[:, :, :1]) + dtype(0.125), np.arange(4, dtype=dtype) / 4
    for t in (dtype(0.5), rows, columns, np.abs(x)):
        expected = soft_formula(x, t)
        np.testing.assert_array_equal(soft(x, t), expected)
        values = x.copy()
        np.testing.assert_array_equal(soft(values, t, out=values), expected)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("shape", [(1, 200), (50, 4), (200, 1), (3, 70), (1, 1)])
@pytest.mark.parametrize("offset", [0, 1, 5])
def test_blocks_cover_every_value_once_and_begin_near_the_end_of_a_page(shape, offset):
    written = np.zeros(offset + np.prod(shape))[offset:].reshape(shape)
    unit = written.itemsize if len(written) == 1 else written[0].nbytes
    begun = {}
    for rows, columns in _blocks.blocks(written):
        written[rows, columns] += 1
        last = written[rows, columns][-1, -1:].ctypes.data
        begun.setdefault(last // _blocks.HUGE_PAGE, last % _blocks.HUGE_PAGE)
    assert np.all(written == 1)
    if unit + _blocks.PAGE < _blocks.HUGE_PAGE:
        *places, _ = begun.values()
        assert all(place >= _blocks.HUGE_PAGE - _blocks.PAGE - unit for place in places)


def test_a_scalar_stays_a_scalar_and_nothing_stays_nothing():
    assert soft(-3, 1) == -2.0 and np.ndim(soft(-3, 1)) == 0
    assert soft(np.empty((0, 3)), np.ones(3)).shape == (0, 3)


@pytest.mark.parametrize(
    "given, kept",
    [
        (np.float64, np.float64),
        (np.float32, np.float32),
        (np.float16, np.float32),
        (np.int8, np.float64),
        (np.uint64, np.float64),
        (np.bool_, np.float64),
        (">f8", np.float64),
        (">f4", np.float32),
    ],
)
def test_dtypes(given, kept):
    dense = np.array([[0, 1, 3]]).astype(given)
    expected = np.maximum(dense.astype(np.float64) - 0.5, 0)
    for x in (dense, sparse.csr_array(dense.astype(kept)).astype(kept)):
        got = soft(x, 0.5)
        assert got.dtype == kept
        np.testing.assert_array_equal(got.toarray() if sparse.issparse(got) else got, expected)


def test_sparse_integers_become_float64():
    X = sparse.csr_array(np.array([[0, 1, -3]], dtype=np.int32))
    got = soft(X, 1)
    assert got.dtype == np.float64 and got.nnz == 1 and got[0, 2] == -2.0


@pytest.mark.parametrize("name", NAMES)
def test_nan_stays_and_infinity_kills_what_is_finite(name):
    x = np.array([np.nan, 1e308, -5.0, 0.0])
    assert np.isnan(shrink(x, 1.0, name)[0]) and np.isnan(shrink(x, np.inf, name)[0])
    assert shrink(x, np.inf, name)[1:].tolist() == [0.0, 0.0, 0.0]
    assert shrink(x[2:].astype(np.float32), 1e300, name).tolist() == [0.0, 0.0]
    assert shrink([np.inf, -np.inf], 1.0, name).tolist() == [np.inf, -np.inf]


def test_a_firm_shape_without_upper_end_is_soft(x):
    np.testing.assert_array_equal(firm(x, 0.5, np.inf), soft(x, 0.5))


@pytest.mark.parametrize("name", NAMES)
def test_the_threshold_zero_changes_nothing(name, x):
    np.testing.assert_array_equal(shrink(x, 0, name), x)


def test_out_may_be_the_data_or_overlap_it(x):
    expected = soft(x, 0.5)
    for out in (np.empty_like(x), np.empty_like(x.T).T, np.empty((6, 5, 8))[..., ::2]):
        assert soft(x, 0.5, out=out) is out
        np.testing.assert_array_equal(out, expected)
    for values in (x.copy(), np.asfortranarray(x)):
        assert soft(values, 0.5, out=values) is values
        np.testing.assert_array_equal(values, expected)
    long = np.append(x.ravel(), 0.0)
    soft(long[:-1], 0.5, out=long[1:])
    np.testing.assert_array_equal(long[1:], expected.ravel())


def test_the_data_are_not_changed(x, matrix):
    x.setflags(write=False)
    before = x.copy()
    for name in NAMES:
        shrink(x, 0.5, name)
        shrink(x, np.full(4, 0.5), name)
    np.testing.assert_array_equal(x, before)
    X = sparse.csr_array(matrix)
    for array in (X.data, X.indices, X.indptr):
        array.setflags(write=False)
    np.testing.assert_array_equal(soft(X, 0.5).toarray(), soft(matrix, 0.5))


@pytest.mark.parametrize("kind", ["matrix", "array"])
@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_a_sparse_matrix_keeps_its_kind_and_format(name, format_name, kind, matrix):
    X = getattr(sparse, f"{format_name}_{kind}")(sparse.csr_array(matrix))
    for t in (0.3, np.linspace(0, 1, 7), np.linspace(0, 1, 9)[:, None], np.abs(matrix) / 2):
        got = shrink(X, t, name)
        assert type(got) is type(X)
        np.testing.assert_array_equal(got.toarray(), shrink(matrix, t, name))
        if format_name in ("csr", "csc", "coo"):
            assert np.all(got.data != 0)
    np.testing.assert_array_equal(X.toarray(), matrix)


@pytest.mark.parametrize("name", NAMES)
def test_duplicates_are_summed_on_a_copy(name):
    X = stored_with_duplicates()
    before = [array.copy() for array in (X.data, X.indices, X.indptr)]
    got = shrink(X, 0.75, name)
    np.testing.assert_array_equal(got.toarray(), shrink(X.toarray(), 0.75, name))
    assert got.has_canonical_format
    for array, old in zip((X.data, X.indices, X.indptr), before):
        np.testing.assert_array_equal(array, old)


def test_sparse_nan_stays_stored():
    X = sparse.csr_array(np.array([[np.nan, 0.0, 2.0]]))
    assert np.isnan(soft(X, 1.0)[0, 0]) and soft(X, 5.0).nnz == 1


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: soft([1.0], -0.5), ValueError, "`threshold` must be non-negative; got -0.5"),
        (lambda: soft([1.0], np.nan), ValueError, "`threshold` must be non-negative; got nan"),
        (lambda: soft([1.0], [1.0, -2.0]), ValueError, "got -2.0"),
        (lambda: firm([1.0], -1.0, 2.0), ValueError, "`low` must be non-negative"),
        (lambda: firm([1.0], 2.0, 1.0), ValueError, "`high` must be at least `low`"),
        (lambda: soft([1.0], "big"), TypeError, "`threshold` must hold real numbers"),
        (lambda: soft([1j], 1.0), TypeError, "`x` must hold real numbers"),
        (lambda: soft(["a"], 1.0), TypeError, "`x` must hold real numbers"),
        (lambda: soft(sparse.csr_array([[1j]]), 1.0), TypeError, "`x` must hold real numbers"),
        (lambda: soft(np.ma.masked_array([1.0]), 1.0), TypeError, "`x` is a masked array"),
        (lambda: soft([1.0, 2.0], [1.0, 2.0, 3.0]), ValueError, "does not broadcast"),
        (lambda: soft([1.0], [[1.0]]), ValueError, "does not broadcast"),
        (lambda: soft(sparse.eye_array(3), np.ones(2)), ValueError, "does not broadcast"),
        (lambda: soft(sparse.eye_array(3), 1.0, out=np.eye(3)), TypeError, "`out` is for dense"),
        (lambda: soft([1.0], 1.0, out=[0.0]), ValueError, "`out` must be a writeable array"),
        (lambda: soft([1.0], 1.0, out=np.zeros(2)), ValueError, "`out` must be"),
        (lambda: soft([1.0], 1.0, out=np.zeros(1, np.float32)), ValueError, "`out` must be"),
        (lambda: shrink([1.0], 1.0, "round"), ValueError, "`shape` must be one of"),
        (lambda: shrink([1.0], 1.0, "firm", firm_ratio=0.5), ValueError, "`firm_ratio` must be"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_indices_out_of_bounds_are_refused():
    X = sparse.csr_array(np.eye(3))
    X.indices[1] = 7
    with pytest.raises(ValueError, match="malformed CSR"):
        soft(X, 0.5)


floats = st.floats(-1e3, 1e3, allow_subnormal=False)
arrays = hnp.arrays(np.float64, hnp.array_shapes(max_dims=2, max_side=9), elements=floats)
levels = st.floats(0, 1e3, allow_subnormal=False)


@given(arrays, levels, st.sampled_from(NAMES))
def test_the_result_lies_between_zero_and_the_value(x, t, name):
    got = shrink(x, t, name)
    assert np.all(got * x >= 0)
    assert np.all(np.abs(got) <= np.abs(x) * (1 + 1e-15))


@given(arrays, levels, st.sampled_from(NAMES))
def test_signs_do_not_matter(x, t, name):
    np.testing.assert_array_equal(shrink(-x, t, name), -shrink(x, t, name))


@given(arrays, levels)
def test_hard_twice_is_hard_once(x, t):
    np.testing.assert_array_equal(hard(hard(x, t), t), hard(x, t))


@given(arrays, levels)
def test_the_shapes_are_ordered(x, t):
    sizes = [np.abs(shrink(x, t, name)) for name in ("soft", "garrote", "hard")]
    assert np.all(sizes[0] <= sizes[1] + 1e-9) and np.all(sizes[1] <= sizes[2] + 1e-9)


@given(arrays.filter(lambda x: x.ndim == 2), levels, st.sampled_from(NAMES))
def test_sparse_equals_dense(x, t, name):
    expected = shrink(x, t, name)
    for kind in (sparse.csr_array, sparse.csc_array):
        np.testing.assert_array_equal(shrink(kind(x), t, name).toarray(), expected)


@given(arrays, levels, st.sampled_from(["soft", "garrote", "firm"]))
def test_float32_is_near_float64(x, t, name):
    small = x.astype(np.float32)
    got, expected = shrink(small, t, name), shrink(small.astype(np.float64), np.float32(t), name)
    # Continuous shapes: off by the rounding of the value and of the threshold.
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6 * max(1.0, t))
