"""Pictures of fitted models (extra ``plot``): coefficient paths and cross-validation curves."""

from sparsekit.inspection._coefficient_path import CoefficientPathDisplay
from sparsekit.inspection._cv_curve import CVCurveDisplay

__all__ = ["CVCurveDisplay", "CoefficientPathDisplay"]
