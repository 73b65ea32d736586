"""What is measured of coding, shrinkage and factorisation: one line per row, with its goals."""

from dataclasses import dataclass, replace

from benchmarks._tables import OURS, Goal

DTYPES = {"f64": "float64", "f32": "float32"}
ENCODERS = (OURS, "spams", "sklearn")
SHRINKERS = (OURS, "sparsekit-new", "copyto", "copy", "pywt")


@dataclass(frozen=True)
class Row:
    """One measurement of all sides, alternating in one process.

    Parameters
    ----------
    name : str
        Key for ``--rows``; any beginning of it selects the family.
    task : str
        Key of `TASKS` in ``_coding_tasks.py``.
    sides : tuple of str
        Who is measured; those whose package is absent are left out.
    goals : tuple of Goal
    dtype : {"float64", "float32"}
    algorithm : str
        Encoder, shape or update, in sparsekit's words.
    n_signals, n_atoms, n_nonzero_coefs : int
        Size of the problem: rows of the data or stored values; atoms or components; atoms per code.
    alpha : float
        Penalty.
    steps : int
        Iterations or mini-batches of the longest run; 0 where the task does not iterate.
    threads : int
        Above 1 the clock is the wall's, else CPU seconds.
    rival : str
        The side whose last objective is the target, where the time to an objective is measured.
    margin : float
        The target is ``1 + margin`` times that objective.
    head : int
        Slow sides encode only that many signals; they are compared on these.
    """

    name: str
    task: str
    sides: tuple[str, ...]
    goals: tuple[Goal, ...] = ()
    dtype: str = "float64"
    algorithm: str = ""
    n_signals: int = 20_000
    n_atoms: int = 0
    n_nonzero_coefs: int = 0
    alpha: float = 0.0
    steps: int = 0
    threads: int = 1
    rival: str = ""
    margin: float = 0.0
    head: int = 2000

    def tiny(self) -> "Row":
        """Return a row of the same kind that takes a moment."""
        return replace(
            self,
            n_signals=400,
            n_atoms=min(self.n_atoms, 16),
            n_nonzero_coefs=min(self.n_nonzero_coefs, 3),
            steps=min(self.steps, 4),
            head=100,
        )


def _pursuits():
    for n_atoms in (64, 256, 512):
        for k in (5, 10, 20):
            for short, dtype in DTYPES.items():
                size = {"n_atoms": n_atoms, "n_nonzero_coefs": k, "dtype": dtype}
                beside = (OURS, "sklearn", "dictlearn", "spams")
                goals = (Goal("sklearn", 60.0),)
                label = f"{n_atoms}-{k}-{short}"
                yield Row(f"omp-{label}", "encode", beside, goals, algorithm="omp", **size)
                goals = (Goal("spams", 1.6 if short == "f64" else 1.9),)
                yield Row(
                    f"ormp-{label}", "encode", (OURS, "spams"), goals, algorithm="ormp", **size
                )


def _lassos():
    for n_atoms in (64, 256, 512):
        for alpha in (0.15, 0.05, 0.02):
            for short, dtype in DTYPES.items():
                yield Row(
                    f"lasso-{n_atoms}-{alpha:g}-{short}",
                    "encode",
                    ENCODERS,
                    (Goal("spams", 2.7),),
                    dtype,
                    "lasso",
                    n_signals=8000,
                    n_atoms=n_atoms,
                    alpha=alpha,
                    head=1000,
                )


def _learners():
    for n_atoms, steps in ((100, 640), (256, 640)):
        for short, dtype in DTYPES.items():
            yield Row(
                f"online-{n_atoms}-{short}",
                "learn",
                ENCODERS,
                (Goal("spams", 2.0), Goal("sklearn", 15.0)),
                dtype,
                "lasso",
                n_signals=100_000,
                n_atoms=n_atoms,
                alpha=0.1,
                steps=steps,
                rival="spams",
                margin=0.01,
            )
    for short, dtype in DTYPES.items():
        yield Row(
            f"ksvd-256-{short}",
            "ksvd",
            (OURS, "sparsekit-bcd", "spams", "dictlearn"),
            (Goal("spams", 1.8), Goal("dictlearn", 10.0)),
            dtype,
            "ksvd",
            n_atoms=256,
            n_nonzero_coefs=5,
            steps=10,
        )


def _shrinkages():
    for shape in ("soft", "hard", "garrote", "firm"):
        for short, times in (("f64", 1.3), ("f32", 1.7)):
            goals = (
                Goal("copyto", 1.0 / times),
                Goal("copy", 1.0 / times, ours="sparsekit-new"),
                Goal("pywt", 5.0, ours="sparsekit-new"),
            )
            yield Row(
                f"{shape}-{short}",
                "shrink",
                SHRINKERS,
                goals if shape in ("soft", "hard") else (),
                DTYPES[short],
                shape,
                n_signals=10_000_000,
                alpha=1.0,
            )


def _factorisations():
    nmf = {"n_atoms": 50, "steps": 40, "rival": "sklearn"}
    for short, dtype in DTYPES.items():
        for name, alpha in (("nmf", 0.0), ("nmf-l1", 1e-6)):
            goals = (Goal("sklearn", 1.5),)
            yield Row(f"{name}-{short}", "nmf", (OURS, "sklearn"), goals, dtype, alpha=alpha, **nmf)
        both = (OURS, "sparsekit-1", "sklearn")
        goals = (Goal("sparsekit-1", 1.0),)
        yield Row(f"nmf-2threads-{short}", "nmf", both, goals, dtype, threads=2, **nmf)
        yield Row(
            f"spca-{short}",
            "spca",
            (OURS, "sklearn", "sklearn-lars"),
            (Goal("sklearn", 1.4),),
            dtype,
            n_signals=5000,
            n_atoms=20,
            alpha=1.0,
            steps=30,
            rival="sklearn",
        )


def _two_threads():
    sides = (OURS, "sparsekit-1", "spams")
    shared = {"n_signals": 200_000, "n_atoms": 256, "threads": 2}
    goals = (Goal("sparsekit-1", 1.7),)
    for short, dtype in DTYPES.items():
        yield Row(
            f"threads-omp-{short}",
            "encode",
            sides,
            goals,
            dtype,
            "omp",
            n_nonzero_coefs=10,
            **shared,
        )
        yield Row(
            f"threads-lasso-{short}", "encode", sides, goals, dtype, "lasso", alpha=0.05, **shared
        )


ROWS: dict[str, Row] = {
    row.name: row
    for row in (
        *_pursuits(),
        *_lassos(),
        *_learners(),
        *_shrinkages(),
        *_factorisations(),
        *_two_threads(),
        Row("first-call", "start", (OURS, "sklearn")),
    )
}
