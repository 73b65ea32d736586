"""
Features for a digit classifier: parts learned without labels
=============================================================

A dictionary learned from images of digits, without their labels, has strokes and pieces of digits
for atoms. The code of an image says which of them it is made of, and a linear classifier on codes
is right more often than on pixels.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sparsekit.decomposition import MiniBatchDictionaryLearning
from sparsekit.inspection import CodeDisplay, DictionaryDisplay
from sparsekit.linear_model import SparseLogisticRegression

# %%
# 1797 images of 8 x 8 pixels, half of them to learn from.

X, y = load_digits(return_X_y=True)
X = X.astype("float32") / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0)

# %%
# Atoms and codes without negative values can only add up, so that atoms become parts.

learner = MiniBatchDictionaryLearning(
    100,
    alpha=0.1,
    max_iter=30,
    transform_algorithm="lasso",
    positive_code=True,
    positive_dict=True,
    random_state=0,
)

# %%
# The same classifier on pixels and on codes.

classifier = SparseLogisticRegression(alpha=1e-3)
on_pixels = classifier.fit(X_train, y_train).score(X_test, y_test)
model = make_pipeline(learner, classifier).fit(X_train, y_train)
on_codes = model.score(X_test, y_test)
print(f"test digits that are right: {on_pixels:.1%} on pixels, {on_codes:.1%} on codes")

# %%
# The atoms that most images use.

DictionaryDisplay.from_estimator(model, X_test, max_atoms=60, n_columns=10)
plt.show()

# %%
# How often each is used, and what codes of so many atoms leave over.

CodeDisplay.from_estimator(model, X_test)
plt.show()
