"""Rank correlation, and medians over intervals of equal count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def rank_correlation(x: NDArray[Any], y: NDArray[Any]) -> float | None:
    """Return Spearman's (1904) rank correlation; None where one of the two does not vary.

    Ties get their mean rank.
    """
    from scipy.stats import rankdata

    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])


def binned_quantiles(
    x: NDArray[Any], y: NDArray[Any], bins: int = 10
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return medians of x and quartiles of y over intervals of x that hold equally many rows.

    Returns
    -------
    centers, quartiles
        Shapes (bin,) and (bin, 3); fewer than `bins` where there are fewer than 5 rows for each.
    """
    parts = np.array_split(np.argsort(x, kind="stable"), max(min(bins, len(x) // 5), 1))
    centers = np.array([np.median(x[part]) for part in parts], float)
    quartiles = np.array([np.quantile(y[part], [0.25, 0.5, 0.75]) for part in parts], float)
    return centers, quartiles
