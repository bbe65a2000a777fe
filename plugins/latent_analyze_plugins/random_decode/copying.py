"""Copying: draws that are nearer to rows of the reference than new rows of the data are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latent_analyze.statistics import distinct_rows, nearest
from latent_analyze_plugins.random_decode.cells import Cells
from latent_analyze_plugins.random_decode.intervals import combined, wilson
from latent_analyze_plugins.random_decode.qualities import TAIL, tail_probability

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEIGHBORS = 5
"""The distance to the nearest row is measured in that to this one: rows of a burst look alike."""

CLOSEST = 0.02
"""Share of held-out rows of a cell that are as close to the reference as what is called near."""

NEARER = 0.01
"""Share of held-out rows whose distance is called nearer, whatever their cell."""

ROUNDING = 1e-4
"""Closeness below which a row is the nearest row itself, up to rounding."""

SIGNIFICANT, SUBSTANTIAL = 0.01, 0.05
"""p-value and share of copies, by the lower end of its interval, from which on a sampler copies."""


@dataclass(frozen=True)
class Originals:
    """The rows that might be copied, and how close held-out rows come to them.

    Attributes
    ----------
    rows
        Different rows of the reference, shape (n, dim).
    cells, sizes
        Cells of the data, and the held-out rows in each, (cells,).
    bounds, ranks
        Closeness of the closest 2 % of each cell, and how many they are, (cells,).
    distance
        1 % quantile of the distances of held-out rows to the reference.
    """

    rows: Floats
    cells: Cells
    sizes: Ints
    bounds: Floats
    ranks: Ints
    distance: float


@dataclass(frozen=True)
class Copying:
    """How many draws are copies.

    Attributes
    ----------
    share, low, high
        Estimated share of draws that are copies, with its 95 % interval.
    p_value
        Probability that as many new rows of the data are as close.
    cells
        The share in each cell, shape (cells,); NaN without draws.
    nearer
        Share of draws nearer to the reference than 99 % of the held-out rows.
    """

    share: float
    low: float
    high: float
    p_value: float
    cells: Floats
    nearer: float

    @property
    def copies(self) -> bool:
        """Whether the sampler copies: significantly, and more than a few of its draws."""
        return self.p_value <= SIGNIFICANT and self.low >= SUBSTANTIAL


def fit_originals(reference: Floats, held_out: Floats, cells: Cells) -> Originals:
    """Return what draws are compared with.

    Parameters
    ----------
    reference, held_out
        Rows that a sampler may copy, shape (r, dim), and other rows of the data, (n, dim), n >= 1.
        Both, and later the draws, in the same coordinates: z-points, or landings of all three.
    cells
        Cells of the data, each with held-out rows; see `fit_cells`.
    """
    rows = reference[distinct_rows(reference)].astype(np.float64)
    distance, close = _closeness(rows, held_out)
    cell, number = cells.of(held_out), len(cells.centers)
    bounds, ranks = np.zeros(number), np.zeros(number, np.int64)
    for own in np.unique(cell):
        values = np.sort(close[cell == own])
        bounds[own] = values[max(int(CLOSEST * (len(values) + 1)), 1) - 1]
        ranks[own] = (values <= bounds[own]).sum()
    return Originals(
        rows, cells, np.bincount(cell, minlength=number), bounds, ranks,
        float(np.quantile(distance, NEARER)),
    )  # fmt: skip


def copying(originals: Originals, draws: Floats) -> Copying:
    """Return how many draws (m, dim), m >= 1, are copies of rows of the reference.

    Authenticity (Alaa et al. 2022) asks whether a draw is nearer to its nearest row of the
    reference than other rows are; the test of Meehan, Chaudhuri & Dasgupta (2020) compares
    distances of draws and of held-out rows, cell by cell. Here, a draw is near if its distance to
    the nearest row, relative to that to the fifth, is among the smallest 2 % of the held-out rows
    in its cell. Copies are all near, other draws as often as held-out rows, or less often. So
    copies are found among junk, which hides them from a mean of distances, and draws of a dense
    class are not taken for copies.
    """
    distance, close = _closeness(originals.rows, draws)
    cell, number = originals.cells.of(draws), len(originals.sizes)
    counts = np.bincount(cell, minlength=number)
    near = np.bincount(cell[close <= originals.bounds[cell]], minlength=number)
    share = _copied(near / np.maximum(counts, 1), originals.ranks / (originals.sizes + 1))
    value = float(counts @ share / len(draws))
    low, high = np.clip(_interval(originals, counts, near, value), 0, 1)
    return Copying(
        max(value, 0.0), float(low), float(high),
        tail_probability(int(near.sum()), counts, originals.ranks, originals.sizes),
        np.where(counts > 0, np.maximum(share, 0), np.nan),
        float((distance < originals.distance).mean()),
    )  # fmt: skip


def _closeness(rows: Floats, points: Floats) -> tuple[Floats, Floats]:
    """Return the distance of each point to the nearest row, and relative to that to the fifth.

    In units of the fifth, so that where the rows are dense nothing is close for that; and not of
    the distances between rows, which in many dimensions are larger than those to their mean.
    """
    distances = nearest(points, rows, NEIGHBORS)[0]
    first, last = distances[:, 0], np.maximum(distances[:, -1], np.finfo(np.float64).tiny)
    return first, np.maximum(first / last, ROUNDING)


def _copied(near: Floats, expected: Floats) -> Floats:
    """Return the share of copies from the share that is near, and that expected of others."""
    return (near - expected) / (1 - expected)


def _interval(originals: Originals, counts: Ints, near: Ints, value: float) -> Floats:
    """Return the interval of the share: of finitely many draws, and of held-out rows in each cell.

    How many new rows are near, where r of n held-out rows are, has the distribution beta(r,
    n + 1 - r).
    """
    from scipy.stats import beta

    total, expected = counts.sum(), originals.ranks / (originals.sizes + 1)
    slope = float(counts @ (1 / (1 - expected))) / total
    seen = near.sum() / total
    parts = [tuple(value + slope * (end - seen) for end in wilson(seen, total))]
    for own in np.flatnonzero(counts):
        r, n, weight = originals.ranks[own], originals.sizes[own], counts[own] / total
        share = near[own] / counts[own]
        ends = _copied(share, beta.ppf([1 - TAIL, TAIL], r, n + 1 - r))
        parts.append(tuple(value + weight * (ends - _copied(share, expected[own]))))
    return combined(value, parts)
