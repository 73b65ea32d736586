"""Kernels that solve one ridge-like system for every row of a CSR matrix.

Row i has the system ``(B_i + sum_t a_t y_t y_t') z = l_i + sum_t g_t y_t``, with sums over its
entries and ``B_i = scale[i] * base + ridge[i]``. Rows of factors are padded with zeros to whole
vectors.
"""

import math

from sparsekit._compile import helper, kernel, reduction
from sparsekit._simd import (
    cholesky_upper,
    entries_pass,
    entries_pull,
    solve_upper,
    solve_upper_transposed,
    syrk_upper,
)
from sparsekit.factorization._row_system import (
    add_pulls,
    dot,
    read_entries,
    row_times,
    start_row,
)

# Entries gathered at a time; a panel of float32 rows of 128 numbers fills the first cache.
PANEL = 64
# Rows with fewer entries than this share of the rank are solved in the space of their entries.
SHORT = 0.75
# Where conjugate gradients end, of the squared residual they began with, by type.
SINGLE, DOUBLE = 1e-12, 1e-26


@reduction
def leave_code(work, width):
    """Take what the row's form does to the code from the residual; return the objective of that."""
    objective = 0.0
    for k in range(width):
        image = work.diagonal[k] * work.code[k]
        objective += float((image - 2 * work.residual[k]) * work.code[k])
        work.residual[k] -= image
    return objective


@helper
def begin_conjugate(system, i, work, width):
    """Make residual and Jacobi's diagonal at the row's code; return the objective there."""
    start_row(system, i, work, width)
    objective = read_entries(system, i, work) + leave_code(work, width)
    y, indices, first = system.factors, system.indices, system.indptr[i]
    n = system.indptr[i + 1] - first
    a, g, d = work.curvatures, work.pulls, work.dots
    entries_pull(y, indices, first, n, a, g, 0, work.code, d, work.residual, width)
    mass = a.dtype.type(0)
    for q in range(n):
        mass += a[q]
        objective += float(d[q] * (a[q] * d[q] - 2 * g[q]))
    # As if the entries' vectors had the squares that those of all columns have: to add up their
    # own is one more pass over them, and saves no step.
    for k in range(width):
        work.diagonal[k] += mass * system.squares[k]
    return objective


@reduction
def precondition(work, width):
    """Invert the diagonal; set the image to what it makes of the residual, return their product."""
    rho = work.residual.dtype.type(0)
    for k in range(width):
        work.diagonal[k] = 1 / work.diagonal[k]
        work.image[k] = work.residual[k] * work.diagonal[k]
        work.direction[k] = 0
        rho += work.residual[k] * work.image[k]
    return rho


@helper
def aim(system, i, work, beta, width):
    """Set the next direction, and the image to what the row's form makes of it."""
    scale, ridge = system.scale[i], system.ridge[i]
    for k in range(width):
        direction = work.image[k] + beta * work.direction[k]
        work.direction[k] = direction
        work.image[k] = (scale * system.base[0, k] + ridge) * direction


@reduction
def advance(work, step, width):
    """Step; set the image to what the diagonal makes of the residual, and return their product."""
    rho = work.residual.dtype.type(0)
    for k in range(width):
        work.code[k] += step * work.direction[k]
        residual = work.residual[k] - step * work.image[k]
        work.residual[k] = residual
        work.image[k] = residual * work.diagonal[k]
        rho += residual * work.image[k]
    return rho


