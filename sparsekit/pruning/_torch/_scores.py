"""Criteria on a chain: what they read of a network, and the gradients that some ask for."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sparsekit.pruning._network import History
from sparsekit.pruning._torch._chain import Step, is_weighted, require_torch
from sparsekit.pruning._torch._layers import as_matrix, read_weights
from sparsekit.pruning._torch._moments import inputs_of

# Numbers of the gradients of single samples that are held at a time.
GRADIENT_NUMBERS = 1 << 24


@dataclass(frozen=True)
class ChainView:
    """What a criterion sees of a chain: the weights of its layers as (inputs, outputs).

    Parameters
    ----------
    steps : sequence of Step
        The chain.
    weights : tuple of ndarray
        Of its layers.
    chunks : list of tensor or None
        Samples, for criteria that read what flows through the layers.
    history : History or None
        What training has gathered.
    module : torch.nn.Module or None
        Whose steps these are, in evaluation mode, for criteria that read gradients.
    loss : callable or None
        Of outputs and targets: the mean loss, as a tensor.
    """

    steps: Sequence[Step]
    weights: tuple[np.ndarray, ...]
    chunks: list | None = None
    history: History | None = None
    module: Any = None
    loss: Callable | None = None

    def with_weights(self, weights: Sequence[np.ndarray]) -> "ChainView":
        """Return the view with other weights."""
        return replace(self, weights=tuple(weights))

    def inputs(self, X: Any = None) -> Iterator[np.ndarray]:
        """Yield the inputs of each layer as (rows, inputs); the patches of a convolution."""
        if self.chunks is None:
            raise ValueError("The criterion reads the inputs of layers. Pass `example_input`.")
        chunks = [x.clone() for x in self.chunks]
        with require_torch().no_grad():
            for step in self.steps:
                if is_weighted(step):
                    yield inputs_of(step.module, chunks)
                chunks = [step.run(x) for x in chunks]

    def mean_gradients(self, X: Any, Y: Any) -> list[np.ndarray]:
        """Return the gradient of the mean loss in each layer's weights."""
        return self._measured(X, Y)[0]

    def mean_squared_gradients(self, X: Any, Y: Any) -> list[np.ndarray]:
        """Return the mean over samples of the squared gradients in each layer's weights."""
        return self._measured(X, Y)[1]

    def _measured(self, X: Any, Y: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
        if X is None or Y is None or self.module is None:
            raise ValueError(
                "The criterion reads gradients of a loss. Pass `example_input` and `target`."
            )
        return measure_gradients(self.module, self.steps, X, Y, self.loss)


def view_chain(
    steps: Sequence[Step],
    chunks: list | None = None,
    module: Any = None,
    loss: Callable | None = None,
) -> ChainView:
    """Return what a criterion sees of the steps of a module."""
    weights = tuple(read_weights(step.module) for step in steps if is_weighted(step))
    return ChainView(steps, weights, chunks, module=module, loss=loss)


def measure_gradients(
    module: Any, steps: Sequence[Step], X: Any, Y: Any, loss: Callable | None
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the means over samples of gradients and of squared gradients, as matrices."""
    torch = require_torch()
    loss = loss or default_loss(Y)
    names = [f"{step.name}.weight" for step in steps if is_weighted(step)]
    every = {name: p.detach() for name, p in module.named_parameters()}
    weights = {name: every[name] for name in names}

    def sample_loss(weights: dict, x: Any, y: Any) -> Any:
        outputs = torch.func.functional_call(module, every | weights, (x[None].clone(),))
        return loss(outputs, y[None])

    gradient = torch.func.vmap(torch.func.grad(sample_loss), in_dims=(None, 0, 0))
    rows = max(1, GRADIENT_NUMBERS // sum(p.numel() for p in weights.values()))
    slopes, squares = [0.0] * len(names), [0.0] * len(names)
    for x, y in zip(X.split(rows), Y.split(rows), strict=True):
        found = gradient(weights, x, y)
        for k, name in enumerate(names):
            slopes[k] += as_matrix(found[name].sum(dim=0))
            squares[k] += as_matrix(found[name].square().sum(dim=0))
    return [total / len(X) for total in slopes], [total / len(X) for total in squares]


def default_loss(Y: Any) -> Callable:
    """Return the loss that goes with targets: cross-entropy of labels, squared error of numbers."""
    torch = require_torch()
    F = torch.nn.functional
    return F.mse_loss if torch.is_floating_point(Y) else F.cross_entropy
