"""Products of bytes, four at a time: unsigned activations by signed weights, summed as integers.

Activations lie in *tiles*. A tile holds as many rows as `vectors` vectors of 32-bit numbers have
lanes; for every group of four inputs it has, row after row, the four bytes of a row: what one
`vpdpbusd` multiplies by four weights of one output. A group of four outputs leaves the registers as
such bytes again, so layers follow one another without a transposition.
"""

from llvmlite import ir
from numba.core import cgutils, types

from sparsekit._compile import helper
from sparsekit._vectors._emit import (
    INDEX,
    INT,
    Emitter,
    host_features,
    instructions,
    register_bytes,
    word,
)

BYTE, FLOAT = ir.IntType(8), ir.FloatType()
# Vectors of rows that a tile can have: with four outputs, most fill half of the registers.
WIDTHS = 1, 2, 4
LANES = register_bytes() // 4
# Sums of a single row that are kept apart.
AT_ONCE = 4
# Floats beyond it have no place among integers, nor any beyond a byte.
FAR = 1e6
NARROW = {
    16: ("sse2.packssdw.128", "sse2.packuswb.128", "sse2.cvtps2dq"),
    32: ("avx2.packssdw", "avx2.packuswb", "avx.cvt.ps2dq.256"),
    64: ("avx512.packssdw.512", "avx512.packuswb.512", "avx512.mask.cvtps2dq.512"),
}


