"""Coverage: the share of the data that the draws of a sampler reach."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latent_analyze.statistics import distinct_rows, nearest, nearest_others, wilson

Floats = NDArray[np.float64]

NEIGHBORS, REACHED = 5, 0.95
"""k of the k-NN balls, or more where as many rows of the data would reach fewer balls than this."""

LARGEST_BALL = 20
"""No ball holds more than one in so many rows: larger ones would call anything covered."""

LOCAL = 10
"""Rows of the data near a draw, by which its density is measured."""

SMALLEST_RADIUS = 1e-6
"""Smallest radius relative to the cloud's extent: distances of equal rows are rounding."""

GROUPS = 20
"""Groups of draws that the jackknife leaves out in turn."""

CHUNK = 1 << 22
"""Distances held at once: 32 MiB."""


@dataclass(frozen=True)
class Balls:
    """Different held-out rows with the distances to their nearest neighbors.

    Attributes
    ----------
    center
        Subtracted from rows and draws, since distances far from the origin are rounded; (dim,).
    rows, copies
        Shapes (n, dim) and (n,): the rows, and how many held-out rows are equal to each.
    distances, neighbors
        To the nearest other rows, and which these are, shape (n, k), ascending.
    """

    center: Floats
    rows: Floats
    copies: NDArray[np.int64]
    distances: Floats
    neighbors: NDArray[np.int64]

    @property
    def weights(self) -> Floats:
        """Share of the held-out rows that are equal to each row, shape (n,)."""
        return self.copies / self.copies.sum()

    def radii(self, k: int) -> Floats:
        """Return the radius of each row's ball, which holds k other rows, shape (n,).

        The ball of a row with more than k copies is the row itself.
        """
        smallest = SMALLEST_RADIUS * float(np.abs(self.rows).max())
        return np.maximum(np.where(self.copies > k, 0.0, self.distances[:, k - 1]), smallest)


@dataclass(frozen=True)
class Coverage:
    """What a sampler's draws reach.

    Attributes
    ----------
    share, low, high
        Share of the data covered, 0 to 1, with its 95 % interval.
    own
        Share of the balls that as many rows of the data would reach.
    among
        Number of draws among the data, not corrected for draws of the data that lie outside.
    """

    share: float
    low: float
    high: float
    own: float
    among: int


