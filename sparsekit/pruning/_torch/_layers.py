"""Weights of Linear and Conv2d layers as (inputs, outputs), and what they are multiplied with.

An input of a convolution is a place of the kernel and a channel, and channels follow one another:
the order in which patterns like 2:4 run along them.
"""

from typing import Any

import numpy as np

from sparsekit.pruning._torch._chain import require_torch


def is_convolution(layer: Any) -> bool:
    """Return whether a layer is a convolution."""
    return layer.weight.dim() == 4


def read_weights(layer: Any) -> np.ndarray:
    """Return a layer's weights as float32 of shape (inputs, outputs)."""
    return as_matrix(layer.weight)


def as_matrix(tensor: Any) -> np.ndarray:
    """Return a tensor of a weight's shape as (inputs, outputs): a copy in float32."""
    tensor = tensor.detach()
    if tensor.dim() == 4:
        tensor = tensor.permute(0, 2, 3, 1)
    matrix = tensor.reshape(tensor.shape[0], -1).T
    return np.array(matrix.float().cpu().numpy(), dtype=np.float32, order="C")


def as_weight(matrix: np.ndarray, like: Any) -> Any:
    """Return (inputs, outputs) as a tensor of a weight's shape, and on its device."""
    torch = require_torch()
    tensor = torch.from_numpy(np.ascontiguousarray(matrix.T))
    if like.dim() == 4:
        outputs, inputs, height, width = like.shape
        tensor = tensor.reshape(outputs, height, width, inputs).permute(0, 3, 1, 2).contiguous()
    dtype = torch.bool if matrix.dtype == bool else like.dtype
    return tensor.to(like.device, dtype)


def write_weights(layer: Any, matrix: np.ndarray) -> None:
    """Put weights of (inputs, outputs) into a layer."""
    torch = require_torch()
    with torch.no_grad():
        layer.weight.copy_(as_weight(matrix, layer.weight))


def write_bias(layer: Any, bias: np.ndarray) -> None:
    """Put a bias into a layer that has one."""
    torch = require_torch()
    with torch.no_grad():
        layer.bias.copy_(torch.from_numpy(bias).to(layer.bias))


def input_rows(layer: Any, x: Any) -> Any:
    """Return what a layer multiplies its weights with, as a tensor of (rows, inputs)."""
    if not is_convolution(layer):
        return x.reshape(-1, x.shape[-1])
    F = require_torch().nn.functional
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    padded = F.pad(x, _padding(layer), mode=mode)
    channels, places = x.shape[1], int(np.prod(layer.kernel_size))
    patches = F.unfold(padded, layer.kernel_size, layer.dilation, 0, layer.stride)
    patches = patches.reshape(len(x), channels, places, -1).permute(0, 3, 2, 1)
    return patches.reshape(-1, places * channels)


def output_rows(layer: Any, sums: Any) -> Any:
    """Return a layer's sums as a tensor of (rows, outputs), in the order of `input_rows`."""
    if is_convolution(layer):
        sums = sums.permute(0, 2, 3, 1)
    return sums.reshape(-1, sums.shape[-1])


def _padding(layer: Any) -> tuple[int, int, int, int]:
    """Return the padding of a convolution: left, right, top, bottom."""
    if layer.padding == "valid":
        return 0, 0, 0, 0
    if layer.padding != "same":
        height, width = layer.padding
        return width, width, height, height
    over = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
    (top, bottom), (left, right) = [(n // 2, n - n // 2) for n in over]
    return left, right, top, bottom
