"""Single vectors as values of kernels, at places of rows."""

from numba.core import types

from sparsekit._vectors._emit import INDEX, INT, VectorType, instructions, tile_vectors, word


@word
def row_of(typingctx, a, i):
    """Return the address of row `i` of an array of two axes, of number `i` of one of one axis."""

    def write(e, a, i):
        return e.at(a, i, INDEX(0)) if ndim == 2 else e.builder.gep(a.data, [i])

    ndim = a.ndim
    return instructions(write, a.dtype, types.CPointer(a.dtype), a, i)


@word
def lane_count(typingctx, a):
    """Return how many numbers of an array's dtype a vector has."""
    return instructions(lambda e, a: INDEX(e.n), a.dtype, types.intp, a)


@word
def tile_width(typingctx, a):
    """Return how many numbers of an array's dtype a tile is wide that fills the registers."""
    return instructions(lambda e, a: INDEX(e.n * tile_vectors(e.n)), a.dtype, types.intp, a)


@word
def load(typingctx, p, t):
    """Return the vector `t` numbers behind an address."""
    return instructions(lambda e, p, t: e.load(p, t), p.dtype, VectorType(p.dtype), p, t)


@word
def store(typingctx, p, t, v):
    """Write a vector `t` numbers behind an address."""
    return instructions(lambda e, p, t, v: e.store(v, p, t), v.dtype, types.void, p, t, v)


@word
def spread(typingctx, s):
    """Return a vector of one number."""
    return instructions(lambda e, s: e.spread(s), s, VectorType(s), s)


@word
def fma(typingctx, a, b, c):
    """Return ``a * b + c``."""
    return instructions(lambda e, a, b, c: e.fma(a, b, c), a.dtype, a, a, b, c)


@word
def total(typingctx, v):
    """Return the sum of a vector's numbers."""
    return instructions(
        lambda e, v: e.builder.extract_element(e.totals([v]), INT(0)), v.dtype, v.dtype, v
    )
