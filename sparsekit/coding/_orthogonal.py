"""Orthogonal matching pursuit and its order-recursive sister, on a Gram matrix.

The chosen atoms are made orthogonal one after another. Of each direction its products with all
atoms are kept, so that a step subtracts one row from the correlations, no system is solved before
the last step, and what every atom would gain follows from the same rows. Lengths of directions are
divided out where they are needed; no square root is taken.
"""

from typing import NamedTuple

import numpy as np

from sparsekit._compile import helper, kernel, record
from sparsekit._simd import aligned_empty, padded_width
from sparsekit.coding._largest import all_bits, bits_of, largest, magnitude_bits


@record
class Limits(NamedTuple):
    """When a pursuit ends, and what counts as zero.

    Parameters
    ----------
    tol : float
        Squared norm of a residual that is small enough.
    negligible : float
        Correlation, relative to the norm of the signal.
    dependent : float
        Squared distance of an atom from the span of the chosen ones.
    """

    tol: np.floating
    negligible: np.floating
    dependent: np.floating


@record
class PursuitSpace(NamedTuple):
    """What a pursuit overwrites for each signal.

    Parameters
    ----------
    bits, mask : ndarray of shape (n_rows, n_atoms), integer
        What the next atom is the largest of: of the correlations, or of the gains.
    projections : ndarray of shape (most, width)
        Products of each direction with all atoms.
    factor : ndarray of shape (most, most)
        What each chosen atom has of the earlier directions.
    inverse : ndarray of shape (most,)
        One over the squared length of each direction.
    steps : ndarray of shape (most,)
        Coefficients of the directions; of the atoms in the end.
    atoms : ndarray of shape (most,)
        The chosen atoms.
    gain : ndarray of shape (1, n_atoms)
        By how much each atom would lower the squared residual.
    rest : ndarray of shape (n_atoms,)
        Squared distance of each atom from the span of the chosen ones.
    """

    bits: np.ndarray
    mask: np.signedinteger
    projections: np.ndarray
    factor: np.ndarray
    inverse: np.ndarray
    steps: np.ndarray
    atoms: np.ndarray
    gain: np.ndarray
    rest: np.ndarray


def correlation_space(correlations, most):
    """Return the space of `pursue_correlation`."""
    return _space(correlations, most, correlations, magnitude_bits(correlations.dtype))


def decrease_space(correlations, most):
    """Return the space of `pursue_decrease`."""
    gain = aligned_empty((1, correlations.shape[1]), correlations.dtype)
    return _space(correlations, most, gain, all_bits(correlations.dtype))


def _space(correlations, most, ranked, mask):
    n_atoms, dtype = correlations.shape[1], correlations.dtype
    return PursuitSpace(
        bits=bits_of(ranked),
        mask=mask,
        projections=aligned_empty((most, padded_width(n_atoms, dtype)), dtype),
        factor=np.empty((most, most), dtype),
        inverse=np.empty(most, dtype),
        steps=np.empty(most, dtype),
        atoms=np.empty(most, np.int32),
        gain=ranked,
        rest=aligned_empty(n_atoms, dtype),
    )


@kernel
def pursue_correlation(correlations, squared_norms, gram, limits, space, rows, start, stop):
    """Code signals start..stop, each time by the atom that correlates most with the residual.

    Overwrites the correlations.
    """
    n_atoms, most = gram.shape[0], space.steps.shape[0]
    for s in range(start, stop):
        n = 0
        left = squared_norms[s]
        negligible = limits.negligible * np.sqrt(left)
        while n < most and left > limits.tol:
            j = largest(space.bits, s, space.mask)
            correlation = correlations[s, j]
            if abs(correlation) <= negligible:
                break
            if not admit(gram, j, correlation, n, limits, space):
                correlations[s, j] = 0
                continue
            step = space.steps[n]
            left -= step * correlation
            n += 1
            if n < most and left > limits.tol:
                project(gram, j, n - 1, space.factor, space.projections)
                for i in range(n_atoms):
                    correlations[s, i] -= step * space.projections[n - 1, i]
        write_code(n, space, rows, s)


