"""Truncated SVD and PCA of sparse data: what each side captures, and the time it takes.

A row is one data set, centred or not. All sides run in one process, round by round; what their
components capture of the squared norm of the data is computed here in float64.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from benchmarks._measure import best_and_median, timed
from benchmarks._problems import SEED, SHARED, load_problem

OURS = "sparsekit"
FILES = {
    "gowalla": ("gowalla/gowalla_train.npz", "real: Gowalla, places that people visited"),
    "lastfm": ("lastfm/lastfm_train.npz", "real: Last.fm, artists that people played"),
    "jester": ("jester5k/jester5k.npz", "real: Jester, jokes that people rated"),
}


@dataclass(frozen=True)
class SvdRow:
    """One measurement of all sides.

    Parameters
    ----------
    name : str
        Key of the row.
    data : str
        Key of `FILES`, or "text".
    n_components : int
    center : bool
        Whether the means of the features are subtracted.
    threads : int
        Above 1 the clock is the wall's, else CPU seconds.
    """

    name: str
    data: str
    n_components: int
    center: bool
    threads: int = 1


def svd_rows() -> dict[str, SvdRow]:
    """Return all rows by name."""
    rows = [
        SvdRow(f"{method}-{data}", data, n_components, center)
        for method, center in (("svd", False), ("pca", True))
        for data, n_components in (("gowalla", 64), ("lastfm", 64), ("jester", 20), ("text", 64))
    ]
    rows.append(SvdRow("svd-gowalla-2threads", "gowalla", 64, False, threads=2))
    return {row.name: row for row in rows}


def load_svd_case(row: SvdRow, tiny: bool = False) -> tuple[sparse.csr_array, str]:
    """Return float32 data, and where they are from."""
    if row.data == "text":
        case = load_problem("text", tiny)
        return sparse.csr_array(case.X, dtype=np.float32), case.source
    file, source = FILES[row.data]
    if tiny or not (SHARED / file).exists():
        return _made_counts(tiny), "synthetic counts of low rank"
    stored = np.load(SHARED / file)
    arrays = stored["data"].astype(np.float32), stored["indices"], stored["indptr"]
    X = sparse.csr_array(arrays, shape=tuple(stored["shape"]))
    X.sum_duplicates()
    return X, f"{source}, {X.shape[0]} x {X.shape[1]}, {X.nnz:,} stored"


def _made_counts(tiny):
    """Return counts with means of rank ten and of many sizes."""
    rng = np.random.default_rng(SEED)
    n_samples, n_features, n_stored = (300, 200, 2000) if tiny else (20_000, 30_000, 600_000)
    topics = rng.integers(10, size=n_stored)
    rows = (n_samples * rng.random(n_stored) ** 2).astype(int)
    columns = (n_features * rng.random(n_stored) ** 3).astype(int)
    columns = (columns + topics * n_features // 10) % n_features
    counts = sparse.coo_array((np.ones(n_stored), (rows, columns)), shape=(n_samples, n_features))
    return sparse.csr_array(counts, dtype=np.float32)


def _sparsekit(row: SvdRow, X, **options) -> np.ndarray:
    from sparsekit.decomposition import SparseSVD

    options = {"center": row.center, "random_state": 0, "n_jobs": row.threads} | options
    return SparseSVD(row.n_components, **options).fit(X).components_


def _sparsekit_short(row, X):
    return _sparsekit(row, X, max_iter=4, tol=0)


def _truncated(row, X, n_iter):
    from sklearn.decomposition import TruncatedSVD

    svd = TruncatedSVD(row.n_components, n_iter=n_iter, random_state=0)
    return svd.fit(sparse.csr_matrix(X)).components_


def _truncated_2(row, X):
    return _truncated(row, X, 2)


def _truncated_5(row, X):
    return _truncated(row, X, 5)


def _pca_arpack(row, X):
    from sklearn.decomposition import PCA

    pca = PCA(row.n_components, svd_solver="arpack", random_state=0)
    return pca.fit(sparse.csr_matrix(X)).components_


def _pca_covariance(row, X):
    from sklearn.decomposition import PCA

    pca = PCA(row.n_components, svd_solver="covariance_eigh")
    return pca.fit(sparse.csr_matrix(X)).components_


def _svds(row, X, solver):
    from scipy.sparse.linalg import svds

    return svds(X, row.n_components, solver=solver, random_state=0)[2]


def _arpack(row, X):
    return _svds(row, X, "arpack")


def _propack(row, X):
    return _svds(row, X, "propack")


OURS_SIDES = {OURS: _sparsekit, "sparsekit-4": _sparsekit_short}
SVD_SIDES: dict[str, Callable] = OURS_SIDES | {
    "sklearn-2": _truncated_2,
    "sklearn-5": _truncated_5,
    "scipy-arpack": _arpack,
    "scipy-propack": _propack,
}
PCA_SIDES: dict[str, Callable] = OURS_SIDES | {
    "sklearn-arpack": _pca_arpack,
    "sklearn-covariance": _pca_covariance,
}
# A dense matrix of all pairs of features, and its eigenvectors.
MOST_PAIRED = 2000


def captured(X, components: np.ndarray, center: bool) -> float:
    """Return the squared norm of X, centred or not, in the span of some components."""
    basis = np.linalg.qr(components.T.astype(np.float64))[0]
    scores = X @ basis
    if center:
        scores -= scores.mean(axis=0)
    return float(np.sum(scores**2))


def run_svd_row(row: SvdRow, repeat: int = 5, budget: float = 60.0, tiny: bool = False) -> dict:
    """Return seconds of every side, and what it captures as a share of the best side's.

    Parameters
    ----------
    row : SvdRow
    repeat : int, default=5
        Rounds in which each side runs once.
    budget : float, default=60.0
        Seconds after which a side is not run again.
    tiny : bool, default=False
        Whether to run on a tiny problem.

    Returns
    -------
    record : dict
        "row", "data", and "sides": by name "best", "median", "rounds", "captured", or "error".
    """
    X, source = load_svd_case(row, tiny)
    row = replace(row, n_components=8) if tiny else row
    sides = dict(PCA_SIDES if row.center else SVD_SIDES)
    if X.shape[1] > MOST_PAIRED:
        sides.pop("sklearn-covariance", None)
    _sparsekit(row, X[:200])  # compiles
    clock = time.perf_counter if row.threads > 1 else time.process_time
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    found: dict[str, dict] = {}
    for _ in range(repeat):
        for name, side in sides.items():
            if "error" in found.get(name, {}) or sum(seconds[name]) > budget:
                continue
            try:
                spent, components = timed(lambda side=side: side(row, X), clock)
            except Exception as error:  # one side's failure must not hide the others' figures
                found[name] = {"error": f"{type(error).__name__}: {error}"}
                continue
            seconds[name].append(spent)
            if name not in found:
                found[name] = {"captured": captured(X, components, row.center)}
    return {"row": row.name, "data": source, "sides": _summarised(found, seconds)}


def _summarised(found, seconds):
    most = max(side["captured"] for side in found.values() if "captured" in side)
    for name, side in found.items():
        if "captured" in side:
            best, median = best_and_median(seconds[name])
            side |= {"best": best, "median": median, "rounds": len(seconds[name])}
            side["captured"] /= most
    return found
