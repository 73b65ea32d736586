"""An estimator that is all door and no house."""

from sklearn.base import BaseEstimator

from sparsekit._sklearn import Interval, Real, StrOptions
from sparsekit._validation import check_fit_input


class Door(BaseEstimator):
    """Checks its input, and fits nothing."""

    _parameter_constraints = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "rule": [StrOptions({"min", "1se"}), None],
        "positive": ["boolean"],
    }

    def __init__(self, alpha=1.0, rule="min", positive=False):
        self.alpha = alpha
        self.rule = rule
        self.positive = positive

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.required = True
        return tags


def fitted_X(X, y):
    """Return what `check_fit_input` makes of X."""
    return check_fit_input(Door(), X, y)[0]
