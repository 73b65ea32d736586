"""Sparse components one after another, by power iterations with a bound on the absolute loadings.

Each maximises ``u' X v`` over unit vectors u and v with ``|v|_1 <= bound``; what it explains,
``d u v'`` with d the maximum, is then subtracted from X, in products alone.
"""

from dataclasses import dataclass

import numpy as np

from sparsekit._parallel import check_cancelled
from sparsekit.decomposition._sparse_pca._loadings import Loadings, Settings
from sparsekit.decomposition._sparse_pca._root import Root, leading_atoms


@dataclass
class Deflated:
    """A root less the layers found so far.

    Parameters
    ----------
    root : Root
        The data.
    left, right : ndarray of shape (n_layers, n_rows) and (n_layers, n_features)
        Unit vectors.
    sizes : ndarray of shape (n_layers,)
        Their factors.
    """

    root: Root
    left: np.ndarray
    right: np.ndarray
    sizes: np.ndarray

    def scores(self, v: np.ndarray) -> np.ndarray:
        """Return the product with loadings."""
        u = self.root.scores(v.astype(self.root.dtype)[:, None])[0].astype(np.float64)
        return u - (self.sizes * (self.right @ v)) @ self.left

    def correlations(self, u: np.ndarray) -> np.ndarray:
        """Return the product of the transpose with scores."""
        v = self.root.correlations(u.astype(self.root.dtype)[None])[:, 0].astype(np.float64)
        return v - (self.sizes * (self.left @ u)) @ self.right

    def longest_feature(self) -> np.ndarray:
        """Return a one at the feature of which most is left."""
        cross = self.root.correlations(self.left.astype(self.root.dtype)).astype(np.float64)
        layers = self.right.T * self.sizes
        left = self.root.squares - ((2 * cross - layers @ (self.left @ self.left.T)) * layers).sum(
            1
        )
        v = np.zeros(len(left))
        v[left.argmax()] = 1.0
        return v

    def add(self, u: np.ndarray, v: np.ndarray, size: float) -> None:
        """Subtract one more layer."""
        self.left = np.vstack([self.left, u])
        self.right = np.vstack([self.right, v])
        self.sizes = np.append(self.sizes, size)


def deflate(root: Root, settings: Settings) -> Loadings:
    """Find sparse components one after another.

    References
    ----------
    Witten, Tibshirani, Hastie (2009), "A penalized matrix decomposition, with applications to
    sparse principal components and canonical correlation analysis", algorithms 1 to 3.
    """
    n_rows, n_features = root.shape
    total = float(root.squares.sum())
    starts = root.correlations(leading_atoms(root, settings.n_components, settings.random_state))
    data = Deflated(root, np.empty((0, n_rows)), np.empty((0, n_features)), np.empty(0))
    errors, n_iter, converged = [], 0, True
    for k in range(settings.n_components):
        v, u, size, n_steps, settled = find_layer(data, starts[:, k].astype(np.float64), settings)
        data.add(u, v, size)
        errors.append(0.5 * max(total - float(data.sizes @ data.sizes), 0.0))
        n_iter = max(n_iter, n_steps)
        converged = converged and settled
        settings.report(k + 1, errors[-1])
    return Loadings(data.right, np.array(errors), n_iter, converged)


def find_layer(
    data: Deflated, start: np.ndarray, settings: Settings
) -> tuple[np.ndarray, np.ndarray, float, int, bool]:
    """Return loadings, scores, size, number of iterations and whether the loadings settled."""
    v = _unit(start)
    floor = 1e2 * np.finfo(data.root.dtype).eps * np.sqrt(data.root.squares.sum())
    u, size = _with_size(data.scores(v))
    if size <= floor:
        # The data have fewer directions than components are wanted.
        v = data.longest_feature()
        u, size = _with_size(data.scores(v))
    n_iter, change = 0, np.inf
    tol = max(settings.tol, 16 * np.finfo(data.root.dtype).eps)
    while n_iter < settings.max_iter and change > tol and size > floor:
        check_cancelled()
        before, v = v, bounded_unit(data.correlations(u), settings.l1_bound)
        u, size = _with_size(data.scores(v))
        change = np.abs(v - before).max()
        n_iter += 1
    if size <= floor:
        return np.zeros_like(v), np.zeros_like(u), 0.0, n_iter, True
    if n_iter == 0:
        v = bounded_unit(v, settings.l1_bound)
        u, size = _with_size(data.scores(v))
    return v, u, size, n_iter, bool(change <= tol)


def bounded_unit(a: np.ndarray, bound: float) -> np.ndarray:
    """Return the unit vector v with ``|v|_1 <= bound`` that maximises ``a' v``.

    It is `a`, soft-thresholded; the threshold solves a quadratic equation once the number of
    entries that survive it is known.
    """
    magnitudes = np.abs(a)
    if not magnitudes.any():
        return np.zeros_like(a)
    magnitudes = magnitudes / magnitudes.max()
    n_ties = np.count_nonzero(magnitudes == 1)
    if n_ties > 1 and n_ties >= bound**2:
        return np.sign(a) * _spread(magnitudes == 1, bound)
    threshold = _threshold(np.sort(magnitudes)[::-1], bound)
    return np.sign(a) * _unit(np.maximum(magnitudes - threshold, 0))


def _threshold(falling: np.ndarray, bound: float) -> float:
    """Return what to subtract from sorted magnitudes, the first of which is one."""
    if falling.sum() <= bound * np.sqrt(falling @ falling):
        return 0.0
    if bound <= 1:
        return float(falling[1])
    counts = np.arange(1, len(falling) + 1)
    # Distances from the largest keep their digits where many magnitudes are nearly as large.
    distances = 1 - falling
    sums, squares = np.cumsum(distances), np.cumsum(distances**2)
    following = np.append(distances[1:], 1)
    # Sum and length of the first m entries, less the one that follows; their ratio rises with m.
    heights = counts * following - sums
    lengths = np.sqrt(np.maximum(following * (heights - sums) + squares, 0))
    m = int(np.argmax((heights >= bound * lengths) & (counts > bound**2)))
    spread = max(counts[m] * squares[m] - sums[m] ** 2, 0.0)
    share = np.sqrt(spread / (counts[m] - bound**2))
    return float(1 - (sums[m] + bound * share) / counts[m])


def _spread(ties: np.ndarray, bound: float) -> np.ndarray:
    """Return a unit vector on as few of the ties as have room for the bound, and reach it."""
    n_used = int(np.ceil(bound**2))
    used = np.flatnonzero(ties)[:n_used]
    v = np.zeros(len(ties))
    if n_used == 1:
        v[used] = 1.0
        return v
    # All alike, but for the first, which is longer where the bound's square is no integer.
    step = np.sqrt((1 - bound**2 / n_used) / (n_used * (n_used - 1)))
    v[used] = bound / n_used - step
    v[used[0]] = bound / n_used + (n_used - 1) * step
    return v


def _unit(v: np.ndarray) -> np.ndarray:
    """Return v divided by its length; zero stays zero."""
    return _with_size(v)[0]


def _with_size(v: np.ndarray) -> tuple[np.ndarray, float]:
    """Return v divided by its length, and the length."""
    size = float(np.linalg.norm(v))
    return (v / size if size > 0 else v), size
