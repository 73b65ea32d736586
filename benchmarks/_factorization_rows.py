"""What is measured of factorisations, models between columns and kernels: rows and their goals."""

from dataclasses import dataclass, replace

from benchmarks._factorization_svd import svd_rows
from benchmarks._tables import OURS, Goal

ONE = "sparsekit-1"
# By so much two timings of the very same call differ here: what "not slower" leaves out.
EQUAL = 0.95
# Rank of the products of the kernels, and recommendations asked for.
RANK, N_RECOMMENDED = 64, 20


@dataclass(frozen=True)
class Row:
    """One measurement of all sides.

    Parameters
    ----------
    name : str
        Key for ``--rows``; any beginning of it selects the family.
    task : str
        Key of `TASKS` in ``_factorization_tasks.py``.
    sides : tuple of str
        Who is measured; those whose package is absent are left out.
    goals : tuple of Goal
    data : str
        Key of `DATA` in ``_factorization_data.py``.
    n_components : int
        Rank.
    solver : {"pcg", "cholesky"}
        Of alternating least squares.
    start : {"normal", "positive"}
        First factors: small normal numbers, or the uniform positive ones that implicit draws.
    steps : int
        Sweeps of the longest run.
    alpha : float
        Regularisation, in our words.
    threads : int
        Above 1 the clock is the wall's, else CPU seconds.
    rival : str
        The side whose last objective is the target, where the time to an objective is measured.
    """

    name: str
    task: str
    sides: tuple[str, ...]
    goals: tuple[Goal, ...] = ()
    data: str = ""
    n_components: int = RANK
    solver: str = "pcg"
    start: str = "normal"
    steps: int = 8
    alpha: float = 0.0
    threads: int = 1
    rival: str = ""

    def tiny(self) -> "Row":
        """Return a row of the same kind that takes a moment."""
        return replace(
            self, n_components=min(self.n_components, 8), steps=min(self.steps, 4), data="tiny"
        )


def _sweeps():
    """Yield implicit alternating least squares: to an objective, per sweep, exactly."""
    three = (OURS, "implicit", "cmfrec")
    goals = (Goal("implicit", 4.0, "target"), Goal("cmfrec", 2.0, "epoch"))
    # implicit's default number of iterations.
    train = {"alpha": 5.0, "rival": "implicit", "steps": 15}
    for data in ("gowalla", "lastfm", "ratings-seen", "power"):
        for k in (64, 128):
            size = {"data": data, "n_components": k} | train
            yield Row(f"als-{data}-{k}", "als", three, goals, **size)
    size = {"data": "gowalla", "start": "positive"} | train
    yield Row("als-positive-gowalla-64", "als", three, goals, **size)
    both = (OURS, ONE, "implicit", "cmfrec")
    goals = tuple(Goal(peer, 1.7, "epoch") for peer in ("implicit", "cmfrec"))
    for data in ("gowalla", "power"):
        for k in (64, 128):
            size = {"data": data, "n_components": k} | train | {"threads": 2, "steps": 6}
            yield Row(f"threads-als-{data}-{k}", "als", both, goals, **size)
    exact = train | {"rival": "implicit-cholesky", "solver": "cholesky"}
    goals = (Goal("implicit-cholesky", 3.5, "epoch"),)
    for data, k, steps in (
        ("gowalla", 64, 4),
        ("gowalla", 128, 3),
        ("lastfm", 64, 4),
        ("power", 64, 2),
    ):
        size = exact | {"data": data, "n_components": k, "steps": steps}
        sides = (OURS, "implicit-cholesky", *(["cmfrec-cholesky"] if data == "lastfm" else ()))
        yield Row(f"exact-{data}-{k}", "als", sides, goals, **size)
    size = exact | {"data": "gowalla", "steps": 4, "threads": 2}
    yield Row("threads-exact-gowalla-64", "als", (OURS, ONE, "implicit-cholesky"), **size)


def _ratings():
    """Yield explicit alternating least squares beside all who factorise ratings."""
    goals = (Goal("cmfrec", 3.5, "epoch"),)
    sides = (OURS, "sparsekit-cholesky", "cmfrec", "cmfrec-cholesky", "libmf")
    small = (*sides, "surprise")
    for data, k, alpha, who in (
        ("jester", 16, 0.3, small),
        ("ratings", 64, 0.05, small),
        ("power-ratings", 64, 0.05, (OURS, "cmfrec", "libmf")),
    ):
        size = {"data": data, "n_components": k, "alpha": alpha, "rival": "cmfrec", "steps": 15}
        yield Row(f"ratings-{data}-{k}", "ratings", who, goals, **size)
    two = (OURS, ONE, "cmfrec", "libmf")
    size = {"n_components": 64, "alpha": 0.05, "rival": "cmfrec", "threads": 2}
    for data in ("ratings", "power-ratings"):
        yield Row(f"threads-ratings-{data}-64", "ratings", two, data=data, **size)
    yield Row("gibbs-jester-16", "gibbs", (OURS, "myfm"), data="jester", n_components=16, steps=40)