@kernel
def conjugate_rows(system, solution, objectives, work, way, start, stop):
    """Improve rows start..stop of `solution` by steps of conjugate gradients.

    `way` is their number, and how far a row goes to where they lead: as that is the lowest place of
    the line there, the objective is a parabola on it.
    """
    number = system.data.dtype.type
    n_steps, relaxation = way
    beyond = number(relaxation - 1)
    rounding = number(SINGLE if system.data.itemsize == 4 else DOUBLE)
    y, indices = system.factors, system.indices
    width = y.shape[1]
    for i in range(start, stop):
        if system.indptr[i] == system.indptr[i + 1] and len(system.linear) == 0:
            # Nothing pulls at it: its minimum is zero.
            for k in range(width):
                solution[i, k] = 0
            objectives[i] = 0
            continue
        for k in range(width):
            work.code[k] = solution[i, k]
        objective = begin_conjugate(system, i, work, width)
        rho, beta = precondition(work, width), number(0)
        enough, fall = rounding * rho, 0.0
        first = system.indptr[i]
        n = system.indptr[i + 1] - first
        for _ in range(n_steps):
            if not rho > enough:
                break
            aim(system, i, work, beta, width)
            p, ap = work.direction, work.image
            entries_pass(y, indices, first, n, work.curvatures, 0, p, ap, width)
            step = rho / dot(p, ap, width)
            fall += float(step) * float(rho)
            before, rho = rho, advance(work, step, width)
            beta = rho / before
        for k in range(width):
            solution[i, k] = work.code[k] + beyond * (work.code[k] - solution[i, k])
        objectives[i] = objective - relaxation * (2 - relaxation) * fall


@helper
def gather_entries(system, i, first, n, work, width):
    """Write `n` rows of the panel, by the roots of their entries' curvature."""
    for q in range(n):
        root = math.sqrt(work.curvatures[first + q])
        j = system.indices[system.indptr[i] + first + q]
        for k in range(width):
            work.panel[q, k] = root * system.factors[j, k]


@helper
def build_gram(system, i, work, width):
    """Make the row's whole matrix and right side; return the constant of its objective."""
    start_row(system, i, work, width)
    whole = len(system.base) > 1
    for k in range(width):
        for m in range(k + 1, width):
            work.gram[k, m] = system.scale[i] * system.base[k, m] if whole else 0
        diagonal = system.base[k, k] if whole else system.base[0, k]
        work.gram[k, k] = system.scale[i] * diagonal + system.ridge[i]
    constant, n = read_entries(system, i, work), system.indptr[i + 1] - system.indptr[i]
    add_pulls(system, i, work, width)
    for first in range(0, n, PANEL):
        rows = min(PANEL, n - first)
        gather_entries(system, i, first, rows, work, width)
        syrk_upper(work.panel, rows, work.gram, width)
    return constant


@helper
def solve_whole(system, i, noise, work, rank, width):
    """Solve the row by a Cholesky factor; return its objective, NaN if there is no factor."""
    constant = build_gram(system, i, work, width)
    if not cholesky_upper(work.gram, rank, width):
        return math.nan
    for k in range(width):
        work.code[k] = work.residual[k]
    solve_upper_transposed(work.gram, rank, work.code)
    if len(noise) > 0:
        for k in range(rank):
            work.code[k] += noise[i, k]
    solve_upper(work.gram, rank, work.code)
    return constant - float(dot(work.residual, work.code, width))


