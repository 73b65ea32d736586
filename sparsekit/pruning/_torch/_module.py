"""A pruned copy of a module: smaller or sparser weights, repaired by least squares."""

import copy
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sparsekit.pruning._criteria import score_weights
from sparsekit.pruning._masks import build_masks
from sparsekit.pruning._repair._neurons import WITHOUT_UNITS, rank_by_scores
from sparsekit.pruning._repair._reconstruct import Repair
from sparsekit.pruning._torch._chain import (
    Step,
    chunks_of,
    is_weighted,
    read_chain,
    refuse_masked,
    require_torch,
    weighted_types,
)
from sparsekit.pruning._torch._layers import write_weights
from sparsekit.pruning._torch._options import (
    UNITS,
    check_options,
    choose_criterion,
    choose_granularity,
)
from sparsekit.pruning._torch._repair import repair
from sparsekit.pruning._torch._scores import ChainView, view_chain
from sparsekit.pruning._torch._units import (
    channels_of,
    check_removable,
    choose_units,
    matrix_shapes,
    rank_channels,
    remove_units,
)

if TYPE_CHECKING:
    import torch


def prune_module(
    module: "torch.nn.Module",
    *,
    sparsity: float = 0.9,
    criterion: Any = "lamp",
    granularity: Any = "weight",
    allocation: str | None = None,
    example_input: "torch.Tensor | None" = None,
    target: "torch.Tensor | None" = None,
    loss: Callable | None = None,
    reconstruct: bool = True,
) -> "torch.nn.Module":
    """Return a pruned copy of a PyTorch module that is a chain of layers.

    The weights of all `Linear` and `Conv2d` layers compete by the criterion; biases stay. Then
    each layer in turn, in evaluation mode, gets those kept weights, and the bias, with which its
    sums come nearest to those of the given module: a least-squares problem for each output, whose
    inputs (patches, for convolutions) come from the layers before it that are repaired already.
    No gradients are needed.

    The copy is an ordinary module, without masks, hooks or buffers of ours: `copy.deepcopy`,
    `state_dict` and `torch.export` work as before. Weights that are removed one by one are zeros,
    which PyTorch's own kernels run no faster; removed filters and channels are gone, and the
    module is smaller and faster. :class:`PruningCallback` keeps zeros at zero in further training.

    Needs PyTorch: ``pip install "sparsekit[torch]"``.

    Parameters
    ----------
    module : torch.nn.Module
        A chain of Linear, Conv2d (one group), BatchNorm1d, BatchNorm2d, activations, pooling,
        Flatten and Dropout: `nn.Sequential`, also nested, or a module whose own code calls them
        one after another. It stays as it is. Anything that cannot be followed, such as a residual
        connection, is refused by its name.
    sparsity : float, default=0.9
        Share of the weights of all these layers to remove, in [0, 1).
    criterion : str or criterion, default="lamp"
        What a weight matters, one of those of :class:`MLPPruner`: "activation", "adam", "fisher",
        "gradient", "lamp", "magnitude", "movement", "obs", "random", "taylor". "activation" and
        "obs" read `example_input`, those of gradients `target` too.
    granularity : {"weight", "2:4", "filter", "channel"} or granularity, default="weight"
        "weight" removes each weight by itself, and exactly as many as asked for. "2:4" keeps at
        most 2 of every 4 that follow one another along the inputs; for convolutions, along the
        channels at one place of the kernel (where 4 does not divide them, groups run on into the
        next place). The pattern itself is `sparsity=0.5`. "filter" and "channel" remove whole
        filters, or neurons of Linear layers, with all that reads them, until at least the given
        share of weights is gone: "filter" those whose own weights have the least mean score;
        "channel" those that the others tell best, by pivoted Cholesky factorisation of what the
        next layer reads, for which `criterion` is not used and `example_input` is needed. The
        outputs of the last layer stay.
    allocation : {"global", "erk", "uniform"}, default=None
        Whether all layers compete, or each loses a share that follows from its shape or is the
        same. Filters and channels know "global", by what a unit's loss costs for each weight that
        goes with it, and "uniform", the same share of the units of each layer. None is "global"
        for weights and "uniform" for filters and channels, as convolutions cost more time than
        their weights tell.
    example_input : torch.Tensor of shape (n_samples, ...), default=None
        Samples for the repair and the criteria; some hundred of the training set. Convolutions
        take 65536 of their patches by chance.
    target : torch.Tensor of shape (n_samples, ...), default=None
        Targets of these samples, for criteria of gradients.
    loss : callable, default=None
        Mean loss of outputs and targets. None is the cross-entropy of integer targets, and the
        squared error of others.
    reconstruct : bool, default=True
        Whether layers are repaired by least squares, for which `example_input` is needed: without
        it, a warning says so. Layers of more than 8192 inputs have their bias repaired only.

    Returns
    -------
    pruned : torch.nn.Module
        Of the same class, on the same device, in the same mode and data type.

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    ValueError
        If the module is no chain; the message names the layer.

    References
    ----------
    Lee, Park, Mo, Ahn, Shin (2021), "Layer-adaptive sparsity for the magnitude-based pruning".

    Dong, Chen, Pan (2017), "Learning to prune deep neural networks via layer-wise optimal brain
    surgeon".

    He, Zhang, Sun (2017), "Channel pruning for accelerating very deep neural networks".

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from sparsekit.pruning import prune_module
    >>> _ = torch.manual_seed(0)
    >>> module = nn.Sequential(nn.Linear(20, 50), nn.ReLU(), nn.Linear(50, 3))
    >>> pruned = prune_module(module, sparsity=0.8, example_input=torch.randn(200, 20))
    >>> sum(int((layer.weight != 0).sum()) for layer in (pruned[0], pruned[2]))
    230
    >>> smaller = prune_module(
    ...     module, sparsity=0.5, granularity="channel", example_input=torch.randn(200, 20)
    ... )
    >>> smaller
    Sequential(
      (0): Linear(in_features=20, out_features=25, bias=True)
      (1): ReLU()
      (2): Linear(in_features=25, out_features=3, bias=True)
    )
    """
    torch = require_torch()
    _check_module(module, torch)
    allocation = check_options(sparsity, granularity, allocation)
    criterion = choose_criterion(criterion)
    alone = isinstance(module, weighted_types())
    given = torch.nn.Sequential(module) if alone else module
    if example_input is None and granularity == "channel":
        raise ValueError("granularity='channel' reads activations. Pass `example_input`.")
    if example_input is None and reconstruct:
        warnings.warn(
            "The layers are not repaired, as there is no `example_input`. Pass samples, or "
            "reconstruct=False.",
            UserWarning,
            stacklevel=2,
        )
    dense = copy.deepcopy(given).eval()
    steps = read_chain(dense)
    refuse_bad_weights(steps)
    chunks = None if example_input is None else chunks_of(example_input, dense)
    pruned = copy.deepcopy(given).eval()
    with torch.no_grad():
        view = view_chain(steps, chunks, dense, loss)
        scores = _scores_of(criterion, view, target, granularity)
        copied = read_chain(pruned)
        masks, kept = _cut_down(steps, copied, scores, granularity, allocation, sparsity)
        if reconstruct and chunks is not None and sparsity > 0:
            repair(copied, steps, masks, kept, chunks, *_how(criterion, granularity))
    for name, layer in given.named_modules():
        pruned.get_submodule(name).training = layer.training
    return pruned[0] if alone else pruned


