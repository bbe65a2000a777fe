"""Cells of the data: where draws land, and whether their shares are those of the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import keyed_rng
from latent_analyze.statistics import distinct_rows, nearest
from latent_analyze_plugins.random_decode.intervals import wilson

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

MOST, ROWS = 20, 100
"""Most cells, and held-out rows per cell on average, unless a number is asked for."""

FEWEST = 50
"""A cell with fewer held-out rows is given to its neighbors: its 2 % quantile would be unknown."""

LEVEL, MISSED = 0.05, 0.2
"""Level of tests; share of the data's share below which a cell or class is missed."""


@dataclass(frozen=True)
class Cells:
    """Regions of the data, each nearest to one of the centers, shape (cells, dim)."""

    centers: Floats

    def of(self, landings: Floats) -> Ints:
        """Return the cell of each landing, shape (n, dim) -> (n,)."""
        return nearest(landings, self.centers, 1)[1][:, 0]

    def counts(self, landings: Floats) -> Ints:
        """Return how many landings each cell holds, shape (cells,)."""
        return np.bincount(self.of(landings), minlength=len(self.centers))


@dataclass(frozen=True)
class CellShares:
    """Shares of the cells among held-out rows and draws, shapes (cells,).

    Attributes
    ----------
    data, draws, low, high
        Shares, and the 95 % intervals of those of the draws.
    different
        Which shares differ at 5 %, each for itself: their number is the NDB of Richardson & Weiss
        (2018), of which one in twenty is expected by chance.
    missed
        Which cells have significantly less than a fifth of the data's share.
    p_value
        That all shares are the same (chi square).
    """

    data: Floats
    draws: Floats
    low: Floats
    high: Floats
    different: Mask
    missed: Mask
    p_value: float


def fit_cells(landings: Floats, seed: int, *, number: int | None = None) -> Cells:
    """Return cells of held-out landings (n, dim) by k-means (Lloyd 1982).

    Each has at least 50 of the landings, or there is one cell. `number` is the most cells; left
    out, there is one per 100 landings, and at most 20.
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    wanted = max(min(number or MOST, len(distinct_rows(landings))), 1)
    if number is None:
        wanted = max(min(wanted, len(landings) // ROWS), 1)
    state = int(keyed_rng(seed, "cells").integers(2**31))
    # Threads add up in an order that differs between runs.
    with threadpool_limits(1):
        found = KMeans(wanted, n_init=1, random_state=state).fit(landings)
    cells = Cells(np.asarray(found.cluster_centers_, np.float64))
    while len(cells.centers) > 1:
        counts = cells.counts(landings)
        if counts.min() >= FEWEST:
            break
        cells = Cells(np.delete(cells.centers, counts.argmin(), axis=0))
    return cells


def compare_cells(data: Ints, draws: Ints) -> CellShares:
    """Compare counts of held-out rows and of draws per cell, shapes (cells,), both not all 0."""
    from scipy.stats import chi2_contingency, norm

    rows, drawn = data.sum(), draws.sum()
    table = np.stack([data, draws])[:, data + draws > 0]
    p_value = chi2_contingency(table, correction=False).pvalue if table.shape[1] > 1 else 1.0
    ends = np.array([wilson(count / drawn, drawn) for count in draws])
    pooled = (data + draws) / (rows + drawn)
    error = np.sqrt(np.maximum(pooled * (1 - pooled), 1e-300) * (1 / rows + 1 / drawn))
    apart = np.abs(data / rows - draws / drawn) / error
    return CellShares(
        data / rows, draws / drawn, ends[:, 0], ends[:, 1],
        apart > norm.isf(LEVEL / 2), discovered(_below(data, draws)), float(p_value),
    )  # fmt: skip


def discovered(p_values: Floats) -> Mask:
    """Return which hypotheses to reject, 5 % of these wrongly (Benjamini & Hochberg 1995)."""
    order, k = np.argsort(p_values, kind="stable"), len(p_values)
    below = np.flatnonzero(p_values[order] <= LEVEL * np.arange(1, k + 1) / k)
    rejected = np.zeros(k, bool)
    rejected[order[: below[-1] + 1 if len(below) else 0]] = True
    return rejected


def _below(data: Ints, draws: Ints) -> Floats:
    """Return the p-values of shares of at least a fifth of the data's, shape (cells,).

    Given both counts of a cell, that of the draws is binomial (Przyborowski & Wilenski 1940).
    """
    from scipy.stats import binom

    chance = MISSED * draws.sum() / (MISSED * draws.sum() + data.sum())
    return np.asarray(binom.cdf(draws, data + draws, chance))
