"""The scale between the factors of NMF, which their product leaves open, and what it costs.

A component of W times s and its row of H divided by s give the same product. With penalties on
both factors one s is best. With a penalty on one factor only, the other is measured instead: its
components have length one, or a root mean square of one for columns of W. That is the same as to
multiply the penalty of a component by the other's length (its square, for the ridge), so no
constraint enters a step: the penalty of one factor becomes a ridge on the other, which bounds the
length from above and touches it where the length is one.
"""

from dataclasses import dataclass

import numpy as np

NEWTON_STEPS = 50
# Squared lengths below this are rounding: their inverses overflow.
TINY = float(np.finfo(np.float64).tiny) * 1e8
# Rows in which most columns show that they are not zero.
SAMPLED_ROWS = 256


@dataclass(frozen=True)
class Strengths:
    """Penalties of one factorisation, scaled by the shape of X.

    Parameters
    ----------
    l1_codes, l2_codes : float
        Of W: ``l1 * sum(W) + l2 / 2 * sum(W**2)``.
    l1_components, l2_components : float
        Of H.
    n_samples : int
        Number of rows of W.
    """

    l1_codes: float
    l2_codes: float
    l1_components: float
    l2_components: float
    n_samples: int

    @property
    def on_codes(self):
        """Whether W has a penalty."""
        return self.l1_codes + self.l2_codes > 0

    @property
    def on_components(self):
        """Whether H has a penalty."""
        return self.l1_components + self.l2_components > 0

    def codes_ridge(self, components):
        """Return the ridge of each column of W, given the transpose of H."""
        n_components = components.shape[1]
        if self.on_codes or not self.on_components:
            return np.full(n_components, self.l2_codes)
        return self.components_costs(components) / self.n_samples

    def components_ridge(self, codes):
        """Return the ridge of each row of H, given W."""
        if self.on_components or not self.on_codes:
            return np.full(codes.shape[1], self.l2_components)
        return self.components_ridge_of(column_sums(codes), column_squares(codes))

    def components_ridge_of(self, sums, squares):
        """Return the same, given sums and sums of squares of the columns of W."""
        if self.on_components or not self.on_codes:
            return np.full(len(sums), self.l2_components)
        return self.l1_codes * sums + self.l2_codes * squares

    def components_costs(self, components):
        """Return ``l1 * sum + l2 * sum of squares`` of each row of H, given its transpose."""
        return self.l1_components * column_sums(components) + self.l2_components * column_squares(
            components
        )

    def codes_value(self, codes):
        """Return the penalty of W."""
        return penalty_value(codes, self.l1_codes, self.l2_codes)

    def value(self, codes, components):
        """Return the penalty of W and of the transpose of H."""
        return self.codes_value(codes) + penalty_value(
            components, self.l1_components, self.l2_components
        )

    def scales(self, sums, squares, components):
        """Return what to multiply the columns of W by, and to divide the rows of H by.

        Zero says that a component is zero in one factor. Takes sums and sums of squares of the
        columns of W, and the transpose of H.
        """
        lengths = column_squares(components)
        if self.on_codes and self.on_components:
            return balance(
                self.l1_codes * sums,
                self.l2_codes * squares,
                self.l1_components * column_sums(components),
                self.l2_components * lengths,
            )
        alive = (squares > TINY) & (lengths > TINY)
        squared = np.divide(self.n_samples, squares, out=np.zeros_like(squares), where=alive)
        if not self.on_components:
            squared = np.where(alive, lengths, 0.0)
        return np.sqrt(squared)

    def with_scale_of_components(self, components):
        """Return the transpose of an H that W is to be fitted to, scaled if the scale is H's."""
        if self.on_components or not self.on_codes:
            return components
        lengths = np.sqrt(column_squares(components))
        return components / np.where(lengths > 0, lengths, 1).astype(components.dtype)

    def live_value(self, codes, components):
        """Return the penalty of the components that are zero in neither factor."""
        total = self.value(codes, components)
        if total == 0:
            return total
        dead = dead_components(codes, components)
        if dead.any():
            total -= self.value(codes[:, dead], components[:, dead])
        return total

    def fix_scale(self, codes, components, *, bury=True):
        """Multiply and divide both factors, in place.

        A component that is zero in one factor becomes zero in the other, or stays as it is.
        """
        scales = self.scales(column_sums(codes), column_squares(codes), components)
        if not bury:
            scales = np.where(scales > 0, scales, 1.0)
        inverse = np.divide(1.0, scales, out=np.zeros_like(scales), where=scales > 0)
        codes *= scales.astype(codes.dtype)
        components *= inverse.astype(components.dtype)


def balance(a1, a2, b1, b2):
    """Return s > 0 that minimises ``a1 s + a2 s**2 / 2 + b1 / s + b2 / (2 s**2)``, by component.

    Zero where either pair is zero. The sum is convex in log s, and Newton's method finds the root
    of its derivative there.
    """
    alive = (a1 + a2 > 0) & (b1 + b2 > 0)
    # Between the two pure cases.
    t = np.zeros(len(a1))
    t[alive] = 0.5 * np.log((b1 + np.sqrt(b2))[alive] / (a1 + np.sqrt(a2))[alive])
    for _ in range(NEWTON_STEPS):
        s = np.exp(t)
        up, down = a1 * s + a2 * s * s, b1 / s + b2 / (s * s)
        bend = a1 * s + 2 * a2 * s * s + b1 / s + 2 * b2 / (s * s)
        step = np.divide(down - up, bend, out=np.zeros_like(t), where=alive)
        t += np.clip(step, -1.0, 1.0)
        if np.abs(step).max(initial=0.0) < 1e-12:
            break
    return np.where(alive, np.exp(t), 0.0)


def penalty_value(factor, l1, l2):
    """Return ``l1 * sum + l2 / 2 * sum of squares``, reading the factor no more than it must."""
    total = l1 * float(factor.sum(dtype=np.float64)) if l1 > 0 else 0.0
    return total + (0.5 * l2 * float(column_squares(factor).sum()) if l2 > 0 else 0.0)


def column_sums(factor):
    """Return the sums of the columns in double precision."""
    return factor.sum(axis=0, dtype=np.float64)


def column_squares(factor):
    """Return the sums of squares of the columns in double precision."""
    return np.einsum("ik,ik->k", factor, factor, dtype=np.float64)


def dead_components(codes, components):
    """Return which components are zero in either factor."""
    return empty_columns(codes) | empty_columns(components)


def empty_columns(factor):
    """Return which columns are zero."""
    empty = ~factor[:SAMPLED_ROWS].any(axis=0)
    empty[empty] = ~factor[:, empty].any(axis=0)
    return empty
