"""What NMF keeps of the samples it has seen, and how a batch more changes H.

Every sample counts alike, however they were cut into batches. For squared errors the memory is
``W.T @ W`` and ``X.T @ W``, of which H is the best fit. For the Kullback-Leibler divergence it is
how much of X each component has explained, shared out entry by entry when the samples were seen.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from sparsekit._compile import kernel
from sparsekit._parallel import run_blocks
from sparsekit.coding._descent import descend_rows
from sparsekit.decomposition._nmf._fit import solve_codes
from sparsekit.decomposition._nmf._scale import Strengths
from sparsekit.decomposition._nmf._steps import Steps
from sparsekit.matrix._products import cut_stored, multiply, self_product
from sparsekit.penalties import L1, Positive

# How often a batch is coded and H fitted to it and the memory, and sweeps of such a fit.
ROUNDS = 3
SWEEPS = 5
# What every component has of a feature when X is shared out, relative to their mean.
SMOOTHING = 0.1


@dataclass(frozen=True)
class Memory:
    """Sums over the samples seen.

    Parameters
    ----------
    n_samples : float
        Their number.
    sums : ndarray of shape (n_components,)
        Of the columns of W.
    gram : ndarray of shape (n_components, n_components)
        ``W.T @ W``.
    cross : ndarray of shape (n_features, n_components)
        ``X.T @ W``, or the part of the sums of X's columns that each component explains.
    """

    n_samples: float
    sums: np.ndarray
    gram: np.ndarray
    cross: np.ndarray

    def plus(self, other: "Memory") -> "Memory":
        """Return the memory of both."""
        return Memory(
            self.n_samples + other.n_samples,
            self.sums + other.sums,
            self.gram + other.gram,
            self.cross + other.cross,
        )

    def forgotten(self, share: float) -> "Memory":
        """Return the memory of every sample at `share` of its weight."""
        return Memory(*(share * part for part in vars(self).values()))


class SquaredMemory:
    """How squared errors are remembered."""

    @staticmethod
    def of_batch(steps: Steps, codes: np.ndarray, components: np.ndarray) -> np.ndarray:
        """Return `cross` of a batch."""
        return multiply(steps.transposed, codes, n_jobs=steps.n_jobs)

    @staticmethod
    def of_fit(memory: Memory, components: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        """Return the `cross` of which `components` is the best fit."""
        gram = memory.gram.astype(components.dtype)
        return components @ gram + np.where(components > 0, slopes, 0).astype(components.dtype)

    @staticmethod
    def fit_components(memory, components, l1, ridge, n_jobs):
        """Improve the transpose of H in place."""
        gram = (memory.gram + np.diag(ridge)).astype(components.dtype)
        cross = np.ascontiguousarray(memory.cross, dtype=components.dtype)
        descend_rows(components, cross, gram, Positive(L1(l1)), n_sweeps=SWEEPS, n_jobs=n_jobs)

    @staticmethod
    def rescaled(cross: np.ndarray, scales: np.ndarray) -> np.ndarray:
        """Return `cross` after the columns of W were multiplied by `scales`."""
        return cross * scales.astype(cross.dtype)


class DivergenceMemory:
    """How the Kullback-Leibler divergence is remembered."""

    @staticmethod
    def of_batch(steps: Steps, codes: np.ndarray, components: np.ndarray) -> np.ndarray:
        """Return how much of the sums of the batch's columns each component explains."""
        # Shares that are nothing would stay nothing. Any shares make a bound, best or not; those
        # of a feature not seen before are as the codes.
        known = components + components.dtype.type(SMOOTHING) * components.mean(
            axis=1, keepdims=True
        )
        known[~components.any(axis=1)] = 1
        X = steps.X
        ratios = np.empty_like(X.data)

        def fill(start, stop):
            divide_by_model(X.data, X.indices, X.indptr, codes, known, ratios, start, stop)

        run_blocks(fill, cut_stored(X.indptr, codes.shape[1]), steps.n_jobs)
        ratio = sparse.csr_array((ratios, X.indices, X.indptr), shape=X.shape)
        return known * multiply(ratio.T.tocsr(), codes, n_jobs=steps.n_jobs)

    @staticmethod
    def of_fit(memory: Memory, components: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        """Return the `cross` of which `components` is the best fit."""
        return components * (memory.sums + slopes).astype(components.dtype)

    @staticmethod
    def fit_components(memory, components, l1, ridge, n_jobs):
        """Set the transpose of H to the best in place."""
        slope = memory.sums + l1
        root = np.sqrt(slope**2 + 4 * ridge * memory.cross)
        best = np.divide(
            2 * memory.cross, slope + root, out=np.zeros(root.shape), where=slope + root > 0
        )
        components[:] = best

    @staticmethod
    def rescaled(cross: np.ndarray, scales: np.ndarray) -> np.ndarray:
        """Return `cross`, which no scale between the factors changes."""
        return cross


MEMORIES = {"frobenius": SquaredMemory, "kullback-leibler": DivergenceMemory}


def remember_batch(steps, codes, components, beta_loss):
    """Return the memory of one batch."""
    return Memory(
        float(len(codes)),
        codes.sum(axis=0, dtype=np.float64),
        self_product(codes, n_jobs=steps.n_jobs).astype(np.float64),
        MEMORIES[beta_loss].of_batch(steps, codes, components),
    )


def remember_fit(n_samples, sums, gram, components, strengths, beta_loss):
    """Return a memory of which H, given by its transpose, is the best fit."""
    memory = Memory(float(n_samples), sums, gram, np.zeros_like(components))
    ridge = strengths.components_ridge_of(sums, gram.diagonal())
    slopes = strengths.l1_components + ridge * components
    return replace(memory, cross=MEMORIES[beta_loss].of_fit(memory, components, slopes))


def learn_batch(
    steps: Steps,
    strengths: Strengths,
    memory: Memory,
    components: np.ndarray,
    beta_loss: str,
) -> tuple[Memory, np.ndarray]:
    """Return the memory with a batch in it, and the transpose of the H that suits both.

    Parameters
    ----------
    steps : Steps
        The batch.
    strengths : Strengths
        Penalties, for all samples seen together with the batch.
    memory : Memory
        Of the samples before.
    components : ndarray of shape (n_features, n_components)
        The transpose of H before; not changed.
    beta_loss : str
        The loss.

    Returns
    -------
    memory : Memory
        Of all samples.
    components : ndarray of shape (n_features, n_components)
        The transpose of H.
    """
    kind = MEMORIES[beta_loss]
    components = components.copy()
    for _ in range(ROUNDS):
        ridge = strengths.codes_ridge(components)
        codes, _ = solve_codes(steps, components, strengths.l1_codes, ridge)
        both = memory.plus(remember_batch(steps, codes, components, beta_loss))
        squares = both.gram.diagonal()
        ridge = strengths.components_ridge_of(both.sums, squares)
        kind.fit_components(both, components, strengths.l1_components, ridge, steps.n_jobs)
        scales = strengths.scales(both.sums, squares, components)
        both, memory = (rescaled(m, scales, kind) for m in (both, memory))
        inverse = np.divide(1.0, scales, out=np.zeros_like(scales), where=scales > 0)
        components *= inverse.astype(components.dtype)
    return both, components


def rescaled(memory, scales, kind):
    """Return the memory after the columns of W were multiplied by `scales`."""
    return Memory(
        memory.n_samples,
        memory.sums * scales,
        memory.gram * np.outer(scales, scales),
        kind.rescaled(memory.cross, scales),
    )


@kernel
def divide_by_model(data, indices, indptr, codes, components, ratios, start, stop):
    """Overwrite `ratios` with stored entries over the model, in rows start..stop."""
    for i in range(start, stop):
        for t in range(indptr[i], indptr[i + 1]):
            j = indices[t]
            model = 0 * data[t]
            for k in range(codes.shape[1]):
                model += codes[i, k] * components[j, k]
            ratios[t] = data[t] / model if model > 0 else 0 * data[t]
