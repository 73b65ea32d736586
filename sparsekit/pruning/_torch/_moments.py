"""Rows of a layer's inputs and targets from chunks of samples, and their products."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsekit.pruning._torch._chain import require_torch
from sparsekit.pruning._torch._layers import input_rows, output_rows

# Rows of a layer's inputs, of all samples together, beyond which a part of them stands for all;
# fewer where so many would hold more numbers than this, but always some times the inputs.
MOST_ROWS = 1 << 16
MOST_NUMBERS = 1 << 26
TIMES_INPUTS = 4
SEED = 0
# Numbers of the patches that are made at a time.
PATCH_NUMBERS = 1 << 23
# Inputs of a layer beyond which their products would not fit into memory.
MOST_INPUTS = 8192


def sampled_rows(layer: Any, chunks: list) -> Iterator[tuple]:
    """Yield the inputs of a layer as rows, and which rows they are: all, or some by chance."""
    rng = np.random.default_rng(SEED)
    torch = require_torch()
    width = layer.weight[0].numel()
    most = min(MOST_ROWS, max(MOST_NUMBERS // width, TIMES_INPUTS * width))
    each = len(input_rows(layer, chunks[0][:1]))
    share = most / (each * sum(map(len, chunks)))
    step = max(1, PATCH_NUMBERS // (each * width))
    for x in chunks:
        places = np.arange(each * len(x))
        if share < 1:
            n = max(1, round(share * len(places)))
            places = np.sort(rng.choice(len(places), n, replace=False))
        places = torch.from_numpy(places).to(x.device)
        parts = []
        for start in range(0, len(x), step):
            first, last = start * each, (start + step) * each
            here = places[(places >= first) & (places < last)] - first
            parts.append(input_rows(layer, x[start : start + step])[here].float())
        yield torch.cat(parts), places


def inputs_of(layer: Any, chunks: list) -> np.ndarray:
    """Return the inputs of a layer as one array of (rows, inputs)."""
    return np.concatenate([rows.cpu().numpy() for rows, _ in sampled_rows(layer, chunks)])


@dataclass
class Products:
    """Means of inputs and targets, and the means of their products, if they are not too many.

    The products are of deviations from the means where the layer has a bias.
    """

    mean: np.ndarray
    target_mean: np.ndarray
    gram: np.ndarray | None
    cross: np.ndarray | None


def measure_products(layer: Any, inputs: list, targets: list, kept: np.ndarray) -> Products:
    """Return the products of a layer's inputs with chunks of sums, of which some are kept."""
    wide = layer.weight[0].numel() > MOST_INPUTS
    first = last = gram = cross = 0.0
    shift = None
    n_rows = 0
    for (A, places), sums in zip(sampled_rows(layer, inputs), targets, strict=True):
        T = output_rows(layer, sums)[places].float()[:, kept]
        if shift is None:
            # Products of deviations keep their digits; those of a layer without a bias are plain.
            centred = float(layer.bias is not None)
            shift, target_shift = A.mean(dim=0) * centred, T.mean(dim=0) * centred
        A, T = A - shift, T - target_shift
        first, last = first + as_double(A.sum(dim=0)), last + as_double(T.sum(dim=0))
        if not wide:
            gram, cross = gram + as_double(A.T @ A), cross + as_double(A.T @ T)
        n_rows += len(A)
    mean, target_mean = first / n_rows, last / n_rows
    if not wide:
        gram, cross = gram / n_rows, cross / n_rows
        gram -= centred * np.outer(mean, mean)
        cross -= centred * np.outer(mean, target_mean)
    means = mean + as_double(shift), target_mean + as_double(target_shift)
    return Products(*means, None if wide else gram, None if wide else cross)


def as_double(tensor: Any) -> np.ndarray:
    """Return a tensor as an array in float64."""
    return tensor.cpu().numpy().astype(np.float64)
