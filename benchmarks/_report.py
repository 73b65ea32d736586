"""The table: seconds per solver, the factor over the fastest peer, goals met and missed."""

from collections.abc import Iterable

from benchmarks._ladder import TARGETS
from benchmarks._rows import ROWS

OURS = "sparsekit"
KEYS = tuple(f"{target:.0e}" for target in TARGETS)
GOAL_KEY = KEYS[1]


def ratios(results: dict[str, dict]) -> dict[str, float]:
    """Return, per target gap, the fastest peer's seconds over ours where both reached it.

    Parameters
    ----------
    results : dict
        From solver name to the last record of one row.
    """
    factors = {}
    for key in KEYS:
        ours = _seconds(results.get(OURS, {}), key)
        peers = [_seconds(result, key) for name, result in results.items() if name != OURS]
        peers = [seconds for seconds in peers if seconds is not None]
        if ours and peers:
            factors[key] = min(peers) / ours
    return factors


def markdown(
    results: dict[str, dict[str, dict]], machine: dict[str, str], judged: bool = True
) -> str:
    """Return the tables of all rows, with the machine above them.

    Parameters
    ----------
    results : dict
        Row name, then solver name, to the last record of that measurement.
    machine : dict
        What `machine` of ``_measure.py`` returned.
    judged : bool, default=True
        Whether to say which goals are met; pointless on tiny problems.
    """
    fits = {name: found for name, found in results.items() if ROWS[name].task != "start"}
    lines = [
        "; ".join(f"{key} {value}" for key, value in machine.items()) + "; one thread.",
        "",
        f"CPU seconds to relative gap {' / '.join(KEYS)}; fastest peer in bold; - was not reached.",
        "",
        "| row | data | peers | sparsekit | fastest peer / sparsekit | goal at 1e-6 | |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(_table_line(name, found, judged) for name, found in fits.items()),
        "",
        *_memory_table(fits),
        *_start_table(results.get("first-fit", {})),
    ]
    return "\n".join(lines) + "\n"


def _seconds(result, key):
    return result.get("times", {}).get(key, {}).get("best")


def _keys(found):
    """Return the target gaps that a row is judged at."""
    reached = {key for result in found.values() for key in result.get("times", {})}
    return [key for key in KEYS if key in reached] or [GOAL_KEY]


def _table_line(name, found, judged):
    row, keys = ROWS[name], _keys(found)
    fastest = {
        key: min(
            (s for n, r in found.items() if n != OURS and (s := _seconds(r, key))), default=None
        )
        for key in keys
    }
    peers = "; ".join(f"{n} {_times(r, keys, fastest)}" for n, r in found.items() if n != OURS)
    factors = ratios(found)
    shown = " / ".join(f"{factors[key]:.2f}" if key in factors else "-" for key in keys)
    data = next((r["data"] for r in found.values() if "data" in r), "")
    ours = _times(found.get(OURS, {}), keys, {})
    goal = _goal(row)
    verdict = _verdict(row, found) if judged else "not judged"
    return f"| {name} | {data} | {peers} | {ours} | {shown} | {goal} | {verdict} |"


def _goal(row):
    if row.goal is None:
        return ""
    return f"{row.goal:g}" if row.rival is None else f"{row.goal:g} over {row.rival}"


def _times(result, keys, fastest):
    if "error" in result:
        return f"failed ({result['error'][:60]})"
    return " / ".join(_cell(_seconds(result, key), fastest.get(key)) for key in keys)


def _cell(seconds, fastest):
    if seconds is None:
        return "-"
    text = f"{seconds:.4f}" if seconds < 0.1 else f"{seconds:.3g}"
    return f"**{text}**" if seconds == fastest else text


def _verdict(row, found):
    """Say whether the goal is met, and mark a row where a peer is faster."""
    named = {name: found[name] for name in (OURS, row.rival) if name in found}
    asked = ratios(named if row.rival else found).get(GOAL_KEY)
    words = []
    if row.goal is not None and asked is not None:
        words.append("met" if asked >= row.goal else "missed")
    if ratios(found).get(GOAL_KEY, 1.0) < 1.0:
        words.append("LOSS")
    return ", ".join(words)


def _memory_table(fits: dict[str, dict[str, dict]]) -> Iterable[str]:
    yield "Peak resident memory above the loaded data, MiB, the measurement's own arrays included."
    yield ""
    yield "| row | memory |"
    yield "| --- | --- |"
    for name, found in fits.items():
        peaks = [f"{n} {r['peak_mib']:.0f}" for n, r in found.items() if "peak_mib" in r]
        yield f"| {name} | {'; '.join(peaks)} |"
    yield ""


def _start_table(found: dict[str, dict]) -> Iterable[str]:
    reports = {name: result["start"] for name, result in found.items() if "start" in result}
    if not reports:
        return
    yield "CPU seconds of a fresh process, 50 x 200: import, then the first fit."
    yield ""
    yield f"| | {' | '.join(reports)} |"
    yield f"| --- |{' --- |' * len(reports)}"
    for moment in next(iter(reports.values())):
        cells = " | ".join(f"{report[moment]:.2f}" for report in reports.values())
        yield f"| {moment} | {cells} |"
    yield ""
