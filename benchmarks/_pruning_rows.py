"""What is measured of pruning: one line per row, with its goals."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from benchmarks._tables import OURS, Goal

WIDE, SMALL, LENET = (784, 1024, 1024, 10), (784, 256, 128, 10), (784, 300, 100, 10)
BATCHES = (1, 64, 1024)
PEERS = ("numpy", "sklearn", "onnxruntime", "onnxruntime-int8", "scipy", "sparse_dot_mkl", "torch")
SPARSE = ("scipy", "sparse_dot_mkl", "torch")
# By batch, how many times as fast as dense at 90 %.
FACTORS = {1: 4.5, 64: 5.0, 1024: 4.5}
LADDER = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
# Side of the accuracy rows: whether it trains after or while weights go.
PRUNERS = (OURS, "sparsekit-16", "sparsekit-cubic-16", "torch", "torch-16")


@dataclass(frozen=True)
class Row:
    """One measurement of all sides, alternating in one process.

    Parameters
    ----------
    name : str
        Key for ``--rows``; any beginning of it selects the family.
    task : str
        Key of `TASKS` in ``_pruning_tasks.py``.
    sides : tuple of str
        Who is measured; those whose package is absent are left out.
    goals : tuple of Goal
    sizes : tuple of int
        Inputs, hidden units and outputs of the network.
    batch : int
        Rows that a call is given.
    sparsity : float
        Share of weights that are gone.
    data : str
        Key of `SETS` in ``_pruning_data.py``, where a network is trained.
    n_samples : int
        Of the samples, so many are trained on where training is timed.
    n_seeds : int
        Networks that accuracies are the mean of.
    threads : int
        Above 1 the clock is the wall's, else CPU seconds.
    """

    name: str
    task: str
    sides: tuple[str, ...]
    goals: tuple[Goal, ...] = ()
    sizes: tuple[int, ...] = WIDE
    batch: int = 64
    sparsity: float = 0.9
    data: str = ""
    n_samples: int = 12_000
    n_seeds: int = 3
    threads: int = 1

    def tiny(self) -> "Row":
        """Return a row of the same kind that takes a moment."""
        sizes = 64, 24, 16, 10
        return replace(self, sizes=sizes, batch=min(self.batch, 64), n_samples=300, n_seeds=1)


def _random() -> Iterator[Row]:
    for sparsity in (50, 80, 90, 95, 98):
        for batch in BATCHES:
            goals = ()
            if sparsity == 90:
                goals = Goal("numpy", FACTORS[batch]), *(Goal(peer, 1.0) for peer in SPARSE)
            size = {"batch": batch, "sparsity": sparsity / 100}
            yield Row(f"random-{sparsity}-{batch}", "random", (OURS, *PEERS), goals, **size)
    sides = OURS, "sparsekit-1", "numpy", "onnxruntime", "onnxruntime-int8"
    goals = Goal("numpy", 4.5), Goal("sparsekit-1", 1.0)
    yield Row("threads-random-90-1024", "random", sides, goals, batch=1024, threads=2)


def _never_slower() -> Iterator[Row]:
    for label, sizes in (("wide", WIDE), ("small", SMALL)):
        for batch in BATCHES:
            goals = (Goal("numpy", 0.95),)
            yield Row(f"never-{label}-{batch}", "never", (OURS, "numpy"), goals, sizes, batch=batch)


def _blocks() -> Iterator[Row]:
    sides = "sparsekit-int8", OURS, "numpy", "onnxruntime-int8"
    for sparsity in (80, 90, 95):
        for batch in (64, 1024):
            judged = (sparsity, batch) == (90, 1024)
            goals = (Goal("onnxruntime-int8", 1.3, ours="sparsekit-int8"),) if judged else ()
            size = {"batch": batch, "sparsity": sparsity / 100}
            yield Row(f"blocks-{sparsity}-{batch}", "blocks", sides, goals, **size)


def _removed() -> Iterator[Row]:
    sides, goals = (OURS, "numpy", "onnxruntime", "numpy-small"), (Goal("numpy", 4.0),)
    for batch in BATCHES:
        judged = goals if batch == 1024 else ()
        size = {"batch": batch, "sparsity": 0.8}
        yield Row(f"removed-80-{batch}", "removed", sides, judged, LENET, data="mnist", **size)


def _files() -> Iterator[Row]:
    sides = OURS, "sparsekit-float16", "sparsekit-int8", "sklearn"
    goals = Goal("sklearn", 20.0, "bytes"), Goal("sklearn", 50.0, "bytes", "sparsekit-int8")
    yield Row("file-90", "file", sides, goals, LENET, data="mnist")


def _accuracies() -> Iterator[Row]:
    """Yield rows whose goals say how many points below the dense network are allowed."""
    for sparsity, plain, trained in ((90, 0.6, 0.0), (95, 1.6, 0.0), (98, 7.0, 1.0)):
        goals = _allowed(plain, OURS), _allowed(trained, "sparsekit-cubic-16")
        yield Row(
            f"accuracy-mnist-{sparsity}",
            "accuracy",
            PRUNERS,
            goals,
            LENET,
            sparsity=sparsity / 100,
            data="mnist",
        )
    for data, n_inputs, n_outputs in (("digits", 64, 10), ("usps", 256, 10), ("a9a", 123, 1)):
        for sparsity, points in ((90, 0.5), (95, 1.0)):
            yield Row(
                f"accuracy-{data}-{sparsity}",
                "accuracy",
                PRUNERS,
                tuple(_allowed(points, side) for side in (OURS, "sparsekit-16")),
                (n_inputs, 256, 128, n_outputs),
                sparsity=sparsity / 100,
                data=data,
            )


def _allowed(points, ours):
    return Goal("dense", points, "points", ours)


def _training() -> Iterator[Row]:
    both, mnist = (OURS, "sklearn"), {"data": "mnist"}
    goals = (Goal("sklearn", 1.0),)
    yield Row("prune-lenet-90", "prune", both, goals, LENET, n_samples=60_000, **mnist)
    sides = OURS, "sparsekit-masked", "sklearn"
    yield Row("epoch-lenet", "epoch", sides, goals, LENET, **mnist)
    yield Row("epoch-wide", "epoch", sides, goals, WIDE, n_samples=6000, **mnist)
    for density in (10, 1):
        sparsity = 1 - density / 100
        for label, sizes, n_samples in (("lenet", LENET, 12_000), ("wide", WIDE, 6000)):
            yield Row(
                f"sparse-mlp-{label}-{density}",
                "sparse-mlp",
                both,
                goals,
                sizes,
                sparsity=sparsity,
                n_samples=n_samples,
                **mnist,
            )
    yield Row(
        "memory-text-1m",
        "memory",
        both,
        (Goal("sklearn", 10.0, "memory"),),
        (1_000_000, 100, 20),
        sparsity=0.99,
        n_samples=4000,
    )


ROWS: dict[str, Row] = {
    row.name: row
    for row in (
        *_random(),
        *_never_slower(),
        *_blocks(),
        *_removed(),
        Row("small-dense-1", "predict", (OURS, "sklearn"), (Goal("sklearn", 8.0),), SMALL, 1, 0.0),
        Row("small-dense-64", "predict", (OURS, "sklearn"), (), SMALL, 64, 0.0),
        *_files(),
        *_training(),
        *_accuracies(),
        Row("first-call", "start", (OURS, "sklearn")),
    )
}
