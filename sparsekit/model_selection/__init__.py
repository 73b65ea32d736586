"""Choose parameters by cross-validation: warm-started paths, and folds that hide entries."""

from sparsekit.matrix._entries import SparseEntries, hold_out_entries
from sparsekit.model_selection._path_search import PathGridSearchCV

__all__ = ["PathGridSearchCV", "SparseEntries", "hold_out_entries"]
