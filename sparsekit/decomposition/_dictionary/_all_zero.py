"""What a dictionary fit says of codes that are all zero."""

import warnings

import numpy as np
from scipy import sparse

from sparsekit._sklearn import HAS_CALLBACKS
from sparsekit.linear_model import AllZeroWarning

# Frames between a warning and the user's call of `fit`; scikit-learn's callback wrapper is one.
STACK_LEVEL = 5 + HAS_CALLBACKS
BLOCK_ROWS = 2048


def warn_all_zero(X: np.ndarray | sparse.csr_array, dictionary: np.ndarray, positive: bool) -> None:
    """Warn that no signal has a code, and say below which `alpha` one has."""
    if not (X.data if sparse.issparse(X) else X).any():
        return
    critical = 0.0
    for start in range(0, X.shape[0], BLOCK_ROWS):
        products = X[start : start + BLOCK_ROWS] @ dictionary.T
        critical = max(critical, float((products if positive else np.abs(products)).max()))
    advice = f"with these atoms alpha_max is {critical:.4g}. Choose `alpha` below it."
    if critical == 0:
        advice = "no signal has a positive product with an atom, so no `alpha` leaves any."
    warnings.warn(f"all codes are zero; {advice}", AllZeroWarning, stacklevel=STACK_LEVEL)
