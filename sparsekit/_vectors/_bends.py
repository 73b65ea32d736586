"""Words that bend numbers as hidden units do, a vector at a time.

Polynomials of Cephes (Moshier, 1989), within a few units of the last place of float32.
"""

from llvmlite import ir
from numba.core import types

from sparsekit._vectors._emit import INDEX, INT, instructions, word

# exp(r) = 1 + r + r^2 P(r) on half an octave, and the ends of what float32 holds.
EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2)
EXP = (*EXP, 1.6666665459e-1, 5.0000001201e-1)
SMALLEST, LARGEST = -87.0, 88.0
# ln 2 in two parts, the first exact; adding ROUNDER leaves whole numbers in the last bits.
LN2, LN2_REST, ROUNDER = 0.693359375, -2.12194440e-4, 12582912.0
# tanh(x) = x + x^3 P(x^2) below NEAR.
TANH = (-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1)
TANH = (*TANH, -3.33332819422e-1)
NEAR = 0.625


def constant(e, number):
    """Return a vector of a number known beforehand."""
    return ir.Constant(e.vector, [number] * e.n)


def polynomial(e, x, coefficients):
    """Return a polynomial, its highest coefficient first."""
    total, *rest = [constant(e, c) for c in coefficients]
    for coefficient in rest:
        total = e.fma(total, x, coefficient)
    return total


def exponential(e, x):
    """Return e to the power of numbers within bounds."""
    b = e.builder
    moved = e.fma(x, constant(e, 1.4426950408889634), constant(e, ROUNDER))
    octaves = b.fsub(moved, constant(e, ROUNDER))
    r = e.fma(octaves, constant(e, -LN2), x)
    r = e.fma(octaves, constant(e, -LN2_REST), r)
    found = b.fadd(e.fma(polynomial(e, r, EXP), b.fmul(r, r), r), constant(e, 1.0))
    whole = ir.VectorType(INT, e.n)
    # The last bits of `moved` are the octaves, to which the exponent's bias of 127 is added.
    bits = b.add(b.bitcast(moved, whole), ir.Constant(whole, [127] * e.n))
    scale = b.bitcast(b.shl(bits, ir.Constant(whole, [23] * e.n)), e.vector)
    return b.fmul(found, scale)


def within(e, x, low, high):
    """Cut numbers off at both ends; what is no number stays so."""
    b, low, high = e.builder, constant(e, low), constant(e, high)
    x = b.select(b.fcmp_ordered("<", x, low), low, x)
    return b.select(b.fcmp_ordered(">", x, high), high, x)


def logistic(e, x):
    """Return ``1 / (1 + exp(-x))``."""
    b, one = e.builder, constant(e, 1.0)
    power = exponential(e, within(e, b.fneg(x), SMALLEST, LARGEST))
    return b.fdiv(one, b.fadd(one, power))


def tanh(e, x):
    """Return the hyperbolic tangent, from its polynomial near zero and from exp elsewhere."""
    b, one, two = e.builder, constant(e, 1.0), constant(e, 2.0)
    size = b.select(b.fcmp_ordered("<", x, e.zero()), b.fneg(x), x)
    power = exponential(e, within(e, b.fadd(size, size), SMALLEST, LARGEST))
    far = b.fsub(one, b.fdiv(two, b.fadd(power, one)))
    far = b.select(b.fcmp_ordered("<", x, e.zero()), b.fneg(far), far)
    square = b.fmul(x, x)
    near = e.fma(b.fmul(polynomial(e, square, TANH), square), x, x)
    return b.select(b.fcmp_ordered("<", size, constant(e, NEAR)), near, far)


def pass_word(bend):
    """Return the word that overwrites numbers, whole vectors of them, by what a bend makes."""

    @word
    def bend_all(typingctx, y, y_at, n):
        """Overwrite `n` numbers of `y`."""

        def write(e, y, y_at, n):
            start = e.builder.gep(y.data, [y_at])
            with e.loop(INDEX(0), n, e.n) as (k, _):
                e.store(bend(e, e.load(start, k)), start, k)

        return instructions(write, types.float32, types.void, y, y_at, n)

    return bend_all


logistic_all, tanh_all = pass_word(logistic), pass_word(tanh)
