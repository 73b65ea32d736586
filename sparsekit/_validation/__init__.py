"""Users' input, checked once at the estimator's door: everything below may trust its arguments."""

from sparsekit._validation._arrays import refuse_vanishing
from sparsekit._validation._input import (
    check_classifier_input,
    check_fit_input,
    check_predict_input,
)
from sparsekit._validation._parameters import (
    check_alphas,
    check_array_parameter,
    check_parameters,
    check_penalty_strength,
)
from sparsekit._validation._rows import check_rows
from sparsekit._validation._sparse import check_sparse_structure
from sparsekit._validation._state import unchanged_on_error
from sparsekit._validation._weights import check_feature_weights, check_sample_weight

__all__ = [
    "check_alphas",
    "check_array_parameter",
    "check_classifier_input",
    "check_feature_weights",
    "check_fit_input",
    "check_parameters",
    "check_penalty_strength",
    "check_predict_input",
    "check_rows",
    "check_sample_weight",
    "check_sparse_structure",
    "refuse_vanishing",
    "unchanged_on_error",
]
