"""Sums over the entries of one row of a sparse matrix, of rows of a dense one.

Entry t of `n` has the index ``indices[first + t]`` of a row of `y`, and the weight
``weights[begin + t]``. Where the width allows it, what is multiplied and what is summed stay in
registers, so that a row is read once.
"""

from numba.core import types

from sparsekit._vectors._emit import (
    INDEX,
    INT,
    instructions,
    register_bytes,
    register_vectors,
    word,
)

# Entries ahead of the one in work whose rows are called into the cache.
AHEAD = 12
# Most vectors of a row in registers, and entries that share a pass where there are more.
MOST, GROUP = 8, 4


class Entries:
    """Writes loops over the entries of one row; rows of `y` are read to the end of a vector."""

    def __init__(self, emitter, y, indices, first, n, width):
        self.e, self.y, self.n = emitter, y, n
        b, lanes = emitter.builder, INDEX(emitter.n)
        self.indices = b.gep(indices.data, [first])
        self.known = b.sub(b.extract_value(indices.shape, 0), first)
        self.step = b.extract_value(y.shape, 1)
        self.vectors = b.sdiv(b.add(width, INDEX(emitter.n - 1)), lanes)
        self.end = b.mul(self.vectors, lanes)

    def row(self, t):
        """Return the address of the row of entry `t`."""
        b = self.e.builder
        j = b.load(b.gep(self.indices, [t]))
        j = b.sext(j, INDEX) if j.type.width < INDEX.width else j
        return b.gep(self.y.data, [b.mul(j, self.step)])

    def call(self, t, places):
        """Call the row of a later entry, of this row or another, into the cache."""
        b = self.e.builder
        later = b.add(t, INDEX(AHEAD))
        row = self.row(b.select(b.icmp_signed("<", later, self.known), later, t))
        for place in places[:: max(64 // register_bytes(), 1)]:
            self.e.prefetch(b.gep(row, [place]))

    def each(self, write, by=1):
        """Write ``write(t, by)`` for so many entries at a time, and one at a time for the rest."""
        b, zero = self.e.builder, INDEX(0)
        whole = b.mul(b.sdiv(self.n, INDEX(by)), INDEX(by)) if by > 1 else self.n
        with self.e.loop(zero, whole, by) as (t, _):
            write(t, by)
        if by > 1:
            with self.e.loop(whole, self.n) as (t, _):
                write(t, 1)

    def dots(self, t, n, p):
        """Return the rows of `n` entries, and a vector that begins with their products with `p`."""
        e = self.e
        rows, sums = [self.row(q) for q in following(e, t, n)], e.variables([e.zero()] * n)
        with e.loop(INDEX(0), self.end, e.n) as (k, _):
            other = e.load(p, k)
            for row, total in zip(rows, sums, strict=True):
                e.add_product(e.load(row, k), other, total)
        return rows, e.totals(e.values(sums))


def following(e, first, n):
    """Return so many numbers from `first` on."""
    return [e.builder.add(first, INDEX(q)) for q in range(n)]


def by_number(e, vectors, most, write):
    """Write code for each number of vectors up to `most`; return whether there are more."""
    b = e.builder
    for n in range(1, most + 1):
        with b.if_then(b.icmp_signed("==", vectors, INDEX(n))):
            write(n)
    return b.icmp_signed(">", vectors, INDEX(most))


# A pass: a row's own product decides how much of it is added.


def pass_narrow(entries, p, out, step_of, vectors):
    """Add to `out` multiples of rows that depend on their products with `p`; all in registers."""
    e = entries.e
    places = [INDEX(k * e.n) for k in range(vectors)]
    others = [e.load(p, place) for place in places]
    sums = e.variables([e.load(out, place) for place in places])

    def write(t, _):
        entries.call(t, places)
        row = entries.row(t)
        found, halves = [e.load(row, place) for place in places], [e.zero()] * 2
        for k in range(vectors):
            halves[k % 2] = e.fma(found[k], others[k], halves[k % 2])
        step = step_of(t, e.totals([e.builder.fadd(*halves)]))
        for k in range(vectors):
            e.add_product(step, found[k], sums[k])

    entries.each(write)
    for place, total in zip(places, e.values(sums), strict=True):
        e.store(total, out, place)


def pass_wide(entries, p, out, step_of):
    """As `pass_narrow` for rows of any width: some entries at a time, rows read twice."""
    e = entries.e

    def write(t, n):
        rows, dots = entries.dots(t, n, p)
        steps = [step_of(q, e.lane(dots, s)) for s, q in enumerate(following(e, t, n))]
        with e.loop(INDEX(0), entries.end, e.n) as (k, _):
            total = e.load(out, k)
            for row, step in zip(rows, steps, strict=True):
                total = e.fma(step, e.load(row, k), total)
            e.store(total, out, k)

    entries.each(write, min(GROUP, e.n))


def write_pass(entries, p, out, step_of):
    """Choose between the two by what registers hold."""
    most = MOST if register_vectors() > 2 * MOST else MOST // 2
    many = by_number(
        entries.e, entries.vectors, most, lambda n: pass_narrow(entries, p, out, step_of, n)
    )
    with entries.e.builder.if_then(many):
        pass_wide(entries, p, out, step_of)


@word
def entries_pass(typingctx, y, indices, first, n, weights, begin, p, out, width):
    """Add to `out` the sum of ``weights[t] * (y_t @ p) * y_t``."""

    def write(e, y, indices, first, n, weights, begin, p, out, width):
        weights = e.builder.gep(weights.data, [begin])

        def step_of(t, dot):
            return e.builder.fmul(e.spread_load(weights, t), dot)

        write_pass(Entries(e, y, indices, first, n, width), p.data, out.data, step_of)

    given = y, indices, first, n, weights, begin, p, out, width
    return instructions(write, y.dtype, types.void, *given)


@word
def entries_pull(typingctx, y, indices, first, n, weights, pulls, begin, p, dots, out, width):
    """Write the products ``y_t @ p``; add ``(pulls[t] - weights[t] * dots[t]) * y_t`` to `out`."""

    def write(e, y, indices, first, n, weights, pulls, begin, p, dots, out, width):
        b = e.builder
        weights, pulls, dots = (b.gep(a.data, [begin]) for a in (weights, pulls, dots))

        def step_of(t, dot):
            b.store(b.extract_element(dot, INT(0)), b.gep(dots, [t]))
            return b.fsub(e.spread_load(pulls, t), b.fmul(e.spread_load(weights, t), dot))

        write_pass(Entries(e, y, indices, first, n, width), p.data, out.data, step_of)

    given = y, indices, first, n, weights, pulls, begin, p, dots, out, width
    return instructions(write, y.dtype, types.void, *given)


@word
def product_entries(typingctx, indices, first, n, left, i, right, dots):
    """Write the products of row `i` of `left` with rows of `right`."""

    def write(e, indices, first, n, left, i, right, dots):
        b = e.builder
        width = b.extract_value(left.shape, 1)
        p, dots = b.gep(left.data, [b.mul(i, width)]), b.gep(dots.data, [first])
        entries = Entries(e, right, indices, first, n, width)

        def write_dots(t, n):
            _, found = entries.dots(t, n, p)
            e.store(e.shuffle(found, range(n)), dots, t)

        entries.each(write_dots, min(2 * GROUP, e.n))

    given = indices, first, n, left, i, right, dots
    return instructions(write, left.dtype, types.void, *given)


# A sum: the weights are known beforehand, so many entries share a pass over what is summed.


def add_rows(entries, weights, out, end):
    """Add the weighted rows to `out`, up to its number `end`."""
    e = entries.e

    def write(t, n):
        here = following(e, t, n)
        rows, factors = map(entries.row, here), [e.spread_load(weights, q) for q in here]
        pairs = list(zip(factors, rows, strict=True))
        with e.loop(INDEX(0), end, e.n) as (k, _):
            total = e.load(out, k)
            for factor, row in pairs:
                total = e.fma(factor, e.load(row, k), total)
            e.store(total, out, k)

    entries.each(write, 2 * GROUP)


def sum_last(entries, weights, at):
    """Return the weighted sum of one vector of the rows."""
    e = entries.e
    sums = e.variables([e.zero()] * GROUP)

    def write(t, n):
        for q, total in zip(following(e, t, n), sums, strict=False):
            e.add_product(e.spread_load(weights, q), e.load(entries.row(q), at), total)

    entries.each(write, GROUP)
    a, b, c, d = e.values(sums)
    return e.builder.fadd(e.builder.fadd(a, b), e.builder.fadd(c, d))


@word
def product_row(typingctx, data, indices, first, n, factor, product, i):
    """Overwrite row `i` of `product` by the sum of ``data[t] * factor_t``."""

    def write(e, data, indices, first, n, factor, product, i):
        b = e.builder
        width = b.extract_value(product.shape, 1)
        out, weights = b.gep(product.data, [b.mul(i, width)]), b.gep(data.data, [first])
        entries = Entries(e, factor, indices, first, n, width)
        # A vector that is alone, or cut short, is summed apart, in registers.
        alone = b.icmp_signed("<=", width, INDEX(e.n))
        whole = b.select(alone, INDEX(0), b.sub(width, b.srem(width, INDEX(e.n))))
        with e.loop(INDEX(0), whole, e.n) as (k, _):
            e.store(e.zero(), out, k)
        add_rows(entries, weights, out, whole)
        with b.if_then(b.icmp_signed("<", whole, width)):
            e.store_first(sum_last(entries, weights, whole), out, whole, width)

    given = data, indices, first, n, factor, product, i
    return instructions(write, factor.dtype, types.void, *given)


@word
def entries_add(typingctx, y, indices, first, n, weights, begin, out, width):
    """Add to `out` the weighted rows of the entries."""

    def write(e, y, indices, first, n, weights, begin, out, width):
        entries = Entries(e, y, indices, first, n, width)
        add_rows(entries, e.builder.gep(weights.data, [begin]), out.data, entries.end)

    given = y, indices, first, n, weights, begin, out, width
    return instructions(write, y.dtype, types.void, *given)
