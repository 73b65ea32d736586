"""From labels to what a network's outputs are compared with, and back."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import type_of_target, unique_labels

# The loss that belongs to an output activation.
LOSS_NAMES = {
    "exp": "poisson",
    "identity": "squared_error",
    "logistic": "logistic",
    "softmax": "softmax",
}


def describe_labels(y: Any) -> tuple[np.ndarray, str, int]:
    """Return the classes, the output activation and the number of outputs that labels ask for."""
    kind = type_of_target(y, input_name="y")
    if kind not in {"binary", "multiclass", "multilabel-indicator"}:
        raise ValueError(
            f"Unknown label type: {kind}. `y` must hold classes, or an indicator of several "
            "labels; for numbers use a regressor."
        )
    classes = unique_labels(y)
    if kind == "multilabel-indicator":
        return classes, "logistic", len(classes)
    if kind == "binary":
        return classes, "logistic", 1
    return classes, "softmax", len(classes)


def encode_targets(estimator: Any, y: Any) -> tuple[np.ndarray, str]:
    """Return what a fitted network's outputs are compared with, and the name of the loss.

    Reads `out_activation_`, `n_outputs_` and, of a classifier, `classes_`.

    Parameters
    ----------
    estimator : estimator
        A fitted network.
    y : array-like or sparse matrix
        Labels, an indicator of several labels, or numbers.

    Returns
    -------
    Y : ndarray of shape (n, outputs)
        In float32.
    loss : {"softmax", "logistic", "squared_error", "poisson"}
        A name in `LOSSES`.

    Raises
    ------
    ValueError
        If labels are unknown, or not of the shape that the network was fitted to.
    """
    loss = LOSS_NAMES[estimator.out_activation_]
    if loss in {"squared_error", "poisson"}:
        return _encode_numbers(y, estimator.n_outputs_, loss), loss
    if loss == "logistic" and estimator.n_outputs_ > 1:
        return _encode_indicator(y, estimator.n_outputs_), loss
    places = _find_labels(estimator.classes_, y)
    if loss == "logistic":
        return places.astype(np.float32)[:, None], loss
    Y = np.zeros((len(places), len(estimator.classes_)), np.float32)
    Y[np.arange(len(places)), places] = 1
    return Y, loss


def _encode_numbers(y: Any, n_outputs: int, loss: str) -> np.ndarray:
    """Return targets of a regression as columns."""
    with np.errstate(over="ignore"):
        Y = np.asarray(y, dtype=np.float32)
    Y = Y[:, None] if Y.ndim == 1 else Y
    if Y.ndim != 2 or Y.shape[1] != n_outputs:
        raise ValueError(
            f"`y` has shape {np.shape(y)}, but the network has {n_outputs} outputs; it must hold "
            "one column for each."
        )
    if not np.isfinite(Y).all():
        raise ValueError("`y` holds NaN, infinity or numbers that are too large for float32.")
    if loss == "poisson" and Y.min(initial=0) < 0:
        raise ValueError(
            f"loss='poisson' needs targets that are not negative; the least of `y` is {Y.min()!r}."
        )
    return np.ascontiguousarray(Y)


def _encode_indicator(y: Any, n_outputs: int) -> np.ndarray:
    """Return an indicator of several labels in float32."""
    Y = y.toarray() if sparse.issparse(y) else np.asarray(y)
    if Y.ndim != 2 or Y.shape[1] != n_outputs:
        raise ValueError(
            f"The network was fitted to {n_outputs} labels a sample, but `y` has shape {Y.shape}; "
            "it must be an indicator with one column for each label."
        )
    if not np.isin(Y, (0, 1)).all():
        raise ValueError("`y` must be an indicator of labels, which holds zeros and ones only.")
    return np.ascontiguousarray(Y, dtype=np.float32)


def _find_labels(classes: np.ndarray, y: Any) -> np.ndarray:
    """Return the place of each label among the classes."""
    if sparse.issparse(y) or np.ndim(y) > 2 or (np.ndim(y) == 2 and np.shape(y)[1] != 1):
        raise ValueError(
            f"`y` has shape {np.shape(y)}, but the network was fitted to one label a sample."
        )
    y = column_or_1d(y)
    known, places = np.unique(y, return_inverse=True)
    at = {label: place for place, label in enumerate(classes.tolist())}
    unknown = [label for label in known.tolist() if label not in at]
    if unknown:
        raise ValueError(
            f"`y` holds labels that the network was not fitted to: {unknown[:5]!r}. It knows "
            f"{classes.tolist()[:20]!r}."
        )
    return np.array([at[label] for label in known.tolist()], dtype=np.intp)[places]


def decode_labels(estimator: Any, outputs: np.ndarray) -> np.ndarray:
    """Return what `predict` of a network answers, given its outputs, (n, outputs)."""
    if estimator.out_activation_ == "softmax":
        return estimator.classes_[outputs.argmax(axis=1)]
    if estimator.out_activation_ == "logistic":
        present = outputs > 0.5
        if outputs.shape[1] > 1:
            return present.astype(int)
        # A network that has met one class only has no second to name.
        return estimator.classes_[np.minimum(present[:, 0], len(estimator.classes_) - 1)]
    return outputs[:, 0] if outputs.shape[1] == 1 else outputs


def decode_probabilities(outputs: np.ndarray) -> np.ndarray:
    """Return what `predict_proba` of a classifier answers, given its outputs, (n, outputs)."""
    return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs
