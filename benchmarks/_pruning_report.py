"""The tables: seconds, errors and accuracy of every side, and which goals are met."""

from itertools import groupby

from benchmarks._first_calls import start_table
from benchmarks._pruning_rows import OURS, ROWS, Row
from benchmarks._tables import Goal, goal_verdict, heading, ratio_table

TITLES = {
    "random": "Weights removed at random",
    "never": "From dense to sparse",
    "blocks": "4x4 blocks in bytes",
    "removed": "Neurons removed",
    "predict": "A dense network, compiled",
    "file": "Files",
    "accuracy": "Accuracy",
    "prune": "Pruning beside training",
    "epoch": "Epochs of training",
    "sparse-mlp": "Networks that are never dense",
    "memory": "Memory of training",
}
CALLS = "Milliseconds of a call, best / median; then the largest {what}."
ERROR = "difference to float64, over the largest output"
NOTES = {
    "random": CALLS.format(what=ERROR) + " 784-1024-1024-10, ReLU; NumPy, scikit-learn and ONNX "
    "Runtime run the network with its zeros, ONNX Runtime's bytes are quantised statically, SciPy, "
    "MKL and torch multiply CSR matrices. Goals over sparse peers are those at 90 %.",
    "never": "NumPy's seconds over ours, by sparsity in percent. The dense side is the same "
    "network, with its zeros.",
    "blocks": CALLS.format(what=ERROR) + " Of bytes, errors are those of quantisation.",
    "removed": CALLS.format(what=ERROR) + " NumPy and ONNX Runtime run the dense network; "
    "numpy-small, the small one.",
    "predict": "Milliseconds of a call that returns labels, best / median; then the share of "
    "labels other than those in float64.",
    "file": "Bytes of the pickle of the dense network, and of the packed file of the pruned one; "
    "then the accuracy on test data in percent. Least squares, no training.",
    "accuracy": "Accuracy on test data in percent, mean (of each seed); points below the dense "
    "networks that pruning began from; CPU seconds of pruning. sparsekit: one shot, repaired by "
    "least squares, no gradients; -16: then 16 epochs; -cubic-16: weights go by "
    "`schedule='cubic', criterion='adam'` in 16 epochs. torch: `prune.global_unstructured`, and "
    "16 epochs of Adam with a cosine after it. Of digits, usps and a9a, either goal is to be met.",
    "prune": "Seconds, best / median, of pruning a fitted network without gradients, and of "
    "training it; then the accuracy on test data.",
    "epoch": "Seconds of an epoch, best / median, set-up included; then the accuracy on test data "
    "after two. -masked: with nine of ten weights held at zero.",
    "sparse-mlp": "Seconds of an epoch, best / median, set-up included; then the accuracy on test "
    "data after two. scikit-learn's network is dense; the name ends with our density in percent.",
    "memory": "MiB above the samples, resident, each side in a process of its own; CPU seconds of "
    "an epoch.",
}
UNITS = dict.fromkeys(("random", "blocks", "removed", "predict"), (1e3, "ms"))
# Of kinds that judge by accuracy in percent.
SCORED = ("file", "prune", "epoch", "sparse-mlp")
# A larger error in float32 than that is a wrong result.
MOST_ERROR = 1e-5
WORDS = {"memory": " in memory", "bytes": " in bytes"}


def measures(row: Row, side: dict) -> dict[str, float]:
    """Return what of a side is compared: "seconds", "bytes" or "memory"."""
    if row.task == "never" or "error" in side:
        return {}
    found = {key: side[key] for key in ("bytes", "memory") if key in side}
    return found | ({"seconds": side["best"]} if "best" in side else {})


def per_unit(row: Row, side: dict) -> dict:
    """Return a side whose seconds are those of a call, or of an epoch."""
    n_epochs = side["n_signals"] if row.task in ("epoch", "sparse-mlp") else 1
    return {key: side[key] / n_epochs for key in ("best", "median")}


def ladder_ratios(sides: dict[str, dict]) -> dict[str, float]:
    """Return by sparsity NumPy's seconds over ours."""
    ours, dense = (sides[name]["seconds"] for name in (OURS, "numpy"))
    return {key: dense[key] / ours[key] for key in ours}


