"""What a fitted pruner answers: by its compiled network, and from packed weights."""

import copy
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sparsekit._validation import check_rows
from sparsekit.pruning._network import as_float32, empty_shell, fill_shell, is_network
from sparsekit.pruning._pruner._choices import inner_network
from sparsekit.pruning._pruner._report import PruningReport, measure_report
from sparsekit.pruning._trainer import decode_labels, decode_probabilities


def has_network(pruner: Any) -> bool:
    """Return whether a pruner was given a network."""
    estimator = pruner.estimator
    return is_network(estimator.estimator if isinstance(estimator, FrozenEstimator) else estimator)


def classifies(pruner: Any) -> bool:
    """Return whether a pruner's network is a classifier."""
    return has_network(pruner) and is_classifier(inner_network(pruner.estimator))


class PrunedNetwork:
    """Predictions, scores and what is remade from packed weights; `MLPPruner` fits them."""

    @property
    def estimator_(self) -> Any:
        """Return a scikit-learn network with the pruned weights."""
        check_is_fitted(self)
        layers = self.compiled_.layers
        weights = [np.array(layer.to_dense(), dtype=self._dtype) for layer in layers]
        return fill_shell(
            self._shell, weights, [layer.bias.astype(self._dtype) for layer in layers]
        )

    @property
    def masks_(self) -> list[np.ndarray]:
        """Return which weights of the dense network are kept."""
        check_is_fitted(self)
        return [
            np.unpackbits(bits, count=int(np.prod(shape))).astype(bool).reshape(shape)
            for shape, bits in self._packed_masks
        ]

    @property
    def report_(self) -> PruningReport:
        """Return what pruning cost and brought, measured at the first call."""
        check_is_fitted(self)
        if self._report is None:
            self._report = measure_report(self._facts, self.estimator_, self.compiled_)
        return self._report

    @property
    def _n_features_out(self) -> int:
        """Return the number of features that `transform` makes."""
        return self.compiled_.layers[-1].n_inputs

    def _check_new(self, X: Any) -> Any:
        """Return new rows in float32."""
        check_is_fitted(self)
        return as_float32(check_rows(self, X, reset=False))

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict labels or targets.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Labels or targets.
        """
        outputs = self._outputs(X)
        return decode_labels(self._shell, outputs)

    @available_if(classifies)
    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Estimate the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`, in float32.
        """
        return decode_probabilities(self._outputs(X))

    @available_if(classifies)
    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Estimate the logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the activations of the last hidden layer, as features for a next step.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        activations : ndarray of shape (n_samples, n_hidden)
            In float32; X itself, sparse if it is, where there is no hidden layer.
        """
        X = self._check_new(X)
        return self.compiled_.hidden(X)

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy of a classifier, or R2 of a regressor.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True labels or targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        score : float
            At most one.
        """
        metric = accuracy_score if classifies(self) else r2_score
        return float(metric(y, self.predict(X), sample_weight=sample_weight))

    def _outputs(self, X: Any) -> np.ndarray:
        """Return the network's outputs for new rows."""
        X = self._check_new(X)
        return self.compiled_(X)

    def _get_fitted_attr_html(self, doc_link: str = "") -> str:
        """Show nothing of what is fitted: scikit-learn's table would measure the report."""
        return ""

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "compiled_")

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if "compiled_" in state and isinstance(self.estimator, FrozenEstimator):
            state = {**state, "estimator": FrozenEstimator(empty_shell(self.estimator.estimator))}
        return state

    def __copy__(self) -> Self:
        twin = type(self).__new__(type(self))
        vars(twin).update(vars(self))
        return twin

    def __deepcopy__(self, memo: dict) -> Self:
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        vars(twin).update(copy.deepcopy(vars(self), memo))
        return twin
