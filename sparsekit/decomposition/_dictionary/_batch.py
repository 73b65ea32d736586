"""DictionaryLearning: a dictionary from all signals at a time."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.utils import check_random_state

from sparsekit._sklearn import StrOptions
from sparsekit._watch import Watch
from sparsekit.coding._residuals import squared_residuals
from sparsekit.coding._statistics import CodeStatistics, code_statistics
from sparsekit.decomposition._dictionary._all_zero import warn_all_zero
from sparsekit.decomposition._dictionary._learner import (
    LEARNING_CONSTRAINTS,
    DictionaryLearner,
    Learning,
)
from sparsekit.decomposition._dictionary._resample import dictionary_of_codes, replace_atoms
from sparsekit.decomposition._dictionary._update import (
    CodePenalty,
    solve_directions,
    sweep,
    sweep_with_codes,
)

# What an update returns beside the atoms that it overwrites: codes, and the squares that they leave
# of all signals, whose own squares sum to `total`.
Updated = tuple[sparse.csr_array, float]
# Sweeps over the atoms between two codings; more bring less than they cost.
SWEEPS = 2
# Iterations without progress that end a fit: one where each lowers the objective, else more.
PATIENCE = 5
DESCENDING = {"lasso", "lasso_cd", "cd", "lars", "lasso_lars"}


def update_by_sweeps(
    problem: Learning,
    X: Any,
    dictionary: np.ndarray,
    codes: sparse.csr_array,
    total: float = 0.0,
) -> Updated:
    """Give each atom its best value by block coordinate descent."""
    statistics = code_statistics(codes, X, n_jobs=problem.n_jobs)
    sweep(dictionary, statistics.scaled(dictionary.dtype), problem.atom_set, SWEEPS)
    return codes, total - explained(statistics, dictionary)


def update_with_codes(
    problem: Learning,
    X: Any,
    dictionary: np.ndarray,
    codes: sparse.csr_array,
    total: float = 0.0,
) -> Updated:
    """Give each atom and its coefficients their best values."""
    penalty = CodePenalty(problem.alpha, problem.positive_code)
    columns, residual = sweep_with_codes(
        dictionary, codes, X, problem.atom_set, penalty, problem.n_jobs
    )
    columns.eliminate_zeros()
    return columns.tocsr(), total_square(residual)


def update_by_least_squares(
    problem: Learning,
    X: Any,
    dictionary: np.ndarray,
    codes: sparse.csr_array,
    total: float = 0.0,
) -> Updated:
    """Solve for all atoms at once, scaled to unit length, and scale the codes back."""
    statistics = code_statistics(codes, X, n_jobs=problem.n_jobs)
    lengths = solve_directions(dictionary, statistics)
    data = codes.data * lengths.astype(codes.dtype)[codes.indices]
    scaled = sparse.csr_array((data, codes.indices, codes.indptr), shape=codes.shape)
    return scaled, total - explained(statistics, dictionary * lengths[:, None])


def explained(statistics: CodeStatistics, dictionary: np.ndarray) -> float:
    """Return by how much the squares of the signals exceed those of what codes leave of them."""
    atoms = dictionary.astype(np.float64, copy=False)
    return float(2 * np.vdot(statistics.cross, atoms) - np.vdot(statistics.gram @ atoms, atoms))


UPDATES: dict[str, Callable] = {
    "bcd": update_by_sweeps,
    "ksvd": update_with_codes,
    "mod": update_by_least_squares,
}


class DictionaryLearning(DictionaryLearner):
    r"""Learn the atoms with which signals have sparse codes.

    Codes and dictionary together minimise

    .. math:: \frac1n \sum_i \tfrac12 \|x_i - c_i D\|^2 + \alpha \|c_i\|_1

    over atoms in the set :math:`(1 - r) \|d\|^2 + r \|d\|_1 \le 1`, r being `dict_l1_ratio`: the
    unit ball, unless atoms shall be sparse themselves. A greedy `fit_algorithm` replaces the
    penalty by a bound on the number of atoms of each signal, or on its residual. Coding and
    updates of the dictionary take turns; atoms that no signal uses are replaced by the signals
    that are coded worst.

    Parameters
    ----------
    n_components : int, default=None
        Number of atoms; None means as many as features, or as `dict_init` has.
    alpha : float, default=1
        Strength of the penalty on codes in the fit, in [0, inf); unused where `fit_algorithm`
        counts atoms.
    max_iter : int, default=1000
        Most iterations, at least 0.
    tol : float, default=1e-5
        The fit ends once an iteration lowers the objective by less than this share; where
        iterations need not lower it, once five in a row have not. At least 0.
    fit_algorithm : str, default="lasso"
        How signals are coded in the fit, an algorithm of :func:`sparse_encode`. scikit-learn's
        "lars" and "cd" mean "lasso", whose codes they find too.
    transform_algorithm : str, default="omp"
        How signals are coded by `transform`, likewise.
    transform_n_nonzero_coefs : int, default=None
        Most atoms of a signal in `transform`; for the algorithms that count. None means a tenth of
        the features, at least 1.
    transform_alpha : float, default=None
        Strength of the penalty in `transform`; None means `alpha`. For a pursuit the squared norm
        of the residual it stops at; None means that it counts.
    n_jobs : int, default=None
        Threads; None is 1, -1 all cores. They do not change a bit of the result.
    code_init : array-like of shape (n_samples, n_components), default=None
        Codes that the first atoms are made from, where `dict_init` does not give them. The fit
        itself solves for codes exactly, wherever they start.
    dict_init : {"samples", "svd"} or array-like of shape (n_components, n_features), default=None
        The first atoms, or where they come from: directions of signals chosen at random, which is
        what None means, or the leading singular vectors.
    callback : callable, default=None
        Called after each iteration with a dictionary of `n_iter`, `objective` (the mean over
        signals), `components`, `elapsed` (seconds) and `estimator`; a true answer ends the fit.
    verbose : int or bool, default=False
        Whether to print the objective of each iteration.
    split_sign : bool, default=False
        Whether `transform` gives positive and negative coefficients columns of their own.
    random_state : int, RandomState instance or None, default=None
        Chooses the first atoms.
    positive_code : bool, default=False
        Whether coefficients must not be negative, in the fit and in `transform`.
    positive_dict : bool, default=False
        Whether atoms must not have negative entries; not with update="mod".
    transform_max_iter : int, default=1000
        Most steps of the algorithms that iterate, in the fit and in `transform`.
    update : {"bcd", "ksvd", "mod"}, default="bcd"
        How atoms follow from codes: block coordinate descent gives each in turn its exact best
        value; approximate K-SVD each together with its coefficients, which takes dense X; the
        method of optimal directions all at once by least squares, scaled to unit length after.
    fit_n_nonzero_coefs : int, default=None
        Most atoms of a signal in the fit; for the algorithms that count. None means
        `transform_n_nonzero_coefs`.
    fit_tol : float, default=None
        Squared norm of the residual at which a pursuit stops in the fit. Half of it is added to
        the objective for every atom of a signal, so that fewer atoms count as progress.
    dict_l1_ratio : float, default=0.0
        Share of absolute values in the set that atoms belong to, in [0, 1]. Above 0 atoms have
        entries of zero, the more the nearer to 1; not with update="mod".
    max_time : float, default=None
        Seconds after which the fit ends with the iteration that runs; positive.
    sparse_output : {"auto", True, False}, default="auto"
        Whether codes are a sparse matrix; "auto" means for the algorithms that count atoms,
        unless `set_output` asks for data frames.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        The atoms, in the data type of X.
    error_ : list of float
        Objective, as a sum over signals, after each iteration.
    n_iter_ : int
        Number of iterations.
    n_dead_ : int
        Number of atoms that no signal used at the end.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names.

    See Also
    --------
    MiniBatchDictionaryLearning : For many signals, or signals that come bit by bit.
    SparseCoder : Codes on a dictionary that is given.

    References
    ----------
    Mairal, Bach, Ponce, Sapiro (2010), "Online learning for matrix factorization and sparse
    coding".

    Rubinstein, Zibulevsky, Elad (2008), "Efficient implementation of the K-SVD algorithm using
    batch orthogonal matching pursuit".

    Engan, Aase, Husoy (1999), "Method of optimal directions for frame design".

    Examples
    --------
    >>> import numpy as np
    >>> from sparsekit.decomposition import DictionaryLearning
    >>> rng = np.random.default_rng(0)
    >>> atoms = rng.standard_normal((15, 10))
    >>> codes = rng.standard_normal((500, 15)) * (rng.random((500, 15)) < 0.15)
    >>> X = codes @ atoms
    >>> learner = DictionaryLearning(15, alpha=0.1, transform_n_nonzero_coefs=3, random_state=0)
    >>> learner.fit_transform(X).shape
    (500, 15)
    >>> learner.n_dead_
    0
    """

    _parameter_constraints: dict = LEARNING_CONSTRAINTS | {
        "update": [StrOptions(set(UPDATES))],
        "code_init": ["array-like", "sparse matrix", None],
    }

    def __init__(
        self,
        n_components: int | None = None,
        *,
        alpha: float = 1,
        max_iter: int = 1000,
        tol: float = 1e-5,
        fit_algorithm: str = "lasso",
        transform_algorithm: str = "omp",
        transform_n_nonzero_coefs: int | None = None,
        transform_alpha: float | None = None,
        n_jobs: int | None = None,
        code_init: ArrayLike | None = None,
        dict_init: ArrayLike | str | None = None,
        callback: Callable[[dict], Any] | None = None,
        verbose: int | bool = False,
        split_sign: bool = False,
        random_state: Any = None,
        positive_code: bool = False,
        positive_dict: bool = False,
        transform_max_iter: int = 1000,
        update: str = "bcd",
        fit_n_nonzero_coefs: int | None = None,
        fit_tol: float | None = None,
        dict_l1_ratio: float = 0.0,
        max_time: float | None = None,
        sparse_output: bool | str = "auto",
    ):
        self.n_components, self.alpha = n_components, alpha
        self.max_iter, self.tol = max_iter, tol
        self.fit_algorithm, self.update = fit_algorithm, update
        self.fit_n_nonzero_coefs, self.fit_tol = fit_n_nonzero_coefs, fit_tol
        self.transform_algorithm, self.transform_alpha = transform_algorithm, transform_alpha
        self.transform_n_nonzero_coefs = transform_n_nonzero_coefs
        self.transform_max_iter = transform_max_iter
        self.code_init = code_init
        self.dict_init, self.dict_l1_ratio = dict_init, dict_l1_ratio
        self.positive_code, self.positive_dict = positive_code, positive_dict
        self.callback, self.max_time = callback, max_time
        self.split_sign, self.sparse_output = split_sign, sparse_output
        self.n_jobs, self.verbose = n_jobs, verbose
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self.update != "ksvd"
        return tags

    def _learn(self, X: Any, problem: Learning, watch: Watch) -> dict[str, Any]:
        refuse_mismatch(self, X)
        dictionary = self._first_dictionary(X, problem, check_random_state(self.random_state))
        if self.code_init is not None and not self._has_first_atoms():
            dictionary_of_codes(X, self.code_init, dictionary, problem.atom_set, self.n_jobs)
        update = UPDATES[self.update]
        patience = 1 if self.fit_algorithm in DESCENDING and self.update != "mod" else PATIENCE
        total = total_square(X)
        costs: list[float] = []
        dead = np.arange(0)
        for iteration in range(1, self.max_iter + 1):
            watch.begin()
            codes = problem.encode(X, dictionary)
            codes, squares = update(problem, X, dictionary, codes, total)
            costs.append(problem.cost(squares, codes))
            dead = np.flatnonzero(np.bincount(codes.indices, minlength=len(dictionary)) == 0)
            objective = costs[-1] / X.shape[0]
            if self.verbose:
                watch.say("iteration", iteration, objective)
            asked = watch.end(dictionary.copy)
            asked = watch.wants_to_stop(iteration, objective, dictionary.copy) or asked
            if asked or has_settled(costs, self.tol, patience) or iteration == self.max_iter:
                break
            if len(dead):
                left = squared_residuals(X, codes, dictionary, n_jobs=self.n_jobs)
                replace_atoms(dictionary, dead, X, left, problem.atom_set)
        if costs and len(dead) == len(dictionary):
            warn_all_zero(X, dictionary, problem.positive_code)
        return {
            "components_": dictionary,
            "error_": costs,
            "n_iter_": len(costs),
            "n_dead_": len(dead),
        }


def total_square(X: np.ndarray | sparse.csr_array) -> float:
    """Return the sum of all squares, in double precision."""
    values = X.data if sparse.issparse(X) else X.ravel()
    return float(np.einsum("i,i->", values, values, dtype=np.float64))


def has_settled(costs: list[float], tol: float, patience: int) -> bool:
    """Return whether the last iterations, as many as `patience`, have not lowered the objective."""
    if len(costs) <= patience:
        return False
    before = min(costs[:-patience])
    return before - min(costs[-patience:]) <= tol * before


def refuse_mismatch(estimator: Any, X: Any) -> None:
    """Raise ValueError where an update cannot do what other parameters or X ask of it."""
    if estimator.update == "ksvd" and sparse.issparse(X):
        raise ValueError(
            "update='ksvd' keeps the residual of every signal, which is dense, but X is sparse. "
            "Choose update='bcd'."
        )
    if estimator.update == "mod" and (estimator.positive_dict or estimator.dict_l1_ratio > 0):
        raise ValueError(
            "update='mod' solves for atoms without constraint, but got positive_dict="
            f"{estimator.positive_dict!r} and dict_l1_ratio={estimator.dict_l1_ratio!r}. Choose "
            "update='bcd'."
        )
