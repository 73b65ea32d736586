"""MiniBatchDictionaryLearning: a dictionary from one batch of signals after another."""

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from sparsekit._parallel import single_blas_thread
from sparsekit._sklearn import Integral, Interval, Real, StrOptions
from sparsekit._validation import check_parameters, check_rows, unchanged_on_error
from sparsekit._watch import Watch
from sparsekit.coding._statistics import CodeStatistics
from sparsekit.decomposition._dictionary._all_zero import warn_all_zero
from sparsekit.decomposition._dictionary._batch import refuse_mismatch
from sparsekit.decomposition._dictionary._learner import (
    LEARNING_CONSTRAINTS,
    DictionaryLearner,
    Learning,
)
from sparsekit.decomposition._dictionary._online import (
    IDLE_PER_ATOM,
    UPDATES,
    Pace,
    PassWatch,
    Stream,
)

# Share of the data within which weights grow by the factor e in `fit`, at least.
WINDOW = 0.5
# What `partial_fit` takes up where the last batch left it, as plain arrays.
STREAM_ATTRIBUTES = {
    "_code_gram": lambda stream: stream.statistics.gram,
    "_code_cross": lambda stream: stream.statistics.cross,
    "_idle": lambda stream: stream.idle,
    "_age": lambda stream: stream.age,
    "_n_seen": lambda stream: stream.n_seen,
    "_log_weight": lambda stream: stream.log_weight,
}


