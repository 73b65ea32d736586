"""
The frontier of accuracy, sparsity and milliseconds
===================================================

How many weights may go, and which? Single weights cost the least accuracy, blocks of 4 x 4 and
whole neurons let the machine skip more work for each weight removed. One fitted network, pruned in
every way to every sparsity, answers for data and machine at hand.
"""

from timeit import repeat

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from sparsekit.inspection import SparsityAccuracyDisplay
from sparsekit.pruning import MLPPruner, compile_mlp

# %%
# The network is trained once; pruning takes a part of a second.

X, y = load_digits(return_X_y=True)
X = X.astype("float32") / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
network = MLPClassifier((256, 128), max_iter=40, tol=1e-2, random_state=0).fit(X_train, y_train)


def milliseconds(compiled):
    """Return the best time of a batch of 64."""
    compiled(X_test[:64])
    return 10 * min(repeat(lambda: compiled(X_test[:64]), number=100, repeat=5))


# %%
# Three granularities, five sparsities. Each layer is repaired by least squares; nothing is trained.

granularities = {"single weights": "weight", "blocks of 4 x 4": "block", "neurons": "neuron"}
results = {}
for name, granularity in granularities.items():
    found = results[name] = {"sparsity": [], "score": [], "milliseconds": []}
    for sparsity in (0.5, 0.7, 0.8, 0.9, 0.95):
        pruner = MLPPruner(
            FrozenEstimator(network), sparsity=sparsity, granularity=granularity, random_state=0
        ).fit(X_train, y_train)
        found["sparsity"].append(pruner.sparsity_)
        found["score"].append(pruner.score(X_test, y_test))
        found["milliseconds"].append(milliseconds(pruner.compiled_))

# %%
# Compare at equal accuracy, not at equal sparsity: what matters is how far down the right picture
# a line comes before it falls in the left one, where a single digit is 0.2 points.

SparsityAccuracyDisplay.from_results(
    results,
    dense_score=network.score(X_test, y_test),
    dense_milliseconds=milliseconds(compile_mlp(network)),
    batch=64,
    score_name="accuracy on test samples",
)
plt.show()
