"""Some rows of all: those that are held out to judge a fit by, and those that stand for others."""

import numpy as np
from sklearn.model_selection import train_test_split


def hold_out_rows(
    n: int, n_held: int, labels: np.ndarray | None, random_state: int | np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the rows to learn from and of those to judge by, both sorted.

    Labels, one a row, keep their shares where there are enough rows of each.
    """
    if labels is not None:
        counts = np.unique(labels, return_counts=True)[1]
        if counts.min() < 2 or len(counts) > min(n_held, n - n_held):
            labels = None
    kept, held = train_test_split(
        np.arange(n), test_size=n_held, random_state=random_state, stratify=labels
    )
    return np.sort(kept), np.sort(held)


def spread_rows(n_rows: int, most: int) -> np.ndarray:
    """Return the numbers of at most so many rows, spread evenly."""
    return np.linspace(0, n_rows - 1, min(n_rows, most)).astype(np.intp)
