"""A test whether two samples have one distribution, and how far apart they are if not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.sources.seeding import keyed_rng
from latent_analyze.statistics.intervals import difference_of_shares
from latent_analyze.statistics.label_smoothers import Smoother, smoothers, whitened
from latent_analyze.statistics.samples import MAX_ROWS, comparable, some_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

PERMUTATIONS = 499
BLOCKS = 10
FIRST_COUNTED = 3
"""Blocks before it only teach: seven tenths of the rows are held out, once each."""

PLANTED = 100
"""Differences that are planted to see how small ones are found."""

LEVEL = 0.05
POWER = 0.8


@dataclass(frozen=True)
class TwoSample:
    """What a two-sample test found.

    Attributes
    ----------
    p_value
        How often permuted labels lead to at least this much evidence; at least 1 / 500.
    effect
        Share of held-out rows that a classifier attributes to the right sample beyond guessing: its
        true positive rate less its false positive rate. 1: always right; about 0, or a little below
        by chance: alike. No classifier exceeds the total variation distance of two distributions,
        so it bounds that from below.
    interval
        95 % interval of the effect of this classifier.
    bound
        Total variation distance of the mean shift that would have been found four times of five, at
        a level of 5 %, with so many rows and axes; another difference may need to be larger. 1:
        none would.
    seen_by
        The way of looking with the most evidence: "mean", "radius" (from the common mean, in
        spreads), "covariance", "component" (the distribution along one principal component),
        "regions" or "neighbors".
    rows
        Rows of each sample that were compared.
    """

    p_value: float
    effect: float
    interval: tuple[float, float]
    bound: float
    seen_by: str
    rows: tuple[int, int]


def two_sample(
    x: NDArray[Any], y: NDArray[Any], *, seed: int, max_rows: int = MAX_ROWS
) -> TwoSample:
    """Test whether two independent samples have the same distribution.

    The labels "of x" and "of y" are regressed on the pooled rows in six ways (`label_smoothers`);
    the most evidence is compared with that for permuted labels, each way in units of its own spread
    (single-step max-T, Westfall & Young 1993). The effect is that of a classifier two-sample test
    (Lopez-Paz & Oquab 2017; Kim, Ramdas, Singh & Wasserman 2021): each tenth of the rows is
    classified by the tenths before it, and these also choose the way.

    Calibrated for independent rows, whatever their number and that of the axes: the p-value is
    exact. It is not for draws of what was fitted to the rows of the other sample, which are nearer
    to them, or farther, than new rows are: a mixture fitted to the same 1,000 rows is rejected in
    13 % of cases. Compare with rows that the fit has not seen, a tenth as many as it has: a fit of
    the right family to few rows is a little off, which is a difference like others (read the
    effect). `against_gaussian` is free of this.

    Rows that repeat are rows like others: copies inside one sample are a difference. Pass only
    `distinct_rows` if they are not meant. Copies of rows of x in y are not seen. Shifts, rotations
    and one scale for all axes change nothing. An axis that is constant counts only where the
    constants differ.

    Parameters
    ----------
    x, y
        Shapes (n, dim) and (m, dim), in any unit.
    seed
        Of the permutations, the blocks and the choice of rows.
    max_rows
        Rows of each sample that are compared, a seeded choice.

    Raises
    ------
    AnalysisError
        For fewer than 20 rows in a sample, values that are not finite, other numbers of axes, or
        rows that differ by no more than the rounding of float32.
    """
    rng = keyed_rng(seed, "two_sample")
    samples = [some_rows(rows, rng, max_rows) for rows in comparable(x=x, y=y)]
    sizes, pooled = (len(samples[0]), len(samples[1])), np.concatenate(samples)
    white, share = whitened(pooled), sizes[0] / len(pooled)
    ways = smoothers(pooled, white, rng=rng)
    labels = np.repeat([1 - share, -share], sizes)
    null = rng.permuted(np.tile(labels, (PERMUTATIONS, 1)), axis=1).T
    planted, distances = _planted(white, share, rng)
    table = _standardized(ways, np.column_stack([labels, null, planted]))
    most = table.max(axis=0)
    permuted = most[1 : PERMUTATIONS + 1]
    effect, interval = _effect(ways, labels, rng)
    return TwoSample(
        p_value=float((1 + np.sum(permuted >= most[0])) / (1 + PERMUTATIONS)),
        effect=effect,
        interval=interval,
        bound=_bound(most[PERMUTATIONS + 1 :], permuted, distances),
        seen_by=ways[int(table[:, 0].argmax())].name,
        rows=sizes,
    )


def _standardized(ways: list[Smoother], columns: Array) -> Array:
    """Return the evidence of each way for each column, in spreads of labels and permuted labels."""
    table = np.stack([way.evidence(columns) for way in ways])
    exchangeable = table[:, : PERMUTATIONS + 1]
    spread = exchangeable.std(axis=1, keepdims=True)
    # A way that sees the same in all labels, such as the distances of rows that have only one.
    spread[spread <= 1e-12 * np.abs(exchangeable).max(axis=1, keepdims=True)] = np.inf
    return np.asarray((table - exchangeable.mean(axis=1, keepdims=True)) / spread)


def _effect(
    ways: list[Smoother], labels: Array, rng: np.random.Generator
) -> tuple[float, tuple[float, float]]:
    """Return the effect and its interval by progressive validation (Blum, Kalai & Langford 1999).

    Each block of rows is classified by the labels of the blocks before it, in the way that was best
    so far. In cross-validation any two rows would decide about each other, and the share of right
    decisions would vary half as much again as a binomial share.
    """
    block = _blocks(labels, rng)
    masked = np.stack([np.where(block < k, labels, 0.0) for k in range(1, BLOCKS)], axis=1)
    decisions = np.stack([way.scores(masked) > 0 for way in ways])
    of_x = labels > 0
    value = np.where(of_x, 1 / np.sum(of_x), -1 / np.sum(~of_x))
    gains, chosen = np.zeros(len(ways)), np.zeros(len(labels), bool)
    for k in range(1, BLOCKS):
        now = block == k
        chosen[now] = decisions[gains.argmax(), now, k - 1]
        gains += decisions[:, now, k - 1] @ value[now]
    counted = block >= FIRST_COUNTED
    return difference_of_shares(chosen[of_x & counted], chosen[~of_x & counted])


def _blocks(labels: Array, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return a block per row, each with the same share of x."""
    order = np.lexsort((rng.random(len(labels)), labels))
    block = np.empty(len(labels), np.int64)
    block[order] = np.arange(len(labels)) % BLOCKS
    return block


