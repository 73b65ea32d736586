"""What both dictionary learners share: parameters, the parts of a fit, scores."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sparsekit._parallel import single_blas_thread
from sparsekit._sklearn import (
    CallbackSupportMixin,
    Integral,
    Interval,
    Real,
    StrOptions,
    open_callback_context,
    with_callbacks,
)
from sparsekit._validation import check_parameters, check_rows, unchanged_on_error
from sparsekit._watch import Watch
from sparsekit.coding import Atoms, encode
from sparsekit.coding._residuals import squared_residuals
from sparsekit.decomposition._coding import CODING_CONSTRAINTS, CodingMixin, code_rows
from sparsekit.decomposition._dictionary._resample import STARTS, first_dictionary
from sparsekit.decomposition._dictionary._update import AtomSet
from sparsekit.decomposition._encoders import (
    ALGORITHMS,
    CodingOptions,
    make_encoder,
    refuse_options,
)

LEARNING_CONSTRAINTS: dict[str, list] = CODING_CONSTRAINTS | {
    "n_components": [Interval(Integral, 1, None, closed="left"), None],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 0, None, closed="left")],
    "tol": [Interval(Real, 0, None, closed="left")],
    "fit_algorithm": [StrOptions(set(ALGORITHMS))],
    "fit_n_nonzero_coefs": [Interval(Integral, 1, None, closed="left"), None],
    "fit_tol": [Interval(Real, 0, None, closed="left"), None],
    "dict_init": [StrOptions(set(STARTS)), "array-like", None],
    "dict_l1_ratio": [Interval(Real, 0, 1, closed="both")],
    "positive_dict": ["boolean"],
    "callback": [callable, None],
    "max_time": [Interval(Real, 0, None, closed="neither"), None],
    "verbose": ["verbose"],
    "random_state": ["random_state"],
}

# scikit-learn's name, in a fit, for the lasso.
FIT_NAMES = {"lars": "lasso"}


@dataclass(frozen=True)
class Learning:
    """What does not change while a dictionary is learned."""

    encoder: Any
    alpha: float
    positive_code: bool
    atom_set: AtomSet
    n_jobs: int | None
    # What an entry of the codes costs, whatever its value.
    entry_cost: float = 0.0

    def encode(self, X: np.ndarray | sparse.csr_array, dictionary: np.ndarray) -> sparse.csr_array:
        """Return the codes of X."""
        return encode(X, Atoms.from_dictionary(dictionary), self.encoder, n_jobs=self.n_jobs)

    def cost(self, squares: float, codes: sparse.csr_array) -> float:
        """Return the objective, a sum over signals, from what codes leave of them."""
        return objective(squares, codes, self.alpha, self.entry_cost)


class DictionaryLearner(CallbackSupportMixin, CodingMixin, BaseEstimator):
    """Learns the atoms that it codes with; subclasses say how in `_learn`."""

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learn a dictionary from the rows of X.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Signals. Sparse X is never made dense.
        y : Ignored
            Not used.

        Returns
        -------
        self : object
            The fitted learner.
        """
        check_parameters(self)
        return self._fit(X, y)

    def score(self, X: ArrayLike, y: Any = None) -> float:
        """Return minus the mean objective of the codes that `transform` gives to X.

        The objective of a row is ``1/2 |x - cD|^2``, plus ``transform_alpha |c|_1`` where
        `transform_algorithm` has such a penalty. For a pursuit that stops at the residual
        `transform_alpha`, every atom adds half of that. Dictionaries learned with different
        `alpha` can be compared if the objective is the same for them: set `transform_alpha`, or
        let `transform` count atoms, as "omp" does.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Signals, preferably not those of the fit.
        y : Ignored
            Not used.

        Returns
        -------
        score : float
            The higher the better, at most 0.
        """
        check_is_fitted(self)
        check_parameters(self)
        X = self._check_rows(X)
        options = self._transform_options()
        dictionary = np.asarray(self._dictionary, dtype=X.dtype)
        codes = code_rows(
            X,
            dictionary,
            self.transform_algorithm,
            options,
            prefix="transform_",
            n_jobs=self.n_jobs,
        )
        squares = squared_residuals(X, codes, dictionary, n_jobs=self.n_jobs)
        strength = options.alpha or 0.0
        prices = (strength, 0.0) if is_penalised(self.transform_algorithm) else (0.0, strength / 2)
        return -objective(squares.sum(), codes, *prices) / X.shape[0]

    @with_callbacks
    def _fit(self, X: Any, y: Any) -> Self:
        """Read, learn and store; an error on the way leaves the learner as it was."""
        hook_arguments = {"X": X, "y": y}
        with unchanged_on_error(self):
            X = check_rows(self, X, reset=True)
            problem = self._problem(X, self._n_atoms(X))
            context = open_callback_context(self, max_subtasks=self.max_iter)
            context.call_on_fit_task_begin(estimator=self, **hook_arguments)
            with single_blas_thread():
                fitted = self._learn(X, problem, Watch(self, context, hook_arguments))
            vars(self).update(fitted)
            context.call_on_fit_task_end(
                estimator=self,
                reconstruction_attributes=self._reconstruction(self.components_),
                **hook_arguments,
            )
        return self

    def _learn(self, X: Any, problem: Learning, watch: Watch) -> dict[str, Any]:
        """Return the fitted attributes."""
        raise NotImplementedError

    def _problem(self, X: Any, n_atoms: int) -> Learning:
        """Return what the parameters ask of a fit of so many atoms."""
        # What `transform` would refuse is refused before the work.
        refuse_options(self.transform_algorithm, self._transform_options(), "transform_")
        algorithm = FIT_NAMES.get(self.fit_algorithm, self.fit_algorithm)
        takes = ALGORITHMS[algorithm].takes
        count = self.fit_n_nonzero_coefs
        if count is None and "n_nonzero_coefs" in takes:
            count = self.transform_n_nonzero_coefs
        options = CodingOptions(
            n_nonzero_coefs=count,
            alpha=float(self.alpha) if is_penalised(algorithm) else None,
            tol=self.fit_tol,
            positive=self.positive_code,
            max_iter=self.transform_max_iter,
        )
        return Learning(
            encoder=make_encoder(algorithm, options, n_atoms, X.shape[1], "fit_"),
            alpha=options.alpha or 0.0,
            positive_code=self.positive_code or algorithm == "nn_omp",
            atom_set=AtomSet(float(self.dict_l1_ratio), bool(self.positive_dict)),
            n_jobs=self.n_jobs,
            entry_cost=(self.fit_tol or 0.0) / 2 if ALGORITHMS[algorithm].greedy else 0.0,
        )

    def _n_atoms(self, X: Any) -> int:
        """Return the number of atoms of the fit."""
        if self.n_components is not None:
            return int(self.n_components)
        return len(self.dict_init) if self._has_first_atoms() else X.shape[1]

    def _has_first_atoms(self) -> bool:
        """Return whether `dict_init` holds atoms, not a way to find them."""
        return self.dict_init is not None and not isinstance(self.dict_init, str)

    def _first_dictionary(self, X: Any, problem: Learning, random_state: Any) -> np.ndarray:
        """Return the atoms that the fit starts from."""
        init = "samples" if self.dict_init is None else self.dict_init
        return first_dictionary(X, self.n_components, init, problem.atom_set, random_state)

    def _transform_options(self) -> CodingOptions:
        options = super()._transform_options()
        if options.alpha is None and is_penalised(self.transform_algorithm):
            options = CodingOptions(**vars(options) | {"alpha": float(self.alpha)})
        return options

    def _reconstruction(self, dictionary: np.ndarray) -> dict[str, Any]:
        """Return the attributes of a learner that had stopped here."""
        names = "n_features_in_", "feature_names_in_"
        kept = {name: vars(self)[name] for name in names if name in vars(self)}
        return kept | {"components_": dictionary.copy()}


def is_penalised(algorithm: str) -> bool:
    """Return whether the codes of an algorithm pay for their absolute values."""
    chosen = ALGORITHMS[algorithm]
    return "alpha" in chosen.takes and not chosen.greedy


def objective(squares: float, codes: sparse.csr_array, alpha: float, entry_cost: float) -> float:
    """Return half the squares, plus what codes cost by their absolute values and their number."""
    penalty = alpha * float(np.abs(codes.data).sum(dtype=np.float64))
    return 0.5 * float(squares) + penalty + entry_cost * codes.nnz
