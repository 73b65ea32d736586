"""
How strong a penalty: cross-validation and the one-standard-error rule
======================================================================

The strength with the smallest cross-validated error keeps more features than it needs. The
one-standard-error rule takes the strongest penalty whose error is within one standard error of the
smallest: a smaller model that these data cannot tell apart from the best one.
"""

import matplotlib.pyplot as plt
import numpy as np

from sparsekit.datasets import make_sparse_regression
from sparsekit.inspection import CVCurveDisplay
from sparsekit.linear_model import LassoCV

# %%
# A sparse design with 2000 features, ten of which matter.

X, y, truth = make_sparse_regression(
    500, 2000, n_informative=10, density=0.05, snr=3.0, coef=True, random_state=0
)

# %%
# All folds work on this one matrix; each fold is one warm-started path.

model = LassoCV(cv=5, cv_rule="1se").fit(X, y)
CVCurveDisplay.from_estimator(model).ax_.set_title("LassoCV on 500 x 2000")
plt.show()

# %%
# Both choices are in the fitted model; `coef_` belongs to the rule that was asked for.

informative = set(np.flatnonzero(truth))
for rule in ("min", "1se"):
    kept = set(np.flatnonzero(model.coef_at(rule)))
    print(f"{rule:>3}: {len(kept):3d} features, {len(kept & informative)} of the true 10")
