"""Words on the layers of a network: sums over inputs for one sample, or for a tile of samples.

A tile is TILE samples: row j of `x` holds what input j is in each, row o of `y` what output o
becomes. Numbers of one sample come and go in groups of GROUP. Arrays have one axis and come with
the place (`at`) where what is meant begins, as many layers share them. `low` is what sums are cut
off at below.
"""

from llvmlite import ir
from numba.core import cgutils, types

from sparsekit._vectors._emit import (
    INDEX,
    INT,
    host_features,
    instructions,
    word,
)

TILE, GROUP, WINDOW, BLOCK = 32, 32, 64, 16
F32 = types.float32


def place(e, array, at, *steps):
    """Return the address of a number of an array of one axis."""
    for step in steps:
        at = e.builder.add(at, step if isinstance(step, ir.Value) else INDEX(step))
    return e.builder.gep(array.data, [at])


def number(e, array, at):
    """Return an integer of an array, unsigned if it is short, as one of 64 bits."""
    found = e.builder.load(e.builder.gep(array.data, [at]))
    if found.type.width == INDEX.width:
        return found
    return (e.builder.sext if found.type.width == INT.width else e.builder.zext)(found, INDEX)


def at_least(e, value, low):
    """Return the larger of two vectors' numbers; what is no number stays so."""
    return e.builder.select(e.builder.fcmp_ordered("<", value, low), low, value)


