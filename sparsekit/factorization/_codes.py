"""What models with factors share: codes of rows, and the way back from them."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from sparsekit._sklearn import CallbackSupportMixin
from sparsekit.factorization._recommend import RecommenderMixin


class FactorCodes(
    CallbackSupportMixin,
    RecommenderMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """A model whose prediction is a product: of rows' codes and `components_`, and offsets."""

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> np.ndarray:
        """Fit the model and return the codes of the rows.

        Parameters
        ----------
        X : {sparse matrix, SparseEntries, array-like} of shape (n_rows, n_columns)
            Entries.
        y : Ignored
            Not used.
        **fit_params : dict
            What `fit` takes.

        Returns
        -------
        codes : ndarray of shape (n_rows, n_codes)
            `row_factors_`, what `transform` returns for the entries of the fit.
        """
        return self.fit(X, y, **fit_params).row_factors_.copy()

    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
        """Predict all entries of rows with given codes.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_codes)
            Codes.

        Returns
        -------
        rows : ndarray of shape (n_rows, n_columns)
            Predictions, dense.

        Raises
        ------
        ValueError
            If the codes have another number of columns.
        """
        check_is_fitted(self)
        codes = check_array(X, dtype=[np.float64, np.float32])
        if codes.shape[1] != len(self.components_):
            raise ValueError(
                f"`X` must hold one column per code, {len(self.components_)}; got "
                f"{codes.shape[1]}. Pass what `transform` returned."
            )
        rows = codes @ self.components_.astype(codes.dtype, copy=False)
        return rows + np.asarray(self._column_offsets(), dtype=codes.dtype)

    def _of_input(self) -> dict[str, Any]:
        """Return the attributes that the check of X has set."""
        names = "n_features_in_", "feature_names_in_"
        return {name: vars(self)[name] for name in names if name in vars(self)}

    def _store(self, found: dict[str, Any]) -> None:
        """Set what a fit found; nothing stays of an earlier fit but what the check of X has set."""
        found = self._of_input() | found
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        vars(self).update(found)

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)

    def _column_offsets(self) -> np.ndarray | float:
        """Return what predictions of columns have beside the product."""
        if not hasattr(self, "column_bias_"):
            return 0.0
        mean = getattr(self, "intercept_", 0.0)
        return self.column_bias_ + np.asarray(mean, dtype=self.column_bias_.dtype)

    def _reconstruction(self, components: np.ndarray) -> dict[str, Any]:
        """Return the attributes of a model that had stopped here."""
        found = {name: value for name, value in vars(self).items() if name.endswith("_")}
        return found | {"components_": components.copy()}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