def verdicts(row: Row, sides: dict[str, dict]) -> list[str]:
    """Return what is to be said of a row: goals met and missed, wrong results."""
    words = [
        _verdict(row, goal, sides) for goal in row.goals if {goal.peer, goal.ours} <= sides.keys()
    ]
    for name in (OURS, "sparsekit-1"):
        error = sides.get(name, {}).get("quality", 0.0)
        if row.task not in SCORED and error > MOST_ERROR:
            words.append(f"{name} is WRONG by {error:.0e}")
    return words


def _verdict(row: Row, goal: Goal, sides: dict[str, dict]) -> str:
    ours, theirs = sides[goal.ours], sides[goal.peer]
    if "error" in ours or "error" in theirs:
        return f"{goal.peer}: no ratio"
    if goal.by == "points":
        word = "met" if ours["points"] <= goal.factor else "MISSED"
        return f"{word} by {goal.ours}: {ours['points']:.2f} points (goal {goal.factor:g})"
    if row.task == "never":
        sparsity, ratio = min(ladder_ratios(sides).items(), key=lambda pair: pair[1])
        return f"{goal_verdict(goal, ratio, 1.0)} at {100 * float(sparsity):.0f} %"
    pair = (measures(row, side).get(goal.by) for side in (theirs, ours))
    by = WORDS.get(goal.by, "") + (f" by {goal.ours}" if goal.ours != OURS else "")
    return goal_verdict(goal, *pair, by)


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
    tasks = [*TITLES, "start"]
    names = list(ROWS)
    shown = sorted(
        (ROWS[name] for name in records), key=lambda r: (tasks.index(r.task), names.index(r.name))
    )
    for task, group in groupby(shown, key=lambda row: row.task):
        rows = list(group)
        if task == "start":
            lines += start_table(records[rows[0].name]["sides"], "500 x 64, hidden 128 and 64")
        else:
            judge = verdicts if judged else None
            lines += ratio_table(TITLES[task], NOTES[task], rows, records, _cell, judge)
    return "\n".join(lines) + "\n"


def _cell(row, name, sides):
    side = sides[name]
    parts = list(CELLS.get(row.task, _timed)(row, name, sides))
    ours = measures(row, sides.get(OURS, {"error": ""}))
    for by, value in measures(row, side).items():
        if name != OURS and by in ours:
            parts.append(f"**{value / ours[by]:.2f}x**")
    return "; ".join(parts)


def _timed(row, name, sides):
    side = sides[name]
    if "best" not in side:
        return ["-"]
    scale, unit = UNITS.get(row.task, (1.0, "s"))
    times = " / ".join(f"{scale * value:.3g}" for value in per_unit(row, side).values())
    quality = side["quality"]
    shown = f"{quality:.2f} %" if row.task in SCORED else f"{quality:.0e}"
    return [f"{times} {unit}", shown]


def _ladder(row, name, sides):
    if name != OURS:
        seconds = [1e3 * row.batch * value for value in sides[name]["seconds"].values()]
        return [f"{min(seconds):.3g} to {max(seconds):.3g} ms"]
    if "error" in sides.get("numpy", {"error": ""}):
        return ["-"]
    ratios = ladder_ratios(sides).items()
    return [", ".join(f"{100 * float(key):.0f}: {value:.2f}" for key, value in ratios)]


def _accuracy(row, name, sides):
    side = sides[name]
    yield f"{side['score']:.2f} ({', '.join(f'{score:.2f}' for score in side['scores'])})"
    if name != "dense":
        yield f"{side['points']:+.2f} points"
        yield f"{side['seconds']:.3g} s"


def _bytes(row, name, sides):
    return [f"{sides[name]['bytes']:,}", f"{sides[name]['quality']:.2f} %"]


def _memory(row, name, sides):
    return [f"{sides[name]['memory']:.0f} MiB", f"{sides[name]['seconds']:.3g} s"]


CELLS = {"never": _ladder, "accuracy": _accuracy, "file": _bytes, "memory": _memory}
