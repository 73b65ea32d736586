"""Choose the strength of a penalty by cross-validation, one warm-started path per fold."""

from sparsekit.model_selection._path_search import PathGridSearchCV

__all__ = ["PathGridSearchCV"]
