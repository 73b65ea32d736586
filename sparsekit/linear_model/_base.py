"""The one fit of every linear model: read the input, solve, dress the solution."""

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sparsekit._sklearn import (
    CallbackSupportMixin,
    Integral,
    Interval,
    Real,
    as_configured_sparse,
    open_callback_context,
    with_callbacks,
)
from sparsekit._validation import (
    check_alphas,
    check_parameters,
    check_penalty_strength,
    unchanged_on_error,
)
from sparsekit.linear_model._reporting import (
    is_one_of_many,
    iteration_listener,
    warn_all_zero,
    warn_unconverged,
    without_coef,
)
from sparsekit.matrix import as_design
from sparsekit.solvers import FoldProducts, Problem, Solution, Start, solve, solve_path

COMMON_CONSTRAINTS: dict[str, list] = {
    "fit_intercept": ["boolean"],
    "feature_weights": ["array-like", None],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "tol": [Interval(Real, 0, None, closed="neither")],
    "verbose": ["verbose"],
}


@dataclass(frozen=True)
class TrainingData:
    """What one fit works on, checked: X, and one vector of targets per output."""

    X: np.ndarray | sparse.csc_array
    y: np.ndarray
    targets: tuple[np.ndarray, ...]
    sample_weight: np.ndarray | None
    objective_weight: np.ndarray | None
    feature_weight: np.ndarray | None
    attributes: dict[str, Any]
    n_jobs: int | None = None

    @cached_property
    def design(self) -> Any:
        """X as the solvers see it."""
        return as_design(self.X, self.n_jobs)


