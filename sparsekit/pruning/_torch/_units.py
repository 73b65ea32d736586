"""Filters and neurons of a chain: which ones stay, and the smaller layers without the others."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from sparsekit.pruning._repair._neurons import Ranking, count_units, pivot_order
from sparsekit.pruning._torch._chain import (
    Step,
    channel_types,
    is_mixing,
    is_weighted,
    require_torch,
)
from sparsekit.pruning._torch._layers import is_convolution, read_weights
from sparsekit.pruning._torch._moments import as_double


def channels_of(layer: Any) -> int:
    """Return the number of filters or neurons of a layer."""
    return layer.weight.shape[0]


def check_removable(steps: Sequence[Step]) -> None:
    """Refuse chains in which the numbers of a filter cannot be told from others', by name."""
    before, flat, mixed = None, False, False
    for step in steps:
        flat, mixed = flat or _flattens(step), mixed or is_mixing(step)
        size = _channel_size(step)
        if size is not None and before is not None:
            _check_pair(before, step, size, flat, mixed)
        if is_weighted(step):
            before, flat, mixed = step, False, False


def _check_pair(before: Step, step: Step, size: int, flat: bool, mixed: bool) -> None:
    """Refuse a layer whose inputs are not those of the layer before it, channel by channel."""
    n = channels_of(before.module)
    spatial = is_convolution(before.module)
    fits = size % n == 0 if spatial and flat else size == n
    dense_on_image = spatial and not flat and type(step.module).__name__ == "Linear"
    if not fits or dense_on_image:
        raise ValueError(
            f"{step.name!r} reads {size} numbers, which are not the {n} outputs of {before.name!r} "
            "in their order, so that none of these can be removed. Flatten from dimension 1 "
            "on between a Conv2d and a Linear layer."
        )
    if mixed and is_weighted(step):
        raise ValueError(
            f"Between {before.name!r} and {step.name!r} a softmax lets the channels take part in "
            "one another, so that none can be removed."
        )


def _channel_size(step: Step) -> int | None:
    """Return how many inputs a layer takes, or holds numbers for; None where that is anything."""
    if is_weighted(step):
        return step.module.weight.shape[1]
    if type(step.module) in channel_types():
        size = getattr(step.module, "num_features", getattr(step.module, "num_parameters", None))
        return None if type(step.module).__name__ == "PReLU" and size == 1 else size
    return None


def _flattens(step: Step) -> bool:
    """Return whether a step makes one row of each sample."""
    if type(step.module).__name__ == "Flatten":
        return (step.module.start_dim, step.module.end_dim) == (1, -1)
    if step.module is not None or step.run.name != "flatten":
        return False
    arguments = dict(zip(("input", "start_dim", "end_dim"), step.run.node.args, strict=False))
    arguments |= step.run.node.kwargs
    return (arguments.get("start_dim", 0), arguments.get("end_dim", -1)) == (1, -1)


def rank_channels(x: list, following: Any, n_channels: int) -> Ranking:
    """Return the order in which channels say most that those before them do not.

    By pivoted Cholesky factorisation of their Gram matrix, each scaled by the norm of what the
    following layer makes of it; `x` holds chunks of that layer's inputs.
    """
    rows = [_channel_rows(chunk, n_channels) for chunk in x]
    n = sum(map(len, rows))
    centred = following.bias is not None
    shift = rows[0].mean(dim=0) * float(centred)
    gram = sum(as_double((part - shift).T @ (part - shift)) for part in rows) / n
    if centred:
        mean = sum(as_double((part - shift).sum(dim=0)) for part in rows) / n
        gram -= np.outer(mean, mean)
    weight = following.weight.detach().float().cpu().numpy()
    weight = weight.reshape(len(weight), n_channels, -1)
    norms = np.sqrt(np.square(weight, dtype=np.float64).sum(axis=(0, 2)))
    return pivot_order(gram * np.outer(norms, norms))


