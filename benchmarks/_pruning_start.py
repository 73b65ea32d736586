"""First calls of pruners, compiled networks and networks that are never dense."""

DATA = """
from sklearn.neural_network import MLPClassifier
rng = np.random.default_rng(0)
X = rng.standard_normal((500, 64)).astype(np.float32)
y = np.arange(500) % 10
mlp = MLPClassifier((128, 64), max_iter=1, random_state=0).fit(X, y)
from sklearn.frozen import FrozenEstimator
"""
OURS = "from sparsekit.pruning import *"
THEIRS = "from sklearn.neural_network import MLPClassifier"
PRUNER = "MLPPruner(FrozenEstimator(mlp), {}).fit(X, y).predict(X)"
# kind -> per side: the import and the call
KINDS = {
    "compile_mlp": {
        "sparsekit": (OURS, "compile_mlp(mlp)(X[:1])"),
        "sklearn": (THEIRS, "mlp.predict(X[:1])"),
    },
    "MLPPruner": {"sparsekit": (OURS, PRUNER.format("sparsity=0.9"))},
    "MLPPruner, 2 epochs": {
        "sparsekit": (OURS, PRUNER.format("fine_tune_epochs=2, random_state=0")),
        "sklearn": (THEIRS, "MLPClassifier((128, 64), max_iter=2, random_state=0).fit(X, y)"),
    },
    "MLPPruner, int8": {
        "sparsekit": (OURS, PRUNER.format("granularity='block', quantize='int8'")),
    },
    "SparseMLPClassifier": {
        "sparsekit": (
            OURS,
            "SparseMLPClassifier((128, 64), max_iter=2, random_state=0).fit(X, y)",
        ),
    },
}