def _rankings():
    """Yield stochastic descent on pairs."""
    for data, threads in (("lastfm", 1), ("gowalla", 1), ("gowalla", 2)):
        name = f"{'threads-' if threads > 1 else ''}bpr-{data}-64"
        sides = (OURS, ONE if threads > 1 else "sparsekit-4", "implicit")
        goals = (Goal("implicit", EQUAL, "epoch"),)
        yield Row(name, "bpr", sides, goals, data, steps=40, threads=threads)


def _columns():
    """Yield models of columns by columns."""
    for data in ("lastfm", "ratings-seen", "gowalla"):
        goals = (Goal("sklearn", 6.0),)
        yield Row(f"slim-{data}", "slim", (OURS, "sklearn"), goals, data, steps=20)
    size = {"data": "gowalla", "threads": 2}
    yield Row("threads-slim-gowalla", "slim", (OURS, ONE), **size)
    for data in ("lastfm", "ratings-seen"):
        yield Row(f"ease-{data}", "ease", (OURS, "numpy"), (Goal("numpy", 2.0),), data, alpha=200.0)


def _kernels():
    """Yield products, transposition, and the largest entries of a product."""
    mkl, scipy = "sparse_dot_mkl", "scipy"
    products = (
        ("spmm", (mkl, scipy), (Goal(mkl, 1.2),)),
        ("spmm-transposed", (mkl, scipy), (Goal(scipy, EQUAL),)),
        ("sddmm", ("numpy", "numpy-blocks"), (Goal("numpy", 20.0),)),
        ("spmv", (mkl, scipy), (Goal(scipy, EQUAL),)),
        ("csc", (scipy,), (Goal(scipy, EQUAL),)),
    )
    for threads in (1, 2):
        beginning = "threads-" if threads > 1 else ""
        for task, peers, goals in products:
            # MKL's product is to be beaten with two threads; with one it is shown.
            judged = () if task == "spmm" and threads == 1 else goals
            ours = (OURS, ONE) if threads > 1 else (OURS,)
            for data in ("power", "gowalla"):
                name, size = f"{beginning}{task}-{data}", {"data": data, "threads": threads}
                yield Row(name, task, (*ours, *peers), judged, **size)
    for data in ("lastfm", "ratings-seen"):
        yield Row(f"gram-{data}", "gram", (OURS, mkl, scipy), (Goal(scipy, EQUAL),), data)
    for threads, factor in ((1, 1.4), (2, EQUAL)):
        beginning = "threads-" if threads > 1 else ""
        ours = (OURS, ONE) if threads > 1 else (OURS,)
        size = {"data": "gowalla", "threads": threads}
        goals = (Goal("implicit", factor),)
        yield Row(f"{beginning}top-gowalla-64", "top", (*ours, "implicit"), goals, **size)
        yield Row(f"{beginning}recommend-gowalla-64", "recommend", (*ours, "implicit"), **size)


def _memory():
    """Yield peaks of memory, each side in a process of its own."""
    goals = (Goal("implicit", 1 / 1.2, "memory"),)
    size = {"data": "power", "steps": 2, "alpha": 5.0}
    yield Row("memory-power-64", "memory", (OURS, "implicit", "cmfrec"), goals, **size)
    size |= {"threads": 2}
    yield Row("threads-memory-power-64", "memory", (OURS, "implicit", "cmfrec"), goals, **size)


def _quality():
    """Yield how well tuned models recommend, beside what was published."""
    names = ("implicit", "implicit-best", "slim", "ease", "bpr")
    models = tuple(f"sparsekit-{name}" for name in names)
    yield Row("quality-gowalla", "quality", models, data="gowalla", threads=2)


def _svd():
    for row in svd_rows().values():
        # TruncatedSVD's defaults are five power iterations; PCA's for sparse data is ARPACK.
        peers = ("sklearn-arpack",) if row.center else ("sklearn-5",)
        goals = tuple(Goal(peer, 1.6) for peer in peers)
        sides = (OURS, *peers)
        yield Row(row.name, "svd", sides, goals, row.data, row.n_components, threads=row.threads)


ROWS: dict[str, Row] = {
    row.name: row
    for row in (
        *_sweeps(),
        *_ratings(),
        *_rankings(),
        *_columns(),
        *_kernels(),
        *_memory(),
        *_quality(),
        *_svd(),
        Row("first-call", "start", (OURS, "implicit", "cmfrec", "sklearn")),
    )
}