def fit_balls(held_out: Floats) -> Balls:
    """Return the balls of held-out landings (n, dim), in the metric of their coordinates.

    Equal rows are taken once, with their weight: two of each are the same data as one of each.
    """
    center = held_out.mean(axis=0, dtype=np.float64)
    rows = held_out[distinct_rows(held_out)] - center
    same = nearest(held_out - center, rows, 1)[1][:, 0]
    copies = np.bincount(same, minlength=len(rows))
    if len(rows) == 1:
        return Balls(center, rows, copies, np.zeros((1, 1)), np.zeros((1, 1), np.int64))
    most = max(NEIGHBORS, LOCAL, len(rows) // LARGEST_BALL)
    return Balls(center, rows, copies, *nearest_others(rows, most))


def expected_coverage(rows: int, draws: float, k: int) -> float:
    """Return the share of the k-NN balls of `rows` rows that `draws` more of the same data reach.

    Exact for any continuous distribution (Naeem et al. 2020): a ball is not reached if its k rows
    are nearer to the center than all draws.
    """
    before = np.arange(1, k + 1)
    return float(1 - np.prod((rows - before) / (rows + draws - before)))


def coverage(balls: Balls, draws: Floats) -> Coverage:
    """Return which share of the data draws (m, dim) cover; draws off the data do not count.

    Coverage (Naeem et al. 2020): the share of held-out rows with a draw inside their k-NN ball,
    over the share that as many rows of the data would reach. Two things are added. Draws that are
    not among the data are no draws of it, so that junk does not lower the coverage: k grows as
    fewer are left. And where draws are denser than the data they are thinned to its density, in
    expectation: ten thousand draws of one class would reach into the balls of others.

    Classes that touch cover parts of each other all the same, so that a missing one costs less
    than its share. The clipped coverage of Salvy et al. (2025) is better at that, but takes
    junk, and a class that is more frequent, for a loss of others.
    """
    draws = draws - balls.center
    near, row = nearest(draws, balls.rows, LOCAL)
    among, count = _among(balls, near, row)
    if not among.any():
        return Coverage(0.0, *wilson(0.0, len(balls.rows)), 0.0, 0)
    draws, near, row = draws[among], near[among], row[among]
    expected = balls.weights[row].sum(axis=1) * count
    kept = np.minimum(1, expected / _others_within(draws, near[:, -1]))
    return _relative(balls, draws, kept, k=_neighbors(balls, count), count=count)


def _among(balls: Balls, near: Floats, row: NDArray[np.int64]) -> tuple[NDArray[np.bool_], float]:
    """Return which draws lie in a ball, and how many rows of the data would be as many."""
    k = min(NEIGHBORS, balls.distances.shape[1])
    radii = balls.radii(k)
    among = np.any(near <= radii[row], axis=1)
    most = balls.neighbors[:, :LOCAL]
    own = (balls.distances[:, :LOCAL] <= radii[most]).any(axis=1)
    if not among.any():
        return among, 0.0
    return among, float(among.sum() / max(balls.weights @ own, among.mean()))


def _neighbors(balls: Balls, draws: float) -> int:
    """Return the k of balls that so many rows of the data would nearly all reach."""
    rows, most = len(balls.rows), balls.distances.shape[1]
    for k in range(1, most):
        if expected_coverage(rows, draws, k) >= REACHED:
            return k
    return most


def _others_within(draws: Floats, radii: Floats) -> Floats:
    """Return how many other draws lie within a radius of each, at least 1, shape (m,)."""
    counts = [part.sum(axis=1) for part in _within(draws, draws, radii)]
    return np.maximum(np.concatenate(counts) - 1.0, 1.0)


def _within(centers: Floats, points: Floats, radii: Floats) -> Iterator[NDArray[np.bool_]]:
    """Yield which of the points lie in the ball of each center, some centers at a time."""
    from sklearn.metrics import pairwise_distances

    step = max(CHUNK // len(points), 1)
    for start in range(0, len(centers), step):
        part = slice(start, start + step)
        yield pairwise_distances(centers[part], points) <= radii[part, None]


def _relative(balls: Balls, draws: Floats, kept: Floats, *, k: int, count: float) -> Coverage:
    """Return the coverage by draws that are each kept with a probability.

    The errors of both samples add: that of the rows as of independent ones, that of the draws by
    leaving out groups of them (jackknife).
    """
    group = np.arange(len(draws)) % GROUPS
    missed = np.zeros((len(draws), GROUPS))
    missed[np.arange(len(draws)), group] = np.log(np.maximum(1 - kept, np.finfo(np.float64).tiny))
    logs = np.concatenate([part @ missed for part in _within(balls.rows, draws, balls.radii(k))])
    reached = 1 - np.exp(logs.sum(axis=1))
    # Rounded, since 1 less a rounding error would have an interval of its own.
    raw, own = round(balls.weights @ reached, 12), expected_coverage(len(balls.rows), count, k)
    variance = float(balls.weights**2 @ (reached - raw) ** 2)
    if len(draws) >= GROUPS:
        left = count * (1 - np.bincount(group) / len(draws))
        without = balls.weights @ (1 - np.exp(logs.sum(axis=1)[:, None] - logs))
        without /= [expected_coverage(len(balls.rows), some, k) / own for some in left]
        variance += (GROUPS - 1) * float(without.var())
    rows = raw * (1 - raw) / variance if 0 < raw < 1 else len(balls.rows)
    low, high = wilson(raw, np.clip(rows, 1, len(balls.rows)))
    share, low, high = (min(value / own, 1.0) for value in (raw, low, high))
    return Coverage(share, low, high, own, len(draws))
