"""Zou's sparse principal components: elastic nets of components on features, and a rotation.

The criterion is ``1/2 |X - X B A'|^2 + sum_k (alpha_k |b_k|_1 + l2_alpha / 2 |b_k|^2)`` over
loadings B and orthonormal A. Given A, each column of B is the elastic net of a component on the
features; given B, A comes from a singular value decomposition.
"""

from collections.abc import Callable

import numpy as np
from scipy import linalg, sparse

from sparsekit._parallel import check_cancelled, run_tasks
from sparsekit.coding import ActiveSetLasso, Atoms
from sparsekit.decomposition._sparse_pca._loadings import Loadings, Settings
from sparsekit.decomposition._sparse_pca._root import DenseRoot, Root, leading_atoms
from sparsekit.losses import Quadratic
from sparsekit.matrix import as_design
from sparsekit.penalties import ElasticNet
from sparsekit.solvers import Problem, Start, solve

# Beyond so many features their Gram matrix is not formed.
MOST_FEATURES = 2048
REGRESSION_TOL = 1e-12
REGRESSION_STEPS = 1000

Regression = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def regress_and_rotate(root: Root, settings: Settings) -> Loadings:
    """Alternate between elastic nets and a rotation until the criterion settles.

    References
    ----------
    Zou, Hastie, Tibshirani (2006), "Sparse principal component analysis", algorithm 1.
    """
    half = 0.5 * float(root.squares.sum())
    tol = max(settings.tol, 16 * np.finfo(root.dtype).eps)
    rotation = _first_rotation(root, settings)
    loadings = np.zeros_like(rotation)
    regress = choose_regression(root, settings)
    gains: list[float] = []
    settled = False
    while len(gains) < settings.max_iter and not settled:
        check_cancelled()
        scores = root.scores(rotation)
        loadings = regress(rotation, scores, loadings)
        rotated = root.correlations(root.scores(loadings))
        rotation = _rotation(rotated)
        gains.append(_gain(rotation, loadings, rotated, settings))
        settings.report(len(gains), half - gains[-1])
        # Not the criterion itself: a strong squared penalty leaves little of it to gain.
        settled = len(gains) > 1 and gains[-1] - gains[-2] <= tol * gains[-1]
    return Loadings(loadings.T, half - np.array(gains), len(gains), settled)


def largest_alpha(root: Root, settings: Settings) -> float:
    """Return the strength from which on the first iteration leaves no loading."""
    products = root.correlations(root.scores(_first_rotation(root, settings)))
    return float(np.abs(products).max())


def choose_regression(root: Root, settings: Settings) -> Regression:
    """Return how the elastic nets are solved: ``regress(rotation, scores, loadings)``."""
    if np.isinf(settings.l2_alpha):
        return SoftThresholding(root, settings)
    if root.shape[1] <= MOST_FEATURES:
        return GramRegression(root, settings)
    return DataRegression(root, settings)


class SoftThresholding:
    """The elastic nets in the limit of an infinite squared penalty, but for the scale."""

    def __init__(self, root: Root, settings: Settings):
        self.root, self.alpha = root, settings.alpha

    def __call__(
        self, rotation: np.ndarray, scores: np.ndarray, loadings: np.ndarray
    ) -> np.ndarray:
        """Return the loadings of all components."""
        products = self.root.correlations(scores)
        shrunk = np.maximum(np.abs(products) - self.alpha, 0)
        return (np.sign(products) * shrunk).astype(rotation.dtype)


class GramRegression:
    """Elastic nets by an active set on the Gram matrix of the features."""

    def __init__(self, root: Root, settings: Settings):
        self.root, self.settings = root, settings
        n_features = root.shape[1]
        columns = root.dense().matrix.T.astype(np.float64)
        # The squared penalty is that of rows below the data: a lasso remains.
        ridge = np.sqrt(settings.l2_alpha) * np.eye(n_features)
        self.atoms = Atoms.from_dictionary(np.hstack([columns, ridge]))

    def __call__(
        self, rotation: np.ndarray, scores: np.ndarray, loadings: np.ndarray
    ) -> np.ndarray:
        """Return the loadings of all components."""
        divisors, alpha = self.atoms.divisors, self.settings.alpha
        products = self.root.correlations(scores).T / divisors
        found = np.zeros(loadings.shape[::-1])
        for strength in np.unique(alpha):
            chosen = np.flatnonzero(alpha == strength)
            signals = np.ascontiguousarray(products[chosen], dtype=np.float64)
            sizes = np.square(scores[chosen], dtype=np.float64).sum(axis=1)
            rows = ActiveSetLasso(float(strength)).encode(signals, sizes, self.atoms)
            which = np.repeat(chosen, np.diff(rows.indptr))
            found[which, rows.indices] = rows.data / divisors[rows.indices]
        return np.ascontiguousarray(found.T, dtype=rotation.dtype)


class DataRegression:
    """Elastic nets on the data, by working sets."""

    def __init__(self, root: Root, settings: Settings):
        self.settings = settings
        self.n_rows = root.shape[0]
        self.is_dense = isinstance(root, DenseRoot)
        X = np.asfortranarray(root.matrix) if self.is_dense else sparse.csc_array(root.data)
        self.design = as_design(X)

    def __call__(
        self, rotation: np.ndarray, scores: np.ndarray, loadings: np.ndarray
    ) -> np.ndarray:
        """Return the loadings of all components."""

        def regress(k: int) -> np.ndarray:
            # An intercept is what centres sparse data.
            problem = Problem(
                self.design,
                scores[k].astype(np.float64),
                Quadratic(),
                self._penalty(self.settings.alpha[k]),
                fit_intercept=not self.is_dense,
            )
            start = Start(loadings[:, k].astype(np.float64))
            return solve(problem, start, tol=REGRESSION_TOL, max_iter=REGRESSION_STEPS).coef

        found = run_tasks(regress, range(len(scores)), self.settings.n_jobs)
        return np.ascontiguousarray(np.array(found).T, dtype=rotation.dtype)

    def _penalty(self, alpha: float) -> ElasticNet:
        """Return the penalty of one component; the solvers divide the loss by the rows."""
        strength = alpha + self.settings.l2_alpha
        l1_ratio = alpha / strength if strength > 0 else 1.0
        return ElasticNet(strength / self.n_rows, l1_ratio)


def _first_rotation(root: Root, settings: Settings) -> np.ndarray:
    """Return the principal components as orthonormal columns."""
    atoms = leading_atoms(root, settings.n_components, settings.random_state)
    return _rotation(root.correlations(atoms))


def _rotation(products: np.ndarray) -> np.ndarray:
    """Return the orthonormal columns nearest to `products`."""
    left, _, right = linalg.svd(products, full_matrices=False)
    return np.ascontiguousarray(left @ right)


def _gain(
    rotation: np.ndarray, loadings: np.ndarray, rotated: np.ndarray, settings: Settings
) -> float:
    """Return by how much the criterion is below that of no loadings, half the sum of squares.

    Where the squared penalty is infinite, it is what the rescaled gain tends to.
    """
    cross, squares = np.vdot(rotation, rotated), np.vdot(loadings, loadings)
    size = float(np.abs(loadings).sum(axis=0) @ settings.alpha)
    if np.isinf(settings.l2_alpha):
        return float(cross - 0.5 * squares - size)
    fit = cross - 0.5 * np.vdot(loadings, rotated)
    return float(fit - 0.5 * settings.l2_alpha * squares - size)
