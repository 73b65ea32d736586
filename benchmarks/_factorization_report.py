"""The tables: seconds and quality of every side, the peers' seconds over ours, goals met or not."""

from collections.abc import Iterable
from itertools import groupby

from benchmarks._factorization_quality import published_results
from benchmarks._factorization_rows import OURS, ROWS, Row
from benchmarks._first_calls import start_table
from benchmarks._tables import failure, goal_verdict, heading, ratio_table, same_bits

TITLES = {
    "als": "Implicit feedback: alternating least squares",
    "ratings": "Ratings",
    "gibbs": "Ratings: Gibbs sampling",
    "bpr": "Descent on pairs",
    "slim": "SLIM",
    "ease": "EASE",
    "spmm": "Sparse times dense",
    "spmm-transposed": "Transposed sparse times dense",
    "sddmm": "Products at stored places",
    "spmv": "Sparse times vector",
    "csc": "Rows to columns",
    "gram": "All pairs of columns",
    "top": "The twenty best of all columns",
    "recommend": "Recommendations for new rows",
    "memory": "Peak memory",
    "quality": "Quality on Gowalla",
    "svd": "Truncated SVD and PCA",
}
CURVE = (
    "Seconds to the target, the rival's last {what}, in whole {steps}; seconds of one more of "
    "them, by which factors marked *each* compare; in brackets, the last {what} and its {steps}."
)
PRODUCT = "Milliseconds, best / median; then the largest difference to float64. Float32, rank 64."
NOTES = {
    "als": CURVE.format(what="objective", steps="sweeps") + " All begin at the same factors, but "
    "cmfrec, which draws its own. Of ours, the seconds include that `fit` ends by solving the rows "
    "exactly. Regularisation 5, confidence 11. implicit's BLAS is pinned to one thread.",
    "ratings": CURVE.format(what="error", steps="sweeps") + " Error: root mean square of the tenth "
    "of the entries held out. cmfrec's objective is ours; SGD packages have their own.",
    "gibbs": CURVE.format(what="error", steps="sweeps") + " Error of the posterior mean.",
    "bpr": CURVE.format(what="1 - recall@20", steps="passes"),
    "slim": "Milliseconds per column, best / median; then the mean objective of the columns that "
    "scikit-learn's ElasticNet was looped over, and the mean number of weights. Ours fits all.",
    "ease": "Seconds, best / median; then the largest difference to the weights in float64.",
    "top": "Microseconds per row, best / median; then the mean score of what was recommended.",
    "recommend": "Microseconds per row, best / median, with solving for the factors of the rows: "
    "`recommend` here, `recalculate_user=True` in implicit.",
    "memory": "MiB above the matrix itself, resident, each side in a process of its own; seconds.",
    "quality": "Recall and NDCG of twenty recommendations for the published split; wall seconds of "
    "a fit with two threads and MiB above the data. Settings were chosen on a fifth of the "
    "training entries, held out, with ranks up to 512; those of *best* on the judged "
    "entries, as a leaderboard's may be.",
    "svd": "Seconds, best / median; then the captured share of the best side's sum of squares.",
} | dict.fromkeys(("spmm", "spmm-transposed", "sddmm", "spmv", "csc", "gram"), PRODUCT)
CURVES = ("als", "ratings", "gibbs", "bpr")
UNITS = {"slim": (1e3, "ms"), "ease": (1.0, "s"), "svd": (1.0, "s")}
UNITS |= dict.fromkeys(("top", "recommend"), (1e6, "us"))
MILLISECONDS = 1e3, "ms"
# By more than this share a worse figure is called so.
SLACK = {"als": 1e-4, "ratings": 5e-3, "gibbs": 5e-3, "bpr": 1e-2, "slim": 1e-3}
# Plain factors in the leaderboard, and those of columns by columns.
PUBLISHED = {
    "sparsekit-implicit": ("MF-BPR", "GRMF", "ENMF", "MF-CCL"),
    "sparsekit-implicit-best": ("MF-BPR", "GRMF", "ENMF", "MF-CCL"),
    "sparsekit-bpr": ("MF-BPR",),
    "sparsekit-slim": ("SLIM",),
    "sparsekit-ease": ("EASE^R",),
}


def per_sweep(points: list[dict], key: str = "best") -> float | None:
    """Return the seconds of a sweep, by what the last took more than the first."""
    first, last = points[0], points[-1]
    if last["effort"] == first["effort"]:
        return None
    return max(last[key] - first[key], 0.0) / (last["effort"] - first["effort"]) or None


def measures(row: Row, sides: dict[str, dict]) -> dict[str, dict[str, float]]:
    """Return what is compared, by side: "target" and "epoch", or "seconds", or "memory"."""
    target, found = target_of(row, sides), {}
    for name, side in sides.items():
        mine: dict[str, float | None] = {}
        if side.get("points"):
            reached = [p["best"] for p in side["points"] if p["objective"] <= target]
            mine = {"target": reached[0] if reached else None, "epoch": per_sweep(side["points"])}
        elif "best" in side:
            mine = {"seconds": side["best"] / (side.get("n_signals") or 1)}
        elif "memory" in side:
            mine = {"memory": side["memory"]}
        found[name] = {key: value for key, value in mine.items() if value}
    return found


def target_of(row: Row, sides: dict[str, dict]) -> float:
    """Return what is to be reached: the rival's last figure, else the worst side's."""
    last = {n: side["points"][-1]["objective"] for n, side in sides.items() if side.get("points")}
    return last.get(row.rival, max(last.values(), default=float("nan")))


