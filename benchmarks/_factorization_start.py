"""First calls of factorisations."""

DATA = """
X = sparse.random(500, 200, 0.05, format="csr", rng=np.random.default_rng(0), dtype=np.float32)
T = X.tocoo()
"""

OURS = "from sparsekit.factorization import *; from sparsekit.decomposition import SparseSVD"
ALS = "from implicit.als import AlternatingLeastSquares"
BPR = "from implicit.bpr import BayesianPersonalizedRanking"
# kind -> per side: the import and the call
KINDS = {
    "implicit factorisation": {
        "sparsekit": (OURS, "ImplicitFactorization(16, random_state=0).fit(X)"),
        "implicit": (ALS, "AlternatingLeastSquares(16).fit(X, show_progress=False)"),
        "cmfrec": ("from cmfrec import CMF_implicit", "CMF_implicit(16, nthreads=1).fit(T)"),
    },
    "ratings": {
        "sparsekit": (OURS, "MatrixFactorization(16, random_state=0).fit(X)"),
        "cmfrec": ("from cmfrec import CMF", "CMF(16, nthreads=1).fit(T)"),
    },
    "recommend": {
        "sparsekit": (
            OURS,
            "ImplicitFactorization(16, max_iter=1).fit(X).recommend(X)",
        ),
    },
    "BPR": {
        "sparsekit": (
            OURS,
            "RankingFactorization(16, n_negatives=1, max_iter=50, random_state=0).fit(X)",
        ),
        "implicit": (
            BPR,
            "BayesianPersonalizedRanking(16, iterations=50).fit(X, show_progress=False)",
        ),
    },
    "SLIM": {"sparsekit": (OURS, "SparseLinearMethod().fit(X)")},
    "EASE": {"sparsekit": (OURS, "EASE().fit(X)")},
    "truncated SVD": {
        "sparsekit": (OURS, "SparseSVD(16, random_state=0).fit(X)"),
        "sklearn": (
            "from sklearn.decomposition import TruncatedSVD",
            "TruncatedSVD(16, random_state=0).fit(X)",
        ),
    },
}
