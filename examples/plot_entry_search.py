"""
Grid search over hidden ratings
===============================

Cross-validation cuts samples, rows of a matrix, into folds. A recommender is judged by entries that
it has not seen of rows that it has. `SparseEntries` makes every stored entry a sample, and
scikit-learn's own `GridSearchCV` does the rest.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy import sparse
from sklearn.model_selection import GridSearchCV, KFold, train_test_split

from sparsekit.factorization import BayesianFactorization, MatrixFactorization
from sparsekit.metrics import rmse, rmse_scorer
from sparsekit.model_selection import SparseEntries

# %%
# 1000 people have each rated about 50 of 500 films, which have five hidden dimensions.

rng = np.random.default_rng(0)
people, films = rng.standard_normal((1000, 5)), rng.standard_normal((500, 5))
stars = 3.5 + 0.4 * people @ films.T + 0.3 * rng.standard_normal(500)
stars += 0.6 * rng.standard_normal(stars.shape)
rated = np.nonzero(rng.random(stars.shape) < 0.1)
X = sparse.csr_array((stars[rated].clip(0.5, 5).astype(np.float32), rated), shape=stars.shape)

# %%
# A sample is an entry. A part of them keeps the shape of the matrix.

entries = SparseEntries(X)
train, test = train_test_split(entries, test_size=0.2, random_state=0)
print(train, test, sep="\n")

# %%
# Twenty candidates, five folds each.

search = GridSearchCV(
    MatrixFactorization(random_state=0),
    {"n_components": [2, 5, 10, 20], "alpha": [0.01, 0.02, 0.04, 0.08, 0.16]},
    cv=KFold(5, shuffle=True, random_state=0),
    scoring=rmse_scorer,
).fit(train)
print("best:", search.best_params_)

# %%
# A rank that is too high wants a stronger penalty, and is worse with any.

results = search.cv_results_
figure, ax = plt.subplots(layout="constrained")
for rank in (2, 5, 10, 20):
    of_rank = results["param_n_components"] == rank
    error, std = -results["mean_test_score"][of_rank], results["std_test_score"][of_rank]
    ax.errorbar(results["param_alpha"][of_rank].astype(float), error, std, marker="o", label=rank)
ax.set(xscale="log", xlabel="alpha", ylabel="RMSE of hidden ratings")
ax.legend(title="n_components")
plt.show()

# %%
# The entries that no fold has seen. A Bayesian model has no strength to search for, and a rank that
# is too high does it little harm.

bayes = BayesianFactorization(10, random_state=0).fit(train)
for name, model in {"searched": search.best_estimator_, "Bayesian": bayes}.items():
    print(f"{name:>8}: RMSE {rmse(test, model.predict_entries(test)):.3f} (noise: 0.6)")
