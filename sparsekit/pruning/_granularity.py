"""Granularities: which weights go together."""

from dataclasses import dataclass

import numpy as np

from sparsekit._sklearn import Integral
from sparsekit.pruning._fields import check_choice, check_count


class Granularity:
    """What the granularities have in common: units, of which some are kept.

    A user's own is any object with these methods; to derive it from this class is not needed.
    """

    def units(self, scores: np.ndarray) -> np.ndarray:
        """Turn the scores of a layer's weights into those of its units.

        Parameters
        ----------
        scores : ndarray of shape (inputs, outputs)
            What a criterion says.

        Returns
        -------
        units : ndarray of shape (rows, columns)
            Scores of units, minus infinity for those that may not be kept.
        """
        raise NotImplementedError

    def sizes(self, shape: tuple[int, int]) -> np.ndarray:
        """Count the weights of each unit.

        Parameters
        ----------
        shape : (int, int)
            Inputs and outputs of a layer.

        Returns
        -------
        sizes : ndarray of int of shape (rows, columns)
            One number a unit.
        """
        raise NotImplementedError

    def spread(self, kept: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """Turn the units that are kept into a mask of weights.

        Parameters
        ----------
        kept : ndarray of bool of shape (rows, columns)
            Which units are kept.
        shape : (int, int)
            Inputs and outputs of the layer.

        Returns
        -------
        mask : ndarray of bool of shape (inputs, outputs)
            Which weights are kept.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Weights(Granularity):
    """Keep or remove each weight by itself.

    Examples
    --------
    >>> from sparsekit.pruning import Weights
    >>> Weights()
    Weights()
    """

    def units(self, scores: np.ndarray) -> np.ndarray:
        return scores

    def sizes(self, shape: tuple[int, int]) -> np.ndarray:
        return np.broadcast_to(np.int64(1), shape)

    def spread(self, kept: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        return kept


@dataclass(frozen=True)
class Blocks(Granularity):
    """Keep or remove blocks of weights, which compiled kernels run faster than single ones.

    Parameters
    ----------
    shape : (int, int), default=(4, 4)
        Inputs and outputs of a block. Where they do not divide a layer's, its last blocks are
        smaller, and count for as many weights as they have.

    Examples
    --------
    >>> from sparsekit.pruning import Blocks
    >>> Blocks((1, 16))
    Blocks(shape=(1, 16))
    """

    shape: tuple[int, int] = (4, 4)

    def __post_init__(self):
        two = isinstance(self.shape, tuple | list) and len(self.shape) == 2
        if not two or not all(isinstance(n, Integral) and n >= 1 for n in self.shape):
            raise ValueError(
                "`shape` of Blocks (`block_shape`) must be the inputs and outputs of a block, two "
                f"whole numbers from 1 on; got {self.shape!r}."
            )

    def units(self, scores: np.ndarray) -> np.ndarray:
        return self._sums(scores) / self.sizes(scores.shape)

    def sizes(self, shape: tuple[int, int]) -> np.ndarray:
        rows, columns = (
            np.diff(np.append(np.arange(0, length, block), length))
            for length, block in zip(shape, self.shape)
        )
        return np.outer(rows, columns)

    def spread(self, kept: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        rows, columns = self.shape
        whole = kept.repeat(rows, axis=0).repeat(columns, axis=1)
        return np.ascontiguousarray(whole[: shape[0], : shape[1]])

    def _sums(self, scores: np.ndarray) -> np.ndarray:
        rows, columns = (
            np.arange(0, length, block) for length, block in zip(scores.shape, self.shape)
        )
        sums = np.add.reduceat(scores.astype(np.float64), rows, axis=0)
        return np.add.reduceat(sums, columns, axis=1)


@dataclass(frozen=True)
class NofM(Granularity):
    """Keep at most `n` of every `m` weights that follow one another along the inputs.

    The pattern 2:4 that tensor cores run. A sparsity above ``1 - n / m`` removes more than the
    pattern asks for; one below it cannot be had.

    Parameters
    ----------
    n : int, default=2
        Most weights kept in a group; in [1, m].
    m : int, default=4
        Weights of a group. Where it does not divide a layer's inputs, the last group is shorter.

    Examples
    --------
    >>> from sparsekit.pruning import NofM
    >>> NofM(1, 4)
    NofM(n=1, m=4)
    """

    n: int = 2
    m: int = 4

    def __post_init__(self):
        check_count(self, "n")
        check_count(self, "m")
        if self.n > self.m:
            raise ValueError(f"`n` of NofM must not be more than `m`; got n={self.n}, m={self.m}.")

    def units(self, scores: np.ndarray) -> np.ndarray:
        inputs, outputs = scores.shape
        groups = -(-inputs // self.m)
        padded = np.full((groups * self.m, outputs), -np.inf)
        padded[:inputs] = scores
        padded = padded.reshape(groups, self.m, outputs)
        order = np.argsort(-padded, axis=1, kind="stable")
        np.put_along_axis(padded, order[:, self.n :], -np.inf, axis=1)
        return padded.reshape(-1, outputs)[:inputs]

    def sizes(self, shape: tuple[int, int]) -> np.ndarray:
        return np.broadcast_to(np.int64(1), shape)

    def spread(self, kept: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        return kept


@dataclass(frozen=True)
class Neurons(Granularity):
    """Remove hidden neurons: the network becomes smaller, and is as dense as before.

    What is masked as whole columns of a layer is removed in the end, together with the weights that
    led on from it.

    Parameters
    ----------
    choice : {"reconstruction", "criterion"}, default="reconstruction"
        Which neurons stay: those from which the others' activations are best predicted, found by
        pivoted Cholesky factorisation of the activations' Gram matrix, with the norm of what leaves
        a neuron for its weight; or those with the largest mean score of incoming weights.

    Examples
    --------
    >>> from sparsekit.pruning import Neurons
    >>> Neurons(choice="criterion")
    Neurons(choice='criterion')
    """

    choice: str = "reconstruction"

    def __post_init__(self):
        check_choice(self, "choice", ("reconstruction", "criterion"))

    def units(self, scores: np.ndarray) -> np.ndarray:
        return scores.mean(axis=0, keepdims=True)

    def sizes(self, shape: tuple[int, int]) -> np.ndarray:
        return np.broadcast_to(np.int64(shape[0]), (1, shape[1]))

    def spread(self, kept: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        return np.ascontiguousarray(np.broadcast_to(kept, shape))
