"""Masks that are held, and change by a schedule, while a module is trained."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from sparsekit.pruning._controllers import GradualPruning, RewiringInTraining
from sparsekit.pruning._criteria import (
    Activation,
    AdamMoment,
    Fisher,
    Gradient,
    Obs,
    Random,
    Taylor,
    score_weights,
)
from sparsekit.pruning._granularity import NofM
from sparsekit.pruning._masks import build_masks
from sparsekit.pruning._schedules import SCHEDULES, OneShot
from sparsekit.pruning._torch._chain import refuse_masked, require_torch, weighted_types
from sparsekit.pruning._torch._layers import as_matrix, as_weight
from sparsekit.pruning._torch._options import (
    ALLOCATIONS,
    check_allocation,
    check_sparsity,
    choose_criterion,
    choose_granularity,
)
from sparsekit.pruning._torch._scores import ChainView

if TYPE_CHECKING:
    import torch

NEEDS_SAMPLES = (Activation, Fisher, Gradient, Obs, Taylor)


class PruningCallback:
    """Prune a PyTorch module while it is trained, or keep what is pruned at zero.

    Call :meth:`step` after every ``optimizer.step()``, before gradients are cleared. It draws
    masks anew where the schedule says so, sets what is masked to zero, and the optimizer's
    moments of it too, so that momentum does not bring it back. The module stays an ordinary one,
    without hooks; any module will do, whatever lies between its Linear and Conv2d layers.

    Needs PyTorch: ``pip install "sparsekit[torch]"``.

    Parameters
    ----------
    module : torch.nn.Module
        Whose Linear and Conv2d layers are pruned, in place. Weights that are zero count as removed
        already (in layers with any other).
    optimizer : torch.optim.Optimizer, default=None
        Of the training; its moments are what `criterion="adam"` reads.
    sparsity : float, default=None
        Share of the weights of these layers to remove, in [0, 1). None keeps those that are zero.
    n_steps : int, default=None
        Number of optimizer steps of the training, by which schedules count; only without a
        schedule it may be None.
    schedule : {"cubic", "rigl", "set", "one-shot"} or schedule, default="cubic"
        "cubic" removes weights along the training; "rigl" and "set" start at the sparsity, and
        replace weights by others; "one-shot" removes all at once. Without a sparsity, weights are
        replaced by "rigl" and "set" only.
    criterion : str or criterion, default="lamp"
        What a weight matters: "adam", "lamp", "magnitude", "movement", "random". Those that read
        samples do not work in training. "adam" reads the moments of `optimizer` from its 100th
        step on, and squares of the weights before; it goes with "cubic" in long trainings.
        "random" with `allocation="erk"` is the usual start of "rigl" and "set".
    granularity : {"weight", "2:4"} or granularity, default="weight"
        Single weights, or at most 2 of every 4 along the inputs. "rigl" and "set" replace single
        weights.
    allocation : {"global", "erk", "uniform"}, default="global"
        How the sparsity is shared out among the layers.
    random_state : int, numpy.random.Generator or None, default=None
        Chance in "set" and `criterion="random"`.

    Attributes
    ----------
    masks : dict of str to torch.Tensor
        For each layer's name, which of its weights there are; bool.
    sparsity_ : float
        Share of the weights that are masked now.
    n_steps_ : int
        Number of steps so far.

    See Also
    --------
    prune_module : Prune a module at once, and repair it without gradients.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from sparsekit.pruning import PruningCallback
    >>> _ = torch.manual_seed(0)
    >>> X, y = torch.randn(300, 20), torch.randint(0, 3, (300,))
    >>> module = nn.Sequential(nn.Linear(20, 50), nn.ReLU(), nn.Linear(50, 3))
    >>> optimizer = torch.optim.Adam(module.parameters())
    >>> callback = PruningCallback(module, optimizer, sparsity=0.9, n_steps=40)
    >>> for _ in range(40):
    ...     optimizer.zero_grad()
    ...     nn.functional.cross_entropy(module(X), y).backward()
    ...     optimizer.step()
    ...     callback.step()
    >>> round(callback.sparsity_, 3)
    0.9
    """

    def __init__(
        self,
        module: "torch.nn.Module",
        optimizer: "torch.optim.Optimizer | None" = None,
        *,
        sparsity: float | None = None,
        n_steps: int | None = None,
        schedule: Any = "cubic",
        criterion: Any = "lamp",
        granularity: Any = "weight",
        allocation: str = "global",
        random_state: int | np.random.Generator | None = None,
    ):
        require_torch()
        self.optimizer = optimizer
        self.n_steps = n_steps
        self.n_steps_ = 0
        self._layers = _find_layers(module)
        self._rng = np.random.default_rng(random_state)
        self._masks = [_present(as_matrix(layer.weight)) for layer in self._layers.values()]
        if criterion == "random":
            criterion = Random(int(self._rng.integers(2**31)))
        criterion = choose_criterion(criterion)
        granularity = choose_granularity(granularity)
        check_allocation(allocation, ALLOCATIONS, granularity)
        self._controller = self._choose_controller(
            sparsity, schedule, criterion, granularity, allocation
        )
        self._refresh()
        self._hold()

    def _choose_controller(
        self, sparsity: Any, schedule: Any, criterion: Any, granularity: Any, allocation: str
    ) -> Any:
        """Return what changes the masks in training, or None; draw those of the start."""
        schedule = _choose_schedule(schedule)
        rewires = hasattr(schedule, "rewire")
        if sparsity is None and not rewires:
            return None
        at_once = rewires or isinstance(schedule, OneShot)
        if sparsity is not None:
            check_sparsity(sparsity)
            self._check_criterion(criterion, at_once)
            if at_once:
                self._prune_now(sparsity, criterion, granularity, allocation)
        if isinstance(schedule, OneShot):
            return None
        if not isinstance(self.n_steps, int) or self.n_steps < 1:
            raise ValueError(
                f"schedule={schedule!r} counts the optimizer's steps. Pass `n_steps`, their number "
                f"in the whole training; got {self.n_steps!r}."
            )
        if rewires and isinstance(granularity, NofM):
            raise ValueError(
                f"schedule={schedule!r} replaces weights one by one, which breaks the pattern of "
                f"granularity={granularity!r}. Use another schedule."
            )
        if rewires:
            return RewiringInTraining(schedule, granularity, self._rng)
        view = ChainView((), tuple(self._weights()))
        scorer = _InTraining(criterion)
        return GradualPruning(view, scorer, granularity, schedule, allocation, sparsity, None, None)

    def _check_criterion(self, criterion: Any, at_once: bool) -> None:
        """Refuse criteria that read what is not there."""
        if isinstance(criterion, NEEDS_SAMPLES):
            raise ValueError(
                f"{criterion!r} reads samples, which a training does not keep. Choose 'adam', "
                "'lamp', 'magnitude', 'movement' or 'random', or use `prune_module`."
            )
        if isinstance(criterion, AdamMoment) and "betas" not in getattr(
            self.optimizer, "defaults", {}
        ):
            raise ValueError(
                "criterion='adam' reads the second moments of Adam; got "
                f"optimizer={type(self.optimizer).__name__}. Pass the Adam that trains the module."
            )
        if at_once and (
            isinstance(criterion, AdamMoment) or getattr(criterion, "needs_movement", False)
        ):
            raise ValueError(
                f"{criterion!r} reads what training has gathered, but this schedule removes the "
                "weights before it. Choose 'lamp', 'magnitude' or 'random'."
            )

    def _prune_now(
        self, sparsity: float, criterion: Any, granularity: Any, allocation: str
    ) -> None:
        """Draw the masks of the start."""
        view = ChainView((), tuple(self._weights()))
        scores = score_weights(criterion, view, None, None)
        scores = [np.where(mask, S, -np.inf) for mask, S in zip(self._masks, scores, strict=True)]
        self._masks = build_masks(scores, granularity, allocation, sparsity)

    def step(self) -> None:
        """Set what is masked to zero, and follow the schedule."""
        controller = self._controller
        # Weights that come in this step begin at zero.
        self._hold()
        if controller is not None and self.n_steps_ < self.n_steps:
            taken = controller.taken
            controller.update(self.n_steps_, self.n_steps, _State(self))
            if controller.taken != taken:
                self._refresh()
                self._hold()
        self.n_steps_ += 1

    @property
    def sparsity_(self) -> float:
        """Share of the weights that are masked now."""
        kept = sum(int(np.count_nonzero(mask)) for mask in self._masks)
        return 1 - kept / sum(mask.size for mask in self._masks)

    def state_dict(self) -> dict:
        """Return what a training that is taken up again needs, beside the module's own state.

        Returns
        -------
        state : dict
            Tensors, numbers and dictionaries of these.
        """
        torch = require_torch()
        controller = self._controller
        movement = getattr(controller, "movement", None)
        return {
            "n_steps": self.n_steps_,
            "masks": {name: mask.clone() for name, mask in self.masks.items()},
            "taken": getattr(controller, "taken", 0),
            "movement": None if movement is None else [torch.from_numpy(M) for M in movement],
            "random": self._rng.bit_generator.state,
        }

    def load_state_dict(self, state: dict) -> None:
        """Go on where the callback stood that gave the state.

        Parameters
        ----------
        state : dict
            From :meth:`state_dict`.
        """
        self.n_steps_ = state["n_steps"]
        for mask, name in zip(self._masks, self._layers, strict=True):
            mask[...] = as_matrix(state["masks"][name]) > 0
        if self._controller is not None:
            self._controller.taken = state["taken"]
            if state["movement"] is not None:
                self._controller.movement = [M.numpy().copy() for M in state["movement"]]
        self._rng.bit_generator.state = state["random"]
        self._refresh()
        self._hold()

    def _weights(self) -> list[np.ndarray]:
        return [as_matrix(layer.weight) for layer in self._layers.values()]

    def _refresh(self) -> None:
        """Bring the masks to where the weights are."""
        layers = self._layers.items()
        self.masks = {
            name: as_weight(mask, layer.weight)
            for mask, (name, layer) in zip(self._masks, layers, strict=True)
        }

    def _hold(self) -> None:
        """Set weights that are masked, and the optimizer's moments of them, to zero."""
        torch = require_torch()
        states = {} if self.optimizer is None else self.optimizer.state
        with torch.no_grad():
            for name, layer in self._layers.items():
                absent = ~self.masks[name]
                layer.weight.masked_fill_(absent, 0)
                for moment in states.get(layer.weight, {}).values():
                    if torch.is_tensor(moment) and moment.shape == absent.shape:
                        moment.masked_fill_(absent, 0)


