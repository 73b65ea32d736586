"""What a fitted NMF can do, and how a fit reads its parameters."""

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted

from sparsekit._sklearn import as_configured_sparse
from sparsekit._validation import check_parameters, check_rows, refuse_vanishing
from sparsekit.coding._rows import rows_of_dense, stack_rows
from sparsekit.decomposition._nmf._fit import Factors, factorize, solve_codes
from sparsekit.decomposition._nmf._online import Memory, learn_batch, remember_batch, remember_fit
from sparsekit.decomposition._nmf._scale import Strengths, column_sums
from sparsekit.decomposition._nmf._start import given_start, start_factors
from sparsekit.decomposition._nmf._steps import Steps, make_steps
from sparsekit.linear_model import AllZeroWarning
from sparsekit.matrix._products import self_product

# Rows coded at a time where codes shall be sparse.
SPARSE_BLOCK = 8192


class NonNegativeFactors(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Everything of `SparseNMF` but its parameters and the ways to fit it."""

    def transform(self, X: ArrayLike) -> np.ndarray | sparse.csr_array | sparse.csr_matrix:
        """Return the W that is best for X, given H.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Non-negative data. Each row's codes depend on that row alone.

        Returns
        -------
        W : {ndarray, sparse array} of shape (n_samples, n_components)
            Codes, in the data type of X.
        """
        check_is_fitted(self)
        check_parameters(self)
        X = self._check_rows(X, reset=False)
        if not self.sparse_output:
            return self._coded(self._steps(X))[0]
        edges = range(0, X.shape[0], SPARSE_BLOCK)
        blocks = [self._coded(self._steps(X[i : i + SPARSE_BLOCK]))[0] for i in edges]
        rows = [rows_of_dense(block) for block in blocks]
        return as_configured_sparse(stack_rows(rows, len(self.components_)))

    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
        """Return the rows that codes stand for.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_components)
            Codes.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            Their products with H.
        """
        check_is_fitted(self)
        codes = check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32])
        if codes.shape[1] != len(self.components_):
            raise ValueError(
                f"`X` must hold one column per component, {len(self.components_)}; got "
                f"{codes.shape[1]}. Pass what `transform` returned."
            )
        return codes @ self.components_.astype(codes.dtype, copy=False)

    def score(self, X: ArrayLike, y: None = None) -> float:
        """Return minus the objective of X per sample, as far as it depends on X.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Non-negative data.
        y : None
            Ignored.

        Returns
        -------
        score : float
            Minus the mean of the loss and the penalty of W over samples. What H costs is left out.
        """
        check_is_fitted(self)
        check_parameters(self)
        steps = self._steps(self._check_rows(X, reset=False))
        W, loss = self._coded(steps)
        penalty = self._strengths(*steps.shape).codes_value(W)
        return -(loss + penalty) / steps.shape[0]

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        tags.input_tags.allow_nan = self.missing == "unobserved"
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _check_rows(self, X: Any, *, reset: bool) -> np.ndarray | sparse.csr_array:
        """Return checked rows; NaN counts as unobserved where absent entries do."""
        allow_nan = self.missing == "unobserved"
        remedy = 'Pass `missing="unobserved"` to fit the other entries'
        X = check_rows(
            self, X, reset=reset, allow_nan=allow_nan, non_negative=True, nan_remedy=remedy
        )
        refuse_vanishing(X.data if sparse.issparse(X) else X, "X")
        return X

    def _steps(self, X: np.ndarray | sparse.csr_array) -> Steps:
        return make_steps(X, self.beta_loss, self.missing, self.n_jobs)

    def _strengths(self, n_samples: int, n_features: int) -> Strengths:
        """Return the penalties, scaled by the shape of X as scikit-learn does."""
        on_codes = n_features * self.alpha_W
        on_components = n_samples * (self.alpha_W if self.alpha_H == "same" else self.alpha_H)
        return Strengths(
            l1_codes=float(on_codes * self.l1_ratio),
            l2_codes=float(on_codes * (1.0 - self.l1_ratio)),
            l1_components=float(on_components * self.l1_ratio),
            l2_components=float(on_components * (1.0 - self.l1_ratio)),
            n_samples=n_samples,
        )

    def _factorized(self, steps: Steps, W: Any, H: Any) -> Factors:
        """Return the factors of a fit; warn if it did not settle."""
        factors = factorize(
            steps,
            self._strengths(*steps.shape),
            *self._start(steps, W, H),
            tol=self.tol,
            max_iter=self.max_iter,
            max_time=self.max_time,
            listen=self._listen,
        )
        n_iter = len(factors.objectives)
        if not factors.converged and n_iter == self.max_iter and self.tol > 0:
            warnings.warn(
                f"{type(self).__name__} stopped after {n_iter} iterations, when the objective "
                f"still changed by {factors.change:.1e} of its size (tol={self.tol:g}). Increase "
                "`max_iter` or `tol`.",
                ConvergenceWarning,
                stacklevel=4,
            )
        values = steps.X.data if sparse.issparse(steps.X) else steps.X
        if not factors.components.any() and values.any():
            warnings.warn(
                "all components are zero: the penalties are too strong for the data. Choose a "
                f"smaller `alpha_W` (now {self.alpha_W:g}) or `alpha_H` (now {self.alpha_H!r}).",
                AllZeroWarning,
                stacklevel=4,
            )
        return factors

    def _start(self, steps: Steps, W: Any, H: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return where a fit starts: W and the transpose of H."""
        if self.init == "custom":
            return given_start(steps, self.n_components, W, H)
        if W is not None or H is not None:
            raise ValueError(
                f"`W` and `H` say where to start if init='custom'; got init={self.init!r}."
            )
        by_number = isinstance(self.n_components, str) or self.n_components is None
        n_components = steps.shape[1] if by_number else self.n_components
        enough = n_components <= min(steps.shape)
        init = self.init or ("nndsvda" if enough else "random")
        if init != "random" and not enough:
            raise ValueError(
                f"init={init!r} needs at least as many samples and features as components; got "
                f"n_components={n_components} for X of shape {steps.shape}. Pass init='random'."
            )
        return start_factors(steps, n_components, init, check_random_state(self.random_state))

    def _listen(self, iteration: int, objective: float, components: np.ndarray) -> bool:
        """Tell the user how the fit goes; return whether to end it."""
        if self.verbose:
            print(f"[{type(self).__name__}] iteration {iteration}: objective {objective:.6g}")
        if self.callback is None:
            return False
        state = {"n_iter": iteration, "objective": objective, "components": components.T.copy()}
        return bool(self.callback(state))

    def _coded(self, steps: Steps, components: np.ndarray | None = None) -> tuple[Any, float]:
        """Return the best W and the loss, given the transpose of H or for the fitted one."""
        if components is None:
            components = np.ascontiguousarray(self.components_.T, dtype=steps.dtype)
        strengths = self._strengths(*steps.shape)
        ridge = np.full(components.shape[1], strengths.l2_codes)
        return solve_codes(steps, components, strengths.l1_codes, ridge)

    def _keep(self, steps: Steps, factors: Factors) -> np.ndarray:
        """Store what a fit found; return the best codes."""
        codes, loss = self._coded(steps, factors.components)
        penalty = self._strengths(*steps.shape).value(codes, factors.components)
        self.components_ = np.ascontiguousarray(factors.components.T)
        self.n_components_ = len(self.components_)
        self.n_dead_ = count_dead(self.components_)
        self.reconstruction_err_ = float(np.sqrt(2 * loss))
        self.objective_ = loss + penalty
        self.n_iter_ = len(factors.objectives)
        self.n_samples_seen_ = steps.shape[0]
        self._sums = column_sums(factors.codes)
        self._gram = self_product(factors.codes, n_jobs=self.n_jobs).astype(np.float64)
        self._cross = None
        return codes

    def _learn_first(self, steps: Steps) -> Self:
        """Fit to a first batch and remember it."""
        factors = self._factorized(steps, None, None)
        self._keep(steps, factors)
        memory = remember_batch(steps, factors.codes, factors.components, self.beta_loss)
        self._cross = memory.cross
        return self

    def _learn(self, steps: Steps) -> Self:
        """Improve H by one more batch."""
        n_samples = self.n_samples_seen_ + steps.shape[0]
        strengths = self._strengths(n_samples, steps.shape[1])
        components = np.ascontiguousarray(self.components_.T)
        before = self._strengths(self.n_samples_seen_, steps.shape[1])
        seen = float(self.n_samples_seen_), self._sums, self._gram
        memory = (
            remember_fit(*seen, components, before, self.beta_loss)
            if self._cross is None
            else Memory(*seen, self._cross)
        )
        memory, components = learn_batch(steps, strengths, memory, components, self.beta_loss)
        self.components_ = np.ascontiguousarray(components.T)
        self.n_dead_ = count_dead(self.components_)
        self._sums, self._gram, self._cross = memory.sums, memory.gram, memory.cross
        self.n_samples_seen_ = n_samples
        self.n_iter_ += 1
        return self


def count_dead(components: np.ndarray) -> int:
    """Return how many rows of H are zero."""
    return int(np.count_nonzero(~components.any(axis=1)))
