"""GridSearchCV whose candidates are walked as warm-started paths."""

from collections.abc import Callable, Iterable, Mapping
from time import perf_counter
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.model_selection import BaseCrossValidator, GridSearchCV, ParameterGrid, check_cv
from sklearn.utils import get_tags, indexable
from sklearn.utils.parallel import Parallel

from sparsekit._sklearn import (
    CallbackSupportMixin,
    MultimetricScorer,
    StrOptions,
    fit_context,
    insert_error_scores,
    report_fit_failures,
    select_method_params,
)
from sparsekit._validation import check_sparse_structure
from sparsekit.model_selection._candidates import (
    Plan,
    configured,
    last_step,
    path_groups,
    plan_paths,
)
from sparsekit.model_selection._evaluation import Evaluation
from sparsekit.model_selection._fold import Data, Result, Split
from sparsekit.model_selection._one_se import sparsest_within_one_se


class PathGridSearchCV(GridSearchCV, CallbackSupportMixin):
    """Search a grid exhaustively, along one warm-started path per fold.

    A drop-in for :class:`sklearn.model_selection.GridSearchCV`: same parameters, same candidates
    in the same order, same layout of ``cv_results_``, same scores within the solver's `tol`. What
    differs is the work. Candidates that agree in everything but ``alpha`` of the last step (of
    the pipeline, nested or not, or of the bare estimator) form a path: on each fold the steps
    before the last are fitted once, the last step's ``fit_path(X, y, alphas, **fit_params)`` fits
    all strengths, each from its stronger neighbour's solution, and every point is scored by the
    usual scorers. Paths that differ in parameters of the last step alone share the fitted steps.
    Estimators without ``fit_path``, and values of ``alpha`` that are not finite numbers of at
    least 0, are fitted one by one, as `GridSearchCV` does.

    Parameters
    ----------
    estimator : estimator object
        Estimator, or pipeline that ends in one. Needs a ``score`` method, unless `scoring` is
        given.

    param_grid : dict or list of dict
        Names of parameters with the values to try; a list holds several grids.

    scoring : str, callable, list, tuple or dict, default=None
        Metric or metrics, as in `GridSearchCV`; None means the estimator's ``score``. A scorer is
        handed what `GridSearchCV` would hand it: the whole fitted pipeline and the untransformed
        rows of the fold. Transforming these rows is done once per fold and remembered; rows that
        a scorer selects or changes are transformed afresh. A scorer must not alter the estimator.

    n_jobs : int, default=None
        Number of jobs. None means 1 unless in a :obj:`joblib.parallel_config` context, -1 all
        processors. A job takes all paths on one fold that share the steps before the last.

    refit : bool, str or callable, default=True
        Whether, and with several metrics by which of them, to fit the chosen candidate on all
        data; a callable takes ``cv_results_`` and returns the index to choose.

    cv : int, cross-validation generator or iterable, default=None
        Splits, as in `GridSearchCV`; None means 5 folds.

    verbose : int, default=0
        1 announces the search, 2 prints a line per candidate and fold, 3 adds its fold and
        score, 10 its place in the grid.

    pre_dispatch : int or str, default='2*n_jobs'
        Number of jobs dispatched ahead, as in `GridSearchCV`.

    error_score : 'raise' or float, default=nan
        Score of a candidate whose fit fails. A path that fails is taken up again one candidate
        at a time, so that one candidate's failure leaves the others' scores alone.

    return_train_score : bool, default=False
        Whether ``cv_results_`` holds the scores on the training rows too.

    cv_rule : {'min', '1se'}, default='min'
        Choice among the candidates. 'min' takes the best mean score. '1se' takes the sparsest
        model within one standard error of it: among the candidates that share all parameters but
        ``alpha`` with the best one, the largest ``alpha`` whose mean score is at least
        ``best - std(best, ddof=1) / sqrt(n_splits)``, with the standard deviation over the folds.
        Of equal ``alpha`` it takes the better mean score, then the earlier candidate. With
        several metrics, the one named by `refit` counts.

    Attributes
    ----------
    cv_results_ : dict of ndarray
        As in `GridSearchCV`. The points of a path share its time equally, and all points that
        share fitted steps share the time of these steps: ``mean_fit_time`` is the time spent
        divided among candidates, not what one would cost alone.

    best_index_ : int
        Chosen candidate, by `cv_rule`.

    best_index_min_ : int
        Candidate of the best mean score. Absent where `refit` is a callable.

    best_index_1se_ : int
        Candidate that the one-standard-error rule takes. Absent where `refit` is a callable, or
        where the grid does not hold ``alpha`` of the last step.

    best_params_ : dict
        Parameters of the chosen candidate.

    best_score_ : float
        Mean score of the chosen candidate. Absent where `refit` is a callable.

    best_estimator_ : estimator
        Chosen candidate, fitted on all data. Absent with ``refit=False``.

    refit_time_ : float
        Seconds that this last fit took.

    scorer_ : callable or dict
        Scorer, or scorers by name.

    n_splits_ : int
        Number of folds.

    multimetric_ : bool
        Whether there are several metrics.

    classes_ : ndarray of shape (n_classes,)
        Class labels, where the chosen estimator is a fitted classifier.

    n_features_in_ : int
        Number of features, where the chosen estimator knows it.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where the chosen estimator knows them.

    See Also
    --------
    sklearn.model_selection.GridSearchCV : The same search, every candidate from scratch.

    Notes
    -----
    Where scikit-learn has callbacks (1.9 and later), the tasks are those of `GridSearchCV`: one
    per candidate and fold. A task on a path begins when the point is fitted and ends when it is
    scored; the estimators on it are not handed the callbacks, for they have no fit of their own.

    References
    ----------
    Friedman, Hastie, Tibshirani (2010), "Regularization paths for generalized linear models via
    coordinate descent".

    Hastie, Tibshirani, Friedman (2009), "The elements of statistical learning", section 7.10, for
    the one-standard-error rule.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sparsekit.datasets import make_sparse_regression
    >>> from sparsekit.linear_model import Lasso
    >>> from sparsekit.model_selection import PathGridSearchCV
    >>> X, y = make_sparse_regression(n_informative=5, snr=5, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), Lasso())
    >>> grid = {"lasso__alpha": np.geomspace(1, 0.03, 10)}
    >>> for rule in ("min", "1se"):
    ...     search = PathGridSearchCV(pipeline, grid, cv_rule=rule).fit(X, y)
    ...     print(rule, int((search.best_estimator_[-1].coef_ != 0).sum()))
    min 17
    1se 7
    """

    _parameter_constraints: dict = {
        **GridSearchCV._parameter_constraints,
        "cv_rule": [StrOptions({"min", "1se"})],
    }

    def __init__(
        self,
        estimator: BaseEstimator,
        param_grid: Mapping[str, Iterable] | list[Mapping[str, Iterable]],
        *,
        scoring: str | Callable | list | tuple | dict | None = None,
        n_jobs: int | None = None,
        refit: bool | str | Callable = True,
        cv: int | BaseCrossValidator | Iterable | None = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        error_score: float | Literal["raise"] = np.nan,
        return_train_score: bool = False,
        cv_rule: Literal["min", "1se"] = "min",
    ):
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.cv_rule = cv_rule

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # scikit-learn's own search does not say that its estimator takes several targets.
        tags.target_tags.multi_output = get_tags(self.estimator).target_tags.multi_output
        return tags

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike | None = None, **params: Any) -> "PathGridSearchCV":
        """Score all candidates on all folds, choose one, and fit it on all data.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Training data; any sequence of samples that the estimator takes.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets.

        **params : dict
            Parameters of the estimator's ``fit``, such as ``sample_weight``; those of the length
            of `X` are cut by fold. ``groups`` goes to the splitter. With metadata routing, what
            the estimator, the scorer and the splitter asked for.

        Returns
        -------
        self : PathGridSearchCV
            The fitted search.

        Raises
        ------
        ValueError
            If every fit failed, or if `cv_rule` is '1se' and either `refit` is a callable or the
            grid does not hold ``alpha`` of the last step.
        """
        candidates = list(ParameterGrid(self.param_grid))
        self._check_rule(candidates)
        scorers, refit_metric = self._get_scorers()
        check_sparse_structure(X)
        X, y = indexable(X, y)
        params = select_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)

        weight = params.get("sample_weight")
        told = {
            "estimator": self,
            "X": X,
            "y": y,
            "metadata": None if weight is None else {"sample_weight": weight},
        }
        # Refit may be a string or a callable, so only False means that there is none.
        context = self._init_callback_context(max_subtasks=1 + (self.refit is not False))
        context.call_on_fit_task_begin(**told)

        data = Data(X, y, routed.estimator.fit, routed.scorer.score)
        splits = self._split(X, y, routed.splitter.split)
        outcomes = self._evaluate(candidates, splits, data, scorers, context)
        results = self._format_results(candidates, self.n_splits_, outcomes)

        # Only a call tells whether a callable scorer returns one metric or several.
        self.multimetric_ = isinstance(outcomes[0]["test_scores"], dict)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(outcomes[0]["test_scores"])
            refit_metric = self.refit
        if self.refit or not self.multimetric_:
            self._choose(results, refit_metric)
        if self.refit:
            self._refit(data, context, told)
        self.scorer_ = scorers._scorers if isinstance(scorers, MultimetricScorer) else scorers
        self.cv_results_ = results
        context.call_on_fit_task_end(**told)
        return self

    def _check_rule(self, candidates: list[dict]) -> None:
        """Refuse the one-standard-error rule where it has nothing to choose from."""
        if self.cv_rule != "1se":
            return
        if callable(self.refit):
            raise ValueError(
                "cv_rule='1se' and a callable `refit` both choose the candidate. Pass refit=True "
                "(or a metric's name), or cv_rule='min'."
            )
        alpha = last_step(self.estimator).alpha
        if not any(alpha in params for params in candidates):
            raise ValueError(
                f"cv_rule='1se' compares values of {alpha!r}, but `param_grid` holds none. Add "
                "them, or pass cv_rule='min'."
            )

    def _split(self, X: Any, y: Any, split_params: Mapping[str, Any]) -> list[Split]:
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        self.n_splits_ = cv.get_n_splits(X, y, **split_params)
        rows = list(cv.split(X, y, **split_params))
        if len(rows) != self.n_splits_:
            raise ValueError(
                "cv.split and cv.get_n_splits return inconsistent results. "
                f"Expected {self.n_splits_} splits, got {len(rows)}"
            )
        return [Split(index, train, test) for index, (train, test) in enumerate(rows)]

    def _evaluate(
        self,
        candidates: list[dict],
        splits: list[Split],
        data: Data,
        scorers: Any,
        context: Any,
    ) -> list[Result]:
        """Return the results of all fits, candidate by candidate and fold by fold."""
        evaluation = Evaluation(
            estimator=clone(self.estimator),
            data=data,
            candidates=candidates,
            n_splits=len(splits),
            scorer=scorers,
            return_train_score=self.return_train_score,
            error_score=self.error_score,
            verbose=self.verbose,
            search=self,
        )
        plan = plan_paths(evaluation.estimator, candidates)
        if self.verbose > 0:
            print(_announcement(plan, len(candidates), len(splits)))
        parallel = Parallel(n_jobs=self.n_jobs, pre_dispatch=self.pre_dispatch)
        outcomes = evaluation.run(plan, splits, parallel, context)
        report_fit_failures(outcomes, self.error_score)
        if callable(self.scoring):
            insert_error_scores(outcomes, self.error_score)
        return outcomes

    def _choose(self, results: dict[str, Any], refit_metric: str) -> None:
        """Set the best index and what follows from it."""
        chosen = self._select_best_index(self.refit, refit_metric, results)
        if not callable(self.refit):
            chosen = self._apply_rule(int(chosen), results, refit_metric)
            self.best_score_ = results[f"mean_test_{refit_metric}"][chosen]
        self.best_index_ = chosen
        self.best_params_ = results["params"][chosen]

    def _apply_rule(self, best: int, results: dict[str, Any], metric: str) -> int:
        """Record what either rule takes, and return what `cv_rule` takes."""
        self.best_index_min_ = best
        candidates = results["params"]
        alpha = last_step(self.estimator).alpha
        if not any(alpha in params for params in candidates):
            return best
        self.best_index_1se_ = sparsest_within_one_se(
            np.stack([results[f"split{k}_test_{metric}"] for k in range(self.n_splits_)], axis=1),
            best,
            [params.get(alpha) for params in candidates],
            path_groups(self.estimator, candidates),
        )
        return self.best_index_1se_ if self.cv_rule == "1se" else best

    def _refit(self, data: Data, context: Any, told: dict[str, Any]) -> None:
        """Fit the chosen candidate on all data, as GridSearchCV does."""
        self.best_estimator_ = configured(self.estimator, self.best_params_)
        task = context.subcontext(task_name="refit-with-best-params")
        with task.propagate_callback_context(self.best_estimator_):
            task.call_on_fit_task_begin(**told)
            start = perf_counter()
            if data.y is None:
                self.best_estimator_.fit(data.X, **data.fit_params)
            else:
                self.best_estimator_.fit(data.X, data.y, **data.fit_params)
            self.refit_time_ = perf_counter() - start
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_
        task.call_on_fit_task_end(**told)


def _announcement(plan: Plan, n_candidates: int, n_splits: int) -> str:
    """Return the line that announces the search."""
    n_paths = n_splits * sum(len(batch.paths) for batch in plan.batches)
    n_walked = n_splits * (n_candidates - len(plan.singles))
    return (
        f"Fitting {n_splits} folds for each of {n_candidates} candidates, totalling "
        f"{n_candidates * n_splits} fits, {n_walked} of them on {n_paths} warm-started paths"
    )
