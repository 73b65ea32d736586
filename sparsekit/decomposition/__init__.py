"""Decompositions of a data matrix into few, sparse parts."""

from sparsekit.decomposition._coder import SparseCoder, sparse_encode
from sparsekit.decomposition._dictionary._batch import DictionaryLearning
from sparsekit.decomposition._dictionary._minibatch import MiniBatchDictionaryLearning
from sparsekit.decomposition._nmf._estimator import SparseNMF
from sparsekit.decomposition._sparse_pca._estimator import SparsePCA
from sparsekit.decomposition._sparse_pca._minibatch import MiniBatchSparsePCA
from sparsekit.decomposition._svd._estimator import SparseSVD

__all__ = [
    "DictionaryLearning",
    "MiniBatchDictionaryLearning",
    "MiniBatchSparsePCA",
    "SparseCoder",
    "SparseNMF",
    "SparsePCA",
    "SparseSVD",
    "sparse_encode",
]
