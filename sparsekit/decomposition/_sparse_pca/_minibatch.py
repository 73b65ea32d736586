"""MiniBatchSparsePCA: sparse components by batches of features, and from batches of samples."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sparsekit._parallel import single_blas_thread
from sparsekit._sklearn import Integral, Interval, StrOptions
from sparsekit._validation import check_parameters, check_rows, unchanged_on_error
from sparsekit.decomposition._sparse_pca._alternation import CODERS, Factors, longest_feature
from sparsekit.decomposition._sparse_pca._components import (
    CONSTRAINTS,
    SparseComponents,
    warn_if_all_zero,
)
from sparsekit.decomposition._sparse_pca._feature_batches import Batches, alternate_by_batches
from sparsekit.decomposition._sparse_pca._loadings import Loadings, Settings, unit_components
from sparsekit.decomposition._sparse_pca._loadings_start import atoms_of_codes, first_factors
from sparsekit.decomposition._sparse_pca._root import DenseRoot, Root, center
from sparsekit.decomposition._sparse_pca._summary import MOST_FEATURES, Summary

# Components of fewer samples than this are no place to start from: `partial_fit` begins anew.
SAMPLES_PER_COMPONENT = 10


class MiniBatchSparsePCA(SparseComponents):
    """Find components with few loadings, a few features at a time.

    The objective is that of :class:`SparsePCA`: with U and V, whose rows divided by their lengths
    are the components, ::

        1/2 |X - 1 mean' - U V|^2 + alpha |V|_1,    each column of U of length at most 1.

    After each batch of features U is updated from the loadings of all of them, so that U moves
    many times in one pass, and the objective never rises.

    `partial_fit` takes a batch of samples. What was seen is kept as a mean and a scatter matrix:
    how the samples were cut into batches makes no difference to these. With more than 2048
    features the matrix is cut to its leading directions: five per component, at least 100.

    Parameters
    ----------
    n_components : int, default=None
        Number of components; None is the number of features.
    alpha : float, default=1
        Strength of the L1 penalty, in [0, inf). It is compared with products of the centred data,
        so it grows with the number of samples.
    ridge_alpha : float, default=0.01
        Ridge penalty of the regression that `transform` makes, in [0, inf).
    max_iter : int, default=1000
        Most passes over the features in `fit`; `partial_fit` makes one.
    callback : callable, default=None
        Called after each pass as ``callback({"n_iter": ..., "objective": ..., "components": ...})``
        with the components found so far; a true answer ends the fit.
    batch_size : int, default=3
        Number of features per batch; at least a thousandth of all features.
    verbose : int or bool, default=False
        Whether to print the objective of each pass.
    shuffle : bool, default=True
        Whether features are drawn into batches at random, instead of in order.
    n_jobs : int, default=None
        Threads; None is 1, -1 all cores. They do not change a bit of the result.
    method : {"cd", "lars"}, default="cd"
        How the loadings of a batch are found: coordinate descent from those of the last pass, or
        an active set that solves each lasso anew.
    random_state : int, RandomState instance or None, default=None
        Draws the batches, and the vector from which the search for singular vectors of large
        data starts.
    tol : float, default=1e-3
        A pass that moves U by no more than this, in norm per component, is the last.
    max_no_improvement : int or None, default=10
        Batches in a row that do not lower the objective by more than 1e-7 of it, after which the
        fit ends if a whole pass is among them; None is no limit.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Components of length one, or zero. The largest loading of each is positive.
    explained_variance_ : ndarray of shape (n_components,)
        Variance that each component explains beyond those before it.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        The same as a share of the variance of all features.
    error_ : ndarray
        Objective after each pass; after `partial_fit`, of its pass only.
    n_components_ : int
        Number of components.
    n_iter_ : int
        Number of passes.
    n_samples_seen_ : int
        Number of samples of `fit`, and of every `partial_fit` since.
    mean_ : ndarray of shape (n_features,)
        Means of the features.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names.

    See Also
    --------
    SparsePCA : All features in each iteration, and further methods.
    sklearn.decomposition.IncrementalPCA : Components that use all features.

    References
    ----------
    Mairal, Bach, Ponce, Sapiro (2010), "Online learning for matrix factorization and sparse
    coding".

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import scale
    >>> from sparsekit.decomposition import MiniBatchSparsePCA
    >>> X, _ = load_breast_cancer(return_X_y=True)
    >>> pca = MiniBatchSparsePCA(n_components=3, alpha=5, random_state=0).fit(scale(X))
    >>> pca.transform(scale(X)).shape
    (569, 3)
    """

    _parameter_constraints: dict = {
        **CONSTRAINTS,
        "callback": [callable, None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "method": [StrOptions(set(CODERS))],
        "max_no_improvement": [Interval(Integral, 0, None, closed="left"), None],
    }

    def __init__(
        self,
        n_components: int | None = None,
        *,
        alpha: float = 1,
        ridge_alpha: float = 0.01,
        max_iter: int = 1000,
        callback: Callable[[dict[str, Any]], Any] | None = None,
        batch_size: int = 3,
        verbose: int = False,
        shuffle: bool = True,
        n_jobs: int | None = None,
        method: str = "cd",
        random_state: Any = None,
        tol: float = 1e-3,
        max_no_improvement: int | None = 10,
    ):
        self.n_components = n_components
        self.alpha = alpha
        self.ridge_alpha = ridge_alpha
        self.max_iter = max_iter
        self.callback = callback
        self.batch_size = batch_size
        self.verbose = verbose
        self.shuffle = shuffle
        self.n_jobs = n_jobs
        self.method = method
        self.random_state = random_state
        self.tol = tol
        self.max_no_improvement = max_no_improvement

    def partial_fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Take in a batch of samples, and make one pass over the features.

        The components are those of all samples seen so far, of `fit` too: after a `fit` on more
        than 2048 features, as many principal components of its data stand for these. Each pass
        starts where the last one ended, once ten samples per component have been seen.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            A batch of any size.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        check_parameters(self)
        with unchanged_on_error(self):
            is_first = not hasattr(self, "components_")
            X = check_rows(self, X, reset=is_first)
            settings = self._settings(X.shape[1], max_iter=1)
            with single_blas_thread():
                seen = Summary.empty(X.shape[1]) if is_first else self._summary()
                summary = seen.merged(X, settings.n_components)
                fitted = self._continued(summary, settings, X.dtype, is_first)
            vars(self).update(fitted)
        return self

    def _fit(self, X: Any) -> dict[str, Any]:
        settings = self._settings(X.shape[1])
        if X.shape[1] <= MOST_FEATURES:
            summary = Summary.empty(X.shape[1]).merged(X, settings.n_components)
            root = DenseRoot(summary.root)
            factors = first_factors(root, settings)
        else:
            mean, root = center(X)
            factors = first_factors(root, settings)
            captured = root.correlations(factors.atoms).T.astype(np.float64)
            summary = Summary(X.shape[0], mean, captured, float(root.squares.sum()))
        loadings = self._improve(root, factors, settings, summary.total)
        warn_if_all_zero(loadings.components, lambda: longest_feature(root, settings), 4)
        return self._stored(loadings, root, summary, X.dtype)

    def _continued(
        self, summary: Summary, settings: Settings, dtype: np.dtype, is_first: bool
    ) -> dict[str, Any]:
        """Return the attributes after one more pass."""
        root = DenseRoot(summary.root)
        if is_first or self.n_samples_seen_ < SAMPLES_PER_COMPONENT * settings.n_components:
            factors = first_factors(root, settings)
        else:
            codes = self._codes.astype(np.float64)
            factors = Factors(atoms_of_codes(root, codes), codes)
        dtype = dtype if is_first else self.components_.dtype
        loadings = self._improve(root, factors, settings, summary.total)
        fitted = self._stored(loadings, root, summary, dtype)
        n_before = 0 if is_first else self.n_iter_
        return fitted | {"n_iter_": n_before + loadings.n_iter}

    def _improve(self, root: Root, factors: Factors, settings: Settings, total: float) -> Loadings:
        """Pass over the features as often as the parameters say."""

        def keep_on(iteration: int, objective: float, factors: Factors) -> bool:
            if self.callback is None:
                return True
            components = unit_components(factors.codes.T)
            state = {"n_iter": iteration, "objective": objective, "components": components}
            return not self.callback(state)

        batches = Batches(self.batch_size, self.shuffle, self.max_no_improvement, keep_on)
        coder = CODERS[self.method]
        return alternate_by_batches(root, factors, settings, coder, batches, total)

    def _stored(
        self, loadings: Loadings, root: Root, summary: Summary, dtype: np.dtype
    ) -> dict[str, Any]:
        """Return the fitted attributes, and what the next batch of samples needs."""
        n_samples, total = summary.n_samples, summary.total
        fitted = self._dressed(
            loadings, root, summary.mean, n_samples=n_samples, total=total, dtype=dtype
        )
        return fitted | {
            "error_": loadings.errors,
            "n_samples_seen_": n_samples,
            "_codes": np.ascontiguousarray(loadings.components.T),
            "_seen_mean": summary.mean,
            "_seen_root": summary.root,
            "_seen_total": summary.total,
        }

    def _summary(self) -> Summary:
        """Return what was seen so far."""
        return Summary(self.n_samples_seen_, self._seen_mean, self._seen_root, self._seen_total)