def _how(criterion: Any, granularity: Any) -> tuple[Repair, Any]:
    """Return the options of a repair, and which weights go together if it chooses them."""
    if isinstance(granularity, str) and granularity in UNITS:
        return WITHOUT_UNITS, None
    chooses = getattr(criterion, "reselect", False)
    return Repair(), choose_granularity(granularity) if chooses else None


def _scores_of(criterion: Any, view: ChainView, target: Any, granularity: Any) -> list:
    """Return scores of weights, or rankings of hidden units where whole units go."""
    if granularity == "channel":
        return _channel_rankings(view.steps, view.chunks)
    torch = require_torch()
    X = None if view.chunks is None else torch.cat(view.chunks)
    if target is not None:
        target = torch.as_tensor(target)
        target = target if X is None else target.to(X.device)
        if X is None or len(target) != len(X):
            raise ValueError("`target` must have an entry for each sample of `example_input`.")
    scores = score_weights(criterion, view, X, target)
    if granularity == "filter":
        return [rank_by_scores(S.mean(axis=0, dtype=np.float64)) for S in scores[:-1]]
    return scores


def _channel_rankings(steps: list[Step], chunks: list) -> list:
    """Return what each hidden unit says that others do not, from what the next layer reads."""
    check_removable(steps)
    chunks = [x.clone() for x in chunks]
    rankings, before = [], None
    for step in steps:
        if is_weighted(step):
            if before is not None:
                rankings.append(rank_channels(chunks, step.module, channels_of(before)))
            before = step.module
        chunks = [step.run(x) for x in chunks]
    return rankings


def _cut_down(
    steps: list[Step], copied: list[Step], scores: list, granularity: Any, allocation: str, s: float
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Prune the copied steps; return masks of their weights, and the outputs they still have."""
    layers = [step.module for step in copied if is_weighted(step)]
    everything = [np.arange(channels_of(layer)) for layer in layers]
    if isinstance(granularity, str) and granularity in UNITS:
        check_removable(steps)
        sizes = [layer.weight.numel() for layer in layers]
        kept = [*choose_units(scores, sizes, allocation, s), everything[-1]]
        remove_units(copied, kept)
        return [np.ones(shape, dtype=bool) for shape in matrix_shapes(copied)], kept
    masks = build_masks(scores, choose_granularity(granularity), allocation, s)
    view = view_chain(steps)
    for layer, W, mask in zip(layers, view.weights, masks, strict=True):
        write_weights(layer, np.where(mask, W, np.float32(0)))
    return masks, everything


def _check_module(module: Any, torch: Any) -> None:
    """Refuse what is no module, and weights that a deep copy would not survive."""
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"`module` must be a torch.nn.Module; got {type(module).__name__}.")
    for name, layer in module.named_modules():
        if isinstance(layer, weighted_types()):
            refuse_masked(name or type(layer).__name__, layer)


def refuse_bad_weights(steps: list[Step]) -> None:
    """Raise where a layer's weights hold NaN or infinity, by its name."""
    torch = require_torch()
    for step in steps:
        if is_weighted(step) and not bool(torch.isfinite(step.module.weight).all()):
            raise ValueError(f"The weights of {step.name!r} hold NaN or infinity.")
