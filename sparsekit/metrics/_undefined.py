"""What a metric says where it has nothing to measure."""

import math
import warnings

from sklearn.exceptions import UndefinedMetricWarning


def undefined(name: str, reason: str) -> float:
    """Return NaN with scikit-learn's warning: a search ranks it last."""
    warnings.warn(
        f"{name} is undefined and set to NaN, because {reason}.",
        UndefinedMetricWarning,
        stacklevel=3,
    )
    return math.nan
