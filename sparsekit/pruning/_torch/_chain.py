"""A module read as a chain of steps, each of which takes what the one before it gives."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

# Numbers of one chunk of samples, at a guess of what a layer makes of them.
CHUNK_NUMBERS = 1 << 22


def require_torch() -> Any:
    """Import ``torch``, or say which extra brings it."""
    try:
        return import_module("torch")
    except ImportError as error:
        raise ImportError(
            'Pruning of modules needs PyTorch. Install it with: pip install "sparsekit[torch]"'
        ) from error


@dataclass(frozen=True)
class Step:
    """One step: a name for messages, the module it is (or None), and what it computes."""

    name: str
    module: Any
    run: Callable


@cache
def weighted_types() -> tuple:
    """Return the types of layers whose weights are pruned."""
    nn = require_torch().nn
    return nn.Linear, nn.Conv2d


@cache
def channel_types() -> tuple:
    """Return the types of layers that hold numbers for each channel."""
    nn = require_torch().nn
    return nn.BatchNorm1d, nn.BatchNorm2d, nn.PReLU


ELEMENTWISE = """CELU ELU GELU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid Mish
    ReLU ReLU6 SELU SiLU Sigmoid Softplus Softshrink Softsign Tanh Tanhshrink Threshold""".split()
APART = """AdaptiveAvgPool2d AdaptiveMaxPool2d AlphaDropout AvgPool2d Dropout Dropout1d Dropout2d
    Flatten Identity LPPool2d MaxPool2d""".split()
MIXING = ["LogSoftmax", "Softmax"]


@cache
def free_types() -> frozenset:
    """Return the types of layers without weights."""
    nn = require_torch().nn
    return frozenset(getattr(nn, name) for name in ELEMENTWISE + APART + MIXING)


@cache
def free_functions() -> frozenset:
    """Return the functions that a module's own code may call between layers."""
    torch = require_torch()
    F = torch.nn.functional
    plain = {torch.relu, torch.tanh, torch.sigmoid, torch.flatten}
    pools = {F.max_pool2d, F.avg_pool2d, F.adaptive_avg_pool2d, F.adaptive_max_pool2d}
    names = "celu elu gelu hardsigmoid hardswish hardtanh leaky_relu mish relu relu6 selu silu"
    names += " sigmoid softplus softsign tanh dropout softmax log_softmax"
    return frozenset(plain | pools | {getattr(F, name) for name in names.split()})


FREE_METHODS = frozenset({"relu", "relu_", "tanh", "sigmoid", "flatten", "contiguous"})
MIXING_FUNCTIONS = frozenset({"softmax", "log_softmax"})


def read_chain(module: Any) -> list[Step]:
    """Return the steps of a module in evaluation mode, or refuse what is no chain by name."""
    torch = require_torch()
    try:
        nodes = list(torch.fx.symbolic_trace(module).graph.nodes)
    except Exception as error:
        raise ValueError(
            f"{type(module).__name__} cannot be followed: its own code asks for values or shapes "
            f"({type(error).__name__}: {error}). Put its layers into nn.Sequential."
        ) from error
    if nodes[0].op != "placeholder" or any(node.op == "placeholder" for node in nodes[1:]):
        raise ValueError(f"{type(module).__name__} must take one tensor.")
    steps, seen = [], set()
    for before, node in zip(nodes, nodes[1:], strict=False):
        _refuse_branch(node, before)
        if node.op == "output":
            break
        step = _read_step(module, node)
        if type(step.module) in weighted_types() + channel_types():
            _refuse_shared(step, seen)
        steps.append(step)
    if not any(is_weighted(step) for step in steps):
        raise ValueError(
            f"{type(module).__name__} has no Linear or Conv2d layer whose weights could be pruned."
        )
    return steps


def _refuse_branch(node: Any, before: Any) -> None:
    """Raise unless a node takes what the one before gives, and nothing else."""
    if node.op == "output" and node.args[0] is before:
        return
    if node.op == "output" or node.all_input_nodes != [before]:
        joined = [other.name for other in node.all_input_nodes]
        raise ValueError(
            f"{node.name!r} takes {joined}, but the step before it is {before.name!r}: only a "
            "chain, in which each step takes what the one before it gives, can be pruned. Branches "
            "(residual connections, concatenations, several outputs) cannot be followed."
        )


