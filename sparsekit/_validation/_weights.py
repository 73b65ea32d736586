"""Weights of samples and of features: finite, non-negative, one each."""

from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array

from sparsekit._validation._arrays import refuse_foreign


def check_sample_weight(sample_weight: Any, n_samples: int) -> np.ndarray | None:
    """Return finite non-negative weights, not all zero, as float64; None stays None."""
    if sample_weight is None:
        return None
    refuse_foreign(sample_weight, "sample_weight")
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_samples, sample_weight, dtype=np.float64)
    weights = as_weights(sample_weight, "sample_weight", n_samples, "sample")
    if not weights.any():
        raise ValueError(
            "Sample weights must contain at least one non-zero number, but every entry of "
            "`sample_weight` is zero. Pass None to weigh all samples alike."
        )
    return weights


def check_feature_weights(feature_weights: Any, n_features: int) -> np.ndarray | None:
    """Return finite non-negative penalty weights as float64; None stays None."""
    if feature_weights is None:
        return None
    refuse_foreign(feature_weights, "feature_weights")
    return as_weights(feature_weights, "feature_weights", n_features, "feature")


def as_weights(values: Any, name: str, size: int, noun: str) -> np.ndarray:
    """Return finite non-negative float64 weights of shape (size,)."""
    loose = {"ensure_2d": False, "ensure_min_samples": 0, "ensure_all_finite": False}
    weights = check_array(
        values, dtype=np.float64, order="C", allow_nd=True, input_name=name, **loose
    )
    if weights.shape != (size,):
        raise ValueError(
            f"`{name}` must have shape ({size},), one weight for each {noun} of `X`; got shape "
            f"{weights.shape}."
        )
    if not np.isfinite(weights).all():
        bad = "NaN" if np.isnan(weights).any() else "infinity"
        raise ValueError(
            f"`{name}` must be finite, but contains {bad}. Replace it, or set the weight to 0."
        )
    if (weights < 0).any():
        raise ValueError(
            f"`{name}` must be non-negative; got {float(weights.min())!r}. Clip the weights at 0."
        )
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not np.isfinite(total):
        raise ValueError(f"The sum of `{name}` overflows. Divide all weights by a constant.")
    return weights
