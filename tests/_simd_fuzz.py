"""All formulas of `sparsekit._simd` against NumPy, in memory that ends where a closed page begins.

A load or store behind the end of any array ends the process, so `fuzz` runs in one of its own. What
lies before an array is checked afterwards.
"""

import ctypes
import mmap

import numpy as np

from sparsekit import _simd
from sparsekit._compile import called_files, kernel
from sparsekit._simd import (
    cholesky_upper,
    entries_add,
    entries_pass,
    entries_pull,
    padded,
    product_entries,
    product_row,
    row_axpy,
    row_dot,
    solve_upper,
    solve_upper_transposed,
    syrk_upper,
)

CANARY = 0x5A


@kernel
def on_rows(y, out, dots, width):
    """Fill `dots` with squared lengths, then add twice each row to `out`."""
    for i in range(len(dots)):
        dots[i] = row_dot(y, i, y, i, width)
        row_axpy(2.0, y, i, out, i, width)


@kernel
def on_entries(y, indices, first, n, weights, pulls, begin, p, dots, outs, width):
    """Call what sums over entries, each with a vector of its own."""
    a, b, c = outs
    entries_pass(y, indices, first, n, weights, begin, p, a, width)
    entries_pull(y, indices, first, n, weights, pulls, begin, p, dots, b, width)
    entries_add(y, indices, first, n, weights, begin, c, width)


@kernel
def on_products(data, indices, first, n, left, right, product, dots, i):
    """Write one row of a product, and the products at its entries."""
    product_row(data, indices, first, n, right, product, i)
    product_entries(indices, first, n, left, i, right, dots)


@kernel
def on_squares(panel, n, gram, k, width, rhs):
    """Add to the square, factor it, solve; return whether there is a factor."""
    syrk_upper(panel, n, gram, width)
    if not cholesky_upper(gram, k, width):
        return False
    solve_upper_transposed(gram, k, rhs)
    solve_upper(gram, k, rhs)
    return True


