"""What is measured: one line per row of the table, with the factor the project set itself."""

from dataclasses import dataclass

LASSO = ("sparsekit", "skglm", "celer", "sklearn")
GRAM = (*LASSO, "sklearn-gram")
LOGISTIC = ("sparsekit", "skglm", "celer", "liblinear")
# scikit-learn's path function fits no intercept on sparse data.
PATHS = ("sparsekit", "celer", "skglm")
# PathGridSearchCV, then the stock search over the same estimator and over scikit-learn's.
SEARCHES = ("sparsekit", "sparsekit-grid", "sklearn-grid")


@dataclass(frozen=True)
class Row:
    """One measurement of all solvers.

    Parameters
    ----------
    name : str
        Key for ``--rows``; a prefix ending where the digits begin selects the family.
    task : str
        Key of `TASKS` in ``_tasks.py``.
    problem : str
        Key of `PROBLEMS` in ``_problems.py``.
    solvers : tuple of str
        Keys of `SOLVERS`, or what the task knows.
    fraction : float
        Strength is alpha_max divided by this.
    loss : str
    fit_intercept : bool
    goal : float or None
        Fastest peer's seconds over ours that the project wants at gap 1e-6; None where it set none.
    rival : str or None
        The one peer that the goal names; None for the fastest of all.
    patience : float
        What the CPU seconds allowed per solver and row are multiplied by.
    """

    name: str
    task: str
    problem: str
    solvers: tuple[str, ...]
    fraction: float = 1.0
    loss: str = "quadratic"
    fit_intercept: bool = True
    goal: float | None = None
    rival: str | None = None
    patience: float = 1.0


def _fits(problem, goals, solvers=LASSO):
    return [
        Row(f"{problem}{fraction}", "fit", problem, solvers, fraction, goal=goal)
        for fraction, goal in goals.items()
    ]


def _logistic(problem, goals):
    return [
        Row(f"{problem}-log{fraction}", "fit", problem, LOGISTIC, fraction, "logistic", False, goal)
        for fraction, goal in goals.items()
    ]


ROWS: dict[str, Row] = {
    row.name: row
    for row in (
        *_fits("text", {2: None, 10: 2.0, 100: 1.5}),
        *_fits("zipf", {10: 2.0, 100: 1.5}),
        *_fits("rcv1", {10: None, 100: None}),
        *_fits("genes", {10: 1.5, 100: 2.0, 1000: None}),
        *_fits("riboflavin", {10: None, 100: None}),
        *_fits("tall", {2: None, 10: 1.4, 100: 1.0}, GRAM),
        *_fits("corr", {2: None, 10: 1.4, 100: 1.0}),
        *_fits("onehot", {10: None, 100: 2.0}),
        *_logistic("text", {2: None, 10: 1.7, 30: 1.7}),
        *_logistic("zipf", {10: 1.7, 30: 1.7}),
        Row("text-path", "path", "text", PATHS, 100, goal=10.0, rival="celer", patience=6.0),
        Row("zipf-path", "path", "zipf", PATHS, 100, goal=10.0, rival="celer", patience=6.0),
        Row("tall-cv", "cv", "tall", ("sparsekit", "sklearn"), goal=8.0, patience=2.0),
        Row("sparse-grid", "grid", "sparse", LASSO, goal=1.0, patience=2.0),
        Row("sms-pipeline", "pipeline", "sms", SEARCHES, goal=3.0, patience=2.0),
        Row("first-fit", "start", "toy", LASSO),
    )
}
