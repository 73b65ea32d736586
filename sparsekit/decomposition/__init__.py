"""Decompositions of a data matrix into few, sparse parts."""

from sparsekit.decomposition._coder import SparseCoder, sparse_encode
from sparsekit.decomposition._dictionary import DictionaryLearning
from sparsekit.decomposition._minibatch import MiniBatchDictionaryLearning
from sparsekit.decomposition._minibatch_sparse_pca import MiniBatchSparsePCA
from sparsekit.decomposition._nmf import SparseNMF
from sparsekit.decomposition._sparse_pca import SparsePCA

__all__ = [
    "DictionaryLearning",
    "MiniBatchDictionaryLearning",
    "MiniBatchSparsePCA",
    "SparseCoder",
    "SparseNMF",
    "SparsePCA",
    "sparse_encode",
]
