"""The tables: seconds and quality of every side, the peers' seconds over ours, goals met or not."""

from itertools import groupby

from benchmarks._coding_rows import OURS, ROWS, Row
from benchmarks._first_calls import start_table
from benchmarks._tables import goal_verdict, heading, ratio_table, same_bits

# By less than this share of the peer's residual or objective, ours is called equal.
SLACK = {"float64": 1e-6, "float32": 1e-4}
# What counts as equal where greedy choices or stochastic training differ between packages.
LOOSE = {"ksvd": 5e-3}
TITLES = {
    "encode": "Codes on a given dictionary",
    "learn": "Online dictionary learning",
    "ksvd": "K-SVD",
    "shrink": "Thresholds",
    "nmf": "Sparse NMF",
    "spca": "Sparse PCA",
}
NOTES = {
    "encode": "Microseconds per signal, best / median; then the relative residual of greedy codes, "
    "or the mean lasso objective, on as many signals as the peer coded. SPAMS's greedy pursuit is "
    "order-recursive: it is the equal of `ormp`, not of `omp`. Slow sides code a part.",
    "learn": "Seconds to the target; in brackets, the last objective and when. Objective: lasso, "
    "best codes of 2000 signals held out, unit atoms. All begin at the same atoms.",
    "ksvd": "Seconds of 10 iterations, best / median; then the relative residual that 5 atoms per "
    "signal leave. sparsekit-bcd: `update='bcd'`, the default. SPAMS: order-recursive pursuit and "
    "block-coordinate atoms.",
    "shrink": "Milliseconds, best / median; then the largest distance to the formula. sparsekit "
    "and copyto write into an array that is there, the others make one.",
    "nmf": "Seconds to the target; in brackets, the last objective and when. All begin at the same "
    "factors.",
    "spca": "Seconds to the target; in brackets, the last objective and when.",
}
CURVES = ("learn", "nmf", "spca")
UNITS = {"encode": (1e6, "us"), "ksvd": (1.0, "s"), "shrink": (1e3, "ms")}


def target_objective(row: Row, sides: dict[str, dict]) -> tuple[float, str] | None:
    """Return what is to be reached, and whose it is: the rival's, else the worst side's best."""
    lowest = {
        name: min(point["objective"] for point in side["points"])
        for name, side in sides.items()
        if side.get("points")
    }
    if not lowest:
        return None
    name = row.rival if row.rival in lowest else max(lowest, key=lowest.get)
    return lowest[name] * (1.0 + row.margin), name


def seconds_to(points: list[dict], target: float, key: str = "best") -> float | None:
    """Return when a side first is at `target`, by a straight line between two points; or None."""
    before = None
    for point in points:
        if point["objective"] <= target:
            if before is None or point["objective"] == target:
                return point[key]
            share = (before["objective"] - target) / (before["objective"] - point["objective"])
            return before[key] + share * max(point[key] - before[key], 0.0)
        before = point
    return None


def side_seconds(row: Row, sides: dict[str, dict]) -> dict[str, float]:
    """Return what is compared where there is any: seconds per signal, or to the target."""
    if row.task not in CURVES:
        return {n: s["best"] / s["n_signals"] for n, s in sides.items() if "best" in s}
    target = target_objective(row, sides)
    found = {n: seconds_to(s["points"], target[0]) for n, s in sides.items() if s.get("points")}
    return {name: seconds for name, seconds in found.items() if seconds}


def excess(row: Row, ours: dict, peer: dict) -> float | None:
    """Return how much worse our quality is than a peer's on the same signals, as a share."""
    shared = ours.get("quality", {}).keys() & peer.get("quality", {}).keys()
    if not shared or row.task == "shrink":
        return None
    count = max(shared, key=int)
    return ours["quality"][count] / max(peer["quality"][count], 1e-300) - 1.0


def verdicts(row: Row, sides: dict[str, dict]) -> list[str]:
    """Return what is to be said of a row: goals met and missed, losses, worse quality, bits."""
    seconds, words = side_seconds(row, sides), []
    for goal in row.goals:
        if goal.peer in sides:
            words.append(goal_verdict(goal, seconds.get(goal.peer), seconds.get(goal.ours)))
    for name, side in sides.items():
        worse = excess(row, sides.get(OURS, {}), side)
        if worse is not None and worse > LOOSE.get(row.task, SLACK[row.dtype]):
            words.append(f"WORSE than {name} by {worse:.1e}")
        if row.n_nonzero_coefs and side.get("most_atoms", 0) > row.n_nonzero_coefs:
            words.append(f"{name} uses {side['most_atoms']} ATOMS")
    bits = (sides.get(name, {}).get("bits") for name in (OURS, "sparsekit-1"))
    return words + same_bits(*bits)


def markdown(records: dict[str, dict], machine: dict[str, str], judged: bool = True) -> str:
    """Return the tables of all rows, with the machine above them.

    Parameters
    ----------
    records : dict
        Row name to what `run_row` returned.
    machine : dict
        What `machine` of ``_measure.py`` returned.
    judged : bool, default=True
        Whether to say which goals are met; pointless on tiny problems.
    """
    lines = heading(machine)
    shown = [ROWS[name] for name in ROWS if name in records]
    for task, group in groupby(shown, key=lambda row: row.task):
        rows = list(group)
        if task == "start":
            calls = records["first-call"]["sides"]
            lines += start_table(calls, "500 x 16 signals, 32 atoms")
        else:
            judge = verdicts if judged else None
            lines += ratio_table(TITLES[task], NOTES[task], rows, records, _cell, judge)
    return "\n".join(lines) + "\n"


def _cell(row, name, sides):
    side = sides[name]
    text = _way_down(row, side, sides) if row.task in CURVES else _same_work(row, name, sides)
    seconds = side_seconds(row, sides)
    if name != OURS and {OURS, name} <= seconds.keys():
        text += f"; **{seconds[name] / seconds[OURS]:.2f}x**"
    return text


def _same_work(row, name, sides):
    side = sides[name]
    if "best" not in side:
        return "-"
    scale, unit = UNITS[row.task]
    per = side["n_signals"] if row.task == "encode" else 1
    times = " / ".join(f"{scale * side[key] / per:.3g}" for key in ("best", "median"))
    found = [f"{times} {unit}", *_quality(row, side, sides.get(OURS, side))]
    return "; ".join(found)


def _quality(row, side, ours):
    """Yield the quality of a side, and ours on the same signals where the counts differ."""
    if not side.get("quality"):
        return
    count = max(side["quality"], key=int)
    value = side["quality"][count]
    yield f"{value:.1e}" if row.task == "shrink" else f"{value:.6g}"
    if side is not ours and count in ours.get("quality", {}) and row.task != "shrink":
        if count != max(ours["quality"], key=int):
            yield f"ours there {ours['quality'][count]:.6g}"
    if "gap" in side:
        yield f"gap {side['gap']:.0e}"


def _way_down(row, side, sides):
    if not side["points"]:
        return "-"
    target, whose = target_objective(row, sides)
    best, median = (seconds_to(side["points"], target, key) for key in ("best", "median"))
    last = side["points"][-1]
    end = f"({last['objective']:.6g} at {last['best']:.3g})"
    reached = "not reached" if best is None else f"{best:.3g} / {median:.3g} s"
    mark = f" to {target:.6g}" if side is sides.get(whose) else ""
    return f"{reached}{mark} {end}"
