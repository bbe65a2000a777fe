"""Intrinsic dimension from ratios of neighbor distances, over scales, with its plateau."""

from __future__ import annotations

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from latent_analyze_plugins.neighbors.search import RANKS, Neighborhoods

Floats = NDArray[np.float64]

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
TIE, TINY = 1e-9, 1e-300
"""Mean log ratio below which neighbors are as good as equally far; what stands for one of 0."""


class ScaleCurve(NamedTuple):
    """Mean distance of the outer neighbor, latent units, dimension and its error, (scale,) each."""

    distance: Floats
    dimension: Floats
    error: Floats


class Plateau(NamedTuple):
    """A range of distances over which the dimension is the same."""

    dimension: float
    low: float
    high: float


def dimensions_of(near: Neighborhoods, k: int) -> dict[str, Any]:
    """Return dimensions over scale and decimations, the plateau, and local dimensions."""
    curve, inverse = scale_curve(near), inverse_local_dimension(near.distances, k)
    plateau = find_plateau(curve)
    mean, low, high = _inverted(np.array([inverse.mean(), *np.quantile(inverse, [0.95, 0.05])]))
    return {
        "twonn": curve.dimension[0],
        "twonn_distance": curve.distance[0],
        "local_dimension": mean,
        "local_dimension_q05": low,
        "local_dimension_q95": high,
        "local_dimension_of": _inverted(inverse).astype(np.float32),
        "plateau": "found" if plateau else "no plateau",
        **_named("plateau", plateau),
        **_named("scale", curve),
        **_named("decimation", decimation_curve(near)),
    }


def _named(what: str, values: ScaleCurve | Plateau | None) -> dict[str, Any]:
    return {f"{what}_{name}": value for name, value in values._asdict().items()} if values else {}


def _inverted(inverse: Floats) -> Floats:
    return np.divide(1.0, inverse, out=np.full(len(inverse), np.inf), where=inverse > 0)


def twonn(inner: Floats, outer: Floats) -> float:
    """Return the TwoNN dimension (Facco, d'Errico, Rodriguez & Laio 2017).

    The slope of the line through the origin, fitted to -log(1 - F) over log(r2 / r1), where F is
    the empirical distribution of the ratios and the largest tenth of them is left out. NaN if the
    distances to the two neighbors, shape (n,), are equal everywhere, as on a lattice.
    """
    log_ratios = np.sort(np.log(outer / inner))
    kept = int(len(log_ratios) * (1 - DISCARDED))
    x = log_ratios[:kept]
    y = -np.log1p(-np.arange(1, kept + 1) / len(log_ratios))
    return float(x @ y / (x @ x)) if x.mean() > TIE else float("nan")


def gride(inner: Floats, outer: Floats, k: int) -> float:
    """Return the dimension of largest likelihood for the ratios r_2k / r_k (Denti et al. 2022).

    NaN if the distances to neighbors k and 2 k, shape (n,), are equal everywhere.
    """
    from scipy.optimize import brentq

    # x / (1 - exp(-d x)) tends to 1 / d for ties.
    log_ratios = np.maximum(np.log(outer / inner), TINY)
    mean = log_ratios.mean()
    if not mean > TIE:
        return float("nan")

    def slope(d: float) -> float:
        """Return that of the log-likelihood."""
        spread = (log_ratios / -np.expm1(-d * log_ratios)).mean()
        return float(1 / d + (k - 1) * spread - (2 * k - 1) * mean)

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
    random halves, quarters, ... of them. Each scale takes every point once, so none is noisier than
    the first. Large ranks see past noise: the distances of 16th neighbors scatter little, while
    some nearest neighbors are always nearer than the noise is wide.
    """
    found = []
    for scale in range(scales(len(near.rows))):
        k = 1 << min(scale, len(RANKS) - 1)
        if scale < len(RANKS):
            inner, outer = near.distances[:, k - 1], near.distances[:, 2 * k - 1]
        else:
            inner, outer = near.by_level[scale - len(RANKS) + 1, :, -2:].T
        estimate = twonn(inner, outer) if k == 1 else gride(inner, outer, k)
        error = RELATIVE_ERROR * estimate / np.sqrt(len(inner) * k)
        found.append((outer.mean(), estimate, error))
    return ScaleCurve(*np.array(found).T)


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
    best, longest = None, 1.0
    for first, last in combinations(range(len(curve.distance)), 2):
        low, high = float(curve.distance[first]), float(curve.distance[last])
        if last - first + 1 >= SHORTEST and high / low > longest:
            level = _level(*(values[first : last + 1] for values in curve))
            if level is not None:
                best, longest = Plateau(level, low, high), high / low
    return best


def _level(distance: Floats, dimension: Floats, error: Floats) -> float | None:
    """Return the dimension of a level run, None if it is not level."""
    x, y, weights = np.log(distance), np.log(dimension), (dimension / error) ** 2
    mean_x, mean_y = np.average(x, weights=weights), np.average(y, weights=weights)
    if not np.abs(y - mean_y).max() <= TOLERANCE:
        return None
    spread = weights @ (x - mean_x) ** 2
    slope = weights @ ((x - mean_x) * (y - mean_y)) / spread
    return float(np.exp(mean_y)) if abs(slope) + 2 / np.sqrt(spread) <= STEEPEST else None


def inverse_local_dimension(distances: Floats, k: int) -> Floats:
    """Return 1 / dimension around each point (Levina & Bickel 2004), averaged over k to 2 k.

    The dimension of the whole is 1 / mean, not the mean of the local ones (MacKay & Ghahramani
    2005). From ascending distances, shape (n, at least 2 k), to shape (n,); 0 where all neighbors
    are equally far.
    """
    logs = np.log(distances[:, : 2 * k])
    inverse = logs[:, 1:] - np.cumsum(logs, axis=1)[:, :-1] / np.arange(1, 2 * k)
    return np.asarray(inverse[:, k - 2 :].mean(axis=1))
