"""Sides of the kernels: products of a sparse matrix, transposition, and the largest scores."""

from collections.abc import Callable

import numpy as np
from scipy import sparse

from benchmarks import _factorization_quality as quality
from benchmarks._factorization_data import Case
from benchmarks._factorization_rows import N_RECOMMENDED, Row
from benchmarks._rounds import Job

# Entries at a time whose factors NumPy gathers so that they fit into a cache.
GATHERED = 2**12
# Rows and entries whose results are compared with those in float64.
COMPARED_ROWS = 2000


def _threads(row, one):
    return 1 if one else row.threads


def _ours(row: Row, case: Case, one: bool = False) -> Job:
    from sparsekit.matrix import _products as products

    n_jobs, X, x = _threads(row, one), sparse.csr_array(case.X), _vector(case)
    turned = sparse.csr_array(X.T) if row.task == "spmm-transposed" else None
    calls = {
        "spmm": lambda: products.multiply(X, case.Q, n_jobs=n_jobs),
        "spmm-transposed": lambda: products.multiply(turned, case.P, n_jobs=n_jobs),
        "sddmm": lambda: products.entry_products(X, case.P, case.Q, n_jobs=n_jobs),
        "spmv": lambda: products.multiply_vector(X, x, n_jobs=n_jobs),
        "csc": lambda: products.to_csc(X, n_jobs=n_jobs),
        "gram": lambda: products.sparse_gram(X, n_jobs=n_jobs),
    }
    return Job(calls[row.task])


def _sparsekit(row, case):
    return _ours(row, case)


def _sparsekit_one(row, case):
    return _ours(row, case, one=True)


def _vector(case):
    return case.Q[:, 0].copy()


def _scipy(row: Row, case: Case) -> Job:
    X, x = case.X, _vector(case)
    calls = {
        "spmm": lambda: X @ case.Q,
        "spmm-transposed": lambda: X.T @ case.P,
        "spmv": lambda: X @ x,
        "csc": lambda: X.tocsc(),
        "gram": lambda: (X.T @ X).toarray(),
    }
    return Job(calls[row.task])


def _mkl(row: Row, case: Case) -> Job:
    from sparse_dot_mkl import dot_product_mkl, gram_matrix_mkl

    X, x = case.X, _vector(case)
    calls = {
        "spmm": lambda: dot_product_mkl(X, case.Q),
        "spmm-transposed": lambda: dot_product_mkl(X.T, case.P),
        "spmv": lambda: dot_product_mkl(X, x),
        "gram": lambda: gram_matrix_mkl(X, dense=True),
    }
    return Job(calls[row.task], _whole if row.task == "gram" else lambda output: output)


def _whole(upper):
    """Return a symmetric matrix of which MKL fills the upper triangle."""
    upper = np.triu(upper)
    return upper + np.triu(upper, 1).T


def _numpy(row: Row, case: Case) -> Job:
    """Return the line that one writes."""
    X = case.X
    rows = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    return Job(lambda: np.einsum("ij,ij->i", case.P[rows], case.Q[X.indices]))


def _numpy_blocks(row: Row, case: Case) -> Job:
    """Return the same in blocks, which takes less memory and less time."""
    X = case.X
    rows = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))

    def gather():
        products = np.empty(X.nnz, dtype=np.float32)
        for start in range(0, X.nnz, GATHERED):
            part = slice(start, start + GATHERED)
            left, right = case.P[rows[part]], case.Q[X.indices[part]]
            np.einsum("ij,ij->i", left, right, out=products[part])
        return products

    return Job(gather)


MULTIPLIERS: dict[str, Callable[[Row, Case], Job]] = {
    "sparsekit": _sparsekit,
    "sparsekit-1": _sparsekit_one,
    "scipy": _scipy,
    "sparse_dot_mkl": _mkl,
    "numpy": _numpy,
    "numpy-blocks": _numpy_blocks,
}