def verdicts(row: Row, sides: dict[str, dict]) -> list[str]:
    """Return what is to be said of a row: goals met and missed, worse quality, bits."""
    found, words = measures(row, sides), []
    for goal in row.goals:
        if goal.peer in sides:
            theirs, ours = (found.get(name, {}).get(goal.by) for name in (goal.peer, goal.ours))
            of = {"epoch": " each", "memory": " memory"}.get(goal.by, "")
            words.append(goal_verdict(goal, theirs, ours, of))
    ours = _figure(sides.get(OURS, {}))
    for name in {goal.peer for goal in row.goals} & sides.keys():
        theirs = _figure(sides[name])
        if row.task in SLACK and None not in (ours, theirs) and ours > theirs:
            if ours / theirs - 1 > SLACK[row.task]:
                words.append(f"WORSE than {name} by {ours / theirs - 1:.1e}")
        if sides[name].get("captured", 0) > sides.get(OURS, {}).get("captured", 1) + 1e-4:
            words.append(f"CAPTURES LESS than {name}")
    bits = (_bits(sides.get(name, {})) for name in (OURS, "sparsekit-1"))
    return words + same_bits(*bits) + _against_published(row, sides)


def _figure(side):
    """Return the figure of a side that is to be small: its last one, or that of its call."""
    return side["points"][-1]["objective"] if side.get("points") else side.get("quality")


def _bits(side):
    return side["points"][-1].get("bits") if side.get("points") else side.get("bits")


def _against_published(row, sides):
    """Yield how our models stand beside the rows of the leaderboard that are like them."""
    if row.task != "quality":
        return []
    published, words = published_results(), []
    for name, side in sides.items():
        for model in PUBLISHED.get(name, ()):
            if model in published and "recall@20" in side:
                above = [key for key, value in published[model].items() if side[key] >= value]
                kept = {2: "met", 1: f"only {''.join(above)} met", 0: "MISSED"}[len(above)]
                words.append(f"{name} over {model}: {kept}")
    return words


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
    shown = sorted((ROWS[name] for name in records), key=_place)
    for task, group in groupby(shown, key=lambda row: row.task):
        rows = list(group)
        if task == "start":
            calls = records["first-call"]["sides"]
            lines += start_table(calls, "500 x 200, 16 components")
        elif task == "quality":
            lines += _quality_table(rows[0], records[rows[0].name], judged)
        else:
            judge = verdicts if judged else None
            lines += ratio_table(TITLES[task], NOTES[task], rows, records, _cell, judge)
    return "\n".join(lines) + "\n"


def _place(row):
    tasks = [*TITLES, "start"]
    return tasks.index(row.task), list(ROWS).index(row.name)


def _cell(row, name, sides):
    side = sides[name]
    found = measures(row, sides)
    parts = _way_down(row, side, sides) if row.task in CURVES else _same_work(row, side)
    for by in found[name]:
        if name != OURS and by in found.get(OURS, {}):
            each = " each" if by == "epoch" else ""
            parts.append(f"**{found[name][by] / found[OURS][by]:.2f}x**{each}")
    return "; ".join(parts)


def _same_work(row, side):
    """Return seconds, or memory, and quality in words."""
    if row.task == "memory":
        return [f"{side['memory']:.0f} MiB", f"{side['seconds']:.2f} s"]
    if "best" not in side:
        return ["-"]
    scale, unit = UNITS.get(row.task, MILLISECONDS)
    per = side.get("n_signals") or 1
    times = " / ".join(f"{scale * side[key] / per:.3g}" for key in ("best", "median"))
    words = [f"{times} {unit}"]
    if "captured" in side:
        words.append(f"{side['captured']:.6f}")
    if "quality" in side:
        exact = row.task in ("slim", "top")
        words.append(f"{side['quality']:.7g}" if exact else f"{side['quality']:.0e}")
    if "n_weights" in side:
        words.append(f"{side['n_weights']:.0f} weights")
    return words


def _way_down(row, side, sides):
    if not side["points"]:
        return ["-"]
    target = target_of(row, sides)
    reached = [point for point in side["points"] if point["objective"] <= target]
    last, each = side["points"][-1], per_sweep(side["points"])
    words = [f"{reached[0]['best']:.3g} s in {reached[0]['effort']}" if reached else "not reached"]
    words += [f"{each:.3g} s each"] if each else []
    end = f"({last['objective']:.6g} after {last['effort']})"
    return [*words[:-1], f"{words[-1]} {end}"]


def _quality_table(row, record, judged) -> Iterable[str]:
    yield from ("", f"### {TITLES['quality']}", "", NOTES["quality"], "")
    yield f"Data: {record['data']}."
    yield from ("", "| model | Recall@20 | NDCG@20 | fit | memory |", "| --- |" + " --- |" * 4)
    for name, side in record["sides"].items():
        if "error" in side:
            yield f"| {name} | {failure(side)} | | | |"
            continue
        ranks = [f"{value:.4f}" for key, value in side.items() if "@" in key]
        cost = f"{side['seconds']:.3g} s | {side['memory']:.0f} MiB"
        yield f"| {name}, {_settings(side)} | {' | '.join(ranks)} | {cost} |"
    models = dict.fromkeys(model for names in PUBLISHED.values() for model in names)
    published = published_results()
    for model in (model for model in models if model in published):
        yield (
            f"| published: {model} | " + " | ".join(map(str, published[model].values())) + " | | |"
        )
    yield from (
        "",
        "; ".join(_against_published(row, record["sides"])) if judged else "Not judged.",
    )


def _settings(side):
    hidden = ("random_state", "tol")
    shown = [f"{key}={value}" for key, value in side["settings"].items() if key not in hidden]
    return f"`{', '.join(shown)}`"
