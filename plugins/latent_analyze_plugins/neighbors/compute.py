"""What the neighborhoods of a source amount to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import AnalysisError, Frame, Values
from latent_analyze.statistics import nearest
from latent_analyze_plugins.neighbors.dimension import decimations, dimensions_of
from latent_analyze_plugins.neighbors.search import RANKS, find_neighbors, tree_edges

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Source
    from latent_analyze_plugins.neighbors.search import Cloud, Neighborhoods

PROBES, PROBE_VALUES, LEAST_PROBES = 4000, 400_000, 100
"""Fewer probes above 100 dimensions: a frame stays small."""
MAX_FULL_DIM, DRAWS = 1024, 10
EULER = 0.5772156649015329
"""-E[log x] for an exponential x of mean 1; its log has the variance pi^2 / 6."""
SMALLEST_SHARE = 1e-3
"""Of the median distance: nearer is as good as here."""
MOST_MISSING = 50.0
"""Emptier balls count as this: a few probes far out would decide a mean."""
VOID = 5.0
"""Points missing in a ball that is called a void: 1 to 2 % of the places lie in one by chance."""


def least_points(k: int) -> int:
    """Return the fewest points that have neighborhoods of 2 k, and enough of them."""
    return max(2 * k + 1, 32)


def measure(cloud: Cloud, frame: Frame, options: Any) -> Values:
    """Return all that the analysis says about a cloud.

    Raises
    ------
    AnalysisError
        If there are too few distinct z-points.
    """
    n, k = len(cloud.points), options.k
    if n < least_points(k):
        raise AnalysisError(
            f"at least {least_points(k)} distinct finite z-points for neighbors up to rank {2 * k}",
            found=f"{n} among {n + cloud.duplicates + cloud.nonfinite} sampled",
            next_step="give more z-points, or a smaller neighbors.k",
        )
    near = find_neighbors(cloud.points, max(2 * k, int(RANKS[-1])), decimations(n))
    edges = tree_edges(cloud.points[: options.tree_sample])
    missing = missing_points(contact_distances(frame["probes"], cloud.points), frame)
    found = {
        **dimensions_of(near, k),
        **_crowding(near, k),
        "tree_edge_mean": edges.mean(),
        "tree_edge_spread": edges.std() / edges.mean(),
        "tree_edge_longest": edges[-1] / edges.mean(),
        "tree_edges": edges.astype(np.float32),
        "emptiness": np.minimum(missing, MOST_MISSING).mean(),
        "void_share": (missing > VOID).mean(),
        "missing": missing,
        "duplicates": cloud.duplicates,
        "nonfinite": cloud.nonfinite,
        "ties": (near.distances[:, 1] <= near.distances[:, 0] * (1 + 1e-7)).mean(),
        "rounded": (near.distances[:, 0] < _rounding(cloud.points)).mean(),
    }
    tree = f"{len(edges) + 1:,} of them in the minimum spanning tree"
    return Values(found, n, (f"{n:,} distinct sampled z-points; {tree}",), cloud.rows)


def _crowding(near: Neighborhoods, k: int) -> dict[str, Any]:
    radius = near.distances[:, k - 1]
    occurrences = np.bincount(near.rows[:, :k].ravel(), minlength=len(radius))
    return {
        "radius_median": np.median(radius),
        "radius_spread": np.log(radius).std(),
        "hubness": _skewness(occurrences),
        "occurrence_max": occurrences.max(),
        "orphans": (occurrences == 0).mean(),
        "radius": radius.astype(np.float32),
        "occurrences": occurrences.astype(np.int32),
    }


def _rounding(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return per point ten times the distance by which rounding to float32 may move it."""
    steps = np.spacing(np.abs(points).astype(np.float32)).astype(float)
    return 10.0 * np.asarray(np.linalg.norm(steps, axis=1))


def _skewness(counts: NDArray[np.int64]) -> float:
    deviation = counts - counts.mean()
    return float((deviation**3).mean() / (deviation.std() ** 3 or 1.0))


def void_frame(reference: Source, points: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return places at random, and what a Gaussian cloud of as many points has around them.

    Places and clouds are Gaussian with the reference's mean and covariance (variances above 1,024
    dimensions). In e dimensions a ball of radius r around a place holds proportionally to r^e
    points on average, so that r^e of the largest empty ball is exponentially distributed: the
    scatter of log(r) over clouds gives e, its mean gives the scale of each place. Returns
    ``probes`` (probe, dim), ``void_log``, the mean of log(r) at each, and ``void_exponent``, e.
    """
    count = max(min(PROBES, PROBE_VALUES // reference.dim), LEAST_PROBES)
    draw = _gaussian(reference, rng)
    probes = draw(count)
    clouds = (draw(points).astype(np.float64) for _ in range(DRAWS))
    logs = np.array([_log(contact_distances(probes, cloud)) for cloud in clouds])
    scatter = max(float(np.sqrt(logs.var(axis=0, ddof=1).mean())), 1e-3)
    exponent = np.pi / np.sqrt(6) / scatter
    return {"probes": probes, "void_log": logs.mean(axis=0), "void_exponent": exponent}


def missing_points(contacts: NDArray[np.float64], frame: Frame) -> NDArray[np.float64]:
    """Return how many points the Gaussian cloud has on average in the empty ball of each probe.

    Exponentially distributed with mean 1 for such a cloud itself; large in a void.
    """
    excess = frame["void_exponent"] * (_log(contacts) - frame["void_log"]) - EULER
    return np.asarray(np.exp(np.minimum(excess, 80.0)))


def contact_distances(
    probes: NDArray[np.float32], points: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the distance from each probe to the nearest point, shape (probe,).

    Its law is the spherical contact distribution of spatial statistics (Ripley 1977), which tells
    voids from chance as that of nearest-neighbor distances tells clumps.
    """
    rows = nearest(probes, points, 1)[1][:, 0]
    return np.asarray(np.linalg.norm(probes - points[rows], axis=1))


def _gaussian(reference: Source, rng: np.random.Generator) -> Callable[[int], Any]:
    """Return what draws so many float32 rows with the mean and covariance of the reference."""
    summary = reference.summary()
    root = summary.std
    if summary.covariance is not None and reference.dim <= MAX_FULL_DIM:
        variances, axes = np.linalg.eigh(summary.covariance)
        root = (axes * np.sqrt(np.maximum(variances, 0.0))).T

    def draw(count: int) -> NDArray[np.float32]:
        normal = rng.standard_normal((count, reference.dim))
        spread = normal @ root if root.ndim == 2 else normal * root
        # Of a reference without a finite row `measure` says so.
        return np.nan_to_num(np.asarray(summary.mean + spread, np.float32))

    return draw


def _log(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return logarithms; rounding to float32 may put a probe on a point, which is no -infinity."""
    floor = max(SMALLEST_SHARE * float(np.median(distances)), np.finfo(float).tiny)
    return np.asarray(np.log(np.maximum(distances, floor)))
