"""The transformer that shrinks data at thresholds it learned, or chooses row by row."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sparsekit._compile import kernel
from sparsekit._sklearn import Integral, Interval, Real, StrOptions, as_configured_sparse
from sparsekit._validation import check_parameters, check_rows, unchanged_on_error
from sparsekit.coding._rows import CodeRows, empty_rows, stack_rows, trimmed
from sparsekit.coding._select import drop_excess, ranked_magnitudes
from sparsekit.thresholding._noise import NOISE
from sparsekit.thresholding._rules import (
    RULE_CONSTRAINTS,
    Chooser,
    RuleOptions,
    check_own_parameters,
)
from sparsekit.thresholding._shapes import as_threshold, shrink
from sparsekit.thresholding._vectors import map_vectors

# Values of dense rows that become sparse together, and stay in the cache meanwhile.
BLOCK = 1 << 17


class Thresholder(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Set small values to zero, at a threshold that a rule chooses.

    `fit` chooses one threshold for all values, or one for each feature; or `transform` chooses
    one for each sample. The zeros of sparse X count as zeros in every rule, and X is never made
    dense.

    Parameters
    ----------
    rule : {"universal", "minimax", "sure", "hybrid", "bayes", "ebayes", "fdr", "top_k", \
            "quantile", "energy", "fixed"}, default="universal"
        How the threshold is chosen; see :func:`choose_threshold`.
    shape : {"soft", "hard", "firm", "garrote"}, default="soft"
        How values are shrunk, see :func:`soft`, :func:`hard`, :func:`firm` and :func:`garrote`.
    threshold : float or array-like of shape (n_features,), default=None
        The threshold of ``rule="fixed"``, non-negative; an array only with ``axis=0``.
    noise : {"mad", "mad_zero", "std"} or float, default="mad"
        The standard deviation of the noise, or how to estimate it from the values that share a
        threshold; see :func:`estimate_noise`. Of values more than half of which are equal, "mad"
        is zero, and then nothing is removed. "fixed", "top_k", "quantile" and "energy" do not
        ask for it.
    axis : {0, 1} or None, default=None
        0 chooses one threshold per feature, 1 one per sample, None one for all values.
    n_nonzero_coefs : int, default=None
        How many values ``rule="top_k"`` keeps. With ``axis=1`` never more, of equal magnitudes
        those of the first features; otherwise `transform` keeps what reaches the threshold of
        the fit.
    fdr_level : float, default=0.05
        Share of false discoveries that ``rule="fdr"`` tolerates; in (0, 1).
    quantile : float, default=0.9
        Share of the values that ``rule="quantile"`` sets to zero; in [0, 1).
    energy : float, default=0.95
        Share of the squared norm that ``rule="energy"`` keeps; in (0, 1].
    prior : {"laplace", "cauchy"}, default="laplace"
        Prior of ``rule="ebayes"``.
    prior_scale : float, default=0.5
        Rate of the Laplace prior, positive; None estimates it.
    firm_ratio : float, default=2.0
        Upper threshold of ``shape="firm"`` divided by the lower; at least 1.
    sparse_output : bool or "auto", default="auto"
        Whether `transform` returns a sparse matrix (CSR); "auto" does if X is sparse.

    Attributes
    ----------
    threshold_ : float or ndarray of shape (n_features,)
        The thresholds; absent with ``axis=1``.
    noise_ : float or ndarray of shape (n_features,)
        The standard deviations of the noise, if the rule asks for them; absent with ``axis=1``.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names.

    See Also
    --------
    choose_threshold : The rules as a function.
    WaveletShrinkage : Thresholds for the wavelet coefficients of signals and images.

    References
    ----------
    Donoho, Johnstone (1994), "Ideal spatial adaptation by wavelet shrinkage".

    Examples
    --------
    >>> import numpy as np
    >>> from sparsekit.thresholding import Thresholder
    >>> X = np.array([[5.0, 0.1, -0.2, 3.0], [0.3, -4.0, 0.2, 0.1]])
    >>> largest = Thresholder("top_k", shape="hard", axis=1, n_nonzero_coefs=1)
    >>> largest.fit_transform(X).tolist()
    [[5.0, 0.0, 0.0, 0.0], [0.0, -4.0, 0.0, 0.0]]
    """

    _parameter_constraints: dict = {
        **RULE_CONSTRAINTS,
        "noise": [StrOptions(set(NOISE)), Interval(Real, 0, None, closed="left")],
        "axis": [Interval(Integral, 0, 1, closed="both"), None],
        "firm_ratio": [Interval(Real, 1, None, closed="left")],
        "sparse_output": [StrOptions({"auto"}), "boolean"],
    }

    def __init__(
        self,
        rule: str = "universal",
        shape: str = "soft",
        threshold: float | ArrayLike | None = None,
        noise: str | float = "mad",
        axis: int | None = None,
        *,
        n_nonzero_coefs: int | None = None,
        fdr_level: float = 0.05,
        quantile: float = 0.9,
        energy: float = 0.95,
        prior: str = "laplace",
        prior_scale: float | None = 0.5,
        firm_ratio: float = 2.0,
        sparse_output: bool | str = "auto",
    ):
        self.rule = rule
        self.shape = shape
        self.threshold = threshold
        self.noise = noise
        self.axis = axis
        self.n_nonzero_coefs = n_nonzero_coefs
        self.fdr_level = fdr_level
        self.quantile = quantile
        self.energy = energy
        self.prior = prior
        self.prior_scale = prior_scale
        self.firm_ratio = firm_ratio
        self.sparse_output = sparse_output

    def fit(self, X: ArrayLike, y: None = None) -> Self:
        """Choose the thresholds; with ``axis=1`` check X only.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Finite training data.
        y : None
            Ignored; for pipelines.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        self._check_parameters()
        with unchanged_on_error(self):
            X = check_rows(self, X, reset=True)
            choose = self._chooser(X.shape[1])
            fitted = {} if self.axis == 1 else self._chosen(choose, X)
        for name in ("threshold_", "noise_"):
            vars(self).pop(name, None)
        vars(self).update(fitted)
        return self

    def transform(self, X: ArrayLike) -> Any:
        """Shrink X.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Finite data.

        Returns
        -------
        X_new : ndarray or sparse matrix of shape (n_samples, n_features)
            Float32 of float32 data, else float64. A sparse matrix is CSR and stores no zeros.
        """
        check_is_fitted(self, None if self.axis == 1 else "threshold_")
        self._check_parameters()
        X = check_rows(self, X, reset=False)
        to_sparse = sparse.issparse(X) if self.sparse_output == "auto" else self.sparse_output
        if sparse.issparse(X):
            shrunk = self._shrunk_rows(X)
            return as_configured_sparse(shrunk) if to_sparse else shrunk.toarray()
        if not to_sparse:
            return self._shrunk_rows(X)
        step = max(BLOCK // X.shape[1], 1)
        blocks = (X[start : start + step] for start in range(0, len(X), step))
        rows = [_as_sparse_rows(self._shrunk_rows(block)) for block in blocks]
        return as_configured_sparse(stack_rows(rows, X.shape[1]))

    def _check_parameters(self) -> None:
        check_parameters(self)
        check_own_parameters(self.rule, self.get_params(deep=False))

    def _chooser(self, n_features: int) -> Chooser:
        """Return the rule with its options."""
        options = {
            name: getattr(self, name)
            for name in RuleOptions.__dataclass_fields__
            if name != "keeps_equal"
        }
        if self.threshold is not None:
            options["threshold"] = as_threshold(self.threshold, "threshold")
            allowed = [(), (n_features,)] if self.axis == 0 else [()]
            if (shape := options["threshold"].shape) not in allowed:
                raise ValueError(
                    f"`threshold` must be a number, or with axis=0 an array of shape "
                    f"({n_features},), one for each feature; got shape {shape} with "
                    f"axis={self.axis!r}."
                )
        return Chooser(
            self.rule, self.noise, RuleOptions(**options, keeps_equal=self.shape == "hard")
        )

    def _chosen(self, choose: Chooser, X: Any) -> dict[str, Any]:
        """Return the fitted attributes."""
        shape = () if self.axis is None else (X.shape[1 - self.axis],)
        found = map_vectors(choose, X, self.axis, shape)
        named = zip(("threshold_", "noise_"), zip(*found))
        return {
            name: _as_fitted(np.concatenate(parts), shape, X.dtype)
            for name, parts in named
            if parts[0] is not None
        }

    def _shrunk_rows(self, X: Any) -> Any:
        """Return X shrunk, dense or sparse as it is."""
        if self.axis != 1:
            return shrink(X, self.threshold_, self.shape, firm_ratio=self.firm_ratio)
        threshold = self._row_thresholds(X)
        shrunk = shrink(X, threshold[:, None], self.shape, firm_ratio=self.firm_ratio)
        if self.rule == "top_k" and self.shape == "hard":
            values, starts = _stored(shrunk)
            if drop_excess(values, starts, threshold, self.n_nonzero_coefs) and sparse.issparse(X):
                shrunk.eliminate_zeros()
        return shrunk

    def _row_thresholds(self, X: Any) -> np.ndarray:
        """Return the threshold of each row, in the dtype of X."""
        if self.rule == "top_k":
            rank = self.n_nonzero_coefs + (self.shape != "hard")
            return ranked_magnitudes(*_stored(X), np.full(X.shape[0], rank))
        found = map_vectors(self._chooser(X.shape[1]), X, 1, X.shape[:1])
        return np.concatenate([threshold for threshold, _ in found]).astype(X.dtype)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _stored(X: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of a dense or CSR matrix, row after row, and where each row begins."""
    if sparse.issparse(X):
        return X.data, X.indptr.astype(np.intp, copy=False)
    return X.reshape(-1), X.shape[1] * np.arange(X.shape[0] + 1)


def _as_fitted(found: np.ndarray, shape: tuple[int, ...], dtype: np.dtype) -> float | np.ndarray:
    """Return what was found for all values as a number, for each feature as an array."""
    return found.astype(dtype) if shape else float(found[0])


def _as_sparse_rows(dense: np.ndarray) -> CodeRows:
    """Return dense rows without their zeros."""
    rows = empty_rows(len(dense), dense.size + 1, dense.dtype)
    compress(dense, rows)
    return trimmed(rows)


@kernel
def compress(dense, rows):
    """Write what is not zero of each row; one entry more than that is overwritten."""
    end = 0
    for i in range(dense.shape[0]):
        for j in range(dense.shape[1]):
            rows.data[end] = dense[i, j]
            rows.indices[end] = j
            end += dense[i, j] != 0
        rows.indptr[i + 1] = end