class _State:
    """What controllers read of a module in training, copied only where they do."""

    def __init__(self, callback: PruningCallback):
        self._callback = callback
        self._parameters = {name: layer.weight for name, layer in callback._layers.items()}
        self.masks = callback._masks

    @cached_property
    def weights(self) -> list[np.ndarray]:
        """Return the weights of each layer."""
        return self._callback._weights()

    @cached_property
    def gradients(self) -> list[np.ndarray]:
        """Return the gradients of the last backward pass."""
        gradients = []
        for name, parameter in self._parameters.items():
            if parameter.grad is None:
                raise RuntimeError(
                    f"The weights of {name!r} have no gradient. Call `step` after "
                    "`optimizer.step()` and before gradients are cleared."
                )
            gradients.append(as_matrix(parameter.grad))
        return gradients

    @property
    def second(self) -> list[np.ndarray] | None:
        """Return Adam's second moments, or None where there are none."""
        optimizer = self._callback.optimizer
        states = {} if optimizer is None else optimizer.state
        found = [states.get(p, {}).get("exp_avg_sq") for p in self._parameters.values()]
        known = all(moment is not None for moment in found)
        return [as_matrix(moment) for moment in found] if known else None


@dataclass(frozen=True)
class _InTraining:
    """A criterion that has no samples to ask."""

    criterion: Any

    @property
    def needs_movement(self) -> bool:
        """Return whether the criterion sums up how weights move."""
        return getattr(self.criterion, "needs_movement", False)

    def score(self, view: ChainView, X: Any, Y: Any) -> list[np.ndarray]:
        """Return the criterion's scores; Adam's, while moments are not there yet, by squares."""
        if isinstance(self.criterion, AdamMoment) and view.history.second is None:
            return [W * W for W in view.weights]
        return self.criterion.score(view, X, Y)


