"""Overcomplete cosines: a dictionary that needs no learning, and where learning starts."""

import numpy as np


def cosine_dictionary(n_components: int, shape: tuple[int, int, int]) -> np.ndarray:
    """Return products of cosines down, across and over the channels of a patch, as unit rows.

    Parameters
    ----------
    n_components : int
        Number of atoms, those of the lowest frequencies.
    shape : tuple of int
        Height, width and number of channels of a patch.

    Returns
    -------
    dictionary : ndarray of shape (n_components, n_features)
        float64. The first atom is constant; all others have mean zero. Fewer rows only where
        patches are one pixel wide both ways.
    """
    *edges, n_channels = shape
    n_free = max(sum(edge > 1 for edge in edges), 1)
    n_waves = int(np.ceil((n_components / n_channels) ** (1 / n_free)))
    # Never fewer than make a basis, of which the lowest frequencies are then taken.
    sizes = [max(n_waves, edge) if edge > 1 else 1 for edge in edges]
    axes = [cosine_atoms(size, edge) for size, edge in zip([*sizes, n_channels], shape)]
    atoms = np.einsum("ai,bj,ck->abcijk", *axes).reshape(-1, np.prod(shape))
    frequency = np.add.outer(*(np.arange(size) / size for size in sizes)).ravel()
    order = np.argsort(np.repeat(frequency, n_channels), kind="stable")
    return np.ascontiguousarray(atoms[np.sort(order[:n_components])])


def cosine_atoms(n_waves: int, length: int) -> np.ndarray:
    """Return cosines sampled at `length` places, without their means, as unit rows."""
    waves = np.cos(np.outer(np.arange(n_waves), np.arange(length) + 0.5) * (np.pi / n_waves))
    waves[1:] -= waves[1:].mean(axis=1, keepdims=True)
    return waves / np.linalg.norm(waves, axis=1, keepdims=True)
