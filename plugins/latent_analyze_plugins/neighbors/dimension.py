"""Intrinsic dimension from ratios of neighbor distances, over scales, with its plateau."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze_plugins.neighbors.search import RANKS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze_plugins.neighbors.search import Neighborhoods

DISCARDED = 0.1
"""Share of the largest ratios that the fit leaves out (Facco et al. 2017)."""

WIDEST_SHARE = 1 / 8
"""A neighborhood holds at most this share of the points: a larger one is no neighborhood."""

RELATIVE_ERROR = 1.3
"""Standard error of an estimate from n points and rank k, in units of dimension / sqrt(n k):
0.9 to 1.7 on cubes, tori and Gaussian clouds in 2 to 16 dimensions, 40 repeats of 2,000 points."""

STEEPEST = 0.2
"""Largest |d log(dimension) / d log(distance)| on a plateau, with two standard errors added."""

TOLERANCE = 0.075
"""Largest relative difference of an estimate from its plateau."""

SHORTEST = 3
"""Scales on the shortest plateau: a factor of 4 in the number of points per neighborhood."""

TIE = 1e-9
"""Mean log ratio below which neighbors are as good as equally far."""


@dataclass(frozen=True)
class ScaleCurve:
    """Dimension over scale.

    Attributes
    ----------
    distance
        Mean distance of the outer neighbor of each estimate, latent units, shape (scale,).
    dimension, error
        The estimates and their standard errors, shape (scale,).
    """

    distance: NDArray[np.float64]
    dimension: NDArray[np.float64]
    error: NDArray[np.float64]


@dataclass(frozen=True)
class Plateau:
    """A range of distances over which the dimension is the same."""

    dimension: float
    low: float
    high: float


def twonn(inner: NDArray[np.float64], outer: NDArray[np.float64]) -> float:
    """Return the TwoNN dimension (Facco, d'Errico, Rodriguez & Laio 2017).

    The slope of the line through the origin, fitted to -log(1 - F) over log(r2 / r1), where F is
    the empirical distribution of the ratios and the largest tenth of them is left out.

    Parameters
    ----------
    inner, outer
        Distances to the first and second neighbor, shape (n,).

    Returns
    -------
    NaN if the two are equal everywhere, as on a lattice.
    """
    log_ratios = np.sort(np.log(outer / inner))
    kept = int(len(log_ratios) * (1 - DISCARDED))
    x = log_ratios[:kept]
    y = -np.log1p(-np.arange(1, kept + 1) / len(log_ratios))
    return float(x @ y / (x @ x)) if x.mean() > TIE else float("nan")


def gride(inner: NDArray[np.float64], outer: NDArray[np.float64], k: int) -> float:
    """Return the dimension of largest likelihood for the ratios r_2k / r_k (Denti et al. 2022).

    Parameters
    ----------
    inner, outer
        Distances to the neighbors of rank k and 2 k, shape (n,).

    Returns
    -------
    NaN if the two are equal everywhere.
    """
    from scipy.optimize import brentq

    log_ratios = np.log(outer / inner)
    mean = log_ratios.mean()
    if not mean > TIE:
        return float("nan")
    if k == 1:
        return float(1 / mean)
    ratios = log_ratios[log_ratios > 0]
    ties = len(log_ratios) - len(ratios)

    def slope(d: float) -> float:
        # Of the log-likelihood; x / (1 - exp(-d x)) tends to 1 / d for ties.
        spread = (ratios / -np.expm1(-d * ratios)).sum() + ties / d
        return float(1 / d + (k - 1) * spread / len(log_ratios) - (2 * k - 1) * mean)

    # 1 / d <= x / (1 - exp(-d x)) <= 1 / d + x brackets the root.
    return float(brentq(slope, 0.999 * k / ((2 * k - 1) * mean), 1.001 / mean))


def decimations(n: int) -> int:
    """Return how many levels of decimation the scales of n points take, the whole included."""
    return max(scales(n) - len(RANKS), 0) + 1


def scales(n: int) -> int:
    """Return the number of scales: each doubles the points per neighborhood."""
    return max(int(np.log2(WIDEST_SHARE * n / 2)) + 1, 1)


def scale_curve(near: Neighborhoods) -> ScaleCurve:
    """Return the dimension over scale.

    Ratios r_2k / r_k for k = 1 (the fit of TwoNN), 2, 4, 8 among all points, then for k = 8 within
    random parts of a half, a quarter, ... of the points. Each scale takes every point once, so no
    scale is noisier than the first. Large ranks see past noise: at the distance of the 16th
    neighbor the distances themselves scatter little, while some nearest neighbors are always
    nearer than the noise is wide.
    """
    rows = []
    for scale in range(scales(len(near.rows))):
        k, level = min(1 << scale, int(RANKS[-2])), max(scale - (len(RANKS) - 1), 0)
        inner, outer = _pair(near, k, level)
        estimate = twonn(inner, outer) if k == 1 else gride(inner, outer, k)
        error = RELATIVE_ERROR * estimate / np.sqrt(len(near.rows) * k)
        rows.append((outer.mean(), estimate, error))
    return ScaleCurve(*np.array(rows).T)


def _pair(
    near: Neighborhoods, k: int, level: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if level == 0:
        return near.distances[:, k - 1], near.distances[:, 2 * k - 1]
    return near.by_level[level][:, -2], near.by_level[level][:, -1]


def decimation_curve(near: Neighborhoods) -> ScaleCurve:
    """Return TwoNN over decimations: within random parts of n, n / 2, n / 4, ... points."""
    inner, outer = near.by_level[:, :, 0], near.by_level[:, :, 1]
    estimates = np.array([twonn(a, b) for a, b in zip(inner, outer, strict=True)])
    error = RELATIVE_ERROR * estimates / np.sqrt(inner.shape[1])
    return ScaleCurve(outer.mean(axis=1), estimates, error)


def find_plateau(curve: ScaleCurve) -> Plateau | None:
    """Return the longest range of scales on which the dimension is level; None if there is none.

    A run of at least `SHORTEST` scales is level if a weighted line through log(dimension) over
    log(distance) is shown to be no steeper than `STEEPEST` (|slope| and two standard errors
    together: a test of equivalence, so that noise does not pass for flatness), and no estimate
    differs from the run's weighted mean by more than `TOLERANCE`. The slope is taken over the
    distance, not per step: where doubling the points widens a neighborhood by 5 %, as in 16
    dimensions, steps that look small are steep.
    """
    best, longest = None, 0.0
    x, y = np.log(curve.distance), np.log(curve.dimension)
    weights = (curve.dimension / curve.error) ** 2
    count = len(x)
    for first in range(count - SHORTEST + 1):
        for last in range(first + SHORTEST, count + 1):
            run = slice(first, last)
            level = _level(x[run], y[run], weights[run])
            if level is not None and x[last - 1] - x[first] > longest:
                longest = x[last - 1] - x[first]
                ends = float(curve.distance[first]), float(curve.distance[last - 1])
                best = Plateau(level, *ends)
    return best


def _level(
    x: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64]
) -> float | None:
    """Return the dimension of a level run, None if it is not level."""
    mean_x, mean_y = np.average(x, weights=weights), np.average(y, weights=weights)
    if not np.abs(y - mean_y).max() <= TOLERANCE:
        return None
    spread = weights @ (x - mean_x) ** 2
    slope = weights @ ((x - mean_x) * (y - mean_y)) / spread
    steepness = abs(slope) + 2 / np.sqrt(spread)
    return float(np.exp(mean_y)) if steepness <= STEEPEST else None


def inverse_local_dimension(distances: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Return 1 / dimension around each point (Levina & Bickel 2004), averaged over k to 2 k.

    The dimension of the whole is 1 / mean, not the mean of the local ones (MacKay & Ghahramani
    2005).

    Parameters
    ----------
    distances
        Ascending, shape (n, at least 2 k).

    Returns
    -------
    Shape (n,); 0 where all neighbors are equally far.
    """
    logs = np.log(distances[:, : 2 * k])
    ranks = np.arange(1, 2 * k)
    sums = np.cumsum(logs, axis=1)[:, :-1]
    inverse = logs[:, 1:] - sums / ranks
    return np.asarray(inverse[:, k - 2 :].mean(axis=1))
