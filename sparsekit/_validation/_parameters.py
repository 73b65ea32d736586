"""Parameters: within their declared limits, strengths finite and non-negative."""

import warnings
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array

from sparsekit._sklearn import parameter_checks_are_off, validate_parameter_constraints
from sparsekit._validation._arrays import refuse_foreign


def check_parameters(estimator: Any) -> None:
    """Raise InvalidParameterError for a parameter outside `_parameter_constraints`."""
    if parameter_checks_are_off():
        return
    validate_parameter_constraints(
        estimator._parameter_constraints,
        estimator.get_params(deep=False),
        caller_name=type(estimator).__name__,
    )


def check_array_parameter(value: Any, name: str, **options: Any) -> Any:
    """Return an array that a parameter holds, by the rules of X and the options of `check_array`.

    Raises TypeError for masked arrays and those of another device, and ValueError with the name of
    the parameter for the wrong dimensions, NaN and infinity.
    """
    refuse_foreign(value, name)
    if options.get("ensure_2d", True) and np.ndim(value) != 2:
        raise ValueError(
            f"`{name}` must have two dimensions; got {np.ndim(value)}. A single row is "
            f"`{name}.reshape(1, -1)`."
        )
    return check_array(value, input_name=name, **options)


def check_alphas(alphas: Any) -> np.ndarray:
    """Return finite non-negative penalty strengths, at least one, as float64 in their order."""
    refuse_foreign(alphas, "alphas")
    try:
        strengths = np.asarray(alphas, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`alphas` must be numbers, got {alphas!r}.") from error
    if strengths.ndim != 1 or strengths.size == 0:
        raise ValueError(
            "`alphas` must have one dimension and at least one strength; got shape "
            f"{strengths.shape}."
        )
    bad = strengths[~(np.isfinite(strengths) & (strengths >= 0))]
    if bad.size:
        raise ValueError(f"`alphas` must be finite and non-negative; got {float(bad[0])!r}.")
    return strengths


def check_penalty_strength(estimator: Any, alpha: float, substitute: str) -> None:
    """Warn where alpha is zero: nothing is sparse then, and `substitute` fits it better."""
    if alpha == 0:
        warnings.warn(
            f"With alpha=0 {type(estimator).__name__} has no penalty: no coefficient is set to "
            f"zero, and the fit may converge slowly. Use {substitute} instead, or a positive "
            "`alpha`.",
            UserWarning,
            stacklevel=3,
        )
