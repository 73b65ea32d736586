"""The demo's pictures."""

from importlib.util import find_spec
from pathlib import Path as FilePath
from typing import Any

import numpy as np

from sparsekit._cli._spam import Curve, Path
from sparsekit.inspection import CoefficientPathDisplay, CVCurveDisplay

PATH_FILE = "sparsekit_demo_path.png"
CURVE_FILE = "sparsekit_demo_cv.png"


def save_pictures(alphas: np.ndarray, path: Path, curve: Curve) -> str:
    """Save both pictures into the current directory, and return a line that says where."""
    if find_spec("matplotlib") is None:
        return 'No pictures: matplotlib is not installed. pip install "sparsekit[plot]" brings it.'
    figures = {
        PATH_FILE: _path_figure(alphas, path, curve),
        CURVE_FILE: _curve_figure(alphas, path, curve),
    }
    folder = FilePath.cwd()
    try:
        for name, figure in figures.items():
            figure.savefig(folder / name, dpi=150)
    except OSError as error:
        return f"No pictures: {folder} is not writable ({error.strerror})."
    return f"Pictures: {' and '.join(figures)} in {folder}"


def _path_figure(alphas: np.ndarray, path: Path, curve: Curve) -> Any:
    """Draw every word's coefficient over alpha."""
    axes = _new_axes()
    CoefficientPathDisplay.from_arrays(
        alphas,
        path.coefs,
        feature_names=path.words,
        alpha_min=alphas[curve.best],
        alpha_1se=alphas[curve.one_se],
        n_labels=15,
        ax=axes,
    )
    axes.set_title("Words that tell spam from other messages")
    return axes.figure


def _curve_figure(alphas: np.ndarray, path: Path, curve: Curve) -> Any:
    """Draw the cross-validated log loss over alpha."""
    axes = _new_axes()
    CVCurveDisplay.from_arrays(
        alphas,
        curve.fold_losses,
        alpha_min=alphas[curve.best],
        alpha_1se=alphas[curve.one_se],
        n_nonzero=path.n_nonzero,
        score_name="log loss",
        ax=axes,
    )
    return axes.figure


def _new_axes() -> Any:
    """Return axes of a figure that no window system knows, so that a demo opens no window."""
    from matplotlib.figure import Figure

    return Figure(figsize=(8, 5), layout="constrained").subplots()
