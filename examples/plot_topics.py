"""
Topics in text messages
=======================

A TF-IDF matrix has a row per message and a column per word, nearly all of it zeros. `SparseNMF`
writes it as W H without ever making it dense. A row of H is a topic, words with weights; a row of W
says how much of each topic is in a message. An L1 penalty makes both sparse: few words to a topic,
few topics to a message.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from sparsekit.datasets import load_sms_spam
from sparsekit.decomposition import SparseNMF

# %%
# The SMS Spam Collection ships with the package: 5574 messages, 747 of them spam.

sms = load_sms_spam()
vectorizer = TfidfVectorizer(stop_words="english", min_df=5, sublinear_tf=True)
X = vectorizer.fit_transform(sms.data)
words = vectorizer.get_feature_names_out()
print(f"{X.shape[0]} messages, {X.shape[1]} words, {X.nnz / X.shape[0]:.1f} of them per message")

# %%
# The labels take no part in this. `sparse_output` gives W as a sparse matrix.

nmf = SparseNMF(16, alpha_W=2e-5, l1_ratio=1.0, sparse_output=True, random_state=0)
W = nmf.fit_transform(X)
H = nmf.components_
per_topic, per_message = np.count_nonzero(H) / len(H), W.nnz / X.shape[0]
print(f"{per_topic:.0f} words per topic, {per_message:.1f} topics per message")

# %%
# Red topics are those of spam: the weights of spam messages as a share of all weights.

spam = np.asarray(W[sms.target == 1].sum(axis=0) / W.sum(axis=0)).ravel()
figure, axes = plt.subplots(4, 4, figsize=(10, 9), layout="constrained")
for k, ax in enumerate(axes.flat):
    best = np.argsort(H[k])[-6:]
    ax.barh(words[best], H[k, best], color=plt.cm.coolwarm(spam[k]))
    ax.set_title(f"{spam[k]:.0%} spam", fontsize=10)
    ax.set_xticks([])
plt.show()

# %%
# A new message is coded by the topics that are there.

message = "Congratulations! You have won a cash prize. Text WIN to claim"
codes = nmf.transform(vectorizer.transform([message]))
for k, weight in zip(codes.indices, codes.data, strict=True):
    print(f"{weight:.2f}  {', '.join(words[np.argsort(H[k])[::-1][:5]])}")
