"""
Pruning a digit classifier
==========================

Most weights of a network do little. `MLPPruner` removes nine of ten, repairs what is left by least
squares, without any training, and runs it in kernels that skip the zeros. Its report tells what
that cost, and what it brought on this machine.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from sparsekit.inspection import PruningMaskDisplay, SparsityAccuracyDisplay
from sparsekit.pruning import MLPPruner

# %%
# 1797 images of 8 x 8 pixels, and a network with two hidden layers.

X, y = load_digits(return_X_y=True)
X = X.astype("float32") / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
network = MLPClassifier((256, 128), max_iter=40, tol=1e-2, random_state=0).fit(X_train, y_train)
pruner = MLPPruner(FrozenEstimator(network), sparsity=0.9, random_state=0).fit(X_train, y_train)
print(f"test digits that are right: {network.score(X_test, y_test):.1%} with all weights,")
print(f"{pruner.score(X_test, y_test):.1%} without {pruner.sparsity_:.0%} of them")

# %%
# Layer by layer, and as a whole. The times are those of the machine that made this page.

print(pruner.report_)

# %%
# What the network still looks at, and which weights it keeps. Pixels at the edges, which are blank
# in most images, lose all of theirs: the stripes of the first layer.

PruningMaskDisplay.from_estimator(pruner, image_shape=(8, 8))
plt.show()

# %%
# Why layers do not lose the same share: each by itself, pruned and not repaired, on training
# samples. The last layer, the smallest, can spare the least.

SparsityAccuracyDisplay.from_estimator(pruner)
plt.show()
