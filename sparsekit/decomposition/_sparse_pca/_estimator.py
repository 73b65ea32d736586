"""SparsePCA: principal components of which each uses few features."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning

from sparsekit._sklearn import Interval, Real, StrOptions
from sparsekit._validation import check_array_parameter
from sparsekit.decomposition._sparse_pca._alternation import (
    CODERS,
    Factors,
    alternate,
    longest_feature,
)
from sparsekit.decomposition._sparse_pca._components import (
    CONSTRAINTS,
    SparseComponents,
    warn_if_all_zero,
)
from sparsekit.decomposition._sparse_pca._deflation import deflate
from sparsekit.decomposition._sparse_pca._elastic_loadings import largest_alpha, regress_and_rotate
from sparsekit.decomposition._sparse_pca._loadings import Loadings, Settings
from sparsekit.decomposition._sparse_pca._loadings_start import (
    atoms_of_codes,
    atoms_on_root,
    first_factors,
    no_codes,
)
from sparsekit.decomposition._sparse_pca._root import Root, center, reduced, worth_reducing

OTHERS: dict[str, Callable[[Root, Settings], Loadings]] = {
    "deflation": deflate,
    "elastic_net": regress_and_rotate,
}

LARGEST_ALPHA: dict[str, Callable[[Root, Settings], float]] = {
    "cd": longest_feature,
    "lars": longest_feature,
    "deflation": lambda root, settings: 0.0,
    "elastic_net": largest_alpha,
}


class SparsePCA(SparseComponents):
    """Find components that reconstruct the data and have few loadings.

    With "cd" and "lars" the components are the rows of V, divided by their lengths, where U and V
    minimise::

        1/2 |X - 1 mean' - U V|^2 + alpha |V|_1,    each column of U of length at most 1.

    The objective is that of :class:`sklearn.decomposition.SparsePCA`. It meets the data in their
    scatter matrix alone, so where samples are many, their number costs nothing after the first
    pass. "deflation" is the penalised matrix decomposition of Witten, Tibshirani and Hastie: one
    component after another, each with a bound on its absolute loadings. "elastic_net" is the
    criterion of Zou, Hastie and Tibshirani.

    Parameters
    ----------
    n_components : int, default=None
        Number of components; None is the number of features.
    alpha : float or array-like of shape (n_components,), default=1
        Strength of the L1 penalty, in [0, inf). It is compared with products of the centred data,
        so it grows with the number of samples. One per component with "elastic_net" only; unused
        with "deflation".
    ridge_alpha : float, default=0.01
        Ridge penalty of the regression that `transform` makes, in [0, inf).
    max_iter : int, default=1000
        Most iterations; with "deflation", for each component.
    tol : float, default=1e-8
        Share of the objective by which an iteration must lower it for another one to follow. With
        "deflation", the largest change of a loading that ends the iterations.
    method : {"cd", "lars", "deflation", "elastic_net"}, default="cd"
        How components are found. "cd" and "lars" have one objective: coordinate descent warm
        started from iteration to iteration, or an active set that solves each lasso anew.
    n_jobs : int, default=None
        Threads; None is 1, -1 all cores. They do not change a bit of the result.
    U_init : array-like of shape (n_samples, n_components), default=None
        Where "cd" and "lars" start; columns longer than one are shortened. None is the singular
        vectors.
    V_init : array-like of shape (n_components, n_features), default=None
        First components, not scaled, of "cd"; without `U_init` they also say where U starts.
    verbose : int or bool, default=False
        Whether to print the objective of each iteration.
    random_state : int, RandomState instance or None, default=None
        Draws the vector from which the search for singular vectors of large data starts, and
        nothing else.
    l1_bound : float, default=None
        Largest sum of absolute loadings of a component of "deflation", in [1, inf): the square
        root of the number of features leaves principal components as they are, 1 leaves one
        feature. None is half of that square root, and at least 1.
    l2_alpha : float, default=1e-6
        Strength of the squared penalty of "elastic_net", in [0, inf]. Infinity stands for soft
        thresholding, for data of very many features.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Components of length one, or zero. The largest loading of each is positive.
    explained_variance_ : ndarray of shape (n_components,)
        Variance that each component explains beyond those before it: scores on components that
        are not orthogonal are first freed of what earlier scores explain.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        The same as a share of the variance of all features.
    error_ : ndarray of shape (`n_iter_`,)
        Objective after each iteration; with "deflation", half the squared error after each
        component.
    n_components_ : int
        Number of components.
    n_iter_ : int
        Number of iterations; with "deflation", the most over the components.
    mean_ : ndarray of shape (n_features,)
        Means of the features.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names.

    See Also
    --------
    MiniBatchSparsePCA : The objective of "cd" by batches of features, and from batches of samples.
    sklearn.decomposition.PCA : Components that use all features.

    References
    ----------
    Jenatton, Obozinski, Bach (2010), "Structured sparse principal component analysis".

    Witten, Tibshirani, Hastie (2009), "A penalized matrix decomposition, with applications to
    sparse principal components and canonical correlation analysis".

    Zou, Hastie, Tibshirani (2006), "Sparse principal component analysis".

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import scale
    >>> from sparsekit.decomposition import SparsePCA
    >>> X, _ = load_breast_cancer(return_X_y=True)
    >>> pca = SparsePCA(n_components=3, alpha=5).fit(scale(X))
    >>> (pca.components_ != 0).sum(axis=1)
    array([19, 13, 12])
    >>> pca.explained_variance_ratio_.round(2)
    array([0.35, 0.17, 0.09])
    """

    _parameter_constraints: dict = {
        **CONSTRAINTS,
        "alpha": [Interval(Real, 0, None, closed="left"), "array-like"],
        "method": [StrOptions({*CODERS, *OTHERS})],
        "U_init": ["array-like", None],
        "V_init": ["array-like", None],
        "l1_bound": [Interval(Real, 1, None, closed="left"), None],
        "l2_alpha": [Interval(Real, 0, None, closed="both")],
    }

    def __init__(
        self,
        n_components: int | None = None,
        *,
        alpha: float | ArrayLike = 1,
        ridge_alpha: float = 0.01,
        max_iter: int = 1000,
        tol: float = 1e-8,
        method: str = "cd",
        n_jobs: int | None = None,
        U_init: ArrayLike | None = None,
        V_init: ArrayLike | None = None,
        verbose: int = False,
        random_state: Any = None,
        l1_bound: float | None = None,
        l2_alpha: float = 1e-6,
    ):
        self.n_components = n_components
        self.alpha = alpha
        self.ridge_alpha = ridge_alpha
        self.max_iter = max_iter
        self.tol = tol
        self.method = method
        self.n_jobs = n_jobs
        self.U_init = U_init
        self.V_init = V_init
        self.verbose = verbose
        self.random_state = random_state
        self.l1_bound = l1_bound
        self.l2_alpha = l2_alpha

    def _fit(self, X: Any) -> dict[str, Any]:
        settings = self._checked_settings(X.shape[1])
        if worth_reducing(X, settings.n_components):
            mean, root = reduced(X, settings.n_jobs)
        else:
            mean, root = center(X)
        if self.method in OTHERS:
            self._refuse_start()
            loadings = OTHERS[self.method](root, settings)
        else:
            factors = self._start(X, mean, root, settings)
            loadings = alternate(root, factors, settings, CODERS[self.method])
        total = float(root.squares.sum())
        fitted = self._dressed(
            loadings, root, mean, n_samples=X.shape[0], total=total, dtype=X.dtype
        )
        self._warn(loadings, root, settings)
        return fitted | {"error_": loadings.errors}

    def _checked_settings(self, n_features: int) -> Settings:
        """Return the options; refuse those that the method cannot follow."""
        if self.l1_bound is not None and self.method != "deflation":
            raise ValueError(
                f"`l1_bound` is for method='deflation', got method={self.method!r}. Leave it at "
                "None: the strength of the other methods is `alpha`."
            )
        n_components = n_features if self.n_components is None else int(self.n_components)
        if self.method == "elastic_net" and n_components > n_features:
            raise ValueError(
                f"method='elastic_net' finds at most as many components as features; got "
                f"n_components={n_components} and {n_features} features."
            )
        bound = self.l1_bound or max(0.5 * np.sqrt(n_features), 1.0)
        return self._settings(
            n_features,
            alpha=self._strengths(n_components),
            l1_bound=float(bound),
            l2_alpha=float(self.l2_alpha),
        )

    def _strengths(self, n_components: int) -> np.ndarray:
        """Return one `alpha` per component."""
        if isinstance(self.alpha, Real):
            return np.full(n_components, float(self.alpha))
        if self.method != "elastic_net":
            raise ValueError(
                "`alpha` may hold one strength per component with method='elastic_net' only; got "
                f"method={self.method!r}. Pass one number."
            )
        strengths = check_array_parameter(self.alpha, "alpha", dtype=np.float64, ensure_2d=False)
        if strengths.shape != (n_components,) or strengths.min() < 0:
            raise ValueError(
                f"`alpha` must be one number, or hold one for each of the {n_components} "
                f"components, none of them negative; got {self.alpha!r}."
            )
        return strengths

    def _start(self, X: Any, mean: np.ndarray, root: Root, settings: Settings) -> Factors:
        """Return the first atoms and codes."""
        if self.U_init is None and self.V_init is None:
            return first_factors(root, settings)
        n_components = settings.n_components
        codes = no_codes(root, settings)
        if self.V_init is not None:
            given = self._given("V_init", (n_components, X.shape[1]), root.dtype)
            codes[:] = given.T
        if self.U_init is None:
            return Factors(atoms_of_codes(root, codes), codes)
        columns = self._given("U_init", (X.shape[0], n_components), root.dtype)
        return Factors(atoms_on_root(X, mean, root, columns), codes)

    def _given(self, name: str, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
        """Return a parameter that holds an array of this shape."""
        array = check_array_parameter(getattr(self, name), name, dtype=dtype)
        if array.shape != shape:
            raise ValueError(f"`{name}` must have shape {shape}; got {array.shape}.")
        return array

    def _refuse_start(self) -> None:
        """Raise ValueError where a start is given to a method that has its own."""
        for name in ("U_init", "V_init"):
            if getattr(self, name) is not None:
                raise ValueError(
                    f"`{name}` is for method='cd' and method='lars'; got method={self.method!r}. "
                    f"Leave `{name}` at None."
                )

    def _warn(self, loadings: Loadings, root: Root, settings: Settings) -> None:
        """Warn of components that are all zero, or of a fit that ran out of iterations."""
        if not loadings.converged and self.max_iter > 0 and self.tol > 0:
            warnings.warn(
                f"{type(self).__name__} stopped after max_iter={self.max_iter} iterations, before "
                f"they met tol={self.tol:g}. Increase `max_iter` or `tol`.",
                ConvergenceWarning,
                stacklevel=4,
            )
        largest_alpha = LARGEST_ALPHA[self.method]
        warn_if_all_zero(loadings.components, lambda: largest_alpha(root, settings), 5)
