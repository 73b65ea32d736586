"""How good codes, dictionaries and factors are: plain NumPy in float64.

Nothing here comes from sparsekit or a peer, so no side is judged by its own figures.
"""

import numpy as np
from scipy import sparse

CHUNK = 2000


def squared_residuals(X, codes, D) -> np.ndarray:
    """Return ``|x - c D|^2`` of every row.

    Parameters
    ----------
    X : ndarray of shape (n, m)
    codes : ndarray or sparse matrix of shape (n, K)
    D : ndarray of shape (K, m)

    Returns
    -------
    squares : ndarray of shape (n,), float64
    """
    D = np.asarray(D, dtype=np.float64)
    squares = np.empty(X.shape[0])
    for start in range(0, X.shape[0], CHUNK):
        rows = slice(start, start + CHUNK)
        R = np.asarray(X[rows], dtype=np.float64) - _as_double(codes[rows]) @ D
        squares[rows] = np.einsum("ij,ij->i", R, R)
    return squares


def relative_residual(X, codes, D) -> float:
    """Return the Frobenius norm of ``X - codes D`` divided by that of X."""
    return float(np.sqrt(squared_residuals(X, codes, D).sum() / _squared_norm(X)))


def lasso_objective(X, codes, D, alpha) -> float:
    """Return the mean over rows of ``|x - c D|^2 / 2 + alpha |c|_1``."""
    return float(np.mean(0.5 * squared_residuals(X, codes, D) + alpha * _absolute_sums(codes)))


def lasso_gap(X, codes, D, alpha) -> float:
    """Return the mean duality gap of the rows divided by the mean objective.

    The rows' residuals, scaled until feasible, are the dual points; the true excess is at most
    this.
    """
    X, D = np.asarray(X, dtype=np.float64), np.asarray(D, dtype=np.float64)
    primal, dual = _lasso_values(X, _as_double(codes), D, alpha)
    mean = primal.mean()
    return float((primal - dual).mean() / mean) if mean > 0 else 0.0


def lasso_codes(X, D, alpha, gap=1e-4, max_iter=20_000) -> np.ndarray:
    """Return lasso codes whose duality gap is, in every row, at most `gap` times its objective.

    Parameters
    ----------
    X : ndarray of shape (n, m)
    D : ndarray of shape (K, m)
    alpha : float
    gap : float, default=1e-4
    max_iter : int, default=20_000

    Returns
    -------
    codes : ndarray of shape (n, K), float64

    References
    ----------
    Beck, Teboulle (2009), "A fast iterative shrinkage-thresholding algorithm", with the restarts of
    O'Donoghue, Candes (2015), "Adaptive restart for accelerated gradient schemes", row by row.
    """
    X, D = np.asarray(X, dtype=np.float64), np.asarray(D, dtype=np.float64)
    done = np.zeros((X.shape[0], D.shape[0]))
    gram, P = D @ D.T, X @ D.T
    step = 1.0 / max(np.linalg.eigvalsh(gram)[-1], 1e-300)
    rows = np.arange(X.shape[0])
    C, Z, t = done.copy(), done.copy(), np.ones((X.shape[0], 1))
    for iteration in range(max_iter):
        if iteration % 10 == 0:
            primal, dual = _lasso_values(X[rows], C, D, alpha)
            done[rows] = C
            going = primal - dual > gap * primal
            rows, C, Z, t = rows[going], C[going], Z[going], t[going]
            if not rows.size:
                return done
        V = Z - step * (Z @ gram - P[rows])
        new = np.sign(V) * np.maximum(np.abs(V) - step * alpha, 0.0)
        restart = np.einsum("ij,ij->i", Z - new, new - C) > 0.0
        t[restart] = 1.0
        later = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * t * t))
        Z = new + ((t - 1.0) / later) * (new - C)
        Z[restart] = new[restart]
        C, t = new, later
    raise RuntimeError(f"{rows.size} rows have not reached the gap {gap}.")


def held_out_objective(X, D, alpha) -> float:
    """Return the lasso objective of signals no dictionary has seen, on unit atoms, best codes."""
    D = unit_rows(D)
    return lasso_objective(X, lasso_codes(X, D, alpha), D, alpha)


def pursuit_residual(X, D, n_nonzero_coefs) -> float:
    """Return the relative residual of orthogonal matching pursuit, by least squares per step."""
    D, total = unit_rows(D), 0.0
    for start in range(0, X.shape[0], CHUNK):
        x = np.asarray(X[start : start + CHUNK], dtype=np.float64)
        total += _pursued(x, D, n_nonzero_coefs)
    return float(np.sqrt(total / _squared_norm(X)))