def _find_layers(module: Any) -> dict[str, Any]:
    """Return the Linear and Conv2d layers of a module by name; each weight once."""
    torch = require_torch()
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"`module` must be a torch.nn.Module; got {type(module).__name__}.")
    found, seen = {}, set()
    for name, layer in module.named_modules():
        if isinstance(layer, weighted_types()):
            refuse_masked(name, layer)
            if id(layer.weight) not in seen:
                seen.add(id(layer.weight))
                found[name] = layer
    if not found:
        raise ValueError(
            f"{type(module).__name__} has no Linear or Conv2d layer whose weights could be pruned."
        )
    return found


def _present(W: ArrayLike) -> np.ndarray:
    """Return which weights of a layer there are; all of one that begins at zero."""
    present = W != 0
    return present if present.any() else np.ones_like(present)


def _choose_schedule(schedule: Any) -> Any:
    """Return the schedule of a name, or the object that it is."""
    if isinstance(schedule, str) and schedule != "iterative" and schedule in SCHEDULES:
        return SCHEDULES[schedule]
    in_training = getattr(schedule, "in_training", False) or isinstance(schedule, OneShot)
    if isinstance(schedule, str) or not hasattr(schedule, "steps") or not in_training:
        raise ValueError(
            "`schedule` must be 'cubic', 'one-shot', 'rigl', 'set' or an object whose "
            f"`in_training` is True; got {schedule!r}."
        )
    return schedule