def _read_step(module: Any, node: Any) -> Step:
    """Return the step of a node, or refuse it by name."""
    if node.op == "call_module":
        layer = module.get_submodule(node.target)
        return Step(node.target, _checked(node.target, layer), layer)
    known = node.op == "call_function" and node.target in free_functions()
    known = known or (node.op == "call_method" and node.target in FREE_METHODS)
    if not known:
        raise _unknown(node.name, getattr(node.target, "__name__", node.target))
    return Step(node.name, None, _Call(node))


class _Call:
    """What a call of a function or of a tensor's method computes."""

    def __init__(self, node: Any):
        self.method = node.op == "call_method"
        self.target, self.node = node.target, node

    @property
    def name(self) -> str:
        """Return the plain name of the function or method."""
        return getattr(self.target, "__name__", self.target)

    def __call__(self, x: Any) -> Any:
        fill = require_torch().fx.node.map_arg
        args = fill(self.node.args, lambda _: x)
        kwargs = fill(self.node.kwargs, lambda _: x)
        if self.method:
            return getattr(args[0], self.target)(*args[1:], **kwargs)
        return self.target(*args, **kwargs)


def _unknown(name: str, kind: Any) -> ValueError:
    return ValueError(
        f"{name!r} is {kind}, which cannot be followed. Chains of Linear, Conv2d, BatchNorm1d, "
        "BatchNorm2d, activations, pooling, Flatten and Dropout can be pruned."
    )


def _checked(name: str, layer: Any) -> Any:
    """Return a layer that can be followed."""
    kind = type(layer)
    if kind not in weighted_types() + channel_types() and kind not in free_types():
        raise _unknown(name, kind.__name__)
    if kind in weighted_types():
        refuse_masked(name, layer)
        if getattr(layer, "groups", 1) != 1:
            raise ValueError(
                f"{name!r} is a Conv2d with groups={layer.groups}, which cannot be pruned: its "
                "channels do not all meet."
            )
    return layer


def refuse_masked(name: str, layer: Any) -> None:
    """Raise where a layer's weight is computed from something else: a mask, a norm, an adapter."""
    if not isinstance(layer._parameters.get("weight"), require_torch().nn.Parameter):
        raise ValueError(
            f"The weight of {name!r} is not a parameter of its own. Make it one by "
            '`torch.nn.utils.prune.remove(layer, "weight")` or '
            '`torch.nn.utils.parametrize.remove_parametrizations(layer, "weight")`.'
        )


def _refuse_shared(step: Step, seen: set) -> None:
    """Raise where a layer, or a parameter of it, stands in the chain for a second time."""
    for parameter in step.module.parameters():
        if id(parameter) in seen:
            raise ValueError(
                f"{step.name!r} shares its weights with a layer before it, so that they cannot be "
                "pruned for both."
            )
        seen.add(id(parameter))


def is_weighted(step: Step) -> bool:
    """Return whether the weights of a step are pruned."""
    return type(step.module) in weighted_types()


def is_mixing(step: Step) -> bool:
    """Return whether a step without weights lets channels take part in one another."""
    if step.module is None:
        return step.run.name in MIXING_FUNCTIONS
    return type(step.module).__name__ in MIXING


def chunks_of(example: Any, module: Any) -> list:
    """Return the rows of an example input in chunks, on the module's device and in its dtype."""
    torch = require_torch()
    parameter = next(module.parameters())
    x = torch.as_tensor(example)
    if x.dim() < 2 or not len(x):
        raise ValueError(
            f"`example_input` must hold a batch of samples; got shape {tuple(x.shape)}."
        )
    if not bool(torch.isfinite(x).all()):
        raise ValueError("`example_input` must be finite, but holds NaN or infinity.")
    x = x.detach().to(parameter.device, parameter.dtype)
    rows = max(1, CHUNK_NUMBERS // (16 * x[0].numel()))
    return list(x.split(rows))