@helper
def solve_short(system, i, work, rank, width):
    """Solve a row of few entries in their space (Woodbury); NaN if that would lose digits.

    With D the row's diagonal form and V the entries' rows over its root, the code is
    ``(c - V' (I + V V')^-1 V c) / sqrt(D)``, where c is the right side over the root.
    """
    start_row(system, i, work, width)
    constant, n = read_entries(system, i, work), system.indptr[i + 1] - system.indptr[i]
    add_pulls(system, i, work, width)
    gather_entries(system, i, 0, n, work, width)
    for k in range(rank):
        work.diagonal[k] = math.sqrt(work.diagonal[k])
        work.code[k] = work.residual[k] / work.diagonal[k]
    lanes = 64 // system.data.itemsize
    span = -(-n // lanes) * lanes
    for q in range(n):
        for k in range(rank):
            work.panel[q, k] /= work.diagonal[k]
            work.turned[k, q] = work.panel[q, k]
    for q in range(n, span):
        for k in range(rank):
            work.turned[k, q] = 0
    for q in range(span):
        work.image[q] = 0
        for m in range(q, span):
            work.gram[q, m] = 0
        work.gram[q, q] = 1
    syrk_upper(work.turned, rank, work.gram, span)
    greatest = work.gram[0, 0]
    for q in range(n):
        greatest = max(greatest, work.gram[q, q])
        work.image[q] = row_times(work.panel, q, work.code, width)
    if greatest > system.data.dtype.type(1e3) or not cholesky_upper(work.gram, n, span):
        return math.nan
    solve_upper_transposed(work.gram, n, work.image)
    solve_upper(work.gram, n, work.image)
    for q in range(n):
        step = work.image[q]
        for k in range(width):
            work.code[k] -= step * work.panel[q, k]
    for k in range(rank):
        work.code[k] /= work.diagonal[k]
    return constant - float(dot(work.residual, work.code, width))


@kernel
def solve_rows_exactly(system, noise, solution, objectives, work, rank, start, stop):
    """Overwrite rows start..stop of `solution`; a row without a Cholesky factor becomes NaN."""
    width = system.factors.shape[1]
    for i in range(start, stop):
        for k in range(width):
            work.code[k] = 0
        n = system.indptr[i + 1] - system.indptr[i]
        objective = math.nan
        if len(noise) == 0 and len(system.base) == 1 and 0 < n < SHORT * rank:
            objective = solve_short(system, i, work, rank, width)
        if math.isnan(objective):
            objective = solve_whole(system, i, noise, work, rank, width)
        for k in range(rank):
            solution[i, k] = math.nan if math.isnan(objective) else work.code[k]
        objectives[i] = objective


@helper
def descend_code(work, shrinkage, n_signed, rank, n_sweeps):
    """Lower the row's objective by coordinate descent on its matrix; the residual is ``b - G z``.

    The first `n_signed` coordinates have the threshold, and are not negative where it is said so. A
    coordinate that nothing depends on becomes zero.
    """
    number = work.code.dtype.type
    threshold, positive = shrinkage
    for _ in range(n_sweeps):
        change, size = number(0), number(0)
        for k in range(rank):
            old, curvature = work.code[k], work.gram[k, k]
            if not curvature > 0:
                work.code[k] = 0
                continue
            target = work.residual[k] + curvature * old
            if k < n_signed:
                sign = number(1) if target > 0 else number(0 if positive else -1)
                target = sign * max(abs(target) - threshold, number(0))
            new = target / curvature
            step = new - old
            if step != 0:
                work.code[k] = new
                for m in range(rank):
                    work.residual[m] -= step * work.gram[k, m]
            change = max(change, step * step * curvature)
            size = max(size, new * new * curvature)
        if change <= number(1e-12) * size:
            break


@kernel
def descend_rows(system, thresholds, signed, solution, objectives, work, rank, start, stop):
    """Improve rows start..stop of `solution` by sweeps of coordinate descent.

    `signed` is how many coordinates have the row's threshold, whether they must not be negative,
    and the number of sweeps.
    """
    n_signed, positive, n_sweeps = signed
    width = system.factors.shape[1]
    for i in range(start, stop):
        objective = build_gram(system, i, work, width)
        for k in range(rank):
            work.code[k] = solution[i, k]
            work.image[k] = work.residual[k]
            for m in range(k):
                work.gram[k, m] = work.gram[m, k]
        for k in range(rank):
            for m in range(rank):
                work.residual[k] -= work.gram[k, m] * work.code[m]
        descend_code(work, (thresholds[i], positive), n_signed, rank, n_sweeps)
        for k in range(rank):
            solution[i, k] = work.code[k]
            objective -= float(work.code[k] * (work.residual[k] + work.image[k]))
            if k < n_signed:
                objective += float(2 * thresholds[i] * abs(work.code[k]))
        objectives[i] = objective
