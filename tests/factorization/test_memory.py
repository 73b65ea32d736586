"""How much memory fits and recommendations hold at a time, beside the matrix they are given.

The ceilings are sums of the arrays that a class needs at its peak. The room above them is less than
another copy of the largest of them would take: of the matrix, the Gram matrix or the draws.
"""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

from sparsekit.decomposition import SparseSVD
from sparsekit.factorization import (
    BayesianFactorization,
    ImplicitFactorization,
    MatrixFactorization,
    RankingFactorization,
    SparseLinearMethod,
    _ranking_rows,
)
from sparsekit.factorization._slim_products import MOST_MEMBERS
from sparsekit.matrix._top import BLOCK_SCORES

RANK = 32
SHAPE, N_ENTRIES = (20_000, 8_000), 400_000
N_DRAWS = 4
NUMBER = np.dtype(np.float32).itemsize
HEAD_ROOM = 1.2
# What another thread may need for itself.
SCRATCH = 2**20

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def entries():
    """Return counts from one to five of many rows and columns."""
    return counts(SHAPE, N_ENTRIES)


@pytest.fixture(scope="module")
def few_entries():
    """Return the same of few, to compile on, and to import what is imported late."""
    return counts((300, 120), 12_000)


def counts(shape, n_entries):
    rng = np.random.default_rng(0)
    cells = rng.choice(np.prod(shape), n_entries, replace=False)
    rows, columns = (places.astype(np.int32) for places in np.unravel_index(cells, shape))
    values = rng.integers(1, 6, n_entries).astype(np.float32)
    return sparse.csr_array((values, (rows, columns)), shape=shape)


def peak_of(work):
    """Return the most bytes that are held at a time meanwhile."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def matrix(X):
    """Return the bytes of a copy, by row or by column."""
    return X.data.nbytes + X.indices.nbytes


def implicit(X):
    """Return what alternation needs: a copy by column, and each side's codes in three places.

    They stand, they become others, and kernels read them in other axes.
    """
    return matrix(X) + sum(X.shape) * 3 * RANK * NUMBER


def explicit(X):
    """Return the same where biases make codes of a width that kernels have to pad.

    Rows begin at zero in the end, and are cut from the padded ones.
    """
    rank, width = RANK + 1, 48
    n_rows, n_columns = X.shape
    return matrix(X) + (n_rows * (3 * rank + width) + n_columns * (rank + width)) * NUMBER


def posterior(X):
    """Return what draws need: each once, the chain's codes, noise in double precision, entries."""
    codes = sum(X.shape) * (RANK + 1) * NUMBER
    noise = 2 * X.shape[0] * (RANK + 1) * np.dtype(np.float64).itemsize
    return (N_DRAWS + 4) * codes + noise + matrix(X) + X.data.nbytes


def ranking(X):
    """Return what ranking needs: factors that move, means, codes, and the entries in order.

    The codes come from a copy of the columns. Columns are dealt into strata, six here, in which
    every row knows where its entries end.
    """
    n_rows, n_columns = X.shape
    strata = 6 * X.indptr.nbytes
    return (2 * n_rows + 3 * n_columns) * RANK * NUMBER + X.indices.nbytes + strata


def by_entries(X):
    """Return what the sparse linear method needs: a copy by column, and sums along the entries."""
    return matrix(X) + 3 * X.nnz * np.dtype(np.float64).itemsize


def by_gram_matrix(X):
    """Return what it needs where it pays to multiply all columns by one another."""
    return matrix(X) + X.shape[1] ** 2 * NUMBER + square()


def square():
    """Return the bytes of a working set's own products."""
    return 2 * MOST_MEMBERS**2 * NUMBER


def decomposition(X):
    """Return what SparseSVD needs: a copy by column, and vectors in whole lanes, oversampled."""
    width = 48
    return matrix(X) + (max(X.shape) + 3 * min(X.shape)) * width * NUMBER


FITS = {
    "implicit": (ImplicitFactorization(RANK, max_iter=2, random_state=0), implicit, SCRATCH),
    "explicit": (MatrixFactorization(RANK, max_iter=2, random_state=0), explicit, SCRATCH),
    "posterior": (
        BayesianFactorization(RANK, max_iter=N_DRAWS, burn_in=0, n_draws=N_DRAWS, random_state=0),
        posterior,
        SCRATCH,
    ),
    "ranking": (RankingFactorization(RANK, max_iter=1, random_state=0), ranking, SCRATCH),
    "entries": (
        SparseLinearMethod(alpha=0.01, l1_ratio=0.15, max_iter=1, cache_size=0),
        by_entries,
        SCRATCH,
    ),
    "Gram matrix": (
        SparseLinearMethod(alpha=0.01, l1_ratio=0.15, max_iter=1),
        by_gram_matrix,
        square(),
    ),
    "decomposition": (SparseSVD(RANK, max_iter=2, random_state=0), decomposition, SCRATCH),
}


@pytest.mark.parametrize("name", FITS)
def test_a_fit_holds_no_more_than_its_arrays(name, entries, few_entries, monkeypatch):
    # Codes of rows by few pairs take less time, and hardly less memory.
    monkeypatch.setattr(_ranking_rows, "ROW_PAIRS", 64)
    model, ceiling, scratch = FITS[name]
    room = HEAD_ROOM * ceiling(entries)
    for n_jobs, more in ((1, 0), (2, scratch)):
        model = clone(model).set_params(n_jobs=n_jobs).fit(few_entries)
        assert peak_of(lambda model=model: model.fit(entries)) <= room + more


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_scores_of_all_rows_and_columns_are_never_held(n_jobs, entries):
    model = ImplicitFactorization(RANK, max_iter=1, random_state=0, n_jobs=n_jobs)
    model.fit(entries)
    model.recommend(entries[:100])
    n_rows, n = SHAPE[0], 10
    codes = 3 * n_rows * RANK * NUMBER
    found = n_rows * n * (np.dtype(np.int64).itemsize + NUMBER)
    room = HEAD_ROOM * (codes + found + n_jobs * BLOCK_SCORES * NUMBER)
    assert room < 0.03 * np.prod(SHAPE) * NUMBER
    assert peak_of(lambda: model.recommend(entries, n)) <= room
