"""
Which words give spam away: a coefficient path
==============================================

A strong penalty keeps no word at all. As it falls, words enter one by one, the most telling
first. The whole path is one warm-started fit, on the sparse TF-IDF matrix as it is.
"""

import matplotlib.pyplot as plt
from sklearn.feature_extraction.text import TfidfVectorizer

from sparsekit.datasets import load_sms_spam
from sparsekit.inspection import CoefficientPathDisplay
from sparsekit.linear_model import logistic_path

# %%
# 5574 text messages become a sparse matrix with one column for each word.

texts, is_spam = load_sms_spam(return_X_y=True)
vectorizer = TfidfVectorizer(min_df=2)
X = vectorizer.fit_transform(texts)
print(f"{X.shape[0]} messages, {X.shape[1]} words, {X.nnz / X.shape[0]:.0f} words a message")

# %%
# `logistic_path` walks from the smallest strength that keeps nothing down to a hundredth of it.

alphas, coefs, intercepts, dual_gaps = logistic_path(X, is_spam, alphas=50, eps=0.01)
print(f"alpha from {alphas[0]:.4f} to {alphas[-1]:.5f}; largest duality gap {dual_gaps.max():.1e}")

# %%
# The words with the largest coefficients at the end of the path are named.

display = CoefficientPathDisplay.from_arrays(
    alphas, coefs, feature_names=vectorizer.get_feature_names_out(), n_labels=12
)
display.ax_.set_title("Words that tell spam (above) from ham (below)")
plt.show()
