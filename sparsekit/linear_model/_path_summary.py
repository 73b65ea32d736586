"""The table that glmnet prints of a path: strength, number of non-zeros, deviance explained."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False, repr=False)
class PathSummary:
    """One row per penalty strength of a path; prints as a table.

    Attributes
    ----------
    alpha : ndarray of shape (n_alphas,)
        Penalty strengths, falling.
    n_nonzero : ndarray of shape (n_alphas,)
        Features with a non-zero coefficient, which glmnet calls Df.
    deviance_ratio : ndarray of shape (n_alphas,)
        Share of the null model's deviance that is explained, which glmnet calls %Dev; for least
        squares the R squared of the training data.
    mean : ndarray of shape (n_alphas,)
        Mean of the score over the folds.
    standard_error : ndarray of shape (n_alphas,)
        Standard error of that mean.
    mark : ndarray of shape (n_alphas,)
        "min" at the best strength, "1se" at the largest within one standard error of it.
    """

    alpha: np.ndarray
    n_nonzero: np.ndarray
    deviance_ratio: np.ndarray
    mean: np.ndarray
    standard_error: np.ndarray
    mark: np.ndarray

    def __len__(self) -> int:
        return len(self.alpha)

    def __str__(self) -> str:
        head = f"{'Df':>7}{'%Dev':>8}{'alpha':>12}{'mean':>12}{'std. error':>12}"
        rows = zip(*self.to_dict().values())
        return "\n".join([head, *(_row(*row) for row in rows)])

    __repr__ = __str__

    def to_dict(self) -> dict[str, np.ndarray]:
        """Return the columns by name.

        Returns
        -------
        columns : dict of ndarray
            In the order of the attributes.
        """
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def to_frame(self) -> Any:
        """Return the table as a pandas DataFrame.

        Returns
        -------
        frame : pandas.DataFrame
            One row per strength.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            from pandas import DataFrame
        except ImportError as error:
            raise ImportError("`to_frame` needs pandas: pip install pandas") from error
        return DataFrame(self.to_dict())


def _row(
    alpha: float, n_nonzero: int, ratio: float, mean: float, standard_error: float, mark: str
) -> str:
    """Return one line of the table."""
    line = f"{n_nonzero:>7}{100 * ratio:>8.2f}{alpha:>12.4g}{mean:>12.4g}{standard_error:>12.2g}"
    return f"{line}  {mark}".rstrip()
