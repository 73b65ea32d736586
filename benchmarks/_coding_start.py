"""First calls of coders, dictionaries, thresholds and factors."""

DATA = """
rng = np.random.default_rng(0)
X = rng.standard_normal((500, 16))
D = rng.standard_normal((32, 16))
D /= np.linalg.norm(D, axis=1, keepdims=True)
T = sparse.random(500, 200, 0.05, format="csr", rng=rng)
"""

CODER = "SparseCoder(dictionary=D, transform_algorithm={!r}, {}).fit(X).transform(X)"
LEARNER = "MiniBatchDictionaryLearning(32, alpha=0.5, max_iter=5, batch_size=100, {}).fit(X)"
GREEDY = "transform_n_nonzero_coefs=5"
PENALISED = "transform_alpha=0.5"
OURS = "from sparsekit.decomposition import *"
THEIRS = "from sklearn.decomposition import *"
# kind -> per side: the import and the call
KINDS = {
    "SparseCoder, omp": {
        "sparsekit": (OURS, CODER.format("omp", GREEDY)),
        "sklearn": (THEIRS, CODER.format("omp", GREEDY)),
    },
    "SparseCoder, lasso": {
        "sparsekit": (OURS, CODER.format("lasso", PENALISED)),
        "sklearn": (THEIRS, CODER.format("lasso_cd", PENALISED)),
    },
    "MiniBatchDictionaryLearning": {
        "sparsekit": (OURS, LEARNER.format("random_state=0")),
        "sklearn": (THEIRS, LEARNER.format("fit_algorithm='cd', random_state=0")),
    },
    "Thresholder": {
        "sparsekit": (
            "from sparsekit.thresholding import Thresholder",
            "Thresholder().fit(X).transform(X)",
        ),
    },
    "SparseNMF": {
        "sparsekit": (OURS, "SparseNMF(5, max_iter=20, random_state=0).fit(T)"),
        "sklearn": (THEIRS, "NMF(5, max_iter=20, random_state=0).fit(T)"),
    },
}
