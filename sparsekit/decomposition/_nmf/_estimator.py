"""SparseNMF: non-negative factors with sparse penalties."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.utils.metaestimators import available_if

from sparsekit._sklearn import Integral, Interval, Real, StrOptions, as_configured_sparse
from sparsekit._validation import check_parameters, unchanged_on_error
from sparsekit.decomposition._nmf._factors import NonNegativeFactors
from sparsekit.decomposition._nmf._start import STARTS


class SparseNMF(NonNegativeFactors):
    """Factorise a non-negative matrix into non-negative factors, sparse on request.

    With W of shape (n_samples, n_components) and H, the `components_`, the objective is that of
    :class:`sklearn.decomposition.NMF`, with its scaling of the penalties by the shape of X::

        loss(X, W H) + alpha_W * n_features * (l1_ratio * |W|_1 + (1 - l1_ratio) / 2 * |W|_2^2)
                     + alpha_H * n_samples  * (l1_ratio * |H|_1 + (1 - l1_ratio) / 2 * |H|_2^2)

    where the loss is ``1/2 |X - W H|_2^2`` or the generalised Kullback-Leibler divergence, over all
    entries or over observed ones. Both norms run over all entries of a matrix.

    The product W H leaves the scale between a column of W and its row of H open, and a penalty on
    one factor alone could be evaded by moving weight to the other. So the scale is fixed:

    - penalties on both factors: where their sum is least;
    - on W alone: every row of H has length one, during the fit too, so `alpha_W` means something;
    - on H alone: every column of W has a root mean square of one in the fit, likewise. (Codes that
      `transform` and `fit_transform` return are not penalised, and come out larger.)
    - on neither: every row of H has length one.

    A component that is zero in one factor at the end is zero in both, and counted in `n_dead_`.
    While a fit runs it may still come back.

    Parameters
    ----------
    n_components : int, "auto" or None, default="auto"
        Number of components. "auto" and None are the number of features, or what H has where
        `init` is "custom".
    init : {"random", "nndsvd", "nndsvda", "nndsvdar", "custom"} or None, default=None
        Where to start: at random; at the non-negative parts of singular vectors, with zeros as they
        are, filled with a constant, or filled with small random numbers; or at the W and H that
        `fit` is given. None is "nndsvda" if X has at least `n_components` rows and columns, where
        entries that are not observed count as zeros, and "random" otherwise.
    beta_loss : {"frobenius", "kullback-leibler"}, default="frobenius"
        The loss.
    missing : {"zero", "unobserved"}, default="zero"
        What an entry means that sparse X does not store: a zero, or nothing is known of it. With
        "unobserved" explicit zeros are observations, and NaN is unobserved too.
    alpha_W : float, default=0.0
        Strength of the penalty on W, in [0, inf).
    alpha_H : float or "same", default="same"
        Strength of the penalty on H, in [0, inf); "same" is `alpha_W`.
    l1_ratio : float, default=0.0
        Share of the L1 penalty, in [0, 1]; 1 makes factors sparse.
    tol : float, default=1e-4
        The fit ends when two iterations in a row change the objective by no more than this share
        of the geometric mean of what it is and what it was after the first.
    max_iter : int, default=200
        Most iterations; at least 1.
    max_time : float, default=None
        Seconds after which no iteration begins; None is no limit.
    sparse_output : bool, default=False
        Whether W is returned as a CSR matrix.
    callback : callable, default=None
        Called after each iteration as ``callback({"n_iter": ..., "objective": ...,
        "components": ...})`` with the components found so far; a true answer ends the fit.
    random_state : int, RandomState instance or None, default=None
        Draws the start.
    n_jobs : int, default=None
        Threads; None is 1, -1 all cores. They do not change a bit of the result.
    verbose : int or bool, default=False
        Whether to print the objective of each iteration.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        H.
    n_components_ : int
        Number of components.
    n_dead_ : int
        Number of them that are zero.
    reconstruction_err_ : float
        Square root of twice the loss of the data of `fit`, or of the first batch, with W as
        `transform` returns it: for squared errors the norm of what W H misses.
    objective_ : float
        Objective of the same.
    n_iter_ : int
        Iterations of `fit`; each batch of `partial_fit` adds one.
    n_samples_seen_ : int
        Samples of `fit` and of every `partial_fit` since.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names.

    See Also
    --------
    sklearn.decomposition.NMF : The same without sparse codes, missing entries and threads.

    References
    ----------
    Cichocki, Phan (2009), "Fast local algorithms for large scale nonnegative matrix and tensor
    factorizations".

    Gillis, Glineur (2012), "Accelerated multiplicative updates and hierarchical ALS algorithms for
    nonnegative matrix factorization".

    Ang, Gillis (2019), "Accelerating nonnegative matrix factorization algorithms using
    extrapolation".

    Hsieh, Dhillon (2011), "Fast coordinate descent methods with variable selection for
    non-negative matrix factorization".

    Examples
    --------
    >>> import numpy as np
    >>> from sparsekit.decomposition import SparseNMF
    >>> rng = np.random.default_rng(0)
    >>> X = rng.random((50, 3)) @ rng.random((3, 20))
    >>> nmf = SparseNMF(n_components=3, random_state=0)
    >>> nmf.fit_transform(X).shape
    (50, 3)
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"}), None],
        "init": [StrOptions({*STARTS, "custom"}), None],
        "beta_loss": [StrOptions({"frobenius", "kullback-leibler"})],
        "missing": [StrOptions({"zero", "unobserved"})],
        "alpha_W": [Interval(Real, 0, None, closed="left")],
        "alpha_H": [Interval(Real, 0, None, closed="left"), StrOptions({"same"})],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
        "sparse_output": ["boolean"],
        "callback": [callable, None],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components: int | str | None = "auto",
        *,
        init: str | None = None,
        beta_loss: str = "frobenius",
        missing: str = "zero",
        alpha_W: float = 0.0,
        alpha_H: float | str = "same",
        l1_ratio: float = 0.0,
        tol: float = 1e-4,
        max_iter: int = 200,
        max_time: float | None = None,
        sparse_output: bool = False,
        callback: Callable[[dict[str, Any]], Any] | None = None,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: int | bool = False,
    ):
        self.n_components = n_components
        self.init = init
        self.beta_loss = beta_loss
        self.missing = missing
        self.alpha_W = alpha_W
        self.alpha_H = alpha_H
        self.l1_ratio = l1_ratio
        self.tol = tol
        self.max_iter = max_iter
        self.max_time = max_time
        self.sparse_output = sparse_output
        self.callback = callback
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(
        self, X: ArrayLike, y: None = None, W: ArrayLike | None = None, H: ArrayLike | None = None
    ) -> Self:
        """Find the factors of X.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Non-negative data. Sparse X is never made dense.
        y : None
            Ignored.
        W : array-like of shape (n_samples, n_components), default=None
            Where to start if `init` is "custom".
        H : array-like of shape (n_components, n_features), default=None
            Where to start if `init` is "custom".

        Returns
        -------
        self : object
            The fitted model.
        """
        self._fit(X, W, H)
        return self

    def fit_transform(
        self, X: ArrayLike, y: None = None, W: ArrayLike | None = None, H: ArrayLike | None = None
    ) -> np.ndarray | sparse.csr_array | sparse.csr_matrix:
        """Find the factors of X and return W, as `transform` would after `fit`.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Non-negative data. Sparse X is never made dense.
        y : None
            Ignored.
        W : array-like of shape (n_samples, n_components), default=None
            Where to start if `init` is "custom".
        H : array-like of shape (n_components, n_features), default=None
            Where to start if `init` is "custom".

        Returns
        -------
        W : {ndarray, sparse array} of shape (n_samples, n_components)
            Codes, in the data type of X.
        """
        codes = self._fit(X, W, H)
        return as_configured_sparse(sparse.csr_array(codes)) if self.sparse_output else codes

    @available_if(lambda self: self.missing == "zero")
    def partial_fit(self, X: ArrayLike, y: None = None) -> Self:
        """Improve H by a batch of samples; those seen before count as much as these.

        The first batch is fitted as `fit` does. After `fit`, or a batch, the statistics that
        further samples are added to say how H depends on those seen so far.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Non-negative data; batches need not have the same size.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted model.
        """
        check_parameters(self)
        with unchanged_on_error(self):
            begins = not hasattr(self, "components_")
            # Batches of zeros teach nothing, and from components of zeros nothing grows.
            if begins or not self.components_.any():
                return self._learn_first(self._steps(self._check_rows(X, reset=begins)))
            rows = self._check_rows(X, reset=False).astype(self.components_.dtype, copy=False)
            return self._learn(self._steps(rows))

    def _fit(self, X: Any, W: Any, H: Any) -> np.ndarray:
        """Fit to X; return W."""
        check_parameters(self)
        with unchanged_on_error(self):
            steps = self._steps(self._check_rows(X, reset=True))
            return self._keep(steps, self._factorized(steps, W, H))
