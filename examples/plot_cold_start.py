"""
Ratings of newcomers: what features of people and films are worth
=================================================================

Without ratings there are no factors. What else is known of people and films can stand in, if the
same factors explain it too. A newcomer's factors come from features first, from ratings later.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy import sparse

from sparsekit.factorization import MatrixFactorization
from sparsekit.metrics import rmse
from sparsekit.model_selection import SparseEntries, hold_out_entries

# %%
# 1500 people and 400 films of 12 genres. Features tell a good part of the tastes, with noise.

rng = np.random.default_rng(0)
n_people, n_films, n_genres = 1500, 400, 12
genres = (rng.random((n_films, n_genres)) < 0.2).astype(float)
traits = rng.standard_normal((n_people, 6))
taste = traits @ rng.standard_normal((6, n_genres)) / 3
taste += 0.5 * rng.standard_normal(taste.shape)
quality = 0.4 * rng.standard_normal(n_films)
stars = 3.5 + quality + 0.5 * taste @ genres.T + 0.3 * rng.standard_normal((n_people, n_films))
seen = np.nonzero(rng.random(stars.shape) < 0.1)
X = sparse.csr_array((stars[seen].clip(1, 5).astype(np.float32), seen), shape=stars.shape)

# %%
# The last 300 people come later; 20 ratings of each are hidden for the test. Few ratings want as
# much regularisation as many: `frequency_exponent` is 0, not 1.

settled, new = slice(0, 1200), slice(1200, 1500)
options = {"n_components": 10, "alpha": 1, "frequency_exponent": 0, "random_state": 0}
plain = MatrixFactorization(**options).fit(X[settled])
featured = MatrixFactorization(**options)
featured.fit(X[settled], row_features=traits[settled], column_features=genres)
known, hidden = hold_out_entries(X[new], 20, random_state=0)

# %%
# Now newcomers rate one film after another, and both models fold them in.

order = np.concatenate([rng.permutation(count) for count in np.diff(known.indptr)])
counts = [0, 1, 2, 3, 5, 8, 12, 16]
errors = {"ratings alone": [], "with features": []}
for count in counts:
    first = SparseEntries(known)[order < count]
    by_ratings = plain.predict_entries(hidden, given=first)
    by_both = featured.predict_entries(hidden, given=first, row_features=traits[new])
    errors["ratings alone"].append(rmse(hidden, by_ratings))
    errors["with features"].append(rmse(hidden, by_both))
figure, ax = plt.subplots(layout="constrained")
for name, error in errors.items():
    ax.plot(counts, error, marker="o", label=name)
ax.set(xlabel="ratings of a newcomer that are known", ylabel="RMSE of the others")
ax.legend()
plt.show()

# %%
# A film that nobody has rated is appended from its genres. Who is predicted to like it does so.

premiere = np.zeros((1, n_genres))
premiere[0, [2, 7]] = 1
featured.add_columns(column_features=premiere)
predicted = featured.inverse_transform(featured.row_factors_)[:, n_films]
liking = (taste[settled] @ premiere.T).ravel()
print(f"correlation with taste: {np.corrcoef(predicted, liking)[0, 1]:.2f}")
