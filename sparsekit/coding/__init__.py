"""Codes of many signals on one dictionary: encoders, and what they share."""

from sparsekit.coding._active_set import ActiveSetLasso
from sparsekit.coding._atoms import Atoms
from sparsekit.coding._descent import descend_rows
from sparsekit.coding._encode import encode, encode_observed
from sparsekit.coding._proximal import Fista, HardThresholding
from sparsekit.coding._pursuit import OrthogonalPursuit
from sparsekit.coding._rows import CodeRows
from sparsekit.coding._shrink import SoftThreshold, TopK

__all__ = [
    "ActiveSetLasso",
    "Atoms",
    "CodeRows",
    "Fista",
    "HardThresholding",
    "OrthogonalPursuit",
    "SoftThreshold",
    "TopK",
    "descend_rows",
    "encode",
    "encode_observed",
]
