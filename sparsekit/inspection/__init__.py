"""Pictures (extra ``plot``): paths, curves, dictionaries, factors, thresholds, pruned networks."""

from sparsekit.inspection._coding import CodeDisplay
from sparsekit.inspection._coefficient_path import CoefficientPathDisplay
from sparsekit.inspection._cv_curve import CVCurveDisplay
from sparsekit.inspection._dictionary import DictionaryDisplay
from sparsekit.inspection._factors import FactorDisplay
from sparsekit.inspection._frontier import SparsityAccuracyDisplay
from sparsekit.inspection._popularity import PopularityRecallDisplay
from sparsekit.inspection._pruning import PruningMaskDisplay
from sparsekit.inspection._threshold import ThresholdDisplay

__all__ = [
    "CVCurveDisplay",
    "CodeDisplay",
    "CoefficientPathDisplay",
    "DictionaryDisplay",
    "FactorDisplay",
    "PopularityRecallDisplay",
    "PruningMaskDisplay",
    "SparsityAccuracyDisplay",
    "ThresholdDisplay",
]
