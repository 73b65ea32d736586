"""Tables of ratios: a line per row, a column per side, and what is to be said of the row."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

OURS = "sparsekit"
CLOCKS = "One thread and CPU seconds; rows of two threads: seconds of the wall's clock."


@dataclass(frozen=True)
class Goal:
    """How many times as much of a measure the `peer` should take as `ours`.

    Parameters
    ----------
    peer : str
        A side.
    factor : float
        At least.
    by : str, default="seconds"
        Measure, where a benchmark has several.
    ours : str, default="sparsekit"
        The side that is compared.
    """

    peer: str
    factor: float
    by: str = "seconds"
    ours: str = OURS


def heading(machine: dict[str, str]) -> list[str]:
    """Return the lines above all tables: the machine, and what the seconds are."""
    return ["; ".join(f"{key} {value}" for key, value in machine.items()) + ".", "", CLOCKS]


def ratio_table(
    title: str,
    note: str,
    rows: list[Any],
    records: dict[str, dict],
    cell: Callable[[Any, str, dict[str, dict]], str],
    verdicts: Callable[[Any, dict[str, dict]], list[str]] | None,
) -> Iterable[str]:
    """Yield the table of some rows.

    Parameters
    ----------
    title, note : str
        Above the table.
    rows : list of row
        With `name` and `sides`, in the order of the table.
    records : dict
        Row name to record; see ``_command.py``.
    cell : callable
        ``cell(row, name, sides)`` returns a side's figures in words; of one that did not fail.
    verdicts : callable or None
        ``verdicts(row, sides)`` returns what is to be said of a row; None says that it is not
        judged.
    """
    present = {name for row in rows for name in records[row.name]["sides"]}
    sides = [name for row in rows for name in (*row.sides, *records[row.name]["sides"])]
    names = [name for name in dict.fromkeys(sides) if name in present]
    yield from ("", f"### {title}", "", note, "")
    for source in dict.fromkeys(records[row.name]["data"] for row in rows):
        yield f"Data: {source}."
    yield ""
    yield f"| row | {' | '.join(names)} | |"
    yield f"| --- |{' --- |' * (len(names) + 1)}"
    for row in rows:
        found = records[row.name]["sides"]
        cells = " | ".join(_cell(row, name, found, cell) for name in names)
        words = "; ".join(verdicts(row, found)) if verdicts else "not judged"
        yield f"| {row.name} | {cells} | {words} |"


def goal_verdict(goal: Goal, theirs: float | None, ours: float | None, of: str = "") -> str:
    """Return whether a goal is met by what the peer takes over ours."""
    if theirs is None or ours is None:
        return f"{goal.peer}: no ratio"
    word = "met" if theirs / ours >= goal.factor else "MISSED"
    return f"{word} over {goal.peer}{of}: {theirs / ours:.2f} (goal {goal.factor:.3g})"


def same_bits(first: str | None, second: str | None) -> list[str]:
    """Return whether the bits of two sides are the same, in words; nothing where one is unknown."""
    if first is None or second is None:
        return []
    return ["same bits" if first == second else "OTHER BITS"]


def failure(side: dict) -> str:
    """Return what is shown of a side that failed."""
    return f"failed ({side['error'][:80]})".replace("|", "/")


def _cell(row, name, sides, cell):
    if name not in sides:
        return ""
    return failure(sides[name]) if "error" in sides[name] else cell(row, name, sides)
