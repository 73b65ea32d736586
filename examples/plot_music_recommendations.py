"""
Music recommendations from play counts
======================================

Who played which artist how often: nearly all entries of such a matrix are empty, and an empty one
is no dislike. `ImplicitFactorization` takes plays for a sign of liking, the stronger the more there
are, and everything else for a faint sign of the opposite.
"""

import csv
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy import sparse

from sparsekit.factorization import EASE, ImplicitFactorization
from sparsekit.inspection import FactorDisplay, PopularityRecallDisplay
from sparsekit.metrics import recall_at_k
from sparsekit.model_selection import hold_out_entries

# %%
# The data sets of Last.fm are lines of user, artist and plays, with tabs between. This is such a
# file, of listeners who like two genres each, and of artists who are not equally well known.

rng = np.random.default_rng(0)
genres = np.repeat(["ambient", "folk", "jazz", "metal", "soul", "techno"], 60)
fame, style = rng.lognormal(0.0, 0.8, len(genres)), rng.normal(0.0, 0.6, (4, len(genres)))
path = Path(tempfile.mkdtemp()) / "plays.tsv"
with path.open("w", newline="", encoding="utf-8") as file:
    for user in range(1200):
        liked = np.isin(genres, rng.choice(np.unique(genres), 2, replace=False))
        chance = fame * (liked + 0.03) * np.exp(rng.standard_normal(4) @ style)
        for artist in rng.choice(len(genres), rng.integers(10, 40), False, chance / chance.sum()):
            plays = int(1 + rng.lognormal(3.0, 1.5))
            csv.writer(file, delimiter="\t").writerow([user, f"{genres[artist]} {artist}", plays])

# %%
# Names become numbers of rows and columns; a repeated line would be added up.

with path.open(newline="", encoding="utf-8") as file:
    users, artists, plays = zip(*csv.reader(file, delimiter="\t"), strict=True)
_, rows = np.unique(users, return_inverse=True)
names, columns = np.unique(artists, return_inverse=True)
X = sparse.coo_array((np.array(plays, dtype=np.float32), (rows, columns))).tocsr()
print(f"{X.shape[0]} users, {X.shape[1]} artists, {X.nnz / X.shape[0]:.0f} artists per user")

# %%
# Plays count by their logarithm. A fifth of each user's artists is hidden.

X.data = np.log1p(X.data)
known, hidden = hold_out_entries(X, 0.2, random_state=0)
factors = ImplicitFactorization(16, alpha=0.03, unobserved_weight=3 * known.mean(), random_state=0)
axes = None
for model in (factors, EASE(alpha=3)):
    recommended, scores = model.fit(known).recommend(known, n=10)
    print(f"{type(model).__name__}: recall {recall_at_k(hidden, recommended, k=10):.1%}")
    display = PopularityRecallDisplay.from_estimator(model, known, hidden, k=10, ax=axes)
    axes = [display.ax_, display.share_ax_]
plt.show()

# %%
# The first factor is fame, the others tell genres apart. Alike are artists with like factors.

FactorDisplay.from_estimator(factors, factors=6, n_labels=6, feature_names=names)
plt.show()
like = factors.similar_items(np.flatnonzero(names == "jazz 150")[0], n=5)[0]
print("like jazz 150:", ", ".join(names[like]))
