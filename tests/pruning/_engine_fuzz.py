"""Random networks in every format against NumPy in double precision."""

import numpy as np
from scipy import sparse, special

from sparsekit import _simd
from sparsekit.pruning import CompiledMLP
from sparsekit.pruning._engine._runner import FloatRunner

FORMATS = ["dense", "csr", "1x4", "4x4", "1x16", "input-major"]
BENT = {
    "identity": lambda Z: Z,
    "relu": lambda Z: np.maximum(Z, 0),
    "tanh": np.tanh,
    "logistic": special.expit,
}
OUT = {
    "exp": np.exp,
    "identity": lambda Z: Z,
    "logistic": special.expit,
    "softmax": lambda Z: special.softmax(Z, axis=1),
}


def forward(X, weights, biases, activation, out_activation):
    """Return a network's outputs in double precision."""
    A = X.astype(float)
    for W, b in zip(weights[:-1], biases[:-1], strict=True):
        A = BENT[activation](A @ W.astype(float) + b)
    return OUT[out_activation](A @ weights[-1].astype(float) + biases[-1])


def random_weights(rng, sizes, density):
    """Return weights of which a share is not zero, with sums of the size of their inputs."""
    pairs = list(zip(sizes, sizes[1:], strict=False))
    scales = [1 / np.sqrt(max(a * density, 1)) for a, _ in pairs]
    weights = [
        (scale * rng.standard_normal(shape) * (rng.random(shape) < density)).astype(np.float32)
        for shape, scale in zip(pairs, scales, strict=True)
    ]
    return weights, [rng.standard_normal(b).astype(np.float32) for b in sizes[1:]]


def with_plan(compiled, plan):
    """Let a compiled network run in the formats of a plan."""
    compiled._runner = FloatRunner(compiled.layers, compiled.activation, plan)
    return compiled


def spoil(compiled):
    """Fill with NaN what kernels are to overwrite before they read it."""
    for part in compiled._runner.made.values():
        workspace = getattr(part, "workspace", ())
        for array in workspace if isinstance(workspace, tuple) else (workspace,):
            if isinstance(array, np.ndarray) and array.dtype == np.float32:
                array.fill(np.nan)


def fuzz(seed, n_networks):
    """Compare random networks, and print whether vectors were written by hand."""
    rng = np.random.default_rng(seed)
    for number in range(n_networks):
        sizes = rng.integers(1, 90, rng.integers(2, 5))
        sizes[0] = rng.integers(500, 1300) if number % 8 == 0 else sizes[0]
        density = rng.choice([0, 0.02, 0.1, 0.3, 0.6, 1])
        activation, out_activation = rng.choice(list(BENT)), rng.choice(list(OUT))
        weights, biases = random_weights(rng, sizes, density)
        names = {"activation": str(activation), "out_activation": str(out_activation)}
        compiled = CompiledMLP.from_weights(weights, biases, **names)
        plans = [[(name, name)] * len(weights) for name in FORMATS]
        plans.append([tuple(rng.choice(FORMATS, 2).tolist()) for _ in weights])
        for plan in plans:
            with_plan(compiled, plan)
            for n in (1, 2, 7, 33, rng.integers(1, 131)):
                X = rng.standard_normal((n, sizes[0])) * (rng.random((n, sizes[0])) < 0.6)
                X = X.astype(np.float32)
                expected = forward(X, weights, biases, activation, out_activation)
                for given in (X, sparse.csr_array(X)):
                    found = compiled(given)
                    error = np.abs(found - expected) / (1 + np.abs(expected))
                    assert error.max() < 1e-5, (seed, number, plan, n, error.max())
                    spoil(compiled)
                    np.testing.assert_array_equal(compiled(given), found)
    print(_simd.BY_HAND)
