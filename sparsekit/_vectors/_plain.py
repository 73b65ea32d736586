"""The formulas of `_simd` as plain loops, for hosts whose vectors it does not know."""

import math

import numpy as np

from sparsekit._compile import helper, reduction


@reduction
def row_dot(a, i, b, j, width):
    """Multiply number by number."""
    total = a[i, 0] * b[j, 0]
    for t in range(1, width):
        total += a[i, t] * b[j, t]
    return total


@helper
def row_axpy(s, a, i, out, j, width):
    """Add number by number."""
    for t in range(width):
        out[j, t] += s * a[i, t]


@reduction
def entries_pass(y, indices, first, n, weights, begin, p, out, width):
    """Pass over one entry after another."""
    for q in range(n):
        j = indices[first + q]
        d = y[j, 0] * p[0]
        for t in range(1, width):
            d += y[j, t] * p[t]
        step = weights[begin + q] * d
        for t in range(width):
            out[t] += step * y[j, t]


@reduction
def entries_pull(y, indices, first, n, weights, pulls, begin, p, dots, out, width):
    """Pass over one entry after another."""
    for q in range(n):
        j = indices[first + q]
        d = y[j, 0] * p[0]
        for t in range(1, width):
            d += y[j, t] * p[t]
        dots[begin + q] = d
        step = pulls[begin + q] - weights[begin + q] * d
        for t in range(width):
            out[t] += step * y[j, t]


@helper
def entries_add(y, indices, first, n, weights, begin, out, width):
    """Add one entry after another."""
    for q in range(n):
        j, weight = indices[first + q], weights[begin + q]
        for t in range(width):
            out[t] += weight * y[j, t]


@helper
def product_row(data, indices, first, n, factor, product, i):
    """Add four entries in each pass over the row."""
    width = product.shape[1]
    for k in range(width):
        product[i, k] = 0
    t, last = first, first + n
    while t + 4 <= last:
        a, b, c, d = data[t], data[t + 1], data[t + 2], data[t + 3]
        ja, jb, jc, jd = indices[t], indices[t + 1], indices[t + 2], indices[t + 3]
        for k in range(width):
            product[i, k] += (a * factor[ja, k] + b * factor[jb, k]) + (
                c * factor[jc, k] + d * factor[jd, k]
            )
        t += 4
    while t < last:
        a, ja = data[t], indices[t]
        for k in range(width):
            product[i, k] += a * factor[ja, k]
        t += 1


@reduction
def product_entries(indices, first, n, left, i, right, dots):
    """Multiply number by number."""
    for t in range(first, first + n):
        j = indices[t]
        d = left.dtype.type(0)
        for k in range(left.shape[1]):
            d += left[i, k] * right[j, k]
        dots[t] = d


# Unsigned bounds: a loop over indices that may be negative is not made one over vectors.


@helper
def syrk_upper(panel, n, gram, width):
    """Add one row of the panel after another."""
    for t in range(n):
        for i in range(width):
            s = panel[t, i]
            for j in range(np.uintp(i), np.uintp(width)):
                gram[i, j] += s * panel[t, j]


@helper
def cholesky_upper(gram, k, width):
    """Subtract from each row what lies above it."""
    for i in range(k, width):
        gram[i, i] = 1
    for i in range(width):
        for t in range(i):
            s = gram[t, i]
            for j in range(np.uintp(i), np.uintp(width)):
                gram[i, j] -= s * gram[t, j]
        if not gram[i, i] > 0:
            return False
        inverse = 1 / math.sqrt(gram[i, i])
        for j in range(np.uintp(i + 1), np.uintp(width)):
            gram[i, j] *= inverse
        gram[i, i] = inverse
    return True


@helper
def solve_upper_transposed(gram, k, rhs):
    """Solve for a number, subtract it from what follows, and so on."""
    for i in range(k):
        s = rhs[i] * gram[i, i]
        rhs[i] = s
        for j in range(np.uintp(i + 1), np.uintp(k)):
            rhs[j] -= s * gram[i, j]


@reduction
def solve_upper(gram, k, rhs):
    """Solve for a number by those behind it, from the last to the first."""
    for back in range(k):
        i = k - 1 - back
        total = rhs[i]
        for j in range(np.uintp(i + 1), np.uintp(k)):
            total -= gram[i, j] * rhs[j]
        rhs[i] = total * gram[i, i]