def add_up(e, vectors):
    """Return the sum of some vectors, pair by pair."""
    while len(vectors) > 1:
        pairs = [vectors[k : k + 2] for k in range(0, len(vectors), 2)]
        vectors = [e.builder.fadd(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
    return vectors[0]


# Tiles: entry q of an output, or of four that go together, is one input, or four that follow one
# another; all of its weights are stored.


class TileRows:
    """Writes sums of some vectors of the rows of a tile that go together.

    `sets` of sums are kept apart, so that one need not wait for another.
    """

    def __init__(self, emitter, outputs, depth, vectors, sets):
        self.e, self.outputs, self.depth = emitter, outputs, depth
        self.vectors, self.sets = vectors, sets

    def begin(self, y, y_at, floats, bias_at, fresh):
        """Make the variables; the first set begins with the bias, or with what is there."""
        e, b = self.e, self.e.builder
        self.places = [
            [place(e, y, y_at, o * TILE + v * e.n) for v in self.vectors]
            for o in range(self.outputs)
        ]
        span = range(self.outputs)
        self.sums = [[e.variables([e.zero()] * len(self.vectors)) for _ in span] for _ in self.sets]
        with b.if_else(fresh) as (first, later):
            with first:
                for o, variables in enumerate(self.sums[0]):
                    bias = e.spread(b.load(place(e, floats, bias_at, o)))
                    for variable in variables:
                        b.store(bias, variable)
            with later:
                for places, variables in zip(self.places, self.sums[0], strict=True):
                    for address, variable in zip(places, variables, strict=True):
                        b.store(e.load(address), variable)

    def add(self, s, x, row, floats, weights):
        """Add the products of an entry to a set: a row of `x`, or some, and its weights."""
        e = self.e
        for d in range(self.depth):
            across = [e.load(place(e, x, row, d * TILE + v * e.n)) for v in self.vectors]
            for o, variables in enumerate(self.sums[s]):
                w = e.spread(e.builder.load(place(e, floats, weights, d * self.outputs + o)))
                for vector, variable in zip(across, variables, strict=True):
                    e.add_product(vector, w, variable)

    def end(self, low):
        """Write the sums of all sets, cut off."""
        for o, places in enumerate(self.places):
            for v, address in enumerate(places):
                total = add_up(self.e, [self.e.builder.load(sums[o][v]) for sums in self.sums])
                self.e.store(at_least(self.e, total, low), address)


def tile_word(outputs, depth, samples):
    """Return the word that adds entries of so many outputs and inputs each to a tile.

    Of a tile's samples, only the first so many are computed.
    """

    @word
    def add_entries(
        typingctx, shorts, index_at, floats, value_at, n, x, x_at, y, y_at, bias_at, fresh, low
    ):
        """Add the products of `n` entries to rows of `y`, or to the bias if it is fresh."""

        def write(e, shorts, index_at, floats, value_at, n, x, x_at, y, y_at, bias_at, fresh, low):
            b, vectors = e.builder, samples // e.n
            together = min(vectors, 4 if outputs == 1 else 2)
            # A sample's sums must not depend on how many others there are.
            sets = range(1 if outputs > 1 else 4 if TILE // e.n <= 2 else 2)
            fresh, low = b.icmp_signed("!=", fresh, INDEX(0)), e.spread(low)
            whole = b.mul(b.sdiv(n, INDEX(len(sets))), INDEX(len(sets)))
            for part in range(0, vectors, together):
                rows = TileRows(e, outputs, depth, range(part, part + together), sets)
                rows.begin(y, y_at, floats, bias_at, fresh)

                def add(q, s, rows=rows):
                    row = b.mul(number(e, shorts, b.add(index_at, q)), INDEX(TILE))
                    weights = b.add(value_at, b.mul(q, INDEX(outputs * depth)))
                    rows.add(s, x, b.add(x_at, row), floats, weights)

                with e.loop(INDEX(0), whole, len(sets)) as (q, _):
                    for s in sets:
                        add(b.add(q, INDEX(s)), s)
                if len(sets) > 1:
                    with e.loop(whole, n) as (q, _):
                        add(q, 0)
                rows.end(low)

        given = shorts, index_at, floats, value_at, n, x, x_at, y, y_at, bias_at, fresh, low
        return instructions(write, F32, types.void, *given)

    return add_entries


tile_one, half_one = tile_word(1, 1, TILE), tile_word(1, 1, TILE // 2)
tile_four, half_four = tile_word(4, 1, TILE), tile_word(4, 1, TILE // 2)
tile_square, half_square = tile_word(4, 4, TILE), tile_word(4, 4, TILE // 2)


def some_rows(e, array, i, last, j):
    """Return the addresses of as many rows as a vector has lanes, of the last again at the end."""
    rows = [e.builder.add(i, INDEX(r)) for r in range(e.n)]
    within = [e.builder.icmp_signed("<", row, last) for row in rows]
    chosen = [e.builder.select(known, row, last) for known, row in zip(within, rows, strict=True)]
    return [e.at(array, row, j) for row in chosen]


@word
def turn_in(typingctx, X, i, last, j, x, x_at):
    """Write what samples from `i` on have of inputs from `j` on, a square of a vector's lanes.

    The last sample stands for those behind it.
    """

    def write(e, X, i, last, j, x, x_at):
        rows = [e.load(address) for address in some_rows(e, X, i, last, j)]
        for c, column in enumerate(e.turn(rows)):
            e.store(column, place(e, x, x_at, c * TILE))

    return instructions(write, F32, types.void, X, i, last, j, x, x_at)


@word
def turn_out(typingctx, y, y_at, out, i, last, j):
    """Write to rows of `out` from `i` on what samples have of outputs, a square of lanes.

    Samples behind the last are as it is, so that it may be written more than once.
    """

    def write(e, y, y_at, out, i, last, j):
        columns = [e.load(place(e, y, y_at, c * TILE)) for c in range(e.n)]
        for address, row in zip(some_rows(e, out, i, last, j), e.turn(columns), strict=True):
            e.store(row, address)

    return instructions(write, F32, types.void, y, y_at, out, i, last, j)


@word
def lanes(typingctx, x):
    """Return how many samples and inputs `turn_in` turns."""
    return instructions(lambda e, x: INDEX(e.n), F32, types.intp, x)


# One sample.


class Window:
    """Looks numbers up in the WINDOW numbers behind an address, by codes of a byte.

    The codes of a step are 16 times four bytes, of outputs o and 16 + o for the first weight, then
    for the second: shifts turn sixteen words into four vectors of codes.
    """

    def __init__(self, emitter, address, codes):
        self.e, self.address, self.codes = emitter, address, codes
        # Two registers are a table of 32 numbers, which one instruction looks 16 up in.
        self.by_table = "+avx512f" in host_features()
        if self.by_table:
            self.parts = [emitter.load(address, INDEX(k * emitter.n)) for k in range(4)]
            self.words = ir.VectorType(INT, emitter.n)
            b = emitter.builder
            self.packed = b.load(b.bitcast(codes, self.words.as_pointer()), align=1)

    def look_up(self, u, k):
        """Return the numbers for weight `u` of the outputs from `k` on."""
        return (self.by_tables if self.by_table else self.one_by_one)(u, k)

    def one_by_one(self, u, k):
        """Return the numbers, loaded singly."""
        e, b, found = self.e, self.e.builder, self.e.zero()
        for t in range(e.n):
            at = (k + t) % 16 * 4 + 2 * u + (k + t) // 16
            code = b.zext(b.load(b.gep(self.codes, [INDEX(at)])), INDEX)
            found = b.insert_element(found, b.load(b.gep(self.address, [code])), INT(t))
        return found

    def by_tables(self, u, k):
        """Return the numbers, from two tables of which the sixth bit of a code chooses."""
        e, b = self.e, self.e.builder
        byte = 2 * u + k // 16
        codes = b.lshr(self.packed, ir.Constant(self.words, [8 * byte] * e.n))
        bit = b.and_(codes, ir.Constant(self.words, [WINDOW // 2] * e.n))
        beyond = b.icmp_signed("!=", bit, ir.Constant(self.words, [0] * e.n))
        first, second, third, fourth = self.parts
        return b.select(beyond, self.table(third, codes, fourth), self.table(first, codes, second))

    def table(self, first, codes, second):
        """Return the numbers of two vectors that the last five bits of codes name."""
        e = self.e
        kind = ir.FunctionType(e.vector, [e.vector, codes.type, e.vector])
        name = "llvm.x86.avx512.vpermi2var.ps.512"
        call = cgutils.get_or_insert_function(e.builder.module, kind, name)
        return e.builder.call(call, [first, codes, second])


@word
def window_sums(
    typingctx, ints, base_at, codes, code_at, floats, value_at, first, last, x, x_at, y, bias_at
):
    """Overwrite the first GROUP numbers of `y` by those of the bias and the products of steps.

    A step has two weights and codes for each of GROUP outputs, and the place where the WINDOW of
    inputs begins that codes count in.
    """

    def write(e, ints, base_at, codes, code_at, floats, value_at, first, last, x, x_at, y, bias_at):
        b, span = e.builder, range(0, GROUP, e.n)
        sums = [e.variables([e.zero()] * len(span)) for _ in range(2)]
        for variable, k in zip(sums[0], span, strict=True):
            b.store(e.load(place(e, floats, bias_at, k)), variable)
        with e.loop(first, last) as (step, _):
            down = b.mul(step, INDEX(2 * GROUP))
            base = number(e, ints, b.add(base_at, step))
            window = Window(e, place(e, x, x_at, base), place(e, codes, code_at, down))
            for u in range(2):
                for variable, k in zip(sums[u], span, strict=True):
                    weights = e.load(place(e, floats, value_at, down, u * GROUP + k))
                    e.add_product(weights, window.look_up(u, k), variable)
        for k, left, right in zip(span, e.values(sums[0]), e.values(sums[1]), strict=True):
            e.store(b.fadd(left, right), y.data, INDEX(k))

    given = ints, base_at, codes, code_at, floats, value_at, first, last, x, x_at, y, bias_at
    return instructions(write, F32, types.void, *given)


def block_word(inputs):
    """Return the word that sums blocks of BLOCK weights of so many inputs."""

    @word
    def sum_blocks(typingctx, ints, index_at, floats, value_at, first, last, x, x_at, y, y_at):
        """Overwrite BLOCK numbers of `y` by sums over blocks, of an even number."""

        def write(e, ints, index_at, floats, value_at, first, last, x, x_at, y, y_at):
            b, span = e.builder, range(0, BLOCK, e.n)
            sums = [e.variables([e.zero()] * len(span)) for _ in range(2)]
            with e.loop(first, last, 2) as (t, _):
                for u in range(2):
                    block = b.add(t, INDEX(u))
                    given = place(e, x, x_at, number(e, ints, b.add(index_at, block)))
                    if inputs == 1:
                        across = e.spread(b.load(given))
                    else:
                        four = ir.VectorType(ir.FloatType(), 4)
                        four = b.load(b.bitcast(given, four.as_pointer()), align=4)
                        across = e.shuffle(four, [k % 4 for k in range(e.n)])
                    down = b.mul(block, INDEX(BLOCK))
                    for variable, k in zip(sums[u], span, strict=True):
                        weights = e.load(place(e, floats, value_at, down, k))
                        e.add_product(weights, across, variable)
            for k, left, right in zip(span, e.values(sums[0]), e.values(sums[1]), strict=True):
                e.store(b.fadd(left, right), place(e, y, y_at, k))

        given = ints, index_at, floats, value_at, first, last, x, x_at, y, y_at
        return instructions(write, F32, types.void, *given)

    return sum_blocks


line_sums, square_sums = block_word(1), block_word(4)


@word
def add_rows(typingctx, floats, value_at, width, rows, rows_at, weights, weights_at, n, y, y_at):
    """Add to `width` numbers of `y`, whole vectors, `n` weighted rows of so many numbers."""

    def write(e, floats, value_at, width, rows, rows_at, weights, weights_at, n, y, y_at):
        b = e.builder

        def add(t, many):
            given = []
            for q in range(many):
                row = number(e, rows, b.add(b.add(rows_at, t), INDEX(q)))
                weight = e.spread(b.load(place(e, weights, weights_at, t, q)))
                given.append((weight, place(e, floats, value_at, b.mul(row, width))))
            with e.loop(INDEX(0), width, e.n) as (k, _):
                total = e.load(place(e, y, y_at, k))
                for weight, row in given:
                    total = e.fma(weight, e.load(row, k), total)
                e.store(total, place(e, y, y_at, k))

        whole = b.mul(b.sdiv(n, INDEX(4)), INDEX(4))
        with e.loop(INDEX(0), whole, 4) as (t, _):
            add(t, 4)
        with e.loop(whole, n) as (t, _):
            add(t, 1)

    given = floats, value_at, width, rows, rows_at, weights, weights_at, n, y, y_at
    return instructions(write, F32, types.void, *given)
