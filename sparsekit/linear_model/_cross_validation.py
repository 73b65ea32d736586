"""What all models with built-in cross-validation share: score, choose, walk the path."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.base import is_classifier
from sklearn.model_selection import BaseCrossValidator, check_cv
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import check_is_fitted

from sparsekit._sklearn import Integral, Interval, Real, StrOptions, open_callback_context
from sparsekit._validation import check_parameters
from sparsekit.linear_model._base import COMMON_CONSTRAINTS, SparseLinearModel, TrainingData
from sparsekit.linear_model._folds import Folds, Split, choose_strengths, mean_and_error
from sparsekit.linear_model._path_record import PathRecord, column_at, count_active
from sparsekit.linear_model._path_summary import PathSummary
from sparsekit.linear_model._reporting import (
    is_one_of_many,
    warn_none_chosen,
    warn_unconverged,
)
from sparsekit.linear_model._strengths import strength_grid
from sparsekit.solvers import FoldProducts, fold_products

Splitter = int | BaseCrossValidator | Iterable[Split] | None

CV_CONSTRAINTS: dict[str, list] = {
    **COMMON_CONSTRAINTS,
    "eps": [Interval(Real, 0, 1, closed="neither")],
    "alphas": [Interval(Integral, 1, None, closed="left"), "array-like"],
    "cv": ["cv_object"],
    "cv_rule": [StrOptions({"min", "1se"})],
    "n_jobs": [
        Interval(Integral, 1, None, closed="left"),
        Interval(Integral, None, -1, closed="right"),
        None,
    ],
}


class CrossValidatedModel(SparseLinearModel):
    """Linear model that scores a path of strengths on folds; subclasses say `_model`, `_scores`."""

    _model: type[SparseLinearModel]
    _scores_name = "mse_path_"
    _greater_is_better = False

    def _scores(
        self,
        model: SparseLinearModel,
        data: TrainingData,
        folds: Folds,
        alphas: np.ndarray,
    ) -> np.ndarray:
        """Return the scores of shape (n_alphas, n_folds)."""
        raise NotImplementedError

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: Any
    ) -> Self:
        """Choose the penalty strength by cross-validation, and fit the path on all samples.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Training data. No fold copies it.
        y : array-like of shape (n_samples,)
            Target values or class labels.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Non-negative weights, of the fits and of the scores within a fold. Folds count alike.
        **params : dict
            Passed to the splitter, for instance `groups`; needs scikit-learn's metadata routing.

        Returns
        -------
        self : object
            The fitted model.
        """
        check_parameters(self)
        split_params = self._split_params(sample_weight, params)
        return self._fit(X, y, sample_weight, split_params=split_params)

    def coef_at(self, alpha: float | str) -> np.ndarray:
        """Return the coefficients at a strength of the path.

        Between two strengths of the path they are interpolated linearly.

        Parameters
        ----------
        alpha : float, "min" or "1se"
            Strength, between the smallest and the largest of the path; or `alpha_min_`; or
            `alpha_1se_`.

        Returns
        -------
        coef : ndarray of the shape of `coef_`
            Coefficients.

        Raises
        ------
        ValueError
            If the path does not reach `alpha`.
        """
        check_is_fitted(self)
        named = {"min": self.alpha_min_, "1se": self.alpha_1se_}
        if isinstance(alpha, str):
            if alpha not in named:
                raise ValueError(f"`alpha` must be a number, 'min' or '1se'; got {alpha!r}.")
            alpha = named[alpha]
        coef = column_at(self.coef_path_, self._path_alphas, alpha, self.coef_.size)
        return coef.reshape(self.coef_.shape)

    def path_summary(self) -> PathSummary:
        """Return the path as a table: non-zeros, deviance explained, strength, score.

        Returns
        -------
        summary : PathSummary
            Prints as a table; `to_dict` and `to_frame` give its columns.
        """
        check_is_fitted(self)
        alphas = self._path_alphas
        mean, standard_error = mean_and_error(self._path_scores)
        mark = np.full(len(alphas), "", dtype="<U8")
        mark[alphas == self.alpha_1se_] = "1se"
        mark[alphas == self.alpha_min_] = "min"
        if self.alpha_min_ == self.alpha_1se_:
            mark[alphas == self.alpha_min_] = "min, 1se"
        return PathSummary(
            alpha=alphas,
            n_nonzero=count_active(self.coef_path_, self.n_features_in_),
            deviance_ratio=self.deviance_ratio_path_,
            mean=mean,
            standard_error=standard_error,
            mark=mark,
        )

    def get_metadata_routing(self) -> MetadataRouter:
        """Return what metadata goes where: weights to `fit`, the rest to the splitter.

        Returns
        -------
        routing : MetadataRouter
            Read by scikit-learn.
        """
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(
                splitter=check_cv(self.cv),
                method_mapping=MethodMapping().add(caller="fit", callee="split"),
            )
        )

    def _split_params(self, sample_weight: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Return the part of `params` that is for the splitter."""
        if get_config().get("enable_metadata_routing", False):
            routed = process_routing(self, "fit", sample_weight=sample_weight, **params)
            return routed.splitter.split
        if params:
            raise ValueError(
                f"{type(self).__name__}.fit got {sorted(params)}, which only "
                "`sklearn.set_config(enable_metadata_routing=True)` can pass to the splitter."
            )
        return {}

    def _solve(
        self, data: TrainingData, hook_arguments: dict[str, Any], split_params: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the attributes of the model at the strength that the folds choose."""
        models = self._models()
        splits = self._splits(data, split_params)
        # No penalty enters the products, so that those of one model serve all.
        products = fold_products(models[0]._problems(data)[0], splits)
        grids = np.array(
            [strength_grid(m._problems(data), self.alphas, self.eps, products) for m in models]
        )
        folds = Folds(splits, self.n_jobs, products)
        context = open_callback_context(self, max_subtasks=len(models) + grids.shape[1])
        context.call_on_fit_task_begin(estimator=self, **hook_arguments)
        scores = np.stack(
            [
                self._scored(model, data, folds, grid, context, hook_arguments)
                for model, grid in zip(models, grids)
            ]
        )
        best = int(np.argmin(self._errors(scores).mean(axis=2).min(axis=1)))
        record = self._walk_path(models[best], data, grids[best], products, context, hook_arguments)
        fitted = self._choice(data, grids, scores, best, record)
        solutions = [solution for point in record.solutions for solution in point]
        missed = warn_unconverged(self, folds.solutions + solutions)
        if not missed and not is_one_of_many(context):
            warn_none_chosen(self, fitted, models[best]._problems(data))
        context.call_on_fit_task_end(
            estimator=self, reconstruction_attributes=fitted, **hook_arguments
        )
        return fitted

    def _models(self) -> list[SparseLinearModel]:
        """Return the model of one strength, with this one's parameters, for each `l1_ratio`."""
        own = self.get_params(deep=False)
        model = self._model()
        shared = {name: own[name] for name in model.get_params(deep=False) if name in own}
        if "l1_ratio" not in shared:
            return [model.set_params(**shared)]
        del shared["l1_ratio"]
        ratios = np.atleast_1d(self.l1_ratio)
        if ratios.ndim != 1 or ratios.size == 0 or not np.all((ratios >= 0) & (ratios <= 1)):
            raise ValueError(f"`l1_ratio` must hold numbers in [0, 1]; got {self.l1_ratio!r}.")
        return [self._model(l1_ratio=float(ratio), **shared) for ratio in ratios]

    def _splits(self, data: TrainingData, split_params: dict[str, Any]) -> list[Split]:
        """Return the rows of each fold."""
        splitter = check_cv(self.cv, data.y, classifier=is_classifier(self))
        # Splitters turn sparse X into CSR, a copy nobody needs: they only count its rows.
        X = data.X if isinstance(data.X, np.ndarray) else np.zeros((len(data.y), 1))
        splits = [
            (np.arange(len(data.y))[train], np.arange(len(data.y))[test])
            for train, test in splitter.split(X, data.y, **split_params)
        ]
        if data.sample_weight is not None:
            _refuse_weightless(splits, data.sample_weight)
        return splits

    def _errors(self, scores: np.ndarray) -> np.ndarray:
        """Return scores so that small is good."""
        return -scores if self._greater_is_better else scores

    def _scored(
        self,
        model: SparseLinearModel,
        data: TrainingData,
        folds: Folds,
        alphas: np.ndarray,
        context: Any,
        hook_arguments: dict[str, Any],
    ) -> np.ndarray:
        """Return the scores of all folds along one grid, as one task."""
        task = context.subcontext(task_name="folds")
        task.call_on_fit_task_begin(estimator=self, **hook_arguments)
        scores = self._scores(model, data, folds, alphas)
        task.call_on_fit_task_end(estimator=self, **hook_arguments)
        if self.verbose:
            n_folds = len(folds.splits)
            print(f"[{type(self).__name__}] scored {len(alphas)} strengths on {n_folds} folds")
        return scores

    def _walk_path(
        self,
        model: SparseLinearModel,
        data: TrainingData,
        alphas: np.ndarray,
        products: FoldProducts | None,
        context: Any,
        hook_arguments: dict[str, Any],
    ) -> PathRecord:
        """Solve along `alphas` on all samples, until a callback asks to stop."""
        record = PathRecord(model._penalty(), data.feature_weight, data.X.dtype)
        points = model._path_points(data, alphas, products=products)
        for alpha in alphas:
            task = context.subcontext(task_name="alpha")
            task.call_on_fit_task_begin(estimator=self, **hook_arguments)
            solutions = next(points)
            record.add(alpha, solutions)
            if self.verbose:
                print(
                    f"[{type(self).__name__}] alpha {alpha:.4g}: deviance explained "
                    f"{record.deviance_ratios[-1]:.4f}"
                )
            if task.call_on_fit_task_end(
                estimator=self,
                reconstruction_attributes=partial(self._dress, data, solutions),
                **hook_arguments,
            ):
                break
        return record

    def _choice(
        self,
        data: TrainingData,
        grids: np.ndarray,
        scores: np.ndarray,
        best: int,
        record: PathRecord,
    ) -> dict[str, Any]:
        """Return the fitted attributes; what lies beyond an early stop is dropped."""
        reached = len(record.alphas)
        grids, scores = grids[:, :reached], scores[:, :reached]
        alphas = grids[best]
        least, simplest = choose_strengths(self._errors(scores[best]))
        chosen = {"min": least, "1se": simplest}[self.cv_rule]
        one_grid = len(grids) == 1 or not isinstance(self.alphas, Integral)
        intercepts = record.intercepts()
        fitted = self._dress(data, record.solutions_at(chosen)) | {
            "alpha_": float(alphas[chosen]),
            "alpha_min_": float(alphas[least]),
            "alpha_1se_": float(alphas[simplest]),
            "alphas_": grids[0] if one_grid else grids,
            self._scores_name: scores[0] if len(grids) == 1 else scores,
            "coef_path_": record.compressed(),
            "intercept_path_": intercepts[0] if len(intercepts) == 1 else intercepts,
            "deviance_ratio_path_": np.array(record.deviance_ratios),
            "_path_alphas": alphas,
            "_path_scores": scores[best],
        }
        if hasattr(self, "l1_ratio"):
            fitted["l1_ratio_"] = float(np.atleast_1d(self.l1_ratio)[best])
        return fitted


def _refuse_weightless(splits: Sequence[Split], sample_weight: np.ndarray) -> None:
    """Raise ValueError where all weights of one side of a fold are zero."""
    for fold, sides in enumerate(splits):
        for side, rows in zip(("training", "test"), sides):
            if not sample_weight[rows].any():
                raise ValueError(
                    f"`sample_weight` is zero for every {side} sample of fold {fold}. Drop samples "
                    "of weight zero, or shuffle the folds."
                )
