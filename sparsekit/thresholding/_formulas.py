"""What becomes of one value, shape by shape, and the kernels that do it to many.

Each formula maps a value to one between zero and itself, without a branch, so that the compiler
makes vectors of it. Each guards what it does not choose against a division by zero.
"""

from sparsekit._compile import helper, kernel, where
from sparsekit.penalties._base import soft_threshold


@helper
def soft_formula(v, low, high):
    """Zero where ``|v| <= low``; elsewhere nearer to zero by `low`."""
    return soft_threshold(v, low)


@helper
def hard_formula(v, low, high):
    """Zero where ``|v| < low``; elsewhere unchanged."""
    return where(abs(v) >= low, v, 0.0)


@helper
def garrote_formula(v, low, high):
    """Zero where ``|v| <= low``; elsewhere ``v - low**2 / v``."""
    # In this order the product does not overflow where the threshold's square would.
    return where(abs(v) > low, v - low * (low / v), 0.0)


@helper
def firm_formula(v, low, high):
    """Zero where ``|v| <= low``; unchanged where ``|v| > high``; a straight line between."""
    slope = where(high > low, high / (high - low), 1.0)
    return where(abs(v) > high, v, soft_threshold(v, low) * slope)


def shrinking_kernel(formula):
    """Return the kernel that overwrites `out` with `x` shrunk by `formula`."""

    @kernel
    def shrink_rows(x, low, high, out):
        """`low` and `high` have one row, or as many as `x`, and so with columns. NaN stays."""
        by_row, by_column = low.shape[0] > 1, low.shape[1] > 1
        for i in range(x.shape[0]):
            k = i if by_row else 0
            if by_column:
                for j in range(x.shape[1]):
                    v = x[i, j]
                    out[i, j] = where(v == v, formula(v, low[k, j], high[k, j]), v)
            else:
                a, b = low[k, 0], high[k, 0]
                for j in range(x.shape[1]):
                    v = x[i, j]
                    out[i, j] = where(v == v, formula(v, a, b), v)

    return shrink_rows


SHRINK = {
    "soft": shrinking_kernel(soft_formula),
    "hard": shrinking_kernel(hard_formula),
    "firm": shrinking_kernel(firm_formula),
    "garrote": shrinking_kernel(garrote_formula),
}
