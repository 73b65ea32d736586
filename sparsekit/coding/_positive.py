"""Non-negative matching pursuit: an active set for non-negative least squares that stops early."""

from typing import NamedTuple

import numpy as np

from sparsekit._compile import helper, kernel, record
from sparsekit._simd import aligned_empty
from sparsekit.coding._largest import all_bits, bits_of, largest
from sparsekit.coding._orthogonal import append_row

# Atoms may leave again; every exchange lowers the residual, until rounding errors do not let it.
ROUNDS_PER_ATOM = 3


@record
class PositiveSpace(NamedTuple):
    """What a non-negative pursuit overwrites for each signal.

    Parameters
    ----------
    gradient : ndarray of shape (1, n_atoms)
        Products of the residual with all atoms.
    bits, mask : ndarray of shape (1, n_atoms), integer
        The same memory.
    factor : ndarray of shape (most, most)
        Cholesky factor of the chosen atoms' Gram matrix, lower.
    half : ndarray of shape (most,)
        The factor's inverse times the chosen atoms' products with the signal.
    coefs, target : ndarray of shape (most,)
        Coefficients of the chosen atoms, and those that no sign restricts.
    atoms : ndarray of shape (most,)
        The chosen atoms.
    """

    gradient: np.ndarray
    bits: np.ndarray
    mask: np.signedinteger
    factor: np.ndarray
    half: np.ndarray
    coefs: np.ndarray
    target: np.ndarray
    atoms: np.ndarray


def positive_space(correlations, most):
    """Return the space of `pursue_positive`."""
    dtype = correlations.dtype
    gradient = aligned_empty((1, correlations.shape[1]), dtype)
    return PositiveSpace(
        gradient=gradient,
        bits=bits_of(gradient),
        mask=all_bits(dtype),
        factor=np.empty((most, most), dtype),
        half=np.empty(most, dtype),
        coefs=np.empty(most, dtype),
        target=np.empty(most, dtype),
        atoms=np.empty(most, np.int32),
    )


@kernel
def pursue_positive(correlations, squared_norms, gram, limits, space, rows, start, stop):
    """Code signals start..stop with non-negative coefficients, best on the atoms in use.

    Lawson and Hanson's algorithm, ended when `most` atoms are in use: each time the atom of the
    largest positive correlation joins, and atoms whose coefficients would be negative leave.
    """
    n_atoms, most = gram.shape[0], space.coefs.shape[0]
    for s in range(start, stop):
        n = 0
        left = squared_norms[s]
        negligible = limits.negligible * np.sqrt(left)
        for i in range(n_atoms):
            space.gradient[0, i] = correlations[s, i]
        rounds = ROUNDS_PER_ATOM * most
        while n < most and rounds > 0 and left > limits.tol:
            j = largest(space.bits, 0, space.mask)
            if space.gradient[0, j] <= negligible:
                break
            space.atoms[n] = j
            if not factor_row(gram, correlations, s, n, limits.dependent, space):
                space.gradient[0, j] = 0
                continue
            space.coefs[n] = 0
            n = solve_positive(gram, correlations, s, n + 1, limits.dependent, space)
            subtract_atoms(gram, correlations, s, n, space)
            left = squared_norms[s]
            for m in range(n):
                left -= space.half[m] * space.half[m]
            rounds -= 1
        append_row(n, space.coefs, space.atoms, rows, s)


@helper
def factor_row(gram, correlations, s, n, dependent, space):
    """Append the n-th atom to the factor, and return True, unless it lies in the others' span."""
    j = space.atoms[n]
    rest = gram[j, j]
    half = correlations[s, j]
    for m in range(n):
        entry = gram[j, space.atoms[m]]
        for k in range(m):
            entry -= space.factor[n, k] * space.factor[m, k]
        entry /= space.factor[m, m]
        space.factor[n, m] = entry
        rest -= entry * entry
        half -= entry * space.half[m]
    if rest <= dependent:
        return False
    space.factor[n, n] = np.sqrt(rest)
    space.half[n] = half / space.factor[n, n]
    return True


@helper
def solve_positive(gram, correlations, s, n, dependent, space):
    """Move to the best non-negative coefficients of the n atoms; return how many are in use.

    On the way to the best coefficients of any sign, the first atom to reach zero leaves.
    """
    coefs, target, atoms = space.coefs, space.target, space.atoms
    while True:
        back_substitute(n, space)
        step = coefs.dtype.type(1)
        leaver = -1
        for m in range(n):
            if target[m] <= 0:
                share = coefs[m] / (coefs[m] - target[m]) if coefs[m] > 0 else coefs[m] * 0
                if share < step:
                    step = share
                    leaver = m
        if leaver < 0:
            for m in range(n):
                coefs[m] = target[m]
            return n
        kept = 0
        for m in range(n):
            coef = coefs[m] + step * (target[m] - coefs[m])
            if m != leaver and coef > 0:
                coefs[kept] = coef
                atoms[kept] = atoms[m]
                # Rows of the factor before the first that left still stand.
                if kept == m or factor_row(gram, correlations, s, kept, dependent, space):
                    kept += 1
        n = kept


@helper
def back_substitute(n, space):
    """Write the coefficients of the n atoms that no sign restricts."""
    for m in range(n):
        space.target[m] = space.half[m]
    for m in range(n - 1, -1, -1):
        space.target[m] /= space.factor[m, m]
        for k in range(m):
            space.target[k] -= space.factor[m, k] * space.target[m]


@helper
def subtract_atoms(gram, correlations, s, n, space):
    """Write the products of the residual with all atoms; four atoms in use share a pass."""
    coefs, atoms = space.coefs, space.atoms
    n_atoms = gram.shape[0]
    for i in range(n_atoms):
        space.gradient[0, i] = correlations[s, i]
    m = 0
    while m + 4 <= n:
        a, b, c, d = coefs[m], coefs[m + 1], coefs[m + 2], coefs[m + 3]
        ja, jb, jc, jd = atoms[m], atoms[m + 1], atoms[m + 2], atoms[m + 3]
        for i in range(n_atoms):
            pair = a * gram[ja, i] + b * gram[jb, i]
            other = c * gram[jc, i] + d * gram[jd, i]
            space.gradient[0, i] -= pair + other
        m += 4
    while m < n:
        a, ja = coefs[m], atoms[m]
        for i in range(n_atoms):
            space.gradient[0, i] -= a * gram[ja, i]
        m += 1