def judge_product(row: Row, case: Case, output, counts) -> dict:
    """Return the largest difference of some rows to the same in float64."""
    n, X = COMPARED_ROWS, case.X.astype(np.float64)
    bits = _bits(row, output.data if row.task == "csc" else output)
    head = X[:n]
    if row.task == "sddmm":
        output, expected = output[: head.nnz], quality.entry_products(head, case.P, case.Q)
    elif row.task == "spmm-transposed":
        expected = X.T[:n] @ case.P.astype(np.float64)
        output = output[:n]
    elif row.task == "csc":
        expected = case.X.tocsc()
    elif row.task == "gram":
        expected = (X.T @ X).toarray()
    else:
        other = case.Q if row.task == "spmm" else _vector(case)
        output, expected = output[:n], head @ other.astype(np.float64)
    return {"quality": quality.largest_difference(output, expected)} | bits


def _bits(row, output):
    return {"bits": quality.digest([output])} if row.threads > 1 else {}


def _trained(case):
    """Return factors of about the lengths of trained ones: popular columns have long ones."""
    popularity = np.sqrt(1.0 + np.bincount(case.X.indices, minlength=case.X.shape[1]))
    return case.P, (case.Q * popularity[:, None]).astype(np.float32)


def _our_top(row: Row, case: Case, one: bool = False) -> Job:
    from sparsekit.matrix._top import ProductScores, top_per_row

    P, Q = _trained(case)
    seen, n_jobs = sparse.csr_array(case.X), _threads(row, one)

    def run():
        scores = ProductScores(P, Q)
        return top_per_row(scores, N_RECOMMENDED, exclude=seen, n_jobs=n_jobs)[0]

    return Job(run, n_signals=len(P))


def _our_recommendations(row: Row, case: Case, one: bool = False) -> Job:
    """Return a call of `recommend`, which solves for the factors of the rows it is given."""
    from sparsekit.factorization import ImplicitFactorization

    model = ImplicitFactorization(
        row.n_components, random_state=0, max_iter=1, n_jobs=_threads(row, one)
    ).fit(case.X)
    return Job(lambda: model.recommend(case.X, N_RECOMMENDED)[0], n_signals=case.X.shape[0])


def _implicit_model(row, case, P, Q):
    from implicit.cpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(row.n_components, num_threads=row.threads)
    model.user_factors, model.item_factors = P.copy(), Q.copy()
    return model, np.arange(len(P))


def _implicit_top(row: Row, case: Case) -> Job:
    from threadpoolctl import threadpool_limits

    model, everyone = _implicit_model(row, case, *_trained(case))

    def run():
        with threadpool_limits(1, "blas"):
            return model.recommend(everyone, case.X, N=N_RECOMMENDED)[0]

    return Job(run, n_signals=len(everyone))


def _implicit_recommendations(row: Row, case: Case) -> Job:
    from threadpoolctl import threadpool_limits

    model, everyone = _implicit_model(row, case, *_trained(case))
    options = {"N": N_RECOMMENDED, "recalculate_user": True}

    def run():
        with threadpool_limits(1, "blas"):
            return model.recommend(everyone, case.X, **options)[0]

    return Job(run, n_signals=len(everyone))


TOPS: dict[str, Callable[[Row, Case], Job]] = {
    "sparsekit": _our_top,
    "sparsekit-1": lambda row, case: _our_top(row, case, one=True),
    "implicit": _implicit_top,
}
RECOMMENDERS: dict[str, Callable[[Row, Case], Job]] = {
    "sparsekit": _our_recommendations,
    "sparsekit-1": lambda row, case: _our_recommendations(row, case, one=True),
    "implicit": _implicit_recommendations,
}


def judge_top(row: Row, case: Case, recommended, counts) -> dict:
    """Return the mean score of what was recommended to some rows."""
    P, Q = _trained(case)
    head = recommended[:COMPARED_ROWS].astype(np.int64)
    return {"quality": quality.mean_of_largest(P[: len(head)], Q, case.X, head)} | _bits(
        row, recommended
    )


def judge_recommendations(row: Row, case: Case, recommended, counts) -> dict:
    """Return the bits alone: the models of the sides differ."""
    return _bits(row, recommended)
