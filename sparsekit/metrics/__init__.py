"""How well entries are predicted and columns recommended: functions, and scorers for searches."""

from sparsekit.metrics._errors import rmse
from sparsekit.metrics._ranking import map_at_k, ndcg_at_k, recall_at_k
from sparsekit.metrics._scorers import (
    make_map_scorer,
    make_ndcg_scorer,
    make_recall_scorer,
    make_rmse_scorer,
    rmse_scorer,
)

__all__ = [
    "make_map_scorer",
    "make_ndcg_scorer",
    "make_recall_scorer",
    "make_rmse_scorer",
    "map_at_k",
    "ndcg_at_k",
    "recall_at_k",
    "rmse",
    "rmse_scorer",
]
