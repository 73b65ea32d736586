"""SparseSVD: truncated singular value decomposition, centred or not, of sparse and dense data."""

from typing import Any, Self

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike
from scipy import linalg, sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted

from sparsekit._parallel import single_blas_thread
from sparsekit._sklearn import Integral, Interval, Real
from sparsekit._validation import check_parameters, check_rows, unchanged_on_error
from sparsekit._validation._memory import refuse_memory
from sparsekit.decomposition._svd._basis import triangular_factor
from sparsekit.decomposition._svd._operator import CenteredData, centered_data
from sparsekit.decomposition._svd._subspace import block_width, needed_memory, row_space
from sparsekit.matrix._products import multiply

# Multiplications of a product below which a second thread costs more than it brings.
THREAD_WORK = 1e7


class SparseSVD(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Find the leading singular vectors of a matrix, or its principal components.

    The components V, orthonormal rows, capture nearly as much of the squared norm of X as
    ``n_components`` rows can::

        max_V  |(X - 1 mean') V'|_F^2,    V V' = I,

    where the mean is that of each feature with ``center=True``, principal component analysis, and
    zero otherwise, as in latent semantic analysis. Sparse X is centred in products alone and is
    never made dense.

    A random subspace is improved by power iterations, accelerated by Chebyshev polynomials, until
    what it captures has settled to `tol`. With at least half as many vectors as the smaller side
    of X has, the result is exact.

    Parameters
    ----------
    n_components : int, default=2
        Number of components, at most the smaller side of X.
    center : bool, default=False
        Whether the mean of each feature is subtracted.
    max_iter : int, default=10
        Most power iterations, each two products with X; at least 1.
    n_oversamples : int, default=10
        Least number of vectors iterated beside those wanted. More of them need fewer iterations.
    tol : float, default=1e-3
        Iterations end when one raises the captured sum of squares by no more than this share of
        it; 0 makes `max_iter` iterations. There is no warning where `max_iter` ends them before.
    random_state : int, RandomState instance or None, default=None
        Draws the start.
    n_jobs : int, default=None
        Threads; None is 1, -1 all cores. They do not change a bit of the result.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Right singular vectors, by falling singular value. The largest entry of each is positive.
    singular_values_ : ndarray of shape (n_components,)
        Norms of the columns of the transformed data.
    explained_variance_ : ndarray of shape (n_components,)
        Variances of the columns of the transformed data: divided by ``n_samples - 1`` with
        ``center=True``, as :class:`sklearn.decomposition.PCA` does, and by ``n_samples`` otherwise,
        as :class:`sklearn.decomposition.TruncatedSVD` does.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        The same as a share of the variance of all features.
    mean_ : ndarray of shape (n_features,)
        What `transform` subtracts: the means of the features, or zeros.
    n_iter_ : int
        Power iterations made; 1 where the result is exact without any.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names.

    See Also
    --------
    SparsePCA : Components that use few features.
    sklearn.decomposition.TruncatedSVD : A fixed number of iterations, not centred.

    References
    ----------
    Halko, Martinsson, Tropp (2011), "Finding structure with randomness: probabilistic algorithms
    for constructing approximate matrix decompositions".

    Rutishauser (1970), "Simultaneous iteration method for symmetric matrices".

    Examples
    --------
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from sparsekit.datasets import load_sms_spam
    >>> from sparsekit.decomposition import SparseSVD
    >>> texts, _ = load_sms_spam(return_X_y=True)
    >>> tfidf = TfidfVectorizer(min_df=5).fit_transform(texts)
    >>> svd = SparseSVD(n_components=50, random_state=0)
    >>> svd.fit_transform(tfidf).shape
    (5574, 50)
    >>> float(svd.explained_variance_ratio_.sum().round(2))
    0.24
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "center": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "n_oversamples": [Interval(Integral, 0, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        n_components: int = 2,
        *,
        center: bool = False,
        max_iter: int = 10,
        n_oversamples: int = 10,
        tol: float = 1e-3,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ):
        self.n_components = n_components
        self.center = center
        self.max_iter = max_iter
        self.n_oversamples = n_oversamples
        self.tol = tol
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Find the components of X.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Training data. Sparse X is never made dense.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        self._fit(X)
        return self

    def fit_transform(self, X: ArrayLike, y: Any = None) -> np.ndarray:
        """Find the components of X, and return what `transform` would.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Training data. Sparse X is never made dense.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_components)
            Scores: left singular vectors times singular values.
        """
        return self._scores(self._fit(X))

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the scores of X, its products with the components.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Data. Sparse X is never made dense.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_components)
            Scores, float32 where X is float32.
        """
        check_is_fitted(self)
        check_parameters(self)
        return self._scores(check_rows(self, X, reset=False))

    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
        """Return rows from their scores; what the components leave out is lost.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Scores.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            The scores times the components, plus the mean. Dense, whatever X was.
        """
        check_is_fitted(self)
        scores = check_array(X, dtype=[np.float64, np.float32])
        if scores.shape[1] != len(self.components_):
            raise ValueError(
                f"`X` holds scores on {scores.shape[1]} components, but {type(self).__name__} "
                f"found {len(self.components_)}. Pass what `transform` returned."
            )
        return scores @ self.components_.astype(scores.dtype) + self.mean_.astype(scores.dtype)

    @property
    def _n_features_out(self) -> int:
        """Number of scores, for their names."""
        return len(self.components_)

    def _fit(self, X: Any) -> np.ndarray | sparse.csr_array:
        """Fit to X; return it checked."""
        check_parameters(self)
        with unchanged_on_error(self):
            X = check_rows(self, X, reset=True)
            if self.n_components > min(X.shape):
                raise ValueError(
                    f"n_components={self.n_components} must be at most the smaller side of `X`, "
                    f"but n_samples={X.shape[0]} and n_features={X.shape[1]}."
                )
            with single_blas_thread():
                fitted = self._decomposed(X)
            vars(self).update(fitted)
        return X

    def _decomposed(self, X: Any) -> dict[str, Any]:
        """Return the fitted attributes."""
        width = block_width(self.n_components, self.n_oversamples, min(X.shape))
        refuse_memory(
            needed_memory(X, width, self.center),
            f"{type(self).__name__} with n_components={self.n_components!r} and "
            f"n_oversamples={self.n_oversamples!r} on X of shape {X.shape} in {X.dtype}",
            "Choose fewer components, fewer oversamples, or X in float32.",
        )
        n_jobs = effective_n_jobs(self.n_jobs)
        data = centered_data(X, self.center, n_jobs if X.size * width > THREAD_WORK else 1)
        random_state = check_random_state(self.random_state)
        basis, n_iter = row_space(
            data, self.n_components, width, self.max_iter, self.tol, random_state
        )
        images = data.times(basis)
        _, values, turn = linalg.svd(triangular_factor(images))
        turn, values = turn[: self.n_components], values[: self.n_components]
        components = turn.astype(X.dtype) @ basis.T
        largest = [int(np.abs(component).argmax()) for component in components]
        signs = np.where(components[np.arange(len(components)), largest] < 0, -1, 1)
        components *= signs[:, None].astype(X.dtype)
        means = turn @ images.mean(axis=0, dtype=np.float64)
        found = {"components_": components, "n_iter_": n_iter}
        found["mean_"] = data.mean if self.center else np.zeros_like(data.mean)
        found |= self._variances(data, values, means)
        return {
            name: value.astype(X.dtype, copy=False) if isinstance(value, np.ndarray) else value
            for name, value in found.items()
        }

    def _variances(
        self, data: CenteredData, values: np.ndarray, means: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return the singular values, and the variances of scores with these means."""
        n_samples = data.shape[0]
        variances = values**2 if self.center else np.maximum(values**2 - n_samples * means**2, 0)
        divisor = max(n_samples - 1, 1) if self.center else n_samples
        return {
            "singular_values_": values * data.scale,
            "explained_variance_": variances / divisor * data.scale**2,
            "explained_variance_ratio_": variances / (data.variation or 1.0),
        }

    def _scores(self, X: np.ndarray | sparse.csr_array) -> np.ndarray:
        """Return the products of checked rows less the means."""
        components = np.ascontiguousarray(self.components_.T, dtype=X.dtype)
        mean = self.mean_.astype(X.dtype, copy=False)
        centers = self.mean_.any()
        if centers and not sparse.issparse(X):
            X = X - mean
        scores = multiply(X, components, n_jobs=self.n_jobs)
        if centers and sparse.issparse(X):
            scores -= mean @ components
        return scores

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
