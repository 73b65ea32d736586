"""sparsekit and its peers behind one call: fit a case at one strength and one tolerance.

Every solver runs at its defaults but for ``tol`` and an iteration limit that is not what stops it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

# Where a tolerance is out of reach in float64, this is what ends scikit-learn's loop.
SLOW_ITERATIONS = 10_000


@dataclass(frozen=True)
class Solver:
    """One way to fit the L1 problems.

    Parameters
    ----------
    name : str
        How the tables call it.
    make : dict of str to callable
        Per loss, ``make(alpha, tol, n_samples, fit_intercept)`` returning an estimator.
    path : callable or None
        ``path(X, y, alphas, tol)`` returning coefficients, (n_features, n_alphas), sparse or dense.
    """

    name: str
    make: dict[str, Callable]
    path: Callable | None = None

    def fit(self, X, y, alpha, tol, loss="quadratic", fit_intercept=True) -> np.ndarray:
        """Return the coefficients, shape (n_features,)."""
        estimator = self.make[loss](alpha, tol, len(y), fit_intercept)
        return np.asarray(estimator.fit(X, y).coef_, dtype=np.float64).ravel()


def _sklearn_lasso(alpha, tol, n_samples, fit_intercept):
    from sklearn.linear_model import Lasso

    return Lasso(alpha=alpha, tol=tol, fit_intercept=fit_intercept, max_iter=SLOW_ITERATIONS)


def _sklearn_gram(alpha, tol, n_samples, fit_intercept):
    return _sklearn_lasso(alpha, tol, n_samples, fit_intercept).set_params(precompute=True)


def _liblinear(alpha, tol, n_samples, fit_intercept):
    import sklearn
    from sklearn.linear_model import LogisticRegression

    # scikit-learn 1.8 replaced `penalty` by `l1_ratio`.
    renamed = tuple(int(part) for part in sklearn.__version__.split(".")[:2]) >= (1, 8)
    l1 = {"l1_ratio": 1.0} if renamed else {"penalty": "l1"}
    return LogisticRegression(
        C=1.0 / (n_samples * alpha),
        solver="liblinear",
        tol=tol,
        fit_intercept=fit_intercept,
        max_iter=SLOW_ITERATIONS,
        random_state=0,
        **l1,
    )


def _skglm_lasso(alpha, tol, n_samples, fit_intercept):
    from skglm import Lasso

    return Lasso(alpha=alpha, tol=tol, fit_intercept=fit_intercept, max_iter=200)


def _skglm_logistic(alpha, tol, n_samples, fit_intercept):
    from skglm import SparseLogisticRegression

    return SparseLogisticRegression(alpha=alpha, tol=tol, fit_intercept=fit_intercept, max_iter=200)


def _skglm_path(X, y, alphas, tol):
    # With an intercept, its path carries it as a last row.
    return _skglm_lasso(1.0, tol, len(y), True).path(X, y, alphas)[1][: X.shape[1]]


def _celer_lasso(alpha, tol, n_samples, fit_intercept):
    from celer import Lasso

    return Lasso(alpha=alpha, tol=tol, fit_intercept=fit_intercept, max_iter=200)


def _celer_logistic(alpha, tol, n_samples, fit_intercept):
    from celer import LogisticRegression

    return LogisticRegression(C=1.0 / (n_samples * alpha), tol=tol, max_iter=200)


def _celer_path(X, y, alphas, tol):
    from celer import celer_path

    # celer_path fits no intercept: y is centred here, and X implicitly where it is sparse.
    y = y - y.mean()
    if not sparse.issparse(X):
        return celer_path(X - X.mean(axis=0), y, "lasso", alphas=alphas, tol=tol, prune=1)[1]
    centre = {"X_offset": np.asarray(X.mean(axis=0)).ravel(), "X_scale": np.ones(X.shape[1])}
    return celer_path(X, y, "lasso", alphas=alphas, tol=tol, prune=1, **centre)[1]


def _sparsekit_lasso(alpha, tol, n_samples, fit_intercept):
    from sparsekit.linear_model import Lasso

    return Lasso(alpha=alpha, tol=tol, fit_intercept=fit_intercept)


def _sparsekit_logistic(alpha, tol, n_samples, fit_intercept):
    from sparsekit.linear_model import SparseLogisticRegression

    return SparseLogisticRegression(alpha=alpha, tol=tol, fit_intercept=fit_intercept)


def _sparsekit_path(X, y, alphas, tol):
    fits = _sparsekit_lasso(1.0, tol, len(y), True).fit_path(X, y, alphas)
    return sparse.vstack([fit.sparse_coef_ for fit in fits]).T.tocsc()


SOLVERS: dict[str, Solver] = {
    solver.name: solver
    for solver in (
        Solver(
            "sparsekit",
            {"quadratic": _sparsekit_lasso, "logistic": _sparsekit_logistic},
            _sparsekit_path,
        ),
        Solver("skglm", {"quadratic": _skglm_lasso, "logistic": _skglm_logistic}, _skglm_path),
        Solver("celer", {"quadratic": _celer_lasso, "logistic": _celer_logistic}, _celer_path),
        Solver("sklearn", {"quadratic": _sklearn_lasso}),
        Solver("sklearn-gram", {"quadratic": _sklearn_gram}),
        Solver("liblinear", {"logistic": _liblinear}),
    )
}
