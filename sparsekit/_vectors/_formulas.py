"""The formulas of `_simd`, built of words."""

from sparsekit._compile import helper
from sparsekit._vectors import _gathers, _tiles, _words

# Words that are formulas as they are.
entries_pass, entries_pull = _gathers.entries_pass, _gathers.entries_pull
entries_add = _gathers.entries_add
product_row, product_entries = _gathers.product_row, _gathers.product_entries

load, store, spread = _words.load, _words.store, _words.spread
fma, total, row_of = _words.fma, _words.total, _words.row_of
lane_count, tile_width = _words.lane_count, _words.tile_width
add_tile, add_narrow_tile = _tiles.add_tile, _tiles.add_narrow_tile
eliminate_tile, eliminate_narrow_tile = _tiles.eliminate_tile, _tiles.eliminate_narrow_tile
factor_tile, subtract_rows = _tiles.factor_tile, _tiles.subtract_rows
solve_square_down, solve_square_up = _tiles.solve_square_down, _tiles.solve_square_up


@helper
def row_dot(a, i, b, j, width):
    """Multiply, vector by vector."""
    p, q = row_of(a, i), row_of(b, j)
    found = spread(a.dtype.type(0))
    for t in range(0, width, lane_count(a)):
        found = fma(load(p, t), load(q, t), found)
    return total(found)


@helper
def row_axpy(s, a, i, out, j, width):
    """Add, vector by vector."""
    p, q = row_of(a, i), row_of(out, j)
    factor = spread(a.dtype.type(s))
    for t in range(0, width, lane_count(a)):
        store(q, t, fma(factor, load(p, t), load(q, t)))


@helper
def syrk_upper(panel, n, gram, width):
    """Add tile by tile, from the diagonal to the right."""
    lanes, wide = lane_count(gram), tile_width(gram)
    for i in range(0, width, lanes):
        j = i
        while j + wide <= width:
            add_tile(panel, n, gram, i, j)
            j += wide
        while j < width:
            add_narrow_tile(panel, n, gram, i, j)
            j += lanes


@helper
def cholesky_upper(gram, k, width):
    """Factor tile by tile, from above; each row of tiles subtracts those above it."""
    lanes, wide = lane_count(gram), tile_width(gram)
    for i in range(k, width):
        gram[i, i] = 1
    for i in range(0, width, lanes):
        if not factor_tile(gram, i):
            return False
        j = i + lanes
        while j + wide <= width:
            eliminate_tile(gram, i, j)
            j += wide
        while j < width:
            eliminate_narrow_tile(gram, i, j)
            j += lanes
    return True


@helper
def solve_upper_transposed(gram, k, rhs):
    """Solve for a vector, subtract it from what follows, and so on."""
    lanes = lane_count(gram)
    place = row_of(rhs, 0)
    for i in range(0, k, lanes):
        solve_square_down(gram, i, rhs)
        for j in range(i + lanes, k, lanes):
            rest = load(place, j)
            for s in range(i, i + lanes):
                rest = fma(spread(-rhs[s]), load(row_of(gram, s), j), rest)
            store(place, j, rest)


@helper
def solve_upper(gram, k, rhs):
    """Subtract what follows from a vector, solve for it, and so on to the first."""
    lanes = lane_count(gram)
    for back in range(0, k, lanes):
        i = (k - 1) // lanes * lanes - back
        subtract_rows(gram, i, i + lanes, k, rhs)
        solve_square_up(gram, i, rhs)
