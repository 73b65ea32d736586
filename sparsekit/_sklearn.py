"""The one door to scikit-learn's private names, and to what only some of its versions have."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn import get_config
from sklearn.base import _fit_context as fit_context
from sklearn.metrics._scorer import _MultimetricScorer as MultimetricScorer
from sklearn.model_selection._validation import _fit_and_score as fit_and_score
from sklearn.model_selection._validation import _insert_error_scores as insert_error_scores
from sklearn.model_selection._validation import _score as score_fold
from sklearn.model_selection._validation import (
    _warn_or_raise_about_fit_failures as report_fit_failures,
)
from sklearn.utils._param_validation import (
    HasMethods,
    InvalidParameterError,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils._param_validation import Interval as _SklearnInterval
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.metaestimators import _safe_split as split_rows
from sklearn.utils.validation import _check_method_params as select_method_params

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks

    HAS_CALLBACKS = True
except ImportError:  # scikit-learn < 1.9
    HAS_CALLBACKS = False

__all__ = [
    "HAS_CALLBACKS",
    "CallbackSupportMixin",
    "HasMethods",
    "Integral",
    "Interval",
    "InvalidParameterError",
    "MultimetricScorer",
    "NullCallbackContext",
    "Real",
    "StrOptions",
    "as_configured_sparse",
    "fit_and_score",
    "fit_context",
    "insert_error_scores",
    "open_callback_context",
    "parameter_checks_are_off",
    "report_fit_failures",
    "score_fold",
    "select_method_params",
    "split_rows",
    "validate_parameter_constraints",
    "wants_container",
    "with_callbacks",
]


class Interval(_SklearnInterval):
    """scikit-learn's interval of numbers, which a boolean does not belong to."""

    def is_satisfied_by(self, val: Any) -> bool:
        # Python's True is an integer, so alpha=True would silently mean alpha=1.
        return not isinstance(val, bool | np.bool_) and super().is_satisfied_by(val)


class NullCallbackContext:
    """Callback context where no callback can be set: every hook is silent and never stops."""

    def subcontext(self, *args: Any, **kwargs: Any) -> "NullCallbackContext":
        return self

    def call_on_fit_task_begin(self, **kwargs: Any) -> "NullCallbackContext":
        return self

    def call_on_fit_task_end(self, **kwargs: Any) -> bool:
        return False

    @contextmanager
    def propagate_callback_context(self, sub_estimator: Any) -> Iterator[None]:
        yield


if not HAS_CALLBACKS:

    class CallbackSupportMixin:
        """Stand-in for scikit-learn's mixin where the installed version has none."""

        def _init_callback_context(self, *args: Any, **kwargs: Any) -> NullCallbackContext:
            return NullCallbackContext()

    def with_callbacks(method: Callable) -> Callable:
        """Return `method` unchanged: there are no callbacks to tear down."""
        return method


def open_callback_context(estimator: Any, **kwargs: Any) -> Any:
    """Return the estimator's root callback context, silent and free where nobody listens."""
    listens = getattr(estimator, "_skl_callbacks", None) or hasattr(
        estimator, "_parent_callback_ctx"
    )
    return estimator._init_callback_context(**kwargs) if listens else NullCallbackContext()


def parameter_checks_are_off() -> bool:
    """Return whether scikit-learn's configuration skips the checks of parameters."""
    return bool(get_config().get("skip_parameter_validation", False))


def as_configured_sparse(X: sparse.spmatrix | sparse.sparray) -> sparse.spmatrix | sparse.sparray:
    """Return X as sparse array or sparse matrix, by scikit-learn's `sparse_interface` setting."""
    wants_array = get_config().get("sparse_interface", "spmatrix") == "sparray"
    if isinstance(X, sparse.sparray) == wants_array:
        return X
    kind = "array" if wants_array else "matrix"
    return getattr(sparse, f"{X.format}_{kind}")(X)


def wants_container(estimator: Any) -> bool:
    """Return whether `transform` answers with a data frame, which holds no sparse matrix."""
    return _get_output_config("transform", estimator)["dense"] != "default"