def _planted(white: Array, share: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return labels that differ by a shift along random directions, and how much they differ.

    The chance of the label "of x" at a row is that of two normal distributions, one shifted, whose
    mixture has the row's normal score.

    Returns
    -------
    labels, distances
        Shapes (n, PLANTED) and (PLANTED,); total variation distances, ascending.
    """
    from scipy.special import expit, logit, ndtr, ndtri
    from scipy.stats import rankdata

    shifts = np.geomspace(0.03, 10, PLANTED)
    # Combinations of rows turn with the rows, so that the result does not depend on the frame.
    directions = white.T @ rng.standard_normal((len(white), PLANTED))
    scores = ndtri((rankdata(white @ directions, axis=0) - 0.5) / len(white))
    scores *= np.sqrt(1 + share * (1 - share) * shifts**2)
    chance = expit(logit(share) + shifts * scores + (share - 0.5) * shifts**2)
    labels = (rng.random(chance.shape) < chance).astype(np.float64)
    return labels - labels.mean(axis=0), 2 * ndtr(shifts / 2) - 1


def _bound(planted: Array, null: Array, distances: Array) -> float:
    """Return the least distance from which on at least four of five planted ones are found."""
    from sklearn.isotonic import isotonic_regression

    found = planted > np.quantile(null, 1 - LEVEL)
    enough = isotonic_regression(found.astype(np.float64)) >= POWER
    return float(distances[enough.argmax()]) if enough.any() else 1.0