class Fenced:
    """Arrays that end with a page; the next one may not be touched."""

    def __init__(self):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.kept = []

    def put(self, array):
        """Return a copy of an array that ends with a page."""
        size = -(-max(array.nbytes, 1) // mmap.PAGESIZE) * mmap.PAGESIZE
        memory = mmap.mmap(-1, size + mmap.PAGESIZE)
        every = np.frombuffer(memory, dtype=np.uint8)
        address = ctypes.c_void_p(every.ctypes.data + size)
        assert self.libc.mprotect(address, mmap.PAGESIZE, 0) == 0
        before, here = every[: size - array.nbytes], every[size - array.nbytes : size]
        before[:] = CANARY
        self.kept.append(before)
        copy = here.view(array.dtype).reshape(array.shape)
        copy[...] = array
        return copy

    def check(self):
        """Assert that nothing was written before an array; forget them all."""
        for before in self.kept:
            assert (before == CANARY).all()
        self.kept.clear()


class Fuzz:
    """Random arrays of one width, and what NumPy makes of them."""

    def __init__(self, k, dtype, index):
        self.k, self.dtype, self.index = k, dtype, index
        self.rng, self.fence = np.random.default_rng(k), Fenced()
        self.width = padded(k, dtype)
        single = dtype == np.float32
        self.near = {"rtol": 2e-4, "atol": 2e-3} if single else {"rtol": 1e-10, "atol": 1e-10}

    def normal(self, *shape):
        """Return normal numbers; what lies behind the first k of a row is zero."""
        numbers = self.rng.standard_normal(shape)
        if shape[-1] == self.width:
            numbers[..., self.k :] = 0
        return self.fence.put(numbers.astype(self.dtype))

    def rows(self):
        """Check what works on one row."""
        y, out, dots = self.normal(3, self.width), self.normal(3, self.width), self.normal(3)
        expected = out + 2 * y
        on_rows(y, out, dots, self.width)
        np.testing.assert_allclose(dots, (y * y).sum(1), **self.near)
        np.testing.assert_allclose(out, expected, **self.near)
        self.fence.check()

    def entries(self, n, first, begin):
        """Check what sums over entries: those not asked for stay out."""
        y, p = self.normal(9, self.width), self.normal(self.width)
        indices = self.fence.put(self.rng.integers(0, 9, first + n).astype(self.index))
        weights, pulls, dots = (self.normal(begin + n) for _ in range(3))
        outs = tuple(self.normal(self.width) for _ in range(3))
        before, Y, w, g = dots[:begin].copy(), y[indices[first:]], weights[begin:], pulls[begin:]
        terms = Y.T @ (w * (Y @ p)), Y.T @ (g - w * (Y @ p)), Y.T @ w
        expected = [out + term for out, term in zip(outs, terms, strict=True)]
        on_entries(y, indices, first, n, weights, pulls, begin, p, dots, outs, self.width)
        for out, sums in zip(outs, expected, strict=True):
            np.testing.assert_allclose(out, sums, **self.near)
        np.testing.assert_array_equal(dots[:begin], before)
        np.testing.assert_allclose(dots[begin:], Y @ p, **self.near)
        self.fence.check()

    def products(self, n, first):
        """Check one row of products; others stay as they were."""
        left, right = self.normal(2, self.width), self.normal(9, self.width)
        indices = self.fence.put(self.rng.integers(0, 9, first + n).astype(self.index))
        data, dots, product = self.normal(first + n), self.normal(first + n), self.normal(2, self.k)
        before, above, Y = dots[:first].copy(), product[0].copy(), right[indices[first:]]
        on_products(data, indices, first, n, left, right, product, dots, 1)
        np.testing.assert_allclose(product[1], (data[first:] @ Y)[: self.k], **self.near)
        np.testing.assert_allclose(dots[first:], Y @ left[1], **self.near)
        np.testing.assert_array_equal(product[0], above)
        np.testing.assert_array_equal(dots[:first], before)
        self.fence.check()

    def squares(self, n, beyond):
        """Check the products of a panel's columns, their factor and its solutions."""
        k, width = self.k, self.width
        panel, rhs = self.normal(max(n, 1), width), self.normal(width)
        # A diagonal that keeps the numbers small enough for float32.
        square = np.zeros((width, width + beyond))
        square[np.arange(k), np.arange(k)] = 30
        gram = self.fence.put(square.astype(self.dtype))
        whole = square[:k, :k] + (panel[:n].T.astype(float) @ panel[:n])[:k, :k]
        expected = np.linalg.solve(whole, rhs[:k].astype(float))
        assert on_squares(panel, n, gram, k, width, rhs)
        factor = np.triu(gram[:k, :k]).astype(float)
        np.fill_diagonal(factor, 1 / np.diag(factor))
        np.testing.assert_allclose(factor.T @ factor, whole, **self.near)
        np.testing.assert_allclose(rhs[:k], expected, **self.near)
        assert not rhs[k:].any()
        gram[...] = square
        gram[k - 1, k - 1] = self.rng.choice([0, -1, np.nan])
        assert not on_squares(panel, 0, gram, k, width, rhs)
        self.fence.check()


def fuzz(widths):
    """Run everything, and print the files that hold this process's formulas."""
    for dtype, index in ((np.float32, np.int32), (np.float64, np.int64)):
        line = padded(1, dtype)
        for k in widths:
            case = Fuzz(k, dtype, index)
            case.rows()
            for n, first, begin in ((0, 0, 0), (1, 2, 0), (3, 0, 1), (8, 1, 5), (29, 3, 2)):
                case.entries(n, first, begin)
                case.products(n, first)
            for n, beyond in ((0, 0), (1, line), (k // 2, 0), (2 * k, line)):
                case.squares(n, beyond)
    print(*sorted(called_files(on_squares.py_func) | called_files(on_entries.py_func)))
    print(_simd.BY_HAND)
