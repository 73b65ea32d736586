"""Which weights there are: drawn, counted and exchanged without a dense array."""

from dataclasses import dataclass

import numpy as np

from sparsekit._compile import kernel

INT32_MAX = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Support:
    """Places of stored weights, compressed by inputs.

    Parameters
    ----------
    begins : ndarray of shape (inputs + 1,)
        Where the weights of each input begin; int32 unless there are more weights than it counts.
    outputs : ndarray of shape (n_weights,)
        Their outputs, rising for each input, in the same dtype.
    shape : tuple of two ints
        Inputs and outputs.
    """

    begins: np.ndarray
    outputs: np.ndarray
    shape: tuple[int, int]

    @property
    def n_weights(self) -> int:
        """Return how many weights there are."""
        return len(self.outputs)

    @property
    def n_absent(self) -> int:
        """Return how many weights there are not."""
        return self.shape[0] * self.shape[1] - self.n_weights

    @classmethod
    def of_places(cls, places: np.ndarray, shape: tuple[int, int]) -> "Support":
        """Return the support of rising places, ``input * n_outputs + output``."""
        dtype = np.int32 if max(len(places), *shape) <= INT32_MAX else np.int64
        inputs = places // shape[1]
        begins = np.zeros(shape[0] + 1, dtype)
        np.cumsum(np.bincount(inputs, minlength=shape[0]), out=begins[1:])
        inputs *= shape[1]
        return cls(begins, (places - inputs).astype(dtype), shape)

    def places(self) -> np.ndarray:
        """Return the place of each weight, rising."""
        inputs = np.repeat(np.arange(self.shape[0], dtype=np.int64), np.diff(self.begins))
        return inputs * self.shape[1] + self.outputs

    def absent(self, ranks: np.ndarray) -> np.ndarray:
        """Return the places of absent weights, given by their rising numbers among these."""
        found = np.empty(len(ranks), np.int64)
        absent_places(self.begins, self.outputs, self.shape[1], ranks, found)
        return found


def draw_supports(
    shapes: list[tuple[int, int]], counts: list[int], generator: np.random.Generator
) -> list[Support]:
    """Return a support of so many weights for each layer, of those that waste none all alike.

    Where a layer has so few weights that some of its units have none, the next layer has weights
    from the others only, if it can.
    """
    supports: list[Support] = []
    for (n_inputs, n_outputs), n in zip(shapes, counts, strict=True):
        alive = np.unique(supports[-1].outputs) if supports else np.arange(n_inputs)
        if len(alive) * n_outputs < n:
            alive = np.arange(n_inputs)
        places = draw_distinct(len(alive) * n_outputs, n, generator)
        if len(alive) < n_inputs:
            rows = places // n_outputs
            places += (alive[rows] - rows) * n_outputs
        supports.append(Support.of_places(places, (n_inputs, n_outputs)))
    return supports


def draw_distinct(population: int, n: int, generator: np.random.Generator) -> np.ndarray:
    """Return `n` different numbers below `population`, rising, in memory of the order of `n`.

    `Generator.choice` shuffles an array of the whole population where `n` is not small.
    """
    if 2 * n > population:
        left = np.ones(population, bool)
        left[draw_distinct(population, population - n, generator)] = False
        return np.flatnonzero(left)
    drawn = np.empty(0, np.int64)
    while len(drawn) < n:
        more = generator.integers(population, size=n - len(drawn) + 16, dtype=np.int64)
        drawn = np.concatenate((drawn, more))
        drawn.sort()
        drawn = drawn[np.diff(drawn, prepend=-1) > 0]
        if len(drawn) > n:
            drawn = np.delete(drawn, generator.permutation(len(drawn))[: len(drawn) - n])
    return drawn


@kernel
def absent_places(begins, outputs, n_outputs, ranks, found):
    """Write the places of the absent weights of rising `ranks`."""
    j, before, next_weight = 0, 0, 0
    for r in range(len(ranks)):
        while before + n_outputs - (begins[j + 1] - begins[j]) <= ranks[r]:
            before += n_outputs - (begins[j + 1] - begins[j])
            j += 1
            next_weight = begins[j]
        # Of the weights of this input, those at or before the wanted place push it on.
        wanted = ranks[r] - before
        while (
            next_weight < begins[j + 1]
            and outputs[next_weight] - (next_weight - begins[j]) <= wanted
        ):
            next_weight += 1
        found[r] = np.int64(j) * n_outputs + wanted + (next_weight - begins[j])
