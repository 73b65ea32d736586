"""Networks of random weights."""

import numpy as np

from sparsekit.pruning import _activations
from sparsekit.pruning._network import Network

ACTIVATIONS = sorted(_activations.ACTIVATIONS)
OUTPUTS = sorted(_activations.OUT_ACTIVATIONS)


def random_network(rng, sizes, activation="relu", out_activation="identity"):
    """Return a network of so many units whose sums stay about as large as its inputs."""
    shapes = list(zip(sizes[:-1], sizes[1:], strict=True))
    return Network(
        tuple((rng.standard_normal(s) / np.sqrt(s[0])).astype(np.float32) for s in shapes),
        tuple((0.2 * rng.standard_normal(s[1])).astype(np.float32) for s in shapes),
        activation,
        out_activation,
    )
