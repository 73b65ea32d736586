"""Tiles of a product of many columns with themselves, held in registers.

A tile has as many rows as a vector has lanes, and is one vector or a few wide.
"""

from llvmlite import ir
from numba.core import types

from sparsekit._vectors._emit import INDEX, INT, instructions, tile_vectors, word


class Tile:
    """Writes instructions on the tile at (i, j) of a square."""

    def __init__(self, emitter, square, i, j, vectors=1):
        self.e, self.vectors = emitter, vectors
        self.step = emitter.builder.extract_value(square.shape, 1)
        self.address = emitter.at(square, i, j)

    def place(self, r, v=0):
        """Return the address of a vector of the tile."""
        down = self.e.builder.mul(self.step, INDEX(r))
        return self.e.builder.gep(self.address, [self.e.builder.add(down, INDEX(v * self.e.n))])

    def load(self):
        """Return the vectors of the tile, by row."""
        span = range(self.vectors)
        return [[self.e.load(self.place(r, v)) for v in span] for r in range(self.e.n)]

    def store(self, rows):
        """Write the vectors of the tile."""
        for r, row in enumerate(rows):
            for v, found in enumerate(row):
                self.e.store(found, self.place(r, v))

    def sum_products(self, panel, n, i, j):
        """Return the sums over `n` rows t of ``panel[t, i + r] * panel[t, j + v]``."""
        e = self.e
        sums = [e.variables([e.zero()] * self.vectors) for _ in range(e.n)]
        with e.loop(INDEX(0), n) as (t, _):
            left, right = e.at(panel, t, i), e.at(panel, t, j)
            across = [e.load(right, INDEX(v * e.n)) for v in range(self.vectors)]
            for r, places in enumerate(sums):
                factor = e.spread_load(left, INDEX(r))
                for place, vector in zip(places, across, strict=True):
                    e.add_product(factor, vector, place)
        return [e.values(places) for places in sums]


def combine(operation, a, b):
    """Apply an operation to the vectors of two tiles."""
    pairs = zip(a, b, strict=True)
    return [[operation(x, y) for x, y in zip(*rows, strict=True)] for rows in pairs]


def tile_words(vectors_of):
    """Return the words on tiles so many vectors wide."""

    @word
    def add_tile(typingctx, panel, n, gram, i, j):
        """Add to the tile of `gram` at (i, j) the products of columns of `n` rows of a panel."""

        def write(e, panel, n, gram, i, j):
            tile = Tile(e, gram, i, j, vectors_of(e.n))
            sums = tile.sum_products(panel, n, i, j)
            tile.store(combine(e.builder.fadd, tile.load(), sums))

        return instructions(write, gram.dtype, types.void, panel, n, gram, i, j)

    @word
    def eliminate_tile(typingctx, gram, i, j):
        """Overwrite the tile at (i, j) by that of the upper Cholesky factor."""

        def write(e, gram, i, j):
            tile, block = Tile(e, gram, i, j, vectors_of(e.n)), Tile(e, gram, i, i)
            sums = tile.sum_products(gram, i, i, j)
            rows = combine(e.builder.fsub, tile.load(), sums)
            for s, row in enumerate(rows):
                inverse = e.spread_load(block.place(s), INDEX(s))
                row[:] = [e.builder.fmul(vector, inverse) for vector in row]
                for r in range(s + 1, e.n):
                    factor = e.builder.fneg(e.spread_load(block.place(s), INDEX(r)))
                    rows[r] = [e.fma(factor, a, b) for a, b in zip(row, rows[r], strict=True)]
            tile.store(rows)

        return instructions(write, gram.dtype, types.void, gram, i, j)

    return add_tile, eliminate_tile


add_narrow_tile, eliminate_narrow_tile = tile_words(lambda lanes: 1)
add_tile, eliminate_tile = tile_words(tile_vectors)


@word
def factor_tile(typingctx, gram, i):
    """Overwrite the square at (i, i) by that of the factor; return whether all pivots are positive.

    The diagonal becomes one over the factor's, and what lies below it a mirror of what lies above.
    """

    def write(e, gram, i):
        tile = Tile(e, gram, i, i)
        sums = tile.sum_products(gram, i, i, i)
        rows = [row[0] for row in combine(e.builder.fsub, tile.load(), sums)]
        positive = ir.IntType(1)(1)
        for s in range(e.n):
            pivot = e.builder.extract_element(rows[s], INT(s))
            above = e.builder.fcmp_ordered(">", pivot, e.element(0))
            positive = e.builder.and_(positive, above)
            inverse = e.builder.fdiv(e.element(1), e.root(pivot))
            rows[s] = e.builder.fmul(rows[s], e.spread(inverse))
            for r in range(s + 1, e.n):
                factor = e.builder.fneg(e.lane(rows[s], r))
                rows[r] = e.fma(factor, rows[s], rows[r])
            rows[s] = e.builder.insert_element(rows[s], inverse, INT(s))
        for s, column in enumerate(e.turn(rows)):
            mirrored = [t if t >= s else e.n + t for t in range(e.n)]
            e.store(e.mix(rows[s], column, mirrored), tile.place(s))
        return positive

    return instructions(write, gram.dtype, types.boolean, gram, i)


@word
def subtract_rows(typingctx, gram, i, first, last, rhs):
    """Subtract from the vector of `rhs` at `i` the products of its rows with what lies behind."""

    def write(e, gram, i, first, last, rhs):
        sums, tile = e.variables([e.zero()] * e.n), Tile(e, gram, i, INDEX(0))
        with e.loop(first, last, e.n) as (j, _):
            other = e.load(rhs.data, j)
            for r, place in enumerate(sums):
                e.add_product(e.load(tile.place(r), j), other, place)
        found = e.totals(e.values(sums))
        e.store(e.builder.fsub(e.load(rhs.data, i), found), rhs.data, i)

    return instructions(write, gram.dtype, types.void, gram, i, first, last, rhs)


def solve_word(order):
    """Return the word that solves for a vector of `rhs`, from above or from below."""

    @word
    def solve_square(typingctx, gram, i, rhs):
        """Solve for the entries of `rhs` that meet the factor's square at (i, i)."""

        def write(e, gram, i, rhs):
            block = Tile(e, gram, i, i)
            rest = found = e.load(rhs.data, i)
            for s in order(range(e.n)):
                inverse = e.spread_load(block.place(s), INDEX(s))
                number = e.builder.fmul(e.lane(rest, s), inverse)
                rest = e.fma(e.builder.fneg(number), e.load(block.place(s)), rest)
                found = e.pick(number, found, s)
            e.store(found, rhs.data, i)

        return instructions(write, gram.dtype, types.void, gram, i, rhs)

    return solve_square


solve_square_down, solve_square_up = solve_word(list), solve_word(reversed)