class SparseLinearModel(CallbackSupportMixin, BaseEstimator):
    """Linear model with a sparse penalty; subclasses say `_loss` and `_penalty`.

    What surrounds the coefficients (reading y, their shapes, prediction) comes from the mixins of
    `_predictors.py`.
    """

    def _loss(self) -> Any:
        """Return the loss of one output."""
        raise NotImplementedError

    def _penalty(self) -> Any:
        """Return the penalty of one output."""
        raise NotImplementedError

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Training data. Sparse X of any format and index width is accepted and never made
            dense; compressed sparse columns, like dense float32 or float64, are not even copied.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Target values or class labels.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Non-negative weights. The objective is divided by their sum.

        Returns
        -------
        self : object
            The fitted model.
        """
        check_parameters(self)
        check_penalty_strength(self, self.alpha, self._unpenalised_twin)
        return self._fit(X, y, sample_weight)

    @available_if(lambda self: hasattr(self, "alpha"))
    def fit_path(
        self,
        X: ArrayLike,
        y: ArrayLike,
        alphas: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> Iterator[Self]:
        """Fit one model per penalty strength, each started from a stronger one's solution.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Target values or class labels.
        alphas : array-like of shape (n_alphas,)
            Penalty strengths in any order; falling order needs least memory.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Non-negative weights.

        Returns
        -------
        models : iterator of estimators
            Fitted copies of this model, one per strength in the order of `alphas`; this model
            itself stays as it is. In falling order each is solved when asked for.
        """
        check_parameters(self)
        alphas = check_alphas(alphas)
        model = clone(self)
        data = model._read(X, y, sample_weight)
        return model._walk(data, alphas)

    @property
    def sparse_coef_(self) -> sparse.csr_array | sparse.csr_matrix:
        """Coefficients as a sparse matrix of shape (n_outputs, n_features)."""
        check_is_fitted(self)
        return as_configured_sparse(sparse.csr_array(np.atleast_2d(self.coef_)))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coef_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @with_callbacks
    def _fit(self, X: Any, y: Any, sample_weight: Any, **solve_options: Any) -> Self:
        """Read, solve and store; an error on the way leaves the model as it was."""
        with unchanged_on_error(self):
            data = self._read(X, y, sample_weight)
            hook_arguments = {"X": X, "y": y, "metadata": {"sample_weight": sample_weight}}
            fitted = self._solve(data, hook_arguments, **solve_options)
        for name, value in fitted.items():
            setattr(self, name, value)
        return self

    def _solve(self, data: TrainingData, hook_arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the attributes of the model fitted at its one strength."""
        problems = self._problems(data)
        context = open_callback_context(self, max_subtasks=len(problems))
        context.call_on_fit_task_begin(estimator=self, **hook_arguments)
        solutions = [
            self._solve_output(problem, start, context, hook_arguments)
            for problem, start in zip(problems, self._starts(data))
        ]
        fitted = self._dress(data, solutions)
        warn_unconverged(self, solutions)
        if not is_one_of_many(context):
            warn_all_zero(solutions, problems, self.alpha)
        context.call_on_fit_task_end(
            estimator=self, reconstruction_attributes=fitted, **hook_arguments
        )
        return fitted

    def _solve_output(
        self, problem: Problem, start: Start | None, context: Any, hook_arguments: dict[str, Any]
    ) -> Solution:
        """Solve the problem of one output as a task of its own."""
        task = context.subcontext(task_name="output", max_subtasks=None)
        task.call_on_fit_task_begin(estimator=self, **hook_arguments)
        listener = iteration_listener(self, task, hook_arguments)
        solution = solve(
            problem, start=start, tol=self.tol, max_iter=self.max_iter, callback=listener
        )
        task.call_on_fit_task_end(estimator=self, **hook_arguments)
        return solution

    def _problems(self, data: TrainingData) -> list[Problem]:
        """Return one problem per output, all of them on one shared design."""
        return [
            Problem(
                data.design,
                target,
                self._loss(),
                self._penalty(),
                sample_weight=data.objective_weight,
                feature_weight=data.feature_weight,
                fit_intercept=self.fit_intercept,
            )
            for target in data.targets
        ]

    def _starts(self, data: TrainingData) -> Sequence[Start | None]:
        """Return where to start each output: the last fit if it is wanted and fits, or nowhere."""
        shape = len(data.targets), data.X.shape[1]
        if not self.warm_start or not hasattr(self, "coef_"):
            return [None] * shape[0]
        coef = np.atleast_2d(self.coef_).astype(np.float64)
        intercept = np.broadcast_to(np.asarray(self.intercept_, dtype=np.float64), shape[:1])
        if coef.shape != shape:
            return [None] * shape[0]
        if getattr(self, "positive", False):
            coef = np.maximum(coef, 0.0)
        return [Start(w, float(b)) for w, b in zip(coef, intercept)]

    def _path_points(
        self,
        data: TrainingData,
        alphas: np.ndarray,
        start: Start | None = None,
        products: FoldProducts | None = None,
    ) -> Iterator[tuple[Solution, ...]]:
        """Solve along falling strengths; yield the solutions of all outputs at each."""
        paths = [
            solve_path(
                problem,
                alphas,
                start=start,
                tol=self.tol,
                max_iter=self.max_iter,
                products=products,
            )
            for problem in self._problems(data)
        ]
        return zip(*paths)

    def _walk(self, data: TrainingData, alphas: np.ndarray) -> Iterator[Self]:
        """Yield fitted copies in the order of `alphas`, solving along falling strengths."""
        falling = np.unique(alphas)[::-1]
        points = zip(falling, self._path_points(data, falling))
        last_use = {alpha: place for place, alpha in enumerate(alphas)}
        waiting: dict[float, dict[str, Any]] = {}
        solutions: list[Solution] = []
        for place, alpha in enumerate(alphas):
            while alpha not in waiting:
                reached, point = next(points)
                waiting[reached] = self._dress(data, point)
                solutions += [without_coef(solution) for solution in point]
            model = copy(self)
            model.alpha = float(alpha)
            vars(model).update(waiting[alpha])
            if last_use[alpha] == place:
                del waiting[alpha]
            yield model
        warn_unconverged(self, solutions, stacklevel=3)

    def _dress(self, data: TrainingData, solutions: Sequence[Solution]) -> dict[str, Any]:
        """Return the fitted attributes that the solutions of all outputs make."""
        dtype = data.X.dtype
        return data.attributes | self._shaped(
            data,
            coef=np.array([solution.coef for solution in solutions], dtype=dtype),
            intercept=np.array([solution.intercept for solution in solutions], dtype=dtype),
            n_iter=np.array([solution.n_iter for solution in solutions]),
            dual_gap=np.array([solution.gap for solution in solutions]),
        )

    def _read(self, X: Any, y: Any, sample_weight: Any) -> TrainingData:
        """Check the input and sort it into targets; by the predictor mixins."""
        raise NotImplementedError

    def _shaped(self, data: TrainingData, **arrays: np.ndarray) -> dict[str, Any]:
        """Return arrays over outputs in the shapes of scikit-learn; by the predictor mixins."""
        raise NotImplementedError
