"""What a linear model does with targets: numbers for regression, labels for classification."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, log_expit
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import check_is_fitted

from sparsekit._validation import (
    check_classifier_input,
    check_feature_weights,
    check_fit_input,
    check_predict_input,
)
from sparsekit.linear_model._base import TrainingData


class SparseRegressor(RegressorMixin):
    """Reads numeric targets, one problem per column, and predicts them."""

    _multi_output = True
    _unpenalised_twin = "sklearn.linear_model.LinearRegression"

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict the targets of samples.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predicted values.
        """
        return linear_predictor(self, X)

    def _read(self, X: Any, y: Any, sample_weight: Any) -> TrainingData:
        """Check the input; every column of y is a target."""
        X, y, sample_weight = check_fit_input(
            self, X, y, sample_weight, multi_output=self._multi_output
        )
        return TrainingData(
            X=X,
            y=y,
            targets=tuple(np.ascontiguousarray(y.reshape(len(y), -1).T)),
            sample_weight=sample_weight,
            objective_weight=sample_weight,
            feature_weight=check_feature_weights(self.feature_weights, X.shape[1]),
            attributes={},
            n_jobs=getattr(self, "n_jobs", None),
        )

    def _shaped(
        self,
        data: TrainingData,
        coef: np.ndarray,
        intercept: np.ndarray,
        n_iter: np.ndarray,
        dual_gap: np.ndarray,
    ) -> dict[str, Any]:
        """Return the attributes without the axis of outputs where there is one output."""
        single = len(coef) == 1
        if not self.fit_intercept:
            intercept = 0.0
        elif data.y.ndim == 1:
            intercept = float(intercept[0])
        return {
            "coef_": coef[0] if single else coef,
            "intercept_": intercept,
            "n_iter_": int(n_iter[0]) if single else n_iter,
            "dual_gap_": float(dual_gap[0]) if single else dual_gap,
        }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = self._multi_output
        return tags


class SparseClassifier(ClassifierMixin):
    """Reads labels, one problem per class beyond two, and predicts classes and probabilities."""

    _unpenalised_twin = "sklearn.linear_model.LogisticRegression with C=inf"

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return the linear predictor of samples.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Log-odds of the second class; of every class against the rest if there are more.
        """
        scores = linear_predictor(self, X)
        return scores.ravel() if scores.shape[1] == 1 else scores

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict the classes of samples.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Predicted labels.
        """
        scores = self.decision_function(X)
        codes = (scores > 0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[codes]

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Estimate the probability of each class.

        With more than two classes, the probabilities of the one-vs-rest models are divided by
        their sum.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; rows sum to one.
        """
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return expit(np.column_stack([-scores, scores]))
        return np.exp(_log_shares(scores))

    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Estimate the logarithm of the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return log_expit(np.column_stack([-scores, scores]))
        return _log_shares(scores)

    def _read(self, X: Any, y: Any, sample_weight: Any) -> TrainingData:
        """Check the input; two classes are one target, more are one target each."""
        X, codes, classes, sample_weight = check_classifier_input(self, X, y, sample_weight)
        positives = [1] if len(classes) == 2 else range(len(classes))
        return TrainingData(
            X=X,
            y=codes,
            targets=tuple((codes == k).astype(np.float64) for k in positives),
            sample_weight=sample_weight,
            objective_weight=self._objective_weight(codes, classes, sample_weight),
            feature_weight=check_feature_weights(self.feature_weights, X.shape[1]),
            attributes={"classes_": classes},
            n_jobs=getattr(self, "n_jobs", None),
        )

    def _objective_weight(
        self, codes: np.ndarray, classes: np.ndarray, sample_weight: np.ndarray | None
    ) -> np.ndarray | None:
        """Return the product of the sample weights and the weights of their classes."""
        if self.class_weight is None:
            return sample_weight
        labels = classes[codes]
        if self.class_weight == "balanced":
            # Weighted counts, so that a weight of two is a sample given twice.
            counts = np.bincount(codes, weights=sample_weight)
            class_weight = counts.sum() / (len(classes) * counts)
        else:
            class_weight = compute_class_weight(self.class_weight, classes=classes, y=labels)
        weight = class_weight[codes]
        return weight if sample_weight is None else weight * sample_weight

    def _shaped(
        self,
        data: TrainingData,
        coef: np.ndarray,
        intercept: np.ndarray,
        n_iter: np.ndarray,
        dual_gap: np.ndarray,
    ) -> dict[str, Any]:
        """Return the attributes with an axis of outputs, as scikit-learn's classifiers do."""
        return {
            "coef_": coef,
            "intercept_": intercept,
            "n_iter_": n_iter,
            "dual_gap_": float(dual_gap[0]) if len(coef) == 1 else dual_gap,
        }


def linear_predictor(model: Any, X: Any) -> np.ndarray:
    """Return ``X @ coef_.T + intercept_`` of checked X."""
    check_is_fitted(model)
    X = check_predict_input(model, X)
    return X @ model.coef_.T + model.intercept_


def _log_shares(scores: np.ndarray) -> np.ndarray:
    """Return the logarithm of one-vs-rest probabilities divided by their sum."""
    log_probabilities = log_expit(scores)
    # Taken out first: far from every class all probabilities underflow, but not their shares.
    log_probabilities -= log_probabilities.max(axis=1, keepdims=True)
    return log_probabilities - np.log(np.exp(log_probabilities).sum(axis=1, keepdims=True))