@kernel
def pursue_decrease(correlations, squared_norms, gram, limits, space, rows, start, stop):
    """Code signals start..stop, each time by the atom that leaves the smallest residual.

    Overwrites the correlations.
    """
    n_atoms, most = gram.shape[0], space.steps.shape[0]
    zero, one = gram.dtype.type(0), gram.dtype.type(1)
    for s in range(start, stop):
        n = 0
        left = squared_norms[s]
        negligible = limits.negligible * limits.negligible * left
        for i in range(n_atoms):
            square = correlations[s, i] * correlations[s, i]
            space.rest[i] = one
            space.gain[0, i] = square if square > negligible else zero
        while n < most and left > limits.tol:
            j = largest(space.bits, 0, space.mask)
            if space.gain[0, j] <= 0:
                break
            correlation = correlations[s, j]
            if not admit(gram, j, correlation, n, limits, space):
                space.rest[j] = 0
                space.gain[0, j] = 0
                continue
            step = space.steps[n]
            left -= step * correlation
            n += 1
            if n < most and left > limits.tol:
                project(gram, j, n - 1, space.factor, space.projections)
                inverse = space.inverse[n - 1]
                for i in range(n_atoms):
                    projection = space.projections[n - 1, i]
                    rest = space.rest[i] - projection * projection * inverse
                    product = correlations[s, i] - step * projection
                    square = product * product
                    gain = square / rest if rest > limits.dependent else zero
                    space.rest[i] = rest
                    correlations[s, i] = product
                    space.gain[0, i] = gain if square > negligible else zero
        write_code(n, space, rows, s)


@helper
def admit(gram, j, correlation, n, limits, space):
    """Make atom j the n-th direction, and return True, unless it lies in the span of the others."""
    rest = gram[j, j]
    for m in range(n):
        projection = space.projections[m, j]
        share = projection * space.inverse[m]
        space.factor[n, m] = share
        rest -= share * projection
    if rest <= limits.dependent:
        return False
    space.inverse[n] = gram.dtype.type(1) / rest
    space.steps[n] = correlation * space.inverse[n]
    space.atoms[n] = j
    return True


@helper
def project(gram, j, n, factor, projections):
    """Write the products of the n-th direction, made of atom j, with all atoms.

    Row j of the Gram matrix less the shares of the n directions before, of which four are read in
    one pass; first those that make no full four, because a pass costs more than a product.
    """
    n_atoms = gram.shape[0]
    m = n % 4
    if n == 0:
        for i in range(n_atoms):
            projections[n, i] = gram[j, i]
    elif m == 1:
        a = factor[n, 0]
        for i in range(n_atoms):
            projections[n, i] = gram[j, i] - a * projections[0, i]
    elif m == 2:
        a, b = factor[n, 0], factor[n, 1]
        for i in range(n_atoms):
            projections[n, i] = gram[j, i] - a * projections[0, i] - b * projections[1, i]
    elif m == 3:
        a, b, c = factor[n, 0], factor[n, 1], factor[n, 2]
        for i in range(n_atoms):
            others = a * projections[0, i] + b * projections[1, i] + c * projections[2, i]
            projections[n, i] = gram[j, i] - others
    else:
        m = 4
        a, b, c, d = factor[n, 0], factor[n, 1], factor[n, 2], factor[n, 3]
        for i in range(n_atoms):
            pair = a * projections[0, i] + b * projections[1, i]
            other = c * projections[2, i] + d * projections[3, i]
            projections[n, i] = gram[j, i] - pair - other
    while m < n:
        a, b, c, d = factor[n, m], factor[n, m + 1], factor[n, m + 2], factor[n, m + 3]
        for i in range(n_atoms):
            pair = a * projections[m, i] + b * projections[m + 1, i]
            other = c * projections[m + 2, i] + d * projections[m + 3, i]
            projections[n, i] -= pair + other
        m += 4


@helper
def write_code(n, space, rows, s):
    """Solve for the coefficients of the n chosen atoms and append them as row s."""
    steps, atoms = space.steps, space.atoms
    for m in range(n - 1, 0, -1):
        for k in range(m):
            steps[k] -= space.factor[m, k] * steps[m]
    append_row(n, steps, atoms, rows, s)


@helper
def append_row(n, coefs, atoms, rows, s):
    """Write n atoms and their coefficients as row s, by rising atom."""
    end = rows.indptr[s]
    for m in range(n):
        # Counting costs less than sorting, whose branches nobody can predict.
        place = end
        for k in range(n):
            place += atoms[k] < atoms[m]
        rows.data[place] = coefs[m]
        rows.indices[place] = atoms[m]
    rows.indptr[s + 1] = end + n
