"""Every transformer that represents or shrinks data, in small configurations of every kind.

What an estimator says of itself in its tags (sparse X, non-negative X, NaN) decides what tests
give it, so that a new estimator is one line here.
"""

from functools import partial

import numpy as np
from scipy import sparse
from sklearn.utils import get_tags

from sparsekit.decomposition import (
    DictionaryLearning,
    MiniBatchDictionaryLearning,
    MiniBatchSparsePCA,
    SparseCoder,
    SparseNMF,
    SparsePCA,
    SparseSVD,
)
from sparsekit.factorization import (
    EASE,
    BayesianFactorization,
    ImplicitFactorization,
    MatrixFactorization,
    RankingFactorization,
    SparseLinearMethod,
)
from sparsekit.thresholding import Thresholder, WaveletShrinkage

N_FEATURES, N_ATOMS = 12, 8
ATOMS = np.random.default_rng(1).standard_normal((N_ATOMS, N_FEATURES))
WEIGHTS = np.arange(1.0, N_ATOMS + 1)


def coder(algorithm, **options):
    return SparseCoder(ATOMS, transform_algorithm=algorithm, **options)


def learner(cls, fit_algorithm, update, **options):
    defaults = {"alpha": 0.1, "max_iter": 15, "random_state": 0, "transform_n_nonzero_coefs": 3}
    return cls(N_ATOMS, **defaults | {"fit_algorithm": fit_algorithm, "update": update} | options)


def components(cls, **options):
    return cls(3, **{"alpha": 0.5, "random_state": 0} | options)


dictionary = partial(learner, DictionaryLearning)
batches = partial(learner, MiniBatchDictionaryLearning, batch_size=16)
factors = partial(SparseNMF, 3, random_state=0, max_iter=2000)
vectors = partial(SparseSVD, 3, random_state=0)
ratings = partial(MatrixFactorization, 3, alpha=0.01, random_state=0)
plays = partial(ImplicitFactorization, 3, unobserved_weight=0.1, random_state=0)
pairs = partial(RankingFactorization, 3, random_state=0)
draws = partial(BayesianFactorization, 3, max_iter=12, burn_in=0, random_state=0)
by_lasso = {"transform_n_nonzero_coefs": None, "transform_algorithm": "lasso"}

# The first of each class; the others share its checks of parameters, its names and its clones.
CLASSES = {
    "SparseCoder omp": partial(coder, "omp", transform_n_nonzero_coefs=3),
    "DictionaryLearning lasso": partial(dictionary, "lasso", "bcd"),
    "MiniBatchDictionaryLearning lasso": partial(batches, "lasso", "bcd"),
    "SparsePCA cd": partial(components, SparsePCA),
    "MiniBatchSparsePCA cd": partial(components, MiniBatchSparsePCA),
    "SparseNMF frobenius": factors,
    "SparseSVD truncated": vectors,
    "MatrixFactorization pcg": ratings,
    "ImplicitFactorization pcg": plays,
    "BayesianFactorization biased": draws,
    "RankingFactorization bpr": pairs,
    "SparseLinearMethod positive": partial(SparseLinearMethod, 0.01),
    "EASE": partial(EASE, 0.1),
    "Thresholder universal": partial(Thresholder, "universal", noise="std"),
    "WaveletShrinkage sure": partial(WaveletShrinkage, "haar"),
}
TRANSFORMERS = CLASSES | {
    "SparseCoder ormp": partial(coder, "ormp", transform_n_nonzero_coefs=3),
    "SparseCoder nn_omp": partial(coder, "nn_omp", transform_alpha=0.5),
    "SparseCoder lasso": partial(coder, "lasso", transform_alpha=0.2),
    "SparseCoder split": partial(
        coder, "lasso", l1_ratio=0.7, feature_weights=WEIGHTS, split_sign=True, transform_alpha=0.1
    ),
    "SparseCoder missing": partial(
        coder, "lasso", transform_alpha=0.2, missing_values=np.nan, sparse_output=True
    ),
    "SparseCoder fista": partial(coder, "fista", transform_alpha=0.2, positive_code=True),
    "SparseCoder lasso_lars": partial(coder, "lasso_lars", transform_alpha=0.2),
    "SparseCoder lars": partial(coder, "lars", transform_n_nonzero_coefs=3),
    "SparseCoder threshold": partial(coder, "threshold", transform_alpha=0.2),
    "SparseCoder top_k": partial(coder, "top_k", transform_n_nonzero_coefs=3),
    "SparseCoder iht": partial(coder, "iht", transform_n_nonzero_coefs=3),
    "DictionaryLearning mod": partial(dictionary, "omp", "mod", split_sign=True),
    "DictionaryLearning ksvd": partial(dictionary, "omp", "ksvd", dict_init="svd"),
    "DictionaryLearning positive": partial(
        dictionary,
        "lasso",
        "bcd",
        positive_code=True,
        positive_dict=True,
        dict_l1_ratio=0.3,
        **by_lasso,
    ),  # fmt: skip
    "MiniBatchDictionaryLearning mod": partial(batches, "omp", "mod", **by_lasso),
    "MiniBatchDictionaryLearning omp": partial(batches, "omp", "bcd", forgetting=0.0),
    "SparsePCA lars": partial(components, SparsePCA, method="lars"),
    "SparsePCA deflation": partial(components, SparsePCA, method="deflation"),
    "SparsePCA elastic_net": partial(components, SparsePCA, method="elastic_net", tol=1e-5),
    "MiniBatchSparsePCA lars": partial(components, MiniBatchSparsePCA, method="lars"),
    "SparseNMF divergence": partial(factors, beta_loss="kullback-leibler"),
    "SparseNMF unobserved": partial(factors, missing="unobserved", alpha_W=1e-3),
    "SparseNMF unobserved divergence": partial(
        factors, missing="unobserved", beta_loss="kullback-leibler", alpha_H=1e-3
    ),
    "SparseNMF sparse": partial(factors, alpha_W=1e-2, l1_ratio=1.0, sparse_output=True),
    "SparseSVD centered": partial(vectors, center=True),
    "MatrixFactorization cholesky": partial(ratings, solver="cholesky", fit_bias=False),
    "MatrixFactorization sparse": partial(ratings, positive=True, l1_ratio=0.5),
    "ImplicitFactorization early": partial(plays, solver="cholesky", early_stopping=True),
    "BayesianFactorization plain": partial(draws, fit_bias=False),
    "RankingFactorization logistic": partial(pairs, loss="logistic", early_stopping=True),
    "SparseLinearMethod signed": partial(SparseLinearMethod, 0.01, positive=False),
    "Thresholder sure": partial(Thresholder, "sure", "garrote", noise="std", axis=0),
    "Thresholder bayes": partial(Thresholder, "bayes", "firm", noise="std", axis=1),
    "Thresholder top_k": partial(
        Thresholder, "top_k", "hard", axis=1, n_nonzero_coefs=3, sparse_output=True
    ),
    "Thresholder ebayes": partial(Thresholder, "ebayes", noise=0.5),
    "Thresholder fdr": partial(Thresholder, "fdr", "hard", noise=0.2),
    "Thresholder energy": partial(Thresholder, "energy", axis=0),
    "Thresholder quantile": partial(Thresholder, "quantile", quantile=0.3, axis=0),
    "Thresholder fixed": partial(
        Thresholder, "fixed", threshold=np.linspace(0, 1, N_FEATURES), axis=0
    ),
    "WaveletShrinkage image": partial(
        WaveletShrinkage, "db2", image_shape=(3, 4), rule="fdr", n_shifts=2, mode="periodization"
    ),
}


