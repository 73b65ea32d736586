"""The kinds of measurement of pruning."""

from functools import partial

from benchmarks import _pruning_training as training
from benchmarks._first_calls import first_calls
from benchmarks._pruning_accuracy import measure_accuracy, measure_files
from benchmarks._pruning_alone import measure_alone
from benchmarks._pruning_data import load_blocks, load_random, load_removed, text_source
from benchmarks._pruning_inference import PREDICTORS, RUNNERS, judge_outputs
from benchmarks._pruning_never import measure_ladder
from benchmarks._pruning_rows import Row
from benchmarks._pruning_start import DATA, KINDS
from benchmarks._rounds import Effort, Task, in_processes, same_work


def _alone(task: Task, row: Row, sides: list[str], effort: Effort) -> tuple[dict, str]:
    """Measure every side in a process of its own."""
    each = in_processes(partial(measure_alone, row), text_source(row))
    return each.measure(each, row, sides, effort)


def _first_calls(side, tiny):
    kinds = {"compile_mlp": KINDS["compile_mlp"]} if tiny else KINDS
    return {"start": first_calls(kinds, DATA, side)}


TASKS: dict[str, Task] = {
    "random": Task(same_work, load_random, RUNNERS, judge_outputs),
    "never": Task(measure_ladder),
    "blocks": Task(same_work, load_blocks, RUNNERS, judge_outputs),
    "removed": Task(same_work, load_removed, RUNNERS, judge_outputs),
    "predict": Task(same_work, load_random, PREDICTORS, judge_outputs),
    "file": Task(measure_files),
    "accuracy": Task(measure_accuracy),
    "prune": Task(same_work, training.load_fitted, training.PRUNINGS, training.judge_score),
    "epoch": Task(same_work, training.load_head, training.EPOCHS, training.judge_score),
    "sparse-mlp": Task(same_work, training.load_head, training.SPARSE_MLPS, training.judge_score),
    "memory": Task(_alone),
    "start": in_processes(_first_calls),
}
