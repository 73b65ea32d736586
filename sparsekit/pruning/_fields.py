"""Checks of the fields of criteria, granularities and schedules, as they are made."""

from typing import Any

from sparsekit._sklearn import Integral, Real


def check_count(owner: Any, name: str) -> None:
    """Refuse a field that is no whole number from one on."""
    value = getattr(owner, name)
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(
            f"`{name}` of {type(owner).__name__} must be a whole number from 1 on; got {value!r}."
        )


def check_share(owner: Any, name: str, *, whole: bool = False) -> None:
    """Refuse a field that is not between zero and one; one itself passes if `whole`."""
    value = getattr(owner, name)
    fits = isinstance(value, Real) and not isinstance(value, bool)
    if not (fits and 0 < value and (value <= 1 if whole else value < 1)):
        end = "]" if whole else ")"
        raise ValueError(
            f"`{name}` of {type(owner).__name__} must be in (0, 1{end}; got {value!r}."
        )


def check_choice(owner: Any, name: str, choices: tuple[str, ...]) -> None:
    """Refuse a field that is none of some names."""
    value = getattr(owner, name)
    if value not in choices:
        raise ValueError(
            f"`{name}` of {type(owner).__name__} must be one of {list(choices)}; got {value!r}."
        )
