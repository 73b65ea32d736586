"""What `prune_module` and `PruningCallback` are asked for, by name or as an object."""

from numbers import Real
from typing import Any

from sparsekit.pruning._criteria import CRITERIA
from sparsekit.pruning._granularity import NofM, Weights

GRANULARITIES = {"weight": Weights(), "2:4": NofM(2, 4)}
UNITS = ("filter", "channel")
ALLOCATIONS = ("global", "erk", "uniform")


def choose_criterion(criterion: Any) -> Any:
    """Return the criterion of a name, or the object that it is."""
    if isinstance(criterion, str) and criterion in CRITERIA:
        return CRITERIA[criterion]
    if isinstance(criterion, str) or not hasattr(criterion, "score"):
        raise ValueError(
            f"`criterion` must be one of {sorted(CRITERIA)} or an object with a method `score`; "
            f"got {criterion!r}."
        )
    return criterion


def choose_granularity(granularity: Any) -> Any:
    """Return the granularity of a name, or the object that it is."""
    if isinstance(granularity, str) and granularity in GRANULARITIES:
        return GRANULARITIES[granularity]
    if isinstance(granularity, str) or not hasattr(granularity, "units"):
        raise ValueError(
            f"`granularity` must be one of {[*GRANULARITIES, *UNITS]} or an object with methods "
            f"`units`, `sizes` and `spread`; got {granularity!r}."
        )
    return granularity


def check_sparsity(sparsity: Any) -> None:
    """Raise unless a sparsity is a number in [0, 1)."""
    number = isinstance(sparsity, Real) and not isinstance(sparsity, bool)
    if not number or not 0 <= sparsity < 1:
        raise ValueError(f"`sparsity` must be a number in [0, 1); got {sparsity!r}.")


def check_options(sparsity: Any, granularity: Any, allocation: Any) -> str:
    """Return the allocation; raise for a sparsity, granularity or allocation that there is not."""
    check_sparsity(sparsity)
    units = isinstance(granularity, str) and granularity in UNITS
    if not units:
        choose_granularity(granularity)
    if allocation is None:
        return "uniform" if units else "global"
    check_allocation(allocation, ("global", "uniform") if units else ALLOCATIONS, granularity)
    return allocation


def check_allocation(allocation: Any, allowed: tuple[str, ...], granularity: Any) -> None:
    """Raise for an allocation that a granularity does not know."""
    if allocation not in allowed:
        raise ValueError(
            f"`allocation` must be one of {allowed} with granularity={granularity!r}; got "
            f"{allocation!r}."
        )
