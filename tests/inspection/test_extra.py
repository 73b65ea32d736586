"""Without matplotlib the package imports, and a picture names the extra that is missing."""

import subprocess
import sys

import pytest

from sparsekit.inspection import (
    CodeDisplay,
    CoefficientPathDisplay,
    CVCurveDisplay,
    DictionaryDisplay,
    FactorDisplay,
    PopularityRecallDisplay,
    PruningMaskDisplay,
    SparsityAccuracyDisplay,
    ThresholdDisplay,
)
from sparsekit.linear_model import LassoCV

CALLS = {
    "CoefficientPathDisplay.from_arrays": lambda: CoefficientPathDisplay.from_arrays(
        [2.0, 1.0], [[0.0, 1.0]]
    ),
    "CoefficientPathDisplay.from_estimator": lambda: CoefficientPathDisplay.from_estimator(
        LassoCV()
    ),
    "CVCurveDisplay.from_estimator": lambda: CVCurveDisplay.from_estimator(LassoCV()),
    "CVCurveDisplay.from_arrays": lambda: CVCurveDisplay.from_arrays([2.0, 1.0], [[3.0], [2.0]]),
    "DictionaryDisplay.from_components": lambda: DictionaryDisplay.from_components([[1.0]]),
    "DictionaryDisplay.from_estimator": lambda: DictionaryDisplay.from_estimator(LassoCV()),
    "CodeDisplay.from_codes": lambda: CodeDisplay.from_codes([[1.0]]),
    "CodeDisplay.from_estimator": lambda: CodeDisplay.from_estimator(LassoCV(), [[1.0]]),
    "FactorDisplay.from_components": lambda: FactorDisplay.from_components([[1.0]]),
    "FactorDisplay.from_estimator": lambda: FactorDisplay.from_estimator(LassoCV()),
    "PopularityRecallDisplay.from_recommendations": (
        lambda: PopularityRecallDisplay.from_recommendations([[1.0]], [[0]], [1])
    ),
    "PopularityRecallDisplay.from_estimator": lambda: PopularityRecallDisplay.from_estimator(
        LassoCV(), [[1.0]]
    ),
    "PruningMaskDisplay.from_masks": lambda: PruningMaskDisplay.from_masks([[[1.0]]]),
    "PruningMaskDisplay.from_estimator": lambda: PruningMaskDisplay.from_estimator(LassoCV()),
    "SparsityAccuracyDisplay.from_results": lambda: SparsityAccuracyDisplay.from_results({}),
    "SparsityAccuracyDisplay.from_pruners": lambda: SparsityAccuracyDisplay.from_pruners([]),
    "SparsityAccuracyDisplay.from_estimator": lambda: SparsityAccuracyDisplay.from_estimator(
        LassoCV()
    ),
    "ThresholdDisplay.from_data": lambda: ThresholdDisplay.from_data([1.0]),
    "ThresholdDisplay.from_estimator": lambda: ThresholdDisplay.from_estimator(LassoCV(), [[1.0]]),
}


@pytest.mark.parametrize("caller", CALLS)
def test_the_error_names_the_extra(monkeypatch, caller):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError) as error:
        CALLS[caller]()
    assert caller in str(error.value)
    assert 'pip install "sparsekit[plot]"' in str(error.value)


def test_importing_the_displays_does_not_import_matplotlib():
    code = "import sys, sparsekit.inspection; print('matplotlib' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"
