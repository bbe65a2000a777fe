"""Thinning: keep draws above a quality without changing how the data are covered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TOLERANCE = 0.05
"""Coverage that may be lost for more draws, next to that of cells without a good draw."""

HALVINGS = 60
"""Steps of the search for the number of draws: below the spacing of floats."""


@dataclass(frozen=True)
class Thinned:
    """Draws that are kept.

    Attributes
    ----------
    kept
        Their row numbers, ascending, shape (k,).
    rates
        With which probability a draw above the threshold was kept, by cell, shape (cells,): what a
        sampler does with further draws. 0 where there was none.
    draws_per_kept
        Draws for each that is kept; infinite if none is.
    lost
        Coverage lost: the share of the data by which the cells' shares fall short of the data's.
    """

    kept: Ints
    rates: Floats
    draws_per_kept: float
    lost: float


def thin(
    quality: Floats, cell: Ints, shares: Floats, *, threshold: float, tolerance: float = TOLERANCE
) -> Thinned:
    """Keep draws whose quality is at least `threshold`, in the shares of the data.

    A threshold alone prefers what is simple: cells in which draws are good would be more frequent
    than in the data. So as many draws are left out in each as needed, evenly over their order and
    whatever their quality: the best of a cell are the simple ones again. Rejection of this kind
    gets nearest to the data for its number of draws (Verine et al. 2024).

    Parameters
    ----------
    quality, cell
        Of each draw, shapes (m,); a quality that is NaN is below the threshold.
    shares
        Shares of the cells among the data, summing to 1, shape (cells,).
    threshold, tolerance
        Smallest quality; coverage that may be lost for more draws.
    """
    good = quality >= threshold
    counts = np.bincount(cell[good], minlength=len(shares))
    quotas = _quotas(counts, shares, tolerance)
    rows = [_evenly(np.flatnonzero(good & (cell == c)), quotas[c]) for c in np.flatnonzero(quotas)]
    kept = np.sort(np.concatenate([np.zeros(0, np.int64), *rows]))
    rates = quotas / np.maximum(counts, 1)
    per_kept = len(quality) / len(kept) if len(kept) else np.inf
    return Thinned(kept, rates, float(per_kept), lost_coverage(quotas, shares))


def lost_coverage(counts: Floats | Ints, shares: Floats) -> float:
    """Return by which share of the data counts per cell fall short of the shares; 1 for none."""
    total = counts.sum()
    return float(1 - np.minimum(counts / total, shares).sum()) if total else 1.0


def _quotas(counts: Ints, shares: Floats, tolerance: float) -> Ints:
    """Return how many to keep per cell: the most that lose no more than what is tolerated.

    Cells without a good draw are left out: the others keep their proportions.
    """
    reached = (counts > 0) & (shares > 0)
    if not reached.any():
        return np.zeros(len(counts), np.int64)
    wanted = np.where(reached, shares, 0) / shares[reached].sum()
    few, many = np.quantile(counts[reached] / wanted[reached], [0, 1])
    for _ in range(HALVINGS):
        middle = (few + many) / 2
        if lost_coverage(np.minimum(counts, middle * wanted), wanted) <= tolerance:
            few = middle
        else:
            many = middle
    return np.minimum(counts, np.maximum(np.rint(few * wanted), reached).astype(np.int64))


def _evenly(rows: Ints, number: int) -> Ints:
    """Return a number of the rows, evenly spaced."""
    return rows[((np.arange(number) + 0.5) * len(rows) / number).astype(np.int64)]