@helper
def byte_place(j, row, rows):
    """Return where input j of a row lies in a tile."""
    return (j // 4 * rows + row) * 4 + j % 4


def multiplies_bytes():
    """Return whether the processor sums products of bytes in one instruction."""
    features = host_features()
    if register_bytes() == 64:
        return {"+avx512bw", "+avx512vnni"} <= features
    return "+avx2" in features and (
        "+avxvnni" in features or {"+avx512vl", "+avx512vnni"} <= features
    )


class Bytes:
    """Writes instructions on vectors of integers, a register wide or 16 bytes."""

    def __init__(self, emitter: Emitter, n_bytes=None):
        self.e, self.builder = emitter, emitter.builder
        self.size = n_bytes or register_bytes()
        self.n = self.size // 4
        self.ints = ir.VectorType(INT, self.n)
        self.floats = ir.VectorType(FLOAT, self.n)

    def call(self, name, result, *args):
        """Call one of the processor's own instructions."""
        kind = ir.FunctionType(result, [a.type for a in args])
        made = cgutils.get_or_insert_function(self.builder.module, kind, f"llvm.x86.{name}")
        return self.builder.call(made, args)

    def at(self, address, place):
        """Return the address `place` bytes behind another."""
        return self.builder.gep(self.builder.bitcast(address, BYTE.as_pointer()), [place])

    def load(self, address, place, kind=None):
        """Load a vector from anywhere."""
        kind = kind or self.ints
        address = self.builder.bitcast(self.at(address, place), kind.as_pointer())
        return self.builder.load(address, align=1)

    def store(self, value, address, place):
        """Store a vector anywhere."""
        address = self.builder.bitcast(self.at(address, place), value.type.as_pointer())
        self.builder.store(value, address, align=1)

    def spread(self, number):
        """Return a vector of one number."""
        kind = ir.VectorType(number.type, self.n)
        one = self.builder.insert_element(ir.Constant(kind, ir.Undefined), number, INT(0))
        mask = ir.Constant(ir.VectorType(INT, self.n), [0] * self.n)
        return self.builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), mask)

    def spread_load(self, address, place, kind=INT):
        """Return a vector of the one number at an address."""
        address = self.builder.bitcast(self.at(address, place), kind.as_pointer())
        return self.spread(self.builder.load(address, align=1))

    def add_products(self, total, bytes_, weights):
        """Add to each number the sum of four products of bytes."""
        name = f"avx512.vpdpbusd.{8 * self.size}"
        return self.call(name, self.ints, total, bytes_, weights)

    def rounded(self, floats):
        """Return the nearest integers, the even one of two."""
        name = NARROW[self.size][2]
        if self.size < 64:
            return self.call(name, self.ints, floats)
        every, nearest = ir.IntType(16)(-1), INT(4)
        return self.call(name, self.ints, floats, ir.Constant(self.ints, None), every, nearest)

    def narrowed(self, a, b, c, d):
        """Return the integers of four vectors as bytes, by fours of each, limited to 0 and 255."""
        shorts, chars = ir.VectorType(ir.IntType(16), 2 * self.n), ir.VectorType(BYTE, self.size)
        to_shorts, to_bytes, _ = NARROW[self.size]
        left = self.call(to_shorts, shorts, a, b)
        right = self.call(to_shorts, shorts, c, d)
        return self.call(to_bytes, chars, left, right)

    def interleaved(self, chars):
        """Return the bytes a a a a b b b b c c c c d d d d of each 16 as a b c d, four times."""
        lanes = [16 * (t // 16) + t % 4 * 4 + t % 16 // 4 for t in range(self.size)]
        mask = ir.Constant(ir.VectorType(INT, self.size), lanes)
        return self.builder.shuffle_vector(chars, ir.Constant(chars.type, ir.Undefined), mask)

    def quantized(self, floats, inverse, zero):
        """Return four vectors of floats as bytes; lane t holds the four numbers of `group(t)`."""
        b, far, parts = self.builder, self.spread(FLOAT(FAR)), []
        for part in range(4):
            x = b.fmul(self.load(floats, INDEX(part * self.size), self.floats), inverse)
            x = b.select(b.fcmp_ordered("<", x, far), x, far)
            parts.append(b.add(self.rounded(x), zero))
        return b.bitcast(self.narrowed(*parts), self.ints)

    def group(self, t):
        """Return which four numbers lane t has: narrowing leaves a part's fours 16 bytes apart."""
        return t % 4 * (self.n // 4) + t // 4

    def scaled(self, ints, factor):
        """Return integers as floats times a factor."""
        return self.builder.fmul(self.builder.sitofp(ints, self.floats), factor)


class Sums:
    """Writes the sums of one group of four outputs, over the rows of a tile."""

    def __init__(self, emitter, known, vectors):
        self.o, self.builder, self.vectors = Bytes(emitter), emitter.builder, vectors
        self.known, self.group_bytes = known, INDEX(vectors * self.o.size)
        first = self.builder.mul(known["k"], INDEX(16))
        self.places = [self.builder.add(first, INDEX(4 * r)) for r in range(4)]
        bias = [self.o.spread_load(known["bias"].data, place) for place in self.places]
        self.totals = [emitter.variables([one] * vectors) for one in bias]

    def bounds(self, s, n):
        """Return so many numbers of `starts`, from number `s` on."""
        b = self.builder
        at = [b.gep(self.known["starts"].data, [b.add(s, INDEX(t))]) for t in range(n)]
        return [b.load(address) for address in at]

    def add(self, t, outputs):
        """Add the products of entry t, which has four weights for each of these outputs."""
        o, b, known = self.o, self.builder, self.known
        group = b.load(b.gep(known["indices"].data, [t]))
        group = b.zext(group, INDEX) if group.type.width < INDEX.width else group
        place = b.mul(group, self.group_bytes)
        rows = [
            o.load(known["x"].data, b.add(place, INDEX(v * o.size))) for v in range(self.vectors)
        ]
        dwords = b.add(b.mul(t, INDEX(len(outputs))), known["shift"])
        for r, output in enumerate(outputs):
            at = b.mul(b.add(dwords, INDEX(r)), INDEX(4))
            weights = o.spread_load(known["weights"].data, at)
            for row, total in zip(rows, self.totals[output], strict=True):
                b.store(o.add_products(b.load(total), row, weights), total)

    def scaled(self):
        """Return the totals times the outputs' scales, by output."""
        o = self.o
        scales = [o.spread_load(self.known["scale"].data, place, FLOAT) for place in self.places]
        return [
            [o.scaled(self.builder.load(total), scale) for total in totals]
            for scale, totals in zip(scales, self.totals, strict=True)
        ]

    def write_bytes(self):
        """Write the outputs as a group of the next tile."""
        o, b, known = self.o, self.builder, self.known
        first = b.mul(known["place"], self.group_bytes)
        for v, columns in enumerate(zip(*self.scaled(), strict=True)):
            chars = o.interleaved(o.narrowed(*map(o.rounded, columns)))
            o.store(chars, known["out"].data, b.add(first, INDEX(v * o.size)))

    def write_floats(self):
        """Write the outputs one after another, all rows of each."""
        o, b, known = self.o, self.builder, self.known
        first = b.mul(known["place"], b.mul(self.group_bytes, INDEX(4)))
        for r, columns in enumerate(self.scaled()):
            for v, found in enumerate(columns):
                place = INDEX((r * self.vectors + v) * o.size)
                o.store(found, known["floats"].data, b.add(first, place))


def add_blocks(sums, s):
    """Add blocks of four inputs and four outputs."""
    first, last = sums.bounds(s, 2)
    with sums.o.e.loop(first, last) as (t, _):
        sums.add(t, range(4))


def add_lists(sums, s):
    """Add, output after output, groups of four inputs."""
    bounds = sums.bounds(s, 5)
    for r in range(4):
        with sums.o.e.loop(bounds[r], bounds[r + 1]) as (t, _):
            sums.add(t, [r])


class RowSums:
    """Writes the sums of as many outputs as a vector has lanes, for a single row, over blocks."""

    def __init__(self, emitter, known, n_bytes=None):
        self.o, self.builder, self.known = Bytes(emitter, n_bytes), emitter.builder, known
        self.totals = emitter.variables([ir.Constant(self.o.ints, None)] * AT_ONCE)

    def add(self, t, number):
        """Add the products of block t, four inputs by all outputs."""
        o, b, known = self.o, self.builder, self.known
        group = b.load(b.gep(known["indices"].data, [t]))
        group = b.zext(group, INDEX) if group.type.width < INDEX.width else group
        inputs = o.spread_load(known["x"].data, b.mul(group, INDEX(4)))
        dwords = b.add(b.mul(t, INDEX(o.n)), known["shift"])
        weights = o.load(known["weights"].data, b.mul(dwords, INDEX(4)))
        total = self.totals[number]
        b.store(o.add_products(b.load(total), inputs, weights), total)

    def add_blocks(self):
        """Add all blocks, several sums at once, as each waits for its last."""
        b, starts, s = self.builder, self.known["starts"].data, self.known["s"]
        first, last = (b.load(b.gep(starts, [b.add(s, INDEX(t))])) for t in range(2))
        whole = b.sub(last, b.srem(b.sub(last, first), INDEX(AT_ONCE)))
        with self.o.e.loop(first, whole, AT_ONCE) as (t, _):
            for number in range(AT_ONCE):
                self.add(b.add(t, INDEX(number)), number)
        with self.o.e.loop(whole, last) as (t, _):
            self.add(t, 0)

    def scaled(self):
        """Return the totals times the outputs' scales."""
        o, b, known = self.o, self.builder, self.known
        first = b.mul(known["k"], INDEX(16))
        total = o.load(known["bias"].data, first)
        for found in o.e.values(self.totals):
            total = b.add(total, found)
        return o.scaled(total, o.load(known["scale"].data, first, o.floats))

    def write_bytes(self):
        """Write the outputs as groups of the next row."""
        o, b, known = self.o, self.builder, self.known
        chars = o.narrowed(*[o.rounded(self.scaled())] * 4)
        lanes = [16 * (t // 4) + t % 4 for t in range(o.n)]
        o.store(o.e.shuffle(chars, lanes), known["out"].data, b.mul(known["place"], INDEX(4)))

    def write_floats(self):
        """Write the outputs one after another."""
        place = self.builder.mul(self.known["place"], INDEX(16))
        self.o.store(self.scaled(), self.known["floats"].data, place)


NAMES = "weights indices starts s shift x bias scale k sums out floats place vectors".split()


def finish(sums):
    """Write sums as floats where there is room for these, else as bytes."""
    b, known = sums.builder, sums.known
    wanted = b.icmp_signed(">", b.extract_value(known["floats"].shape, 0), INDEX(0))
    with b.if_else(wanted) as (then, otherwise):
        with then:
            sums.write_floats()
        with otherwise:
            sums.write_bytes()


def tile_word(add, *given):
    """Return what numba asks of a word that sums a group of outputs and writes it."""

    def write(e, *args):
        known = dict(zip(NAMES, args, strict=True))
        for vectors in WIDTHS:
            chosen = e.builder.icmp_signed("==", known["vectors"], INDEX(vectors))
            with e.builder.if_then(chosen):
                sums = Sums(e, known, vectors)
                add(sums, known["s"])
                finish(sums)
        if add is add_blocks:
            with e.builder.if_then(e.builder.icmp_signed("==", known["vectors"], INDEX(0))):
                write_row(e, known, 16)

    return instructions(write, types.int32, types.void, *given)


def write_row(e, known, n_bytes=None):
    """Sum outputs of one row and write them."""
    sums = RowSums(e, known, n_bytes)
    sums.add_blocks()
    finish(sums)


@word
def sum_blocks(
    typingctx, weights, indices, starts, s, shift, x, bias, scale, k, sums, out, floats, place,
    vectors,
):  # fmt: skip
    """Write a group of four outputs, summed over blocks."""
    given = (
        weights, indices, starts, s, shift, x, bias, scale, k, sums, out, floats, place, vectors,
    )  # fmt: skip
    return tile_word(add_blocks, *given)


@word
def sum_lists(
    typingctx, weights, indices, starts, s, shift, x, bias, scale, k, sums, out, floats, place,
    vectors,
):  # fmt: skip
    """Write a group of four outputs, each summed over its own inputs."""
    given = (
        weights, indices, starts, s, shift, x, bias, scale, k, sums, out, floats, place, vectors,
    )  # fmt: skip
    return tile_word(add_lists, *given)


@word
def sum_line(
    typingctx, weights, indices, starts, s, shift, x, bias, scale, k, sums, out, floats, place,
    vectors,
):  # fmt: skip
    """Write a line of outputs of one row, summed over blocks."""
    given = (
        weights, indices, starts, s, shift, x, bias, scale, k, sums, out, floats, place, vectors,
    )  # fmt: skip
    return instructions(
        lambda e, *args: write_row(e, dict(zip(NAMES, args, strict=True))),
        types.int32,
        types.void,
        *given,
    )


@word
def square_to_bytes(typingctx, X, i, last, j, inverse, zero, tile, v, vectors):
    """Write `LANES` groups of a vector of rows from `i` on; the row before `last` stands for more.

    A number is rounded after it was multiplied by `inverse`, then `zero` is added.
    """

    def write(e, X, i, last, j, inverse, zero, tile, v, vectors):
        o, b = Bytes(e), e.builder
        inverse, zero = o.spread(inverse), o.spread(b.trunc(zero, INT))
        rows, bottom = [], b.sub(last, INDEX(1))
        for r in range(o.n):
            here = b.add(i, INDEX(r))
            row = e.at(X, b.select(b.icmp_signed("<", here, bottom), here, bottom), j)
            rows.append(o.quantized(row, inverse, zero))
        step = b.mul(vectors, INDEX(o.size))
        first = b.add(b.mul(b.sdiv(j, INDEX(4)), step), b.mul(v, INDEX(o.size)))
        for t, found in enumerate(e.turn(rows)):
            o.store(found, tile.data, b.add(first, b.mul(step, INDEX(o.group(t)))))

    given = X, i, last, j, inverse, zero, tile, v, vectors
    return instructions(write, types.int32, types.void, *given)


@word
def line_to_bytes(typingctx, X, i, j, inverse, zero, tile):
    """Write `LANES` groups of one row as a tile of that row."""

    def write(e, X, i, j, inverse, zero, tile):
        o = Bytes(e)
        inverse, zero = o.spread(inverse), o.spread(o.builder.trunc(zero, INT))
        found = o.quantized(e.at(X, i, j), inverse, zero)
        lanes = sorted(range(o.n), key=o.group)
        o.store(e.shuffle(found, lanes), tile.data, j)

    return instructions(write, types.int32, types.void, X, i, j, inverse, zero, tile)
