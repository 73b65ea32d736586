"""Score a path of strengths on every fold, and choose among them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring

from sparsekit._parallel import run_tasks
from sparsekit.linear_model._base import SparseLinearModel, TrainingData
from sparsekit.linear_model._predictors import SparseClassifier
from sparsekit.linear_model._reporting import without_coef
from sparsekit.solvers import FoldProducts, Problem, Solution, solve_folds

Split = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Folds:
    """The folds of one cross-validation, what serves all of them, and how each fit ended.

    Parameters
    ----------
    splits : sequence of (train, test) index arrays
        Rows of each fold.
    n_jobs : int or None
        Threads.
    products : FoldProducts, default=None
        Products that serve every penalty.
    solutions : list of Solution
        Filled as folds are solved; without coefficients.
    """

    splits: Sequence[Split]
    n_jobs: int | None
    products: FoldProducts | None = None
    solutions: list[Solution] = field(default_factory=list)

    def solve(
        self, problem: Problem, model: SparseLinearModel, alphas: np.ndarray, **options: Any
    ) -> np.ndarray:
        """Return the scores of `solve_folds`, and keep how each fit ended."""
        settings = {"splits": self.splits, "n_jobs": self.n_jobs, "products": self.products}
        return solve_folds(
            problem,
            alphas=alphas,
            tol=model.tol,
            max_iter=model.max_iter,
            watch=lambda solution: self.solutions.append(without_coef(solution)),
            **(settings | options),
        )


def squared_errors(
    model: SparseLinearModel, data: TrainingData, folds: Folds, alphas: np.ndarray
) -> np.ndarray:
    """Return the weighted mean squared error of shape (n_alphas, n_folds)."""
    (problem,) = model._problems(data)
    return folds.solve(problem, model, alphas)


def classification_scores(
    model: SparseLinearModel, data: TrainingData, folds: Folds, alphas: np.ndarray, scoring: Any
) -> np.ndarray:
    """Return a score of shape (n_alphas, n_folds).

    Fold by fold, because a score of several classes needs the predictors of all of them at once,
    and weights without the factors of `class_weight`.
    """
    score = fold_scorer(scoring, data)
    problems = model._problems(data)

    def score_split(split: Split) -> list[float]:
        predictors = [_test_predictors(p, split, alphas, model, folds) for p in problems]
        eta = np.stack(predictors, axis=-1)
        return [score(eta[i], split[1]) for i in range(len(alphas))]

    for train, _ in folds.splits:
        _refuse_missing_class(data, train)
    return np.column_stack(run_tasks(score_split, folds.splits, folds.n_jobs))


def fold_scorer(scoring: Any, data: TrainingData) -> Callable[[np.ndarray, np.ndarray], float]:
    """Return a function of linear predictors and test rows."""
    judge = PredictorsAsModel(data.attributes["classes_"])
    weight = data.sample_weight
    if scoring == "neg_log_loss":
        # scikit-learn's own scorer refuses a fold where a class is absent.
        def log_likelihood(eta: np.ndarray, test: np.ndarray) -> float:
            of_truth = judge.predict_log_proba(eta)[np.arange(len(test)), data.y[test]]
            return float(np.average(of_truth, weights=None if weight is None else weight[test]))

        return log_likelihood

    scorer = check_scoring(judge, scoring=scoring)
    labels = judge.classes_[data.y]

    def by_scorer(eta: np.ndarray, test: np.ndarray) -> float:
        weights = {} if weight is None else {"sample_weight": weight[test]}
        return scorer(judge, eta, labels[test], **weights)

    return by_scorer


class PredictorsAsModel(SparseClassifier, SparseLinearModel):
    """Fitted classifier whose X is the linear predictor already, for scikit-learn's scorers."""

    def __init__(self, classes: np.ndarray):
        self.classes_ = classes

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "PredictorsAsModel":
        """Return the model as it is."""
        return self

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """Return X."""
        return X.ravel() if X.shape[1] == 1 else X

    def __sklearn_is_fitted__(self) -> bool:
        return True


def choose_strengths(errors: np.ndarray) -> tuple[int, int]:
    """Return the place of the least mean error, and of the largest strength within one SE of it.

    Parameters
    ----------
    errors : ndarray of shape (n_alphas, n_folds)
        By falling strength; small is good.
    """
    mean, standard_error = mean_and_error(errors)
    best = int(np.argmin(mean))
    return best, int(np.argmax(mean <= mean[best] + standard_error[best]))


def mean_and_error(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean over the folds and its standard error, zero where there is one fold."""
    n_folds = scores.shape[1]
    deviation = scores.std(axis=1, ddof=1) if n_folds > 1 else np.zeros(len(scores))
    return scores.mean(axis=1), deviation / np.sqrt(n_folds)


def _test_predictors(
    problem: Problem, split: Split, alphas: np.ndarray, model: SparseLinearModel, folds: Folds
) -> np.ndarray:
    """Return the linear predictors of the test rows, of shape (n_alphas, n_test)."""
    predictors = []

    def keep(y: np.ndarray, eta: np.ndarray, weight: np.ndarray) -> float:
        predictors.append(np.array(eta))
        return 0.0

    folds.solve(problem, model, alphas, splits=[split], n_jobs=1, score=keep)
    return np.array(predictors)


def _refuse_missing_class(data: TrainingData, train: np.ndarray) -> None:
    """Raise ValueError where a class has no sample on the training side of a fold."""
    classes = data.attributes["classes_"]
    weight = None if data.objective_weight is None else data.objective_weight[train]
    counts = np.bincount(data.y[train], weights=weight, minlength=len(classes))
    if not counts.all():
        raise ValueError(
            f"The training side of a fold holds no sample of class {classes[counts == 0][0]!r}. "
            "Use fewer folds, a stratified splitter, or drop rare classes."
        )