def _pursued(x, D, n_nonzero_coefs):
    """Return the squared norm of what pursuit leaves of the rows of x."""
    residual, support = x, np.empty((len(x), 0), dtype=int)
    for _ in range(n_nonzero_coefs):
        scores = np.abs(residual @ D.T)
        np.put_along_axis(scores, support, -1.0, axis=1)
        support = np.hstack([support, scores.argmax(axis=1)[:, None]])
        atoms = D[support]
        right = atoms @ x[:, :, None]
        # A pseudo-inverse, because equal atoms may be picked where nothing is left.
        gram = atoms @ atoms.transpose(0, 2, 1)
        coefs = np.linalg.pinv(gram, rcond=1e-12, hermitian=True) @ right
        residual = x - (coefs.transpose(0, 2, 1) @ atoms)[:, 0]
    return np.einsum("ij,ij->", residual, residual)


def unit_rows(D) -> np.ndarray:
    """Return the rows scaled to length one in float64; a zero row stays."""
    D = np.asarray(D, dtype=np.float64)
    lengths = np.linalg.norm(D, axis=1, keepdims=True)
    return D / np.where(lengths > 0, lengths, 1.0)


def nmf_objective(X, W, H, alpha=0.0) -> float:
    """Return ``|X - W H|^2 / 2`` plus scikit-learn's L1 terms at the best scale of each component.

    The terms are ``alpha (n_features |W|_1 + n_samples |H|_1)``. What multiplies a column of W and
    divides the row of H is nobody's merit: the smallest value is ``2 sqrt(a |w|_1 b |h|_1)``.
    """
    W, H = np.asarray(W, dtype=np.float64), np.asarray(H, dtype=np.float64)
    X = X.astype(np.float64)
    cross = float(np.einsum("ij,ij->", X @ H.T, W))
    loss = 0.5 * (_squared_norm(X) - 2.0 * cross + float(np.sum((W.T @ W) * (H @ H.T))))
    n_samples, n_features = X.shape
    sums = n_features * np.abs(W).sum(axis=0) * n_samples * np.abs(H).sum(axis=1)
    return loss + 2.0 * alpha * float(np.sqrt(sums).sum())


def sparse_pca_objective(X, components, alpha, max_iter=5000) -> float:
    """Return the sparse PCA objective of some directions, at the best scores and lengths.

    With unit scores u and components v it is ``|X - U V|^2 / 2 + alpha |V|_1``, X centred. Packages
    report components of length one, so their lengths are moved into the scores: with ``w = s u``
    the problem is convex, ``|X - W V|^2 / 2 + alpha sum_k |w_k|_2 |v_k|_1``, and solved here, one
    component after another.
    """
    X, V = np.asarray(X, dtype=np.float64), unit_rows(components)
    X = X - X.mean(axis=0)
    V = V[np.abs(V).sum(axis=1) > 0]
    strengths = alpha * np.abs(V).sum(axis=1)
    B, G = X @ V.T, V @ V.T
    W, square, last = np.zeros_like(B), _squared_norm(X), np.inf
    for _ in range(max_iter):
        for k in range(len(V)):
            target = B[:, k] - W @ G[:, k] + W[:, k] * G[k, k]
            length = np.linalg.norm(target)
            W[:, k] = target * (max(length - strengths[k], 0.0) / (length * G[k, k] or 1.0))
        loss = 0.5 * (square - 2.0 * np.sum(W * B) + np.sum((W.T @ W) * G))
        value = float(loss + strengths @ np.linalg.norm(W, axis=0))
        if last - value <= 1e-11 * abs(value):
            break
        last = value
    return value


def shrunk(x, shape, threshold) -> np.ndarray:
    """Return what a shape makes of numbers; `firm` keeps what is above twice the threshold."""
    return SHRINKAGES[shape](np.asarray(x, dtype=np.float64), threshold)


SHRINKAGES = {
    "soft": lambda x, t: np.sign(x) * np.maximum(np.abs(x) - t, 0.0),
    "hard": lambda x, t: np.where(np.abs(x) >= t, x, 0.0),
    "garrote": lambda x, t: np.where(np.abs(x) > t, x - t * t / np.where(x == 0, 1.0, x), 0.0),
    "firm": lambda x, t: np.where(
        np.abs(x) > 2.0 * t, x, 2.0 * np.sign(x) * np.maximum(np.abs(x) - t, 0.0)
    ),
}


def _as_double(codes):
    codes = codes.astype(np.float64)
    return codes.tocsr() if sparse.issparse(codes) else codes


def _absolute_sums(codes):
    return np.asarray(abs(_as_double(codes)).sum(axis=1)).ravel()


def _squared_norm(X):
    values = np.asarray(X.data if sparse.issparse(X) else X, dtype=np.float64).ravel()
    return float(values @ values)


def _lasso_values(X, codes, D, alpha):
    """Return primal and dual value of every row."""
    R = X - codes @ D
    square = np.einsum("ij,ij->i", R, R)
    primal = 0.5 * square + alpha * _absolute_sums(codes)
    reach = np.abs(R @ D.T).max(axis=1, initial=0.0)
    limit = alpha / np.maximum(reach, 1e-300)
    inner = np.einsum("ij,ij->i", R, X)
    scale = np.clip(inner / np.maximum(square, 1e-300), -limit, limit)
    return primal, scale * inner - 0.5 * scale**2 * square