def _channel_rows(x: Any, n_channels: int) -> Any:
    """Return numbers of (samples, ...) as rows of one number a channel."""
    if x.dim() == 2 or x.dim() == 4:
        x = x.reshape(len(x), n_channels, -1).transpose(1, 2)
    return x.reshape(-1, n_channels).float()


def choose_units(
    rankings: Sequence[Ranking], sizes: list[int], allocation: str, sparsity: float
) -> list[np.ndarray]:
    """Return which units of each hidden layer stay, as sorted indices.

    As many go as `count_units` says, by sizes of layers, rankings and allocation; if one left in
    each layer is still too many, a warning says so.
    """
    counts = count_units(sizes, rankings, allocation, sparsity)
    whole = [len(ranking.order) for ranking in rankings]
    shares = [1.0, *(n / m for n, m in zip(counts, whole, strict=True)), 1.0]
    left = sum(size * a * b for size, a, b in zip(sizes, shares, shares[1:], strict=False))
    reached = 1 - left / sum(sizes)
    if max(counts, default=1) == 1 and reached < sparsity:
        warnings.warn(
            f"With one unit left in each hidden layer the sparsity is {reached:.3f}; "
            f"`sparsity={sparsity!r}` cannot be reached.",
            UserWarning,
            stacklevel=4,
        )
    return [np.sort(ranking.order[:n]) for ranking, n in zip(rankings, counts, strict=True)]


def remove_units(steps: Sequence[Step], kept: list[np.ndarray]) -> None:
    """Make the layers of a chain smaller: only the kept units of each layer are left.

    `kept` has one entry a layer, the last of which names all of its outputs.
    """
    layer = 0
    units = whole = None
    for step in steps:
        size = _channel_size(step)
        if is_weighted(step):
            inputs = _expanded(units, whole, size)
            units, whole = kept[layer], channels_of(step.module)
            _cut_layer(step.module, units, inputs)
            layer += 1
        elif size is not None and units is not None:
            _cut_channels(step.module, _expanded(units, whole, size))


def _expanded(units: np.ndarray | None, whole: int | None, size: int) -> np.ndarray:
    """Return the places of units among numbers of which each unit has as many, in a row."""
    if units is None:
        return np.arange(size)
    each = size // whole
    return (units[:, None] * each + np.arange(each)).ravel()


def _cut_layer(layer: Any, outputs: np.ndarray, inputs: np.ndarray) -> None:
    """Leave some outputs and inputs of a Linear or Conv2d layer."""
    layer.weight = _cut(_cut(layer.weight, outputs, 0), inputs, 1)
    if layer.bias is not None:
        layer.bias = _cut(layer.bias, outputs, 0)
    names = ("channels", "features")[type(layer).__name__ == "Linear"]
    setattr(layer, f"in_{names}", len(inputs))
    setattr(layer, f"out_{names}", len(outputs))


def _cut_channels(layer: Any, places: np.ndarray) -> None:
    """Leave some channels of a layer that holds numbers for each."""
    for name, tensor in [*layer.named_parameters(), *layer.named_buffers()]:
        if tensor.dim() == 1:
            setattr(layer, name, _cut(tensor, places, 0))
    name = "num_parameters" if hasattr(layer, "num_parameters") else "num_features"
    setattr(layer, name, len(places))


def _cut(tensor: Any, places: np.ndarray, axis: int) -> Any:
    """Return some entries of a parameter or buffer, as what it was."""
    torch = require_torch()
    index = torch.from_numpy(places).to(tensor.device)
    part = tensor.detach().index_select(axis, index).clone()
    if isinstance(tensor, torch.nn.Parameter):
        return torch.nn.Parameter(part, requires_grad=tensor.requires_grad)
    return part


def matrix_shapes(steps: Sequence[Step]) -> list[tuple[int, int]]:
    """Return the shapes of the layers' weights as (inputs, outputs)."""
    return [read_weights(step.module).shape for step in steps if is_weighted(step)]