class MiniBatchDictionaryLearning(DictionaryLearner):
    r"""Learn the atoms with which signals have sparse codes, batch by batch.

    The objective is that of :class:`DictionaryLearning`. Each batch is coded with the dictionary
    as it is; the sums over codes that a dictionary is made from run on, and the atoms are updated
    from the sums over all signals so far. Signal number i weighs

    .. math:: w_i = i^\rho

    with :math:`\rho` the parameter `forgetting`: when t signals were seen, sums over them hold
    signal i with weight :math:`(i / t)^\rho`, because it was coded by an older dictionary. Signals
    of one batch share the sum of their weights, so how a stream is cut into batches changes the
    weight of no part of it. In the later passes of `fit` weights grow faster, by the factor e
    during half a pass, so that codes from earlier passes are forgotten.

    Parameters
    ----------
    n_components : int, default=None
        Number of atoms; None means as many as features, or as `dict_init` has.
    alpha : float, default=1
        Strength of the penalty on codes in the fit, in [0, inf); unused where `fit_algorithm`
        counts atoms.
    max_iter : int, default=1000
        Most passes over the data in `fit`, at least 0.
    fit_algorithm : str, default="lasso"
        How signals are coded in the fit, an algorithm of :func:`sparse_encode`. scikit-learn's
        "lars" and "cd" mean "lasso", whose codes they find too.
    n_jobs : int, default=None
        Threads, over 2048 signals each; None is 1, -1 all cores. They do not change a bit of the
        result.
    batch_size : int, default=256
        Signals of a batch in `fit`.
    shuffle : bool, default=True
        Whether `fit` puts the signals in random order first.
    dict_init : {"samples", "svd"} or array-like of shape (n_components, n_features), default=None
        The first atoms, or where they come from: directions of signals chosen at random, which is
        what None means, or the leading singular vectors.
    transform_algorithm : str, default="omp"
        How signals are coded by `transform`, likewise.
    transform_n_nonzero_coefs : int, default=None
        Most atoms of a signal in `transform`; for the algorithms that count. None means a tenth of
        the features, at least 1.
    transform_alpha : float, default=None
        Strength of the penalty in `transform`; None means `alpha`. For a pursuit the squared norm
        of the residual it stops at; None means that it counts.
    verbose : int or bool, default=False
        Whether to print the objective of each pass; above 1, of each batch.
    split_sign : bool, default=False
        Whether `transform` gives positive and negative coefficients columns of their own.
    random_state : int, RandomState instance or None, default=None
        Chooses the first atoms and the order of the signals.
    positive_code : bool, default=False
        Whether coefficients must not be negative, in the fit and in `transform`.
    positive_dict : bool, default=False
        Whether atoms must not have negative entries; not with update="mod".
    transform_max_iter : int, default=1000
        Most steps of the algorithms that iterate, in the fit and in `transform`.
    callback : callable, default=None
        Called after each batch of `fit` with a dictionary of `n_iter` (the number of the
        batch), `objective` (the mean over the batch), `components`, `elapsed` (seconds) and
        `estimator`; a true answer ends the fit.
    tol : float, default=1e-3
        `fit` ends after a pass whose mean objective is lower by less than this share than that of
        the pass before; 0 means never. At least 0.
    max_no_improvement : int, default=10
        `fit` ends after so many batches in a row that do not lower the mean objective over one
        pass; None means never.
    update : {"bcd", "mod"}, default="bcd"
        How atoms follow from the sums: block coordinate descent gives each in turn its exact best
        value, once; the method of optimal directions all at once, scaled to unit length after.
    fit_n_nonzero_coefs : int, default=None
        Most atoms of a signal in the fit; for the algorithms that count. None means
        `transform_n_nonzero_coefs`.
    fit_tol : float, default=None
        Squared norm of the residual at which a pursuit stops in the fit. Half of it is added to
        the objective for every atom of a signal, so that fewer atoms count as progress.
    dict_l1_ratio : float, default=0.0
        Share of absolute values in the set that atoms belong to, in [0, 1]. Above 0 atoms have
        entries of zero, the more the nearer to 1; not with update="mod".
    forgetting : float, default=5.0
        Exponent of the weights, in [0, inf). 0 forgets nothing; the larger, the more recent
        signals decide: in a stream about the last ``1 / (1 + forgetting)`` of all.
    max_time : float, default=None
        Seconds after which `fit` ends with the batch that runs; positive.
    sparse_output : {"auto", True, False}, default="auto"
        Whether codes are a sparse matrix; "auto" means for the algorithms that count atoms,
        unless `set_output` asks for data frames.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        The atoms, in the data type of X.
    objective_ : list of float
        Mean objective of each whole pass of `fit`, each signal coded by the dictionary of its
        time.
    n_iter_ : int
        Number of passes over the data, the last of which may be a part of one.
    n_steps_ : int
        Number of batches.
    n_dead_ : int
        Number of atoms that none of the last signals used: those of one pass, or ten times as
        many as there are atoms if that is less. They are replaced by badly coded signals as they
        are found.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names.

    See Also
    --------
    DictionaryLearning : Codes all signals between two updates.
    SparseCoder : Codes on a dictionary that is given.

    References
    ----------
    Mairal, Bach, Ponce, Sapiro (2010), "Online learning for matrix factorization and sparse
    coding", section 3.4.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsekit.decomposition import MiniBatchDictionaryLearning
    >>> rng = np.random.default_rng(0)
    >>> atoms = rng.standard_normal((15, 10))
    >>> codes = rng.standard_normal((2000, 15)) * (rng.random((2000, 15)) < 0.15)
    >>> X = codes @ atoms
    >>> learner = MiniBatchDictionaryLearning(15, alpha=0.1, random_state=0).fit(X)
    >>> learner.components_.shape
    (15, 10)
    >>> learner.partial_fit(X[:100]).n_dead_
    0
    """

    _parameter_constraints: dict = LEARNING_CONSTRAINTS | {
        "update": [StrOptions(set(UPDATES))],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "max_no_improvement": [Interval(Integral, 0, None, closed="left"), None],
        "forgetting": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_components: int | None = None,
        *,
        alpha: float = 1,
        max_iter: int = 1000,
        fit_algorithm: str = "lasso",
        n_jobs: int | None = None,
        batch_size: int = 256,
        shuffle: bool = True,
        dict_init: ArrayLike | str | None = None,
        transform_algorithm: str = "omp",
        transform_n_nonzero_coefs: int | None = None,
        transform_alpha: float | None = None,
        verbose: int | bool = False,
        split_sign: bool = False,
        random_state: Any = None,
        positive_code: bool = False,
        positive_dict: bool = False,
        transform_max_iter: int = 1000,
        callback: Callable[[dict], Any] | None = None,
        tol: float = 1e-3,
        max_no_improvement: int | None = 10,
        update: str = "bcd",
        fit_n_nonzero_coefs: int | None = None,
        fit_tol: float | None = None,
        dict_l1_ratio: float = 0.0,
        forgetting: float = 5.0,
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
        self.dict_init, self.dict_l1_ratio = dict_init, dict_l1_ratio
        self.positive_code, self.positive_dict = positive_code, positive_dict
        self.batch_size, self.shuffle = batch_size, shuffle
        self.forgetting = forgetting
        self.max_no_improvement = max_no_improvement
        self.callback, self.max_time = callback, max_time
        self.split_sign, self.sparse_output = split_sign, sparse_output
        self.n_jobs, self.verbose = n_jobs, verbose
        self.random_state = random_state

    def partial_fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learn from one more batch.

        The first batch also gives the first atoms; later ones go on from where the last batch, or
        `fit`, has ended.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Signals, any number of them.
        y : Ignored
            Not used.

        Returns
        -------
        self : object
            The learner.
        """
        check_parameters(self)
        with unchanged_on_error(self), single_blas_thread():
            begins = not hasattr(self, "components_")
            X = check_rows(self, X, reset=begins)
            refuse_mismatch(self, X)
            if not begins:
                X = X.astype(self.components_.dtype, copy=False)
            problem = self._problem(X, self._n_atoms(X) if begins else len(self.components_))
            stream = self._open_stream(X, problem) if begins else self._stream()
            pace = Pace(self.forgetting, IDLE_PER_ATOM * len(stream.dictionary))
            stream.step(X, problem, self.update, pace)
            n_steps = 0 if begins else self.n_steps_
            vars(self).update(self._state(stream, pace) | {"n_steps_": n_steps + 1})
        return self

    def _learn(self, X: Any, problem: Learning, watch: Watch) -> dict[str, Any]:
        refuse_mismatch(self, X)
        random_state, n_samples = check_random_state(self.random_state), X.shape[0]
        stream = Stream.begin(self._first_dictionary(X, problem, random_state))
        batches = list(self._batches(n_samples, random_state))
        patience = min(IDLE_PER_ATOM * len(stream.dictionary), n_samples)
        pace = Pace(self.forgetting, patience, WINDOW * n_samples)
        passes = PassWatch(len(batches), n_samples, self.tol, self.max_no_improvement)
        n_steps, ended = 0, False
        for number in range(1, self.max_iter + 1):
            watch.begin()
            n_codes = 0
            for place, rows in enumerate(batches):
                cost, codes = stream.step(X[rows], problem, self.update, pace)
                n_steps += 1
                n_codes += codes.nnz
                objective = cost / codes.shape[0]
                if self.verbose > 1:
                    watch.say("batch", n_steps, objective)
                ended = watch.wants_to_stop(n_steps, objective, stream.dictionary.copy)
                ended |= passes.stalls(place, cost, number == 1)
                if ended:
                    break
            else:
                ended = passes.end_pass()
                if self.verbose:
                    watch.say("pass", number, passes.objectives[-1])
            if watch.end(stream.dictionary.copy) or ended:
                break
        if n_steps and n_codes == 0:
            warn_all_zero(X, stream.dictionary, problem.positive_code)
        return self._state(stream, pace) | {
            "n_steps_": n_steps,
            "n_iter_": -(-n_steps // len(batches)),
            "objective_": passes.objectives,
        }

    def _batches(self, n_samples: int, random_state: Any) -> Iterator[slice | np.ndarray]:
        """Yield the rows of each batch of a pass."""
        order = random_state.permutation(n_samples) if self.shuffle else None
        for start in range(0, n_samples, self.batch_size):
            rows = slice(start, start + self.batch_size)
            yield rows if order is None else order[rows]

    def _open_stream(self, X: Any, problem: Learning) -> Stream:
        """Return a stream that begins with X."""
        random_state = check_random_state(self.random_state)
        return Stream.begin(self._first_dictionary(X, problem, random_state))

    def _stream(self) -> Stream:
        """Return a copy of the stream that the last batch has left."""
        return Stream(
            self.components_.copy(),
            CodeStatistics(self._code_gram.copy(), self._code_cross.copy()),
            self._idle.copy(),
            self._age.copy(),
            self._n_seen,
            self._log_weight,
        )

    def _state(self, stream: Stream, pace: Pace) -> dict[str, Any]:
        """Return the attributes that a stream leaves."""
        kept = {name: read(stream) for name, read in STREAM_ATTRIBUTES.items()}
        return kept | {"components_": stream.dictionary, "n_dead_": stream.n_dead(pace.patience)}
