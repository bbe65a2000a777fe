"""Qualities: the share of held-out rows that are no better, and how often draws are good.

A quality is a conformal p-value (Bates et al. 2023): of a new row of the data it is at most t with
a probability of at most t, whatever the score. How many of m draws of the data fall below a rank
of n held-out rows is beta-binomial, so shares have exact tests and intervals that know of n and m.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latent_analyze_plugins.random_decode.intervals import combined, wilson

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GOOD, DOUBTFUL = 0.10, 0.02
"""Qualities from which on a draw is good, and below which it is bad."""

SMALLEST_GROUP = 50
"""A group with fewer held-out rows is compared with all of them: of 1 / 50 ranks say little."""

TAIL = 0.025
"""Probability left out at each end of an interval."""

TINY = 1e-9
"""Smallest share that is divided by."""


@dataclass(frozen=True)
class Rate:
    """A share or ratio with its 95 % interval.

    Attributes
    ----------
    value, low, high
        The rate, and its interval.
    p_value
        Probability of a rate as low as this for rows of the data.
    """

    value: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class Ranked:
    """Rows ranked among held-out rows, each within its group.

    Attributes
    ----------
    quality
        Shape (m,), in (0, 1]; 1 is best.
    group, sizes
        Group of each row, shape (m,), and the number of held-out rows of each group, (groups,).
    """

    quality: Floats
    group: Ints
    sizes: Ints

    def above(self, ranks: Ints) -> float:
        """Return the share of rows better than the held-out row of this rank in their group.

        Rank 1 is the worst held-out row; no row is worse than rank 0. Shape (groups,).
        """
        rank = np.rint(self.quality * (1 + self.sizes[self.group]))
        return float((rank > ranks[self.group]).mean())


def conformal_quality(
    score_calibration: Floats, score: Floats, groups: tuple[Ints, Ints] | None = None
) -> Ranked:
    """Return (1 + held-out rows at least as bad) / (1 + held-out rows) for each row.

    Parameters
    ----------
    score_calibration, score
        Scores of held-out rows, shape (n,), n >= 1, and of the rows to rank, (m,). Larger is
        worse, and what is no finite number is worst.
    groups
        Group of every held-out row and of every row to rank, from 0. Rows are then ranked within
        their group (Mondrian conformal prediction, Vovk et al. 2005), so that no group is better
        than another. Groups with fewer than 50 held-out rows are ranked among all of them.
    """
    known, rows = (np.where(np.isfinite(x), x, np.inf) for x in (score_calibration, score))
    quality = _quality(known, rows)
    if groups is None:
        return Ranked(quality, np.zeros(len(rows), np.int64), np.array([len(known)]))
    held_out, group = groups
    sizes = np.bincount(held_out, minlength=int(group.max(initial=0)) + 1)
    large = sizes >= SMALLEST_GROUP
    for own in np.flatnonzero(large):
        quality[group == own] = _quality(known[held_out == own], rows[group == own])
    group = np.where(large[group], group, len(sizes))
    return Ranked(quality, group, np.append(sizes, len(known)))


def good_rate(draws: Ranked, level: float = GOOD) -> Rate:
    """Return the share of draws whose quality is at least `level`.

    The interval is that of the share of draws better than the true quantile of the data: it holds
    for finitely many draws and finitely many held-out rows.
    """
    value = draws.above(_ranks_below(draws, level))
    parts = [wilson(value, len(draws.quality))]
    for stricter, looser in _thresholds(draws, level):
        parts.append((draws.above(stricter), draws.above(looser)))
    low, high = np.clip(combined(value, parts) - _bias(draws, level), 0, 1)
    return Rate(value, float(low), float(high), _p_value(draws, level))


def good_relative(draws: Ranked, control: Ranked, level: float = GOOD) -> Rate:
    """Return the share of good draws over that of held-out rows that no rank was taken from.

    Both share their thresholds, whose errors mostly cancel. The p-value is that of `good_rate`.
    """
    ranks = _ranks_below(draws, level)
    above, below = draws.above(ranks), control.above(ranks)
    if not below:
        return Rate(math.nan, 0.0, math.inf, 1.0)
    ends, others = wilson(above, len(draws.quality)), wilson(below, len(control.quality))
    parts = [(ends[0] / below, ends[1] / below), (above / others[1], above / max(others[0], TINY))]
    for some in _thresholds(draws, level):
        moved = sorted(draws.above(x) / max(control.above(x), TINY) for x in some)
        parts.append((moved[0], moved[1]))
    corrected = (above - _bias(draws, level)) / max(below - _bias(control, level), TINY)
    low, high = combined(above / below, parts) + (corrected - above / below)
    return Rate(above / below, max(float(low), 0.0), float(high), _p_value(draws, level))


def tail_probability(count: int, draws: Ints, ranks: Ints, sizes: Ints) -> float:
    """Return the probability that rows of the data are beyond given ranks at least so often.

    Of m rows of the data, those beyond the r-th of n held-out rows are beta-binomial with
    (m, r, n + 1 - r), whatever the distribution; groups are independent of each other.

    Parameters
    ----------
    count
        Rows beyond the rank of their group, over all groups.
    draws, ranks, sizes
        Rows, rank r and held-out rows n of each group, shape (groups,).
    """
    from scipy.stats import betabinom

    chance = np.ones(1)
    for m, r, n in zip(draws, ranks, sizes, strict=True):
        if m and r:
            chance = np.convolve(chance, betabinom.pmf(np.arange(m + 1), m, r, n + 1 - r))
    return float(min(chance[count:].sum(), 1.0))


def _quality(held_out: Floats, rows: Floats) -> Floats:
    better = np.searchsorted(np.sort(held_out), rows, side="left")
    return (1 + len(held_out) - better) / (1 + len(held_out))


def _ranks_below(ranked: Ranked, level: float) -> Ints:
    """Return how many ranks of each group are qualities below `level`, shape (groups,)."""
    return np.array([int((np.arange(1, n + 1) / (n + 1) < level).sum()) for n in ranked.sizes])


def _thresholds(ranked: Ranked, level: float) -> Iterator[tuple[Ints, Ints]]:
    """Yield ranks where the true quantile of one group is stricter and looser, in each group.

    The number of held-out rows beyond the true quantile is binomial; with 95 % probability the
    quantile lies between the two.
    """
    from scipy.stats import binom

    ranks = _ranks_below(ranked, level)
    for group in np.unique(ranked.group):
        few, many = binom.ppf([TAIL, 1 - TAIL], ranked.sizes[group], level).astype(int)
        stricter, looser = ranks.copy(), ranks.copy()
        stricter[group], looser[group] = many + 1, few
        yield stricter, looser


def _bias(draws: Ranked, level: float) -> float:
    """Return by how much the share of good draws is overrated, as the bootstrap sees it.

    Were the held-out rows drawn again, the ranks beyond the true quantile would be binomial; the
    share of draws bends with the rank, so that its mean differs, most in small groups.
    """
    from scipy.stats import binom

    mean = 0.0
    for group in np.unique(draws.group):
        n, mine = draws.sizes[group], draws.group == group
        rank = np.rint(draws.quality[mine] * (1 + n))
        mean += float(binom.cdf(rank - 1, n, level).sum())
    return mean / len(draws.quality) - draws.above(_ranks_below(draws, level))


def _p_value(draws: Ranked, level: float) -> float:
    ranks = _ranks_below(draws, level)
    bad = round(len(draws.quality) * (1 - draws.above(ranks)))
    counts = np.bincount(draws.group, minlength=len(ranks))
    return tail_probability(bad, counts, ranks, draws.sizes)
