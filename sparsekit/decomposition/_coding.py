"""What every estimator with a dictionary can do: code rows by its atoms, and put them together."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_array, check_is_fitted

from sparsekit._sklearn import (
    Integral,
    Interval,
    Real,
    StrOptions,
    as_configured_sparse,
    wants_container,
)
from sparsekit._validation import check_parameters, check_rows
from sparsekit.coding import Atoms, encode, encode_observed
from sparsekit.decomposition._encoders import ALGORITHMS, CodingOptions, make_encoder

CODING_CONSTRAINTS: dict[str, list] = {
    "transform_algorithm": [StrOptions(set(ALGORITHMS))],
    "transform_n_nonzero_coefs": [Interval(Integral, 1, None, closed="left"), None],
    "transform_alpha": [Interval(Real, 0, None, closed="left"), None],
    "transform_max_iter": [Interval(Integral, 1, None, closed="left")],
    "positive_code": ["boolean"],
    "split_sign": ["boolean"],
    "sparse_output": ["boolean", StrOptions({"auto"})],
    "n_jobs": [Integral, None],
}


class CodingMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Code rows by the atoms of `_dictionary`, as the parameters named transform_* say."""

    @property
    def _dictionary(self) -> np.ndarray:
        """Atoms of shape (n_components, n_features)."""
        return self.components_

    @property
    def _n_features_out(self) -> int:
        return len(self._dictionary) * (2 if self.split_sign else 1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def transform(self, X: ArrayLike) -> np.ndarray | sparse.csr_array | sparse.csr_matrix:
        """Code every row of X by the atoms.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Rows to code. Sparse X is never made dense.

        Returns
        -------
        codes : {ndarray, sparse array} of shape (n_samples, n_features_out)
            Coefficients, in the data type of X.
        """
        check_is_fitted(self)
        check_parameters(self)
        X = self._check_rows(X)
        codes = code_rows(
            X,
            self._dictionary,
            self.transform_algorithm,
            self._transform_options(),
            prefix="transform_",
            n_jobs=self.n_jobs,
        )
        return dressed_codes(codes, self._wants_sparse(), self.split_sign)

    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
        """Return the rows that codes stand for.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features_out)
            Codes.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            Sums of the atoms with these coefficients.
        """
        check_is_fitted(self)
        codes = check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32])
        n_atoms = len(self._dictionary)
        if codes.shape[1] != self._n_features_out:
            raise ValueError(
                f"`X` must hold one column per coefficient, {self._n_features_out}; got "
                f"{codes.shape[1]}. Pass what `transform` returned."
            )
        if self.split_sign:
            codes = codes[:, :n_atoms] - codes[:, n_atoms:]
        return codes @ self._dictionary.astype(codes.dtype, copy=False)

    def _check_rows(self, X: Any) -> np.ndarray | sparse.csr_array:
        return check_rows(self, X, reset=False)

    def _transform_options(self) -> CodingOptions:
        return CodingOptions(
            n_nonzero_coefs=self.transform_n_nonzero_coefs,
            alpha=self.transform_alpha,
            positive=self.positive_code,
            max_iter=self.transform_max_iter,
        )

    def _wants_sparse(self) -> bool:
        if self.sparse_output == "auto" and wants_container(self):
            return False
        return wants_sparse(self.sparse_output, self.transform_algorithm)


def wants_sparse(sparse_output: bool | str, algorithm: str) -> bool:
    """Return whether codes shall be sparse; by the parameters alone, never by the data."""
    return ALGORITHMS[algorithm].greedy if sparse_output == "auto" else bool(sparse_output)


def code_rows(
    X: np.ndarray | sparse.csr_array,
    dictionary: np.ndarray,
    algorithm: str,
    options: CodingOptions,
    *,
    prefix: str = "",
    n_jobs: int | None = None,
) -> sparse.csr_array:
    """Return codes of checked rows in their data type; NaN in dense X counts as missing."""
    dictionary = np.asarray(dictionary, dtype=X.dtype)
    encoder = make_encoder(algorithm, options, *dictionary.shape, prefix)

    def report(n_unfinished: int) -> None:
        if n_unfinished:
            warnings.warn(
                f"algorithm={algorithm!r} stopped after {options.max_iter} steps with "
                f"{n_unfinished} of {X.shape[0]} codes short of their tolerance. Increase "
                f"`{prefix}max_iter`, or choose 'lasso' or 'omp', which end by themselves.",
                ConvergenceWarning,
                stacklevel=5,
            )

    if not sparse.issparse(X) and np.isnan(X).any():
        return encode_observed(X, dictionary, encoder, n_jobs=n_jobs, report=report)
    return encode(X, Atoms.from_dictionary(dictionary), encoder, n_jobs=n_jobs, report=report)


def dressed_codes(
    codes: sparse.csr_array, as_sparse: bool, split_sign: bool = False
) -> np.ndarray | sparse.csr_array | sparse.csr_matrix:
    """Return codes as the user wants them: sparse or dense, signs together or apart."""
    if split_sign:
        codes = sparse.hstack([positive_part(codes), positive_part(-codes)], format="csr")
    return as_configured_sparse(codes) if as_sparse else codes.toarray()


def positive_part(codes: sparse.csr_array) -> sparse.csr_array:
    """Return the positive coefficients, in their data type."""
    kept = codes.copy()
    np.maximum(kept.data, 0, out=kept.data)
    kept.eliminate_zeros()
    return kept
