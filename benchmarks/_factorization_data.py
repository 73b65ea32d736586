"""The data: real clicks, plays and ratings where they are at hand, and matrices with power laws.

Real data come from the folder ``shared`` beside the repository; made ones are kept in the cache
folder of the benchmarks. Every source says whether it is real or synthetic.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from benchmarks._factorization_rows import Row
from benchmarks._problems import SEED, SHARED, cache_directory

# Of the made ratings: what they have in common, noise beside it.
TRUE_RANK, NOISE = 16, 0.5
# Of the entries of ratings, so many are held out.
HELD_OUT = 0.1
CACHE_LINE = 64
# Tasks that take ratings.
RATED = ("ratings", "gibbs")


@dataclass(frozen=True)
class Case:
    """Entries to learn from, and a start.

    Parameters
    ----------
    X : csr_matrix of shape (n_rows, n_columns), float32
        Ones where something is known, or ratings.
    held_out : csr_matrix or None
        Entries to predict.
    P, Q : ndarray of shape (n_rows, k) and (n_columns, k), float32
        First factors of rows and columns.
    source : str
    """

    X: sparse.csr_matrix
    held_out: sparse.csr_matrix | None
    P: np.ndarray
    Q: np.ndarray
    source: str


def load_case(row: Row, tiny: bool = False) -> tuple[Case, str]:
    """Return the data of a row with a start for its rank, and where they are from.

    Parameters
    ----------
    row : Row
    tiny : bool, default=False
        Whether to take the small matrix instead, of the same kind of values.

    Returns
    -------
    case : Case
    source : str
    """
    small = _tiny_ratings if row.task in RATED else _tiny
    load = small if tiny or row.data == "tiny" else DATA[row.data]
    X, held_out, source = load()
    rng = np.random.default_rng(SEED)
    P, Q = (_aligned(_start(rng, n, row)) for n in X.shape)
    described = f"{source}, {X.shape[0]} x {X.shape[1]}, {X.nnz:,} stored"
    return Case(X, held_out, P, Q, described), described


def _aligned(factors):
    """Return a copy that begins where a cache line does: luck would decide by a tenth."""
    n_numbers = CACHE_LINE // factors.itemsize
    buffer = np.empty(factors.size + n_numbers, dtype=factors.dtype)
    first = -buffer.ctypes.data % CACHE_LINE // factors.itemsize
    copy = buffer[first : first + factors.size].reshape(factors.shape)
    copy[:] = factors
    return copy


def _start(rng, n, row):
    shape = (n, row.n_components)
    if row.start == "positive":
        return np.float32(0.01) * rng.random(shape, dtype=np.float32)
    deviation = np.float32(0.1 / np.sqrt(row.n_components))
    return deviation * rng.standard_normal(shape, dtype=np.float32)


def _stored(file, shape, n_stored):
    """Return a matrix of the folder of data, or a made one of its size."""
    path = SHARED / file
    if not path.exists():
        X, _, source = _made(*shape, n_stored)
        return X, source
    with np.load(path) as stored:
        parts = stored["data"].astype(np.float32), stored["indices"], stored["indptr"]
        X = sparse.csr_matrix(parts, shape=tuple(stored["shape"]))
    X.sum_duplicates()
    return X, "real"


def _ones(X):
    return sparse.csr_matrix((np.ones_like(X.data), X.indices, X.indptr), shape=X.shape)


def _gowalla():
    shape = (29858, 40981)
    X, source = _stored("gowalla/gowalla_train.npz", shape, 810_128)
    held_out, _ = _stored("gowalla/gowalla_test.npz", shape, 217_242)
    return _ones(X), _ones(held_out), f"{source}: Gowalla, places that people visited"


def _lastfm():
    shape = (1893, 4490)
    X, source = _stored("lastfm/lastfm_train.npz", shape, 42_135)
    held_out, _ = _stored("lastfm/lastfm_test.npz", shape, 10_533)
    return _ones(X), _ones(held_out), f"{source}: Last.fm, artists that people played"


def _jester():
    X, source = _stored("jester5k/jester5k.npz", (5000, 100), 363_209)
    return *_split(X), f"{source}: Jester, jokes that people rated"


def _power():
    X, held_out, source = _made(100_000, 50_000, 16_000_000)
    return _ones(X), held_out, source


def _power_ratings():
    X, _, source = _made(100_000, 50_000, 16_000_000)
    return *_split(X), source


def _ratings():
    X, _, source = _made(6000, 3600, 800_000)
    return *_split(X), source


def _ratings_seen():
    X, held_out, source = _made(6000, 3600, 800_000)
    return _ones(X), held_out, source


def _tiny():
    X, held_out, source = _tiny_ratings()
    return _ones(X), _ones(held_out), source


def _tiny_ratings():
    X, _, source = _made(200, 150, 4000)
    return *_split(X), source


DATA: dict[str, Callable] = {
    "gowalla": _gowalla,
    "lastfm": _lastfm,
    "jester": _jester,
    "power": _power,
    "power-ratings": _power_ratings,
    "ratings": _ratings,
    "ratings-seen": _ratings_seen,
}


def _split(X):
    """Return entries to learn from and the entries held out, both as large as X."""
    held = np.random.default_rng([SEED, X.nnz]).random(X.nnz) < HELD_OUT
    rows = np.repeat(np.arange(X.shape[0], dtype=np.int32), np.diff(X.indptr))
    parts = []
    for chosen in (~held, held):
        arrays = X.data[chosen], (rows[chosen], X.indices[chosen])
        parts.append(sparse.csr_matrix(arrays, shape=X.shape))
    return parts


def _made(n_rows, n_columns, n_stored):
    """Return ratings whose rows and columns follow power laws, from the cache or made anew."""
    source = "synthetic: ratings of rank 16 with noise, power laws of rows and columns"
    path = cache_directory() / f"power-{n_rows}-{n_columns}-{n_stored}.npz"
    if not path.exists():
        X = _power_law(n_rows, n_columns, n_stored)
        aside = path.with_name(f"{path.stem}-{os.getpid()}.npz")
        np.savez(aside, data=X.data, indices=X.indices, indptr=X.indptr)
        aside.replace(path)
    with np.load(path) as stored:
        parts = stored["data"], stored["indices"], stored["indptr"]
        return sparse.csr_matrix(parts, shape=(n_rows, n_columns)), None, source


def _power_law(n_rows, n_columns, n_stored):
    """Return ratings, about one to five, at places whose popularity follows power laws."""
    rng = np.random.default_rng([SEED, n_rows, n_columns])
    row_cut, column_cut = (_cumulated(rng, n, power) for n, power in _powers(n_rows, n_columns))
    places = np.empty(0, dtype=np.int64)
    while len(places) < n_stored:
        size = n_stored // 2
        rows = np.searchsorted(row_cut, rng.random(size))
        columns = np.searchsorted(column_cut, rng.random(size))
        places = np.union1d(places, rows * n_columns + columns)
    # A sample of what is too much, so that it has the same laws.
    surplus = rng.choice(len(places), len(places) - n_stored, replace=False)
    rows, columns = np.divmod(np.delete(places, surplus), n_columns)
    indptr = np.zeros(n_rows + 1, dtype=np.int32)
    np.cumsum(np.bincount(rows, minlength=n_rows), out=indptr[1:])
    arrays = _rated(rng, rows, columns, n_rows, n_columns), columns.astype(np.int32), indptr
    return sparse.csr_matrix(arrays, shape=(n_rows, n_columns))


def _powers(n_rows, n_columns):
    return (n_rows, 0.6), (n_columns, 0.8)


def _cumulated(rng, n, power):
    """Return the distribution function of a power law, its ranks in random order."""
    weight = (np.arange(n) + 0.002 * n + 1.0) ** -power
    cumulated = np.cumsum(rng.permutation(weight))
    return cumulated / cumulated[-1]


def _rated(rng, rows, columns, n_rows, n_columns):
    scale = TRUE_RANK**-0.25
    left = scale * rng.standard_normal((n_rows, TRUE_RANK), dtype=np.float32)
    right = scale * rng.standard_normal((n_columns, TRUE_RANK), dtype=np.float32)
    ratings = np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows), 2**18):
        part = slice(start, start + 2**18)
        ratings[part] = np.einsum("ij,ij->i", left[rows[part]], right[columns[part]])
    ratings += 3.5 + 0.3 * rng.standard_normal(n_rows, dtype=np.float32)[rows]
    ratings += 0.3 * rng.standard_normal(n_columns, dtype=np.float32)[columns]
    return ratings + NOISE * rng.standard_normal(len(rows), dtype=np.float32)
