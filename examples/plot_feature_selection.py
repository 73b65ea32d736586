"""
Few genes out of many: selection inside a pipeline
==================================================

A gene-expression table has a hundred samples and thousands of correlated columns. A selector keeps
the columns with a non-zero coefficient, and any model may follow it. Inside a pipeline each
cross-validation fold selects for itself, so that the score is honest.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sparsekit.datasets import make_sparse_regression
from sparsekit.feature_selection import LassoSelector

X, y, truth = make_sparse_regression(
    120, 5000, n_informative=8, correlation=0.6, snr=10.0, coef=True, random_state=0
)

# %%
# `n_features_to_select` walks the path until that many columns are in.

sizes = [2, 4, 8, 16, 32]
scores = []
for size in sizes:
    selector = LassoSelector(n_features_to_select=size)
    pipeline = make_pipeline(StandardScaler(), selector, LinearRegression())
    scores.append(cross_val_score(pipeline, X, y, cv=5))

# %%
# Least squares on the selected columns is best near the true number, eight.

mean = np.mean(scores, axis=1)
error = np.std(scores, axis=1, ddof=1) / np.sqrt(5)
figure, ax = plt.subplots(layout="constrained")
ax.errorbar(sizes, mean, yerr=error, marker="o", capsize=3)
ax.set(xscale="log", xlabel="selected features", ylabel="R² on held-out samples (mean ± 1 SE)")
ax.set_xticks(sizes, sizes, minor=False)
ax.minorticks_off()
plt.show()

# %%
# The selector names what it keeps.

selector = LassoSelector(n_features_to_select=8).fit(StandardScaler().fit_transform(X), y)
print("kept:", ", ".join(selector.get_feature_names_out()))
print("true:", ", ".join(f"x{j}" for j in np.flatnonzero(truth)))