def make(name, **parameters):
    """Return a new estimator."""
    return TRANSFORMERS[name]().set_params(**parameters)


def tags(name):
    """Return what an estimator says of the X it takes."""
    return get_tags(make(name)).input_tags


TAKES_SPARSE = [name for name in TRANSFORMERS if tags(name).sparse]
TAKES_NAN = [name for name in TRANSFORMERS if tags(name).allow_nan]
# What sparse X does not store is a zero to all but these.
ABSENT_IS_UNKNOWN = [
    name for name in TRANSFORMERS if name.startswith(("SparseNMF unobserved", "MatrixF", "Bayes"))
]
# Their products are scores of any scale, which only order the columns.
ORDERS = [name for name in TRANSFORMERS if name.startswith("RankingFactorization")]
# Their products are not values of X, but those or preferences between 0 and 1.
PREFERENCES = [n for n in TRANSFORMERS if n.startswith("ImplicitFactorization")] + ORDERS
# They recommend, and their score is that of entries they hide: there may be none to hide.
RECOMMENDERS = [name for name in TRANSFORMERS if hasattr(make(name), "recommend")]
LEARNERS = [name for name in TRANSFORMERS if "random_state" in make(name).get_params()]
THREADED = [name for name in TRANSFORMERS if "n_jobs" in make(name).get_params()]


def suited(name, X):
    """Return X, or its absolute value for an estimator that takes no other."""
    return abs(X) if tags(name).positive_only else X


def dense(X):
    """Return dense or sparse X as an ndarray."""
    return X.toarray() if sparse.issparse(X) else np.asarray(X)


def state(estimator):
    """Return everything that a fit has set, private or not."""
    given = estimator.get_params(deep=False)
    return {name: value for name, value in vars(estimator).items() if name not in given}


def attributes(estimator):
    """Return what a fit tells the user."""
    return {name: value for name, value in state(estimator).items() if name.endswith("_")}


def assert_same_state(actual, desired):
    """Assert that two estimators were fitted to the same, bit for bit."""
    actual, desired = state(actual), state(desired)
    assert actual.keys() == desired.keys()
    for name, value in desired.items():
        assert_same(actual[name], value, name)


def assert_same(actual, desired, name=""):
    """Assert that two attributes are the same, bit for bit."""
    assert sparse.issparse(actual) == sparse.issparse(desired), name
    if not sparse.issparse(desired):
        np.testing.assert_array_equal(actual, desired, err_msg=name, strict=True)
        return
    assert type(actual) is type(desired) and actual.shape == desired.shape, name
    for part in ("data", "indices", "indptr"):
        assert_same(getattr(actual, part), getattr(desired, part), f"{name}.{part}")


def numbers(value):
    """Return an attribute, or what it stores where it is sparse, as an array; None for others."""
    value = value.data if sparse.issparse(value) else value
    return np.asarray(value) if isinstance(value, np.ndarray | float) else None
