"""The kinds of measurement: one fit, a path, cross-validation, searches, a process's first fit.

A task is a generator: it yields one record per run, and last a record with ``"result": True``.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from benchmarks._ladder import Ladder
from benchmarks._measure import PeakMemory, cpu_seconds
from benchmarks._problems import Case, documents, load_problem
from benchmarks._quality import alpha_max, relative_gap
from benchmarks._rows import Row
from benchmarks._solvers import SOLVERS
from benchmarks._start import first_fit

# The rows beyond one fit are judged at this gap.
GOOD = 1e-6
# A path is too long to begin at 1e-2. Others' tolerances are relative gaps up to a factor of two;
# skglm's is a violation of the optimality conditions.
PATH_FIRST_TOL = {"skglm": 1e-5}


@dataclass(frozen=True)
class Effort:
    """How much to spend: tiny problems, timings per run, CPU seconds per solver and row."""

    tiny: bool = False
    repeat: int = 3
    budget: float = 60.0


def run_task(row: Row, solver: str, effort: Effort) -> Iterator[dict]:
    """Yield the records of `solver` on `row`."""
    with warnings.catch_warnings():
        # Loose tolerances and small budgets are the point here; the gap is what judges.
        warnings.simplefilter("ignore")
        yield from TASKS[row.task](row, solver, effort)


def _compile(solver, case, row):
    """Import and compile what the solver needs, on a tiny problem of the same kind."""
    tiny = load_problem("sparse" if sparse.issparse(case.X) else "corr", tiny=True)
    y = np.sign(tiny.y) if row.loss == "logistic" else tiny.y
    alpha = alpha_max(tiny.X, y, row.loss, row.fit_intercept) / row.fraction
    solver.fit(tiny.X, y, alpha, 1e-8, row.loss, row.fit_intercept)


def _fit(row, solver_name, effort):
    solver = SOLVERS[solver_name]
    case = load_problem(row.problem, effort.tiny)
    X, y = case.X, case.y
    alpha = alpha_max(X, y, row.loss, row.fit_intercept) / row.fraction
    supports = []

    def judge(coef):
        supports.append(int(np.count_nonzero(coef)))
        return relative_gap(X, y, coef, alpha, row.loss, row.fit_intercept)

    _compile(solver, case, row)
    memory = PeakMemory()
    # A problem's size may choose kernels that the tiny one did not.
    solver.fit(X, y, alpha, 1e-2, row.loss, row.fit_intercept)
    ladder = Ladder(
        fit=lambda tol: solver.fit(X, y, alpha, tol, row.loss, row.fit_intercept),
        gap=judge,
        budget=effort.budget,
        repeat=effort.repeat,
    )
    yield from ladder.climb()
    best = int(np.argmin([run["gap"] for run in ladder.runs]))
    yield _result(case, ladder, memory, support=supports[best])


def _result(case, ladder, memory, **more):
    return {
        "result": True,
        "times": ladder.times(),
        "tightest_gap": min(run["gap"] for run in ladder.runs),
        "peak_mib": memory.above_base(),
        "data": f"{case.describe()}; {case.source}",
        **more,
    }


def _grid(case, fraction, n_alphas):
    top = alpha_max(case.X, case.y)
    return top * np.geomspace(1.0, 1.0 / fraction, n_alphas)


def _path(row, solver_name, effort):
    solver = SOLVERS[solver_name]
    case = load_problem(row.problem, effort.tiny)
    alphas = _grid(case, row.fraction, 10 if effort.tiny else 100)
    tiny = load_problem("sparse", tiny=True)
    solver.path(tiny.X, tiny.y, _grid(tiny, 10, 5), 1e-6)
    memory = PeakMemory()
    ladder = Ladder(
        fit=lambda tol: solver.path(case.X, case.y, alphas, tol),
        gap=lambda coefs: _worst_gap(case, coefs, alphas),
        targets=(GOOD,),
        first_tol=PATH_FIRST_TOL.get(solver_name, 0.5 * GOOD),
        budget=effort.budget * row.patience,
        repeat=effort.repeat,
    )
    yield from ladder.climb()
    yield _result(case, ladder, memory)


def _worst_gap(case, coefs, alphas):
    columns = (coefs[:, k] for k in range(len(alphas)))
    dense = (c.toarray() if hasattr(c, "toarray") else c for c in columns)
    pairs = zip(dense, alphas, strict=True)
    return max(relative_gap(case.X, case.y, coef, alpha) for coef, alpha in pairs)


def _cv(row, solver_name, effort):
    case = load_problem(row.problem, effort.tiny)
    estimator = _cv_estimator(solver_name)
    alphas = _grid(case, 1000, 10 if effort.tiny else 100)
    tiny = load_problem(row.problem, tiny=True)
    estimator(1e-6, _grid(tiny, 1000, 10)).fit(tiny.X, tiny.y)
    memory = PeakMemory()
    fits = []
    ladder = Ladder(
        fit=lambda tol: fits.append(estimator(tol, alphas).fit(case.X, case.y)) or fits[-1],
        gap=lambda fit: relative_gap(case.X, case.y, fit.coef_, fit.alpha_),
        targets=(1e-4, GOOD),
        first_tol=1e-4,
        budget=effort.budget * row.patience,
        repeat=effort.repeat,
    )
    yield from ladder.climb()
    curve = fits[-1].mse_path_.mean(axis=1)
    best = int(np.argmin(np.abs(alphas - fits[-1].alpha_)))
    chosen = f"alpha {best} of {len(alphas)}, mse {curve.min():.8g}"
    yield _result(case, ladder, memory, chosen=chosen)


def _cv_estimator(solver_name):
    if solver_name == "sparsekit":
        from sparsekit.linear_model import LassoCV

        return lambda tol, alphas: LassoCV(alphas=alphas, cv=5, tol=tol)
    from sklearn.linear_model import LassoCV

    return lambda tol, alphas: LassoCV(alphas=alphas, cv=5, tol=tol, max_iter=100_000)


def _search(row, solver_name, effort):
    """Time GridSearchCV over 100 strengths and 5 folds, at a tolerance found on three of them."""
    from sklearn.model_selection import GridSearchCV

    solver = SOLVERS[solver_name]
    case = load_problem(row.problem, effort.tiny)
    alphas = _grid(case, 100, 10 if effort.tiny else 100)
    probes = alphas[[len(alphas) // 5, len(alphas) // 2, -1]]
    _compile(solver, case, Row("", "fit", row.problem, (), 10))
    memory = PeakMemory()
    ladder = Ladder(
        fit=lambda tol: np.array([solver.fit(case.X, case.y, a, tol) for a in probes]).T,
        gap=lambda coefs: _worst_gap(case, coefs, probes),
        targets=(GOOD,),
        budget=effort.budget * row.patience,
        repeat=1,
    )
    # What these runs cost is not what the row is about.
    yield from ({**run, "probe": True} for run in ladder.climb())
    times = ladder.times()
    if not times:
        yield _result(case, ladder, memory)
        return
    tol = times[f"{GOOD:.0e}"]["tol"]
    estimator = solver.make["quadratic"](1.0, tol, len(case.y), True)
    search = GridSearchCV(estimator, {"alpha": alphas}, cv=5)
    timed = Ladder(
        fit=lambda _: search.fit(case.X, case.y),
        gap=lambda _: times[f"{GOOD:.0e}"]["gap"],
        targets=(GOOD,),
        first_tol=tol,
        repeat=effort.repeat,
    )
    yield from timed.climb()
    chosen = f"alpha {search.best_index_}, r2 {search.best_score_:.6f}"
    yield _result(case, timed, memory, chosen=chosen)


def _pipeline(row, solver_name, effort):
    """Time a search over a text pipeline, words to coefficients, at one tolerance for all."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline

    package, _, stock = solver_name.partition("-")
    texts, y = documents(150 if effort.tiny else 2000)
    X = TfidfVectorizer().fit_transform(texts).tocsc()
    alphas = _grid(Case(row.name, X, y, ""), 100, 5 if effort.tiny else 100)
    search_class = GridSearchCV
    if not stock:
        from sparsekit.model_selection import PathGridSearchCV as search_class
    lasso = SOLVERS[package].make["quadratic"](1.0, GOOD, len(y), True)
    pipeline = make_pipeline(TfidfVectorizer(), lasso)
    lasso.set_params(alpha=alphas[-1]).fit(X, y)
    memory = PeakMemory()
    search = search_class(pipeline, {f"{pipeline.steps[-1][0]}__alpha": alphas}, cv=5)
    run = {"tol": GOOD, "seconds": cpu_seconds(lambda: search.fit(texts, y))[0]}
    yield run
    time = {"best": run["seconds"], "median": run["seconds"], "tol": GOOD, "gap": None}
    yield {
        "result": True,
        "times": {f"{GOOD:.0e}": time},
        "peak_mib": memory.above_base(),
        "data": f"{len(texts)} texts, {X.shape[1]} words, {len(alphas)} strengths, 5 folds",
        "chosen": f"alpha {search.best_index_}, r2 {search.best_score_:.6f}",
    }


def _start(row, solver_name, effort):
    yield {"result": True, "times": {}, "start": first_fit(solver_name), "data": "50 x 200"}


TASKS = {
    "fit": _fit,
    "path": _path,
    "cv": _cv,
    "grid": _search,
    "pipeline": _pipeline,
    "start": _start,
}
