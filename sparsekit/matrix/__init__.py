"""The matrix X: columns that kernels read, and whole-matrix operations on any storage."""

from sparsekit.matrix._columns import CenteredColumns, CSCColumns, DenseColumns, GramColumns
from sparsekit.matrix._design import as_design

__all__ = ["CSCColumns", "CenteredColumns", "DenseColumns", "GramColumns", "as_design"]
