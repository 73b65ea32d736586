"""Repair of a pruned chain by least squares: each layer comes nearest to the dense one's sums."""

from typing import Any

import numpy as np

from sparsekit.pruning._repair._least_squares import reconstruct_layer
from sparsekit.pruning._repair._reconstruct import Repair
from sparsekit.pruning._repair._reselect import reselect_layer
from sparsekit.pruning._torch._chain import Step, is_weighted, require_torch
from sparsekit.pruning._torch._layers import read_weights, write_bias, write_weights
from sparsekit.pruning._torch._moments import Products, measure_products


def repair(
    pruned: list[Step],
    dense: list[Step],
    masks: list[np.ndarray],
    kept: list[np.ndarray],
    chunks: list,
    options: Repair,
    granularity: Any,
) -> None:
    """Give each layer of the pruned chain the kept weights nearest to the dense chain's sums.

    Its inputs are those that the layers before it, already repaired, make. `masks` are of the
    pruned layers' shapes; `kept` are the outputs that the dense layers have in common with them.
    With a `granularity` least squares also chooses which weights stay, as many as the masks keep.
    """
    torch = require_torch()
    given = [x.clone() for x in chunks]
    wanted = [x.clone() for x in chunks]
    layer = 0
    with torch.no_grad():
        for step, model in zip(pruned, dense, strict=True):
            wanted = [model.run(x) for x in wanted]
            if is_weighted(step):
                products = measure_products(step.module, given, wanted, kept[layer])
                start = step if granularity is None else model
                W = _solve(products, read_weights(start.module), masks[layer], options, granularity)
                _write(step.module, products, W)
                layer += 1
            given = [step.run(x) for x in given]


def _solve(
    products: Products, W: np.ndarray, mask: np.ndarray, options: Repair, granularity: Any
) -> np.ndarray:
    """Return one layer's weights."""
    if products.gram is None:
        return np.where(mask, W, np.float32(0))
    if granularity is None or mask.all():
        return reconstruct_layer(products.gram, products.cross, W, mask, damping=options.damping)
    return reselect_layer(products.gram, products.cross, W, mask, granularity, options)[0]


def _write(layer: Any, products: Products, W: np.ndarray) -> None:
    """Give a layer its weights, and the bias that goes with them where it has one."""
    write_weights(layer, W)
    if layer.bias is not None:
        bias = products.target_mean - products.mean @ W
        write_bias(layer, bias.astype(np.float32))
