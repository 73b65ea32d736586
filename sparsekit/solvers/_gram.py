"""The Gram matrix of the features that ever mattered, grown column by column."""

import numpy as np

from sparsekit._compile import kernel


@kernel
def subtract_rows(matrix, rows, change, gradient):
    """Subtract ``change[k]`` times row ``rows[k]`` of `matrix` from `gradient`."""
    for k in range(rows.shape[0]):
        step = change[k]
        if step != 0.0:
            for i in range(gradient.shape[0]):
                gradient[i] -= step * matrix[rows[k], i]


class GramCache:
    """Products of the columns of the working set, each computed once.

    Parameters
    ----------
    design : design
        The matrix.
    h : ndarray of shape (n_samples,)
        Weights of the products.
    mean : ndarray of shape (n_features,)
        Subtracted from the columns.
    """

    def __init__(self, design, h, mean):
        self.design, self.h, self.mean = design, h, mean
        self.features = np.empty(0, dtype=np.int64)
        self.matrix = np.empty((0, 0))
        self.known = np.zeros(design.shape[1], dtype=bool)

    @classmethod
    def of(cls, design, matrix):
        """Return the cache of all columns whose Gram matrix is `matrix`."""
        cache = cls(design, None, None)
        cache.features, cache.matrix = np.arange(design.shape[1]), matrix
        cache.known[:] = True
        return cache

    def __len__(self):
        return len(self.features)

    @property
    def whole(self):
        """Whether every feature is in."""
        return len(self.features) == self.design.shape[1]

    def missing(self, features):
        """Return those of `features` that are not in yet."""
        return features[~self.known[features]]

    def add(self, features):
        """Compute the products of new features with each other and with those already in."""
        new = self.missing(np.asarray(features, dtype=np.int64))
        if len(new) == 0:
            return
        old = len(self)
        everything = np.concatenate([self.features, new])
        block = self.design.gram(everything, old, self.h, self.mean)
        self._reserve(len(everything))
        self.matrix[old : len(everything), : len(everything)] = block
        self.matrix[:old, old : len(everything)] = block[:, :old].T
        self.features = everything
        self.known[new] = True

    def _reserve(self, size):
        capacity = len(self.matrix)
        if size <= capacity:
            return
        room = min(max(size, 2 * capacity), self.design.shape[1])
        matrix = np.empty((room, room))
        old = len(self)
        matrix[:old, :old] = self.matrix[:old, :old]
        self.matrix = matrix
